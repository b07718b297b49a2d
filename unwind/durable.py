"""Writing that survives a crash: whole or not at all, one writer at a time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

LOCK_SECONDS = 120.0


class Busy(RuntimeError):
    """Another process writes here and did not finish in time."""


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a neighbour of `target`, flush it to disk and rename it into place."""
    draft = target.with_name(f".tmp-{uuid4().hex}{target.suffix}")
    try:
        write(draft)
        flush(draft)
        draft.replace(target)
        flush(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Force a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for one writer; the operating system frees it when the holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
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
