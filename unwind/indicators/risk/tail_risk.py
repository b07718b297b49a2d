"""Rows of the table `tail_risk`: VaR and ES of the next session, and how such forecasts fared."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.tails import (
    Backtest,
    TailForecasts,
    conditional_coverage,
    expected_shortfall_test,
    tail_forecasts,
    unconditional_coverage,
)
from models.volatility import GarchFit
from unwind.indicators.context import RunContext
from unwind.settings import Settings
from unwind.settings.evidence import TailRisk

NOTHING = {
    "tail": None, "value_at_risk": np.nan, "expected_shortfall": np.nan,
    "value_at_risk_today": np.nan, "breach": None, "sessions": 0, "breaches": np.nan,
    "breaches_expected": np.nan, "coverage_p": np.nan, "conditional_p": np.nan,
    "shortfall_p": np.nan,
}  # fmt: skip


def tail_risk_rows(context: RunContext, fits: Mapping[str, GarchFit | ValueError]) -> pd.DataFrame:
    """Rows of the table `tail_risk`: parameters and tails from rows up to t−1 at the latest."""
    rows = [
        row
        for asset, fit in fits.items()
        for row in _rows(
            context.panel.returns.loc[: context.stamp, asset], asset, fit, context.settings
        )
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = context.known_at(pd.Index(frame["asset"]))
    return context.stamped(frame)


def _rows(
    returns: pd.Series, asset: str, fit: GarchFit | ValueError, settings: Settings
) -> list[dict[str, object]]:
    chosen = settings.tail_risk
    named = [{"asset": asset, "level": level} for level in chosen.levels]
    if isinstance(fit, ValueError):
        return [row | NOTHING | {"model": "none", "reason": str(fit)} for row in named]
    model = fit.model if fit.model == "ewma" else f"{fit.model}-{fit.innovation}"
    kept = returns.iloc[-(settings.volatility.window + chosen.sessions + chosen.every + 1) :]
    kept = kept.where(np.isfinite(kept))  # a price of zero makes an infinite one
    try:
        forecasts = tail_forecasts(
            kept, fit, levels=chosen.levels, sessions=chosen.sessions, every=chosen.every,
            window=settings.volatility.window,
            min_observations=settings.volatility.min_observations,
            threshold_share=settings.sigma.threshold_share,
            min_exceedances=settings.sigma.min_exceedances,
        )  # fmt: skip
    except ValueError as error:  # too few residuals for any law of the tail
        return [row | NOTHING | {"model": model, "reason": str(error)} for row in named]
    return [
        row
        | {"model": model, "tail": forecasts.tail}
        | _figures(kept, forecasts, place, fit, chosen)
        for place, row in enumerate(named)
    ]


def _figures(
    returns: pd.Series, forecasts: TailForecasts, place: int, fit: GarchFit, chosen: TailRisk
) -> dict[str, object]:
    level = chosen.levels[place]
    risk, shortfall = (
        frame[level] for frame in (forecasts.value_at_risk, forecasts.expected_shortfall)
    )
    observed, following = float(returns.iloc[-1]), forecasts.following[place]
    unknown = np.isnan(observed) or np.isnan(risk.iloc[-1])
    reasons = [fit.reason, "no return at the session" if np.isnan(observed) else None]
    told: dict[str, object] = {
        "value_at_risk": following.value_at_risk,
        "expected_shortfall": following.expected_shortfall,
        "value_at_risk_today": float(risk.iloc[-1]),
        "breach": None if unknown else bool(observed < -risk.iloc[-1]),
    }
    tested, more = _tests(returns.reindex(risk.index), risk, shortfall, level, chosen)
    return told | tested | {"reason": "; ".join(text for text in [*reasons, *more] if text) or None}


def _tests(
    returns: pd.Series, risk: pd.Series, shortfall: pd.Series, level: float, chosen: TailRisk
) -> tuple[dict[str, object], list[str]]:
    """Coverage, clustering and size of the losses beyond; and why a test has no answer."""
    n = int((returns.notna() & risk.notna()).sum())
    if n < chosen.min_sessions:
        few = f"{n} forecasts with a return where {chosen.min_sessions} are tested at least"
        names = ("breaches", "breaches_expected", "coverage_p", "conditional_p", "shortfall_p")
        return {"sessions": n} | dict.fromkeys(names, np.nan), [few]
    coverage, conditional = (
        test(returns, risk, level=level, min_observations=chosen.min_sessions)
        for test in (unconditional_coverage, conditional_coverage)
    )
    beyond = expected_shortfall_test(
        returns, risk, shortfall, level=level, min_violations=chosen.min_violations,
        draws=chosen.draws, seed=chosen.seed,
    )  # fmt: skip
    told: dict[str, object] = {
        "sessions": n,
        "breaches": coverage.violations,
        "breaches_expected": coverage.expected,
        "coverage_p": _p(coverage),
        "conditional_p": _p(conditional),
        "shortfall_p": _p(beyond),
    }
    return told, [f"{test.test}: {test.reason}" for test in (conditional, beyond) if test.reason]


def _p(test: Backtest) -> float:
    return np.nan if test.p_value is None else test.p_value
