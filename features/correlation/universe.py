"""Correlation of every pair of a universe: value, change, percentile against own history."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import prange

from features._numba import njit
from features._typing import Floats, Integers
from features._validation import require_at_least, require_between
from features.correlation.rolling import correlation_strips

ROUNDING = 1e-12  # between correlations; each is right to 1e-14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairStanding:
    """Some pairs at the last session; every array holds one value per pair.

    Attributes
    ----------
    pairs : array of shape (n_pairs, 2), int64
        Column positions (i, j), i < j.
    value : array
        Correlation of the last window, in [-1, 1], or NaN.
    n : array, int64
        Complete pairs in the last window; given where `value` is NaN too.
    change : array
        `value` less the value `change` sessions before; NaN where either is missing.
    percentile : array
        Share of the earlier values that are not above `value`, in [0, 1].
    z : array
        `value` less the mean of the earlier values, over their standard deviation. Windows overlap,
        so few earlier values are independent: a ranking of pairs, not a test.
    """

    pairs: Integers
    value: Floats
    n: Integers
    change: Floats
    percentile: Floats
    z: Floats


def pair_standings(
    returns: Floats,
    *,
    stop: int,
    window: int = 20,
    min_observations: int = 16,
    history: int = 504,
    change: int = 5,
    min_history: int = 60,
    height: int = 8,
) -> Iterator[PairStanding]:
    """Compute the figures of the first assets with every later one, a strip of pairs at a time.

    Parameters
    ----------
    returns : array of shape (n_sessions, n_assets)
        Log returns, decimal, in time order; the last row is the session that is described. NaN: no
        return that session. Rows before the last history + `window` are not used.
    window, min_observations : int
        As in `rolling_correlation`.
    history : int
        Earlier values, at most, that `percentile` and `z` rest on: those of the sessions before.
    change : int
        Sessions back to the value that `change` is taken from; 1 … history.
    min_history : int
        Earlier values that `percentile` and `z` need; at least 2.
    stop, height : int
        As in `correlation_strips`.

    Yields
    ------
    PairStanding
        In the order of ``numpy.triu_indices``. NaN where `value` is; `percentile` and `z` also with
        fewer than `min_history` earlier values, and `z` where those do not differ. What differs by
        less than 1e−12 is equal. Uses rows up to the last, and the baseline of `percentile` and
        `z` ends one row before it.

    Raises
    ------
    ValueError
        As in `correlation_strips`; `change` lies outside 1 … history, or `min_history` below 2.

    Notes
    -----
    Bytes at work: 8·(history + window)·n_assets·(8 + height), and 80 per pair of the strip.
    """
    require_between(1, history, change=change)
    require_at_least(2, min_history=min_history)
    recent = np.asarray(returns, dtype=np.float64)[-(history + window) :]
    seen = (~np.isnan(recent[-window:])).astype(np.float32)  # sums of ones: exact
    strips = correlation_strips(
        recent, window=window, min_observations=min_observations, stop=stop, height=height
    )
    for pairs, values in strips:
        top, bottom = pairs[0, 0], pairs[-1, 0] + 1
        both = (seen[:, top:bottom].T @ seen).astype(np.int64)
        figures = np.empty((4, len(pairs)))
        _describe(values, history, change, min_history, figures)
        yield PairStanding(
            pairs=pairs,
            value=figures[0],
            n=both[pairs[:, 0] - top, pairs[:, 1]],
            change=figures[1],
            percentile=figures[2],
            z=figures[3],
        )


@njit(parallel=True)
def _describe(values: Floats, history: int, change: int, min_history: int, figures: Floats) -> None:
    """Fill value, change, percentile and z of each row of `values`."""
    sessions = values.shape[1]
    last = sessions - 1
    for pair in prange(values.shape[0]):
        for figure in range(4):
            figures[figure, pair] = np.nan
        if last < 0:
            continue
        now = values[pair, last]
        if np.isnan(now):
            continue
        figures[0, pair] = now
        if last >= change:
            figures[1, pair] = now - values[pair, last - change]
        first = max(0, last - history)
        count, below, total = 0, 0, 0.0
        low, high = np.inf, -np.inf
        for row in range(first, last):
            earlier = values[pair, row]
            if earlier == earlier:
                count += 1
                total += earlier
                below += earlier <= now + ROUNDING
                low, high = min(low, earlier), max(high, earlier)
        if count < min_history:
            continue
        figures[2, pair] = below / count
        mean, squares = total / count, 0.0
        for row in range(first, last):
            earlier = values[pair, row]
            if earlier == earlier:
                squares += (earlier - mean) ** 2
        if high - low > ROUNDING:
            figures[3, pair] = (now - mean) / np.sqrt(squares / (count - 1))
