"""The id of a lake, part of every alert's id: two lakes never send the same event.

    LAKE/ID    {"id": …, "inode": …, "sha256": …}, written after the first entry of the alert log

An id without a log shows that the log was lost. The inode is that of the file itself: a copy of a
lake has a different one, and gets an id of its own. An id may change at any time without harm: the
alert log records the id under which each alert was sent.
"""

import json
from pathlib import Path

from unwind.files.durable import write_atomically
from unwind.files.location import LakeError, sha256

IDENTITY = "ID"


def has_id(lake: Path) -> bool:
    """Return True if the lake, or the lake it was copied from, has sent alerts."""
    return (lake / IDENTITY).exists()


def read_id(lake: Path) -> str | None:
    """Return the lake's own id; None before its first alert, and in a copy of a lake.

    Raises
    ------
    LakeError
        The file differs from its checksum.
    """
    path = lake / IDENTITY
    if not path.exists():
        return None
    try:
        entry = json.loads(path.read_bytes())
        identity, inode = str(entry["id"]), int(entry["inode"])
        if entry != _sealed(identity, inode):
            raise ValueError("checksum")
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise LakeError(
            f"{path} is damaged; delete it: the next alert gives the lake a new id"
        ) from error
    return identity if inode == path.stat().st_ino else None


def write_id(lake: Path, identity: str) -> None:
    """Give the lake its id; the caller holds the lake's lock.

    Raises
    ------
    Unwritable
        The disk refuses.
    """

    def write(draft: Path) -> None:
        draft.touch()
        # A rename keeps the inode of the draft.
        draft.write_text(json.dumps(_sealed(identity, draft.stat().st_ino)), encoding="utf-8")

    write_atomically(lake / IDENTITY, write)


def _sealed(identity: str, inode: int) -> dict[str, object]:
    return {
        "id": identity,
        "inode": inode,
        "sha256": sha256(json.dumps([identity, inode]).encode()),
    }
