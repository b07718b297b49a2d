"""Correlation of joint falls, and what bivariate normality expects of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features._typing import Floats
from features._validation import complete_rows, require_correlation
from features.correlation._pairwise import standardise
from features.correlation.exceedance import exceedance_curve


@dataclass(frozen=True, slots=True, kw_only=True)
class DownsideCorrelation:
    """Downside exceedance correlation at threshold zero.

    Attributes
    ----------
    value : float
        Correlation of the rows in which both returns lie below their means.
    n : int
        Rows behind it.
    correlation : float
        Plain correlation of all complete rows.
    """

    value: float = np.nan
    n: int = 0
    correlation: float = np.nan


def downside_correlation(
    x: ArrayLike, y: ArrayLike, *, min_exceedances: int = 30
) -> DownsideCorrelation:
    """Correlation of two returns in the rows in which both fall.

    Parameters
    ----------
    x, y : array_like of shape (n_sessions,)
        Returns in time order. Rows with a NaN on either side are excluded.
    min_exceedances : int
        Joint falls that `value` needs; with fewer complete rows all figures are missing.

    Returns
    -------
    DownsideCorrelation
        All rows are used: end them at *t* for the value at *t*. `normal_downside` of
        `correlation` is what bivariate normality expects of `value`.
    """
    first, second = complete_rows(x, y)
    if len(first) < min_exceedances:
        return DownsideCorrelation()
    a, b = standardise(first, second)
    value, count = exceedance_curve(-a, -b, np.array([0.0]))
    return DownsideCorrelation(
        value=float(value[0]) if count[0] >= min_exceedances else np.nan,
        n=int(count[0]),
        correlation=float(np.mean(a * b)),
    )


def downside_excess(downside: DownsideCorrelation) -> float:
    """Downside correlation in excess of the normal one, in standard errors of Fisher's z.

    NaN where there is no downside correlation.
    """
    if np.isnan(downside.value):
        return float("nan")
    expected = normal_downside(downside.correlation)
    # A correlation of exactly one has an infinite z.
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.arctanh(downside.value) - np.arctanh(expected)
        return float(gap * np.sqrt(downside.n - 3))


def normal_downside(rho: ArrayLike) -> Floats:
    """Downside exceedance correlation at threshold zero under bivariate normality.

    corr(x, y | x < 0, y < 0): conditioning alone turns 0.5 into 0.27.

    Parameters
    ----------
    rho : array_like
        In [-1, 1].

    Returns
    -------
    ndarray
        NaN at −1, where the two never fall together, and where `rho` is NaN.

    References
    ----------
    Rosenbaum (1961), Journal of the Royal Statistical Society B 23, eqs. 1, 3 and 5 at h = k = 0;
    Ang and Chen (2002), Journal of Financial Economics 63, appendix A.
    """
    value = require_correlation(rho)
    share = 0.25 + np.arcsin(value) / (2 * np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (1 + value) / (2 * np.sqrt(2 * np.pi) * share)
        slack = np.sqrt(1 - value**2) / (2 * np.pi * share)
        product, square = value + slack, 1 + value * slack
        answer = (product - mean**2) / (square - mean**2)
    return np.asarray(np.where(share > 1e-9, answer, np.nan))
