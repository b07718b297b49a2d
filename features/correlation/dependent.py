"""Difference of two correlations that share an asset: IBIT–IGV against IBIT–GLD."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from features._validation import complete_rows, require_confidence
from features.correlation._jackknife import pseudo_values

MIN_ROWS = 16  # complete rows; with fewer the size was not simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DependentCorrelations:
    """Difference between the correlations of `first` and `second` with the shared asset.

    Differences and intervals are on Fisher's z scale, atanh r(shared, first) − atanh r(shared,
    second); they are NaN when `abstained`.

    Attributes
    ----------
    n : int
        Complete rows.
    first, second, between : float
        r(shared, first), r(shared, second) and r(first, second).
    difference, standard_error, statistic, p_value, lower, upper : float
        The robust form, the one to publish: jackknife variance, Student-t with n − 1 degrees of
        freedom.
    steiger_z, steiger_p_value : float
        Steiger (1980); normal rows assumed.
    meng_z, meng_p_value, meng_lower, meng_upper : float
        Meng–Rosenthal–Rubin (1992); normal rows assumed.
    abstained : bool
        Too few rows, a constant series or a perfect correlation; `reason` says which.
    reason : str
        Empty unless `abstained`.
    """

    n: int
    first: float = np.nan
    second: float = np.nan
    between: float = np.nan
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
    shared: ArrayLike, first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95
) -> DependentCorrelations:
    """Test r(shared, first) = r(shared, second) on the same rows.

    For the desk: does bitcoin move with software more than with gold? The textbook statistics take
    the sampling covariance from normal theory and reject far too often under fat tails. The robust
    form takes it from the jackknife: s² of the n differences of pseudo-values, over n − 3.

    Parameters
    ----------
    shared, first, second : array_like of shape (n_sessions,)
        Returns in time order. Rows with a NaN in any of the three are left out.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DependentCorrelations
        p-values are two-sided. Abstains below 16 complete rows, on a constant series and when one
        of the three correlations is ±1. All rows given are used: end them at *t*.

    Raises
    ------
    ValueError
        `confidence` is outside (0, 1), or the lengths differ.

    Notes
    -----
    The jackknife treats rows as independent. A lag would matter only where the product of two
    returns is autocorrelated, which a common volatility does not cause and which each asset's own
    GARCH(0.05, 0.93) causes hardly at all. A long-run variance of eight cosines, Student-t with 8
    degrees of freedom, has the same size, intervals 13 – 16 % wider and 7 – 9 points less power
    over 126 normal, t₄ or GARCH rows (`benchmarks.size_variants`, table in docs/methods.md).

    At 5 %, equal correlations of t₄ rows are rejected by Steiger's and Meng's Z in 13 % (n = 20),
    20 % (63) and 26 % (252) of samples, and by the robust form in 4, 5 and 6 %.

    References
    ----------
    Efron (1982), The Jackknife, the Bootstrap and Other Resampling Plans, ch. 3; Steiger (1980),
    Psychological Bulletin 87, eq. 14; Meng, Rosenthal and Rubin (1992), Psychological Bulletin 111,
    eqs. 1–3.
    """
    require_confidence(confidence)
    upper_probability = (1 + confidence) / 2
    base, one, two = complete_rows(shared, first, second)
    n = len(base)
    if n < MIN_ROWS:
        reason = f"{n} complete rows; the test needs {MIN_ROWS}"
        return DependentCorrelations(n=n, abstained=True, reason=reason)
    r_first, pseudo_first = pseudo_values(base, one)
    r_second, pseudo_second = pseudo_values(base, two)
    between, _ = pseudo_values(one, two)
    test = DependentCorrelations(n=n, first=r_first, second=r_second, between=between)
    if not all(abs(r) < 1 for r in (r_first, r_second, between)):  # NaN is caught too
        reason = "a series is constant, or two of the three are perfectly correlated"
        return replace(test, abstained=True, reason=reason)
    difference = float(np.arctanh(r_first) - np.arctanh(r_second))
    error = float(np.sqrt(np.var(pseudo_first - pseudo_second, ddof=1) / (n - 3)))
    quantile = float(special.stdtrit(n - 1, upper_probability))
    statistic = difference / error
    steiger = steiger_z(r_first, r_second, between, n=n)
    meng, meng_error = meng_z(r_first, r_second, between, n=n)
    normal = float(special.ndtri(upper_probability))
    return replace(
        test,
        difference=difference,
        standard_error=error,
        statistic=statistic,
        p_value=float(2 * special.stdtr(n - 1, -abs(statistic))),
        lower=difference - quantile * error,
        upper=difference + quantile * error,
        steiger_z=steiger,
        steiger_p_value=float(2 * special.ndtr(-abs(steiger))),
        meng_z=meng,
        meng_p_value=float(2 * special.ndtr(-abs(meng))),
        meng_lower=difference - normal * meng_error,
        meng_upper=difference + normal * meng_error,
    )


def steiger_z(first: float, second: float, between: float, *, n: int) -> float:
    """Steiger's Z for r(shared, first) = r(shared, second), covariance at their mean correlation.

    Parameters
    ----------
    first, second, between : float
        r(shared, first), r(shared, second) and r(first, second), each inside (-1, 1).
    n : int
        Independent normal rows, more than 3.

    Returns
    -------
    float
        Standard normal under equality.

    References
    ----------
    Steiger (1980), Psychological Bulletin 87, eq. 14.
    """
    mean = (first + second) / 2
    psi = between * (1 - 2 * mean**2) - mean**2 * (1 - 2 * mean**2 - between**2) / 2
    covariance = psi / (1 - mean**2) ** 2
    difference = np.arctanh(first) - np.arctanh(second)
    return float(difference * np.sqrt((n - 3) / (2 - 2 * covariance)))


def meng_z(first: float, second: float, between: float, *, n: int) -> tuple[float, float]:
    """Meng–Rosenthal–Rubin Z for the same question, and the standard error of the z difference.

    Arguments as in `steiger_z`.

    References
    ----------
    Meng, Rosenthal and Rubin (1992), Psychological Bulletin 111, eqs. 1–3.
    """
    mean_square = (first**2 + second**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - mean_square)))
    h = (1 - f * mean_square) / (1 - mean_square)
    error = float(np.sqrt(2 * (1 - between) * h / (n - 3)))
    return float((np.arctanh(first) - np.arctanh(second)) / error), error
