"""Keeping a lake small: which old snapshots go, and the market log in one piece.

Snapshots share files by hard links: removing one frees what no other holds, and touches no other.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from unwind.files.durable import DRAFT, flush, folder_lock
from unwind.files.location import Damaged, LakeError
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

    Kept are: the snapshot in force; the newest `keep_last`; the last of each calendar day (UTC) of
    knowledge among the newest `keep_days` days, counted back from the one in force; and the last of
    each calendar month. No clock is read: a lake that nobody writes to loses nothing.

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
    knowledge = [pd.Timestamp(snapshot.manifest["knowledge"]) for snapshot in held]
    since = pd.Timestamp(current.manifest["knowledge"]).normalize() - pd.Timedelta(days=keep_days)
    kept = {current.name, *(snapshot.name for snapshot in held[-keep_last:])}
    # Later ones overwrite earlier ones of the same day or month: the last is what stays.
    days = {
        day: snapshot.name
        for day, snapshot in zip((instant.date() for instant in knowledge), held, strict=True)
        if pd.Timestamp(day, tz="UTC") > since
    }
    months = {
        f"{instant:%Y-%m}": snapshot.name for instant, snapshot in zip(knowledge, held, strict=True)
    }
    kept |= {*days.values(), *months.values()}
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


def _forgotten(held: list[Snapshot], kept: set[str]) -> list[str]:
    """Stretches of time for which the newest snapshot known by then is another one now."""
    stretches: list[tuple[str, str, Snapshot | None]] = []
    answer: Snapshot | None = None
    for place, snapshot in enumerate(held[:-1]):
        if snapshot.name in kept:
            answer = snapshot
            continue
        first, last = snapshot.manifest["knowledge"], held[place + 1].manifest["knowledge"]
        if first == last:
            continue
        if stretches and stretches[-1][1] == first and stretches[-1][2] is answer:
            first = stretches.pop()[0]
        stretches.append((first, last, answer))
    return [
        f"--known-by from {_clock(first)} to before {_clock(last)} "
        + (
            "finds no snapshot"
            if now is None
            else f"reads {now.name}, which stood at {_clock(now.manifest['knowledge'])}"
        )
        for first, last, now in stretches
    ]


def _clock(instant: str) -> str:
    return f"{pd.Timestamp(instant):%Y-%m-%dT%H:%MZ}"


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
    store = lake / "market"
    if not store.is_dir():
        raise LakeError(f"{lake} holds no market store; run `python -m flows daily` first")
    with folder_lock(store):
        folders = sorted(path for path in store.iterdir() if path.is_dir())
        return {folder.name: compact(folder) for folder in folders}
