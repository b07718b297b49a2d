"""The mechanism indicators as a table, with the reason of each missing value."""

from collections.abc import Mapping

import pandas as pd

from unwind.contract.text import NULL, instant, magnitude, number, percent, plain, session
from unwind.indicators.block import MISSING
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.charts.basis import term_text
from unwind.report.charts.flows import flow_text
from unwind.report.charts.spot import barrier_text, flip_text, gamma_text
from unwind.report.format import Grid, Heading, Row, grid_of, records
from unwind.report.markdown import escape_markdown, markdown_table

# A block with one row per note: only the row of the base is displayed.
ITEMISED = "notes"
SHARES = ("share", "probability", "decimal")


def mechanism_grid(rows: pd.DataFrame, *, base: str) -> Grid:
    """Format the indicators that have a value, block by block."""
    return grid_of(
        [row for row in _desk_rows(rows, base) if row["quality"] != MISSING],
        {
            Heading("Block"): lambda row: plain(row["block"]),
            Heading("Indicator", prose=True): lambda row: plain(row["indicator"]).replace("_", " "),
            Heading("Of", prose=True): lambda row: plain(row["item"]),
            Heading("Value", numeric=True): lambda row: _level(row["value"], row["unit"]),
            Heading("Band", numeric=True): _band,
            Heading("z", numeric=True): lambda row: number(row["z"], decimals=1, signed=True),
            Heading("Describes"): lambda row: session(row["describes"]),
            Heading("Quality"): lambda row: plain(row["quality"]),
            Heading("Class", prose=True): lambda row: (
                "" if row["category"] is None else plain(row["category"])
            ),
            Heading("Unit", prose=True): _unit,
        },
    )


def mechanism_gaps(rows: pd.DataFrame, *, base: str) -> tuple[str, ...]:
    """List indicators without a value, one sentence per reason."""
    gaps: dict[tuple[str, str], list[str]] = {}
    for row in _desk_rows(rows, base):
        if row["quality"] == MISSING:
            key = plain(row["block"]), plain(row["reason"])
            name = f"{plain(row['indicator']).replace('_', ' ')} {plain(row['item'])}"
            gaps.setdefault(key, []).append(name)
    return tuple(
        f"{block}: {', '.join(dict.fromkeys(names))}: {reason}."
        for (block, reason), names in gaps.items()
    )


def single_notes(rows: pd.DataFrame, *, base: str) -> str:
    """Write the number of single-note rows that are only in the table."""
    count = len(rows) - len(_desk_rows(rows, base))
    noun = "row" if count == 1 else "rows"
    return f"{count} {noun} of single notes: see the table mechanisms." if count else ""


def _desk_rows(rows: pd.DataFrame, base: str) -> list[Row]:
    selected = [
        row for row in records(rows) if row["block"] != ITEMISED or row["item"] in (base, None)
    ]
    return sorted(selected, key=lambda row: (row["block"], row["indicator"], row["item"]))


def _level(value: float | None, unit: str) -> str:
    if value is None:
        return NULL
    if unit.startswith(SHARES):
        return percent(value, decimals=2)
    if abs(value) >= 1e5:
        return magnitude(value)
    return number(value, decimals=2 if abs(value) >= 0.1 or value == 0 else 4)


def _unit(row: Row) -> str:
    """Name the unit; decimal shares are displayed in percent."""
    return plain(row["unit"]).removeprefix("decimal").lstrip(", ")


def _band(row: Row) -> str:
    ends = [_level(row[end], row["unit"]) for end in ("lower", "upper")]
    return NULL if NULL in ends else f"{ends[0]} to {ends[1]}"


def chart_texts(views: MechanismViews) -> Mapping[str, str]:
    """Write one sentence per chart; without a chart, the reason."""
    gamma, basis, flow, barriers = views.gamma, views.basis, views.flow, views.barriers
    return {
        "gamma exposure": f"no chart: {gamma}."
        if isinstance(gamma, str)
        else f"at spot {number(gamma.profile.spot, decimals=2)} {gamma_text(gamma)}; flip "
        f"{flip_text(gamma)}; chain of {instant(gamma.at, zone='UTC', label='UTC')}.",
        "basis": f"no chart: {basis}." if isinstance(basis, str) else term_text(basis),
        "flow against expectation": f"no chart: {flow}."
        if isinstance(flow, str)
        else flow_text(flow),
        "barriers": f"no chart: {barriers}."
        if isinstance(barriers, str)
        else f"{barrier_text(barriers)}.",
    }


def mechanisms_markdown(rows: pd.DataFrame, views: MechanismViews, *, base: str) -> str:
    """Write chart sentences, indicator table and missing values as markdown."""
    captions = "\n".join(
        f"- **{name}**: {escape_markdown(plain(text))}" for name, text in chart_texts(views).items()
    )
    grid = mechanism_grid(rows, base=base)
    blocks = [
        captions,
        markdown_table(grid) if grid.lines else "No mechanism indicator has a value.",
    ]
    if gaps := mechanism_gaps(rows, base=base):
        listed = "\n".join(f"- {escape_markdown(plain(gap))}" for gap in gaps)
        blocks.append(f"****Not available, and why**\n\n{listed}")
    if remark := single_notes(rows, base=base):
        blocks.append(remark)
    return "\n\n".join(blocks) + "\n"
