"""The block `futures` of the table `mechanisms`: basis, open interest, funding, positions."""

import numpy as np
import pandas as pd

from features.derivatives import CLOSED, OPEN_INTEREST_FIRST, OPENED, UNKNOWN
from unwind.indicators.block import GOOD, PROXY, Block, Mechanism
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.freshness import baseline, last_z, newest
from unwind.indicators.mechanisms.futures_basis import basis_rows
from unwind.indicators.mechanisms.futures_history import FuturesView, futures_view
from unwind.indicators.mechanisms.organic_demand import organic_block
from unwind.indicators.mechanisms.views import basis_view

COINS, LOG_COINS = "BTC", "log change of BTC"
PAYERS = {1.0: "longs pay", -1.0: "shorts pay", 0.0: "nobody pays"}
BASIS_MOVES: dict[object, str] = {
    1.0: "basis rose",
    -1.0: "basis fell",
    0.0: "basis inside its band",
}


def futures_block(context: RunContext) -> Block:
    """Basis, open interest, funding, positions and organic demand; basis over maturities."""
    view = futures_view(context)
    rows = futures_rows(view)
    return Block(rows=[*rows, *organic_block(view)], view=basis_view(view, rows))


def futures_rows(view: FuturesView) -> list[Mechanism]:
    """Indicators of the coin's futures, each as of the newest session that was known.

    At 16:15 New York the futures' day is not over: the newest basis is that of the session
    before, and `describes` says so. A later cut-off sees the session's own.
    """
    chosen = view.chosen
    return [
        *basis_rows(view),
        *_open_interest_rows(view, chosen.venue),
        *_open_interest_rows(view, chosen.offshore),
        _divergence_row(view),
        *_funding_rows(view),
        *_position_rows(view),
    ]


def _open_interest_rows(view: FuturesView, venue: str) -> list[Mechanism]:
    history, chosen, rows = view.history, view.chosen, view.held["open_interest"]
    interest, what = history.open_interest, f"open interest of {venue}"
    at = newest(interest.coins[venue])
    label = pd.Timestamp(history.clock.index[-1]) if at is None else at
    proxy = bool(interest.proxy[venue][label])
    known = [rows.loc[rows["venue"] == venue, "known_at"]]
    spot = [] if at is None else view.spot_known(at)
    level = view.standing(what, at, known + (spot if proxy else []))
    typed = view.standing(what, at, [*known, *spot, view.held["futures"]["known_at"]])
    changes = interest.change[venue].loc[:label]
    quality = PROXY if proxy else GOOD
    return [
        level.row(
            "open_interest", venue, COINS, interest.coins[venue][label], missing=f"no {what}",
            quality=quality, detail=_level_detail(view, venue, label, proxy=proxy),
        ),
        typed.row(
            "open_interest_type", venue, LOG_COINS, changes.iloc[-1], quality=quality,
            missing=f"no {what} of the session before",
            category=str(history.types[venue]["type"][label]),
            z=last_z(changes, window=chosen.window, fewest=chosen.min_observations),
            n=baseline(changes, window=chosen.window), detail=_type_detail(view, venue, label),
        ),
    ]  # fmt: skip


def _instant(view: FuturesView, venue: str) -> str:
    at_close = venue in view.chosen.venues_at_new_york_close
    return "16:00 New York" if at_close else "end of the UTC day"


def _level_detail(view: FuturesView, venue: str, at: pd.Timestamp, *, proxy: bool) -> str:
    """Instant of the open interest and, for dollars, the price that they were divided by."""
    if not proxy:
        return _instant(view, venue)
    spot = view.history.interest_spot[venue]
    source, apart = spot["source"][at], spot["hours_apart"][at]
    late = f", {apart:.0f} hours later" if apart > 0 else ""
    return f"{_instant(view, venue)}; USD over spot ({source}{late})"


def _type_detail(view: FuturesView, venue: str, at: pd.Timestamp) -> str:
    """Both signs and their order, in words."""
    history = view.history
    kind, usual = history.types[venue].loc[at], history.ordinary[venue][at]
    still = "fell as a contract expired" if kind["expired"] else f"moved within ±{usual:.1%}"
    moves: dict[object, str] = {1.0: "rose", -1.0: "fell", 0.0: still}
    parts = [
        BASIS_MOVES.get(history.direction[at], "basis unknown"),
        f"open interest {moves.get(kind['open_interest'], 'unknown')}",
    ]
    if kind["type"] in (CLOSED, OPENED):
        parts.append("whether long or short positions is not determined")
    if kind["timing"] == OPEN_INTEREST_FIRST:
        parts.append("it had moved the session before")
    elif kind["fell_before"]:
        parts.append("it had fallen the session before")
    return "; ".join(parts)


def _clocks(view: FuturesView) -> str:
    first, second = (_instant(view, name) for name in (view.chosen.venue, view.chosen.offshore))
    return f"both at the {first}" if first == second else f"first {first}, second {second}"


def _divergence_row(view: FuturesView) -> Mechanism:
    history, chosen = view.history, view.chosen
    at = newest(history.open_interest.coins.sum(axis=1, skipna=False))
    label = pd.Timestamp(history.clock.index[-1]) if at is None else at
    proxy = bool(history.open_interest.proxy.loc[label].any())
    known = [view.held["open_interest"]["known_at"]]
    known += view.spot_known(label) if at is not None and proxy else []
    stand = view.standing(f"open interest of both {chosen.venue} and {chosen.offshore}", at, known)
    values = history.divergence.loc[:label]
    return stand.row(
        "venue_divergence", f"{chosen.venue}-{chosen.offshore}", LOG_COINS, values.iloc[-1],
        missing="no open interest of both at the session before",
        quality=PROXY if proxy else GOOD,
        z=last_z(values, window=chosen.window, fewest=chosen.min_observations),
        n=baseline(values, window=chosen.window),
        detail=f"negative: the first closed faster; {_clocks(view)}",
    )  # fmt: skip


def _funding_rows(view: FuturesView) -> list[Mechanism]:
    chosen, what = view.chosen, f"funding rate of {view.chosen.offshore}"
    at = newest(view.history.funding["rate"])
    stand = view.standing(what, at, [view.held["perpetuals"]["known_at"]])
    past = view.history.funding.loc[:at] if at is not None else view.history.funding
    now = past.iloc[-1].to_dict() if len(past) else dict.fromkeys(past.columns, np.nan)
    depth = {"window": chosen.window, "fewest": chosen.min_observations}
    flips = past.index[past["flipped"].astype(bool)]
    return [
        stand.row(
            "funding", chosen.offshore, "decimal a day", now["rate"], missing=f"no {what}",
            category=PAYERS.get(now["sign"], UNKNOWN), z=last_z(past["rate"], **depth),
            n=baseline(past["rate"], window=chosen.window),
        ),
        stand.row(
            "funding_cumulated", chosen.offshore, f"decimal over {chosen.funding_days} days",
            now["cumulated"], z=last_z(past["cumulated"], **depth), n=chosen.funding_days,
            missing=f"a day of the last {chosen.funding_days} is missing",
        ),
        stand.row(
            "funding_flips", chosen.offshore, f"changes of sign in {chosen.flip_window} days",
            now["flips"], missing=f"no {what}", n=chosen.flip_window,
            detail=f"last on {flips[-1]:%Y-%m-%d}" if len(flips) else "none",
        ),
    ]  # fmt: skip


def _position_rows(view: FuturesView) -> list[Mechanism]:
    chosen, reports = view.chosen, view.history.positions
    at = newest(reports["coins"])
    stand = view.standing(
        f"report of positions on {chosen.venue}", at, [view.held["cftc_positions"]["known_at"]],
        usual=chosen.report_sessions,
    )  # fmt: skip
    past = reports.loc[:at] if at is not None else reports
    now = past.iloc[-1].to_dict() if len(past) else dict.fromkeys(past.columns, np.nan)
    return [
        stand.row(
            "leveraged_net_short", chosen.venue, COINS, now["coins"],
            missing="long or short of leveraged funds is missing",
            detail=f"{now['share']:.0%} of open interest; weekly, Tuesday's",
        ),
        stand.row(
            "leveraged_net_short_change", chosen.venue, COINS, now["change"],
            missing="no report before it", n=baseline(past["change"], window=chosen.reports),
            z=last_z(past["change"], window=chosen.reports, fewest=chosen.min_reports),
            detail=f"since {past.index[-2]:%Y-%m-%d}" if len(past) > 1 else None,
        ),
    ]  # fmt: skip
