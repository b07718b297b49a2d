"""A long run in one process: whether memory stays flat and time linear.

`python -m benchmarks.long_run` takes some minutes. `--sessions 2500 --runs 1000` is the full size,
`--desk` the whole default desk on a simulated market in place of the small one: some seconds a
session. `--every 12` takes each twelfth session of the stretch: as much history, fewer sessions.
`--skip 1500` begins so much later, when every window of the settings is full. `--minutes` ends
either part where it is by then; what was reached is printed.

The first part is a backfill: sessions are analysed and published in chunks as
`unwind backfill` does, on ever longer history. The second runs the flow `daily` again and
again, session after session, in one process against one server. Memory is the resident set
that Linux reports; a slope is that of least squares over the second half, when caches are warm.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from unwind.calendar import publication_instant, sessions_between
from unwind.contract.source import Source
from unwind.indicators.context import Slot
from unwind.lake.publish import publish
from unwind.market.store import ingest
from unwind.pipeline import analyse_sessions, load_market
from unwind.settings import DEFAULT_PATH, load_settings
from unwind.simulation.source import SimulatedSource
from unwind.sources.files import FilesSource

FIRST, LAST = date(2014, 1, 2), date(2026, 2, 5)
WARM = 300  # sessions of history before the first that is analysed
PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20
PORT = 4288
# The small desk: four assets, and the least that the settings allow of what is estimated.
SMALL = {
    "counterparts": '["IGV", "GLD", "QQQ"]',
    "context": "[]",
    "havens": "[]",
    "compared": '[["IGV", "GLD"]]',
    "draws": "{least}",
    "windows": "[63]",
    "half_lives": "[10]",
    "pairs": '[["IGV", "QQQ"]]',
    "starts": "1",
    "jump_starts": "1",
    "sessions": "{least}",
    "connectedness_step": "21",
}


def resident() -> float:
    """Memory of this process, in MiB."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE


def small_settings(folder: Path) -> Path:
    """Write the default settings with the keys of SMALL changed; return the path."""
    text = DEFAULT_PATH.read_text("utf-8")
    for key, value in SMALL.items():
        text = re.sub(
            rf"(?m)^{key} = (.*)$",
            lambda match, value=value: match[0].replace(
                match[1], value.format(least=_least(match[1]))
            ),
            text,
        )
    path = folder / "small.toml"
    path.write_text(text, "utf-8")
    load_settings(path)
    return path


def _least(default: str) -> str:
    """Minimum of a count of draws or sessions, given its default."""
    number = int(default) if default.isdigit() else 0
    return default if number < 99 else str(min(number, 126 if number == 504 else 99))


def walks(folder: Path) -> Source:
    """A drop folder of correlated random walks, prices alone."""
    days = sessions_between(FIRST, LAST)
    random = np.random.default_rng(7)
    common = random.standard_t(5, len(days)) * 0.008
    parts = []
    for symbol in ("IBIT", "IGV", "GLD", "QQQ"):
        close = 100 * np.exp(np.cumsum(0.6 * common + random.standard_t(5, len(days)) * 0.008))
        parts.append(pd.DataFrame({"session": days, "symbol": symbol, "close": close}))
    folder.mkdir()
    pd.concat(parts).to_parquet(folder / "prices.parquet", index=False)
    return FilesSource(folder)


def slope(samples: list[float]) -> tuple[float, float]:
    """Least squares over the second half: change per step, and its standard error."""
    late = np.asarray(samples[len(samples) // 2 :])
    steps = np.arange(len(late), dtype=np.float64)
    design = np.column_stack([np.ones_like(steps), steps])
    coefficients, residuals, *_ = np.linalg.lstsq(design, late, rcond=None)
    variance = float(residuals[0]) / (len(late) - 2) if len(residuals) and len(late) > 2 else 0.0
    error = np.sqrt(variance / ((steps - steps.mean()) ** 2).sum())
    return float(coefficients[1]), float(error)


def print_samples(unit: str, steps: list[int], columns: dict[str, list[float]]) -> None:
    """Print ten lines of samples, each the mean since the line before, and the slopes."""
    print(f"{unit:>9}" + "".join(f"{name:>22}" for name in columns))
    for part in np.array_split(np.arange(len(steps)), min(10, len(steps))):
        means = "".join(f"{np.mean(np.take(values, part)):>22.3f}" for values in columns.values())
        print(f"{steps[part[-1]]:>9}{means}")
    per = (steps[-1] - steps[0]) / max(1, len(steps) - 1)
    for name, values in columns.items():
        change, error = (1000 * value / per for value in slope(values))
        print(f"slope of {name}: {change:+.3f} ± {error:.3f} per 1,000 {unit}s")


def backfill(
    source: Source, settings_path: Path | None, lake: Path, *, sessions: int, every: int, skip: int,
    chunk: int, minutes: float,
) -> None:  # fmt: skip
    """Analyse and publish session after session; print memory and time."""
    settings = load_settings(settings_path)
    ingest(
        lake / "market", source, settings=settings, received_at=pd.Timestamp("2026-11-22T00:00Z")
    )
    market = load_market(lake / "market")
    days = [stamp.date() for stamp in sessions_between(FIRST, LAST)][WARM + skip :][:sessions:every]
    began, steps = time.perf_counter(), []
    samples: dict[str, list[float]] = {
        "CPU s per session": [], "s per publication": [], "resident MiB": [],
    }  # fmt: skip
    for start in range(0, len(days), chunk):
        if time.perf_counter() - began > 60 * minutes:
            break
        moments = [
            Slot(as_of=day, cutoff=publication_instant(day, settings.publication),
                   source=source.label)
            for day in days[start : start + chunk]
        ]  # fmt: skip
        used = time.process_time()
        rows = analyse_sessions(market, moments, settings=settings, workers=1).tables
        samples["CPU s per session"].append((time.process_time() - used) / len(moments))
        before = time.perf_counter()
        publish(lake, rows, settings=settings, source=source.label, run="long run")
        samples["s per publication"].append(time.perf_counter() - before)
        samples["resident MiB"].append(resident())
        steps.append(skip + (start + len(moments)) * every)
    stretch = steps[-1] - skip
    print(
        f"\nbackfill: {stretch // every} sessions in one process, each {every}. of a stretch of "
        f"{stretch} (asked: {sessions}) after {WARM + skip} sessions of history,\n{chunk} per "
        f"publication, {len(settings.universe.symbols)} assets, {time.perf_counter() - began:.0f} s"
    )
    print_samples("session", steps, samples)


@contextmanager
def server(home: Path) -> Iterator[str]:
    """Run one Prefect server on loopback, with its own database; yield its address."""
    address = f"http://127.0.0.1:{PORT}/api"
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(PORT)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield address
        finally:
            process.terminate()


def daily_runs(
    folder: Path, drop: Path, settings_path: Path | None, *, runs: int, minutes: float
) -> None:
    """Run `daily` session after session against one server; print memory and time."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL, temporary_settings

    from flows.daily import daily

    source = {"kind": "files", "path": str(drop)}
    days = [stamp.date() for stamp in sessions_between(FIRST, LAST)][WARM:][:runs]
    samples: dict[str, list[float]] = {"s per run": [], "resident MiB": []}
    began = time.perf_counter()
    with (
        server(folder / "prefect") as address,
        temporary_settings({PREFECT_API_URL: address, PREFECT_LOGGING_LEVEL: "ERROR"}),
    ):
        for _ in range(240):
            with get_client(sync_client=True) as client:
                if client.api_healthcheck() is None:
                    break
            time.sleep(0.5)
        for day in days:
            if time.perf_counter() - began > 60 * minutes:
                break
            start = time.perf_counter()
            state = daily(
                source=source, lake=str(folder / "lake"), as_of=day, alerts="never",
                settings=None if settings_path is None else str(settings_path), return_state=True,
            )  # fmt: skip
            if not state.is_completed():
                raise SystemExit(f"{day}: {state.message}")
            samples["s per run"].append(time.perf_counter() - start)
            samples["resident MiB"].append(resident())
    reached = len(samples["s per run"])
    print(
        f"\ndaily: {reached} of {runs} runs in one process against one server, "
        f"{time.perf_counter() - began:.0f} s"
    )
    print_samples("run", list(range(1, reached + 1)), samples)


def main() -> None:
    """Run both parts, one after the other in this process."""
    parser = argparse.ArgumentParser(description="Memory and time of a long run.")
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=600.0, help="most for either part")
    parser.add_argument("--desk", action="store_true", help="the whole default desk, simulated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = None if options.desk else small_settings(folder)
        drop = walks(folder / "drop")
        simulated = SimulatedSource("multi_strat_unwind", seed=1, first=FIRST, last=LAST,
                                    event=LAST)  # fmt: skip
        if options.sessions:
            backfill(
                simulated if options.desk else drop, settings, folder / "backfill",
                sessions=options.sessions, every=options.every, skip=options.skip,
                chunk=options.chunk, minutes=options.minutes,
            )  # fmt: skip
        if options.runs:
            daily_runs(
                folder, folder / "drop", settings, runs=options.runs, minutes=options.minutes
            )


if __name__ == "__main__":
    main()
