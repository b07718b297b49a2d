"""Rows of the table `quality`: what is proxied, missing or quarantined."""

import numpy as np
import pandas as pd

from features.panel import Panel
from unwind.declarations.texts import published
from unwind.rows.moment import Moment, stamped
from unwind.settings import Settings

# Quarantined rows older than this no longer touch a published window.
QUARANTINE_SESSIONS = 252


def quality_rows(
    panel: Panel, rejected: pd.DataFrame, moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """Rows of the table `quality`: today's proxies and gaps, and a year of quarantined rows."""
    today = panel.notes[panel.notes["session"] == moment.stamp]
    notes = pd.DataFrame(
        {
            "table": "prices",
            "entity": today["symbol"],
            "rule": today["rule"],
            "severity": np.where(today["rule"] == "missing price", "warning", "info"),
            "count": 1,
            "example": today["detail"],
            "remedy": np.where(
                today["rule"] == "missing price", "ask the vendor", "give the better series"
            ),
        }
    )
    absent = [
        {
            "table": "prices", "entity": symbol, "rule": "not on file", "severity": "warning",
            "count": 0, "example": None, "remedy": "add its prices, or leave it out of the desk",
        }
        for symbol in (*settings.universe.symbols, *settings.universe.context)
        if panel.close[symbol].isna().all()
    ]  # fmt: skip
    frame = pd.concat(
        [notes, pd.DataFrame(absent), _quarantined(panel, rejected, moment)], ignore_index=True
    )
    if frame.empty:
        return pd.DataFrame()
    frame["known_at"] = moment.cutoff
    return stamped(frame, moment, settings)


def _quarantined(panel: Panel, rejected: pd.DataFrame, moment: Moment) -> pd.DataFrame:
    known = rejected["known_at"].isna() | (rejected["known_at"] <= moment.cutoff)
    since = panel.sessions[max(0, len(panel.sessions) - QUARANTINE_SESSIONS)]
    recent = rejected["session"].isna() | (
        (rejected["session"] >= since) & (rejected["session"] <= moment.stamp)
    )
    # A fault of the asking concerns the session that was asked for, and no other.
    asked = (rejected["row"] == 0) & (rejected["column"] == "") & rejected["session"].notna()
    held = rejected[known & recent & (~asked | (rejected["session"] == moment.stamp))]
    # Two hostile names may be published alike; they are one row, not two of one key.
    held = held.assign(entity=published(held["entity"]), rule=published(held["rule"]))
    rows = []
    for (table, entity, rule), group in held.groupby(["table", "entity", "rule"], sort=True):
        first = group.iloc[0]
        rows.append(
            {
                "table": table,
                "entity": entity,
                "rule": rule,
                "severity": first["severity"],
                "count": len(group),
                # The row's number stands in the quarantine log, not here: a number that shifts when
                # later rows are added to the file would make history depend on the future.
                "example": f"{first['origin']} {_day(first['session'])}: {first['value']}",
                "remedy": first["remedy"],
            }
        )
    return pd.DataFrame(rows)


def _day(session: pd.Timestamp) -> str:
    return "undated" if pd.isna(session) else f"{session:%Y-%m-%d}"
