import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.command_line import unwind
from tests.conftest import ROOT
from unwind.lake.publish import publish
from unwind.pipeline import Analysis, stacked
from unwind.settings import Settings


@pytest.fixture(scope="module")
def lake(
    analysis: Callable[[date], Analysis],
    tmp_path_factory: pytest.TempPathFactory,
    settings: Settings,
) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    rows = stacked([analysis(date(2026, 2, day)).tables for day in (4, 5)])
    publish(folder, rows, settings=settings, source="files", run="test")
    return folder


def _run(*arguments: object) -> str:
    done = unwind(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


class TestShow:
    def test_json_has_no_nan_and_names_its_snapshot(self, lake: Path) -> None:
        text = _run("show", "--lake", lake, "--as-of", "2026-02-05", "--json")
        assert "NaN" not in text
        told = json.loads(text)
        assert told["as_of"] == "2026-02-05"
        assert len(told["correlations"]) == 15 * 7
        assert {row["asset"] for row in told["volumes"]} >= {"IBIT"}

    def test_text_holds_verdict_moves_volume_and_links(self, lake: Path) -> None:
        text = _run("show", "--lake", lake)
        for part in (
            "5 February 2026",
            "Returns",
            "Volume of IBIT",
            "Correlation with IBIT",
            "IGV",
        ):
            assert part in text

    def test_the_path_looks_back_and_marks_what_came_after(self, lake: Path) -> None:
        told = json.loads(_run("show", "--lake", lake, "--as-of", "2026-02-04", "--json"))
        path = [row for row in told["correlation_path"] if row["pair"] == "IBIT~IGV"]
        assert [(row["as_of"], row["after"]) for row in path] == [
            ("2026-02-04", False),
            ("2026-02-05", True),
        ]


class TestExplain:
    def test_points_add_up_to_the_score(self, lake: Path) -> None:
        told = json.loads(_run("show", "--why", "--lake", lake, "--json"))
        points = {driver["driver"]: driver["contribution"] for driver in told["drivers"]}
        # The drop folder has neither factor returns nor the funds of the sleeves.
        assert points.pop("crowding") is None
        assert sum(points.values()) == pytest.approx(told["score"])

    def test_says_which_calibration_and_how_often_it_is_wrong(
        self, lake: Path, settings: Settings
    ) -> None:
        told = json.loads(_run("show", "--why", "--lake", lake, "--json"))
        assert told["calibration"] == settings.calibrated.version
        assert told["false_alarms_per_year"] == settings.calibrated.deleveraging_rate
        assert told["return_period"] == pytest.approx(10 ** told["score"])
        shares = told["episode_share"]
        assert 0 < shares["lower"] < shares["share"] < shares["upper"] < 1
        text = _run("show", "--why", "--lake", lake)
        assert f"calibration {settings.calibrated.version}" in text
        assert "DELEVERAGING 2.42" in text


class TestTables:
    def test_one_table_for_a_machine(self) -> None:
        (told,) = json.loads(_run("tables", "regimes", "--json"))
        assert told["key"] == ["base", "as_of", "cutoff", "source", "settings_digest"]
        assert {column["name"] for column in told["columns"]} >= {"state", "score", "drivers"}


class TestVerify:
    def test_a_sound_lake(self, lake: Path) -> None:
        assert "sound" in _run("lake", "verify", "--lake", lake)
        told = json.loads(_run("lake", "verify", "--lake", lake, "--all", "--json"))
        assert (told["faults"], told["leftovers"]) == ([], [])


class TestQuarantine:
    def test_is_empty_for_clean_data(self, lake: Path) -> None:
        assert json.loads(_run("quarantine", "--lake", lake, "--json")) == []


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["show", "--as-of", "2026-13-40"], "--as-of must be a date like 2026-02-05"),
            (["show", "--cutoff", "soon"], "--cutoff must be a time like 2026-02-05T21:15Z"),
            (["show", "--cutoff", "2026-02-05T21:15"], "--cutoff needs a time zone"),
            (["tables", "nonsense"], "unknown table 'nonsense'"),
        ],
    )
    def test_is_one_sentence(self, arguments: list[str], said: str, lake: Path) -> None:
        with_lake = [*arguments, "--lake", str(lake)] if arguments[0] == "show" else arguments
        done = unwind(*with_lake)
        assert done.exit_code == 2
        assert said in " ".join(done.output.replace("│", " ").split())

    def test_an_unpublished_session_names_the_range(
        self, lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from unwind import cli

        monkeypatch.setattr(
            "sys.argv", ["unwind", "show", "--lake", str(lake), "--as-of", "2026-02-06"]
        )
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        assert capsys.readouterr().err == (
            "unwind: 2026-02-06 is not published; 2 sessions are, from 2026-02-04 to 2026-02-05\n"
        )

    def test_a_missing_report_says_how_to_get_it(
        self, lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from unwind import cli

        monkeypatch.setattr("sys.argv", ["unwind", "report", "--lake", str(lake)])
        with pytest.raises(SystemExit):
            cli.main()
        assert "no report for 2026-02-05; run `unwind run" in capsys.readouterr().err


@pytest.mark.market
class TestFebruary2026:
    """The acceptance test of the daily service: real data, read through the shell."""

    def test_show_prints_the_facts_of_the_event(
        self, real_analysis: Callable[[date, date], Analysis], tmp_path: Path, settings: Settings
    ) -> None:
        days = [date(2026, 2, day) for day in (4, 5, 6)]
        rows = stacked([real_analysis(day, day).tables for day in days])
        publish(tmp_path, rows, settings=settings, source="files", run="test")
        show = ("show", "--lake", tmp_path, "--as-of", "2026-02-05")
        told = json.loads(_run(*show, "--json"))
        assert told["state"] == "DELEVERAGING"
        moves = {row["asset"]: row["simple_return"] for row in told["returns"]}
        assert round(100 * moves["IBIT"], 2) == -13.16
        assert round(100 * moves["GLD"], 2) == -2.66
        volume = {row["measure"]: row for row in told["volumes"] if row["asset"] == "IBIT"}
        assert round(volume["volume_shares"]["value"] / 1e6, 1) == 284.4
        assert all(row["is_record"] for row in volume.values())
        assert round(volume["volume_shares"]["record_multiple"], 2) == 1.69
        assert round(volume["volume_dollars"]["record_multiple"], 2) == 1.27
        path = [
            (row["as_of"][-2:], round(row["value"], 2), row["after"])
            for row in told["correlation_path"]
            if row["pair"] == "IBIT~IGV"
        ]
        assert path == [("04", 0.25, False), ("05", 0.49, False), ("06", 0.63, True)]
        printed = _run(*show)
        # Names of snapshots and paths across sessions depend on how many were published.
        lines = [
            line.rstrip()
            for line in printed.splitlines()
            if "→" not in line and not line.startswith("snapshot")
        ]
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        block = readme.partition("begins:\n\n```\n")[2].partition("```")[0].splitlines()
        assert len(block) > 7
        assert [line for line in block if line.rstrip() not in lines] == []
        example = (ROOT / "docs" / "february-2026.md").read_text(encoding="utf-8")
        evidence = lines[lines.index("Evidence on the tested pairs") :]
        assert len(evidence) > 10
        assert [line for line in evidence if line not in example] == []
