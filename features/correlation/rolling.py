"""Rolling and exponentially weighted Pearson correlation: one against many, and all pairs.

Every function is pairwise complete: a pair's value at *t* rests on the rows of its own window in
which both members have a return. The order of pairs is that of ``numpy.triu_indices(n_assets, 1)``:
(0, 1), (0, 2), …, (1, 2), …
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import get_num_threads

from features._typing import Floats, Integers
from features._validation import (
    finite_or_missing,
    require_at_least,
    require_between,
    require_positive,
    require_window,
)
from features.correlation import _kernels, _pairwise, _windows

LINE = 8  # float64 in a cache line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationWithBase:
    """Correlation of one asset with each of the others.

    Attributes
    ----------
    value : DataFrame of shape (n_sessions, n_counterparts)
        In [-1, 1], or NaN.
    n : DataFrame of shape (n_sessions, n_counterparts)
        Observations behind each value: complete pairs in the window (int64), or the effective
        number (Σw)²/Σw² of an exponentially weighted value (float64). Given where `value` is NaN
        too.
    """

    value: pd.DataFrame
    n: pd.DataFrame


def correlation_with_base(
    returns: pd.DataFrame, *, base: str, window: int = 20, min_observations: int = 16
) -> CorrelationWithBase:
    """Compute the rolling Pearson correlation of `base` with every other column.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal. Index: sessions, increasing. NaN: no return that session.
    base : str
        Column to correlate with all others.
    window : int
        Rows in the window, the session itself included; at least 3.
    min_observations : int
        Complete pairs that a value needs, 3 … `window`.

    Returns
    -------
    CorrelationWithBase
        The value at *t* uses rows *t* − window + 1 … *t* only. NaN until the window is full, where
        it holds fewer than `min_observations` complete pairs, and where either side is constant
        over them.

    Raises
    ------
    ValueError
        `base` is not a column, columns repeat, a return is infinite, `window` is below 3, or
        `min_observations` lies outside 3 … `window`.
    """
    require_window(window, min_observations)
    position, columns = _position(returns, base), _columns(returns)
    out, value, aligned = _buffer(columns.shape[0] - 1, columns)
    _kernels.correlate_with_one(
        columns, position, window, min_observations, out, _stride(columns), aligned,
        get_num_threads(),
    )  # fmt: skip
    count = np.empty(value.shape, dtype=np.int64)
    _pairwise.count_pairs(columns, position, window, count)
    return _with_base(returns, base, value, count)


def ewma_correlation_with_base(
    returns: pd.DataFrame, *, base: str, half_life: float = 42, min_observations: int = 16
) -> CorrelationWithBase:
    """Compute the exponentially weighted Pearson correlation of `base` with every other column.

    Weights are λ^age over the complete pairs up to *t*, λ = 2^(−1/half_life), age in sessions, and
    the means are weighted by them too (``ignore_na=False`` of pandas): a session without a pair
    ages all earlier ones, in every moment alike, and adds nothing.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal. Index: sessions, increasing. NaN: no return that session.
    base : str
        Column to correlate with all others.
    half_life : float
        Sessions after which a weight has halved; positive.
    min_observations : int
        Complete pairs, counted from the first row, that a value needs; at least 3.

    Returns
    -------
    CorrelationWithBase
        The value at *t* uses rows up to *t*. NaN before `min_observations` complete pairs, while
        either side is constant, and at a session without a complete pair: no window would ever
        retire the value of a series that has ended. `n` is the effective number (Σw)²/Σw².

    Raises
    ------
    ValueError
        `base` is not a column, columns repeat, a return is infinite, `half_life` is not
        positive and finite, or `min_observations` is below 3.
    """
    require_positive(half_life=half_life)
    require_at_least(3, min_observations=min_observations)
    position, columns = _position(returns, base), _columns(returns)
    shape = (columns.shape[0] - 1, columns.shape[1])
    value = np.empty(shape)
    effective = np.empty(shape)
    decay = 0.5 ** (1.0 / half_life)
    others = np.delete(columns, position, axis=0)
    _pairwise.ewma_against_base(
        columns[position], others, decay, min_observations, value, effective
    )
    return _with_base(returns, base, value, effective)


def rolling_correlation(
    returns: pd.DataFrame | Floats, *, window: int = 20, min_observations: int = 16
) -> Floats:
    """Compute the rolling Pearson correlation of all pairs.

    Parameters
    ----------
    returns : DataFrame or array of shape (n_sessions, n_assets)
        Log returns, decimal; rows in time order. NaN: no return that session.
    window, min_observations : int
        As in `correlation_with_base`.

    Returns
    -------
    array of shape (n_pairs, n_sessions), float64
        One row per pair, in the order of ``numpy.triu_indices(n_assets, 1)``; NaN as in
        `correlation_with_base`. 8·n_pairs·n_sessions bytes in one allocation (rows padded to whole
        cache lines, so not C-contiguous): see `correlation_strips` where that is too much.
        Error at most 1e−14 against long double, at any price level and about any outlier.

    Raises
    ------
    ValueError
        As in `correlation_with_base`.
    """
    require_window(window, min_observations)
    columns = _columns(returns)
    assets = columns.shape[0]
    prepared = _windows.prepare(columns, window)
    return _filled(columns, prepared, window, min_observations, 0, assets * (assets - 1) // 2)


def correlation_strips(
    returns: pd.DataFrame | Floats,
    *,
    stop: int,
    window: int = 20,
    min_observations: int = 16,
    height: int = 8,
) -> Iterator[tuple[Integers, Floats]]:
    """Compute the rolling Pearson correlation of the first assets with every later one, in strips.

    Parameters
    ----------
    returns, window, min_observations
        As in `rolling_correlation`.
    stop : int
        The first `stop` assets are paired with every later one; below n_assets.
    height : int
        Assets per strip; a strip takes 8·height·n_assets·n_sessions bytes, beside
        56·n_assets·n_sessions that all strips share. A multiple of 4 wastes nothing.

    Yields
    ------
    pairs : array of shape (n_strip, 2), int64
        Column positions (i, j), i < j, of each row of `values`.
    values : array of shape (n_strip, n_sessions), float64
        The rows of `rolling_correlation` for these pairs.

    Raises
    ------
    ValueError
        As in `rolling_correlation`, and where `stop` lies outside 1 … n_assets − 1 or `height` is
        below 1.
    """
    require_window(window, min_observations)
    columns = _columns(returns)
    assets = columns.shape[0]
    require_between(1, assets - 1, stop=stop)
    require_at_least(1, height=height)
    prepared = _windows.prepare(columns, window)

    def strips() -> Iterator[tuple[Integers, Floats]]:
        for top in range(0, stop, height):
            bottom = min(stop, top + height)
            left = np.repeat(
                np.arange(top, bottom), np.arange(assets - top - 1, assets - bottom - 1, -1)
            )
            right = np.concatenate([np.arange(first + 1, assets) for first in range(top, bottom)])
            begin, end = (row * (2 * assets - row - 1) // 2 for row in (top, bottom))
            pairs = np.column_stack([left, right])
            yield pairs, _filled(columns, prepared, window, min_observations, begin, end)

    return strips()


def _filled(
    columns: Floats,
    prepared: _windows.Prepared,
    window: int,
    min_observations: int,
    start: int,
    stop: int,
) -> Floats:
    out, values, aligned = _buffer(stop - start, columns)
    _kernels.correlate(
        columns, prepared, window, min_observations, start, stop, out, _stride(columns), aligned
    )
    return values


def _stride(columns: Floats) -> int:
    """Numbers from one pair to the next: whole cache lines, so that all rows lie alike on them."""
    return -(-int(columns.shape[1]) // LINE) * LINE


def _buffer(pairs: int, columns: Floats) -> tuple[Floats, Floats, int]:
    """Allocate (pair, row): flat buffer, view without padding, first column on a line."""
    out = np.empty(pairs * _stride(columns))
    aligned = -(out.ctypes.data // out.itemsize) % LINE
    return out, out.reshape(pairs, _stride(columns))[:, : columns.shape[1]], aligned


def _position(returns: pd.DataFrame, base: str) -> int:
    if not returns.columns.is_unique:
        twice = returns.columns[returns.columns.duplicated()].tolist()
        raise ValueError(f"columns of returns must be unique, got {twice} twice; drop one of each")
    if base not in returns.columns:
        raise ValueError(
            f"base must be a column of returns, got {base}; choose one of {list(returns.columns)}"
        )
    return list(returns.columns).index(base)


def _columns(returns: pd.DataFrame | Floats) -> Floats:
    """Returns as a contiguous (asset, session) array."""
    values = finite_or_missing(returns)
    if values.ndim != 2:
        raise ValueError(
            f"returns must be (n_sessions, n_assets), got {values.ndim} dimensions; "
            "give one column per asset"
        )
    return np.ascontiguousarray(values.T)


def _with_base(
    returns: pd.DataFrame, base: str, value: Floats, n: Integers | Floats
) -> CorrelationWithBase:
    counterparts = returns.columns.drop(base)
    return CorrelationWithBase(
        value=pd.DataFrame(value.T, index=returns.index, columns=counterparts, copy=False),
        n=pd.DataFrame(n.T, index=returns.index, columns=counterparts, copy=False),
    )
