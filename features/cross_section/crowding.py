"""Crowding: what a multi-strategy book would have lost, from public prices.

A fund that must cut sells what it holds and buys back what it is short, in every strategy at once.
So the losses show in long–short spreads, not in the index: in August 2007 the market was flat
while value, profitability, investment and momentum all lost on the 8th and 9th, and all came back
on the 10th. That rebound tells a forced sale from news.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from features._typing import Floats
from features._validation import finite_or_missing, require_between, require_positive
from features.cross_section.shocks import robust_z


def contrarian_spread(returns: pd.DataFrame) -> pd.DataFrame:
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
        | contrarian_unscaled | Σ w R with the weights of the formula |

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
        both = np.isfinite(simple[t - 1]) & np.isfinite(simple[t])
        n = int(both.sum())
        if n < 2:
            continue
        before = simple[t - 1, both]
        weights = -(before - before.mean()) / n
        unscaled[t] = weights @ simple[t, both]
        gross = np.abs(weights).sum()
        if gross > 1e-12 * np.abs(before).max():
            unit[t] = unscaled[t] / gross
    return pd.DataFrame({"contrarian": unit, "contrarian_unscaled": unscaled}, index=returns.index)


def momentum_spread(
    returns: pd.DataFrame,
    *,
    lookback: int = 252,
    skip: int = 21,
    share: float = 0.3,
    min_observations: int = 185,
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
    require_between(0, lookback - 1, skip=skip)
    require_positive(share=share)
    require_between(0, 0.5, share=share)
    require_between(1, lookback - skip, min_observations=min_observations)
    simple = _simple(returns)
    signal = (
        returns.rolling(lookback - skip, min_periods=min_observations).sum().shift(skip + 1)
    ).to_numpy(dtype=np.float64)
    earned = np.full(len(simple), np.nan)
    for t in range(len(simple)):
        ready = np.flatnonzero(np.isfinite(signal[t]) & np.isfinite(simple[t]))
        if len(ready) < 3:
            continue
        ranked = simple[t, ready[np.argsort(signal[t, ready], kind="stable")]]
        side = max(1, int(share * len(ready) + 1e-9))
        earned[t] = 0.5 * (ranked[-side:].mean() - ranked[:side].mean())
    return pd.Series(earned, returns.index, name="momentum")


def pair_spreads(
    returns: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    lookback: int = 60,
    volatility_window: int = 60,
    min_observations: int = 48,
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
    require_between(3, min(lookback, volatility_window), min_observations=min_observations)
    if unknown := sorted({leg for pair in pairs for leg in pair} - set(returns.columns)):
        raise ValueError(f"pairs must name columns of returns, got {unknown}; drop those pairs")
    if same := [pair for pair in pairs if pair[0] == pair[1]]:
        raise ValueError(f"a pair must name two assets, got {same[0]}; drop it")
    _simple(returns)
    spreads = {}
    for pair in pairs:
        logs = returns[list(pair)].to_numpy(dtype=np.float64)
        volatility = _trailing(logs, volatility_window, min_observations, np.nanstd)
        level = _trailing(np.abs(logs), volatility_window, min_observations, np.nanmax)
        volatility = np.where(volatility > 1e-12 * level, volatility, np.nan)
        paid = _trailing(logs, lookback, min_observations, np.nansum) / volatility
        weights = (1 / volatility) / (1 / volatility).sum(axis=1, keepdims=True)
        lead = np.sign(paid[:, 0] - paid[:, 1])
        earned = weights * np.expm1(logs)
        spreads["~".join(pair)] = np.where(lead == 0, np.nan, lead) * (earned[:, 0] - earned[:, 1])
    return pd.DataFrame(spreads, index=returns.index)


def multi_strategy(
    spreads: pd.DataFrame, *, window: int = 126, min_observations: int = 101, min_spreads: int = 3
) -> pd.DataFrame:
    """Score a set of spreads as one multi-strategy book at equal risk.

    Each spread is scaled to its own robust z (`robust_z`, baseline t−w..t−1), so that no volatile
    one dominates. The worst and the average of these are scored against their own histories in
    turn: the minimum of many spreads is far below zero on any day.

    Parameters
    ----------
    spreads : DataFrame of shape (n_sessions, n_spreads)
        Returns of the spreads, one unit within a column: those of this module, daily factor
        returns (SMB, HML, RMW, CMA, Mom), or both. Signed so that the crowd's loss is negative.
    window, min_observations : int
        Of the robust z; the scores of worst and average need that many rows twice over.
    min_spreads : int
        Spreads that a day needs; at least 2.

    Returns
    -------
    DataFrame of shape (n_sessions, 9)
        | spreads | spreads with a return on the day |
        | losing | of these, with a return below zero |
        | degrossing | all of them lose; missing (not False) with fewer than `min_spreads`. Common
          by itself: value, profitability, investment and momentum lose together on one day in 19 |
        | worst_spread | name of the lowest scaled spread; missing where none is scaled |
        | worst, average | lowest and mean scaled return; a mean, not a sum, so that
          a missing spread does not change its scale |
        | worst_z, average_z | robust z of these two |
        | rebound | average on the session after a degrossing day; NaN on others |

        The value at *t* uses rows up to *t*; every baseline ends at t−1. `rebound` is dated and
        known on the day of the rebound, never on the degrossing day itself.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite value.
    """
    require_between(2, spreads.shape[1], min_spreads=min_spreads)
    values = finite_or_missing(spreads, "spreads")
    present = np.isfinite(values).sum(axis=1)
    losing = (values < 0).sum(axis=1)
    readable = present >= min_spreads
    degrossing = readable & (losing == present)
    scaled = robust_z(spreads, window=window, min_observations=min_observations)
    enough = scaled.notna().sum(axis=1) >= min_spreads
    worst = scaled.min(axis=1).where(enough)
    average = scaled.mean(axis=1).where(enough)
    day_after = np.concatenate([[False], degrossing[:-1]])[: len(values)]
    lowest = np.asarray(spreads.columns, dtype=str)[scaled.fillna(np.inf).to_numpy().argmin(axis=1)]
    return pd.DataFrame(
        {
            "spreads": present,
            "losing": losing,
            "degrossing": pd.arrays.BooleanArray(degrossing, ~readable),
            "worst_spread": pd.Series(lowest, spreads.index, dtype="str").where(enough),
            "worst": worst,
            "worst_z": robust_z(worst, window=window, min_observations=min_observations),
            "average": average,
            "average_z": robust_z(average, window=window, min_observations=min_observations),
            "rebound": average.where(day_after),
        },
        index=spreads.index,
    )


def _trailing(
    values: Floats, window: int, min_observations: int, reduce: Callable[..., Floats]
) -> Floats:
    """`reduce` over rows t−window..t−1 of each column, NaN left out; NaN with too few."""
    padded = np.vstack([np.full((window, values.shape[1]), np.nan), values])
    blocks = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)[: len(values)]
    enough = np.isfinite(blocks).sum(axis=-1) >= min_observations
    result: Floats = np.full(values.shape, np.nan)
    result[enough] = reduce(blocks[enough], axis=-1)
    return result


def _simple(returns: pd.DataFrame) -> Floats:
    return np.asarray(np.expm1(finite_or_missing(returns)))
