"""Bayesian online change-point detection with Student-t predictions."""

import numpy as np
from scipy.special import gammaln

from features._numba import njit
from features._typing import Floats, Integers


def change_probability(
    values: Floats,
    *,
    expected_run: float = 252.0,
    mean: float = 0.0,
    mean_weight: float = 1.0,
    shape: float = 2.0,
    scale: float = 1.0,
    min_mass: float = 1e-3,
) -> tuple[Floats, Integers]:
    """Posterior log-odds, row by row, that the regime of the first row has ended.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Observations. A NaN row repeats the result of the row before.
    expected_run : float
        Expected rows of a regime, 1/hazard: a change is as likely at every row.
    mean, mean_weight, shape, scale : float
        Normal-inverse-gamma prior of a regime: μ | σ² ~ N(mean, σ²/mean_weight),
        σ² ~ IG(shape, scale). Predictions are Student-t with 2·shape degrees of freedom at first.
    min_mass : float
        Run lengths below this posterior probability are dropped, except that of the first row.
        Zero retains all; the cost per row is proportional to the number retained.

    Returns
    -------
    log_odds : ndarray of shape (n_rows,)
        ln of P(a change since the first row)/P(none): posterior probability 1/(1 + e^−x).
    placed : ndarray of shape (n_rows,), int64
        First row of the most likely regime among those that began after the first row; −1 at
        row 0. The values at *t* use rows up to *t*.

    Raises
    ------
    ValueError
        `values` is not one-dimensional or holds an infinity, or a parameter is out of bounds.

    Notes
    -----
    The statistic is Shiryaev's: the change point is integrated out. The probability of a short
    run is a poor statistic: it is high after every restart, jumps with a single outlier and
    forgets a slow change once its run is long. P(r_t = 0) is the hazard whatever the data.

    References
    ----------
    Adams, MacKay (2007), arXiv 0710.3742, algorithm 1; Shiryaev (1963), Theory of Probability and
    its Applications 8; conjugate updates: Murphy (2007), section 3.
    """
    if values.ndim != 1:
        raise ValueError(f"values must be one-dimensional, got {values.ndim} dimensions")
    if np.isinf(values).any():
        raise ValueError("values must be finite or NaN, got an infinity; check for division by 0")
    if not expected_run > 1:
        raise ValueError(f"expected_run must exceed 1 row, got {expected_run}")
    for name, value in (("mean_weight", mean_weight), ("shape", shape), ("scale", scale)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    if not 0 <= min_mass < 0.1:
        raise ValueError(f"min_mass must lie in [0, 0.1), got {min_mass}; 1e-4 is usual")
    # ln of a Student-t's normalising constant after r rows, its scale left out.
    shapes = shape + 0.5 * np.arange(len(values) + 1)
    constants = gammaln(shapes + 0.5) - gammaln(shapes) - 0.5 * np.log(2 * np.pi)
    log_odds, changed_at = _filter(
        np.ascontiguousarray(values, dtype=np.float64),
        1 / expected_run, mean, mean_weight, shape, scale, min_mass, constants,
    )  # fmt: skip
    return log_odds, changed_at


@njit(nogil=True)
def _filter(
    values: Floats,
    hazard: float,
    mean: float,
    weight: float,
    shape: float,
    scale: float,
    min_mass: float,
    constants: Floats,
) -> tuple[Floats, Integers]:
    n = len(values)
    log_odds = np.full(n, -np.inf)
    changed_at = np.full(n, -1, np.int64)
    # One entry per run length: first row, mass, rows and posterior. Entry 0 is the regime of the
    # first row; it is never dropped.
    begin = np.empty(n + 1, np.int64)
    mass = np.empty(n + 1)
    seen = np.empty(n + 1, np.int64)
    m = np.empty(n + 1)
    b = np.empty(n + 1)
    runs = 0
    for row in range(n):
        x = values[row]
        if np.isnan(x):
            if row > 0:
                log_odds[row], changed_at[row] = log_odds[row - 1], changed_at[row - 1]
            continue
        # A new run takes the hazard's share of all mass, before the row is seen.
        total = 0.0
        for i in range(runs):
            total += mass[i]
            mass[i] *= 1 - hazard
        begin[runs], seen[runs], m[runs], b[runs] = row, 0, mean, scale
        mass[runs] = total * hazard if runs else 1.0
        runs += 1
        total = 0.0
        for i in range(runs):
            a = shape + 0.5 * seen[i]
            k = weight + seen[i]
            spread = b[i] * (k + 1) / k
            gap = x - m[i]
            mass[i] *= np.exp(
                constants[seen[i]] - 0.5 * np.log(spread)
                - (a + 0.5) * np.log1p(0.5 * gap * gap / spread)
            )  # fmt: skip
            b[i] += 0.5 * k * gap * gap / (k + 1)
            m[i] += gap / (k + 1)
            seen[i] += 1
            total += mass[i]
        if not total > 0:  # every prediction underflowed: the row carries no information
            total = 0.0
            for i in range(runs):
                mass[i] = 1.0
                total += 1.0
        n_kept, changed, best = 0, 0.0, -1.0
        for i in range(runs):
            share = mass[i] / total
            if i > 0 and share < min_mass:
                continue
            begin[n_kept], seen[n_kept], m[n_kept], b[n_kept] = begin[i], seen[i], m[i], b[i]
            # The mass of the first regime may underflow; its odds stay finite.
            mass[n_kept] = max(share, 1e-300) if i == 0 else share
            if i > 0:
                changed += share
                if share > best:
                    best, changed_at[row] = share, begin[i]
            n_kept += 1
        runs = n_kept
        if changed > 0:
            log_odds[row] = np.log(changed) - np.log(mass[0])
    return log_odds, changed_at
