"""Scales and thresholds of the verdict, from the ordinary sessions of one or several folders."""

from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import tasks
from flows.parameters import READABLE
from unwind.settings import load_settings
from unwind.sources.files import FilesSource
from unwind.studies.calibration_files import write_calibration
from unwind.studies.episodes import read_labels
from unwind.studies.history import folder_names


@flow(name="calibrate", flow_run_name="calibrate {paths}")
def calibrate(
    paths: list[str], episodes: str, target: str, settings: str | None = None
) -> State[dict[str, Any]]:
    """Calibrate the verdict to the settings' rate of false entries, and write the artefact.

    The file takes effect when settings name it; rows published under another stay as they are.
    (Prefect reads the next lines into its form.)

    Args:
        paths: Drop folders, each its own stretch of history.
        episodes: Folder of label files; they say only which sessions are not ordinary.
        target: File to write; a report of the same name with .md is put beside it.
        settings: Settings file. Empty: the default desk.
    """
    try:
        desk = load_settings(None if settings is None else Path(settings))
        labels = read_labels(Path(episodes))
        received_at = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert("UTC")
        histories = tuple(
            tasks.read_history(FilesSource(Path(path)), name, received_at, desk)
            for path, name in zip(paths, folder_names(paths), strict=True)
        )
        held = tasks.calibrate_verdict(histories, labels, desk)
        told = write_calibration(Path(target), held)
    except READABLE as error:
        return Failed(message=str(error))
    except OSError as error:
        return Failed(message=f"{target} cannot be written: {error.strerror}; choose another")
    create_markdown_artifact(key="calibration", description="Calibration", markdown=told)
    return Completed(
        message=(
            f"calibration {held['version']}: DELEVERAGING from {held['deleveraging']:.2f}, "
            f"{held['deleveraging_rate']:.2f} entries a year on ordinary sessions"
        ),
        data=held | {"file": target},
    )
