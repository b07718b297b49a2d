"""A whole universe through history: walk-forward volatility of every asset, in chunks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, cast
from uuid import UUID

import pandas as pd
from prefect import flow, runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner
from pydantic import Field

from flows import tasks
from flows.parameters import READABLE, DataSource, cutoff_of, open_source, session_of
from flows.progress import progress_bar
from unwind.rows.moment import Moment
from unwind.sessions import sessions_between
from unwind.settings import Settings, SettingsError, load_settings
from unwind.universe import Walked, chunks, gathered, simulated_returns


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
        return Completed(name="Skipped", message=f"{scheduled:%Y-%m-%d} is no NYSE session")
    cutoff = cutoff_of(None, session=session, settings=settings)
    if simulated is None:
        source = open_source(chosen, settings)
        moment = Moment(as_of=session, cutoff=cutoff, source=source.label)
        tasks.read_source(lake, source, settings, pd.Timestamp(scheduled).tz_convert("UTC"))
        returns = tasks.universe_returns(tasks.load_market(lake), moment, settings)
    else:
        moment = Moment(as_of=session, cutoff=cutoff, source="simulated:universe")
        returns = _simulated(simulated, session, years, chosen.seed)
    walked = _spread(chunks(returns, size=chunk), settings, _runner(workers, dask=dask))
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


def _simulated(assets: int, last: date, years: int, seed: int) -> pd.DataFrame:
    days = sessions_between((pd.Timestamp(last) - pd.DateOffset(years=years)).date(), last)
    return simulated_returns(assets, days, seed=seed)


def _runner(workers: int, *, dask: bool) -> TaskRunner[Any] | None:
    """Who runs the chunks: nobody else, a pool of processes, or a local Dask cluster."""
    if dask:
        try:
            from prefect_dask import DaskTaskRunner
        except ImportError as error:
            raise SettingsError("dask needs prefect-dask; pip install 'unwind[dask]'") from error
        return cast(
            TaskRunner[Any],
            DaskTaskRunner(
                cluster_kwargs={
                    "n_workers": workers, "threads_per_worker": 1, "dashboard_address": None,
                }
            ),
        )  # fmt: skip
    return ProcessPoolTaskRunner(max_workers=workers) if workers > 1 else None


@contextmanager
def _server_in_force() -> Iterator[None]:
    with get_client(sync_client=True) as client:
        address = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: address}):
        yield


def _spread(
    blocks: list[pd.DataFrame], settings: Settings, runner: TaskRunner[Any] | None
) -> Walked:
    # The call is synchronous here; its type also covers the asynchronous one.
    shown = cast(
        UUID, create_progress_artifact(progress=0.0, description=f"{len(blocks)} chunks of assets")
    )
    parts: list[Walked] = []
    with progress_bar() as progress:
        bar = progress.add_task("chunks", total=len(blocks))

        def keep(part: Walked) -> None:
            parts.append(part)
            progress.advance(bar)
            update_progress_artifact(shown, progress=100.0 * len(parts) / len(blocks))

        if runner is None:
            for block in blocks:
                keep(tasks.walk_chunk(block, settings.walk_forward))
            return gathered(parts)
        # Told of no server, each worker would start a temporary one of its own.
        with _server_in_force(), runner as started:
            futures = [
                started.submit(
                    tasks.walk_chunk,
                    parameters={"returns": block, "rule": settings.walk_forward},
                )
                for block in blocks
            ]
            for future in as_completed(futures):
                keep(future.result())
    return gathered(parts)
