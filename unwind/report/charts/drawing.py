"""Shared drawing of the report's charts: panels in pixels, axes, lines, bands, labels.

The horizontal axis of a history counts sessions: a weekend takes no room and a missing price leaves
a gap.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unwind.contract.text import number, plain, session
from unwind.report.charts.palette import INKS, SHADED

if TYPE_CHECKING:
    # Only drawing needs the library; modules that read captions skip its import time.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# In CSS pixels: one figure for a page, one for a telephone, so that its text stays readable.
WIDE = 704
NARROW = 352
_LINE_HEIGHT = 14.0
_CHARACTER = 6.7
FOOT = 36.0  # room below a panel for months and years
_LABEL_CHARACTERS = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def canvas(
    sessions: pd.Index,
    *,
    width: int,
    height: int,
    ends: Mapping[str, tuple[float, str]],
    head: float = 8.0,
) -> tuple[Figure, Axes]:
    """Lay out one panel over sessions, with room for the labels at its right edge."""
    figure = sheet(width=width, height=height)
    axes = panel(figure, top=head, foot=FOOT, right=room_for(ends))
    session_axis(axes, sessions)
    return figure, axes


def sheet(*, width: int, height: int) -> Figure:
    """Return an empty figure in pixels: 72 per inch make a point a pixel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    return figure


def room_for(ends: Mapping[str, tuple[float, str]]) -> float:
    """Return the pixels that the labels at the right edge take."""
    return 34.0 + _CHARACTER * max((len(text) for _, text in ends.values()), default=0)


def panel(
    figure: Figure, *, top: float, foot: float, right: float = 34.0, left: float = 34.0
) -> Axes:
    """Add axes at the given distances, in pixels, from the edges of the figure."""
    from matplotlib.ticker import MaxNLocator

    width, height = 72 * figure.get_size_inches()
    axes: Axes = figure.add_axes(
        (
            left / width,
            foot / height,
            (width - left - right) / width,
            (height - foot - top) / height,
        )
    )
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INKS["muted"])
    axes.tick_params(color=INKS["muted"], labelcolor=INKS["muted"])
    axes.tick_params(axis="y", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    write_levels(axes, lambda level: number(level, decimals=0))
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def write_levels(axes: Axes, text_of: Callable[[float], str]) -> None:
    """Write the ticks of the value axis with `text_of`."""
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda level, _: text_of(float(level))))


def session_axis(axes: Axes, sessions: pd.Index, *, labelled: bool = True) -> None:
    """Lay sessions out along the horizontal axis, one position each."""
    axes.set_xlim(-0.5, len(sessions) - 0.5)
    if not labelled:
        axes.set_xticks([])
        return
    inner = float(axes.get_window_extent().width)
    _session_ticks(axes, pd.DatetimeIndex(sessions), max_ticks=max(2, int(inner // 46)))


def note(
    axes: Axes, text: str, *, at: tuple[float, float], role: str = "muted", align: str = "left",
    up: float = 4.0,
) -> None:  # fmt: skip
    """Write one line at a share of the panel's width and height, `up` pixels above."""
    axes.annotate(
        text, at, xycoords="axes fraction", xytext=(0, up), textcoords="offset points", ha=align,
        color=INKS[role], annotation_clip=False,
    )  # fmt: skip


def band(axes: Axes, lower: pd.Series, upper: pd.Series, *, role: str, share: float) -> None:
    """Fill between two series over sessions; NaN leaves a gap."""
    axes.fill_between(
        np.arange(len(lower)), lower.to_numpy(dtype=np.float64), upper.to_numpy(dtype=np.float64),
        color=INKS[role], alpha=share, linewidth=0,
    )  # fmt: skip


def shade_states(axes: Axes, states: pd.Series) -> None:
    """Shade each run of sessions by its state; CALM stays unshaded."""
    end = 0
    for state, run in itertools.groupby(states):
        first, end = end, end + len(list(run))
        if state in SHADED:
            shade = INKS[SHADED[state]]
            axes.axvspan(first - 0.5, end - 0.5, color=shade, alpha=0.35, linewidth=0)


def _session_ticks(axes: Axes, days: pd.DatetimeIndex, *, max_ticks: int) -> None:
    """Mark first sessions of months; write the year under its first mark."""
    months = [12 * day.year + day.month - 1 for day in days]
    starts = [
        day_index for day_index in range(1, len(days)) if months[day_index] != months[day_index - 1]
    ]
    ticks = starts[:: -(-len(starts) // max_ticks)] if starts else sorted({0, len(days) - 1})
    labels = [
        _MONTHS[day.month - 1] if starts else f"{day.day} {_MONTHS[day.month - 1]}"
        for day in days[ticks]
    ]
    axes.set_xticks(ticks, labels)
    for year, run in itertools.groupby(ticks, key=lambda day_index: months[day_index] // 12):
        axes.annotate(
            str(year),
            (next(run), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -31),
            textcoords="offset points",
            ha="center",
            color=INKS["muted"],
        )


def line(axes: Axes, values: pd.Series, *, role: str, thickness: float) -> None:
    """Draw a series; NaN leaves a gap."""
    positions = np.arange(len(values))
    axes.plot(positions, values.to_numpy(), color=INKS[role], linewidth=thickness)


def fit_levels(axes: Axes, values: pd.DataFrame, *, include: Sequence[float]) -> None:
    """Limit the value axis to the data and to the levels that must be seen."""
    drawn = values.to_numpy().ravel()
    known = np.append(drawn[np.isfinite(drawn)], include)
    room = 0.06 * float(np.ptp(known)) or 1.0
    axes.set_ylim(float(known.min()) - room, float(known.max()) + room)


def ends_of(values: pd.DataFrame, *, decimals: int) -> dict[str, tuple[float, str]]:
    """Find the last known value per column; a label gives the day of an older value."""
    ends = {}
    days = pd.DatetimeIndex(values.index)
    for symbol in values.columns:
        known = np.flatnonzero(values[symbol].notna())
        if not known.size:
            continue
        name = plain(symbol)
        if len(name) > _LABEL_CHARACTERS:
            name = name[: _LABEL_CHARACTERS - 1] + "…"
        last, day = float(values[symbol].iloc[known[-1]]), days[known[-1]]
        stale = "" if day == days[-1] else f", {day.day} {_MONTHS[day.month - 1]}"
        ends[symbol] = (last, f"{name} {number(last, decimals=decimals)}{stale}")
    return ends


def labels_text(ends: Mapping[str, tuple[float, str]]) -> str:
    """Return the labels as a list in words."""
    return ", ".join(text for _, text in ends.values()) or "none"


def span_of(sessions: pd.Index) -> str:
    """Return the number of sessions, the first and the last, in words."""
    return f"{len(sessions)} sessions, {session(sessions[0])} to {session(sessions[-1])}"


def label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, str]], *, roles: Mapping[str, str]
) -> None:
    """Write each label at the right edge beside its level, without overlap."""
    order = sorted(ends, key=lambda key: ends[key][0])
    box = axes.get_window_extent()
    targets = [float(axes.transData.transform((0, ends[key][0]))[1]) for key in order]
    spaced = spread(targets, gap=_LINE_HEIGHT, low=float(box.y0), high=float(box.y1))
    for key, target, pixel in zip(order, targets, spaced, strict=True):
        at, level = (pixel - box.y0) / box.height, (target - box.y0) / box.height
        axes.plot(
            [1 + 12 / box.width, 1 + 18 / box.width, 1 + 24 / box.width],
            [level, at, at],
            transform=axes.transAxes,
            color=INKS[roles.get(key, "muted")],
            linewidth=1.6,
            clip_on=False,
        )
        axes.annotate(
            ends[key][1],
            (1, at),
            xycoords="axes fraction",
            xytext=(28, -4),
            textcoords="offset points",
            color=INKS["ink" if key in roles else "muted"],
            annotation_clip=False,
        )


def spread(targets: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move rising positions at least `gap` apart: up from `low`, then back below `high`."""
    spaced: list[float] = []
    for position in targets:
        spaced.append(max(position, spaced[-1] + gap if spaced else low))
    limit = high
    for index in reversed(range(len(spaced))):
        spaced[index] = min(spaced[index], limit)
        limit = spaced[index] - gap
    return spaced


def mark_breaks(axes: Axes, days: pd.DatetimeIndex, breaks: Mapping[date, str]) -> None:
    """Mark breaks inside the window; a label without room in two rows is omitted."""
    taken = [-np.inf, -np.inf]
    right = float(axes.get_window_extent().x1)
    for day in sorted(breaks):
        position = int(days.get_indexer(pd.DatetimeIndex([day]))[0])
        if position < 0:
            continue
        axes.axvline(position - 0.5, color=INKS["ink"], linewidth=1.0, dashes=(2, 2))
        label = plain(breaks[day])
        pixel = float(axes.transData.transform((position - 0.5, 0))[0])
        before = pixel + _CHARACTER * len(label) > right
        start = pixel - _CHARACTER * len(label) if before else pixel
        row = next((row for row in (0, 1) if taken[row] < start), None)
        if row is None:
            continue
        taken[row] = start + _CHARACTER * len(label) + 8
        axes.annotate(
            label,
            (position - 0.5, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4 + _LINE_HEIGHT * row),
            textcoords="offset points",
            ha="right" if before else "left",
            color=INKS["ink"],
            annotation_clip=False,
        )
