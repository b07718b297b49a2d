"""`python -m flows daily | backfill | replay | evaluate | calibrate …`: run a flow from a shell.

Its exit status is the outcome.
"""

import json
import logging
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from prefect.client.schemas.objects import State
from pydantic import ValidationError

from flows.backfill import backfill
from flows.calibrate import calibrate
from flows.daily import daily
from flows.evaluate import evaluate
from flows.options import (
    DEFAULT_EVENT,
    FILES,
    AlertsWhen,
    AsJson,
    AsOf,
    CopyTo,
    Event,
    FilesOnly,
    FolderPath,
    Folders,
    LabelFolder,
    Lake,
    OnDask,
    ScenarioName,
    Seed,
    SettingsPath,
    Simulated,
    Sources,
    Workers,
    Years,
    chosen_source,
)  # fmt: skip
from flows.parameters import READABLE, DataSource, open_source
from flows.replay import replay
from flows.scan import scan
from flows.universe import universe
from unwind.calendar import CalendarError
from unwind.settings import load_settings
from unwind.studies.episodes import read_labels
from unwind.studies.track_record_text import record_markdown

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run the desk's flows through Prefect, with a server of their own or the one configured.",
)


DEMO_FIRST, DEMO_LAST = date(2026, 1, 28), date(2026, 2, 12)


@app.command("daily")
def run_daily(
    source: Sources = FILES,
    path: FolderPath = None,
    scenario: ScenarioName = "multi_strat_unwind",
    seed: Seed = 1,
    event: Event = DEFAULT_EVENT,
    as_of: AsOf = None,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", help="UTC instant. Default: publication time.")
    ] = None,
    lake: Lake = "lake",
    settings: SettingsPath = None,
    copy_to: CopyTo = None,
    alerts: Annotated[
        AlertsWhen, typer.Option("--alerts", help="When to tell the desk; always: a drill.")
    ] = AlertsWhen.current,
    as_json: AsJson = False,
) -> None:
    """Run one session and print its verdict."""
    load_settings(None if settings is None else Path(settings))
    state = daily(
        source=chosen_source(source, path, scenario, seed, event, settings),
        lake=lake,
        as_of=None if as_of is None else as_of.date(),
        cutoff=cutoff,
        settings=settings,
        copy_to=copy_to,
        alerts=alerts.value,
        return_state=True,
    )
    _finish(state, as_json=as_json)


@app.command("backfill")
def run_backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First session.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last session.")],
    source: Sources = FILES,
    path: FolderPath = None,
    scenario: ScenarioName = "multi_strat_unwind",
    seed: Seed = 1,
    event: Event = DEFAULT_EVENT,
    lake: Lake = "lake",
    settings: SettingsPath = None,
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, max=250, help="Sessions a publication.")
    ] = 10,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that share a chunk.")
    ] = 1,
    dask: Annotated[
        bool, typer.Option("--dask", help="Give whole chunks to Dask workers.")
    ] = False,
    copy_to: CopyTo = None,
    as_json: AsJson = False,
) -> None:
    """Run every session of a range."""
    load_settings(None if settings is None else Path(settings))
    state = backfill(
        source=chosen_source(source, path, scenario, seed, event, settings),
        first=first.date(),
        last=last.date(),
        lake=lake,
        settings=settings,
        chunk=chunk,
        workers=workers,
        dask=dask,
        copy_to=copy_to,
        return_state=True,
    )
    _finish(state, as_json=as_json)


@app.command("replay")
def run_replay(
    as_of: Annotated[datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Session.")],
    cutoffs: Annotated[
        str, typer.Option("--cutoffs", help="UTC instants, with commas: 2026-02-06T14:30Z,…")
    ],
    source: Sources = FILES,
    path: FolderPath = None,
    scenario: ScenarioName = "multi_strat_unwind",
    seed: Seed = 1,
    event: Event = DEFAULT_EVENT,
    lake: Lake = "lake",
    settings: SettingsPath = None,
    as_json: AsJson = False,
) -> None:
    """Score one session at several cut-offs: how the conclusion changes as data become known."""
    load_settings(None if settings is None else Path(settings))
    instants = _instants(cutoffs)
    state = replay(
        source=chosen_source(source, path, scenario, seed, event, settings),
        as_of=as_of.date(),
        cutoffs=instants,
        lake=lake,
        settings=settings,
        return_state=True,
    )
    if state.is_completed() and not as_json:
        outcome: Any = state.result()
        sys.stdout.write(outcome["markdown"])
    _finish(state, as_json=as_json)


def _instants(listed: str) -> list[datetime]:
    """Read instants with commas between them; a fault is a sentence."""
    try:
        return [datetime.fromisoformat(part.strip()) for part in listed.split(",")]
    except ValueError as error:
        raise CalendarError(
            f"cutoffs must be UTC instants with commas between, got {listed!r}; "
            "write e.g. 2026-02-05T21:15Z,2026-02-06T14:30Z"
        ) from error


def _require_inputs(paths: list[str], episodes: str, settings: str | None) -> None:
    """Say what is missing before a server is started."""
    desk = load_settings(None if settings is None else Path(settings))
    for path in paths:
        open_source(DataSource(path=path), desk)
    read_labels(Path(episodes))


@app.command("evaluate")
def run_evaluate(
    path: Folders,
    episodes: LabelFolder,
    source: FilesOnly = "files",
    settings: SettingsPath = None,
    budget: Annotated[
        float, typer.Option("--budget", min=0.01, max=50, help="False entries a year of the rules.")
    ] = 1.0,
    null_years: Annotated[
        int, typer.Option("--null-years", min=0, max=1000, help="Simulated years without regimes.")
    ] = 200,
    picture: Annotated[
        str | None, typer.Option("--picture", help="File for the score over its history, SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Backtest the verdict against dated episodes, beside the simple rules."""
    _require_inputs(path, episodes, settings)
    state = evaluate(
        paths=path, episodes=episodes, settings=settings, budget=budget, null_years=null_years,
        picture=picture, return_state=True,
    )  # fmt: skip
    if state.is_completed() and not as_json:
        record: Any = state.result()
        sys.stdout.write(record_markdown(record))
    _finish(state, as_json=as_json)


@app.command("calibrate")
def run_calibrate(
    path: Folders,
    episodes: LabelFolder,
    target: Annotated[str, typer.Option("--target", help="File to write.")],
    source: FilesOnly = "files",
    settings: SettingsPath = None,
    as_json: AsJson = False,
) -> None:
    """Calibrate the verdict to the stated rate of false entries."""
    _require_inputs(path, episodes, settings)
    state = calibrate(
        paths=path, episodes=episodes, target=target, settings=settings, return_state=True
    )
    _finish(state, as_json=as_json)


@app.command("universe")
def run_universe(
    source: Sources = FILES,
    path: FolderPath = None,
    scenario: ScenarioName = "multi_strat_unwind",
    seed: Seed = 1,
    event: Event = DEFAULT_EVENT,
    as_of: AsOf = None,
    simulated: Simulated = None,
    years: Years = 10,
    lake: Lake = "lake",
    settings: SettingsPath = None,
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, max=1000, help="Assets a worker takes at once.")
    ] = 10,
    workers: Workers = 1,
    dask: OnDask = False,
    links: Annotated[bool, typer.Option("--links", help="Fit a composite DCC too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Walk the volatility of a whole universe forward."""
    load_settings(None if settings is None else Path(settings))
    chosen = (
        chosen_source(source, path, scenario, seed, event, settings)
        if simulated is None
        else DataSource(kind="simulated", seed=seed)
    )
    state = universe(
        source=chosen,
        lake=lake,
        as_of=None if as_of is None else as_of.date(),
        simulated=simulated,
        years=years,
        settings=settings,
        chunk=chunk,
        workers=workers,
        dask=dask,
        links=links,
        return_state=True,
    )
    _finish(state, as_json=as_json)


@app.command("scan")
def run_scan(
    source: Sources = FILES,
    path: FolderPath = None,
    scenario: ScenarioName = "multi_strat_unwind",
    seed: Seed = 1,
    event: Event = DEFAULT_EVENT,
    as_of: AsOf = None,
    simulated: Simulated = None,
    years: Years = 4,
    lake: Lake = "lake",
    settings: SettingsPath = None,
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, max=5000, help="Assets a worker takes at once.")
    ] = 100,
    workers: Workers = 1,
    dask: OnDask = False,
    as_json: AsJson = False,
) -> None:
    """Correlate every pair of a universe at one session."""
    load_settings(None if settings is None else Path(settings))
    state = scan(
        source=chosen_source(source, path, scenario, seed, event, settings)
        if simulated is None
        else DataSource(kind="simulated", seed=seed),
        lake=lake,
        as_of=None if as_of is None else as_of.date(),
        simulated=simulated,
        years=years,
        settings=settings,
        chunk=chunk,
        workers=workers,
        dask=dask,
        return_state=True,
    )
    _finish(state, as_json=as_json)


@app.command("demo")
def run_demo(lake: Lake = "demo/lake") -> None:
    """Run the sessions around a simulated 5 February 2026, then that day alone."""
    source = DataSource(kind="simulated")
    state = backfill(
        source=source, first=DEMO_FIRST, last=DEMO_LAST, lake=lake, chunk=6, workers=2,
        return_state=True,
    )  # fmt: skip
    _finish(state, as_json=False)
    state = daily(source=source, lake=lake, as_of=source.event, return_state=True)
    _finish(state, as_json=False)


def _finish(state: State[Any], *, as_json: bool) -> None:
    """Print the outcome; a failed run is one sentence and exit status 1."""
    if not state.is_completed():
        sys.stderr.write(f"unwind: {state.message}\n")
        raise typer.Exit(1)
    outcome = state.result() if state.name == "Completed" else {"skipped": state.message}
    if as_json:
        sys.stdout.write(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(f"\n{state.message}\n")
    for name in ("lake", "snapshot", "report", "file", "folder"):
        if name in outcome:
            sys.stdout.write(f"  {name:<9}{outcome[name]}\n")


class _WithoutStack(logging.Filter):
    """Take the stack off log records of readable faults: the sentence says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], READABLE):
            record.exc_info = None
        return True


def main() -> None:
    """Run a command; a fault of input is one sentence and exit status 2."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_WithoutStack())
    try:
        app()
    except READABLE as error:
        sys.stderr.write(f"unwind: {error}\n")
        sys.exit(2)
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"unwind: {faults}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
