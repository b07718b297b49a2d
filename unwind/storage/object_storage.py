"""The published copy of a lake behind an fsspec URL: pushed to, pulled from, read in place.

    URL/LATEST                          the pointer, written last, on the condition that it stands
                                        as it was read
    URL/snapshots/<name>/_manifest.json
    URL/files/<sha256>.parquet          each file once, however many snapshots hold it
    URL/market/<table>/<segment>        the vintages
    URL/settings/…, URL/reports/…

Runs work on a local folder; the copy is where others read, and where a fresh worker starts from
(unwind.storage.retrieval). This module pushes.
Whatever is under a final name is complete, and on a disk flushed, before the pointer names it.
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

from unwind.lake import LATEST, MAX_POINTER_BYTES, Snapshot, latest, opened, snapshot_names
from unwind.storage.durable import Unwritable, folder_lock, make_folder, write_atomically
from unwind.storage.location import (
    Damaged,
    LakeError,
    content,
    is_url,
    place,
    require_inside,
    sha256,
    shown,
)
from unwind.storage.manifests import MANIFEST, NAME
from unwind.storage.segments import in_force, listed, segment_of, verified

# Reports are written anew under one name: the checksum of each is kept beside them.
REPORTS = "reports/_checksums.json"
# What the lake's own names look like (unwind.report_files, unwind.storage.publication).
REPORT = re.compile(r"reports/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{8}T[0-9]{4}Z\.html")
SETTINGS = re.compile(r"[0-9a-f]{12}\.json")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_MAX_LIST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a push or a pull moved; snapshot is what the pointer names now."""

    snapshot: str
    files: int
    bytes: int


def push(lake: Path, url: str) -> Copied:
    """Bring the copy up to the lake: what it lacks, then the pointer.

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
        be reached. The copy stays as it was.
    Damaged
        A file of this lake is not as it was published: it is not spread.
    """
    if not is_url(url):
        raise LakeError(f"a copy is named by a URL, got {url}; write e.g. s3://bucket/lake")
    storage, root = place(url)
    # Before the lock: it would make the folder of a lake that is not there.
    latest(lake)
    with folder_lock(lake):
        current = latest(lake)
        before = _pointer(storage, root)
        stood = _stood(url, before)
        if stood is not None and stood not in _ancestry(lake):
            raise LakeError(
                f"{url} stands at snapshot {stood}, which {lake} never held; "
                f"pull it into an empty folder and go on from there"
            )
        sent = _Sent(storage, root)
        for name in snapshot_names(lake):
            if name <= current.name:
                _push_snapshot(sent, opened(lake, name))
        _push_market(sent, lake / "market", url)
        for path in sorted((lake / "settings").glob("*.json")):
            if SETTINGS.fullmatch(path.name):
                own = content(*place(lake), f"settings/{path.name}")
                sent.once(f"settings/{path.name}", sha256(own), partial(bytes, own))
        _push_reports(sent, lake)
        if before.name != current.name:
            _repoint(storage, root, url, before, current.name)
    return Copied(snapshot=current.name, files=sent.files, bytes=sent.bytes)


def _ancestry(lake: Path) -> set[str | None]:
    """Snapshots that the lake holds, and those that they followed on: one may be pruned."""
    held = snapshot_names(lake)
    return {*held, *(opened(lake, name).manifest["parent"] for name in held)}


def _stood(url: str, before: "_Pointer") -> str | None:
    """Return the snapshot that the copy stands at; the newest there where the pointer is torn."""
    if before.name is None or NAME.fullmatch(before.name):
        return before.name
    return next(iter(reversed(snapshot_names(url))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pointer:
    """What the copy's pointer held, and the tag by which the store knows that content."""

    name: str | None
    tag: str | None


class _Sent:
    """Counts what goes out, and knows what the copy holds: listed once, compared by content."""

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
        """Send what never changes, unless the copy holds the same content.

        A power cut may leave a file of the right length without its content, so neither name nor
        length is proof. S3 lists each object's MD5: comparing it costs one reading of the local
        file. A disk has no such list: the copy's file is read, which costs as much.
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
        # Sent in parts, or encrypted by a key of the account: such tags are no MD5. S3 stores an
        # object whole or not at all, so that its presence and length are enough there.
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
                # Object stores replace a file whole and keep it; a disk must flush it.
                target = require_inside(self.root, relative)
                make_folder(target.parent)
                write_atomically(target, lambda draft: draft.write_bytes(data))
            else:
                self.storage.pipe_file(path, data)
        self.files += 1
        self.bytes += len(data)


@contextmanager
def _plainly(path: str) -> Iterator[None]:
    """Turn the faults of a store's client, which share no class, into one sentence."""
    try:
        yield
    except (LakeError, Unwritable):
        raise
    except Exception as error:
        raise LakeError(
            f"{path} cannot be reached or written: {shown(error)}; check the network, the "
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
    """Write the pointer if it stands as it was read: S3 checks that itself, others are asked."""
    path = f"{root}/{LATEST}"
    overtaken = LakeError(
        f"another push to {url} came first; pull it into an empty folder and go on from there"
    )
    condition: dict[str, str] = {}
    if "s3" in storage.protocol:
        condition = {"IfMatch": before.tag} if before.tag else {"IfNoneMatch": "*"}
    elif _pointer(storage, root) != before:
        raise overtaken
    try:
        if isinstance(storage, LocalFileSystem):
            # Object stores replace a file whole; a disk has to be told to.
            write_atomically(Path(path), lambda draft: draft.write_bytes(name.encode("utf-8")))
        else:
            storage.pipe_file(path, name.encode("utf-8"), **condition)
    except Exception as error:
        if _pointer(storage, root) != before:
            raise overtaken from error
        raise LakeError(
            f"{path} cannot be written: {shown(error)}; check the rights on the bucket and push "
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
    data = content(*place(snapshot.lake), manifest)
    sent.once(manifest, sha256(data), partial(bytes, data), size=len(data))


def _push_market(sent: _Sent, store: Path, url: str) -> None:
    for folder in sorted(path for path in store.glob("*") if path.is_dir()):
        there = {
            (found.first, found.last): found.path.name
            for path in sent.listing
            if path.startswith(f"{sent.root}/market/{folder.name}/")
            and (found := segment_of(Path(path))) is not None
            and found.checksum is not None
        }
        for segment in in_force(listed(folder)):
            rival = there.get((segment.first, segment.last), segment.path.name)
            if segment.checksum is not None and rival != segment.path.name:
                raise LakeError(
                    f"{url} holds {rival} of {folder.name} where {store} holds "
                    f"{segment.path.name}: two lakes went on from one copy; pull it into an empty "
                    "folder and go on from there"
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
        # The list is made anew, and every report sent again.
        known = {}
    changed = False
    for path in sorted((lake / "reports").glob("*/*.html")):
        name = f"reports/{path.parent.name}/{path.name}"
        if not REPORT.fullmatch(name):
            continue
        data = content(*place(lake), name)
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
