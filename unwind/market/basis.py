"""Restated prices: the ratio between two vintages of the same rows, and its first session."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

KEY = ["symbol", "session"]
COLUMNS = ("close", "adj_close", "volume")
# Least rows of a restatement, largest spread of their log ratios, least size of the ratio.
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
    newest_rows = vintages.drop_duplicates(KEY, keep="last")
    ratios["known_at"] = ordered["known_at"]
    restated = []
    for symbol, rows in ratios[ratios["close"].abs() > SMALLEST].groupby("symbol", sort=True):
        same_ratio = (rows["close"].diff().abs() < SPREAD).to_numpy()
        for _, run in rows.groupby(np.cumsum(~same_ratio)):
            later = (newest_rows["symbol"] == symbol) & (
                newest_rows["session"] > run["session"].iloc[-1]
            )
            # A restatement reaches to the newest row; a shorter stretch is a correction.
            is_correction = (newest_rows.loc[later, "known_at"] < run["known_at"].max()).any()
            if len(run) >= MIN_ROWS and not is_correction:
                restated.append(
                    Restatement(
                        symbol=str(symbol),
                        first=run["session"].iloc[0],
                        **{name: _single(run[name], name) for name in COLUMNS},
                    )
                )
    return tuple(restated)


def _single(ratios: pd.Series, column: str) -> float:
    # Volumes are restated in whole shares.
    spread = 0.05 if column == "volume" else SPREAD
    steady = ratios.notna().all() and float(ratios.max() - ratios.min()) < spread
    return float(ratios.median()) if steady else float("nan")
