"""Where the level of a series or of several changed: all rows at hand, no tuning by series."""

from dataclasses import dataclass

import numpy as np
import ruptures
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from models.block_bootstrap import block_length, stationary_rows

Floats = NDArray[np.float64]

# Below it a variance is rounding: a segmentation that fits exactly cannot be improved upon.
_NO_VARIANCE = 1e-12
# Breaks that a sample without change is offered; its best gain is hardly ever at more of them.
_NULL_BREAKS = 3
# Rows after which a simulated autoregression has forgotten its start.
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
    """Find the rows at which the level changed, whatever the noise, its memory or its scale.

    Parameters
    ----------
    values : array-like of shape (n_rows,) or (n_rows, n_series)
        Observations in the order of time, any unit: each series is standardised. Rows with a NaN
        in any series are left out; constant series carry no information and are ignored.
    min_size : int
        Fewest rows in a segment: with fewer than three a lone outlier is a regime.
    false_alarm_rate : float
        Nominal share of series without a change, as autocorrelated and fat-tailed as this one, in
        which any break is found. The noise is measured after a first pass, which takes part of
        a strong memory for breaks: see the simulated rates in docs/methods.md.
    max_breaks : int
        Most breaks that are considered.
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
    kernel, every row a candidate). Two rules choose k, and the smaller k stands:

    *Significant*: k minimises n·Σ_j ln(σ̂_j²(1 − ρ̂_j²)) + c·m(k), the likelihood of level shifts in
    AR(1) noise (Chakar et al. 2017), m the modified Bayes criterion m(k) = (2 + d)·k·ln n +
    d·Σ ln(n_i/n) (Zhang and Siegmund 2007, eq. 2; d series share a location). A first pass has
    c = 1. Its residuals, whitened, resampled in blocks and coloured again, are series without a
    change; c becomes the (1 − false_alarm_rate) quantile of what these would need, at least 1.

    *Material*: k minimises RSS_k + m(k) on standardised series, i.e. with the noise variance as it
    is if nothing changed. A slope that a staircase fits ever better is not cut without end.
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
    return tuple(int(rows[place]) for place in fits[min(material, significant)].breaks)


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
    search = ruptures.KernelCPD(kernel="linear", min_size=min_size).fit(signal)
    search.predict(n_bkps=most)  # the dynamic programme leaves the solution of every smaller k
    return [()] + [
        tuple(int(place) for place in search.segmentations_dict[breaks][:-1])
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
    memory: Floats  # ρ̂ of the residuals, a series each, no less than zero
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
    """The factor under which a share `rate` of series without a change shows a break; ≥ 1."""
    n = len(pilot.residuals)
    shocks = pilot.residuals[1:] - pilot.memory * pilot.residuals[:-1]
    shocks = shocks - shocks.mean(axis=0)
    chosen = stationary_rows(
        n - 1,
        length=n + _BURN_IN,
        block=block_length(n),
        draws=draws,
        generator=np.random.default_rng(seed),
    )
    needed = [
        _needed_factor(_standardised(_coloured(shocks[rows], pilot.memory)), min_size=min_size)
        for rows in chosen
    ]
    return max(1.0, float(np.quantile(needed, 1 - rate)))


def _coloured(shocks: Floats, memory: Floats) -> Floats:
    coloured = [
        lfilter([1.0], [1.0, -rho], shock)[_BURN_IN:]
        for rho, shock in zip(memory, shocks.T, strict=True)
    ]
    return np.column_stack(coloured)


def _needed_factor(series: Floats, *, min_size: int) -> float:
    """The smallest factor of the penalty at which no break is found."""
    if series.shape[1] == 0:
        return 0.0
    level = _describe(series, ()).likelihood
    gains = [
        (level - _describe(series, breaks).likelihood) / modified_bayes_penalty(series, breaks)
        for breaks in best_segmentations(series, min_size=min_size, max_breaks=_NULL_BREAKS)[1:]
    ]
    return max(gains, default=0.0)


def _standardised(table: Floats) -> Floats:
    """Mean 0 and variance 1, series by series; those that never move are dropped."""
    if len(table) == 0:
        return table[:, :0]
    scale = table.std(axis=0)
    moves = scale > np.abs(table).max(axis=0) * _NO_VARIANCE
    held = table[:, moves]
    standard: Floats = (held - held.mean(axis=0)) / scale[moves]
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
