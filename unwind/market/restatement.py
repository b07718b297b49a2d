"""Price histories that a vendor restates as a whole, brought onto the scale of those on file.

An adjusted close means nothing but its ratios: each dividend rescales all that lie before it. Were
the rescaled rows taken as revisions, they would count as known from their arrival, after the
cut-off, while the session's own row counts from the close: its return would then run from the old
scale to the new one, and an ex-dividend day would show the dividend as a fall. So the incoming
adjusted closes of a symbol are multiplied by one number, which changes no return, and what is on
file stays as it was.

A split restates close, range and volume. Those are levels and are kept as the vendor gives them;
they are dated with the first row on the new scale, so that no window mixes both.
"""

from dataclasses import dataclass

import pandas as pd

KEY = ["session", "symbol"]
# Two adjusted closes nearer than this, relatively, differ by their rounding.
SAME = 1e-5
# A restated history: this many common rows at least, all at one ratio this far from 1.
FEWEST, CONSIDERED = 5, 20
SPREAD, SMALLEST = 1e-3, 1e-2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rebased:
    """Price rows on the scale on file.

    Attributes
    ----------
    rows : DataFrame
    dated : Series of bool
        Rows of a history restated by a split: their known_at is meant.
    """

    rows: pd.DataFrame
    dated: pd.Series


def rebased(
    rows: pd.DataFrame, held: pd.DataFrame, *, stand_ins: pd.Series | None = None
) -> Rebased:
    """Bring incoming prices onto the scale of those on file, symbol by symbol.

    Parameters
    ----------
    rows : DataFrame
        Incoming rows of `prices`, each with its known_at; index unique.
    held : DataFrame
        Vintages on file.
    stand_ins : Series of bool, or None
        Rows of another provider than the one on file: where they share no session with the symbol
        on file, their scale is unknown and their adjusted close is left out.

    Returns
    -------
    Rebased
        The order of the rows of either does not matter.
    """
    out = rows.copy()
    dated = pd.Series(False, index=rows.index)
    newest = held.sort_values([*KEY, "known_at"], kind="stable").drop_duplicates(KEY, keep="last")
    common = (
        rows.reset_index(names="place")
        .merge(newest, on=KEY, suffixes=("", "_held"))
        .sort_values([*KEY, "known_at"], kind="stable")
    )
    last_held = newest.groupby("symbol")["session"].max()
    places = rows.groupby("symbol").groups
    for symbol, both in common.groupby("symbol"):
        own = places[symbol]
        factor = _adjustment(both)
        if factor is not None and abs(factor - 1) > SAME:
            scaled = out.loc[own, "adj_close"] * factor
            before = both.drop_duplicates("place").set_index("place")["adj_close_held"]
            before = before.reindex(own)
            out.loc[own, "adj_close"] = scaled.where(~((scaled / before - 1).abs() < SAME), before)
        if not _restated(both):
            continue
        after = rows.loc[own[rows.loc[own, "session"] > last_held[symbol]]]
        if not after.empty:
            first = after.sort_values(KEY)["known_at"].iloc[0]
            earlier = own[rows.loc[own, "session"] <= last_held[symbol]]
            out.loc[earlier, "known_at"] = first
            dated.loc[earlier] = True
    if stand_ins is not None:
        unscaled = stand_ins & out["symbol"].isin(last_held.index)
        out.loc[unscaled & ~out["symbol"].isin(common["symbol"]), "adj_close"] = float("nan")
    return Rebased(rows=out, dated=dated)


def _adjustment(both: pd.DataFrame) -> float | None:
    """Held over incoming adjusted close, at the newest common row whose close is the same.

    A row whose close was corrected says nothing about the scale; where every close changed (a
    split) the newest row does.
    """
    priced = both[both["adj_close"].notna() & both["adj_close_held"].notna()]
    if priced.empty:
        return None
    steady = priced[(priced["close"] / priced["close_held"] - 1).abs() < SAME]
    anchor = (priced if steady.empty else steady).iloc[-1]
    return float(anchor["adj_close_held"] / anchor["adj_close"])


def _restated(both: pd.DataFrame) -> bool:
    """Whether the newest common closes all differ by one ratio."""
    recent = both.drop_duplicates("session", keep="last").iloc[-CONSIDERED:]
    ratio = (recent["close"] / recent["close_held"]).dropna()
    if len(ratio) < FEWEST:
        return False
    middle = float(ratio.median())
    return abs(middle - 1) > SMALLEST and float((ratio / middle - 1).abs().max()) < SPREAD
