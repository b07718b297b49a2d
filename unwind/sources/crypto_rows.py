"""Answers of crypto venues as rows of the input contract: pure, and in any order the same."""

from typing import Any

import pandas as pd

from unwind.sources.cells import MAX_TEXT, number, scalar

BAR = ("open", "high", "low", "close", "volume")
DAY = pd.Timedelta(days=1)
# Milliseconds since 1970, to the year 2100.
LATEST = 4_102_444_800_000
MONTHS = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip


def option_book(book: Any, *, underlying: str, now: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Lay Deribit's option book out as rows of `option_chains`.

    Parameters
    ----------
    book : list of dict
        `get_book_summary_by_currency`: prices in coins, volatility in percent.
    underlying : str
    now : Timestamp, UTC
        When it was fetched: snapshot_at and known_at.

    Returns
    -------
    DataFrame, int
        The rows, in any order of the book the same; and how many contracts could not be read.
    """
    rows, unread = [], 0
    for line in book if isinstance(book, list) else []:
        contract = _contract(line.get("instrument_name")) if isinstance(line, dict) else None
        if contract is None:
            unread += 1
            continue
        forward = number(line.get("underlying_price"))
        coins = {
            ours: number(line.get(theirs)) * forward
            for ours, theirs in (("bid", "bid_price"), ("ask", "ask_price"), ("last", "last"))
        }
        rows.append(
            contract
            | coins
            | {
                "volume": scalar(line.get("volume")),
                "open_interest": scalar(line.get("open_interest")),
                "implied_vol": number(line.get("mark_iv")) / 100,
                "underlying_price": forward,
            }
        )
    if not rows:
        return pd.DataFrame(), unread
    table = pd.DataFrame(rows).sort_values("contract", ignore_index=True)
    return table.assign(underlying=underlying, snapshot_at=now, known_at=now), unread


def _contract(name: object) -> dict[str, Any] | None:
    """Read "BTC-27MAR26-70000-P"; None for anything else."""
    parts = name.split("-") if isinstance(name, str) and len(name) <= MAX_TEXT else []
    if len(parts) != 4 or parts[3] not in ("C", "P"):
        return None
    day, month, year = parts[1][:-5], parts[1][-5:-2], parts[1][-2:]
    try:
        expiry = pd.Timestamp(year=2000 + int(year), month=MONTHS.index(month) + 1, day=int(day))
        strike = float(parts[2])
    except ValueError:
        return None
    right = "call" if parts[3] == "C" else "put"
    return {"contract": str(name), "expiry": expiry, "strike": strike, "right": right}


def funding(payments: list[Any]) -> pd.DataFrame:
    """Sum of the payments of each UTC day, by day; a payment that is not a number voids its day."""
    if not payments:
        return pd.DataFrame()
    at = pd.to_datetime([int(row["fundingTime"]) for row in payments], unit="ms", utc=True)
    rates = pd.Series([number(row.get("fundingRate")) for row in payments])
    # Stamps are a few milliseconds late; the venue repeats the last row of a page.
    paid = pd.Series(rates.to_numpy(), index=at.as_unit("us").floor("min"))
    paid = paid[~paid.index.duplicated(keep="last")]
    days = paid.groupby(pd.DatetimeIndex(paid.index).floor("D"))
    return days.sum(min_count=1).where(days.count() == days.size()).to_frame("funding_rate_daily")


def open_interest(stamped: list[Any]) -> pd.DataFrame:
    """Open interest as stamped at the end of each UTC day, by day."""
    if not stamped:
        return pd.DataFrame()
    at = pd.to_datetime([int(row["timestamp"]) for row in stamped], unit="ms", utc=True)
    held = pd.DataFrame(
        {
            ours: pd.Series([number(row.get(theirs)) for row in stamped], index=at.as_unit("us"))
            for ours, theirs in (
                ("open_interest_btc", "sumOpenInterest"),
                ("open_interest_usd", "sumOpenInterestValue"),
            )
        }
    )
    held = held[~held.index.duplicated(keep="last")]
    midnights = pd.DatetimeIndex(held.index)
    held = held[midnights == midnights.floor("D")]
    held.index = pd.DatetimeIndex(held.index) - DAY
    return held


def candles(rows: list[Any]) -> pd.DataFrame:
    """Lay candles out by their start; screening names what is not a number."""
    bars = pd.DataFrame(
        [[int(row[0]), *(scalar(row[place]) if len(row) > place else None for place in range(1, 6))]
         for row in rows],
        columns=["at", *BAR],
    )  # fmt: skip
    bars["at"] = pd.to_datetime(bars["at"].astype("int64"), unit="ms", utc=True).dt.as_unit("us")
    return bars.sort_values("at", kind="stable").drop_duplicates("at", keep="last")


def has_time(row: Any, stamp: str | int) -> bool:
    """Tell whether a row, a list or an object, has its time."""
    form: type[Any] = dict if isinstance(stamp, str) else list
    if not isinstance(row, form):
        return False
    try:
        return 0 < int(row[stamp]) < LATEST
    except (TypeError, ValueError, OverflowError, KeyError, IndexError):
        return False
