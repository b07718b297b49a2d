"""Run contexts for tests of single blocks."""

from collections.abc import Mapping

import pandas as pd

from features.panel import Panel
from unwind.contract.inputs import INPUT_TABLES
from unwind.indicators.context import RunContext, Slot
from unwind.settings import Settings


def run_context(
    panel: Panel | None = None,
    moment: Slot | None = None,
    settings: Settings | None = None,
    inputs: Mapping[str, pd.DataFrame] | None = None,
) -> RunContext:
    """Context of the parts that a block reads; a test leaves out those that it does not."""
    tables = {name: pd.DataFrame() for name in INPUT_TABLES} | dict(inputs or {})
    return RunContext(slot=moment, panel=panel, inputs=tables, settings=settings)  # type: ignore[arg-type]
