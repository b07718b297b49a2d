import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.unwind.lake_rows import (
    FEBRUARY,
    JANUARY,
    breaks_row,
    cutoff_at,
    known_by,
    publish_days,
    regimes_row,
)
from unwind.contract.columns import SCHEMA_VERSION
from unwind.contract.tables import TABLES
from unwind.contract.verdict import REGIMES
from unwind.files.location import LakeError
from unwind.lake.publish import publish
from unwind.lake.snapshots import latest, read, read_session
from unwind.lake.verify import verify
from unwind.settings import Settings, parse_settings


class TestPublish:
    def test_reads_back_what_was_written(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = publish_days(tmp_path, settings, JANUARY, FEBRUARY)
        rows = read(snapshot, "regimes")
        assert rows["as_of"].tolist() == [JANUARY, FEBRUARY]
        assert verify(tmp_path, every=True).faults == []
        assert latest(tmp_path).name == snapshot.name

    def test_the_same_run_again_changes_no_byte(self, tmp_path: Path, settings: Settings) -> None:
        first = publish_days(tmp_path, settings, FEBRUARY, run="one")
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        second = publish_days(tmp_path, settings, FEBRUARY, run="two")
        assert second.name == first.name
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    def test_two_lakes_hold_the_same_bytes(self, tmp_path: Path, settings: Settings) -> None:
        one, two = (publish_days(tmp_path / name, settings, JANUARY, FEBRUARY) for name in "ab")
        assert one.name == two.name
        assert one.manifest["files"] == two.manifest["files"]

    def test_order_of_days_does_not_matter_to_the_content(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        together = publish_days(tmp_path / "a", settings, JANUARY, FEBRUARY)
        publish_days(tmp_path / "b", settings, FEBRUARY)
        apart = publish_days(tmp_path / "b", settings, JANUARY)
        assert together.manifest["files"] == apart.manifest["files"]

    def test_an_untouched_month_is_linked(self, tmp_path: Path, settings: Settings) -> None:
        first = publish_days(tmp_path, settings, JANUARY)
        second = publish_days(tmp_path, settings, FEBRUARY)
        month = "regimes/2026-01.parquet"
        assert (first.path / month).stat().st_ino == (second.path / month).stat().st_ino

    def test_an_old_snapshot_stays_as_it_was(self, tmp_path: Path, settings: Settings) -> None:
        first = publish_days(tmp_path, settings, FEBRUARY)
        before = (first.path / "regimes/2026-02.parquet").read_bytes()
        second = publish_days(tmp_path, settings, FEBRUARY, score=5.0)
        assert second.name != first.name
        assert (first.path / "regimes/2026-02.parquet").read_bytes() == before
        assert read(first, "regimes")["score"].tolist() == [1.0]
        assert read(second, "regimes")["score"].tolist() == [5.0]

    def test_no_row_names_the_run(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = publish_days(tmp_path, settings, FEBRUARY, run="run-4711")
        assert snapshot.manifest["run"] == "run-4711"
        assert b"run-4711" not in (snapshot.path / "regimes/2026-02.parquet").read_bytes()

    def test_an_empty_run_is_refused(self, tmp_path: Path, settings: Settings) -> None:
        with pytest.raises(LakeError, match="at least one row"):
            publish(tmp_path, {}, settings=settings, source="files", run="x")


class TestCutoffs:
    def test_the_latest_is_read_unless_another_is_asked_for(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        snapshot = publish_days(tmp_path, settings, FEBRUARY, score=3.0, hour=23)
        assert read(snapshot, "regimes")["score"].tolist() == [3.0]
        early = read(snapshot, "regimes", cutoff=cutoff_at(FEBRUARY))
        assert early["score"].tolist() == [1.0]

    def test_a_later_run_without_breaks_leaves_none_standing(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        rows = {
            "regimes": regimes_row(FEBRUARY, settings),
            "changepoints": breaks_row(FEBRUARY, settings),
        }
        first = publish(tmp_path, rows, settings=settings, source="files", run="a")
        assert len(read(first, "changepoints")) == 1
        second = publish_days(tmp_path, settings, FEBRUARY, hour=23)
        assert read(second, "changepoints").empty

    def test_what_was_said_then(self, tmp_path: Path, settings: Settings) -> None:
        first = publish_days(tmp_path, settings, JANUARY)
        publish_days(tmp_path, settings, FEBRUARY)
        assert known_by(tmp_path, pd.Timestamp("2026-02-01T00:00Z")).name == first.name
        with pytest.raises(LakeError, match="holds no snapshot from"):
            known_by(tmp_path, pd.Timestamp("2025-01-01T00:00Z"))

    def test_since_a_session_opens_no_month_before_it(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, JANUARY)
        snapshot = publish_days(tmp_path, settings, FEBRUARY)
        whole = read(snapshot, "regimes")
        (snapshot.path / "regimes" / "2026-01.parquet").unlink()
        late = read(snapshot, "regimes", since=FEBRUARY)
        pd.testing.assert_frame_equal(late, whole.tail(1).reset_index(drop=True))
        assert read(snapshot, "regimes", since=FEBRUARY + timedelta(days=1)).empty
        pd.testing.assert_frame_equal(
            read_session(snapshot, FEBRUARY, cutoff=None)["regimes"], late
        )


class TestOtherTerms:
    def test_other_settings_add_rows_and_rewrite_none(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        raw = settings.model_dump(mode="json")
        raw["verdict"]["dwell"] = 3
        other = parse_settings(raw, origin="other")
        publish_days(tmp_path, settings, FEBRUARY)
        snapshot = publish_days(tmp_path, other, FEBRUARY, score=9.0)
        held = pq.read_table(snapshot.path / "regimes/2026-02.parquet").to_pandas()
        assert sorted(held["settings_digest"]) == sorted([settings.digest, other.digest])
        assert read(snapshot, "regimes")["score"].tolist() == [9.0]
        kept = json.loads((tmp_path / "settings" / f"{other.digest}.json").read_text())
        assert kept["verdict"]["dwell"] == 3


class TestCrash:
    def test_a_draft_and_an_unpointed_snapshot_are_cleared(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        first = publish_days(tmp_path, settings, JANUARY)
        (tmp_path / "snapshots" / ".tmp-99").mkdir()
        orphan = tmp_path / "snapshots" / "000002-feedfeedfeed"
        orphan.mkdir()
        assert latest(tmp_path).name == first.name
        second = publish_days(tmp_path, settings, FEBRUARY)
        assert second.name.startswith("000002-")
        names = {path.name for path in (tmp_path / "snapshots").iterdir()}
        assert names == {first.name, second.name}

    def test_killed_while_publishing_leaves_the_old_or_the_new(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        first = publish_days(tmp_path, settings, JANUARY)
        # the process ends without clean-up just before the pointer moves
        script = (
            "import os, sys; from pathlib import Path\n"
            "from datetime import date\n"
            "import unwind.lake.publish as publication\n"
            "from tests.unwind.lake_rows import publish_days\n"
            "from unwind.settings import load_settings\n"
            "publication._point = lambda *_: os._exit(9)\n"
            "publish_days(Path(sys.argv[1]), load_settings(), date(2026, 2, 5))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 9
        assert latest(tmp_path).name == first.name
        assert verify(tmp_path, every=True).faults == []
        assert read(publish_days(tmp_path, settings, FEBRUARY), "regimes")["as_of"].tolist() == [
            JANUARY,
            FEBRUARY,
        ]


class TestBrokenLake:
    def test_a_flipped_byte_is_found(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = publish_days(tmp_path, settings, FEBRUARY)
        path = snapshot.path / "regimes/2026-02.parquet"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert verify(tmp_path, every=False).faults == [
            f"regimes/2026-02.parquet of snapshot {snapshot.name} differs from its checksum; "
            "restore it from a copy and run the session again"
        ]

    def test_a_missing_lake_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(LakeError, match="holds no published snapshot"):
            latest(tmp_path / "nothing")

    def test_a_pointer_to_nothing_is_a_sentence(self, tmp_path: Path, settings: Settings) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        (tmp_path / "LATEST").write_text("000009-0123456789ab")
        with pytest.raises(
            LakeError,
            match="cannot be read; restore it from a copy, or point LATEST at an older one",
        ):
            latest(tmp_path)


class TestContract:
    def test_units_travel_with_the_file(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = publish_days(tmp_path, settings, FEBRUARY)
        schema = pq.read_schema(snapshot.path / "regimes/2026-02.parquet")
        assert schema.field("score").metadata[b"unit"] == "−log₁₀ p".encode()
        assert schema.metadata[b"schema_version"] == str(SCHEMA_VERSION).encode()

    def test_a_folder_reads_as_one_table(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = publish_days(tmp_path, settings, JANUARY, FEBRUARY)
        assert len(pd.read_parquet(snapshot.path / "regimes")) == 2

    def test_an_undeclared_or_missing_column_is_refused(self, settings: Settings) -> None:
        rows = regimes_row(FEBRUARY, settings)
        with pytest.raises(ValueError, match=r"undeclared \['colour'\]"):
            REGIMES.arrow(rows.assign(colour="red"))
        with pytest.raises(ValueError, match=r"misses \['score'\]"):
            REGIMES.arrow(rows.drop(columns="score"))
        with pytest.raises(ValueError, match="stands twice"):
            REGIMES.arrow(pd.concat([rows, rows]))

    def test_every_column_says_what_it_means(self) -> None:
        for table in TABLES.values():
            assert all(column.meaning for column in table.columns), table.name

    def test_the_documented_contract_is_the_declared_one(self) -> None:
        from unwind.report.session import contract_markdown

        printed = contract_markdown(list(TABLES.values()))
        assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == printed
