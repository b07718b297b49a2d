"""Rows of the table `volatility`: σ of every asset, from parameters that ended at t−1."""

import numpy as np
import pandas as pd

from features.panel import Panel
from models.errors import NotEnoughData
from models.garch import fit_garch
from unwind.rows.moment import Moment, known_from, stamped
from unwind.settings import Settings

SESSIONS_A_YEAR = 252


def volatility_rows(panel: Panel, moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Rows of the table `volatility`: parameters from rows up to t−1, σ for t and t+1."""
    rows = [
        _volatility_row(panel.returns[asset], asset, moment, settings)
        for asset in settings.universe.symbols
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = known_from(panel, moment, None, pd.Index(settings.universe.symbols))
    return stamped(frame, moment, settings)


def _volatility_row(
    returns: pd.Series, asset: str, moment: Moment, settings: Settings
) -> dict[str, object]:
    earlier = returns.loc[: moment.stamp].iloc[:-1].iloc[-settings.volatility.window :]
    try:
        fit = fit_garch(earlier, min_observations=settings.volatility.min_observations)
    except NotEnoughData as error:
        return {
            "asset": asset, "model": "none", "n": int(earlier.notna().sum()),
            "reason": str(error), **dict.fromkeys(VOLATILITY_FIGURES, np.nan),
            "converged": None, "estimated_to": pd.NaT,
        }  # fmt: skip
    sigma, observed = fit.sigma_next, float(returns.loc[moment.stamp])
    after = fit.sigma_after(sigma, observed)
    return {
        "asset": asset,
        "model": fit.model if fit.model == "ewma" else f"{fit.model}-{fit.innovation}",
        "n": fit.n,
        "sigma": sigma,
        "sigma_next": after,
        "sigma_annual": after * np.sqrt(SESSIONS_A_YEAR),
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
    "sigma", "sigma_next", "sigma_annual", "residual", "mu", "omega", "alpha", "beta", "nu",
    "half_life", "log_likelihood",
)  # fmt: skip
