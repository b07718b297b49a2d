"""Chart of a fund's flow against its expected flow.

`width` is in CSS pixels (`drawing.WIDE` or `drawing.NARROW`); `name` begins every id.
"""

import numpy as np

from unwind.contract.text import number, plain, session
from unwind.indicators.mechanisms.views import FlowView
from unwind.report.charts.drawing import (
    FOOT,
    note,
    panel,
    session_axis,
    sheet,
    span_of,
    write_levels,
)
from unwind.report.charts.palette import INKS
from unwind.report.charts.svg import styled, svg_of

RIGHT = 12.0
LEFT = 46.0


def flow_chart(view: FlowView, *, width: int, name: str) -> str:
    """Draw flow, expected flow and surprise per session; a ring marks a vendor conflict.

    Parameters
    ----------
    view : FlowView
    width, name : int, str
        See the module.
    """
    rows = view.rows
    flow, expected, surprise = (
        rows[part].to_numpy(dtype=np.float64) for part in ("flow", "expected", "surprise")
    )
    positions = np.arange(len(rows))
    conflicted = rows["conflicted"].to_numpy(dtype=bool)
    with styled(len(rows)):
        figure = sheet(width=width, height=340)
        axes = panel(figure, top=22, foot=150, left=LEFT, right=RIGHT)
        session_axis(axes, rows.index, labelled=False)
        axes.bar(positions, flow, width=0.8, color=INKS["others"], linewidth=0)
        axes.plot(positions, expected, color=INKS["first"], linewidth=1.8, marker=".", markersize=4)
        axes.axhline(0, color=INKS["muted"], linewidth=0.9)
        axes.plot(
            positions[conflicted], flow[conflicted], linestyle="none", marker="o", markersize=6,
            fillstyle="none", markeredgewidth=1.4, color=INKS["second"],
        )  # fmt: skip
        note(axes, f"Net flow of {plain(view.item)}, USD m", at=(0, 1))
        under = panel(figure, top=218, foot=FOOT, left=LEFT, right=RIGHT)
        session_axis(under, rows.index)
        colours = np.where(surprise >= 0, INKS["first"], INKS["second"])
        under.bar(positions, np.nan_to_num(surprise), width=0.8, color=colours, linewidth=0)
        under.axhline(0, color=INKS["muted"], linewidth=0.9)
        note(under, "Surprise: flow less expected, USD m", at=(0, 1))
        for each in (axes, under):
            write_levels(each, lambda level: number(level, decimals=0))
        return svg_of(
            figure,
            name=name,
            title=f"Flow of {plain(view.item)} against expectation, {plain(view.vendor)}",
            description=f"{span_of(rows.index)}. {flow_text(view)}",
        )


def flow_text(view: FlowView) -> str:
    """Write the newest session, and the number of vendor conflicts, in sentences."""
    rows = view.rows
    last = rows.iloc[-1]
    flow, expected = (number(last[part], decimals=1, signed=True) for part in ("flow", "expected"))
    surprise = number(last["surprise"], decimals=1, signed=True)
    sentence = (
        f"{session(rows.index[-1])}: flow {flow}, expected {expected}, surprise {surprise} USD m"
    )
    if last["conflicted"]:
        sentence += f", vendors disagree ({plain(last['category'])})"
    return (
        f"{sentence}. Vendors disagree on {int(rows['conflicted'].sum())} of {len(rows)} sessions."
    )
