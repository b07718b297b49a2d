"""Prices that jump like a share split that nobody adjusted for: named, never repaired."""

import numpy as np
import pandas as pd

from unwind.sources.protocol import Fault

# Ratios of splits in use; beyond them lies no ratio that a move could be mistaken for.
RATIOS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 50)
# A split of 2 comes with the session's own move.
TOLERANCE = 0.05


def split_faults(rows: pd.DataFrame) -> tuple[Fault, ...]:
    """Name each closing price that is a whole multiple, or fraction, of the one before.

    Parameters
    ----------
    rows : DataFrame
        Screened rows of `prices`: session, symbol, close, known_at.

    Returns
    -------
    tuple of Fault
        One a jump, a warning: a market can halve in a session, a split leaves the value as it was.
        The fault at t uses the close at t and the one before. A missing close is passed over.
    """
    held = rows[rows["close"].notna()].sort_values(["symbol", "session", "known_at"], kind="stable")
    held = held.drop_duplicates(["symbol", "session"], keep="last", ignore_index=True)
    same = held["symbol"].eq(held["symbol"].shift())
    change = np.log(held["close"] / held["close"].shift().where(same))
    gaps = np.abs(np.abs(change.to_numpy())[:, None] - np.log(RATIOS))
    nearest = gaps.argmin(axis=1)
    split = np.nan_to_num(gaps, nan=np.inf).min(axis=1) < TOLERANCE
    return tuple(
        Fault(
            entity=str(held.loc[place, "symbol"]),
            rule="no jump of an unadjusted split",
            severity="warning",
            value=f"times {np.exp(change[place]):.4g}, like a split of {RATIOS[nearest[place]]}",
            remedy="ask the vendor: history before a split must be divided by it",
            column="close",
            session=held.loc[place, "session"],
        )
        for place in np.flatnonzero(split)
    )
