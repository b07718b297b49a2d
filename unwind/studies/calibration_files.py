"""The artefact of a calibration on disk, and its report beside it: each whole or not at all."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from unwind.files.durable import folder_lock, remove_drafts, write_atomically
from unwind.studies.track_record_text import calibration_markdown


def write_calibration(target: Path, held: dict[str, Any]) -> str:
    """Write an artefact, and its report under the same name with `.md`; return the report.

    Parameters
    ----------
    target : Path
    held : dict
        From `unwind.studies.track_record.artefact`.

    Raises
    ------
    Busy
        Another calibration writes there for too long.
    Unwritable
        The disk refuses; the file that could not be written is as it was.
    """
    told = calibration_markdown(held)
    text = json.dumps(held, indent=1, ensure_ascii=False) + "\n"
    with folder_lock(target.parent):
        remove_drafts(target.parent)
        # The report first: whoever finds the artefact finds what it is.
        for path, content in ((target.with_suffix(".md"), told), (target, text)):
            write_atomically(path, partial(_put, content))
    return told


def _put(content: str, draft: Path) -> None:
    draft.write_text(content, encoding="utf-8")
