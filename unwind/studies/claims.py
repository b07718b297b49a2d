"""Claims about an event, each against the published rows: what was computed, and what holds.

A verdict follows from a rule over the figures, written beside them; nothing here is looked up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from unwind.contract.text import plain
from unwind.files.location import LakeError
from unwind.lake.snapshots import Snapshot
from unwind.report.format import Row, records
from unwind.report.session import SessionDay, json_number, session_day

CONFIRMED, CONTESTED = "confirmed", "contested"
NOT_REPRODUCIBLE, UNTESTABLE = "not reproducible here", "cannot be tested"
VERDICTS = (CONFIRMED, CONTESTED, NOT_REPRODUCIBLE, UNTESTABLE)

Sessions = Mapping[date, SessionDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Finding of the rows on a claim.

    Attributes
    ----------
    verdict : str
        One of `VERDICTS`. Contested: the data say otherwise, or not what is concluded from them.
        Not reproducible here: the figure rests on data this desk does not have at that precision.
    value : str
        The computed figures, in a sentence.
    rule : str
        What the verdict rests on.
    missing : str or None
        What the part that was not tested would need.
    """

    verdict: str
    value: str
    rule: str
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim of an account, and the check that the rows allow."""

    number: int
    text: str
    check: Callable[[Sessions], Finding]


class Absent(LookupError):
    """A row that a check needs is not published, or is null for a reason."""


def judge(claims: Sequence[Claim], sessions: Sessions) -> list[tuple[Claim, Finding]]:
    """Check each claim; one whose rows are not there cannot be tested."""
    found = []
    for claim in claims:
        try:
            finding = claim.check(sessions)
        except Absent as absent:
            finding = Finding(
                verdict=UNTESTABLE, value="no figure", rule="needs the row", missing=str(absent)
            )
        found.append((claim, finding))
    return found


def sessions_of(snapshot: Snapshot, days: Sequence[date]) -> dict[date, SessionDay]:
    """The published ones among the days, each at its latest cut-off.

    Raises
    ------
    LakeError
        None of them is published.
    """
    published = {}
    for day in days:
        try:
            published[day] = session_day(snapshot, as_of=day, cutoff=None)
        except LakeError:
            continue
    if not published:
        raise LakeError(
            f"no session from {days[0]} to {days[-1]} is published; run `unwind "
            f"backfill --from {days[0]} --to {days[-1]}` first"
        )
    return published


def row(sessions: Sessions, day: date, table: str, **named: object) -> Row:
    """The one row of a session's table that has these values; a null is not a figure."""
    if day not in sessions:
        raise Absent(f"session {day} is not published")
    rows = sessions[day].tables[table]
    for column, value in named.items():
        rows = rows[rows[column] == value]
    if rows.empty:
        raise Absent(f"{table} of {day} has no row {', '.join(map(str, named.values()))}")
    found = records(rows)[0]
    if found.get("quality") == "missing":
        raise Absent(f"{found['reason']} ({day})")
    return found


def description(sessions: Sessions, day: date, table: str, **named: object) -> Row:
    """The one row that describes a session: of its own run, or of the first later run with one.

    Raises
    ------
    Absent
        No run has it; the reason is that of the session's own run.
    """
    own: Absent | None = None
    for run in sorted({day, *(later for later in sessions if later > day)}):
        try:
            return row(sessions, run, table, describes=day, **named)
        except Absent as absent:
            own = own or absent
    assert own is not None
    raise own


def without(check: Callable[[], Row]) -> str | None:
    """Reason why a row is missing; None where it is there."""
    try:
        check()
    except Absent as absent:
        return str(absent)
    return None


def claims_json(found: Sequence[tuple[Claim, Finding]]) -> list[dict[str, Any]]:
    """Lay the findings out for a machine."""
    return [
        {
            "claim": claim.number,
            "text": claim.text,
            "verdict": finding.verdict,
            "value": finding.value,
            "rule": finding.rule,
            "missing": json_number(finding.missing),
        }
        for claim, finding in found
    ]


def claims_markdown(found: Sequence[tuple[Claim, Finding]], sessions: Sessions) -> str:
    """Return the page: a table of verdicts, and the cut-offs that they use."""
    counts = [
        f"{sum(finding.verdict == verdict for _, finding in found)} {verdict}"
        for verdict in VERDICTS
    ]
    lines = [
        f"{len(found)} claims: {', '.join(counts)}.",
        "",
        "| # | claim | computed | verdict | rests on | missing |",
        "| ---: | --- | --- | --- | --- | --- |",
    ]
    for claim, finding in found:
        cells = (
            str(claim.number), claim.text, finding.value, f"**{finding.verdict}**", finding.rule,
            finding.missing or "",
        )  # fmt: skip
        lines.append("| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |")
    stood = [
        f"{day} as known at {held.regime['cutoff']:%Y-%m-%d %H:%M} UTC"
        for day, held in sorted(sessions.items())
    ]
    return "\n".join([*lines, "", f"Sessions: {'; '.join(stood)}.", ""])
