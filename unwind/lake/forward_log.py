"""Forward log of a lake: each verdict as it was published, in a chain of hashes.

    LAKE/forward/log.jsonl    {"entry": …, "previous": …, "sha256": …}, one verdict per line

Each line's hash covers the hash before it, so that no line can be changed, removed or inserted
without changing every hash after it: a copy of the newest hash proves later that no verdict was
rewritten. Each line has the recording time and the cut-off: a verdict recorded long after its
cut-off was not a forecast.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from unwind.files.durable import folder_lock, write_atomically
from unwind.files.location import LakeError, require_inside

LOG = "forward/log.jsonl"
# Columns of `regimes` in a line.
_COLUMNS = (
    "base", "state", "score", "watch_threshold", "deleveraging_threshold", "calibration",
    "settings_digest", "source",
)  # fmt: skip
_START = "0" * 64


def append_verdict(lake: Path, regime: pd.Series, *, recorded_at: pd.Timestamp) -> bool:
    """Append the verdict of a session, unless the log already holds the same one.

    Parameters
    ----------
    lake : Path
    regime : Series
        The row of `regimes` as it was published.
    recorded_at : Timestamp, UTC
        Now.

    Returns
    -------
    bool
        True if a line was added; a repeated run adds none.

    Raises
    ------
    LakeError
        The chain is broken, or the folder is a link out of the lake.
    """
    entry = {
        "as_of": pd.Timestamp(regime["as_of"]).date().isoformat(),
        "cutoff": pd.Timestamp(regime["cutoff"]).isoformat(),
        **{name: _plain(regime[name]) for name in _COLUMNS},
    }
    with folder_lock(lake):
        lines = read_chain(lake)
        if any(_unsigned(line) == entry for line in lines):
            return False
        previous = lines[-1]["sha256"] if lines else _START
        signed = {**entry, "recorded_at": recorded_at.isoformat()}
        lines.append({"entry": signed, "previous": previous, "sha256": _link(previous, signed)})
        path = require_inside(lake, LOG)
        path.parent.mkdir(exist_ok=True)
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    return True


def read_chain(lake: Path) -> list[dict[str, Any]]:
    """Lines of the log, oldest first; none where no verdict was recorded.

    Raises
    ------
    LakeError
        A line cannot be read, or its hash does not follow from the line before.
    """
    path = lake / LOG
    if not path.exists():
        return []
    texts = path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")
    lines: list[dict[str, Any]] = []
    previous = _START
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            if line["previous"] != previous or line["sha256"] != _link(previous, line["entry"]):
                raise ValueError("hash")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LakeError(
                f"line {number} of {path} does not follow from the line before it: the log was "
                "changed after it was written; restore it from a copy, or move it away to begin "
                "a new one"
            ) from error
        lines.append(line)
        previous = line["sha256"]
    return lines


def _unsigned(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line["entry"].items() if name != "recorded_at"}


def _link(previous: str, entry: dict[str, Any]) -> str:
    body = json.dumps([previous, entry], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


def _plain(value: object) -> object:
    """A missing score is null: JSON has no NaN."""
    return None if value is None or value is pd.NA or value != value else value
