"""Compile every kernel that a session needs, over both cores: `python -m tests.warm_up`.

The code is cached beside its modules, so that no test and no demo compiles. A second run takes
seconds.
"""

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from features.correlation import correlation_with_base, pair_standings, rolling_correlation
from unwind.calendar import publication_instant
from unwind.indicators.context import Slot
from unwind.market.store import ingest
from unwind.pipeline import conclude, estimate, load_market, measure, observe
from unwind.settings import load_settings
from unwind.simulation.source import SimulatedSource

EVENT = date(2026, 2, 5)
# Of about 35, 30, 15 and 10 seconds.
STAGES = [("estimate", "conclude"), ("measure",), ("scan",), ("read-only",)]


def compile_stage(stages: tuple[str, ...]) -> None:
    """Run stages of a simulated session, which compiles the kernels that they call."""
    settings = load_settings()
    source = SimulatedSource(
        "multi_strat_unwind", seed=7, first=date(2024, 1, 2), last=EVENT, event=EVENT
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "market"
        ingest(store, source, settings=settings, received_at=pd.Timestamp("2026-02-06T00:00Z"))
        market = load_market(store)
    cutoff = publication_instant(EVENT, settings.publication)
    context = observe(
        market, Slot(as_of=EVENT, cutoff=cutoff, source=source.label), settings=settings
    )
    if "measure" in stages:
        measure(context)
    if "estimate" in stages:
        estimate(context)
    if "conclude" in stages:
        conclude(context, market)
    if "scan" in stages:
        returns = context.panel.returns[["IBIT", "IGV", "GLD"]].iloc[-120:]
        rolling_correlation(returns)
        list(pair_standings(returns.to_numpy(copy=True), stop=2))
        correlation_with_base(returns.convert_dtypes(), base="IBIT")  # another memory layout
    if "read-only" in stages:
        fixed = context.panel.returns[["IBIT", "IGV", "GLD"]].iloc[-120:].to_numpy(copy=True)
        fixed.flags.writeable = False  # a type of its own to the compiler
        rolling_correlation(fixed)


def main() -> None:
    """Two processes take the stages in turn, the longest first."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Spawned: a forked process would share the parent's thread pool.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(compile_stage, STAGES))


if __name__ == "__main__":
    main()
