"""Recovery: runs without a process are marked Crashed, so that their deployment continues.

    python -m flows.recovery --pool desk    check every few seconds, next to a worker

A worker marks a run whose process dies. If the worker or the server dies too, the run stays Running
and holds the only slot of its deployment. A living run sends a heartbeat
every 30 seconds (deployments/pools.yaml); one without a sign for 75 seconds is gone, unless its
process is seen on this machine.

Prefect's own remedy, an automation on missing heartbeats, has marked runs that were complete
(PrefectHQ/prefect#18653) and does not see a run that dies before its first heartbeat.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import httpx
from cyclopts import Parameter
from cyclopts import run as run_command
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOrder,
    EventResourceFilter,
)
from prefect.states import Crashed

HEARTBEAT = "prefect.flow-run.heartbeat"
SILENCE = 75.0
PERIOD = 5.0
HOLDERS = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
MESSAGE = "Its process is gone: no heartbeat, and no worker that reported its end."


def holders(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    """Runs of a work pool that hold a slot."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=HOLDERS))
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=state),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )


def newest_sign(client: SyncPrefectClient, run: FlowRun) -> datetime | None:
    """Time of a run's last state change or heartbeat, by its own clock."""
    beats = client.read_events(
        EventFilter(
            event=EventNameFilter(name=[HEARTBEAT]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
            order=EventOrder.DESC,
        ),
        limit=1,
    ).events
    signs = [beat.occurred for beat in beats]
    return max([*signs, run.state.timestamp] if run.state else signs, default=None)


def is_seen_here(run: FlowRun) -> bool:
    """Return True if the process of a run is alive on this machine (Linux only)."""
    pid = (run.infrastructure_pid or "").rpartition(":")[2]
    try:
        environment = Path(f"/proc/{int(pid)}/environ").read_bytes()
    except (OSError, ValueError):
        return False
    # Process ids are reused: the environment must name this run.
    return f"PREFECT__FLOW_RUN_ID={run.id}".encode() in environment.split(b"\0")


@dataclass
class Recovery:
    """State of the runs that hold a slot: newest sign of life, and when it was first seen.

    Silence is measured on this process's own clock, from the first check on: neither clock
    differences nor an outage of the server makes a living run look dead.
    """

    pool: str
    clock: Callable[[], float] = time.monotonic
    signs: dict[UUID, tuple[datetime | None, float]] = field(default_factory=dict)

    def look(self, client: SyncPrefectClient) -> list[str]:
        """Mark the runs that are gone; return their names."""
        now = self.clock()
        runs = holders(client, self.pool)
        before, self.signs = self.signs, {}
        gone = []
        for run in runs:
            sign = newest_sign(client, run)
            seen = before.get(run.id)
            since = seen[1] if seen is not None and seen[0] == sign else now
            self.signs[run.id] = (sign, since)
            if now - since >= SILENCE and not is_seen_here(run):
                # Not forced: the server refuses if the run has ended in the meantime.
                crashed: State[None] = Crashed(message=MESSAGE)
                answer = client.set_flow_run_state(run.id, crashed)
                if answer.status == SetStateStatus.ACCEPT:
                    gone.append(run.name)
        return gone


def watch(
    pool: Annotated[str, Parameter(env_var="UNWIND_POOL", help="Work pool to watch.")] = "desk",
) -> None:
    """Mark runs as Crashed whose process is gone, until stopped."""
    recovery = Recovery(pool)
    while True:
        try:
            with get_client(sync_client=True) as client:
                for name in recovery.look(client):
                    sys.stdout.write(f"marked as Crashed, its process is gone: {name}\n")
                    sys.stdout.flush()
        except httpx.HTTPError:
            # Heartbeats are lost while the server is down: restart the count.
            recovery.signs.clear()
        time.sleep(PERIOD)


if __name__ == "__main__":
    run_command(watch)
