"""One session, end to end: source → market → context → blocks → verdict → lake → alert.

Tasks are the functions of `unwind` themselves. Only the source is retried, because only its answer
can change; any other task is rerun with its flow and gives the same bytes.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from prefect import get_run_logger, runtime, task
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from flows.alerts import send
from flows.artifacts import publish_artifacts
from flows.limits import SOURCE, STAGE
from flows.parameters import WALL_CLOCK, DataSource, open_source, session_in_course
from unwind import pipeline
from unwind.contract.source import Source, SourceUnavailable
from unwind.contract.text import is_simulated
from unwind.indicators.context import Slot
from unwind.lake.forward_log import append_verdict
from unwind.lake.publish import publish
from unwind.lake.push import push
from unwind.lake.snapshots import Snapshot
from unwind.market.store import ingest
from unwind.pipeline import Market, Views, united
from unwind.report.files import write_report_file
from unwind.report.session import session_day
from unwind.settings import Settings

# For real data and the current session; for all runs, as a test; for none.
Alerts = Literal["current", "always", "never"]
Rows = dict[str, pd.DataFrame]


def _may_pass(_task: object, _run: object, state: State[Any]) -> bool:
    """Retry only temporary faults: a missing folder stays missing."""
    return isinstance(state.result(raise_on_failure=False), SourceUnavailable)


ingest_source = task(
    name="read the source",
    retries=4,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_may_pass,
    timeout_seconds=SOURCE,
)(ingest)
load_market = task(name="load the market", timeout_seconds=STAGE)(pipeline.load_market)
observe = task(name="align to sessions", timeout_seconds=STAGE)(pipeline.observe)
measure = task(name="measure correlations and shocks", timeout_seconds=STAGE)(pipeline.measure)
estimate = task(name="estimate volatility and breaks", timeout_seconds=STAGE)(pipeline.estimate)
conclude = task(name="reach the verdict", timeout_seconds=STAGE)(pipeline.conclude)
publish_rows = task(name="publish the tables", timeout_seconds=STAGE)(publish)
write_report = task(name="write the report", timeout_seconds=STAGE)(write_report_file)
send_alerts = task(name="send the alerts", timeout_seconds=STAGE)(send)
push_lake = task(name="copy the lake", timeout_seconds=STAGE)(push)


def read_market(lake: Path, source: Source, settings: Settings) -> Market:
    """Read a source into the lake's market store, as of the scheduled start, and load it."""
    received_at = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert("UTC")
    ingested = ingest_source(lake / "market", source, settings=settings, received_at=received_at)
    rows = ", ".join(
        f"{table} {n} ({ingested.added[table]} new)" for table, n in ingested.received.items()
    )
    get_run_logger().info("source %s, rows read: %s", source.label, rows)
    if quarantined := sum(ingested.quarantined.values()):
        get_run_logger().info("%d rows quarantined; `unwind quarantine` lists them", quarantined)
    return load_market(lake / "market")


def publish_tables(lake: Path, rows: Rows, settings: Settings, source: str) -> Snapshot:
    """Publish the rows of this run as a new snapshot."""
    run = f"flow run {runtime.flow_run.id}"
    snapshot = publish_rows(lake, rows, settings=settings, source=source, run=run)
    get_run_logger().info("snapshot %s", snapshot.name)
    return snapshot


def run_session(
    data_source: DataSource,
    lake: Path,
    session: date,
    cutoff: pd.Timestamp,
    settings: Settings,
    *,
    copy_to: str | None,
    alerts: Alerts,
) -> State[dict[str, Any]]:
    """Analyse a session at a cut-off, publish and report it, and send its alert."""
    logger = get_run_logger()
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    source = open_source(data_source, settings)
    slot = Slot(as_of=session, cutoff=cutoff, source=source.label)
    logger.info("session %s, cut-off %s", session, f"{cutoff:%Y-%m-%d %H:%M} UTC")
    market = read_market(lake, source, settings)
    context = observe(market, slot, settings=settings)
    links, rows = measure(context)
    rows = united(rows, estimate(context))
    verdict, mechanisms, concluded = conclude(context, market)
    views = Views(links=links, verdict=verdict, mechanisms=mechanisms)
    snapshot = publish_tables(lake, rows | concluded, settings, slot.source)
    day = session_day(snapshot, as_of=session, cutoff=slot.cutoff)
    logger.info("state %s: %s", day.regime["state"], day.regime["headline"])
    if not is_simulated(slot.source) and append_verdict(
        lake, day.regime, recorded_at=WALL_CLOCK.now()
    ):
        logger.info("verdict added to the forward log")
    report = write_report(lake, snapshot, context, views)
    logger.info("report %s", report)
    publish_artifacts(day, views.mechanisms)
    current = session == session_in_course(scheduled, settings=settings)
    if alerts == "always" or (alerts == "current" and current and not is_simulated(slot.source)):
        # By the clock: for a late run, alerts of later sessions may already be in the log.
        now = max(pd.Timestamp(scheduled), WALL_CLOCK.now())
        in_course = session_in_course(now, settings=settings)
        for subject in send_alerts(
            lake, snapshot, as_of=session, current_session=in_course, report=report
        ):
            logger.info("alert sent: %s", subject)
    if copy_to is not None:
        push_lake(lake, copy_to)
        logger.info("copy of the lake is up to date")
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
