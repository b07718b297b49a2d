"""Offline change points of one or several series, without tuning per series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features._typing import Floats
from models._resampling import block_length, stationary_rows

# Below it a variance is rounding: a segmentation that fits exactly cannot be improved upon.
_NO_VARIANCE = 1e-12
# Breaks considered in a sample without change; its best gain rarely needs more.
_NULL_BREAKS = 3
# Burn-in of a simulated autoregression, in rows.
_BURN_IN = 100


def changepoints(
    values: ArrayLike,
    *,
    min_size: int = 3,
    false_alarm_rate: float = 0.05,
    max_breaks: int = 25,
    draws: int = 99,
    seed: int = 0,
) -> tuple[int, ...]:
    """Find the rows at which the level changed, under noise of any scale and autocorrelation.

    Parameters
    ----------
    values : array-like of shape (n_rows,) or (n_rows, n_series)
        Observations in time order, any unit: each series is standardised. Rows with a NaN in any
        series are excluded; constant series are ignored.
    min_size : int
        Smallest segment: below three rows a single outlier is a segment.
    false_alarm_rate : float
        Nominal share of series without a change, as autocorrelated and fat-tailed as this one, in
        which any break is found. The noise is estimated after a first pass, which mistakes part of
        a strong autocorrelation for breaks: see the simulated rates in docs/methods.md.
    max_breaks : int
        Largest number of breaks considered.
    draws : int
        Bootstrap samples behind the penalty.
    seed : int
        Of the bootstrap: the same values give the same breaks.

    Returns
    -------
    tuple of int
        First row of each new segment, 0-based and increasing; empty where nothing changed or
        fewer than 2·min_size complete rows are there. A study of the whole sample: every row is
        used for every break.

    Raises
    ------
    ValueError
        `values` has more than two dimensions or holds an infinity, or a setting is out of bounds.

    Notes
    -----
    The best segmentation with k = 0, 1, … breaks is found exactly (`ruptures.KernelCPD`, linear
    kernel, every row a candidate). Two rules choose k, and the smaller k is used:

    *Significant*: k minimises n·Σ_j ln(σ̂_j²(1 − ρ̂_j²)) + c·m(k), the likelihood of level shifts in
    AR(1) noise (Chakar et al. 2017), m the modified Bayes criterion m(k) = (2 + d)·k·ln n +
    d·Σ ln(n_i/n) (Zhang and Siegmund 2007, eq. 2; d series share a location). A first pass has
    c = 1. Its residuals, whitened, resampled in blocks and coloured again, are series without a
    change; c becomes the (1 − false_alarm_rate) quantile of the factors that they need, at least 1.

    *Material*: k minimises RSS_k + m(k) on standardised series, i.e. with the noise variance of
    a series without a change. Without it, a slope is cut into ever more steps.
    The rule alone is the default of R's `changepoint` (Killick and Eckley 2014).

    References
    ----------
    Chakar, Lebarbier, Lévy-Leduc, Robin (2017), Bernoulli 23, 1408–1447.
    Zhang, Siegmund (2007), Biometrics 63, 22–32.
    Celisse, Marot, Pierre-Jean, Rigaill (2018), Computational Statistics & Data Analysis 128.
    """
    _check(min_size, false_alarm_rate, max_breaks, draws)
    table = np.asarray(values, dtype=np.float64)
    if table.ndim not in (1, 2):
        raise ValueError(f"values must have one or two dimensions, got {table.ndim}")
    if table.ndim == 1:
        table = table[:, None]
    if np.isinf(table).any():
        raise ValueError("values must be finite or NaN, got an infinity; check for division by 0")
    rows = np.flatnonzero(~np.isnan(table).any(axis=1))
    series = _standardised(table[rows])
    if len(rows) < 2 * min_size or series.shape[1] == 0:
        return ()
    fits = [
        _describe(series, breaks)
        for breaks in best_segmentations(series, min_size=min_size, max_breaks=max_breaks)
    ]
    penalties = np.array([modified_bayes_penalty(series, fit.breaks) for fit in fits])
    material = int(np.argmin(np.array([fit.squares for fit in fits]) + penalties))
    if material == 0:
        return ()
    likelihood = np.array([fit.likelihood for fit in fits])
    pilot = fits[int(np.argmin(likelihood + penalties))]
    factor = _penalty_factor(
        pilot, min_size=min_size, rate=false_alarm_rate, draws=draws, seed=seed
    )
    significant = int(np.argmin(likelihood + factor * penalties))
    return tuple(int(rows[row]) for row in fits[min(material, significant)].breaks)


def best_segmentations(signal: Floats, *, min_size: int, max_breaks: int) -> list[tuple[int, ...]]:
    """Least-squares segmentations of a signal with 0, 1, … breaks in its mean, exactly.

    Parameters
    ----------
    signal : ndarray of shape (n_rows, n_series)
        No NaN.
    min_size : int
        Fewest rows in a segment.
    max_breaks : int
        Most breaks; fewer where `min_size` leaves no room.

    Returns
    -------
    list of tuple of int
        Entry k holds the k first rows of new segments.
    """
    most = min(max_breaks, len(signal) // min_size - 1)
    if most < 1:
        return [()]
    from ruptures import KernelCPD  # imported where it is used: it pulls in all of scipy

    search = KernelCPD(kernel="linear", min_size=min_size).fit(signal)
    search.predict(n_bkps=most)  # the dynamic programme stores the solution of every smaller k
    return [()] + [
        tuple(int(row) for row in search.segmentations_dict[breaks][:-1])
        for breaks in range(1, most + 1)
    ]


def modified_bayes_penalty(signal: Floats, breaks: tuple[int, ...]) -> float:
    """Zhang and Siegmund's penalty of a segmentation, for −2·log-likelihood."""
    n, width = signal.shape
    lengths = np.diff([0, *breaks, n])
    return float((2 + width) * len(breaks) * np.log(n) + width * np.log(lengths / n).sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    breaks: tuple[int, ...]
    residuals: Floats
    squares: float  # residual sum of squares, all series
    memory: Floats  # ρ̂ of the residuals of each series, at least 0
    likelihood: float  # −2·log-likelihood up to a constant


def _describe(series: Floats, breaks: tuple[int, ...]) -> _Fit:
    n = len(series)
    starts = np.array([0, *breaks])
    lengths = np.diff([*starts, n])
    means = np.add.reduceat(series, starts, axis=0) / lengths[:, None]
    residuals = series - np.repeat(means, lengths, axis=0)
    squares = (residuals**2).sum(axis=0)
    products = (residuals[1:] * residuals[:-1]).sum(axis=0)
    memory = np.maximum(products / np.maximum(squares, _NO_VARIANCE), 0)
    innovations = np.maximum(squares / n * (1 - memory**2), _NO_VARIANCE)
    return _Fit(
        breaks=breaks,
        residuals=residuals,
        squares=float(squares.sum()),
        memory=memory,
        likelihood=float(n * np.log(innovations).sum()),
    )


def _penalty_factor(pilot: _Fit, *, min_size: int, rate: float, draws: int, seed: int) -> float:
    """Factor at which a share `rate` of series without a change shows a break; at least 1."""
    n = len(pilot.residuals)
    shocks = pilot.residuals[1:] - pilot.memory * pilot.residuals[:-1]
    shocks = shocks - shocks.mean(axis=0)
    samples = stationary_rows(
        n - 1,
        length=n + _BURN_IN,
        block=block_length(n),
        draws=draws,
        generator=np.random.default_rng(seed),
    )
    needed = [
        _needed_factor(_standardised(_coloured(shocks[rows], pilot.memory)), min_size=min_size)
        for rows in samples
    ]
    return max(1.0, float(np.quantile(needed, 1 - rate)))


def _coloured(shocks: Floats, memory: Floats) -> Floats:
    from scipy.signal import lfilter  # a fifth of a second, for this search alone

    coloured = [
        lfilter([1.0], [1.0, -rho], shock)[_BURN_IN:]
        for rho, shock in zip(memory, shocks.T, strict=True)
    ]
    return np.column_stack(coloured)


def _needed_factor(series: Floats, *, min_size: int) -> float:
    """Smallest factor of the penalty without a break."""
    if series.shape[1] == 0:
        return 0.0
    level = _describe(series, ()).likelihood
    gains = [
        (level - _describe(series, breaks).likelihood) / modified_bayes_penalty(series, breaks)
        for breaks in best_segmentations(series, min_size=min_size, max_breaks=_NULL_BREAKS)[1:]
    ]
    return max(gains, default=0.0)


def _standardised(table: Floats) -> Floats:
    """Standardise each series to mean 0 and variance 1; drop constant ones."""
    if len(table) == 0:
        return table[:, :0]
    scale = table.std(axis=0)
    moves = scale > np.abs(table).max(axis=0) * _NO_VARIANCE
    moving = table[:, moves]
    standard: Floats = (moving - moving.mean(axis=0)) / scale[moves]
    return standard


def _check(min_size: int, rate: float, max_breaks: int, draws: int) -> None:
    if min_size < 1:
        raise ValueError(f"min_size must be at least 1 row, got {min_size}")
    if max_breaks < 1:
        raise ValueError(f"max_breaks must be at least 1, got {max_breaks}")
    if not 0 < rate < 1:
        raise ValueError(f"false_alarm_rate must lie between 0 and 1, got {rate}; 0.05 is usual")
    if draws * rate < 1:
        raise ValueError(f"draws must be at least 1/false_alarm_rate = {1 / rate:.0f}, got {draws}")
