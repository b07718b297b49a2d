"""The pooled scored sessions of several histories, and leave-one-out verdicts."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features._typing import Booleans, Floats, Integers
from models.verdict import (
    DEGROSSING,
    RAISED,
    Calibration,
    Period,
    Record,
    Resampling,
    calibrate,
    deleveraging_score,
    evaluate_rule,
    inside_episode,
    near_episode,
    pooled,
    states,
)
from unwind.settings import Settings
from unwind.studies.episodes import Labels
from unwind.studies.history import History

# Calendar years per block; a folder with fewer than twice as many is one block.
BLOCK_YEARS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Scored sessions, one history after the other.

    Attributes
    ----------
    drivers : DataFrame of shape (n_sessions, n_drivers)
    segments : array of int
        Number of the history that a row comes from.
    near, inside : array of bool
        In the buffer of an episode; in an episode.
    labels : Labels
    weights : dict of str to float
        Of the drivers in the score.
    max_shape : float
        Largest tail shape; 0 makes every tail exponential.
    """

    drivers: pd.DataFrame
    segments: Integers
    near: Booleans
    inside: Booleans
    labels: Labels
    weights: Mapping[str, float]
    max_shape: float = 0.5

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The rows."""
        return pd.DatetimeIndex(self.drivers.index)

    @property
    def ordinary(self) -> Booleans:
        """Sessions outside every episode and its buffer."""
        return ~self.near


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """The verdict on every session of a sample, each by a calibration without its fold.

    Attributes
    ----------
    score, margin : array of shape (n_sessions,)
        The score, and the score less the DELEVERAGING threshold of its calibration.
    raised, narrow : Series of bool
        Whether the state is an alarm, and whether it is DEGROSSING.
    bands : array of int
        Score band: 0 below release, then release, WATCH, DELEVERAGING, and 1 above it.
    judged : array of bool
        Sessions with a score.
    """

    score: Floats
    margin: Floats
    raised: pd.Series
    narrow: pd.Series
    bands: Integers
    judged: Booleans


def pool(histories: tuple[History, ...], labels: Labels, settings: Settings) -> Sample:
    """Pool the scored sessions of the histories."""
    parts = [history.drivers.loc[history.first_scored :] for history in histories]
    drivers = pd.concat(parts)
    sessions = pd.DatetimeIndex(drivers.index)
    return Sample(
        drivers=drivers,
        segments=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        near=near_episode(sessions, labels.episodes).to_numpy(),
        inside=inside_episode(sessions, labels.episodes).to_numpy(),
        labels=labels,
        weights=settings.verdict.weights.model_dump(),
    )


def rows_of(sample: Sample, rows: Booleans | Integers) -> Sample:
    """Return the sample with these rows alone, for a calibration."""
    return replace(
        sample,
        drivers=sample.drivers.iloc[rows] if rows.dtype != bool else sample.drivers[rows],
        segments=sample.segments[rows],
        near=sample.near[rows],
        inside=sample.inside[rows],
    )


def calibrate_sample(sample: Sample, settings: Settings) -> Calibration:
    """Calibrate on every session of the sample.

    Raises
    ------
    NotEnoughData
        Too few ordinary sessions.
    """
    rules = settings.calibration
    return calibrate(
        sample.drivers,
        pd.Series(sample.ordinary, sample.sessions),
        pd.Series(sample.inside, sample.sessions),
        cap=settings.verdict.evidence_cap,
        weights=sample.weights,
        max_shape=sample.max_shape,
        watch_entries=rules.watch_entries,
        deleveraging_entries=rules.deleveraging_entries,
        release_share=rules.release_share,
        resampling=Resampling(
            paths=rules.paths, years=rules.years, block=rules.block, quiet=rules.quiet,
            seed=rules.seed,
        ),
    )  # fmt: skip


def in_period(sessions: pd.DatetimeIndex, period: Period) -> Booleans:
    """Flag the sessions of a period."""
    flags: Booleans = np.asarray((sessions >= period.start) & (sessions <= period.end))
    return flags


def year_folds(sample: Sample) -> tuple[Period, ...]:
    """One fold per calendar year with a scored session."""
    return tuple(_years(year, year) for year in sorted(set(sample.sessions.year)))


def block_folds(sample: Sample) -> tuple[Period, ...]:
    """Consecutive calendar years of one history: four to seven if the history is long enough."""
    folds = []
    for segment in np.unique(sample.segments):
        years = sorted(set(sample.sessions[sample.segments == segment].year))
        n = max(len(years) // BLOCK_YEARS, 1)
        edges = [i * len(years) // n for i in range(n + 1)]
        folds += [_years(years[a], years[b - 1]) for a, b in itertools.pairwise(edges)]
    return tuple(folds)


def _years(first: int, last: int) -> Period:
    return Period(
        name=f"{first}" if first == last else f"{first}–{last}",
        start=pd.Timestamp(year=first, month=1, day=1),
        end=pd.Timestamp(year=last, month=12, day=31),
    )


def judge_left_out(
    sample: Sample, folds: Iterable[Period], settings: Settings, *, walk_forward: bool = False
) -> Judgement:
    """Judge every fold with a calibration on the other folds, or on earlier sessions alone.

    Parameters
    ----------
    sample : Sample
    folds : iterable of Period
    settings : Settings
    walk_forward : bool
        Calibrate on the sessions before the fold alone.

    Raises
    ------
    NotEnoughData
        Too few ordinary sessions for a fold.
    """
    answer = _empty(sample)
    for fold in folds:
        own = in_period(sample.sessions, fold)
        train = sample.sessions < fold.start if walk_forward else ~own
        fit = calibrate_sample(rows_of(sample, np.asarray(train)), settings)
        _write(answer, sample, fit, own, settings)
    return answer


def judge_with(sample: Sample, fit: Calibration, settings: Settings) -> Judgement:
    """Judge every session with one calibration, in sample."""
    answer = _empty(sample)
    _write(answer, sample, fit, np.ones(len(sample.drivers), dtype=bool), settings)
    return answer


def _empty(sample: Sample) -> Judgement:
    n = len(sample.drivers)
    return Judgement(
        score=np.full(n, np.nan),
        margin=np.full(n, np.nan),
        raised=pd.Series(False, sample.sessions),
        narrow=pd.Series(False, sample.sessions),
        bands=np.full(n, -1),
        judged=np.zeros(n, dtype=bool),
    )


def _write(
    answer: Judgement, sample: Sample, fit: Calibration, own: Booleans, settings: Settings
) -> None:
    """Fill the rows of a fold; the state machine runs over the whole history."""
    for segment in np.unique(sample.segments[own]):
        rows = np.flatnonzero(sample.segments == segment)
        scores = deleveraging_score(
            sample.drivers.iloc[rows], scales=fit.scales, weights=sample.weights,
            cap=settings.verdict.evidence_cap,
        )  # fmt: skip
        machine = states(
            scores.score, cross_asset=scores.cross_asset, watch=fit.watch,
            deleveraging=fit.deleveraging, release=fit.release, dwell=settings.verdict.dwell,
        )["state"]  # fmt: skip
        selected = own[rows]
        target = rows[selected]
        score = scores.score.to_numpy(dtype=np.float64)[selected]
        answer.score[target] = score
        answer.margin[target] = score - fit.deleveraging
        answer.bands[target] = np.searchsorted(
            [fit.release, fit.watch, fit.deleveraging, fit.deleveraging + 1], score, side="right"
        )
        answer.judged[target] = ~np.isnan(score)
        answer.raised.iloc[target] = machine.isin(RAISED).to_numpy()[selected]
        answer.narrow.iloc[target] = (machine == DEGROSSING).to_numpy()[selected]


def record_of(
    sample: Sample,
    raised: pd.Series,
    settings: Settings,
    *,
    narrow: pd.Series | None = None,
    rows: Booleans | None = None,
) -> Record:
    """Evaluate an alarm over the sample, history by history; `rows` limits the scored sessions."""
    records = []
    for segment in np.unique(sample.segments):
        own = sample.segments == segment
        own = own if rows is None else own & rows
        if own.any():
            records.append(
                evaluate_rule(
                    raised[own],
                    narrow=None if narrow is None else narrow[own],
                    episodes=sample.labels.episodes,
                    calm=sample.labels.calm,
                    others=sample.labels.others,
                    quiet=settings.calibration.quiet,
                )
            )
    return pooled(tuple(records))
