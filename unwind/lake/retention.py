"""Keeping a lake small: which old snapshots go, and the market log in one piece.

Snapshots share files by hard links: removing one frees what no other holds, and touches no other.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from unwind.files.durable import DRAFT, flush, folder_lock
from unwind.files.location import Damaged, LakeError, require_inside
from unwind.files.segments import compact
from unwind.lake.publish import clear_drafts
from unwind.lake.snapshots import Snapshot, latest, opened, snapshot_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Which snapshots go and which stay.

    Attributes
    ----------
    removed, kept, damaged : tuple of str
        Names. Damaged ones are left for a person.
    freed : int
        Bytes that no kept snapshot holds.
    forgotten : tuple of str
        What `--known-by` answers otherwise from now on, one sentence a stretch of time.
    """

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    damaged: tuple[str, ...]
    freed: int
    forgotten: tuple[str, ...]


def prune(lake: Path, *, keep_days: int, keep_last: int, dry_run: bool) -> Pruning:
    """Remove old snapshots.

    Kept are: the current snapshot; the newest `keep_last`; the last of each of the newest
    `keep_days` calendar days (UTC) on which there is one; and the last of each calendar month. Days
    are counted once by what a snapshot could have known and once by what it added: one session from
    the future takes the place of one day. No clock is read: a lake that nobody writes to loses
    nothing.

    Parameters
    ----------
    lake : Path
    keep_days : int
        At least 0.
    keep_last : int
        At least 1.
    dry_run : bool
        Say what would go, and remove nothing.

    Raises
    ------
    LakeError
        A bound is too small, or no snapshot is in force: then nothing is removed.
    Unwritable
        The disk refuses.
    """
    if keep_days < 0 or keep_last < 1:
        raise LakeError(
            f"keep_days must be at least 0 and keep_last at least 1, got {keep_days} and "
            f"{keep_last}; the snapshot in force is never removed"
        )
    # Before the lock: it would make the folder of a lake that is not there.
    latest(lake)
    if dry_run:
        return _plan(lake, keep_days=keep_days, keep_last=keep_last)
    with folder_lock(lake):
        clear_drafts(lake)
        plan = _plan(lake, keep_days=keep_days, keep_last=keep_last)
        for name in plan.removed:
            # Renamed first: what a crash leaves is a draft to clear, never half a snapshot.
            folder = lake / "snapshots" / name
            draft = folder.with_name(f"{DRAFT}{name}")
            folder.rename(draft)
            shutil.rmtree(draft)
        flush(lake / "snapshots")
    return plan


def _plan(lake: Path, *, keep_days: int, keep_last: int) -> Pruning:
    current = latest(lake)
    held: list[Snapshot] = []
    damaged = []
    for name in snapshot_names(lake):
        try:
            held.append(opened(lake, name))
        except Damaged:
            damaged.append(name)
    held = [snapshot for snapshot in held if snapshot.name <= current.name]
    kept = {current.name, *(snapshot.name for snapshot in held[-keep_last:])}
    # What a snapshot could have known answers --known-by, and what it added itself tells days apart
    # once a session from the future has passed its knowledge on to every later snapshot.
    for instants in (
        [datetime.fromisoformat(snapshot.manifest["knowledge"]) for snapshot in held],
        [_latest_cutoff(*both) for both in zip(held, [None, *held[:-1]], strict=True)],
    ):
        # Later ones overwrite earlier ones of the same day or month: the last is what stays.
        stamps = list(zip(instants, (snapshot.name for snapshot in held), strict=True))
        days = {stamp.date(): name for stamp, name in stamps}
        months = {f"{stamp:%Y-%m}": name for stamp, name in stamps}
        newest = sorted(days)[max(0, len(days) - keep_days) :]
        kept |= {*(days[day] for day in newest), *months.values()}
    gone = [snapshot for snapshot in held if snapshot.name not in kept]
    stay = [snapshot for snapshot in held if snapshot.name in kept]
    return Pruning(
        removed=tuple(snapshot.name for snapshot in gone),
        kept=tuple(snapshot.name for snapshot in stay),
        damaged=tuple(damaged),
        freed=_freed(gone, stay),
        forgotten=tuple(_forgotten(held, kept)),
    )


def _inodes(snapshots: list[Snapshot]) -> dict[int, int]:
    found = {}
    for snapshot in snapshots:
        for path in Path(snapshot.path).rglob("*"):
            if path.is_file():
                status = path.stat()
                found[status.st_ino] = status.st_size
    return found


def _freed(gone: list[Snapshot], stay: list[Snapshot]) -> int:
    shared = _inodes(stay)
    return sum(size for inode, size in _inodes(gone).items() if inode not in shared)


def _latest_cutoff(snapshot: Snapshot, before: Snapshot | None) -> datetime:
    """Latest cut-off of the rows that a snapshot added itself.

    Earlier releases did not note it. It is then the snapshot's knowledge where that is later than
    that of the snapshot before it, and else the latest cut-off among the `regimes` rows that the
    snapshot before it lacks.
    """
    if "latest_cutoff" in snapshot.manifest:
        return datetime.fromisoformat(snapshot.manifest["latest_cutoff"])
    known = datetime.fromisoformat(snapshot.manifest["knowledge"])
    if before is None or datetime.fromisoformat(before.manifest["knowledge"]) < known:
        return known
    files, old_files = snapshot.manifest["files"], before.manifest["files"]
    added = []
    try:
        for relative in files:
            if relative.startswith("regimes/") and files[relative] != old_files.get(relative):
                old = before.table(relative).to_pylist() if relative in old_files else []
                rows = snapshot.table(relative).to_pylist()
                added += [row["cutoff"] for row in rows if row not in old]
    except LakeError:
        return known
    return max(added, default=known)


def _answer(snapshots: list[Snapshot], instant: datetime) -> Snapshot | None:
    """Newest snapshot that stood on no later knowledge: what `--known-by` reads first."""
    for snapshot in reversed(snapshots):
        if datetime.fromisoformat(snapshot.manifest["knowledge"]) <= instant:
            return snapshot
    return None


def _forgotten(held: list[Snapshot], kept: set[str]) -> list[str]:
    """Stretches of time for which the newest snapshot known by then is another one now."""
    stay = [snapshot for snapshot in held if snapshot.name in kept]
    instants = sorted({datetime.fromisoformat(item.manifest["knowledge"]) for item in held})
    stretches: list[tuple[datetime, datetime, Snapshot | None]] = []
    for first, last in pairwise(instants):
        answer = _answer(stay, first)
        if answer is _answer(held, first):
            continue
        if stretches and stretches[-1][1] == first and stretches[-1][2] is answer:
            first = stretches.pop()[0]
        stretches.append((first, last, answer))
    return [
        f"--known-by from {_clock(first)} to before {_clock(last)} "
        + (
            "reads the snapshot in force, without later cut-offs"
            if answer is None
            else f"reads {answer.name}, which stood at "
            f"{_clock(datetime.fromisoformat(answer.manifest['knowledge']))}, and of later "
            "sessions the snapshot in force"
        )
        for first, last, answer in stretches
    ]


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%MZ}"


def compact_market(lake: Path) -> dict[str, dict[str, int]]:
    """Merge the segments of each market table into one; snapshots are not touched.

    Returns
    -------
    dict
        Table → segments before, rows, files removed.

    Raises
    ------
    LakeError
        There is no market store, or a segment is damaged: that table stays as it is.
    Unwritable
        The disk refuses; what was in force still is.
    """
    store = require_inside(lake, "market")
    if not store.is_dir():
        raise LakeError(f"{lake} holds no market store; run `unwind run` first")
    with folder_lock(store):
        folders = sorted(path for path in store.iterdir() if path.is_dir())
        for folder in folders:
            require_inside(lake, f"market/{folder.name}")
        return {folder.name: compact(folder) for folder in folders}
