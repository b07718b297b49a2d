"""Display format of numbers, dates and desk rows, for page, markdown and terminal.

A null is an en dash that carries the row's reason; it is never a zero and never "nan".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from unwind.contract.text import (
    NULL,
    interval,
    is_null,
    magnitude,
    multiple,
    number,
    percent,
    plain,
    session,
)

Row = dict[str, Any]

_SEVERITY = {"error": 0, "warning": 1}
_MEASURES = {
    "return": "return, simple",
    "volume_shares": "volume, shares",
    "volume_dollars": "volume, dollars",
    "correlation_change": "change of correlation",
}


def records(rows: pd.DataFrame) -> list[Row]:
    """Turn rows into plain dictionaries and every null into None."""
    return [
        {
            str(name): None if pd.api.types.is_scalar(value) and is_null(value) else value
            for name, value in row.items()
        }
        for row in rows.to_dict("records")
    ]


def fault_text(rule: object) -> str:
    """Write the name of a fault in words: "close: open or close outside range"."""
    return plain(rule).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column; numbers are right-aligned, prose may wrap."""

    text: str
    numeric: bool = False
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One formatted row, named by its first cell.

    `reason` explains null values ("" without one), `strong` marks a record or an error.
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
    short = [row for row in records(rows) if row["method"] == "pearson" and row["window"] == window]
    short.sort(key=lambda row: (row["value"] is None, -(row["value"] or 0.0), row["asset"]))
    title = "Correlation" if window is None else f"{window} sessions"
    return grid_of(
        short,
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
    """Rank among earlier values: multiple of the record, or date of the last lower return."""
    if row["value"] is None:
        return NULL
    if row["record_multiple"] is not None:
        against = "record, {} that of {}" if row["is_record"] else "{} the record of {}"
        return against.format(multiple(row["record_multiple"]), session(row["previous_record_on"]))
    if row["measure"] != "return" or row["value"] >= 0:
        return ""
    if row["worst_since"] is not None:
        return f"lowest since {session(row['worst_since'])}"
    return "lowest available" if row["reason"] is None else NULL


def quality_grid(rows: pd.DataFrame) -> Grid:
    """Format data faults, the most severe first; errors are strong."""
    return grid_of(
        by_severity(rows),
        {
            Heading("Severity"): lambda row: plain(row["severity"]),
            Heading("Table and entity"): lambda row: (
                f"{plain(row['table'])}: {plain(row['entity'])}"
            ),
            Heading("Fault", prose=True): lambda row: fault_text(row["rule"]),
            Heading("Rows", numeric=True): lambda row: number(row["count"], decimals=0),
            Heading("Example", prose=True): lambda row: plain(row["example"]),
            Heading("Remedy", prose=True): lambda row: plain(row["remedy"]),
        },
        strong=lambda row: row["severity"] == "error",
    )


def by_severity(rows: pd.DataFrame) -> list[Row]:
    """Order quality rows: errors, warnings, then the others; inside each by table and entity."""
    ordered = sorted(records(rows), key=lambda row: (row["table"], row["entity"], row["rule"]))
    ordered.sort(key=lambda row: _SEVERITY.get(row["severity"], len(_SEVERITY)))
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
