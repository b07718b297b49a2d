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
    """Test pairs with the base, each alone and adjusted over pairs, tests and windows.

    Constancy and downside standardise returns themselves: their null draws repeat the estimation of
    volatility. Asymmetry and difference take returns over their own forecast σ.
    """
    section, universe = context.settings.correlation_tests, context.settings.universe
    returns = context.panel.returns[list(universe.symbols)]
    residuals = standardised_returns(
        returns, half_life=section.half_life, min_observations=section.half_life
    )
    base = universe.base
    rows: list[_Row] = []
    for asset in section.tested:
        rows += [
            _constancy(returns[base], returns[asset], settings=context.settings),
            _asymmetry(residuals[base], residuals[asset], settings=context.settings),
            _downside(returns[base], returns[asset], settings=context.settings),
        ]
    for first, second in section.compared:
        rows += [
            _difference(residuals, base, first, second, window, settings=context.settings)
            for window in section.compared_windows
        ]
    frame = pd.DataFrame(rows).assign(base=base)
    frame["family_p_value"] = family_wise(frame["p_value"])
    frame["reason"] = frame["reason"].replace("", None)
    frame["known_at"] = context.known_at(pd.Index(frame["asset"]), base=base)
    return context.stamped(frame)


def _constancy(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    section = settings.correlation_tests
    test = constancy_test(
        base.iloc[-section.window :],
        other.iloc[-section.window :],
        draws=section.draws,
        seed=section.seed,
    )
    return _Row(
        test="constancy",
        asset=str(other.name),
        against="",
        window=section.window,
        n=test.n,
        statistic=test.statistic,
        p_value=test.p_value,
        first=test.before,
        second=test.after,
        break_at=None if test.break_at is None else pd.Timestamp(str(test.break_at)),
        reason=test.reason,
    )


def _asymmetry(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    section = settings.correlation_tests
    test = asymmetry_test(
        base.iloc[-section.tail_window :],
        other.iloc[-section.tail_window :],
        thresholds=section.thresholds,
        min_exceedances=section.min_exceedances,
        draws=section.draws,
        seed=section.seed,
    )
    return _Row(
        test="asymmetry",
        asset=str(other.name),
        against="",
        window=section.tail_window,
        n=test.n,
        statistic=test.statistic,
        p_value=test.p_value,
        first=float(test.lower[0]),
        second=float(test.upper[0]),
        break_at=None,
        reason=test.reason,
    )


def _downside(base: pd.Series, other: pd.Series, *, settings: Settings) -> _Row:
    section = settings.correlation_tests
    test = exceedance_test(
        base.iloc[-section.tail_window :],
        other.iloc[-section.tail_window :],
        thresholds=section.thresholds,
        side="lower",
        null="elliptical",
        min_exceedances=section.min_exceedances,
        draws=section.draws,
        seed=section.seed,
    )
    return _Row(
        test="downside",
        asset=str(other.name),
        against="",
        window=section.tail_window,
        n=test.n,
        statistic=float(test.value[0] - test.expected[0]),
        p_value=test.p_value,
        first=float(test.value[0]),
        second=float(test.expected[0]),
        break_at=None,
        reason=test.reason,
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
    test = compare_dependent_correlations(
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
        n=test.n,
        statistic=test.statistic,
        p_value=test.p_value,
        first=test.first if not test.abstained else np.nan,
        second=test.second if not test.abstained else np.nan,
        break_at=None,
        reason=test.reason,
    )
