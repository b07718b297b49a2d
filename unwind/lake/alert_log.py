"""Alert log of a lake: one entry per line, each with its checksum.

    LAKE/alerts/ledger.jsonl

`unwind.alerts.ledger` interprets the entries; this module checks and writes them.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unwind.files.durable import write_atomically
from unwind.files.location import LakeError
from unwind.lake.identity import IDENTITY, has_id, read_id

LOG = "alerts/ledger.jsonl"


def read_entries(lake: Path) -> list[dict[str, Any]]:
    """Entries of the log, in the order in which they were written.

    Raises
    ------
    LakeError
        A line differs from its checksum, or the file is missing though the lake has sent alerts.
    """
    path = lake / LOG
    # Before the log is looked for: a writer may make both in between.
    identified = has_id(lake)
    if not path.exists():
        if identified:
            raise LakeError(
                f"alert log {path} is missing, but this lake has sent alerts; restore the file "
                f"from a backup, or delete {lake / IDENTITY} to start a new log (the current state "
                "may be sent again)"
            )
        return []
    read_id(lake)
    # Not splitlines: a text may hold other characters that it takes for an end of line.
    lines = path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")
    return [_entry(path, number, line) for number, line in enumerate(lines, start=1)]


def _entry(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
        entry: dict[str, Any] = parsed["alert"]
        if parsed["sha256"] != _checksum(entry):
            raise ValueError("checksum")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, number) from error
    return entry


def damaged(path: Path, number: int) -> LakeError:
    """Fault of one line of the log."""
    return LakeError(
        f"alert log {path}, line {number}: checksum mismatch; restore the file, or delete the line "
        "(that alert may be sent again)"
    )


def write_entries(lake: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write the whole log; the caller holds the lake's lock."""
    path = lake / LOG
    path.parent.mkdir(exist_ok=True)
    lines = [
        json.dumps({"alert": entry, "sha256": _checksum(entry)}, ensure_ascii=False)
        for entry in entries
    ]
    text = "".join(f"{line}\n" for line in lines)
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def _checksum(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
