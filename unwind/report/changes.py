"""Changes since the previous session, in short sentences."""

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
    """One entry: its subject and how it changed."""

    subject: str
    text: str


def changes(today: Tables, before: Tables | None, *, previous: date) -> tuple[Change, ...]:
    """List the changes: state, score, drivers, correlations, change points, attribution.

    Parameters
    ----------
    today, before : mapping of str to DataFrame
        Published rows of the two sessions as of the same cut-off; `before` is None if the previous
        session was not published. State, correlations and change points need today's rows alone.
    previous : date
        The previous session.
    """
    verdict = read_verdict(today["regimes"])
    earlier = None if before is None else read_verdict(before["regimes"])
    no_comparison = f"{session(previous)} was not published, so there is nothing to compare with"
    entries = [
        Change("State", _state(verdict)),
        Change("Score", no_comparison if earlier is None else _score(verdict, earlier)),
    ]
    if earlier is not None:
        entries.append(Change("Drivers", _drivers(verdict, earlier)))
    entries += [
        Change("Correlations", _correlations(today["correlations"])),
        Change("Change points", _breaks(today["changepoints"])),
    ]
    if before is not None:
        entries.append(Change("Attribution", _attribution(today, before)))
    return tuple(entries)


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
    """Changes of the contributions, the largest first."""
    now = {driver.name: driver.contribution for driver in verdict.drivers} if verdict else {}
    was = {driver.name: driver.contribution for driver in earlier.drivers}
    differences = []
    for name in dict.fromkeys((*now, *was)):
        first, last = was.get(name), now.get(name)
        if (first is None) != (last is None):
            differences.append(
                (float("inf"), f"{name} {'is missing' if last is None else 'is available again'}")
            )
        elif first is not None and last is not None and abs(last - first) >= 0.005:
            gap = last - first
            differences.append((abs(gap), f"{name} {number(gap, decimals=2, signed=True)}"))
    differences.sort(key=lambda entry: -entry[0])
    return ", ".join(text for _, text in differences[:LARGEST]) or "unchanged"


def _correlations(rows: pd.DataFrame) -> str:
    window = short_window(rows)
    pearson = [
        row
        for row in records(rows)
        if (row["method"], row["window"]) == ("pearson", window) and row["change"] is not None
    ]
    pearson.sort(key=lambda row: (-abs(row["change"]), row["asset"]))
    if not pearson:
        return "no change available"
    listed = [
        f"{plain(row['asset'])} {number(row['value'] - row['change'], decimals=2)} → "
        f"{number(row['value'], decimals=2)}"
        for row in pearson[:LARGEST]
    ]
    return f"{', '.join(listed)} (largest of {len(pearson)}, {window} sessions)"


def _breaks(rows: pd.DataFrame) -> str:
    """Change points detected in this session."""
    new_breaks = [
        row for row in records(rows) if session(row["first_seen"]) == session(row["as_of"])
    ]
    named = list(
        dict.fromkeys(
            f"{plain(row['pair'])} at {session(row['break_at'])} ({plain(row['method'])})"
            for row in sorted(new_breaks, key=lambda row: (row["pair"], row["method"]))
        )
    )
    if not named:
        return "no new break"
    more = f" and {len(named) - LARGEST} more" if len(named) > LARGEST else ""
    return ", ".join(named[:LARGEST]) + more


def _attribution(today: Tables, before: Tables) -> str:
    now, was = (_finding(tables.get("attribution")) for tables in (today, before))
    return f"unchanged, {now}" if now == was else f"{was} → {now}"


def _finding(rows: pd.DataFrame | None) -> str:
    if rows is None or rows.empty:
        return "none"
    hypotheses = records(rows)
    first = hypotheses[0]
    if first["named"] is not None:
        posterior = next(
            (row["posterior"] for row in hypotheses if row["hypothesis"] == first["named"]), None
        )
        words = WORDS.get(first["named"], plain(first["named"]))
        return f"{words} ({number(posterior, decimals=2)})"
    return plain(first["verdict"])
