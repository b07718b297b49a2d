"""One session, from source to verdict, tables, report and alert."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.faults import readable_faults
from flows.limits import DAILY_RUN
from flows.parameters import DataSource, cutoff_of, no_session, session_of
from flows.session import Alerts, run_session
from unwind.calendar import CUT_ZONE
from unwind.settings import Settings, load_settings


def _run_name() -> str:
    """Name a run by its session, so that a list of runs reads as a calendar."""
    day = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert(CUT_ZONE).date()
    return f"daily {runtime.flow_run.parameters.get('as_of') or day}"


def _slot(
    as_of: date | None,
    cutoff: datetime | None,
    scheduled: datetime,
    settings: Settings,
    *,
    simulated: bool,
) -> tuple[date, pd.Timestamp] | None:
    """Session and cut-off of the run; None where the scheduled day is not a session."""
    session = session_of(as_of, scheduled=scheduled)
    if session is None:
        return None
    return session, cutoff_of(
        cutoff, session=session, scheduled=scheduled, simulated=simulated, settings=settings
    )


@flow(name="daily", flow_run_name=_run_name, timeout_seconds=DAILY_RUN)
@readable_faults
def daily(
    source: DataSource,
    lake: str = "lake",
    as_of: date | None = None,
    cutoff: datetime | None = None,
    settings: str | None = None,
    copy_to: str | None = None,
    alerts: Alerts = "current",
) -> State[dict[str, Any]]:
    """Say whether deleveraging is under way in one session, publish it, and alert the desk.

    Runs on the NYSE calendar: on a day without a session it ends at once as "Skipped". Run twice,
    or after a crash, it leaves the same bytes and sends one alert. A run that starts late, even
    after midnight, does the day it was scheduled for.

    Args:
        source: Where the observations come from.
        lake: Folder of the lake.
        as_of: Session. Empty: the day the run was scheduled for.
        cutoff: See only what was known by this instant (UTC). Empty: the session's publication.
        settings: Settings file. Empty: the default desk.
        copy_to: URL of a copy to push to after publication, e.g. s3://bucket/lake. Empty: none.
        alerts: When to send alerts. current: of real data, and of the session in course.
            always: of simulated data and of old sessions too, as a test. never: not at all.
    """
    desk = load_settings(settings)
    scheduled = runtime.flow_run.scheduled_start_time
    slot = _slot(as_of, cutoff, scheduled, desk, simulated=source.is_simulated)
    if slot is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    return run_session(source, Path(lake), *slot, desk, copy_to=copy_to, alerts=alerts)
