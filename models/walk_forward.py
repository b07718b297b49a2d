"""Volatility through history without look-ahead: estimate now and then, filter every session."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.garch import GarchFit, conclude, ewma, fit_garch, without_path
from models.garch_likelihood import (
    PARAMETERS,
    ROWS_A_PARAMETER,
    Likelihood,
    climbed,
    scaled,
    usable,
)
from models.tails import varies

RESEED = 2  # estimates
WARM_GAIN_AT_REST = 1e-6  # of log-likelihood: a hundredth of what is promised
SAME_HILL = 1e-3  # of log-likelihood: nearer summits are one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """σ of every session from parameters that never saw it.

    Attributes
    ----------
    sigma : Series of shape (n,)
        Forecast for session *t*: parameters estimated on rows up to `estimated_to` < *t*, recursion
        over rows up to *t* − 1. Begins after the first estimate. NaN after a halt of the whole
        window, and until the next estimate where an absurd return takes EGARCH beyond every float.
    residuals : Series of shape (n,)
        (r_t − μ)/σ_t.
    estimated_to : Series of shape (n,)
        Last row that the parameters in force at *t* have seen.
    estimates : tuple of GarchFit
        One a re-estimation, in order, without their paths. An estimate that failed is the labelled
        EWMA.
    """

    sigma: pd.Series
    residuals: pd.Series
    estimated_to: pd.Series
    estimates: tuple[GarchFit, ...]


def walk_forward(
    returns: pd.Series,
    *,
    every: int,
    window: int,
    min_observations: int,
    model: str = "garch",
    innovation: str = "t",
    start: str = "backcast",
) -> WalkForward:
    """Re-estimate every `every` sessions, and filter at fixed parameters in between.

    The first estimate is a cold one (`fit_garch`). A likelihood of daily returns often has two
    hills, and which is higher changes with the window: each later estimate climbs both, from where
    the estimate before left them, and takes the higher. Climbs that have met go on as one, and part
    again every `RESEED` estimates. A climb that does not settle is repeated cold; an estimate that
    fails then is the labelled EWMA until the next.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are stepped over: they have no σ.
    every : int
        Observed sessions between estimates, at least 1.
    window : int
        Most recent observations that an estimate uses; at least `min_observations`.
    min_observations : int
        Observations before the first estimate, at least ten a parameter.
    model, innovation, start
        As in `fit_garch`.

    Raises
    ------
    NotEnoughData
        No session follows the first estimate.
    ValueError
        As in `fit_garch`; `every` below 1; `window` below `min_observations`.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1 session, got {every}")
    likelihood = Likelihood(model=model, innovation=innovation, start=start)
    min_observations = max(min_observations, ROWS_A_PARAMETER * len(likelihood.free))
    if window < min_observations:
        raise ValueError(
            f"window must be at least min_observations {min_observations}, got {window}"
        )
    used = usable(returns, likelihood, min_observations=min_observations + 1)
    values, index = used.to_numpy(dtype=np.float64), used.index
    sigma = np.full(len(used), np.nan)
    residuals = np.full(len(used), np.nan)
    seen = np.empty(len(used), dtype=np.int64)
    estimates: list[GarchFit] = []
    ends = range(min_observations, len(used), every)
    for end, fit in zip(ends, estimated(used, likelihood, ends, window=window), strict=True):
        estimates.append(without_path(fit))
        following = fit.sigma_next
        for t in range(end, min(end + every, len(used))):
            sigma[t] = following
            residuals[t] = (values[t] - fit.mu) / following
            seen[t] = end - 1
            following = fit.sigma_after(following, float(values[t]))
    known = slice(min_observations, None)
    return WalkForward(
        sigma=pd.Series(sigma[known], index=index[known]),
        residuals=pd.Series(residuals[known], index=index[known]),
        estimated_to=pd.Series(index[seen[known]], index=index[known]),
        estimates=tuple(estimates),
    )


def estimated(
    used: pd.Series, likelihood: Likelihood, ends: Sequence[int], *, window: int
) -> Iterator[GarchFit]:
    """Yield an estimate on the `window` rows before each of `ends`, each from the one before it."""
    starts: tuple[np.ndarray, ...] = ()
    for number, end in enumerate(ends):
        sample = used.iloc[max(0, end - window) : end]
        fit, starts = _estimate(sample, likelihood, starts, reseed=number % RESEED == 0)
        yield fit


def _estimate(
    sample: pd.Series, likelihood: Likelihood, starts: tuple[np.ndarray, ...], *, reseed: bool
) -> tuple[GarchFit, tuple[np.ndarray, ...]]:
    """Estimate from the parameters before, or cold; also where the next climbs begin."""
    if not varies(sample.to_numpy()):
        return ewma(sample, reason="constant returns over the window; EWMA stands in"), ()
    values, scale = scaled(sample)
    guesses = likelihood.guesses(values)
    if not starts:
        starts = guesses
    elif reseed and len(starts) == 1:
        decay = PARAMETERS.index("beta")
        far = max(guesses, key=lambda guess: abs(guess[decay] - starts[0][decay]))
        starts = (*starts, far)
    summits = [
        climbed(values, likelihood, theta, gain_at_rest=WARM_GAIN_AT_REST) for theta in starts
    ]
    best = max(summits, key=lambda summit: (summit.settled, summit.value))
    if not best.settled:
        return fit_garch(
            sample, min_observations=len(sample), model=likelihood.model,
            innovation=likelihood.innovation, start=likelihood.start,
        ), ()  # fmt: skip
    kept = [best]
    for summit in summits:
        apart = all(abs(summit.value - other.value) > SAME_HILL for other in kept)
        if apart and len(kept) < 2:
            kept.append(summit)
    fit = conclude(sample, likelihood, best, scale=scale, errors=False)
    return fit, tuple(summit.theta for summit in kept)
