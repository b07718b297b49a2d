"""Evaluation of a rule against labelled episodes: detections, delay, false alarms, time raised.

An alarm pays for time. A stretch outside every episode counts one false alarm per ten sessions
begun, so that an alarm on every other session is not one false alarm.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from features._typing import Booleans

# Buffer of an episode: an entry within it is not a false alarm. Markets move before the date of
# the label.
BEFORE, AFTER = pd.Timedelta(days=3), pd.Timedelta(days=10)
DAYS_PER_YEAR = 365.25
# Sessions of a raised stretch outside episodes that count as one false alarm.
STRETCH = 10
# Sessions after the acute start: later than that, a desk has sold already.
IN_TIME = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A labelled episode: detection delay counts from `acute_start`.

    `cross_asset` is False where one asset class or one strategy deleveraged: a narrow alarm may
    detect that episode, but no other.
    """

    name: str
    title: str
    acute_start: pd.Timestamp
    end: pd.Timestamp
    cross_asset: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A named period, both ends included."""

    name: str
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """First entry in one episode and its delay in sessions; None: missed."""

    episode: Episode
    entry: pd.Timestamp | None
    delay: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of a rule.

    Attributes
    ----------
    detections : tuple of Detection
        One per episode whose acute start lies in the scored sessions.
    false_alarms : tuple of Timestamp
        First session of each ten, in raised stretches outside the buffer of every episode.
    years : float
        Scored years.
    calm_alarms, other_alarms : tuple of Timestamp
        False alarms in calm periods, and in other sell-offs.
    sessions, raised, raised_outside : int
        Scored sessions; those with an alarm; those of them outside the buffer of every episode.
    entries_inside : int
        Entries inside the episodes: several per episode make a signal hard to act on.
    """

    detections: tuple[Detection, ...]
    false_alarms: tuple[pd.Timestamp, ...]
    years: float
    calm_alarms: tuple[pd.Timestamp, ...]
    other_alarms: tuple[pd.Timestamp, ...]
    sessions: int
    raised: int
    raised_outside: int
    entries_inside: int

    @property
    def detected(self) -> int:
        """Number of episodes detected."""
        return sum(detection.delay is not None for detection in self.detections)

    def detected_within(self, sessions: int) -> int:
        """Number of episodes detected at most `sessions` after their acute start."""
        return sum(
            detection.delay is not None and detection.delay <= sessions
            for detection in self.detections
        )

    @property
    def raised_share(self) -> float:
        """Share of sessions raised; NaN without a session."""
        return self.raised / self.sessions if self.sessions else np.nan

    @property
    def entries_per_episode(self) -> float:
        """Entries inside an episode per scored episode; NaN without an episode."""
        return self.entries_inside / len(self.detections) if self.detections else np.nan

    @property
    def median_delay(self) -> float:
        """Median detection delay in sessions; NaN without a detection."""
        delays = [detection.delay for detection in self.detections if detection.delay is not None]
        return float(np.median(delays)) if delays else np.nan

    @property
    def false_alarm_rate(self) -> float:
        """False alarms per year."""
        return len(self.false_alarms) / self.years if self.years > 0 else np.nan

    @property
    def false_alarm_rate_interval(self) -> tuple[float, float]:
        """Exact 95 % Poisson interval of the rate."""
        return poisson_interval(len(self.false_alarms), self.years)


def poisson_interval(count: int, years: float) -> tuple[float, float]:
    """Exact 95 % interval of a rate per year (Garwood 1936, Biometrika 28); NaN without years."""
    if years <= 0:
        return np.nan, np.nan
    # Quantiles of χ² with 2n degrees are twice those of a gamma with shape n.
    lower = special.gammaincinv(count, 0.025) if count else 0.0
    return float(lower / years), float(special.gammaincinv(count + 1, 0.975) / years)


def near_episode(sessions: pd.DatetimeIndex, episodes: tuple[Episode, ...]) -> pd.Series:
    """Flag sessions in [acute start − 3 days, end + 10 days] of an episode."""
    near = np.zeros(len(sessions), dtype=bool)
    for episode in episodes:
        near |= (sessions >= episode.acute_start - BEFORE) & (sessions <= episode.end + AFTER)
    return pd.Series(near, index=sessions)


def inside_episode(sessions: pd.DatetimeIndex, episodes: tuple[Episode, ...]) -> pd.Series:
    """Flag sessions in [acute start, end] of an episode."""
    inside = np.zeros(len(sessions), dtype=bool)
    for episode in episodes:
        inside |= (sessions >= episode.acute_start) & (sessions <= episode.end)
    return pd.Series(inside, index=sessions)


def evaluate_rule(
    alarm: pd.Series,
    *,
    episodes: tuple[Episode, ...],
    calm: tuple[Period, ...] = (),
    others: tuple[Period, ...] = (),
    narrow: pd.Series | None = None,
    quiet: int = 10,
) -> Record:
    """Evaluate a rule against labelled episodes.

    Parameters
    ----------
    alarm : Series of bool, shape (n_sessions,)
        Whether the rule alarms, over the scored sessions. An entry is a session with an alarm that
        follows one without.
    episodes : tuple of Episode
        Detected by an entry between one session before the acute start and the end.
    calm, others : tuple of Period
        Calm periods, and sell-offs that are not labelled episodes.
    narrow : Series of bool, shape (n_sessions,), optional
        Alarms of one asset class or strategy alone. They detect no cross-asset episode, and are
        paid for like any other. None: no alarm is narrow.
    quiet : int
        Longest gap, in sessions, inside one stretch of false alarms.

    Returns
    -------
    Record
        Studies only: the record of a session depends on labels made later.
    """
    sessions = pd.DatetimeIndex(alarm.index)
    raised = alarm.to_numpy(dtype=bool)
    broad = raised if narrow is None else raised & ~narrow.to_numpy(dtype=bool)
    entries = {True: _entries(broad), False: _entries(raised)}
    near = near_episode(sessions, episodes).to_numpy()
    false = [sessions[row] for row in false_alarm_rows(raised & ~near, quiet=quiet)]
    detections, n_inside = [], 0
    for episode in episodes:
        start = int(sessions.searchsorted(episode.acute_start))
        if start >= len(sessions) or episode.acute_start < sessions[0]:
            continue
        inside = [
            row
            for row in entries[episode.cross_asset]
            if row >= start - 1 and sessions[row] <= episode.end
        ]
        n_inside += len(inside)
        detections.append(
            Detection(
                episode=episode,
                entry=sessions[inside[0]] if inside else None,
                delay=inside[0] - start if inside else None,
            )
        )
    return Record(
        detections=tuple(detections),
        false_alarms=tuple(false),
        years=(sessions[-1] - sessions[0]).days / DAYS_PER_YEAR if len(sessions) else 0.0,
        calm_alarms=tuple(day for day in false if _within(day, calm)),
        other_alarms=tuple(day for day in false if _within(day, others)),
        sessions=len(sessions),
        raised=int(raised.sum()),
        raised_outside=int((raised & ~near).sum()),
        entries_inside=n_inside,
    )


def _entries(raised: Booleans) -> list[int]:
    rows: list[int] = np.flatnonzero(raised & ~np.concatenate([[False], raised[:-1]])).tolist()
    return rows


def false_alarm_rows(outside: Booleans, *, quiet: int) -> list[int]:
    """Rows of the false alarms: one per ten sessions begun of every stretch outside episodes.

    Parameters
    ----------
    outside : array of bool, shape (n_sessions,)
        Sessions with an alarm outside the buffer of every episode.
    quiet : int
        Two alarms at most this many sessions apart belong to one stretch.
    """
    rows = np.flatnonzero(outside)
    if not rows.size:
        return []
    breaks = np.flatnonzero(np.diff(rows) > quiet)
    first, last = rows[np.r_[0, breaks + 1]], rows[np.r_[breaks, rows.size - 1]]
    return [
        row
        for start, end in zip(first.tolist(), last.tolist(), strict=True)
        for row in range(start, end + 1, STRETCH)
    ]


def _within(day: pd.Timestamp, periods: tuple[Period, ...]) -> bool:
    return any(period.start <= day <= period.end for period in periods)


def pooled(records: tuple[Record, ...]) -> Record:
    """Pool the records of several periods."""
    return Record(
        detections=tuple(detection for record in records for detection in record.detections),
        false_alarms=tuple(day for record in records for day in record.false_alarms),
        years=sum(record.years for record in records),
        calm_alarms=tuple(day for record in records for day in record.calm_alarms),
        other_alarms=tuple(day for record in records for day in record.other_alarms),
        sessions=sum(record.sessions for record in records),
        raised=sum(record.raised for record in records),
        raised_outside=sum(record.raised_outside for record in records),
        entries_inside=sum(record.entries_inside for record in records),
    )


def lowest_threshold(
    values: tuple[pd.Series, ...],
    *,
    episodes: tuple[Episode, ...],
    budget: float = 1.0,
    quiet: int = 10,
) -> float:
    """Lowest threshold of a rule with at most `budget` false alarms per year, in sample.

    Parameters
    ----------
    values : tuple of Series
        The rule's value, one series per period; it alarms from the threshold upwards.
    episodes : tuple of Episode
    budget : float
        False alarms per year.
    quiet : int
        As in `evaluate_rule`.

    Returns
    -------
    float
        The optimistic choice of a user who knows the history: any lower threshold exceeds the
        budget. Infinite where no threshold of the grid meets it.
    """
    observed = [value.dropna() for value in values]
    together = np.concatenate([value.to_numpy(dtype=np.float64) for value in observed])
    near = [near_episode(pd.DatetimeIndex(v.index), episodes).to_numpy() for v in observed]
    days = sum((value.index[-1] - value.index[0]).days for value in observed)
    # Alarm shares from 1 in 2,000 to 1 in 5: the first threshold over the budget ends the search.
    grid = np.quantile(together, 1 - np.geomspace(0.2, 0.0005, 150))[::-1]
    lowest = np.inf
    for threshold in grid:
        count = sum(
            len(
                false_alarm_rows(
                    (value.to_numpy(dtype=np.float64) >= threshold) & ~flags, quiet=quiet
                )
            )
            for value, flags in zip(observed, near, strict=True)
        )
        if count * DAYS_PER_YEAR > budget * days:
            break
        lowest = float(threshold)
    return lowest
