"""Charts of state and score, and of the regimes on the base's price.

`width` is in CSS pixels (`drawing.WIDE` or `drawing.NARROW`); `name` begins every id.
"""

from collections.abc import Mapping

import pandas as pd

from unwind.contract.text import number, percent, plain
from unwind.report.charts.drawing import (
    FOOT,
    canvas,
    ends_of,
    fit_levels,
    label_ends,
    labels_text,
    line,
    note,
    panel,
    room_for,
    session_axis,
    shade_states,
    sheet,
    span_of,
    write_levels,
)
from unwind.report.charts.palette import INKS, SERIES
from unwind.report.charts.svg import styled, svg_of

PRICE_HEIGHT, PROBABILITY_HEIGHT = 200, 110


def score_chart(
    history: pd.DataFrame, *, thresholds: Mapping[str, float], width: int, name: str
) -> str:
    """Draw the score over its thresholds, each session shaded by its state.

    Parameters
    ----------
    history : DataFrame of shape (n_sessions, 2)
        Columns score (evidence score; a null leaves a gap) and state.
    thresholds : mapping of str to float
        Name and level of each threshold.
    width, name : int, str
        See the module.
    """
    score = history["score"].astype("float64")
    levels = {
        label: (level, f"{label} {number(level, decimals=1)}")
        for label, level in thresholds.items()
    }
    last = ends_of(score.to_frame(), decimals=2)
    with styled(len(history)):
        figure, axes = canvas(history.index, width=width, height=240, ends=levels | last)
        shade_states(axes, history["state"])
        for level in thresholds.values():
            axes.axhline(level, color=INKS["muted"], linewidth=0.9, dashes=(4, 3))
        line(axes, score, role="ink", thickness=1.6)
        fit_levels(axes, score.to_frame(), include=(0.0, *thresholds.values()))
        label_ends(axes, levels | last, roles={"score": "ink"})
        return svg_of(
            figure,
            name=name,
            title="Score and state",
            description=f"{span_of(history.index)}. Last: {labels_text(last)}. "
            f"Thresholds: {labels_text(levels)}.",
        )


def regime_chart(
    close: pd.Series,
    states: pd.Series,
    probabilities: pd.DataFrame,
    *,
    base: str,
    width: int,
    name: str,
) -> str:
    """Draw the base's price shaded by state, above the filtered probability of stress.

    Parameters
    ----------
    close : Series of shape (n_sessions,)
        Closes of the base. A NaN leaves a gap.
    states : Series of shape (n_sessions,)
        State of each session; CALM stays unshaded.
    probabilities : DataFrame of shape (n_sessions, n_items)
        Filtered probability of the stressed state, one column per monitored item; at most
        five. A NaN leaves a gap; without a column there is no lower panel.
    base, width, name : str, int, str
        See the module.
    """
    price = close.astype("float64").rename(base).to_frame()
    shares = 100 * probabilities.astype("float64")
    roles = dict(zip(shares.columns, SERIES, strict=False))
    with styled(len(price)):
        ends, below = ends_of(price, decimals=2), ends_of(shares, decimals=0)
        right = max(room_for(ends), room_for(below))
        lower = PROBABILITY_HEIGHT if len(shares.columns) else 0
        figure = sheet(width=width, height=PRICE_HEIGHT + lower + int(FOOT))
        axes = panel(figure, top=8, foot=lower + FOOT, right=right)
        session_axis(axes, price.index, labelled=not lower)
        shade_states(axes, states)
        line(axes, price[base], role="ink", thickness=1.8)
        fit_levels(axes, price, include=())
        label_ends(axes, ends, roles={base: "ink"})
        if lower:
            under = panel(figure, top=PRICE_HEIGHT + 18, foot=FOOT, right=right)
            session_axis(under, price.index)
            under.set_ylim(-4, 104)
            under.set_yticks([0, 50, 100])
            write_levels(under, lambda level: number(level, decimals=0))
            note(under, "Filtered probability of stress, percent", at=(0, 1))
            for item in shares.columns:
                line(under, shares[item], role=roles[item], thickness=1.4)
                # A session between two unpublished ones has no line: draw a dot.
                known = shares[item].notna()
                alone = known & ~(known.shift(fill_value=False) | known.shift(-1, fill_value=False))
                line(under, shares[item].where(alone), role=roles[item], thickness=1.4)
                under.lines[-1].set_marker(".")
            label_ends(under, below, roles=roles)
        latest = ", ".join(
            f"{plain(item)} {percent(probabilities[item].dropna().iloc[-1], decimals=0)}"
            for item in probabilities.columns
            if probabilities[item].notna().any()
        )
        days = states.value_counts().sort_index()
        counts = ", ".join(f"{plain(state)} {count}" for state, count in days.items())
        return svg_of(
            figure,
            name=name,
            title=f"{plain(base)} by state, and filtered probability of stress",
            description=f"{span_of(price.index)}. Sessions by state: {counts}. Last close: "
            f"{labels_text(ends)}. Last probabilities: {latest or 'none'}.",
        )
