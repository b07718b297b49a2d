"""Publishing into the lake: a snapshot is written, renamed, then named by the pointer.

A writer rewrites the months that its run touches, links all others, and updates LATEST last: after
a crash the old snapshot is still current. If the current snapshot is damaged, it starts from the
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
        Id of the run; written to the manifest alone, never to a row.

    Returns
    -------
    Snapshot
        The snapshot with the rows; the current one if nothing changed.

    Raises
    ------
    LakeError
        The run gave no row, or no snapshot of the lake is intact.
    Unwritable
        The disk refuses a write; the current snapshot is unchanged.
    """
    slots = slots_of(rows)
    latest_cutoff = pd.Timestamp(slots["cutoff"].max()).tz_convert("UTC").floor("us")
    with folder_lock(lake):
        clear_drafts(lake)
        parent: Snapshot | None = None
        damage: list[str] = []
        if _is_empty(lake):
            changed = merged_months(None, rows, slots)
        else:
            (parent, changed), damage = served(
                lake,
                lambda snapshot: (require_whole(snapshot), merged_months(snapshot, rows, slots)),
            )
            for sentence in damage:
                _log.warning(
                    "%s; this run continues from an older snapshot: rerun the sessions published "
                    "after it",
                    sentence,
                )
        _remember_settings(lake, settings)
        terms = {"source": source, "settings_digest": settings.digest}
        if parent is not None and not changed and parent.terms == terms:
            if damage:
                _point(lake, parent.name)
            return parent
        known = [latest_cutoff.to_pydatetime().isoformat()]
        if parent is not None:
            known.append(parent.manifest["knowledge"])
        statement = {
            "terms": terms,
            # The latest cut-off of any row: the snapshot can have no later knowledge.
            "knowledge": max(known),
            # Of the rows that it adds: a session from the future does not pass to later snapshots.
            "latest_cutoff": known[0],
            "run": run,
        }
        if damage:
            statement["passed_over"] = damage
        return write_snapshot(lake, parent, changed, statement)


def _is_empty(lake: Path) -> bool:
    """Return True if nothing was published: no snapshot, and no pointer to one."""
    try:
        pointed(lake)
    except LakeError:
        return not snapshot_names(lake)
    return False


def require_whole(snapshot: Snapshot) -> Snapshot:
    """Refuse a parent with missing or truncated files; merged files are read anyway.

    Raises
    ------
    Damaged
        A file is missing, truncated, or behind a link out of the lake.
    """
    for relative, entry in snapshot.manifest["files"].items():
        path = require_inside(snapshot.lake, snapshot.inner(relative))
        size = path.stat().st_size if path.exists() else None
        if size is None or size != entry.get("bytes", size):
            raise Damaged(
                f"{relative} of snapshot {snapshot.name} is "
                f"{'missing' if size is None else 'truncated'}; restore it from a copy"
            )
    return snapshot


def write_snapshot(
    lake: Path,
    parent: Snapshot | None,
    changed: dict[str, pa.Table],
    statement: dict[str, Any],
) -> Snapshot:
    """Write a snapshot and point LATEST to it; the caller holds the lock.

    Parameters
    ----------
    lake : Path
    parent : Snapshot, optional
        Its other files are linked.
    changed : dict of Table
        Path of a file → its rows.
    statement : dict
        Fields of the manifest besides names and checksums: terms, knowledge, run …

    Raises
    ------
    OSError
        The disk refuses a write; the current snapshot is unchanged.
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
        # An unfinished draft must not fill the disk further.
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
        data = target.read_bytes()
        files[relative] = {
            "sha256": sha256(data),
            "rows": rows.num_rows,
            "bytes": len(data),
            "schema_version": SCHEMA_VERSION,
        }
    return dict(sorted(files.items()))


def _manifest(
    lake: Path,
    parent: Snapshot | None,
    files: dict[str, dict[str, Any]],
    statement: dict[str, Any],
) -> dict[str, Any]:
    # Above every earlier number, including those of damaged snapshots.
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
    """Remove drafts of killed writers; the caller holds the lock, so no draft is in use.

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
    """Snapshots that LATEST never named: the run that wrote them died before.

    None if the pointer or its snapshot is damaged: the last current snapshot is then unknown, and
    the newest intact one may be the only one.
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
