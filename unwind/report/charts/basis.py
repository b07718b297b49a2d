"""Charts of the futures basis: term structure on three sessions, and history.

Bands are the error from timing and spot-source mismatch. `width` is in CSS pixels,
`WIDE` or `NARROW` of `unwind.report.charts.drawing`; `name` begins every id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unwind.contract.text import interval, number, session
from unwind.indicators.mechanisms.views import BasisView
from unwind.report.charts.drawing import (
    band,
    canvas,
    ends_of,
    label_ends,
    line,
    note,
    panel,
    room_for,
    sheet,
    span_of,
    write_levels,
)
from unwind.report.charts.palette import INKS
from unwind.report.charts.svg import styled, svg_of

if TYPE_CHECKING:
    # Only drawing needs the library; modules that read captions skip its import time.
    from matplotlib.axes import Axes


PERCENT = 100.0
# The newest session first, in the strongest colour.
ROLES = ("first", "second", "muted")
APART = 2.2  # days between the error bars of one maturity, so that they do not overlap


def term_chart(view: BasisView, *, width: int, name: str) -> str:
    """Draw the basis by maturity: newest session, the one before, a week before; bars are errors.

    Parameters
    ----------
    view : BasisView
    width, name : int, str
        See the module.
    """
    with styled(len(view.curves)):
        ends = _ends(view.curves)
        figure = sheet(width=width, height=230)
        axes = panel(figure, top=22, foot=38, right=room_for(ends))
        axes.set_xlim(view.tenors[0] - 14, view.tenors[-1] + 14)
        axes.set_xticks(view.tenors, [f"{tenor} d" for tenor in view.tenors])
        drawn = list(zip(view.curves.items(), ROLES, strict=False))
        for age, ((_, curve), role) in reversed(list(enumerate(drawn))):
            at = np.asarray(curve.index, dtype=np.float64) + APART * (age - 1)
            level, error = (
                PERCENT * curve[part].to_numpy(dtype=np.float64) for part in ("basis", "error")
            )
            axes.errorbar(
                at, level, yerr=error, color=INKS[role], linewidth=2.0 if not age else 1.2,
                elinewidth=2.4 if not age else 1.2, marker="o", markersize=4.5, capsize=3,
            )  # fmt: skip
        _levels(axes, pd.concat(view.curves.values()))
        note(axes, "Annualised basis, % p.a.", at=(0, 1), up=6)
        newest = next(iter(view.curves.values()))["basis"]
        low, high = axes.get_xlim()
        for tenor in newest.index[newest.isna()]:
            at_share = (float(tenor) - low) / (high - low)
            note(axes, "none", at=(at_share, 0), align="center")
        label_ends(axes, ends, roles=dict(zip(ends, ROLES, strict=False)))
        return svg_of(
            figure, name=name, title="Term structure of the basis", description=term_text(view)
        )


def _ends(curves: Mapping[pd.Timestamp, pd.DataFrame]) -> dict[str, tuple[float, str]]:
    """Label each curve with its session at the level of its last known maturity."""
    ends = {}
    for day, curve in curves.items():
        known = curve["basis"].dropna()
        if len(known):
            ends[session(day)] = (PERCENT * float(known.iloc[-1]), session(day))
    return ends


def term_text(view: BasisView) -> str:
    """Write the annualised basis and band per maturity and session, % p.a."""
    sessions = []
    for day, curve in view.curves.items():
        cells = []
        for tenor in view.tenors:
            known = PERCENT * curve.loc[tenor, ["basis", "error"]].to_numpy(dtype=np.float64)
            basis, error = (float(value) for value in known)
            ends = interval(basis - error, basis + error, decimals=2)
            if np.isnan(basis):
                cells.append(f"{tenor} d none")
            else:
                cells.append(f"{tenor} d {number(basis, decimals=2)} % ({ends})")
        sessions.append(f"{session(day)}: {', '.join(cells)}")
    return "; ".join(sessions) + "."


def basis_chart(view: BasisView, *, width: int, name: str) -> str:
    """Draw the history of the basis at the shortest maturity, with its band.

    Parameters
    ----------
    view : BasisView
    width, name : int, str
        See the module.
    """
    basis, error = (PERCENT * view.history[part].astype("float64") for part in ("basis", "error"))
    label = f"{view.tenors[0]} d"
    with styled(len(basis)):
        ends = ends_of(basis.rename(label).to_frame(), decimals=2)
        figure, axes = canvas(basis.index, width=width, height=220, ends=ends, head=22)
        band(axes, basis - error, basis + error, role="first", share=0.22)
        axes.axhline(0, color=INKS["muted"], linewidth=0.9)
        line(axes, basis, role="first", thickness=1.6)
        _levels(axes, view.history)
        note(axes, f"Basis at {view.tenors[0]} days, annualised, % p.a.", at=(0, 1), up=6)
        label_ends(axes, ends, roles={label: "first"})
        known = basis.dropna()
        last = known.index[-1] if len(known) else basis.index[-1]
        band_text = interval(basis[last] - error[last], basis[last] + error[last], decimals=2)
        return svg_of(
            figure,
            name=name,
            title=f"Basis at {view.tenors[0]} days, with its error band",
            description=f"{span_of(basis.index)}. Last, {session(last)}: "
            f"{number(basis[last], decimals=2)} % p.a. ({band_text}).",
        )


def _levels(axes: Axes, curves: pd.DataFrame) -> None:
    """Limit the axis to bases and usual bands: one wide band must not flatten the chart."""
    basis, error = (
        PERCENT * curves[part].to_numpy(dtype=np.float64) for part in ("basis", "error")
    )
    known = np.isfinite(basis) & np.isfinite(error)
    if not known.any():
        return
    usual = min(float(error[known].max()), 3 * float(np.median(error[known])))
    low = float(np.min(basis[known] - np.minimum(error[known], usual)))
    high = float(np.max(basis[known] + np.minimum(error[known], usual)))
    room = 0.06 * (high - low) or 1.0
    axes.set_ylim(min(low - room, 0.0), max(high + room, 0.0))
    write_levels(axes, lambda level: number(level, decimals=0))
