"""Pushing a lake to its published copy behind an fsspec URL.

    URL/LATEST                          the pointer, written last, on condition that it is unchanged
                                        since it was read
    URL/snapshots/<name>/_manifest.json
    URL/files/<sha256>.parquet          each file once, also if several snapshots share it
    URL/market/<table>/<segment>        the vintages
    URL/settings/…, URL/reports/…

Runs work on a local folder. Others read the copy, and a new worker starts from it
(unwind.lake.pull). Every file is complete, and flushed to disk, before the pointer names it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from unwind.files.durable import Unwritable, folder_lock, make_folder, write_atomically
from unwind.files.location import (
    Damaged,
    LakeError,
    content,
    is_url,
    open_location,
    redact,
    require_inside,
    sha256,
)
from unwind.files.segments import effective, listed, segment_of, verified
from unwind.lake.manifest import MANIFEST, NAME
from unwind.lake.snapshots import (
    LATEST,
    MAX_POINTER_BYTES,
    Snapshot,
    latest,
    opened,
    snapshot_names,
)

# Reports are rewritten under one name: this file lists their checksums.
REPORTS = "reports/_checksums.json"
# Patterns of the lake's own names (unwind.report.files, unwind.lake.publish).
REPORT = re.compile(r"reports/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{8}T[0-9]{4}Z\.html")
SETTINGS = re.compile(r"[0-9a-f]{12}\.json")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_MAX_LIST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Files and bytes that a push or pull transferred, and the snapshot of the pointer."""

    snapshot: str
    files: int
    bytes: int


def push(lake: Path, url: str) -> Copied:
    """Update the copy from the lake: missing files first, then the pointer.

    Parameters
    ----------
    lake : Path
        The working lake.
    url : str
        e.g. s3://bucket/lake. Credentials come from the environment or fsspec's configuration.

    Raises
    ------
    LakeError
        The copy's snapshot is unknown to this lake, another push came first, or the store cannot
        be reached. The copy is unchanged.
    Damaged
        A file of this lake differs from what was published: it is not sent.
    """
    if not is_url(url):
        raise LakeError(f"a copy is named by a URL, got {url}; write e.g. s3://bucket/lake")
    storage, root = open_location(url)
    # Before the lock: it would make the folder of a lake that is not there.
    latest(lake)
    with folder_lock(lake):
        current = latest(lake)
        before = _pointer(storage, root)
        remote_snapshot = _remote_snapshot(url, before)
        if remote_snapshot is not None and remote_snapshot not in _ancestry(lake):
            raise LakeError(
                f"{url} has snapshot {remote_snapshot}, which {lake} never had; "
                f"pull it into an empty folder and continue from there"
            )
        sent = _Sent(storage, root)
        for name in snapshot_names(lake):
            if name <= current.name:
                _push_snapshot(sent, opened(lake, name))
        _push_market(sent, lake / "market", url)
        for path in sorted((lake / "settings").glob("*.json")):
            if SETTINGS.fullmatch(path.name):
                own = content(*open_location(lake), f"settings/{path.name}")
                sent.once(f"settings/{path.name}", sha256(own), partial(bytes, own))
        _push_reports(sent, lake)
        if before.name != current.name:
            _repoint(storage, root, url, before, current.name)
    return Copied(snapshot=current.name, files=sent.files, bytes=sent.bytes)


def _ancestry(lake: Path) -> set[str | None]:
    """Snapshots of the lake and their parents, some of which may be pruned."""
    names = snapshot_names(lake)
    return {*names, *(opened(lake, name).manifest["parent"] for name in names)}


def _remote_snapshot(url: str, before: "_Pointer") -> str | None:
    """Return the copy's current snapshot; its newest one if the pointer is damaged."""
    if before.name is None or NAME.fullmatch(before.name):
        return before.name
    return next(iter(reversed(snapshot_names(url))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pointer:
    """Content of the copy's pointer, and the store's tag for it."""

    name: str | None
    tag: str | None


class _Sent:
    """Files sent to the copy, which is listed once and compared by content."""

    def __init__(self, storage: Any, root: str) -> None:
        self.storage, self.root = storage, root
        self.files = self.bytes = 0
        with _plainly(root):
            storage.invalidate_cache()
            self.listing = storage.find(root, detail=True)
        self.intact: set[str] = set()
        self.tags_are_md5 = True

    def once(
        self, relative: str, checksum: str, own: Callable[[], bytes], *, size: int | None = None
    ) -> None:
        """Send an immutable file, unless the copy has the same content.

        A power failure may leave a file of the right length without its content, so neither name
        nor length is proof. S3 lists each object's MD5: the comparison reads the local file once.
        A disk has no such list: the copy's file is read instead.
        """
        if relative in self.intact:
            return
        entry = self.listing.get(f"{self.root}/{relative}")
        if (
            entry is None
            or entry["size"] != (size or entry["size"])
            or not self._is_same(relative, entry.get("ETag"), checksum, own)
        ):
            self.anew(relative, own())
        self.intact.add(relative)

    def _is_same(
        self, relative: str, tag: str | None, checksum: str, own: Callable[[], bytes]
    ) -> bool:
        # Tags of multipart or account-encrypted objects are not MD5 sums. S3 stores an object
        # atomically, so its presence and length are enough there.
        if tag is not None and ("-" in tag or not self.tags_are_md5):
            return True
        comparable = tag is not None
        if tag is not None:
            try:
                if hashlib.md5(own(), usedforsecurity=False).hexdigest() == tag.strip('"'):
                    return True
            except Damaged:  # the copy may be what repairs this lake
                comparable = False
        try:
            same = sha256(content(self.storage, self.root, relative)) == checksum
        except FileNotFoundError:
            return False
        if same and comparable:
            self.tags_are_md5 = False
        return same

    def anew(self, relative: str, data: bytes) -> None:
        path = f"{self.root}/{relative}"
        with _plainly(path):
            if isinstance(self.storage, LocalFileSystem):
                # Object stores replace a file atomically; a disk must also flush it.
                target = require_inside(self.root, relative)
                make_folder(target.parent)
                write_atomically(target, lambda draft: draft.write_bytes(data))
            else:
                self.storage.pipe_file(path, data)
        self.files += 1
        self.bytes += len(data)


@contextmanager
def _plainly(path: str) -> Iterator[None]:
    """Turn the faults of a store's client, which have no common class, into one sentence."""
    try:
        yield
    except (LakeError, Unwritable):
        raise
    except Exception as error:
        raise LakeError(
            f"{path} cannot be reached or written: {redact(error)}; check the network, the "
            "credentials and the rights on the bucket, and push again"
        ) from error


def _pointer(storage: Any, root: str) -> _Pointer:
    path = f"{root}/{LATEST}"
    with _plainly(path):
        storage.invalidate_cache()
        try:
            # The tag first: should the content change in between, the condition fails.
            tag = storage.info(path).get("ETag")
            name = content(storage, root, LATEST, max_bytes=MAX_POINTER_BYTES)
        except FileNotFoundError:
            return _Pointer(name=None, tag=None)
    return _Pointer(name=name.decode("utf-8", errors="replace").strip(), tag=tag)


def _repoint(storage: Any, root: str, url: str, before: _Pointer, name: str) -> None:
    """Write the pointer if it is unchanged since it was read; S3 checks that itself."""
    path = f"{root}/{LATEST}"
    overtaken = LakeError(
        f"another push to {url} came first; pull it into an empty folder and continue from there"
    )
    condition: dict[str, str] = {}
    if "s3" in storage.protocol:
        condition = {"IfMatch": before.tag} if before.tag else {"IfNoneMatch": "*"}
    elif _pointer(storage, root) != before:
        raise overtaken
    try:
        if isinstance(storage, LocalFileSystem):
            # Object stores replace a file atomically; a disk needs a rename.
            write_atomically(Path(path), lambda draft: draft.write_bytes(name.encode("utf-8")))
        else:
            storage.pipe_file(path, name.encode("utf-8"), **condition)
    except Exception as error:
        if _pointer(storage, root) != before:
            raise overtaken from error
        raise LakeError(
            f"{path} cannot be written: {redact(error)}; check the rights on the bucket and push "
            "again"
        ) from error


def _push_snapshot(sent: _Sent, snapshot: Snapshot) -> None:
    for relative, entry in snapshot.manifest["files"].items():
        sent.once(
            f"files/{entry['sha256']}.parquet",
            entry["sha256"],
            partial(snapshot.verified, relative),
            size=entry.get("bytes"),
        )
    manifest = f"snapshots/{snapshot.name}/{MANIFEST}"
    data = content(*open_location(snapshot.lake), manifest)
    sent.once(manifest, sha256(data), partial(bytes, data), size=len(data))


def _push_market(sent: _Sent, store: Path, url: str) -> None:
    for folder in sorted(path for path in store.glob("*") if path.is_dir()):
        remote = {
            (parsed.first, parsed.last): parsed.path.name
            for path in sent.listing
            if path.startswith(f"{sent.root}/market/{folder.name}/")
            and (parsed := segment_of(Path(path))) is not None
            and parsed.checksum is not None
        }
        for segment in effective(listed(folder)):
            rival = remote.get((segment.first, segment.last), segment.path.name)
            if segment.checksum is not None and rival != segment.path.name:
                raise LakeError(
                    f"{url} holds {rival} of {folder.name} where {store} holds "
                    f"{segment.path.name}: two lakes continued from one copy; pull it into an "
                    "empty folder and continue from there"
                )
            data = verified(segment)
            sent.once(
                f"market/{folder.name}/{segment.path.name}",
                sha256(data),
                partial(bytes, data),
                size=len(data),
            )


def _push_reports(sent: _Sent, lake: Path) -> None:
    try:
        known = report_checksums(sent.storage, sent.root)
    except Damaged:
        # The list is rebuilt, and every report sent again.
        known = {}
    changed = False
    for path in sorted((lake / "reports").glob("*/*.html")):
        name = f"reports/{path.parent.name}/{path.name}"
        if not REPORT.fullmatch(name):
            continue
        data = content(*open_location(lake), name)
        checksum = sha256(data)
        if known.get(name) == checksum:
            sent.once(name, checksum, partial(bytes, data), size=len(data))
        else:
            sent.anew(name, data)
            known[name] = checksum
            changed = True
    if changed:
        sent.anew(REPORTS, json.dumps(known, indent=1).encode())


def report_checksums(storage: Any, root: str) -> dict[str, str]:
    """Return the reports of a copy with their checksums.

    Raises
    ------
    Damaged
        The list is torn, or names something that is not a report of a session.
    """
    try:
        known = json.loads(content(storage, root, REPORTS, max_bytes=_MAX_LIST_BYTES))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict):
        raise Damaged(
            f"{REPORTS} of the copy at {root} is not a list of reports; push it again from the "
            "lake that made it"
        )
    for name, checksum in known.items():
        if (
            not REPORT.fullmatch(name)
            or not isinstance(checksum, str)
            or not _CHECKSUM.fullmatch(checksum)
        ):
            raise Damaged(
                f"{REPORTS} of the copy at {root} names {name[:60]!a}, which is not a report with "
                "its checksum; push it again from the lake that made it"
            )
    return known
