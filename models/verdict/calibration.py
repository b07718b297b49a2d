"""Scales and thresholds of the verdict, from ordinary sessions, at a target false-alarm rate."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from features._numba import njit
from features._typing import Floats, Integers
from features.constants import SESSIONS_PER_YEAR
from models._resampling import stationary_rows
from models.errors import NotEnoughData, NoVariation
from models.tails import fit_gpd
from models.verdict.score import DRIVERS, LEVELS, WEIGHTS, Scale, deleveraging_score

MIN_SESSIONS = 500  # two years: with fewer, the tail of a scale depends on a handful of sessions
# Resolution of a threshold: far below its sampling error.
RESOLUTION = 0.005
# A tail whose mean is barely finite would make evidence grow too slowly to be told apart.
MAX_SHAPE = 0.5
# Quantile of the score where the search begins: lower, most sessions alarm and few entries remain.
LOWEST_QUANTILE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Share of sessions with a score in [lower_score, next band) that lay in an episode."""

    lower_score: float
    sessions: int
    inside: int
    share: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Scales of the drivers and thresholds of the score.

    Attributes
    ----------
    scales : dict of str to Scale
    watch, deleveraging, release : float
        Thresholds of the score.
    watch_rate, deleveraging_rate : float
        False alarms per year in resampled ordinary sessions; at most the target.
    deleveraging_rate_lower, deleveraging_rate_upper : float
        2.5 % and 97.5 % quantiles over the resampled paths.
    bands : tuple of Band
        Share of sessions inside an episode, by score.
    sessions : int
        Ordinary sessions used.
    """

    scales: Mapping[str, Scale]
    watch: float
    deleveraging: float
    release: float
    watch_rate: float
    deleveraging_rate: float
    deleveraging_rate_lower: float
    deleveraging_rate_upper: float
    bands: tuple[Band, ...]
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """Stationary bootstrap (Politis and Romano 1994) of ordinary sessions.

    Attributes
    ----------
    paths : int
    years : int
        Length of a path.
    block : int
        Mean block length in sessions: long enough to contain a volatility cluster.
    quiet : int
        Sessions without an alarm after which a crossing counts as a new alarm.
    seed : int
    """

    paths: int = 400
    years: int = 10
    block: int = 20
    quiet: int = 10
    seed: int = 0


_DEFAULT = Resampling()


def calibrate(
    drivers: pd.DataFrame,
    ordinary: pd.Series,
    inside: pd.Series,
    *,
    cap: float = 4.0,
    weights: Mapping[str, float] = WEIGHTS,
    max_shape: float = MAX_SHAPE,
    watch_entries: float = 4.0,
    deleveraging_entries: float = 0.65,
    release_share: float = 0.8,
    resampling: Resampling = _DEFAULT,
) -> Calibration:
    """Calibrate scales and thresholds to the target false-alarm rates of ordinary sessions.

    Parameters
    ----------
    drivers : DataFrame of shape (n_sessions, n_drivers)
        Sessions of one or several markets, one after the other. A driver may be missing in part
        of them: its scale comes from the others.
    ordinary : Series of bool, shape (n_sessions,)
        Sessions outside every labelled episode and its buffer, where any alarm is false.
    inside : Series of bool, shape (n_sessions,)
        Sessions inside an episode, for the bands.
    cap : float
        Largest evidence of one driver.
    weights : dict of str to float
        Of the drivers in the score.
    max_shape : float
        Largest shape of a tail; 0 makes every tail exponential.
    watch_entries, deleveraging_entries : float
        Target false alarms per year in ordinary sessions.
    release_share : float
        Share of ordinary sessions whose score lies below the release threshold.
    resampling : Resampling

    Returns
    -------
    Calibration

    Raises
    ------
    NotEnoughData
        Fewer than `MIN_SESSIONS` ordinary sessions have one of the drivers.

    Notes
    -----
    No threshold is fitted to an episode: labels only exclude sessions. Crossings of the score are
    counted, which are never fewer than the entries of the state machine.
    """
    calm = drivers[ordinary.to_numpy()]
    scales = {name: _scale(calm[name].dropna(), name, max_shape) for name in DRIVERS}
    score = deleveraging_score(drivers, scales=scales, weights=weights, cap=cap).score
    quiet = score[ordinary.to_numpy()].dropna().to_numpy(dtype=np.float64)
    paths = resample(quiet, resampling)
    raised = threshold_for(paths, entries_per_year=deleveraging_entries, quiet=resampling.quiet)
    # Target rates that nearly agree may give one threshold; the states need two.
    watch = min(
        threshold_for(paths, entries_per_year=watch_entries, quiet=resampling.quiet),
        raised - RESOLUTION,
    )
    rates = entry_rates(paths, raised, quiet=resampling.quiet)
    release = min(float(np.quantile(quiet, release_share)), watch - RESOLUTION)
    return Calibration(
        scales=scales,
        watch=watch,
        deleveraging=raised,
        release=release,
        watch_rate=float(entry_rates(paths, watch, quiet=resampling.quiet).mean()),
        deleveraging_rate=float(rates.mean()),
        deleveraging_rate_lower=float(np.quantile(rates, 0.025)),
        deleveraging_rate_upper=float(np.quantile(rates, 0.975)),
        bands=_bands(score, inside, edges=(0.0, release, watch, raised, raised + 1.0)),
        sessions=len(quiet),
    )


def _scale(sample: pd.Series, name: str, max_shape: float) -> Scale:
    if len(sample) < MIN_SESSIONS:
        what = f"ordinary sessions with the driver {name}"
        raise NotEnoughData(need=MIN_SESSIONS, got=len(sample), what=what)
    values = sample.to_numpy(dtype=np.float64)
    knots = tuple(float(knot) for knot in np.quantile(values, LEVELS))
    beyond = values[values > knots[-1]] - knots[-1]
    if not beyond.size:
        fault = f"no ordinary session exceeds the last knot ({knots[-1]:g})"
        raise NoVariation(what=f"the scale of {name}", fault=fault, got=len(values))
    years = pd.DatetimeIndex(sample.index).year.to_numpy()
    return Scale(
        knots=knots,
        mean_excess=float(beyond.mean()),
        shape=min(tail_shape(values, years), max_shape),
    )


def tail_shape(values: Floats, years: Integers) -> float:
    """Mean shape of the generalised Pareto tails fitted with each calendar year left out.

    Parameters
    ----------
    values : array of shape (n,)
    years : array of int, shape (n,)

    Returns
    -------
    float
        In [0, `MAX_SHAPE`]. 0, the exponential tail, where a fit has too few exceedances.
    """
    shapes = []
    for year in np.unique(years):
        others = values[years != year]
        try:
            threshold = float(np.quantile(others, LEVELS[-1])) if others.size else 0.0
            shapes.append(fit_gpd(others, threshold=threshold, interval=False).xi)
        except NotEnoughData:
            return 0.0
    return float(np.clip(np.mean(shapes), 0.0, MAX_SHAPE)) if shapes else 0.0


def _bands(score: pd.Series, inside: pd.Series, *, edges: tuple[float, ...]) -> tuple[Band, ...]:
    """Share of sessions inside an episode between the edges, with Jeffreys' 95 % interval."""
    observed = score.notna().to_numpy()
    values = score.to_numpy(dtype=np.float64)[observed]
    in_episode = inside.to_numpy()[observed]
    bands = []
    for lower, upper in zip(edges, (*edges[1:], np.inf), strict=True):
        in_band = (values >= lower) & (values < upper)
        n, hits = int(in_band.sum()), int(in_episode[in_band].sum())
        bands.append(
            Band(
                lower_score=lower,
                sessions=n,
                inside=hits,
                share=(hits + 0.5) / (n + 1),
                lower=float(special.betaincinv(hits + 0.5, n - hits + 0.5, 0.025)),
                upper=float(special.betaincinv(hits + 0.5, n - hits + 0.5, 0.975)),
            )
        )
    return tuple(bands)


def resample(values: Floats, resampling: Resampling) -> Floats:
    """Draw paths of a series by the stationary bootstrap.

    Parameters
    ----------
    values : array of shape (n,)
    resampling : Resampling

    Returns
    -------
    array of shape (paths, years × 252)
        The same seed gives the same paths.
    """
    rows = stationary_rows(
        len(values),
        length=resampling.years * SESSIONS_PER_YEAR,
        block=resampling.block,
        draws=resampling.paths,
        generator=np.random.default_rng(resampling.seed),
    )
    paths: Floats = values[rows]
    return paths


def threshold_for(paths: Floats, *, entries_per_year: float, quiet: int) -> float:
    """Lowest threshold whose mean entry rate, and that of every higher one, meets the target.

    Parameters
    ----------
    paths : array of shape (paths, sessions)
    entries_per_year : float
        Positive.
    quiet : int
        Sessions without an alarm after which a crossing counts as a new entry.
    """
    if entries_per_year <= 0:
        raise ValueError(f"entries_per_year must be positive, got {entries_per_year}")
    lower, upper = float(np.quantile(paths, LOWEST_QUANTILE)), float(paths.max()) + RESOLUTION
    while upper - lower > RESOLUTION:
        middle = (lower + upper) / 2
        if entry_rates(paths, middle, quiet=quiet).mean() > entries_per_year:
            lower = middle
        else:
            upper = middle
    return upper


def entry_rates(paths: Floats, threshold: float, *, quiet: int) -> Floats:
    """Entries per year of each path: crossings after `quiet` sessions without an alarm."""
    rates: Floats = _count(paths, threshold, quiet) * (SESSIONS_PER_YEAR / paths.shape[1])
    return rates


@njit()
def _count(paths: Floats, threshold: float, quiet: int) -> Integers:
    counts = np.zeros(paths.shape[0], dtype=np.int64)
    for path in range(paths.shape[0]):
        last = -quiet - 1
        for session in range(paths.shape[1]):
            if paths[path, session] >= threshold:
                if session - last > quiet:
                    counts[path] += 1
                last = session
    return counts
