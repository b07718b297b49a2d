"""Block "volume": the base's volume against record, weekday and persistence; its options."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.cross_section import records, robust_z
from features.fund_flows import options_activity, volume_design
from models.errors import NotEnoughData
from models.regression import expectation
from unwind.calendar import CUT_ZONE, market_closes
from unwind.indicators.block import GOOD, PARTIAL, PROXY, STALE, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.fund_flows import assets_before, fund_flow, printed_flows

BLOCK = "volume"


def volume_block(context: RunContext) -> list[Mechanism]:
    """Volume, turnover and options of the base."""
    return [
        *_records(context),
        _unexpected(context),
        _turnover(context.inputs["etf_flows"], context),
        *_options(context.inputs["option_chains"], context),
    ]


def _of_base(indicator: str, value: float, unit: str, context: RunContext) -> Mechanism:
    base = context.settings.universe.base
    known = context.known_at(pd.Index([base]))[0]
    return Mechanism(
        block=BLOCK, indicator=indicator, item=base, unit=unit, value=float(value),
        describes=context.stamp, known_at=known, quality=GOOD,
    )  # fmt: skip


def _records(context: RunContext) -> list[Mechanism]:
    base, chosen = context.settings.universe.base, context.settings.shocks
    rows = []
    for name, amounts in (
        ("shares", context.panel.shares[base]),
        ("dollars", context.panel.dollars[base]),
    ):
        held = records(amounts.to_frame(), min_observations=chosen.record_min_observations)
        when = held.previous_on[base].iloc[-1]
        row = _of_base(
            f"record_multiple_{name}",
            held.multiple[base].iloc[-1],
            "of the previous record",
            context,
        )
        told = (
            None
            if pd.isna(when)
            else f"previous record {held.previous[base].iloc[-1]:,.0f} on {when:%Y-%m-%d}"
        )
        earlier = int(amounts.iloc[:-1].notna().sum())
        unprinted = np.isnan(amounts.loc[context.stamp])
        rows.append(
            or_missing(
                replace(row, detail=told, n=earlier),
                reason=f"no volume of {base} for the session"
                if unprinted
                else f"{earlier} earlier volumes; {chosen.record_min_observations} are needed",
            )
        )
    return rows


def _unexpected(context: RunContext) -> Mechanism:
    """Logarithm of V less what weekday and persistence let one expect."""
    base, chosen = context.settings.universe.base, context.settings.traded_volume
    # The month's mean reaches 22 rows back.
    shares = context.panel.shares[base].iloc[-(chosen.window + 22) :]
    # A session without a trade has no logarithm.
    shares = shares.where(shares > 0)
    row = _of_base("volume_surprise", np.nan, "log of shares over expected", context)
    if np.isnan(shares.iloc[-1]):
        return or_missing(row, reason=f"no volume of {base} for the session")
    try:
        told = expectation(
            shares.apply(np.log), volume_design(shares), every=chosen.every,
            history=chosen.history, min_observations=chosen.min_observations,
        )  # fmt: skip
    except NotEnoughData as fault:
        return or_missing(row, reason=str(fault))
    if not told.fit.converged:
        return or_missing(row, reason="the regression did not converge")
    detail = f"expected {np.exp(told.expected.iloc[-1]):,.0f} of {shares.iloc[-1]:,.0f} shares"
    return replace(
        row, value=float(told.error.iloc[-1]), z=told.z, n=len(told.error) - 1, detail=detail
    )


def _turnover(flows: pd.DataFrame, context: RunContext) -> Mechanism:
    """Dollar volume over assets; the assets are those after the newest flow, at today's price."""
    base, chosen = context.settings.universe.base, context.settings.flows
    row = _of_base("turnover", np.nan, "share of assets", context)
    own = flows[flows["fund"] == base] if len(flows) else flows
    printed = printed_flows(own, context.panel, wanted=(base,), peers=chosen.conflict_window)
    found = fund_flow(*printed, base, context)
    if isinstance(found, str):
        return or_missing(row, reason=found)
    scale = assets_before(found, context.panel.close[base], context.panel.dollars[base], chosen)
    if scale.unit != "share of assets":
        return or_missing(row, reason="assets unknown: flows do not reach back to an anchor")
    close = context.panel.close[base]
    assets = (scale.before * close / close.shift(1)).reindex(context.panel.sessions)
    # The flow of the newest session is the last that assets hold; price carries them to today.
    last = float(scale.before.iloc[-1] / close.shift(1).loc[found.describes])
    later = context.panel.sessions > found.describes
    assets = assets.mask(later, last * close)
    turnover = context.panel.dollars[base] / 1e6 / assets
    window = chosen.history
    z = robust_z(
        turnover.iloc[-(window + 1) :].apply(np.log), window=window,
        min_observations=chosen.conflict_window,
    ).iloc[-1]  # fmt: skip
    return or_missing(
        replace(
            row, value=float(turnover.iloc[-1]), z=float(z), quality=PROXY,
            known_at=max(row.known_at, found.known_at),
            detail=f"{scale.detail}, flows to the session before {found.describes:%Y-%m-%d}; "
            "z of the logarithm",
        ),
        reason=f"no dollar volume of {base} for the session",
    )  # fmt: skip


def _options(chains: pd.DataFrame, context: RunContext) -> list[Mechanism]:
    base, chosen = context.settings.universe.base, context.settings.traded_volume
    units = {"options_volume": "contracts", "put_share": "share of contracts"}

    def none(reason: str) -> list[Mechanism]:
        return [
            missing(BLOCK, name, base, context, unit=unit, reason=reason)
            for name, unit in units.items()
        ]

    own = chains[chains["underlying"] == base] if len(chains) else chains
    if own.empty:
        return none(f"no option chain for {base}")
    activity = options_activity(own)
    day = (
        pd.DatetimeIndex(activity.index)
        .tz_convert(CUT_ZONE)
        .tz_localize(None)
        .normalize()
        .as_unit("us")
    )
    activity = activity.assign(session=day)[day.isin(context.panel.sessions)]
    daily = activity[~activity["session"].duplicated(keep="last")]
    if daily.empty:
        return none(f"no option chain of {base} by the session")
    taken, newest = daily.index[-1], daily["session"].iloc[-1]
    age = int((context.panel.sessions > newest).sum())
    if age > chosen.oldest_snapshot_sessions:
        return none(f"the newest option chain of {base} is of {newest:%Y-%m-%d}")
    # Volume counts from the morning: a snapshot before the cut has seen part of the day.
    whole = daily.index >= market_closes(pd.DatetimeIndex(daily["session"]))
    quality = STALE if age else GOOD if whole[-1] else PARTIAL
    note = f"snapshot of {taken:%Y-%m-%d %H:%M}Z" + ("" if whole[-1] else ", before the close")
    alike = daily[whole] if whole[-1] else daily.iloc[:0]
    # The logarithm of a session without trades is missing, not minus infinity.
    logs = alike["contracts"].where(alike["contracts"] > 0).apply(np.log)
    scored = {"options_volume": logs, "put_share": daily["put_share"]}
    values = {"options_volume": daily["contracts"], "put_share": daily["put_share"]}
    rows = []
    for name, unit in units.items():
        history = scored[name]
        earlier = max(0, len(history) - 1)
        z = np.nan
        if earlier >= chosen.min_snapshots:
            z = robust_z(
                history, window=max(3, earlier), min_observations=chosen.min_snapshots
            ).iloc[-1]
        row = Mechanism(
            block=BLOCK, indicator=name, item=base, unit=unit, value=float(values[name].iloc[-1]),
            z=float(z), n=earlier, describes=newest, detail=note, quality=quality,
            known_at=own.loc[own["snapshot_at"] <= taken, "known_at"].max(),
        )  # fmt: skip
        rows.append(or_missing(row, reason="the snapshot holds no traded call or no put"))
    return rows
