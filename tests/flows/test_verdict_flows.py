"""`evaluate` and `calibrate`: true runs on small folders, and the shell around them."""

import importlib
import inspect
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from flows.__main__ import main
from flows.calibrate import calibrate
from flows.commands import FLOWS
from flows.evaluate import evaluate
from tests.conftest import ROOT, small_prices, write_drop
from tests.unwind.verdict_markets import write_labels
from unwind.settings import DEFAULT_PATH, Settings, load_settings
from unwind.studies import nulls, track_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Three years of every class and sleeve fund; nothing optional."""
    prices = small_prices(
        settings.verdict.symbols, first=date(2023, 1, 3), last=date(2026, 2, 20), seed=4
    )
    return write_drop(tmp_path_factory.mktemp("verdict") / "three_years", prices)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labels(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default desk with fewer resampled paths."""
    path = tmp_path_factory.mktemp("desk") / "desk.toml"
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    path.write_text(text.replace("paths = 400", "paths = 40"), encoding="utf-8")
    return path


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestEvaluate:
    def test_tells_the_record_and_keeps_it_as_an_artifact(
        self, folder: Path, labels: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Of a market per seed and a backtest per target rate, one each.
        monkeypatch.setattr(nulls, "N_SEEDS", 1)
        monkeypatch.setattr(track_record, "TARGETS", track_record.TARGETS[:1])
        state = evaluate(
            paths=[str(folder)], episodes=str(labels), settings=str(desk), null_years=5,
            brief=True, return_state=True,
        )  # fmt: skip
        assert state.is_completed()
        record = state.result()
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert record["folders"] == ["three_years"]
        assert record["verdict"]["shipped"]["episodes"] == 1
        assert record["calibration"] == load_settings().calibrated.version
        assert [market["years"] for market in record["null"]][:5] == [5] * 5
        assert "episodes detected within 2 sessions" in str(state.message)
        with get_client(sync_client=True) as client:
            found = client.read_artifacts()
        run = state.state_details.flow_run_id
        (artifact,) = [held for held in found if held.flow_run_id == run]
        assert artifact.key == "track-record"
        assert "joint downside tail" in str(artifact.data)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"paths": ["nowhere"]}, "drop folder nowhere does not exist"),
            ({"episodes": "nowhere"}, "deleveraging_episodes.csv does not exist"),
            ({"settings": "none.toml"}, "settings file none.toml does not exist"),
        ],
    )
    def test_bad_input_ends_as_one_sentence(
        self, changed: dict[str, object], said: str, folder: Path, labels: Path
    ) -> None:
        asked = {
            "paths": [str(folder)],
            "episodes": str(labels),
            "null_years": 0,
            "brief": True,
        } | changed
        state = evaluate(**asked, return_state=True)
        assert state.is_failed()
        assert said in str(state.message)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestCalibrate:
    def test_writes_an_artefact_that_a_desk_can_name(
        self, folder: Path, labels: Path, desk: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "own.json"
        state = calibrate(
            paths=[str(folder)], episodes=str(labels), target=str(target), settings=str(desk),
            return_state=True,
        )  # fmt: skip
        assert state.is_completed()
        held = state.result()
        assert held["calibrated_to"] == "2026-02-20"
        assert held["data"].startswith("three_years ")
        assert held["data"].endswith(" … 2026-02-20")
        assert json.loads(target.read_text(encoding="utf-8"))["version"] == held["version"]
        assert held["version"] in target.with_suffix(".md").read_text(encoding="utf-8")
        assert held["version"] in str(state.message)
        named = tmp_path / "desk.toml"
        text = desk.read_text(encoding="utf-8").replace('"calibration.json"', '"own.json"')
        named.write_text(text, encoding="utf-8")
        own = load_settings(named)
        assert own.calibrated.version == held["version"]
        assert own.calibrated.deleveraging_rate <= own.calibration.deleveraging_entries

    def test_a_target_that_cannot_be_written_is_one_sentence(
        self, folder: Path, labels: Path, desk: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("x", encoding="utf-8")
        state = calibrate(
            paths=[str(folder)], episodes=str(labels), target=str(tmp_path / "file" / "own.json"),
            settings=str(desk), return_state=True,
        )  # fmt: skip
        assert state.is_failed()
        assert "cannot be written" in str(state.message)


def _shell(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `python -m flows …`."""
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


class TestShell:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["evaluate"], "--path"),
            (["evaluate", "--path", "x", "--episodes", "y", "--source", "yahoo"], '"files"'),
            (
                ["evaluate", "--path", "x", "--episodes", "y", "--budget", "0"],
                "--budget: Input should be greater than 0",
            ),
            (["calibrate", "--path", "x", "--episodes", "y"], "--target"),
            (
                ["evaluate", "--path", "x", "--episodes", "y", "--settings", "none.toml"],
                "unwind: settings file none.toml does not exist",
            ),
            (
                ["evaluate", "--path", "nowhere", "--episodes", "y"],
                "unwind: drop folder nowhere does not exist",
            ),
            (
                ["calibrate", "--path", ".", "--episodes", "nowhere", "--target", "x"],
                "unwind: drop folder . holds no prices.parquet or prices.csv",
            ),
        ],
    )
    def test_a_fault_is_one_sentence_before_any_server_starts(
        self, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        status, printed, complaint = _shell(arguments, capsys)
        assert status == 2
        assert said in complaint
        assert "Traceback" not in complaint
        assert printed == ""

    def test_the_list_of_commands_imports_no_flow(self) -> None:
        code = "from unwind.cli import run; run(['--help'])"
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        for name in ("run", "backfill", "replay", "study", "server"):
            assert f" {name} " in done.stdout
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert loaded & {"prefect", "pandas", "flows.daily"} == set()

    @pytest.mark.parametrize("name", FLOWS)
    def test_a_command_has_the_options_of_its_flow(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status, printed, _ = _shell([name.replace("_", "-"), "--help"], capsys)
        assert status == 0
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        short = {"first": "from", "last": "to", "paths": "path", "cutoffs": "cutoff"}
        for parameter in inspect.signature(flow.fn).parameters:
            assert f"--{short.get(parameter, parameter).replace('_', '-')} " in printed

    def test_missing_labels_are_one_sentence(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["evaluate", "--path", str(folder), "--episodes", "nowhere"]
        status, printed, complaint = _shell(arguments, capsys)
        assert (status, printed) == (2, "")
        assert complaint == (
            "unwind: label file nowhere/deleveraging_episodes.csv does not exist; "
            "name the folder that holds it\n"
        )

    @pytest.mark.prefect
    @pytest.mark.usefixtures("prefect_server")
    def test_json_parses(
        self, folder: Path, labels: Path, desk: Path, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        status, printed, _ = _shell(
            ["evaluate", "--path", str(folder), "--episodes", str(labels), "--settings", str(desk),
             "--null-years", "0", "--brief", "--json"],
            capsys,
        )  # fmt: skip
        assert status == 0
        assert set(json.loads(printed)["rules"]) >= {"VIX level", "turbulence"}

    @pytest.mark.prefect
    @pytest.mark.usefixtures("prefect_server")
    def test_too_short_a_history_is_one_sentence(
        self, labels: Path, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        young = write_drop(
            tmp_path / "young",
            small_prices(settings.verdict.symbols, first=date(2026, 1, 2), last=date(2026, 2, 20)),
        )
        status, printed, complaint = _shell(
            ["calibrate", "--path", str(young), "--episodes", str(labels),
             "--target", str(tmp_path / "own.json")],
            capsys,
        )  # fmt: skip
        assert status == 2
        assert "unwind: sessions of young needs at least 102 complete rows, got 34" in complaint
        assert "Traceback" not in complaint
        assert printed == ""
        assert not (tmp_path / "own.json").exists()
