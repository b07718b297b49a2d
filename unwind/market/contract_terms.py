"""Terms in the dollars of an underlying: strikes of options and barriers of notes after a split."""

import numpy as np
import pandas as pd

from unwind.contract.source import Fault
from unwind.market.price_jumps import RATIOS

# A chain is quoted during the session: its price is within this log distance of the close …
SAME_BASIS = 0.3
# … or within this distance after one of the split ratios.
EXPLAINED = 0.07
DOLLARS = ["strike", "bid", "ask", "last", "underlying_price"]
COUNTS = ["volume", "open_interest"]


def chains_on_one_basis(
    chains: pd.DataFrame, closes: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """Option chains on the basis of the closes.

    Parameters
    ----------
    chains : DataFrame
        Rows of `option_chains`, one per key; may be empty.
    closes : DataFrame of shape (n_sessions, n_symbols)

    Returns
    -------
    rows : DataFrame
        After a split of n the strikes and quotes are divided by n, the contracts multiplied. A
        chain whose own underlying price contradicts the close without such a ratio is excluded.
    faults : tuple of Fault
    """
    faults: list[Fault] = []
    if chains.empty:
        return chains, ()
    out = chains
    for (underlying, snapshot), rows in chains.groupby(["underlying", "snapshot_at"], sort=True):
        at = pd.Timestamp(str(snapshot))
        if underlying not in closes.columns:
            continue
        day = at.tz_convert("America/New_York").tz_localize(None).normalize()
        known = closes[underlying].loc[:day].dropna()
        price = float(rows["underlying_price"].median())
        if known.empty or not abs(np.log(known.iloc[-1] / price)) > SAME_BASIS:
            continue
        change = float(np.log(known.iloc[-1] / price))
        ratio = _split(change)
        if out is chains:
            out = chains.copy()
        if ratio is None:
            out = out.drop(index=rows.index)
        else:
            out.loc[rows.index, DOLLARS] *= ratio
            out.loc[rows.index, COUNTS] /= ratio
        faults.append(
            Fault(
                entity=str(underlying), severity="warning", column="underlying_price", session=day,
                rule="price_contradicts_close",
                value=f"{price:.2f} in the chain of {at:%Y-%m-%dT%H:%MZ}, {known.iloc[-1]:.2f} at "
                f"the close; {'excluded' if ratio is None else f'scaled to it by {ratio:.4g}'}",
                remedy="provide a chain from after the split",
            )
        )  # fmt: skip
    return out, tuple(faults)


def barriers_on_one_basis(
    notes: pd.DataFrame, vintages: pd.DataFrame, closes: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """Barriers of structured notes on the basis of the closes.

    Parameters
    ----------
    notes : DataFrame
        Rows of `structured_notes`, one per key; may be empty.
    vintages : DataFrame
        Vintages of `prices`, sorted by key and known_at.
    closes : DataFrame of shape (n_sessions, n_symbols)

    Returns
    -------
    rows : DataFrame
        A barrier is scaled by the restatement of the close since the note was known: the close
        known then against the close known now. A history with one vintage has no information on
        a split before it.
    faults : tuple of Fault
    """
    faults: list[Fault] = []
    scale = pd.Series(1.0, index=notes.index)
    for position, note in enumerate(notes.to_dict("records")):
        underlying = note["underlying"]
        if underlying not in closes.columns or pd.isna(note["barrier"]):
            continue
        own = vintages[(vintages["symbol"] == underlying) & vintages["close"].notna()]
        now = closes[underlying].dropna()
        own = own[(own["known_at"] <= note["known_at"]) & own["session"].isin(now.index)]
        if own.empty:
            continue
        then = own.sort_values(["session", "known_at"], kind="stable").iloc[-1]
        session, before = then["session"], float(then["close"])
        ratio = float(now.loc[session]) / before
        if not abs(np.log(ratio)) > SAME_BASIS:
            continue
        scale.iloc[position] = ratio
        faults.append(
            Fault(
                entity=str(note["note"]), severity="warning", column="barrier", session=session,
                rule="barrier_on_old_basis",
                value=f"{underlying} was {before:.2f} when the note was known and is "
                f"{now.loc[session]:.2f} now; scaled to it by {ratio:.4g}",
                remedy="write the barrier after the split",
            )
        )  # fmt: skip
    return (notes.assign(barrier=notes["barrier"] * scale) if faults else notes), tuple(faults)


def _split(change: float) -> float | None:
    """Ratio of the split that explains a log change; None if none does."""
    gaps = np.abs(abs(change) - RATIOS)
    if gaps.min() > EXPLAINED:
        return None
    return float(np.exp(np.sign(change) * RATIOS[gaps.argmin()]))
