"""Prices as arrays of sessions × symbols, for screens that compare series with each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.calendar import sessions_between

Floats = NDArray[np.float64]
BAR = ("open", "high", "low", "close")
COLUMNS = (*BAR, "adj_close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceMatrix:
    """Prices by exchange session and symbol, one row per key.

    Attributes
    ----------
    sessions : DatetimeIndex of shape (n_sessions,)
    symbols : tuple of str
    values : dict of str to array of shape (n_sessions, n_symbols)
        Columns `COLUMNS`; NaN where there is no row or no number.
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    values: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """Log changes of one column between consecutive observations of a symbol.

    Attributes
    ----------
    change : array of shape (n_sessions, n_symbols)
        NaN where there is no observation, or none before it.
    previous : array of int of the same shape
        Row of the observation before; −1 where there is none.
    """

    change: Floats
    previous: NDArray[np.int64]


def price_matrix(prices: pd.DataFrame, symbols: tuple[str, ...]) -> PriceMatrix:
    """Arrange rows of `prices`, one per key, by session and symbol; closed days are excluded."""
    sessions = sessions_between(prices["session"].min().date(), prices["session"].max().date())
    row = sessions.get_indexer(pd.DatetimeIndex(prices["session"]))
    column = pd.Index(symbols).get_indexer(pd.Index(prices["symbol"]))
    inside = (row >= 0) & (column >= 0)
    values = {}
    for name in COLUMNS:
        values[name] = np.full((len(sessions), len(symbols)), np.nan)
        values[name][row[inside], column[inside]] = prices[name].to_numpy(np.float64)[inside]
    return PriceMatrix(sessions=sessions, symbols=symbols, values=values)


def moves(levels: Floats) -> Moves:
    """Log changes from each observation to the next; missing ones are skipped."""
    priced = np.isfinite(levels) & (levels > 0)
    rows = np.arange(len(levels))[:, None]
    last = np.maximum.accumulate(np.where(priced, rows, -1), axis=0)
    previous = np.vstack([np.full((1, levels.shape[1]), -1), last[:-1]])
    previous = np.where(priced, previous, -1)
    logs = np.log(np.where(priced, levels, np.nan))
    before = np.take_along_axis(logs, np.maximum(previous, 0), axis=0)
    return Moves(change=np.where(previous >= 0, logs - before, np.nan), previous=previous)
