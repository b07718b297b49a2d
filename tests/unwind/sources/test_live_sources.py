"""The live sources together, through ingestion: what a desk's store and quality rows then hold."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unwind.loopback import PAGE, Asked, Reply, Stopwatch, loopback, wall_clock
from tests.unwind.sources import test_cftc, test_crypto, test_yahoo
from unwind.contract.source import SourceError
from unwind.market.store import ingest, read_rejected, read_vintages
from unwind.settings import Settings
from unwind.sources.cftc import CftcSource
from unwind.sources.combined import CombinedSource
from unwind.sources.crypto import CryptoSource
from unwind.sources.transport import Timekeeping
from unwind.sources.yahoo import YahooSource

NOW = pd.Timestamp("2026-02-05T21:20Z")
SYMBOLS = ("IBIT", "GLD", "VIX", "BTC-USD", "USDJPY")


@pytest.fixture(autouse=True)
def _fresh_library(tmp_path: Path) -> Iterator[None]:
    import yfinance
    from yfinance.data import YfData

    yfinance.set_tz_cache_location(str(tmp_path))
    YfData._instances.clear()  # type: ignore[attr-defined]
    YfData.cache_get.cache_clear()
    yield
    YfData._instances.clear()  # type: ignore[attr-defined]


def everyone(asked: Asked) -> Reply:
    if asked.path.endswith("gpe5-46if.json"):
        return Reply(test_cftc.REPORT)
    if asked.path.startswith(("/api/", "/fapi/", "/futures/")):
        return test_crypto.venue(asked)
    return test_yahoo.vendor(asked)


def live_source(url: str, settings: Settings, keeping: Timekeeping, **retry: Any) -> CombinedSource:
    terms = settings.sources
    patience = terms.retry.model_copy(update=retry)
    yahoo = terms.yahoo.model_copy(update={"base_url": url, "indices": {"VIX": "^VIX"}})
    crypto = terms.crypto.model_copy(
        update={
            "binance_spot_url": url, "binance_futures_url": url, "deribit_url": url,
            "hourly_days": 20, "daily_days": 40,
        }
    )  # fmt: skip
    return CombinedSource(
        (
            YahooSource(yahoo, symbols=SYMBOLS, clock=settings.clock, retry=patience, time=keeping),
            CryptoSource(
                crypto, hourly=tuple(settings.clock.hourly.values()), retry=patience, time=keeping
            ),
            CftcSource(
                terms.cftc.model_copy(update={"base_url": url}), retry=patience, time=keeping
            ),
        )
    )


def _down(prefix: tuple[str, ...], reply: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: reply if asked.path.startswith(prefix) else everyone(asked)


class TestOrdinaryEvening:
    def test_every_table_is_filled_and_nothing_is_said(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        with loopback(everyone) as server:
            source = live_source(server.url, settings, Stopwatch(NOW).keeping())
            told = ingest(tmp_path / "s", source, settings=settings, received_at=NOW)
            again = ingest(tmp_path / "s", source, settings=settings, received_at=NOW)
        assert told.source == "yahoo+crypto+cftc"
        assert set(told.added) == {
            "prices", "implied_vol", "option_chains", "crypto_hourly", "perpetuals",
            "cftc_positions",
        }  # fmt: skip
        assert all(count > 0 for count in told.added.values())
        assert read_rejected(tmp_path / "s").empty
        # Snapshots fetched again are known later than before; nothing else is new.
        assert {name for name, count in again.added.items() if count} <= {"option_chains"}
        indices = read_vintages(tmp_path / "s", "implied_vol")
        assert set(indices["index"]) == {"VIX", "DVOL"}
        chains = read_vintages(tmp_path / "s", "option_chains")
        assert set(chains["underlying"]) == {"IBIT", "BTC"}


class TestOutage:
    @pytest.mark.parametrize(
        ("prefix", "tables"),
        [
            (("/api/", "/fapi/", "/futures/"), {"crypto_hourly", "perpetuals", "implied_vol",
                                                "option_chains"}),
            (("/gpe5-46if",), {"cftc_positions"}),
            (("/v7/finance/options/",), {"option_chains"}),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("reply", [Reply(PAGE), Reply("", status=503), Reply("[]")])
    def test_costs_its_tables_and_is_said(
        self, prefix: tuple[str, ...], tables: set[str], reply: Reply, tmp_path: Path,
        settings: Settings,
    ) -> None:  # fmt: skip
        watch = Stopwatch(NOW)
        with loopback(_down(prefix, reply)) as server:
            source = live_source(server.url, settings, watch.keeping())
            ingest(tmp_path / "s", source, settings=settings, received_at=NOW)
        rejected = read_rejected(tmp_path / "s")
        gone = rejected[rejected["rule"] == "provider_failed"]
        assert set(gone["table"]) == tables
        assert set(gone["severity"]) == {"error"}
        assert set(gone["session"]) == {pd.Timestamp("2026-02-05")}
        assert not read_vintages(tmp_path / "s", "prices").empty
        assert watch.seconds < 6 * 3 * settings.sources.retry.total_seconds

    def test_of_prices_ends_the_run_and_leaves_the_store_alone(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        with loopback(_down(("/v8/",), Reply(PAGE))) as server:
            source = live_source(server.url, settings, Stopwatch(NOW).keeping())
            with pytest.raises(SourceError, match="yahoo gave no prices: yahoo: invalid_json"):
                ingest(tmp_path / "s", source, settings=settings, received_at=NOW)
        assert not list((tmp_path / "s").rglob("*.parquet"))


class TestDrip:
    """A provider that sends a byte now and then keeps nobody for ever."""

    @pytest.mark.parametrize(
        ("prefix", "table"),
        [
            ("/v8/", "prices"),
            ("/api/v3/", "crypto_hourly"),
            ("/gpe5-46if", "cftc_positions"),
        ],
    )
    def test_is_left_in_time(self, prefix: str, table: str, settings: Settings) -> None:
        with loopback(_down((prefix,), Reply("[" + " " * 400 + "]", drip=0.05))) as server:
            source = live_source(
                server.url, settings, wall_clock(NOW), attempts=1, request_seconds=0.3,
                total_seconds=0.9,
            )  # fmt: skip
            started = time.monotonic()
            if table == "prices":
                with pytest.raises(SourceError, match="(request_timeout|time_limit_reached)"):
                    source.extract(table)
            else:
                faults = [fault for part in source.extract(table).parts for fault in part.faults]
                assert re.search("(request_timeout|time_limit_reached)", faults[0].value)
            assert time.monotonic() - started < 3.0
