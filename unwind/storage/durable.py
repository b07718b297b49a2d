"""Writing that survives a crash: whole or not at all, one writer at a time."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

LOCK_SECONDS = 120.0

# What a started write is called until it is whole; a killed writer leaves some, the next clears.
DRAFT = ".tmp-"

_FREE = "free space, e.g. with `unwind lake prune`, and run again"
_OTHER = "make it writable for this user, or name another folder"
_REFUSALS = {
    errno.ENOSPC: ("the disk is full", _FREE),
    errno.EDQUOT: ("the quota is used up", _FREE),
    errno.EFBIG: ("the limit of file sizes is reached", "raise it (ulimit -f) and run again"),
    errno.EROFS: ("the file system is read-only", _OTHER),
    errno.EACCES: ("permission denied", _OTHER),
    errno.EPERM: ("permission denied", _OTHER),
    errno.EIO: ("the disk reports a fault", "check the disk, then `unwind lake verify`"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "name another folder"),
    errno.EEXIST: ("a file stands where a folder is needed", "name another folder"),
}


class Busy(RuntimeError):
    """Another process writes here and did not finish in time."""


class Unwritable(RuntimeError):
    """The disk refuses to take something; the message says where, why and what to do."""


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a refusal of the disk into one sentence.

    Raises
    ------
    Unwritable
        Disk full, read-only, not permitted. What was begun is not in force.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        why, remedy = _REFUSALS[error.errno]
        raise Unwritable(f"{place} cannot be written: {why}; {remedy}") from error


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a neighbour of `target`, flush it to disk and rename it into place.

    Raises
    ------
    Unwritable
        The disk refuses; `target` is as it was.
    """
    draft = target.with_name(f"{DRAFT}{uuid4().hex}{target.suffix}")
    with writing(target):
        try:
            write(draft)
            flush(draft)
            draft.replace(target)
            flush(target.parent)
        finally:
            if draft.exists():
                draft.unlink()


def remove_drafts(folder: Path) -> None:
    """Remove files that killed writers left; the caller holds the lock, so no draft is anyone's."""
    for draft in folder.glob(f"{DRAFT}*"):
        if draft.is_file():
            draft.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each entry flushed to disk.

    Without the flush a power cut may leave files without the folder that names them.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush(folder.parent)


def flush(path: Path) -> None:
    """Force a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for one writer; the operating system frees it when the holder dies.

    Raises
    ------
    Busy
        Another writer holds it for too long.
    Unwritable
        The disk refuses, here or in what is done under the lock.
    """
    with writing(folder):
        make_folder(folder)
        lock = FileLock(folder / ".lock", timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            raise Busy(
                f"{folder} is being written by another run for over {LOCK_SECONDS:.0f} s; "
                "wait for it or stop it"
            ) from error
        try:
            yield
        finally:
            lock.release()
