"""What changed since the session before, in short sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from unwind.contract.text import number, plain, session
from unwind.hypotheses import WORDS
from unwind.report.digest import LARGEST, Verdict, read_verdict
from unwind.report.format import records, short_window

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that may change, and what became of it."""

    what: str
    told: str


def changes(today: Tables, before: Tables | None, *, previous: date) -> tuple[Change, ...]:
    """Say what changed between two sessions: state, score, drivers, links, breaks, attribution.

    Parameters
    ----------
    today, before : mapping of str to DataFrame
        Published rows of the two sessions, as they were known at the same cut-off; `before` is None
        where the session before was not published. What today's rows say by themselves is told all
        the same.
    previous : date
        The session before.
    """
    verdict = read_verdict(today["regimes"])
    earlier = None if before is None else read_verdict(before["regimes"])
    unknown = f"{session(previous)} was not published, so there is nothing to compare with"
    told = [
        Change("State", _state(verdict)),
        Change("Score", unknown if earlier is None else _score(verdict, earlier)),
    ]
    if earlier is not None:
        told.append(Change("Drivers", _drivers(verdict, earlier)))
    told += [
        Change("Correlations", _correlations(today["correlations"])),
        Change("Change points", _breaks(today["changepoints"])),
    ]
    if before is not None:
        told.append(Change("Attribution", _attribution(today, before)))
    return tuple(told)


def _state(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no verdict"
    if verdict.sessions_in_state == 1:
        return f"{verdict.previous_state} → {verdict.state}"
    return f"unchanged, {verdict.state}"


def _score(verdict: Verdict | None, earlier: Verdict) -> str:
    now = None if verdict is None else verdict.score
    was, is_now = number(earlier.score, decimals=2), number(now, decimals=2)
    if now is None or earlier.score is None:
        return f"{was} → {is_now}"
    return f"{was} → {is_now} ({number(now - earlier.score, decimals=2, signed=True)})"


def _drivers(verdict: Verdict | None, earlier: Verdict) -> str:
    """Contributions that moved, the largest move first."""
    now = {driver.name: driver.contribution for driver in verdict.drivers} if verdict else {}
    was = {driver.name: driver.contribution for driver in earlier.drivers}
    moved = []
    for name in dict.fromkeys((*now, *was)):
        first, last = was.get(name), now.get(name)
        if (first is None) != (last is None):
            moved.append((float("inf"), f"{name} {'lost' if last is None else 'is back'}"))
        elif first is not None and last is not None and abs(last - first) >= 0.005:
            gap = last - first
            moved.append((abs(gap), f"{name} {number(gap, decimals=2, signed=True)}"))
    moved.sort(key=lambda entry: -entry[0])
    return ", ".join(text for _, text in moved[:LARGEST]) or "none moved"


def _correlations(rows: pd.DataFrame) -> str:
    window = short_window(rows)
    held = [
        row
        for row in records(rows)
        if (row["method"], row["window"]) == ("pearson", window) and row["change"] is not None
    ]
    held.sort(key=lambda row: (-abs(row["change"]), row["asset"]))
    if not held:
        return "no change is known"
    listed = [
        f"{plain(row['asset'])} {number(row['value'] - row['change'], decimals=2)} → "
        f"{number(row['value'], decimals=2)}"
        for row in held[:LARGEST]
    ]
    return f"{', '.join(listed)} (largest of {len(held)}, {window} sessions)"


def _breaks(rows: pd.DataFrame) -> str:
    """Breaks that were first seen in the session itself."""
    found = [row for row in records(rows) if session(row["first_seen"]) == session(row["as_of"])]
    named = list(
        dict.fromkeys(
            f"{plain(row['pair'])} at {session(row['break_at'])} ({plain(row['method'])})"
            for row in sorted(found, key=lambda row: (row["pair"], row["method"]))
        )
    )
    if not named:
        return "none is new"
    more = f" and {len(named) - LARGEST} more" if len(named) > LARGEST else ""
    return ", ".join(named[:LARGEST]) + more


def _attribution(today: Tables, before: Tables) -> str:
    now, was = (_finding(tables.get("attribution")) for tables in (today, before))
    return f"unchanged, {now}" if now == was else f"{was} → {now}"


def _finding(rows: pd.DataFrame | None) -> str:
    if rows is None or rows.empty:
        return "none"
    held = records(rows)
    first = held[0]
    if first["named"] is not None:
        posterior = next(
            (row["posterior"] for row in held if row["hypothesis"] == first["named"]), None
        )
        words = WORDS.get(first["named"], plain(first["named"]))
        return f"{words} ({number(posterior, decimals=2)})"
    return plain(first["verdict"])
