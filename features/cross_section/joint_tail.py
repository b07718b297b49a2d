"""Tail losses across asset classes, or across the long–short spreads of a crowded book."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features._validation import finite_or_missing, require_at_least


def scaled_moves(
    returns: pd.DataFrame, *, horizon: int = 1, window: int = 90, min_observations: int = 60
) -> pd.DataFrame:
    """Sum of the last returns over its own standard deviation of earlier sessions.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_series)
        Log returns, decimal.
    horizon : int
        Sessions summed: forced sellers rarely finish in one.
    window, min_observations : int
        Rows of the baseline, and how many of them must be there.

    Returns
    -------
    DataFrame of shape (n_sessions, n_series)
        In σ. NaN where a return of the horizon is missing, or the baseline is too short or flat.
        The value at *t* uses rows up to *t*; its baseline ends at t−1, so that a shock does not
        hide itself.

    Raises
    ------
    ValueError
        `horizon` below 1, or `window` below 3.
    """
    require_at_least(1, horizon=horizon)
    require_at_least(3, window=window)
    total = returns.rolling(horizon, min_periods=horizon).sum()
    # A rolling variance drifts after an outlier and need not come back to zero on a flat stretch:
    # the residue is rounding, not volatility.
    baseline = total.rolling(window, min_periods=min_observations)
    scale = baseline.std().shift(1)
    flat = (baseline.max() - baseline.min()).shift(1) == 0
    return total / scale.where((scale > 0) & ~flat)


def volume_on_falls(
    moves: pd.DataFrame,
    volume: pd.DataFrame,
    *,
    cap: float = 4.0,
    window: int = 90,
    min_observations: int = 60,
) -> pd.DataFrame:
    """Fall times abnormal volume of each series: a forced sale needs a buyer.

    (−z)₊ · (z of log volume)₊, both capped: a fall on ordinary volume and heavy trading on a rise
    are both 0.

    Parameters
    ----------
    moves : DataFrame of shape (n_sessions, n_series)
        One-session moves in σ, from `scaled_moves`.
    volume : DataFrame of shape (n_sessions, n_series)
        Shares; zero counts as missing.
    cap : float
        Most σ of either factor.
    window, min_observations : int
        Rows of the baseline of log volume, and how many of them must be there.

    Returns
    -------
    DataFrame of shape (n_sessions, n_series)
        In [0, cap²]. NaN where the move or the volume is missing, or the baseline is too short or
        flat. The value at *t* uses rows up to *t*; its baseline ends at t−1.

    Raises
    ------
    ValueError
        `window` below 3, or a negative volume.
    """
    require_at_least(3, window=window)
    if (volume < 0).any(axis=None):
        raise ValueError("volume must not be negative; correct or remove the rows")
    level = volume.where(volume > 0).apply(np.log)
    baseline = level.rolling(window, min_periods=min_observations)
    scale = baseline.std().shift(1)
    flat = (baseline.max() - baseline.min()).shift(1) == 0
    z = (level - baseline.mean().shift(1)) / scale.where((scale > 0) & ~flat)
    product: pd.DataFrame = (-moves).clip(lower=0.0, upper=cap) * z.clip(lower=0.0, upper=cap)
    return product


def class_moves(moves: pd.DataFrame, *, classes: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Mean move of each asset class over those of its members that have one.

    One fund of a class must not count as a class: three bitcoin funds falling are one fall.

    Parameters
    ----------
    moves : DataFrame of shape (n_sessions, n_series)
        From `scaled_moves`; a member without a column counts as missing.
    classes : dict of str to tuple of str
        Class → its members.

    Returns
    -------
    DataFrame of shape (n_sessions, n_classes)
        NaN where no member has a move. The value at *t* uses the row of *t*.

    Raises
    ------
    ValueError
        An infinite move.
    """
    finite_or_missing(moves, "moves")
    return pd.DataFrame(
        {
            name: moves[[member for member in members if member in moves.columns]].mean(axis=1)
            for name, members in classes.items()
        },
        index=moves.index,
    )


def tail_excess(
    moves: tuple[pd.DataFrame, ...], *, start: float = 1.5, cap: float = 4.0
) -> pd.DataFrame:
    """Loss of each series beyond an ordinary bad move, added over the horizons.

    Parameters
    ----------
    moves : tuple of DataFrame, each of shape (n_sessions, n_series)
        Moves in σ, one frame per horizon.
    start : float
        σ below zero from which a fall counts.
    cap : float
        Most σ that one series may add at one horizon: a crash of one series is not breadth.

    Returns
    -------
    DataFrame of shape (n_sessions, n_series)
        At least 0. NaN where the series has no move at the first horizon; a longer horizon that
        is missing adds nothing. The value at *t* uses the row of *t*.
    """
    beyond = [(-start - move).clip(lower=0.0, upper=cap) for move in moves]
    total: pd.DataFrame = sum((part.fillna(0.0) for part in beyond[1:]), beyond[0])
    return total


def joint_tail_loss(excess: pd.DataFrame, *, min_series: int = 6) -> pd.Series:
    """Sum of the tail excess over the square root of the number of series.

    Parameters
    ----------
    excess : DataFrame of shape (n_sessions, n_series)
        From `tail_excess`.
    min_series : int
        Series that must have a value; with fewer the result is NaN.

    Returns
    -------
    Series of shape (n_sessions,)
        At least 0. The value at *t* uses the row of *t*.
    """
    count = excess.notna().sum(axis=1)
    joint: pd.Series = excess.sum(axis=1) / np.sqrt(count.where(count >= min_series))
    return joint


def concentrated_tail_loss(
    excess: pd.DataFrame, *, n_largest: int = 4, min_series: int = 6
) -> pd.Series:
    """Sum of the largest tail excesses: losses that are deep in a few classes, not broad.

    Parameters
    ----------
    excess : DataFrame of shape (n_sessions, n_series)
        From `tail_excess`.
    n_largest : int
        Number of the largest that are added.
    min_series : int
        Series that must have a value; with fewer the result is NaN.

    Returns
    -------
    Series of shape (n_sessions,)
        At least 0. The value at *t* uses the row of *t*.
    """
    ranked = np.sort(excess.fillna(0.0).to_numpy(dtype=np.float64), axis=1)[:, -n_largest:]
    total = pd.Series(ranked.sum(axis=1), index=excess.index)
    return total.where(excess.notna().sum(axis=1) >= min_series)


def spread_returns(returns: pd.DataFrame, *, spreads: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """Long–short spreads from public prices: return of the first asset less that of the second.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
    spreads : tuple of (str, str)
        Long and short leg; a leg without a column makes a column of NaN.

    Returns
    -------
    DataFrame of shape (n_sessions, n_spreads)
        Columns are written "long-short". The value at *t* uses the row of *t*.
    """
    legs = returns.reindex(columns=sorted({leg for spread in spreads for leg in spread}))
    return pd.DataFrame(
        {f"{long}-{short}": legs[long] - legs[short] for long, short in spreads},
        index=returns.index,
    )
