"""Crash-safe, atomic writes, one writer at a time."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from unwind.errors import UserError

LOCK_SECONDS = 120.0

# Name of an unfinished write; the next writer removes drafts of killed ones.
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
    errno.ENOTDIR: ("a file has the name of a required folder", "name another folder"),
    errno.EEXIST: ("a file has the name of a required folder", "name another folder"),
}


class Busy(UserError, RuntimeError):
    """Another process writes here and did not finish in time."""


class Unwritable(UserError, RuntimeError):
    """The disk refuses to take something; the message says where, why and what to do."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a refusal of the disk into one sentence.

    Raises
    ------
    Unwritable
        Disk full, read-only, not permitted. The unfinished write has no effect.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        why, remedy = _REFUSALS[error.errno]
        raise Unwritable(f"{path} cannot be written: {why}; {remedy}") from error


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a neighbour of `target`, flush it to disk and rename it into place.

    Raises
    ------
    Unwritable
        The disk refuses the write; `target` is unchanged.
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
    """Remove drafts of killed writers; the caller holds the lock, so no draft is in use."""
    for draft in folder.glob(f"{DRAFT}*"):
        if draft.is_file():
            draft.unlink()


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, and flush each entry to disk.

    Without the flush, a power failure may leave files without their folder.
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
    """Lock a folder for one writer; the operating system releases it if the process dies.

    Raises
    ------
    Busy
        Another writer holds the lock for too long.
    Unwritable
        The disk refuses a write, here or under the lock.
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
