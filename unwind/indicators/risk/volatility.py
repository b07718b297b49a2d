"""Rows of the table `volatility`: σ of every asset, from parameters that ended at t−1."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from features.constants import SESSIONS_PER_YEAR
from models.volatility import GarchFit, fit_garch
from unwind.indicators.context import RunContext

LONGEST = 21  # sessions ahead


def fit_volatilities(context: RunContext) -> dict[str, GarchFit | ValueError]:
    """Estimate every asset on its rows up to t−1; what could not be estimated says why."""
    fits: dict[str, GarchFit | ValueError] = {}
    for asset in context.settings.universe.symbols:
        earlier = _earlier(context.panel.returns[asset], context)
        try:
            fits[asset] = fit_garch(
                earlier, min_observations=context.settings.volatility.min_observations
            )
        except ValueError as error:  # too few rows, none that differ, an infinite one
            fits[asset] = error
    return fits


def volatility_rows(context: RunContext, fits: Mapping[str, GarchFit | ValueError]) -> pd.DataFrame:
    """Rows of the table `volatility`: parameters from rows up to t−1, σ for t and t+1."""
    rows = [
        _volatility_row(context.panel.returns[asset], asset, fit, context)
        for asset, fit in fits.items()
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = context.known_at(pd.Index(list(fits)))
    return context.stamped(frame)


def _earlier(returns: pd.Series, context: RunContext) -> pd.Series:
    return returns.loc[: context.stamp].iloc[:-1].iloc[-context.settings.volatility.window :]


def _volatility_row(
    returns: pd.Series, asset: str, fit: GarchFit | ValueError, context: RunContext
) -> dict[str, object]:
    if isinstance(fit, ValueError):
        return {
            "asset": asset, "model": "none",
            "n": int(_earlier(returns, context).notna().sum()),
            "reason": str(fit), **dict.fromkeys(VOLATILITY_FIGURES, np.nan),
            "converged": None, "estimated_to": pd.NaT,
        }  # fmt: skip
    sigma, observed = fit.sigma_next, float(returns.loc[context.stamp])
    if not np.isfinite(observed):  # a price of zero makes an infinite one
        observed = np.nan
    after = fit.sigma_after(sigma, observed)
    path = replace(fit, sigma_next=after).forecast(LONGEST)
    return {
        "asset": asset,
        "model": fit.model if fit.model == "ewma" else f"{fit.model}-{fit.innovation}",
        "n": fit.n,
        "sigma": sigma,
        "sigma_next": after,
        "sigma_5": float(path[4]),
        "sigma_21": float(path[LONGEST - 1]),
        "sigma_annual": after * np.sqrt(SESSIONS_PER_YEAR),
        "sigma_month": float(np.sqrt(SESSIONS_PER_YEAR * np.mean(path**2))),
        "residual": (observed - fit.mu) / sigma,
        "mu": fit.mu,
        "omega": fit.omega,
        "alpha": fit.alpha,
        "beta": fit.beta,
        "nu": fit.nu,
        "half_life": fit.half_life,
        "log_likelihood": fit.log_likelihood,
        "estimated_to": fit.sigma.index[-1],
        "converged": fit.converged,
        "reason": fit.reason or ("no return at the session" if np.isnan(observed) else None),
    }


VOLATILITY_FIGURES = (
    "sigma", "sigma_next", "sigma_5", "sigma_21", "sigma_annual", "sigma_month", "residual", "mu",
    "omega", "alpha", "beta", "nu", "half_life", "log_likelihood",
)  # fmt: skip
