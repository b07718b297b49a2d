"""Rows of the futures' basis: near month, calendar spread and constant maturities, each banded."""

import numpy as np
import pandas as pd

from features.derivatives import HOURLY, NOWHERE
from unwind.indicators.block import GOOD, PROXY, Mechanism
from unwind.indicators.mechanisms.freshness import baseline, last_z
from unwind.indicators.mechanisms.futures_history import CALENDAR, NEAR, FuturesView

A_YEAR = "decimal a year of 365 days"
DIRECTIONS = {1.0: "up", -1.0: "down", 0.0: "inside the band"}


def basis_rows(view: FuturesView) -> list[Mechanism]:
    """Basis and its change, of the newest session with futures that were known."""
    chosen, history, futures = view.chosen, view.history, view.held["futures"]
    priced = futures.loc[futures["session"].isin(history.clock.index), "session"]
    at = None if priced.empty else pd.Timestamp(priced.max())
    known = [futures["known_at"]] + ([] if at is None else view.spot_known(at))
    stand = view.standing(f"future of {chosen.venue}", at, known)
    label = pd.Timestamp(history.clock.index[-1]) if at is None else at
    named = {NEAR: ("near_basis", chosen.venue), CALENDAR: ("calendar_basis", chosen.venue)}
    named |= {f"{tenor}d": ("basis", f"{tenor}d") for tenor in chosen.tenors}
    depth = {"window": chosen.window, "fewest": chosen.min_observations}
    rows = []
    for name, (indicator, item) in named.items():
        frame = history.bases[name].loc[:label]
        now = frame.iloc[-1]
        quality, missing = _quality(view, name, label), _why_missing(view, name, label)
        real = abs(now["change"]) > now["change_error"]
        rows += [
            stand.row(
                indicator, item, A_YEAR, now["basis"], missing=missing, quality=quality,
                error=now["error"], z=last_z(frame["basis"], **depth),
                n=_kept(view, label),
                detail=_detail(view, name, label),
            ),
            stand.row(
                f"{indicator}_change", item, A_YEAR, now["change"], quality=quality,
                missing=missing if np.isnan(now["basis"]) else "no basis of the session before",
                error=now["change_error"],
                category=DIRECTIONS[float(np.sign(now["change"])) if real else 0.0],
                z=last_z(frame["change"], **depth),
                n=baseline(frame["change"], window=chosen.window),
                detail=_contracts(view, name, label),
            ),
        ]  # fmt: skip
    return rows


def _quality(view: FuturesView, name: str, at: pd.Timestamp) -> str:
    if name == CALENDAR:
        return GOOD
    flat = name != NEAR and view.history.legs[name]["against"][at] is None
    return PROXY if flat or view.history.spot["source"][at] != HOURLY else GOOD


def _why_missing(view: FuturesView, name: str, at: pd.Timestamp) -> str:
    history = view.history
    kept = _kept(view, at)
    if kept == 0:
        return f"no contract is fit for it: {_left_out(view, at)}"
    if name == CALENDAR:
        return f"one contract is fit for it, two are needed; {_left_out(view, at)}"
    if np.isnan(history.spot["price"][at]):
        return f"no spot price of {history.clock[at]:%Y-%m-%d %H:%M} UTC"
    last = history.curve.days.loc[at].max()
    return f"no fit contract beyond {last:.0f} days; {_left_out(view, at)}"


def _kept(view: FuturesView, at: pd.Timestamp) -> int:
    return len(view.history.curve.settle.loc[at].dropna())


def _left_out(view: FuturesView, at: pd.Timestamp) -> str:
    curve = view.history.curve
    counts = curve.excluded.loc[at]
    told = [f"{count} {why}" for why, count in counts.items() if count]
    listed = sum(counts) + _kept(view, at)
    return f"left out {', '.join(told) or 'none'} of {listed} contracts"


def _contracts(view: FuturesView, name: str, at: pd.Timestamp) -> str:
    leg = view.history.legs[name].loc[at]
    names = [leg["contract"], leg["against"] if "against" in leg.index else None]
    return " and ".join(sorted(str(held) for held in names if held is not None))


def _detail(view: FuturesView, name: str, at: pd.Timestamp) -> str:
    """Contracts, spot source and clock, and what an hour of mismatch would make."""
    history, symbol = view.history, view.chosen.spot
    now, clock = history.bases[name].loc[at], history.clock[at]
    source, gap = history.spot["source"][at], history.spot["gap"][at]
    parts = [
        f"{_contracts(view, name, at)}, {history.legs[name]['days'][at]:.0f} days",
        _left_out(view, at),
        f"futures to {clock:%Y-%m-%d %H:%M} UTC",
    ]
    if name != CALENDAR and source != NOWHERE:
        ticker = view.context.settings.clock.hourly.get(symbol, symbol)
        named = f"{ticker} hourly" if source == HOURLY else f"{symbol} UTC day"
        ended = clock + pd.Timedelta(history.spot["hours_apart"][at], "h")
        parts.append(f"spot {named} to {ended:%Y-%m-%d %H:%M} UTC")
        if not np.isnan(gap):
            parts.append(f"{gap:+.2%} over {symbol} UTC day")
    parts.append(
        f"an hour of mismatch is ±{now['hour_error']:.1%}"
        if now["measured"]
        else "band of a whole hour of mismatch: too few sessions to measure it"
    )
    return "; ".join(parts)
