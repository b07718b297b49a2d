"""Text of a fitted value: the summary table that a fit prints, and a short repr without arrays."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

DIGITS = ".6g"
MAX_ITEMS = 4  # of a tuple: a longer one is counted


def summary(title: str, parameters: pd.DataFrame, figures: Mapping[str, object]) -> str:
    """Title, one line per parameter, and one line per figure; NaN and None print as "-"."""
    width = max(len(name) for name in figures)
    lines = [f"{name:<{width}}  {_text(value)}" for name, value in figures.items()]
    table = parameters.map(_text).to_string()
    return "\n".join([title, "", table, "", *lines])


def standard_errors(covariances: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Roots of the diagonals, one column per covariance matrix."""
    return pd.DataFrame(
        {
            name: pd.Series(np.sqrt(np.diag(matrix)), index=matrix.index)
            for name, matrix in covariances.items()
        }
    )


def short_repr(result: Any) -> str:
    """Name the fields of a dataclass; of arrays, series and frames give the shape."""
    values = ", ".join(f"{one.name}={_short(getattr(result, one.name))}" for one in fields(result))
    return f"{type(result).__name__}({values})"


def _short(value: object) -> str:
    if isinstance(value, np.ndarray | pd.Series | pd.DataFrame):
        return f"<{type(value).__name__} {' × '.join(str(size) for size in value.shape)}>"
    if isinstance(value, Mapping) or (isinstance(value, tuple) and len(value) > MAX_ITEMS):
        return f"<{type(value).__name__} of {len(value)}>"
    return format(value, DIGITS) if isinstance(value, float) else repr(value)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, DIGITS) if isinstance(value, float) else str(value)
