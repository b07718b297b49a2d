"""What the charts of the mechanisms show: the figures behind the published rows, over spot or time.

Each view stands where the table `mechanisms` has a value; where the table has none, the reason
given there stands in its place. The last point of a view is the published value.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.barriers import hitting_probability
from features.etf_flows import AGREE, vendor_conflict
from features.gamma_exposure import GammaProfile
from features.returns import SESSIONS_A_YEAR
from models.errors import NotEnoughData
from unwind.indicators.block import MISSING
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.chain_snapshots import newest_snapshot, session_profile
from unwind.indicators.mechanisms.etf_flows import expected_flow, regressors
from unwind.indicators.mechanisms.fund_flows import FundFlow, fund_flow, printed_flows
from unwind.indicators.mechanisms.futures_history import futures_view
from unwind.indicators.mechanisms.note_states import (
    KNOCKED_IN,
    barrier_map,
    live_notes,
    standing_notes,
)
from unwind.indicators.mechanisms.notes import touch_probability
from unwind.report.format import records
from unwind.settings import Settings

# Sessions of the flow chart: more, and its bars would touch.
FLOW_SESSIONS = 63
A_WEEK = 5
Inputs = Mapping[str, pd.DataFrame]


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
        From `features.barriers.notional_density`.
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


def mechanism_views(context: RunContext, published: pd.DataFrame) -> MechanismViews:
    """Lay out what the charts of the mechanisms show.

    Parameters
    ----------
    context : RunContext
    published : DataFrame
        The session's rows of `mechanisms`.
    """
    return MechanismViews(
        gamma=_gamma(context, published),
        basis=_basis(context, published),
        flow=_flow(context, published),
        barriers=_barriers(context, published),
    )


def _reason(published: pd.DataFrame, indicator: str, item: str | None = None) -> str | None:
    """Why no row of the indicator has a value; None where one has."""
    rows = [
        row
        for row in records(published)
        if row["indicator"] == indicator and item in (None, row["item"])
    ]
    if any(row["quality"] != MISSING for row in rows):
        return None
    return rows[0]["reason"] if rows else f"{indicator} was not published for this session"


def _gamma(context: RunContext, published: pd.DataFrame) -> GammaView | str:
    if (reason := _reason(published, "gamma_exposure")) is not None:
        return reason
    snapshot = newest_snapshot(context.inputs["option_chains"], context)
    profile = None if snapshot is None else session_profile(snapshot, context)  # fmt: skip
    if snapshot is None or profile is None:
        return "the chain behind the published figure is no longer on file"
    return GammaView(profile=profile, at=snapshot.at)


def _basis(context: RunContext, published: pd.DataFrame) -> BasisView | str:
    if (reason := _reason(published, "basis")) is not None:
        return reason
    bases = futures_view(context).history.bases
    tenors = tuple(sorted(context.settings.futures.tenors))
    shown = ["basis", "error"]
    by_tenor = {tenor: bases[f"{tenor}d"][shown] for tenor in tenors}
    held = pd.DataFrame({tenor: frame["basis"] for tenor, frame in by_tenor.items()})
    newest = held.index[held.notna().any(axis=1)][-1]
    history = by_tenor[tenors[0]].loc[:newest]
    days = [history.index[-1 - back] for back in (0, 1, A_WEEK) if back < len(history)]
    return BasisView(
        tenors=tenors,
        curves={
            pd.Timestamp(day): pd.DataFrame({t: frame.loc[day] for t, frame in by_tenor.items()}).T
            for day in days
        },
        history=history.iloc[-context.settings.report.history :],
    )


def _flow(context: RunContext, published: pd.DataFrame) -> FlowView | str:
    """The base's fund, or all funds where it has no surprise."""
    chosen, base = context.settings.flows, context.settings.universe.base
    reasons = {item: _reason(published, "flow_surprise", item) for item in (base, chosen.total)}
    item = next((name for name, reason in reasons.items() if reason is None), None)
    if item is None:
        return str(reasons[base])
    flows, known = printed_flows(
        context.inputs["etf_flows"],
        context.panel,
        wanted=(base, chosen.total),
        peers=chosen.conflict_window,
    )
    found = fund_flow(flows, known, item, context)
    if isinstance(found, str):
        return found
    held = regressors(found, context.panel, base, chosen)
    try:
        told = expected_flow(held, chosen)
    except NotEnoughData as fault:
        return str(fault)
    size = held.scale.before
    category = _conflicts(found, context.settings)
    rows = pd.DataFrame(
        {
            "flow": found.flow,
            "expected": told.expected * size.reindex(told.expected.index),
            "surprise": told.error * size.reindex(told.error.index),
            "category": category,
            "conflicted": category.notna() & (category != AGREE),
        },
        index=found.flow.index,
    )
    return FlowView(item=item, vendor=found.vendor, rows=rows.iloc[-FLOW_SESSIONS:])


def _conflicts(found: FundFlow, settings: Settings) -> pd.Series:
    """Category of the vendor who disagrees; where none does, of the last by name."""
    chosen = settings.flows
    category = pd.Series(np.nan, index=found.flow.index, dtype="object")
    for name in found.others:
        told = vendor_conflict(
            found.flow, found.others[name], gap_share=chosen.conflict_share,
            window=chosen.conflict_window, min_observations=chosen.conflict_window // 2,
        )["category"].astype("object")  # fmt: skip
        agreed = category.isna() | (category == AGREE)
        category = category.where(~agreed | told.isna(), told)
    return category


def _barriers(context: RunContext, published: pd.DataFrame) -> BarrierView | str:
    base, chosen = context.settings.universe.base, context.settings.notes
    held = live_notes(context.inputs["structured_notes"], context)
    own = held[held["underlying"] == base] if len(held) else held
    own = own[own[["barrier", "notional_usd"]].notna().all(axis=1)] if len(own) else own
    if own.empty:
        reason = _reason(published, "barrier_proximity", base)
        return reason or f"no note on {base} is on file"
    notes, fault = standing_notes(own, base, context)
    if fault is not None:
        return fault
    waiting = [note for note in notes if note.state != KNOCKED_IN]
    if not waiting:
        return f"every note on {base} was knocked in: no barrier waits"
    density = barrier_map(waiting, reach=chosen.reach)
    horizon = chosen.horizon_sessions / SESSIONS_A_YEAR
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
                    touch_probability(note, min(horizon, note.years), context.settings)
                    for note in waiting
                ],
            }
        ),
        curve=pd.Series(
            hitting_probability(
                spot, levels, volatility=volatility.value, years=horizon, drift=chosen.drift
            ),
            index=levels,
        ),
        sessions=chosen.horizon_sessions,
        knocked_in=sum(note.notional for note in notes if note.state == KNOCKED_IN),
        volatility=volatility.detail,
    )
