"""Restated prices: the ratio between two vintages of the same rows, and where it begins."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

KEY = ["symbol", "session"]
COLUMNS = ("close", "adj_close", "volume")
# Rows that a restatement shows at least, how near their ratios lie, how far from 1 they are.
MIN_ROWS, SPREAD, SMALLEST = 3, 1e-3, 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """Consecutive rows of a symbol that a vendor restated by one ratio.

    Attributes
    ----------
    symbol : str
    first : Timestamp
        The earliest restated session.
    close, adj_close, volume : float
        Log of new over old; NaN where a column has no single ratio.
    """

    symbol: str
    first: pd.Timestamp
    close: float
    adj_close: float
    volume: float


def restatements(vintages: pd.DataFrame) -> tuple[Restatement, ...]:
    """Restatements of price histories among vintages that are known.

    Parameters
    ----------
    vintages : DataFrame
        Rows of `prices` known by one instant, sorted by key and known_at.

    Returns
    -------
    tuple of Restatement
        By symbol and session. The newest vintage of a key against the one before it.
    """
    several = vintages[vintages.duplicated(KEY, keep=False)]
    if several.empty:
        return ()
    ordered = several.sort_values([*KEY, "known_at"], kind="stable")
    values = ordered[list(COLUMNS)].astype("float64")
    logs = values.where(values > 0).transform(np.log)
    ratios = logs - logs.groupby([ordered[name] for name in KEY], sort=False).shift()
    newest = ~ordered.duplicated(KEY, keep="last")
    ratios = ratios[newest].assign(symbol=ordered["symbol"], session=ordered["session"])
    standing = vintages.drop_duplicates(KEY, keep="last")
    ratios["known_at"] = ordered["known_at"]
    found = []
    for symbol, rows in ratios[ratios["close"].abs() > SMALLEST].groupby("symbol", sort=True):
        alike = (rows["close"].diff().abs() < SPREAD).to_numpy()
        for _, run in rows.groupby(np.cumsum(~alike)):
            later = (standing["symbol"] == symbol) & (standing["session"] > run["session"].iloc[-1])
            # What a vendor restates reaches to its newest row; else a stretch was corrected.
            left = (standing.loc[later, "known_at"] < run["known_at"].max()).any()
            if len(run) >= MIN_ROWS and not left:
                found.append(
                    Restatement(
                        symbol=str(symbol),
                        first=run["session"].iloc[0],
                        **{name: _single(run[name], name) for name in COLUMNS},
                    )
                )
    return tuple(found)


def _single(ratios: pd.Series, column: str) -> float:
    # Volumes are restated in whole shares.
    spread = 0.05 if column == "volume" else SPREAD
    steady = ratios.notna().all() and float(ratios.max() - ratios.min()) < spread
    return float(ratios.median()) if steady else float("nan")
