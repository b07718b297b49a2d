"""Atomic writing of a calibration artefact and its report."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from unwind.files.durable import folder_lock, remove_drafts, write_atomically
from unwind.studies.track_record_text import calibration_markdown


def write_calibration(target: Path, calibration: dict[str, Any]) -> str:
    """Write an artefact, and its report under the same name with `.md`; return the report.

    Parameters
    ----------
    target : Path
    calibration : dict
        From `unwind.studies.track_record.artefact`.

    Raises
    ------
    Busy
        Another calibration holds the folder's lock for too long.
    Unwritable
        The disk refuses a write; the previous file is unchanged.
    """
    report = calibration_markdown(calibration)
    text = json.dumps(calibration, indent=1, ensure_ascii=False) + "\n"
    with folder_lock(target.parent):
        remove_drafts(target.parent)
        # The report first: an artefact never exists without it.
        for path, content in ((target.with_suffix(".md"), report), (target, text)):
            write_atomically(path, partial(_put, content))
    return report


def _put(content: str, draft: Path) -> None:
    draft.write_text(content, encoding="utf-8")
