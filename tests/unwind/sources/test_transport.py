"""Asking: attempts, waits and time are bounded; what cannot be had is a fault with a remedy."""

import gzip
from collections.abc import Callable

import httpx
import pandas as pd
import pytest

from tests.unwind.loopback import PAGE, Reply, Stopwatch, loopback
from unwind.settings.sources import Retry
from unwind.sources.answers import fetch_json, parsed_json, wait_named
from unwind.sources.transport import (
    ACCESS_DENIED,
    SERVER_ERROR,
    TIMEOUT,
    Allowance,
    NoAnswer,
    Transport,
)

NOW = pd.Timestamp("2026-02-05T21:20Z")
RETRY = Retry(
    attempts=4, first_wait_seconds=1, longest_wait_seconds=3, request_seconds=5, total_seconds=60,
    largest_answer_mb=1,
)  # fmt: skip


def _transport(watch: Stopwatch, *, chance: float = 0.0, rate: float = 6000) -> Transport:
    return Transport(
        "vendor", retry=RETRY, requests_per_minute=rate, time=watch.keeping(chance=chance)
    )


def _failing(*errors: NoAnswer, then: str = "rows") -> Callable[[float], str]:
    left = list(errors)

    def call(_: float) -> str:
        if left:
            raise left.pop(0)
        return then

    return call


def _down(wait: float | None = None) -> NoAnswer:
    return NoAnswer(SERVER_ERROR, "HTTP 503", passing=True, wait_seconds=wait)


class TestOutage:
    def test_waits_double_up_to_the_longest_and_attempts_end(self) -> None:
        watch = Stopwatch(NOW)
        outcome = _transport(watch).ask("IBIT", _failing(*[_down()] * 9))
        assert watch.slept == [1, 2, 3]
        assert outcome.answer is None
        assert outcome.fault is not None
        assert outcome.fault.rule == "vendor: server_error"
        assert outcome.fault.value == "HTTP 503 (4 attempts)"
        assert outcome.fault.remedy == "run again later"

    def test_jitter_only_lengthens(self) -> None:
        watch = Stopwatch(NOW)
        assert _transport(watch, chance=0.5).ask("IBIT", _failing(_down())).answer == "rows"
        assert watch.slept == [1.25]

    def test_what_will_not_pass_is_asked_once(self) -> None:
        watch = Stopwatch(NOW)
        gone = NoAnswer(ACCESS_DENIED, "HTTP 404: no such symbol", passing=False)
        outcome = _transport(watch).ask("XXXX", _failing(gone))
        assert watch.slept == []
        assert outcome.fault is not None
        assert outcome.fault.value == "HTTP 404: no such symbol"

    def test_a_provider_that_is_down_is_not_pressed(self) -> None:
        watch = Stopwatch(NOW)
        transport = _transport(watch)
        for number in range(5):
            transport.ask(f"S{number}", _failing(*[_down()] * 9))
        assert [pause for pause in watch.slept if pause >= 1] == [1, 2, 3] * 3
        assert transport.ask("S6", _failing()).answer == "rows"
        assert transport.ask("S7", _failing(_down())).answer == "rows"


class TestThrottling:
    def test_a_named_wait_is_kept_in_full(self) -> None:
        watch = Stopwatch(NOW)
        assert _transport(watch).ask("IBIT", _failing(_down(wait=7))).answer == "rows"
        assert watch.slept == [7]

    def test_a_wait_beyond_the_bound_ends_at_once(self) -> None:
        watch = Stopwatch(NOW)
        outcome = _transport(watch).ask("IBIT", _failing(_down(wait=3600)))
        assert watch.slept == []
        assert outcome.fault is not None
        assert "the next try would be 3600 s away" in outcome.fault.value

    def test_requests_keep_their_distance(self) -> None:
        watch = Stopwatch(NOW)
        transport = _transport(watch, rate=30)
        for _ in range(3):
            transport.ask("IBIT", _failing())
        assert watch.slept == [2, 2]

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120.0),
            ("Thu, 05 Feb 2026 21:21:00 GMT", 60.0),
            ("Thu, 05 Feb 2026 21:00:00 GMT", 0.0),
            ("soon", None),
            (None, None),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(
        self, header: str | None, seconds: float | None
    ) -> None:
        assert wait_named(header, now=NOW) == seconds


class TestTimeIsUsedUp:
    def test_a_slow_provider_is_left_within_the_bound(self) -> None:
        watch = Stopwatch(NOW)
        transport = _transport(watch)

        def slow(seconds: float) -> str:
            watch.seconds += seconds
            raise NoAnswer(TIMEOUT, "no answer", passing=True)

        outcomes = [transport.ask(f"S{number}", slow) for number in range(50)]
        assert all(outcome.answer is None for outcome in outcomes)
        assert watch.seconds <= RETRY.total_seconds
        assert outcomes[-1].fault is not None
        assert outcomes[-1].fault.rule == "vendor: time_limit_reached"

    def test_the_next_table_starts_anew(self) -> None:
        watch = Stopwatch(NOW)
        transport = _transport(watch)
        watch.seconds = 61
        assert transport.ask("IBIT", _failing()).answer is None
        transport.begin()
        assert transport.ask("IBIT", _failing()).answer == "rows"


class TestManyAnswers:
    """Each within its bound, together beyond what a table may take."""

    def test_end_the_table_and_the_next_starts_anew(self) -> None:
        transport = _transport(Stopwatch(NOW))
        body = bytearray(b" " * 900_000)
        for _ in range(2):
            transport.allowance.count(body)
        with pytest.raises(NoAnswer, match="over 2 MB or 4,000,000 values in one table"):
            transport.allowance.count(body)
        transport.begin()
        transport.allowance.count(body)


class TestWireFaults:
    """Over a real socket; the clock of the requests is real, the waits between are not."""

    def _ask(self, reply: Reply, *, seconds: float = 2.0) -> object:
        allowance = Allowance(max_mb=0.01, time=Stopwatch(NOW).keeping())
        with loopback(lambda _: reply) as server, httpx.Client() as client:
            return fetch_json(
                client, server.url, parameters={}, seconds=seconds, allowance=allowance
            )

    def test_json_comes_through(self) -> None:
        assert self._ask(Reply([1, None])) == [1, None]

    @pytest.mark.parametrize(
        ("reply", "told", "passing"),
        [
            (Reply(PAGE), "an HTML page came back", True),
            (Reply(""), "nothing came back", True),
            (Reply("{torn"), "no JSON came back", True),
            (Reply(PAGE, status=503), "HTTP 503", True),
            (Reply("x", status=429, headers={"Retry-After": "9"}), "HTTP 429", True),
            (Reply("no", status=403), "HTTP 403: no", False),
            (
                Reply("[1", headers={"Content-Length": "9"}),
                "RemoteProtocolError",
                True,
            ),
            (Reply("1" * 20_000), "over 0.01 MB", False),
            (Reply("[]", delay=1.0), "no answer after 0 s", True),
        ],
    )
    def test_a_wrong_answer_is_named(self, reply: Reply, told: str, passing: bool) -> None:
        with pytest.raises(NoAnswer) as caught:
            self._ask(reply, seconds=0.2 if reply.delay else 2.0)
        assert caught.value.told == told
        assert caught.value.passing is passing
        assert caught.value.wait_seconds == (9 if reply.status == 429 else None)

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (gzip.compress(b"[1]"), None),
            (gzip.compress(b"[1, 2, 3, 4]")[:-12], "an incomplete body came back"),
            (b"[1]", "no gzip came back"),
            (gzip.compress(b" " * 20_000), "over 0.01 MB"),
        ],
        # Compressed bytes hold a time: as names they would differ between workers.
        ids=["whole", "torn", "plain", "long"],
    )
    def test_a_compressed_body_is_whole_or_named(self, body: bytes, told: str | None) -> None:
        reply = Reply(body, headers={"Content-Encoding": "gzip"})
        if told is None:
            assert self._ask(reply) == [1]
            return
        with pytest.raises(NoAnswer) as caught:
            self._ask(reply)
        assert caught.value.told == told

    def test_nobody_listens(self) -> None:
        with httpx.Client() as client, pytest.raises(NoAnswer, match="connection_failed"):
            fetch_json(
                client, "http://127.0.0.1:9", parameters={}, seconds=1,
                allowance=Allowance(max_mb=1, time=Stopwatch(NOW).keeping()),
            )  # fmt: skip

    def test_a_body_that_is_no_number_is_not_made_one(self) -> None:
        # Python's parser takes NaN and Infinity; screening refuses them later, by name.
        assert parsed_json('{"a": 1}', "application/json") == {"a": 1}
