"""Volatility around a row from the other rows on both sides: compiled."""

import numpy as np

from features._numba import njit
from features._typing import Floats

HALF_LIFE = 10  # rows on either side; chosen by simulation (docs/methods.md)


@njit(nogil=True)
def local_volatility(values: Floats) -> Floats:
    """Root mean square of all other rows, weights 2^(−distance/HALF_LIFE).

    The row itself is excluded, so that a shock does not scale itself down. Both sides are used: a
    σ of earlier rows alone lags behind a rise of volatility, which then passes for a change of
    correlation. Zero where the other rows are zero.
    """
    n = len(values)
    decay = 0.5 ** (1 / HALF_LIFE)
    squares = np.zeros(n)
    weights = np.zeros(n)
    for first, step in ((0, 1), (n - 1, -1)):
        total = weight = 0.0
        row = first
        for _ in range(n):
            squares[row] += total
            weights[row] += weight
            total = decay * (total + values[row] * values[row])
            weight = decay * (weight + 1)
            row += step
    return np.sqrt(squares / weights)


@njit(nogil=True)
def standard_rows(values: Floats, volatility: Floats) -> Floats:
    """Values over `volatility`, with mean 0 and variance 1; where it is zero, so is the ratio."""
    ratio = np.zeros(len(values))
    for row in range(len(values)):
        if volatility[row] > 0:
            ratio[row] = values[row] / volatility[row]
    ratio -= ratio.mean()
    ratio /= np.sqrt((ratio * ratio).mean())
    return ratio
