"""Charts of the desk report as SVG strings for inline use in one HTML page.

Each raises ValueError where there is no session to draw. `width` is in CSS pixels, `WIDE` or
`NARROW` of `unwind.drawing`; `name` begins every id.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from unwind.drawing import (
    INKS,
    SERIES,
    SHADED,
    canvas,
    ends_of,
    fit_levels,
    label_ends,
    line,
    mark_breaks,
    said,
    span_of,
    styled,
    svg_of,
)
from unwind.formatting import number, plain, session


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
    with styled(closes):
        levels = 100 * closes.div(closes.bfill().iloc[0], axis="columns")
        ends = ends_of(levels, decimals=0)
        figure, axes = canvas(levels.index, width=width, height=300, ends=ends)
        axes.axhline(100, color=INKS["muted"], linewidth=0.8)
        for symbol in sorted(levels.columns, key=lambda symbol: symbol == base):
            thickness = 2.0 if symbol == base else 1.3
            line(axes, levels[symbol], role=roles[symbol], thickness=thickness)
        fit_levels(axes, levels, include=(100.0,))
        label_ends(axes, ends, roles=roles)
        return svg_of(
            figure,
            name=name,
            title="Closes, indexed to 100",
            description=f"{span_of(levels.index)}. Last levels: {said(ends)}.",
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
    with styled(values):
        ends = ends_of(values[list(roles)], decimals=2)
        figure, axes = canvas(values.index, width=width, height=320, ends=ends, head=34.0)
        axes.axhline(0, color=INKS["muted"], linewidth=0.8)
        for symbol in values.columns.difference(list(roles), sort=False):
            line(axes, values[symbol], role="others", thickness=0.7)
        for symbol in reversed(list(roles)):
            line(axes, values[symbol], role=roles[symbol], thickness=2.0)
        axes.set_ylim(-1, 1)
        axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−0.5", "0", "0.5", "1"])
        mark_breaks(axes, pd.DatetimeIndex(values.index), breaks)
        for place, symbol in enumerate(symbol for symbol in roles if symbol in intervals):
            lower, upper = intervals[symbol]
            axes.vlines(
                1 + (4 + 5 * place) / float(axes.get_window_extent().width),
                lower,
                upper,
                transform=axes.get_yaxis_transform(),
                color=INKS[roles[symbol]],
                linewidth=3.0,
                alpha=0.6,
                clip_on=False,
            )
        label_ends(axes, ends, roles=roles)
        marks = ", ".join(f"{session(day)} ({plain(label)})" for day, label in breaks.items())
        return svg_of(
            figure,
            name=name,
            title=f"Rolling correlation with {plain(base)}",
            description=f"{span_of(values.index)}. Last values: {said(ends)}. "
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
    last = ends_of(score.to_frame(), decimals=2)
    with styled(history):
        figure, axes = canvas(history.index, width=width, height=240, ends=levels | last)
        place = 0
        for state, run in itertools.groupby(history["state"]):
            first, place = place, place + len(list(run))
            if state in SHADED:
                shade = INKS[SHADED[state]]
                axes.axvspan(first - 0.5, place - 0.5, color=shade, alpha=0.35, linewidth=0)
        for level in thresholds.values():
            axes.axhline(level, color=INKS["muted"], linewidth=0.9, dashes=(4, 3))
        line(axes, score, role="ink", thickness=1.6)
        fit_levels(axes, score.to_frame(), include=(0.0, *thresholds.values()))
        label_ends(axes, levels | last, roles={"score": "ink"})
        return svg_of(
            figure,
            name=name,
            title="Score and state",
            description=f"{span_of(history.index)}. Last: {said(last)}. "
            f"Thresholds: {said(levels)}.",
        )


def volatility_chart(
    history: pd.DataFrame,
    *,
    base: str,
    fallbacks: pd.DataFrame,
    breaches: Sequence[date],
    width: int,
    name: str,
) -> str:
    """Draw σ of the base and of some counterparts, with fallbacks and breaches marked.

    Parameters
    ----------
    history : DataFrame of shape (n_sessions, n_symbols)
        σ in percent a year, the base and at most five others. A NaN leaves a gap.
    base : str
        The column drawn in ink.
    fallbacks : DataFrame of shape (n_sessions, n_symbols)
        True where an EWMA stood in for the model: a ring.
    breaches : sequence of date
        Sessions on which the base lost more than its value at risk: a triangle below its σ.
    width, name : int, str
        See the module.
    """
    values = history.astype("float64")
    others = [symbol for symbol in values.columns if symbol != base]
    roles = dict(zip(others, SERIES, strict=False)) | {base: "ink"}
    with styled(values):
        ends = ends_of(values, decimals=0)
        figure, axes = canvas(values.index, width=width, height=260, ends=ends)
        for symbol in sorted(values.columns, key=lambda symbol: symbol == base):
            thickness = 2.0 if symbol == base else 1.3
            line(axes, values[symbol], role=roles[symbol], thickness=thickness)
            # A session between two that are missing has no line to lie on.
            alone = values[symbol].notna() & ~(
                values[symbol].shift().notna() | values[symbol].shift(-1).notna()
            )
            line(axes, values[symbol].where(alone), role=roles[symbol], thickness=thickness)
            axes.lines[-1].set_marker(".")
            stood_in = np.flatnonzero(fallbacks[symbol].to_numpy(dtype=bool))
            axes.plot(
                stood_in, values[symbol].to_numpy()[stood_in], linestyle="none", marker="o",
                markersize=5, fillstyle="none", color=INKS[roles[symbol]],
            )  # fmt: skip
        fit_levels(axes, values, include=(0.0,))
        places = pd.DatetimeIndex(values.index).get_indexer(pd.DatetimeIndex(list(breaches)))
        places = places[places >= 0]
        axes.plot(
            places, np.zeros(len(places)), linestyle="none", marker="^", markersize=7,
            color=INKS["deleveraging"], clip_on=False,
        )  # fmt: skip
        label_ends(axes, ends, roles=roles)
        days = ", ".join(session(values.index[int(place)]) for place in places)
        return svg_of(
            figure,
            name=name,
            title="σ, percent a year",
            description=f"{span_of(values.index)}. Last values: {said(ends)}. Fallbacks: "
            f"{int(fallbacks.to_numpy(dtype=bool).sum())}. Breaches of {plain(base)}: "
            f"{days or 'none'}.",
        )
