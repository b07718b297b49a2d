"""Charts by spot price: dealer gamma under every convention, and structured-note barriers.

`width` is in CSS pixels (`drawing.WIDE` or `drawing.NARROW`); `name` begins every id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.derivatives import LONG, SHORT, Zone
from unwind.contract.text import instant, number, percent
from unwind.indicators.mechanisms.views import BarrierView, GammaView
from unwind.report.charts.drawing import note, panel, sheet, write_levels
from unwind.report.charts.palette import INKS
from unwind.report.charts.svg import styled, svg_of

if TYPE_CHECKING:
    # Only drawing needs the library; modules that read captions skip its import time.
    from matplotlib.axes import Axes


MILLION = 1e6
ZONES = {SHORT: "deleveraging", LONG: "third"}
FOOT = 38.0
LEFT = 46.0
CHARACTER = 7.0


def gamma_chart(view: GammaView, *, base: str, width: int, name: str) -> str:
    """Draw dealer gamma exposure by spot: central line, range over conventions, zones, flip.

    Parameters
    ----------
    view : GammaView
    base, width, name : str, int, str
        See the module.
    """
    profile = view.profile
    curves = profile.profile[["low", "central", "high"]] / MILLION
    with styled(len(curves), of="spot"):
        figure = sheet(width=width, height=300)
        axes = panel(figure, top=44, foot=FOOT, left=LEFT, right=14)
        _spot_axis(axes, base=base, ends=(float(curves.index[0]), float(curves.index[-1])))
        for zone in profile.zones:
            role = ZONES.get(zone.side, "unknown")
            axes.axvspan(zone.lower, zone.upper, color=INKS[role], alpha=0.14, linewidth=0)
        axes.fill_between(
            curves.index, curves["low"], curves["high"], color=INKS["first"], alpha=0.25,
            linewidth=0,
        )  # fmt: skip
        axes.axhline(0, color=INKS["muted"], linewidth=0.9)
        axes.plot(curves.index, curves["central"], color=INKS["first"], linewidth=2.0)
        levels = curves.to_numpy(dtype=np.float64)
        room = 0.06 * float(np.ptp(levels)) or 1.0
        axes.set_ylim(float(levels.min()) - room, float(levels.max()) + room)
        _mark(axes, profile.spot, f"spot {number(profile.spot, decimals=2)}", role="ink", row=1)
        if np.isfinite(profile.flip):
            _mark(
                axes, profile.flip, f"flip {number(profile.flip, decimals=2)}", role="second",
                row=0, dashed=True,
            )  # fmt: skip
            low, high = axes.get_xlim()
            between = np.clip([profile.flip_lower, profile.flip_upper], low, high)
            axes.plot(
                between, [1.0, 1.0], transform=axes.get_xaxis_transform(), color=INKS["second"],
                linewidth=4.0, alpha=0.7, clip_on=False, solid_capstyle="butt",
            )  # fmt: skip
        note(axes, "USD m per 1 % move", at=(0, 1), up=4)
        _name_zones(axes, profile.zones)
        at = f"{instant(view.at, zone='UTC', label='UTC')}"
        zones = "; ".join(
            f"{zone.side} {number(zone.lower, decimals=2)} to {number(zone.upper, decimals=2)}"
            for zone in profile.zones
        )
        return svg_of(
            figure,
            name=name,
            title=f"Dealer gamma exposure in {base} by spot price, option chain of {at}",
            description=f"At spot {number(profile.spot, decimals=2)}: {gamma_text(view)}. Zones: "
            f"{zones}. Flip: {flip_text(view)}.",
        )


def _name_zones(axes: Axes, zones: tuple[Zone, ...]) -> None:
    """Write the side of each zone at its foot, if it is wide enough for the word."""
    low, high = axes.get_xlim()
    for zone in zones:
        share = (zone.upper - zone.lower) / (high - low)
        if share * float(axes.get_window_extent().width) > CHARACTER * len(zone.side):
            middle = ((zone.lower + zone.upper) / 2 - low) / (high - low)
            note(axes, zone.side, at=(middle, 0), align="center", role="ink")


def gamma_text(view: GammaView) -> str:
    """Write the exposure at spot with its range, USD m per 1 % move."""
    low, central, high = (
        number(value / MILLION, decimals=1)
        for value in (view.profile.low, view.profile.central, view.profile.high)
    )
    return f"{central} ({low} to {high}) USD m per 1 % move, dealers {view.profile.side}"


def flip_text(view: GammaView) -> str:
    """Write the flip with its interval; an end beyond the grid is open."""
    profile = view.profile
    if np.isnan(profile.flip):
        return "none on the grid"
    ends = [
        number(end, decimals=2) if np.isfinite(end) else "beyond the grid"
        for end in (profile.flip_lower, profile.flip_upper)
    ]
    return f"{number(profile.flip, decimals=2)}, range {ends[0]} to {ends[1]}"


def barrier_chart(view: BarrierView, *, base: str, width: int, name: str) -> str:
    """Draw notional by barrier price, above the probability of touching each price.

    Parameters
    ----------
    view : BarrierView
    base, width, name : str, int, str
        See the module.
    """
    density = view.density
    ends = float(density["lower"].iloc[0]), float(density["upper"].iloc[-1])
    with styled(len(density), of="step of spot"):
        figure = sheet(width=width, height=340)
        axes = panel(figure, top=34, foot=150, left=LEFT, right=14)
        ahead = density["lower"] < view.spot
        for part, role in ((ahead, "second"), (~ahead, "unknown")):
            axes.bar(
                density.loc[part, "lower"], density.loc[part, "notional"] / MILLION,
                width=0.9 * (density["upper"] - density["lower"])[part], align="edge",
                color=INKS[role], linewidth=0,
            )  # fmt: skip
        axes.set_xlim(*ends)
        axes.set_xticks([])
        axes.set_ylim(0, 1.08 * float(density["notional"].max()) / MILLION or 1.0)
        _mark(axes, view.spot, f"spot {number(view.spot, decimals=2)}", role="ink", row=1)
        note(axes, "Notional per 1 % of spot, USD m", at=(0, 1))
        under = panel(figure, top=218, foot=FOOT, left=LEFT, right=14)
        _spot_axis(under, base=base, ends=ends)
        under.plot(view.curve.index, 100 * view.curve, color=INKS["first"], linewidth=1.6)
        inside = view.notes[view.notes["barrier"].between(*ends)]
        under.scatter(
            inside["barrier"], 100 * inside["probability"],
            s=np.clip(inside["notional"] / MILLION, 6, 90), color=INKS["first"], alpha=0.55,
            linewidths=0,
        )  # fmt: skip
        under.set_ylim(-6, 106)
        under.set_yticks([0, 50, 100])
        under.axvline(view.spot, color=INKS["ink"], linewidth=1.2)
        note(under, f"Touch probability within {view.sessions} sessions, percent", at=(0, 1))
        return svg_of(
            figure,
            name=name,
            title=f"Structured-note barriers on {base}, and their touch probabilities",
            description=f"Spot {number(view.spot, decimals=2)}. {barrier_text(view)}.",
        )


def barrier_text(view: BarrierView) -> str:
    """Write the notional below spot, and its notional-weighted touch probability."""
    total = float(view.notes["notional"].sum()) / MILLION
    ahead = view.notes[view.notes["barrier"] < view.spot]
    below = float(ahead["notional"].sum()) / MILLION
    knocked_in = number(view.knocked_in / MILLION, decimals=1)
    lead = (
        f"{len(view.notes)} notes not knocked in, notional ${number(total, decimals=1)} m; "
        f"${knocked_in} m already knocked in"
    )
    if ahead.empty:
        return f"{lead}; no barrier below spot"
    mean = float(np.average(ahead["probability"], weights=ahead["notional"]))
    return (
        f"{lead}; ${number(below, decimals=1)} m with barriers below spot, touched within "
        f"{view.sessions} sessions with probability {percent(mean, decimals=0)} "
        f"(notional-weighted mean; {view.volatility})"
    )


def _spot_axis(axes: Axes, *, base: str, ends: tuple[float, float]) -> None:
    axes.set_xlim(*ends)
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda spot, _: number(spot, decimals=0)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    write_levels(axes, _level)
    axes.annotate(
        f"spot of {base}, USD", (1, 0), xycoords="axes fraction", xytext=(0, -33),
        textcoords="offset points", ha="right", color=INKS["muted"],
    )  # fmt: skip


def _level(level: float) -> str:
    return number(level, decimals=0 if abs(level) >= 10 or level == round(level) else 1)


def _mark(axes: Axes, at: float, text: str, *, role: str, row: int, dashed: bool = False) -> None:
    """Mark a price by a vertical line, its label above the panel in one of two rows."""
    low, high = axes.get_xlim()
    if not low <= at <= high:
        return
    axes.axvline(at, color=INKS[role], linewidth=1.2, linestyle="--" if dashed else "-")
    share = (at - low) / (high - low)
    align = "right" if share > 0.75 else "center" if share > 0.3 else "left"
    note(axes, text, at=(share, 1), role="ink", align=align, up=4 + 15 * row)
