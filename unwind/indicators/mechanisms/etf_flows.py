"""Block "flows": net creations of the base's fund and of all funds, against what was expected.

A flow is known on the morning after: at a session's own cut-off the newest one describes the
session before, and each row says which.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.cross_section import robust_z
from features.fund_flows import (
    creation_share,
    cumulative_surprise,
    dating_match,
    flow_design,
    premium,
)
from features.panel import Panel
from models.errors import NotEnoughData
from models.regression import Expectation, expectation
from unwind.indicators.block import GOOD, PROXY, Block, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.fund_flows import (
    FundFlow,
    Scale,
    assets_before,
    conflict_of,
    fund_flow,
    printed_flows,
)
from unwind.indicators.mechanisms.views import FlowView, flow_view
from unwind.settings.mechanisms import Flows

BLOCK = "flows"
USD = "USD m"
UNITS = {
    "flow": USD,
    "flow_run": USD,
    "flow_share": "share of assets",
    "flow_expected": USD,
    "flow_surprise": USD,
    "flow_surprise_cumulative": USD,
    "creation_share": "share of dollar volume",
    "vendor_conflict": USD,
    "vendor_dating_lag": "sessions",
}
PREMIUM_UNIT = "share of net asset value"
LONGEST_LAG = 2  # sessions: settlement is one after the trade, a holiday may add one
CLEAR_MATCH = 0.8  # share of equal figures from which a delay is named


def flow_block(context: RunContext) -> Block:
    """Flow, expectation, surprise and vendor conflict of the base's fund and of all funds.

    The view is of the base's fund, or of all funds where it has no surprise.
    """
    chosen, base = context.settings.flows, context.settings.universe.base
    flows, known = printed_flows(
        context.inputs["etf_flows"],
        context.panel,
        wanted=(base, chosen.total),
        peers=chosen.conflict_window,
    )
    rows: list[Mechanism] = []
    views: list[FlowView | str] = []
    for item in (base, chosen.total):
        found = fund_flow(flows, known, item, context)
        if isinstance(found, str):
            rows += [
                missing(BLOCK, name, item, context, unit=unit, reason=found)
                for name, unit in UNITS.items()
            ]
            views.append(found)
            continue
        surprises, view = _surprises(found, context.panel, base, chosen)
        rows += [*_amounts(found, context.panel, base, chosen), *surprises]
        rows += _vendors(found, chosen)
        views.append(view)
    rows.append(_premium(context))
    drawn = [view for view in views if isinstance(view, FlowView)]
    return Block(rows=rows, view=drawn[0] if drawn else views[0])


def _premium(context: RunContext) -> Mechanism:
    """Premium of the base over its net asset value, which no source gives yet."""
    base = context.settings.universe.base
    close = context.panel.close[base]
    net_asset_value = pd.Series(np.nan, index=close.index)
    return or_missing(
        Mechanism(
            block=BLOCK, indicator="premium", item=base, unit=PREMIUM_UNIT,
            value=float(premium(close, net_asset_value).iloc[-1]), describes=context.stamp,
            known_at=context.known_at(pd.Index([base]))[0], quality=GOOD,
        ),
        reason=f"no source gives the net asset value of {base}",
    )  # fmt: skip


def _row(found: FundFlow, indicator: str, value: float, *, proxy: bool) -> Mechanism:
    return Mechanism(
        block=BLOCK,
        indicator=indicator,
        item=found.item,
        unit=UNITS[indicator],
        value=float(value),
        describes=found.describes,
        known_at=found.known_at,
        quality=PROXY if proxy and found.quality == GOOD else found.quality,
        detail=found.detail,
    )


def _amounts(found: FundFlow, panel: Panel, base: str, chosen: Flows) -> list[Mechanism]:
    rows = chosen.history + 1
    z = robust_z(
        found.flow.iloc[-rows:], window=chosen.history, min_observations=chosen.conflict_window
    )
    dollars = panel.dollars[base].reindex(found.flow.index) / 1e6
    made = creation_share(found.flow, dollars, panel.returns[base].reindex(found.flow.index))
    share_z = robust_z(
        made["share"].iloc[-rows:], window=chosen.history, min_observations=chosen.conflict_window
    )
    category = made["category"].iloc[-1]
    run = found.flow.rolling(chosen.run, min_periods=chosen.run).sum()
    run_z = robust_z(
        run.iloc[-rows:], window=chosen.history, min_observations=chosen.conflict_window
    )
    return [
        replace(_row(found, "flow", found.flow.iloc[-1], proxy=False), z=float(z.iloc[-1])),
        or_missing(
            replace(
                _row(found, "flow_run", run.iloc[-1], proxy=False), z=float(run_z.iloc[-1]),
                n=chosen.run, detail=f"sum of {chosen.run} sessions; {found.detail}",
            ),
            reason=f"a flow of the last {chosen.run} sessions is missing",
        ),
        or_missing(
            replace(
                _row(found, "creation_share", made["share"].iloc[-1], proxy=found.item != base),
                z=float(share_z.iloc[-1]), category=None if pd.isna(category) else str(category),
                detail=f"{found.detail}; over the volume of {base}",
            ),
            reason=f"no dollar volume of {base} for {found.describes:%Y-%m-%d}",
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regressors:
    """Regressors of a fund's flow: flow over its scale, and the columns beside it."""

    share: pd.Series
    design: pd.DataFrame
    scale: Scale
    notes: tuple[str, ...]


def regressors(found: FundFlow, panel: Panel, base: str, chosen: Flows) -> Regressors:
    """Lay out the regression of a fund's flow, the last `chosen.window` sessions of it."""
    # Rows before the first that a fit may use still feed the assets, the lags and the usual volume.
    close, dollars, shares = panel.close[base], panel.dollars[base], panel.shares[base]
    scale = assets_before(found, close, dollars, chosen)
    share = found.flow / scale.before
    design = flow_design(
        share, panel.returns[base].reindex(share.index), shares.reindex(share.index),
        lags=chosen.lags, volume_window=chosen.volume_window,
    ).iloc[-chosen.window :]  # fmt: skip
    notes = [found.detail, scale.detail]
    if np.isnan(design["volume"].iloc[-1]):
        design = design.drop(columns="volume")
        notes.append(f"no volume of {base}: expected without it")
    return Regressors(share=share, design=design, scale=scale, notes=tuple(notes))


def expected_flow(held: Regressors, chosen: Flows) -> Expectation:
    """Expect the newest flow, and earlier ones as they would have been expected then.

    Raises
    ------
    NotEnoughData
        Too few complete sessions, or the newest is not complete.
    """
    return expectation(
        held.share.iloc[-chosen.window :], held.design, every=chosen.every, history=chosen.history,
        min_observations=chosen.min_observations,
    )  # fmt: skip


def _surprises(
    found: FundFlow, panel: Panel, base: str, chosen: Flows
) -> tuple[list[Mechanism], FlowView | str]:
    held = regressors(found, panel, base, chosen)
    notes, scale = list(held.notes), held.scale
    shares_row = or_missing(
        replace(
            _row(found, "flow_share", held.share.iloc[-1], proxy=True),
            unit=scale.unit, detail=f"{found.detail}; {scale.detail}",
        ),
        reason="neither assets nor a usual dollar volume is known",
    )  # fmt: skip
    try:
        told = expected_flow(held, chosen)
    except NotEnoughData as fault:
        return [shares_row, *_unexpected(found, str(fault))], str(fault)
    if not told.fit.converged:
        reason = "the regression did not converge"
        return [shares_row, *_unexpected(found, reason)], reason
    loss = held.design["loss"]
    if loss.iloc[-1] < loss.iloc[:-1].min():
        notes.append("the fall is beyond every one of the fit: extrapolated")
    rows = [shares_row, *_expected(found, told, scale, "; ".join(notes), chosen)]
    return rows, flow_view(found, told, scale, chosen)


def _unexpected(found: FundFlow, reason: str) -> list[Mechanism]:
    return [
        or_missing(_row(found, name, np.nan, proxy=True), reason=reason)
        for name in ("flow_expected", "flow_surprise", "flow_surprise_cumulative")
    ]


def _expected(
    found: FundFlow, told: Expectation, scale: Scale, detail: str, chosen: Flows
) -> list[Mechanism]:
    size = float(scale.before.iloc[-1])
    expected, surprise = float(told.expected.iloc[-1]) * size, float(told.error.iloc[-1]) * size
    earlier = told.error.iloc[:-1] * size
    tail = (1 - chosen.confidence) / 2
    # The band is known where the scale is: a handful of errors has no quantiles.
    few = np.isnan(told.scale)
    low, high = (np.nan, np.nan) if few else expected + np.quantile(earlier, [tail, 1 - tail])
    readings = pd.concat([found.flow.iloc[-1:], found.others.iloc[-1].dropna()]) - expected
    signs = {"positive": readings.min() > 0, "negative": readings.max() < 0}
    sign = next((name for name, holds in signs.items() if holds), "sign contested")
    # Sums are of consecutive sessions: a missing one leaves them without a value.
    in_usd = (told.error * scale.before).reindex(found.flow.index)
    total, total_z = cumulative_surprise(
        in_usd.iloc[-(chosen.history + 1) :], sessions=chosen.cumulative
    )
    first = found.flow.index[max(0, len(found.flow) - chosen.cumulative)]
    summed = replace(
        _row(found, "flow_surprise_cumulative", total, proxy=True), z=total_z, n=chosen.cumulative,
        describes=first, detail=f"{first:%Y-%m-%d} … {found.describes:%Y-%m-%d}; {detail}",
    )  # fmt: skip
    return [
        replace(
            _row(found, "flow_expected", expected, proxy=True),
            lower=float(low), upper=float(high), n=told.fit.n,
            detail=f"band of {chosen.confidence:.0%} from {len(earlier)} earlier out-of-sample "
            f"errors; {detail}",
        ),
        replace(
            _row(found, "flow_surprise", surprise, proxy=True), z=told.z, n=len(earlier),
            category=sign, lower=float(readings.min()), upper=float(readings.max()),
            detail=f"band: the vendors' readings; {detail}",
        ),
        or_missing(summed, reason=f"one of the last {chosen.cumulative} surprises is missing"),
    ]  # fmt: skip


def _vendors(found: FundFlow, chosen: Flows) -> list[Mechanism]:
    if found.others.empty or found.others.iloc[-chosen.conflict_window :].isna().all(axis=None):
        reason = f"one vendor alone prints {found.item}"
        return [
            or_missing(_row(found, name, np.nan, proxy=False), reason=reason)
            for name in ("vendor_conflict", "vendor_dating_lag")
        ]
    # With more than two vendors, the widest gap is used.
    told = {name: conflict_of(found.flow, found.others[name], chosen) for name in found.others}
    gaps = pd.Series({name: last["gap"] for name, last in told.items()}, dtype="float64").abs()
    name = str(gaps.idxmax()) if gaps.notna().any() else str(gaps.index[0])
    last = told[name]
    match = dating_match(
        found.flow, found.others[name], max_delay=LONGEST_LAG, window=chosen.conflict_window,
        tolerance=chosen.dating_tolerance_usd_m,
    )  # fmt: skip
    best = match.max()
    lag = int(np.argmax(match)) if best >= CLEAR_MATCH else None
    compared = int((found.flow.notna() & found.others[name].notna()).sum())
    dated = "none" if lag is None else f"{best:.0%} of its figures are those of {lag} earlier"
    return [
        or_missing(
            replace(
                _row(found, "vendor_conflict", last["gap"], proxy=False),
                z=last["gap"] / last["scale"],
                category=None if pd.isna(last["category"]) else str(last["category"]), n=compared,
                detail=f"{name} less {found.vendor}; z over the trailing standard deviation, a "
                f"conflict beyond {chosen.conflict_share}",
            ),
            reason=f"{name} has no figure of {found.describes:%Y-%m-%d}",
        ),
        or_missing(
            replace(
                _row(found, "vendor_dating_lag", np.nan if lag is None else lag, proxy=False),
                quality=GOOD, n=compared, detail=f"{name} against {found.vendor}: {dated}",
            ),
            reason=f"no delay up to {LONGEST_LAG} sessions explains {name}",
        ),
    ]  # fmt: skip
