"""Shared ground: where the real data lies, a small market, one Prefect server a session."""

import gc
import os
import pickle
from collections.abc import Callable, Generator, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import flows  # noqa: F401 - switches telemetry off before Prefect is imported
from unwind.calendar import publication_instant, sessions_between
from unwind.indicators.context import Slot
from unwind.market.store import ingest
from unwind.pipeline import Analysis, Market, analyse, load_market
from unwind.settings import Settings, load_settings
from unwind.sources.files import FilesSource

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
RECEIVED = pd.Timestamp("2026-11-22T00:00Z")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="run tests/torture at length")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: the garbage collector looks for none in it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


# The servers that tests share, and what a module that needs one says.
SERVERS = {"standing": "standing: Standing", "prefect": "prefect_server"}


@cache
def shared_by(module: str) -> str:
    """The server that a module's tests share, or the module: what one worker runs in one piece."""
    text = (ROOT / module).read_text(encoding="utf-8")
    return next((name for name, sign in SERVERS.items() if sign in text), module)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under `--dist loadfile` each server is started by one worker alone."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class BySharedServer(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_by(super()._split_scope(nodeid))

    return BySharedServer(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--torture"):
        for item in items:
            if item.get_closest_marker("at_length"):
                item.add_marker(pytest.mark.skip(reason="runs at length: make torture"))
    # The servers come first, and the single functions last: short modules end the run evenly.
    groups: dict[str, list[pytest.Item]] = {name: [] for name in SERVERS}
    for item in reversed(items):
        groups.setdefault(shared_by(item.nodeid.partition("::")[0]), []).append(item)
    items[:] = [item for group in groups.values() for item in reversed(group)]


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def market_folder() -> Path:
    folder = SHARED / "market" / "ibit_era"
    if not (folder / "prices.parquet").exists():
        pytest.skip("the real market data is not beside this checkout")
    return folder


def small_prices(
    symbols: tuple[str, ...], *, first: date, last: date, seed: int = 7
) -> pd.DataFrame:
    """A drop-folder price table of correlated random walks, one row a session and symbol."""
    sessions = sessions_between(first, last)
    generator = np.random.default_rng(seed)
    common = generator.standard_t(5, len(sessions)) * 0.008
    parts = []
    for symbol in symbols:
        own = generator.standard_t(5, len(sessions)) * 0.008
        close = 100 * np.exp(np.cumsum(0.6 * common + own))
        parts.append(
            pd.DataFrame(
                {
                    "session": sessions,
                    "symbol": symbol,
                    "open": close,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "adj_close": close,
                    "volume": np.round(1e6 * np.exp(generator.normal(0, 0.3, len(sessions)))),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_drop(folder: Path, prices: pd.DataFrame, **tables: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"prices": prices, **tables}.items():
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def drop(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """The default universe over three years, without anything optional."""
    prices = small_prices(
        (*settings.universe.symbols, "VIX"), first=date(2023, 6, 1), last=date(2026, 2, 20)
    )
    return write_drop(tmp_path_factory.mktemp("drop"), prices)


@pytest.fixture(scope="session")
def plain_market(
    drop: Path, tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> Market:
    store = tmp_path_factory.mktemp("plain") / "market"
    ingest(store, FilesSource(drop), settings=settings, received_at=RECEIVED)
    return load_market(store)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """A value by its name; each is made once, whichever process of the run asks first."""
    base = tmp_path_factory.getbasetemp()
    # The workers of one run share the folder above theirs; without workers it outlives the run.
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[], Any]) -> Any:
        path = folder / f"{name}.pickle"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                path.write_bytes(pickle.dumps(make()))
            return pickle.loads(path.read_bytes())

    return made


def analysed(market: Market, day: date, known: date, settings: Settings) -> Analysis:
    """A session as it was known at the publication of that or of a later one."""
    cutoff = publication_instant(known, settings.publication)
    return analyse(market, Slot(as_of=day, cutoff=cutoff, source="files"), settings=settings)


@pytest.fixture(scope="session")
def analysis(
    once: Callable[[str, Callable[[], Any]], Any], plain_market: Market, settings: Settings
) -> Callable[[date], Analysis]:
    """A session of the plain market."""
    return lambda day: once(f"plain-{day}", lambda: analysed(plain_market, day, day, settings))


@pytest.fixture(scope="session")
def real_market(
    once: Callable[[str, Callable[[], Any]], Any], market_folder: Path,
    tmp_path_factory: pytest.TempPathFactory, settings: Settings,
) -> Market:  # fmt: skip
    def make() -> Market:
        store = tmp_path_factory.mktemp("real") / "market"
        ingest(store, FilesSource(market_folder), settings=settings, received_at=RECEIVED)
        return load_market(store)

    market: Market = once("real-market", make)
    return market


@pytest.fixture(scope="session")
def real_analysis(
    once: Callable[[str, Callable[[], Any]], Any], real_market: Market, settings: Settings
) -> Callable[[date, date], Analysis]:
    """A session of the real market, as it was known at the publication of that or a later one."""
    return lambda day, known: once(
        f"real-{day}-{known}", lambda: analysed(real_market, day, known, settings)
    )


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run flows."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
