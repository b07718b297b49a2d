"""Whole histories for calibration and evaluation: drop folders, each its own period."""

from pathlib import Path

import pandas as pd
from prefect import get_run_logger, runtime, task

from flows.limits import CHUNK
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.studies.history import History, folder_names, read_history, without_overlap

measure_history = task(name="read a history", task_run_name="read {name}", timeout_seconds=CHUNK)(
    read_history
)


def read_histories(paths: list[str], settings: Settings) -> tuple[History, ...]:
    """Read each drop folder, as received at the scheduled start; no session counts twice."""
    received_at = pd.Timestamp(runtime.flow_run.scheduled_start_time).tz_convert("UTC")
    histories = []
    for path, name in zip(paths, folder_names(paths), strict=True):
        history = measure_history(
            FilesSource(Path(path)), name=name, received_at=received_at, settings=settings
        )
        get_run_logger().info("history %s: %d sessions", name, len(history.drivers))
        histories.append(history)
    return without_overlap(tuple(histories))
