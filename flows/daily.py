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
    """Analyse one session, publish the verdict, and send the alert.

    On a day without an NYSE session the run ends as "Skipped". Run twice, or after a crash, it
    writes the same bytes and sends one alert. A late run analyses the day it was scheduled for.

    Args:
        source: Data source.
        lake: Folder of the lake.
        as_of: Session. Default: the day of the scheduled start.
        cutoff: Use only what was known by this UTC time. Default: the session's publication.
        settings: Settings file. Default: the shipped settings.
        copy_to: URL to copy the lake to after publication, e.g. s3://bucket/lake.
        alerts: When to send alerts: current session only, always (test), or never.
    """
    desk = load_settings(settings)
    scheduled = runtime.flow_run.scheduled_start_time
    slot = _slot(as_of, cutoff, scheduled, desk, simulated=source.is_simulated)
    if slot is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    return run_session(source, Path(lake), *slot, desk, copy_to=copy_to, alerts=alerts)
