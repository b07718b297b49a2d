"""Rows of the sessions around 5 February 2026 that the claims of the review rest on."""

from datetime import date

import pandas as pd

from unwind.calendar import sessions_between
from unwind.contract.text import number
from unwind.indicators.block import MISSING
from unwind.indicators.mechanisms.note_states import LIVE
from unwind.report.format import Row, records
from unwind.studies.claims import Absent, Sessions, description, without

GOLD_CRASH, EVE, EVENT, AFTER = (
    date(2026, 1, 30), date(2026, 2, 4), date(2026, 2, 5), date(2026, 2, 6)
)  # fmt: skip
CHAIN = date(2026, 2, 12)
DAYS = (date(2026, 1, 29), GOLD_CRASH, EVE, EVENT, AFTER, CHAIN)
# Flows, z-scores and closes of UTC days may describe a session in a later run alone.
RUNS = tuple(session.date() for session in sessions_between(DAYS[0], DAYS[-1]))
# By then everything about the event was known.
KNOWN = pd.Timestamp("2026-02-10T21:15Z")
BASE, SOFTWARE, GOLD, BITCOIN = "IBIT", "IGV", "GLD", "BTC-USD"
# Barriers of the notes that the review names: a note of November, and a cluster.
BARRIERS = {"43.6": (43.55, 43.65), "38–39": (38.0, 39.0)}
DURING = "in the fall"


def mechanism(sessions: Sessions, day: date, indicator: str, item: str | None = None) -> Row:
    """A row that describes the session itself, whichever run has it; any item where None.

    Raises
    ------
    Absent
        No run has it; the command that may fill it is named where the session has an early
        cut-off.
    """
    named = {"indicator": indicator} if item is None else {"indicator": indicator, "item": item}
    try:
        return description(sessions, day, "mechanisms", **named)
    except Absent as absent:
        raise Absent(f"{absent}{later_cutoff(sessions, day)}") from None


def later_cutoff(sessions: Sessions, day: date) -> str:
    """Name the command that may fill a row of a session; empty where its cut-off is late enough."""
    if day not in sessions or sessions[day].regime["cutoff"] >= KNOWN:
        return ""
    return (
        "; a later cut-off may fill it: `unwind replay --source files --path FOLDER "
        f"--as-of {day} --cutoff {KNOWN:%Y-%m-%dT%H:%MZ}`"
    )


def run_note(described: Row, day: date) -> str:
    """Name the run that a row came from, where that is not the session's own."""
    run = described.get("as_of", day)
    return "" if run == day else f" (run of {run})"


def published_figures(sessions: Sessions) -> list[str]:
    """Multi-strategy z-scores that describe the eve, by publisher, from the latest run with one."""
    figures = {}
    for day in sorted(sessions):
        rows = sessions[day].tables["mechanisms"]
        if rows.empty:
            continue
        rows = rows[(rows["indicator"] == "published_zscore") & (rows["describes"] == EVE)]
        for figure in records(rows[rows["quality"] != MISSING]):
            # The item is "publisher: group"; the group is spelt as its publisher spells it.
            group = "".join(filter(str.isalpha, figure["item"].rpartition(":")[2].casefold()))
            if "multistrat" in group:
                figures[figure["item"]] = (
                    f"{figure['item']} {number(figure['value'], decimals=2, signed=True)}"
                    f"{run_note(figure, EVE)}"
                )
    return list(figures.values())


def notes_at_barriers(sessions: Sessions) -> dict[str, dict[str, str]]:
    """Notes on the base with their barriers, by the barriers that the claim names.

    Raises
    ------
    Absent
        No such note is known.
    """
    reason = without(lambda: mechanism(sessions, EVENT, "barrier_proximity", BASE))
    rows = sessions[EVENT].tables["mechanisms"] if EVENT in sessions else pd.DataFrame()
    if not rows.empty:
        rows = rows[(rows["indicator"] == "barrier") & (rows["category"] == BASE)]
    if rows.empty:
        raise Absent(reason or f"no row names the barrier of a note on {BASE} ({EVENT})")
    levels: dict[str, dict[str, str]] = {
        name: {
            note["item"]: number(note["value"], decimals=2)
            for note in records(rows[rows["value"].between(lowest, highest)])
        }
        for name, (lowest, highest) in BARRIERS.items()
    }
    if not any(levels.values()):
        known = ", ".join(number(value, decimals=2) for value in sorted(set(rows["value"])))
        raise Absent(
            f"no note with its barrier at {' or '.join(BARRIERS)} was known ({EVENT}); "
            f"barriers of those known: {known}"
        )
    return levels


def crossing(sessions: Sessions, note: str) -> str:
    """Say when a note's barrier was crossed, by the closes and the note's own observation."""
    for day, when in ((EVE, "before the fall"), (EVENT, DURING)):
        distance = mechanism(sessions, day, "barrier_distance", note)
        if distance["category"] != LIVE or distance["value"] <= 0:
            return when
    return f"by no close up to {EVENT}"
