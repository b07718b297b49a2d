"""Rows of the table `changepoints`: breaks of the watched series, as the session saw them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.panel import Panel
from models.changepoint import METHOD, correlation_breaks
from models.errors import NotEnoughData
from models.online_changes import (
    WatchedSeries,
    online_changes,
    watched_asset,
    watched_cross_section,
    watched_pair,
)
from unwind.indicators.context import Moment, known_from, stamped
from unwind.settings import Settings

UNIVERSE = "universe"


def changepoint_rows(panel: Panel, moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Rows of the table `changepoints`: breaks of each watched series, as the session saw them."""
    rows = [
        *_offline(panel, moment, settings=settings),
        *_online(panel, moment, settings=settings),
    ]
    return stamped(pd.DataFrame(rows), moment, settings) if rows else pd.DataFrame()


def _offline(panel: Panel, moment: Moment, *, settings: Settings) -> Iterator[dict[str, object]]:
    chosen = settings.changepoint
    for first, second in settings.universe.change_pairs:
        try:
            breaks = correlation_breaks(
                panel.returns[first],
                panel.returns[second],
                window=chosen.window,
                min_size=chosen.min_size,
                penalty=chosen.penalty,
                lookback=chosen.lookback,
                tolerance=chosen.tolerance,
            )
        except NotEnoughData:
            continue  # the pair's correlation rows carry the reason
        known_at = known_from(panel, moment, first, pd.Index([second]))[0]
        for found in breaks:
            yield {
                "pair": f"{first}~{second}",
                "method": METHOD,
                "quantity": "correlation",
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "confidence": np.nan,
                "alarms_a_year": np.nan,
                "known_at": known_at,
            }


def _online(panel: Panel, moment: Moment, *, settings: Settings) -> Iterator[dict[str, object]]:
    chosen = settings.changepoint
    for name, assets, watched in _watched(panel, settings=settings):
        try:
            changes = online_changes(
                watched,
                reference=chosen.reference,
                min_reference=chosen.min_reference,
                monitored=chosen.monitored,
                alarms_a_year=chosen.alarms_a_year,
                expected_run=chosen.expected_run,
                draws=chosen.draws,
                seed=chosen.seed,
            )
        except NotEnoughData:
            continue  # a watch needs history first; the series' own rows carry the reason
        known_at = max(known_from(panel, moment, None, pd.Index(assets)))
        for found in changes:
            yield {
                "pair": name,
                "method": f"{found.detector}-{watched.quantity}",
                "quantity": watched.quantity,
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "confidence": found.confidence,
                "alarms_a_year": chosen.alarms_a_year,
                "known_at": known_at,
            }


def _watched(panel: Panel, *, settings: Settings) -> Iterator[tuple[str, list[str], WatchedSeries]]:
    """Name, assets and series of all that is watched: pairs, base, cross-section."""
    universe = settings.universe
    for first, second in universe.change_pairs:
        watched = watched_pair(panel.returns[first], panel.returns[second])
        yield f"{first}~{second}", [first, second], watched
    for watched in watched_asset(panel.returns[universe.base]):
        yield universe.base, [universe.base], watched
    names = [name for name in universe.symbols if name not in settings.clock.index_levels]
    for watched in watched_cross_section(panel.returns[names]):
        yield UNIVERSE, names, watched


def _delay(panel: Panel, at: pd.Timestamp, seen: pd.Timestamp | None) -> float:
    if seen is None:
        return np.nan
    first, last = panel.sessions.get_indexer(pd.DatetimeIndex([at, seen]))
    return float(last - first)
