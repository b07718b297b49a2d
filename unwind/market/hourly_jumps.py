"""Hourly closes beyond any daily move: a change of unit, a typing error, another coin."""

import numpy as np
import pandas as pd

from unwind.contract.source import Fault

# Bars of the reference median; a new level is accepted after half of them.
WINDOW = 24


def plausible_hours(
    hourly: pd.DataFrame, *, impossible_jump: float
) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """Hourly bars without those beyond `impossible_jump` of the previous day's median.

    Parameters
    ----------
    hourly : DataFrame
        Rows of `crypto_hourly`, one per key; may be empty.
    impossible_jump : float
        Log distance from the median close of the last `WINDOW` bars of that symbol and venue.

    Returns
    -------
    rows : DataFrame
        The bar at *t* is judged by bars before it.
    faults : tuple of Fault
        One per symbol and day.
    """
    if hourly.empty:
        return hourly, ()
    ordered = hourly.sort_values(["symbol", "venue", "bar_start_utc"], kind="stable")
    key = [ordered["symbol"], ordered["venue"]]
    median = (
        ordered["close"]
        .groupby(key)
        .transform(lambda closes: closes.rolling(WINDOW, min_periods=WINDOW // 2).median().shift())
    )
    ratio = ordered["close"] / median
    wrong = ratio.transform(np.log).abs() > impossible_jump
    if not wrong.any():
        return hourly, ()
    bars = ordered[wrong].assign(ratio=ratio[wrong])
    days = bars["bar_start_utc"].dt.tz_localize(None).dt.normalize().rename("day")
    faults = [
        Fault(
            entity=str(symbol), rule="unconfirmed_move", severity="warning", column="close",
            session=pd.Timestamp(str(day)),
            value=f"{len(group)} bars, times {group['ratio'].iloc[0]:.4g}; excluded",
            remedy="ask the venue for its unit",
        )
        for (symbol, day), group in bars.groupby(["symbol", days], sort=True)
    ]  # fmt: skip
    return hourly.drop(index=bars.index), tuple(faults)
