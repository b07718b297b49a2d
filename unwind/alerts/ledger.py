"""Alert log: alerts with their delivery status.

    LAKE/alerts/ledger.jsonl    one alert per line, with checksum: intent → emitted → acknowledged

The intent is written to disk before the alert is sent, so the next run delivers the pending alerts
of a killed one, under the same id (`unwind.alerts.notices`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

from unwind.alerts.message import compose
from unwind.alerts.notices import Notice, notice_due
from unwind.files.durable import folder_lock
from unwind.lake.alert_log import LOG, damaged, read_entries, write_entries
from unwind.lake.identity import read_id, write_id
from unwind.lake.snapshots import Snapshot, latest
from unwind.report.session import SessionDay, session_day

Status = Literal["intent", "emitted", "acknowledged"]
PROGRESS: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alert:
    """One notice with its message and delivery status."""

    notice: Notice
    message: dict[str, Any]
    status: Status


def write_intent(
    lake: Path, snapshot: Snapshot, *, as_of: date, current_session: date, links: dict[str, str]
) -> tuple[Alert, ...]:
    """Record the alert of the run's session, and return all pending ones.

    Parameters
    ----------
    lake : Path
    snapshot : Snapshot
        The run's snapshot. A later snapshot of the same terms takes precedence.
    as_of : date
        Session of the run.
    current_session : date
        The last session with a data cut-off that has passed. Entries of later ones, unless the run
        itself simulates one, are ignored: they neither suppress alerts nor are sent.
    links : dict of str
        Links of the message, by name.

    Returns
    -------
    tuple of Alert
        Alerts not yet delivered, the oldest first: this run's, and those of killed runs.

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
        due = notice_due(log, _current_state(day, identity), newest_session=newest_session)
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
    """Record the delivery status of a notice; of two runs, the further status counts."""
    with folder_lock(lake):
        alerts = [
            replace(alert, status=max(alert.status, status, key=PROGRESS.index))
            if alert.notice == notice
            else alert
            for alert in read_ledger(lake)
        ]
        _write(lake, alerts)


def _current_state(day: SessionDay, identity: str) -> Notice:
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
        A line is damaged, or the file is missing though the lake has sent alerts.
    """
    return tuple(
        _parse(lake / LOG, number, entry)
        for number, entry in enumerate(read_entries(lake), start=1)
    )


def _parse(path: Path, number: int, entry: dict[str, Any]) -> Alert:
    try:
        notice = Notice(**entry["notice"] | {"as_of": date.fromisoformat(entry["notice"]["as_of"])})
        return Alert(notice=notice, message=entry["message"], status=entry["status"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, number) from error


def _write(lake: Path, alerts: Sequence[Alert]) -> None:
    write_entries(
        lake,
        [
            {
                "notice": asdict(alert.notice) | {"as_of": alert.notice.as_of.isoformat()},
                "message": alert.message,
                "status": alert.status,
            }
            for alert in alerts
        ],
    )


def ledger_text(alerts: Sequence[Alert]) -> str:
    """Return the alert log as text, the newest last."""
    if not alerts:
        return "no alerts sent yet"
    return "\n".join(
        f"{alert.notice.as_of}  {alert.status:<13}{alert.notice.id}  {alert.message['subject']}"
        for alert in alerts
    )
