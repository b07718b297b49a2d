"""The k-th write, flush or rename fails, for every k: what was in force stays, a retry succeeds."""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.torture.killing import (
    calibrate_number,
    calibration_number,
    emitted,
    look_at_calibration,
    look_at_lake,
    look_at_report,
    look_at_store,
    publish_generation,
    push_generation,
    report_number,
    take_in,
    tell_session,
)
from unwind.alerts.ledger import read_ledger
from unwind.lake import latest
from unwind.market import read_vintages
from unwind.settings import read_calibrated
from unwind.storage.durable import Unwritable
from unwind.storage.location import LakeError
from unwind.storage.verification import verify

REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES)


@contextmanager
def failing(at: int, code: int) -> Iterator[list[str]]:
    """Let the `at`-th call that changes the disk fail; yields the calls that were made.

    A call that would write leaves half a file, as a full disk does.
    """
    calls: list[str] = []

    def due(name: str) -> bool:
        calls.append(name)
        return len(calls) == at

    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    def guarded(name: str, call: Callable[..., Any], torn: int | None = None) -> Any:
        def guard(*arguments: Any, **options: Any) -> Any:
            if due(name):
                if torn is not None and code == errno.ENOSPC:
                    with open(arguments[torn], "wb") as half:  # noqa: PTH123
                        half.write(b"PAR1 half")
                refuse()
            return call(*arguments, **options)

        return guard

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", guarded("write_bytes", Path.write_bytes, 0))
        patch.setattr(Path, "write_text", guarded("write_text", Path.write_text, 0))
        patch.setattr(Path, "mkdir", guarded("mkdir", Path.mkdir))
        patch.setattr(Path, "rename", guarded("rename", Path.rename))
        patch.setattr(Path, "replace", guarded("replace", Path.replace))
        patch.setattr(pq, "write_table", _unless_buffered(guarded, pq.write_table))
        patch.setattr(os, "fsync", guarded("fsync", os.fsync))
        patch.setattr(os, "link", guarded("link", os.link))
        yield calls


def _unless_buffered(guarded: Any, call: Callable[..., Any]) -> Any:
    """Arrow opens files by itself: its write is refused as a whole, one into memory is not."""
    guard = guarded("write_table", call, 1)

    def write(rows: Any, target: Any, **options: Any) -> None:
        (call if isinstance(target, io.BytesIO) else guard)(rows, target, **options)

    return write


def refused_at_every_step(
    begin: Callable[[Path], None],
    work: Callable[[Path], None],
    in_force: Callable[[Path], Any],
    folder: Path,
    *,
    faults: type[Exception] | tuple[type[Exception], ...],
    limit: int,
) -> tuple[int, int]:
    """Fail each step in turn; return how many steps there are and how many failures were tried.

    Parameters
    ----------
    begin : callable
        Makes what is in force before.
    work : callable
        Changes it.
    in_force : callable
        What a reader gets; must be that of before, or of after, whole.
    faults : exception types
        What a refusal may end in.
    limit : int
        Steps that are tried: spread evenly over all where there are more.
    """
    start, done = folder / "start", folder / "done"
    begin(start)
    before = in_force(start)
    shutil.copytree(start, done)
    with failing(0, errno.ENOSPC) as calls:
        work(done)
    steps = len(calls)
    after = in_force(done)
    assert before != after
    chosen = sorted({1 + round(place * (steps - 1) / (limit - 1)) for place in range(limit)})
    tried = 0
    for number, at in enumerate(chosen):
        code = REFUSALS[number % len(REFUSALS)]
        place = folder / f"step-{at}"
        shutil.copytree(start, place)
        with failing(at, code):
            try:
                work(place)
            except faults as error:
                said = str(error)
                assert "\n" not in said
                assert ";" in said
            else:
                raise AssertionError(f"step {at}, {calls[at - 1]}: the refusal was swallowed")
        assert in_force(place) in (before, after), f"step {at}: {calls[at - 1]}"
        work(place)
        assert in_force(place) == after, f"step {at}: {calls[at - 1]}"
        shutil.rmtree(place)
        tried += 1
    return steps, tried


@pytest.fixture
def limit(at_length: bool) -> int:
    return 1000 if at_length else 6


def _rows(lake: Path) -> Any:
    assert look_at_lake(lake) == ""
    assert verify(lake, every=True).faults == []
    held = latest(lake)
    return held.name, [entry["sha256"] for entry in held.manifest["files"].values()]


def _vintages(store: Path) -> Any:
    assert look_at_store(store) == ""
    rows: pd.DataFrame = read_vintages(store, "prices")
    return rows.sort_values(["symbol", "session", "known_at"]).to_csv(index=False)


def _artefact(folder: Path) -> Any:
    assert look_at_calibration(folder / "calibration.json") == ""
    return read_calibrated(folder / "calibration.json")["version"]


def _page(lake: Path) -> Any:
    pages = [path.read_text(encoding="utf-8") for path in (lake / "reports").glob("*/2*.html")]
    assert pages == [] or look_at_report(lake) == ""
    return pages


def _owed(lake: Path) -> Any:
    events = emitted(lake / "events")
    assert len(set(events)) == len(events)
    # Every copy of a lake has an id of its own.
    return [(replace(alert.notice, lake=None), alert.status) for alert in read_ledger(lake)]


class TestRefusedAtEveryStep:
    def test_a_publication(self, tmp_path: Path, limit: int, tell) -> None:
        steps, tried = refused_at_every_step(
            lambda lake: publish_generation(lake, 0), lambda lake: publish_generation(lake, 1),
            _rows, tmp_path, faults=Unwritable, limit=limit,
        )  # fmt: skip
        tell("disk refuses, publish", steps=steps, failed=tried)

    def test_an_ingestion(self, tmp_path: Path, limit: int, tell) -> None:
        steps, tried = refused_at_every_step(
            lambda store: take_in(store, 0), lambda store: take_in(store, 1),
            _vintages, tmp_path, faults=Unwritable, limit=limit,
        )  # fmt: skip
        tell("disk refuses, ingest", steps=steps, failed=tried)

    def test_a_calibration(self, tmp_path: Path, limit: int, tell) -> None:
        steps, tried = refused_at_every_step(
            lambda folder: calibrate_number(folder / "calibration.json", 0),
            lambda folder: calibrate_number(folder / "calibration.json", 1),
            _artefact, tmp_path, faults=Unwritable, limit=limit,
        )  # fmt: skip
        assert calibration_number(1)["version"].endswith("1")
        tell("disk refuses, calibrate", steps=steps, failed=tried)

    def test_a_report(self, tmp_path: Path, limit: int, tell) -> None:
        steps, tried = refused_at_every_step(
            lambda lake: report_number(lake, 0), lambda lake: report_number(lake, 1),
            _page, tmp_path, faults=Unwritable, limit=limit,
        )  # fmt: skip
        tell("disk refuses, report", steps=steps, failed=tried)

    def test_the_first_report_of_a_session(self, tmp_path: Path, limit: int) -> None:
        """Its folder is not there yet: that step may be refused as well."""
        refused_at_every_step(
            lambda lake: (lake / "reports").mkdir(parents=True),
            lambda lake: report_number(lake, 1), _page, tmp_path, faults=Unwritable, limit=limit,
        )  # fmt: skip

    def test_a_copy(self, tmp_path: Path, limit: int, tell) -> None:
        def begin(folder: Path) -> None:
            publish_generation(folder / "lake", 0)
            push_generation(folder / "lake", f"file://{folder}/copy")

        def work(folder: Path) -> None:
            publish_generation(folder / "lake", 1)
            push_generation(folder / "lake", f"file://{folder}/copy")

        def copied(folder: Path) -> Any:
            url = f"file://{folder}/copy"
            assert look_at_lake(url) == ""
            return latest(url).name

        steps, tried = refused_at_every_step(
            begin, work, copied, tmp_path, faults=(Unwritable, LakeError), limit=limit
        )
        tell("disk refuses, push", steps=steps, failed=tried)


class TestRefusedAlert:
    def test_is_owed_and_told_once_by_the_next_run(self, tmp_path: Path, limit: int, tell) -> None:
        start = tmp_path / "start"
        tell_session(start, 0)
        shutil.copytree(start, tmp_path / "done")
        with failing(0, errno.ENOSPC) as calls:
            tell_session(tmp_path / "done", 1)
        steps = len(calls)
        chosen = sorted({1 + round(n * (steps - 1) / (limit - 1)) for n in range(limit)})
        for at in chosen:
            lake = tmp_path / f"step-{at}"
            shutil.copytree(start, lake)
            with failing(at, errno.ENOSPC), pytest.raises((Unwritable, OSError)):
                # The stand-in server is on the same disk: what it refuses is no sentence of ours.
                tell_session(lake, 1)
            tell_session(lake, 1)
            assert _owed(lake) == _owed(tmp_path / "done"), f"step {at}: {calls[at - 1]}"
            shutil.rmtree(lake)
        tell("disk refuses, alert", steps=steps, failed=len(chosen))
