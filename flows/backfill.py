"""Many sessions: the daily analysis over a range, published chunk by chunk."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.artifacts import publish_artifacts
from flows.faults import readable_faults
from flows.limits import CHUNK, LONG_RUN
from flows.parameters import DataSource, cutoff_of, open_source
from flows.session import publish_tables, push_lake, read_market
from flows.spread import in_order, progress, runner_of
from unwind.calendar import CalendarError, sessions_between
from unwind.indicators.context import Slot
from unwind.lake.snapshots import read
from unwind.pipeline import analyse_sessions
from unwind.report.markdown import escape_markdown
from unwind.report.session import session_day
from unwind.settings import load_settings


def _chunk_name() -> str:
    slots: list[Slot] = runtime.task_run.parameters["slots"]
    return f"{slots[0].as_of} … {slots[-1].as_of}"


analyse_chunk = task(
    name="analyse a chunk of sessions", task_run_name=_chunk_name, timeout_seconds=CHUNK
)(analyse_sessions)


@flow(name="backfill", flow_run_name="backfill {first} … {last}", timeout_seconds=LONG_RUN)
@readable_faults
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
    """Analyse and publish a range of sessions, each with the data known at its publication time.

    A crash loses at most one batch; run again, it writes the same bytes.

    Args:
        source: Data source.
        first: First session of the range.
        last: Last session of the range.
        lake: Folder of the lake.
        settings: Settings file. Default: the shipped settings.
        chunk: Sessions published per batch.
        workers: Worker processes, or workers of a local Dask cluster.
        dask: Run on Dask instead of worker processes.
        copy_to: URL to copy the lake to after the last batch, e.g. s3://bucket/lake.
    """
    desk, folder = load_settings(settings), Path(lake)
    days = [stamp.date() for stamp in sessions_between(first, last)]
    if not days:
        raise CalendarError(f"no NYSE session from {first} to {last}; widen the range")
    scheduled = runtime.flow_run.scheduled_start_time
    cutoffs = [
        cutoff_of(
            None, session=day, scheduled=scheduled, simulated=source.is_simulated, settings=desk
        )
        for day in days
    ]
    provider = open_source(source, desk)
    market = read_market(folder, provider, desk)
    slots = [
        Slot(as_of=day, cutoff=cutoff, source=provider.label)
        for day, cutoff in zip(days, cutoffs, strict=True)
    ]
    parts = [slots[start : start + chunk] for start in range(0, len(slots), chunk)]
    calls = [
        {
            "market": market, "slots": part, "settings": desk,
            "workers": 1 if dask else workers,
        }
        for part in parts
    ]  # fmt: skip
    runner = runner_of(workers, dask=True) if dask else None
    # However the chunks are spread, one writer publishes them, in their order.
    analysed = in_order(analyse_chunk, calls, runner, ahead=workers)
    with progress(len(slots), unit="sessions", what="sessions") as advance:
        for part, analysis in zip(parts, analysed, strict=True):
            snapshot = publish_tables(folder, analysis.tables, desk, provider.label)
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
    day = session_day(snapshot, as_of=days[-1], cutoff=slots[-1].cutoff)
    publish_artifacts(day, analysis.views.mechanisms)
    if copy_to is not None:
        push_lake(folder, copy_to)
    counts = {str(state): int(count) for state, count in regimes["state"].value_counts().items()}
    get_run_logger().info("states %s", counts)
    return Completed(
        message=f"{len(days)} sessions, {days[0]} … {days[-1]}: {counts}",
        data={
            "sessions": len(days),
            "states": counts,
            "lake": str(folder),
            "snapshot": snapshot.name,
        },
    )
