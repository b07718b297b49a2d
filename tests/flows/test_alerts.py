"""The way of an alert: ledger, event, automation, notification; killed in between, told once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import alerts
from flows.daily import _slot
from flows.parameters import session_in_course
from tests.standing import CRASH, Standing, standing, wait_for
from tests.unwind.test_alerts import _publish
from unwind.alerts import read_ledger
from unwind.sessions import CalendarError
from unwind.settings import Settings

__all__ = ["standing"]

DAY = date(2026, 2, 5)


class _Server:
    """A server's two answers that matter: which events it holds, and whether it takes one."""

    def __init__(self, *, held: bool = False, stores: bool = True, fault: bool = False) -> None:
        self.held, self.stores, self.fault = held, stores, fault
        self.posted: list[dict[str, Any]] = []

    def request(self, method: str, path: str, *, json: Any) -> httpx.Response:
        request = httpx.Request(method, f"http://server{path}")
        if self.fault:
            raise httpx.ConnectError("refused", request=request)
        if path == "/events":
            self.posted += json
            self.held = self.stores
            return httpx.Response(204, request=request)
        (key,) = json["filter"]["id"]["id"]
        found = [{"id": key}] if self.held else []
        return httpx.Response(200, json={"events": found}, request=request)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a server in the place of Prefect's client."""

    def placed(server: _Server) -> _Server:
        @contextmanager
        def client(*, sync_client: bool) -> Iterator[_Server]:
            assert sync_client
            yield server

        monkeypatch.setattr(alerts, "get_client", client)
        monkeypatch.setattr(alerts, "STORED_WITHIN_SECONDS", 0.0)
        monkeypatch.setattr(alerts, "POLL_SECONDS", 0.0)
        return server

    return placed


def _tell(lake: Path, settings: Settings, state: str = "WATCH") -> list[str]:
    return alerts.tell(lake, _publish(lake, settings, state, DAY), report=Path("report.html"))


class TestHandOver:
    def test_sends_once_and_is_acknowledged(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server())
        assert _tell(tmp_path, settings) == ["IBIT: CALM → WATCH, session 2026-02-05"]
        (event,) = server.posted
        (alert,) = read_ledger(tmp_path)
        assert event["event"] == "unwind.transition"
        assert event["id"] == str(alert.notice.id)
        assert (event["payload"]["from"], event["payload"]["to"]) == ("CALM", "WATCH")
        assert event["payload"]["links"]["Report"].startswith("/")
        assert alert.status == "acknowledged"
        assert _tell(tmp_path, settings) == []
        assert len(server.posted) == 1

    def test_what_the_server_holds_is_not_sent_again(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server(held=True))
        _tell(tmp_path, settings)
        assert server.posted == []
        assert read_ledger(tmp_path)[0].status == "acknowledged"

    def test_a_server_out_of_reach_is_a_sentence_and_the_alert_stays_owed(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        serve(_Server(fault=True))
        with pytest.raises(alerts.AlertError, match="published, but the server did not take"):
            _tell(tmp_path, settings)
        assert read_ledger(tmp_path)[0].status == "intent"
        server = serve(_Server())
        assert len(_tell(tmp_path, settings)) == 1
        assert len(server.posted) == 1

    def test_a_server_that_takes_and_never_stores_is_a_sentence(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server(stores=False))
        for _ in range(2):
            with pytest.raises(alerts.AlertError, match="did not store alert"):
                _tell(tmp_path, settings)
        assert read_ledger(tmp_path)[0].status == "emitted"
        assert len({event["id"] for event in server.posted}) == 1


class TestSlot:
    """Which session a run does, and where it stands, by the time it was due."""

    @staticmethod
    def _of(due: str, settings: Settings, **asked: Any) -> tuple[date, str] | None:
        slot = _slot(
            asked.get("as_of"), asked.get("cutoff"), datetime.fromisoformat(due), settings,
            morning_after=asked.get("morning_after", False),
        )  # fmt: skip
        return None if slot is None else (slot[0], f"{slot[1]:%m-%d %H:%M}")

    def test_evening(self, settings: Settings) -> None:
        assert self._of("2026-02-05T21:20+00:00", settings) == (DAY, "02-05 21:15")

    def test_morning_after_a_weekend_is_friday_and_stands_on_monday(
        self, settings: Settings
    ) -> None:
        looked = self._of("2026-02-09T14:35+00:00", settings, morning_after=True)
        assert looked == (date(2026, 2, 6), "02-09 14:35")

    def test_morning_after_on_a_holiday_is_skipped(self, settings: Settings) -> None:
        assert self._of("2026-01-19T14:35+00:00", settings, morning_after=True) is None

    def test_before_the_close_the_day_cannot_be_run(self, settings: Settings) -> None:
        with pytest.raises(CalendarError, match="2026-02-05 is published at 2026-02-05 21:15Z"):
            self._of("2026-02-05T15:00+00:00", settings)

    def test_morning_after_and_a_session_are_one_too_many(self, settings: Settings) -> None:
        with pytest.raises(CalendarError, match="looks at the session before"):
            self._of("2026-02-09T14:35+00:00", settings, as_of=DAY, morning_after=True)

    @pytest.mark.parametrize(
        ("at", "session"),
        [
            ("2026-02-05T21:20", DAY), ("2026-02-06T07:00", DAY), ("2026-02-06T21:14", DAY),
            ("2026-02-08T12:00", date(2026, 2, 6)), ("2026-07-02T20:16", date(2026, 7, 2)),
        ],
    )  # fmt: skip
    def test_session_in_course(self, at: str, session: date, settings: Settings) -> None:
        instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
        assert session_in_course(instant, settings=settings) == session


# What a run does, killed where it notes that the event was sent: the server has it by then.
KILLED = """
import os, signal, sys
from datetime import date
from flows import alerts
alerts.mark = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from flows.daily import daily
daily(source={"kind": "files", "path": sys.argv[1]}, lake=sys.argv[2], as_of=date(2026, 2, 5),
      alerts="always")
"""
AGAIN = KILLED.replace("alerts.mark = ", "unused = ")


@pytest.mark.prefect
class TestCrash:
    """The session in which everything falls, on a true server, through a true webhook."""

    @pytest.fixture(scope="class")
    @classmethod
    def lake(cls, standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The run is killed between sending and noting so; it is run again twice."""
        lake = tmp_path_factory.mktemp("crash") / "lake"
        paths = str(standing.drop), str(lake)
        assert standing.python(KILLED, *paths) == -9
        assert [alert.status for alert in read_ledger(lake)] == ["intent"]
        assert standing.python(AGAIN, *paths) == 0
        assert standing.python(AGAIN, *paths) == 0
        return lake

    @staticmethod
    def _taken(standing: Standing) -> list[str]:
        return [sent["text"] for sent in standing.taken if str(CRASH) in sent["text"]]

    def test_is_told_once(self, standing: Standing, lake: Path) -> None:
        (alert,) = read_ledger(lake)
        assert alert.status == "acknowledged"
        wait_for("the notification", lambda: self._taken(standing), patience=30)
        (event,) = [
            event for event in standing.events("unwind.transition")
            if event["payload"]["session"] == str(CRASH)
        ]  # fmt: skip
        assert event["id"] == str(alert.notice.id)
        (text,) = self._taken(standing)
        assert text.startswith("IBIT: CALM → DELEVERAGING, session 2026-02-05\n")

    def test_the_message_is_enough_to_act_on(self, standing: Standing, lake: Path) -> None:
        wait_for("the notification", lambda: self._taken(standing), patience=30)
        lines = self._taken(standing)[0].splitlines()
        starts = [line.split(":")[0] for line in lines]
        assert starts.count("Driver") == 3
        assert {"Mechanism", "Uncertain", "Known by 2026-02-05 16", "Report", "Run"} <= set(starts)
        address = next(line for line in lines if line.startswith("Run: ")).removeprefix("Run: ")
        assert address.startswith(f"{standing.url}/runs/flow-run/")

    def test_a_run_that_fails_is_told_by_the_other_automation(self, standing: Standing) -> None:
        run = standing.finished(
            standing.start(
                "daily/daily", due="2026-02-03T21:20:00Z",
                source={"kind": "files", "path": str(standing.logs / "none")},
            )
        )  # fmt: skip
        assert run["state_type"] == "FAILED"
        (sent,) = wait_for(
            "the notification",
            lambda: [held["text"] for held in standing.taken if run["id"] in held["text"]],
            patience=30,
        )
        assert sent.startswith(f"unwind: {run['name']} Failed\ndrop folder ")
