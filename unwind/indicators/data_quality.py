"""Rows of the table `quality`: what is proxied, missing or quarantined."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.panel import UNCONFIRMED
from unwind.contract.published_text import published
from unwind.errors import did_you_mean
from unwind.indicators.context import RunContext
from unwind.market.quarantine import fault_rows

# Quarantined rows older than this no longer touch a published window.
QUARANTINE_SESSIONS = 252
# Origin of what the screens of the store name, and how many of its sessions an example lists.
STORE, N_EXAMPLES = "store", 3

# Symbols that one row names.
SHOWN_SYMBOLS = 12

# Notes of the panel that are warnings, and what to do; the others are proxies of every day.
WARNED = {
    "missing_price": "ask the vendor",
    UNCONFIRMED: "ask the vendor, or confirm the move with `unwind confirm`",
    "overlapping_clocks": "read the move of both sessions together",
    "venue_gap": "ask the venue for the bar, or leave it out",
}


def quality_rows(
    context: RunContext,
    rejected: pd.DataFrame,
    of_verdict: Sequence[Mapping[str, object]] = (),
) -> pd.DataFrame:
    """Rows of the table `quality`: today's proxies and gaps, and a year of quarantined rows.

    Parameters
    ----------
    context : RunContext
    rejected : DataFrame
        Quarantined rows.
    of_verdict : sequence of mapping
        What limits the verdict, and how the stated rates fare.
    """
    screened = [
        fault_rows(
            faults, table=table, origin=STORE, received_at=context.cutoff,
            publication=context.settings.publication,
        )
        for table, faults in context.faults.items()
        if faults
    ]  # fmt: skip
    if screened:
        rejected = pd.concat([rejected, *screened], ignore_index=True)
    today = context.panel.notes[context.panel.notes["session"] == context.stamp]
    notes = pd.DataFrame(
        {
            "table": "prices",
            "entity": today["symbol"],
            "rule": today["rule"],
            "severity": np.where(today["rule"].isin(list(WARNED)), "warning", "info"),
            "count": 1,
            "example": today["detail"],
            "remedy": today["rule"].map(WARNED).fillna("give the better series"),
        }
    )
    frame = pd.concat(
        [
            notes, _absent(context), _unused(context), pd.DataFrame(of_verdict),
            _quarantined(context, rejected),
        ],
        ignore_index=True,
    )  # fmt: skip
    if frame.empty:
        return pd.DataFrame()
    frame["known_at"] = context.cutoff
    return context.stamped(frame)


def _absent(context: RunContext) -> pd.DataFrame:
    """Name each symbol of the settings that no row has, with the nearest that one has."""
    listed = {
        "prices": (
            [*context.settings.symbols],
            [*context.panel.close.columns[context.panel.close.notna().any()]],
            _symbols(context, "prices"),
        ),
        "crypto_hourly": (
            [
                name
                for symbol, name in context.settings.clock.hourly.items()
                if symbol in context.settings.symbols
            ],
            _symbols(context, "crypto_hourly"),
            _symbols(context, "crypto_hourly"),
        ),
    }
    rows = [
        {
            "table": table, "entity": symbol, "rule": "missing_symbol", "severity": "warning",
            "count": 0, "example": None,
            "remedy": "add its prices, or leave it out of the desk"
            + did_you_mean(symbol, set(known) - set(symbols)),
        }
        for table, (symbols, priced, known) in listed.items()
        # Hourly bars are optional as a whole; without any the daily notes say what is used.
        for symbol in symbols
        if symbol not in priced and (known or table == "prices")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _unused(context: RunContext) -> pd.DataFrame:
    """One row for all priced symbols that no setting names."""
    strangers = sorted(set(_symbols(context, "prices")) - _names(context.settings.model_dump()))
    if not strangers:
        return pd.DataFrame()
    shown = ", ".join(strangers[:SHOWN_SYMBOLS])
    more = len(strangers) - SHOWN_SYMBOLS
    return pd.DataFrame(
        [
            {
                "table": "prices", "entity": "prices", "rule": "unused_symbol",
                "severity": "info", "count": len(strangers),
                "example": shown + (f" and {more} more" if more > 0 else ""),
                "remedy": "nothing to do, or name them in the settings",
            }
        ]
    )  # fmt: skip


def _symbols(context: RunContext, table: str) -> list[str]:
    rows = context.inputs[table]
    return [str(symbol) for symbol in rows["symbol"].unique()] if len(rows) else []


def _names(settings: object) -> set[str]:
    """Every text in a section of the settings, keys included."""
    if isinstance(settings, str):
        return {settings}
    if isinstance(settings, dict):
        return set().union(*(_names(part) for pair in settings.items() for part in pair))
    if isinstance(settings, list | tuple):
        return set().union(*(_names(part) for part in settings))
    return set()


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
                # The row's number is in the quarantine log, not here: a number that shifts when
                # later rows are added to the file would make history depend on the future.
                "example": _screened(group)
                if first["origin"] == STORE
                else f"{first['origin']} {_day(first['session'])}: {first['value']}",
                "remedy": first["remedy"],
            }
        )
    return pd.DataFrame(rows)


def _screened(group: pd.DataFrame) -> str:
    """Name the newest sessions of a fault, the newest first."""
    newest = group.sort_values("session", kind="stable").iloc[::-1][:N_EXAMPLES]
    return "; ".join(
        f"{row['session']:%Y-%m-%d}: {row['value']}" for row in newest.to_dict("records")
    )


def _day(session: pd.Timestamp) -> str:
    return "undated" if pd.isna(session) else f"{session:%Y-%m-%d}"
