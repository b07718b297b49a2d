"""Futures, perpetuals, options and structured notes on a coin or a fund."""

from features.derivatives.barriers import (
    barrier_distance,
    hitting_probability,
    notional_density,
    terminal_probability,
)
from features.derivatives.basis import agreed_direction, banded_basis, direction
from features.derivatives.funding import funding_measures, net_short
from features.derivatives.futures import (
    Curve,
    calendar_spread,
    constant_maturity,
    listed_curve,
    near_month,
)
from features.derivatives.gamma_exposure import (
    CONVENTIONS,
    LONG,
    SHORT,
    GammaProfile,
    Zone,
    dealer_signs,
    gamma_profile,
)
from features.derivatives.implied_volatility import implied_gap, term_ratio
from features.derivatives.knock_in import AMERICAN, EUROPEAN, KnockInPut, knock_in_put
from features.derivatives.open_interest import (
    CLOSED,
    OPEN_INTEREST_FIRST,
    OPENED,
    UNKNOWN,
    OpenInterest,
    classify,
    expiry_sessions,
    open_interest_in_coins,
    ordinary_change,
    venue_divergence,
)
from features.derivatives.option_chains import CleanChain, Skew, clean_chain, delta_skew, put_share
from features.derivatives.options import (
    CALL,
    PUT,
    closed_form_gamma,
    european_options,
    implied_volatilities,
    price_bounds,
)
from features.derivatives.spot import HOURLY, NOWHERE, spot_at

__all__ = [
    "AMERICAN", "CALL", "CLOSED", "CONVENTIONS", "EUROPEAN", "HOURLY", "LONG", "NOWHERE", "OPENED",
    "OPEN_INTEREST_FIRST", "PUT", "SHORT", "UNKNOWN", "CleanChain", "Curve", "GammaProfile",
    "KnockInPut", "OpenInterest", "Skew", "Zone", "agreed_direction", "banded_basis",
    "barrier_distance", "calendar_spread", "classify", "clean_chain", "closed_form_gamma",
    "constant_maturity", "dealer_signs", "delta_skew", "direction", "european_options",
    "expiry_sessions", "funding_measures", "gamma_profile", "hitting_probability", "implied_gap",
    "implied_volatilities", "knock_in_put", "listed_curve", "near_month", "net_short",
    "notional_density", "open_interest_in_coins", "ordinary_change", "price_bounds", "put_share",
    "spot_at", "term_ratio", "terminal_probability", "venue_divergence",
]  # fmt: skip
