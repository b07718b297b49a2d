"""Charts of prices and of volatility as SVG strings for inline use in one HTML page.

Each raises ValueError if there is no session to draw. `width` is in CSS pixels, `WIDE` or
`NARROW` of `unwind.report.charts.drawing`; `name` begins every id.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from unwind.contract.text import plain, session
from unwind.report.charts.drawing import (
    canvas,
    ends_of,
    fit_levels,
    label_ends,
    labels_text,
    line,
    span_of,
)
from unwind.report.charts.palette import INKS, SERIES
from unwind.report.charts.svg import styled, svg_of


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
    with styled(len(closes)):
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
            description=f"{span_of(levels.index)}. Last levels: {labels_text(ends)}.",
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
        Annualised σ in percent, the base and at most five others. A NaN leaves a gap.
    base : str
        The column drawn in ink.
    fallbacks : DataFrame of shape (n_sessions, n_symbols)
        True for an EWMA fallback: a ring.
    breaches : sequence of date
        VaR breaches of the base: a triangle below its σ.
    width, name : int, str
        See the module.
    """
    values = history.astype("float64")
    others = [symbol for symbol in values.columns if symbol != base]
    roles = dict(zip(others, SERIES, strict=False)) | {base: "ink"}
    with styled(len(values)):
        ends = ends_of(values, decimals=0)
        figure, axes = canvas(values.index, width=width, height=260, ends=ends)
        for symbol in sorted(values.columns, key=lambda symbol: symbol == base):
            thickness = 2.0 if symbol == base else 1.3
            line(axes, values[symbol], role=roles[symbol], thickness=thickness)
            # A session between two missing ones has no line: draw a dot.
            alone = values[symbol].notna() & ~(
                values[symbol].shift().notna() | values[symbol].shift(-1).notna()
            )
            line(axes, values[symbol].where(alone), role=roles[symbol], thickness=thickness)
            axes.lines[-1].set_marker(".")
            replaced = np.flatnonzero(fallbacks[symbol].to_numpy(dtype=bool))
            axes.plot(
                replaced, values[symbol].to_numpy()[replaced], linestyle="none", marker="o",
                markersize=5, fillstyle="none", color=INKS[roles[symbol]],
            )  # fmt: skip
        fit_levels(axes, values, include=(0.0,))
        hits = pd.DatetimeIndex(values.index).get_indexer(pd.DatetimeIndex(list(breaches)))
        hits = hits[hits >= 0]
        axes.plot(
            hits, np.zeros(len(hits)), linestyle="none", marker="^", markersize=7,
            color=INKS["deleveraging"], clip_on=False,
        )  # fmt: skip
        label_ends(axes, ends, roles=roles)
        days = ", ".join(session(values.index[int(position)]) for position in hits)
        return svg_of(
            figure,
            name=name,
            title="Annualised σ, percent",
            description=f"{span_of(values.index)}. Last values: {labels_text(ends)}. EWMA "
            f"fallbacks: {int(fallbacks.to_numpy(dtype=bool).sum())}. VaR breaches of "
            f"{plain(base)}: {days or 'none'}.",
        )
