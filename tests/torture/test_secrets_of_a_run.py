"""Canaries in Prefect blocks and in the environment, and a true daily run between them.

What is looked through afterwards is everything: every row of every table of Prefect's database
(logs, artifacts, parameters, events, states, automations, blocks), and every file of the lake.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
from prefect.workers.base import BaseJobConfiguration

from flows.console import Console
from flows.daily import daily
from flows.server import DECLARATIONS, DEFAULT_BLOCK, apply_automations, apply_pool, save_webhook
from tests.standing import CRASH, crash_drop, receiver, wait_for
from tests.torture.test_secrets import CANARY, sings
from tests.unwind.loopback import Asked, Reply, loopback
from unwind.alerts.ledger import read_ledger
from unwind.settings import Settings

CONTROL = "wellensittich3e90"


def rows_that_hold(word: str) -> set[str]:
    """Tables of Prefect's database that hold a word in any row."""
    address = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    place = address.removeprefix("sqlite+aiosqlite:///")
    found = set()
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as held:
        names = held.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            rows = held.execute(f'SELECT * FROM "{name}"').fetchall()
            if any(word in str(row) for row in rows):
                found.add(str(name))
    return found


@pytest.fixture
def every_log() -> Iterator[None]:
    """Runs log whatever there is, to the server."""
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@dataclass(frozen=True, kw_only=True)
class Store:
    """An object store that refuses whoever comes, and the names that they gave."""

    url: str
    asked: list[Asked]


@pytest.fixture
def store() -> Iterator[Store]:
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    refusal = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    with loopback(lambda _: Reply(refusal, status=403)) as server:
        yield Store(url=server.url, asked=server.asked)
    s3fs.S3FileSystem.clear_instance_cache()


def pool_file(folder: Path) -> Path:
    """The declared pools, with a credential as a reference to a block: the way of the runbook."""
    pools = yaml.safe_load((DECLARATIONS / "pools.yaml").read_text(encoding="utf-8"))
    pools["desk"]["variables"]["env"] |= {
        "AWS_ACCESS_KEY_ID": "{{ prefect.blocks.secret.unwind-s3-key }}",
        "AWS_SECRET_ACCESS_KEY": "{{ prefect.blocks.secret.unwind-s3-secret }}",
    }
    target = folder / "pools.yaml"
    target.write_text(yaml.safe_dump(pools), encoding="utf-8")
    return target


def environment_of_a_run() -> dict[str, str]:
    """What the worker of the pool gives to a flow run's process."""
    with get_client(sync_client=True) as client:
        template = client.read_work_pool("desk").base_job_template
    made = asyncio.run(
        BaseJobConfiguration.from_template_and_values(base_job_template=template, values={})
    )
    return {name: str(value) for name, value in made.env.items()}


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server", "every_log")
class TestTrueRun:
    def test_what_a_run_says_is_looked_through(self) -> None:
        """A canary that sings on purpose is heard in each place: the search can fail."""

        @flow(name="singing")
        def sing(word: str) -> None:
            get_run_logger().info("%s", word)
            create_markdown_artifact(key="song", markdown=word)
            emit_event("song", resource={"prefect.resource.id": "song"}, payload={"word": word})

        sing(CONTROL)
        places = {"log", "artifact", "flow_run", "events"}
        wait_for("the song", lambda: places <= rows_that_hold(CONTROL), patience=60)

    def test_none_is_in_anything_that_it_leaves(
        self, store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key, secret = f"{CANARY}key", f"{CANARY}secret"
        Secret(value=key).save("unwind-s3-key", overwrite=True)
        Secret(value=secret).save("unwind-s3-secret", overwrite=True)
        apply_pool(pool_file(tmp_path), "desk")
        given = environment_of_a_run()
        assert (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]) == (key, secret)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("UNWIND_DATABASE_PASSWORD", f"{CANARY}password")
        # A session in which everything falls: its transition is what the webhook is told.
        lake, drop = tmp_path / "lake", crash_drop(tmp_path / "drop", settings)
        with receiver() as (address, taken):
            monkeypatch.setenv("UNWIND_WEBHOOK_URL", f"{address}/{CANARY}hook")
            save_webhook(f"{address}/{CANARY}hook", name="unwind-alerts")
            apply_automations(DECLARATIONS / "automations.yaml", block=DEFAULT_BLOCK)
            state = daily(
                source={"kind": "files", "path": str(drop)}, lake=str(lake), as_of=CRASH,
                alerts="always", copy_to="s3://desk/lake", return_state=True,
            )  # fmt: skip
            wait_for("the notification", lambda: taken, patience=60)
        # The credentials were used, and refused: the sentence of that is looked through as well.
        assert any(f"Credential={key}/" in one.headers["authorization"] for one in store.asked)
        assert state.is_failed()
        assert "desk/lake" in state.message
        assert "check the network, the credentials" in state.message
        assert [alert.status for alert in read_ledger(lake)] == ["acknowledged"]
        for handler in logging.getLogger("prefect.flow_runs").handlers:
            handler.flush()
        run = str(state.state_details.flow_run_id)
        assert {"log", "artifact", "flow_run", "events"} <= rows_that_hold(run)
        assert rows_that_hold(CANARY) == set()
        assert sings(tmp_path) == []
        assert list(lake.rglob("*.html"))


class TestConsole:
    """What a server prints where a webhook refuses: Prefect's own traceback has the address."""

    def _printed(self, tell: Any) -> str:
        sink = StringIO()
        handler = Console(stream=sink)
        logger = logging.getLogger("prefect.server.of.a.test")
        logger.addHandler(handler)
        try:
            tell(logger)
        finally:
            logger.removeHandler(handler)
        return sink.getvalue()

    def test_a_traceback_keeps_the_host_of_an_address_alone(self) -> None:
        def refuse(logger: logging.Logger) -> None:
            request = httpx.Request("POST", f"https://hooks.example/services/{CANARY}?sig={CANARY}")
            try:
                httpx.Response(404, request=request).raise_for_status()
            except httpx.HTTPStatusError:
                logger.exception("Failed in consume_loop")

        printed = self._printed(refuse)
        assert "404 Not Found" in printed
        assert "https://hooks.example/…" in printed
        assert CANARY not in printed

    def test_a_link_to_a_run_stays_whole(self) -> None:
        link = "http://127.0.0.1:4200/runs/flow-run/1"
        assert link in self._printed(lambda logger: logger.error("see %s", link))

    def test_every_server_has_it(self) -> None:
        name, console = "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS", "flows.console.Console"
        serve = (DECLARATIONS / "serve.sh").read_text(encoding="utf-8")
        started = serve.index("-m flows.serving")
        assert f"export {name}={console}" in serve[:started]
        compose = yaml.safe_load((DECLARATIONS / "compose.yaml").read_text(encoding="utf-8"))
        assert compose["services"]["server"]["environment"][name] == console
        # A temporary server takes the environment of the run that starts it.
        assert os.environ[name] == console
