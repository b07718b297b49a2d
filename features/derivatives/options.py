"""European options: prices, greeks and implied volatility through QuantLib.

`closed_form_gamma` alone is written out, for grids of spot: QuantLib prices one option at a time,
about 9 µs each, and a real chain of 2,300 contracts over 61 spots would take more than a second.
The tests hold it to QuantLib's gamma.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features._typing import Floats
from features._validation import require_one_of, require_positive_or_missing

CALL, PUT = "call", "put"
GREEKS = (
    "value", "delta", "gamma", "vega", "vanna", "theta", "theta_per_day", "rho", "dividend_rho",
    "elasticity",
)  # fmt: skip
# Of a standard deviation over the option's life; QuantLib stops there.
SOLVER_ACCURACY = 1e-10


def european_options(
    right: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    spot: ArrayLike,
    rate: ArrayLike = 0.04,
    dividend_yield: ArrayLike = 0.0,
) -> pd.DataFrame:
    """Value European options and differentiate them, by QuantLib's `BlackCalculator`.

    Parameters
    ----------
    right : array-like of {"call", "put"}
        One per option; the other arguments are broadcast against it.
    strike, spot : array-like
        In one currency, above zero.
    years : array-like
        To expiry.
    volatility : array-like
        Annual, decimal.
    rate, dividend_yield : array-like
        Annual, decimal, continuously compounded.

    Returns
    -------
    DataFrame of shape (n_options, 10)
        Columns `GREEKS`. delta and gamma by spot; vega, vanna (of delta by volatility), rho and
        dividend_rho by 1.00 of their argument; theta per year, theta_per_day 1/365 of it;
        elasticity: percent of value by a percent of spot. A row with a missing argument, without
        time left or without volatility is NaN.

    Raises
    ------
    ValueError
        A right is neither call nor put, or a strike or spot is not above zero.

    Notes
    -----
    Black and Scholes (1973), Merton (1973) with a dividend yield. Listed options on funds are
    American: the early exercise of a put in the money is worth more than the value here.
    """
    import QuantLib as ql  # noqa: N813 - loaded when an option is priced: it takes half a second

    rights, numbers = _broadcast(right, strike, years, volatility, spot, rate, dividend_yield)
    strikes, times, sigmas, spots, rates, yields = numbers
    require_positive_or_missing(strike=strikes, spot=spots)
    sides = {CALL: ql.Option.Call, PUT: ql.Option.Put}
    answer = np.full((len(rights), len(GREEKS)), np.nan)
    ready = np.isfinite(numbers).all(axis=0) & (times > 0) & (sigmas > 0)
    forwards = spots * np.exp((rates - yields) * times)
    discounts, deviations = np.exp(-rates * times), sigmas * np.sqrt(times.clip(0))
    for row in np.flatnonzero(ready):
        s, t = float(spots[row]), float(times[row])
        payoff = ql.PlainVanillaPayoff(sides[rights[row]], float(strikes[row]))
        black = ql.BlackCalculator(
            payoff, float(forwards[row]), float(deviations[row]), float(discounts[row])
        )
        answer[row] = (
            black.value(), black.delta(s), black.gamma(s), black.vega(t), black.vanna(s, t),
            black.theta(s, t), black.thetaPerDay(s, t), black.rho(t), black.dividendRho(t),
            black.elasticity(s),
        )  # fmt: skip
    return pd.DataFrame(answer, columns=list(GREEKS))


def implied_volatilities(
    right: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    price: ArrayLike,
    *,
    spot: ArrayLike,
    rate: ArrayLike = 0.04,
    dividend_yield: ArrayLike = 0.0,
) -> Floats:
    """Solve the Black–Scholes price for its volatility, by QuantLib.

    Parameters
    ----------
    right, strike, years, spot, rate, dividend_yield
        As in `european_options`.
    price : array-like
        Of the option.

    Returns
    -------
    array of shape (n_options,)
        Annual, decimal. NaN where an argument is missing, no time is left, the price lies at or
        beyond its no-arbitrage bounds, or the solver finds nothing.

    Raises
    ------
    ValueError
        As in `european_options`.
    """
    import QuantLib as ql  # noqa: N813 - loaded when an option is priced: it takes half a second

    rights, numbers = _broadcast(right, strike, years, price, spot, rate, dividend_yield)
    strikes, times, prices, spots, rates, yields = numbers
    require_positive_or_missing(strike=strikes, spot=spots)
    lower, upper = price_bounds(
        rights, strikes, times, spot=spots, rate=rates, dividend_yield=yields
    )
    ready = np.isfinite(numbers).all(axis=0) & (times > 0) & (prices > lower) & (prices < upper)
    forwards, discounts = spots * np.exp((rates - yields) * times), np.exp(-rates * times)
    sides = {CALL: ql.Option.Call, PUT: ql.Option.Put}
    answer = np.full(len(rights), np.nan)
    for row in np.flatnonzero(ready):
        try:
            deviation = ql.blackFormulaImpliedStdDev(
                sides[rights[row]], float(strikes[row]), float(forwards[row]), float(prices[row]),
                float(discounts[row]), 0.0, ql.nullDouble(), SOLVER_ACCURACY, 200,
            )  # fmt: skip
        except RuntimeError:  # QuantLib found no solution
            continue
        answer[row] = deviation / np.sqrt(times[row])
    return np.where(answer > 0, answer, np.nan)


def price_bounds(
    right: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    spot: ArrayLike,
    rate: ArrayLike = 0.04,
    dividend_yield: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """Lower and upper no-arbitrage bounds of European prices (Merton 1973, section 4).

    max(0, ±(S e^{−qT} − K e^{−rT})) and the value of the option at infinite volatility. Arguments
    as in `european_options`; NaN where one is missing.
    """
    rights, numbers = _broadcast(right, strike, years, spot, rate, dividend_yield)
    strikes, times, spots, rates, yields = numbers
    asset, cash = spots * np.exp(-yields * times), strikes * np.exp(-rates * times)
    call = rights == CALL
    lower = np.maximum(np.where(call, asset - cash, cash - asset), 0.0)
    return lower, np.where(call, asset, cash)


def closed_form_gamma(
    strike: Floats,
    years: Floats,
    volatility: Floats,
    *,
    spots: Floats,
    rate: float = 0.04,
    dividend_yield: float = 0.0,
) -> Floats:
    """Gamma of each option at each spot, of calls and puts alike.

    Γ = e^{−qT} φ(d₁) / (S σ √T), d₁ = (ln(S/K) + (r − q + σ²/2) T) / (σ √T)

    Parameters
    ----------
    strike, years, volatility : array of shape (n_options,)
        Above zero.
    spots : array of shape (n_spots,)
        Above zero.
    rate, dividend_yield : float
        As in `european_options`.

    Returns
    -------
    array of shape (n_spots, n_options)
        Change of delta by a unit of spot.
    """
    deviation = volatility * np.sqrt(years)
    carried = (rate - dividend_yield + volatility**2 / 2) * years - np.log(strike)
    upper = (np.log(spots)[:, None] + carried) / deviation
    density = np.exp(-(upper**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(np.exp(-dividend_yield * years) * density / (spots[:, None] * deviation))


def _broadcast(right: ArrayLike, *numbers: ArrayLike) -> tuple[NDArray[np.str_], Floats]:
    rights, *arrays = np.broadcast_arrays(
        np.atleast_1d(np.asarray(right, dtype=np.str_)),
        *(np.asarray(number, dtype=np.float64) for number in numbers),
    )
    for value in np.unique(rights):
        require_one_of((CALL, PUT), right=str(value))
    return rights, np.array(arrays)
