"""Two writers at one lake, readers beside them: one result, the same bytes as one by one."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from tests.torture.killing import (
    CONTEXT,
    look_at_lake,
    look_at_store,
    publish_generation,
    read_all_the_while,
    take_in,
)
from unwind.files import durable
from unwind.files.durable import Busy, folder_lock
from unwind.lake.snapshots import latest, read
from unwind.lake.verify import verify


def content(lake: Path) -> dict[str, bytes]:
    """Relative path → bytes of the snapshot in force; who published it left out."""
    folder = Path(latest(lake).path)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def together(*work: tuple[object, ...]) -> None:
    children = [CONTEXT.Process(target=one[0], args=one[1:]) for one in work]  # type: ignore[arg-type]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * len(children)


def publish_sessions(lake: Path, numbers: list[int]) -> None:
    for number in numbers:
        publish_generation(lake, number)


def hold(folder: Path, held: Path) -> None:
    """Take the lock and never give it back."""
    with folder_lock(folder):
        held.touch()
        time.sleep(600)


@pytest.fixture
def holder(tmp_path: Path) -> multiprocessing.process.BaseProcess:
    """A process that has the lock of `tmp_path / "lake"`."""
    child = CONTEXT.Process(target=hold, args=(tmp_path / "lake", tmp_path / "held"))
    child.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    yield child
    child.kill()
    child.join()


class TestOneSlotTwice:
    def test_one_snapshot_and_the_bytes_of_one_run(self, tmp_path: Path) -> None:
        lake, alone = tmp_path / "lake", tmp_path / "alone"
        together(*[(publish_generation, lake, 0)] * 3)
        publish_generation(alone, 0)
        assert content(lake) == content(alone)
        assert [path.name for path in (lake / "snapshots").iterdir()] == [latest(alone).name]
        assert verify(lake, every=True).faults == []

    def test_one_vintage_a_value(self, tmp_path: Path) -> None:
        together(*[(take_in, tmp_path / "lake", 0)] * 2)
        take_in(tmp_path / "alone", 0)
        names = [
            [path.name for path in sorted((tmp_path / place / "prices").iterdir())]
            for place in ("lake", "alone")
        ]
        assert names[0] == names[1]
        assert look_at_store(tmp_path / "lake") == ""


class TestBackfillBesideDaily:
    def test_each_row_once_whoever_came_first(self, tmp_path: Path, at_length: bool, tell) -> None:
        lake, alone = tmp_path / "lake", tmp_path / "alone"
        sessions = 40 if at_length else 8
        backfill, days = list(range(sessions)), list(range(sessions - 4, sessions))
        publish_generation(lake, 0)
        with read_all_the_while(look_at_lake, lake, tmp_path, readers=3) as reads:
            together((publish_sessions, lake, backfill), (publish_sessions, lake, days))
        publish_sessions(alone, backfill)
        assert content(lake) == content(alone)
        assert sorted(read(latest(lake), "regimes")["sessions_in_state"]) == backfill
        assert verify(lake, every=True).faults == []
        assert min(reads) > 0
        tell("two writers", sessions=sessions, readers=3, reads=sum(reads))


class TestLock:
    def test_that_of_a_killed_holder_is_free_at_once(
        self, tmp_path: Path, holder: multiprocessing.process.BaseProcess
    ) -> None:
        os.kill(holder.pid or 0, signal.SIGKILL)
        holder.join()
        start = time.monotonic()
        with folder_lock(tmp_path / "lake"):
            assert time.monotonic() - start < 1.0

    def test_one_that_is_held_too_long_is_a_sentence(
        self,
        tmp_path: Path,
        holder: multiprocessing.process.BaseProcess,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(durable, "LOCK_SECONDS", 0.2)
        with pytest.raises(Busy) as told:
            publish_generation(tmp_path / "lake", 0)
        assert str(told.value) == (
            f"{tmp_path / 'lake'} is being written by another run for over 0 s; "
            "wait for it or stop it"
        )
        assert holder.is_alive()
        assert not (tmp_path / "lake" / "LATEST").exists()
