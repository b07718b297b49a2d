"""The cross-section as one system: turbulence, correlation surprise, absorption ratio, eigenvalues.

Turbulence shows that *something* is unusual, not that everyone sells: one stock can do it alone (in
the Dow, Merck's fall on 30 September 2004 gives the highest reading of 22 years, October 1987
included, while the other stocks hardly moved).
Without a measure of breadth it is not a deleveraging signal.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features._typing import Booleans, Floats
from features._validation import finite_or_missing, require_between, require_inside, require_window

# A spread below this share of the level is rounding, not variation.
_ROUNDING = 1e-12


def turbulence_index(
    returns: pd.DataFrame, *, window: int = 252, min_observations: int = 202
) -> pd.DataFrame:
    """Mahalanobis distance of the session's returns from the sessions before it.

    d_t = (r_t − μ)' Σ⁻¹ (r_t − μ) / n, Kritzman and Li (2010), eq. (1), divided by the number of
    assets so that it is about 1 on an ordinary day. μ and Σ come from rows t−w..t−1. Each asset is
    divided by its own standard deviation there before Σ is shrunk (`ledoit_wolf`): otherwise the
    shrinkage would lend the variance of bitcoin to Treasury bills.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal. Index: sessions, increasing.
    window : int
        Most rows before t to estimate on. One as long as the history makes it expanding.
    min_observations : int
        Fewest rows to estimate on: of each asset, and complete over all assets included.

    Returns
    -------
    DataFrame of shape (n_sessions, 4)
        | turbulence | d_t |
        | magnitude | the same with the off-diagonals of Σ zero: squared z-scores, averaged |
        | correlation_surprise | turbulence / magnitude, Kinlaw and Turkington (2014) |
        | assets | n, the assets included (0 where nothing is computed) |

        An asset is left out of row t where its return is missing at t, where it has fewer than
        `min_observations` returns in the window, or where it does not vary there. Rows of the
        window that miss any included asset are excluded. NaN with fewer than two assets or too few
        complete rows; a correlation surprise is NaN where the magnitude is zero.
        The value at *t* uses row t, and rows up to *t* − 1 for μ and Σ.

    Raises
    ------
    ValueError
        window or min_observations out of range, or an infinite return.
    """
    values = _checked(returns, window, min_observations)
    result = np.full((len(values), 4), np.nan)
    result[:, 3] = 0
    for t in range(1, len(values)):
        usable, rows = _complete(values[max(0, t - window) : t], values[t], min_observations)
        if rows is None:
            continue
        centre, spread = rows.mean(axis=0), rows.std(axis=0)
        covariance, _ = ledoit_wolf((rows - centre) / spread)
        z = (values[t, usable] - centre) / spread
        n = len(z)
        distance = z @ np.linalg.solve(covariance, z) / n
        magnitude = (z**2 / np.diag(covariance)).sum() / n
        surprise = distance / magnitude if magnitude > 0 else np.nan
        result[t] = distance, magnitude, surprise, n
    columns = ["turbulence", "magnitude", "correlation_surprise", "assets"]
    return pd.DataFrame(result, returns.index, columns).astype({"assets": "int64"})


def ledoit_wolf(rows: Floats) -> tuple[Floats, float]:
    """Covariance shrunk towards a scaled identity, and the weight of that target.

    Σ* = (1−δ) S + δ m I with m = tr(S)/p and the δ of Ledoit and Wolf (2004), eq. (14):
    the optimum in expected squared error for any p and n, positive definite where S is not.

    Parameters
    ----------
    rows : array of shape (n_rows, n_assets)
        Observations without NaN; centred here.

    Returns
    -------
    array of shape (n_assets, n_assets), float in [0, 1]

    Raises
    ------
    ValueError
        No row, or no asset.
    """
    n_rows, n_assets = rows.shape
    if not rows.size:
        raise ValueError(f"rows must hold an observation, got the shape {rows.shape}; add some")
    centred = rows - rows.mean(axis=0)
    sample = centred.T @ centred / n_rows
    mean_variance = np.trace(sample) / n_assets
    # d²: distance of S from the target; b²: how much of it is sampling noise.
    squares = (sample**2).sum()
    distance = squares - n_assets * mean_variance**2
    fourth = (np.einsum("ij,ij->i", centred, centred) ** 2).sum() / n_rows
    noise = (fourth - squares) / n_rows
    weight = float(min(max(noise / distance, 0.0), 1.0)) if distance > 0 else 0.0
    shrunk = (1 - weight) * sample
    shrunk.flat[:: n_assets + 1] += weight * mean_variance
    return shrunk, weight


def absorption_ratio(
    standardised: pd.DataFrame,
    *,
    window: int = 126,
    min_observations: int = 101,
    share: float = 0.2,
) -> pd.DataFrame:
    """Share of the total variance that the leading eigenvectors explain.

    AR_t = Σ_{i≤k} λ_i / Σ_i λ_i over rows t−w+1..t, Kritzman, Li, Page and Rigobon (2011), eq. (1),
    with k = share · n rounded, at least 1, and equal weights in the window.

    Parameters
    ----------
    standardised : DataFrame of shape (n_sessions, n_assets)
        Returns divided by their volatility forecast (GARCH residuals): on raw returns the ratio
        is little more than the most volatile asset's share of variance.
    window : int
        Most rows in the window, which includes t.
    min_observations : int
        Fewest rows: of each asset, and complete over all assets included.
    share : float
        Share of the eigenvectors, in (0, 1); the paper takes 1/5.

    Returns
    -------
    DataFrame of shape (n_sessions, 2)
        | absorption_ratio | in (0, 1], NaN where too little data |
        | assets | n; a change in it moves the ratio by itself |

        Assets and rows are left out as in `turbulence_index`, but an asset missing at t stays: its
        window counts. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite value.
    """
    require_inside(0, 1, share=share)
    values = _checked(standardised, window, min_observations)
    result = np.column_stack([np.full(len(values), np.nan), np.zeros(len(values))])
    for t, rows in _windows(values, window, min_observations):
        n = rows.shape[1]
        centred = rows - rows.mean(axis=0)
        eigenvalues = np.linalg.eigvalsh(centred.T @ centred)
        leading = max(1, int(share * n + 0.5))
        result[t] = eigenvalues[n - leading :].sum() / eigenvalues.sum(), n
    columns = ["absorption_ratio", "assets"]
    return pd.DataFrame(result, standardised.index, columns).astype({"assets": "int64"})


def absorption_shift(
    ratio: pd.Series, *, short_window: int = 15, long_window: int = 252, min_observations: int = 202
) -> pd.Series:
    """Shift of the absorption ratio, (AR_short − AR_long)/σ_long.

    Kritzman, Li, Page and Rigobon (2011), who take 15 sessions against one year. Unlike there,
    the long mean and standard deviation end at t−1: no baseline holds the session that it scores.

    Parameters
    ----------
    ratio : Series of shape (n_sessions,)
        Absorption ratio.
    short_window, long_window : int
        Rows: t−s+1..t against t−l..t−1.
    min_observations : int
        Fewest ratios in the long window.

    Returns
    -------
    Series of shape (n_sessions,)
        In standard deviations. NaN unless the short window is full, and where the long one holds
        too few values or does not vary. The value at *t* uses rows up to *t*.
    """
    require_between(1, long_window - 1, short_window=short_window)
    require_between(2, long_window, min_observations=min_observations)
    x = ratio.to_numpy(dtype=np.float64)
    shift = np.full(len(x), np.nan)
    for t in range(len(x)):
        recent = x[max(0, t + 1 - short_window) : t + 1]
        before = x[max(0, t - long_window) : t]
        before = before[np.isfinite(before)]
        if len(recent) < short_window or len(before) < min_observations:
            continue
        spread = before.std(ddof=1)
        if spread > _ROUNDING * np.abs(before).max():
            shift[t] = (recent.mean() - before.mean()) / spread
    return pd.Series(shift, ratio.index, name="absorption_shift")


def marchenko_pastur(
    standardised: pd.DataFrame, *, window: int = 126, min_observations: int = 101
) -> pd.DataFrame:
    """Eigenvalues of the window's correlation matrix against the edge of pure noise.

    Independent columns of length T leave no eigenvalue above λ₊ = (1 + √(N/T))² in the limit
    (Marchenko and Pastur 1967; Laloux, Cizeau, Bouchaud and Potters 1999).

    Parameters
    ----------
    standardised : DataFrame of shape (n_sessions, n_assets)
        Returns divided by their volatility forecast.
    window, min_observations : int
        As in `absorption_ratio`.

    Returns
    -------
    DataFrame of shape (n_sessions, 6)
        | largest | λ₁ of the correlation matrix |
        | edge | λ₊ |
        | ratio | λ₁/λ₊; above 1 there is a common factor |
        | share_above | share of the variance in eigenvalues above λ₊ |
        | assets, rows | N and T of the window |

        Missing data as in `absorption_ratio`. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite value.
    """
    values = _checked(standardised, window, min_observations)
    result = np.full((len(values), 6), np.nan)
    result[:, 4:] = 0
    for t, rows in _windows(values, window, min_observations):
        length, n = rows.shape
        eigenvalues = np.linalg.eigvalsh(np.corrcoef(rows, rowvar=False))
        edge = (1 + np.sqrt(n / length)) ** 2
        above = eigenvalues[eigenvalues > edge].sum() / n
        result[t] = eigenvalues[-1], edge, eigenvalues[-1] / edge, above, n, length
    columns = ["largest", "edge", "ratio", "share_above", "assets", "rows"]
    return pd.DataFrame(result, standardised.index, columns).astype(
        {"assets": "int64", "rows": "int64"}
    )


def _checked(frame: pd.DataFrame, window: int, min_observations: int) -> Floats:
    require_window(window, min_observations)
    return np.ascontiguousarray(finite_or_missing(frame))


def _windows(values: Floats, window: int, min_observations: int) -> Iterator[tuple[int, Floats]]:
    """Each session with its usable trailing rows, itself included; sessions without are skipped."""
    for t in range(len(values)):
        _, rows = _complete(values[max(0, t + 1 - window) : t + 1], None, min_observations)
        if rows is not None:
            yield t, rows


def _complete(
    block: Floats, scored: Floats | None, min_observations: int
) -> tuple[Booleans, Floats | None]:
    """Assets to keep, and the rows complete over them; None where these are too few."""
    present = np.isfinite(block)
    usable = present.sum(axis=0) >= min_observations
    if scored is not None:
        usable &= np.isfinite(scored)
    rows = block[:, usable]
    if not present.all():
        rows = rows[present[:, usable].all(axis=1)]
    if len(rows) < min_observations:
        return usable, None
    highest, lowest = rows.max(axis=0), rows.min(axis=0)
    varies = highest - lowest > _ROUNDING * np.maximum(highest, -lowest)
    if not varies.all():
        usable[usable] = varies
        rows = rows[:, varies]
    # One memory layout always: the last digit of a matrix product depends on it.
    return usable, np.ascontiguousarray(rows) if rows.shape[1] >= 2 else None
