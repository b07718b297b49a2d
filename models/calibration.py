"""Scales and thresholds of the verdict, from ordinary sessions, to a stated false-entry rate."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit
from scipy.stats import beta

from models.block_bootstrap import stationary_rows
from models.deleveraging import DRIVERS, LEVELS, Scale, deleveraging_score
from models.errors import NotEnoughData

SESSIONS_A_YEAR = 252
FEWEST = 500  # two years: with less, the tail of a scale rests on a handful of sessions
# Thresholds are searched to this many points; a hundredth is far below their sampling error.
RESOLUTION = 0.005
SEARCHED_FROM = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """How often sessions with a score in [lower_score, next band) lay in an episode."""

    lower_score: float
    sessions: int
    inside: int
    share: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns drivers into a verdict.

    Attributes
    ----------
    scales : dict of str to Scale
    watch, deleveraging, release : float
        Thresholds of the score.
    watch_rate, deleveraging_rate : float
        Entries a year in resampled ordinary sessions, at most what was asked for.
    deleveraging_rate_lower, deleveraging_rate_upper : float
        2.5 % and 97.5 % of the resampled paths, of their own length.
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
        Mean length of a block in sessions: long enough to hold a bout of volatility.
    quiet : int
        Sessions without an alarm after which a crossing counts as a new entry.
    seed : int
    """

    paths: int
    years: int
    block: int
    quiet: int
    seed: int


def calibrate(
    drivers: pd.DataFrame,
    ordinary: pd.Series,
    inside: pd.Series,
    *,
    cap: float,
    watch_entries: float,
    deleveraging_entries: float,
    release_share: float,
    resampling: Resampling,
) -> Calibration:
    """Set scales and thresholds so that ordinary sessions enter as often as stated.

    Parameters
    ----------
    drivers : DataFrame of shape (n_sessions, n_drivers)
        Sessions of one or several markets, one after the other.
    ordinary : Series of bool, shape (n_sessions,)
        Sessions far from every known episode: what an alarm there would be false about.
    inside : Series of bool, shape (n_sessions,)
        Sessions inside an episode, for the bands.
    cap : float
        Most evidence one driver may give.
    watch_entries, deleveraging_entries : float
        Entries a year that ordinary sessions may cause.
    release_share : float
        Share of ordinary sessions whose score lies below the release threshold.
    resampling : Resampling

    Returns
    -------
    Calibration

    Raises
    ------
    NotEnoughData
        Fewer than `FEWEST` ordinary sessions have every driver.

    Notes
    -----
    No threshold is fitted to an episode: labels say only which sessions are left out. Crossings of
    the score are counted, which are never fewer than the entries of the state machine.
    """
    calm = drivers[ordinary.to_numpy()].dropna()
    if len(calm) < FEWEST:
        raise NotEnoughData(need=FEWEST, got=len(calm), what="ordinary sessions with every driver")
    scales = {name: _scale(calm[name].to_numpy(dtype=np.float64)) for name in DRIVERS}
    score = deleveraging_score(drivers, scales=scales, cap=cap).score
    quiet = score[ordinary.to_numpy()].dropna().to_numpy(dtype=np.float64)
    paths = resample(quiet, resampling)
    raised = threshold_for(paths, entries_a_year=deleveraging_entries, quiet=resampling.quiet)
    # Rates that nearly agree may be met by one threshold; the states need two.
    watch = min(
        threshold_for(paths, entries_a_year=watch_entries, quiet=resampling.quiet),
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


def _scale(values: npt.NDArray[np.float64]) -> Scale:
    knots = tuple(float(knot) for knot in np.quantile(values, LEVELS))
    beyond = values[values > knots[-1]] - knots[-1]
    if not beyond.size:
        raise NotEnoughData(need=1, got=0, what="ordinary sessions beyond the last knot")
    return Scale(knots=knots, mean_excess=float(beyond.mean()))


def _bands(score: pd.Series, inside: pd.Series, *, edges: tuple[float, ...]) -> tuple[Band, ...]:
    """Share of sessions inside an episode between the edges, with Jeffreys' 95 % interval."""
    told = score.notna().to_numpy()
    values = score.to_numpy(dtype=np.float64)[told]
    held = inside.to_numpy()[told]
    answer = []
    for lower, upper in zip(edges, (*edges[1:], np.inf), strict=True):
        here = (values >= lower) & (values < upper)
        n, hits = int(here.sum()), int(held[here].sum())
        answer.append(
            Band(
                lower_score=lower,
                sessions=n,
                inside=hits,
                share=(hits + 0.5) / (n + 1),
                lower=float(beta.ppf(0.025, hits + 0.5, n - hits + 0.5)),
                upper=float(beta.ppf(0.975, hits + 0.5, n - hits + 0.5)),
            )
        )
    return tuple(answer)


def resample(values: npt.NDArray[np.float64], resampling: Resampling) -> npt.NDArray[np.float64]:
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
        length=resampling.years * SESSIONS_A_YEAR,
        block=resampling.block,
        draws=resampling.paths,
        generator=np.random.default_rng(resampling.seed),
    )
    drawn: npt.NDArray[np.float64] = values[rows]
    return drawn


def threshold_for(paths: npt.NDArray[np.float64], *, entries_a_year: float, quiet: int) -> float:
    """Lowest threshold that the paths enter at most so often, on average, from there upwards.

    Parameters
    ----------
    paths : array of shape (paths, sessions)
    entries_a_year : float
        Positive.
    quiet : int
        Sessions without an alarm after which a crossing counts as a new entry.
    """
    if entries_a_year <= 0:
        raise ValueError(f"entries_a_year must be positive, got {entries_a_year}")
    # Not from lower down: where most sessions are alarms, nothing is entered any more.
    lower, upper = float(np.quantile(paths, SEARCHED_FROM)), float(paths.max()) + RESOLUTION
    while upper - lower > RESOLUTION:
        middle = (lower + upper) / 2
        if entry_rates(paths, middle, quiet=quiet).mean() > entries_a_year:
            lower = middle
        else:
            upper = middle
    return upper


def entry_rates(
    paths: npt.NDArray[np.float64], threshold: float, *, quiet: int
) -> npt.NDArray[np.float64]:
    """Entries a year of each path: crossings with `quiet` sessions without an alarm before."""
    counts: npt.NDArray[np.int64] = _count(paths, threshold, quiet)
    rates: npt.NDArray[np.float64] = counts * (SESSIONS_A_YEAR / paths.shape[1])
    return rates


@njit(cache=True)
def _count(paths, threshold, quiet):  # type: ignore[no-untyped-def]
    counts = np.zeros(paths.shape[0], dtype=np.int64)
    for path in range(paths.shape[0]):
        last = -quiet - 1
        for session in range(paths.shape[1]):
            if paths[path, session] >= threshold:
                if session - last > quiet:
                    counts[path] += 1
                last = session
    return counts
