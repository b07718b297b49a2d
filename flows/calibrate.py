"""Scales and thresholds of the verdict, from the ordinary sessions of one or several folders."""

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
from unwind.settings import load_settings
from unwind.studies.calibrating import artefact, calibrate_on
from unwind.studies.calibration_files import write_calibration
from unwind.studies.episodes import read_label_folders

fit_calibration = task(name="calibrate the verdict", timeout_seconds=CHUNK)(calibrate_on)


@flow(name="calibrate", flow_run_name="calibrate {paths}", timeout_seconds=LONG_RUN)
@readable_faults
def calibrate(
    paths: list[str],
    episodes: str,
    target: str,
    settings: str | None = None,
    until: Annotated[int, Field(ge=1900, le=2200)] | None = None,
) -> State[dict[str, Any]]:
    """Calibrate the verdict to the target false-alarm rate of the settings.

    The file takes effect when the settings name it; published rows are unchanged.

    Args:
        paths: Drop folder of one period of history; repeat for more.
        episodes: Folder of label files, or several separated by a colon; only used to
            exclude sessions that are not ordinary.
        target: File to write; a report with the same name and .md is written too.
        settings: Settings file. Default: the shipped settings.
        until: Last calendar year to use, for a walk-forward calibration. Default: all.
    """
    desk = load_settings(settings)
    labels = read_label_folders(episodes)
    histories = read_histories(paths, desk)
    fit, statement = fit_calibration(histories, labels, settings=desk, until=until)
    calibration = artefact(fit, statement, histories, until=until)
    report = write_calibration(Path(target), calibration)
    get_run_logger().info("calibration %s in %s", calibration["version"], target)
    create_markdown_artifact(key="calibration", description="Calibration", markdown=report)
    return Completed(
        message=(
            f"calibration {calibration['version']}: "
            f"DELEVERAGING from {calibration['deleveraging']:.2f}, "
            f"{calibration['deleveraging_rate']:.2f} entries per year of ordinary sessions"
        ),
        data=calibration | {"file": target},
    )
