"""Rows of the table `changepoints`: breaks of the watched series, as the session saw them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.panel import Panel
from models.changes import (
    METHOD,
    WatchedSeries,
    correlation_breaks,
    online_changes,
    watched_asset,
    watched_cross_section,
    watched_pair,
)
from models.errors import NotEnoughData
from unwind.indicators.context import RunContext

UNIVERSE = "universe"


def changepoint_rows(context: RunContext) -> pd.DataFrame:
    """Rows of the table `changepoints`: breaks of each watched series, as the session saw them."""
    rows = [
        *_offline(context),
        *_online(context),
    ]
    return context.stamped(pd.DataFrame(rows)) if rows else pd.DataFrame()


def _offline(context: RunContext) -> Iterator[dict[str, object]]:
    chosen = context.settings.changepoint
    for first, second in context.settings.universe.change_pairs:
        try:
            breaks = correlation_breaks(
                context.panel.returns[first],
                context.panel.returns[second],
                window=chosen.window,
                min_size=chosen.min_size,
                penalty=chosen.penalty,
            )
        except NotEnoughData:
            continue  # the pair's correlation rows carry the reason
        known_at = context.known_at(pd.Index([second]), base=first)[0]
        for found in breaks:
            yield {
                "pair": f"{first}~{second}",
                "method": METHOD,
                "quantity": "correlation",
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(context.panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "confidence": np.nan,
                "false_alarms_per_year": np.nan,
                "known_at": known_at,
            }


def _online(context: RunContext) -> Iterator[dict[str, object]]:
    chosen = context.settings.changepoint
    for name, assets, watched in _watched(context):
        try:
            changes = online_changes(
                watched,
                reference=chosen.reference,
                min_reference=chosen.min_reference,
                monitored=chosen.monitored,
                alarms_per_year=chosen.false_alarms_per_year,
                expected_run=chosen.expected_run,
                draws=chosen.draws,
                seed=chosen.seed,
            )
        except NotEnoughData:
            continue  # a watch needs history first; the series' own rows carry the reason
        known_at = max(context.known_at(pd.Index(assets)))
        for found in changes:
            yield {
                "pair": name,
                "method": f"{found.detector}-{watched.quantity}",
                "quantity": watched.quantity,
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(context.panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "confidence": found.confidence,
                "false_alarms_per_year": chosen.false_alarms_per_year,
                "known_at": known_at,
            }


def _watched(context: RunContext) -> Iterator[tuple[str, list[str], WatchedSeries]]:
    """Name, assets and series of all that is watched: pairs, base, cross-section."""
    universe = context.settings.universe
    for first, second in universe.change_pairs:
        watched = watched_pair(context.panel.returns[first], context.panel.returns[second])
        yield f"{first}~{second}", [first, second], watched
    for watched in watched_asset(context.panel.returns[universe.base]):
        yield universe.base, [universe.base], watched
    names = [name for name in universe.symbols if name not in context.settings.clock.index_levels]
    for watched in watched_cross_section(context.panel.returns[names]):
        yield UNIVERSE, names, watched


def _delay(panel: Panel, at: pd.Timestamp, seen: pd.Timestamp) -> int:
    first, last = panel.sessions.get_indexer(pd.DatetimeIndex([at, seen]))
    return int(last - first)
