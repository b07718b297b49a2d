"""Sequential likelihood-ratio detection of a change in mean: exact, logarithmic time per row."""

import numpy as np

from features._numba import njit
from features._typing import Floats, Integers


def glr_cusum(values: Floats, *, pre_change_mean: float | None = None) -> tuple[Floats, Integers]:
    """Generalised likelihood ratio that the mean of unit-variance rows has changed by each row.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Observations over their standard deviation. A NaN row repeats the result of the
        row before.
    pre_change_mean : float or None
        Mean before a change; None where it is unknown and estimated from the same rows.

    Returns
    -------
    statistic : ndarray of shape (n_rows,)
        Twice the log-likelihood ratio, maximised over change point and means; 0 at the start.
    placed : ndarray of shape (n_rows,), int64
        First row of the new regime at the maximum, −1 where the statistic is 0. The values at
        *t* use rows up to *t*.

    Raises
    ------
    ValueError
        `values` is not one-dimensional or holds an infinity.

    Notes
    -----
    Known mean: max_τ (S_t − S_τ)²/(t − τ), S the sums of x − μ₀. Unknown: max_τ
    (S_t − S_τ)²/(t − τ) + S_τ²/τ − S_t²/t. The maximiser for a rise is a vertex of the lower
    convex hull of the points (τ, S_τ), for a fall of the upper one: a row enters and leaves a hull
    once, and a hull of n random rows has O(ln n) vertices. This is functional pruning (FOCuS) in
    other words, and exact.

    References
    ----------
    Page (1954), Biometrika 41; Romano, Eckley, Fearnhead, Rigaill (2023), JMLR 24 (FOCuS⁰ for a
    known mean, FOCuS for an unknown one); hulls: Pishchagina et al. (2023), arXiv 2311.01174.
    """
    if values.ndim != 1:
        raise ValueError(f"values must be one-dimensional, got {values.ndim} dimensions")
    if np.isinf(values).any():
        raise ValueError("values must be finite or NaN, got an infinity; check for division by 0")
    known = pre_change_mean is not None
    statistic, changed_at = _scan(
        np.ascontiguousarray(values, dtype=np.float64),
        0.0 if pre_change_mean is None else float(pre_change_mean),
        known,
    )
    return statistic, changed_at


@njit(nogil=True)
def _scan(values: Floats, mean: float, known: bool) -> tuple[Floats, Integers]:
    n = len(values)
    statistic = np.zeros(n)
    changed_at = np.full(n, -1, np.int64)
    rows = np.empty(n + 1, np.int64)  # row number after each counted row
    sums = np.zeros(n + 1)
    lower = np.empty(n + 1, np.int64)
    upper = np.empty(n + 1, np.int64)
    lows = highs = 0
    t = 0  # rows counted
    for row in range(n):
        if np.isnan(values[row]):
            if row > 0:
                statistic[row], changed_at[row] = statistic[row - 1], changed_at[row - 1]
            continue
        rows[t] = row
        # The point (t, S_t) becomes a candidate before the next row is added to the sums.
        lows = _push(lower, lows, sums, t, 1.0)
        highs = _push(upper, highs, sums, t, -1.0)
        t += 1
        sums[t] = sums[t - 1] + values[row] - mean
        best, where = 0.0, -1
        for hull, count in ((lower, lows), (upper, highs)):
            for i in range(count):
                tau = hull[i]
                if tau == 0 and not known:
                    continue  # without a known mean, a change needs a row before it
                value = (sums[t] - sums[tau]) ** 2 / (t - tau)
                if not known:
                    value += sums[tau] ** 2 / tau - sums[t] ** 2 / t
                if value > best:
                    best, where = value, rows[tau]
        statistic[row], changed_at[row] = best, where
    return statistic, changed_at


@njit(nogil=True)
def _push(hull: Integers, count: int, sums: Floats, new: int, sign: float) -> int:
    """Add point `new` to the lower hull of sign·S (the upper one for sign −1)."""
    while count >= 2:
        a, b = hull[count - 2], hull[count - 1]
        left = sign * (sums[b] - sums[a]) * (new - b)
        right = sign * (sums[new] - sums[b]) * (b - a)
        if left < right:
            break
        count -= 1
    hull[count] = new
    return count + 1
