"""The deployments at work: a Prefect server on PostgreSQL, a process worker, a drop folder."""

from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.standing import CRASH, CRASH_DUE, Standing, wait_for
from unwind.alerts.ledger import read_ledger
from unwind.lake.snapshots import latest, read
from unwind.report.session import report_path

pytestmark = pytest.mark.prefect


class TestLateRun:
    """A run of `daily` that starts months after it was due."""

    def test_does_the_session_it_was_due(self, standing: Standing, crash_run: str) -> None:
        run = standing.finished(crash_run)
        assert run["state_type"] == "COMPLETED", run["state"]["message"]
        assert run["name"] == f"daily {CRASH}"
        assert run["state"]["message"].startswith(f"{CRASH}: DELEVERAGING")
        regimes = read(latest(standing.lake), "regimes")
        assert list(regimes["as_of"]) == [CRASH]
        assert regimes["cutoff"].iloc[0].isoformat() == "2026-02-05T21:15:00+00:00"

    def test_leaves_rows_report_and_artifacts_in_reading_order(
        self, standing: Standing, crash_run: str
    ) -> None:
        standing.finished(crash_run)
        snapshot = latest(standing.lake)
        for table in ("correlations", "shocks", "volatility", "attribution"):
            assert len(read(snapshot, table, as_of=CRASH))
        assert Path(report_path(snapshot, as_of=CRASH)).stat().st_size > 10_000
        told = sorted(
            (artifact["description"], artifact["key"]) for artifact in standing.artifacts(crash_run)
        )
        assert [key for _, key in told] == [
            "verdict", "why", "attribution", "mechanisms", "charts", "correlations", "shocks",
            "data-quality",
        ]  # fmt: skip
        assert [text[:2] for text, _ in told] == [f"{place}." for place in range(1, 9)]

    def test_tells_the_desk_all_that_it_needs(self, standing: Standing, crash_run: str) -> None:
        standing.finished(crash_run)
        (alert,) = read_ledger(standing.lake)
        assert alert.status == "acknowledged"
        (text,) = wait_for("the notification", lambda: standing.told(str(CRASH)), patience=60)
        lines = text.splitlines()
        assert lines[0] == "IBIT: CALM → DELEVERAGING, session 2026-02-05"
        starts = [line.split(":")[0] for line in lines]
        assert starts.count("Driver") == 3
        assert {"Mechanism", "Caveat", "Data cut-off 2026-02-05 16", "Report", "Run"} <= set(starts)
        assert lines[-1].startswith(f"Run: {standing.url}/")
        assert lines[-1].endswith(f"/flow-run/{crash_run}")


class TestApplied:
    def test_twice_is_fine(self, standing: Standing) -> None:
        assert "automation unwind-transition created" in standing.applied
        again = standing.apply()
        assert "work pool desk updated" in again
        assert "automation unwind-transition updated" in again
        names = [held["name"] for held in standing.ask("/automations/filter")]
        assert sorted(names) == ["unwind-run-failed", "unwind-run-late", "unwind-transition"]

    def test_deployments_run_by_new_york_time(self, standing: Standing) -> None:
        deployments = {held["name"]: held for held in standing.ask("/deployments/filter")}
        assert len(deployments) == 8
        for name in ("daily", "morning-after"):
            (schedule,) = deployments[name]["schedules"]
            assert schedule["schedule"]["timezone"] == "America/New_York"
            assert deployments[name]["parameters"]["source"]["path"] == str(standing.drop)
            (step,) = deployments[name]["pull_steps"]
            assert list(step.values()) == [{"directory": str(ROOT)}]

    def test_the_address_of_the_webhook_is_kept_as_a_secret(self, standing: Standing) -> None:
        (block,) = [
            held for held in standing.ask("/block_documents/filter")
            if held["name"] == "unwind-alerts"
        ]  # fmt: skip
        assert standing.environment["UNWIND_WEBHOOK_URL"] not in str(block)

    def test_values_out_of_bounds_are_refused_before_a_run_is_made(
        self, standing: Standing
    ) -> None:
        with pytest.raises(httpx.HTTPStatusError, match="409|422"):
            standing.start("backfill/backfill", due=CRASH_DUE, chunk=0)
