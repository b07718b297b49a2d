"""Confidence intervals of a correlation: Fisher's, and one that is robust to fat tails."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from features._numba import njit
from features._typing import Floats
from features._validation import complete_rows, require_confidence, require_correlation
from features.correlation._jackknife import COSINES, MIN_ROWS, cosine_variance, pseudo_values


def fisher_interval(
    value: ArrayLike, n: ArrayLike, *, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Interval of a correlation by Fisher's z: tanh(atanh r ± Φ⁻¹((1+confidence)/2)/√(n−3)).

    Right to order 1/n for independent bivariate normal rows. Fat tails and volatility clusters
    make it too narrow; `robust_interval` allows for both.

    Parameters
    ----------
    value : array_like
        Correlations in [-1, 1], any shape.
    n : array_like
        Complete pairs behind each correlation (for exponential weights the effective number),
        broadcast against `value`.
    confidence : float
        Nominal coverage.

    Returns
    -------
    lower, upper : ndarray of the broadcast shape
        NaN where `value` or `n` is NaN or ``n <= 3``. At ``|value| = 1`` both ends are `value`.
        Row t uses the value and the n of row t.

    Raises
    ------
    ValueError
        `confidence` is outside (0, 1), or a correlation is outside [-1, 1].

    References
    ----------
    Fisher (1921), Metron 1, 3–32.
    """
    require_confidence(confidence)
    half = float(special.ndtri((1 + confidence) / 2))
    r, size = np.broadcast_arrays(
        require_correlation(value, "correlation"), np.asarray(n, np.float64)
    )
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    width = half / np.sqrt(np.where(size > 3, size - 3, np.nan))
    return np.tanh(z - width), np.tanh(z + width)


def robust_interval(x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a correlation that is valid under fat tails and serial dependence.

    Fisher's form with the unit variance replaced by an estimate:
    tanh(atanh r ± t₈·ω̂/√(n−3)), where ω̂² is the long-run variance of the jackknife
    pseudo-values (n−1)(z − z₍₋ᵢ₎). The jackknife prices the leverage of single days, which the
    plain influence function understates under fat tails; the long-run variance is the mean of
    eight squared cosine projections, so Student's t with 8 degrees of freedom is its exact limit.

    Parameters
    ----------
    x, y : array_like of shape (n_sessions,)
        Returns in time order. Rows with a NaN on either side are left out.
    confidence : float
        Nominal coverage.

    Returns
    -------
    lower, upper : float
        NaN with fewer than 16 complete pairs or a constant side; r twice when r = ±1.
        All rows given are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        `confidence` is outside (0, 1), or the lengths differ.

    Notes
    -----
    Simulated coverage of 95 % intervals (`benchmarks.sizes`): 94.7 – 95.9 % on independent t₄
    rows at n = 20, 63 and 252 and correlations 0 to 0.8, where Fisher's has 74 – 85 %; 94.1 –
    95.8 % when each asset has its own GARCH(0.05, 0.93); down to 88 % at a correlation of 0.8 and
    n = 252 under GARCH(0.08, 0.90), where rare volatile spells that the window lacks set the
    truth. At n = 20 the price of that is width: no robust interval of 20 rows is narrow.

    References
    ----------
    Müller (2007), J. Econometrics 141; Lazarus, Lewis, Stock and Watson (2018), JBES 36, eq. 10;
    Efron (1982) ch. 3 on jackknife pseudo-values.
    """
    require_confidence(confidence)
    quantile = float(special.stdtrit(COSINES, (1 + confidence) / 2))
    first, second = complete_rows(x, y)
    lower, upper = _interval(first, second, quantile)
    return float(lower), float(upper)


@njit(nogil=True)
def _interval(x: Floats, y: Floats, quantile: float) -> tuple[float, float]:
    n = len(x)
    if n < MIN_ROWS:
        return np.nan, np.nan
    r, pseudo = pseudo_values(x, y)
    if np.isnan(r) or abs(r) == 1:
        return r, r
    z = np.arctanh(r)
    half = quantile * np.sqrt(cosine_variance(pseudo) / (n - 3))
    return np.tanh(z - half), np.tanh(z + half)
