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
from flows.morning_after import _slot as _morning_slot
from flows.parameters import session_in_course
from tests.standing import Standing, wait_for
from tests.unwind.alerts.test_alerts import _publish
from unwind.alerts.ledger import read_ledger
from unwind.calendar import CalendarError
from unwind.settings import Settings

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


def _send(lake: Path, settings: Settings, state: str = "WATCH") -> list[str]:
    return alerts.send(
        lake, _publish(lake, settings, state, DAY), as_of=DAY, current_session=DAY,
        report=Path("report.html"),
    )  # fmt: skip


class TestHandOver:
    def test_sends_once_and_is_acknowledged(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server())
        assert _send(tmp_path, settings) == ["IBIT: CALM → WATCH, session 2026-02-05"]
        (event,) = server.posted
        (alert,) = read_ledger(tmp_path)
        assert event["event"] == "unwind.transition"
        assert event["id"] == str(alert.notice.id)
        assert (event["payload"]["from"], event["payload"]["to"]) == ("CALM", "WATCH")
        assert event["payload"]["links"]["Report"].startswith("/")
        assert alert.status == "acknowledged"
        assert _send(tmp_path, settings) == []
        assert len(server.posted) == 1

    def test_what_the_server_holds_is_not_sent_again(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server(held=True))
        _send(tmp_path, settings)
        assert server.posted == []
        assert read_ledger(tmp_path)[0].status == "acknowledged"

    def test_a_server_out_of_reach_is_a_sentence_and_the_alert_stays_owed(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        serve(_Server(fault=True))
        with pytest.raises(
            alerts.AlertError, match="tables published, but the Prefect server did not accept"
        ):
            _send(tmp_path, settings)
        assert read_ledger(tmp_path)[0].status == "intent"
        server = serve(_Server())
        assert len(_send(tmp_path, settings)) == 1
        assert len(server.posted) == 1

    def test_a_server_that_takes_and_never_stores_is_a_sentence(
        self, tmp_path: Path, settings: Settings, serve: Any
    ) -> None:
        server = serve(_Server(stores=False))
        for _ in range(2):
            with pytest.raises(alerts.AlertError, match="did not store alert"):
                _send(tmp_path, settings)
        assert read_ledger(tmp_path)[0].status == "emitted"
        assert len({event["id"] for event in server.posted}) == 1


class TestSlot:
    """Which session a run does, and where it stands, by the time it was due."""

    @staticmethod
    def _of(due: str, settings: Settings, **asked: Any) -> tuple[date, str] | None:
        slot = _slot(
            asked.get("as_of"), asked.get("cutoff"), datetime.fromisoformat(due), settings,
            simulated=asked.get("simulated", False),
        )  # fmt: skip
        return None if slot is None else (slot[0], f"{slot[1]:%m-%d %H:%M}")

    @staticmethod
    def _morning(due: str, settings: Settings) -> tuple[date, str] | None:
        slot = _morning_slot(datetime.fromisoformat(due), settings, simulated=False)
        return None if slot is None else (slot[0], f"{slot[1]:%m-%d %H:%M}")

    def test_evening(self, settings: Settings) -> None:
        assert self._of("2026-02-05T21:20+00:00", settings) == (DAY, "02-05 21:15")

    def test_morning_after_a_weekend_is_friday_and_stands_on_monday(
        self, settings: Settings
    ) -> None:
        looked = self._morning("2026-02-09T14:35+00:00", settings)
        assert looked == (date(2026, 2, 6), "02-09 14:35")

    def test_morning_after_on_a_holiday_is_skipped(self, settings: Settings) -> None:
        assert self._morning("2026-01-19T14:35+00:00", settings) is None

    def test_before_the_close_the_day_cannot_be_run(self, settings: Settings) -> None:
        for asked in ({}, {"as_of": DAY}, {"cutoff": datetime(2026, 2, 5, 14, tzinfo=UTC)}):
            with pytest.raises(
                CalendarError,
                match="^session 2026-02-05 has a data cut-off of 21:15 UTC, after the scheduled "
                "start time of 20:00 UTC; run it after the cut-off or choose an earlier session$",
            ):
                self._of("2026-02-05T20:00+00:00", settings, **asked)

    def test_a_cutoff_after_the_run_is_refused(self, settings: Settings) -> None:
        with pytest.raises(
            CalendarError, match="cut-off 2099-01-01 00:00:00 UTC lies after the scheduled start"
        ):
            self._of(
                "2026-02-06T14:35+00:00", settings, as_of=DAY,
                cutoff=datetime(2099, 1, 1, tzinfo=UTC),
            )  # fmt: skip

    def test_a_session_to_come_is_refused_and_its_days_are_named(self, settings: Settings) -> None:
        with pytest.raises(
            CalendarError, match="of 21:15 UTC, after the scheduled start time of 2026-02-05 21:20"
        ):
            self._of("2026-02-05T21:20+00:00", settings, as_of=date(2026, 2, 6))

    def test_a_simulation_may(self, settings: Settings) -> None:
        looked = self._of("2026-02-05T15:00+00:00", settings, as_of=DAY, simulated=True)
        assert looked == (DAY, "02-05 21:15")

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


# A run that publishes a state and tells it; on "kill" it dies where it would note that the event
# was sent: the server has it by then.
RUN = """
import os, signal, sys
from datetime import date
from pathlib import Path
from prefect import flow
from flows import alerts
from tests.unwind.alerts.test_alerts import _publish
from unwind.settings import load_settings

lake, state, days, kill = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:] == ["kill"]
if kill:
    alerts.mark = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

@flow
def told(day):
    session = date.fromisoformat(day)
    snapshot = _publish(lake, load_settings(), state, session)
    report = Path("report.html")
    alerts.send(lake, snapshot, as_of=session, current_session=session, report=report)

for day in days.split():
    told(day)
"""


@pytest.mark.prefect
class TestKilledRun:
    """On a true server, through a true webhook."""

    def test_a_transition_is_told_once_and_a_quiet_day_not_at_all(
        self, standing: Standing, tmp_path: Path
    ) -> None:
        lake, day, after = tmp_path / "lake", "2026-02-10", "2026-02-11"
        assert standing.python(RUN, str(lake), "WATCH", day, "kill") == -9
        assert [alert.status for alert in read_ledger(lake)] == ["intent"]
        assert standing.python(RUN, str(lake), "WATCH", f"{day} {day} {after}") == 0
        assert [alert.status for alert in read_ledger(lake)] == ["acknowledged"] * 2
        wait_for("the notification", lambda: standing.told(f"session {day}"), patience=60)
        (event,) = standing.events("unwind.transition", session=day)
        assert event["id"] == str(read_ledger(lake)[0].notice.id)
        (digest,) = standing.events("unwind.digest", session=after)
        assert digest["payload"]["to"] == "WATCH"
        # The digest came later than anything else that could have been sent.
        (text,) = standing.told(f"session {day}")
        assert text.startswith(f"IBIT: CALM → WATCH, session {day}\n")
        assert standing.told(f"session {after}") == []

    def test_a_run_that_fails_is_told_by_the_other_automation(self, standing: Standing) -> None:
        run = standing.finished(
            standing.start(
                "daily/daily", due="2026-02-03T21:20:00Z",
                source={"kind": "files", "path": str(standing.logs / "none")},
            )
        )  # fmt: skip
        assert run["state_type"] == "FAILED"
        (sent,) = wait_for("the notification", lambda: standing.told(run["id"]), patience=60)
        assert sent.startswith(f"unwind: {run['name']} Failed\ndrop folder ")
