"""Moves that a person confirmed: appended to the store as vintages, like every observation."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from unwind.calendar import require_session
from unwind.contract.inputs import CONFIRMATIONS
from unwind.contract.source import Fault, SourceError
from unwind.files.durable import folder_lock
from unwind.files.segments import append, read_segments
from unwind.market.store import read_vintages

MAX_REASON = 160


def no_confirmations() -> pd.DataFrame:
    """Table of confirmations without a row."""
    return pd.DataFrame(
        {
            "symbol": pd.Series([], dtype="str"),
            "session": pd.Series([], dtype="datetime64[us]"),
            "reason": pd.Series([], dtype="str"),
            "known_at": pd.Series([], dtype="datetime64[us, UTC]"),
        }
    )


def read_confirmations(store: Path) -> pd.DataFrame:
    """Every confirmation of a market store, in the order of writing."""
    rows = read_segments(store / CONFIRMATIONS)
    return no_confirmations() if rows is None else rows.to_pandas()


def confirm(
    store: Path, symbol: str, session: pd.Timestamp, *, reason: str, known_at: pd.Timestamp
) -> bool:
    """Append the confirmation of one move; False where it is there already.

    Parameters
    ----------
    store : Path
    symbol : str
    session : Timestamp
        The session that the move ends on.
    reason : str
        Why it is real; shown in the quality rows.
    known_at : Timestamp, UTC
        Runs with an earlier cut-off do not see it.

    Raises
    ------
    SourceError
        The store has no price of that symbol and session, or the reason is empty or too long.
    """
    require_session(session.date())
    prices = read_vintages(store, "prices")
    priced = (prices["symbol"] == symbol) & (prices["session"] == session)
    if not priced.any():
        raise SourceError(
            f"{store} holds no price of {symbol} on {session:%Y-%m-%d}; name a symbol and a "
            "session of its quality rows"
        )
    if not 1 <= len(reason.strip()) <= MAX_REASON or not reason.isprintable():
        raise SourceError(f"--reason must be 1 to {MAX_REASON} printed characters, got {reason!r}")
    with folder_lock(store):
        before = read_confirmations(store)
        if ((before["symbol"] == symbol) & (before["session"] == session)).any():
            return False
        row = pd.DataFrame(
            {
                "symbol": [symbol],
                "session": pd.Series([session], dtype="datetime64[us]"),
                "reason": [reason.strip()],
                "known_at": pd.Series([known_at], dtype="datetime64[us, UTC]"),
            }
        )
        append(store / CONFIRMATIONS, pa.Table.from_pandas(row, preserve_index=False))
    return True


def confirmed_faults(confirmed: pd.DataFrame) -> tuple[Fault, ...]:
    """Quality rows of moves that a person confirmed."""
    return tuple(
        Fault(
            entity=str(row["symbol"]), rule="confirmed move", severity="info",
            value=str(row["reason"]), remedy="nothing to do", column="close",
            session=row["session"],
        )
        for row in confirmed.to_dict("records")
    )  # fmt: skip
