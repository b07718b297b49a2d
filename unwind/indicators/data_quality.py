"""Rows of the table `quality`: what is proxied, missing or quarantined."""

import numpy as np
import pandas as pd

from unwind.contract.published_text import published
from unwind.indicators.context import RunContext

# Quarantined rows older than this no longer touch a published window.
QUARANTINE_SESSIONS = 252


def quality_rows(
    context: RunContext, rejected: pd.DataFrame, verdict: list[dict[str, object]]
) -> pd.DataFrame:
    """Rows of the table `quality`: proxies and gaps, a year of quarantined rows, the verdict's."""
    today = context.panel.notes[context.panel.notes["session"] == context.stamp]
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
        for symbol in (*context.settings.universe.symbols, *context.settings.universe.context)
        if context.panel.close[symbol].isna().all()
    ]  # fmt: skip
    frame = pd.concat(
        [notes, pd.DataFrame(absent), _quarantined(context, rejected), pd.DataFrame(verdict)],
        ignore_index=True,
    )
    if frame.empty:
        return pd.DataFrame()
    frame["known_at"] = context.cutoff
    return context.stamped(frame)


def _quarantined(context: RunContext, rejected: pd.DataFrame) -> pd.DataFrame:
    known = rejected["known_at"].isna() | (rejected["known_at"] <= context.cutoff)
    since = context.panel.sessions[max(0, len(context.panel.sessions) - QUARANTINE_SESSIONS)]
    recent = rejected["session"].isna() | (
        (rejected["session"] >= since) & (rejected["session"] <= context.stamp)
    )
    # A fault of the asking concerns the session that was asked for, and no other.
    asked = (rejected["row"] == 0) & (rejected["column"] == "") & rejected["session"].notna()
    held = rejected[known & recent & (~asked | (rejected["session"] == context.stamp))]
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
