"""The record of the verdict against dated episodes, beside the simple rules it has to beat."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows import tasks
from flows.parameters import READABLE
from unwind.settings import load_settings
from unwind.sources.files import FilesSource
from unwind.studies.episodes import read_labels
from unwind.studies.history import folder_names
from unwind.studies.track_record_text import record_markdown, record_sentence


@flow(name="evaluate", flow_run_name="evaluate {paths}")
def evaluate(
    paths: list[str],
    episodes: str,
    settings: str | None = None,
    budget: Annotated[float, Field(gt=0, le=50)] = 1.0,
    null_years: Annotated[int, Field(ge=0, le=1000)] = 200,
    picture: str | None = None,
) -> State[dict[str, Any]]:
    """Backtest the verdict point in time, and print its record beside five simple rules.

    (Prefect reads the next lines into its form.)

    Args:
        paths: Drop folders, each its own stretch of history.
        episodes: Folder of label files.
        settings: Settings file. Empty: the default desk.
        budget: False entries a year that the simple rules may use.
        null_years: Years simulated without any regime. 0: none.
        picture: File for the score over its history, as SVG. Empty: none.
    """
    try:
        desk = load_settings(None if settings is None else Path(settings))
        labels = read_labels(Path(episodes))
        received_at = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert("UTC")
        histories = tuple(
            tasks.read_history(FilesSource(Path(path)), name, received_at, desk)
            for path, name in zip(paths, folder_names(paths), strict=True)
        )
        record = tasks.evaluate_verdict(histories, labels, desk, budget)
        if null_years:
            record["null"] = tasks.run_null(null_years, desk)
        if picture is not None:
            tasks.draw_record(Path(picture), histories, labels, desk)
    except READABLE as error:
        return Failed(message=str(error))
    except OSError as error:
        return Failed(message=f"{picture} cannot be written: {error.strerror}; choose another")
    create_markdown_artifact(
        key="track-record", description="Record of the verdict", markdown=record_markdown(record)
    )
    return Completed(message=record_sentence(record), data=record)
