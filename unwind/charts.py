"""Charts of the desk report as SVG strings for inline use in one HTML page.

The same input gives the same bytes. Text stays text, colours are CSS variables (see `PALETTE`)
so that a page can turn dark, and every id bears the chart's name so that many fit on one page.
The horizontal axis counts sessions: a weekend takes no room and a missing price leaves a gap.
Each chart raises ValueError where there is no session to draw. `width` is in CSS pixels, `WIDE`
or `NARROW`; `name` begins every id.
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
_SENTINEL = {role: f"#0101{place:02x}" for place, role in enumerate(PALETTE)}
_ROLE = {colour: role for role, colour in _SENTINEL.items()}
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


def price_chart(prices: pd.DataFrame, *, base: str, width: int, name: str) -> str:
    """Draw closes indexed to 100, the base in ink, the others in the series colours.

    Parameters
    ----------
    prices : DataFrame of shape (n_sessions, n_symbols)
        Closes of at most the base and five others, which take the series colours in order. A NaN
        leaves a gap; a series that starts late is 100 at its first close.
    base : str
        The column drawn in ink.
    width, name : int, str
        See the module.
    """
    closes = prices.astype("float64")
    others = [symbol for symbol in closes.columns if symbol != base]
    roles = dict(zip(others, SERIES, strict=False)) | {base: "ink"}
    with _drawing(closes):
        levels = 100 * closes.div(closes.bfill().iloc[0], axis="columns")
        ends = _ends(levels, decimals=0)
        figure, axes = _canvas(levels.index, width=width, height=300, ends=ends)
        axes.axhline(100, color=_SENTINEL["muted"], linewidth=0.8)
        for symbol in sorted(levels.columns, key=lambda symbol: symbol == base):
            thickness = 2.0 if symbol == base else 1.3
            _line(axes, levels[symbol], role=roles[symbol], thickness=thickness)
        _fit(axes, levels, include=(100.0,))
        _end_labels(axes, ends, roles=roles)
        return _svg(
            figure,
            name=name,
            title="Closes, indexed to 100",
            description=f"{_span(levels.index)}. Last levels: {_said(ends)}.",
        )


def correlation_chart(
    history: pd.DataFrame,
    *,
    base: str,
    highlighted: Sequence[str],
    intervals: Mapping[str, tuple[float, float]],
    breaks: Mapping[date, str],
    width: int,
    name: str,
) -> str:
    """Draw the rolling correlation of the base with each counterpart.

    Parameters
    ----------
    history : DataFrame of shape (n_sessions, n_counterparts)
        Correlations in [-1, 1]. A NaN leaves a gap.
    base : str
        Named in the title.
    highlighted : sequence of str
        Columns in colour with a label, at most five; the others are grey.
    intervals : mapping of str to (lower, upper)
        Interval of the last value, a bar at the right edge; keys among `highlighted`.
    breaks : mapping of date to str
        First session of a new segment, and its label.
    width, name : int, str
        See the module.
    """
    values = history.astype("float64")
    roles = dict(zip(highlighted, SERIES, strict=False))
    with _drawing(values):
        ends = _ends(values[list(roles)], decimals=2)
        figure, axes = _canvas(values.index, width=width, height=320, ends=ends, head=34.0)
        axes.axhline(0, color=_SENTINEL["muted"], linewidth=0.8)
        for symbol in values.columns.difference(list(roles), sort=False):
            _line(axes, values[symbol], role="others", thickness=0.7)
        for symbol in reversed(list(roles)):
            _line(axes, values[symbol], role=roles[symbol], thickness=2.0)
        axes.set_ylim(-1, 1)
        axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−0.5", "0", "0.5", "1"])
        _break_marks(axes, pd.DatetimeIndex(values.index), breaks)
        for place, symbol in enumerate(symbol for symbol in roles if symbol in intervals):
            lower, upper = intervals[symbol]
            axes.vlines(
                1 + (4 + 5 * place) / float(axes.get_window_extent().width),
                lower,
                upper,
                transform=axes.get_yaxis_transform(),
                color=_SENTINEL[roles[symbol]],
                linewidth=3.0,
                alpha=0.6,
                clip_on=False,
            )
        _end_labels(axes, ends, roles=roles)
        marks = ", ".join(f"{session(day)} ({plain(label)})" for day, label in breaks.items())
        return _svg(
            figure,
            name=name,
            title=f"Rolling correlation with {plain(base)}",
            description=f"{_span(values.index)}. Last values: {_said(ends)}. "
            f"Breaks: {marks or 'none'}.",
        )


def score_chart(
    history: pd.DataFrame, *, thresholds: Mapping[str, float], width: int, name: str
) -> str:
    """Draw the score over its thresholds, each session shaded by its state.

    Parameters
    ----------
    history : DataFrame of shape (n_sessions, 2)
        Columns score (points; a null leaves a gap) and state.
    thresholds : mapping of str to float
        Name and level of each threshold, in points.
    width, name : int, str
        See the module.
    """
    score = history["score"].astype("float64")
    levels = {
        label: (level, f"{label} {number(level, decimals=1)}")
        for label, level in thresholds.items()
    }
    last = _ends(score.to_frame(), decimals=2)
    with _drawing(history):
        figure, axes = _canvas(history.index, width=width, height=240, ends=levels | last)
        place = 0
        for state, run in itertools.groupby(history["state"]):
            first, place = place, place + len(list(run))
            if state in SHADED:
                shade = _SENTINEL[SHADED[state]]
                axes.axvspan(first - 0.5, place - 0.5, color=shade, alpha=0.35, linewidth=0)
        for level in thresholds.values():
            axes.axhline(level, color=_SENTINEL["muted"], linewidth=0.9, dashes=(4, 3))
        _line(axes, score, role="ink", thickness=1.6)
        _fit(axes, score.to_frame(), include=(0.0, *thresholds.values()))
        _end_labels(axes, levels | last, roles={"score": "ink"})
        return _svg(
            figure,
            name=name,
            title="Score and state",
            description=f"{_span(history.index)}. Last: {_said(last)}. "
            f"Thresholds: {_said(levels)}.",
        )


@contextmanager
def _drawing(sessions: pd.DataFrame) -> Iterator[None]:
    if sessions.empty:
        raise ValueError("a chart needs at least 1 session, got 0; say so in words instead")
    with _ONE_AT_A_TIME, style.context(["default", _STYLE]):
        yield


def _canvas(
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
    axes.spines["bottom"].set_color(_SENTINEL["muted"])
    axes.tick_params(color=_SENTINEL["muted"], labelcolor=_SENTINEL["muted"])
    axes.tick_params(axis="y", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(lambda level, _: number(level, decimals=0))
    axes.grid(axis="y", color=_SENTINEL["rule"], linewidth=0.8)
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
            color=_SENTINEL["muted"],
        )


def _line(axes: Axes, values: pd.Series, *, role: str, thickness: float) -> None:
    places = np.arange(len(values))
    axes.plot(places, values.to_numpy(), color=_SENTINEL[role], linewidth=thickness)


def _fit(axes: Axes, values: pd.DataFrame, *, include: Sequence[float]) -> None:
    """Limit the value axis to the data and to the levels that must be seen."""
    drawn = values.to_numpy().ravel()
    known = np.append(drawn[np.isfinite(drawn)], include)
    room = 0.06 * float(np.ptp(known)) or 1.0
    axes.set_ylim(float(known.min()) - room, float(known.max()) + room)


def _ends(values: pd.DataFrame, *, decimals: int) -> dict[str, tuple[float, str]]:
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


def _said(ends: Mapping[str, tuple[float, str]]) -> str:
    return ", ".join(text for _, text in ends.values()) or "none"


def _span(sessions: pd.Index) -> str:
    return f"{len(sessions)} sessions, {session(sessions[0])} to {session(sessions[-1])}"


def _end_labels(
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
            color=_SENTINEL[roles.get(key, "muted")],
            linewidth=1.6,
            clip_on=False,
        )
        axes.annotate(
            ends[key][1],
            (1, at),
            xycoords="axes fraction",
            xytext=(28, -4),
            textcoords="offset points",
            color=_SENTINEL["ink" if key in roles else "muted"],
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


def _break_marks(axes: Axes, days: pd.DatetimeIndex, breaks: Mapping[date, str]) -> None:
    """Mark breaks inside the window; a label that finds no room in two rows is left out."""
    taken = [-np.inf, -np.inf]
    right = float(axes.get_window_extent().x1)
    for day in sorted(breaks):
        place = int(days.get_indexer(pd.DatetimeIndex([day]))[0])
        if place < 0:
            continue
        axes.axvline(place - 0.5, color=_SENTINEL["ink"], linewidth=1.0, dashes=(2, 2))
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
            color=_SENTINEL["ink"],
            annotation_clip=False,
        )


def _svg(figure: Figure, *, name: str, title: str, description: str) -> str:
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
