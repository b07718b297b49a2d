"""All pairs of a universe at one session: correlation, change, percentile, in resumable chunks."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.faults import readable_faults
from flows.limits import CHUNK, LONG_RUN
from flows.parameters import DataSource, no_session, session_of
from flows.spread import as_done, counted, progress, runner_of
from flows.universe import returns_of_all
from unwind.contract.text import percent
from unwind.report.format import records
from unwind.report.markdown import escape_markdown
from unwind.settings import load_settings
from unwind.studies.scan import chunks_of, open_scan, publish_scan, scan_chunk

MAX_PAIRS = 10  # pairs per window in the artifact; the table has more

scan_pairs = task(
    name="scan a chunk of pairs", task_run_name="{chunk.name}", timeout_seconds=CHUNK
)(scan_chunk)
publish_pairs = task(name="publish the scan", timeout_seconds=CHUNK)(publish_scan)


@flow(name="scan", flow_run_name="scan {as_of}", timeout_seconds=LONG_RUN)
@readable_faults
def scan(
    source: DataSource,
    lake: str = "lake",
    as_of: date | None = None,
    simulated: Annotated[int | None, Field(ge=2, le=20000)] = None,
    years: Annotated[int, Field(ge=1, le=30)] = 4,
    settings: str | None = None,
    chunk: Annotated[int, Field(ge=1, le=5000)] = 100,
    workers: Annotated[int, Field(ge=1, le=256)] = 1,
    dask: bool = False,
) -> State[dict[str, Any]]:
    """Correlation of every pair of a universe, with change and percentile of its history.

    The same universe gives the same bytes, whatever the number of workers. Batches that an
    interrupted run has written are not computed again.

    Args:
        source: Data source; not used for a simulated universe.
        lake: Folder of the lake, on a disk shared by all workers; the result goes to LAKE/scan.
        as_of: Session. Default: the day of the scheduled start.
        simulated: Use a simulated universe of N assets instead.
        years: Years of history of the simulated universe.
        settings: Settings file. Default: the shipped settings.
        chunk: Assets per batch; their pairs with all later assets are computed together.
        workers: Worker processes of one thread each, or workers of a local Dask cluster.
        dask: Run on Dask instead of worker processes.
    """
    desk = load_settings(settings)
    scheduled = runtime.flow_run.scheduled_start_time
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    slot, returns = returns_of_all(
        source, Path(lake), session, scheduled, desk, simulated=simulated, years=years
    )
    runner = runner_of(workers, dask=dask)
    with open_scan(Path(lake), returns, slot, chunk=chunk, settings=desk) as opened:
        calls = [{"scan": opened, "chunk": part} for part in chunks_of(opened, chunk=chunk)]
        with progress(len(calls), unit="chunks", what="chunks of pairs") as advance:
            parts = counted(as_done(scan_pairs, calls, runner), advance)
        rises = publish_pairs(opened, parts)
    create_table_artifact(
        key="rises",
        description=f"Largest rises of correlation over {desk.scan.change} sessions to {session}",
        table=_table_rows(rises),
    )
    pairs, n_reused = (
        len(opened.assets) * (len(opened.assets) - 1) // 2,
        sum(p.reused for p in parts),
    )
    get_run_logger().info("%d pairs to %s in %s", pairs, session, opened.folder)
    return Completed(
        message=f"{pairs:,} pairs of {len(opened.assets)} assets in "
        f"{len(desk.correlation.windows)} windows to {session}; {n_reused} of {len(parts)} chunks "
        "reused",
        data={
            "assets": len(opened.assets),
            "pairs": pairs,
            "chunks": len(parts),
            "kept": n_reused,
            "lake": str(Path(lake)),
            "folder": str(opened.folder),
        },
    )


def _table_rows(rises: pd.DataFrame) -> list[dict[str, Any]]:
    """The first ten of each window, formatted for the UI."""
    return [
        {
            "window": row["window"],
            "pair": escape_markdown(f"{row['asset']} ~ {row['counterpart']}"),
            "correlation": f"{row['value']:+.2f}",
            "change": f"{row['change']:+.2f}",
            "percentile": percent(row["percentile"], decimals=0),
        }
        for row in records(rises[rises["rank"] <= MAX_PAIRS])
    ]
