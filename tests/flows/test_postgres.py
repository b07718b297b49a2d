"""The deployments at work: a Prefect server on PostgreSQL, a process worker, a drop folder."""

from datetime import date
from pathlib import Path

import pytest

from tests.standing import Standing, standing
from unwind.lake import latest, read
from unwind.reading import report_path

__all__ = ["standing"]
pytestmark = pytest.mark.prefect

# As the scheduler writes them: 16:20 New York. Nobody started them for months.
DUE = "2026-02-03T21:20:00Z"
SESSION = date(2026, 2, 3)


@pytest.fixture(scope="module")
def daily_run(standing: Standing) -> str:
    """A run of `daily` that starts long after it was due."""
    return standing.start("daily/daily", due=DUE)


class TestDailyDeployment:
    def test_a_late_run_does_the_day_it_was_due(self, standing: Standing, daily_run: str) -> None:
        run = standing.finished(daily_run)
        assert run["state_type"] == "COMPLETED", run["state"]["message"]
        assert run["name"] == f"daily {SESSION}"
        assert run["state"]["message"].startswith(f"{SESSION}: CALM")
        regimes = read(latest(standing.lake), "regimes")
        assert list(regimes["as_of"]) == [SESSION]
        assert regimes["cutoff"].iloc[0].isoformat() == "2026-02-03T21:15:00+00:00"

    def test_leaves_rows_report_and_artifacts_in_reading_order(
        self, standing: Standing, daily_run: str
    ) -> None:
        standing.finished(daily_run)
        snapshot = latest(standing.lake)
        for table in ("correlations", "shocks", "volatility", "attribution"):
            assert len(read(snapshot, table, as_of=SESSION))
        assert Path(report_path(standing.lake, snapshot, as_of=SESSION)).stat().st_size > 10_000
        keys = [artifact["key"] for artifact in standing.artifacts(daily_run)]
        assert keys[:3] == ["verdict", "why", "attribution"]
        assert {"correlations", "shocks", "data-quality"} <= set(keys)

    def test_a_quiet_day_is_a_digest_and_no_notification(
        self, standing: Standing, daily_run: str
    ) -> None:
        standing.finished(daily_run)
        (digest,) = [
            event for event in standing.events("unwind.digest")
            if event["payload"]["session"] == str(SESSION)
        ]  # fmt: skip
        assert digest["payload"]["to"] == "CALM"
        assert digest["resource"]["prefect.resource.id"] == "unwind.state.IBIT"
        assert [text for text in standing.taken if str(SESSION) in text["text"]] == []

    def test_the_morning_after_looks_again_at_its_own_cutoff(
        self, standing: Standing, daily_run: str
    ) -> None:
        standing.finished(daily_run)
        run = standing.finished(standing.start("daily/morning-after", due="2026-02-04T14:35:00Z"))
        assert run["state_type"] == "COMPLETED", run["state"]["message"]
        assert run["name"] == "morning after, 2026-02-04"
        snapshot = latest(standing.lake)
        looked = read(snapshot, "regimes", as_of=SESSION)["cutoff"].iloc[0]
        assert looked.isoformat() == "2026-02-04T14:35:00+00:00"
        evening = read(
            snapshot, "regimes", as_of=SESSION, cutoff=looked - (looked - looked.normalize())
        )
        assert evening["cutoff"].iloc[0].isoformat() == "2026-02-03T21:15:00+00:00"

    def test_a_holiday_ends_as_skipped(self, standing: Standing) -> None:
        run = standing.finished(standing.start("daily/daily", due="2026-01-19T21:20:00Z"))
        assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Skipped")


class TestApplied:
    def test_twice_is_fine(self, standing: Standing) -> None:
        from tests.standing import _apply

        assert "automation unwind-transition created" in standing.applied
        again = _apply(standing.environment)
        assert "work pool desk updated" in again
        assert "automation unwind-transition updated" in again
        names = [held["name"] for held in standing.ask("/automations/filter")]
        assert sorted(names) == ["unwind-run-failed", "unwind-run-late", "unwind-transition"]
        deployments = {
            held["name"]: held for held in standing.ask("/deployments/filter")
        }  # fmt: skip
        assert len(deployments) == 7
        for name in ("daily", "morning-after"):
            (schedule,) = deployments[name]["schedules"]
            assert schedule["schedule"]["timezone"] == "America/New_York"

    def test_the_address_of_the_webhook_is_kept_as_a_secret(self, standing: Standing) -> None:
        (block,) = [
            held for held in standing.ask("/block_documents/filter")
            if held["name"] == "unwind-alerts"
        ]  # fmt: skip
        assert standing.environment["UNWIND_WEBHOOK_URL"] not in str(block)

    def test_values_out_of_bounds_are_refused_before_a_run_is_made(
        self, standing: Standing
    ) -> None:
        import httpx

        with pytest.raises(httpx.HTTPStatusError, match="409|422"):
            standing.start("backfill/backfill", due=DUE, chunk=0)
