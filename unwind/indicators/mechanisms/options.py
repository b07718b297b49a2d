"""The block "options": dealers' gamma, put share, skew, implied against forecast volatility."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.cross_section import baseline_count, robust_z
from features.derivatives import GammaProfile, delta_skew, implied_gap, put_share, term_ratio
from models.errors import NotEnoughData
from models.volatility import variance_forecasts
from unwind.indicators.block import GOOD, PROXY, STALE, Block, Mechanism, missing
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.chain_snapshots import (
    Snapshot,
    newest_snapshot,
    session_profile,
    snapshot_sessions,
)
from unwind.indicators.mechanisms.views import GammaView
from unwind.indicators.mechanisms.volatility_indices import age, index_levels, usual_age
from unwind.settings import Settings

Levels = Mapping[str, pd.DataFrame]

BLOCK = "options"
PERCENT = 100.0
GAMMA_UNIT, PRICE_UNIT, SHARE_UNIT = "USD per 1 % of spot", "USD", "share"
VOLATILITY_UNIT, RATIO_UNIT = "decimal, 252 sessions", "1"
SKEW_UNIT = "decimal, annual"
CHAIN_ROWS = (
    ("gamma_exposure", GAMMA_UNIT),
    ("gamma_flip", PRICE_UNIT),
    ("put_share_open_interest", SHARE_UNIT),
    ("put_share_volume", SHARE_UNIT),
    ("skew", SKEW_UNIT),
)


def options_block(context: RunContext) -> Block:
    """Gamma, put share, skew and implied volatility, each null with a reason; gamma over spot."""
    rows, view = _chain_rows(context.inputs["option_chains"], context)
    return Block(rows=[*rows, *_index_rows(context.inputs["implied_vol"], context)], view=view)


def _chain_rows(
    chains: pd.DataFrame, context: RunContext
) -> tuple[list[Mechanism], GammaView | str]:
    base, allowed = context.settings.universe.base, context.settings.options.stale_sessions
    snapshot = newest_snapshot(chains, context)
    old = 0 if snapshot is None else age(context, snapshot.session)
    if snapshot is None:
        reason = f"no option chain of {base} was known by the cut-off"
    elif old > allowed:
        reason = (
            f"the newest chain of {base} is {old} sessions old, {snapshot.at:%Y-%m-%d}; "
            f"at most {allowed} are shown"
        )
    else:
        gamma, view = _gamma_rows(snapshot, old, context)
        shares = _put_share_rows(chains, snapshot, old, context)
        return [*gamma, *shares, _skew_row(snapshot, old, context)], view
    rows = [
        missing(BLOCK, indicator, base, context, unit=unit, reason=reason)
        for indicator, unit in CHAIN_ROWS
    ]
    return rows, reason


def _gamma_rows(
    snapshot: Snapshot, old: int, context: RunContext
) -> tuple[list[Mechanism], GammaView | str]:
    base = context.settings.universe.base
    profile = session_profile(snapshot, context)
    if profile is None:
        reason = f"no contract has a usable quote and open interest; {_rejections(snapshot)}"
        return [
            missing(BLOCK, name, base, context, unit=unit, reason=reason)
            for name, unit in CHAIN_ROWS[:2]
        ], reason
    known = max(snapshot.known_at, *context.known_at(pd.Index([base]), base=base))
    # The side of the dealers is assumed, never observed: a proxy at best.
    quality = STALE if old else PROXY
    n = int((snapshot.clean.contracts["open_interest"] > 0).sum())
    exposure = Mechanism(
        block=BLOCK, indicator="gamma_exposure", item=base, unit=GAMMA_UNIT,
        describes=snapshot.session, known_at=known, quality=quality, value=profile.central,
        category=profile.side, lower=profile.low, upper=profile.high, n=n,
        detail=_gamma_detail(profile, snapshot, context.settings),
    )  # fmt: skip
    rows = [exposure, _flip_row(profile, snapshot, exposure, context)]
    return rows, GammaView(profile=profile, at=snapshot.at)


def _flip_row(
    profile: GammaProfile, snapshot: Snapshot, exposure: Mechanism, context: RunContext
) -> Mechanism:
    grid = profile.profile.index
    ends = f"grid {grid[0]:.2f}…{grid[-1]:.2f}, snapshot {snapshot.at:%Y-%m-%dT%H:%MZ}"
    if np.isnan(profile.flip):
        held = ", ".join(f"{zone.side} from {zone.lower:.2f}" for zone in profile.zones)
        reason = f"the central exposure changes no sign on the {ends}: {held}"
        return missing(
            BLOCK,
            "gamma_flip",
            context.settings.universe.base,
            context,
            unit=PRICE_UNIT,
            reason=reason,
        )
    closed = np.isfinite([profile.flip_lower, profile.flip_upper])
    opened = [end for end, shut in zip(("below", "above"), closed, strict=True) if not shut]
    return Mechanism(
        block=BLOCK, indicator="gamma_flip", item=exposure.item, unit=PRICE_UNIT,
        describes=exposure.describes, known_at=exposure.known_at, quality=exposure.quality,
        value=profile.flip,
        category="open " + " and ".join(opened) if opened else "closed",
        lower=profile.flip_lower if closed[0] else np.nan,
        upper=profile.flip_upper if closed[1] else np.nan,
        n=exposure.n,
        detail=f"conventions disagree between lower and upper; null is beyond the {ends}",
    )  # fmt: skip


def _gamma_detail(profile: GammaProfile, snapshot: Snapshot, settings: Settings) -> str:
    zones = ", ".join(f"{zone.side} {zone.lower:.2f}–{zone.upper:.2f}" for zone in profile.zones)
    sides = ", ".join(
        f"{name} {float(np.interp(profile.spot, profile.profile.index, profile.profile[name])):.4g}"
        for name in settings.options.conventions
    )
    return (
        f"{zones}, as of {snapshot.at:%Y-%m-%dT%H:%MZ} ({snapshot.price:.2f}); read at "
        f"{profile.spot:.2f}; dealers: {sides}; {snapshot.clean.coverage:.0%} of open interest, "
        f"which is that of the evening before; {_rejections(snapshot)}"
    )


def _rejections(snapshot: Snapshot) -> str:
    rejected = dict(snapshot.clean.rejected)
    if snapshot.unread:
        rejected["right neither call nor put"] = snapshot.unread
    if not rejected:
        return "no quote turned away"
    return "turned away: " + ", ".join(f"{rule} {count}" for rule, count in rejected.items())


def _put_share_rows(
    chains: pd.DataFrame, snapshot: Snapshot, old: int, context: RunContext
) -> list[Mechanism]:
    base, chosen = context.settings.universe.base, context.settings.options
    taken = snapshot_sessions(chains, context, underlying=base)
    taken = taken[taken.index.isin(context.panel.sessions[-(chosen.window + 1) :])]
    own = chains[(chains["underlying"] == base) & chains["snapshot_at"].isin(taken)]
    by_snapshot = dict(list(own.groupby("snapshot_at")))
    rows = []
    for indicator, column, what in (
        ("put_share_open_interest", "open_interest", "contracts open the evening before"),
        ("put_share_volume", "volume", "contracts traded by the snapshot"),
    ):
        shares = pd.Series(
            {
                session: put_share(by_snapshot[at]["right"], by_snapshot[at][column])
                for session, at in taken.items()
            }
        ).reindex(
            context.panel.sessions[context.panel.sessions <= snapshot.session][
                -(chosen.window + 1) :
            ]
        )
        value = float(shares.iloc[-1])
        if np.isnan(value):
            rows.append(
                missing(BLOCK, indicator, base, context, unit=SHARE_UNIT, reason=f"no {what}")
            )
            continue
        rows.append(
            Mechanism(
                block=BLOCK,
                indicator=indicator,
                item=base,
                unit=SHARE_UNIT,
                describes=snapshot.session,
                known_at=snapshot.known_at,
                quality=STALE if old else GOOD,
                value=value,
                z=_last_z(shares, context.settings),
                n=_earlier(shares, context.settings),
                detail=f"{what}, {snapshot.at:%Y-%m-%dT%H:%MZ}; n earlier sessions have a chain",
            )
        )
    return rows


def _last_z(history: pd.Series, settings: Settings) -> float:
    chosen = settings.options
    z = robust_z(history, window=chosen.window, min_observations=chosen.min_observations)
    return float(z.iloc[-1])


def _earlier(history: pd.Series, settings: Settings) -> int:
    return int(baseline_count(history, window=settings.options.window).iloc[-1])


def _skew_row(snapshot: Snapshot, old: int, context: RunContext) -> Mechanism:
    base, chosen = context.settings.universe.base, context.settings.options
    skew = delta_skew(
        snapshot.clean.contracts, spot=snapshot.price, rate=chosen.rate,
        dividend_yield=chosen.dividend_yield, delta=chosen.skew_delta,
        tenor_days=chosen.skew_tenor_days,
    )  # fmt: skip
    if np.isnan(skew.difference):
        reason = (
            f"no expiries with a put and a call around delta {chosen.skew_delta:g} bracket "
            f"{chosen.skew_tenor_days} days"
        )
        return missing(BLOCK, "skew", base, context, unit=SKEW_UNIT, reason=reason)
    return Mechanism(
        block=BLOCK, indicator="skew", item=base, unit=SKEW_UNIT, describes=snapshot.session,
        known_at=snapshot.known_at, quality=STALE if old else GOOD, value=skew.difference,
        n=skew.expiries,
        detail=(
            f"put {skew.put:.1%} less call {skew.call:.1%} at delta {chosen.skew_delta:g}, "
            f"{chosen.skew_tenor_days} days, {snapshot.at:%Y-%m-%dT%H:%MZ}; n expiries"
        ),
    )  # fmt: skip


def _index_rows(implied: pd.DataFrame, context: RunContext) -> list[Mechanism]:
    chosen = context.settings.options
    pairs = chosen.term_ratios
    names = {chosen.skew_index, *(name for name, _ in chosen.gaps), *(n for p in pairs for n in p)}
    levels = index_levels(implied, names, context)
    return [
        *(_gap_row(levels, name, of, context) for name, of in chosen.gaps),
        *(_ratio_row(levels, near, far, context) for near, far in pairs),
        _level_row(levels, chosen.skew_index, context),
    ]


def _unusable(held: pd.DataFrame, names: str, lag: int, context: RunContext) -> str | None:
    """Reason why the last value cannot be used; None where it can."""
    if held.empty:
        return f"no {names} was known by the cut-off"
    old, allowed = age(context, held.index[-1]), context.settings.options.stale_sessions + lag
    if old > allowed:
        return f"the newest {names} is {old} sessions old; at most {allowed} are shown"
    return None


def _index_quality(session: pd.Timestamp, lag: int, context: RunContext) -> str:
    return STALE if age(context, session) > lag else GOOD


def _clock(name: str, settings: Settings) -> str:
    return f"{name}: close of the {'UTC day' if usual_age(name, settings) else 'session'}"


def _gap_row(levels: Levels, name: str, of: str, context: RunContext) -> Mechanism:
    chosen, lag = context.settings.options, usual_age(name, context.settings)
    held = levels[name]
    reason = _unusable(held, name, lag, context)
    if reason is None and of not in context.panel.returns.columns:
        reason = f"{of} is not in the universe, so it has no return to forecast from"
    if reason is not None:
        return missing(BLOCK, "implied_gap", name, context, unit=VOLATILITY_UNIT, reason=reason)
    describes = held.index[-1]
    try:
        forecasts = variance_forecasts(
            context.panel.returns[of].loc[:describes],
            horizon=chosen.forecast_horizon,
            history=chosen.window,
            every=chosen.forecast_every,
            window=context.settings.volatility.window,
            min_observations=context.settings.volatility.min_observations,
        )
    except NotEnoughData as error:
        return missing(
            BLOCK, "implied_gap", name, context, unit=VOLATILITY_UNIT, reason=f"{of}: {error}"
        )
    sessions = context.panel.sessions[context.panel.sessions <= describes][-(chosen.window + 1) :]
    gaps = implied_gap(
        (held["close"] / PERCENT).reindex(sessions), forecasts["variance"],
        window=chosen.window, min_observations=chosen.min_observations,
    )  # fmt: skip
    last = gaps.iloc[-1]
    if np.isnan(last["gap"]):
        reason = f"{of} has no forecast for {describes:%Y-%m-%d}: its return is missing or constant"
        return missing(BLOCK, "implied_gap", name, context, unit=VOLATILITY_UNIT, reason=reason)
    made = forecasts.loc[describes]
    return Mechanism(
        block=BLOCK, indicator="implied_gap", item=name, unit=VOLATILITY_UNIT, describes=describes,
        known_at=max(held["known_at"].iloc[-1], context.panel.known_at[of].loc[describes]),
        quality=_index_quality(describes, lag, context), value=float(last["gap"]),
        z=float(last["z"]), n=_earlier(gaps["gap"], context.settings),
        detail=(
            f"{name} {last['implied']:.1%} less {last['forecast']:.1%}, {made['model']} of {of} "
            f"over {chosen.forecast_horizon} sessions, parameters to "
            f"{made['estimated_to']:%Y-%m-%d}; {_clock(name, context.settings)}"
        ),
    )  # fmt: skip


def _ratio_row(levels: Levels, near: str, far: str, context: RunContext) -> Mechanism:
    chosen, item = context.settings.options, f"{near}/{far}"
    held = levels[near].merge(levels[far], left_index=True, right_index=True, suffixes=("", "_far"))
    lag = max(usual_age(near, context.settings), usual_age(far, context.settings))
    reason = _unusable(held, f"{near} with {far}", lag, context)
    if reason is not None:
        return missing(BLOCK, "term_ratio", item, context, unit=RATIO_UNIT, reason=reason)
    describes = held.index[-1]
    sessions = context.panel.sessions[context.panel.sessions <= describes][-(chosen.window + 1) :]
    on = held.reindex(sessions)
    ratios = term_ratio(
        on["close"], on["close_far"], window=chosen.window,
        min_observations=chosen.min_observations,
    )  # fmt: skip
    value = float(ratios["ratio"].iloc[-1])
    return Mechanism(
        block=BLOCK, indicator="term_ratio", item=item, unit=RATIO_UNIT, describes=describes,
        known_at=max(held["known_at"].iloc[-1], held["known_at_far"].iloc[-1]),
        quality=_index_quality(describes, lag, context), value=value,
        category="inverted" if value > 1 else "upward", z=float(ratios["z"].iloc[-1]),
        n=_earlier(ratios["ratio"], context.settings), detail=_clock(near, context.settings),
    )  # fmt: skip


def _level_row(levels: Levels, name: str, context: RunContext) -> Mechanism:
    chosen, lag = context.settings.options, usual_age(name, context.settings)
    held = levels[name]
    reason = _unusable(held, name, lag, context)
    if reason is not None:
        return missing(BLOCK, "skew_index", name, context, unit="index points", reason=reason)
    describes = held.index[-1]
    sessions = context.panel.sessions[context.panel.sessions <= describes][-(chosen.window + 1) :]
    closes = held["close"].reindex(sessions)
    return Mechanism(
        block=BLOCK,
        indicator="skew_index",
        item=name,
        unit="index points",
        describes=describes,
        known_at=held["known_at"].iloc[-1],
        quality=_index_quality(describes, lag, context),
        value=float(closes.iloc[-1]),
        z=_last_z(closes, context.settings),
        n=_earlier(closes, context.settings),
        detail=_clock(name, context.settings),
    )
