"""Bringing a lake up to its published copy: a fresh worker's start, a damaged lake's repair."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from unwind.files.durable import DRAFT, flush, folder_lock, write_atomically
from unwind.files.location import Damaged, LakeError, content, is_url, names, place, sha256
from unwind.files.segments import in_force, is_intact, listed, segment_of
from unwind.lake.publish import clear_drafts
from unwind.lake.push import REPORTS, Copied
from unwind.lake.snapshots import LATEST, MANIFEST, Snapshot, latest, opened, snapshot_names


def pull(url: str, lake: Path) -> Copied:
    """Bring a lake up to the copy: its snapshot in force, the market, settings and reports.

    What the lake already holds is checked, and fetched anew where it is damaged.

    Parameters
    ----------
    url : str
    lake : Path
        Empty, or one that the copy knows.

    Raises
    ------
    LakeError
        The lake holds a snapshot that the copy does not know, or the store cannot be reached.
    Damaged
        What arrived is not what the copy's manifest says.
    Unwritable
        The disk refuses; what was in force still is.
    """
    if not is_url(url):
        raise LakeError(f"a copy is named by a URL, got {url}; write e.g. s3://bucket/lake")
    storage, root = place(url)
    current = latest(url)
    fetched = _Fetched(storage, root, lake)
    with folder_lock(lake):
        clear_drafts(lake)
        known = snapshot_names(url)
        if strangers := [name for name in snapshot_names(lake) if name not in known]:
            raise LakeError(
                f"{lake} holds snapshot {strangers[-1]}, which {url} does not know; push it first, "
                "or pull into an empty folder"
            )
        for table in names(storage, f"{root}/market"):
            _pull_segments(fetched, table)
        for name in names(storage, f"{root}/settings"):
            fetched.file(f"settings/{name}", expected=None, again=False)
        _pull_reports(fetched)
        for name in sorted({*snapshot_names(lake), current.name}):
            _pull_snapshot(fetched, opened(url, name))
        write_atomically(lake / LATEST, lambda draft: draft.write_text(current.name))
    return Copied(snapshot=current.name, files=fetched.files, bytes=fetched.bytes)


class _Fetched:
    """Counts what comes in; every file is whole, and as it was sent, before it has its name."""

    def __init__(self, storage: Any, root: str, lake: Path) -> None:
        self.storage, self.root, self.lake = storage, root, lake
        self.files = self.bytes = 0
        # Checksum → a local file that holds it, to link from.
        self.known: dict[str, Path] = {}

    def bytes_of(self, relative: str, expected: str | None) -> bytes:
        held = content(self.storage, f"{self.root}/{relative}")
        if expected is not None and not sha256(held).startswith(expected):
            raise Damaged(
                f"{relative} of the copy at {self.root} differs from its checksum; "
                "push it again from the lake that made it"
            )
        self.files += 1
        self.bytes += len(held)
        return held

    def file(self, relative: str, *, expected: str | None, again: bool) -> None:
        target = self.lake / relative
        if again or not target.exists():
            held = self.bytes_of(relative, expected)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, lambda draft: draft.write_bytes(held))


def _pull_segments(fetched: _Fetched, table: str) -> None:
    folder = fetched.lake / "market" / table
    found = [
        segment_of(Path(name)) for name in names(fetched.storage, f"{fetched.root}/market/{table}")
    ]
    there = [segment for segment in found if segment is not None]
    held = [segment for segment in listed(folder) if is_intact(segment)]
    for segment in in_force(there):
        if not any(own.first <= segment.first and own.last >= segment.last for own in held):
            relative = f"market/{table}/{segment.path.name}"
            fetched.file(relative, expected=segment.checksum, again=True)


def _pull_reports(fetched: _Fetched) -> None:
    try:
        known = json.loads(content(fetched.storage, f"{fetched.root}/{REPORTS}"))
    except FileNotFoundError:
        return
    for name, checksum in known.items():
        own = fetched.lake / name
        if not own.exists() or sha256(own.read_bytes()) != checksum:
            fetched.file(name, expected=checksum, again=True)


def _pull_snapshot(fetched: _Fetched, snapshot: Snapshot) -> None:
    """Make a snapshot whole: in place where it stands, by rename where it is new."""
    final = fetched.lake / "snapshots" / snapshot.name
    folder = final if final.exists() else final.with_name(f"{DRAFT}{snapshot.name}")
    for relative, entry in snapshot.manifest["files"].items():
        target, checksum = folder / relative, entry["sha256"]
        if target.exists() and sha256(target.read_bytes()) == checksum:
            fetched.known.setdefault(checksum, target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if checksum in fetched.known:
            link = target.with_name(f"{DRAFT}link")
            link.unlink(missing_ok=True)
            os.link(fetched.known[checksum], link)
            link.replace(target)
        else:
            held = fetched.bytes_of(f"files/{checksum}.parquet", checksum)
            write_atomically(target, partial(_put, held))
        fetched.known[checksum] = target
    manifest = content(fetched.storage, str(snapshot.path / MANIFEST))
    write_atomically(folder / MANIFEST, partial(_put, manifest))
    if folder != final:
        folder.rename(final)
        flush(final.parent)
        for relative, entry in snapshot.manifest["files"].items():
            fetched.known[entry["sha256"]] = final / relative


def _put(held: bytes, draft: Path) -> None:
    draft.write_bytes(held)
