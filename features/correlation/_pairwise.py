"""Two series at a time: standardised rows, correlation in two passes, counts, weights."""

import numpy as np
from numba import prange

from features._numba import njit
from features._typing import Floats, Integers


def standardise(*series: Floats) -> tuple[Floats, ...]:
    """Give each series mean 0 and variance 1 over its rows; NaN where it is constant."""
    return tuple(_standard(values) for values in series)


def _standard(values: Floats) -> Floats:
    if not len(values):
        return values
    centred = values - values.mean()
    largest = np.abs(centred).max()
    if largest <= 1e-14 * np.abs(values).max():  # a constant leaves its mean's rounding behind
        return np.full(len(values), np.nan)
    centred /= largest
    scaled: Floats = centred / np.sqrt(np.mean(centred * centred))
    return scaled


@njit(nogil=True)
def pair_correlation(x: Floats, y: Floats, first: int, last: int) -> float:
    """Two-pass correlation of rows `first` … `last` − 1; NaN where either side is constant."""
    n = 0
    head_x = head_y = sum_x = sum_y = 0.0
    varies_x = varies_y = False
    for row in range(first, last):
        if np.isnan(x[row]) or np.isnan(y[row]):
            continue
        if n == 0:
            head_x, head_y = x[row], y[row]
        varies_x |= x[row] != head_x
        varies_y |= y[row] != head_y
        sum_x += x[row] - head_x
        sum_y += y[row] - head_y
        n += 1
    if not (varies_x and varies_y):
        return np.nan
    mean_x = head_x + sum_x / n
    mean_y = head_y + sum_y / n
    left_x = left_y = xx = yy = xy = 0.0
    for row in range(first, last):
        if np.isnan(x[row]) or np.isnan(y[row]):
            continue
        dx, dy = x[row] - mean_x, y[row] - mean_y
        left_x += dx
        left_y += dy
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    # The mean itself is rounded: what the deviations leave over corrects for that.
    xx -= left_x * left_x / n
    yy -= left_y * left_y / n
    xy -= left_x * left_y / n
    if not (xx > 0.0 and yy > 0.0):
        return np.nan  # varies by less than a float64 can square
    rho = xy / np.sqrt(xx) / np.sqrt(yy)
    return float(min(1.0, max(-1.0, rho)))


@njit(parallel=True)
def count_pairs(columns: Floats, base: int, window: int, count: Integers) -> None:
    """Fill `count` (row, counterpart) with the complete pairs of the window that ends there."""
    assets, rows = columns.shape
    for asset in prange(assets):
        if asset == base:
            continue
        n, out_row = 0, asset - (asset > base)
        for row in range(rows):
            n += not (np.isnan(columns[base, row]) or np.isnan(columns[asset, row]))
            gone = row - window
            if gone >= 0:
                n -= not (np.isnan(columns[base, gone]) or np.isnan(columns[asset, gone]))
            count[out_row, row] = n


@njit()
def ewma_against_base(
    base: Floats,
    columns: Floats,
    decay: float,
    min_observations: int,
    value: Floats,
    effective: Floats,
) -> None:
    """Fill `value` and `effective` (column, row) by the weighted Welford recursion."""
    assets, rows = columns.shape
    for asset in range(assets):
        x, y = base, columns[asset]
        n = 0
        weight = squares = mean_x = mean_y = xx = yy = xy = head_x = head_y = size = 0.0
        varies_x = varies_y = False
        for row in range(rows):
            weight *= decay
            squares *= decay * decay
            xx *= decay
            yy *= decay
            xy *= decay
            seen = not (np.isnan(x[row]) or np.isnan(y[row]))
            if seen:
                if n == 0:
                    head_x = mean_x = x[row]
                    head_y = mean_y = y[row]
                varies_x |= x[row] != head_x
                varies_y |= y[row] != head_y
                dx, dy = x[row] - mean_x, y[row] - mean_y
                share = weight / (weight + 1.0)
                weight += 1.0
                squares += 1.0
                mean_x += dx / weight
                mean_y += dy / weight
                xx += share * dx * dx
                yy += share * dy * dy
                xy += share * dx * dy
                n += 1
                size = weight * weight / squares
            effective[asset, row] = size  # ageing alone leaves it as it is
            varies = varies_x and varies_y and xx > 0.0 and yy > 0.0  # both may fade to nothing
            if seen and n >= min_observations and varies:
                rho = xy / np.sqrt(xx) / np.sqrt(yy)
                value[asset, row] = min(1.0, max(-1.0, rho))
            else:
                value[asset, row] = np.nan
