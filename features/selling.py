"""Joint selling: how far unlike asset classes, or the sleeves of a crowded book, fall together."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def scaled_moves(
    returns: pd.DataFrame, *, horizon: int, window: int, min_observations: int
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
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, got {horizon}")
    if window < 3:
        raise ValueError(f"window must be at least 3 rows, got {window}")
    moved = returns.rolling(horizon, min_periods=horizon).sum()
    # A rolling variance drifts after an outlier and need not come back to zero on a flat stretch:
    # what it leaves there is rounding, not volatility.
    baseline = moved.rolling(window, min_periods=min_observations)
    scale = baseline.std().shift(1)
    flat = (baseline.max() - baseline.min()).shift(1) == 0
    return moved / scale.where((scale > 0) & ~flat)


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
    if np.isinf(moves.to_numpy(dtype=np.float64)).any():
        raise ValueError(
            "moves must hold finite numbers or NaN, got an infinite one; mask it first"
        )
    return pd.DataFrame(
        {
            name: moves[[member for member in members if member in moves.columns]].mean(axis=1)
            for name, members in classes.items()
        },
        index=moves.index,
    )


def tail_excess(moves: tuple[pd.DataFrame, ...], *, start: float, cap: float) -> pd.DataFrame:
    """How far each series falls beyond an ordinary bad move, added over the horizons.

    Parameters
    ----------
    moves : tuple of DataFrame, each of shape (n_sessions, n_series)
        Moves in σ, one frame a horizon.
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


def joint_tail(excess: pd.DataFrame, *, fewest: int) -> pd.Series:
    """Sum of the tail excess over the square root of the number of series.

    Parameters
    ----------
    excess : DataFrame of shape (n_sessions, n_series)
        From `tail_excess`.
    fewest : int
        Series that must have a value; with fewer the result is NaN.

    Returns
    -------
    Series of shape (n_sessions,)
        At least 0. The value at *t* uses the row of *t*.
    """
    count = excess.notna().sum(axis=1)
    joint: pd.Series = excess.sum(axis=1) / np.sqrt(count.where(count >= fewest))
    return joint


def concentrated_tail(excess: pd.DataFrame, *, leading: int, fewest: int) -> pd.Series:
    """Sum of the largest tail excesses: selling that is deep in a few classes, not broad.

    Parameters
    ----------
    excess : DataFrame of shape (n_sessions, n_series)
        From `tail_excess`.
    leading : int
        How many of the largest are added.
    fewest : int
        Series that must have a value; with fewer the result is NaN.

    Returns
    -------
    Series of shape (n_sessions,)
        At least 0. The value at *t* uses the row of *t*.
    """
    ranked = np.sort(excess.fillna(0.0).to_numpy(dtype=np.float64), axis=1)[:, -leading:]
    total = pd.Series(ranked.sum(axis=1), index=excess.index)
    return total.where(excess.notna().sum(axis=1) >= fewest)


def spread_returns(returns: pd.DataFrame, *, spreads: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """Return of the first asset less that of the second: a long-short sleeve from public prices.

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
    held = returns.reindex(columns=sorted({leg for spread in spreads for leg in spread}))
    return pd.DataFrame(
        {f"{long}-{short}": held[long] - held[short] for long, short in spreads},
        index=returns.index,
    )
