"""One session at several cut-offs: how the conclusion changes as data become known."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import tasks
from flows.parameters import READABLE, DataSource, cutoff_of, open_source
from unwind.replay import replay_markdown, replay_steps
from unwind.rows.moment import Moment
from unwind.sessions import CalendarError, require_session
from unwind.settings import load_settings


@flow(name="replay", flow_run_name="replay {as_of}")
def replay(
    source: DataSource,
    as_of: date,
    cutoffs: list[datetime],
    lake: str = "lake",
    settings: str | None = None,
) -> State[dict[str, Any]]:
    """Score one session at each cut-off, with what was known by then, and publish its rows.

    (Prefect reads the next lines into its form.)

    Args:
        source: Where the observations come from.
        as_of: Session.
        cutoffs: Instants at which to stand, each with its time zone.
        lake: Folder of the lake.
        settings: Settings file. Empty: the default desk.
    """
    try:
        return _replay(source, as_of, cutoffs, Path(lake), settings)
    except READABLE as error:
        return Failed(message=str(error))


def _replay(
    chosen: DataSource,
    as_of: date,
    cutoffs: list[datetime],
    lake: Path,
    settings_path: str | None,
) -> State[dict[str, Any]]:
    settings = load_settings(None if settings_path is None else Path(settings_path))
    session = require_session(as_of)
    scheduled, simulated = runtime.flow_run.scheduled_start_time, chosen.kind == "simulated"
    instants = sorted({
        cutoff_of(at, session=session, scheduled=scheduled, simulated=simulated, settings=settings)
        for at in cutoffs
    })  # fmt: skip
    if not instants:
        raise CalendarError("no cut-off to stand at; name at least one, e.g. 2026-02-06T14:30Z")
    source = open_source(chosen, settings)
    tasks.read_source(lake, source, settings, pd.Timestamp(scheduled).tz_convert("UTC"))
    market = tasks.load_market(lake)
    moments = [Moment(as_of=session, cutoff=instant, source=source.label) for instant in instants]
    rows = tasks.analyse_chunk(market, moments, settings, 1, str(instants[0]), str(instants[-1]))
    snapshot = tasks.publish_tables(
        lake, rows, settings, source.label, f"flow run {runtime.flow_run.id}"
    )
    steps = replay_steps(rows)
    page = replay_markdown(session, steps)
    create_markdown_artifact(
        key="replay", description=f"{session} as it became known", markdown=page
    )
    verdicts = " → ".join(step["named"] or step["verdict"] for step in steps)
    return Completed(
        message=f"{session}: {verdicts}",
        data={
            "as_of": session.isoformat(),
            "steps": steps,
            "markdown": page,
            "lake": str(lake),
            "snapshot": snapshot.name,
        },
    )
