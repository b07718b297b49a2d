"""What a person sees in Prefect's own pages: dashboard, runs, one run, the form, artifacts."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.browser import Visit, chromium, keep_picture, visit
from tests.standing import CRASH, Standing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["chromium"]
pytestmark = [pytest.mark.prefect, pytest.mark.browser]

SESSION = str(CRASH)
MILLISECONDS = 30_000


@pytest.fixture(scope="module")
def run(standing: Standing, crash_run: str) -> str:
    """A finished run of `daily`."""
    assert standing.finished(crash_run)["state_type"] == "COMPLETED"
    return crash_run


@contextmanager
def _page(browser: "Browser", standing: Standing, path: str) -> Iterator[Visit]:
    """A page of the UI; whatever it does, it asks nobody outside."""
    remembered = base64.b64encode(standing.login.encode()).decode()
    with visit(
        browser, f"{standing.url}{path}", width=1400, height=1000, scheme="light",
        stored=f"localStorage.setItem('prefect-password', '{remembered}')",
    ) as opened:  # fmt: skip
        yield opened
        assert opened.outside == []


def _sees(opened: Visit, *texts: str) -> None:
    for text in texts:
        opened.page.get_by_text(text).first.wait_for(state="visible", timeout=MILLISECONDS)


def _opens(opened: Visit, tab: str) -> None:
    opened.page.get_by_text(tab, exact=True).first.click(timeout=MILLISECONDS)


class TestLogin:
    def test_is_asked_once_and_opens_the_dashboard(
        self, chromium: "Browser", standing: Standing
    ) -> None:
        with visit(
            chromium, f"{standing.url}/dashboard", width=1400, height=1000, scheme="light"
        ) as opened:
            field = opened.page.locator("input[type=password]")
            field.wait_for(state="visible", timeout=MILLISECONDS)
            assert "Flow Runs" not in opened.page.inner_text("body")
            field.fill(standing.login)
            opened.page.keyboard.press("Enter")
            _sees(opened, "Dashboard", "Work Pools")
            assert opened.outside == []

    @pytest.mark.parametrize("path", ["/v2", "/v2/", "/v2/dashboard", "/docs", "/redoc"])
    def test_no_page_asks_an_outside_host(
        self, chromium: "Browser", standing: Standing, path: str
    ) -> None:
        """The second user interface is not served; FastAPI's pages load from a foreign host."""
        with visit(
            chromium, f"{standing.url}{path}", width=800, height=600, scheme="light"
        ) as opened:
            opened.page.wait_for_timeout(1500)
            assert opened.outside == []


class TestPages:
    def test_dashboard_shows_the_desk_at_a_glance(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        with _page(chromium, standing, "/dashboard") as opened:
            _sees(opened, "Dashboard", "Flow Runs", "desk")
            keep_picture(opened, "prefect-dashboard")

    def test_runs_read_as_a_calendar(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        with _page(chromium, standing, "/runs") as opened:
            _sees(opened, f"daily {SESSION}", "Completed")
            keep_picture(opened, "prefect-runs")

    def test_a_run_tells_the_day(self, chromium: "Browser", standing: Standing, run: str) -> None:
        with _page(chromium, standing, f"/runs/flow-run/{run}") as opened:
            _sees(opened, f"daily {SESSION}", "Artifacts")
            keep_picture(opened, "prefect-run")
            _opens(opened, "Task Runs")
            _sees(opened, "reach the verdict", "write the report", "send the alerts")
            _opens(opened, "Artifacts")
            _sees(opened, "verdict", "why", "attribution")
            keep_picture(opened, "prefect-run-artifacts")

    def test_the_form_describes_and_bounds(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        held = standing.look("/deployments/name/backfill/backfill")
        with _page(chromium, standing, f"/deployments/deployment/{held['id']}/run") as opened:
            _sees(
                opened, "First session of the range.", "Folder of the lake.",
                "Sessions published per batch.",
            )  # fmt: skip
            keep_picture(opened, "prefect-form")

    def test_a_deployment_says_when_it_runs(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        held = standing.look("/deployments/name/daily/daily")
        with _page(chromium, standing, f"/deployments/deployment/{held['id']}") as opened:
            _sees(opened, "At 04:20 PM")
            keep_picture(opened, "prefect-deployment")
            _opens(opened, "Description")
            _sees(opened, "twenty minutes after the close")

    def test_artifacts_are_named_by_what_they_answer(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        with _page(chromium, standing, "/artifacts") as opened:
            _sees(opened, "verdict", "attribution", "correlations", "shocks", "data-quality")
            keep_picture(opened, "prefect-artifacts")

    def test_the_verdict_is_an_artifact_that_reads(
        self, chromium: "Browser", standing: Standing, run: str
    ) -> None:
        (held,) = [held for held in standing.artifacts(run) if held["key"] == "verdict"]
        with _page(chromium, standing, f"/artifacts/artifact/{held['id']}") as opened:
            _sees(opened, "IBIT: DELEVERAGING", "Caveats")
            keep_picture(opened, "prefect-verdict")
