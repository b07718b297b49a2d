"""One session at several cut-offs: how the conclusion changes as data become known."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.faults import readable_faults
from flows.limits import CHUNK, LONG_RUN
from flows.parameters import DataSource, cutoff_of, open_source
from flows.session import publish_tables, read_market
from unwind.calendar import CalendarError, require_session
from unwind.indicators.context import Slot
from unwind.pipeline import analyse_sessions
from unwind.settings import load_settings
from unwind.studies.replay import replay_markdown, replay_steps

analyse_cutoffs = task(name="analyse every cut-off", timeout_seconds=CHUNK)(analyse_sessions)


@flow(name="replay", flow_run_name="replay {as_of}", timeout_seconds=LONG_RUN)
@readable_faults
def replay(
    source: DataSource,
    as_of: date,
    cutoffs: list[datetime],
    lake: str = "lake",
    settings: str | None = None,
) -> State[dict[str, Any]]:
    """Analyse one session at several cut-offs, each with the data known by then.

    Args:
        source: Data source.
        as_of: Session.
        cutoffs: Data cut-offs, UTC times; repeat for more.
        lake: Folder of the lake.
        settings: Settings file. Default: the shipped settings.
    """
    desk = load_settings(settings)
    session = require_session(as_of)
    scheduled, simulated = runtime.flow_run.scheduled_start_time, source.is_simulated
    instants = sorted({
        cutoff_of(at, session=session, scheduled=scheduled, simulated=simulated, settings=desk)
        for at in cutoffs
    })  # fmt: skip
    if not instants:
        raise CalendarError("no cut-off given; name at least one, e.g. 2026-02-06T14:30Z")
    provider = open_source(source, desk)
    market = read_market(Path(lake), provider, desk)
    slots = [Slot(as_of=session, cutoff=instant, source=provider.label) for instant in instants]
    rows = analyse_cutoffs(market, slots, settings=desk, workers=1).tables
    snapshot = publish_tables(Path(lake), rows, desk, provider.label)
    steps = replay_steps(rows)
    page = replay_markdown(session, steps)
    create_markdown_artifact(
        key="replay", description=f"{session} as it became known", markdown=page
    )
    verdicts = " → ".join(step["named"] or step["verdict"] for step in steps)
    get_run_logger().info("%s: %s", session, verdicts)
    return Completed(
        message=f"{session}: {verdicts}",
        data={
            "as_of": session.isoformat(),
            "steps": steps,
            "markdown": page,
            "lake": str(Path(lake)),
            "snapshot": snapshot.name,
        },
    )
