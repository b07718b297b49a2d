"""Publishing into the lake: a snapshot is written whole, renamed, then pointed at.

A writer rewrites the months that its run touches, links all others, and repoints LATEST last: a
crash leaves the old snapshot in force. Where the snapshot in force is damaged, it starts from the
newest intact one, and the manifest says so.
"""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unwind.contract.columns import SCHEMA_VERSION
from unwind.files.durable import (
    DRAFT,
    flush,
    folder_lock,
    make_folder,
    remove_drafts,
    write_atomically,
)
from unwind.files.location import Damaged, LakeError, require_inside, sha256
from unwind.lake.manifest import MANIFEST, NAME, content_digest, seal
from unwind.lake.merging import merged_months, slots_of
from unwind.lake.snapshots import LATEST, Snapshot, latest, pointed, served, snapshot_names
from unwind.settings import Settings

_log = logging.getLogger(__name__)

FOLDERS = ("snapshots", "market", "reports", "settings", "alerts", "forward")


def publish(
    lake: Path,
    rows: dict[str, pd.DataFrame],
    *,
    settings: Settings,
    source: str,
    run: str,
) -> Snapshot:
    """Add the rows of one run to the lake, as a new snapshot.

    Parameters
    ----------
    lake : Path
        Local folder; made when missing.
    rows : dict of DataFrame
        Table name → rows, all of one source and settings. Rows of a slot (session, cut-off,
        source, settings) that is already there are replaced by the new ones; all others stay.
    settings : Settings
    source : str
    run : str
        Who published; stands in the manifest alone, never in a row.

    Returns
    -------
    Snapshot
        The one that now holds the rows: the newest one as it was, where nothing changed.

    Raises
    ------
    LakeError
        The run gave no row, or no snapshot of the lake is intact.
    Unwritable
        The disk refuses; what was in force still is.
    """
    slots = slots_of(rows)
    latest_cutoff = pd.Timestamp(slots["cutoff"].max()).tz_convert("UTC").floor("us")
    with folder_lock(lake):
        clear_drafts(lake)
        parent: Snapshot | None = None
        passed: list[str] = []
        if _is_empty(lake):
            changed = merged_months(None, rows, slots)
        else:
            (parent, changed), passed = served(
                lake, lambda held: (require_whole(held), merged_months(held, rows, slots))
            )
            for sentence in passed:
                _log.warning(
                    "%s; this run goes on from an older snapshot: run the sessions that were "
                    "published after it again",
                    sentence,
                )
        _remember_settings(lake, settings)
        terms = {"source": source, "settings_digest": settings.digest}
        if parent is not None and not changed and parent.terms == terms:
            if passed:
                _point(lake, parent.name)
            return parent
        known = [latest_cutoff.to_pydatetime().isoformat()]
        if parent is not None:
            known.append(parent.manifest["knowledge"])
        statement = {
            "terms": terms,
            # The latest cut-off of any row: what the snapshot could have known.
            "knowledge": max(known),
            # Of the rows that it adds: a session from the future does not pass to later snapshots.
            "latest_cutoff": known[0],
            "run": run,
        }
        if passed:
            statement["passed_over"] = passed
        return write_snapshot(lake, parent, changed, statement)


def _is_empty(lake: Path) -> bool:
    """Nothing was ever published: no snapshot, and no pointer that names one."""
    try:
        pointed(lake)
    except LakeError:
        return not snapshot_names(lake)
    return False


def require_whole(snapshot: Snapshot) -> Snapshot:
    """Refuse a parent whose files are missing or cut short; what is merged is read anyway.

    Raises
    ------
    Damaged
        A file is missing, cut short, or behind a link out of the lake.
    """
    for relative, entry in snapshot.manifest["files"].items():
        path = require_inside(snapshot.lake, snapshot.inner(relative))
        size = path.stat().st_size if path.exists() else None
        if size is None or size != entry.get("bytes", size):
            raise Damaged(
                f"{relative} of snapshot {snapshot.name} is "
                f"{'missing' if size is None else 'cut short'}; restore it from a copy"
            )
    return snapshot


def write_snapshot(
    lake: Path,
    parent: Snapshot | None,
    changed: dict[str, pa.Table],
    statement: dict[str, Any],
) -> Snapshot:
    """Write a snapshot beside its parent, then put it in force; the caller holds the lock.

    Parameters
    ----------
    lake : Path
    parent : Snapshot, optional
        Its other files are linked.
    changed : dict of Table
        Path of a file → its rows.
    statement : dict
        What the manifest says besides names and checksums: terms, knowledge, run …

    Raises
    ------
    OSError
        The disk refuses; what was in force still is.
    """
    folder = lake / "snapshots"
    make_folder(folder)
    draft = folder / f"{DRAFT}{os.getpid()}"
    try:
        files = _files(draft, parent, changed)
        manifest = _manifest(lake, parent, files, statement)
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        flush(draft / MANIFEST)
        for inner in {path.parent for path in draft.rglob("*.parquet")} | {draft}:
            flush(inner)
        draft.rename(folder / manifest["snapshot"])
    except OSError:
        # A full disk is not helped by what cannot be finished.
        shutil.rmtree(draft, ignore_errors=True)
        raise
    flush(folder)
    _point(lake, manifest["snapshot"])
    return Snapshot(name=manifest["snapshot"], lake=lake, manifest=manifest)


def _files(
    draft: Path, parent: Snapshot | None, changed: dict[str, pa.Table]
) -> dict[str, dict[str, Any]]:
    """Fill the draft; return its files with checksums."""
    files: dict[str, dict[str, Any]] = {}
    if parent is not None:
        for relative, entry in parent.manifest["files"].items():
            if relative not in changed:
                (draft / relative).parent.mkdir(parents=True, exist_ok=True)
                os.link(parent.path / relative, draft / relative)
                files[relative] = {**entry, "schema_version": parent.schema_version(relative)}
    for relative, rows in changed.items():
        target = draft / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, target, compression="zstd")
        flush(target)
        held = target.read_bytes()
        files[relative] = {
            "sha256": sha256(held),
            "rows": rows.num_rows,
            "bytes": len(held),
            "schema_version": SCHEMA_VERSION,
        }
    return dict(sorted(files.items()))


def _manifest(
    lake: Path,
    parent: Snapshot | None,
    files: dict[str, dict[str, Any]],
    statement: dict[str, Any],
) -> dict[str, Any]:
    # Above every number that was ever given, a damaged snapshot's too.
    number = 1 + max((int(name.split("-")[0]) for name in snapshot_names(lake)), default=0)
    name = f"{number:06d}-{content_digest(files, statement['terms'])}"
    if not NAME.fullmatch(name):
        raise LakeError(
            f"snapshot {number - 1} of {lake} leaves no higher number; move its folder out of the "
            "lake"
        )
    manifest = {
        "snapshot": name,
        "parent": parent.name if parent is not None else None,
        "schema_version": SCHEMA_VERSION,
        **statement,
        "files": files,
    }
    return manifest | {"sha256": seal(manifest)}


def _point(lake: Path, name: str) -> None:
    write_atomically(lake / LATEST, lambda target: target.write_text(name, encoding="utf-8"))


def clear_drafts(lake: Path) -> None:
    """Remove what a killed writer left; the lock is held, so no draft is anyone's.

    Raises
    ------
    Damaged
        A folder of the lake is a link out of it: nothing is written or removed there.
    """
    for name in FOLDERS:
        require_inside(lake, name)
    for draft in (lake / "snapshots").glob(f"{DRAFT}*"):
        draft.unlink() if draft.is_symlink() else shutil.rmtree(draft)
    for folder in (lake, lake / "alerts", lake / "forward", lake / "settings"):
        remove_drafts(folder)
    for orphan in orphans(lake):
        shutil.rmtree(require_inside(lake, f"snapshots/{orphan}"))


def orphans(lake: Path) -> list[str]:
    """Snapshots renamed but never pointed at: the run that made them died before that.

    None where the pointer or its snapshot is damaged: then nothing says which were in force, and
    the newest intact one may be all there is.
    """
    try:
        current = latest(lake).name
    except LakeError:
        return []
    return [name for name in snapshot_names(lake) if name > current]


def _remember_settings(lake: Path, settings: Settings) -> None:
    target = lake / "settings" / f"{settings.digest}.json"
    if not target.exists():
        make_folder(target.parent)
        text = json.dumps(settings.model_dump(mode="json"), indent=1, ensure_ascii=False)
        write_atomically(target, lambda draft: draft.write_text(text, encoding="utf-8"))
