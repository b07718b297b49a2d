"""Bodies that unpack to gigabytes, and a process that asks for them and reports its memory."""

import json
import resource
import socket
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from tests.unwind.loopback import Reply, wall_clock
from unwind.contract.source import Partner, SourceError
from unwind.settings import load_settings
from unwind.sources.cftc import CftcSource
from unwind.sources.crypto import CryptoSource
from unwind.sources.yahoo import YahooSource

NOW = pd.Timestamp("2026-02-05T21:20Z")
GIBIBYTE = 1 << 30
# Beyond it the process ends: a test of the old code must not take the machine down.
LIMIT = 6 * GIBIBYTE


def gzipped(block: bytes, times: int = 1, *, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Pack `head`, a block again and again, and `tail`; each repetition is the same bytes."""
    packer = zlib.compressobj(9, wbits=-15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    repeated = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(tail) + packer.flush(zlib.Z_FINISH)
    checksum = zlib.crc32(head)
    for _ in range(times if times * len(block) < 1 << 27 else 0):
        checksum = zlib.crc32(block, checksum)
    size = len(head) + times * len(block) + len(tail)
    trailer = struct.pack("<II", zlib.crc32(tail, checksum), size % (1 << 32))
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + first + repeated * times + end + trailer


def zstandard(size: int) -> bytes:
    """Pack spaces by hand: four bytes for each 128 KiB."""
    blocks = size >> 17
    header = bytes.fromhex("28b52ffd") + b"\x00\x38"
    run = ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little") + b" "
    last = ((1 << 17) << 3 | 1 << 1 | 1).to_bytes(3, "little") + b" "
    return header + run * (blocks - 1) + last


def _packed(body: bytes, encoding: str) -> Reply:
    return Reply(body, headers={"Content-Type": "application/json", "Content-Encoding": encoding})


def bombs() -> dict[str, Reply]:
    """Answers that are small on the wire."""
    spaces = gzipped(b" " * (1 << 20), 3 << 10)
    wide = [
        {f"n{row}_{name}": 1 for name in range(300)} | {"strike": 1.0} for row in range(1000)
    ]  # fmt: skip
    chain = {"expirationDates": [1770336000], "strikes": [], "quote": {}, "options": [
        {"expirationDate": 1770336000, "calls": wide, "puts": wide}
    ]}  # fmt: skip
    return {
        "gzip": _packed(spaces, "gzip"),
        "gzip of gzip": _packed(gzipped(spaces), "gzip, gzip"),
        "zstd": _packed(zstandard(3 << 30), "zstd"),
        "values": _packed(gzipped(b"{}," * (1 << 18), 70, head=b"[", tail=b"{}]"), "gzip"),
        "wide records": Reply(wide),
        "wide chain": Reply({"optionChain": {"result": [chain], "error": None}}),
    }


@contextmanager
def endless_headers() -> Iterator[str]:
    """Serve headers that never end, a byte now and then; yield the address."""
    ended = threading.Event()

    def drip(client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not ended.wait(0.05):
                client.sendall(b"a")

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)


NESTED: list[Any] = []
for _ in range(400):
    NESTED = [NESTED]
HOSTILE_CELLS: tuple[Any, ...] = (
    None, True, [], {}, {"a": 1}, "x" * 100_000, "NaN", "1e999", "²", "1_0", 10**400, 10**25, -1,
    1e308, -1e308, float("nan"), float("inf"), NESTED, "", 0, "\x00", "=1+1", "9" * 50,
    "9999-12-31T00:00:00.000", "0001-01-01T00:00:00.000", "2026-02-03T00:00:00+99:99",
)  # fmt: skip


def disfigured(document: Any) -> Iterator[Any]:
    """Yield a document with each of its nodes replaced in turn by what no vendor documents."""
    yield from HOSTILE_CELLS
    if isinstance(document, dict):
        for key, value in document.items():
            yield {name: one for name, one in document.items() if name != key}
            for other in disfigured(value):
                yield document | {key: other}
    elif isinstance(document, list) and document:
        for other in disfigured(document[0]):
            yield [other, *document[1:]]


def _ask(source: Partner, table: str) -> str:
    try:
        return "; ".join(fault.value for fault in source.extract(table).faults) or "rows"
    except SourceError as error:
        return str(error)


def _yahoo(url: str) -> str:
    settings = load_settings()
    terms = settings.sources.yahoo.model_copy(
        update={"base_url": url, "option_underlyings": ("IBIT",)}
    )
    source = YahooSource(
        terms, symbols=("IBIT",), clock=settings.clock, retry=settings.sources.retry,
        time=wall_clock(NOW),
    )  # fmt: skip
    return f"{_ask(source, 'prices')} | {_ask(source, 'option_chains')}"


def _crypto(url: str) -> str:
    settings = load_settings()
    terms = settings.sources.crypto.model_copy(
        update={"binance_spot_url": url, "binance_futures_url": url, "deribit_url": url}
    )
    source = CryptoSource(
        terms, hourly=("BTCUSDT",), retry=settings.sources.retry, time=wall_clock(NOW)
    )
    return f"{_ask(source, 'crypto_hourly')} | {_ask(source, 'option_chains')}"


def _cftc(url: str) -> str:
    settings = load_settings()
    terms = settings.sources.cftc.model_copy(update={"base_url": url})
    source = CftcSource(terms, retry=settings.sources.retry, time=wall_clock(NOW))
    return _ask(source, "cftc_positions")


ASKING: dict[str, Callable[[str], str]] = {"yahoo": _yahoo, "crypto": _crypto, "cftc": _cftc}


def main(url: str, names: list[str]) -> None:
    """Ask each provider for each bomb; print what was said and the peak of the memory, in bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    with tempfile.TemporaryDirectory() as folder:
        import yfinance

        yfinance.set_tz_cache_location(str(Path(folder)))
        said = {
            provider: {name: ask(f"{url}/{provider}/{place}") for place, name in enumerate(names)}
            for provider, ask in ASKING.items()
        }
    # Not ru_maxrss: that of a child begins with the memory of the process that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    sys.stdout.write(json.dumps({"said": said, "peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
