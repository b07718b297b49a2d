"""Monitoring of the stated rates on sessions after the calibration: an e-process, and drift."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features._typing import Booleans, Floats
from features.constants import SESSIONS_PER_YEAR

# Multiples of the stated rate that the test bets on, with equal weights: half as often again is
# found slowly, five times as often at once.
_MULTIPLES = np.array([1.5, 2.0, 3.0, 5.0])
# An e-value from which a stated rate is rejected: a true rate gets there with probability at most
# 1/20, however long it is watched.
REJECTION = 20.0
# Shares of ordinary sessions above the edges of the bins: 1 in 4, 1 in 10, 1 in 20.
_EDGES = (0.25, 0.10, 0.05)
# Conventional limit of the population stability index: above it a distribution has drifted.
DRIFT = 0.25


def entry_flags(score: Floats, threshold: float, *, quiet: int) -> Booleans:
    """Flag sessions that enter a state: a crossing after `quiet` sessions without an alarm.

    Parameters
    ----------
    score : ndarray of shape (n_sessions,)
        NaN where there is none: no alarm.
    threshold : float
        An alarm is a score of at least this.
    quiet : int
        Sessions without an alarm that must come before an entry, at least 0.

    Returns
    -------
    ndarray of bool, shape (n_sessions,)
        The value at *t* uses rows up to *t*.

    Examples
    --------
    >>> entry_flags(np.array([0.0, 2.0, 0.0, 2.0, 0.0, 0.0, 2.0]), 1.0, quiet=2).tolist()
    [False, True, False, False, False, False, True]
    """
    if quiet < 0:
        raise ValueError(f"quiet must be at least 0 sessions, got {quiet}")
    raised = score >= threshold
    before = np.concatenate([[0], np.cumsum(raised)])
    rows = np.arange(len(raised))
    flags: Booleans = raised & (before[rows] == before[np.maximum(rows - quiet, 0)])
    return flags


def rate_evidence(entries: Floats, *, stated_rate: float) -> Floats:
    """E-process against the claim that entries come at most at a stated rate.

    Parameters
    ----------
    entries : ndarray of shape (n_sessions,)
        1 where a state was entered, 0 where not, NaN where the session has no score.
    stated_rate : float
        Entries per year, between 0 and a fifth of the sessions of a year.

    Returns
    -------
    ndarray of shape (n_sessions,)
        At least 0, starting near 1. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        The rate is out of bounds, or an entry is neither 0 nor 1.

    Notes
    -----
    With p the stated probability of an entry in a session, each multiple k bets
    e_t = e_{t−1} · k on an entry and e_{t−1} · (1 − k p) / (1 − p) otherwise; the e-process is the
    mean over the multiples. Where the probability given the past never exceeds p it is a
    supermartingale, so by Ville's inequality it ever reaches 20 with probability at most 1/20:
    the test may be read after every session. The condition concerns the probability given the
    past: entries that come in clusters void the bound, which is why entries shortly after an alarm
    are not counted (`entry_flags`).

    References
    ----------
    Ramdas, Grünwald, Vovk, Shafer (2023), Game-theoretic statistics and safe anytime-valid
    inference, Statistical Science 38, sections 2 and 5.

    Examples
    --------
    >>> rate_evidence(np.array([0.0, 1.0]), stated_rate=2.52).round(3).tolist()
    [0.981, 2.802]
    """
    p = stated_rate / SESSIONS_PER_YEAR
    if not 0 < p < 1 / _MULTIPLES[-1]:
        raise ValueError(
            f"stated_rate must lie between 0 and {SESSIONS_PER_YEAR / _MULTIPLES[-1]:.0f} entries "
            f"per year, got {stated_rate}"
        )
    known = ~np.isnan(entries)
    if not np.isin(entries[known], (0.0, 1.0)).all():
        raise ValueError("entries must be 0, 1 or NaN; got another value")
    won, lost = np.log(_MULTIPLES), np.log1p(-(_MULTIPLES - 1) * p / (1 - p))
    increments = np.where(entries[:, None] == 1, won, lost)
    increments[~known] = 0.0
    evidence: Floats = np.exp(np.cumsum(increments, axis=0)).mean(axis=1)
    return evidence


def population_stability(evidence: pd.Series, *, min_sessions: int = 126) -> float:
    """Population stability index of one driver against its calibration.

    Parameters
    ----------
    evidence : Series of shape (n_sessions,)
        −log₁₀ of the driver's tail frequency in ordinary sessions; NaN where it is missing.
    min_sessions : int
        Fewer sessions with a value give NaN: with n sessions and no drift the index is about
        3 / n on average.

    Returns
    -------
    float
        Σ (a − e) log(a / e) over the bins with edges at 1 in 4, 1 in 10 and 1 in 20 sessions; e is
        the stated share of a bin, a the observed one, half a session added to each count. At least
        0: above 0.25 the driver has drifted. Uses every row.

    References
    ----------
    Siddiqi (2006), Credit Risk Scorecards, Wiley, chapter 9; Yurdakul, Naranjo (2020), Statistical
    properties of the population stability index, Journal of Risk Model Validation 14.

    Examples
    --------
    >>> round(population_stability(pd.Series([0.0] * 75 + [0.7] * 15 + [1.1] * 5 + [2.0] * 5,
    ...                                      dtype=float), min_sessions=100), 4)
    0.0007
    """
    values = evidence.dropna().to_numpy(dtype=np.float64)
    if len(values) < max(min_sessions, 1):
        return float("nan")
    tail = np.array([1.0, *_EDGES, 0.0])
    stated = tail[:-1] - tail[1:]
    bins = np.searchsorted(-np.log10(_EDGES), values, side="right")
    counts = np.bincount(bins, minlength=len(stated)) + 0.5
    observed = counts / counts.sum()
    return float(((observed - stated) * np.log(observed / stated)).sum())


def rates_evidence(
    score: pd.Series,
    *,
    stated_rates: Mapping[float, float],
    weights: Mapping[float, float],
    quiet: int = 10,
) -> pd.Series:
    """E-process against the stated rates of several thresholds at once.

    Parameters
    ----------
    score : Series of shape (n_sessions,)
        Sessions after the calibration; NaN where there is none.
    stated_rates : dict of float to float
        Entries per year by threshold.
    weights : dict of float to float
        Weight of each threshold; they add up to 1. The lower threshold is entered more often, so
        it finds a wrong rate sooner.
    quiet : int
        Sessions without an alarm that must come before an entry.

    Returns
    -------
    Series of shape (n_sessions,)
        Weighted mean of the e-processes, which is one itself however the thresholds depend on each
        other. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        The weights do not add up to 1, or have other thresholds than the rates.
    """
    if set(stated_rates) != set(weights) or abs(sum(weights.values()) - 1) > 1e-9:
        raise ValueError(
            f"weights must cover the thresholds {sorted(stated_rates)} and add up to 1, "
            f"got {dict(weights)}"
        )
    values = score.to_numpy(dtype=np.float64)
    total = np.zeros(len(values))
    for threshold, rate in stated_rates.items():
        entries = entry_flags(values, threshold, quiet=quiet).astype(np.float64)
        entries[np.isnan(values)] = np.nan
        total += weights[threshold] * rate_evidence(entries, stated_rate=rate)
    return pd.Series(total, index=score.index)
