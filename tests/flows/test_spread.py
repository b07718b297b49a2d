"""Chunks of a long flow: answers in order, and one answer over Dask."""

from datetime import date
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.backfill import backfill
from flows.spread import as_done, in_order, runner_of
from unwind.lake.snapshots import latest

FIRST, LAST = date(2026, 2, 4), date(2026, 2, 5)


def _bytes(lake: Path) -> dict[str, bytes]:
    folder = latest(lake).path
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.parquet"))
    }


@task(cache_policy=NO_CACHE)
def _twice(number: int) -> int:
    return 2 * number


@flow
def _spread(workers: int, *, ordered: bool) -> list[int]:
    calls = [{"number": number} for number in range(5)]
    runner = runner_of(workers, dask=False)
    if ordered:
        return list(in_order(_twice, calls, runner, ahead=workers))
    return list(as_done(_twice, calls, runner))


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestSpread:
    @pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.at_length)])
    def test_answers_come_in_the_order_of_the_calls(self, workers: int) -> None:
        assert _spread(workers, ordered=True) == [0, 2, 4, 6, 8]

    def test_or_as_they_are_done(self) -> None:
        assert sorted(_spread(1, ordered=False)) == [0, 2, 4, 6, 8]

    @pytest.mark.at_length
    def test_a_backfill_over_dask_leaves_the_bytes_of_one_process(
        self, drop: Path, tmp_path: Path
    ) -> None:
        source = {"kind": "files", "path": str(drop)}
        lakes = (tmp_path / "one", tmp_path / "dask")
        for lake, changed in zip(lakes, ({}, {"dask": True, "workers": 2}), strict=True):
            state = backfill(
                source=source, first=FIRST, last=LAST, lake=str(lake), chunk=1, **changed,
                return_state=True,
            )  # fmt: skip
            assert state.is_completed(), state.message
        assert _bytes(lakes[0]) == _bytes(lakes[1])
        # What was interrupted after its first chunk, and run again, is the same too.
        half = tmp_path / "half"
        for last in (FIRST, LAST):
            state = backfill(
                source=source, first=FIRST, last=last, lake=str(half), chunk=1, return_state=True
            )
            assert state.is_completed(), state.message
        assert _bytes(half) == _bytes(lakes[0])
