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

from unwind.contract.columns import SCHEMA_VERSION, SLOT, Table
from unwind.contract.tables import TABLES
from unwind.files.durable import DRAFT, flush, folder_lock, remove_drafts, write_atomically
from unwind.files.location import Damaged, LakeError, sha256
from unwind.lake.snapshots import (
    LATEST,
    MANIFEST,
    Snapshot,
    content_digest,
    latest,
    month_of,
    pointed,
    seal,
    served,
    snapshot_names,
)
from unwind.settings import Settings

_log = logging.getLogger(__name__)


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
    slots = _slots(rows)
    with folder_lock(lake):
        clear_drafts(lake)

        def changes(parent: Snapshot | None) -> dict[str, pa.Table]:
            changed: dict[str, pa.Table] = {}
            for name, table in TABLES.items():
                changed |= _merge(parent, table, rows.get(name, pd.DataFrame()), slots)
            return changed

        parent: Snapshot | None = None
        passed: list[str] = []
        if _is_empty(lake):
            changed = changes(None)
        else:
            (parent, changed), passed = served(
                lake, lambda held: (_require_whole(held), changes(held))
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
        return _write(lake, parent, changed, terms=terms, run=run, passed=passed)


def _is_empty(lake: Path) -> bool:
    """Nothing was ever published: no snapshot, and no pointer that names one."""
    try:
        pointed(lake)
    except LakeError:
        return not snapshot_names(lake)
    return False


def _slots(rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [frame[list(SLOT)] for frame in rows.values() if not frame.empty]
    if not parts:
        raise LakeError("a run must publish at least one row; its stages gave none")
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _require_whole(snapshot: Snapshot) -> Snapshot:
    """Refuse a parent whose files are missing or cut short; what is merged is read anyway."""
    for relative, entry in snapshot.manifest["files"].items():
        path = Path(snapshot.address(relative))
        size = path.stat().st_size if path.exists() else None
        if size is None or size != entry.get("bytes", size):
            raise Damaged(
                f"{relative} of snapshot {snapshot.name} is "
                f"{'missing' if size is None else 'cut short'}; restore it from a copy"
            )
    return snapshot


def _merge(
    parent: Snapshot | None, table: Table, new: pd.DataFrame, slots: pd.DataFrame
) -> dict[str, pa.Table]:
    """Months of one table whose content differs from the parent's."""
    changed = {}
    for month in sorted({month_of(day) for day in slots["as_of"]}):
        relative = f"{table.name}/{month}.parquet"
        fresh = new[[month_of(day) == month for day in new["as_of"]]] if not new.empty else new
        old = None
        if parent is not None and relative in parent.manifest["files"]:
            old = parent.table(relative)
        merged = _combine(table, old, fresh, slots)
        if merged is not None and (old is None or not merged.equals(old)):
            changed[relative] = merged
    return changed


def _combine(
    table: Table, old: pa.Table | None, fresh: pd.DataFrame, slots: pd.DataFrame
) -> pa.Table | None:
    addition = table.arrow(fresh) if not fresh.empty else table.schema.empty_table()
    if old is None:
        return addition if addition.num_rows else None
    rerun = set(slots[list(SLOT)].itertuples(index=False, name=None))
    stamps = zip(*(old.column(name).to_pylist() for name in SLOT), strict=True)
    kept = old.filter(pa.array([stamp not in rerun for stamp in stamps], pa.bool_()))
    joined = pa.concat_tables([kept, addition])
    return joined.sort_by([(name, "ascending") for name in table.key]).combine_chunks()


def _write(
    lake: Path,
    parent: Snapshot | None,
    changed: dict[str, pa.Table],
    *,
    terms: dict[str, str],
    run: str,
    passed: list[str],
) -> Snapshot:
    folder = lake / "snapshots"
    folder.mkdir(exist_ok=True)
    draft = folder / f"{DRAFT}{os.getpid()}"
    try:
        files = _files(draft, parent, changed)
        manifest = _manifest(lake, parent, changed, files, terms=terms, run=run, passed=passed)
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
    changed: dict[str, pa.Table],
    files: dict[str, dict[str, Any]],
    *,
    terms: dict[str, str],
    run: str,
    passed: list[str],
) -> dict[str, Any]:
    # Above every number that was ever given, a damaged snapshot's too.
    number = 1 + max((int(name.split("-")[0]) for name in snapshot_names(lake)), default=0)
    cutoffs = [rows.column("cutoff").to_pylist() for rows in changed.values()]
    known = max((instant for column in cutoffs for instant in column), default=None)
    before = parent.manifest["knowledge"] if parent is not None else ""
    manifest: dict[str, Any] = {
        "snapshot": f"{number:06d}-{content_digest(files, terms)}",
        "parent": parent.name if parent is not None else None,
        "schema_version": SCHEMA_VERSION,
        "terms": terms,
        # The latest cut-off of any row: what the snapshot could have known.
        "knowledge": max(before, known.isoformat() if known is not None else before),
        "run": run,
        "files": files,
    }
    if passed:
        manifest["passed_over"] = passed
    return manifest | {"sha256": seal(manifest)}


def _point(lake: Path, name: str) -> None:
    write_atomically(lake / LATEST, lambda target: target.write_text(name, encoding="utf-8"))


def clear_drafts(lake: Path) -> None:
    """Remove what a killed writer left; the lock is held, so no draft is anyone's."""
    for draft in (lake / "snapshots").glob(f"{DRAFT}*"):
        shutil.rmtree(draft)
    for folder in (lake, lake / "alerts", lake / "settings"):
        remove_drafts(folder)
    for orphan in orphans(lake):
        shutil.rmtree(lake / "snapshots" / orphan)


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
        target.parent.mkdir(exist_ok=True)
        text = json.dumps(settings.model_dump(mode="json"), indent=1, ensure_ascii=False)
        write_atomically(target, lambda draft: draft.write_text(text, encoding="utf-8"))
