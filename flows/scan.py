"""All pairs of a universe at one session: correlation, change, percentile, in resumable chunks."""

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
from flows.parameters import READABLE, DataSource, no_session, session_of
from flows.spread import as_done, counted, progress, runner_of
from flows.universe import returns_of_all
from unwind.contract.text import percent
from unwind.report.format import records
from unwind.report.markdown import escape_markdown
from unwind.settings import load_settings
from unwind.studies.scan import chunks_of, open_scan

SHOWN = 10  # pairs a window in the artifact; the table holds more


@flow(name="scan", flow_run_name="scan {as_of}")
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
    """Correlate every pair of a universe at one session and hold it against its own history.

    However it is spread, the same universe leaves the same bytes; chunks that stand from an
    interrupted run are not computed again. (Prefect reads the next lines into its form.)

    Args:
        source: Where the observations come from; not read for a simulated universe.
        lake: Folder of the lake, on a disk that every worker sees; the result goes to LAKE/scan.
        as_of: Session. Empty: the day the run was scheduled for.
        simulated: Assets of a simulated universe in place of the source's. Empty: the source's.
        years: History of a simulated universe.
        settings: Settings file. Empty: the default desk.
        chunk: Assets whose pairs with all later ones a worker takes at once, in one window.
        workers: Processes of one thread each, or workers of a local Dask cluster. 1: this process.
        dask: Spread over Dask (the official integration) in place of processes.
    """
    try:
        return _scan(
            source, Path(lake), as_of, simulated, years, settings, chunk, workers, dask
        )  # fmt: skip
    except READABLE as error:
        return Failed(message=str(error))


def _scan(
    chosen: DataSource,
    lake: Path,
    as_of: date | None,
    simulated: int | None,
    years: int,
    settings_path: str | None,
    chunk: int,
    workers: int,
    dask: bool,
) -> State[dict[str, Any]]:
    settings = load_settings(None if settings_path is None else Path(settings_path))
    scheduled = runtime.flow_run.scheduled_start_time
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    moment, returns = returns_of_all(
        chosen, lake, session, scheduled, settings, simulated=simulated, years=years
    )
    runner = runner_of(workers, dask=dask)
    with open_scan(lake, returns, moment, chunk=chunk, settings=settings) as opened:
        calls = [
            {"opened": opened, "chunk": part, "name": part.name}
            for part in chunks_of(opened, chunk=chunk)
        ]
        with progress(len(calls), unit="chunks", what="chunks of pairs") as advance:
            parts = counted(as_done(tasks.scan_chunk, calls, runner), advance)
        rises = tasks.publish_scan(opened, parts)
    create_table_artifact(
        key="rises",
        description=f"Largest rises of correlation over {settings.scan.change} sessions to "
        f"{session}",
        table=_shown(rises),
    )
    pairs, kept = len(opened.assets) * (len(opened.assets) - 1) // 2, sum(p.kept for p in parts)
    return Completed(
        message=f"{pairs:,} pairs of {len(opened.assets)} assets in "
        f"{len(settings.correlation.windows)} windows to {session}; {kept} of {len(parts)} chunks "
        "stood already",
        data={
            "assets": len(opened.assets),
            "pairs": pairs,
            "chunks": len(parts),
            "kept": kept,
            "lake": str(lake),
            "folder": str(opened.folder),
        },
    )


def _shown(rises: pd.DataFrame) -> list[dict[str, Any]]:
    """The first ten of each window, as the UI shows them."""
    return [
        {
            "window": row["window"],
            "pair": escape_markdown(f"{row['asset']} ~ {row['counterpart']}"),
            "correlation": f"{row['value']:+.2f}",
            "change": f"{row['change']:+.2f}",
            "percentile": percent(row["percentile"], decimals=0),
        }
        for row in records(rises[rises["rank"] <= SHOWN])
    ]
