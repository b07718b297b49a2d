"""One indicator of a mechanism, before it is stamped as a row of the table `mechanisms`."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from unwind.indicators.context import RunContext

GOOD, PROXY, PARTIAL, CONFLICTED, STALE, MISSING = (
    "good", "proxy", "partial", "conflicted", "stale", "missing",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One indicator of the session; fields as the columns of the table.

    Attributes
    ----------
    describes : Timestamp
        The session that the value describes.
    known_at : Timestamp, UTC
        When the last of its inputs was known.
    quality : str
        `GOOD` … `MISSING`; a null value is `MISSING` and says why in `reason`.
    """

    block: str
    indicator: str
    item: str
    unit: str
    describes: pd.Timestamp
    known_at: pd.Timestamp
    quality: str
    value: float = np.nan
    category: str | None = None
    z: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    n: float = np.nan
    detail: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Rows of one block, and what its chart draws.

    Attributes
    ----------
    rows : list of Mechanism
    view : object
        Of `unwind.indicators.mechanisms.views`, or the reason why there is none; None where the
        block has no chart.
    """

    rows: list[Mechanism]
    view: object = None


def missing(
    block: str, indicator: str, item: str, context: RunContext, *, unit: str, reason: str
) -> Mechanism:
    """Say that an indicator has no value for the session, and why."""
    return Mechanism(
        block=block, indicator=indicator, item=item, unit=unit, describes=context.stamp,
        known_at=context.cutoff, quality=MISSING, reason=reason,
    )  # fmt: skip


def or_missing(row: Mechanism, *, reason: str) -> Mechanism:
    """Return the row, or the row as missing with that reason where its value is null."""
    if not np.isnan(row.value):
        return row
    return replace(
        row, quality=MISSING, category=None, z=np.nan, lower=np.nan, upper=np.nan, reason=reason
    )
