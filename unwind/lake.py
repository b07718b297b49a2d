"""The lake: immutable snapshots of the desk tables, published by one rename.

    LAKE/LATEST                                     name of the newest snapshot
    LAKE/snapshots/000007-1f0c…/_manifest.json      files with checksums, parent, run
    LAKE/snapshots/000007-1f0c…/correlations/2026-02.parquet
    LAKE/market/…                                   vintages (unwind.market)
    LAKE/reports/…                                  desk reports
    LAKE/settings/<digest>.json                     what each settings digest stands for

A reader resolves a snapshot once and stays with it. A writer rewrites the months that its run
touches, links all others, and repoints LATEST last: a crash leaves the old snapshot in force.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unwind.columns import SCHEMA_VERSION, SLOT, Table
from unwind.durable import flush, folder_lock, write_atomically
from unwind.settings import Settings
from unwind.tables import TABLES

MANIFEST = "_manifest.json"
LATEST = "LATEST"


class LakeError(RuntimeError):
    """The lake cannot answer; the message says what is missing or broken and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One published version: where it lies and what its manifest says."""

    name: str
    path: Path
    manifest: dict[str, Any]

    @property
    def terms(self) -> dict[str, str]:
        """Source and settings digest of the run that published it: what readers get unasked."""
        return dict(self.manifest["terms"])


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
    """
    with folder_lock(lake):
        _clear_drafts(lake)
        parent = latest(lake) if (lake / LATEST).exists() else None
        slots = _slots(rows)
        changed: dict[str, pa.Table] = {}
        for name, table in TABLES.items():
            changed |= _merge(parent, table, rows.get(name, pd.DataFrame()), slots)
        _remember_settings(lake, settings)
        terms = {"source": source, "settings_digest": settings.digest}
        if parent is not None and not changed and parent.terms == terms:
            return parent
        return _write(lake, parent, changed, terms=terms, run=run)


def _slots(rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [frame[list(SLOT)] for frame in rows.values() if not frame.empty]
    if not parts:
        raise LakeError("a run must publish at least one row; its stages gave none")
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _merge(
    parent: Snapshot | None, table: Table, new: pd.DataFrame, slots: pd.DataFrame
) -> dict[str, pa.Table]:
    """Months of one table whose content differs from the parent's."""
    changed = {}
    for month in sorted({_month(day) for day in slots["as_of"]}):
        relative = f"{table.name}/{month}.parquet"
        fresh = new[[_month(day) == month for day in new["as_of"]]] if not new.empty else new
        old = None
        if parent is not None and relative in parent.manifest["files"]:
            old = pq.read_table(parent.path / relative, schema=table.schema)
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
) -> Snapshot:
    folder = lake / "snapshots"
    folder.mkdir(exist_ok=True)
    draft = folder / f".tmp-{os.getpid()}"
    files: dict[str, Any] = {}
    if parent is not None:
        for relative, entry in parent.manifest["files"].items():
            if relative not in changed:
                (draft / relative).parent.mkdir(parents=True, exist_ok=True)
                os.link(parent.path / relative, draft / relative)
                files[relative] = entry
    for relative, content in changed.items():
        target = draft / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, target, compression="zstd")
        flush(target)
        files[relative] = {"sha256": _sha256(target), "rows": content.num_rows}
    files = dict(sorted(files.items()))
    digest = hashlib.sha256(json.dumps([files, terms]).encode()).hexdigest()[:12]
    number = 1 if parent is None else int(parent.name.split("-")[0]) + 1
    cutoffs = [content.column("cutoff").to_pylist() for content in changed.values()]
    known = max((instant for column in cutoffs for instant in column), default=None)
    before = parent.manifest["knowledge"] if parent is not None else ""
    name = f"{number:06d}-{digest}"
    manifest: dict[str, Any] = {
        "snapshot": name,
        "parent": parent.name if parent is not None else None,
        "schema_version": SCHEMA_VERSION,
        "terms": terms,
        # The latest cut-off of any row: what the snapshot could have known.
        "knowledge": max(before, known.isoformat() if known is not None else before),
        "run": run,
        "files": files,
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    flush(draft / MANIFEST)
    for inner in {path.parent for path in draft.rglob("*.parquet")} | {draft}:
        flush(inner)
    final = folder / name
    draft.rename(final)
    flush(folder)
    write_atomically(lake / LATEST, lambda target: target.write_text(final.name, encoding="utf-8"))
    return Snapshot(name=final.name, path=final, manifest=manifest)


def _clear_drafts(lake: Path) -> None:
    """Remove what a killed writer left; the lock is held, so no draft is anyone's."""
    for draft in (lake / "snapshots").glob(".tmp-*"):
        shutil.rmtree(draft)
    for draft in lake.glob(".tmp-*"):
        draft.unlink()
    newest = (lake / LATEST).read_text(encoding="utf-8").strip() if (lake / LATEST).exists() else ""
    for orphan in (lake / "snapshots").glob("[0-9]*"):
        # Renamed but never pointed at: the run that made it died before it was in force.
        if orphan.name.split("-")[0] > newest.split("-")[0]:
            shutil.rmtree(orphan)


def _remember_settings(lake: Path, settings: Settings) -> None:
    target = lake / "settings" / f"{settings.digest}.json"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        text = json.dumps(settings.model_dump(mode="json"), indent=1, ensure_ascii=False)
        write_atomically(target, lambda draft: draft.write_text(text, encoding="utf-8"))


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def latest(lake: Path) -> Snapshot:
    """The snapshot in force.

    Raises
    ------
    LakeError
        Nothing was published here yet, or the pointer names a snapshot that is gone.
    """
    pointer = lake / LATEST
    if not pointer.exists():
        raise LakeError(
            f"{lake} holds no published snapshot; run `python -m flows daily --lake {lake}` first"
        )
    return _open(lake, pointer.read_text(encoding="utf-8").strip())


def snapshot_known_by(lake: Path, instant: pd.Timestamp) -> Snapshot:
    """The newest snapshot that stood on no later knowledge than `instant`."""
    for path in sorted((lake / "snapshots").glob("[0-9]*"), reverse=True):
        snapshot = _open(lake, path.name)
        if pd.Timestamp(snapshot.manifest["knowledge"]) <= instant:
            return snapshot
    raise LakeError(f"{lake} holds no snapshot from {instant} or before; choose a later instant")


def _open(lake: Path, name: str) -> Snapshot:
    path = lake / "snapshots" / name
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise LakeError(
            f"snapshot {name} of {lake} cannot be read; point {LATEST} at an older one"
        ) from error
    return Snapshot(name=name, path=path, manifest=manifest)


def read(
    snapshot: Snapshot,
    table: str,
    *,
    as_of: date | None = None,
    cutoff: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Rows of one table under the snapshot's terms: the latest cut-off of each session.

    Parameters
    ----------
    snapshot : Snapshot
    table : str
    as_of : date, optional
        One session only.
    cutoff : Timestamp, optional
        The latest cut-off not after this instant, in place of the latest of all.
    """
    # Every slot holds one regimes row, so that table alone says which cut-offs there are: a later
    # run that found no break must not leave an earlier run's breaks standing.
    slots = _rows(snapshot, "regimes", as_of=as_of)[["as_of", "cutoff"]]
    if cutoff is not None:
        slots = slots[slots["cutoff"] <= cutoff]
    newest = slots.groupby("as_of", as_index=False)["cutoff"].max()
    rows = _rows(snapshot, table, as_of=as_of).merge(newest, on=["as_of", "cutoff"])
    return rows.sort_values(list(TABLES[table].key), ignore_index=True)


def _rows(snapshot: Snapshot, table: str, *, as_of: date | None) -> pd.DataFrame:
    schema = TABLES[table].schema
    wanted = [
        relative
        for relative in snapshot.manifest["files"]
        if relative.startswith(f"{table}/")
        and (as_of is None or relative == f"{table}/{_month(as_of)}.parquet")
    ]
    parts = [pq.read_table(snapshot.path / relative, schema=schema) for relative in wanted]
    rows: pd.DataFrame = (pa.concat_tables(parts) if parts else schema.empty_table()).to_pandas()
    for column, value in snapshot.terms.items():
        rows = rows[rows[column] == value]
    return rows if as_of is None else rows[rows["as_of"] == as_of]


def faults(lake: Path) -> list[str]:
    """Check the snapshot in force against its manifest; one sentence a fault."""
    snapshot = latest(lake)
    found = []
    for relative, entry in snapshot.manifest["files"].items():
        path = snapshot.path / relative
        if not path.exists():
            found.append(f"{relative} is missing; restore it or point {LATEST} at the parent")
        elif _sha256(path) != entry["sha256"]:
            found.append(f"{relative} differs from its checksum; restore it from a copy")
    if snapshot.manifest["schema_version"] != SCHEMA_VERSION:
        found.append(
            f"schema version {snapshot.manifest['schema_version']} is not {SCHEMA_VERSION}; "
            "read it with the release that wrote it"
        )
    return found
