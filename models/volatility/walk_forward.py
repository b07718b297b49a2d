"""Walk-forward volatility: parameters re-estimated every k sessions, filtered daily."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models._checks import varies
from models._reports import short_repr
from models.volatility._likelihood import (
    ROWS_PER_PARAMETER,
    Likelihood,
    maximise,
    scaled,
    usable,
)
from models.volatility.garch import GarchFit, conclude, ewma, fit_garch, without_path

RESEED = 2  # estimates
WARM_MIN_GAIN = 1e-6  # of log-likelihood: a hundredth of the stated precision
SAME_MAXIMUM = 1e-3  # of log-likelihood: closer maxima are the same


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """σ of every session from parameters estimated on earlier rows.

    Attributes
    ----------
    sigma : Series of shape (n,)
        Forecast for session *t*: parameters estimated on rows up to `estimated_to` < *t*, recursion
        over rows up to *t* − 1. Begins after the first estimate. NaN after a halt of the whole
        window, and until the next estimate where EGARCH overflows after an absurd return.
    residuals : Series of shape (n,)
        (r_t − μ)/σ_t.
    estimated_to : Series of shape (n,)
        Last row of the sample behind the current parameters.
    sigma_next : float
        Forecast for the session after the last row, with the parameters of the newest estimate.
    estimates : tuple of GarchFit
        One per re-estimation, in order, without their paths. A failed estimate is the EWMA
        fallback.
    """

    sigma: pd.Series
    residuals: pd.Series
    estimated_to: pd.Series
    sigma_next: float
    estimates: tuple[GarchFit, ...]

    __repr__ = short_repr


def walk_forward(
    returns: pd.Series,
    *,
    every: int = 21,
    window: int = 1500,
    min_observations: int = 250,
    model: str = "garch",
    innovation: str = "t",
    start: str = "backcast",
) -> WalkForward:
    """Re-estimate every `every` sessions and filter at fixed parameters in between.

    The first estimate is cold (`fit_garch`). A likelihood of daily returns often has several
    local maxima, and the highest one changes with the window: each later estimate is warm-started
    from up to two earlier maxima and keeps the higher. Maxima that coincide are merged, and a
    second start is added again every `RESEED` estimates. If no warm start converges the
    estimate is repeated cold; if that fails too, the EWMA fallback is used until the next.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are skipped: they have no σ.
    every : int
        Sessions with a return between estimates, at least 1.
    window : int
        Observations in each estimation sample; at least `min_observations`.
    min_observations : int
        Observations before the first estimate, at least ten per parameter.
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
    min_observations = max(min_observations, ROWS_PER_PARAMETER * len(likelihood.free))
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
    following = np.nan
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
        sigma_next=following,
        estimates=tuple(estimates),
    )


def estimated(
    used: pd.Series, likelihood: Likelihood, ends: Sequence[int], *, window: int
) -> Iterator[GarchFit]:
    """Yield an estimate on the `window` rows before each of `ends`, each from the one before it."""
    starts: tuple[np.ndarray, ...] = ()
    for number, end in enumerate(ends):
        sample = used.iloc[max(0, end - window) : end]
        turn = number // RESEED if number % RESEED == 0 else None
        fit, starts = _estimate(sample, likelihood, starts, turn=turn)
        yield fit


def _estimate(
    sample: pd.Series, likelihood: Likelihood, starts: tuple[np.ndarray, ...], *, turn: int | None
) -> tuple[GarchFit, tuple[np.ndarray, ...]]:
    """Estimate warm-started or cold; also returns the starting values of the next estimate.

    In a `turn` a second start is added where only one is left: the cold ones take turns.
    """
    if not varies(sample.to_numpy()):
        return ewma(sample, reason="constant returns over the window; EWMA is used instead"), ()
    values, scale = scaled(sample)
    guesses = likelihood.guesses(values)
    if not starts:
        starts = guesses
    elif turn is not None and len(starts) == 1:
        starts = (*starts, guesses[turn % len(guesses)])
    maxima = [maximise(values, likelihood, theta, min_gain=WARM_MIN_GAIN) for theta in starts]
    best = max(maxima, key=lambda maximum: (maximum.converged, maximum.value))
    if not best.converged:
        return fit_garch(
            sample, min_observations=len(sample), model=likelihood.model,
            innovation=likelihood.innovation, start=likelihood.start,
        ), ()  # fmt: skip
    retained = [best]
    for maximum in maxima:
        apart = all(abs(maximum.value - other.value) > SAME_MAXIMUM for other in retained)
        if apart and len(retained) < 2:
            retained.append(maximum)
    fit = conclude(sample, likelihood, best, scale=scale, errors=False)
    return fit, tuple(maximum.theta for maximum in retained)
