"""Volatility-adjusted (Forbes–Rigobon) and partial correlation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features._typing import Floats
from features._validation import (
    complete_rows,
    finite_or_missing,
    require_at_least,
    require_correlation,
)
from features.correlation._pairwise import standardise


def forbes_rigobon(rho: ArrayLike, *, variance_increase: ArrayLike) -> Floats:
    """Correlation at the baseline variance of the source market, from the one measured in turmoil.

    ρ_adj = ρ / √(1 + δ(1 − ρ²)), δ = σ²_high / σ²_low − 1.

    Parameters
    ----------
    rho : array_like
        Correlation measured while the source's variance was high, in [-1, 1].
    variance_increase : array_like
        δ > −1, relative: 0.5 is half as much again. Negative where the source calmed down.

    Returns
    -------
    ndarray
        In [-1, 1]; NaN where an input is NaN.

    Raises
    ------
    ValueError
        An input is out of range.

    Notes
    -----
    Over-corrects where the variance of the second market rose for reasons of its own (Corsetti,
    Pericoli and Sbracia 2005): read it beside the plain correlation, not instead of it.

    References
    ----------
    Forbes and Rigobon (2002), Journal of Finance 57, eq. 11.
    """
    value, delta = require_correlation(rho), _variance_increase(variance_increase)
    return np.asarray(value / np.sqrt(1 + delta * (1 - value**2)))


def turmoil_correlation(rho: ArrayLike, *, variance_increase: ArrayLike) -> Floats:
    """Correlation that an unchanged dependence shows at a higher variance of the source.

    The inverse of `forbes_rigobon`: ρ√(1 + δ) / √(1 + δρ²). Same parameters, NaN rule and errors.
    """
    value, delta = require_correlation(rho), _variance_increase(variance_increase)
    return np.asarray(value * np.sqrt(1 + delta) / np.sqrt(1 + delta * value**2))


def _variance_increase(variance_increase: ArrayLike) -> Floats:
    delta = finite_or_missing(variance_increase, "variance_increase")
    if (delta <= -1).any():
        raise ValueError(
            "variance_increase must be above -1 (a variance is positive), got "
            f"{delta[delta <= -1].flat[0]}; give the new variance over the old, less 1"
        )
    return delta


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityAdjusted:
    """Correlation of a pair in a recent window and in the baseline before it, one asset as source.

    Attributes
    ----------
    baseline, recent : float
        Plain correlations.
    variance_increase : float
        δ of the source, recent over baseline.
    adjusted : float
        The recent correlation at the baseline's variance (`forbes_rigobon`).
    unchanged : float
        What the baseline's dependence would show at the recent variance (`turmoil_correlation`).
    explained : float
        Share of the rise that is explained by higher volatility, (unchanged − baseline)/(recent −
        baseline), cut to [0, 1]; NaN where the correlation did not rise.
    n_baseline, n_recent : int
        Complete rows.
    """

    baseline: float
    recent: float
    n_baseline: int
    n_recent: int
    variance_increase: float = np.nan
    adjusted: float = np.nan
    unchanged: float = np.nan
    explained: float = np.nan


def adjust_for_volatility(
    source: ArrayLike, other: ArrayLike, *, window: int = 20, min_observations: int = 16
) -> VolatilityAdjusted:
    """Split a rise of correlation into the part explained by higher volatility and the remainder.

    Parameters
    ----------
    source, other : array_like of shape (n_sessions,)
        Returns in time order; the shock is taken to start in `source`. Rows with a NaN on either
        side are left out.
    window : int
        Rows of the recent window, the last ones; all rows before them are the baseline.
    min_observations : int
        Complete rows that either part needs.

    Returns
    -------
    VolatilityAdjusted
        NaN where a part is too short or constant, and in all figures that depend on it. All rows
        are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        The lengths differ, or `window` is below 3.
    """
    require_at_least(3, window=window)
    x, y = np.asarray(source, dtype=np.float64), np.asarray(other, dtype=np.float64)
    baseline = complete_rows(x[:-window], y[:-window])
    recent = complete_rows(x[-window:], y[-window:])
    counts = {"n_baseline": len(baseline[0]), "n_recent": len(recent[0])}
    before, now = (
        _correlation(*part) if len(part[0]) >= min_observations else np.nan
        for part in (baseline, recent)
    )
    if np.isnan(before) or np.isnan(now):
        return VolatilityAdjusted(baseline=before, recent=now, **counts)
    delta = float(np.var(recent[0], ddof=1) / np.var(baseline[0], ddof=1) - 1)
    unchanged = float(turmoil_correlation(before, variance_increase=delta))
    rise = now - before
    return VolatilityAdjusted(
        baseline=before,
        recent=now,
        variance_increase=delta,
        adjusted=float(forbes_rigobon(now, variance_increase=delta)),
        unchanged=unchanged,
        explained=float(np.clip((unchanged - before) / rise, 0, 1)) if rise > 0 else np.nan,
        **counts,
    )


def unexplained_rise(
    x: ArrayLike, y: ArrayLike, *, window: int = 20, min_observations: int = 60
) -> float:
    """Rise of a correlation beyond volatility, in standard errors of Fisher's z.

    Parameters
    ----------
    x, y : array-like of shape (n,)
        Returns; the last `window` rows are the recent sample, the others the baseline.
    window : int
        Rows of the recent sample.
    min_observations : int
        Complete rows that the baseline must hold.

    Returns
    -------
    float
        The smaller, by size, of the two rises that arise as either series is taken for the source
        of the shock (`adjust_for_volatility`). NaN where one of them has no value. The value at *t*
        uses rows up to *t*.

    Examples
    --------
    >>> import numpy as np
    >>> calm = np.random.default_rng(1).standard_normal((200, 2))
    >>> bool(abs(unexplained_rise(calm[:, 0], calm[:, 1])) < 3)
    True
    """
    rises = []
    for source, other in ((x, y), (y, x)):
        adjusted = adjust_for_volatility(
            source, other, window=window, min_observations=min_observations
        )
        if np.isnan(adjusted.adjusted):
            return float("nan")
        # A correlation of exactly one has an infinite z; three rows have no standard error.
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.arctanh(adjusted.adjusted) - np.arctanh(adjusted.baseline)
            error = np.sqrt(
                np.divide(1.0, adjusted.n_recent - 3) + np.divide(1.0, adjusted.n_baseline - 3)
            )
            rises.append(gap / error)
    return float(min(rises, key=abs))


def partial_correlation(
    x: ArrayLike, y: ArrayLike, controls: ArrayLike, *, min_observations: int = 16
) -> tuple[float, int]:
    """Partial correlation of two returns given the controls.

    Parameters
    ----------
    x, y : array_like of shape (n_sessions,)
        Returns in time order.
    controls : array_like of shape (n_sessions, n_controls)
        Returns to hold fixed: given QQQ, is it software or just Nasdaq?
    min_observations : int
        Complete rows needed.

    Returns
    -------
    value : float
        In [-1, 1]. NaN below `min_observations` complete rows, with no degree of freedom left,
        where one of the series is constant, or where a residual is zero (a control reproduces x or
        y).
    n : int
        Rows without a NaN in any of them. All rows are used: end them at *t*.

    Notes
    -----
    Residuals of least squares with a constant; equals the ratio of entries of the inverse
    correlation matrix (Whittaker 1990, section 5.8).
    """
    fixed = np.column_stack([np.asarray(controls, dtype=np.float64)])
    rows = complete_rows(x, y, *fixed.T)
    n = len(rows[0])
    if n < max(min_observations, len(rows) + 2):
        return np.nan, n
    # Standardised columns keep the least-squares problem well scaled whatever the units.
    scaled = np.column_stack(standardise(*rows))
    if np.isnan(scaled).any():
        return np.nan, n
    pair, design = scaled[:, :2], scaled[:, 2:]
    residuals = pair - design @ np.linalg.lstsq(design, pair, rcond=None)[0]
    if (np.sqrt((residuals**2).mean(axis=0)) < 1e-9).any():
        return np.nan, n
    return _correlation(residuals[:, 0], residuals[:, 1]), n


def _correlation(x: Floats, y: Floats) -> float:
    a, b = standardise(x, y)
    return float(np.clip((a * b).mean(), -1, 1)) if len(x) else np.nan
