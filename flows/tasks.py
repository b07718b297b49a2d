"""Tasks: one to three lines around calls to the right.

Frames are never cached or hashed (`NO_CACHE`): a task is re-run, and gives the same bytes. Only the
source is retried, since only it can answer differently the second time.
"""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from features.panel import Panel
from flows import alerts
from unwind import analysis, history, scan, track_record, universe
from unwind.analysis import Market
from unwind.charts.mechanism_views import MechanismViews, mechanism_views
from unwind.charts.record import record_chart
from unwind.episodes import Labels
from unwind.history import History
from unwind.lake import Snapshot
from unwind.market import Ingested, ingest
from unwind.report_files import write_report_file
from unwind.rows.correlations import Link
from unwind.rows.moment import Moment
from unwind.rows.regimes import Verdict
from unwind.scan import Chunk, Scan, Scanned
from unwind.sections.evidence import WalkForward
from unwind.settings import Settings
from unwind.sources.protocol import Source, SourceUnavailable
from unwind.storage.durable import write_atomically
from unwind.storage.object_storage import Copied, push
from unwind.storage.publication import publish
from unwind.universe import Walked

Rows = dict[str, pd.DataFrame]


def _passing(_task: object, _run: object, state: object) -> bool:
    """Retry only what may pass by itself: a missing folder stays missing."""
    outcome = state.result(raise_on_failure=False)  # type: ignore[attr-defined]
    return isinstance(outcome, SourceUnavailable)


@task(
    name="read the source",
    cache_policy=NO_CACHE,
    retries=4,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_passing,
)
def read_source(
    lake: Path, source: Source, settings: Settings, received_at: pd.Timestamp
) -> Ingested:
    """Run `unwind.market.ingest`."""
    return ingest(lake / "market", source, settings=settings, received_at=received_at)


@task(name="load the market", cache_policy=NO_CACHE)
def load_market(lake: Path) -> Market:
    """Run `unwind.analysis.load_market`."""
    return analysis.load_market(lake / "market")


@task(name="align to sessions", cache_policy=NO_CACHE)
def align_to_sessions(market: Market, moment: Moment, settings: Settings) -> Panel:
    """Run `unwind.analysis.observe`."""
    return analysis.observe(market, moment, settings=settings)


@task(name="measure correlations and shocks", cache_policy=NO_CACHE)
def measure(panel: Panel, moment: Moment, settings: Settings) -> tuple[tuple[Link, ...], Rows]:
    """Run `unwind.analysis.measure`."""
    return analysis.measure(panel, moment, settings=settings)


@task(name="estimate volatility and breaks", cache_policy=NO_CACHE)
def estimate(panel: Panel, moment: Moment, settings: Settings) -> Rows:
    """Run `unwind.analysis.estimate`."""
    return analysis.estimate(panel, moment, settings=settings)


@task(name="reach the verdict", cache_policy=NO_CACHE)
def conclude(
    panel: Panel, market: Market, moment: Moment, settings: Settings
) -> tuple[Verdict, Rows]:
    """Run `unwind.analysis.conclude`."""
    return analysis.conclude(panel, market, moment, settings=settings)


@task(name="publish the tables", cache_policy=NO_CACHE)
def publish_tables(lake: Path, rows: Rows, settings: Settings, source: str, run: str) -> Snapshot:
    """Run `unwind.storage.publication.publish`."""
    return publish(lake, rows, settings=settings, source=source, run=run)


@task(name="lay out the charts of the mechanisms", cache_policy=NO_CACHE)
def view_mechanisms(
    market: Market, panel: Panel, published: pd.DataFrame, moment: Moment, settings: Settings
) -> MechanismViews:
    """Run `unwind.charts.mechanism_views.mechanism_views`."""
    return mechanism_views(market, panel, published, moment, settings=settings)


@task(name="copy the lake", cache_policy=NO_CACHE)
def copy_lake(lake: Path, url: str) -> Copied:
    """Run `unwind.storage.object_storage.push`."""
    return push(lake, url)


@task(name="write the report", cache_policy=NO_CACHE)
def write_report(
    lake: Path,
    snapshot: Snapshot,
    panel: Panel,
    measured: tuple[Link, ...],
    verdict: Verdict,
    views: MechanismViews,
    moment: Moment,
    settings: Settings,
) -> Path:
    """Run `unwind.report_files.write_report_file`."""
    return write_report_file(
        lake, snapshot, panel, measured, verdict, views, moment, settings=settings
    )


@task(name="tell the desk", cache_policy=NO_CACHE)
def tell_the_desk(
    lake: Path, snapshot: Snapshot, as_of: date, current_session: date, report: Path
) -> list[str]:
    """Run `flows.alerts.tell`."""
    return alerts.tell(lake, snapshot, as_of=as_of, current_session=current_session, report=report)


@task(name="analyse a chunk of sessions", task_run_name="{first} … {last}", cache_policy=NO_CACHE)
def analyse_chunk(
    market: Market, moments: list[Moment], settings: Settings, workers: int, first: str, last: str
) -> Rows:
    """Run `unwind.analysis.analyse_sessions`; `first` and `last` name the run."""
    return analysis.analyse_sessions(market, moments, settings=settings, workers=workers)


@task(name="read a history", task_run_name="read {name}", cache_policy=NO_CACHE)
def read_history(
    source: Source, name: str, received_at: pd.Timestamp, settings: Settings
) -> History:
    """Run `unwind.history.read_history`."""
    return history.read_history(source, name=name, received_at=received_at, settings=settings)


@task(name="calibrate the verdict", cache_policy=NO_CACHE)
def calibrate_verdict(
    histories: tuple[History, ...], labels: Labels, settings: Settings
) -> dict[str, Any]:
    """Run `unwind.track_record.calibrate_on` and lay its answer out."""
    fitted = track_record.calibrate_on(histories, labels, settings=settings, without=None)
    return track_record.artefact(fitted, histories)


@task(name="score against dated episodes", cache_policy=NO_CACHE)
def evaluate_verdict(
    histories: tuple[History, ...], labels: Labels, settings: Settings, budget: float
) -> dict[str, Any]:
    """Run `unwind.track_record.evaluate`."""
    return track_record.evaluate(histories, labels, settings=settings, budget=budget)


@task(name="draw the record", cache_policy=NO_CACHE)
def draw_record(
    target: Path, histories: tuple[History, ...], labels: Labels, settings: Settings
) -> None:
    """Write `unwind.charts.record.record_chart`."""
    drawn = record_chart(histories, labels, settings=settings)
    write_atomically(target, lambda draft: draft.write_text(drawn, encoding="utf-8"))


@task(name="run on markets where nothing happens", cache_policy=NO_CACHE)
def run_null(years: int, settings: Settings) -> list[dict[str, Any]]:
    """Run `unwind.track_record.null_run`."""
    return track_record.null_run(years=years, settings=settings)


@task(name="returns of the universe", cache_policy=NO_CACHE)
def universe_returns(market: Market, moment: Moment, settings: Settings) -> pd.DataFrame:
    """Run `unwind.analysis.observe` on everything priced, and `unwind.universe.investable`."""
    panel = analysis.observe(market, moment, settings=settings, everything=True)
    return universe.investable(panel, settings=settings)


@task(name="walk a chunk of assets forward", cache_policy=NO_CACHE)
def walk_chunk(returns: pd.DataFrame, rule: WalkForward) -> Walked:
    """Run `unwind.universe.walk`."""
    return universe.walk(returns, rule=rule)


@task(name="link the universe", cache_policy=NO_CACHE)
def link_universe(walked: Walked, settings: Settings) -> dict[str, object]:
    """Run `unwind.universe.composite_link`."""
    return universe.composite_link(walked, settings=settings)


@task(name="publish the universe", cache_policy=NO_CACHE)
def publish_universe(
    lake: Path, walked: Walked, link: dict[str, object] | None, moment: Moment, settings: Settings
) -> Path:
    """Run `unwind.universe.publish_universe`."""
    return universe.publish_universe(lake, walked, link, moment, settings=settings)


@task(name="scan a chunk of pairs", task_run_name="{name}", cache_policy=NO_CACHE)
def scan_chunk(opened: Scan, chunk: Chunk, name: str) -> Scanned:
    """Run `unwind.scan.scan_chunk`; `name` names the run."""
    return scan.scan_chunk(opened, chunk)


@task(name="publish the scan", cache_policy=NO_CACHE)
def publish_scan(opened: Scan, parts: list[Scanned]) -> pd.DataFrame:
    """Run `unwind.scan.publish_scan`."""
    return scan.publish_scan(opened, parts)
