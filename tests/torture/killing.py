"""Work that a parent kills: each function runs in a child that was forked warm, and may die."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tests.conftest import small_prices
from unwind.lake import latest, read
from unwind.market import ingest
from unwind.publication import publish
from unwind.sessions import publication_instant, sessions_between
from unwind.settings import load_settings
from unwind.sources.protocol import Extract
from unwind.storage import LakeError
from unwind.tables import TABLES

# Forked from a server that has imported everything and runs no thread: a child is at work at once.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.torture.killing"])

SETTINGS = load_settings()
SESSIONS = [stamp.date() for stamp in sessions_between(date(2025, 1, 2), date(2026, 2, 5))]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a round of killing did."""

    killed: int
    finished: int


def kill_at_random(
    work: Callable[..., None], *arguments: object, generator: np.random.Generator, longest: float
) -> bool:
    """Run `work` in a child and kill it −9 after a random while; True where it was still alive."""
    child = CONTEXT.Process(target=work, args=arguments)
    child.start()
    time.sleep(float(generator.uniform(0, longest)))
    alive = child.is_alive()
    if alive and child.pid is not None:
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    return alive and child.exitcode == -signal.SIGKILL


def usual_seconds(work: Callable[..., None], *arguments: object) -> float:
    """How long `work` takes in such a child, undisturbed; the first also starts the server."""
    for _ in range(2):
        start = time.monotonic()
        child = CONTEXT.Process(target=work, args=arguments)
        child.start()
        child.join()
        if child.exitcode:
            raise AssertionError(f"the undisturbed child ended with {child.exitcode}")
    return time.monotonic() - start


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


def read_until(folder: Path, stop: Path, answer: Path) -> None:
    """Read the lake again and again; write how often, and the first fault that was seen."""
    reads, fault = 0, ""
    while not stop.exists() and not fault:
        try:
            snapshot = latest(folder)
            tables = {name: read(snapshot, name) for name in ("regimes", "quality")}
            first, second = (
                dict(zip(tables[name]["as_of"], tables[name][column], strict=True))
                for name, column in (("regimes", "sessions_in_state"), ("quality", "count"))
            )
            if first != second:
                fault = f"{snapshot.name} is mixed: {first} against {second}"
            reads += 1
        except LakeError as error:
            if "holds no published snapshot" not in str(error):
                fault = str(error)
        except Exception as error:  # a reader that stumbles is what this looks for
            fault = repr(error)
    answer.write_text(f"{reads}\n{fault}", encoding="utf-8")


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
