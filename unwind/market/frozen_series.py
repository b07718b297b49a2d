"""Series that a vendor has stopped feeding: the same bar, bit for bit, row after row."""

import pandas as pd

from unwind.contract.source import Fault

BAR = ["open", "high", "low", "close", "adj_close", "volume"]


def frozen_faults(rows: pd.DataFrame, *, sessions: int) -> tuple[Fault, ...]:
    """Name every price row that ends a run of equal bars.

    Parameters
    ----------
    rows : DataFrame
        Screened rows of `prices`; their order does not matter. The newest of several vintages
        counts.
    sessions : int
        Rows in a row, at least 2, from which a run is named.

    Returns
    -------
    tuple of Fault
        One a row; the fault at t uses rows up to t. A missing number equals a missing one.
    """
    ordered = rows.sort_values(["symbol", "session", "known_at"], kind="stable")
    ordered = ordered.drop_duplicates(["symbol", "session"], keep="last", ignore_index=True)
    bars = ordered[BAR]
    before = ordered.groupby("symbol", sort=False)[BAR].shift()
    alike = ((bars == before) | (bars.isna() & before.isna())).all(axis=1)
    # The first row of a symbol has none before it: an empty bar is alike to nothing.
    alike &= ordered["symbol"].eq(ordered["symbol"].shift())
    start = (~alike).cumsum()
    length = alike.groupby(start).cumsum() + 1
    first = ordered.groupby(start)["session"].transform("first")
    return tuple(
        Fault(
            entity=str(ordered.loc[place, "symbol"]),
            rule="moves between rows",
            severity="warning",
            value=f"{int(length[place])} equal bars since {first[place]:%Y-%m-%d}",
            remedy="ask the vendor: the feed may stand still",
            column="close",
            session=ordered.loc[place, "session"],
        )
        for place in ordered.index[length >= sessions]
    )
