"""Change detector with a proven average run length, free of distribution and simulation."""

import numpy as np

from features._numba import njit
from features._typing import Floats, Integers

# Bets as shares of the largest admissible one; small bets detect small changes, slowly. Halving
# from 1 to 1/64 spans changes from the whole range to a few hundredths of it.
_BETS = 0.5 ** np.arange(7)


def e_detector(
    values: Floats, *, lowest_mean: float, highest_mean: float, floor: float, ceiling: float
) -> tuple[Floats, Integers]:
    """Shiryaev–Roberts e-detector that the mean of bounded rows has left an interval.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Observations within [floor, ceiling]; capped values qualify. A NaN row repeats the
        result of the row before.
    lowest_mean, highest_mean : float
        Interval of the mean before a change, floor < lowest_mean ≤ highest_mean < ceiling.
    floor, ceiling : float
        Bounds of a row, known beforehand.

    Returns
    -------
    statistic : ndarray of shape (n_rows,)
        The e-detector M_t, at least about 1. Without a change, an alarm at M_t ≥ 1/α comes after
        at least 1/α rows on average.
    placed : ndarray of shape (n_rows,), int64
        First row of the new regime, from the bet and start with the largest wealth. The values at
        *t* use rows up to *t*.

    Raises
    ------
    ValueError
        A row lies outside the bounds, or the bounds are out of order.

    Notes
    -----
    M_t = Σ_k w_k M_t^k with M_t^k = L_t^k (M_{t−1}^k + 1), L_t^k = 1 + λ_k (x_t − m) for a rise
    above m = highest_mean, λ_k > 0 small enough that L ≥ 0, and its mirror image for a fall; half
    of the weight each. Where E[x_t | rows before] lies in the interval, E[L_t | rows before] ≤ 1,
    so M_t − t is a supermartingale and the average run length is at least 1/α. Neither
    independence nor a distribution is assumed: GARCH rows qualify. The conditional mean is
    assumed: serially correlated rows, or an interval that misses the true mean, void the bound.

    References
    ----------
    Shin, Ramdas, Rinaldo (2023), E-detectors: a nonparametric framework for sequential change
    detection, New England Journal of Statistics in Data Science (e-SR detectors and their
    mixtures); bets on bounded means: Waudby-Smith, Ramdas (2024), JRSS-B 86.
    """
    if values.ndim != 1:
        raise ValueError(f"values must be one-dimensional, got {values.ndim} dimensions")
    if not floor < lowest_mean <= highest_mean < ceiling:
        raise ValueError(
            "bounds must rise: floor < lowest_mean ≤ highest_mean < ceiling, got "
            f"{floor}, {lowest_mean}, {highest_mean}, {ceiling}"
        )
    outside = (values < floor) | (values > ceiling)
    if outside.any():
        raise ValueError(
            f"values must lie within [{floor}, {ceiling}], got {values[outside][0]}; cap them"
        )
    statistic, changed_at = _accumulate(
        np.ascontiguousarray(values, dtype=np.float64),
        np.concatenate([_BETS / (highest_mean - floor), -_BETS / (ceiling - lowest_mean)]),
        np.repeat([highest_mean, lowest_mean], len(_BETS)),
    )
    return statistic, changed_at


@njit(nogil=True)
def _accumulate(values: Floats, bets: Floats, means: Floats) -> tuple[Floats, Integers]:
    n, width = len(values), len(bets)
    statistic = np.zeros(n)
    changed_at = np.full(n, -1, np.int64)
    sums = np.zeros(width)
    wealth = np.ones(width)  # of the best start (e-CUSUM), to date the change
    start = np.zeros(width, np.int64)
    for row in range(n):
        if np.isnan(values[row]):
            if row > 0:
                statistic[row], changed_at[row] = statistic[row - 1], changed_at[row - 1]
            continue
        total, best = 0.0, -1.0
        for k in range(width):
            if wealth[k] <= 1.0:
                wealth[k], start[k] = 1.0, row
            increment = max(1.0 + bets[k] * (values[row] - means[k]), 0.0)
            # Capped far above any threshold, so that it stays finite.
            sums[k] = min(increment * (sums[k] + 1.0), 1e300)
            wealth[k] = min(increment * wealth[k], 1e300)
            total += sums[k]
            if wealth[k] > best:
                best, changed_at[row] = wealth[k], start[k]
        statistic[row] = total / width
    return statistic, changed_at
