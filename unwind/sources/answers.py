"""Answers of a live provider: read under bounds on time, bytes and values, and parsed."""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import Any, TypeVar

import httpx
import pandas as pd

from unwind.sources.transport import (
    ACCESS_DENIED,
    CONNECTION_FAILED,
    INVALID_JSON,
    MAX_VALUES,
    RATE_LIMITED,
    SERVER_ERROR,
    TIMEOUT,
    UNEXPECTED_ANSWER,
    Allowance,
    NoAnswer,
)

Answer = TypeVar("Answer")

# The only compression that is asked for: its unpacked size is bounded step by step.
ACCEPTED = "gzip"
# Bytes that are unpacked before they are counted.
STEP = 1 << 20
# A library's own time-out comes first: its message is more precise.
GRACE_SECONDS = 0.5


def within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """Run a call, and leave it after `seconds` whatever it is doing.

    A client's time-out starts anew with each packet. The body is read under a bound of its own;
    a name lookup, a TLS handshake and headers are not. The thread that is left ends with its
    connection, and with the process at the latest.

    Raises
    ------
    NoAnswer
    """
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True, name="provider request").start()
    try:
        return future.result(timeout=seconds + GRACE_SECONDS)
    except TimeoutError as error:
        if future.done():
            raise
        raise NoAnswer(TIMEOUT, f"nothing whole after {seconds:.0f} s", passing=True) from error


def read_body(parts: Iterable[bytes], encoding: str, allowance: Allowance) -> bytes:
    """Join the parts of a body as they arrive, unpacked, and stop past the allowance.

    Parameters
    ----------
    parts : iterable of bytes
        As sent, still compressed.
    encoding : str
        The header Content-Encoding: none, identity or gzip. Anything else was not asked for.
    allowance : Allowance

    Raises
    ------
    NoAnswer
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", ACCEPTED):
        raise NoAnswer(UNEXPECTED_ANSWER, f"content encoding {encoding[:40]}", passing=False)
    unpacker = zlib.decompressobj(wbits=31) if encoding == ACCEPTED else None
    body = bytearray()
    try:
        for part in parts:
            if unpacker is None:
                allowance.take(body, part)
                continue
            while part and not unpacker.eof:
                allowance.take(body, unpacker.decompress(part, STEP))
                part = unpacker.unconsumed_tail
    except zlib.error as error:
        raise NoAnswer(INVALID_JSON, "no gzip came back", passing=True) from error
    if unpacker is not None and body and not unpacker.eof:
        raise NoAnswer(INVALID_JSON, "an incomplete body came back", passing=True)
    allowance.count(body)
    return bytes(body)


def check_status(status: int, retry_after: str | None, body: str, *, now: pd.Timestamp) -> None:
    """Raise NoAnswer for an HTTP status that carries no data.

    Raises
    ------
    NoAnswer
        429 and 418 with the wait that Retry-After names (seconds or a date), 5xx, other 4xx.
    """
    if status in (418, 429):
        raise NoAnswer(
            RATE_LIMITED, f"HTTP {status}", passing=True,
            wait_seconds=wait_named(retry_after, now=now),
        )  # fmt: skip
    if status >= 500:
        raise NoAnswer(
            SERVER_ERROR, f"HTTP {status}", passing=True,
            wait_seconds=wait_named(retry_after, now=now),
        )  # fmt: skip
    if status >= 400:
        raise NoAnswer(ACCESS_DENIED, f"HTTP {status}: {body[:80]}", passing=False)


def wait_named(retry_after: object, *, now: pd.Timestamp) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3); None where unreadable."""
    if not isinstance(retry_after, str):
        return None
    # ASCII digits alone: "²" is a digit to Python, and no number.
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return float(retry_after)
    try:
        at = pd.Timestamp(parsedate_to_datetime(retry_after[:64]))
        return None if at.tzinfo is None else max(0.0, (at - now).total_seconds())
    # The parser of the standard library stumbles over more than it documents.
    except Exception:
        return None


def parsed_json(body: str, content_type: str) -> Any:
    """Parse an answer.

    Raises
    ------
    NoAnswer
        It is a page or no JSON at all: often maintenance, so it may pass. Or it nests too deeply,
        or its tables would be too wide.
    """
    try:
        document = json.loads(body)
        _check_width(document)
    except RecursionError as error:
        raise NoAnswer(UNEXPECTED_ANSWER, "JSON nested too deeply", passing=False) from error
    except ValueError as error:
        page = "<html" in body[:2000].lower() or "text/html" in content_type
        told = "an HTML page" if page else "nothing" if not body.strip() else "no JSON"
        raise NoAnswer(INVALID_JSON, f"{told} came back", passing=True) from error
    return document


def _check_width(document: Any) -> None:
    """Refuse records whose table, with a column per name, would hold too many cells."""
    members = document.values() if isinstance(document, dict) else document
    if not isinstance(document, dict | list):
        return
    records = [member for member in members if isinstance(member, dict)]
    names = len(set().union(*records)) if records else 0
    if names * len(records) > MAX_VALUES:
        raise NoAnswer(
            UNEXPECTED_ANSWER, f"{len(records)} records with {names} names", passing=False
        )  # fmt: skip
    for member in members:
        _check_width(member)


def fetch_json(
    client: httpx.Client,
    url: str,
    *,
    parameters: Mapping[str, str],
    seconds: float,
    allowance: Allowance,
) -> Any:
    """Get one JSON document over HTTP, bounded in total time and size.

    Raises
    ------
    NoAnswer
    """

    def get() -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Accept-Encoding": ACCEPTED}
        with client.stream(
            "GET", url, params=dict(parameters), headers=headers, timeout=seconds
        ) as response:
            encoding = response.headers.get("content-encoding", "")
            body = read_body(response.iter_raw(), encoding, allowance)
            return response.status_code, response.headers, body

    try:
        status, headers, body = within(seconds, get)
    except httpx.TimeoutException as error:
        raise NoAnswer(TIMEOUT, f"no answer after {seconds:.0f} s", passing=True) from error
    except httpx.HTTPError as error:
        raise NoAnswer(CONNECTION_FAILED, type(error).__name__, passing=True) from error
    text = body.decode("utf-8", errors="replace")
    check_status(status, headers.get("retry-after"), text, now=allowance.time.now())
    return parsed_json(text, headers.get("content-type", ""))
