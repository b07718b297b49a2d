"""Retention: removal of old snapshots, and compaction of the market log.

Snapshots share files by hard links: removing one frees only files that no other shares.
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
    """Snapshots removed and retained.

    Attributes
    ----------
    removed, kept, damaged : tuple of str
        Names. Damaged ones are neither removed nor counted.
    freed : int
        Bytes that no retained snapshot holds.
    forgotten : tuple of str
        Changed answers of `--known-by`, one sentence per period.
    """

    removed: tuple[str, ...]
    retained: tuple[str, ...]
    damaged: tuple[str, ...]
    freed: int
    affected_queries: tuple[str, ...]


def prune(lake: Path, *, keep_days: int, keep_last: int, dry_run: bool) -> Pruning:
    """Remove old snapshots.

    Retained are: the current snapshot; the newest `keep_last`; the last of each of the newest
    `keep_days` calendar days (UTC) with a snapshot; and the last of each calendar month. Days are
    counted once by a snapshot's knowledge and once by the rows it added: a session from the future
    replaces one day at most. No clock is read: a lake without new snapshots loses none.

    Parameters
    ----------
    lake : Path
    keep_days : int
        At least 0.
    keep_last : int
        At least 1.
    dry_run : bool
        List what would be removed, without removing it.

    Raises
    ------
    LakeError
        A bound is too small, or there is no current snapshot: nothing is removed.
    Unwritable
        The disk refuses.
    """
    if keep_days < 0 or keep_last < 1:
        raise LakeError(
            f"keep_days must be at least 0 and keep_last at least 1, got {keep_days} and "
            f"{keep_last}; the current snapshot is never removed"
        )
    # Before the lock: it would make the folder of a lake that is not there.
    latest(lake)
    if dry_run:
        return _plan(lake, keep_days=keep_days, keep_last=keep_last)
    with folder_lock(lake):
        clear_drafts(lake)
        plan = _plan(lake, keep_days=keep_days, keep_last=keep_last)
        for name in plan.removed:
            # Renamed first: a crash leaves a draft to remove, never half a snapshot.
            folder = lake / "snapshots" / name
            draft = folder.with_name(f"{DRAFT}{name}")
            folder.rename(draft)
            shutil.rmtree(draft)
        flush(lake / "snapshots")
    return plan


def _plan(lake: Path, *, keep_days: int, keep_last: int) -> Pruning:
    current = latest(lake)
    snapshots: list[Snapshot] = []
    damaged = []
    for name in snapshot_names(lake):
        try:
            snapshots.append(opened(lake, name))
        except Damaged:
            damaged.append(name)
    snapshots = [snapshot for snapshot in snapshots if snapshot.name <= current.name]
    retained = {current.name, *(snapshot.name for snapshot in snapshots[-keep_last:])}
    # --known-by reads a snapshot's knowledge. The cut-off of its own rows separates days after a
    # session from the future has raised the knowledge of every later snapshot.
    for instants in (
        [datetime.fromisoformat(snapshot.manifest["knowledge"]) for snapshot in snapshots],
        [_latest_cutoff(*both) for both in zip(snapshots, [None, *snapshots[:-1]], strict=True)],
    ):
        # Later snapshots overwrite earlier ones of the same day or month: the last is retained.
        stamps = list(zip(instants, (snapshot.name for snapshot in snapshots), strict=True))
        days = {stamp.date(): name for stamp, name in stamps}
        months = {f"{stamp:%Y-%m}": name for stamp, name in stamps}
        newest = sorted(days)[max(0, len(days) - keep_days) :]
        retained |= {*(days[day] for day in newest), *months.values()}
    removed = [snapshot for snapshot in snapshots if snapshot.name not in retained]
    remaining = [snapshot for snapshot in snapshots if snapshot.name in retained]
    return Pruning(
        removed=tuple(snapshot.name for snapshot in removed),
        retained=tuple(snapshot.name for snapshot in remaining),
        damaged=tuple(damaged),
        freed=_freed(removed, remaining),
        affected_queries=tuple(_affected_queries(snapshots, retained)),
    )


def _inodes(snapshots: list[Snapshot]) -> dict[int, int]:
    sizes = {}
    for snapshot in snapshots:
        for path in Path(snapshot.path).rglob("*"):
            if path.is_file():
                status = path.stat()
                sizes[status.st_ino] = status.st_size
    return sizes


def _freed(removed: list[Snapshot], remaining: list[Snapshot]) -> int:
    shared = _inodes(remaining)
    return sum(size for inode, size in _inodes(removed).items() if inode not in shared)


def _latest_cutoff(snapshot: Snapshot, before: Snapshot | None) -> datetime:
    """Latest cut-off of the rows that a snapshot added itself.

    Earlier releases did not record it. It is then the snapshot's knowledge if that is later than
    the previous snapshot's, otherwise the latest cut-off among the `regimes` rows that the previous
    snapshot lacks.
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
    """Newest snapshot without later knowledge, which `--known-by` reads first."""
    for snapshot in reversed(snapshots):
        if datetime.fromisoformat(snapshot.manifest["knowledge"]) <= instant:
            return snapshot
    return None


def _affected_queries(snapshots: list[Snapshot], retained: set[str]) -> list[str]:
    """Periods for which `--known-by` reads another snapshot after pruning."""
    remaining = [snapshot for snapshot in snapshots if snapshot.name in retained]
    instants = sorted({datetime.fromisoformat(item.manifest["knowledge"]) for item in snapshots})
    stretches: list[tuple[datetime, datetime, Snapshot | None]] = []
    for first, last in pairwise(instants):
        answer = _answer(remaining, first)
        if answer is _answer(snapshots, first):
            continue
        if stretches and stretches[-1][1] == first and stretches[-1][2] is answer:
            first = stretches.pop()[0]
        stretches.append((first, last, answer))
    return [
        f"--known-by from {_clock(first)} to before {_clock(last)} "
        + (
            "reads the current snapshot, without later cut-offs"
            if answer is None
            else f"reads {answer.name}, with knowledge to "
            f"{_clock(datetime.fromisoformat(answer.manifest['knowledge']))}, and for later "
            "sessions the current snapshot"
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
        There is no market store, or a segment is damaged: that table is unchanged.
    Unwritable
        The disk refuses a write; the existing segments are unchanged.
    """
    store = require_inside(lake, "market")
    if not store.is_dir():
        raise LakeError(f"{lake} holds no market store; run `unwind run` first")
    with folder_lock(store):
        folders = sorted(path for path in store.iterdir() if path.is_dir())
        for folder in folders:
            require_inside(lake, f"market/{folder.name}")
        return {folder.name: compact(folder) for folder in folders}
