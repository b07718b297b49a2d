"""Numbers, dates and desk rows as a reader sees them: one form for page, markdown and terminal.

A null is an en dash that carries the row's reason; it is never a zero and never "nan".
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

NULL = "–"
MINUS = "−"
# Narrow no-break space: a number never parts from its unit at the end of a line.
THIN = "\u202f"

Row = dict[str, Any]

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Control, format, surrogate, private and unassigned characters, and the two line separators.
_UNPRINTED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_GRAVITY = {"error": 0, "warning": 1}
_MEASURES = {
    "return": "return, simple",
    "volume_shares": "volume, shares",
    "volume_dollars": "volume, dollars",
    "correlation_change": "change of correlation",
}


def is_null(value: object) -> bool:
    """Tell whether a scalar is None, NaN, NaT or NA."""
    return bool(pd.isna(value))  # type: ignore[call-overload]


def number(value: float | None, *, decimals: int, signed: bool = False) -> str:
    """Write fixed decimals, a true minus and commas at thousands; `signed` shows the plus too."""
    if value is None or is_null(value):
        return NULL
    digits = f"{abs(value):,.{decimals}f}"
    if not digits.strip("0.,"):
        return digits
    return (MINUS if value < 0 else "+" if signed else "") + digits


def percent(share: float | None, *, decimals: int, signed: bool = False) -> str:
    """Write a decimal share in percent: −0.1316 is "−13.16 %"."""
    if share is None or is_null(share):
        return NULL
    return number(100 * share, decimals=decimals, signed=signed) + THIN + "%"


def magnitude(value: float | None, *, currency: str = "") -> str:
    """Write a large amount in k, M or bn: 284.4 M, $10.27 bn."""
    if value is None or is_null(value):
        return NULL
    sign = MINUS if value < 0 else ""
    for unit, suffix, decimals in ((1, "", 0), (1e3, "k", 1), (1e6, "M", 1)):
        scaled = abs(value) / unit
        if round(scaled, decimals) < 1000:
            text = number(scaled, decimals=decimals) + (THIN + suffix if suffix else "")
            return sign + currency + text
    return sign + currency + number(abs(value) / 1e9, decimals=2) + THIN + "bn"


def multiple(value: float | None) -> str:
    """Write a ratio: 1.69×."""
    text = number(value, decimals=2)
    return text if text == NULL else text + "×"


def interval(lower: float | None, upper: float | None, *, decimals: int) -> str:
    """Write both ends, "0.06 to 0.77"; with one end unknown the interval is unknown."""
    ends = [number(end, decimals=decimals) for end in (lower, upper)]
    return NULL if NULL in ends else f"{ends[0]} to {ends[1]}"


def session(day: date | None) -> str:
    """Write the ISO date of a session; takes dates and timestamps."""
    return NULL if day is None or is_null(day) else pd.Timestamp(day).date().isoformat()


def long_session(day: date) -> str:
    """Write weekday and date in words, whatever the machine's locale."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def instant(moment: pd.Timestamp, *, zone: str, label: str) -> str:
    """Write date and minute in `zone`, followed by its label.

    Raises
    ------
    ValueError
        The timestamp has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"an instant must carry its time zone, got {moment}; localise it to UTC")
    return f"{moment.tz_convert(zone):%Y-%m-%d %H:%M} {label}"


def both_clocks(moment: pd.Timestamp) -> tuple[str, str]:
    """Write the same instant in New York and in UTC."""
    return (
        instant(moment, zone="America/New_York", label="New York"),
        instant(moment, zone="UTC", label="UTC"),
    )


def is_simulated(source: str) -> bool:
    """Tell whether a source label says that the data are made up."""
    return source.startswith("simulated")


def is_printed(text: str) -> bool:
    """Tell whether text is free of control, direction and line-break characters."""
    # `isprintable` is quick, and strict about spaces that are not ASCII.
    return text.isprintable() or not any(unicodedata.category(sign) in _UNPRINTED for sign in text)


def plain(text: object) -> str:
    """Put text on one line, without control or direction characters; a null is the en dash."""
    if is_null(text):
        return NULL
    kept = (
        " " if unicodedata.category(character) in _UNPRINTED else character
        for character in str(text)
    )
    return re.sub(" {2,}", " ", "".join(kept)).strip(" ")


def records(rows: pd.DataFrame) -> list[Row]:
    """Turn rows into plain dictionaries and every null into None."""
    return [
        {
            str(name): None if pd.api.types.is_scalar(value) and is_null(value) else value
            for name, value in row.items()
        }
        for row in rows.to_dict("records")
    ]


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column; numbers stand to the right, prose may break its lines."""

    text: str
    numeric: bool = False
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One formatted row, named by its first cell.

    `reason` says why values are null ("" where none is), `strong` marks a record or an error.
    """

    cells: tuple[str, ...]
    reason: str
    strong: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A formatted table."""

    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]


def correlation_grid(rows: pd.DataFrame) -> Grid:
    """Format equal-weight correlations of the shortest window, highest first, nulls last."""
    window = short_window(rows)
    chosen = [
        row for row in records(rows) if row["method"] == "pearson" and row["window"] == window
    ]
    chosen.sort(key=lambda row: (row["value"] is None, -(row["value"] or 0.0), row["asset"]))
    title = "Correlation" if window is None else f"{window} sessions"
    return grid_of(
        chosen,
        {
            Heading("Pair"): lambda row: f"{plain(row['base'])}~{plain(row['asset'])}",
            Heading(title, numeric=True): lambda row: number(row["value"], decimals=2),
            Heading("Interval", numeric=True): lambda row: interval(
                row["lower"], row["upper"], decimals=2
            ),
            Heading("n", numeric=True): lambda row: number(row["n"], decimals=0),
            Heading("Change", numeric=True): lambda row: number(
                row["change"], decimals=2, signed=True
            ),
            Heading("Percentile", numeric=True): lambda row: percent(row["percentile"], decimals=1),
            Heading("Robust interval", numeric=True): lambda row: interval(
                row["robust_lower"], row["robust_upper"], decimals=2
            ),
        },
    )


def short_window(rows: pd.DataFrame) -> int | None:
    """Find the shortest equal-weight window among correlation rows; None without rows."""
    if rows.empty:
        return None
    windows = rows.loc[rows["method"] == "pearson", "window"]
    return None if windows.empty else int(windows.min())


def shock_grid(rows: pd.DataFrame) -> Grid:
    """Format shocks by |z|, largest first, nulls last; records are strong."""
    ordered = sorted(records(rows), key=lambda row: (row["asset"], row["measure"], row["window"]))
    ordered.sort(key=lambda row: (row["z"] is None, -abs(row["z"] or 0.0)))
    return grid_of(
        ordered,
        {
            Heading("Series"): lambda row: plain(row["asset"]),
            Heading("Measure"): lambda row: _MEASURES.get(row["measure"], plain(row["measure"])),
            Heading("Value", numeric=True): _shock_value,
            Heading("z", numeric=True): lambda row: number(row["z"], decimals=2),
            Heading("n", numeric=True): _baseline,
            Heading("In its history"): _rank,
        },
        strong=lambda row: bool(row["is_record"]),
    )


def _shock_value(row: Row) -> str:
    match row["measure"]:
        case "return":
            return percent(row["simple_return"], decimals=2, signed=True)
        case "volume_shares":
            return magnitude(row["value"])
        case "volume_dollars":
            return magnitude(row["value"], currency="$")
        case _:
            return number(row["value"], decimals=2, signed=True)


def _baseline(row: Row) -> str:
    used = number(row["n"], decimals=0)
    return used if row["n"] == row["window"] else f"{used} of {number(row['window'], decimals=0)}"


def _rank(row: Row) -> str:
    """Where the value stands among earlier ones: a record's multiple, or the last lower return."""
    if row["value"] is None:
        return NULL
    if row["record_multiple"] is not None:
        against = "record, {} that of {}" if row["is_record"] else "{} the record of {}"
        return against.format(multiple(row["record_multiple"]), session(row["previous_record_on"]))
    if row["measure"] != "return" or row["value"] >= 0:
        return ""
    if row["worst_since"] is not None:
        return f"lowest since {session(row['worst_since'])}"
    return "lowest on file" if row["reason"] is None else NULL


def quality_grid(rows: pd.DataFrame) -> Grid:
    """Format what was wrong with the data, the gravest first; errors are strong."""
    return grid_of(
        by_severity(rows),
        {
            Heading("Severity"): lambda row: plain(row["severity"]),
            Heading("Where"): lambda row: f"{plain(row['table'])}: {plain(row['entity'])}",
            Heading("What", prose=True): lambda row: plain(row["rule"]),
            Heading("Rows", numeric=True): lambda row: number(row["count"], decimals=0),
            Heading("First of them", prose=True): lambda row: plain(row["example"]),
            Heading("Remedy", prose=True): lambda row: plain(row["remedy"]),
        },
        strong=lambda row: row["severity"] == "error",
    )


def by_severity(rows: pd.DataFrame) -> list[Row]:
    """Order quality rows: errors, warnings, then the rest; inside each by table and entity."""
    ordered = sorted(records(rows), key=lambda row: (row["table"], row["entity"], row["rule"]))
    ordered.sort(key=lambda row: _GRAVITY.get(row["severity"], len(_GRAVITY)))
    return ordered


def grid_of(
    rows: list[Row],
    columns: Mapping[Heading, Callable[[Row], str]],
    *,
    strong: Callable[[Row], bool] = lambda row: False,
) -> Grid:
    """Format each row, column by column; the row's reason goes with it."""
    return Grid(
        tuple(columns),
        tuple(
            Line(
                tuple(text_of(row) for text_of in columns.values()),
                reason=plain(row["reason"]) if row.get("reason") else "",
                strong=strong(row),
            )
            for row in rows
        ),
    )
