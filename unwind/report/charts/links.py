"""Charts of the base's correlations: history with intervals, and a heat map by window.

`width` is in CSS pixels (`drawing.WIDE` or `drawing.NARROW`); `name` begins every id.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from unwind.contract.text import interval, number, plain, session
from unwind.report.charts.drawing import (
    band,
    canvas,
    ends_of,
    label_ends,
    labels_text,
    line,
    mark_breaks,
    panel,
    sheet,
    span_of,
)
from unwind.report.charts.palette import INKS, SERIES
from unwind.report.charts.svg import styled, svg_of

FALL, RISE = "second", "first"
# A correlation of 1 takes this share of the colour, so that text on it keeps its contrast.
DEEPEST = 0.5
LINE = 19.0
LABEL = 86.0
HEAD = 34.0


def correlation_chart(
    history: pd.DataFrame,
    *,
    base: str,
    highlighted: Sequence[str],
    lower: pd.DataFrame,
    upper: pd.DataFrame,
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
    lower, upper : DataFrame of shape (n_sessions, n_counterparts)
        Interval of each correlation: the first highlighted has its own through the history, each
        other the last one, a bar at the right edge.
    breaks : mapping of date to str
        First session of a new segment, and its label.
    width, name : int, str
        See the module.
    """
    values = history.astype("float64")
    roles = dict(zip(highlighted, SERIES, strict=False))
    with styled(len(values)):
        ends = ends_of(values[list(roles)], decimals=2)
        figure, axes = canvas(values.index, width=width, height=320, ends=ends, head=34.0)
        axes.axhline(0, color=INKS["muted"], linewidth=0.8)
        for symbol in list(roles)[:1]:
            band(axes, lower[symbol], upper[symbol], role=roles[symbol], share=0.16)
        for symbol in values.columns.difference(list(roles), sort=False):
            line(axes, values[symbol], role="others", thickness=0.7)
        for symbol in reversed(list(roles)):
            line(axes, values[symbol], role=roles[symbol], thickness=2.0)
        axes.set_ylim(-1, 1)
        axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−0.5", "0", "0.5", "1"])
        mark_breaks(axes, pd.DatetimeIndex(values.index), breaks)
        for rank, symbol in enumerate(roles):
            ends_at = lower[symbol].iloc[-1], upper[symbol].iloc[-1]
            if np.isnan(ends_at).any():
                continue
            axes.vlines(
                1 + (4 + 5 * rank) / float(axes.get_window_extent().width),
                *ends_at,
                transform=axes.get_yaxis_transform(),
                color=INKS[roles[symbol]],
                linewidth=3.0,
                alpha=0.6,
                clip_on=False,
            )
        label_ends(axes, ends, roles=roles)
        bars = "; ".join(
            f"{plain(symbol)} "
            + interval(lower[symbol].iloc[-1], upper[symbol].iloc[-1], decimals=2)
            for symbol in roles
        )
        marks = ", ".join(f"{session(day)} ({plain(label)})" for day, label in breaks.items())
        return svg_of(
            figure,
            name=name,
            title=f"Rolling correlation with {plain(base)}",
            description=f"{span_of(values.index)}. Last values: {labels_text(ends)}. "
            f"Last intervals: {bars or 'none'}. "
            f"Breaks: {marks or 'none'}.",
        )


def heat_map(
    values: pd.DataFrame, undetermined: pd.DataFrame, *, base: str, width: int, name: str
) -> str:
    """Draw the correlation of the base with each counterpart, by method and window.

    Parameters
    ----------
    values : DataFrame of shape (n_counterparts, n_measures)
        Correlations in [-1, 1]; column names are displayed. NaN leaves an empty cell.
    doubtful : DataFrame of shape (n_counterparts, n_measures)
        True where the interval includes zero: the figure is in italics.
    base : str
        Named in the title.
    width, name : int, str
        See the module.
    """
    from matplotlib.patches import Rectangle

    with styled(len(values), of="counterpart"):
        figure = sheet(width=width, height=int(HEAD + LINE * len(values) + 4))
        axes = panel(figure, top=HEAD, foot=4, left=LABEL, right=2)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_xlim(0, len(values.columns))
        axes.set_ylim(len(values), 0)
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=3)
        axes.set_xticks(np.arange(len(values.columns)) + 0.5, [plain(text) for text in values])
        axes.set_yticks(np.arange(len(values)) + 0.5, [plain(text)[:12] for text in values.index])
        for (row, column), value in np.ndenumerate(values.to_numpy(dtype=np.float64)):
            if np.isnan(value):
                continue
            shade = INKS[RISE if value >= 0 else FALL]
            axes.add_patch(
                Rectangle(
                    (column + 0.02, row + 0.04), 0.96, 0.92, linewidth=0, facecolor=shade,
                    alpha=DEEPEST * min(abs(float(value)), 1.0),
                )
            )  # fmt: skip
            axes.text(
                column + 0.5, row + 0.68, number(float(value), decimals=2), ha="center",
                color=INKS["ink"],
                fontstyle="italic" if undetermined.iloc[row, column] else "normal",
            )  # fmt: skip
        cells = ", ".join(
            f"{plain(asset)} {plain(measure)} {number(float(value), decimals=2)}"
            for asset, row in values.iterrows()
            for measure, value in row.dropna().items()
        )
        return svg_of(
            figure,
            name=name,
            title=f"Correlation with {plain(base)}, by window",
            description=f"{cells or 'No correlations'}.",
        )
