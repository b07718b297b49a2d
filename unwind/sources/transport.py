"""Asking a live provider: paced, retried with backoff and jitter, bounded in number and in time.

Time enters from outside (`Timekeeping`), so that a test waits for nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd

from unwind.contract.source import Fault, SourceError
from unwind.settings.sources import Retry

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """One request failed; `rule` names what was broken, `passing` whether another may succeed."""

    def __init__(
        self, rule: str, told: str, *, passing: bool, wait_seconds: float | None = None
    ) -> None:
        super().__init__(f"{rule}: {told}")
        self.rule = rule
        self.told = told
        self.passing = passing
        self.wait_seconds = wait_seconds


# Failed requests in sequence after which a provider counts as down: each further one
# is tried once, until one is answered.
LOST_IN_A_ROW = 3
# Values of one answer, counted by the signs of JSON: about 100 bytes of memory each.
MAX_VALUES = 2_000_000
# Bytes and values of one table of one provider, in largest answers.
ANSWERS_PER_TABLE = 2

TIMEOUT = "request_timeout"
CONNECTION_FAILED = "connection_failed"
RATE_LIMITED = "rate_limited"
SERVER_ERROR = "server_error"
INVALID_JSON = "invalid_json"
UNEXPECTED_ANSWER = "unexpected_answer"
ACCESS_DENIED = "access_denied"
TIME_LIMIT = "time_limit_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timekeeping:
    """Clock, stopwatch, sleep and chance of a live provider.

    Attributes
    ----------
    now : callable
        The time, as a UTC Timestamp.
    elapsed : callable
        Seconds on a clock that never goes back.
    sleep : callable
        Waits a number of seconds.
    chance : callable
        A number in [0, 1): the jitter.
    """

    now: Callable[[], pd.Timestamp]
    elapsed: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome(Generic[Answer]):
    """An answer, or the fault in its place."""

    answer: Answer | None
    fault: Fault | None


class Allowance:
    """Bounds on what arrives: time of one request, bytes and values of an answer and of a table.

    Attributes
    ----------
    time : Timekeeping
    deadline : float
        When the current request must be answered, as `time.elapsed` counts.
    """

    def __init__(self, *, max_mb: float, time: Timekeeping) -> None:
        self.time = time
        self.deadline = time.elapsed()
        self._max_mb = max_mb
        self._bytes = self._values = 0

    def begin(self) -> None:
        """Start the count of a table."""
        self._bytes = self._values = 0

    def take(self, body: bytearray, part: bytes, *, max_mb: float | None = None) -> None:
        """Append a part of an answer, unpacked.

        Raises
        ------
        NoAnswer
            The answer takes too long or is too large.
        """
        body += part
        if self.time.elapsed() > self.deadline:
            raise NoAnswer(TIMEOUT, "nothing whole in time", passing=True)
        bound = self._max_mb if max_mb is None else min(max_mb, self._max_mb)
        if len(body) > bound * 1e6:
            raise NoAnswer(UNEXPECTED_ANSWER, f"over {bound:g} MB", passing=False)

    def count(self, body: bytearray) -> None:
        """Add a whole answer to what the table has received.

        Raises
        ------
        NoAnswer
            The answer holds too many values, or the table received too much.
        """
        values = sum(body.count(sign) for sign in (b"[", b"{", b",", b":"))
        self._bytes += len(body)
        self._values += values
        if values > MAX_VALUES:
            raise NoAnswer(UNEXPECTED_ANSWER, f"over {MAX_VALUES:,} values", passing=False)
        bound = ANSWERS_PER_TABLE * self._max_mb
        if self._bytes > bound * 1e6 or self._values > ANSWERS_PER_TABLE * MAX_VALUES:
            told = f"over {bound:g} MB or {ANSWERS_PER_TABLE * MAX_VALUES:,} values in one table"
            raise NoAnswer(UNEXPECTED_ANSWER, told, passing=False)


class Transport:
    """Asks one provider; a bound on the total time starts with each table (`begin`)."""

    def __init__(
        self, provider: str, *, retry: Retry, requests_per_minute: float, time: Timekeeping
    ) -> None:
        self.provider = provider
        self.time = time
        self.allowance = Allowance(max_mb=retry.largest_answer_mb, time=time)
        self._retry = retry
        self._pause = 60.0 / requests_per_minute
        self._next = time.elapsed()
        self._end = self._next + retry.total_seconds
        self._lost = 0

    def begin(self) -> None:
        """Start the bounds on time and size anew: the next table."""
        self.allowance.begin()
        self._end = self.time.elapsed() + self._retry.total_seconds

    def ask(self, entity: str, call: Callable[[float], Answer]) -> Outcome[Answer]:
        """Call until there is an answer, the attempts are used up, or the time is.

        Parameters
        ----------
        entity : str
            What is asked for; names the fault.
        call : callable
            Takes the seconds that this one request may last; raises NoAnswer.

        Returns
        -------
        Outcome
            Never both null: what could not be had is a fault with rule, value and remedy.
        """
        wait = self._retry.first_wait_seconds
        attempts = self._retry.attempts if self._lost < LOST_IN_A_ROW else 1
        tried = 0
        while True:
            tried += 1
            if not self._paced():
                return self._given_up(entity, TIME_LIMIT, self._used_up())
            left = self._end - self.time.elapsed()
            seconds = min(self._retry.request_seconds, left)
            self.allowance.deadline = self.time.elapsed() + seconds
            try:
                answer = call(seconds)
                self._lost = 0
                return Outcome(answer=answer, fault=None)
            except NoAnswer as error:
                if not error.passing or tried == attempts:
                    self._lost = self._lost + 1 if error.passing else 0
                    times = f" ({tried} attempts)" if tried > 1 else ""
                    return self._given_up(entity, error.rule, f"{error.told}{times}")
                # Jitter only lengthens a wait: one that the provider named is kept in full.
                pause = wait if error.wait_seconds is None else error.wait_seconds
                pause *= 1 + 0.5 * self.time.chance()
                if self.time.elapsed() + pause >= self._end:
                    told = f"{error.told}; the next try would be {pause:.0f} s away"
                    return self._given_up(entity, error.rule, told)
                self.time.sleep(pause)
                wait = min(2 * wait, self._retry.longest_wait_seconds)

    def _paced(self) -> bool:
        """Wait for this provider's next turn; False where the time is used up by then."""
        turn = max(self._next, self.time.elapsed())
        if turn >= self._end:
            return False
        if turn > self.time.elapsed():
            self.time.sleep(turn - self.time.elapsed())
        self._next = turn + self._pause
        return True

    def _used_up(self) -> str:
        return f"{self._retry.total_seconds:.0f} s used up"

    def _given_up(self, entity: str, rule: str, told: str) -> Outcome[Any]:
        return Outcome(
            answer=None,
            fault=Fault(
                entity=entity, rule=f"{self.provider}: {rule}", severity="warning",
                value=single_line(told), remedy=_REMEDIES[rule],
            ),
        )  # fmt: skip


_REMEDIES = {
    TIMEOUT: "run again later, or raise sources.retry.request_seconds",
    CONNECTION_FAILED: "check the network and the address under [sources]; run again",
    RATE_LIMITED: "lower its requests_per_minute, or run again later",
    SERVER_ERROR: "run again later",
    INVALID_JSON: "look at its base_url in a browser: maintenance, a consent page or a proxy's",
    UNEXPECTED_ANSWER: "upgrade unwind[live]; the provider may have changed its answers",
    ACCESS_DENIED: "correct the symbol or the address under [sources]",
    TIME_LIMIT: "raise sources.retry.total_seconds, or ask for less",
}


def single_line(text: str) -> str:
    """Shorten a provider's words to what a table cell holds, control characters left out."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:160]


def all_gone(provider: str, table: str, faults: tuple[Fault, ...]) -> SourceError:
    """Say that nothing of a table could be had, and why."""
    why = f"{faults[0].rule}: {faults[0].value}; {faults[0].remedy}" if faults else "no rows"
    return SourceError(f"{provider} gave no {table}: {why}")


def missing_extra(package: str, provider: str) -> SourceError:
    """Say that a live provider's library is not installed."""
    return SourceError(
        f"the source {provider} needs {package}, which is not installed; pip install 'unwind[live]'"
    )
