"""The next-morning run: the last session again, with overnight fund flows and settlements."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.faults import readable_faults
from flows.limits import DAILY_RUN
from flows.parameters import DataSource, cutoff_of, no_session, session_in_course, session_of
from flows.session import Alerts, run_session
from unwind.calendar import CUT_ZONE
from unwind.settings import Settings, load_settings


def _run_name() -> str:
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    return f"morning after, {pd.Timestamp(scheduled).tz_convert(CUT_ZONE).date()}"


def _slot(
    scheduled: datetime, settings: Settings, *, simulated: bool
) -> tuple[date, pd.Timestamp] | None:
    """Last published session, at the scheduled start; None where that day is not a session."""
    if session_of(None, scheduled=scheduled) is None:
        return None
    session = session_in_course(scheduled, settings=settings)
    return session, cutoff_of(
        scheduled, session=session, scheduled=scheduled, simulated=simulated, settings=settings
    )


@flow(name="morning-after", flow_run_name=_run_name, timeout_seconds=DAILY_RUN)
@readable_faults
def morning_after(
    source: DataSource,
    lake: str = "lake",
    settings: str | None = None,
    copy_to: str | None = None,
    alerts: Alerts = "current",
) -> State[dict[str, Any]]:
    """Analyse the last published session again with the data known this morning.

    The cut-off is the scheduled start, so late fund flows and settlements are included. The rows
    of the evening before remain. On a day without an NYSE session the run ends as "Skipped".

    Args:
        source: Data source.
        lake: Folder of the lake.
        settings: Settings file. Default: the shipped settings.
        copy_to: URL to copy the lake to after publication, e.g. s3://bucket/lake.
        alerts: When to send alerts: current session only, always (test), or never.
    """
    desk = load_settings(settings)
    scheduled = runtime.flow_run.scheduled_start_time
    slot = _slot(scheduled, desk, simulated=source.is_simulated)
    if slot is None:
        return Completed(name="Skipped", message=no_session(scheduled))
    return run_session(source, Path(lake), *slot, desk, copy_to=copy_to, alerts=alerts)
