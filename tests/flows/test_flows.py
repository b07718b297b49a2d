"""Flows: the gate and the parameters without a server, a few true runs with one."""

import importlib
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect import Flow, Task, flow
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from pydantic import ValidationError

from flows.__main__ import main
from flows.backfill import backfill
from flows.commands import FLOWS
from flows.daily import daily
from flows.morning_after import morning_after
from flows.parameters import DataSource, cutoff_of, open_source, session_of
from flows.replay import replay
from flows.session import _may_pass, ingest_source
from tests.conftest import RECEIVED, ROOT
from unwind.calendar import CalendarError
from unwind.contract.source import Extract, SourceError, SourceUnavailable
from unwind.lake.snapshots import latest, read
from unwind.settings import Settings, load_settings
from unwind.sources.files import FilesSource

DAYS = (date(2026, 2, 4), date(2026, 2, 5))
# Long after every session of these tests.
RAN = datetime(2026, 11, 30, tzinfo=UTC)


def _files(folder: Path) -> dict[str, str]:
    return {"kind": "files", "path": str(folder)}


def _bytes(lake: Path) -> dict[str, bytes]:
    return {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*.parquet")}


class TestGate:
    def test_the_scheduled_day_is_the_day_in_new_york(self) -> None:
        after_midnight_utc = datetime(2026, 2, 6, 1, 20, tzinfo=UTC)
        assert session_of(None, scheduled=after_midnight_utc) == date(2026, 2, 5)

    @pytest.mark.parametrize("day", ["2026-02-07", "2026-01-19", "2026-12-25"])
    def test_closed_days_are_no_session(self, day: str) -> None:
        scheduled = datetime.fromisoformat(f"{day}T21:20:00+00:00")
        assert session_of(None, scheduled=scheduled) is None

    def test_asking_for_a_closed_day_names_the_one_before(self) -> None:
        with pytest.raises(
            CalendarError, match="not an NYSE session; the one before it is 2026-02-06"
        ):
            session_of(date(2026, 2, 7), scheduled=datetime(2026, 2, 9, tzinfo=UTC))

    def test_beyond_the_calendar_is_a_sentence(self) -> None:
        with pytest.raises(CalendarError, match="lies outside the exchange calendar"):
            session_of(date(2099, 1, 2), scheduled=datetime(2026, 2, 9, tzinfo=UTC))

    def test_publication_follows_daylight_saving(self, settings: Settings) -> None:
        winter, summer = (
            cutoff_of(None, session=day, scheduled=RAN, simulated=False, settings=settings)
            for day in (date(2026, 2, 5), date(2026, 7, 2))
        )
        assert winter == pd.Timestamp("2026-02-05T21:15Z")
        assert summer == pd.Timestamp("2026-07-02T20:15Z")

    def test_a_cutoff_needs_a_zone(self, settings: Settings) -> None:
        with pytest.raises(CalendarError, match="has no time zone"):
            cutoff_of(
                datetime(2026, 2, 5, 21), session=date(2026, 2, 5), scheduled=RAN,  # noqa: DTZ001
                simulated=False, settings=settings,
            )  # fmt: skip


class TestParameters:
    @pytest.mark.parametrize(
        "wrong",
        [{"kind": "bloomberg"}, {"scenario": "apocalypse"}, {"seed": -1}, {"colour": "red"}],
    )
    def test_out_of_bounds_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            DataSource.model_validate(wrong)

    def test_the_form_lists_scenarios_and_kinds(self) -> None:
        form = DataSource.model_json_schema()["properties"]
        assert "multi_strat_unwind" in form["scenario"]["enum"]
        assert form["kind"]["enum"] == ["files", "yahoo", "crypto", "cftc", "simulated"]
        assert form["then"]["items"]["enum"] == ["files", "yahoo", "crypto", "cftc"]

    def test_files_need_a_path(self) -> None:
        with pytest.raises(SourceError, match="needs a path"):
            open_source(DataSource(), load_settings())

    def test_several_providers_are_one(self, drop: Path, settings: Settings) -> None:
        chosen = DataSource(kind="yahoo", then=["crypto", "cftc", "files"], path=str(drop))
        source = open_source(chosen, settings)
        assert source.label == "yahoo+crypto+cftc+files"
        assert {"prices", "crypto_hourly", "cftc_positions", "option_chains"} <= {*source.tables()}

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({"kind": "simulated", "then": ["files"]}, "cannot be combined"),
            ({"kind": "cftc"}, "none of cftc has prices"),
            ({"kind": "yahoo", "then": ["yahoo"]}, "name each once"),
        ],
    )
    def test_what_cannot_stand_together_is_a_sentence(
        self, chosen: dict[str, object], said: str, settings: Settings
    ) -> None:
        with pytest.raises(SourceError, match=said):
            open_source(DataSource.model_validate(chosen), settings)

    @pytest.mark.parametrize(("kind", "package"), [("yahoo", "yfinance"), ("crypto", "ccxt")])
    def test_a_library_that_is_not_installed_is_a_sentence(
        self, kind: str, package: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SourceError, match=r"not installed; pip install 'unwind\[live\]'"):
            open_source(DataSource.model_validate({"kind": kind}), settings)


@pytest.fixture(scope="module")
def defined() -> dict[str, Task[Any, Any] | Flow[Any, Any]]:
    """Every flow that has a command, and every task of their modules."""
    names = (*(name.replace("-", "_") for name in FLOWS), "session", "histories")
    modules = [importlib.import_module(f"flows.{name}") for name in names]
    return {
        key: value
        for module in modules
        for key, value in vars(module).items()
        if isinstance(value, (Task, Flow))
    }


class TestTasks:
    def test_only_the_source_is_retried(self, defined: dict[str, Any]) -> None:
        assert [name for name, held in defined.items() if held.retries] == ["ingest_source"]
        assert ingest_source.retry_jitter_factor == 0.5

    def test_none_is_cached(self, defined: dict[str, Any]) -> None:
        tasks = [held for held in defined.values() if isinstance(held, Task)]
        assert len(tasks) >= 20
        assert {id(held.cache_policy) for held in tasks} == {id(NO_CACHE)}

    def test_each_has_a_time_limit_and_so_has_its_run(self, defined: dict[str, Any]) -> None:
        for name, held in defined.items():
            assert held.timeout_seconds is not None, name
            assert held.timeout_seconds >= 3600, name
        assert len([held for held in defined.values() if isinstance(held, Flow)]) == len(FLOWS)

    def test_prefect_is_set_up_before_it_is_imported(self) -> None:
        code = (
            "import flows, logging\n"
            "from prefect.settings import get_current_settings as now\n"
            "from prefect.logging import configuration as c\n"
            "read = c.load_logging_config(c.DEFAULT_LOGGING_SETTINGS_PATH)\n"
            "print(now().tasks.default_no_cache, read['handlers']['console']['level'],"
            " read['loggers']['prefect']['level'])"
        )
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
        }
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split() == ["True", "WARNING", "INFO"]

    @pytest.mark.parametrize(("fault", "again"), [(SourceUnavailable, True), (SourceError, False)])
    def test_only_what_may_pass_is_tried_again(self, fault: type[Exception], again: bool) -> None:
        class State:
            def result(self, *, raise_on_failure: bool) -> Exception:
                return fault("x")

        assert _may_pass(None, None, State()) is again


class _Shaky:
    """A provider that is out of reach a given number of times."""

    label = "files"

    def __init__(self, folder: Path, *, outages: int) -> None:
        self.held = FilesSource(folder)
        self.outages = outages

    def tables(self) -> tuple[str, ...]:
        return self.held.tables()

    def extract(self, table: str) -> Extract:
        if self.outages:
            self.outages -= 1
            raise SourceUnavailable("prices.parquet cannot be opened now")
        return self.held.extract(table)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestOutage:
    @pytest.mark.parametrize(("outages", "arrives"), [(2, True), (9, False)])
    def test_is_waited_out_a_bounded_number_of_times(
        self, outages: int, arrives: bool, drop: Path, tmp_path: Path, settings: Settings
    ) -> None:
        source = _Shaky(drop, outages=outages)

        @flow
        def read() -> bool:
            at_once = ingest_source.with_options(retry_delay_seconds=0)
            state = at_once(
                tmp_path, source, settings=settings, received_at=RECEIVED, return_state=True
            )
            return state.is_completed()

        assert read() is arrives
        assert source.outages == (0 if arrives else 9 - 1 - ingest_source.retries)


@dataclass(frozen=True, kw_only=True)
class Evenings:
    """Two sessions, each by a daily run of its own, and the state of the second run."""

    lake: Path
    state: State[dict[str, Any]]


@pytest.fixture(scope="module")
def evenings(
    prefect_server: None, drop: Path, tmp_path_factory: pytest.TempPathFactory
) -> Evenings:
    lake = tmp_path_factory.mktemp("evenings")
    for day in DAYS:
        state = daily(source=_files(drop), lake=str(lake), as_of=day, return_state=True)
        assert state.is_completed(), state.message
    return Evenings(lake=lake, state=state)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestDaily:
    def test_publishes_reports_and_explains(self, evenings: Evenings) -> None:
        state, outcome = evenings.state, evenings.state.result()
        assert Path(outcome["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        published = read(latest(evenings.lake), "regimes", as_of=DAYS[-1])
        assert outcome["headline"] == published["headline"].item()
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(state.state_details.flow_run_id)
            found = client.read_artifacts()
        assert run.name == "daily 2026-02-05"
        keys = [artifact.key for artifact in found if artifact.flow_run_id == run.id]
        assert set(keys) == {
            "verdict", "why", "attribution", "mechanisms", "charts", "correlations", "shocks",
            "data-quality",
        }  # fmt: skip

    def test_run_twice_leaves_the_same_bytes_and_logs_what_it_did(
        self, evenings: Evenings, drop: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        outcome, before = evenings.state.result(), _bytes(evenings.lake)
        with caplog.at_level(logging.INFO, logger="prefect.flow_runs"):
            again = daily(
                source=_files(drop), lake=str(evenings.lake), as_of=DAYS[-1], return_state=True
            )
        assert again.result() == outcome
        assert _bytes(evenings.lake) == before
        for line in (
            "session 2026-02-05, cut-off 2026-02-05 21:15 UTC",
            "source files, rows read: prices ",
            f"snapshot {outcome['snapshot']}",
            f"state {outcome['state']}: ",
            f"report {outcome['report']}",
        ):
            assert line in caplog.text

    def test_that_takes_too_long_ends_as_timed_out(
        self, drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The name of the state is what the automation `unwind-run-failed` waits for."""
        # The run itself is slow: a limit that ends before it begins is another fault of Prefect's.
        slow = importlib.import_module("flows.daily")
        monkeypatch.setattr(slow, "load_settings", lambda _: time.sleep(30))
        hasty = daily.with_options(timeout_seconds=1)
        state = hasty(source=_files(drop), lake=str(tmp_path), return_state=True)
        assert (state.type, state.name) == (StateType.FAILED, "TimedOut")

    def test_the_morning_after_has_a_cutoff_of_its_own(
        self, drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        due = datetime(2026, 2, 6, 14, 35, tzinfo=UTC)
        monkeypatch.setitem(flow_run.FIELDS, "scheduled_start_time", lambda: due)
        state = morning_after(source=_files(drop), lake=str(tmp_path), return_state=True)
        assert state.is_completed(), state.message
        rows = read(latest(tmp_path), "regimes")
        assert rows["as_of"].tolist() == [date(2026, 2, 5)]
        assert rows["cutoff"].tolist() == [pd.Timestamp(due)]

    def test_bad_input_ends_as_one_sentence(self, tmp_path: Path) -> None:
        state = daily(
            source=_files(tmp_path / "none"), lake=str(tmp_path), as_of=date(2026, 2, 5),
            return_state=True,
        )  # fmt: skip
        assert state.is_failed()
        assert "does not exist; name an existing folder" in str(state.message)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestReplay:
    def test_the_conclusion_follows_the_data(self, drop: Path, tmp_path: Path) -> None:
        """Two cut-offs of one session: both are published, and the second knows the day after."""
        outcome = replay(
            source=_files(drop), as_of=date(2026, 2, 4), lake=str(tmp_path),
            cutoffs=[datetime(2026, 2, day, 21, 15, tzinfo=UTC) for day in (5, 4)],
            return_state=True,
        ).result()  # fmt: skip
        first, second = outcome["steps"]
        assert first["cutoff"] == "2026-02-04T21:15:00+00:00"
        assert "rebound" not in first["newly_known"]
        assert "rebound" in second["newly_known"]
        assert "| 2026-02-05 21:15Z |" in outcome["markdown"]
        snapshot = latest(tmp_path)
        for step in (first, second):
            held = read(
                snapshot, "attribution", as_of=date(2026, 2, 4), cutoff=pd.Timestamp(step["cutoff"])
            )
            shown = held.set_index("hypothesis")["posterior"]
            assert {name: shown[name] for name in step["posteriors"]} == step["posteriors"]

    def test_no_cutoff_is_a_sentence(self, drop: Path, tmp_path: Path) -> None:
        state = replay(
            source=_files(drop), as_of=date(2026, 2, 4), cutoffs=[], lake=str(tmp_path),
            return_state=True,
        )  # fmt: skip
        assert "no cut-off given" in str(state.message)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestBackfill:
    def test_equals_the_daily_runs_byte_for_byte(
        self, evenings: Evenings, drop: Path, tmp_path: Path
    ) -> None:
        """Chunks of several sessions: tests/unwind/test_pipeline.py, TestBackfill."""
        state = backfill(
            source=_files(drop), first=DAYS[0], last=DAYS[-1], lake=str(tmp_path), chunk=1,
            return_state=True,
        )  # fmt: skip
        assert state.result()["sessions"] == 2
        assert latest(tmp_path).manifest["files"] == latest(evenings.lake).manifest["files"]

    def test_an_empty_range_is_a_sentence(self, drop: Path, tmp_path: Path) -> None:
        state = backfill(
            source=_files(drop), first=date(2026, 2, 7), last=date(2026, 2, 8),
            lake=str(tmp_path), return_state=True,
        )  # fmt: skip
        assert state.is_failed()
        assert "no NYSE session from 2026-02-07 to 2026-02-08" in str(state.message)


class TestShell:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ("daily --path nowhere", "drop folder nowhere does not exist"),
            ("daily --source simulated --scenario x", "unknown scenario 'x'"),
            ("daily --source bloomberg", "unknown source 'bloomberg'; choose one of files, yahoo"),
            ("daily --source simulated --source files", "cannot be combined"),
            (
                "backfill --path . --from 2026-02-03 --to 2026-02-05 --chunk 0",
                "--chunk: Input should be greater than or equal to 1",
            ),
            ("daily --settings none.toml", "settings file none.toml does not exist"),
            (
                "replay --as-of 2026-02-05 --path . --cutoff noon",
                "--cutoff must be a time like 2026-02-05T21:15Z, got noon",
            ),
        ],
    )
    def test_a_fault_is_one_sentence_before_any_server_starts(
        self, arguments: str, said: str, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        assert main(arguments.split()) == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert "Traceback" not in printed.err
        assert printed.out == ""

    def test_a_fault_ends_the_process_with_its_status(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "flows", "daily", "--settings", "none.toml"],
            capture_output=True, text=True, cwd=ROOT, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("unwind: settings file none.toml does not exist")
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
