"""Moves confirmed by a person or a second vendor, appended to the store like observations."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from unwind.calendar import require_session
from unwind.contract.inputs import CONFIRMATIONS
from unwind.contract.source import SourceError
from unwind.errors import did_you_mean
from unwind.files.durable import folder_lock
from unwind.files.segments import append, read_segments

MAX_REASON = 160
# By whom. Vendors share an unadjusted split: only a person can confirm such a jump.
PERSON, VENDOR = "person", "vendor"
# Least move for which a second vendor's agreement is recorded.
MIN_MOVE = 0.03


def no_confirmations() -> pd.DataFrame:
    """Table of confirmations without a row."""
    return pd.DataFrame(
        {
            "symbol": pd.Series([], dtype="str"),
            "session": pd.Series([], dtype="datetime64[us]"),
            "by": pd.Series([], dtype="str"),
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
    """Append the confirmation of one move; False if it is already recorded.

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
    segments = read_segments(store / "prices")
    prices = pd.DataFrame() if segments is None else segments.to_pandas()
    if prices.empty or not ((prices["symbol"] == symbol) & (prices["session"] == session)).any():
        hint = did_you_mean(symbol, () if prices.empty else set(prices["symbol"]))
        raise SourceError(
            f"{store} holds no price of {symbol} on {session:%Y-%m-%d}; name a symbol and a "
            f"session of its quality rows{hint}"
        )
    if not 1 <= len(reason.strip()) <= MAX_REASON or not reason.isprintable():
        raise SourceError(
            f"--reason must be 1 to {MAX_REASON} printable characters, got {reason!r}"
        )
    with folder_lock(store):
        before = read_confirmations(store)
        same = (before["symbol"] == symbol) & (before["session"] == session)
        if (same & (before["by"] == PERSON)).any():
            return False
        row = pd.DataFrame(
            {
                "symbol": [symbol],
                "session": pd.Series([session], dtype="datetime64[us]"),
                "by": [PERSON],
                "reason": [reason.strip()],
                "known_at": pd.Series([known_at], dtype="datetime64[us, UTC]"),
            }
        )
        append(store / CONFIRMATIONS, pa.Table.from_pandas(row, preserve_index=False))
    return True


def agreed_moves(
    first: pd.DataFrame, second: pd.DataFrame, *, names: tuple[str, str], bound: float
) -> pd.DataFrame:
    """Large moves of the close that two providers report alike, as rows of confirmations.

    Parameters
    ----------
    first, second : DataFrame
        Screened rows of `prices`, one per key.
    names : tuple of str
        The providers.
    bound : float
        Relative difference of two closes from which they disagree.
    """
    both = first.merge(second, on=["session", "symbol"], suffixes=("", "_other"))
    both = both.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    agree = (both["close"] / both["close_other"] - 1).abs() <= bound
    same = both["symbol"].eq(both["symbol"].shift())
    move = (both["close"] / both["close"].shift()).where(same)
    large = (move - 1).abs() >= MIN_MOVE
    agreed = both[large & agree & agree.shift(fill_value=False)]
    return pd.DataFrame(
        {
            "symbol": agreed["symbol"],
            "session": agreed["session"],
            "by": VENDOR,
            "reason": f"{names[0]} and {names[1]} report the same move",
        }
    )


def append_agreed(store: Path, agreed: pd.DataFrame) -> None:
    """Append the moves that two vendors agree on, if the store does not have them yet."""
    before = read_confirmations(store)
    recorded = pd.MultiIndex.from_frame(before.loc[before["by"] == VENDOR, ["symbol", "session"]])
    new = agreed[~pd.MultiIndex.from_frame(agreed[["symbol", "session"]]).isin(recorded)]
    if not new.empty:
        rows = new[list(before.columns)]
        append(store / CONFIRMATIONS, pa.Table.from_pandas(rows, preserve_index=False))
