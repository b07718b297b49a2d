"""Alerts: what a desk was told last, what stands now, and the one message due between the two.

    LAKE/alerts/ledger.jsonl    one alert a line, with its checksum: intent → emitted → acknowledged

An alert is known by (kind, base, source, settings, session, from, to): whoever writes it again,
after a crash or on late data, gives it the same id. Its intent is on disk before anyone hears of
it, so what a killed run owed is handed over by the next one, under the id that the first had used.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

from unwind.digest import LARGEST, Driver, Verdict, read_verdict, uncertainties
from unwind.durable import folder_lock, write_atomically
from unwind.formatting import both_clocks, is_simulated, number, percent, plain, records
from unwind.lake import LakeError, Snapshot, latest
from unwind.reading import SessionDay, json_number, session_day

LEDGER = "alerts/ledger.jsonl"
# A desk that was told nothing stands here: the first raised state is news, the first calm is not.
UNTOLD = "CALM"
NAMESPACE = uuid5(NAMESPACE_URL, "urn:unwind:alerts")

Kind = Literal["transition", "digest"]
Status = Literal["intent", "emitted", "acknowledged"]
PROGRESS: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be told: a net transition, or that nothing changed."""

    kind: Kind
    base: str
    source: str
    settings_digest: str
    as_of: date
    from_state: str
    to_state: str

    @property
    def id(self) -> UUID:
        """The same for the same notice, whoever writes it."""
        parts = [str(value) for value in asdict(self).values()]
        return uuid5(NAMESPACE, json.dumps(parts, ensure_ascii=False))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alert:
    """One notice with its message, and how far its delivery came."""

    notice: Notice
    message: dict[str, Any]
    status: Status


def notice_due(told: Sequence[Notice], standing: Notice) -> Notice | None:
    """Decide what the desk has to hear: the net transition, a digest, or nothing.

    Parameters
    ----------
    told : sequence of Notice
        All that was written before, in that order, of any base and source.
    standing : Notice
        What stands in the lake now; `kind` and `from_state` are not read.

    Returns
    -------
    Notice or None
        A transition where the state differs from the one told last for this base and source, else a
        digest, once a session. None for a session before the newest told one, and for a transition
        that this session was told before: data that swing to and fro within one session give an
        alert and a correction, and what stands in the end is told by the session after.
    """
    own = [
        notice for notice in told
        if (notice.base, notice.source) == (standing.base, standing.source)
    ]  # fmt: skip
    if any(notice.as_of > standing.as_of for notice in own):
        return None
    states = [notice.to_state for notice in own if notice.kind == "transition"]
    last = states[-1] if states else UNTOLD
    if last != standing.to_state:
        due = replace(standing, kind="transition", from_state=last)
        return None if due in own else due
    if any(notice.as_of == standing.as_of for notice in own):
        return None
    return replace(standing, kind="digest", from_state=last)


def write_intent(lake: Path, snapshot: Snapshot, *, links: dict[str, str]) -> tuple[Alert, ...]:
    """Put on record what has to be told about the newest session, and return all that is owed.

    Parameters
    ----------
    lake : Path
    snapshot : Snapshot
        What the run published. Where a later run of the same terms published since, that counts.
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
        The ledger is damaged.
    """
    with folder_lock(lake):
        newest = latest(lake)
        day = session_day(
            newest if newest.terms == snapshot.terms else snapshot, as_of=None, cutoff=None
        )
        alerts = list(read_ledger(lake))
        told = [alert.notice for alert in alerts]
        due = notice_due(told, _standing(day))
        if due is not None:
            corrects = any(
                notice.kind == "transition"
                and (notice.base, notice.source, notice.as_of) == (due.base, due.source, due.as_of)
                for notice in told
            )
            message = compose(due, day, corrects=corrects, links=links)
            alerts.append(Alert(notice=due, message=message, status="intent"))
            _write(lake, alerts)
    return tuple(alert for alert in alerts if alert.status != "acknowledged")


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


def _standing(day: SessionDay) -> Notice:
    regime = day.regime
    return Notice(
        kind="digest",
        base=regime["base"],
        source=regime["source"],
        settings_digest=regime["settings_digest"],
        as_of=day.as_of,
        from_state=regime["state"],
        to_state=regime["state"],
    )


def compose(
    notice: Notice, day: SessionDay, *, corrects: bool, links: dict[str, str]
) -> dict[str, Any]:
    """Write the message: verdict, three drivers, what is uncertain, attribution, links.

    Parameters
    ----------
    notice : Notice
    day : SessionDay
        The session that it is about.
    corrects : bool
        The desk heard another state for this session before.
    links : dict of str

    Returns
    -------
    dict
        `subject` and `body` for a person, every figure unrounded for a machine.
    """
    regime = day.regime
    verdict = read_verdict(day.tables["regimes"])
    if verdict is None:
        raise LakeError(f"{day.as_of} has no verdict to tell; run the session again")
    doubts = list(uncertainties(day.tables))
    finding = _attribution(day)
    change = (
        f"{notice.from_state} → {notice.to_state}"
        if notice.kind == "transition"
        else f"still {notice.to_state}"
    )
    marks = ("SIMULATED DATA. " if is_simulated(notice.source) else "") + (
        "Correction. " if corrects else ""
    )
    return {
        "subject": f"{marks}{plain(notice.base)}: {change}, session {notice.as_of}",
        "body": _body(marks, day, verdict, doubts, links),
        "simulated": is_simulated(notice.source),
        "corrects": corrects,
        "cutoff": regime["cutoff"].isoformat(),
        "snapshot": day.snapshot.name,
        "score": json_number(regime["score"]),
        "probability": json_number(regime["probability"]),
        "probability_interval": [
            json_number(regime["probability_lower"]), json_number(regime["probability_upper"]),
        ],
        "sessions_in_state": int(regime["sessions_in_state"]),
        "drivers": [
            {"driver": driver.name, "meaning": driver.meaning, "contribution": driver.contribution}
            for driver in verdict.largest[:LARGEST]
        ],
        "uncertain": doubts,
        "attribution": finding,
        "links": links,
    }  # fmt: skip


def _body(
    marks: str, day: SessionDay, verdict: Verdict, doubts: list[str], links: dict[str, str]
) -> str:
    regime = day.regime
    share, lower, upper = (
        percent(json_number(regime[name]), decimals=0)
        for name in ("probability", "probability_lower", "probability_upper")
    )
    lines = [
        f"{marks}{verdict.duration[0].upper()}{verdict.duration[1:]}.",
        verdict.headline,
        f"Score {verdict.score_text}; {verdict.threshold_text}.",
    ]
    if json_number(regime["probability"]) is not None:
        lines.append(
            f"Of sessions with such a score {share} lay in an episode ({lower} to {upper})."
        )
    lines += [f"Driver: {_driver(driver)}" for driver in verdict.largest[:LARGEST]]
    lines.append(f"Mechanism: {_attribution(day)['sentence']}")
    lines += [f"Uncertain: {sentence}" for sentence in doubts]
    lines.append(f"Known by {' = '.join(both_clocks(regime['cutoff']))}.")
    return "\n".join([*lines, *(f"{name}: {place}" for name, place in links.items())])


def _driver(driver: Driver) -> str:
    return f"{number(driver.contribution, decimals=2, signed=True)} {driver.meaning}"


def _attribution(day: SessionDay) -> dict[str, Any]:
    rows = records(day.tables["attribution"])
    if not rows:
        return {"verdict": None, "named": None, "sentence": "not weighed for this session."}
    first = rows[0]
    return {
        "verdict": first["verdict"],
        "named": first["named"],
        "sentence": plain(first["sentence"]),
    }


def read_ledger(lake: Path) -> tuple[Alert, ...]:
    """Every alert of the lake, in the order in which they were written.

    Raises
    ------
    LakeError
        A line differs from its checksum.
    """
    path = lake / LEDGER
    if not path.exists():
        return ()
    # Not splitlines: a text may hold other signs that it takes for an end of line.
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return tuple(_parse(path, place, line) for place, line in enumerate(lines, start=1))


def _parse(path: Path, place: int, line: str) -> Alert:
    try:
        held = json.loads(line)
        entry = held["alert"]
        if held["sha256"] != _checksum(entry):
            raise ValueError("checksum")
        notice = Notice(**entry["notice"] | {"as_of": date.fromisoformat(entry["notice"]["as_of"])})
        return Alert(notice=notice, message=entry["message"], status=entry["status"])
    except (ValueError, KeyError, TypeError) as error:
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
