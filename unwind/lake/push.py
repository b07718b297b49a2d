"""The published copy of a lake behind an fsspec URL: pushed to, pulled from, read in place.

    URL/LATEST                          the pointer, written last, on the condition that it stands
                                        as it was read
    URL/snapshots/<name>/_manifest.json
    URL/files/<sha256>.parquet          each file once, however many snapshots hold it
    URL/market/<table>/<segment>        the vintages
    URL/settings/…, URL/reports/…

Runs work on a local folder; the copy is where others read, and where a fresh worker starts from
(unwind.lake.pull). This module pushes.
Whatever is under a final name is complete before the pointer names it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from unwind.files.durable import folder_lock, write_atomically
from unwind.files.location import LakeError, content, is_url, place, sha256, shown
from unwind.files.segments import in_force, listed, segment_of, verified
from unwind.lake.snapshots import LATEST, MANIFEST, NAME, Snapshot, latest, opened, snapshot_names

# Reports are written anew under one name: what each one holds is remembered beside them.
REPORTS = "reports/_checksums.json"


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
            sent.once(f"settings/{path.name}", path.read_bytes())
        _push_reports(sent, lake / "reports")
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
    """Counts what goes out, and knows what is there: name and size, listed once."""

    def __init__(self, storage: Any, root: str) -> None:
        self.storage, self.root = storage, root
        self.files = self.bytes = 0
        with _plainly(root):
            storage.invalidate_cache()
            found = storage.find(root, detail=True)
        self.held = {path: int(entry["size"]) for path, entry in found.items()}

    def once(self, relative: str, held: bytes) -> None:
        """Send what never changes, unless it is there whole: a killed push may leave it short."""
        if self.held.get(f"{self.root}/{relative}") != len(held):
            self.anew(relative, held)

    def anew(self, relative: str, held: bytes) -> None:
        path = f"{self.root}/{relative}"
        with _plainly(path):
            self.storage.pipe_file(path, held)
        self.held[path] = len(held)
        self.files += 1
        self.bytes += len(held)


@contextmanager
def _plainly(path: str) -> Iterator[None]:
    """Turn the faults of a store's client, which share no class, into one sentence."""
    try:
        yield
    except LakeError:
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
            name = storage.cat_file(path).decode("utf-8", errors="replace").strip()
        except FileNotFoundError:
            return _Pointer(name=None, tag=None)
    return _Pointer(name=name, tag=tag)


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
    manifest = f"snapshots/{snapshot.name}/{MANIFEST}"
    held = Path(snapshot.path, MANIFEST).read_bytes()
    if sent.held.get(f"{sent.root}/{manifest}") == len(held):
        return
    for relative, entry in snapshot.manifest["files"].items():
        target = f"files/{entry['sha256']}.parquet"
        if f"{sent.root}/{target}" not in sent.held or "bytes" not in entry:
            sent.once(target, snapshot.verified(relative))
        elif sent.held[f"{sent.root}/{target}"] != entry["bytes"]:
            sent.anew(target, snapshot.verified(relative))
    sent.once(manifest, held)


def _push_market(sent: _Sent, store: Path, url: str) -> None:
    for folder in sorted(path for path in store.glob("*") if path.is_dir()):
        there = {
            (found.first, found.last): found.path.name
            for path in sent.held
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
            sent.once(f"market/{folder.name}/{segment.path.name}", verified(segment))


def _push_reports(sent: _Sent, folder: Path) -> None:
    known: dict[str, str] = {}
    if f"{sent.root}/{REPORTS}" in sent.held:
        known = json.loads(content(sent.storage, f"{sent.root}/{REPORTS}"))
    changed = False
    for path in sorted(folder.glob("*/*.html")):
        held, name = path.read_bytes(), f"reports/{path.parent.name}/{path.name}"
        if known.get(name) != sha256(held):
            sent.anew(name, held)
            known[name] = sha256(held)
            changed = True
    if changed:
        sent.anew(REPORTS, json.dumps(known, indent=1).encode())
