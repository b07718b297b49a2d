"""The forward log: what was said on the day cannot be changed later without a trace."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.unwind.lake_rows import FEBRUARY, JANUARY, cutoff_at, publish_days, regimes_row
from unwind.files.location import LakeError
from unwind.lake.forward_log import LOG, append_verdict, read_chain
from unwind.lake.verify import text, verify
from unwind.settings import Settings


def _append(lake: Path, settings: Settings, day: date, *, score: float = 1.0) -> bool:
    row = regimes_row(day, settings, score=score).iloc[0]
    return append_verdict(lake, row, recorded_at=cutoff_at(day) + pd.Timedelta(minutes=3))


@pytest.fixture
def lake(tmp_path: Path, settings: Settings) -> Path:
    publish_days(tmp_path, settings, JANUARY, FEBRUARY)
    assert _append(tmp_path, settings, JANUARY)
    assert _append(tmp_path, settings, FEBRUARY, score=2.9)
    return tmp_path


class TestChain:
    def test_a_verdict_is_recorded_with_the_time_of_recording(self, lake: Path) -> None:
        last = read_chain(lake)[-1]["entry"]
        assert last["as_of"] == "2026-02-05"
        assert last["score"] == 2.9
        assert last["recorded_at"] == "2026-02-05T21:18:00+00:00"
        assert last["calibration"] == "0a1b2c3d4e5f"

    def test_a_run_that_is_repeated_adds_nothing(self, lake: Path, settings: Settings) -> None:
        before = (lake / LOG).read_bytes()
        assert not _append(lake, settings, FEBRUARY, score=2.9)
        assert (lake / LOG).read_bytes() == before

    def test_a_verdict_that_changed_stands_beside_the_first(
        self, lake: Path, settings: Settings
    ) -> None:
        assert _append(lake, settings, FEBRUARY, score=2.4)
        scores = [line["entry"]["score"] for line in read_chain(lake)]
        assert scores == [1.0, 2.9, 2.4]

    def test_a_missing_score_is_null(self, lake: Path, settings: Settings) -> None:
        assert _append(lake, settings, FEBRUARY, score=float("nan"))
        assert read_chain(lake)[-1]["entry"]["score"] is None


class TestForgery:
    @pytest.mark.parametrize(
        "change",
        [
            lambda lines: [lines[0].replace("CALM", "DELEVERAGING"), *lines[1:]],
            lambda lines: lines[1:],
            lambda lines: [*lines, lines[-1]],
            lambda lines: lines[::-1],
            lambda lines: [lines[0], lines[1][:40]],
            lambda lines: [*lines, "[]"],
        ],
        ids=["changed", "first removed", "repeated", "swapped", "cut", "no entry"],
    )
    def test_every_change_is_refused_and_named(
        self, change: Callable[[list[str]], list[str]], lake: Path, settings: Settings
    ) -> None:
        path = lake / LOG
        lines = path.read_text().splitlines()
        path.write_text("\n".join(change(lines)) + "\n")
        with pytest.raises(LakeError, match="does not follow from the line before it"):
            read_chain(lake)
        with pytest.raises(LakeError, match="restore it from a copy"):
            _append(lake, settings, FEBRUARY, score=1.7)
        assert any("does not follow" in fault for fault in verify(lake, every=False).faults)

    def test_a_line_signed_anew_changes_the_newest_hash(self, lake: Path) -> None:
        from unwind.lake.forward_log import _link

        kept = verify(lake, every=False).newest_hash
        lines = read_chain(lake)
        previous = "0" * 64
        for line in lines:
            line["entry"]["state"] = "DELEVERAGING"
            line["previous"], line["sha256"] = previous, _link(previous, line["entry"])
            previous = line["sha256"]
        (lake / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
        found = verify(lake, every=False)
        assert not found.faults
        assert found.newest_hash != kept

    def test_a_link_out_of_the_lake_is_not_written(
        self, tmp_path: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        outside = tmp_path_factory.mktemp("outside")
        (tmp_path / "forward").symlink_to(outside)
        with pytest.raises(LakeError):
            _append(tmp_path, settings, FEBRUARY)
        assert not list(outside.iterdir())


class TestVerify:
    def test_prints_what_to_keep_elsewhere(self, lake: Path) -> None:
        found = verify(lake, every=False)
        assert (found.verdicts, found.newest_hash) == (2, read_chain(lake)[-1]["sha256"])
        assert f"forward log: 2 verdicts, newest hash {found.newest_hash}" in text(found)
