"""Freshness of an input: session of its newest row, known_at and age in sessions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.cross_section import robust_z
from features.derivatives import UNKNOWN
from unwind.indicators.block import GOOD, MISSING, PARTIAL, PROXY, STALE, Mechanism
from unwind.indicators.context import RunContext

# The worst of several qualities is the row's.
ORDER = (GOOD, PROXY, PARTIAL, STALE, MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest row of an input: `reason` says why it no longer stands, None where it does."""

    block: str
    describes: pd.Timestamp
    known_at: pd.Timestamp
    quality: str
    reason: str | None

    def row(
        self,
        indicator: str,
        item: str,
        unit: str,
        value: float,
        *,
        missing: str,
        quality: str = GOOD,
        category: str | None = None,
        z: float = np.nan,
        error: float = np.nan,
        n: float = np.nan,
        detail: str | None = None,
    ) -> Mechanism:
        """One indicator; null with a reason where the input or the value is missing."""
        reason = self.reason or (missing if np.isnan(value) else None)
        if reason is not None:
            return Mechanism(
                block=self.block, indicator=indicator, item=item, unit=unit, quality=MISSING,
                describes=self.describes, known_at=self.known_at, reason=reason,
                category=UNKNOWN if category is not None else None,
            )  # fmt: skip
        return Mechanism(
            block=self.block, indicator=indicator, item=item, unit=unit, value=float(value),
            quality=max(quality, self.quality, key=ORDER.index), describes=self.describes,
            known_at=self.known_at, category=category, z=z, lower=float(value - error),
            upper=float(value + error), n=n, detail=detail,
        )  # fmt: skip


def standing(
    block: str,
    what: str,
    describes: pd.Timestamp | None,
    known: list[pd.Series],
    context: RunContext,
    *,
    usual: int,
    limit: int,
) -> Standing:
    """Judge the newest row of an input by its age.

    Parameters
    ----------
    block : str
    what : str
        The input in words, for reasons.
    describes : Timestamp or None
        What its newest row describes; None where there is none.
    known : list of Series
        The known_at of everything that a value of it rests on.
    context : RunContext
    usual, limit : int
        Sessions that it lags at most when nothing is wrong, and how many more it may be stale.
    """
    if describes is None:
        return Standing(
            block=block, describes=context.stamp, known_at=context.cutoff, quality=MISSING,
            reason=f"no {what} was known at the cut-off",
        )  # fmt: skip
    age = int((context.panel.sessions > describes).sum())
    old = f"the newest {what} describes {describes:%Y-%m-%d}, {age} sessions before"
    return Standing(
        block=block,
        describes=describes,
        known_at=max(instants.max() for instants in known if len(instants)),
        quality=STALE if age > usual else GOOD,
        reason=old if age > usual + limit else None,
    )


def newest(values: pd.Series) -> pd.Timestamp | None:
    """Label of the last value that is there; None where none is."""
    held = values.dropna().index
    return pd.Timestamp(held[-1]) if len(held) else None


def last_z(values: pd.Series, *, window: int, fewest: int) -> float:
    """Robust z of the last value against the `window` before it; NaN with fewer than `fewest`."""
    tail = values.iloc[-(window + 1) :]
    count = baseline(values, window=window)
    if count < max(fewest, 2):
        return np.nan
    # With as many observations asked for as there are, no earlier row is scored for nothing.
    return float(robust_z(tail, window=window, min_observations=count).iloc[-1])


def baseline(values: pd.Series, *, window: int) -> int:
    """Number of values among the `window` before the last."""
    return int(values.iloc[-(window + 1) : -1].notna().sum())
