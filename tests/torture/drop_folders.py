"""A corpus of malformed drop folders, each with a name and what must become of it.

REFUSED: the whole source is refused with one sentence. SET_ASIDE: rows or the file are named with
file, row, rule and remedy, and the good rows count. TAKEN: odd but readable, every row counts.
"""

import gzip
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.conftest import small_prices

REFUSED, SET_ASIDE, TAKEN = "refused", "set aside", "taken"
SYMBOLS = ("IBIT", "GLD")
FIRST, LAST = date(2025, 12, 1), date(2026, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One folder.

    Attributes
    ----------
    name : str
    make : callable
        Fills the folder.
    outcome : str
    told : str
        What the sentence, or a rule of the rejected rows, must hold.
    kept : int or None
        Price rows that must be stored; None where the case is about something else.
    """

    name: str
    make: Callable[[Path], None]
    outcome: str
    told: str
    kept: int | None


def prices() -> pd.DataFrame:
    """Good rows to spoil."""
    return small_prices(SYMBOLS, first=FIRST, last=LAST).assign(
        session=lambda rows: rows["session"].dt.strftime("%Y-%m-%d")
    )


ROWS = len(prices())
CASES: list[Case] = []
# Seconds each: run under --torture alone.
LARGE = frozenset(
    {
        "a million rows of one key",
        "a hundred thousand symbols",
        "Parquet that unpacks to billions of rows",
    }
)


def _add(name: str, outcome: str, told: str = "", kept: int | None = None):
    def register(make: Callable[[Path], None]) -> Callable[[Path], None]:
        CASES.append(Case(name=name, make=make, outcome=outcome, told=told, kept=kept))
        return make

    return register


def _csv(folder: Path, rows: pd.DataFrame, **options: object) -> None:
    rows.to_csv(folder / "prices.csv", index=False, **options)


def _text(folder: Path, content: str | bytes, name: str = "prices.csv") -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(raw)


def _plain() -> str:
    held = StringIO()
    prices().to_csv(held, index=False)
    return held.getvalue()


def _spoilt(column: str, value: object, row: int = 5) -> Callable[[Path], None]:
    """One cell changed, as text in a CSV."""

    def make(folder: Path) -> None:
        rows = prices().astype("object")
        rows.loc[row, column] = value
        _csv(folder, rows)

    return make


# --- the folder and its files -------------------------------------------------------------------


@_add("empty folder", REFUSED, "holds no prices")
def _(folder: Path) -> None:
    pass


@_add("prices under another name", REFUSED, "holds no prices")
def _(folder: Path) -> None:
    _text(folder, _plain(), "price.csv")


@_add("prices in two formats", REFUSED, "keep one of them")
def _(folder: Path) -> None:
    _csv(folder, prices())
    prices().to_parquet(folder / "prices.parquet", index=False)


@_add("a folder named prices.csv", REFUSED, "is not a file")
def _(folder: Path) -> None:
    (folder / "prices.csv").mkdir()


@_add("a pipe that never ends", REFUSED, "is not a file")
def _(folder: Path) -> None:
    os.mkfifo(folder / "prices.csv")


@_add("a link to an endless device", REFUSED, "is not a file")
def _(folder: Path) -> None:
    (folder / "prices.csv").symlink_to("/dev/zero")


@_add("a link that points nowhere", REFUSED, "is not a file")
def _(folder: Path) -> None:
    (folder / "prices.csv").symlink_to(folder / "gone.csv")


@_add("a misspelt table beside prices", SET_ASIDE, "unknown_file", ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices())
    _text(folder, "session,fund,vendor,net_flow_usd_m\n", "etf_flow.csv")


@_add("no byte", REFUSED, "holds no usable row")
def _(folder: Path) -> None:
    _text(folder, b"")


@_add("a header and no row", REFUSED, "holds no usable row")
def _(folder: Path) -> None:
    _text(folder, _plain().splitlines()[0] + "\n")


@_add("blank lines alone", REFUSED, "holds no usable row")
def _(folder: Path) -> None:
    _text(folder, "\n\n\n")


@_add("one row", TAKEN, kept=1)
def _(folder: Path) -> None:
    _csv(folder, prices().head(1))


# --- bytes and encodings ------------------------------------------------------------------------


@_add("a byte-order mark", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    _text(folder, b"\xef\xbb\xbf" + _plain().encode())


@_add("UTF-16", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    _text(folder, _plain().encode("utf-16"))


@_add("Latin-1 with an accent", REFUSED, "write it again as Parquet or UTF-8 CSV")
def _(folder: Path) -> None:
    _text(folder, _plain().replace("GLD", "GLÉ").encode("latin-1"))


@_add("NUL bytes inside", REFUSED, "NUL")
def _(folder: Path) -> None:
    _text(folder, _plain().replace("GLD", "G\x00D", 1))


@_add("carriage returns", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    _text(folder, _plain().replace("\n", "\r\n"))


@_add("a quote never closed", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    _text(folder, _plain().replace("GLD", '"GLD', 1))


@_add("rows with too many fields", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    lines = _plain().splitlines()
    lines[7] += ",1,2,3"
    _text(folder, "\n".join(lines))


@_add("a row cut short", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    text = _plain().rstrip("\n")
    _text(folder, text[: text.rindex(",")])


@_add("gzip under the name of CSV", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    _text(folder, gzip.compress(_plain().encode()))


@_add("a zip archive under the name of CSV", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    with zipfile.ZipFile(folder / "prices.csv", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prices.csv", "0" * 10_000_000)


@_add("semicolons and decimal commas", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    _csv(folder, prices(), sep=";", decimal=",")


@_add("tabs", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    _csv(folder, prices(), sep="\t")


# --- Parquet ------------------------------------------------------------------------------------


@_add("CSV under the name of Parquet", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    _text(folder, _plain(), "prices.parquet")


@_add("Parquet under the name of CSV", REFUSED, "`unwind import prices")
def _(folder: Path) -> None:
    prices().to_parquet(folder / "written.parquet", index=False)
    (folder / "written.parquet").rename(folder / "prices.csv")


@_add("Parquet cut in half", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    prices().to_parquet(folder / "prices.parquet", index=False)
    whole = (folder / "prices.parquet").read_bytes()
    (folder / "prices.parquet").write_bytes(whole[: len(whole) // 2])


@_add("Parquet with a flipped footer", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    prices().to_parquet(folder / "prices.parquet", index=False)
    whole = bytearray((folder / "prices.parquet").read_bytes())
    for place in range(len(whole) - 400, len(whole) - 350):
        whole[place] ^= 0xFF
    (folder / "prices.parquet").write_bytes(bytes(whole))


@_add("Parquet that unpacks to billions of rows", REFUSED, "rows")
def _(folder: Path) -> None:
    count = 3_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int8")), ["2026-02-05"])
    name = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int8")), ["IBIT"])
    close = pa.array(np.full(count, 36.1))
    table = pa.table({"session": column, "symbol": name, "close": close})
    with pq.ParquetWriter(folder / "prices.parquet", table.schema) as writer:
        for _ in range(10):
            writer.write_table(table)


@_add("nested Parquet columns", REFUSED, "not of plain values")
def _(folder: Path) -> None:
    rows = prices()
    rows["close"] = [[value, value] for value in rows["close"]]
    rows.to_parquet(folder / "prices.parquet", index=False)


@_add("truth values for prices", REFUSED, "close: not_a_number")
def _(folder: Path) -> None:
    prices().assign(close=True).to_parquet(folder / "prices.parquet", index=False)


@_add("dates for prices", REFUSED, "close: not_a_number")
def _(folder: Path) -> None:
    prices().assign(close=pd.Timestamp("2026-02-05")).to_parquet(
        folder / "prices.parquet", index=False
    )


@_add("durations for volumes", REFUSED, "volume: not_a_number")
def _(folder: Path) -> None:
    prices().assign(volume=pd.Timedelta("1D")).to_parquet(folder / "prices.parquet", index=False)


@_add("exact decimals", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    rows = prices()
    for name in ("open", "high", "low", "close", "adj_close"):
        rows[name] = [Decimal(f"{value:.8f}") for value in rows[name]]
    rows.to_parquet(folder / "prices.parquet", index=False)


@_add("bytes that are no text for symbols", SET_ASIDE, "symbol: invalid_name", ROWS - 1)
def _(folder: Path) -> None:
    rows = prices()
    symbols = [symbol.encode() for symbol in rows["symbol"]]
    symbols[5] = b"\x07\xff"
    rows.assign(symbol=symbols).to_parquet(folder / "prices.parquet", index=False)


@_add("categories for symbols", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    prices().astype({"symbol": "category"}).to_parquet(folder / "prices.parquet", index=False)


@_add("the session in the index", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    prices().set_index("session").to_parquet(folder / "prices.parquet")


@_add("nanoseconds since 1970 for dates", REFUSED, "session: ")
def _(folder: Path) -> None:
    rows = prices()
    rows["session"] = pd.to_datetime(rows["session"]).astype("int64")
    rows.to_parquet(folder / "prices.parquet", index=False)


# --- headers ------------------------------------------------------------------------------------


@_add("no closing price", REFUSED, "missing_column")
def _(folder: Path) -> None:
    _csv(folder, prices().drop(columns="close"))


@_add("headers in capitals", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().rename(columns=str.upper))


@_add("headers with blanks", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().rename(columns=lambda name: f" {name} "))


@_add("one header twice", REFUSED, "twice")
def _(folder: Path) -> None:
    lines = _plain().splitlines()
    lines[0] = lines[0].replace("adj_close", "close")
    _text(folder, "\n".join(lines))


@_add("a header too many", SET_ASIDE, "unknown_column", ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().assign(comment="bought"))


@_add("a formula for a header", SET_ASIDE, "unknown_column", ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().assign(**{"=HYPERLINK(0)": 1}))


@_add("a line break in a header", SET_ASIDE, "unknown_column", ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().assign(**{"x\nSet-Cookie: a": 1}))


@_add("no header", REFUSED, "prices.csv")
def _(folder: Path) -> None:
    _text(folder, "\n".join(_plain().splitlines()[1:]))


# --- numbers ------------------------------------------------------------------------------------

for _name, _value, _rule in (
    ("a decimal comma", "36,10", "close: not_a_number"),
    ("separators of thousands", "1,036.10", "close: not_a_number"),
    ("a currency sign", "$36.10", "close: not_a_number"),
    ("a percent sign", "36.1%", "close: not_a_number"),
    ("an error of a spreadsheet", "#REF!", "close: not_a_number"),
    ("a formula for a price", "=1+1", "close: not_a_number"),
    ("a sum for a price", "36+1", "close: not_a_number"),
    ("a hexadecimal price", "0x24", "close: not_a_number"),
    ("an underscored price", "36_1", "close: not_a_number"),
    ("full-width digits", "３６", "close: not_a_number"),
    ("a truth value for a price", "True", "close: not_a_number"),
    ("a price without end", "inf", "close: not_finite"),
    ("a price beyond floating point", "1e400", "close: not_finite"),
    ("a negative price", -36.1, "close: not_positive"),
    ("a price below any tick", 1e-300, "close: "),
    ("a price beyond any market", 1e18, "close: "),
):
    CASES.append(
        Case(
            name=_name, make=_spoilt("close", _value), outcome=SET_ASIDE, told=_rule,
            kept=ROWS - 1,
        )
    )  # fmt: skip


@_add("a price left out", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    rows = prices()
    rows.loc[5, "close"] = np.nan
    _csv(folder, rows)


@_add("a row without any figure", SET_ASIDE, "empty_row", ROWS - 1)
def _(folder: Path) -> None:
    rows = prices()
    rows.loc[5, ["open", "high", "low", "close", "adj_close", "volume"]] = np.nan
    _csv(folder, rows)


@_add("more volume than there are shares", SET_ASIDE, "volume: outside_bounds", ROWS - 1)
def _(folder: Path) -> None:
    rows = prices()
    rows.loc[5, "volume"] = 1e300
    _csv(folder, rows)


@_add("negative volume", SET_ASIDE, "volume: negative", ROWS - 1)
def _(folder: Path) -> None:
    _spoilt("volume", -5)(folder)


@_add("a price of zero", SET_ASIDE, "close: missing_value_code", ROWS)
def _(folder: Path) -> None:
    _spoilt("close", 0)(folder)


@_add("a code for a missing price", SET_ASIDE, "close: missing_value_code", ROWS)
def _(folder: Path) -> None:
    _spoilt("close", -99.99)(folder)


@_add("high below low", SET_ASIDE, "high: high_below_low", ROWS - 1)
def _(folder: Path) -> None:
    _spoilt("high", 1.0)(folder)


@_add("close outside its own bar", SET_ASIDE, "open_or_close_outside_range", ROWS)
def _(folder: Path) -> None:
    rows = prices()
    rows.loc[5, "close"] = rows.loc[5, "high"] * 1.001
    _csv(folder, rows)


# --- rows ---------------------------------------------------------------------------------------


@_add("rows in no order", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    _csv(folder, prices().sample(frac=1, random_state=1))


@_add("each row twice", SET_ASIDE, "duplicate_row", ROWS)
def _(folder: Path) -> None:
    _csv(folder, pd.concat([prices(), prices()]))


@_add("two prices for one session", SET_ASIDE, "duplicate_key", ROWS - 1)
def _(folder: Path) -> None:
    extra = prices().iloc[[5]].assign(close=99.0, low=90.0, high=110.0, open=99.0)
    _csv(folder, pd.concat([prices(), extra]))


# A run names it, from the whole store: tests/unwind/market/test_plausibility.py.
@_add("a split that nobody adjusted", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    rows = prices()
    late = (rows["symbol"] == "GLD") & (rows["session"] >= "2026-01-15")
    rows.loc[late, ["open", "high", "low", "close", "adj_close"]] /= 10
    rows.loc[late, "volume"] *= 10
    _csv(folder, rows)


@_add("a new ticker half-way", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    rows = prices()
    rows.loc[(rows["symbol"] == "GLD") & (rows["session"] >= "2026-01-15"), "symbol"] = "GLDX"
    _csv(folder, rows)


# A run names it, from the whole store: tests/unwind/market/test_restated_prices.py.
@_add("one price for ten sessions", TAKEN, kept=ROWS)
def _(folder: Path) -> None:
    rows = prices()
    late = rows.index[rows["symbol"] == "GLD"][-10:]
    bar = ["open", "high", "low", "close", "adj_close", "volume"]
    rows.loc[late, bar] = rows.loc[late[0], bar].to_numpy(dtype=float)
    _csv(folder, rows)


@_add("a million rows of one key", SET_ASIDE, "duplicate_row", 1)
def _(folder: Path) -> None:
    one = prices().head(1)
    one.loc[one.index.repeat(1_000_000)].to_parquet(folder / "prices.parquet", index=False)


@_add("a hundred thousand symbols", TAKEN, kept=100_000)
def _(folder: Path) -> None:
    one = prices().head(1)
    many = one.loc[one.index.repeat(100_000)].reset_index(drop=True)
    many["symbol"] = [f"S{number}" for number in range(100_000)]
    many.to_parquet(folder / "prices.parquet", index=False)


# --- dates --------------------------------------------------------------------------------------

for _name, _value, _rule in (
    ("a day that does not exist", "2026-02-30", "session: not_a_date"),
    ("an American date", "02/05/2026", "session: not_a_date"),
    ("a European date", "05.02.2026", "session: not_a_date"),
    ("a spreadsheet's day number", "46058", "session: "),
    ("a session with a time", "2026-02-05T10:00", "session: not_a_date"),
    ("a day before exchanges", "1669-02-05", "session: impossible_date"),
    ("the year 1", "0001-01-01", "session: "),
    ("the year 9999", "9999-12-31", "session: "),
    ("tomorrow's close", "2027-02-05", "session: impossible_date"),
    ("a Saturday", "2026-02-07", "session: exchange_closed"),
    ("a holiday", "2026-01-19", "session: exchange_closed"),
    ("no date", "", "session: not_a_date"),
    ("a word for a date", "yesterday", "session: not_a_date"),
):
    CASES.append(
        Case(
            name=_name, make=_spoilt("session", _value), outcome=SET_ASIDE, told=_rule,
            kept=ROWS - 1,
        )
    )  # fmt: skip

for _name, _value, _rule in (
    ("known_at without a zone", "2026-02-05 21:15", "known_at: missing_time_zone"),
    ("known_at in the future", "2027-01-01T00:00Z", "known_at: known_at_in_future"),
    ("known before it happened", "2020-01-01T00:00Z", "known_at: known_before_event"),
    ("a word for known_at", "soon", "known_at: missing_time_zone"),
):

    def _known(folder: Path, value: str = _value) -> None:
        rows = prices().assign(known_at="")
        rows.loc[5, "known_at"] = value
        _csv(folder, rows)

    CASES.append(Case(name=_name, make=_known, outcome=SET_ASIDE, told=_rule, kept=ROWS - 1))

# --- names --------------------------------------------------------------------------------------

for _name, _value, _told in (
    ("a formula for a symbol", "=cmd|' /C calc'!A0", "symbol: invalid_name"),
    ("a plus sign before a symbol", "+1+1", "symbol: invalid_name"),
    ("an at sign before a symbol", "@SUM(1)", "symbol: invalid_name"),
    ("a control character in a symbol", "IB\x07IT", "symbol: invalid_name"),
    ("text turned right to left", "IB\u202eTI", "symbol: invalid_name"),
    ("a symbol of a thousand letters", "A" * 1000, "symbol: invalid_name"),
    ("a line break after a symbol", "IBIT\n", "symbol: invalid_name"),
    ("no symbol", "", "symbol: invalid_name"),
):
    CASES.append(
        Case(
            name=_name, make=_spoilt("symbol", _value), outcome=SET_ASIDE, told=_told,
            kept=ROWS - 1,
        )
    )  # fmt: skip

for _name, _value in (
    ("a path for a symbol", "../../../tmp/owned"),
    ("mark-up for a symbol", "<img src=x onerror=alert(1)>"),
    ("SQL for a symbol", "'; DROP TABLE prices; --"),
    ("a template for a symbol", "{{7*7}}${7*7}"),
):
    CASES.append(
        Case(name=_name, make=_spoilt("symbol", _value), outcome=TAKEN, told="", kept=ROWS)
    )

# --- other tables -------------------------------------------------------------------------------


def _beside(table: str, **columns: object) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        _csv(folder, prices())
        pd.DataFrame([columns]).to_csv(folder / f"{table}.csv", index=False)

    return make


_CHAIN = {
    "snapshot_at": "2026-02-04T20:00:00Z", "underlying": "IBIT", "contract": "C1", "expiry":
    "2026-03-20", "strike": 40, "right": "C", "bid": 1, "ask": 1.1, "last": 1, "volume": 5,
    "open_interest": 10, "implied_vol": 0.5, "underlying_price": 41,
}  # fmt: skip
_FLOW = {"session": "2026-02-04", "fund": "IBIT", "vendor": "v", "net_flow_usd_m": -373.4}
for _name, _table, _row, _rule in (
    ("a flow in parentheses", "etf_flows", _FLOW | {"net_flow_usd_m": "(373.4)"}, "number"),
    ("a flow beyond all money", "etf_flows", _FLOW | {"net_flow_usd_m": -1e300}, "outside_bounds"),
    ("a flow without a vendor", "etf_flows", _FLOW | {"vendor": ""}, "vendor: invalid_name"),
    ("a snapshot without a zone", "option_chains",
     _CHAIN | {"snapshot_at": "2026-02-04 15:00"}, "snapshot_at: missing_time_zone"),
    ("a strike of zero", "option_chains", _CHAIN | {"strike": 0}, "strike: not_positive"),
    ("a negative bid", "option_chains", _CHAIN | {"bid": -0.5}, "bid: negative"),
    ("an expiry that does not exist", "option_chains",
     _CHAIN | {"expiry": "2026-02-31"}, "expiry: not_a_date"),
    ("open interest below zero", "open_interest",
     {"session": "2026-02-04", "venue": "CME", "contract_group": "BTC",
      "open_interest_btc": -5}, "open_interest_btc: negative"),
    ("a barrier of zero", "structured_notes",
     {"issued_at": "2025-11-03", "note": "N", "underlying": "IBIT", "observation": "american",
      "maturity": "2027-11-03", "barrier": 0, "notional_usd": 1e6}, "barrier: not_positive"),
    ("a z-score in words", "published_zscores",
     {"session": "2026-02-04", "publisher": "p", "group": "multi_strategy",
      "zscore": "minus three"}, "zscore: not_a_number"),
):  # fmt: skip
    CASES.append(
        Case(
            name=_name, make=_beside(_table, **_row), outcome=SET_ASIDE, told=_rule, kept=ROWS
        )
    )  # fmt: skip


@_add("a table of flows that is no CSV", REFUSED, "cannot be read")
def _(folder: Path) -> None:
    _csv(folder, prices())
    _text(folder, b"\x00\xff\xfe" * 100, "etf_flows.csv")
