"""Misses against the share of time raised, and what the same alarms detect by chance."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features._typing import Booleans, Floats, Integers
from models.verdict.evaluation import IN_TIME, Episode

BAND = (0.05, 0.95)
# Shares of sessions raised at which the curve is computed.
SHARES = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MolchanCurve:
    """Misses against the share of sessions raised, as the threshold falls.

    Attributes
    ----------
    raised : array of shape (n_points,)
        Share of sessions with a value at or above the threshold, increasing.
    misses : array of shape (n_points,)
        Share of episodes without such a session in time.
    chance_lower, chance_upper : array of shape (n_points,)
        5 % and 95 % of the misses when the same values are shifted in time.
    """

    raised: Floats
    misses: Floats
    chance_lower: Floats
    chance_upper: Floats


def episode_windows(sessions: pd.DatetimeIndex, episodes: tuple[Episode, ...]) -> Integers:
    """First row of each scored episode's window: one session before the acute start.

    The window ends two sessions after the acute start. Episodes outside the sessions are left out.
    """
    starts = [
        max(int(sessions.searchsorted(episode.acute_start)) - 1, 0)
        for episode in episodes
        if sessions[0] <= episode.acute_start <= sessions[-1]
    ]
    return np.array(starts, dtype=np.int64)


def chance_detections(
    alarm: Booleans, windows: Integers, *, shifts: int = 500, seed: int = 0
) -> Integers:
    """Episodes that the same entries detect when they are shifted in time.

    Parameters
    ----------
    alarm : array of bool, shape (n_sessions,)
    windows : array of int
        From `episode_windows`.
    shifts : int
        Circular shifts, by at least 20 sessions.
    seed : int

    Returns
    -------
    array of int, shape (shifts,)
        A rule without skill detects as many as these on average.
    """
    entries = alarm & ~np.concatenate([[False], alarm[:-1]])
    return _hits(entries, windows, _offsets(len(alarm), shifts, seed))


def molchan_curve(
    values: Floats, windows: Integers, *, shifts: int = 200, seed: int = 0
) -> MolchanCurve:
    """Trade-off between misses and time raised (Molchan 1991, Tectonophysics 193).

    Parameters
    ----------
    values : array of shape (n_sessions,)
        The rule's value; it alarms from the threshold upwards. NaN never alarms.
    windows : array of int
        From `episode_windows`.
    shifts : int
        Circular shifts for the band of a rule without skill.
    seed : int
    """
    score = np.where(np.isnan(values), -np.inf, values)
    offsets = _offsets(len(score), shifts, seed)
    ranked, n = np.sort(score)[::-1], max(len(windows), 1)
    points = []
    for share in SHARES:
        alarm = score >= ranked[max(round(share * len(score)) - 1, 0)]
        chance = 1 - _hits(alarm, windows, offsets) / n
        own = _hits(alarm, windows, np.array([0]))[0] / n
        points.append((alarm.mean(), 1 - own, *np.quantile(chance, BAND)))
    raised, misses, lower, upper = np.array(points).T
    return MolchanCurve(raised=raised, misses=misses, chance_lower=lower, chance_upper=upper)


def _offsets(n: int, shifts: int, seed: int) -> Integers:
    return np.random.default_rng(seed).integers(20, max(n - 20, 21), shifts)


def _hits(flags: Booleans, windows: Integers, offsets: Integers) -> Integers:
    """Windows that hold a flag, for each shift of the windows along the sessions."""
    rows = windows[None, :, None] + offsets[:, None, None] + np.arange(IN_TIME + 2)
    hits: Integers = flags[rows % len(flags)].any(axis=2).sum(axis=1)
    return hits
