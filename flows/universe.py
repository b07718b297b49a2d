"""A whole universe through history: walk-forward volatility of every asset, in chunks."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from prefect import flow, get_run_logger, runtime, task
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.faults import readable_faults
from flows.limits import CHUNK, LONG_RUN
from flows.parameters import DataSource, cutoff_of, no_session, open_source, session_of
from flows.session import observe, read_market
from flows.spread import as_done, counted, progress, runner_of
from unwind.calendar import sessions_between
from unwind.indicators.context import Slot
from unwind.settings import Settings, load_settings
from unwind.studies.universe import (
    chunks,
    composite_link,
    gathered,
    investable,
    publish_universe,
    simulated_returns,
    walk,
)

walk_chunk = task(name="walk a chunk of assets forward", timeout_seconds=CHUNK)(walk)
link_universe = task(name="link the universe", timeout_seconds=CHUNK)(composite_link)
publish_walk = task(name="publish the universe", timeout_seconds=CHUNK)(publish_universe)


@flow(name="universe", flow_run_name="universe {as_of}", timeout_seconds=LONG_RUN)
@readable_faults
def universe(
    source: DataSource,
    lake: str = "lake",
    as_of: date | None = None,
    simulated: Annotated[int | None, Field(ge=2, le=20000)] = None,
    years: Annotated[int, Field(ge=1, le=30)] = 10,
    settings: str | None = None,
    chunk: Annotated[int, Field(ge=1, le=1000)] = 10,
    workers: Annotated[int, Field(ge=1, le=256)] = 1,
    dask: bool = False,
    links: bool = False,
) -> State[dict[str, Any]]:
    """Walk-forward volatility of every asset with prices: σ, estimates and failures.

    The same universe gives the same bytes, whatever the number of workers.

    Args:
        source: Data source; not used for a simulated universe.
        lake: Folder of the lake; the result goes to LAKE/universe.
        as_of: Last session. Default: the day of the scheduled start.
        simulated: Use a simulated universe of N assets instead.
        years: Years of history of the simulated universe.
        settings: Settings file. Default: the shipped settings.
        chunk: Assets per batch.
        workers: Worker processes, or workers of a local Dask cluster.
        dask: Run on Dask instead of worker processes.
        links: Also fit a composite DCC to all assets.
    """
    desk, folder = load_settings(settings), Path(lake)
    scheduled = runtime.flow_run.scheduled_start_time
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    slot, returns = returns_of_all(
        source, folder, session, scheduled, desk, simulated=simulated, years=years
    )
    calls = [{"returns": part, "rule": desk.walk_forward} for part in chunks(returns, size=chunk)]
    runner = runner_of(workers, dask=dask)
    with progress(len(calls), unit="chunks", what="chunks of assets") as advance:
        walked = gathered(counted(as_done(walk_chunk, calls, runner), advance))
    link = link_universe(walked, settings=desk) if links else None
    published = publish_walk(folder, walked, link, slot, settings=desk)
    get_run_logger().info("universe to %s in %s", session, published)
    failed = int((walked.assets["model"] == "none").sum())
    estimates, fallbacks = (int(walked.assets[name].sum()) for name in ("estimates", "fallbacks"))
    return Completed(
        message=f"{len(walked.assets)} assets to {session}, {estimates} estimates, {fallbacks} of "
        f"them EWMA; {failed} assets too short",
        data={
            "assets": len(walked.assets),
            "estimates": estimates,
            "fallbacks": fallbacks,
            "too_short": failed,
            "lake": str(folder),
            "folder": str(published),
        },
    )


def returns_of_all(
    data_source: DataSource,
    lake: Path,
    session: date,
    scheduled: datetime,
    settings: Settings,
    *,
    simulated: int | None,
    years: int,
) -> tuple[Slot, pd.DataFrame]:
    """Returns of all priced symbols of a source up to a session, or of a simulated universe."""
    cutoff = cutoff_of(
        None, session=session, scheduled=scheduled,
        simulated=simulated is not None or data_source.is_simulated, settings=settings,
    )  # fmt: skip
    if simulated is not None:
        first = (pd.Timestamp(session) - pd.DateOffset(years=years)).date()
        days = sessions_between(first, session)
        slot = Slot(as_of=session, cutoff=cutoff, source="simulated:universe")
        return slot, simulated_returns(simulated, days, seed=data_source.seed)
    source = open_source(data_source, settings)
    slot = Slot(as_of=session, cutoff=cutoff, source=source.label)
    market = read_market(lake, source, settings)
    context = observe(market, slot, settings=settings, every_symbol=True)
    return slot, investable(context.panel, settings=settings)
