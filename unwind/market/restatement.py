"""Price histories that a vendor restates as a whole, scaled to the stored ones.

Only ratios of adjusted closes have a meaning: each dividend rescales all earlier ones. As
revisions, the rescaled rows would be known from their arrival, after the cut-off, but the
session's own row from the close. Its return would mix the old scale and the new one, and an
ex-dividend day would show the dividend as a fall. So the incoming adjusted closes of a symbol are
multiplied by one number, which changes no return, and the stored rows are unchanged.

A split restates close, range and volume. Those are levels and are stored as the vendor gives them;
they are dated with the first row on the new scale, so that no window mixes both.
"""

from dataclasses import dataclass

import pandas as pd

KEY = ["session", "symbol"]
# Two adjusted closes with a smaller relative difference differ by rounding.
SAME = 1e-5
# A restated history: least and most common rows, spread of their ratios, least distance from 1.
MIN_COMMON, MAX_COMMON = 5, 20
SPREAD, SMALLEST = 1e-3, 1e-2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rebased:
    """Price rows on the stored scale.

    Attributes
    ----------
    rows : DataFrame
    dated : Series of bool
        Rows of a history restated by a split: their known_at is deliberate.
    """

    rows: pd.DataFrame
    dated: pd.Series


def rebased(
    rows: pd.DataFrame, stored: pd.DataFrame, *, stand_ins: pd.Series | None = None
) -> Rebased:
    """Scale incoming prices to the stored ones, symbol by symbol.

    Parameters
    ----------
    rows : DataFrame
        Incoming rows of `prices`, each with its known_at; index unique.
    stored : DataFrame
        Vintages of the store.
    stand_ins : Series of bool, or None
        Rows of a fallback provider: if they share no session with the stored symbol, their scale
        is unknown and their adjusted close is excluded.

    Returns
    -------
    Rebased
        The order of the rows of either does not matter.
    """
    out = rows.copy()
    dated = pd.Series(False, index=rows.index)
    newest = stored.sort_values([*KEY, "known_at"], kind="stable").drop_duplicates(KEY, keep="last")
    common = (
        rows.reset_index(names="row")
        .merge(newest, on=KEY, suffixes=("", "_stored"))
        .sort_values([*KEY, "known_at"], kind="stable")
    )
    last_stored = newest.groupby("symbol")["session"].max()
    index_of = rows.groupby("symbol").groups
    for symbol, both in common.groupby("symbol"):
        own = index_of[symbol]
        factor = _adjustment(both)
        if factor is not None and abs(factor - 1) > SAME:
            scaled = out.loc[own, "adj_close"] * factor
            before = both.drop_duplicates("row").set_index("row")["adj_close_stored"]
            before = before.reindex(own)
            out.loc[own, "adj_close"] = scaled.where(~((scaled / before - 1).abs() < SAME), before)
        if not _restated(both):
            continue
        after = rows.loc[own[rows.loc[own, "session"] > last_stored[symbol]]]
        if not after.empty:
            first = after.sort_values(KEY)["known_at"].iloc[0]
            earlier = own[rows.loc[own, "session"] <= last_stored[symbol]]
            out.loc[earlier, "known_at"] = first
            dated.loc[earlier] = True
    if stand_ins is not None:
        unscaled = stand_ins & out["symbol"].isin(last_stored.index)
        out.loc[unscaled & ~out["symbol"].isin(common["symbol"]), "adj_close"] = float("nan")
    return Rebased(rows=out, dated=dated)


def _adjustment(both: pd.DataFrame) -> float | None:
    """Stored over incoming adjusted close, at the newest common row with an equal close.

    A row with a corrected close has no information on the scale; if every close changed (a split)
    the newest row is used.
    """
    priced = both[both["adj_close"].notna() & both["adj_close_stored"].notna()]
    if priced.empty:
        return None
    steady = priced[(priced["close"] / priced["close_stored"] - 1).abs() < SAME]
    anchor = (priced if steady.empty else steady).iloc[-1]
    return float(anchor["adj_close_stored"] / anchor["adj_close"])


def _restated(both: pd.DataFrame) -> bool:
    """Return True if the newest common closes all differ by one ratio."""
    recent = both.drop_duplicates("session", keep="last").iloc[-MAX_COMMON:]
    ratio = (recent["close"] / recent["close_stored"]).dropna()
    if len(ratio) < MIN_COMMON:
        return False
    middle = float(ratio.median())
    return abs(middle - 1) > SMALLEST and float((ratio / middle - 1).abs().max()) < SPREAD
