"""A session from the future, or a wrong one: withdrawn by a new snapshot, and nothing else lost."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import unwind
from tests.conftest import ROOT
from tests.unwind.lake_rows import (
    FEBRUARY,
    JANUARY,
    breaks_row,
    known_by,
    publish_days,
    regimes_row,
)
from unwind.calendar import sessions_between
from unwind.files.location import LakeError
from unwind.lake.manifest import seal
from unwind.lake.publish import publish
from unwind.lake.retention import prune
from unwind.lake.retract import Retraction, retract
from unwind.lake.snapshots import latest, read, snapshot_names
from unwind.lake.verify import verify
from unwind.settings import Settings, parse_settings

FUTURE = date(2027, 1, 15)
WHY = "run with --as-of of next year by mistake"


def _without(
    lake: Path, *, reason: str = WHY, session: date = FUTURE, all_terms: bool = False
) -> Retraction:
    return retract(lake, session, reason=reason, all_terms=all_terms)


class TestSessionFromTheFuture:
    def test_is_withdrawn_and_the_lake_is_as_before_it(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, JANUARY)
        publish_days(tmp_path, settings, FUTURE)
        poisoned = publish_days(tmp_path, settings, FEBRUARY)
        assert poisoned.manifest["knowledge"] == "2027-01-15T21:15:00+00:00"
        done = _without(tmp_path)
        assert done.cutoffs == ("2027-01-15T21:15:00+00:00",)
        assert done.knowledge == "2026-02-05T21:15:00+00:00"
        snapshot = latest(tmp_path)
        assert snapshot.manifest["retracted"]["reason"] == WHY
        assert read(snapshot, "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY]
        # The newest session, and what was known in February, are right again.
        told = unwind("show", "--why", "--lake", str(tmp_path), "--json")
        assert json.loads(told.stdout)["as_of"] == str(FEBRUARY)
        assert known_by(tmp_path, pd.Timestamp("2026-02-06T00:00Z")).name == snapshot.name
        # Later snapshots no longer inherit the future; older ones stay as they were.
        after = publish_days(tmp_path, settings, date(2026, 2, 6))
        assert after.manifest["knowledge"] == "2026-02-06T21:15:00+00:00"
        found = verify(tmp_path, every=True)
        assert (found.faults, found.snapshots) == ([], 5)
        assert found.retractions == [f"{snapshot.name} withdrew 2027-01-15: {WHY}"]
        assert read(poisoned, "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY, FUTURE]

    def test_may_be_published_again(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, JANUARY, FEBRUARY)
        _without(tmp_path, session=FEBRUARY)
        assert read(latest(tmp_path), "regimes")["as_of"].tolist() == [JANUARY]
        publish_days(tmp_path, settings, FEBRUARY, score=3.0)
        assert read(latest(tmp_path), "regimes")["score"].tolist() == [1.0, 3.0]
        assert verify(tmp_path, every=True).faults == []

    def test_every_cutoff_and_table_of_it_goes(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, JANUARY)
        for hour in (21, 23):
            rows = {
                "regimes": regimes_row(FEBRUARY, settings, hour=hour),
                "changepoints": breaks_row(FEBRUARY, settings, hour=hour),
            }
            publish(tmp_path, rows, settings=settings, source="files", run="a")
        assert len(_without(tmp_path, session=FEBRUARY).cutoffs) == 2
        snapshot = latest(tmp_path)
        for table in ("regimes", "changepoints"):
            assert snapshot.table(f"{table}/2026-02.parquet").num_rows == 0


class TestOtherTerms:
    def test_stay_unless_they_are_asked_for(self, tmp_path: Path, settings: Settings) -> None:
        raw = settings.model_dump(mode="json")
        raw["verdict"]["dwell"] = 3
        other = parse_settings(raw, origin="other")
        publish_days(tmp_path, other, FUTURE)
        publish_days(tmp_path, settings, FEBRUARY, FUTURE)
        assert _without(tmp_path).other_terms == 1
        # The other settings' session still stands on the future.
        assert latest(tmp_path).manifest["knowledge"].startswith("2027")
        with pytest.raises(LakeError, match="only under another source or other settings"):
            _without(tmp_path)
        done = _without(tmp_path, all_terms=True)
        assert (done.other_terms, done.knowledge[:10]) == (0, str(FEBRUARY))

    def test_of_a_simulated_session_give_way_to_the_real_ones(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        simulated = regimes_row(FUTURE, settings).assign(source="simulated")
        publish(tmp_path, {"regimes": simulated}, settings=settings, source="simulated", run="typo")
        assert read(latest(tmp_path), "regimes")["as_of"].tolist() == [FUTURE]
        _without(tmp_path)
        assert latest(tmp_path).terms["source"] == "files"
        assert read(latest(tmp_path), "regimes")["as_of"].tolist() == [FEBRUARY]


class TestRefused:
    def test_a_session_that_is_not_there(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        with pytest.raises(LakeError, match="session 2027-01-15 is not published in"):
            _without(tmp_path)
        assert len(snapshot_names(tmp_path)) == 1

    def test_the_only_session(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, FUTURE)
        with pytest.raises(LakeError, match="is the only one in .*; publish another session first"):
            _without(tmp_path)
        assert read(latest(tmp_path), "regimes")["as_of"].tolist() == [FUTURE]

    @pytest.mark.parametrize(
        "reason",
        ["", "  ", "two\nlines", "\x1b[2J", "\u202egnp.exe", "zero\u200bwidth", "\u2028", "x" * 201,
         "\ud800"],
    )  # fmt: skip
    def test_a_reason_that_is_not_plain_text(
        self, reason: str, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY, FUTURE)
        with pytest.raises(LakeError, match="the reason must"):
            _without(tmp_path, reason=reason)
        assert len(snapshot_names(tmp_path)) == 1

    def test_without_a_lake_no_folder_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(LakeError, match="holds no published snapshot"):
            _without(tmp_path / "lake")
        assert not (tmp_path / "lake").exists()


class TestShell:
    def test_says_what_it_did(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, FEBRUARY, FUTURE)
        command = ["lake", "retract", str(FUTURE), "--reason", WHY, "--lake", str(tmp_path)]
        done = unwind(*command)
        assert done.exit_code == 0, done.output
        assert "session 2027-01-15 retracted at 1 cut-offs" in done.stdout
        publish_days(tmp_path, settings, FUTURE)
        told = json.loads(unwind(*command, "--json").stdout)
        assert (told["session"], told["reason"], told["other_terms"]) == (str(FUTURE), WHY, 0)
        assert WHY in unwind("lake", "verify", "--lake", str(tmp_path)).stdout

    def test_a_day_that_is_no_date(self, tmp_path: Path) -> None:
        done = unwind("lake", "retract", "../x", "--reason", WHY, "--lake", str(tmp_path))
        assert done.exit_code == 2
        assert "must be a date like 2026-02-05" in done.stderr


class TestKilled:
    def test_before_the_pointer_moves_the_session_is_as_it_was(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY, FUTURE)
        script = (
            "import os, sys; from pathlib import Path; from datetime import date\n"
            "import unwind.lake.publish as publication\n"
            "from unwind.lake.retract import Retraction, retract\n"
            "publication._point = lambda *_: os._exit(9)\n"
            "retract(Path(sys.argv[1]), date(2027, 1, 15), reason='x', all_terms=False)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 9
        assert FUTURE in read(latest(tmp_path), "regimes")["as_of"].tolist()
        _without(tmp_path)
        assert verify(tmp_path, every=True).leftovers == []
        assert read(latest(tmp_path), "regimes")["as_of"].tolist() == [FEBRUARY]


DAYS = [stamp.date() for stamp in sessions_between(date(2026, 1, 5), date(2026, 2, 9))]


class TestPruneOfAPoisonedLake:
    @pytest.fixture
    def lake(self, tmp_path: Path, settings: Settings) -> Path:
        """Twenty-six snapshots; the second knows the future, and all later ones inherit it."""
        for day in (DAYS[0], FUTURE, *DAYS[1:]):
            publish_days(tmp_path, settings, day)
        assert len(snapshot_names(tmp_path)) == 26
        return tmp_path

    def test_loses_no_day(self, lake: Path) -> None:
        plan = prune(lake, keep_days=30, keep_last=5, dry_run=True)
        assert plan.removed == ()
        # Of five days one is the future's: the last four stay.
        few = prune(lake, keep_days=5, keep_last=1, dry_run=True)
        assert set(snapshot_names(lake)[-4:]) <= set(few.retained)

    def test_neither_where_an_earlier_release_wrote_it(self, lake: Path) -> None:
        for path in (lake / "snapshots").glob("*/_manifest.json"):
            manifest = json.loads(path.read_text())
            del manifest["latest_cutoff"], manifest["sha256"]
            path.write_text(json.dumps({**manifest, "sha256": seal(manifest)}, indent=1))
        assert prune(lake, keep_days=30, keep_last=5, dry_run=True).removed == ()
        # What stays after a first pruning stays after a second, though its parents are gone.
        kept = prune(lake, keep_days=10, keep_last=1, dry_run=False).retained
        assert len(kept) >= 10
        assert prune(lake, keep_days=10, keep_last=1, dry_run=False).retained == kept

    def test_the_poison_itself_takes_the_place_of_one_day(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        for day in (*DAYS, FUTURE):
            publish_days(tmp_path, settings, day)
        plan = prune(tmp_path, keep_days=20, keep_last=1, dry_run=False)
        # Nineteen days before it; the end of January is among them.
        assert len(plan.retained) == 20
        assert known_by(tmp_path, pd.Timestamp("2026-02-07T00:00Z")).manifest["knowledge"][
            :10
        ] == str(date(2026, 2, 6))

    def test_a_retraction_makes_it_an_ordinary_lake(self, lake: Path) -> None:
        _without(lake)
        then = known_by(lake, pd.Timestamp("2026-02-11T00:00Z"))
        plan = prune(lake, keep_days=30, keep_last=1, dry_run=False)
        assert plan.removed == ()
        assert known_by(lake, pd.Timestamp("2026-02-11T00:00Z")).name == then.name


class TestSessionRunAgain:
    def test_prune_still_answers_what_was_known_that_day(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        names = [publish_days(tmp_path, settings, day).name for day in DAYS[:5]]
        publish_days(tmp_path, settings, DAYS[1], score=9.0)
        prune(tmp_path, keep_days=10, keep_last=1, dry_run=False)
        then = known_by(tmp_path, pd.Timestamp(DAYS[2], tz="UTC"))
        assert then.name == names[1]
        assert read(then, "regimes")["score"].tolist() == [1.0, 1.0]
