"""What a rule is worth: episodes caught, delay, and false entries, against dated labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2

# An entry this near an episode is no false one: markets begin before the date of the textbook.
BEFORE, AFTER = pd.Timedelta(days=3), pd.Timedelta(days=10)
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A dated episode: delay counts from `acute_start`."""

    name: str
    title: str
    acute_start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of time with a name, both ends included."""

    name: str
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """How one episode was met: the first entry in it, and its delay in sessions; None: missed."""

    episode: Episode
    entry: pd.Timestamp | None
    delay: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of a rule.

    Attributes
    ----------
    catches : tuple of Catch
        One an episode whose acute start lies in the scored sessions.
    false_entries : tuple of Timestamp
        Entries outside every episode.
    years : float
        Scored years.
    calm_entries, other_entries : tuple of Timestamp
        Those of the false entries that lie in calm periods, and in other sell-offs.
    """

    catches: tuple[Catch, ...]
    false_entries: tuple[pd.Timestamp, ...]
    years: float
    calm_entries: tuple[pd.Timestamp, ...]
    other_entries: tuple[pd.Timestamp, ...]

    @property
    def caught(self) -> int:
        """Episodes with an entry in them."""
        return sum(catch.delay is not None for catch in self.catches)

    def caught_within(self, sessions: int) -> int:
        """Episodes entered at most so many sessions after their acute start."""
        return sum(catch.delay is not None and catch.delay <= sessions for catch in self.catches)

    @property
    def median_delay(self) -> float:
        """Median delay of the episodes caught, in sessions; NaN where none was."""
        delays = [catch.delay for catch in self.catches if catch.delay is not None]
        return float(np.median(delays)) if delays else np.nan

    @property
    def false_rate(self) -> float:
        """False entries a year."""
        return len(self.false_entries) / self.years if self.years > 0 else np.nan

    @property
    def false_rate_interval(self) -> tuple[float, float]:
        """Exact 95 % Poisson interval of the rate."""
        return poisson_interval(len(self.false_entries), self.years)


def poisson_interval(count: int, years: float) -> tuple[float, float]:
    """Exact 95 % interval of a rate a year (Garwood 1936, Biometrika 28); NaN without years."""
    if years <= 0:
        return np.nan, np.nan
    lower = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(lower / years), float(chi2.ppf(0.975, 2 * count + 2) / 2 / years)


def near_episode(sessions: pd.DatetimeIndex, episodes: tuple[Episode, ...]) -> pd.Series:
    """Whether each session lies in [acute start − 3 days, end + 10 days] of an episode."""
    near = np.zeros(len(sessions), dtype=bool)
    for episode in episodes:
        near |= (sessions >= episode.acute_start - BEFORE) & (sessions <= episode.end + AFTER)
    return pd.Series(near, index=sessions)


def inside_episode(sessions: pd.DatetimeIndex, episodes: tuple[Episode, ...]) -> pd.Series:
    """Whether each session lies in [acute start, end] of an episode."""
    inside = np.zeros(len(sessions), dtype=bool)
    for episode in episodes:
        inside |= (sessions >= episode.acute_start) & (sessions <= episode.end)
    return pd.Series(inside, index=sessions)


def judge(
    alarm: pd.Series,
    *,
    episodes: tuple[Episode, ...],
    calm: tuple[Period, ...],
    others: tuple[Period, ...],
    quiet: int,
) -> Record:
    """Score a rule against dated labels.

    Parameters
    ----------
    alarm : Series of bool, shape (n_sessions,)
        Whether the rule is raised, over the scored sessions. An entry is a session that is raised
        and follows one that is not.
    episodes : tuple of Episode
        Caught by an entry between one session before the acute start and the end.
    calm, others : tuple of Period
        Where an entry is most, and where it is least, embarrassing.
    quiet : int
        A false entry counts once for all entries that follow an alarm within so many sessions.

    Returns
    -------
    Record
        Studies only: the record of a session depends on labels made later.
    """
    sessions = pd.DatetimeIndex(alarm.index)
    raised = alarm.to_numpy(dtype=bool)
    first = raised & ~np.concatenate([[False], raised[:-1]])
    entries: list[int] = np.flatnonzero(first).tolist()
    if not len(sessions):
        return Record(catches=(), false_entries=(), years=0.0, calm_entries=(), other_entries=())
    catches = []
    for episode in episodes:
        start = int(sessions.searchsorted(episode.acute_start))
        if start >= len(sessions) or episode.acute_start < sessions[0]:
            continue
        met = [place for place in entries if place >= start - 1 and sessions[place] <= episode.end]
        catches.append(
            Catch(
                episode=episode,
                entry=sessions[met[0]] if met else None,
                delay=met[0] - start if met else None,
            )
        )
    near = near_episode(sessions, episodes).to_numpy()
    false = [sessions[int(place)] for place in _false_places(raised, near, quiet=quiet)]
    return Record(
        catches=tuple(catches),
        false_entries=tuple(false),
        years=(sessions[-1] - sessions[0]).days / DAYS_A_YEAR,
        calm_entries=tuple(day for day in false if _within(day, calm)),
        other_entries=tuple(day for day in false if _within(day, others)),
    )


def _false_places(
    raised: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_], *, quiet: int
) -> npt.NDArray[np.intp]:
    """Places of the entries outside every episode with no alarm in the `quiet` sessions before."""
    before = np.concatenate([[0], np.cumsum(raised)])
    places = np.flatnonzero(raised & ~near)
    fresh: npt.NDArray[np.intp] = places[before[places] == before[np.maximum(places - quiet, 0)]]
    return fresh


def _within(day: pd.Timestamp, periods: tuple[Period, ...]) -> bool:
    return any(period.start <= day <= period.end for period in periods)


def united(records: tuple[Record, ...]) -> Record:
    """Join the records of several stretches of sessions."""
    return Record(
        catches=tuple(catch for record in records for catch in record.catches),
        false_entries=tuple(day for record in records for day in record.false_entries),
        years=sum(record.years for record in records),
        calm_entries=tuple(day for record in records for day in record.calm_entries),
        other_entries=tuple(day for record in records for day in record.other_entries),
    )


def lowest_threshold(
    values: tuple[pd.Series, ...], *, episodes: tuple[Episode, ...], budget: float, quiet: int
) -> float:
    """Lowest threshold of a rule whose false entries stay within a budget a year, in sample.

    Parameters
    ----------
    values : tuple of Series
        The rule's value, one series a stretch of sessions; it is raised from the threshold on.
    episodes : tuple of Episode
    budget : float
        False entries a year.
    quiet : int
        As in `judge`.

    Returns
    -------
    float
        The flattering choice that a user who knows the history would make: lowering the threshold
        further breaks the budget. Infinite where no threshold of the grid keeps it.
    """
    kept = [value.dropna() for value in values]
    together = np.concatenate([value.to_numpy(dtype=np.float64) for value in kept])
    near = [near_episode(pd.DatetimeIndex(v.index), episodes).to_numpy() for v in kept]
    days = sum((value.index[-1] - value.index[0]).days for value in kept)
    # From one session in five to one in 2,000, from above: the first that breaks the budget ends.
    grid = np.quantile(together, 1 - np.geomspace(0.2, 0.0005, 150))[::-1]
    chosen = np.inf
    for threshold in grid:
        count = sum(
            len(_false_places(value.to_numpy(dtype=np.float64) >= threshold, flags, quiet=quiet))
            for value, flags in zip(kept, near, strict=True)
        )
        if count * DAYS_A_YEAR > budget * days:
            break
        chosen = float(threshold)
    return chosen
