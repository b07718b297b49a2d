"""A log of Parquet segments: each append is one file, named by its number and its checksum.

    000001-5f0c….parquet            the first append
    000001-000007-9a41….parquet     the first seven, compacted into one

A segment appears by rename and never changes. A compacted one replaces those in its range, which
are then removed: a reader in between sees both, and takes the wider. Segments of earlier releases
(`000001.parquet`) have no checksum in their name and are read unverified.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unwind.files.durable import DRAFT, make_folder, write_atomically
from unwind.files.location import Damaged, LakeError, require_inside, sha256

_NAME = re.compile(r"([0-9]{6})(?:-([0-9]{6}))?(?:-([0-9a-f]{16}))?\.parquet")
_RESTORE = "restore it from a copy (`unwind lake pull`)"
# A compaction may remove what a reader has just listed; a second one follows hours later.
_LISTINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file of the log: the range of its appends, and the checksum in its name."""

    path: Path
    first: int
    last: int
    checksum: str | None


def segment_of(path: Path) -> Segment | None:
    """Parse a file's name; None if it is not a segment's."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    first, last, checksum = match.groups()
    return Segment(path=path, first=int(first), last=int(last or first), checksum=checksum)


def listed(folder: Path) -> list[Segment]:
    """All segments of a log, in order, including those that a compacted one replaces."""
    parsed = [segment_of(path) for path in folder.iterdir()] if folder.is_dir() else []
    segments = [segment for segment in parsed if segment is not None]
    return sorted(segments, key=_order)


def _order(segment: Segment) -> tuple[int, int, bool]:
    """Wider before narrower, with a checksum before without: the first of a number counts."""
    return segment.first, -segment.last, segment.checksum is None


def effective(segments: list[Segment]) -> list[Segment]:
    """Exclude segments whose whole range a wider one covers."""
    widest: list[Segment] = []
    for segment in sorted(segments, key=_order):
        if not widest or segment.last > widest[-1].last or _rivals(segment, widest[-1]):
            widest.append(segment)
    return widest


def _rivals(one: Segment, other: Segment) -> bool:
    sealed = None not in (one.checksum, other.checksum)
    return sealed and (one.first, one.last) == (other.first, other.last)


def append(folder: Path, rows: pa.Table) -> None:
    """Add rows as the next segment; the caller holds the lock of the log."""
    _require_inside(folder)
    make_folder(folder)
    number = 1 + max((segment.last for segment in listed(folder)), default=0)
    _write(folder, f"{number:06d}", rows)


def _require_inside(path: Path) -> None:
    """Refuse a log, or a segment of one, behind a link out of the lake (LAKE/market/<table>)."""
    lake = (path.parent if path.suffix else path).parent.parent
    require_inside(lake, str(path.relative_to(lake)))


def _write(folder: Path, number: str, rows: pa.Table) -> Path:
    buffer = BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    data = buffer.getvalue()
    target = folder / f"{number}-{sha256(data)[:16]}.parquet"
    write_atomically(target, lambda draft: draft.write_bytes(data))
    return target


def read_segments(folder: Path) -> pa.Table | None:
    """Rows of the whole log, oldest append first; None where there is none.

    Raises
    ------
    Damaged
        A segment is missing, torn or altered. Nothing is read around it: a vintage would be lost.
    """
    for _ in range(_LISTINGS):
        segments = effective(listed(folder))
        if fault := _fault(segments):
            raise Damaged(fault)
        try:
            parts = [_rows(segment) for segment in segments]
        except FileNotFoundError:
            continue
        # A column added to an input table later is null in earlier segments.
        return pa.concat_tables(parts, promote_options="permissive") if parts else None
    raise LakeError(f"{folder} changes while it is read; run again")


def verified(segment: Segment) -> bytes:
    """Read a segment's content, and compare it with the checksum in its name.

    Raises
    ------
    Damaged
        It differs.
    LakeError
        It may not be read.
    """
    _require_inside(segment.path)
    try:
        data = segment.path.read_bytes()
    except PermissionError as error:
        raise LakeError(
            f"{segment.path} may not be read: permission denied; give this user the right to read "
            "it"
        ) from error
    name = f"{segment.path.parent.name}/{segment.path.name}"
    if segment.checksum is not None and not sha256(data).startswith(segment.checksum):
        raise Damaged(f"market segment {name} differs from the checksum in its name; {_RESTORE}")
    return data


def is_intact(segment: Segment) -> bool:
    """Return True if a segment can be read and matches its checksum."""
    try:
        _rows(segment)
    except (LakeError, FileNotFoundError):
        return False
    return True


def _rows(segment: Segment) -> pa.Table:
    data = verified(segment)
    try:
        return pq.read_table(BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        name = f"{segment.path.parent.name}/{segment.path.name}"
        raise Damaged(f"market segment {name} cannot be read as Parquet; {_RESTORE}") from error


def _fault(segments: list[Segment]) -> str:
    """Name missing or duplicate appends; "" if the log is complete.

    Earlier releases counted differently and left harmless gaps before names without a checksum.
    """
    expected = 1
    for before, segment in zip([None, *segments], segments, strict=False):
        if before is not None and _rivals(before, segment):
            return (
                f"market segments {before.path.name} and {segment.path.name} of "
                f"{segment.path.parent.name} claim one number: two runs wrote into copies of one "
                "store; keep the one of the current snapshots"
            )
        if segment.first > expected and segment.checksum is not None:
            missing = f"{expected:06d}" + (
                f" to {segment.first - 1:06d}" if segment.first - 1 > expected else ""
            )
            table = segment.path.parent.name
            return f"market segment {missing} of {table} is missing; {_RESTORE}"
        expected = segment.last + 1
    return ""


def compact(folder: Path) -> dict[str, int]:
    """Merge a log into one segment; the caller holds the lock, readers go on reading.

    Returns
    -------
    dict
        segments (before), rows, removed (files).

    Raises
    ------
    Damaged
        A segment is missing, torn or altered: nothing is merged around it.
    """
    before = effective(listed(folder))
    rows = read_segments(folder)
    if rows is None:
        return {"segments": 0, "rows": 0, "removed": 0}
    if len(before) > 1 or before[0].checksum is None:
        first, last = before[0].first, before[-1].last
        _write(folder, f"{first:06d}" if first == last else f"{first:06d}-{last:06d}", rows)
    effective_paths = {segment.path for segment in effective(listed(folder))}
    removed = [segment.path for segment in listed(folder) if segment.path not in effective_paths]
    for path in removed:
        path.unlink()
    return {"segments": len(before), "rows": rows.num_rows, "removed": len(removed)}


def segment_faults(folder: Path) -> list[str]:
    """Check a log against the checksums in its names; one sentence per fault."""
    segments = effective(listed(folder))
    faults = [fault] if (fault := _fault(segments)) else []
    for segment in segments:
        try:
            _rows(segment)
        except LakeError as error:
            faults.append(str(error))
    return faults


def drafts(store: Path) -> list[Path]:
    """Drafts of killed writers in the logs of a store."""
    return sorted(draft for draft in store.glob(f"*/{DRAFT}*") if not draft.parent.is_symlink())


def unsealed(folder: Path) -> int:
    """Number of segments without a checksum, written by earlier releases."""
    return sum(segment.checksum is None for segment in effective(listed(folder)))
