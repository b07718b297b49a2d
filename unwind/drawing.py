"""What every chart of the report shares: palette, axes, labels, and the SVG that fits a page.

The same input gives the same bytes. Text stays text, colours are CSS variables (see `PALETTE`)
so that a page can turn dark, and every id bears the chart's name so that many fit on one page.
The horizontal axis counts sessions: a weekend takes no room and a missing price leaves a gap.
"""

import io
import itertools
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unwind.formatting import number, plain, session

# Role → (light, dark). Series colours after Okabe and Ito (2008), safe for colour-blind readers;
# on a dark page sky blue and yellow stand in for blue and sky blue.
PALETTE = {
    "ink": ("#1b1d20", "#e7e9ec"),
    "muted": ("#5a6067", "#a4acb5"),
    "rule": ("#dcdfe3", "#343a41"),
    "others": ("#b9bec5", "#4b525a"),
    "first": ("#0072b2", "#56b4e9"),
    "second": ("#d55e00", "#e8772a"),
    "third": ("#009e73", "#009e73"),
    "fourth": ("#cc79a7", "#cc79a7"),
    "fifth": ("#56b4e9", "#f0e442"),
    "watch": ("#f0e442", "#8f8500"),
    "deleveraging": ("#d55e00", "#d55e00"),
    "release": ("#56b4e9", "#56b4e9"),
    "unknown": ("#8a9099", "#8a9099"),
}
SERIES = ("first", "second", "third", "fourth", "fifth")
SHADED = {
    "WATCH": "watch",
    "DELEVERAGING": "deleveraging",
    "RELEASE": "release",
    "UNKNOWN": "unknown",
}

# Drawn in colours that mean nothing; the finished SVG names variables in their place.
INKS = {role: f"#0101{place:02x}" for place, role in enumerate(PALETTE)}
_ROLE = {colour: role for role, colour in INKS.items()}
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "unwind",
    "text.parse_math": False,
}
# matplotlib keeps its style in one global table, and Prefect runs tasks in threads.
_ONE_AT_A_TIME = threading.Lock()

# In CSS pixels: one figure for a page, one for a telephone, whose text would else shrink.
WIDE = 704
NARROW = 352
_LINE_HEIGHT = 14.0
_CHARACTER = 6.7
_LABEL_CHARACTERS = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@contextmanager
def styled(sessions: pd.DataFrame) -> Iterator[None]:
    """Draw inside under the report's style, one chart at a time; refuse to draw nothing."""
    if sessions.empty:
        raise ValueError("a chart needs at least 1 session, got 0; say so in words instead")
    with _ONE_AT_A_TIME, style.context(["default", _STYLE]):
        yield


def canvas(
    sessions: pd.Index,
    *,
    width: int,
    height: int,
    ends: Mapping[str, tuple[float, str]],
    head: float = 8.0,
) -> tuple[Figure, Axes]:
    """Lay out one axes in pixels (72 per inch make a point a pixel), with room for the labels."""
    left, foot = 34.0, 36.0
    right = 34.0 + _CHARACTER * max((len(text) for _, text in ends.values()), default=0)
    inner = width - left - right
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    axes = figure.add_axes(
        (left / width, foot / height, inner / width, (height - foot - head) / height)
    )
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INKS["muted"])
    axes.tick_params(color=INKS["muted"], labelcolor=INKS["muted"])
    axes.tick_params(axis="y", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(lambda level, _: number(level, decimals=0))
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(-0.5, len(sessions) - 0.5)
    _session_ticks(axes, pd.DatetimeIndex(sessions), most=max(2, int(inner // 46)))
    return figure, axes


def _session_ticks(axes: Axes, days: pd.DatetimeIndex, *, most: int) -> None:
    """Mark first sessions of months; the year stands under its first mark."""
    months = [12 * day.year + day.month - 1 for day in days]
    starts = [place for place in range(1, len(days)) if months[place] != months[place - 1]]
    chosen = starts[:: -(-len(starts) // most)] if starts else sorted({0, len(days) - 1})
    labels = [
        _MONTHS[day.month - 1] if starts else f"{day.day} {_MONTHS[day.month - 1]}"
        for day in days[chosen]
    ]
    axes.set_xticks(chosen, labels)
    for year, run in itertools.groupby(chosen, key=lambda place: months[place] // 12):
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
    places = np.arange(len(values))
    axes.plot(places, values.to_numpy(), color=INKS[role], linewidth=thickness)


def fit_levels(axes: Axes, values: pd.DataFrame, *, include: Sequence[float]) -> None:
    """Limit the value axis to the data and to the levels that must be seen."""
    drawn = values.to_numpy().ravel()
    known = np.append(drawn[np.isfinite(drawn)], include)
    room = 0.06 * float(np.ptp(known)) or 1.0
    axes.set_ylim(float(known.min()) - room, float(known.max()) + room)


def ends_of(values: pd.DataFrame, *, decimals: int) -> dict[str, tuple[float, str]]:
    """Find the last known value of each column; a label says its day where it is an older one."""
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


def said(ends: Mapping[str, tuple[float, str]]) -> str:
    """Return the labels as a list in words."""
    return ", ".join(text for _, text in ends.values()) or "none"


def span_of(sessions: pd.Index) -> str:
    """Return the number of sessions, the first and the last, in words."""
    return f"{len(sessions)} sessions, {session(sessions[0])} to {session(sessions[-1])}"


def label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, str]], *, roles: Mapping[str, str]
) -> None:
    """Write each label at the right edge beside its level, moved apart where they would touch."""
    order = sorted(ends, key=lambda key: ends[key][0])
    box = axes.get_window_extent()
    wanted = [float(axes.transData.transform((0, ends[key][0]))[1]) for key in order]
    placed = spread(wanted, gap=_LINE_HEIGHT, low=float(box.y0), high=float(box.y1))
    for key, target, place in zip(order, wanted, placed, strict=True):
        at, level = (place - box.y0) / box.height, (target - box.y0) / box.height
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


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move rising positions at least `gap` apart: up from `low`, then back below `high`."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else low))
    limit = high
    for place in reversed(range(len(placed))):
        placed[place] = min(placed[place], limit)
        limit = placed[place] - gap
    return placed


def mark_breaks(axes: Axes, days: pd.DatetimeIndex, breaks: Mapping[date, str]) -> None:
    """Mark breaks inside the window; a label that finds no room in two rows is left out."""
    taken = [-np.inf, -np.inf]
    right = float(axes.get_window_extent().x1)
    for day in sorted(breaks):
        place = int(days.get_indexer(pd.DatetimeIndex([day]))[0])
        if place < 0:
            continue
        axes.axvline(place - 0.5, color=INKS["ink"], linewidth=1.0, dashes=(2, 2))
        label = plain(breaks[day])
        pixel = float(axes.transData.transform((place - 0.5, 0))[0])
        before = pixel + _CHARACTER * len(label) > right
        start = pixel - _CHARACTER * len(label) if before else pixel
        row = next((row for row in (0, 1) if taken[row] < start), None)
        if row is None:
            continue
        taken[row] = start + _CHARACTER * len(label) + 8
        axes.annotate(
            label,
            (place - 0.5, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4 + _LINE_HEIGHT * row),
            textcoords="offset points",
            ha="right" if before else "left",
            color=INKS["ink"],
            annotation_clip=False,
        )


def svg_of(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Print the figure and make it fit to stand inside a page: see the module's docstring."""
    printed = io.StringIO()
    unsaid = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(printed, metadata=unsaid)
    root = ET.fromstring(printed.getvalue())
    box = root.attrib["viewBox"]
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text = (element.text or "").strip()
        element.tail = None
        for sheet in element.findall("{*}style"):
            element.remove(sheet)
        attributes = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
        if element.tag == "g":
            attributes.pop("id", None)
        element.attrib = {key: _attribute(key, text, name) for key, text in attributes.items()}
    root.attrib = {
        "class": "chart",
        "viewBox": box,
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-description",
    }
    for place, (tag, part, text) in enumerate(
        (("title", "title", title), ("desc", "description", description))
    ):
        said = ET.Element(tag, {"id": f"{name}-{part}"})
        said.text = text
        root.insert(place, said)
    return ET.tostring(root, encoding="unicode")


def _attribute(key: str, text: str, name: str) -> str:
    match key:
        case "id":
            return f"{name}-{text}"
        case "href" | "clip-path":
            return text.replace("#", f"#{name}-")
        case "d":
            # Hundredths of a pixel are enough, and hide the last digits that machines differ in.
            return re.sub(r"(\.\d\d)\d+", r"\1", " ".join(text.split()))
        case "style":
            text = re.sub(r"font-family: [^;]*;? ?", "", text)
            return re.sub(r"#0101[0-9a-f]{2}", lambda hit: f"var(--chart-{_ROLE[hit[0]]})", text)
        case _:
            return text
