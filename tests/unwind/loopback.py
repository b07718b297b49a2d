"""A provider on loopback: answers as recorded, or in every wrong way that providers know."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from unwind.sources.transport import Timekeeping

PAGE = "<!doctype html><html><body>We are down for maintenance.</body></html>"


@dataclass
class Reply:
    """One answer; `delay` and `drip` (between its bytes) in seconds, `body` a document or text."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0

    def text(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Asked:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Asked], Reply]


@dataclass
class Loopback:
    """Where the server listens, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def loopback(answer: Answering) -> Iterator[Loopback]:
    """Serve answers on 127.0.0.1 until the block ends."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                parts.path,
                {k: v[0] for k, v in parse_qs(parts.query).items()},
                {name.lower(): value for name, value in self.headers.items()},
            )
            served.asked.append(asked)
            reply = answer(asked)
            if reply.delay:
                released.wait(reply.delay)
            body = reply.text()
            try:
                self.send_response(reply.status)
                kind = "text/html" if body.lstrip().startswith(b"<") else "application/json"
                for name, value in ({"Content-Type": kind} | reply.headers).items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    pass
                elif reply.drip:
                    for place in range(len(body)):
                        self.wfile.write(body[place : place + 1])
                        self.wfile.flush()
                        if released.wait(reply.drip):
                            break
                else:
                    self.wfile.write(body)
            except OSError:  # the client has given up, as it should
                pass

        do_POST = do_HEAD = do_GET  # noqa: N815 - the library's own names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Loopback(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Stopwatch:
    """Time that passes only when somebody sleeps."""

    at: pd.Timestamp
    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def keeping(self, *, chance: float = 0.0) -> Timekeeping:
        return Timekeeping(
            now=lambda: self.at + pd.Timedelta(seconds=self.seconds),
            elapsed=lambda: self.seconds,
            sleep=self.sleep,
            chance=lambda: chance,
        )


def wall_clock(at: pd.Timestamp) -> Timekeeping:
    """Time as it passes, begun at an instant; nobody waits between requests."""
    start = time.monotonic()
    return Timekeeping(
        now=lambda: at + pd.Timedelta(seconds=time.monotonic() - start),
        elapsed=time.monotonic,
        sleep=lambda _: None,
        chance=lambda: 0.0,
    )
