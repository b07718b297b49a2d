"""Verification of a lake: checksums of snapshots, manifests and market segments."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unwind.files.durable import DRAFT
from unwind.files.location import (
    Damaged,
    LakeError,
    content,
    is_url,
    open_location,
    require_inside,
    sha256,
)
from unwind.files.segments import drafts, segment_faults, unsealed
from unwind.lake.alert_log import read_entries
from unwind.lake.forward_log import read_chain
from unwind.lake.manifest import MANIFEST
from unwind.lake.publish import orphans
from unwind.lake.snapshots import LATEST, Snapshot, latest, opened, snapshot_names
from unwind.settings import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of a verification.

    Attributes
    ----------
    snapshot : str or None
        The current one; None if the pointer or its snapshot is damaged.
    snapshots, files, rows : int
        Snapshots and distinct files that were checked; rows of the current snapshot.
    faults : list of str
        One sentence each, with its remedy.
    leftovers : list of str
        Files of killed runs, which the next run removes; a run may be writing them now.
    retractions : list of str
        Sessions that a checked snapshot withdrew, with the reason.
    verdicts : int
        Lines of the forward log.
    newest_hash : str or None
        Hash of its newest line: a copy of it proves later that no line was rewritten.
    """

    snapshot: str | None
    snapshots: int
    files: int
    rows: int
    faults: list[str]
    leftovers: list[str]
    retractions: list[str]
    verdicts: int
    newest_hash: str | None


def verify(lake: Path | str, *, every: bool) -> Verification:
    """Check the current snapshot, or every snapshot, and the market store.

    Parameters
    ----------
    lake : Path or str
        A folder, or the URL of a published copy: its market segments are checked when
        they are pulled.
    every : bool
        All snapshots. Files that several of them share are read once.

    Raises
    ------
    LakeError
        Nothing was published here, or it may not be read.
    """
    faults: list[str] = []
    current = None
    try:
        current = latest(lake)
    except Damaged as error:
        faults.append(str(error))
    names = snapshot_names(lake) if every or current is None else [current.name]
    seen: dict[object, str] = {}
    retractions = []
    for name in names:
        try:
            snapshot = opened(lake, name)
        except Damaged as error:
            if str(error) not in faults:
                faults.append(str(error))
            continue
        faults += _snapshot_faults(snapshot, seen)
        if retracted := snapshot.manifest.get("retracted"):
            retractions.append(f"{name} withdrew {retracted['session']}: {retracted['reason']}")
    leftovers = []
    chain: list[dict[str, Any]] = []
    if not is_url(lake):
        store = Path(lake) / "market"
        for folder in sorted(path for path in store.glob("*") if path.is_dir()):
            faults += segment_faults(folder)
        faults += _ledger_faults(Path(lake)) + _settings_faults(Path(lake))
        try:
            chain = read_chain(Path(lake))
        except LakeError as error:
            faults.append(str(error))
        leftovers = _leftovers(Path(lake), store)
    return Verification(
        snapshot=None if current is None else current.name,
        snapshots=len(names),
        files=len(seen),
        rows=0
        if current is None
        else sum(entry["rows"] for entry in current.manifest["files"].values()),
        faults=faults,
        leftovers=leftovers,
        retractions=retractions,
        verdicts=len(chain),
        newest_hash=chain[-1]["sha256"] if chain else None,
    )


def _snapshot_faults(snapshot: Snapshot, seen: dict[object, str]) -> list[str]:
    faults = []
    for relative, entry in snapshot.manifest["files"].items():
        label = f"{relative} of snapshot {snapshot.name}"
        try:
            digest = _digest(snapshot, relative, seen)
        except FileNotFoundError:
            faults.append(f"{label} is missing; {_remedy(snapshot)}")
            continue
        except Damaged as error:
            faults.append(str(error))
            continue
        if digest != entry["sha256"]:
            faults.append(f"{label} differs from its checksum; {_remedy(snapshot)}")
    if not is_url(snapshot.lake):
        folder = Path(snapshot.path)
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        faults += [
            f"{name} of snapshot {snapshot.name} was not published; move it out of the lake"
            for name in sorted(files - {MANIFEST} - set(snapshot.manifest["files"]))
        ]
    return faults


def _ledger_faults(lake: Path) -> list[str]:
    try:
        read_entries(lake)
    except LakeError as error:
        return [str(error)]
    return []


def is_settings(data: bytes, digest: str) -> bool:
    """Return True if settings match their hash, which does not cover a source's address."""
    try:
        return digest_of(json.loads(data)) == digest
    except (ValueError, AttributeError, RecursionError):
        return False


def _settings_faults(lake: Path) -> list[str]:
    faults = []
    for path in sorted((lake / "settings").glob("*.json")):
        relative = f"settings/{path.name}"
        try:
            intact = is_settings(content(*open_location(lake), relative), path.stem)
        except Damaged as error:
            faults.append(str(error))
            continue
        if not intact:
            faults.append(
                f"{relative} differs from the hash in its name; remove it: the next "
                "run under those settings writes it again"
            )
    return faults


def _digest(snapshot: Snapshot, relative: str, seen: dict[object, str]) -> str:
    """Checksum of a file; a file shared by snapshots is read once."""
    storage, root = open_location(snapshot.lake)
    inner = snapshot.inner(relative)
    identity: object = inner
    if not is_url(snapshot.lake):
        status = require_inside(snapshot.lake, inner).stat()
        identity = (status.st_dev, status.st_ino)
    if identity not in seen:
        size = snapshot.manifest["files"][relative].get("bytes")
        seen[identity] = sha256(content(storage, root, inner, max_bytes=size))
    return seen[identity]


def _remedy(snapshot: Snapshot) -> str:
    parent = snapshot.manifest["parent"]
    older = f", or write {parent} into {LATEST}" if parent else ""
    return f"restore it from a copy{older} and run the session again"


def _leftovers(lake: Path, store: Path) -> list[str]:
    paths = [
        path.relative_to(lake)
        for path in (
            *sorted(lake.glob(f"{DRAFT}*")),
            *sorted(lake.glob(f"alerts/{DRAFT}*")),
            *sorted(lake.glob(f"forward/{DRAFT}*")),
            *sorted(lake.glob(f"settings/{DRAFT}*")),
            *sorted((lake / "snapshots").glob(f"{DRAFT}*")),
            *drafts(store),
            *sorted((lake / "reports").glob(f"*/{DRAFT}*")),
        )
    ]
    sentences = [f"{path} is an unfinished write; the next run removes it" for path in paths]
    sentences += [
        f"snapshot {name} never became current; the next run removes it" for name in orphans(lake)
    ]
    bare = sum(unsealed(path) for path in store.glob("*") if path.is_dir())
    if bare:
        sentences.append(
            f"{bare} market segments carry no checksum, from an earlier release; "
            "`unwind lake compact` gives them one"
        )
    return sentences


def text(result: Verification) -> str:
    """Return the result as text."""
    verdict = "sound" if not result.faults else f"{len(result.faults)} faults"
    lines = [
        f"{result.snapshot or 'no current snapshot'}: {result.snapshots} snapshots, "
        f"{result.files} files, {result.rows} current rows, {verdict}"
    ]
    if result.newest_hash is not None:
        lines.append(f"forward log: {result.verdicts} verdicts, newest hash {result.newest_hash}")
    lines += [f"  fault     {fault}" for fault in result.faults]
    lines += [f"  leftover  {left}" for left in result.leftovers]
    lines += [f"  retracted {retraction}" for retraction in result.retractions]
    return "\n".join(lines) + "\n"
