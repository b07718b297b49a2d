"""Whether two correlations that share an asset differ: IBIT with IGV against IBIT with GLD."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from features.jackknife import COSINES, SMALLEST, complete_rows, cosine_variance, pseudo_values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DependentCorrelations:
    """Whether `first` and `second` correlate differently with the shared asset.

    Differences and intervals are on Fisher's z scale, atanh r(shared, first) − atanh r(shared,
    second). Every number is NaN when `abstained`.

    Attributes
    ----------
    first, second, between : float
        r(shared, first), r(shared, second) and r(first, second).
    n : int
        Complete rows.
    difference, standard_error, statistic, p_value, lower, upper : float
        The robust form, the one to publish: jackknifed long-run variance, Student-t with 8 degrees
        of freedom.
    steiger_z, steiger_p_value : float
        Steiger (1980), Z̄₂*, pooled correlation; normal rows assumed.
    meng_z, meng_p_value, meng_lower, meng_upper : float
        Meng–Rosenthal–Rubin (1992), equations 1–3; normal rows assumed.
    abstained : bool
        Too few rows, a constant series or a perfect correlation; `reason` says which.
    reason : str
        Empty unless `abstained`.
    """

    first: float
    second: float
    between: float
    n: int
    difference: float = np.nan
    standard_error: float = np.nan
    statistic: float = np.nan
    p_value: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    steiger_z: float = np.nan
    steiger_p_value: float = np.nan
    meng_z: float = np.nan
    meng_p_value: float = np.nan
    meng_lower: float = np.nan
    meng_upper: float = np.nan
    abstained: bool = False
    reason: str = ""


def compare_dependent_correlations(
    shared: ArrayLike, first: ArrayLike, second: ArrayLike, *, confidence: float
) -> DependentCorrelations:
    """Test r(shared, first) = r(shared, second) on the same rows.

    For the desk: does bitcoin move with software more than with gold? The textbook statistics take
    the sampling covariance from normal theory and reject far too often under fat tails; the
    robust form takes it from the paired jackknife pseudo-values of both correlations.

    Parameters
    ----------
    shared, first, second : array_like of shape (n_sessions,)
        Returns in time order. Rows with a NaN in any of the three are left out.
    confidence : float
        Coverage of the intervals, for example 0.95.

    Returns
    -------
    DependentCorrelations
        p-values are two-sided. Abstains below 16 complete rows, on a constant series and when one
        of the three correlations is ±1. All rows given are used: end them at *t*.

    Raises
    ------
    ValueError
        `confidence` is outside (0, 1), or the lengths differ.

    References
    ----------
    Steiger (1980), Psychological Bulletin 87, eq. 14; Meng, Rosenthal and Rubin (1992),
    Psychological Bulletin 111, eqs. 1–3.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}; 0.95 is usual")
    upper_probability = (1 + confidence) / 2
    quantile = float(special.stdtrit(COSINES, upper_probability))
    base, one, two = complete_rows(shared, first, second)
    n = len(base)
    if n < SMALLEST:
        return DependentCorrelations(
            first=np.nan,
            second=np.nan,
            between=np.nan,
            n=n,
            abstained=True,
            reason=f"{n} complete rows; the test needs {SMALLEST}",
        )
    r_first, pseudo_first = pseudo_values(base, one)
    r_second, pseudo_second = pseudo_values(base, two)
    between, _ = pseudo_values(one, two)
    correlations = np.array([r_first, r_second, between])
    if not np.all(np.abs(correlations) < 1):  # NaN is caught too
        return DependentCorrelations(
            first=r_first,
            second=r_second,
            between=between,
            n=n,
            abstained=True,
            reason="a series is constant, or two of the three are perfectly correlated",
        )
    difference = float(np.arctanh(r_first) - np.arctanh(r_second))
    error = float(np.sqrt(cosine_variance(pseudo_first - pseudo_second) / (n - 3)))
    statistic = difference / error
    steiger_z = difference * np.sqrt((n - 3) / (2 - 2 * _steiger_covariance(*correlations)))
    meng_error = np.sqrt(_meng_variance(*correlations) / (n - 3))
    normal = float(special.ndtri(upper_probability))
    return DependentCorrelations(
        first=r_first,
        second=r_second,
        between=between,
        n=n,
        difference=difference,
        standard_error=error,
        statistic=statistic,
        p_value=float(2 * special.stdtr(COSINES, -abs(statistic))),
        lower=difference - quantile * error,
        upper=difference + quantile * error,
        steiger_z=float(steiger_z),
        steiger_p_value=float(2 * special.ndtr(-abs(steiger_z))),
        meng_z=float(difference / meng_error),
        meng_p_value=float(2 * special.ndtr(-abs(difference / meng_error))),
        meng_lower=float(difference - normal * meng_error),
        meng_upper=float(difference + normal * meng_error),
    )


def _steiger_covariance(first: float, second: float, between: float) -> float:
    """Covariance of two z that share an asset, at their mean correlation (Steiger 1980, eq. 11)."""
    mean = (first + second) / 2
    psi = between * (1 - 2 * mean**2) - mean**2 * (1 - 2 * mean**2 - between**2) / 2
    return psi / (1 - mean**2) ** 2


def _meng_variance(first: float, second: float, between: float) -> float:
    """(n − 3) times the variance of the z difference (Meng, Rosenthal and Rubin 1992, eqs. 1–3)."""
    mean_square = (first**2 + second**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - mean_square)))
    return 2 * (1 - between) * (1 - f * mean_square) / (1 - mean_square)
