"""Window sums of each asset alone, laid out for `_kernels`.

How the rolling sums stay exact. Rows fall into segments as long as the window. A window that ends
in a segment is the end of the segment before plus the beginning of its own, so its sum is a suffix
sum plus a prefix sum: nothing is ever subtracted, nothing drifts, and an outlier is gone when it
leaves. Both parts are taken about one anchor, the median of the last observations before the
segment, which neither an outlier nor a price level can move far from the window's mean. What the
anchor leaves is checked: where a variance is a small difference of large sums, it is marked.

Nothing looks ahead, not even in rounding: the anchor of a segment is known before its first result,
and a value depends on the rows of its window and on its position in the grid only.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from features._numba import njit
from features._typing import Floats
from features.correlation._simd import (
    any_less,
    load,
    minus,
    minus_times,
    over,
    plus,
    root,
    spread,
    store,
    times,
    times_plus,
    where_less,
)

Prepared = tuple[Floats, NDArray[np.uint8]]

# Largest (raw over central) sum of squares that is trusted: it multiplies the rounding error of
# the sums, a few 1e-16, and 1e-14 is promised.
CANCELLATION = 16.0
# The planes, each an array of (n_blocks, n_rows, 4 assets).
AHEAD, BEHIND, TOTAL, INVERSE, SEEN, COUNT, SQUARES = range(7)
PLANES = 7


@njit()
def on_a_line(size: int) -> Floats:
    """Allocate numbers from the beginning of a cache line: no vector then straddles two."""
    room = np.empty(size + 8)
    first = -(room.ctypes.data // 8) % 8
    return room[first : first + size]


@njit()
def _anchor(x: Floats, lane: int, boundary: int, window: int, nearest: Floats) -> float:
    """Median of the last (at most five) observations of a window that ends at `boundary`."""
    n = 0
    for row in range(boundary, max(-1, boundary - window), -1):
        value = x[4 * row + lane]
        if value == value:
            slot = n
            while slot > 0 and nearest[slot - 1] > value:
                nearest[slot] = nearest[slot - 1]
                slot -= 1
            nearest[slot] = value
            n += 1
            if n == len(nearest):
                break
    return nearest[n // 2] if n > 0 else 0.0


@njit(error_model="numpy")
def prepare_block(
    columns: Floats, window: int, planes: Floats, start: int, traits: NDArray[np.uint8], x: Floats
) -> None:
    """Fill the planes, from `start` on, and the traits of one block of at most four assets.

    `x` is room for four assets' rows.
    """
    rows = columns.shape[1]
    segments = len(traits)
    plane = len(planes) // PLANES
    for lane in range(4):
        if lane < len(columns):
            largest = 0.0
            for row in range(rows):
                if abs(columns[lane, row]) > largest:
                    largest = abs(columns[lane, row])
            # A power of two changes no digit, and keeps squares from under- and overflowing.
            scale = 2.0 ** -np.floor(np.log2(largest)) if largest > 0.0 else 1.0
            for row in range(rows):
                x[4 * row + lane] = columns[lane, row] * scale
        else:
            for row in range(rows):
                x[4 * row + lane] = 0.0  # a lane without an asset; its results go nowhere
    nearest = np.empty(5)
    own, following = np.zeros(4), np.zeros(4)
    tail = on_a_line(12 * window)
    zero, one, infinite = spread(0.0), spread(1.0), spread(np.inf)
    full, share, trusted = spread(float(window)), spread(1.0 / window), spread(CANCELLATION)
    nothing, cancels, longest = spread(np.nan), spread(-np.inf), spread(float(window - 1))
    unchanged, before = zero, spread(np.nan)
    for segment in range(segments):
        first = max(0, segment * window - 1)
        last = min(rows, (segment + 1) * window - 1)
        for lane in range(4):
            following[lane] = _anchor(x, lane, last, window, nearest) if last < rows else 0.0
        anchor, next_anchor = load(own, 0), load(following, 0)
        least = one
        for row in range(first, last):
            at = start + 4 * row
            value = load(x, 4 * row)
            seen = where_less(value, infinite, one, zero)  # NaN is not below infinity
            least = where_less(seen, least, seen, least)
            store(planes, at + SEEN * plane, seen)
            store(planes, at, where_less(value, infinite, minus(value, anchor), zero))
            behind = where_less(value, infinite, minus(value, next_anchor), zero)
            store(planes, at + BEHIND * plane, behind)
        if any_less(least, one):
            traits[segment] |= 1
            if segment + 1 < segments:
                traits[segment + 1] |= 1
        if segment == 0:
            for row in range(first, last):
                at = start + 4 * row
                for figure in (TOTAL, INVERSE, COUNT, SQUARES):
                    store(planes, at + figure * plane, zero)
        else:
            n = s = q = zero
            for r in range(window - 2, -1, -1):
                store(tail, 12 * r + 12, n)
                store(tail, 12 * r + 16, s)
                store(tail, 12 * r + 20, q)
                at = start + 4 * (first - window + 1 + r)
                value = load(planes, at + BEHIND * plane)
                n = plus(n, load(planes, at + SEEN * plane))
                s = plus(s, value)
                q = times_plus(value, value, q)
            store(tail, 0, n)
            store(tail, 4, s)
            store(tail, 8, q)
            n = s = q = zero
            worst = zero
            for r in range(last - first):
                at = start + 4 * (first + r)
                value = load(planes, at)
                n = plus(n, load(planes, at + SEEN * plane))
                s = plus(s, value)
                q = times_plus(value, value, q)
                count = plus(n, load(tail, 12 * r))
                total = plus(s, load(tail, 12 * r + 4))
                squares = plus(q, load(tail, 12 * r + 8))
                store(planes, at + COUNT * plane, count)
                store(planes, at + TOTAL * plane, total)
                store(planes, at + SQUARES * plane, squares)
                value = load(x, 4 * (first + r))
                unchanged = where_less(
                    value, before, zero, where_less(before, value, zero, plus(unchanged, one))
                )
                before = value
                central = minus_times(times(total, share), total, squares)
                inverse = over(one, root(central))
                inverse = where_less(squares, times(central, trusted), inverse, cancels)
                inverse = where_less(unchanged, longest, inverse, nothing)
                inverse = where_less(count, full, zero, inverse)
                worst = where_less(inverse, worst, inverse, worst)
                store(planes, at + INVERSE * plane, inverse)
            if any_less(worst, zero):
                traits[segment] |= 2
        for lane in range(4):
            own[lane] = following[lane]


@njit(parallel=True)
def prepare(columns: Floats, window: int) -> Prepared:
    """Lay the returns of four assets side by side, anchored, with the sums of each alone.

    Parameters
    ----------
    columns : array of shape (n_assets, n_rows)
    window : int

    Returns
    -------
    planes : flat array of (7, n_blocks, n_rows, 4)
        AHEAD and BEHIND: the return less the anchor of its own segment, and of the next; 0 where
        missing. TOTAL: their sum over the window. INVERSE: 1/√(sum of squares about the mean) where
        the window is complete, 0 where it has holes, NaN where the asset is constant, −∞ where
        cancellation forbids the formula. SEEN: 1 where observed. COUNT: how many of the window.
        SQUARES: their sum of squares about the anchor.
    traits : array of shape (n_blocks, n_segments), uint8
        Bit 0: a hole among the rows that the segment's windows touch. Bit 1: a −∞ in the segment.
    """
    assets, rows = columns.shape
    blocks = (assets + 3) // 4
    segments = (rows + window) // window
    planes = on_a_line(PLANES * blocks * rows * 4)
    traits = np.zeros((blocks, segments), dtype=np.uint8)
    for block in prange(blocks):
        prepare_block(
            columns[4 * block : min(assets, 4 * block + 4)],
            window,
            planes,
            block * rows * 4,
            traits[block],
            on_a_line(4 * rows),
        )
    return planes, traits
