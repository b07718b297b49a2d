"""A fund's flow as it was known at a cut-off: whose figures, how finished, over what assets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.fund_flows import AGREE, rolled_assets, unfinished_funds, vendor_conflict
from features.panel import Panel
from unwind.indicators.block import CONFLICTED, GOOD, PARTIAL, STALE
from unwind.indicators.context import RunContext
from unwind.settings.mechanisms import Flows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FundFlow:
    """Flow of one fund as known, up to its newest session.

    Attributes
    ----------
    item : str
        Fund, or the name of the total.
    vendor : str
        Whose figures count.
    flow : Series of shape (n_sessions,)
        Net flow, USD m, ended at the newest.
    others : DataFrame of shape (n_sessions, n_vendors)
        The other vendors' figures of the same sessions.
    known_at : Timestamp
        When the last of these and of the base's prices was known.
    quality : str
        Of the newest print itself: good, conflicted, partial or stale.
    detail : str
    """

    item: str
    vendor: str
    flow: pd.Series
    others: pd.DataFrame
    known_at: pd.Timestamp
    quality: str
    detail: str

    @property
    def describes(self) -> pd.Timestamp:
        """The newest session with a flow."""
        return pd.Timestamp(self.flow.index[-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """Divisor of a flow: known before its session, USD m."""

    before: pd.Series
    detail: str
    unit: str


def printed_flows(
    table: pd.DataFrame, panel: Panel, *, wanted: tuple[str, ...], peers: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Net flows and when each was known, sessions down, (fund, vendor) across.

    Other funds than the wanted stand only in the last 2·`peers` sessions: they say whether a
    total is finished. With none printed at all, the frames have no column.
    """
    if table.empty:
        nothing = pd.DataFrame(index=panel.sessions, columns=pd.MultiIndex.from_arrays([[], []]))
        return nothing, nothing
    recent = table["session"] >= panel.sessions[max(0, len(panel.sessions) - 2 * peers)]
    printed = table[
        (table["fund"].isin(wanted) | recent)
        & table["session"].isin(panel.sessions)
        & table["net_flow_usd_m"].notna()
    ]
    keyed = printed.set_index(["session", "fund", "vendor"])
    return _wide(keyed["net_flow_usd_m"], panel), _wide(keyed["known_at"], panel)


def _wide(column: pd.Series, panel: Panel) -> pd.DataFrame:
    wide: pd.DataFrame = column.unstack(["fund", "vendor"])  # noqa: PD010 - keys are unique
    return wide.reindex(panel.sessions)


def _level(frame: pd.DataFrame, name: str, *, level: int) -> pd.DataFrame:
    """Columns of one fund (level 0) or vendor (level 1), the other level left as their names."""
    kept = frame.loc[:, frame.columns.get_level_values(level) == name]
    return kept.droplevel(level, axis=1).sort_index(axis=1)


def fund_flow(
    flows: pd.DataFrame, known: pd.DataFrame, item: str, context: RunContext
) -> FundFlow | str:
    """Lay a fund's flows over the sessions; a sentence where there are none."""
    chosen, base = context.settings.flows, context.settings.universe.base
    if flows.empty:
        return "no ETF flows"
    if item not in flows.columns.get_level_values(0):
        return f"no flow for {item}"
    own = _level(flows, item, level=0)
    vendor = _vendor(own, chosen.vendor)
    newest = context.panel.sessions[own[vendor].notna()][-1]
    age = int((context.panel.sessions > newest).sum())
    if age > chosen.oldest_sessions:
        return f"the newest flow of {item} describes {newest:%Y-%m-%d}, {age} sessions earlier"
    own = own.loc[:newest]
    others = own.drop(columns=vendor)
    notes = [f"vendor {vendor}" + ("" if vendor == chosen.vendor else f", not {chosen.vendor}")]
    quality = GOOD
    peers = _level(flows, vendor, level=1).loc[:newest]
    watched = peers if item == chosen.total else peers[[item]]
    unfinished = unfinished_funds(
        watched, usual_zero_share=chosen.usual_zero_share, window=chosen.conflict_window
    )
    if unfinished:
        quality = PARTIAL
        notes.append(f"may be unfinished: {', '.join(unfinished)} zero or not printed")
    if _contested(own[vendor], others, chosen):
        quality = CONFLICTED
        notes += [f"{name} prints {value:,.1f}" for name, value in others.iloc[-1].items()]
    if age > chosen.fresh_sessions:
        quality = STALE
        notes.append(f"{age} sessions old")
    used = _level(known, item, level=0).loc[:newest].max().max()
    priced = context.panel.known_at.loc[:newest, base].iloc[-1]
    return FundFlow(
        item=item,
        vendor=vendor,
        flow=own[vendor],
        others=others,
        known_at=used if pd.isna(priced) else max(used, priced),
        quality=quality,
        detail="; ".join(notes),
    )


def assets_before(found: FundFlow, close: pd.Series, dollars: pd.Series, chosen: Flows) -> Scale:
    """Assets of the fund before each session, or the volume that is used instead."""
    anchor = chosen.anchors.get(found.item)
    start = None if anchor is None else pd.Timestamp(anchor.session)
    if anchor is not None and start in found.flow.index:
        flow = found.flow.loc[start:]
        assets = rolled_assets(flow, close.loc[start : flow.index[-1]], opening=anchor.assets_usd_m)
        before = assets.reindex(found.flow.index).shift(1)
        before = before.where(before >= chosen.min_assets_usd_m)
        if not np.isnan(before.iloc[-1]):
            return Scale(
                before=before,
                detail=f"assets rolled forward from {start:%Y-%m-%d}",
                unit="share of assets",
            )
    window = chosen.scale_window
    usual = dollars.rolling(window, min_periods=int(np.ceil(0.8 * window))).median().shift(1) / 1e6
    return Scale(
        before=usual.reindex(found.flow.index),
        detail=f"no assets: flows do not reach back to an anchor; over the median dollar volume "
        f"of {window} sessions",
        unit="share of usual dollar volume",
    )


def _vendor(own: pd.DataFrame, preferred: str) -> str:
    """The preferred vendor; where it prints no such fund, the one with most rows, first by name."""
    return preferred if preferred in own.columns else str(own.notna().sum().idxmax())


def conflict_of(flow: pd.Series, other: pd.Series, chosen: Flows) -> pd.Series:
    """Gap, scale and category of the newest session."""
    rows = chosen.conflict_window + 1
    last: pd.Series = vendor_conflict(
        flow.iloc[-rows:], other.iloc[-rows:], gap_share=chosen.conflict_share,
        window=chosen.conflict_window, min_observations=chosen.conflict_window // 2,
    ).iloc[-1]  # fmt: skip
    return last


def _contested(flow: pd.Series, others: pd.DataFrame, chosen: Flows) -> bool:
    told = [conflict_of(flow, others[name], chosen)["category"] for name in others.columns]
    return any(not pd.isna(category) and category != AGREE for category in told)
