"""The screening of rows against the input contract (`unwind.contract.inputs`).

A row that breaks a rule is quarantined with file, row, rule, value and remedy; no row is dropped
without a record. Pandera checks columns; this module checks rows.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pandera.pandas as pa

from unwind.contract.inputs import MAX_CELL, InputTable
from unwind.contract.quantities import MISSING, MISSING_REMEDY
from unwind.contract.source import Extract, Fault, SourceError
from unwind.contract.text import plain

EARLIEST = pd.Timestamp("1970-01-01")
# No digit can be matched in two ways: the time is linear in the length.
NUMBER = r"\s*[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|Infinity)\s*"
# With more faults a table is not market data, and a record of each would fill the memory.
MAX_FAULTS = 1_000_000
VALIDATED_ROWS = 100_000

REJECTED_COLUMNS = (
    "table", "entity", "rule", "severity", "origin", "row", "column", "value", "remedy",
    "session", "known_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Screened rows of one table, and what was quarantined.

    Attributes
    ----------
    table : str
    rows : DataFrame
        Declared columns, and known_at (UTC; NaT: to be set by the lag rule).
    rejected : DataFrame
        One row per fault, columns `REJECTED_COLUMNS`; `row` counts data rows from 1.
    doubts : tuple of Fault
        Disagreements of providers, with the value used.
    fills : Series of bool, or None
        Rows of a fallback for the provider that promises them.
    agreed : DataFrame, or None
        Moves that two providers report alike: rows of confirmations without their known_at.
    """

    table: str
    rows: pd.DataFrame
    rejected: pd.DataFrame
    doubts: tuple[Fault, ...] = ()
    fills: pd.Series | None = None
    agreed: pd.DataFrame | None = None


def screen(
    extract: Extract,
    table: InputTable,
    *,
    received_at: pd.Timestamp,
    closed_days: pd.DatetimeIndex,
    everyday_symbols: frozenset[str],
) -> Observations:
    """Separate the rows of an extract that meet the contract from those that break it.

    Parameters
    ----------
    extract : Extract
        Raw rows.
    table : InputTable
        The contract.
    received_at : Timestamp, UTC
        When the rows arrived: nothing can describe or be known after it.
    closed_days : DatetimeIndex
        Weekdays and weekends on which the exchange did not trade.
    everyday_symbols : frozenset of str
        Symbols that may have prices on closed days.

    Returns
    -------
    Observations

    Raises
    ------
    SourceError
        The rows have more faults than can be recorded one by one.
    """
    raw = extract.rows.reset_index(drop=True).apply(_legible)
    ledger = _Ledger(extract.origin, table)
    missing = [
        name for name in table.columns if name not in raw.columns and name not in table.optional
    ]
    if missing:
        ledger.whole_file(
            "missing_column", ", ".join(missing), f"add the columns; the table has {table.columns}"
        )
        empty = pd.DataFrame({name: [] for name in (*table.columns, "known_at")})
        return Observations(table.name, empty, ledger.frame())
    for name in raw.columns.difference([*table.columns, "known_at"], sort=True):
        ledger.whole_file(
            "unknown_column",
            plain(str(name)[: 2 * MAX_CELL])[:MAX_CELL],
            "remove it or rename it; it was ignored",
            severity="warning",
        )

    rows = pd.DataFrame(index=raw.index)
    bad = pd.Series(False, index=raw.index)
    readable, long = _within_cells(raw, table)
    for name in (table.event, *table.dates):
        rows[name], faults = (
            _instants(readable[name])
            if table.instant and name == table.event
            else _dates(readable[name])
        )
        # Unlike known_at, none of these may be missing.
        faults = (faults | rows[name].isna()) & ~long.get(name, faults & False)
        rule = "missing_time_zone" if table.instant and name == table.event else "not_a_date"
        bad |= ledger.add(raw, rows, faults, name, rule, "write ISO 8601, e.g. 2026-02-05")
    for name, faults in long.items():
        bad |= ledger.add(raw, rows, faults, name, "text_too_long", "correct it")
    for name in table.texts:
        rows[name] = raw[name].astype("str").where(raw[name].notna(), "")
    for name in table.numbers:
        cells = readable[name] if name in raw.columns else pd.Series(float("nan"), index=raw.index)
        rows[name] = _numbers(cells)
        faults = rows[name].isna() & cells.notna()
        bad |= ledger.add(
            raw, rows, faults, name, "not_a_number", "use a decimal point, no separators"
        )
        codes = table.numbers[name].is_code(rows[name])
        ledger.add(raw, rows, codes, name, MISSING, MISSING_REMEDY, "warning")
        rows[name] = rows[name].mask(codes)
    rows["known_at"], faults = (
        _instants(readable["known_at"])
        if "known_at" in raw.columns
        else (pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us, UTC]"), bad & False)
    )
    bad |= ledger.add(
        raw, rows, faults, "known_at", "missing_time_zone", "write e.g. 2026-02-05T21:15:00Z"
    )

    event = rows[table.event] if table.instant else rows[table.event].dt.tz_localize("UTC")
    outside = (event < EARLIEST.tz_localize("UTC")) | (event > received_at)
    bad |= ledger.add(raw, rows, outside, table.event, "impossible_date", "correct the date")
    early = rows["known_at"].notna() & (rows["known_at"] < event)
    bad |= ledger.add(
        raw, rows, early, "known_at", "known_before_event", "correct known_at or leave it out"
    )
    future = rows["known_at"].notna() & (rows["known_at"] > received_at)
    bad |= ledger.add(raw, rows, future, "known_at", "known_at_in_future", "correct known_at")
    if table.name == "prices":
        shut = rows["session"].isin(closed_days) & ~rows["symbol"].isin(everyday_symbols)
        bad |= ledger.add(
            raw,
            rows,
            shut,
            "session",
            "exchange_closed",
            "the exchange was closed: correct the date, or list the symbol under [clock]",
        )
    bad |= _check_values(table, raw, rows, ledger)
    if {"high", "low"} <= set(rows.columns):
        inverted = rows["high"] < rows["low"]
        bad |= ledger.add(raw, rows, inverted, "high", "high_below_low", "correct the bar")
        _blank_impossible_ranges(raw, rows, ledger, bad)
    values = list(table.numbers)
    blank: pd.Series = rows[values].isna().all(axis=1) & ~bad
    ledger.add(
        raw, rows, blank, values[0], "empty_row", "nothing to do: it counts as missing", "info"
    )
    bad |= blank

    key = [*table.key, "known_at"]
    accepted = rows[~bad]
    duplicate = accepted.duplicated(key, keep=False)
    identical = accepted.duplicated(keep=False) & duplicate
    repeats = accepted.duplicated(keep="first") & identical
    conflicts = duplicate & ~identical
    everywhere = pd.Series(False, index=raw.index)
    ledger.add(
        raw, rows, everywhere | repeats.reindex(raw.index, fill_value=False), table.key[-1],
        "duplicate_row", "remove the repeated row; the first is used", "info",
    )  # fmt: skip
    ledger.add(
        raw, rows, everywhere | conflicts.reindex(raw.index, fill_value=False), table.key[-1],
        "duplicate_key", "keep one row per key, or give each its known_at",
    )  # fmt: skip
    return Observations(table.name, accepted[~(repeats | conflicts)].copy(), ledger.frame())


def _legible(values: pd.Series) -> pd.Series:
    """Decode bytes, which Parquet may hold instead of text; invalid UTF-8 becomes escapes."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("object")
    if values.dtype != "object":
        return values
    # Only the beginning of a long cell: a character is four bytes at most.
    return values.map(
        lambda cell: (
            cell[: 4 * (MAX_CELL + 1)].decode("utf-8", "backslashreplace")
            if isinstance(cell, bytes)
            else cell
        )
    )


def _within_cells(
    raw: pd.DataFrame, table: InputTable
) -> tuple[pd.DataFrame, dict[str, pd.Series]]:
    """Mask dates and numbers with too many characters, so that no parser reads them.

    Texts have a rule of their own.
    """
    readable, long = raw.copy(), {}
    for name in (table.event, *table.dates, *table.numbers, "known_at"):
        if name not in raw.columns or raw[name].dtype.kind not in "OSU":
            continue
        if isinstance(raw[name].dtype, pd.StringDtype):
            faults = (raw[name].str.len().fillna(0) > MAX_CELL).astype(bool)
        else:
            faults = raw[name].map(lambda cell: isinstance(cell, str) and len(cell) > MAX_CELL)
            faults = faults.astype(bool)
        if faults.any():
            readable[name], long[name] = raw[name].mask(faults), faults
    return readable, long


def _dates(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    parsed = pd.to_datetime(_written(values), errors="coerce", format="ISO8601", utc=True)
    dates = parsed.dt.tz_localize(None).dt.as_unit("us")
    return dates.dt.normalize(), dates.isna() | (dates != dates.dt.normalize())


def _written(values: pd.Series) -> pd.Series:
    """Dates and times, or their text; a number or a duration is not a date."""
    if pd.api.types.is_numeric_dtype(values) or values.dtype.kind == "m":
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    if values.dtype != "object":
        return values
    return values.map(lambda cell: cell if isinstance(cell, str | date | np.datetime64) else None)


def _numbers(values: pd.Series) -> pd.Series:
    """Parse plain decimal numbers; NaN otherwise.

    Python would also read "36_1", "３６", a boolean as 1 and a date as nanoseconds since 1970:
    figures that are not in the file.
    """
    ordinary = not (pd.api.types.is_bool_dtype(values) or pd.api.types.is_complex_dtype(values))
    if pd.api.types.is_numeric_dtype(values) and ordinary:
        return pd.to_numeric(values, errors="coerce").astype("float64")
    written = values.astype("object").map(
        lambda value: value if isinstance(value, str | Decimal | int | float) else None
    )
    text = written.map(lambda value: None if isinstance(value, bool) else value).astype("str")
    return pd.to_numeric(text.where(text.str.fullmatch(NUMBER)), errors="coerce").astype("float64")


def _instants(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Parse instants; a time without a zone is a fault, never taken for UTC."""
    parsed = pd.to_datetime(_written(values), errors="coerce", format="ISO8601", utc=True)
    parsed = parsed.dt.as_unit("us")
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        naive = pd.Series(False, index=values.index)
    else:
        zoned = values.astype("str").str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True)
        naive = values.notna() & ~zoned
    faults = naive | (parsed.isna() & values.notna())
    return parsed.where(~faults), faults


def _check_values(
    table: InputTable, raw: pd.DataFrame, rows: pd.DataFrame, ledger: "_Ledger"
) -> pd.Series:
    bad = pd.Series(False, index=raw.index)
    checks = table.checks()
    faulty: dict[tuple[str, str], list[pd.Series]] = {}
    failures = 0
    # In parts: pandera builds every failure before any can be counted.
    for start in range(0, len(rows), VALIDATED_ROWS):
        try:
            checks.validate(rows.iloc[start : start + VALIDATED_ROWS], lazy=True)
        except pa.errors.SchemaErrors as error:
            for (column, check), group in error.failure_cases.groupby(["column", "check"]):
                positions = group["index"].dropna().astype("int64")
                faulty.setdefault((str(column), str(check)), []).append(positions)
            failures += len(error.failure_cases)
            ledger.refuse_beyond(failures)
    for (column, check), parts in sorted(faulty.items()):
        rule, _, remedy = check.partition("|")
        faults = pd.Series(raw.index.isin(pd.concat(parts)), index=raw.index)
        bad |= ledger.add(raw, rows, faults, column, rule, remedy or "fill it in")
    return bad


def _blank_impossible_ranges(
    raw: pd.DataFrame, rows: pd.DataFrame, ledger: "_Ledger", bad: pd.Series
) -> None:
    """Set open, high and low of a bar to null if open or close is outside the range.

    Some vendors sample the close after the range was frozen. The close agrees with other
    vendors, the range does not: so the range is set to null, with a fault.
    """
    last = rows["close"] if "close" in rows.columns else rows["settle"]
    slack = 1e-6 * last.abs()
    outside = (last > rows["high"] + slack) | (last < rows["low"] - slack)
    outside |= (rows["open"] > rows["high"] + slack) | (rows["open"] < rows["low"] - slack)
    outside &= ~bad
    ledger.add(
        raw, rows, outside, "close", "open_or_close_outside_range",
        "open, high and low are set to missing, the close is used: ask the vendor", "warning",
    )  # fmt: skip
    rows.loc[outside, ["open", "high", "low"]] = float("nan")


class _Ledger:
    """Faults of one extract during screening."""

    def __init__(self, origin: str, table: InputTable) -> None:
        self.origin = origin
        self.table = table
        self.parts: list[pd.DataFrame] = []

    def refuse_beyond(self, more: int) -> None:
        """Refuse a table with more faults than can be recorded one by one."""
        if sum(len(part) for part in self.parts) + more > MAX_FAULTS:
            raise SourceError(
                f"{self.origin} breaks rules more than {MAX_FAULTS:,} times, which is not market "
                "data; check what wrote it"
            )

    def whole_file(self, rule: str, value: str, remedy: str, *, severity: str = "error") -> None:
        """Add a fault of the file itself; `row` is 0."""
        self.parts.append(
            pd.DataFrame(
                {
                    "entity": [self.origin],
                    "rule": [rule],
                    "severity": [severity],
                    "row": [0],
                    "column": [value],
                    "value": [value],
                    "remedy": [remedy],
                    "session": pd.Series([pd.NaT], dtype="datetime64[us]"),
                    "known_at": pd.Series([pd.NaT], dtype="datetime64[us, UTC]"),
                }
            )
        )

    def add(
        self,
        raw: pd.DataFrame,
        rows: pd.DataFrame,
        faults: pd.Series,
        column: str,
        rule: str,
        remedy: str,
        severity: str = "error",
    ) -> pd.Series:
        """Add a fault per faulty row; return the mask."""
        if not faults.any():
            return faults
        self.refuse_beyond(int(faults.sum()))
        entity = (
            pd.Series(self.table.name, raw.index[faults])
            if self.table.entity == self.table.event
            else raw[self.table.entity][faults].astype("str").str.slice(0, MAX_CELL)
        )
        event = rows[self.table.event][faults]
        if self.table.instant:
            event = event.dt.tz_localize(None)
        cells = raw[column][faults] if column in raw.columns else pd.Series("", raw.index[faults])
        self.parts.append(
            pd.DataFrame(
                {
                    "entity": entity,
                    "rule": f"{column}: {rule}",
                    "severity": severity,
                    "row": raw.index[faults] + 1,
                    "column": column,
                    "value": cells.astype("str").str.slice(0, MAX_CELL),
                    "remedy": remedy,
                    "session": event.dt.normalize(),
                    "known_at": rows["known_at"][faults]
                    if "known_at" in rows
                    else pd.Series(pd.NaT, raw.index[faults], dtype="datetime64[us, UTC]"),
                }
            )
        )
        return faults

    def frame(self) -> pd.DataFrame:
        if not self.parts:
            return pd.DataFrame({name: [] for name in REJECTED_COLUMNS})
        faults = pd.concat(self.parts, ignore_index=True)
        faults["table"] = self.table.name
        faults["origin"] = self.origin
        return faults[list(REJECTED_COLUMNS)]
