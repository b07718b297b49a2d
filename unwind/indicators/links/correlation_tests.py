"""Rows of the table `correlation_tests`: constant, symmetric, stronger than another, or not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.correlation import (
    asymmetry_test,
    compare_dependent_correlations,
    constancy_test,
    exceedance_test,
    family_wise,
)
from features.returns import standardised_returns
from unwind.indicators.context import RunContext
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One test of one pair, before the family is known."""

    test: str
    asset: str
    against: str
    window: int
    n: int
    statistic: float
    p_value: float
    first: float
    second: float
    break_at: pd.Timestamp | None
    reason: str


def correlation_test_rows(context: RunContext) -> pd.DataFrame:
    """Test the chosen links of the base, each alone and adjusted over pairs, tests and windows.

    Rows are returns over their own forecast σ, so that a cluster of volatility is not taken for a
    change of correlation.
    """
    chosen, universe = context.settings.correlation_tests, context.settings.universe
    residuals = standardised_returns(
        context.panel.returns[list(universe.symbols)],
        half_life=chosen.half_life,
        min_observations=chosen.half_life,
    )
    base = residuals[universe.base]
    rows: list[_Row] = []
    for asset in chosen.tested:
        rows += [
            _constancy(base, residuals[asset], settings=context.settings),
            _asymmetry(base, residuals[asset], settings=context.settings),
            _downside(base, residuals[asset], settings=context.settings),
        ]
    for first, second in chosen.compared:
        rows += [
            _difference(residuals, universe.base, first, second, window, settings=context.settings)
            for window in chosen.compared_windows
        ]
    frame = pd.DataFrame(rows).assign(base=universe.base)
    frame["family_p_value"] = family_wise(frame["p_value"])
    frame["reason"] = frame["reason"].replace("", None)
    frame["known_at"] = context.known_at(pd.Index(frame["asset"]), base=universe.base)
    return context.stamped(frame)


def _constancy(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    chosen = settings.correlation_tests
    found = constancy_test(
        base.iloc[-chosen.window :],
        other.iloc[-chosen.window :],
        draws=chosen.draws,
        seed=chosen.seed,
    )
    return _Row(
        test="constancy",
        asset=str(other.name),
        against="",
        window=chosen.window,
        n=found.n,
        statistic=found.statistic,
        p_value=found.p_value,
        first=found.before,
        second=found.after,
        break_at=None if found.break_at is None else pd.Timestamp(str(found.break_at)),
        reason=found.reason,
    )


def _asymmetry(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    chosen = settings.correlation_tests
    found = asymmetry_test(
        base.iloc[-chosen.tail_window :],
        other.iloc[-chosen.tail_window :],
        thresholds=chosen.thresholds,
        min_exceedances=chosen.min_exceedances,
        draws=chosen.draws,
        seed=chosen.seed,
    )
    return _Row(
        test="asymmetry",
        asset=str(other.name),
        against="",
        window=chosen.tail_window,
        n=found.n,
        statistic=found.statistic,
        p_value=found.p_value,
        first=float(found.lower[0]),
        second=float(found.upper[0]),
        break_at=None,
        reason=found.reason,
    )


def _downside(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    chosen = settings.correlation_tests
    found = exceedance_test(
        base.iloc[-chosen.tail_window :],
        other.iloc[-chosen.tail_window :],
        thresholds=chosen.thresholds,
        side="lower",
        null="elliptical",
        min_exceedances=chosen.min_exceedances,
        draws=chosen.draws,
        seed=chosen.seed,
    )
    return _Row(
        test="downside",
        asset=str(other.name),
        against="",
        window=chosen.tail_window,
        n=found.n,
        statistic=float(found.value[0] - found.expected[0]),
        p_value=found.p_value,
        first=float(found.value[0]),
        second=float(found.expected[0]),
        break_at=None,
        reason=found.reason,
    )


def _difference(
    residuals: pd.DataFrame,
    base: str,
    first: str,
    second: str,
    window: int,
    *,
    settings: Settings,
) -> _Row:
    recent = residuals.iloc[-window:]
    found = compare_dependent_correlations(
        recent[base],
        recent[first],
        recent[second],
        confidence=settings.correlation.confidence,
    )
    return _Row(
        test="difference",
        asset=first,
        against=second,
        window=window,
        n=found.n,
        statistic=found.statistic,
        p_value=found.p_value,
        first=found.first if not found.abstained else np.nan,
        second=found.second if not found.abstained else np.nan,
        break_at=None,
        reason=found.reason,
    )
