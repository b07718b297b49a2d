"""Indicators of plain series for the fuzz, and the odd numbers that they are given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from features._validation import complete_rows
from features.correlation import (
    adjust_for_volatility,
    asymmetry_test,
    compare_dependent_correlations,
    constancy_test,
    correlation_strips,
    correlation_with_base,
    downside_correlation,
    downside_excess,
    ewma_correlation_with_base,
    exceedance_test,
    family_wise,
    fisher_interval,
    forbes_rigobon,
    meng_z,
    normal_downside,
    pair_standings,
    partial_correlation,
    robust_interval,
    rolling_correlation,
    steiger_z,
    turmoil_correlation,
    unexplained_rise,
)
from features.cross_section import (
    absorption_ratio,
    absorption_shift,
    baseline_count,
    carry_unwind,
    class_moves,
    concentrated_tail_loss,
    cross_sectional_rebound,
    full_sample_connectedness,
    generalised_variance_decomposition,
    joint_tail_loss,
    last_percentile,
    ledoit_wolf,
    marchenko_pastur,
    multi_strategy,
    records,
    regained,
    risk_average,
    robust_z,
    rolling_connectedness,
    scaled_moves,
    spread_returns,
    tail_excess,
    turbulence_index,
    volume_on_falls,
    worst_since,
)
from features.derivatives import (
    agreed_direction,
    barrier_distance,
    classify,
    direction,
    funding_measures,
    hitting_probability,
    implied_gap,
    ordinary_change,
    put_share,
    term_ratio,
    terminal_probability,
    venue_divergence,
)
from features.fund_flows import (
    arbitrage_design,
    calendar_indicators,
    creation_share,
    cumulative_surprise,
    dating_match,
    flow_design,
    inflow_without_expansion,
    premium,
    rolled_assets,
    unfinished_funds,
    vendor_conflict,
    volume_design,
)
from features.returns import (
    comovement_features,
    standardised_returns,
    trailing_volatility,
    volatility_features,
)
from unwind.contract.quantities import COUNT

# Prices pass screening between 1e-9 and 1e12: no logarithmic return is beyond ±49.
ODD = [
    np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-12, 40.0, -40.0, 0.3,
]  # fmt: skip

# What screening lets through: prices and amounts are positive and bounded.
LEAST_LOG, MOST_LOG = np.log(1e-9), np.log(1e12)

Call = Callable[[pd.DataFrame, np.random.Generator], Any]


def prices(logs: pd.Series) -> pd.Series:
    """Prices, or traded shares, as a screened table holds them."""
    return np.exp(logs.clip(LEAST_LOG, MOST_LOG))


def numbers(seed: int, *, infinite: bool) -> pd.DataFrame:
    """A panel of three series, at times empty, short, constant, gapped, huge or tiny."""
    generator = np.random.default_rng(seed)
    n = int(generator.choice([0, 1, 2, 3, 5, 30, 90]))
    held = generator.standard_t(3, (n, 3)) * generator.choice([0.0, 1e-8, 0.01, 1.0])
    kind = generator.integers(5)
    if kind == 1:
        held[:, 0] = held[:1, 0] if n else 0
    if kind == 2:
        held[:, 1] = held[:, 0]
    if kind == 3:
        held[generator.random(held.shape) < 0.6] = np.nan
    places = generator.random(held.shape) < generator.choice([0.0, 0.02, 0.3])
    odd = generator.choice(ODD, held.shape)
    held[places] = odd[places]
    if not infinite:
        held[np.isinf(held)] = np.nan
    return pd.DataFrame(held, index=pd.bdate_range("2026-01-02", periods=n), columns=list("ABC"))


def complete(x: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two series as every caller makes them: without a gap, infinities refused."""
    first, second = complete_rows(x["A"], x["B"])
    return first, second


def inside(generator: np.random.Generator) -> tuple[float, float, float]:
    """Three correlations that belong together: those of a drawn matrix."""
    drawn = np.corrcoef(generator.standard_normal((3, int(generator.choice([5, 200])))))
    return float(drawn[0, 1]), float(drawn[0, 2]), float(drawn[1, 2])


SERIES: dict[Callable[..., Any], tuple[str, Call]] = {
    correlation_with_base: ("correlation", lambda x, g: correlation_with_base(
        x, base="A", window=20, min_observations=10).value),
    ewma_correlation_with_base: ("correlation", lambda x, g: ewma_correlation_with_base(
        x, base="A", half_life=10.0, min_observations=5).value),
    rolling_correlation: ("correlation", lambda x, g: rolling_correlation(
        x, window=20, min_observations=10)),
    fisher_interval: ("correlation", lambda x, g: fisher_interval(
        x["A"].to_numpy(), x["B"].to_numpy(), confidence=0.95)),
    robust_interval: ("correlation", lambda x, g: robust_interval(
        x["A"], x["B"], confidence=0.95)),
    forbes_rigobon: ("correlation", lambda x, g: forbes_rigobon(
        x["A"].to_numpy(), variance_increase=x["B"].to_numpy())),
    downside_correlation: ("any", lambda x, g: downside_correlation(
        x["A"], x["B"], min_exceedances=5)),
    downside_excess: ("any", lambda x, g: downside_excess(downside_correlation(
        x["A"], x["B"], min_exceedances=5))),
    normal_downside: ("any", lambda x, g: normal_downside(x["A"].to_numpy())),
    partial_correlation: ("any", lambda x, g: partial_correlation(
        x["A"], x["B"], x[["C"]], min_observations=10)),
    adjust_for_volatility: ("any", lambda x, g: adjust_for_volatility(
        x["A"], x["B"], window=20, min_observations=10)),
    unexplained_rise: ("any", lambda x, g: unexplained_rise(
        x["A"], x["B"], window=20, min_observations=10)),
    compare_dependent_correlations: ("any", lambda x, g: compare_dependent_correlations(
        x["A"], x["B"], x["C"], confidence=0.95)),
    asymmetry_test: ("any", lambda x, g: asymmetry_test(
        x["A"], x["B"], thresholds=[0.0, 0.5], min_exceedances=5, draws=20, seed=1)),
    constancy_test: ("any", lambda x, g: constancy_test(x["A"], x["B"], draws=20, seed=1)),
    exceedance_test: ("any", lambda x, g: exceedance_test(
        x["A"], x["B"], thresholds=[0.5], side="lower", null="normal", min_exceedances=5, draws=20,
        seed=1)),
    full_sample_connectedness: ("any", lambda x, g: full_sample_connectedness(
        x, lags=1, horizon=5)),
    robust_z: ("any", lambda x, g: robust_z(x, window=20, min_observations=10)),
    last_percentile: ("share", lambda x, g: last_percentile(
        x if len(x) else x.reindex([0]), min_observations=20)),
    baseline_count: ("any", lambda x, g: baseline_count(x, window=20)),
    records: ("any", lambda x, g: records(x, min_observations=10)),
    worst_since: ("any", lambda x, g: worst_since(x["A"])),
    turbulence_index: ("any", lambda x, g: turbulence_index(x, window=20, min_observations=10)),
    absorption_ratio: ("share", lambda x, g: absorption_ratio(
        x, window=20, min_observations=10, share=0.2)["absorption_ratio"]),
    marchenko_pastur: ("any", lambda x, g: marchenko_pastur(x, window=20, min_observations=10)),
    standardised_returns: ("any", lambda x, g: standardised_returns(
        x, half_life=10.0, min_observations=10)),
    trailing_volatility: ("any", lambda x, g: trailing_volatility(
        x["A"], window=20, min_observations=10)),
    premium: ("any", lambda x, g: premium(prices(x["A"]), prices(x["B"]))),
    rolled_assets: ("any", lambda x, g: rolled_assets(
        x["A"], prices(x["B"]), opening=1e9)),
    calendar_indicators: ("share", lambda x, g: calendar_indicators(pd.DatetimeIndex(x.index))),
    cumulative_surprise: ("any", lambda x, g: cumulative_surprise(x["A"], sessions=5)),
    family_wise: ("share", lambda x, g: family_wise(x["A"])),
    ordinary_change: ("any", lambda x, g: ordinary_change(
        x, window=20, min_observations=10, floor=0.01, confidence=0.95)),
    put_share: ("share", lambda x, g: put_share(
        pd.Series(g.choice(["C", "P"], len(x)), x.index), x["A"].clip(0.0, COUNT.high))),
    funding_measures: ("any", lambda x, g: funding_measures(x["A"], days=7, flip_window=20)),
    cross_sectional_rebound: ("any", lambda x, g: cross_sectional_rebound(x, min_assets=3)),
    regained: ("any", lambda x, g: regained(x["A"], min_fall=0.02)),
    volatility_features: ("any", lambda x, g: volatility_features(x["A"], half_lives=(5.0,))),
    comovement_features: ("any", lambda x, g: comovement_features(
        x["A"], x["B"], half_life=5.0)),
    scaled_moves: ("any", lambda x, g: scaled_moves(
        x, horizon=2, window=20, min_observations=10)),
    volume_on_falls: ("any", lambda x, g: volume_on_falls(
        x, x.abs(), window=20, min_observations=10)),
    volume_design: ("any", lambda x, g: volume_design(prices(x["A"]))),
    risk_average: ("any", lambda x, g: risk_average(x, min_assets=2)),
    carry_unwind: ("any", lambda x, g: carry_unwind(x["A"], x["B"], start=1.0)),
    hitting_probability: ("share", lambda x, g: hitting_probability(
        np.exp(x["A"]), np.exp(x["A"] - x["B"].abs()), volatility=x["C"].abs() + 0.01, years=0.5,
        drift=0.03)),
    terminal_probability: ("share", lambda x, g: terminal_probability(
        np.exp(x["A"]), np.exp(x["B"]), volatility=x["C"].abs() + 0.01, years=0.5, drift=0.03)),
    barrier_distance: ("any", lambda x, g: barrier_distance(
        np.exp(x["A"]), np.exp(x["B"]), volatility=x["C"].abs() + 0.01, years=0.5)),
    turmoil_correlation: ("correlation", lambda x, g: turmoil_correlation(
        x["A"].to_numpy(), variance_increase=x["B"].to_numpy())),
    generalised_variance_decomposition: ("share", lambda x, g: generalised_variance_decomposition(
        0.2 * g.standard_normal((2, 3, 3)), np.diag(g.uniform(0.1, 9, 3)), horizon=5)),
    rolling_connectedness: ("any", lambda x, g: rolling_connectedness(
        x, lags=1, horizon=5, window=40, min_observations=20, every=9)),
    correlation_strips: ("correlation", lambda x, g: tuple(values for _, values in
        correlation_strips(x, window=20, min_observations=10, stop=2, height=1))),
    multi_strategy: ("any", lambda x, g: multi_strategy(
        x, window=20, min_observations=10, min_spreads=2)),
    steiger_z: ("any", lambda x, g: steiger_z(*inside(g), n=30)),
    meng_z: ("any", lambda x, g: meng_z(*inside(g), n=30)),
    flow_design: ("any", lambda x, g: flow_design(
        x["A"], x["B"], np.exp(x["C"]), lags=2, volume_window=10)),
    vendor_conflict: ("any", lambda x, g: vendor_conflict(
        x["A"], x["B"], gap_share=0.5, window=20, min_observations=10)),
    dating_match: ("share", lambda x, g: dating_match(
        x["A"], x["B"], max_delay=2, window=20, tolerance=0.05)),
    unfinished_funds: ("any", lambda x, g: unfinished_funds(
        x, usual_zero_share=0.1, window=20)),
    creation_share: ("any", lambda x, g: creation_share(x["A"], np.exp(x["B"]), x["C"])),
    implied_gap: ("any", lambda x, g: implied_gap(
        x["A"].abs(), x["B"], window=20, min_observations=10)),
    term_ratio: ("any", lambda x, g: term_ratio(
        np.exp(x["A"]), np.exp(x["B"]), window=20, min_observations=10)),
    venue_divergence: ("any", lambda x, g: venue_divergence(x, first="A", second="B")),
    classify: ("any", lambda x, g: classify(
        np.sign(x["A"]), x["B"], x["C"].abs(), expired=pd.Series(g.random(len(x)) < 0.1, x.index))),
    direction: ("sign", lambda x, g: direction(x["A"], x["B"].abs())),
    agreed_direction: ("sign", lambda x, g: agreed_direction(np.sign(x["A"]), np.sign(x["B"]))),
    arbitrage_design: ("any", lambda x, g: arbitrage_design(
        np.exp(x["A"]), np.exp(x["B"]), x["C"], None)),
    inflow_without_expansion: ("any", lambda x, g: inflow_without_expansion(
        x["A"], x["B"], tolerance=0.01)),
    pair_standings: ("any", lambda x, g: tuple(pair_standings(
        x.to_numpy(), window=20, min_observations=10, history=30, change=5, min_history=5, stop=2,
        height=1))),
    class_moves: ("any", lambda x, g: class_moves(
        x, classes={"coins": ("A", "B"), "metals": ("C", "absent"), "none": ("absent",)})),
    tail_excess: ("positive", lambda x, g: tail_excess((x, x.shift(1)), start=1.0, cap=4.0)),
    joint_tail_loss: ("positive", lambda x, g: joint_tail_loss(
        tail_excess((x,), start=1.0, cap=4.0), min_series=2)),
    concentrated_tail_loss: ("positive", lambda x, g: concentrated_tail_loss(
        tail_excess((x,), start=1.0, cap=4.0), n_largest=2, min_series=2)),
    spread_returns: ("any", lambda x, g: spread_returns(
        x, spreads=(("A", "B"), ("B", "absent")))),
    ledoit_wolf: ("any", lambda x, g: ledoit_wolf(np.column_stack(complete(x)))),
    absorption_shift: ("any", lambda x, g: absorption_shift(
        x["A"].abs().clip(upper=1.0), short_window=5, long_window=20, min_observations=10)),
}  # fmt: skip
