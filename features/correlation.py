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
from numpy.typing import NDArray

from features import correlation_kernels, rolling_kernels, rolling_planes

Matrix = NDArray[np.float64]
Pairs = NDArray[np.int64]

MINIMUM = 3  # two points always lie on a line
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
    returns: pd.DataFrame, *, base: str, window: int, min_observations: int
) -> CorrelationWithBase:
    """Compute the rolling Pearson correlation of `base` with every other column.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal. Index: sessions, increasing. NaN: no return that session.
    base : str
        Column held against all others.
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
        `base` is no column, a column stands twice, a return is infinite, `window` is below 3, or
        `min_observations` lies outside 3 … `window`.
    """
    _check_window(window, min_observations)
    position, columns = _position(returns, base), _columns(returns)
    out, value, aligned = _room(columns.shape[0] - 1, columns)
    rolling_kernels.correlate_with_one(
        columns, position, window, min_observations, out, _stride(columns), aligned,
        get_num_threads(),
    )  # fmt: skip
    count = np.empty(value.shape, dtype=np.int64)
    correlation_kernels.count_pairs(columns, position, window, count)
    return _with_base(returns, base, value, count)


def ewma_correlation_with_base(
    returns: pd.DataFrame, *, base: str, half_life: float, min_observations: int
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
        Column held against all others.
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
        `base` is no column, a column stands twice, a return is infinite, `half_life` is not
        positive and finite, or `min_observations` is below 3.
    """
    if not (half_life > 0 and np.isfinite(half_life)):
        raise ValueError(f"half_life must be a positive number of sessions, got {half_life}")
    if min_observations < MINIMUM:
        raise ValueError(f"min_observations must be at least {MINIMUM}, got {min_observations}")
    position, columns = _position(returns, base), _columns(returns)
    shape = (columns.shape[0] - 1, columns.shape[1])
    value = np.empty(shape)
    effective = np.empty(shape)
    decay = 0.5 ** (1.0 / half_life)
    others = np.delete(columns, position, axis=0)
    correlation_kernels.ewma_against_base(
        columns[position], others, decay, min_observations, value, effective
    )
    return _with_base(returns, base, value, effective)


def rolling_correlation(
    returns: pd.DataFrame | Matrix, *, window: int, min_observations: int
) -> Matrix:
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
        One row a pair, in the order of ``numpy.triu_indices(n_assets, 1)``; NaN as in
        `correlation_with_base`. 8·n_pairs·n_sessions bytes in one allocation (rows padded to whole
        cache lines, so not C-contiguous): see `correlation_blocks` where that is too much.
        Error at most 1e−14 against long double, at any price level and about any outlier.

    Raises
    ------
    ValueError
        As in `correlation_with_base`.
    """
    _check_window(window, min_observations)
    columns = _columns(returns)
    assets = columns.shape[0]
    return _pairs(columns, window, min_observations, 0, assets * (assets - 1) // 2)


def correlation_blocks(
    returns: pd.DataFrame | Matrix, *, window: int, min_observations: int, block_pairs: int
) -> Iterator[tuple[Pairs, Matrix]]:
    """Compute the rolling Pearson correlation of all pairs, a block of pairs at a time.

    Parameters
    ----------
    returns, window, min_observations
        As in `rolling_correlation`.
    block_pairs : int
        Most pairs in a block; a block takes 8·block_pairs·n_sessions bytes.

    Yields
    ------
    pairs : array of shape (n_block, 2), int64
        Column positions (i, j), i < j, of each row of `values`.
    values : array of shape (n_block, n_sessions), float64
        The rows of `rolling_correlation` for these pairs.

    Raises
    ------
    ValueError
        As in `rolling_correlation`, and where `block_pairs` is below 1.
    """
    _check_window(window, min_observations)
    if block_pairs < 1:
        raise ValueError(f"block_pairs must be at least 1, got {block_pairs}")
    columns = _columns(returns)
    left, right = np.triu_indices(columns.shape[0], 1)
    prepared = rolling_planes.prepare(columns, window)

    def blocks() -> Iterator[tuple[Pairs, Matrix]]:
        for start in range(0, len(left), block_pairs):
            stop = min(start + block_pairs, len(left))
            pairs = np.column_stack([left[start:stop], right[start:stop]])
            yield pairs, _filled(columns, prepared, window, min_observations, start, stop)

    return blocks()


def correlation_strips(
    returns: pd.DataFrame | Matrix, *, window: int, min_observations: int, stop: int, height: int
) -> Iterator[tuple[Pairs, Matrix]]:
    """Compute the rolling Pearson correlation of the first assets with every later one, in strips.

    Parameters
    ----------
    returns, window, min_observations
        As in `rolling_correlation`.
    stop : int
        Assets whose pairs with every later asset are wanted, the first ones; below n_assets.
    height : int
        First assets of a strip; a strip takes 8·height·n_assets·n_sessions bytes, beside
        56·n_assets·n_sessions that all strips share. A multiple of 4 wastes nothing.

    Yields
    ------
    pairs, values
        As in `correlation_blocks`.

    Raises
    ------
    ValueError
        As in `rolling_correlation`, and where `stop` lies outside 1 … n_assets − 1 or `height` is
        below 1.
    """
    _check_window(window, min_observations)
    columns = _columns(returns)
    assets = columns.shape[0]
    if not 1 <= stop < assets:
        raise ValueError(f"stop must lie in 1 … n_assets − 1 ({assets - 1}), got {stop}")
    if height < 1:
        raise ValueError(f"height must be at least 1, got {height}")
    prepared = rolling_planes.prepare(columns, window)

    def strips() -> Iterator[tuple[Pairs, Matrix]]:
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


def latest_correlation(
    returns: pd.DataFrame | Matrix, *, window: int, min_observations: int
) -> Matrix:
    """Compute the Pearson correlation matrix of the last window.

    Parameters
    ----------
    returns, window, min_observations
        As in `rolling_correlation`.

    Returns
    -------
    array of shape (n_assets, n_assets), float64
        Symmetric; the last column of `rolling_correlation` as a matrix. The diagonal is 1, or NaN
        for an asset that is constant or has fewer than `min_observations` returns in the window.

    Raises
    ------
    ValueError
        As in `rolling_correlation`.
    """
    _check_window(window, min_observations)
    columns = _columns(returns)
    assets, rows = columns.shape
    matrix = np.full((assets, assets), np.nan)
    if rows < window:
        return matrix
    tail = np.ascontiguousarray(columns[:, rows - window :])
    left, right = np.triu_indices(assets, 1)
    matrix[left, right] = _pairs(tail, window, min_observations, 0, len(left))[:, -1]
    matrix[right, left] = matrix[left, right]
    enough = (~np.isnan(tail)).sum(axis=1) >= min_observations
    varies = np.nanmax(tail, axis=1, initial=-np.inf) > np.nanmin(tail, axis=1, initial=np.inf)
    np.fill_diagonal(matrix, np.where(enough & varies, 1.0, np.nan))
    return matrix


def _check_window(window: int, min_observations: int) -> None:
    if window < MINIMUM:
        raise ValueError(f"window must be at least {MINIMUM} rows, got {window}")
    if not MINIMUM <= min_observations <= window:
        raise ValueError(
            f"min_observations must lie in {MINIMUM} … window ({window}), got {min_observations}"
        )


def _pairs(columns: Matrix, window: int, min_observations: int, start: int, stop: int) -> Matrix:
    prepared = rolling_planes.prepare(columns, window)
    return _filled(columns, prepared, window, min_observations, start, stop)


def _filled(
    columns: Matrix,
    prepared: rolling_planes.Prepared,
    window: int,
    min_observations: int,
    start: int,
    stop: int,
) -> Matrix:
    out, values, aligned = _room(stop - start, columns)
    rolling_kernels.correlate(
        columns, prepared, window, min_observations, start, stop, out, _stride(columns), aligned
    )
    return values


def _stride(columns: Matrix) -> int:
    """Numbers from one pair to the next: whole cache lines, so that all rows lie alike on them."""
    return -(-int(columns.shape[1]) // LINE) * LINE


def _room(pairs: int, columns: Matrix) -> tuple[Matrix, Matrix, int]:
    """Allocate (pair, row): the flat room, its view without padding, the first column on a line."""
    out = np.empty(pairs * _stride(columns))
    aligned = -(out.ctypes.data // out.itemsize) % LINE
    return out, out.reshape(pairs, _stride(columns))[:, : columns.shape[1]], aligned


def _position(returns: pd.DataFrame, base: str) -> int:
    if not returns.columns.is_unique:
        twice = returns.columns[returns.columns.duplicated()].tolist()
        raise ValueError(f"columns {twice} stand twice in returns; name each asset once")
    if base not in returns.columns:
        raise ValueError(f"base {base} is no column of returns; columns: {list(returns.columns)}")
    return list(returns.columns).index(base)


def _columns(returns: pd.DataFrame | Matrix) -> Matrix:
    """Give the returns as a contiguous (asset, session) array; refuse infinite ones."""
    if isinstance(returns, pd.DataFrame):
        values = returns.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"returns must be (n_sessions, n_assets), got {values.ndim} dimensions")
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        where = f"row {row}, column {column}"
        if isinstance(returns, pd.DataFrame):
            where = f"{returns.columns[column]} at {returns.index[row]}"
        raise ValueError(
            f"returns must be finite or NaN, got {values[row, column]} for {where}; "
            "a price of zero or a bad print stands behind it"
        )
    return np.ascontiguousarray(values.T)


def _with_base(
    returns: pd.DataFrame, base: str, value: Matrix, n: NDArray[np.int64] | Matrix
) -> CorrelationWithBase:
    counterparts = returns.columns.drop(base)
    return CorrelationWithBase(
        value=pd.DataFrame(value.T, index=returns.index, columns=counterparts, copy=False),
        n=pd.DataFrame(n.T, index=returns.index, columns=counterparts, copy=False),
    )
