"""Tables of fund flows saved from a vendor's page: one row per day, one column per fund.

Read from CSV, a saved HTML page or clipboard text; nothing is fetched and nothing is run. Dates
like "05 Feb 2026", outflows in parentheses, "-" for a figure that is not there yet, totals and
averages below the days.
"""

import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from pathlib import Path

import pandas as pd

from unwind.contract.text import plain
from unwind.errors import UserError
from unwind.sources.html_tables import MAX_CELL, MAX_MEMORY, MAX_SECONDS

MAX_BYTES = 16_000_000
MAX_CELLS = 500_000
MAX_FUNDS = 256
TOTAL = "TOTAL"
# Totals are rounded as the funds are, to a tenth: a dozen of them may be off by half a unit each.
ROUNDING = 0.05
_DATES = ("%d %b %Y", "%d %B %Y", "%Y-%m-%d", "%d-%b-%Y", "%b %d, %Y", "%d %b %y")
_NOTHING = ("", "-", "–", "—", "n/a", "na")
_FUND = re.compile(r"^[A-Za-z][A-Za-z0-9._-]{0,15}$")
_NUMBER = re.compile(
    r"^[-−+]?(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15}|(?=\.))(?:\.[0-9]{1,9})?$"
)
_LINES_BELOW = ("total", "average", "maximum", "minimum", "mean", "median", "seed")


class FlowTableError(UserError, ValueError):
    """The table cannot be read; the message names the rule, the value and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowTable:
    """Flows by day and fund.

    Attributes
    ----------
    rows : DataFrame
        | session | fund | net_flow_usd_m |; the total of a day stands as fund "TOTAL". Null: not
        there yet.
    notes : tuple of str
        What was left out, and every day whose total is not the sum of its funds.
    """

    rows: pd.DataFrame
    notes: tuple[str, ...]


def read_flow_table(content: bytes, *, millions: float) -> FlowTable:
    """Read a saved table.

    Parameters
    ----------
    content : bytes
        UTF-8 text with commas, semicolons or tabs, or an HTML page.
    millions : float
        Millions of dollars that one unit of the table is.

    Raises
    ------
    FlowTableError
        It is too large, is not text, holds no table with a date a row and a fund a column, holds
        a cell that is neither a figure nor a dash, or no total that is the sum of its funds.
    """
    if len(content) > MAX_BYTES:
        raise FlowTableError(
            f"a flow table must not exceed {MAX_BYTES // 1_000_000} MB, got "
            f"{len(content) / 1e6:.0f} MB; save the table alone"
        )
    grids = _grids(content)
    readable = [grid for grid in grids if _first_day(grid) is not None]
    if not readable:
        raise FlowTableError(
            "a flow table must hold rows that begin with a date like 05 Feb 2026, got none in "
            f"{len(grids)} tables; save the page or copy the table with its header"
        )
    # A page has menus and legends as tables too: the flows are the one with most days.
    return _flow_table(max(readable, key=_days), millions=millions)


def _grids(content: bytes) -> list[list[list[str]]]:
    if b"\x00" in content:
        raise FlowTableError(
            "a flow table must be UTF-8 text, got binary data; save it as CSV or as a web page"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FlowTableError(
            f"a flow table must be UTF-8 text, got byte {content[error.start]:#04x} at "
            f"{error.start}; save it as UTF-8"
        ) from error
    if re.search(r"<\s*(?:!doctype|html|table|body)\b", text[:100_000], re.IGNORECASE):
        return _html_grids(content)
    sample = text[:20_000]
    delimiter = max("\t;,", key=lambda sign: (sample.count(sign), sign == "\t"))
    if "\t" in sample:
        delimiter = "\t"
    rows, cells = [], 0
    try:
        for row in csv.reader(StringIO(text), delimiter=delimiter, strict=True):
            cells += 1 + len(row)
            _bound_cells(cells)
            rows.append([cell.strip()[:MAX_CELL] for cell in row])
    except csv.Error as error:
        raise FlowTableError(
            f"a flow table must be CSV or tab-separated text, got {error}; save it again"
        ) from error
    return [[row for row in rows if any(row)]]


def _html_grids(content: bytes) -> list[list[list[str]]]:
    """Parse a page in a process of its own: libxml2 has no bound on memory or time."""
    program = Path(__file__).with_name("html_tables.py")
    # Isolated: nothing in the working folder is imported.
    parsed = subprocess.run(
        [sys.executable, "-I", str(program)], input=content, capture_output=True, check=False
    )
    if parsed.returncode:
        told = parsed.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise FlowTableError(
            f"a saved page must be read within {MAX_SECONDS} seconds and {MAX_MEMORY // 1024**2} "
            f"MB of memory, got {plain(told)[:120] or 'neither'}; save the table alone"
        )
    grids: list[list[list[str]]] = json.loads(parsed.stdout)
    _bound_cells(sum(1 + len(row) for grid in grids for row in grid))
    return [[row for row in grid if any(row)] for grid in grids]


def _bound_cells(cells: int) -> None:
    if cells > MAX_CELLS:
        raise FlowTableError(
            f"a flow table must not exceed {MAX_CELLS} cells, got {cells}; save the table alone"
        )


def _day(text: str) -> date | None:
    line = " ".join(text.split())
    for form in _DATES:
        try:
            return datetime.strptime(line, form).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def _first_day(grid: list[list[str]]) -> int | None:
    return next((place for place, row in enumerate(grid) if row and _day(row[0])), None)


def _days(grid: list[list[str]]) -> int:
    return sum(1 for row in grid if row and _day(row[0]))


def _flow_table(grid: list[list[str]], *, millions: float) -> FlowTable:
    first = _first_day(grid)
    assert first is not None
    funds = _funds(grid[:first], width=max(len(row) for row in grid[first:]))
    notes: list[str] = []
    rows: list[dict[str, object]] = []
    seen: dict[date, int] = {}
    totals, differences = 0, []
    for number, row in enumerate(grid[first:], start=first + 1):
        day = _day(row[0]) if row else None
        if day is None:
            notes.append(_left_out(row, number))
            continue
        if day in seen:
            raise FlowTableError(
                f"a day must stand once, got {row[0]!r} in rows {seen[day]} and {number}; "
                "remove one"
            )
        seen[day] = number
        flows = {
            fund: _figure(row[place] if place < len(row) else "", number, fund, millions)
            for place, fund in funds.items()
        }
        if flows.get(TOTAL) == 0 and all(flows[fund] is None for fund in flows if fund != TOTAL):
            flows[TOTAL] = None
            notes.append(f"{day}: a total of 0 over funds without a figure is none")
        totals += flows.get(TOTAL) is not None
        difference = _sum_note(day, flows, rounding=ROUNDING * millions)
        notes += difference
        differences += difference
        rows += [
            {"session": pd.Timestamp(day), "fund": fund, "net_flow_usd_m": value}
            for fund, value in flows.items()
        ]
    if differences and len(differences) == totals:
        raise FlowTableError(
            f"a total must be the sum of the funds on one day at least, got {differences[0]}; the "
            "columns may be shifted: save the table whole, with its header, or without the totals"
        )
    table = pd.DataFrame(rows)
    table["net_flow_usd_m"] = table["net_flow_usd_m"].astype("float64")
    ordered = table.sort_values(["session", "fund"], ignore_index=True)
    return FlowTable(rows=ordered, notes=tuple(notes))


def _funds(header: list[list[str]], *, width: int) -> dict[int, str]:
    """Column → fund, from whichever header row names most; fees and issuers are in others."""
    best: dict[int, str] = {}
    score = (0, 0)
    for row in header:
        named = {
            place: name.upper()
            for place, name in enumerate(row)
            if place > 0 and _FUND.match(name) and name.lower() != "date"
        }
        # Tickers are in capitals; a row of issuers' names has the same shape and comes before. A
        # name over several columns counts once.
        names = {row[place] for place in named}
        capitals = sum(name.isupper() for name in names)
        if (capitals, len(names)) > score:
            score, best = (capitals, len(names)), {place: row[place] for place in named}
    if not best:
        raise FlowTableError(
            "a flow table must name its funds in a row above the first day, got "
            f"{header[-1][:6] if header else 'no header'!r}; copy the header too"
        )
    # "Total" is often in another header row than the tickers.
    for row in header:
        for place, name in enumerate(row):
            if place < width and name.strip().lower() == "total":
                best[place] = TOTAL
    funds = {place: name.upper() for place, name in sorted(best.items()) if place < width}
    if len(funds) > MAX_FUNDS:
        raise FlowTableError(
            f"a flow table must not exceed {MAX_FUNDS} funds, got {len(funds)}; "
            "save the table alone"
        )
    doubled = sorted({name for name in funds.values() if [*funds.values()].count(name) > 1})
    if doubled:
        raise FlowTableError(
            f"a fund must have one column, got two of {', '.join(doubled)}; remove one"
        )
    return funds


def _figure(cell: str, number: int, fund: str, millions: float) -> float | None:
    """Read "(1,175.3)", "−12.0", "$3.4" or "-" (no figure yet)."""
    written = cell.replace("\u00a0", " ").replace("$", "").replace(" ", "").rstrip("*†")
    if written.lower() in _NOTHING:
        return None
    negative = written.startswith("(") and written.endswith(")")
    bare = written[1:-1] if negative else written
    if not _NUMBER.match(bare) or (negative and bare[0] in "-−+"):
        raise FlowTableError(
            f"a flow must be a figure like (175.3) or a dash, got {cell[:40]!r} for {fund} in row "
            f"{number}; correct it (decimal point, comma for thousands)"
        )
    value = float(bare.replace(",", "").replace("−", "-"))
    return (-value if negative else value) * millions


def _sum_note(day: date, flows: dict[str, float | None], *, rounding: float) -> list[str]:
    """Say that a day's total is not the sum of its funds."""
    told = flows.get(TOTAL)
    parts = [value for fund, value in flows.items() if fund != TOTAL and value is not None]
    if told is None or not parts:
        return []
    apart = abs(told - sum(parts))
    if apart <= rounding * (len(parts) + 1) * (1 + 1e-9):
        return []
    missing = sum(1 for fund, value in flows.items() if fund != TOTAL and value is None)
    waiting = f"; {missing} funds have no figure yet" if missing else ""
    return [f"{day}: total {told:,.1f} is not the sum of the funds, {sum(parts):,.1f}{waiting}"]


def _left_out(row: list[str], number: int) -> str:
    name = row[0][:40] if row else ""
    kind = "summary" if name.lower().startswith(_LINES_BELOW) else "no date"
    return f"row {number} left out ({kind}): {name!r}"
