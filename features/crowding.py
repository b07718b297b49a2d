"""Crowding: what a multi-strategy book would have lost, from public prices.

A fund that must cut sells what it holds and buys back what it is short, in every strategy at once.
So the losses show in long-short sleeves, not in the index: in August 2007 the market was flat
while value, profitability, investment and momentum all lost on the 8th and 9th, and all came back
on the 10th. That rebound tells a forced sale from news.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.shocks import robust_z

Array = NDArray[np.float64]


def contrarian_sleeve(returns: pd.DataFrame) -> pd.DataFrame:
    """Buy yesterday's losers, sell yesterday's winners.

    w_{i,t} = −(R_{i,t−1} − R̄_{t−1})/N, Khandani and Lo (2007), eq. (1).

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal; simple returns are formed here, as a portfolio earns those.

    Returns
    -------
    DataFrame of shape (n_sessions, 2)
        | contrarian | Σ w R at one unit of gross exposure, Σ|w| = 1; at 8:1 leverage the
          paper's return is 8 times this |
        | contrarian_unscaled | Σ w R with the weights as they stand |

        Decimal. Assets that miss either return are left out and N counts the rest; NaN with fewer
        than two, and at unit gross where all weights are zero. The value at *t* uses rows t−1, t.

    Raises
    ------
    ValueError
        An infinite return.
    """
    simple = _simple(returns)
    unscaled, unit = np.full(len(simple), np.nan), np.full(len(simple), np.nan)
    for t in range(1, len(simple)):
        kept = np.isfinite(simple[t - 1]) & np.isfinite(simple[t])
        n = int(kept.sum())
        if n < 2:
            continue
        before = simple[t - 1, kept]
        weights = -(before - before.mean()) / n
        unscaled[t] = weights @ simple[t, kept]
        gross = np.abs(weights).sum()
        if gross > 1e-12 * np.abs(before).max():
            unit[t] = unscaled[t] / gross
    return pd.DataFrame({"contrarian": unit, "contrarian_unscaled": unscaled}, index=returns.index)


def momentum_sleeve(
    returns: pd.DataFrame, *, lookback: int, skip: int, share: float, min_observations: int
) -> pd.Series:
    """Long the assets that rose most over a year but the last month, short those that rose least.

    Jegadeesh and Titman (1993), the 12−1 variant, rebalanced each session.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal.
    lookback, skip : int
        The signal for t sums rows t−lookback..t−skip−1 (252 and 21 in the 12−1 variant).
    share : float
        Share of the ranked assets on each side, in (0, ½]; rounded down, at least one.
    min_observations : int
        Fewest returns that an asset needs among the lookback − skip rows.

    Returns
    -------
    Series of shape (n_sessions,)
        Simple return, decimal, at one unit of gross exposure: equal weights, ½ long and ½ short.
        An asset needs a signal and a return at t. NaN with fewer than three such assets. Equal
        signals are ranked by column. The value at *t* uses signals up to *t* − 1 and row t.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite return.
    """
    if not 0 <= skip < lookback:
        raise ValueError(f"skip must lie between 0 and lookback {lookback} − 1, got {skip}")
    if not 0 < share <= 0.5:
        raise ValueError(f"share must lie in (0, 0.5], got {share}")
    if not 1 <= min_observations <= lookback - skip:
        raise ValueError(
            f"min_observations must lie between 1 and lookback − skip = {lookback - skip}, "
            f"got {min_observations}"
        )
    simple = _simple(returns)
    signal = (
        returns.rolling(lookback - skip, min_periods=min_observations).sum().shift(skip + 1)
    ).to_numpy(dtype=np.float64)
    earned = np.full(len(simple), np.nan)
    for t in range(len(simple)):
        kept = np.flatnonzero(np.isfinite(signal[t]) & np.isfinite(simple[t]))
        if len(kept) < 3:
            continue
        ranked = simple[t, kept[np.argsort(signal[t, kept], kind="stable")]]
        side = max(1, int(share * len(kept) + 1e-9))
        earned[t] = 0.5 * (ranked[-side:].mean() - ranked[:side].mean())
    return pd.Series(earned, returns.index, name="momentum")


def pair_sleeves(
    returns: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    lookback: int,
    volatility_window: int,
    min_observations: int,
) -> pd.DataFrame:
    """Hold each pair in the direction that has paid: long its recent winner, short its loser.

    Legs weigh 1/σ, so that the pair carries neither leg's trend, at one unit of gross exposure.
    The winner is the leg with the larger sum of returns over σ. A crowded pair trade is one that
    has paid; its sudden loss is what an unwind looks like.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal.
    pairs : sequence of (str, str)
        Two columns of `returns` each, e.g. ("IGV", "SMH").
    lookback : int
        Rows t−lookback..t−1 that decide the winner (60 for a quarter).
    volatility_window : int
        Rows t−w..t−1 for σ, the standard deviation.
    min_observations : int
        Fewest returns of each leg, in the lookback and in the volatility window.

    Returns
    -------
    DataFrame of shape (n_sessions, n_pairs)
        Simple returns, decimal; columns are written A~B. NaN where a leg's return at t is missing,
        has too few rows before, does not vary, or where neither leg leads.
        The value at *t* uses rows up to *t* − 1 for weights and direction, and row t.

    Raises
    ------
    ValueError
        An argument out of range, a pair of one asset or an unknown column, an infinite return.
    """
    if not 3 <= min_observations <= min(lookback, volatility_window):
        raise ValueError(
            "min_observations must lie between 3 and the shorter of lookback and "
            f"volatility_window, {min(lookback, volatility_window)}, got {min_observations}"
        )
    if unknown := sorted({leg for pair in pairs for leg in pair} - set(returns.columns)):
        raise ValueError(f"pairs name {unknown}, which returns does not hold; drop those pairs")
    if same := [pair for pair in pairs if pair[0] == pair[1]]:
        raise ValueError(f"a pair must name two assets, got {same[0]}")
    _simple(returns)
    sleeves = {}
    for pair in pairs:
        logs = returns[list(pair)].to_numpy(dtype=np.float64)
        volatility = _trailing(logs, volatility_window, min_observations, np.nanstd)
        level = _trailing(np.abs(logs), volatility_window, min_observations, np.nanmax)
        volatility = np.where(volatility > 1e-12 * level, volatility, np.nan)
        paid = _trailing(logs, lookback, min_observations, np.nansum) / volatility
        weights = (1 / volatility) / (1 / volatility).sum(axis=1, keepdims=True)
        lead = np.sign(paid[:, 0] - paid[:, 1])
        earned = weights * np.expm1(logs)
        sleeves["~".join(pair)] = np.where(lead == 0, np.nan, lead) * (earned[:, 0] - earned[:, 1])
    return pd.DataFrame(sleeves, index=returns.index)


def multi_strategy(
    sleeves: pd.DataFrame, *, window: int, min_observations: int, min_sleeves: int
) -> pd.DataFrame:
    """Score a set of sleeves as one multi-strategy book at equal risk.

    Each sleeve is scaled to its own robust z (`features.shocks.robust_z`, baseline t−w..t−1), so
    that no volatile sleeve speaks for all. The worst and the average of these are scored against
    their own histories in turn: the minimum of many sleeves is far below zero on any day.

    Parameters
    ----------
    sleeves : DataFrame of shape (n_sessions, n_sleeves)
        Returns of the sleeves, one unit within a column: those of this module, daily factor
        returns (SMB, HML, RMW, CMA, Mom), or both. Signed so that the crowd's loss is negative.
    window, min_observations : int
        Of the robust z; the scores of worst and average need that many rows twice over.
    min_sleeves : int
        Fewest sleeves present on a day for it to be read at all; at least 2.

    Returns
    -------
    DataFrame of shape (n_sessions, 9)
        | sleeves | sleeves with a return on the day |
        | losing | of these, with a return below zero |
        | degrossing | all of them lose; missing (not False) with fewer than `min_sleeves`. Common
          by itself: value, profitability, investment and momentum lose together on one day in 19 |
        | worst_sleeve | name of the lowest scaled sleeve; missing where none is scaled |
        | worst, average | lowest and mean scaled return; the mean stands for the sum, so that
          a missing sleeve does not change its scale |
        | worst_z, average_z | robust z of these two |
        | rebound | average on the session after a degrossing day; NaN on others |

        The value at *t* uses rows up to *t*; every baseline ends at t−1. `rebound` is dated and
        known on the day of the rebound, never on the degrossing day itself.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite value.
    """
    if not 2 <= min_sleeves <= sleeves.shape[1]:
        raise ValueError(
            f"min_sleeves must lie between 2 and the {sleeves.shape[1]} sleeves given, "
            f"got {min_sleeves}"
        )
    values = sleeves.to_numpy(dtype=np.float64)
    _require_finite(values)
    present = np.isfinite(values).sum(axis=1)
    losing = (values < 0).sum(axis=1)
    readable = present >= min_sleeves
    degrossing = readable & (losing == present)
    scaled = robust_z(sleeves, window=window, min_observations=min_observations)
    enough = scaled.notna().sum(axis=1) >= min_sleeves
    worst = scaled.min(axis=1).where(enough)
    average = scaled.mean(axis=1).where(enough)
    day_after = np.concatenate([[False], degrossing[:-1]])[: len(values)]
    lowest = np.asarray(sleeves.columns, dtype=str)[scaled.fillna(np.inf).to_numpy().argmin(axis=1)]
    return pd.DataFrame(
        {
            "sleeves": present,
            "losing": losing,
            "degrossing": pd.arrays.BooleanArray(degrossing, ~readable),
            "worst_sleeve": pd.Series(lowest, sleeves.index, dtype="str").where(enough),
            "worst": worst,
            "worst_z": robust_z(worst, window=window, min_observations=min_observations),
            "average": average,
            "average_z": robust_z(average, window=window, min_observations=min_observations),
            "rebound": average.where(day_after),
        },
        index=sleeves.index,
    )


def _trailing(
    values: Array, window: int, min_observations: int, reduce: Callable[..., Array]
) -> Array:
    """`reduce` over rows t−window..t−1 of each column, NaN left out; NaN with too few."""
    padded = np.vstack([np.full((window, values.shape[1]), np.nan), values])
    blocks = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)[: len(values)]
    enough = np.isfinite(blocks).sum(axis=-1) >= min_observations
    result: Array = np.full(values.shape, np.nan)
    result[enough] = reduce(blocks[enough], axis=-1)
    return result


def _simple(returns: pd.DataFrame) -> Array:
    logs = returns.to_numpy(dtype=np.float64)
    _require_finite(logs)
    return np.asarray(np.expm1(logs))


def _require_finite(values: Array) -> None:
    if np.isinf(values).any():
        raise ValueError(
            "returns must be finite or missing, got an infinite value; correct the price behind it"
        )
