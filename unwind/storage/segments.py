"""A log of Parquet segments: each append is one file, named by its place and its checksum.

    000001-5f0c….parquet            the first append
    000001-000007-9a41….parquet     the first seven, compacted into one

A segment appears by rename and never changes. A compacted one stands for those in its range, which
are then removed: a reader in between sees both, and takes the wider. Segments of earlier releases
(`000001.parquet`) carry no checksum in their name and are read as they are.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unwind.storage.durable import DRAFT, make_folder, write_atomically
from unwind.storage.location import Damaged, LakeError, require_inside, sha256

_NAME = re.compile(r"([0-9]{6})(?:-([0-9]{6}))?(?:-([0-9a-f]{16}))?\.parquet")
_RESTORE = "restore it from a copy (`unwind lake pull`)"
# A compaction may remove what a reader has just listed; a second one follows hours later.
_LISTINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file of the log: the appends that it stands for, and the checksum in its name."""

    path: Path
    first: int
    last: int
    checksum: str | None


def segment_of(path: Path) -> Segment | None:
    """Read a file's name; None where it is no segment's."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    first, last, checksum = found.groups()
    return Segment(path=path, first=int(first), last=int(last or first), checksum=checksum)


def listed(folder: Path) -> list[Segment]:
    """All segments of a log, in order, those that a compacted one stands for included."""
    found = [segment_of(path) for path in folder.iterdir()] if folder.is_dir() else []
    held = [segment for segment in found if segment is not None]
    return sorted(held, key=_order)


def _order(segment: Segment) -> tuple[int, int, bool]:
    """Wider before narrower, with a checksum before without: the first of a place is in force."""
    return segment.first, -segment.last, segment.checksum is None


def in_force(held: list[Segment]) -> list[Segment]:
    """Leave out segments whose whole range a wider one covers."""
    kept: list[Segment] = []
    for segment in sorted(held, key=_order):
        if not kept or segment.last > kept[-1].last or _rivals(segment, kept[-1]):
            kept.append(segment)
    return kept


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


def _write(folder: Path, place: str, rows: pa.Table) -> Path:
    buffer = BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    held = buffer.getvalue()
    target = folder / f"{place}-{sha256(held)[:16]}.parquet"
    write_atomically(target, lambda draft: draft.write_bytes(held))
    return target


def read_segments(folder: Path) -> pa.Table | None:
    """Rows of the whole log, oldest append first; None where there is none.

    Raises
    ------
    Damaged
        A segment is missing, torn or altered. Nothing is read around it: a vintage would be lost.
    """
    for _ in range(_LISTINGS):
        held = in_force(listed(folder))
        if fault := _fault(held):
            raise Damaged(fault)
        try:
            parts = [_rows(segment) for segment in held]
        except FileNotFoundError:
            continue
        # A column that an input table was given later is null in what was kept before.
        return pa.concat_tables(parts, promote_options="permissive") if parts else None
    raise LakeError(f"{folder} changes while it is read; run again")


def verified(segment: Segment) -> bytes:
    """Read a segment's content, held against the checksum in its name.

    Raises
    ------
    Damaged
        It differs.
    LakeError
        It may not be read.
    """
    _require_inside(segment.path)
    try:
        held = segment.path.read_bytes()
    except PermissionError as error:
        raise LakeError(
            f"{segment.path} may not be read: permission denied; give this user the right to read "
            "it"
        ) from error
    name = f"{segment.path.parent.name}/{segment.path.name}"
    if segment.checksum is not None and not sha256(held).startswith(segment.checksum):
        raise Damaged(f"market segment {name} differs from the checksum in its name; {_RESTORE}")
    return held


def is_intact(segment: Segment) -> bool:
    """Whether a segment can be read and is as it was written."""
    try:
        _rows(segment)
    except (LakeError, FileNotFoundError):
        return False
    return True


def _rows(segment: Segment) -> pa.Table:
    held = verified(segment)
    try:
        return pq.read_table(BytesIO(held))
    except (pa.ArrowInvalid, OSError) as error:
        name = f"{segment.path.parent.name}/{segment.path.name}"
        raise Damaged(f"market segment {name} cannot be read as Parquet; {_RESTORE}") from error


def _fault(held: list[Segment]) -> str:
    """Say which appends are missing, or stand twice; "" where the log is whole.

    Earlier releases counted differently and left harmless gaps before names without a checksum.
    """
    expected = 1
    for before, segment in zip([None, *held], held, strict=False):
        if before is not None and _rivals(before, segment):
            return (
                f"market segments {before.path.name} and {segment.path.name} of "
                f"{segment.path.parent.name} claim one place: two runs wrote into copies of one "
                "store; keep the one whose snapshots are in force"
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
    held = in_force(listed(folder))
    rows = read_segments(folder)
    if rows is None:
        return {"segments": 0, "rows": 0, "removed": 0}
    if len(held) > 1 or held[0].checksum is None:
        first, last = held[0].first, held[-1].last
        _write(folder, f"{first:06d}" if first == last else f"{first:06d}-{last:06d}", rows)
    wanted = {segment.path for segment in in_force(listed(folder))}
    removed = [segment.path for segment in listed(folder) if segment.path not in wanted]
    for path in removed:
        path.unlink()
    return {"segments": len(held), "rows": rows.num_rows, "removed": len(removed)}


def segment_faults(folder: Path) -> list[str]:
    """Check a log against the checksums in its names; one sentence a fault."""
    held = in_force(listed(folder))
    found = [fault] if (fault := _fault(held)) else []
    for segment in held:
        try:
            _rows(segment)
        except LakeError as error:
            found.append(str(error))
    return found


def drafts(store: Path) -> list[Path]:
    """What killed writers left in the logs of a store."""
    return sorted(draft for draft in store.glob(f"*/{DRAFT}*") if not draft.parent.is_symlink())


def unsealed(folder: Path) -> int:
    """How many segments carry no checksum: written before names did."""
    return sum(segment.checksum is None for segment in in_force(listed(folder)))
