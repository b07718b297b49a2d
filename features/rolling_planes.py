"""What the rolling correlation needs of each asset alone, laid out for `features.rolling_kernels`.

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
from numba import njit, prange
from numpy.typing import NDArray

from features.lanes import load, plus, spread, store, times_plus

Matrix = NDArray[np.float64]
Prepared = tuple[Matrix, NDArray[np.uint8]]

# Largest (raw over central) sum of squares that is trusted: it multiplies the rounding error of
# the sums, a few 1e-16, and 1e-14 is promised.
CANCELLATION = 16.0
# The planes, each an array of (n_blocks, n_rows, 4 assets).
AHEAD, BEHIND, TOTAL, INVERSE, SEEN, COUNT, SQUARES = range(7)


@njit(cache=True)
def on_a_line(size: int) -> Matrix:
    """Allocate numbers from the beginning of a cache line: no vector then straddles two."""
    room = np.empty(size + 8)
    first = -(room.ctypes.data // 8) % 8
    return room[first : first + size]


@njit(cache=True)
def _anchor(x: Matrix, lane: int, boundary: int, window: int, nearest: Matrix) -> float:
    """Median of the last (at most five) observations of a window that ends at `boundary`."""
    n = 0
    for row in range(boundary, max(-1, boundary - window), -1):
        value = x[4 * row + lane]
        if value == value:
            place = n
            while place > 0 and nearest[place - 1] > value:
                nearest[place] = nearest[place - 1]
                place -= 1
            nearest[place] = value
            n += 1
            if n == len(nearest):
                break
    return nearest[n // 2] if n > 0 else 0.0


@njit(cache=True, parallel=True, error_model="numpy")
def prepare(columns: Matrix, window: int) -> Prepared:
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
    plane = blocks * rows * 4
    planes = on_a_line(7 * plane)
    traits = np.zeros((blocks, segments), dtype=np.uint8)
    for block in prange(blocks):
        x = on_a_line(4 * rows)
        for lane in range(4):
            asset = 4 * block + lane
            if asset < assets:
                largest = 0.0
                for row in range(rows):
                    if abs(columns[asset, row]) > largest:
                        largest = abs(columns[asset, row])
                # A power of two changes no digit, and keeps squares from under- and overflowing.
                scale = 2.0 ** -np.floor(np.log2(largest)) if largest > 0.0 else 1.0
                for row in range(rows):
                    x[4 * row + lane] = columns[asset, row] * scale
            else:
                for row in range(rows):
                    x[4 * row + lane] = np.nan
        nearest = np.empty(5)
        own, following = np.zeros(4), np.zeros(4)
        unchanged = np.zeros(4, dtype=np.int64)
        tail = on_a_line(12 * window)
        for segment in range(segments):
            first = max(0, segment * window - 1)
            last = min(rows, (segment + 1) * window - 1)
            holes = False
            for lane in range(4):
                following[lane] = _anchor(x, lane, last, window, nearest) if last < rows else 0.0
                if 4 * block + lane < assets:
                    for row in range(first, last):
                        holes |= x[4 * row + lane] != x[4 * row + lane]
            if holes:
                traits[block, segment] |= 1
                if segment + 1 < segments:
                    traits[block, segment + 1] |= 1
            for row in range(first, last):
                for lane in range(4):
                    value = x[4 * row + lane]
                    there = value == value
                    at = (block * rows + row) * 4 + lane
                    planes[at + SEEN * plane] = 1.0 if there else 0.0
                    planes[at] = value - own[lane] if there else 0.0
                    planes[at + BEHIND * plane] = value - following[lane] if there else 0.0
            if segment > 0:
                zero = spread(0.0)
                n = s = q = zero
                for r in range(window - 2, -1, -1):
                    store(tail, 12 * r + 12, n)
                    store(tail, 12 * r + 16, s)
                    store(tail, 12 * r + 20, q)
                    row = block * rows + first - window + 1 + r
                    v = load(planes, row * 4 + BEHIND * plane)
                    n = plus(n, load(planes, row * 4 + SEEN * plane))
                    s = plus(s, v)
                    q = times_plus(v, v, q)
                store(tail, 0, n)
                store(tail, 4, s)
                store(tail, 8, q)
                n = s = q = zero
                for r in range(last - first):
                    at = (block * rows + first + r) * 4
                    v = load(planes, at)
                    n = plus(n, load(planes, at + SEEN * plane))
                    s = plus(s, v)
                    q = times_plus(v, v, q)
                    store(planes, at + COUNT * plane, plus(n, load(tail, 12 * r)))
                    store(planes, at + TOTAL * plane, plus(s, load(tail, 12 * r + 4)))
                    store(planes, at + SQUARES * plane, plus(q, load(tail, 12 * r + 8)))
            for row in range(first, last):
                for lane in range(4):
                    at = (block * rows + row) * 4 + lane
                    before = 4 * row - 4 + lane
                    same = row > 0 and x[before + 4] == x[before]
                    unchanged[lane] = unchanged[lane] + 1 if same else 0
                    raw = planes[at + SQUARES * plane]
                    if segment == 0:
                        planes[at + INVERSE * plane] = planes[at + TOTAL * plane] = 0.0
                        planes[at + COUNT * plane] = planes[at + SQUARES * plane] = 0.0
                    elif planes[at + COUNT * plane] < window:
                        planes[at + INVERSE * plane] = 0.0
                    elif unchanged[lane] + 1 >= window:
                        planes[at + INVERSE * plane] = np.nan
                    else:
                        central = (
                            raw - planes[at + TOTAL * plane] * planes[at + TOTAL * plane] / window
                        )
                        if central * CANCELLATION > raw:
                            planes[at + INVERSE * plane] = 1.0 / np.sqrt(central)
                        else:
                            planes[at + INVERSE * plane] = -np.inf
                            traits[block, segment] |= 2
            for lane in range(4):
                own[lane] = following[lane]
    return planes, traits
