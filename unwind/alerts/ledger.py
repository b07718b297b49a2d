"""Alerts: the ledger of what a desk was told, and of what it is still owed.

    LAKE/alerts/ledger.jsonl    one alert a line, with checksum: intent → emitted → acknowledged

The intent is on disk before anyone hears of it, so what a killed run owed is handed over by the
next one, under the id that the first had used (`unwind.alerts.notices`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

from unwind.alerts.message import compose
from unwind.alerts.notices import Notice, notice_due
from unwind.lake import Snapshot, latest
from unwind.reading.commands import SessionDay, session_day
from unwind.storage.durable import folder_lock, write_atomically
from unwind.storage.identity import IDENTITY, has_id, read_id, write_id
from unwind.storage.location import LakeError

LEDGER = "alerts/ledger.jsonl"

Status = Literal["intent", "emitted", "acknowledged"]
PROGRESS: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alert:
    """One notice with its message, and how far its delivery came."""

    notice: Notice
    message: dict[str, Any]
    status: Status


def write_intent(
    lake: Path, snapshot: Snapshot, *, as_of: date, current_session: date, links: dict[str, str]
) -> tuple[Alert, ...]:
    """Record what has to be sent about the run's session, and return all that is pending.

    Parameters
    ----------
    lake : Path
    snapshot : Snapshot
        What the run published. Where a later run of the same terms published since, that counts.
    as_of : date
        Session of the run.
    current_session : date
        The last session with a data cut-off that has passed. Entries of later ones, unless the run
        itself simulates one, are ignored: they neither hold alerts back nor are sent.
    links : dict of str
        Where to read on, by name; part of the message.

    Returns
    -------
    tuple of Alert
        Those that no server has acknowledged, the oldest first: this run's, and what killed runs
        left.

    Raises
    ------
    LakeError
        The log is damaged or missing, or the session was withdrawn meanwhile.
    """
    newest_session = max(as_of, current_session)
    with folder_lock(lake):
        newest = latest(lake)
        day = session_day(
            newest if newest.terms == snapshot.terms else snapshot, as_of=as_of, cutoff=None
        )
        alerts = list(read_ledger(lake))
        log = [alert.notice for alert in alerts]
        own_id = read_id(lake)
        identity = own_id or str(uuid4())
        due = notice_due(log, _standing(day, identity), newest_session=newest_session)
        if due is not None:
            corrects = any(
                notice.kind == "transition"
                and (notice.state_key, notice.as_of) == (due.state_key, due.as_of)
                for notice in log
            )
            message = compose(due, day, corrects=corrects, links=links)
            alerts.append(Alert(notice=due, message=message, status="intent"))
            _write(lake, alerts)
            # Only now: an id without a log has to mean that the log was lost.
            if own_id is None:
                write_id(lake, identity)
    return tuple(
        alert
        for alert in alerts
        if alert.status != "acknowledged" and alert.notice.as_of <= newest_session
    )


def mark(lake: Path, notice: Notice, status: Status) -> None:
    """Put on record how far a notice came; of two runs at it, the further one counts."""
    with folder_lock(lake):
        alerts = [
            replace(alert, status=max(alert.status, status, key=PROGRESS.index))
            if alert.notice == notice
            else alert
            for alert in read_ledger(lake)
        ]
        _write(lake, alerts)


def _standing(day: SessionDay, identity: str) -> Notice:
    regime = day.regime
    return Notice(
        kind="digest",
        base=regime["base"],
        source=regime["source"],
        settings_digest=regime["settings_digest"],
        as_of=day.as_of,
        from_state=regime["state"],
        to_state=regime["state"],
        lake=identity,
    )


def read_ledger(lake: Path) -> tuple[Alert, ...]:
    """Every alert of the lake, in the order in which they were written.

    Raises
    ------
    LakeError
        A line differs from its checksum, or the file is missing though the lake has sent alerts.
    """
    path = lake / LEDGER
    # Before the log is looked for: a writer may make both in between.
    identified = has_id(lake)
    if not path.exists():
        if identified:
            raise LakeError(
                f"alert log {path} is missing, but this lake has sent alerts; restore the file "
                f"from a backup, or delete {lake / IDENTITY} to start a new log (the current state "
                "may be sent again)"
            )
        return ()
    read_id(lake)
    # Not splitlines: a text may hold other signs that it takes for an end of line.
    held = path.read_text(encoding="utf-8", errors="replace")
    lines = held.removesuffix("\n").split("\n")
    return tuple(_parse(path, place, line) for place, line in enumerate(lines, start=1))


def _parse(path: Path, place: int, line: str) -> Alert:
    try:
        held = json.loads(line)
        entry = held["alert"]
        if held["sha256"] != _checksum(entry):
            raise ValueError("checksum")
        notice = Notice(**entry["notice"] | {"as_of": date.fromisoformat(entry["notice"]["as_of"])})
        return Alert(notice=notice, message=entry["message"], status=entry["status"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LakeError(
            f"line {place} of {path} is damaged; restore the file from a copy, or delete the line: "
            "what it told may then be told once more"
        ) from error


def _write(lake: Path, alerts: Sequence[Alert]) -> None:
    path = lake / LEDGER
    path.parent.mkdir(exist_ok=True)
    lines = []
    for alert in alerts:
        notice = asdict(alert.notice) | {"as_of": alert.notice.as_of.isoformat()}
        entry = {"notice": notice, "message": alert.message, "status": alert.status}
        lines.append(json.dumps({"alert": entry, "sha256": _checksum(entry)}, ensure_ascii=False))
    text = "".join(f"{line}\n" for line in lines)
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def _checksum(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def ledger_text(alerts: Sequence[Alert]) -> str:
    """Return the ledger for a person, the newest last."""
    if not alerts:
        return "nothing was told yet"
    return "\n".join(
        f"{alert.notice.as_of}  {alert.status:<13}{alert.notice.id}  {alert.message['subject']}"
        for alert in alerts
    )
