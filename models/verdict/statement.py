"""Statements that hold in years to come: rate of false alarms, rarity of a score, base rates.

Everything here is computed from sessions that were judged by a calibration without them. Whole
years or blocks of years are the unit of resampling, because sessions of one year are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from features._typing import Booleans, Floats, Integers
from models.verdict.calibration import Band

# One-sided bound of the long-run rate, and two-sided range of next year's number.
BOUND, RANGE = 0.9, 0.8
# Score from which the tail of left-out ordinary sessions is fitted: the rarest tenth.
TAIL_START = 1.0
# Scores at which rarity is tabulated; between them it is interpolated.
GRID = tuple(float(score) for score in np.arange(0.0, 4.01, 0.25))


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmRate:
    """Long-run rate of false alarms per year, and the range of next year's number.

    Attributes
    ----------
    alarms : int
    years : float
    dispersion : float
        Variance of the counts over that of a Poisson process, at least 1.
    rate, lower, upper : float
        Point estimate, lower and upper 90 % bound (one-sided) per year.
    next_year_lower, next_year_upper : int
        80 % range of next year's number.
    """

    alarms: int
    years: float
    dispersion: float
    rate: float
    lower: float
    upper: float
    next_year_lower: int
    next_year_upper: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rarity:
    """Return period of a score in ordinary sessions, with a 90 % interval over years."""

    score: float
    period: float
    lower: float
    upper: float


def false_alarm_rate(counts: Sequence[int], years: Sequence[float]) -> FalseAlarmRate:
    """Bound a rate from counts that vary more than a Poisson process.

    Parameters
    ----------
    counts : sequence of int, length n_blocks
        False alarms in each block of years, judged by the other blocks.
    years : sequence of float, length n_blocks
        Length of each block.

    Notes
    -----
    Quasi-Poisson: Pearson's χ² over its degrees of freedom is the dispersion φ, and n/φ events in
    T/φ years have the exact bounds of Garwood (1936). With φ = 1 they are the Poisson bounds. The
    range of next year's number is that of a gamma–Poisson mixture.

    Raises
    ------
    ValueError
        Fewer than two blocks, or one without length.
    """
    observed, exposure = np.asarray(counts, dtype=float), np.asarray(years, dtype=float)
    if len(observed) < 2 or len(observed) != len(exposure) or not (exposure > 0).all():
        raise ValueError(
            f"a rate needs two blocks of positive length at least, got {len(observed)} counts for "
            f"{exposure.tolist()} years; lengthen the history"
        )
    n, total = float(observed.sum()), float(exposure.sum())
    expected = n * exposure / total
    chi_squared = float(((observed - expected) ** 2 / expected).sum()) if n else 0.0
    dispersion = max(chi_squared / (len(observed) - 1), 1.0)
    events, time = n / dispersion, total / dispersion
    mixture = stats.nbinom(events + 0.5, time / (time + 1))
    return FalseAlarmRate(
        alarms=int(n),
        years=total,
        dispersion=dispersion,
        rate=n / total,
        lower=float(special.gammaincinv(events, 1 - BOUND) / time) if n else 0.0,
        upper=float(special.gammaincinv(events + 1, BOUND) / time),
        next_year_lower=int(mixture.ppf((1 - RANGE) / 2)),
        next_year_upper=int(mixture.ppf((1 + RANGE) / 2)),
    )


def rarity_table(
    scores: Floats, years: Integers, *, draws: int = 400, seed: int = 0
) -> tuple[Rarity, ...]:
    """Return period of a score among ordinary sessions that set no scale of it.

    The share of sessions at or above `TAIL_START` is counted and the excess above it is
    exponential; below, log-frequency is linear down to a score of 0, which every session reaches.

    Parameters
    ----------
    scores : array of shape (n,)
        Scores of ordinary sessions, each by a calibration without its year.
    years : array of int, shape (n,)
    draws : int
        Resamples of whole calendar years.
    seed : int

    Returns
    -------
    tuple of Rarity
        One per score of `GRID`; empty where fewer than ten sessions reach `TAIL_START`.
    """
    names = np.unique(years)
    reached = scores >= TAIL_START
    per_year = np.array(
        [
            (own.sum(), (own & reached).sum(), (scores[own & reached] - TAIL_START).sum())
            for own in (years == name for name in names)
        ]
    )
    if per_year[:, 1].sum() < 10:
        return ()
    picks = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    sums = per_year[picks].sum(axis=1)
    resampled = _log_periods(sums[sums[:, 1] > 0])
    centre = _log_periods(per_year.sum(axis=0)[None, :])[0]
    lower, upper = np.quantile(resampled, [0.05, 0.95], axis=0)
    return tuple(
        Rarity(
            score=score, period=10.0**mid, lower=10.0 ** min(low, mid), upper=10.0 ** max(up, mid)
        )
        for score, mid, low, up in zip(GRID, centre, lower, upper, strict=True)
    )


def _log_periods(sums: Floats) -> Floats:
    """Rows of sessions, sessions in the tail and their excess → log₁₀ return period on the grid."""
    sessions, tail, excess = sums.T
    start = np.log10(sessions / tail)
    slope = tail / np.maximum(excess, 1e-9) / np.log(10)
    beyond = np.maximum(np.array(GRID) - TAIL_START, 0.0)
    below = np.minimum(np.array(GRID) / TAIL_START, 1.0)
    logs: Floats = start[:, None] * below[None, :] + slope[:, None] * beyond[None, :]
    return logs


def rarity_of(score: float, table: Sequence[Rarity]) -> Rarity:
    """Interpolate a rarity table in the logarithm of the period; its ends are not exceeded."""
    grid = [row.score for row in table]
    values = {
        name: 10.0 ** float(np.interp(score, grid, np.log10([getattr(row, name) for row in table])))
        for name in ("period", "lower", "upper")
    }
    return Rarity(score=score, **values)


def base_rates(
    bands: Integers,
    inside: Booleans,
    years: Integers,
    *,
    edges: Sequence[float],
    draws: int = 400,
    seed: int = 0,
) -> tuple[Band, ...]:
    """Share of left-out sessions inside an episode, by score band.

    Parameters
    ----------
    bands : array of int, shape (n,)
        Band of each session, by the thresholds of a calibration without its year.
    inside : array of bool, shape (n,)
    years : array of int, shape (n,)
    edges : sequence of float
        Lower score of each band in the calibration that is stated.
    draws : int
        Resamples of whole calendar years, each with a draw of the Jeffreys posterior.
    seed : int

    Returns
    -------
    tuple of Band
        With 95 % intervals.
    """
    generator = np.random.default_rng(seed)
    names, flags = np.unique(years), np.asarray(inside, dtype=bool)
    picks = generator.integers(0, len(names), (draws, len(names)))
    answer = []
    for number, edge in enumerate(edges):
        own = bands == number
        table = np.array([((years == y) & own, (years == y) & own & flags) for y in names]).sum(
            axis=2
        )
        n, hits = table[picks].sum(axis=1).T
        drawn = generator.beta(hits + 0.5, n - hits + 0.5)
        total, within = int(own.sum()), int((own & flags).sum())
        lower, upper = np.quantile(drawn, [0.025, 0.975])
        share = (within + 0.5) / (total + 1)
        answer.append(
            Band(
                lower_score=float(edge), sessions=total, inside=within, share=share,
                lower=float(min(lower, share)), upper=float(max(upper, share)),
            )
        )  # fmt: skip
    return tuple(answer)


def reliability(
    scores: Floats, years: Integers, periods: Sequence[float], *, draws: int = 400, seed: int = 0
) -> list[tuple[float, float, float, float]]:
    """Observed over stated frequency of "1 in N", with a 90 % interval over years.

    Parameters
    ----------
    scores : array of shape (n,)
        Scores of ordinary sessions, left out of their calibration.
    years : array of int, shape (n,)
    periods : sequence of float
        N; a session reaches it with a score of log₁₀ N.
    draws, seed : int

    Returns
    -------
    list of (N, ratio, lower, upper)
        A ratio of 2: such sessions came twice as often as stated.
    """
    names = np.unique(years)
    picks = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    answer = []
    for period in periods:
        reached = scores >= np.log10(period)
        table = np.array([((years == y).sum(), (reached & (years == y)).sum()) for y in names])
        sums = table[picks].sum(axis=1)
        ratios = sums[:, 1] / sums[:, 0] * period
        lower, upper = np.quantile(ratios, [0.05, 0.95])
        answer.append((float(period), float(reached.mean() * period), float(lower), float(upper)))
    return answer
