"""Defaults of the library against the settings that ship: the differences are these, on purpose."""

import inspect
from collections.abc import Callable
from functools import reduce
from typing import Any

import features.correlation as correlation
import features.cross_section as cross_section
import features.derivatives as derivatives
import features.fund_flows as fund_flows
from features import intraday, returns
from unwind.settings import Settings

# Function, argument → the setting that overrides it.
OVERRIDDEN: dict[tuple[Callable[..., Any], str], str] = {
    (correlation.correlation_with_base, "window"): "correlation.windows.0",
    (correlation.rolling_correlation, "window"): "correlation.windows.0",
    (correlation.ewma_correlation_with_base, "half_life"): "correlation.half_lives.1",
    (correlation.fisher_interval, "confidence"): "correlation.confidence",
    (correlation.robust_interval, "confidence"): "correlation.confidence",
    (correlation.compare_dependent_correlations, "confidence"): "correlation.confidence",
    (correlation.asymmetry_test, "thresholds"): "correlation_tests.thresholds",
    (correlation.asymmetry_test, "min_exceedances"): "correlation_tests.min_exceedances",
    (correlation.asymmetry_test, "draws"): "correlation_tests.draws",
    (correlation.asymmetry_test, "seed"): "correlation_tests.seed",
    (correlation.exceedance_test, "thresholds"): "correlation_tests.thresholds",
    (correlation.exceedance_test, "min_exceedances"): "correlation_tests.min_exceedances",
    (correlation.exceedance_test, "draws"): "correlation_tests.draws",
    (correlation.exceedance_test, "seed"): "correlation_tests.seed",
    (correlation.constancy_test, "draws"): "correlation_tests.draws",
    (correlation.constancy_test, "seed"): "correlation_tests.seed",
    (correlation.adjust_for_volatility, "window"): "correlation.windows.0",
    (correlation.adjust_for_volatility, "min_observations"): "pair_evidence.min_observations",
    (correlation.partial_correlation, "min_observations"): "pair_evidence.min_observations",
    (correlation.downside_correlation, "min_exceedances"): "pair_evidence.min_joint_falls",
    (correlation.pair_standings, "history"): "scan.history",
    (correlation.pair_standings, "change"): "scan.change",
    (cross_section.robust_z, "window"): "shocks.window",
    (cross_section.robust_z, "min_observations"): "shocks.min_observations",
    (cross_section.records, "min_observations"): "shocks.record_min_observations",
    (cross_section.turbulence_index, "window"): "systemic.turbulence_window",
    (cross_section.absorption_ratio, "window"): "systemic.absorption_window",
    (cross_section.absorption_ratio, "share"): "systemic.absorption_share",
    (cross_section.absorption_shift, "short_window"): "systemic.absorption_short",
    (cross_section.absorption_shift, "long_window"): "systemic.absorption_long",
    (cross_section.rolling_connectedness, "window"): "systemic.connectedness_window",
    (cross_section.rolling_connectedness, "lags"): "systemic.connectedness_lags",
    (cross_section.rolling_connectedness, "horizon"): "systemic.connectedness_horizon",
    (cross_section.rolling_connectedness, "every"): "systemic.connectedness_step",
    (cross_section.multi_strategy, "window"): "systemic.sleeve_window",
    (cross_section.multi_strategy, "min_spreads"): "verdict.fewest_sleeves",
    (cross_section.scaled_moves, "window"): "verdict.window",
    (cross_section.scaled_moves, "min_observations"): "verdict.min_observations",
    (cross_section.tail_excess, "start"): "verdict.class_start",
    (cross_section.tail_excess, "cap"): "verdict.tail_cap",
    (cross_section.joint_tail_loss, "min_series"): "verdict.fewest_classes",
    (cross_section.concentrated_tail_loss, "n_largest"): "verdict.leading",
    (cross_section.carry_unwind, "start"): "yen.start",
    (cross_section.risk_average, "min_assets"): "yen.min_assets",
    (cross_section.cross_sectional_rebound, "min_assets"): "rebound.min_assets",
    (cross_section.regained, "min_fall"): "rebound.min_fall",
    (derivatives.listed_curve, "min_days"): "futures.min_days",
    (derivatives.listed_curve, "contracts_per_trade"): "futures.contracts_per_trade",
    (derivatives.listed_curve, "max_wait_hours"): "futures.max_wait_hours",
    (derivatives.constant_maturity, "tenor"): "futures.tenors.0",
    (derivatives.banded_basis, "window"): "futures.window",
    (derivatives.banded_basis, "min_observations"): "futures.min_observations",
    (derivatives.banded_basis, "confidence"): "futures.confidence",
    (derivatives.ordinary_change, "floor"): "futures.open_interest_floor",
    (derivatives.funding_measures, "days"): "futures.funding_days",
    (derivatives.funding_measures, "flip_window"): "futures.flip_window",
    (derivatives.european_options, "rate"): "options.rate",
    (derivatives.european_options, "dividend_yield"): "options.dividend_yield",
    (derivatives.clean_chain, "min_volatility"): "options.lowest_volatility",
    (derivatives.clean_chain, "max_volatility"): "options.highest_volatility",
    (derivatives.delta_skew, "delta"): "options.skew_delta",
    (derivatives.delta_skew, "tenor_days"): "options.skew_tenor_days",
    (derivatives.gamma_profile, "multiplier"): "options.multiplier",
    (derivatives.implied_gap, "window"): "options.window",
    (derivatives.implied_gap, "min_observations"): "options.min_observations",
    (derivatives.hitting_probability, "drift"): "notes.drift",
    (derivatives.notional_density, "reach"): "notes.reach",
    (fund_flows.flow_design, "lags"): "flows.lags",
    (fund_flows.flow_design, "volume_window"): "flows.volume_window",
    (fund_flows.cumulative_surprise, "sessions"): "flows.cumulative",
    (fund_flows.vendor_conflict, "gap_share"): "flows.conflict_share",
    (fund_flows.vendor_conflict, "window"): "flows.conflict_window",
    (fund_flows.dating_match, "tolerance"): "flows.dating_tolerance_usd_m",
    (fund_flows.unfinished_funds, "usual_zero_share"): "flows.usual_zero_share",
    (fund_flows.inflow_without_expansion, "tolerance"): "organic_demand.basis_tolerance",
    (intraday.move_shares, "min_move"): "hours.min_move",
    (returns.standardised_returns, "half_life"): "systemic.half_life",
    (returns.trailing_volatility, "window"): "notes.volatility_window",
    (returns.trailing_volatility, "min_observations"): "notes.min_observations",
    (returns.volatility_features, "half_lives"): "regime_models.volatility_half_lives",
    (returns.comovement_features, "half_life"): "regime_models.link_half_life",
}

# A desk's seed is a date; a library call that names none repeats itself all the same.
DIFFERENT = {
    "asymmetry_test.seed": (0, 20260205),
    "exceedance_test.seed": (0, 20260205),
    "constancy_test.seed": (0, 20260205),
}


def _setting(settings: Settings, path: str) -> Any:
    return reduce(
        lambda value, name: value[int(name)] if name.isdigit() else getattr(value, name),
        path.split("."),
        settings,
    )


class TestDefaults:
    def test_differ_from_the_shipped_settings_here_only(self, settings: Settings) -> None:
        found = {}
        for (function, argument), path in OVERRIDDEN.items():
            default = inspect.signature(function).parameters[argument].default
            setting = _setting(settings, path)
            if default != setting:
                found[f"{function.__name__}.{argument}"] = (default, setting)
        print(found)
        assert found == DIFFERENT
