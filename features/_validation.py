"""Checks of arguments; each message gives the rule, the value and the remedy.

A check raises ValueError and returns nothing, or returns the array that it checked. Keyword names
are the names of the arguments: ``require_at_least(3, window=window)``.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from features._typing import Floats, Integers

ROUNDING = 1e-9  # by which a correlation may lie beyond 1
MIN_DRAWS = 19  # the fewest resamples that a 5 % test can reject with


def require_at_least(minimum: float, **named: float) -> None:
    """Refuse a number below `minimum`, and NaN."""
    for name, value in named.items():
        if not value >= minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}; use a larger {name}")


def require_positive(**named: float) -> None:
    """Refuse a number that is not above zero or not finite."""
    for name, value in named.items():
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be above 0, got {value:g}; use a positive {name}")


def require_positive_or_missing(**named: ArrayLike) -> None:
    """Refuse values of an array that are not above zero; NaN passes."""
    for name, values in named.items():
        array = np.asarray(values, dtype=np.float64)
        if (array <= 0).any():
            value = array[array <= 0].flat[0]
            raise ValueError(f"{name} must be above 0, got {value:g}; correct it or mark it NaN")


def require_between(lower: float, upper: float, **named: float) -> None:
    """Refuse a number outside `lower` … `upper`, both ends allowed."""
    for name, value in named.items():
        if not lower <= value <= upper:
            raise ValueError(
                f"{name} must lie in {lower} … {upper}, got {value}; use a value in that range"
            )


def require_inside(lower: float, upper: float, **named: float) -> None:
    """Refuse a number outside `lower` … `upper`, and the two ends themselves."""
    for name, value in named.items():
        if not lower < value < upper:
            raise ValueError(
                f"{name} must lie between {lower} and {upper}, got {value}; use a value in between"
            )


def require_confidence(confidence: float) -> None:
    """Refuse a coverage that is not a probability inside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}; 0.95 is usual")


def require_correlation(rho: ArrayLike, name: str = "rho") -> Floats:
    """Return correlations as an array in [-1, 1]; refuse one outside. NaN passes."""
    value = np.asarray(rho, dtype=np.float64)
    if (np.abs(value) > 1 + ROUNDING).any():
        raise ValueError(
            f"{name} must lie in [-1, 1], got {value[np.abs(value) > 1 + ROUNDING].flat[0]}; "
            "compute it on complete pairs"
        )
    return np.clip(value, -1.0, 1.0)


def require_draws(draws: int) -> None:
    """Refuse too few resamples for a 5 % test."""
    if draws < MIN_DRAWS:
        raise ValueError(
            f"draws must be at least {MIN_DRAWS} for a 5 % test, got {draws}; 999 is usual"
        )


def require_window(window: int, min_observations: int, *, minimum: int = 3) -> None:
    """Refuse a window below `minimum` rows, and observations outside `minimum` … window."""
    require_at_least(minimum, window=window)
    if not minimum <= min_observations <= window:
        raise ValueError(
            f"min_observations must lie in {minimum} … window ({window}), got {min_observations}; "
            "use a value in that range"
        )


def require_one_of(choices: Collection[str], **named: str) -> None:
    """Refuse a word that is not among `choices`."""
    for name, value in named.items():
        if value not in choices:
            raise ValueError(
                f"{name} must be one of {', '.join(choices)}, got {value!r}; choose one of these"
            )


def require_same_index(**named: pd.Series | pd.DataFrame) -> None:
    """Refuse series whose indices differ."""
    (first, reference), *others = named.items()
    for name, other in others:
        if not other.index.equals(reference.index):
            raise ValueError(
                f"{first} and {name} must share one index, got {len(reference)} and {len(other)} "
                "rows that differ; align them to the same sessions first"
            )


def finite_or_missing(
    values: pd.Series | pd.DataFrame | ArrayLike, name: str = "returns"
) -> Floats:
    """Return the values as float64, NaN where missing; refuse an infinite one.

    The array is a view of a frame where pandas allows one: do not write to it.
    """
    if isinstance(values, (pd.Series, pd.DataFrame)):
        array = values.to_numpy(dtype=np.float64)
    else:
        array = np.asarray(values, dtype=np.float64)
    infinite = np.isinf(array)
    if infinite.any():
        position = np.argwhere(infinite)[0]
        raise ValueError(
            f"{name} must be finite or missing, got {array[tuple(position)]} "
            f"{_label(values, position)}; correct its source or mark it missing"
        )
    return array


def _label(values: object, position: Integers) -> str:
    """Column and row of one value where there are labels, else its position."""
    if isinstance(values, pd.DataFrame):
        return f"for {values.columns[position[1]]} at {values.index[position[0]]}"
    if isinstance(values, pd.Series):
        return f"at {values.index[position[0]]}"
    return f"at position {', '.join(map(str, position))}"


def complete_rows(*series: ArrayLike) -> list[Floats]:
    """Drop the rows in which any of the series is NaN.

    Raises
    ------
    ValueError
        The series are not one-dimensional and of one length, or hold an infinity.
    """
    arrays = [np.asarray(one, np.float64) for one in series]
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
        raise ValueError(
            f"series must be one-dimensional and of one length, got {[a.shape for a in arrays]}; "
            "align them to the same sessions first"
        )
    if np.any(np.isinf(arrays)):
        raise ValueError(
            "series must be finite or missing, got an infinity; "
            "correct its source or mark it missing"
        )
    rows = ~np.any(np.isnan(arrays), axis=0)
    return [array[rows] for array in arrays]
