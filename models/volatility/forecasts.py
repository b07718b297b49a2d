"""Variance forecasts over a horizon, at each past session from rows up to it."""

import numpy as np
import pandas as pd

from models.errors import NotEnoughData
from models.volatility.garch import GarchFit
from models.volatility.walk_forward import walk_forward


def variance_forecasts(
    returns: pd.Series,
    *,
    horizon: int = 21,
    history: int = 252,
    every: int = 21,
    window: int = 1500,
    min_observations: int = 250,
) -> pd.DataFrame:
    """Mean variance of the next `horizon` sessions, forecast at the end of each session.

    v_t = (1/h) Σ_{k=1..h} E_t σ²_{t+k}, from a GARCH(1,1)-t: E_t σ²_{t+1} = ω + α e²_t + β σ²_t,
    E_t σ²_{t+k+1} = ω + (α + β) E_t σ²_{t+k} (Bollerslev 1986; Baillie and Bollerslev 1992, eq. 7).

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are skipped: they have no forecast.
    horizon : int
        Sessions, at least 1.
    history : int
        Earlier sessions to forecast as well, as far as the history allows.
    every : int
        Sessions between estimates, counted back from the last session.
    window, min_observations : int
        As in `models.volatility.walk_forward.walk_forward`.

    Returns
    -------
    DataFrame
        Columns variance (v_t, decimal², of one session), model ("garch-t", or "ewma" for
        the fallback, whose forecast is flat) and estimated_to (last row of the estimation
        sample). The value at *t* uses rows up to *t*, its parameters rows up to *t* − 1 at the
        latest; those of the last session end at *t* − 1.

    Raises
    ------
    NotEnoughData
        Fewer than `min_observations` + 1 returns.
    ValueError
        `horizon`, `history` or `every` below 1, or as in `walk_forward`.
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, got {horizon}")
    if every < 1 or history < 1:
        raise ValueError(f"every and history must be at least 1, got {every} and {history}")
    used = returns.dropna()
    if len(used) < min_observations + 1:
        raise NotEnoughData(need=min_observations + 1, got=len(used), what="variance forecasts")
    # The last estimate ends at the row before the last, earlier ones every `every` rows before it.
    steps = min((len(used) - 1 - min_observations) // every, -(-history // every))
    first = len(used) - 1 - steps * every
    used = used.iloc[max(0, first - window) :]
    walk = walk_forward(
        used, every=every, window=max(window, min_observations),
        min_observations=min(first, window),
    )  # fmt: skip
    rows = pd.Index(used.index).get_indexer(walk.sigma.index)
    observed = used.to_numpy(dtype=np.float64)[rows]
    sigma = walk.sigma.to_numpy(dtype=np.float64)
    numbers = np.arange(len(sigma)) // every
    following = np.array(
        [
            walk.estimates[estimate_number].sigma_after(float(before), float(observation)) ** 2
            for estimate_number, before, observation in zip(numbers, sigma, observed, strict=True)
        ]
    )
    omega, persistence = (
        np.array([getattr(estimate, name) for estimate in walk.estimates])[numbers]
        for name in ("omega", "persistence")
    )
    total = np.zeros(len(following))
    for _ in range(horizon):
        total += following
        following = omega + persistence * following
    names = np.array([_name(estimate) for estimate in walk.estimates], dtype=object)
    return pd.DataFrame(
        {
            "variance": total / horizon,
            "model": names[numbers],
            "estimated_to": walk.estimated_to.to_numpy(),
        },
        index=walk.sigma.index,
    )


def _name(fit: GarchFit) -> str:
    return fit.model if fit.model == "ewma" else f"{fit.model}-{fit.innovation}"
