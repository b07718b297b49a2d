"""Block "hours": where on the clock the coin's move from cut to cut was made."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.cross_section import robust_z
from features.intraday import PARTS, move_shares, session_split, trough, variation_shares
from unwind.calendar import cash_hours, cut_instants
from unwind.indicators.block import GOOD, PROXY, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext
from unwind.settings import Settings

BLOCK = "hours"
UNITS = {
    "move": "log return",
    "trough": "log return",
    "move_share": "share of the move",
    "variation_share": "share of squared hourly moves",
}
ITEMS: dict[str, tuple[str, ...]] = {"move": ("whole", *PARTS), "trough": ("whole",)}


def hours_block(context: RunContext) -> list[Mechanism]:
    """Move and share of each part of the day."""
    chosen = context.settings.hours
    bars = _bars(context.inputs["crypto_hourly"], context.settings)
    sessions = context.panel.sessions[-(chosen.window + 2) :]
    cuts = cut_instants(sessions)
    held = bars[bars["bar_start_utc"] < cuts[-1]] if len(bars) else bars
    if held.empty:
        return _none(f"no hourly bar for {chosen.symbol}", context)
    newest = held["bar_start_utc"].max()
    if len(cuts) < 2 or newest < cuts[-2]:
        return _none(
            f"no hourly bar of the session; the newest begins {newest:%Y-%m-%d %H}Z", context
        )
    opens, closes = cash_hours(sessions)
    split = session_split(held, sessions=sessions, cuts=cuts, opens=opens, closes=closes)
    lost = int(split["missing"].iloc[-1])
    if lost:
        return _none(f"{lost} hourly bars of {chosen.symbol} are missing in the session", context)
    # Hours before the window that another vintage revised do not reach it.
    used = held.loc[held["bar_start_utc"] >= cuts[0] - pd.Timedelta(hours=1)]
    depth = trough(used, sessions=sessions, cuts=cuts)
    return _rows(split, depth, used["known_at"].max(), str(used["venue"].iloc[0]), context)


def _bars(hourly: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    ticker = settings.clock.hourly.get(settings.hours.symbol)
    return hourly[hourly["symbol"] == ticker] if len(hourly) else hourly


def _none(reason: str, context: RunContext) -> list[Mechanism]:
    return [
        missing(BLOCK, indicator, item, context, unit=unit, reason=reason)
        for indicator, unit in UNITS.items()
        for item in ITEMS.get(indicator, PARTS)
    ]


def _rows(
    split: pd.DataFrame, depth: pd.Series, known_at: pd.Timestamp, venue: str, context: RunContext
) -> list[Mechanism]:
    chosen = context.settings.hours
    # A weekend moves on Mondays only: elsewhere it is zero, and has no z.
    z = robust_z(
        split[["whole", *PARTS]].iloc[-(chosen.window + 1) :],
        window=chosen.window, min_observations=chosen.min_observations,
    ).iloc[-1]  # fmt: skip
    last, shares = split.iloc[-1], move_shares(split, min_move=chosen.min_move).iloc[-1]
    base = Mechanism(
        block=BLOCK, indicator="move", item="whole", unit=UNITS["move"], describes=context.stamp,
        known_at=known_at, quality=GOOD, n=chosen.window,
        detail=f"{chosen.symbol} on {venue}, 16:00 to 16:00 New York",
    )  # fmt: skip
    rows = [
        or_missing(
            replace(base, item=str(name), value=float(last[name]), z=float(z[name])),
            reason="an hourly bar is missing",
        )
        for name in z.index
    ]
    deepest = robust_z(
        depth.iloc[-(chosen.window + 1) :], window=chosen.window,
        min_observations=chosen.min_observations,
    )  # fmt: skip
    rows.append(
        or_missing(
            replace(
                base, indicator="trough", unit=UNITS["trough"], value=float(depth.iloc[-1]),
                z=float(deepest.iloc[-1]), detail=f"lowest since the cut before; {base.detail}",
            ),
            reason="an hourly bar is missing",
        )
    )  # fmt: skip
    small = f"the move of {last['whole']:+.2%} is below {chosen.min_move:.0%}"
    for name in PARTS:
        row = replace(
            base, indicator="move_share", item=name, unit=UNITS["move_share"],
            value=float(shares[name]), n=np.nan,
        )  # fmt: skip
        if name == "us_cash":
            ends = sorted((shares["us_cash_without"], shares["us_cash_with"]))
            row = replace(
                row, lower=float(ends[0]), upper=float(ends[1]), quality=PROXY,
                detail=f"{base.detail}; the bar across 9:30 counts half, the band has none and all",
            )  # fmt: skip
        rows.append(or_missing(row, reason=small))
    varied = variation_shares(split).iloc[-1]
    return rows + [
        or_missing(
            replace(
                base, indicator="variation_share", item=name, unit=UNITS["variation_share"],
                value=float(varied[name]), n=np.nan,
            ),
            reason="no hour of the session moved",
        )
        for name in PARTS
    ]  # fmt: skip
