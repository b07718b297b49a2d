"""Many sessions: the daily analysis over a range, published chunk by chunk."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from prefect import flow, runtime
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows import tasks
from flows.artifacts import publish_artifacts
from flows.parameters import READABLE, DataSource, cutoff_of, open_source
from flows.spread import in_order, progress, runner_of
from unwind.lake import read
from unwind.reading.commands import session_day
from unwind.reading.markdown import escape_markdown
from unwind.rows.moment import Moment
from unwind.sessions import CalendarError, sessions_between
from unwind.settings import load_settings


@flow(name="backfill", flow_run_name="backfill {first} … {last}")
def backfill(
    source: DataSource,
    first: date,
    last: date,
    lake: str = "lake",
    settings: str | None = None,
    chunk: Annotated[int, Field(ge=1, le=250)] = 10,
    workers: Annotated[int, Field(ge=1, le=64)] = 1,
    dask: bool = False,
    copy_to: str | None = None,
) -> State[dict[str, Any]]:
    """Publish every session of a range, each as its own run at publication time would have seen it.

    A crash loses one chunk at most; run again, it leaves the same bytes. (Prefect reads the next
    lines into its form.)

    Args:
        source: Where the observations come from.
        first: First session of the range.
        last: Last session of the range.
        lake: Folder of the lake.
        settings: Settings file. Empty: the default desk.
        chunk: Sessions analysed and published at a time.
        workers: Processes that share the sessions of a chunk, or workers of a local Dask cluster.
        dask: Give whole chunks to Dask (the official integration) in place of processes.
        copy_to: URL of a copy to push to after the last chunk, e.g. s3://bucket/lake. Empty: none.
    """
    try:
        return _backfill(source, first, last, Path(lake), settings, chunk, workers, dask, copy_to)
    except READABLE as error:
        return Failed(message=str(error))


def _backfill(
    chosen: DataSource,
    first: date,
    last: date,
    lake: Path,
    settings_path: str | None,
    chunk: int,
    workers: int,
    dask: bool,
    copy_to: str | None,
) -> State[dict[str, Any]]:
    settings = load_settings(None if settings_path is None else Path(settings_path))
    days = [stamp.date() for stamp in sessions_between(first, last)]
    if not days:
        raise CalendarError(f"no NYSE session from {first} to {last}; widen the range")
    scheduled, simulated = runtime.flow_run.scheduled_start_time, chosen.kind == "simulated"
    cutoffs = [
        cutoff_of(None, session=day, scheduled=scheduled, simulated=simulated, settings=settings)
        for day in days
    ]
    source = open_source(chosen, settings)
    tasks.read_source(lake, source, settings, pd.Timestamp(scheduled).tz_convert("UTC"))
    market = tasks.load_market(lake)
    moments = [
        Moment(as_of=day, cutoff=cutoff, source=source.label)
        for day, cutoff in zip(days, cutoffs, strict=True)
    ]
    run = f"flow run {runtime.flow_run.id}"
    parts = [moments[start : start + chunk] for start in range(0, len(moments), chunk)]
    calls = [
        {
            "market": market, "moments": part, "settings": settings,
            "workers": 1 if dask else workers,
            "first": str(part[0].as_of), "last": str(part[-1].as_of),
        }
        for part in parts
    ]  # fmt: skip
    runner = runner_of(workers, dask=True) if dask else None
    # However the chunks are spread, one writer publishes them, in their order.
    analysed = in_order(tasks.analyse_chunk, calls, runner, ahead=workers)
    with progress(len(moments), unit="sessions", what="sessions") as advance:
        for part, rows in zip(parts, analysed, strict=True):
            snapshot = tasks.publish_tables(lake, rows, settings, source.label, run)
            advance(len(part))
    regimes = read(snapshot, "regimes")
    regimes = regimes[regimes["as_of"].isin(days)]
    create_table_artifact(
        key="states",
        description=f"States, {days[0]} … {days[-1]}",
        table=[
            {
                "session": str(row.as_of),
                "state": row.state,
                "verdict": escape_markdown(str(row.headline)),
            }
            for row in regimes.itertuples()
        ],
    )
    day = session_day(snapshot, as_of=days[-1], cutoff=moments[-1].cutoff)
    panel = tasks.align_to_sessions(market, moments[-1], settings)
    publish_artifacts(
        day,
        tasks.view_mechanisms(market, panel, day.tables["mechanisms"], moments[-1], settings),
    )
    if copy_to is not None:
        tasks.copy_lake(lake, copy_to)
    counts = {str(state): int(count) for state, count in regimes["state"].value_counts().items()}
    return Completed(
        message=f"{len(days)} sessions, {days[0]} … {days[-1]}: {counts}",
        data={
            "sessions": len(days),
            "states": counts,
            "lake": str(lake),
            "snapshot": snapshot.name,
        },
    )
