"""The record of the verdict against labelled episodes and benchmark rules."""

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.faults import readable_faults
from flows.histories import read_histories
from flows.limits import CHUNK, LONG_RUN
from unwind.files.durable import Unwritable, write_atomically
from unwind.settings import load_settings
from unwind.studies.episodes import read_label_folders
from unwind.studies.nulls import null_run
from unwind.studies.record_chart import record_chart
from unwind.studies.robustness import robustness
from unwind.studies.track_record import evaluate as evaluate_rules
from unwind.studies.track_record_text import record_markdown, record_sentence

evaluate_verdict = task(name="score against labelled episodes", timeout_seconds=CHUNK)(
    evaluate_rules
)
vary_rule = task(name="score the rule's neighbours", timeout_seconds=LONG_RUN)(robustness)
run_nulls = task(name="run on simulated null markets", timeout_seconds=CHUNK)(null_run)
draw_record = task(name="draw the record", timeout_seconds=CHUNK)(record_chart)


@flow(name="evaluate", flow_run_name="evaluate {paths}", timeout_seconds=LONG_RUN)
@readable_faults
def evaluate(
    paths: list[str],
    episodes: str,
    settings: str | None = None,
    budget: Annotated[float, Field(gt=0, le=50)] = 0.65,
    null_years: Annotated[int, Field(ge=0, le=1000)] = 200,
    picture: str | None = None,
    brief: bool = False,
) -> State[dict[str, Any]]:
    """Backtest the verdict against labelled episodes and benchmark rules.

    Args:
        paths: Drop folder of one period of history; repeat for more.
        episodes: Folder of label files, or several separated by a colon.
        settings: Settings file. Default: the shipped settings.
        budget: False alarms per year allowed to the benchmark rules.
        null_years: Years of the simulated null market; 0: none.
        brief: Skip the variants and the resampled years (some ten minutes).
        picture: SVG file for a chart of the score over its history.
    """
    desk = load_settings(settings)
    labels = read_label_folders(episodes)
    target = None if picture is None else Path(picture)
    if target is not None and not target.parent.is_dir():
        raise Unwritable(f"{target} cannot be written: its folder does not exist; make it first")
    histories = read_histories(paths, desk)
    record = evaluate_verdict(histories, labels, settings=desk, budget=budget)
    record |= vary_rule(histories, labels, settings=desk, light=brief)
    if null_years:
        record["null"] = run_nulls(years=null_years, settings=desk)
    if target is not None:
        drawing = draw_record(histories, labels, settings=desk)
        write_atomically(target, lambda draft: draft.write_text(drawing, encoding="utf-8"))
    create_markdown_artifact(
        key="track-record", description="Record of the verdict", markdown=record_markdown(record)
    )
    get_run_logger().info("%s", record_sentence(record))
    return Completed(message=record_sentence(record), data=record)
