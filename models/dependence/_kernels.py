"""Compiled DCC likelihood and filter.

The likelihood is needed at a stencil of neighbouring parameters, so four parameter points advance
together through the rows, one in each lane of a vector: four likelihoods cost little more than
one. Matrices of four lanes lie flat, entry after entry; symmetric ones keep the upper triangle,
row after row.
"""

from typing import Any

import numpy as np

from features._numba import njit
from features._typing import Floats, Integers
from features.correlation._simd import (
    load,
    load_spread,
    minus,
    minus_times,
    over,
    plus,
    root,
    spread,
    store,
    times,
    times_plus,
)

LANES = 4
# A logarithm costs as much as a dozen multiplications: it is taken of a product of this many
# factors, each of at least about 1e-12, which a float64 can hold.
FACTORS = 16


@njit()
def _add_logs(factor: Any, buffer: Floats, out: Floats, at: int) -> None:
    """Subtract half the logarithm of each lane from four neighbours of `out`."""
    store(buffer, 0, factor)
    for lane in range(LANES):
        out[at + lane] -= 0.5 * np.log(buffer[lane])


@njit(error_model="numpy")
def full_rows(
    z: Floats,
    intercept: Floats,
    q: Floats,
    parameters: Floats,
    corrected: bool,
    asymmetric: bool,
    out: Floats,
) -> None:
    """Correlation part of the log-likelihood of every row, four parameter points at once.

    `z` (rows, assets); `intercept` and `q` flat (entries of the upper triangle, 4), `q` holding
    Q_1 on entry and Q after the last row on return; `parameters` flat (a, b, g; 4); `out` flat
    (rows, 4).
    """
    rows, assets = z.shape
    flat = z.reshape(-1)
    a, b, g = load(parameters, 0), load(parameters, 4), load(parameters, 8)
    one, half, nothing = spread(1.0), spread(0.5), spread(0.0)
    left, buffer = q.copy(), np.empty(LANES)
    scaled = np.empty(LANES * assets)
    news = np.empty(LANES * assets)
    fall = np.empty(LANES * assets)
    for row in range(rows):
        # y = D^½z, D = diag(Q): then z'R⁻¹z = y'Q⁻¹y, and R itself is never formed.
        diagonal = 0
        size = nothing
        for i in range(assets):
            value = load_spread(flat, row * assets + i)
            size = times_plus(value, value, size)
            y = times(value, root(load(q, diagonal)))
            store(scaled, LANES * i, y)
            store(news, LANES * i, y if corrected else value)
            store(fall, LANES * i, spread(min(flat[row * assets + i], 0.0)))
            diagonal += LANES * (assets - i)
        # Q = U'DU by elimination; det R is the product of pivots over the diagonal of Q.
        distance, pivots, scale = nothing, one, one
        at = LANES * row
        store(out, at, nothing)
        top = 0
        for j in range(assets):
            pivot = load(left, top)
            inverse = over(one, pivot)
            pivots = times(pivots, pivot)
            scale = times(scale, load(q, top))
            if j % FACTORS == FACTORS - 1:
                _add_logs(over(pivots, scale), buffer, out, at)
                pivots, scale = one, one
            y = load(scaled, LANES * j)
            share = times(y, inverse)
            distance = times_plus(y, share, distance)
            target = top + LANES * (assets - j)
            for m in range(j + 1, assets):
                source = top + LANES * (m - j)
                factor = times(load(left, source), inverse)
                scaled_value = load(scaled, LANES * m)
                store(scaled, LANES * m, minus_times(factor, y, scaled_value))
                for i in range(assets - m):
                    entry = target + LANES * i
                    remainder = minus_times(
                        factor, load(left, source + LANES * i), load(left, entry)
                    )
                    store(left, entry, remainder)
                target += LANES * (assets - m)
            top += LANES * (assets - j)
        _add_logs(over(pivots, scale), buffer, out, at)
        store(out, at, times_plus(half, minus(size, distance), load(out, at)))
        entry = 0
        for j in range(assets):
            first = times(a, load(news, LANES * j))
            down = times(g, load(fall, LANES * j))
            for i in range(j, assets):
                following = times_plus(b, load(q, entry), load(intercept, entry))
                following = times_plus(first, load(news, LANES * i), following)
                if asymmetric:
                    following = times_plus(down, load(fall, LANES * i), following)
                store(q, entry, following)
                store(left, entry, following)
                entry += LANES


@njit(error_model="numpy")
def pair_rows(
    columns: Floats,
    intercept: Floats,
    start: Floats,
    parameters: Floats,
    corrected: bool,
    asymmetric: bool,
    out: Floats,
) -> None:
    """Composite log-likelihood of every row: the sum over neighbours (0, 1), (1, 2), … .

    `columns` (assets, rows); `intercept` and `start` flat (assets, then the pairs; 4); otherwise
    as `full_rows`.
    """
    assets, rows = columns.shape
    flat = columns.reshape(-1)
    a, b, g = load(parameters, 0), load(parameters, 4), load(parameters, 8)
    half, two = spread(0.5), spread(2.0)
    factors, buffer = np.ones(LANES * rows), np.empty(LANES)
    out[:] = 0.0
    for pair in range(assets - 1):
        x, y = LANES * pair, LANES * (pair + 1)
        xy = LANES * (assets + pair)
        base_x, base_y, base_xy = load(intercept, x), load(intercept, y), load(intercept, xy)
        q_x, q_y, q_xy = load(start, x), load(start, y), load(start, xy)
        for row in range(rows):
            first_number, second_number = columns[pair, row], columns[pair + 1, row]
            first = load_spread(flat, pair * rows + row)
            second = load_spread(flat, (pair + 1) * rows + row)
            square = times_plus(first, first, times(second, second))
            product = times(first, second)
            scale = times(q_x, q_y)
            size = root(scale)
            determinant = minus_times(q_xy, q_xy, scale)
            cross = times(times(two, times(q_xy, size)), product)
            distance = over(minus(times(scale, square), cross), determinant)
            at = LANES * row
            store(factors, at, times(load(factors, at), over(determinant, scale)))
            gain = minus(square, distance)
            store(out, at, times_plus(half, gain, load(out, at)))
            news_x, news_y, news_xy = times(first, first), times(second, second), product
            if corrected:
                news_x, news_y = times(news_x, q_x), times(news_y, q_y)
                news_xy = times(news_xy, size)
            q_x = times_plus(a, news_x, times_plus(b, q_x, base_x))
            q_y = times_plus(a, news_y, times_plus(b, q_y, base_y))
            q_xy = times_plus(a, news_xy, times_plus(b, q_xy, base_xy))
            if asymmetric:
                low, high = min(first_number, 0.0), min(second_number, 0.0)
                q_x = times_plus(g, spread(low * low), q_x)
                q_y = times_plus(g, spread(high * high), q_y)
                q_xy = times_plus(g, spread(low * high), q_xy)
        if pair % FACTORS == FACTORS - 1 or pair == assets - 2:
            for row in range(rows):
                _add_logs(load(factors, LANES * row), buffer, out, LANES * row)
            factors[:] = 1.0


@njit(error_model="numpy")
def corrected_targets(
    columns: Floats, first: Integers, second: Integers, parameters: Floats, out: Floats
) -> None:
    """S of cDCC at four parameter points: mean of diag(Q)^½ zz' diag(Q)^½, unit diagonal.

    `columns` (assets, rows); the entries (first, second) fill `out` (entries, 4), flat.
    """
    assets, rows = columns.shape
    flat = columns.reshape(-1)
    a, b = load(parameters, 0), load(parameters, 4)
    one = spread(1.0)
    base = minus(minus(one, a), b)
    news = np.empty(LANES * assets * rows)
    size = np.empty(LANES * assets)
    for asset in range(assets):
        q, total = one, spread(0.0)
        for row in range(rows):
            value = load_spread(flat, asset * rows + row)
            scaled_value = times(value, root(q))
            square = times(scaled_value, scaled_value)
            store(news, LANES * (asset * rows + row), scaled_value)
            total = plus(total, square)
            q = times_plus(a, square, times_plus(b, q, base))
        store(size, LANES * asset, root(total))
    for entry in range(len(first)):
        x, y = first[entry], second[entry]
        total = spread(0.0)
        if x == y:
            total = one
        else:
            for row in range(rows):
                left = load(news, LANES * (x * rows + row))
                total = times_plus(left, load(news, LANES * (y * rows + row)), total)
            total = over(over(total, load(size, LANES * x)), load(size, LANES * y))
        store(out, LANES * entry, total)


@njit(error_model="numpy")
def filter_rows(
    z: Floats,
    first: Integers,
    second: Integers,
    intercept: Floats,
    Q: Floats,
    a: float,
    b: float,
    g: float,
    corrected: bool,
    out: Floats,
) -> None:
    """Write each row's forecast of the pairs into `out`, then update Q in place.

    A row with a NaN leaves Q, and so the forecast, unchanged.
    """
    rows, assets = z.shape
    news = np.empty(assets)
    for row in range(rows):
        for pair in range(len(first)):
            i, j = first[pair], second[pair]
            out[row, pair] = Q[i, j] / np.sqrt(Q[i, i]) / np.sqrt(Q[j, j])
        complete = True
        for i in range(assets):
            complete &= not np.isnan(z[row, i])
            news[i] = z[row, i] * np.sqrt(Q[i, i]) if corrected else z[row, i]
        if not complete:
            continue
        for i in range(assets):
            for j in range(i, assets):
                value = intercept[i, j] + a * news[i] * news[j] + b * Q[i, j]
                value += g * min(z[row, i], 0.0) * min(z[row, j], 0.0)
                Q[i, j] = value
                Q[j, i] = value
