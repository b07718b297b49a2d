"""One row of the table `systemic` before it is stamped."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One row before it is stamped; fields as the columns of the table."""

    measure: str
    item: str
    window: int
    value: float
    unit: str
    z: float = np.nan
    percentile: float = np.nan
    n: float = np.nan
    detail: str | None = None
    reason: str | None = None
