"""A whole universe through history: walk-forward volatility of every asset, in chunks."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows import tasks
from flows.parameters import READABLE, DataSource, cutoff_of, no_session, open_source, session_of
from flows.spread import as_done, counted, progress, runner_of
from unwind.rows.moment import Moment
from unwind.sessions import sessions_between
from unwind.settings import Settings, load_settings
from unwind.universe import chunks, gathered, simulated_returns


@flow(name="universe", flow_run_name="universe {as_of}")
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
    """Walk the volatility of every priced asset forward and publish σ, estimates and failures.

    However it is spread, the same universe leaves the same bytes. (Prefect reads the next lines
    into its form.)

    Args:
        source: Where the observations come from; not read for a simulated universe.
        lake: Folder of the lake; the result goes to LAKE/universe.
        as_of: Last session. Empty: the day the run was scheduled for.
        simulated: Assets of a simulated universe in place of the source's. Empty: the source's.
        years: History of a simulated universe.
        settings: Settings file. Empty: the default desk.
        chunk: Assets that a worker takes at once.
        workers: Processes, or workers of a local Dask cluster. 1: in this process.
        dask: Spread over Dask (the official integration) in place of processes.
        links: Fit a composite DCC to all assets too.
    """
    try:
        return _universe(
            source, Path(lake), as_of, simulated, years, settings, chunk, workers, dask, links
        )
    except READABLE as error:
        return Failed(message=str(error))


def _universe(
    chosen: DataSource,
    lake: Path,
    as_of: date | None,
    simulated: int | None,
    years: int,
    settings_path: str | None,
    chunk: int,
    workers: int,
    dask: bool,
    links: bool,
) -> State[dict[str, Any]]:
    settings = load_settings(None if settings_path is None else Path(settings_path))
    scheduled = runtime.flow_run.scheduled_start_time
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    moment, returns = returns_of_all(
        chosen, lake, session, scheduled, settings, simulated=simulated, years=years
    )
    calls = [
        {"returns": block, "rule": settings.walk_forward} for block in chunks(returns, size=chunk)
    ]
    runner = runner_of(workers, dask=dask)
    with progress(len(calls), unit="chunks", what="chunks of assets") as advance:
        walked = gathered(counted(as_done(tasks.walk_chunk, calls, runner), advance))
    link = tasks.link_universe(walked, settings) if links else None
    folder = tasks.publish_universe(lake, walked, link, moment, settings)
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
            "lake": str(lake),
            "folder": str(folder),
        },
    )


def returns_of_all(
    chosen: DataSource,
    lake: Path,
    session: date,
    scheduled: datetime,
    settings: Settings,
    *,
    simulated: int | None,
    years: int,
) -> tuple[Moment, pd.DataFrame]:
    """Returns of everything that a source prices by a session, or of a simulated universe."""
    cutoff = cutoff_of(
        None, session=session, scheduled=scheduled,
        simulated=simulated is not None or chosen.kind == "simulated", settings=settings,
    )  # fmt: skip
    if simulated is not None:
        first = (pd.Timestamp(session) - pd.DateOffset(years=years)).date()
        days = sessions_between(first, session)
        moment = Moment(as_of=session, cutoff=cutoff, source="simulated:universe")
        return moment, simulated_returns(simulated, days, seed=chosen.seed)
    source = open_source(chosen, settings)
    moment = Moment(as_of=session, cutoff=cutoff, source=source.label)
    tasks.read_source(lake, source, settings, pd.Timestamp(scheduled).tz_convert("UTC"))
    return moment, tasks.universe_returns(tasks.load_market(lake), moment, settings)
