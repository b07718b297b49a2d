"""Runs whose process is gone, against a real server and its one slot a deployment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.recovery import SILENCE, Recovery, is_seen_here
from tests.conftest import ROOT
from tests.standing import Standing

pytestmark = pytest.mark.prefect


@pytest.fixture
def client(standing: Standing) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(api=standing.api, auth_string=standing.login) as opened:
        yield opened


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _deployment(standing: Standing, name: str) -> str:
    """One slot, in a pool that no worker serves."""
    flow = standing.ask("/flows/", name="sleeper")
    standing.ask("/work_pools/", name=name, type="process")
    made = standing.ask(
        "/deployments/", name=name, flow_id=flow["id"], work_pool_name=name, concurrency_limit=1,
        entrypoint="tests.sleeper.sleeper",
    )  # fmt: skip
    return str(made["id"])


def _run(standing: Standing, deployment: str) -> str:
    return str(standing.ask(f"/deployments/{deployment}/create_flow_run")["id"])


def _set(standing: Standing, run: str, *states: str) -> str:
    for state in states:
        answer = standing.ask(f"/flow_runs/{run}/set_state", state={"type": state})
    return str(answer["status"])


def _state(standing: Standing, run: str) -> str:
    return str(standing.look(f"/flow_runs/{run}")["state_type"])


class TestDeadRun:
    @pytest.mark.parametrize("states", [("PENDING",), ("PENDING", "RUNNING")])
    def test_is_marked_and_frees_its_slot(
        self, standing: Standing, client: SyncPrefectClient, states: tuple[str, ...]
    ) -> None:
        name = "dead-" + "-".join(states).lower()
        deployment = _deployment(standing, name)
        dead, waiting = _run(standing, deployment), _run(standing, deployment)
        _set(standing, dead, *states)
        assert _set(standing, waiting, "PENDING") == "REJECT"
        recovery = Recovery(name, clock := Clock())
        assert recovery.look(client) == []
        clock.now = SILENCE - 1
        assert recovery.look(client) == []
        clock.now = SILENCE
        assert len(recovery.look(client)) == 1
        assert _state(standing, dead) == "CRASHED"
        assert recovery.look(client) == []
        assert _set(standing, waiting, "PENDING") == "ACCEPT"

    def test_that_ends_while_it_is_looked_at_stays_as_it_ended(
        self, standing: Standing, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deployment = _deployment(standing, "ends")
        run = _run(standing, deployment)
        _set(standing, run, "PENDING", "RUNNING")
        recovery = Recovery("ends", clock := Clock())
        recovery.look(client)
        clock.now = SILENCE

        def ends(_: object) -> bool:
            _set(standing, run, "COMPLETED")
            return False

        monkeypatch.setattr("flows.recovery.is_seen_here", ends)
        assert recovery.look(client) == []
        assert _state(standing, run) == "COMPLETED"


class TestLivingRun:
    def test_with_a_heartbeat_is_left_alone(
        self, standing: Standing, client: SyncPrefectClient
    ) -> None:
        deployment = _deployment(standing, "beats")
        run = _run(standing, deployment)
        _set(standing, run, "PENDING", "RUNNING")
        recovery = Recovery("beats", clock := Clock())
        recovery.look(client)
        standing.beat(run)
        clock.now = SILENCE
        assert recovery.look(client) == []
        assert _state(standing, run) == "RUNNING"

    def test_whose_process_is_seen_is_left_alone(
        self, standing: Standing, client: SyncPrefectClient
    ) -> None:
        deployment = _deployment(standing, "seen")
        run = _run(standing, deployment)
        _set(standing, run, "PENDING", "RUNNING")
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=ROOT,
            env=os.environ | {"PREFECT__FLOW_RUN_ID": run},
        ) as process:  # fmt: skip
            client.update_flow_run(UUID(run), infrastructure_pid=str(process.pid))
            recovery = Recovery("seen", clock := Clock())
            recovery.look(client)
            clock.now = 10 * SILENCE
            assert recovery.look(client) == []
            # A process of the same number that is another run, or none.
            other = client.read_flow_run(UUID(_run(standing, deployment)))
            other.infrastructure_pid = str(process.pid)
            assert not is_seen_here(other)
            process.communicate(b"\n")
        assert len(recovery.look(client)) == 1
