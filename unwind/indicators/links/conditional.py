"""Rows of the table `correlations` with method dcc: the forecast that the session leaves behind."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.correlation import ewma_correlation_with_base
from models.dependence import DccFit, correlation_path, filter_dcc, fit_dcc
from models.volatility import GarchFit
from unwind.indicators.context import RunContext
from unwind.settings import Settings

PERCENTILE_FLOOR = 60


def conditional_correlation_rows(
    context: RunContext, fits: Mapping[str, GarchFit | ValueError]
) -> pd.DataFrame:
    """Correlation of the base with each counterpart by a DCC of the two, filtered to the session.

    Parameters rest on residuals up to t−1; `value` is R for t+1 and holds the session's surprise,
    `change` is that less R for t. Pair by pair, so that a late listing shortens its own row alone.
    """
    base = context.settings.universe.base
    rows = [
        _row(context, fits[base], fit, base, asset) for asset, fit in fits.items() if asset != base
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = context.known_at(pd.Index(frame["asset"]), base=base)
    return context.stamped(frame)


def _row(
    context: RunContext,
    of_base: GarchFit | ValueError,
    of_asset: GarchFit | ValueError,
    base: str,
    asset: str,
) -> dict[str, object]:
    row: dict[str, object] = {
        "base": base, "asset": asset, "method": "dcc", "window": context.settings.volatility.window,
        "n": 0, "reason": None,
        **dict.fromkeys(
            ("value", "lower", "upper", "robust_lower", "robust_upper", "change", "percentile"),
            np.nan,
        ),
    }  # fmt: skip
    residuals = {}
    margins = {}
    for name, volatility in ((base, of_base), (asset, of_asset)):
        if isinstance(volatility, ValueError):
            absent = context.no_price(name)
            return row | {"reason": absent or f"no residuals of {name}: {volatility}"}
        observed = float(context.panel.returns[name].loc[context.stamp])
        if not np.isfinite(observed):
            return row | {"reason": f"no return of {name} at the session"}
        if not np.isfinite(volatility.sigma_next):
            return row | {"reason": f"no volatility of {name} to divide by: it has not moved"}
        surprise = (observed - volatility.mu) / volatility.sigma_next
        today = pd.Series([surprise], index=[context.stamp])
        residuals[name] = pd.concat([volatility.residuals, today])
        margins[name] = volatility
    pair = pd.DataFrame(residuals)
    row["n"] = int(pair.iloc[:-1].notna().all(axis=1).sum())
    try:
        fit = fit_dcc(
            pair.iloc[:-1], kind="dcc", method="full", start="unconditional",
            min_observations=context.settings.volatility.min_observations,
            margins=margins,
        )  # fmt: skip
    except ValueError as error:  # too few rows, or one asset repeats the other
        return row | {"reason": str(error)}
    if not fit.converged:
        return row | _faded(pair, fit, context.settings)
    row = row | _filtered(pair, fit)
    if fit.margins_not_converged:
        row["reason"] = f"σ of {', '.join(fit.margins_not_converged)} is an EWMA, no converged fit"
    return row


def _filtered(pair: pd.DataFrame, fit: DccFit) -> dict[str, object]:
    path = correlation_path(pair.iloc[:-1], fit).iloc[:, 0]
    today, moved = filter_dcc(fit, pair.iloc[-1:])
    scale = np.sqrt(np.diag(moved.Q))
    value = float(moved.Q[0, 1] / scale[0] / scale[1])
    before = float(today.to_numpy()[0, 0])
    seen = path.notna().sum()
    return {
        "value": value,
        "change": value - before,
        "percentile": float((path <= value).sum() / seen) if seen >= PERCENTILE_FLOOR else np.nan,
    }


def _faded(pair: pd.DataFrame, fit: DccFit, settings: Settings) -> dict[str, object]:
    half_life = max(settings.correlation.half_lives)
    faded = ewma_correlation_with_base(
        pair, base=fit.assets[0], half_life=half_life,
        min_observations=settings.volatility.min_observations,
    ).value.iloc[:, 0]  # fmt: skip
    return {
        "value": float(faded.iloc[-1]),
        "change": float(faded.iloc[-1] - faded.iloc[-2]),
        "reason": f"{fit.reason}; EWMA of the residuals, half-life {half_life}, is used instead",
    }
