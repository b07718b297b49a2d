"""The lake: immutable snapshots of the desk tables, and a pointer to the current one.

    LAKE/LATEST                                     name of the newest snapshot
    LAKE/snapshots/000007-1f0c…/_manifest.json      files with checksums, parent, run
    LAKE/snapshots/000007-1f0c…/correlations/2026-02.parquet
    LAKE/market/…                                   vintages (unwind.market.store)
    LAKE/reports/…                                  desk reports
    LAKE/settings/<digest>.json                     settings of each settings hash

A reader resolves a snapshot once and uses it throughout. Every file is checked against its
checksum before it is read. This module reads; unwind.lake.publish writes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unwind.contract.columns import SCHEMA_VERSION
from unwind.contract.tables import TABLES
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
from unwind.lake.manifest import MANIFEST, MAX_MANIFEST_BYTES, NAME, parsed
from unwind.lake.schema_changes import SchemaError, conformed

LATEST = "LATEST"

_EARLIEST = date(1000, 1, 1)  # a year of four digits, so that names of months stay in order
MAX_POINTER_BYTES = 1000

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One published version: its location and manifest."""

    name: str
    lake: Path | str
    manifest: dict[str, Any]

    @property
    def path(self) -> PurePath:
        """Its folder; for a copy behind a URL, on that file system."""
        _, root = open_location(self.lake)
        kind = PurePosixPath if is_url(self.lake) else Path
        return kind(root) / "snapshots" / self.name

    @property
    def terms(self) -> dict[str, str]:
        """Source and settings hash of the run that published it, the readers' default."""
        return dict(self.manifest["terms"])

    def schema_version(self, relative: str) -> int:
        """Schema version of one of its files."""
        entry = self.manifest["files"][relative]
        return int(entry.get("schema_version", self.manifest["schema_version"]))

    def address(self, relative: str) -> str:
        """Path of one of its files on the lake's file system."""
        _, root = open_location(self.lake)
        return f"{root}/{self.inner(relative)}"

    def inner(self, relative: str) -> str:
        """Path of one of its files inside the lake."""
        if not is_url(self.lake):
            return f"snapshots/{self.name}/{relative}"
        return f"files/{self.manifest['files'][relative]['sha256']}.parquet"

    def link(self, relative: str) -> str:
        """Absolute path, or URL, by which another program finds one of its files."""
        if not is_url(self.lake):
            return str(require_inside(self.lake, self.inner(relative)).resolve())
        address = self.address(relative).lstrip("/")
        return f"{str(self.lake).split('://', 1)[0]}://{address}"

    def verified(self, relative: str) -> bytes:
        """Content of one of its files, compared with its checksum.

        Raises
        ------
        Damaged
            The file is missing, or differs from what was published.
        LakeError
            It may not be read.
        """
        storage, root = open_location(self.lake)
        entry = self.manifest["files"][relative]
        try:
            data = content(storage, root, self.inner(relative), max_bytes=entry.get("bytes"))
        except FileNotFoundError as error:
            raise Damaged(
                f"{relative} of snapshot {self.name} is missing; restore it from a copy"
            ) from error
        if sha256(data) != entry["sha256"]:
            raise Damaged(
                f"{relative} of snapshot {self.name} differs from its checksum; "
                "restore it from a copy"
            )
        return data

    def table(self, relative: str) -> pa.Table:
        """Rows of one file in the current schema.

        Raises
        ------
        Damaged
            The file is missing, or differs from what was published.
        LakeError
            It may not be read, or its schema cannot be read by this release.
        """
        data = self.verified(relative)
        try:
            return conformed(pq.read_table(BytesIO(data)), TABLES[relative.split("/")[0]])
        except SchemaError as error:
            raise LakeError(f"{relative} of snapshot {self.name}: {error}") from error
        # The checksum matches, but the file is not Parquet: the copy's author wrote both.
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(
                f"{relative} of snapshot {self.name} cannot be read as Parquet; "
                "restore it from a copy"
            ) from error


def latest(lake: Path | str) -> Snapshot:
    """The current snapshot.

    Raises
    ------
    LakeError
        Nothing was published here yet, or the pointer or its snapshot is damaged.
    """
    return opened(lake, pointed(lake))


def pointed(lake: Path | str) -> str:
    """Name of the current snapshot, from the pointer.

    Raises
    ------
    Damaged
        The pointer is missing beside snapshots, empty or garbage.
    LakeError
        Nothing was published here yet.
    """
    storage, root = open_location(lake)
    try:
        data = content(storage, root, LATEST, max_bytes=MAX_POINTER_BYTES)
    except FileNotFoundError as error:
        if snapshot_names(lake):
            raise Damaged(
                f"{lake} holds snapshots but no pointer {LATEST}; the next run writes it anew"
            ) from error
        remedy = f"unwind lake push LAKE {lake}" if is_url(lake) else f"unwind run --lake {lake}"
        raise LakeError(f"{lake} holds no published snapshot; run `{remedy}` first") from error
    name = data.decode("utf-8", errors="replace").strip()
    if not NAME.fullmatch(name):
        raise Damaged(
            f"the pointer {LATEST} of {lake} names no snapshot: {name[:40]!a}; "
            "the next run writes it anew"
        )
    return name


def snapshot_names(lake: Path | str) -> list[str]:
    """Names of all snapshots, oldest first, intact or not."""
    storage, root = open_location(lake)
    return [name for name in names(storage, f"{root}/snapshots") if NAME.fullmatch(name)]


def opened(lake: Path | str, name: str) -> Snapshot:
    """Open a snapshot by its name; its manifest is checked against contract and checksum.

    Raises
    ------
    Damaged
        The manifest is missing, torn, altered or outside its contract.
    """
    storage, root = open_location(lake)
    relative = f"snapshots/{name}/{MANIFEST}"
    try:
        data = content(storage, root, relative, max_bytes=MAX_MANIFEST_BYTES)
    except FileNotFoundError as error:
        raise Damaged(
            f"snapshot {name} of {lake} cannot be read; restore it from a copy, or point {LATEST} "
            "at an older one"
        ) from error
    return Snapshot(name=name, lake=lake, manifest=parsed(data, name=name))


def served(
    lake: Path | str,
    answer: Callable[[Snapshot], Answer],
    *,
    known_by: pd.Timestamp | None = None,
) -> tuple[Answer, list[str]]:
    """Answer from the current snapshot, or from the newest intact one before it.

    Parameters
    ----------
    lake : Path or str
    answer : callable
        Reads what it needs from a snapshot; called again with an older one if that is damaged.
    known_by : Timestamp, optional
        Only snapshots without later knowledge.

    Returns
    -------
    answer, list of str
        Faults of the snapshots that were skipped, one sentence each. To be displayed with the
        answer.

    Raises
    ------
    LakeError
        No snapshot answers.
    """
    damage: list[str] = []
    for name in _newest_first(lake, damage):
        try:
            snapshot = opened(lake, name)
            if known_by is not None and pd.Timestamp(snapshot.manifest["knowledge"]) > known_by:
                continue
            return answer(snapshot), damage
        except Damaged as error:
            damage.append(str(error))
    if damage:
        raise LakeError(f"{lake} holds no intact snapshot that answers: {damage[0]}")
    raise LakeError(f"{lake} holds no snapshot from {known_by} or before; choose a later instant")


def _newest_first(lake: Path | str, damage: list[str]) -> Iterator[str]:
    """The current snapshot, then all older ones; all of them if the pointer is damaged."""
    older = sorted(snapshot_names(lake), reverse=True)
    try:
        current = pointed(lake)
    except Damaged as error:
        damage.append(str(error))
        yield from older
        return
    yield current
    yield from (name for name in older if name < current)


def month_of(day: date) -> str:
    """Month of a session, the name of its file in a table."""
    return f"{day:%Y-%m}"


def read(
    snapshot: Snapshot,
    table: str,
    *,
    as_of: date | None = None,
    since: date | None = None,
    cutoff: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Rows of one table under the snapshot's terms: the latest cut-off of each session.

    Parameters
    ----------
    snapshot : Snapshot
    table : str
    as_of : date, optional
        One session only.
    since : date, optional
        From this session on. Months before it are not opened.
    cutoff : Timestamp, optional
        Use the latest cut-off not after this instant.

    Raises
    ------
    Damaged
        A file differs from what was published.
    """
    days = (as_of or since or _EARLIEST, as_of or date.max)
    return _latest_rows(snapshot, table, _newest(snapshot, days, cutoff), days)


def read_session(
    snapshot: Snapshot, as_of: date, *, cutoff: pd.Timestamp | None
) -> dict[str, pd.DataFrame]:
    """Rows of every table on one session, as `read` gives them.

    Raises
    ------
    Damaged
        A file differs from what was published.
    """
    days = (as_of, as_of)
    newest = _newest(snapshot, days, cutoff)
    return {table: _latest_rows(snapshot, table, newest, days) for table in TABLES}


def _newest(
    snapshot: Snapshot, days: tuple[date, date], cutoff: pd.Timestamp | None
) -> pd.DataFrame:
    """The latest cut-off of each session.

    Every slot has one regimes row, so that table gives the cut-offs: a later run without a break
    must replace the breaks of an earlier run.
    """
    slots = _rows(snapshot, "regimes", days)[["as_of", "cutoff"]]
    if cutoff is not None:
        slots = slots[slots["cutoff"] <= cutoff]
    return slots.groupby("as_of")[["cutoff"]].max().reset_index()


def _latest_rows(
    snapshot: Snapshot, table: str, newest: pd.DataFrame, days: tuple[date, date]
) -> pd.DataFrame:
    rows = _rows(snapshot, table, days).merge(newest, on=["as_of", "cutoff"])
    return rows.sort_values(list(TABLES[table].key), ignore_index=True)


def _rows(snapshot: Snapshot, table: str, days: tuple[date, date]) -> pd.DataFrame:
    first, last = (f"{table}/{month_of(day)}.parquet" for day in days)
    files = [
        relative
        for relative in snapshot.manifest["files"]
        if relative.startswith(f"{table}/") and first <= relative <= last
    ]
    parts = [snapshot.table(relative) for relative in files]
    table_rows = pa.concat_tables(parts) if parts else TABLES[table].schema.empty_table()
    rows: pd.DataFrame = table_rows.to_pandas()
    for column, value in snapshot.terms.items():
        rows = rows[rows[column] == value]
    return rows[rows["as_of"].between(*days)]


def schema_notes(snapshot: Snapshot) -> list[str]:
    """Schema versions of the snapshot's files that differ from this release's."""
    files = snapshot.manifest["files"]
    versions = sorted({snapshot.schema_version(relative) for relative in files} - {SCHEMA_VERSION})
    return [
        f"snapshot {snapshot.name} holds files of schema version {version}, this release's is "
        f"{SCHEMA_VERSION}: "
        + (
            "columns that they lack read as null"
            if version < SCHEMA_VERSION
            else "columns that it does not know are excluded"
        )
        + " (docs/schema-changes.md)"
        for version in versions
    ]
