"""Breaks of a pair's correlation: their dates, and the session that first showed them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from features._typing import Floats
from models.errors import NotEnoughData

METHOD = "kernelcpd-linear"
# Days of the exponential variance that standardises each return.
VARIANCE_HALF_LIFE = 21
# A product of two 3σ days is 9 times an ordinary one.
STANDARDISED_CAP = 3.0
# Fall of 2·log-likelihood at the edges of the 95 % interval of a break's position,
# −2·ln(1 − √0.95): Hansen (2000), Econometrica 68.
_INTERVAL_FALL = 7.35
# Weekly searches in a row that may miss a break before it counts as a new one: a month.
_MAX_MISSES = 4
# A pair with less of 1 − ρ² than this is one asset twice.
_MIN_INDEPENDENCE = 1e-9
# Of the scatter's fixed-point iteration; a break does not depend on the seventh digit.
_MAX_ITERATIONS, _TOLERANCE = 50, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One accepted change of correlation.

    Attributes
    ----------
    at : Timestamp
        First session of the new segment, as estimated at `first_seen`.
    first_seen : Timestamp
        Session of the first weekly search that showed the break.
    before, after : float
        Pearson correlation of the standardised returns in the segments on either side.
    n_before, n_after : int
        Rows of these segments.
    """

    at: pd.Timestamp
    first_seen: pd.Timestamp
    before: float
    after: float
    n_before: int
    n_after: int


class Position(NamedTuple):
    """Row of a break, and the 95 % interval of that row."""

    row: int
    low: int
    high: int


Returns = TypeVar("Returns", pd.Series, pd.DataFrame)


def standardised(returns: Returns) -> Returns:
    """Return over its exponentially weighted σ of rows up to t−1, capped at ±3.

    Without this step a change of variance reads as a change of correlation.
    """
    return _scaled(returns).clip(-STANDARDISED_CAP, STANDARDISED_CAP)


def correlation_breaks(
    first: pd.Series,
    second: pd.Series,
    *,
    window: int = 504,
    min_size: int = 10,
    penalty: float = 4.1,
) -> tuple[Break, ...]:
    """Date the changes in the correlation of two series.

    Parameters
    ----------
    first, second : Series of shape (n_sessions,)
        Log returns, indexed by session. Rows with a missing value are excluded.
    window : int
        Trailing rows searched.
    min_size : int
        Smallest segment; a break is therefore at least this many sessions old when accepted.
    penalty : float
        Added to ln n for each break. 4.1 finds a break in 5 % of windows without a change; the
        simulated rates of other values are in docs/methods.md.

    Returns
    -------
    tuple of Break
        In time order, from the search of the last session that began a week. The result at *t*
        uses rows up to *t*: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer than 4·min_size complete rows.

    Notes
    -----
    A change of correlation is a change in the mean of its score, w·(xy − ρ̂(x² + y²)/2), with
    weights w of a bivariate Cauchy likelihood. The score is bounded and ignores a σ that is wrong
    by one factor for both, so volatility clusters do not read as breaks. The segmentation
    minimises the squared residuals exactly (`ruptures.KernelCPD`, every row a candidate).

    A break keeps its date and `first_seen` while the 95 % interval of the position in later
    weekly searches covers that date; up to four searches in a row may miss it.

    References
    ----------
    Bounded scores: Dürre, Fried (2019), Robust change point tests by bounded transformations.
    Cauchy scatter: Kent, Tyler (1991), Annals of Statistics 19. Search: Celisse et al. (2018),
    Computational Statistics & Data Analysis 128.
    """
    pair = pd.DataFrame({"first": _scaled(first), "second": _scaled(second)}).dropna()
    if len(pair) < 4 * min_size:
        raise NotEnoughData(need=4 * min_size, got=len(pair), what="a search for breaks")
    ratios = pair.to_numpy(dtype=np.float64)

    @cache
    def breaks_to(end: int) -> list[Position]:
        start = max(0, end - window)
        scores = correlation_scores(ratios[start:end])
        return [
            Position(*(start + row for row in position))
            for position in level_breaks(scores, min_size=min_size, penalty=penalty)
        ]

    weeks = pd.DatetimeIndex(pair.index).to_period("W").asi8
    ends = np.flatnonzero(np.diff(weeks)) + 2  # each search includes the first row of its week
    ends = ends[ends >= 4 * min_size].tolist()
    if not ends:
        return ()
    seen = _first_seen(ends, breaks_to)
    rows = sorted(seen)
    edges = [max(0, ends[-1] - window), *rows, len(pair)]
    capped = pair.clip(-STANDARDISED_CAP, STANDARDISED_CAP)
    segments = [capped.iloc[start:stop] for start, stop in pairwise(edges)]
    return tuple(
        Break(
            at=pair.index[row],
            first_seen=pair.index[seen[row] - 1],
            before=float(left["first"].corr(left["second"])),
            after=float(right["first"].corr(right["second"])),
            n_before=len(left),
            n_after=len(right),
        )
        for row, (left, right) in zip(rows, pairwise(segments), strict=True)
    )


def correlation_scores(ratios: Floats) -> Floats:
    """Score of the correlation of each row, at the estimate from all rows.

    Parameters
    ----------
    ratios : ndarray of shape (n_rows, 2)
        Standardised returns, no NaN.

    Returns
    -------
    ndarray of shape (n_rows,)
        Efficient score for the correlation of a bivariate Cauchy distribution with unknown scales
        and centre 0; zeros where the two columns are one asset.
    """
    moments = np.column_stack([ratios[:, 0] ** 2, ratios.prod(axis=1), ratios[:, 1] ** 2])
    scatter = moments.mean(axis=0)
    for _ in range(_MAX_ITERATIONS):
        first, product, second = scatter
        determinant = first * second - product**2
        if not determinant > _MIN_INDEPENDENCE * first * second:
            return np.zeros(len(ratios))
        distance = moments @ np.array([second, -2 * product, first]) / determinant
        weights = 3 / (1 + distance)
        scatter = weights @ moments / len(ratios)
        if np.abs(scatter - (first, product, second)).max() < _TOLERANCE * (first + second):
            break
    slope = product / (2 * np.sqrt(first * second))
    unit = np.array([-slope / first, 1 / np.sqrt(first * second), -slope / second])
    scores: Floats = weights * (moments @ unit)
    return scores


def level_breaks(signal: Floats, *, min_size: int, penalty: float) -> list[Position]:
    """Least-squares changes of a signal's mean, at ln n + penalty for each, in unit variance."""
    n, scale = len(signal), signal.std()
    if n < 2 * min_size or not scale > 0:
        return []
    from ruptures import KernelCPD  # imported where it is used: it pulls in all of scipy

    unit = (signal - signal.mean()) / scale
    search = KernelCPD(kernel="linear", min_size=min_size).fit(unit[:, None])
    edges = [0, *(int(row) for row in search.predict(pen=np.log(n) + penalty))]
    return [
        _position(unit, start, row, stop)
        for start, row, stop in zip(edges, edges[1:], edges[2:], strict=False)
    ]


def _position(unit: Floats, start: int, row: int, stop: int) -> Position:
    """Break between two neighbours, with the interval of its row by likelihood ratio."""
    part = unit[start:stop]
    sums, counts = np.cumsum(part)[:-1], np.arange(1, len(part))
    gain = sums**2 / counts + (part.sum() - sums) ** 2 / (len(part) - counts)
    inside = start + 1 + np.flatnonzero(gain >= gain[row - start - 1] - _INTERVAL_FALL)
    return Position(row, int(inside[0]), int(inside[-1]))


def _first_seen(ends: Sequence[int], breaks_to: Callable[[int], list[Position]]) -> dict[int, int]:
    """Rows of the breaks in the last search, each with the end of the search that first showed it.

    The walk begins after five searches in a row without a break, as none before them is matched.
    """
    if not breaks_to(ends[-1]):
        return {}
    begin, misses = len(ends) - 1, 0
    while begin > 0 and misses <= _MAX_MISSES:
        begin -= 1
        misses = 0 if breaks_to(ends[begin]) else misses + 1
    seen: dict[int, int] = {}
    latest: dict[int, int] = {}
    for number in range(begin, len(ends)):
        current: dict[int, int] = {}
        for position in breaks_to(ends[number]):
            same = [row for row in seen.keys() - current if position.low <= row <= position.high]
            distance = {row: (abs(row - position.row), row) for row in same}
            row = min(same, key=distance.__getitem__, default=position.row)
            current[row] = seen.get(row, ends[number])
        latest |= dict.fromkeys(current, number)
        seen = current | {
            row: end for row, end in seen.items() if number - latest[row] <= _MAX_MISSES
        }
    return current


def _scaled(returns: Returns) -> Returns:
    variance = returns.pow(2).ewm(halflife=VARIANCE_HALF_LIFE, min_periods=VARIANCE_HALF_LIFE)
    scale: Returns = variance.mean().shift(1).pow(0.5)
    ratio: Returns = returns / scale.where(scale > 0)
    return ratio
