"""One session, end to end: source → market → panel → features → models → verdict → lake."""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import tasks
from flows.alerts import AlertError
from flows.artifacts import publish_artifacts
from flows.parameters import (
    READABLE,
    WALL_CLOCK,
    DataSource,
    cutoff_of,
    no_session,
    open_source,
    session_in_course,
    session_of,
)
from unwind.analysis import united
from unwind.reading.commands import session_day
from unwind.reading.formatting import is_simulated
from unwind.rows.moment import Moment
from unwind.sessions import CUT_ZONE, CalendarError
from unwind.settings import Settings, load_settings

# Of real data and the session in course; of anything, as a drill; of nothing.
Alerts = Literal["current", "always", "never"]


def _run_name() -> str:
    """Name a run by its session, so that a list of runs reads as a calendar."""
    chosen = runtime.flow_run.parameters
    day = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert(CUT_ZONE).date()
    if chosen.get("morning_after"):
        return f"morning after, {day}"
    return f"daily {chosen.get('as_of') or day}"


@flow(name="daily", flow_run_name=_run_name)
def daily(
    source: DataSource,
    lake: str = "lake",
    as_of: date | None = None,
    cutoff: datetime | None = None,
    settings: str | None = None,
    copy_to: str | None = None,
    morning_after: bool = False,
    alerts: Alerts = "current",
) -> State[dict[str, Any]]:
    """Say whether deleveraging is under way in one session, publish it, and tell the desk.

    Runs on the NYSE calendar: on a day without a session it ends at once as "Skipped". Run twice,
    or after a crash, it leaves the same bytes and tells the desk once. A run that starts late, even
    after midnight, does the day it was scheduled for. (Prefect reads the next lines into its form.)

    Args:
        source: Where the observations come from.
        lake: Folder of the lake.
        as_of: Session. Empty: the day the run was scheduled for.
        cutoff: See only what was known by this instant. Empty: the session's publication.
        settings: Settings file. Empty: the default desk.
        copy_to: URL of a copy to push to after publication, e.g. s3://bucket/lake. Empty: none.
        morning_after: Look again at the session before the scheduled day, with all that is known
            at the scheduled time: late fund flows, settled futures.
        alerts: When to tell the desk. current: of real data, and of the session in course.
            always: of simulated data and of old sessions too, as a drill. never: not at all.
    """
    try:
        return _daily(source, Path(lake), as_of, cutoff, settings, copy_to, morning_after, alerts)
    except (*READABLE, AlertError) as error:
        return Failed(message=str(error))


def _slot(
    as_of: date | None,
    cutoff: datetime | None,
    scheduled: datetime,
    settings: Settings,
    *,
    morning_after: bool,
    simulated: bool,
) -> tuple[date, pd.Timestamp] | None:
    """Session and cut-off of the run; None where the scheduled day is no session."""
    day = session_of(as_of, scheduled=scheduled)
    if day is None:
        return None
    if morning_after:
        if as_of is not None:
            raise CalendarError(
                f"morning_after looks at the session before the scheduled day, got as_of {as_of}; "
                "name a cutoff in place of morning_after"
            )
        day, cutoff = session_in_course(scheduled, settings=settings), cutoff or scheduled
    return day, cutoff_of(
        cutoff, session=day, scheduled=scheduled, simulated=simulated, settings=settings
    )


def _daily(
    chosen: DataSource,
    lake: Path,
    as_of: date | None,
    cutoff: datetime | None,
    settings_path: str | None,
    copy_to: str | None,
    morning_after: bool,
    alerts: Alerts,
) -> State[dict[str, Any]]:
    scheduled = runtime.flow_run.scheduled_start_time
    settings = load_settings(None if settings_path is None else Path(settings_path))
    slot = _slot(
        as_of, cutoff, scheduled, settings,
        morning_after=morning_after, simulated=chosen.kind == "simulated",
    )  # fmt: skip
    if slot is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    session, instant = slot
    source = open_source(chosen, settings)
    moment = Moment(as_of=session, cutoff=instant, source=source.label)
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
    current = session == session_in_course(scheduled, settings=settings)
    if alerts == "always" or (alerts == "current" and current and not is_simulated(moment.source)):
        # By the clock: a late run finds alerts of sessions after the one it was scheduled for.
        now = max(pd.Timestamp(scheduled), WALL_CLOCK.now())
        tasks.tell_the_desk(
            lake, snapshot, session, session_in_course(now, settings=settings), report
        )
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
