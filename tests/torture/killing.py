"""Work that a parent kills: each function runs in a child that was forked warm, and may die."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.conftest import small_prices
from unwind.alerts.ledger import read_ledger
from unwind.calendar import publication_instant, sessions_between
from unwind.contract.source import Extract
from unwind.contract.tables import TABLES
from unwind.files.location import LakeError
from unwind.indicators.context import Slot
from unwind.lake.publish import publish
from unwind.lake.push import push
from unwind.lake.snapshots import latest, read
from unwind.market.store import ingest, read_vintages
from unwind.report.files import put_page
from unwind.settings import DEFAULT_PATH, load_settings, read_calibrated
from unwind.studies.calibration_files import write_calibration

# Forked from a server that has imported everything and runs no thread: a child is at work at once.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.torture.killing", "flows.alerts"])

SETTINGS = load_settings()
SESSIONS = [stamp.date() for stamp in sessions_between(date(2025, 1, 2), date(2026, 2, 5))]


def _announced(started: Connection, work: Callable[..., None], *arguments: object) -> None:
    started.send_bytes(b"at work")
    work(*arguments)


def _started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start `work` in a child and return once it is at work: what follows is no start-up time."""
    waiting, started = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=_announced, args=(started, work, *arguments))
    child.start()
    started.close()
    waiting.recv_bytes()
    waiting.close()
    return child


def kill_at_random(
    work: Callable[..., None], *arguments: object, generator: np.random.Generator, longest: float
) -> bool:
    """Run `work` in a child and kill it −9 after a random while; True where it was still alive."""
    child = _started(work, *arguments)
    time.sleep(float(generator.uniform(0, longest)))
    if child.is_alive() and child.pid is not None:
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    if child.exitcode not in (0, -signal.SIGKILL):
        raise AssertionError(f"the child ended with {child.exitcode} by itself")
    return child.exitcode == -signal.SIGKILL


def usual_seconds(work: Callable[..., None], *arguments: object) -> float:
    """How long `work` takes in such a child, undisturbed; the first also starts the server."""
    start = 0.0
    for _ in range(2):
        child = _started(work, *arguments)
        start = time.monotonic()
        child.join()
        if child.exitcode:
            raise AssertionError(f"the undisturbed child ended with {child.exitcode}")
    return time.monotonic() - start


@contextmanager
def read_all_the_while(
    look: Callable[[Path], str], place: Path, folder: Path, *, readers: int
) -> Iterator[list[int]]:
    """Let readers look at `place` until the block ends; raise what they saw that must not be.

    Yields
    ------
    list of int
        How often each of them looked; filled at the end.
    """
    stop, counted = folder / "stop", list[int]()
    answers = [folder / f"reader-{number}" for number in range(readers)]
    children = [
        CONTEXT.Process(target=_look_until, args=(look, place, stop, answer)) for answer in answers
    ]
    for child in children:
        child.start()
    try:
        yield counted
    finally:
        stop.touch()
        for child in children:
            child.join()
    for answer in answers:
        looked, _, fault = answer.read_text(encoding="utf-8").partition("\n")
        if fault:
            raise AssertionError(f"a reader saw: {fault}")
        counted.append(int(looked))


def _look_until(look: Callable[[Path], str], place: Path, stop: Path, answer: Path) -> None:
    looked, fault = 0, ""
    while not stop.exists() and not fault:
        try:
            fault = look(place)
            looked += 1
        except Exception as error:  # a reader that stumbles is what this looks for
            fault = repr(error)
    answer.write_text(f"{looked}\n{fault}", encoding="utf-8")


# --- publishing ---------------------------------------------------------------------------------


def generation_rows(number: int) -> dict[str, pd.DataFrame]:
    """Rows of one session in two tables, each carrying the same number: a mixture would show."""
    day = SESSIONS[number]
    cutoff = publication_instant(day, SETTINGS.publication)
    rows = {}
    for name in ("regimes", "quality"):
        table = TABLES[name]
        one = {
            column.name: None if column.nullable else _filler(column.type)
            for column in table.columns
        }
        one |= {
            "as_of": day, "cutoff": cutoff, "known_at": cutoff, "source": "torture",
            "settings_digest": SETTINGS.digest,
        }  # fmt: skip
        one |= {"sessions_in_state": number} if name == "regimes" else {"count": number}
        rows[name] = pd.DataFrame([one])
    return rows


def _filler(kind: object) -> object:
    text = str(kind)
    if text.startswith("list"):
        return []
    if text.startswith(("int", "double", "float")):
        return 0
    if text.startswith("date"):
        return date(2026, 2, 5)
    if text.startswith("timestamp"):
        return pd.Timestamp("2026-02-05T21:15Z")
    return False if text == "bool" else "x"


def publish_generation(folder: Path, number: int) -> None:
    """Publish one session's rows."""
    publish(folder, generation_rows(number), settings=SETTINGS, source="torture", run=str(number))


def look_at_lake(lake: Path | str) -> str:
    """Read both tables of the snapshot in force; say where they do not belong together."""
    try:
        snapshot = latest(lake)
    except LakeError as error:
        return "" if "holds no published snapshot" in str(error) else str(error)
    first, second = (
        dict(zip(rows["as_of"], rows[column], strict=True))
        for rows, column in (
            (read(snapshot, "regimes"), "sessions_in_state"), (read(snapshot, "quality"), "count")
        )
    )  # fmt: skip
    return "" if first == second else f"{snapshot.name} is mixed: {first} against {second}"


# --- taking in ----------------------------------------------------------------------------------


class Feed:
    """A provider whose history grows by a session a day and revises one row of the day before."""

    label = "torture"

    def __init__(self, number: int) -> None:
        self.number = number

    def tables(self) -> tuple[str, ...]:
        """Name the one table."""
        return ("prices",)

    def promised(self, table: str) -> frozenset[str]:
        """Promise nothing."""
        return frozenset()

    def extract(self, table: str) -> Extract:
        """Give the history to the session of this number, its last close revised once."""
        rows = PRICES[PRICES["session"] <= pd.Timestamp(SESSIONS[self.number + 60])].copy()
        rows = rows.reset_index(drop=True)
        before = rows["session"] == pd.Timestamp(SESSIONS[self.number + 59])
        rows.loc[before, "volume"] += self.number + 1
        return Extract("prices", rows)


PRICES = small_prices(("IBIT", "GLD"), first=SESSIONS[0], last=SESSIONS[-1])


def take_in(store: Path, number: int) -> None:
    """Ingest the feed of one day."""
    received = publication_instant(SESSIONS[number + 60], SETTINGS.publication)
    ingest(store, Feed(number), settings=SETTINGS, received_at=received + pd.Timedelta(hours=2))


def look_at_store(store: Path) -> str:
    """Read every vintage; none stands twice."""
    held = read_vintages(store, "prices")
    twice = held.duplicated(["symbol", "session", "known_at"]).sum()
    return f"{twice} vintages stand twice" if twice else ""


# --- calibrating --------------------------------------------------------------------------------


def calibration_number(number: int) -> dict[str, Any]:
    """The shipped artefact as another calibration would have left it."""
    shipped = json.loads(DEFAULT_PATH.with_name("calibration.json").read_text(encoding="utf-8"))
    return shipped | {"version": f"{number:012d}", "sessions": 4000 + number}


def calibrate_number(target: Path, number: int) -> None:
    """Write the artefact and the report of one calibration."""
    write_calibration(target, calibration_number(number))


def look_at_calibration(target: Path) -> str:
    """Read the artefact as settings do; it is whole, and of one calibration."""
    held = read_calibrated(target)
    if held["sessions"] - 4000 != int(held["version"]):
        return f"mixed: {held['version']} with {held['sessions']}"
    return "" if held == calibration_number(int(held["version"])) else "altered"


# --- reporting ----------------------------------------------------------------------------------


def report_number(lake: Path, number: int) -> None:
    """Put one version of the page of a session."""
    day = SESSIONS[0]
    moment = Slot(
        as_of=day, cutoff=publication_instant(day, SETTINGS.publication), source="torture"
    )
    put_page(lake, page_number(number), moment)


def page_number(number: int) -> str:
    """A page of some length that ends as it begins."""
    return f"<!DOCTYPE html>{number}{'.' * 200_000}{number}</html>"


def look_at_report(lake: Path) -> str:
    """Read the page; it is whole, and of one version."""
    (path,) = (lake / "reports").glob("*/2*.html")
    held = path.read_text(encoding="utf-8")
    number = held.removeprefix("<!DOCTYPE html>").split(".", 1)[0]
    return "" if held == page_number(int(number)) else f"torn: {len(held)} characters"


# --- telling ------------------------------------------------------------------------------------

STATES = ("WATCH", "DELEVERAGING", "DELEVERAGING", "RELEASE", "CALM", "CALM")


class FiledEvents:
    """A server that keeps each event it takes as a line of a file, in one write."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def request(self, method: str, path: str, *, json: Any) -> httpx.Response:
        """Take events, or say which are there."""
        request = httpx.Request(method, f"http://server{path}")
        if path == "/events":
            handle = os.open(self.file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.write(handle, "".join(f"{event['id']}\n" for event in json).encode())
            os.fsync(handle)
            os.close(handle)
            return httpx.Response(204, request=request)
        (key,) = json["filter"]["id"]["id"]
        found = [{"id": key}] if key in emitted(self.file) else []
        return httpx.Response(200, json={"events": found}, request=request)


def emitted(file: Path) -> list[str]:
    """Every event that the server took, in order, repeats included."""
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def tell_session(lake: Path, number: int) -> None:
    """Publish one session in its state and tell the desk, as a run does."""
    from flows import alerts

    @contextmanager
    def client(*, sync_client: bool) -> Iterator[FiledEvents]:
        yield FiledEvents(lake / "events")

    rows = generation_rows(number)
    drivers = [
        {"driver": name, "contribution": 1.0, "value": 1.0, "evidence": 1.0, "meaning": name}
        for name in ("breadth", "concentration", "crowding")
    ]
    state = STATES[number % len(STATES)]
    rows["regimes"] = rows["regimes"].assign(base="IBIT", state=state, drivers=[drivers])
    snapshot = publish(lake, rows, settings=SETTINGS, source="torture", run=str(number))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alerts, "get_client", client)
        day = SESSIONS[number]
        alerts.send(lake, snapshot, as_of=day, current_session=day, report=lake / "report.html")


def look_at_ledger(lake: Path) -> str:
    """Read the ledger; no notice stands twice."""
    ids = [alert.notice.id for alert in read_ledger(lake)]
    return "" if len(set(ids)) == len(ids) else "a notice stands twice"


# --- copying ------------------------------------------------------------------------------------


def push_generation(lake: Path, url: str) -> None:
    """Bring the copy up to the lake."""
    push(lake, url)
