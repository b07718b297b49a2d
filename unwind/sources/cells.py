"""Cells of a provider's answer: texts and numbers, and nothing else."""

from typing import Any

import pandas as pd

MAX_TEXT = 64
MAX_NUMBER = 1e300


def scalar(value: Any) -> Any:
    """Return a text or a number as it is, and the name of its type for all else.

    Screening then names the cell as not a number. An object, or an integer beyond floating point,
    would end in a traceback there.
    """
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}…"
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < MAX_NUMBER else "an integer beyond 1e300"
    return f"a {type(value).__name__}"


def number(value: Any) -> float:
    """Return a number, or a text of one, as a float; NaN for all else."""
    cell = scalar(value)
    return float("nan") if cell is None else float(pd.to_numeric(cell, errors="coerce"))
