"""A run whose process is gone: marked Crashed within two minutes, and its deployment runs again.

A whole `deployments/serve.sh`, as `make serve` starts it, on SQLite and on PostgreSQL. What dies:
the run, the worker with it, the server, all of it at once; and Ctrl-C.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.standing import BIN, free_port, postgres, postgres_folder, wait_for

pytestmark = [pytest.mark.prefect, pytest.mark.at_length]

TWO_MINUTES = 120.0
MARK = b"PREFECT__FLOW_RUN_ID="


def _processes(mark: bytes) -> list[int]:
    """Processes whose environment holds a mark."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = file.read_bytes()
        except OSError:
            continue
        if mark in environment:
            found.append(int(file.parent.name))
    return found


@dataclass
class Desk:
    """One `make serve`: started, stopped or killed, started again."""

    home: Path
    database: str | None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def mark(self) -> bytes:
        return f"UNWIND_HOME={self.home}\0".encode()

    def serve(self) -> None:
        """Start, and wait until the worker does."""
        kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        environment = kept | {
            "PYTHONPATH": str(ROOT), "BIN": str(BIN), "PORT": str(self.port), "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(self.home / "prefect"), "UNWIND_HOME": str(self.home),
            "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
        }  # fmt: skip
        if self.database is not None:
            environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = self.database
        log = self.home / f"serve-{time.time():.0f}.log"  # one a start, kept for a failure
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                ["bash", "deployments/serve.sh"], cwd=ROOT, env=environment, stdout=sink,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_for("the worker", lambda: b"started!" in log.read_bytes(), patience=300)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api", timeout=60)

    def ask(self, method: str, path: str, **content: object) -> dict[str, Any]:
        login = (self.home / "prefect" / "login").read_text(encoding="utf-8").strip()
        user, _, password = login.partition(":")

        def answer() -> httpx.Response | None:
            got = self.client.request(method, path, json=content, auth=(user, password))
            return None if got.status_code == 503 else got  # SQLite is locked: asked again

        got = wait_for(path, answer, patience=60)
        got.raise_for_status()
        answered: dict[str, Any] = got.json()
        return answered

    def deploy(self) -> str:
        """A deployment of one slot whose runs wait."""
        flow = self.ask("POST", "/flows/", name="sleeper")
        step = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
        return self.ask(
            "POST", "/deployments/", name="sleeper", flow_id=flow["id"], work_pool_name="desk",
            entrypoint="tests.sleeper.sleeper", concurrency_limit=1, pull_steps=[step],
            concurrency_options={"collision_strategy": "ENQUEUE"},
        )["id"]  # fmt: skip

    def start(self, deployment: str, *, seconds: float) -> str:
        return self.ask(
            "POST",
            f"/deployments/{deployment}/create_flow_run",
            parameters={"seconds": seconds, "mark": str(self.home / "started")},
        )["id"]

    def state(self, run: str) -> str:
        return str(self.ask("GET", f"/flow_runs/{run}")["state_type"])

    def process_of(self, run: str) -> int:
        (pid,) = wait_for("the process", lambda: _processes(MARK + run.encode()))
        return int(pid)

    def parts(self, word: bytes) -> list[int]:
        """Processes of this desk whose command holds a word."""
        found = []
        for pid in _processes(self.mark):
            try:
                if word in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                continue
        return found

    def ended(self) -> None:
        assert self.process is not None
        self.process.wait(timeout=90)


def _kill(*processes: int) -> None:
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


def _run_dies(desk: Desk, run: str) -> None:
    _kill(desk.process_of(run))


def _worker_dies(desk: Desk, run: str) -> None:
    _kill(*desk.parts(b"worker\0start"), desk.process_of(run))
    desk.ended()
    desk.serve()


def _server_dies(desk: Desk, run: str) -> None:
    _kill(*desk.parts(b"flows.serving"))
    desk.ended()
    desk.serve()


def _all_die(desk: Desk, run: str) -> None:
    assert desk.process is not None
    _kill(desk.process.pid, *desk.parts(b"worker\0start"), *desk.parts(b"flows.serving"))
    _kill(desk.process_of(run), *desk.parts(b"flows.recovery"))
    desk.ended()
    desk.serve()


def _interrupted(desk: Desk, run: str) -> None:
    assert desk.process is not None
    desk.process.send_signal(signal.SIGINT)
    desk.ended()
    assert _processes(desk.mark) == []
    desk.serve()
    # The run said so itself, before the server stopped.
    said = desk.ask("GET", f"/flow_runs/{run}")["state"]["message"]
    assert said == "Execution was aborted by a termination signal."


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "SQLite":
        yield from _served(Desk(home, None))
        return
    binaries = postgres_folder()
    if binaries is None:
        pytest.skip("no PostgreSQL")
    with postgres(binaries) as address:
        yield from _served(Desk(home, address))


def _served(desk: Desk) -> Iterator[Desk]:
    desk.serve()
    try:
        yield desk
    finally:
        desk.client.close()
        if desk.process is not None and desk.process.poll() is None:
            desk.process.send_signal(signal.SIGTERM)
            desk.process.wait(timeout=90)
        _kill(*_processes(desk.mark))


class TestDeath:
    @pytest.mark.parametrize(
        "death", [_run_dies, _worker_dies, _server_dies, _all_die, _interrupted]
    )
    def test_frees_the_slot(self, desk: Desk, death: Callable[[Desk, str], None]) -> None:
        deployment = desk.deploy()
        run = desk.start(deployment, seconds=900)
        wait_for("the first run", lambda: desk.state(run) == "RUNNING", patience=120)
        desk.process_of(run)
        death(desk, run)
        back = time.monotonic()
        after = desk.start(deployment, seconds=0)
        wait_for(
            "the end of the dead run", lambda: desk.state(run) == "CRASHED", patience=TWO_MINUTES
        )
        print(f"{death.__name__}: crashed {time.monotonic() - back:.0f} s after the return")
        wait_for("the next run", lambda: desk.state(after) == "COMPLETED", patience=120)
