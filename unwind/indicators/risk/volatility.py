"""Rows of the table `volatility`: σ of every asset, from parameters that ended at t−1."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from features.panel import Panel
from models.garch import GarchFit, fit_garch
from unwind.indicators.context import Moment, known_from, stamped
from unwind.settings import Settings

SESSIONS_A_YEAR = 252
LONGEST = 21  # sessions ahead


def fit_volatilities(
    panel: Panel, moment: Moment, *, settings: Settings
) -> dict[str, GarchFit | ValueError]:
    """Estimate every asset on its rows up to t−1; what could not be estimated says why."""
    fits: dict[str, GarchFit | ValueError] = {}
    for asset in settings.universe.symbols:
        earlier = _earlier(panel.returns[asset], moment, settings)
        try:
            fits[asset] = fit_garch(earlier, min_observations=settings.volatility.min_observations)
        except ValueError as error:  # too few rows, none that differ, an infinite one
            fits[asset] = error
    return fits


def volatility_rows(
    panel: Panel,
    fits: Mapping[str, GarchFit | ValueError],
    moment: Moment,
    *,
    settings: Settings,
) -> pd.DataFrame:
    """Rows of the table `volatility`: parameters from rows up to t−1, σ for t and t+1."""
    rows = [
        _volatility_row(panel.returns[asset], asset, fit, moment, settings)
        for asset, fit in fits.items()
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = known_from(panel, moment, None, pd.Index(list(fits)))
    return stamped(frame, moment, settings)


def _earlier(returns: pd.Series, moment: Moment, settings: Settings) -> pd.Series:
    return returns.loc[: moment.stamp].iloc[:-1].iloc[-settings.volatility.window :]


def _volatility_row(
    returns: pd.Series, asset: str, fit: GarchFit | ValueError, moment: Moment,
    settings: Settings,
) -> dict[str, object]:  # fmt: skip
    if isinstance(fit, ValueError):
        return {
            "asset": asset, "model": "none",
            "n": int(_earlier(returns, moment, settings).notna().sum()),
            "reason": str(fit), **dict.fromkeys(VOLATILITY_FIGURES, np.nan),
            "converged": None, "estimated_to": pd.NaT,
        }  # fmt: skip
    sigma, observed = fit.sigma_next, float(returns.loc[moment.stamp])
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
        "sigma_annual": after * np.sqrt(SESSIONS_A_YEAR),
        "sigma_month": float(np.sqrt(SESSIONS_A_YEAR * np.mean(path**2))),
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
