"""A standing Prefect server on a real PostgreSQL, with the deployments, a process worker and a
webhook that takes what the automations send; everything on loopback, thrown away afterwards.

tests/flows/conftest.py imports the fixtures `standing` and `crash_run`; they are made once a
session.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pandas as pd
import pytest

from flows.private_files import login as login_of
from tests.conftest import ROOT, small_prices, write_drop
from unwind.settings import Settings

BIN = Path(sys.executable).parent
CRASH = date(2026, 2, 5)
# As the scheduler writes it: 16:20 New York.
CRASH_DUE = "2026-02-05T21:20:00Z"
# A first run in a fresh checkout compiles for minutes.
PATIENCE = 400.0


def postgres_folder() -> Path | None:
    """Where initdb lies: on the path, or where Debian puts the newest version."""
    if named := shutil.which("initdb"):
        return Path(named).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def _version(path: Path) -> int:
    return int(path.parts[-3])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], Any], *, patience: float = PATIENCE) -> Any:
    """Poll until `ready` answers something; that it never did is the failure."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        if answer := ready():
            return answer
        time.sleep(0.25)
    raise AssertionError(f"{what} did not happen within {patience:.0f} s")


@contextmanager
def running(command: list[str], log: Path, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped at the end; its output is kept for a failure."""
    with log.open("wb") as sink, subprocess.Popen(
        command, stdout=sink, stderr=subprocess.STDOUT, **how
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def postgres(binaries: Path) -> Iterator[str]:
    """A throw-away PostgreSQL on loopback; it refuses to run as root, so root lends it a user."""
    folder = Path(tempfile.mkdtemp(prefix="unwind-postgres-"))
    how: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        how |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
    try:
        subprocess.run(
            [binaries / "initdb", "--auth=trust", "--username=prefect", "--no-sync",
             "--encoding=UTF8", "--no-locale", "--pgdata", folder / "data"],
            check=True, capture_output=True, **how,
        )  # fmt: skip
        port = free_port()
        command = [
            str(binaries / "postgres"), "-D", str(folder / "data"), "-F", "-h", "127.0.0.1",
            "-p", str(port), "-k", str(folder), "-c", "max_connections=60",
        ]  # fmt: skip
        with running(command, folder / "log", **how):
            ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            wait_for("PostgreSQL", lambda: subprocess.run(ready, check=False).returncode == 0)
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on loopback: its address, and what it was sent."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            taken.append(json.loads(self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(kw_only=True)
class Standing:
    """The server as a desk has it."""

    url: str
    login: str
    environment: dict[str, str]
    drop: Path
    lake: Path
    taken: list[dict[str, Any]]
    applied: list[str]
    logs: Path

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    @property
    def auth(self) -> tuple[str, str]:
        user, _, password = self.login.partition(":")
        return user, password

    def ask(self, path: str, **content: Any) -> Any:
        answer = httpx.post(f"{self.api}{path}", json=content, timeout=30, auth=self.auth)
        answer.raise_for_status()
        return answer.json()

    def look(self, path: str) -> Any:
        answer = httpx.get(f"{self.api}{path}", timeout=30, auth=self.auth)
        answer.raise_for_status()
        return answer.json()

    def start(self, deployment: str, *, due: str, **parameters: Any) -> str:
        """Have the scheduler's own kind of run created: due at an instant, perhaps long ago."""
        held = self.look(f"/deployments/name/{deployment}")
        run = self.ask(
            f"/deployments/{held['id']}/create_flow_run",
            state={"type": "SCHEDULED", "state_details": {"scheduled_time": due}},
            parameters=parameters,
        )
        return str(run["id"])

    def finished(self, run: str) -> dict[str, Any]:
        """Wait for a run to end, and return it."""

        def ended() -> dict[str, Any] | None:
            held: dict[str, Any] = self.look(f"/flow_runs/{run}")
            over = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            return held if held["state_type"] in over else None

        found: dict[str, Any] = wait_for(f"the end of run {run}", ended)
        return found

    def artifacts(self, run: str) -> list[dict[str, Any]]:
        """Artifacts of a run in the order in which they were written."""
        found: list[dict[str, Any]] = self.ask(
            "/artifacts/filter",
            artifacts={"flow_run_id": {"any_": [run]}},
            sort="CREATED_DESC",
        )
        return found[::-1]

    def events(self, name: str, *, session: str) -> list[dict[str, Any]]:
        """Stored events of one name about one session."""
        found = self.ask("/events/filter", filter={"event": {"name": [name]}})["events"]
        return [event for event in found if event["payload"]["session"] == session]

    def beat(self, run: str) -> None:
        """Send a heartbeat of a run, and wait until the server has stored it."""
        name, resource = "prefect.flow-run.heartbeat", f"prefect.flow-run.{run}"
        event = {
            "id": str(uuid4()), "event": name, "resource": {"prefect.resource.id": resource},
            "occurred": pd.Timestamp.now("UTC").isoformat(),
        }  # fmt: skip
        sent = httpx.post(f"{self.api}/events", json=[event], timeout=30, auth=self.auth)
        sent.raise_for_status()
        filters = {"event": {"name": [name]}, "resource": {"id": [resource]}}
        wait_for(
            "the heartbeat", lambda: self.ask("/events/filter", filter=filters)["events"],
            patience=60,
        )  # fmt: skip

    def told(self, mark: str) -> list[str]:
        """Texts that reached the webhook and hold `mark`."""
        return [sent["text"] for sent in self.taken if mark in sent["text"]]

    def apply(self) -> list[str]:
        """Apply pool and automations once more; return the lines that it printed."""
        return _printed([sys.executable, "-m", "unwind.cli", "server", "apply"], self.environment)

    def python(self, code: str, *arguments: str) -> int:
        """Run code in a process of its own against this server; return its exit status."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], env=self.environment, cwd=ROOT, check=False
        ).returncode


def crash_drop(folder: Path, settings: Settings) -> Path:
    """Seventeen quiet months, and a session in which everything falls by an eighth."""
    symbols = dict.fromkeys((*settings.universe.symbols, *settings.verdict.symbols, "VIX"))
    prices = small_prices(tuple(symbols), first=date(2024, 9, 3), last=date(2026, 2, 20))
    fallen = (prices["session"] >= pd.Timestamp(CRASH)) & (prices["symbol"] != "VIX")
    columns = ["open", "high", "low", "close", "adj_close"]
    prices.loc[fallen, columns] *= 0.88
    return write_drop(folder, prices)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[Standing]:
    """PostgreSQL, server, deployments, worker and webhook, as `make serve` starts them."""
    binaries = postgres_folder()
    if binaries is None:
        pytest.skip("no PostgreSQL: Debian's package postgresql has it (.ci/run installs it)")
    pytest.importorskip("asyncpg", reason="asyncpg is not installed")
    root = tmp_path_factory.mktemp("standing")
    drop = crash_drop(root / "drop", settings)
    with ExitStack() as stack:
        hook, taken = stack.enter_context(receiver())
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        (root / "prefect").mkdir()
        login = login_of(root / "prefect" / "login")
        kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "BIN": str(BIN),
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(root / "prefect"),
            "PREFECT_API_URL": f"{url}/api",
            "PREFECT_API_AUTH_STRING": login,
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_V2_ENABLED": "false",
            "UNWIND_LAKE": str(root / "lake"),
            "UNWIND_DROP": str(drop),
            "UNWIND_WEBHOOK_URL": hook,
        }
        served = environment | {
            "PREFECT_SERVER_API_AUTH_STRING": login,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": stack.enter_context(postgres(binaries)),
            "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": "flows.console.Console",
        }
        prefect = [sys.executable, "-m", "prefect"]
        stack.enter_context(
            running(
                [sys.executable, "-m", "flows.serving", "--port", str(port)],
                root / "server.log", env=served, cwd=ROOT,
            )
        )  # fmt: skip
        wait_for("the server", lambda: _healthy(url))
        notification = [sys.executable, "-m", "unwind.cli", "server", "notify"]
        subprocess.run(notification, env=environment, cwd=ROOT, check=True, capture_output=True)
        applied = _printed(["bash", "deployments/deploy.sh"], environment)
        stack.enter_context(
            running(
                [*prefect, "worker", "start", "--pool", "desk", "--type", "process"],
                root / "worker.log", env=environment, cwd=ROOT,
            )
        )  # fmt: skip
        yield Standing(
            url=url, login=login, environment=environment, drop=drop, lake=root / "lake",
            taken=taken, applied=applied, logs=root,
        )  # fmt: skip


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _printed(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="session")
def crash_run(standing: Standing) -> str:
    """The session in which everything falls, by `daily/daily`; nobody started it for months."""
    return standing.start("daily/daily", due=CRASH_DUE)
