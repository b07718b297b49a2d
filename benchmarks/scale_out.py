"""Cost per pair of a scan of a universe, on one worker and on two.

`python -m benchmarks.scale_out --assets 1000` prints the table of docs/scale-out.md: microseconds
of wall and processor time per pair (all windows of the settings, history, file and summary), bytes
per pair on disk, and the peak memory of a worker. `--plan 10000` extrapolates: pairs and bytes grow
with the square of the assets, memory with the assets. Prefect is excluded: a task takes about 0.1 s
of a worker's time, whatever its size.
"""

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from unwind.indicators.context import Slot
from unwind.settings import load_settings
from unwind.studies.scan import Chunk, Scan, Scanned, chunks_of, open_scan, publish_scan, scan_chunk
from unwind.studies.universe import simulated_returns

DAYS = pd.bdate_range("2022-01-03", periods=1000)
MOMENT = Slot(
    as_of=DAYS[-1].date(),
    cutoff=pd.Timestamp("2025-11-01T00:00Z"),
    source="simulated:universe",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one scan."""

    assets: int
    workers: int
    wall: float
    cpu: float
    bytes: int
    memory: float
    grown: float

    @property
    def pairs(self) -> int:
        """Pairs of the universe."""
        return self.assets * (self.assets - 1) // 2


def _usage() -> tuple[float, float]:
    return time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _measured(scan: Scan, chunk: Chunk) -> tuple[Scanned, float, float]:
    before = time.process_time()
    done = scan_chunk(scan, chunk)
    after, memory = _usage()
    return done, after - before, memory


def _warm(returns: pd.DataFrame, folder: str) -> float:
    """Load compiled kernels; return the memory of an idle worker."""
    with open_scan(Path(folder), returns, MOMENT, chunk=8, settings=load_settings()) as scan:
        for part in chunks_of(scan, chunk=8):
            scan_chunk(scan, part)
    time.sleep(1.0)  # so that each worker takes one
    return _usage()[1]


def measure(assets: int, *, chunk: int, workers: int) -> Cost:
    """Scan a simulated universe without stored chunks, on `workers` processes."""
    returns = simulated_returns(assets, DAYS, seed=7)
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        warmed = [
            pool.submit(_warm, returns.iloc[:, :8], f"{folder}/{n}") for n in range(workers)
        ]  # fmt: skip
        idle = max(future.result() for future in warmed)
        began = time.perf_counter()
        settings = load_settings()
        with open_scan(Path(folder), returns, MOMENT, chunk=chunk, settings=settings) as scan:
            begun = [pool.submit(_measured, scan, part) for part in chunks_of(scan, chunk=chunk)]
            results = [future.result() for future in begun]
            publish_scan(scan, [done for done, _, _ in results])
        wall = time.perf_counter() - began
        size = sum(path.stat().st_size for path in scan.folder.rglob("*.parquet"))
    peak = max(memory for _, _, memory in results)
    return Cost(
        assets=assets, workers=workers, wall=wall, cpu=sum(cpu for _, cpu, _ in results),
        bytes=size, memory=peak, grown=peak - idle,
    )  # fmt: skip


def plan(cost: Cost, *, assets: int, hours: float) -> None:
    """Print the estimated requirements of a universe."""
    pairs = assets * (assets - 1) // 2
    cpu = cost.cpu / cost.pairs * pairs / 3600
    settings = load_settings()
    rows = settings.scan.history + max(settings.correlation.windows)
    work = 8 * rows * assets * 16 / 2**30
    print(
        f"\nplan for {assets:,} assets, {pairs / 1e6:.1f} M pairs: {cpu:.2f} processor hours, "
        f"{cost.bytes / cost.pairs * pairs / 2**30:.1f} GiB per session, "
        f"{work:.2f} GiB at work in a worker of the first chunk (8·{rows}·assets·16) beside "
        f"{cost.memory - cost.grown:.2f} GiB of libraries"
    )
    for workers in (1, 2, 8, 32):
        print(f"  {workers:>3} workers of one core: {60 * cpu / workers:7.1f} minutes")
    print(f"  workers for {hours:g} h: {max(1, int(-(-cpu // hours)))}")


def main() -> None:
    """Measure one and two workers, print, and extrapolate."""
    parser = argparse.ArgumentParser(description="Cost of a pair in a scan of a universe.")
    parser.add_argument("--assets", type=int, default=500)
    parser.add_argument("--chunk", type=int, default=100)
    parser.add_argument("--plan", type=int, default=10_000)
    options = parser.parse_args()
    print(
        f"{'assets':>7}{'pairs':>12}{'workers':>9}{'wall s':>9}{'wall µs/pair':>14}"
        f"{'CPU µs/pair':>13}{'bytes/pair':>12}{'peak GiB':>10}{'above idle':>12}"
    )
    costs = [measure(options.assets, chunk=options.chunk, workers=workers) for workers in (1, 2)]
    for cost in costs:
        print(
            f"{cost.assets:>7}{cost.pairs:>12,}{cost.workers:>9}{cost.wall:>9.1f}"
            f"{1e6 * cost.wall / cost.pairs:>14.2f}{1e6 * cost.cpu / cost.pairs:>13.2f}"
            f"{cost.bytes / cost.pairs:>12.1f}{cost.memory:>10.2f}{cost.grown:>12.2f}",
            flush=True,
        )
    plan(costs[-1], assets=options.plan, hours=1.0)


if __name__ == "__main__":
    main()
