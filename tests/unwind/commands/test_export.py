"""`unwind export`, `unwind sessions`: the published rows, value for value."""

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import unwind
from tests.unwind.lake_rows import FEBRUARY, JANUARY, publish_days
from unwind.commands import export
from unwind.lake.snapshots import latest, read
from unwind.settings import Settings


@pytest.fixture
def lake(tmp_path: Path, settings: Settings) -> Path:
    publish_days(tmp_path / "lake", settings, JANUARY, FEBRUARY)
    return tmp_path / "lake"


class TestExport:
    def test_csv_holds_the_published_rows(self, lake: Path, tmp_path: Path) -> None:
        done = unwind("export", "--csv", tmp_path / "out", "--lake", lake, "--json")
        assert done.exit_code == 0, done.stderr
        counts = json.loads(done.stdout)["rows"]
        rows = read(latest(lake), "regimes")
        assert counts["regimes"] == len(rows) == 2
        written = pd.read_csv(tmp_path / "out" / "regimes.csv")
        assert written["score"].tolist() == rows["score"].tolist()
        assert written["as_of"].tolist() == [str(JANUARY), str(FEBRUARY)]

    def test_a_workbook_has_one_sheet_per_table_and_times_in_utc(
        self, lake: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "desk.xlsx"
        done = unwind(
            "export", "--xlsx", target, "--table", "regimes", "--table", "shocks",
            "--as-of", FEBRUARY, "--lake", lake,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        sheets = pd.read_excel(target, sheet_name=None)
        assert [*sheets] == ["regimes", "shocks"]
        (row,) = sheets["regimes"].to_dict("records")
        rows = read(latest(lake), "regimes", as_of=FEBRUARY)
        assert row["cutoff"] == rows["cutoff"].iloc[0].tz_localize(None)

    def test_more_rows_than_a_sheet_holds_are_refused(
        self, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "MAX_SHEET_ROWS", 1)
        done = unwind("export", "--xlsx", tmp_path / "desk.xlsx", "--lake", lake)
        assert done.exit_code == 2
        assert "regimes has 2 rows, a worksheet 1; use --csv or --as-of" in done.stderr
        assert not (tmp_path / "desk.xlsx").exists()

    def test_a_misspelt_table_suggests_the_nearest(self, lake: Path, tmp_path: Path) -> None:
        done = unwind("export", "--csv", tmp_path, "--table", "regime", "--lake", lake)
        assert done.exit_code == 2
        assert "did you mean regimes?" in done.stderr


class TestSessions:
    def test_lists_state_and_score_in_order_of_time(self, lake: Path) -> None:
        rows = json.loads(unwind("sessions", "--lake", lake, "--json").stdout)["sessions"]
        assert [row["as_of"] for row in rows] == [str(JANUARY), str(FEBRUARY)]
        printed = unwind("sessions", "--lake", lake, "--from", FEBRUARY).stdout
        assert printed.startswith(f"{FEBRUARY}  ")
        assert printed.endswith("1 session\n")
        assert isinstance(FEBRUARY, date)
