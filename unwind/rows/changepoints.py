"""Rows of the table `changepoints`: breaks of the watched pairs, as the session saw them."""

import numpy as np
import pandas as pd

from features.panel import Panel
from models.changepoint import METHOD, correlation_breaks
from models.errors import NotEnoughData
from unwind.rows.moment import Moment, known_from, stamped
from unwind.settings import Settings


def changepoint_rows(panel: Panel, moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Rows of the table `changepoints`: breaks of each watched pair, as the session saw them."""
    chosen = settings.changepoint
    rows = []
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
        rows += [
            {
                "pair": f"{first}~{second}",
                "method": METHOD,
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "known_at": known_from(panel, moment, first, pd.Index([second]))[0],
            }
            for found in breaks
        ]
    return stamped(pd.DataFrame(rows), moment, settings) if rows else pd.DataFrame()


def _delay(panel: Panel, at: pd.Timestamp, seen: pd.Timestamp | None) -> float:
    if seen is None:
        return np.nan
    first, last = panel.sessions.get_indexer(pd.DatetimeIndex([at, seen]))
    return float(last - first)
