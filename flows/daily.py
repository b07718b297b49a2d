"""One session, end to end: source → market → panel → features → models → verdict → lake."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import tasks
from flows.artifacts import publish_artifacts
from flows.parameters import READABLE, DataSource, cutoff_of, open_source, session_of
from unwind.analysis import united
from unwind.reading import session_day
from unwind.rows.moment import Moment
from unwind.settings import load_settings


def _run_name() -> str:
    """Name a run by its session, so that a list of runs reads as a calendar."""
    as_of = runtime.flow_run.parameters.get("as_of")
    return f"daily {as_of or pd.Timestamp(runtime.flow_run.scheduled_start_time).date()}"


@flow(name="daily", flow_run_name=_run_name)
def daily(
    source: DataSource,
    lake: str = "lake",
    as_of: date | None = None,
    cutoff: datetime | None = None,
    settings: str | None = None,
    copy_to: str | None = None,
) -> State[dict[str, Any]]:
    """Say whether deleveraging is under way in one session, and publish it.

    Runs on the NYSE calendar: on a day without a session it ends at once as "Skipped". Run twice,
    or after a crash, it leaves the same bytes. (Prefect reads the next lines into its form.)

    Args:
        source: Where the observations come from.
        lake: Folder of the lake.
        as_of: Session. Empty: the day the run was scheduled for.
        cutoff: See only what was known by this instant. Empty: the session's publication.
        settings: Settings file. Empty: the default desk.
        copy_to: URL of a copy to push to after publication, e.g. s3://bucket/lake. Empty: none.
    """
    try:
        return _daily(source, Path(lake), as_of, cutoff, settings, copy_to)
    except READABLE as error:
        return Failed(message=str(error))


def _daily(
    chosen: DataSource,
    lake: Path,
    as_of: date | None,
    cutoff: datetime | None,
    settings_path: str | None,
    copy_to: str | None,
) -> State[dict[str, Any]]:
    scheduled = runtime.flow_run.scheduled_start_time
    settings = load_settings(None if settings_path is None else Path(settings_path))
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return Completed(name="Skipped", message=f"{scheduled:%Y-%m-%d} is no NYSE session")
    source = open_source(chosen, settings)
    moment = Moment(
        as_of=session,
        cutoff=cutoff_of(cutoff, session=session, settings=settings),
        source=source.label,
    )
    tasks.read_source(lake, source, settings, pd.Timestamp(scheduled).tz_convert("UTC"))
    market = tasks.load_market(lake)
    panel = tasks.align_to_sessions(market, moment, settings)
    measured, rows = tasks.measure(panel, moment, settings)
    rows = united(rows, tasks.estimate(panel, moment, settings))
    verdict, concluded = tasks.conclude(panel, market, moment, settings)
    snapshot = tasks.publish_tables(
        lake, rows | concluded, settings, moment.source, f"flow run {runtime.flow_run.id}"
    )
    day = session_day(snapshot, as_of=session, cutoff=moment.cutoff)
    views = tasks.view_mechanisms(market, panel, day.tables["mechanisms"], moment, settings)
    report = tasks.write_report(lake, snapshot, panel, measured, verdict, views, moment, settings)
    publish_artifacts(day, views)
    if copy_to is not None:
        tasks.copy_lake(lake, copy_to)
    return Completed(
        message=str(day.regime["headline"]),
        data={
            "as_of": session.isoformat(),
            "state": day.regime["state"],
            "headline": day.regime["headline"],
            "lake": str(lake),
            "snapshot": snapshot.name,
            "report": str(report),
        },
    )
