"""A flow that waits, for tests that kill it."""

import time
from pathlib import Path

from prefect import flow


@flow(name="sleeper")
def sleeper(seconds: float, mark: str) -> None:
    """Write a file at the start, and wait."""
    Path(mark).touch()
    time.sleep(seconds)
