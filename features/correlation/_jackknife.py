"""Jackknife pseudo-values of a correlation, and the long-run variance of a series: compiled."""

import numpy as np

from features._numba import njit
from features._typing import Floats

COSINES = 8  # projections behind a long-run variance, hence degrees of freedom of its t ratio
MIN_ROWS = 2 * COSINES  # complete rows below which that variance is meaningless
PERFECT = 1 - 1e-12  # beyond it, 1 − r² is rounding


@njit(nogil=True)
def pseudo_values(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Correlation r and the pseudo-values (n−1)(atanh r − atanh r₍₋ᵢ₎), which average about zero.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Complete pairs, n ≥ 4.

    Returns
    -------
    r : float
        NaN where a side is constant, exactly ±1 where it is so to 12 digits.
    pseudo : ndarray of shape (n,)
        Zeros where r is NaN or ±1.

    References
    ----------
    Efron (1982), The Jackknife, the Bootstrap and Other Resampling Plans, ch. 3.
    """
    n = len(x)
    pseudo = np.zeros(n)
    dx = x - x.mean()
    dy = y - y.mean()
    largest_x = np.abs(dx).max()
    largest_y = np.abs(dy).max()
    # A constant column leaves its mean's rounding behind, not zero.
    if largest_x <= 1e-14 * np.abs(x).max() or largest_y <= 1e-14 * np.abs(y).max():
        return np.nan, pseudo
    dx /= largest_x
    dy /= largest_y
    dx /= np.sqrt((dx * dx).sum())
    dy /= np.sqrt((dy * dy).sum())
    r = (dx * dy).sum()
    if abs(r) >= PERFECT:
        return np.sign(r), pseudo
    z = np.arctanh(r)
    k = n / (n - 1)
    for i in range(n):
        left_x = 1 - k * dx[i] * dx[i]
        left_y = 1 - k * dy[i] * dy[i]
        # One day can carry a whole series; without it nothing is known, so it decides everything.
        without = 0.0
        if left_x > 1e-12 and left_y > 1e-12:
            without = (r - k * dx[i] * dy[i]) / np.sqrt(left_x * left_y)
        pseudo[i] = (n - 1) * (z - np.arctanh(min(PERFECT, max(-PERFECT, without))))
    return r, pseudo


@njit(nogil=True)
def cosine_variance(values: Floats) -> float:
    """Long-run variance: mean of eight squared cosine projections √(2/n) Σ v cos(πj(t+½)/n).

    The projections are blind to the mean, and each is about N(0, ω²): a ratio to the root of this
    estimate is Student-t with 8 degrees of freedom.

    References
    ----------
    Müller (2007), J. Econometrics 141; Lazarus, Lewis, Stock and Watson (2018), JBES 36, eq. 10.
    """
    n = len(values)
    projection = np.zeros(COSINES)
    for t in range(n):
        first = np.cos(np.pi * (t + 0.5) / n)
        before, now = 1.0, first
        for j in range(COSINES):
            projection[j] += values[t] * now
            before, now = now, 2 * first * now - before  # cos((j+1)θ) from its two predecessors
    return float(2.0 / n * (projection * projection).sum() / COSINES)


@njit(nogil=True)
def bartlett_variance(values: Floats, bandwidth: int) -> float:
    """Long-run variance with weights 1 − l/bandwidth on the autocovariances of lags l < bandwidth.

    References
    ----------
    Newey and West (1987), Econometrica 55; their lag count is `bandwidth` − 1.
    """
    n = len(values)
    mean = values.mean()
    total = 0.0
    for t in range(n):
        weighted = (values[t] - mean) / 2  # the lag 0 term counts once, all others twice
        for lag in range(1, min(bandwidth, t + 1)):
            weighted += (1 - lag / bandwidth) * (values[t - lag] - mean)
        total += (values[t] - mean) * weighted
    return 2 * total / n
