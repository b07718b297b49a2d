"""Data of the mechanism charts: what each block draws, or the reason why it draws nothing.

The last point of a view is the published value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.constants import SESSIONS_PER_YEAR
from features.derivatives import GammaProfile, hitting_probability
from features.fund_flows import AGREE, vendor_conflict
from models.regression import Expectation
from unwind.indicators.block import MISSING, Mechanism
from unwind.indicators.mechanisms.fund_flows import FundFlow, Scale
from unwind.indicators.mechanisms.futures_history import FuturesView
from unwind.indicators.mechanisms.note_states import (
    KNOCKED_IN,
    Note,
    barrier_map,
    touch_probability,
)
from unwind.settings import Settings
from unwind.settings.mechanisms import Flows

# Sessions of the flow chart: more, and its bars would touch.
FLOW_SESSIONS = 63
A_WEEK = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GammaView:
    """Dealers' gamma over spot, and when its chain was taken."""

    profile: GammaProfile
    at: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasisView:
    """Annualised basis at constant maturities, decimal a year.

    Attributes
    ----------
    tenors : tuple of int
        Days.
    curves : dict of Timestamp to DataFrame
        Newest session, the one before and one a week before; a row a tenor, columns basis and error
        (half the band). NaN where a maturity could not be had.
    history : DataFrame of shape (n_sessions, 2)
        Columns basis and error of the shortest tenor.
    """

    tenors: tuple[int, ...]
    curves: dict[pd.Timestamp, pd.DataFrame]
    history: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowView:
    """A fund's flow against what was expected of each session, USD m.

    Attributes
    ----------
    rows : DataFrame of shape (n_sessions, 5)
        flow, expected, surprise; category of the widest conflict among vendors; conflicted, True
        where they do not agree. The expectation of a session uses earlier sessions only.
    """

    item: str
    vendor: str
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarrierView:
    """Notes on the base whose barrier still waits: where it lies, and how likely it is touched.

    Attributes
    ----------
    density : DataFrame
        From `features.derivatives.notional_density`.
    notes : DataFrame
        note, barrier, notional (USD), probability (of a touch within the horizon).
    curve : Series
        Probability of a touch within the horizon, by level of a barrier.
    sessions : int
        The horizon.
    knocked_in : float
        Notional of the notes that no longer wait, USD.
    """

    spot: float
    density: pd.DataFrame
    notes: pd.DataFrame
    curve: pd.Series
    sessions: int
    knocked_in: float
    volatility: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MechanismViews:
    """The views of one session; a text is the reason why there is none."""

    gamma: GammaView | str
    basis: BasisView | str
    flow: FlowView | str
    barriers: BarrierView | str


def missing_reason(
    rows: Sequence[Mechanism], indicator: str, item: str | None = None
) -> str | None:
    """Reason why no row of the indicator has a value; None where one has."""
    matches = [row for row in rows if row.indicator == indicator and item in (None, row.item)]
    if any(row.quality != MISSING for row in matches):
        return None
    return matches[0].reason if matches else f"{indicator} was not published for this session"


def basis_view(futures: FuturesView, rows: Sequence[Mechanism]) -> BasisView | str:
    """Basis over maturities and over time, from the histories behind the rows."""
    if (reason := missing_reason(rows, "basis")) is not None:
        return reason
    bases, settings = futures.history.bases, futures.context.settings
    tenors = tuple(sorted(settings.futures.tenors))
    by_tenor = {tenor: bases[f"{tenor}d"][["basis", "error"]] for tenor in tenors}
    values = pd.DataFrame({tenor: frame["basis"] for tenor, frame in by_tenor.items()})
    newest = values.index[values.notna().any(axis=1)][-1]
    history = by_tenor[tenors[0]].loc[:newest]
    days = [history.index[-1 - back] for back in (0, 1, A_WEEK) if back < len(history)]
    return BasisView(
        tenors=tenors,
        curves={
            pd.Timestamp(day): pd.DataFrame({t: frame.loc[day] for t, frame in by_tenor.items()}).T
            for day in days
        },
        history=history.iloc[-settings.report.history :],
    )


def flow_view(flow: FundFlow, expected: Expectation, scale: Scale, chosen: Flows) -> FlowView:
    """Flow of a fund against its out-of-sample expectation, USD m."""
    size = scale.before
    category = _conflicts(flow, chosen)
    rows = pd.DataFrame(
        {
            "flow": flow.flow,
            "expected": expected.expected * size.reindex(expected.expected.index),
            "surprise": expected.error * size.reindex(expected.error.index),
            "category": category,
            "conflicted": category.notna() & (category != AGREE),
        },
        index=flow.flow.index,
    )
    return FlowView(item=flow.item, vendor=flow.vendor, rows=rows.iloc[-FLOW_SESSIONS:])


def _conflicts(flow: FundFlow, chosen: Flows) -> pd.Series:
    """Category of the vendor who disagrees; where none does, of the last by name."""
    category = pd.Series(np.nan, index=flow.flow.index, dtype="object")
    for name in flow.others:
        other = vendor_conflict(
            flow.flow, flow.others[name], gap_share=chosen.conflict_share,
            window=chosen.conflict_window, min_observations=chosen.conflict_window // 2,
        )["category"].astype("object")  # fmt: skip
        agreed = category.isna() | (category == AGREE)
        category = category.where(~agreed | other.isna(), other)
    return category


def barrier_view(notes: Sequence[Note], base: str, settings: Settings) -> BarrierView | str:
    """Barriers of the measured notes on the base that are not knocked in."""
    chosen = settings.notes
    waiting = [note for note in notes if note.state != KNOCKED_IN]
    if not waiting:
        return f"every note on {base} was knocked in: no barrier waits"
    density = barrier_map(waiting, reach=chosen.reach)
    horizon = chosen.horizon_sessions / SESSIONS_PER_YEAR
    levels = density["lower"].to_numpy(dtype=np.float64)
    spot, volatility = notes[0].spot, notes[0].volatility
    return BarrierView(
        spot=spot,
        density=density,
        notes=pd.DataFrame(
            {
                "note": [note.name for note in waiting],
                "barrier": [note.barrier for note in waiting],
                "notional": [note.notional for note in waiting],
                "probability": [
                    touch_probability(note, min(horizon, note.years), settings) for note in waiting
                ],
            }
        ),
        curve=pd.Series(
            # A level above spot has been touched.
            hitting_probability(
                spot,
                np.minimum(levels, spot),
                volatility=volatility.value,
                years=horizon,
                drift=chosen.drift,
            ),
            index=levels,
        ),
        sessions=chosen.horizon_sessions,
        knocked_in=sum(note.notional for note in notes if note.state == KNOCKED_IN),
        volatility=volatility.detail,
    )
