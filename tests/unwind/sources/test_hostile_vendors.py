"""Vendors that mean harm: bombs, drips, headers and documents of no known shape."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.unwind.hostile_vendors import ASKING, GIBIBYTE, bombs, disfigured, endless_headers
from tests.unwind.loopback import Asked, Reply, Stopwatch, loopback, wall_clock
from tests.unwind.sources import test_cftc, test_crypto
from tests.unwind.sources.test_live_sources import NOW, _fresh_library, live_source  # noqa: F401
from unwind.settings import Settings
from unwind.sources.answers import fetch_json, parsed_json, wait_named
from unwind.sources.cftc import positions
from unwind.sources.crypto_rows import candles, funding, has_time, open_interest, option_book
from unwind.sources.transport import Allowance, NoAnswer


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What each provider said of each bomb, and the memory that they took, in one process."""
    replies = bombs()
    bodies = list(replies.values())

    def answer(asked: Asked) -> Reply:
        provider, *path = asked.path.split("/")[1:]
        aside = provider == "yahoo" and path[2:3] != ["finance"]
        if provider not in ASKING or aside or "getcrumb" in asked.path:
            return Reply("crumb", headers={"Content-Type": "text/plain"})
        return bodies[int(path[0])]

    with loopback(answer) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.unwind.hostile_vendors", server.url, *replies],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


class TestBomb:
    """A small body that unpacks to gigabytes is cut off while it arrives."""

    @pytest.mark.parametrize(
        ("provider", "said"),
        [
            (
                "yahoo",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "over 64 MB", "zstd": "over 64 MB",
                    "values": "over 2,000,000 values", "wide records": "records with 300001 names",
                    "wide chain": "records with 300001 names",
                },
            ),
            (
                "crypto",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "content encoding gzip, gzip",
                    "zstd": "content encoding zstd", "values": "over 2,000,000 values",
                    "wide records": "rows without a time", "wide chain": "dict where a list",
                },
            ),
            (
                "cftc",
                {
                    "gzip": "over 64 MB", "gzip of gzip": "content encoding gzip, gzip",
                    "zstd": "content encoding zstd", "values": "over 2,000,000 values",
                    "wide records": "records with 300001 names",
                    "wide chain": "records with 300001 names",
                },
            ),
        ],
    )  # fmt: skip
    def test_is_said(self, provider: str, said: dict[str, str], report: dict[str, Any]) -> None:
        for name, sentence in said.items():
            assert sentence in report["said"][provider][name], report["said"][provider][name]

    def test_all_take_less_than_a_gibibyte(self, report: dict[str, Any]) -> None:
        assert report["peak"] < GIBIBYTE, report


class TestSlowHeaders:
    """A client's time-out starts anew with each byte, in the headers too."""

    @pytest.mark.parametrize("table", ["crypto_hourly", "cftc_positions"])
    def test_are_left_in_time(self, table: str, settings: Settings) -> None:
        with endless_headers() as url:
            source = live_source(
                url, settings, wall_clock(NOW), attempts=1, request_seconds=0.3, total_seconds=8
            )
            started = time.monotonic()
            faults = [fault for part in source.extract(table).parts for fault in part.faults]
            assert time.monotonic() - started < 8.0
        assert "nothing whole after 0 s" in faults[0].value


class TestRetryAfter:
    @pytest.mark.parametrize(
        "header",
        [
            "²", "１２", "-5", "1e3", "inf", "nan", "9" * 5000, "", " ", "\x00", "Thu, 99 Foo 2026",
            "Thu, 05 Feb 2026 21:21:00 +9999999999", "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 05 Feb 99999999999 21:21:00 GMT", "," * 9999,
        ],
    )  # fmt: skip
    def test_of_any_text_is_a_wait_or_none(self, header: str) -> None:
        wait = wait_named(header, now=NOW)
        assert wait is None or (wait >= 0 and math.isfinite(wait))

    @pytest.mark.parametrize("status", [429, 503])
    def test_that_is_no_number_costs_the_request_alone(self, status: int) -> None:
        allowance = Allowance(max_mb=1, time=Stopwatch(NOW).keeping())
        reply = Reply("slower", status=status, headers={"Retry-After": "²"})
        with (
            loopback(lambda _: reply) as server,
            httpx.Client() as client,
            pytest.raises(NoAnswer, match=f"HTTP {status}"),
        ):
            fetch_json(client, server.url, parameters={}, seconds=5, allowance=allowance)


def _with_time(document: Any, stamp: str | int) -> list[Any]:
    return [row for row in document if has_time(row, stamp)] if isinstance(document, list) else []


def _cftc_rows(document: Any, settings: Settings) -> None:
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        positions(document, contracts=settings.sources.cftc.contracts, venue="CME", now=NOW)


PAYMENT = {"fundingTime": 1_770_163_200_000, "fundingRate": "0.0001"}
INTEREST = {"timestamp": 1_770_249_600_000, "sumOpenInterest": "1", "sumOpenInterestValue": "2"}
READING: dict[str, tuple[Any, Callable[[Any, Settings], object]]] = {
    "candles": (
        [[1_770_163_200_000, "1", "2", "0.5", "1", "9"]] * 2,
        lambda document, _: candles(_with_time(document, 0)),
    ),
    "funding": (
        [PAYMENT] * 2, lambda document, _: funding(_with_time(document, "fundingTime")),
    ),
    "open interest": (
        [INTEREST] * 2, lambda document, _: open_interest(_with_time(document, "timestamp")),
    ),
    "option book": (
        test_crypto.BOOK, lambda document, _: option_book(document, underlying="BTC", now=NOW),
    ),
    "cftc": (test_cftc.REPORT[:1], _cftc_rows),
}  # fmt: skip


class TestDocument:
    """JSON of any shape: a cell costs its row, a document its table, and nothing ends a run."""

    @pytest.mark.parametrize("name", list(READING))
    def test_with_any_node_replaced_is_read(self, name: str, settings: Settings) -> None:
        document, read = READING[name]
        for other in disfigured(document):
            read(other, settings)

    def test_nested_too_deeply_is_named(self) -> None:
        for sign, end in (("[", "]"), ('{"a":', "}")):
            with pytest.raises(NoAnswer, match="JSON nested too deeply"):
                parsed_json(sign * 100_000 + "1" + end * 100_000, "application/json")

    @pytest.mark.parametrize(
        "body",
        [
            "[" * 100_000, '{"chart":' * 100_000, "[1e999, NaN, -Infinity]", '"text"', "7", "null",
            '{"chart": {"result": [{"meta": [], "timestamp": {}, "indicators": "x"}]}}',
            '{"optionChain": {"result": {"expirationDates": "x"}}}', '{"result": {"data": {}}}',
            '[{"instrument_name": {}}]', "[" + "9" * 5000 + "]",
        ],
        ids=lambda body: body[:24],
    )  # fmt: skip
    def test_of_every_table_is_a_fault_of_its_provider(
        self, body: str, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        with loopback(lambda _: Reply(body)) as server:
            source = live_source(server.url, settings, Stopwatch(NOW).keeping(), attempts=1)
            for table in source.tables():
                if table != "prices":
                    parts = source.extract(table).parts
                    assert all(part.rows.empty and part.faults for part in parts)
        # Each is foreseen: none reached the boundary for exceptions.
        assert "provider_exception" not in {fault.rule for part in parts for fault in part.faults}
        assert "failed at the table" not in caplog.text
