"""Prices that jump like a share split that nobody adjusted for: named, never repaired."""

import numpy as np
import pandas as pd

from unwind.contract.source import Fault

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
    ratio = (held["close"] / held["close"].shift().where(same)).to_numpy()
    gaps = np.abs(np.abs(np.log(ratio))[:, None] - np.log(RATIOS))
    jumps = held.assign(ratio=ratio, split=np.array(RATIOS)[gaps.argmin(axis=1)])
    jumps = jumps[np.nan_to_num(gaps, nan=np.inf).min(axis=1) < TOLERANCE]
    return tuple(
        Fault(
            entity=str(row["symbol"]),
            rule="no jump of an unadjusted split",
            severity="warning",
            value=f"times {row['ratio']:.4g}, like a split of {row['split']}",
            remedy="ask the vendor: history before a split must be divided by it",
            column="close",
            session=row["session"],
        )
        for row in jumps.to_dict("records")
    )
