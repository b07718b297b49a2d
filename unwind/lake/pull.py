"""Updating a lake from its published copy: to start a worker or repair a damaged lake.

The copy may be written by others, so nothing of it becomes a path unchecked. Names in a document
(a manifest, the list of reports) must keep to the contract, or the pull ends. Names in a listing
(segments, settings, tables) that are not the lake's own are ignored.
"""

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

from unwind.files.durable import DRAFT, flush, folder_lock, make_folder, write_atomically
from unwind.files.location import (
    Damaged,
    LakeError,
    content,
    is_url,
    names,
    open_location,
    require_inside,
    sha256,
)
from unwind.files.segments import effective, is_intact, listed, segment_of
from unwind.lake.manifest import MANIFEST
from unwind.lake.publish import clear_drafts
from unwind.lake.push import SETTINGS, Copied, report_checksums
from unwind.lake.snapshots import LATEST, Snapshot, latest, opened, snapshot_names
from unwind.lake.verify import is_settings

_log = logging.getLogger(__name__)

_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MAX_SETTINGS_BYTES = 2**20


def pull(url: str, lake: Path) -> Copied:
    """Update a lake from the copy: current snapshot, market, settings and reports.

    Files that the lake already has are checked, and fetched again if damaged.

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
        A received file differs from the copy's manifest.
    Unwritable
        The disk refuses a write; the current snapshot is unchanged.
    """
    if not is_url(url):
        raise LakeError(f"a copy is named by a URL, got {url}; write e.g. s3://bucket/lake")
    # Here, because the reading commands must start without the input tables.
    from unwind.contract.inputs import CONFIRMATIONS, INPUT_TABLES, REJECTED

    tables = {*INPUT_TABLES, REJECTED, CONFIRMATIONS}
    storage, root = open_location(url)
    current = latest(url)
    fetched = _Fetched(storage, root, lake)
    with folder_lock(lake):
        clear_drafts(lake)
        known = snapshot_names(url)
        if unknown := [name for name in snapshot_names(lake) if name not in known]:
            raise LakeError(
                f"{lake} holds snapshot {unknown[-1]}, which {url} does not know; push it first, "
                "or pull into an empty folder"
            )
        for table in names(storage, f"{root}/market"):
            if table in tables:
                _pull_segments(fetched, table)
            elif _TABLE.fullmatch(table):
                # A table of a later release must not stop this pull.
                _log.warning("market table %s is unknown to this release: not pulled", table)
        for name in names(storage, f"{root}/settings"):
            if SETTINGS.fullmatch(name):
                _pull_settings(fetched, name)
        _pull_reports(fetched)
        for name in sorted({*snapshot_names(lake), current.name}):
            _pull_snapshot(fetched, opened(url, name))
        write_atomically(lake / LATEST, lambda draft: draft.write_text(current.name))
    return Copied(snapshot=current.name, files=fetched.files, bytes=fetched.bytes)


class _Fetched:
    """Files received from the copy; each is complete and verified before it gets its name."""

    def __init__(self, storage: Any, root: str, lake: Path) -> None:
        self.storage, self.root, self.lake = storage, root, lake
        self.files = self.bytes = 0
        # Checksum → a local file that holds it, to link from.
        self.known: dict[str, Path] = {}

    def bytes_of(
        self, relative: str, expected: str | None, *, max_bytes: int | None = None
    ) -> bytes:
        data = content(self.storage, self.root, relative, max_bytes=max_bytes)
        if expected is not None and not sha256(data).startswith(expected):
            raise Damaged(
                f"{relative} of the copy at {self.root} differs from its checksum; "
                "push it again from the lake that made it"
            )
        self.files += 1
        self.bytes += len(data)
        return data

    def put(self, relative: str, data: bytes) -> None:
        target = require_inside(self.lake, relative)
        make_folder(target.parent)
        write_atomically(target, lambda draft: draft.write_bytes(data))

    def holds(self, relative: str, checksum: str) -> bool:
        """Return True if the lake's own file has this checksum."""
        target = require_inside(self.lake, relative)
        return target.is_file() and sha256(target.read_bytes()) == checksum


def _pull_segments(fetched: _Fetched, table: str) -> None:
    folder = require_inside(fetched.lake, f"market/{table}")
    parsed = [
        segment_of(Path(name)) for name in names(fetched.storage, f"{fetched.root}/market/{table}")
    ]
    remote = [segment for segment in parsed if segment is not None]
    own = [segment for segment in listed(folder) if is_intact(segment)]
    for segment in effective(remote):
        if any(one.first <= segment.first and one.last >= segment.last for one in own):
            continue
        relative = f"market/{table}/{segment.path.name}"
        if segment.checksum is None:
            raise Damaged(
                f"{relative} of the copy at {fetched.root} carries no checksum in its name; "
                "run `unwind lake compact` in the lake that made it, and push again"
            )
        fetched.put(relative, fetched.bytes_of(relative, segment.checksum))


def _pull_settings(fetched: _Fetched, name: str) -> None:
    relative = f"settings/{name}"
    if require_inside(fetched.lake, relative).exists():
        return
    data = fetched.bytes_of(relative, None, max_bytes=_MAX_SETTINGS_BYTES)
    if not is_settings(data, name.removesuffix(".json")):
        raise Damaged(
            f"{relative} of the copy at {fetched.root} differs from the hash in its name; push "
            "it again from the lake that made it"
        )
    fetched.put(relative, data)


def _pull_reports(fetched: _Fetched) -> None:
    for name, checksum in report_checksums(fetched.storage, fetched.root).items():
        if not fetched.holds(name, checksum):
            fetched.put(name, fetched.bytes_of(name, checksum))


def _pull_snapshot(fetched: _Fetched, snapshot: Snapshot) -> None:
    """Complete a snapshot: in place if it exists, by rename if it is new."""
    final = require_inside(fetched.lake, f"snapshots/{snapshot.name}")
    folder = final if final.exists() else final.with_name(f"{DRAFT}{snapshot.name}")
    inner = f"snapshots/{folder.name}"
    for relative, entry in snapshot.manifest["files"].items():
        target, checksum = folder / relative, entry["sha256"]
        if fetched.holds(f"{inner}/{relative}", checksum):
            fetched.known.setdefault(checksum, target)
            continue
        if checksum in fetched.known:
            make_folder(target.parent)
            link = target.with_name(f"{DRAFT}link")
            link.unlink(missing_ok=True)
            os.link(fetched.known[checksum], link)
            link.replace(target)
            flush(target.parent)
        else:
            data = fetched.bytes_of(
                f"files/{checksum}.parquet", checksum, max_bytes=entry.get("bytes")
            )
            fetched.put(f"{inner}/{relative}", data)
        fetched.known[checksum] = target
    # The checked manifest, not a second read, which might return another one.
    manifest = json.dumps(snapshot.manifest, indent=1).encode()
    fetched.put(f"{inner}/{MANIFEST}", manifest)
    if folder != final:
        folder.rename(final)
        flush(final.parent)
        for relative, entry in snapshot.manifest["files"].items():
            fetched.known[entry["sha256"]] = final / relative
