"""What is left of a correlation: at unchanged volatility, and once a third return is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.exceedance import standardise
from features.jackknife import complete_rows

Floats = NDArray[np.float64]


def forbes_rigobon(rho: ArrayLike, *, variance_increase: ArrayLike) -> Floats:
    """Correlation at the calm variance of the source market, given the one measured in turmoil.

    ρ_adj = ρ / √(1 + δ(1 − ρ²)), δ = σ²_high / σ²_low − 1.

    Parameters
    ----------
    rho : array_like
        Correlation measured while the source's variance was raised, in [-1, 1].
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
    Pericoli and Sbracia 2005): read it beside the plain correlation, never in its place.

    References
    ----------
    Forbes and Rigobon (2002), Journal of Finance 57, eq. 11.
    """
    value, delta = _checked(rho, variance_increase)
    return np.asarray(value / np.sqrt(1 + delta * (1 - value**2)))


def turmoil_correlation(rho: ArrayLike, *, variance_increase: ArrayLike) -> Floats:
    """Correlation that an unchanged link shows once the source's variance is raised.

    The inverse of `forbes_rigobon`: ρ√(1 + δ) / √(1 + δρ²). Same parameters, NaN rule and errors.
    """
    value, delta = _checked(rho, variance_increase)
    return np.asarray(value * np.sqrt(1 + delta) / np.sqrt(1 + delta * value**2))


def _checked(rho: ArrayLike, variance_increase: ArrayLike) -> tuple[Floats, Floats]:
    value = np.asarray(rho, dtype=np.float64)
    delta = np.asarray(variance_increase, dtype=np.float64)
    if (np.abs(value) > 1).any():
        raise ValueError(f"rho must lie in [-1, 1], got {value[np.abs(value) > 1].flat[0]}")
    if (delta <= -1).any():
        worst = delta[delta <= -1].flat[0]
        raise ValueError(
            f"variance_increase must be above -1 (a variance is positive), got {worst}"
        )
    if np.isinf(delta).any():
        raise ValueError("variance_increase must be finite or NaN, got an infinity")
    return value, delta


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityAdjusted:
    """One link in a recent window against the baseline before it, with one market as source.

    Attributes
    ----------
    baseline, recent : float
        Plain correlations.
    variance_increase : float
        δ of the source, recent over baseline.
    adjusted : float
        The recent correlation at the baseline's variance (`forbes_rigobon`).
    unchanged : float
        What the baseline's link would measure at the recent variance (`turmoil_correlation`).
    explained : float
        Share of the rise that volatility alone explains, (unchanged − baseline)/(recent −
        baseline), cut to [0, 1]; NaN where the correlation did not rise.
    n_baseline, n_recent : int
        Complete rows.
    """

    baseline: float
    recent: float
    variance_increase: float
    adjusted: float
    unchanged: float
    explained: float
    n_baseline: int
    n_recent: int


def adjust_for_volatility(
    source: ArrayLike, other: ArrayLike, *, window: int, min_observations: int
) -> VolatilityAdjusted:
    """Split a rise of correlation into what the source's volatility explains and the rest.

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
        The correlation of a part that is too short or constant is NaN, and so is all that rests
        on it. All rows given are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        The lengths differ, or `window` is below 3.
    """
    if window < 3:
        raise ValueError(f"window must be at least 3 rows, got {window}")
    x, y = np.asarray(source, dtype=np.float64), np.asarray(other, dtype=np.float64)
    calm, turmoil = complete_rows(x[:-window], y[:-window]), complete_rows(x[-window:], y[-window:])
    counts = {"n_baseline": len(calm[0]), "n_recent": len(turmoil[0])}
    before, now = (
        _correlation(*part) if len(part[0]) >= min_observations else np.nan
        for part in (calm, turmoil)
    )
    if np.isnan(before) or np.isnan(now):
        return VolatilityAdjusted(
            baseline=before,
            recent=now,
            variance_increase=np.nan,
            adjusted=np.nan,
            unchanged=np.nan,
            explained=np.nan,
            **counts,
        )
    delta = float(np.var(turmoil[0], ddof=1) / np.var(calm[0], ddof=1) - 1)
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


def partial_correlation(
    x: ArrayLike, y: ArrayLike, controls: ArrayLike, *, min_observations: int
) -> tuple[float, int]:
    """Correlation of what is left of two returns once the controls are regressed out.

    Parameters
    ----------
    x, y : array_like of shape (n_sessions,)
        Returns in time order.
    controls : array_like of shape (n_sessions, n_controls)
        Returns that are held fixed: given QQQ, is it software or just Nasdaq?
    min_observations : int
        Complete rows needed.

    Returns
    -------
    value : float
        In [-1, 1]. NaN below `min_observations` complete rows, with no degree of freedom left,
        where one of the series is constant, or where a residual is nil (a control reproduces x or
        y).
    n : int
        Rows without a NaN in any of them. All rows given are used: end them at *t*.

    Notes
    -----
    Residuals of least squares with a constant; equals the ratio of entries of the inverse
    correlation matrix (Whittaker 1990, section 5.8).
    """
    held = np.column_stack([np.asarray(controls, dtype=np.float64)])
    rows = complete_rows(x, y, *held.T)
    n = len(rows[0])
    if n < max(min_observations, len(rows) + 2):
        return np.nan, n
    # Standardised columns keep the least-squares problem well scaled whatever the units.
    scaled = np.column_stack(standardise(*rows))
    if np.isnan(scaled).any():
        return np.nan, n
    pair, design = scaled[:, :2], scaled[:, 2:]
    left = pair - design @ np.linalg.lstsq(design, pair, rcond=None)[0]
    if (np.sqrt((left**2).mean(axis=0)) < 1e-9).any():
        return np.nan, n
    return _correlation(left[:, 0], left[:, 1]), n


def normal_downside(rho: ArrayLike) -> Floats:
    """Correlation of joint falls that a bivariate normal with correlation ρ shows by itself.

    corr(x, y | x < 0, y < 0), the yardstick of an exceedance correlation at threshold zero:
    conditioning alone makes 0.5 measure 0.27.

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
    value, _ = _checked(rho, 0.0)
    share = 0.25 + np.arcsin(value) / (2 * np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (1 + value) / (2 * np.sqrt(2 * np.pi) * share)
        slack = np.sqrt(1 - value**2) / (2 * np.pi * share)
        product, square = value + slack, 1 + value * slack
        answer = (product - mean**2) / (square - mean**2)
    return np.asarray(np.where(share > 1e-9, answer, np.nan))


def _correlation(x: Floats, y: Floats) -> float:
    a, b = standardise(x, y)
    return float(np.clip((a * b).mean(), -1, 1)) if len(x) else np.nan
