"""Robust z-scores against earlier sessions, records, and "lowest since".

Every baseline ends at t−1. A z that included the day it scores would be capped at (n−1)/√n,
4.25 for n = 20, whatever happened that day.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features._typing import Floats, SeriesOrFrame
from features._validation import finite_or_missing, require_at_least, require_window
from features.constants import MAD_TO_SIGMA


def robust_z(x: SeriesOrFrame, *, window: int = 60, min_observations: int = 40) -> SeriesOrFrame:
    """Distance from the trailing median in robust standard deviations.

    z_t = (x_t − median(x_{t−w..t−1})) / (1.4826 · MAD(x_{t−w..t−1}))

    Parameters
    ----------
    x : Series or DataFrame of shape (n_sessions,) or (n_sessions, n_series)
        Observations, any unit. Index: sessions, increasing.
    window : int
        Rows in the baseline, which ends at t−1.
    min_observations : int
        Fewest non-missing rows that a baseline must hold.

    Returns
    -------
    Same shape as `x`
        NaN where x_t is missing, the baseline holds fewer than `min_observations` values, or its
        MAD is zero (a scale of zero has no z; it is never infinity).
        The value at *t* uses x_t and rows up to *t* − 1.

    Raises
    ------
    ValueError
        window or min_observations out of range, or an infinite observation.
    """
    require_at_least(3, window=window)
    require_window(window, min_observations, minimum=2)
    values = finite_or_missing(x, "x")
    if isinstance(x, pd.DataFrame):
        scored = [_robust_z(column, window, min_observations) for column in values.T]
        return pd.DataFrame(dict(enumerate(scored)), index=x.index).set_axis(x.columns, axis=1)
    return pd.Series(_robust_z(values, window, min_observations), x.index, name=x.name)


def _robust_z(x: Floats, window: int, min_observations: int) -> Floats:
    scores = np.full(len(x), np.nan)
    if len(x) <= min_observations:
        return scores
    # Missing rows before the first make every baseline one window long; NaN never counts.
    padded = np.concatenate([np.full(window, np.nan), x])
    baselines = np.lib.stride_tricks.sliding_window_view(padded, window)[: len(x)]
    ready = (np.isfinite(baselines).sum(axis=1) >= min_observations) & np.isfinite(x)
    if not ready.any():
        return scores
    complete = baselines[ready]
    centre = _row_medians(complete)
    spread = MAD_TO_SIGMA * _row_medians(np.abs(complete - centre[:, None]))
    # A spread below rounding of the level is a constant series, not a quiet one.
    measurable = spread > np.finfo(np.float64).eps * np.abs(centre) * window
    scores[ready] = np.where(
        measurable, (x[ready] - centre) / np.where(measurable, spread, 1.0), np.nan
    )
    return scores


def _row_medians(rows: Floats) -> Floats:
    """Median of each row without its NaN; np.nanmedian masks row by row, ten times as slow.

    Every row holds at least one number.
    """
    ordered = np.sort(rows, axis=1)  # NaN sorts last
    count = np.isfinite(rows).sum(axis=1)
    row = np.arange(len(rows))
    return np.asarray((ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2)


def baseline_count(x: SeriesOrFrame, *, window: int = 60) -> SeriesOrFrame:
    """Non-missing rows among the `window` rows that end at t−1."""
    return x.notna().rolling(window, min_periods=1).sum().shift(1, fill_value=0).astype("int64")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Records:
    """Largest value so far, session by session; each frame has the shape of the input.

    Attributes
    ----------
    previous : DataFrame
        Largest value strictly before the session; NaN before `min_observations` values.
    previous_on : DataFrame of datetime64
        Session of that value, the earliest one where it was reached twice.
    multiple : DataFrame
        Value over the previous record.
    is_record : DataFrame of bool
        The value exceeds every earlier one.
    """

    previous: pd.DataFrame
    previous_on: pd.DataFrame
    multiple: pd.DataFrame
    is_record: pd.DataFrame


def last_percentile(history: pd.DataFrame, *, min_observations: int = 60) -> pd.Series:
    """Share of the earlier values at or below the last, column by column.

    NaN where fewer than `min_observations` earlier values are present, or the last one is missing.
    """
    earlier, last = history.iloc[:-1], history.iloc[-1]
    count = earlier.notna().sum()
    share = (earlier <= last).sum() / count.clip(lower=1)
    return share.where((count >= min_observations) & last.notna())


def records(x: pd.DataFrame, *, min_observations: int = 120) -> Records:
    """Compare each value with the largest before it.

    Parameters
    ----------
    x : DataFrame of shape (n_sessions, n_series)
        Positive amounts (shares, dollars). NaN where missing; a missing session sets no record.
    min_observations : int
        Earlier values that a record needs.

    Notes
    -----
    The value at *t* uses rows up to *t*. The multiple is V_t / max_{s<t} V_s: an increase of 69 %
    is a multiple of 1.69, never "169 % more".
    """
    require_at_least(1, min_observations=min_observations)
    values = x.to_numpy(dtype=np.float64)
    n_sessions, n_series = values.shape
    previous = np.full_like(values, np.nan)
    position = np.full(values.shape, -1, dtype=np.int64)
    for series in range(n_series):
        best, best_at, seen = -np.inf, -1, 0
        for session in range(n_sessions):
            if seen >= min_observations:
                previous[session, series] = best
                position[session, series] = best_at
            value = values[session, series]
            if np.isfinite(value):
                seen += 1
                if value > best:
                    best, best_at = value, session
    stamps = np.append(x.index.to_numpy(dtype="datetime64[us]"), np.datetime64("NaT", "us"))
    known = np.isfinite(values) & np.isfinite(previous)
    multiple = np.divide(
        values, previous, out=np.full_like(values, np.nan), where=known & (previous != 0)
    )

    def framed(content: NDArray[Any]) -> pd.DataFrame:
        return pd.DataFrame(content, index=x.index, columns=x.columns)

    return Records(
        previous=framed(previous),
        previous_on=framed(stamps[position]),
        multiple=framed(multiple),
        is_record=framed(known & (values > previous)),
    )


def worst_since(x: pd.Series) -> pd.Series:
    """Session of the last lower value before each session; NaT where none was lower.

    Parameters
    ----------
    x : Series of shape (n_sessions,)
        Returns. NaN is skipped. Index: sessions, increasing.

    Returns
    -------
    Series of datetime64
        The value at *t* uses rows up to *t*. NaT also where x_t is missing.
    """
    answer = np.full(len(x), np.datetime64("NaT", "us"))
    lower: list[tuple[float, np.datetime64]] = []  # values still lower than all after them
    for position, (value, stamp) in enumerate(
        zip(x.to_numpy(dtype=np.float64), x.index.to_numpy(dtype="datetime64[us]"), strict=True)
    ):
        if not np.isfinite(value):
            continue
        while lower and lower[-1][0] >= value:
            lower.pop()
        if lower:
            answer[position] = lower[-1][1]
        lower.append((value, stamp))
    return pd.Series(answer, index=x.index, name=x.name)
