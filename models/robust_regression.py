"""What a series was expected to be: a Huber regression, and its errors on rows it never saw.

Flows, volumes and their like answer to the same few things most days and to news on others. A
least-squares fit lets three days of panic set the slope of all; Huber's keeps them at bounded
weight. `statsmodels.RLM` is the same estimator at ten times the cost, and a session needs some
twenty fits; this one is held to it in the tests.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotEnoughData

Array = NDArray[np.float64]

TUNING = 1.345  # 95 % efficiency under normal errors (Huber 1981, section 6.5)
MAD_TO_SIGMA = 1.4826
SETTLED = 1e-6  # of the scale: largest change of a fitted value at which iteration ends
FEWEST_ERRORS = 20  # out of sample, for a scale: the median of a handful says nothing of a tail
FREE_STEPS = 50  # scale and weights may chase each other in circles: the scale is held from here
MOST_STEPS = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobustFit:
    """One regression.

    Attributes
    ----------
    coefficients : Series of shape (n_columns,)
        In units of the response over those of the column; zero where a column was all zero.
        Linearly dependent columns share theirs (least norm).
    scale : float
        1.4826 · median|e| of the rows fitted, in units of the response.
    n : int
        Complete rows used.
    converged : bool
    """

    coefficients: pd.Series
    scale: float
    n: int
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """What each of the last rows was expected to be, by a fit that ended before it.

    Attributes
    ----------
    expected : Series of shape (history + 1,)
        Index: the last complete rows, at most history + 1 of them.
    error : Series of shape (history + 1,)
        Response less expected.
    scale : float
        1.4826 · median|error| of the rows before the last; NaN with fewer than 20.
    fit : RobustFit
        The fit behind the last row: every complete row before it.
    """

    expected: pd.Series
    error: pd.Series
    scale: float
    fit: RobustFit

    @property
    def z(self) -> float:
        """Error of the last row over the scale of those before; NaN where that is zero or NaN."""
        last = float(self.error.iloc[-1])
        return last / self.scale if self.scale > 0 else float("nan")


def fit_huber(response: pd.Series, design: pd.DataFrame) -> RobustFit:
    """Regress with Huber's weights, the scale re-estimated at each step.

    Iteratively reweighted least squares, w = min(1, 1.345·s/|e|), s = 1.4826·median|e|: Huber
    (1981), section 7.8, as `rlm` of R's MASS (Venables and Ripley 2002, section 6.5). After 50
    steps s is held, and what is left is convex.

    Parameters
    ----------
    response : Series of shape (n,)
    design : DataFrame of shape (n, n_columns)
        The constant included. Rows with a missing value anywhere are left out.

    Returns
    -------
    RobustFit
        Uses every row given: the caller ends them at t−1.

    Raises
    ------
    NotEnoughData
        Not more complete rows than columns.
    ValueError
        An infinite value.
    """
    y, x = _complete(response, design)
    if len(y) <= x.shape[1]:
        raise NotEnoughData(need=x.shape[1] + 1, got=len(y), what="a robust regression")
    coefficients, scale, converged = _huber(y, x)
    return RobustFit(
        coefficients=pd.Series(coefficients, index=design.columns),
        scale=scale,
        n=len(y),
        converged=converged,
    )


def expectation(
    response: pd.Series,
    design: pd.DataFrame,
    *,
    every: int,
    history: int,
    min_observations: int,
) -> Expectation:
    """Expect the last row, and earlier rows as they would have been expected then.

    The last row is expected from a fit to all rows before it, the `every` rows before that from
    one fit to all rows before them, and so on back: an earlier error may rest on a fit that is up
    to `every` − 1 rows old, the last never does, so the scale errs on the wide side.

    Parameters
    ----------
    response : Series of shape (n,)
    design : DataFrame of shape (n, n_columns)
        What is known of each row when its response is not. The constant included.
    every : int
        Rows between fits, at least 1.
    history : int
        Errors before the last row that set the scale, at least 2; fewer where the rows end.
    min_observations : int
        Complete rows that each fit needs; above the number of columns.

    Returns
    -------
    Expectation
        Every expected value uses earlier rows only.

    Raises
    ------
    NotEnoughData
        Fewer than `min_observations` complete rows before the last, or a last row that is not
        complete.
    ValueError
        An argument out of range, or an infinite value.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1 row, got {every}")
    if history < 2:
        raise ValueError(f"history must be at least 2 rows, got {history}")
    if min_observations <= design.shape[1]:
        raise ValueError(
            f"min_observations must exceed the {design.shape[1]} columns, got {min_observations}"
        )
    kept = design.notna().all(axis=1) & response.notna()
    if not len(kept) or not kept.iloc[-1]:
        raise NotEnoughData(need=1, got=0, what="the row to be expected")
    y, x = _complete(response, design)
    last = len(y) - 1
    if last < min_observations:
        raise NotEnoughData(need=min_observations, got=last, what="the rows before the expected")
    first = max(min_observations, last - history)
    expected = np.full(len(y), np.nan)
    # Oldest first: each fit climbs from the one before, which is near.
    coefficients = None
    starts = [*range(last - every, first, -every), first][::-1] if first < last else []
    for start, end in pairwise([*starts, last]):
        coefficients = _huber(y[:start], x[:start], coefficients)[0]
        expected[start:end] = x[start:end] @ coefficients
    coefficients, scale, converged = _huber(y[:last], x[:last], coefficients)
    expected[last] = x[last] @ coefficients
    errors = y - expected
    index = response.index[kept.to_numpy()][first:]
    earlier = errors[first:last]
    return Expectation(
        expected=pd.Series(expected[first:], index=index),
        error=pd.Series(errors[first:], index=index),
        scale=_scale(earlier) if len(earlier) >= FEWEST_ERRORS else float("nan"),
        fit=RobustFit(
            coefficients=pd.Series(coefficients, index=design.columns),
            scale=scale,
            n=last,
            converged=converged,
        ),
    )


def _complete(response: pd.Series, design: pd.DataFrame) -> tuple[Array, Array]:
    if len(response) != len(design):
        raise ValueError(
            f"response and design must have the same rows, got {len(response)} and {len(design)}"
        )
    y = response.to_numpy(dtype=np.float64)
    x = design.to_numpy(dtype=np.float64)
    if np.isinf(y).any() or np.isinf(x).any():
        raise ValueError(
            "response and design must be finite or missing, got an infinite value; "
            "correct the input behind it"
        )
    kept = np.isfinite(y) & np.isfinite(x).all(axis=1)
    return y[kept], x[kept]


def _scale(errors: Array) -> float:
    """1.4826 · median|e|, by partition: np.median takes twice as long at this size."""
    half = len(errors) // 2
    middle = np.partition(np.abs(errors), (half - 1, half))[[half - 1 + len(errors) % 2, half]]
    return float(MAD_TO_SIGMA * (middle[0] + middle[1]) / 2)


def _huber(y: Array, x: Array, begin: Array | None = None) -> tuple[Array, float, bool]:
    """Coefficients, scale of the rows, and whether iteration settled; `begin`: where to start."""
    size = np.abs(x).max(axis=0)
    used = size > 0  # a day of the month that has not come yet
    unit = x[:, used] / size[used]
    coefficients = np.zeros(x.shape[1])
    # Columns are of size one: a squared condition beyond this leaves no digit to trust.
    dependent = bool(np.linalg.cond(unit.T @ unit) > 1e13)
    solution = (
        _solve(unit, y, np.ones(len(y)), dependent=dependent)
        if begin is None
        else begin[used] * size[used]
    )
    fitted = unit @ solution
    scale, converged = _scale(y - fitted), False
    for step in range(MOST_STEPS):
        errors = np.abs(y - fitted)
        scale = _scale(errors) if step < FREE_STEPS else scale
        if scale <= np.finfo(np.float64).eps * np.abs(y).max():
            converged = True  # more than half of the rows are met exactly
            break
        weights = np.minimum(1.0, TUNING * scale / np.maximum(errors, np.finfo(np.float64).tiny))
        solution = _solve(unit, y, weights, dependent=dependent)
        following = unit @ solution
        settled = np.abs(following - fitted).max() <= SETTLED * scale
        fitted = following
        if settled:
            converged = True
            break
    coefficients[used] = solution / size[used]
    return coefficients, _scale(y - fitted), converged


def _solve(x: Array, y: Array, weights: Array, *, dependent: bool) -> Array:
    weighted = x * weights[:, None]
    gram, moments = weighted.T @ x, weighted.T @ y
    if dependent:
        return np.asarray(np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ moments)
    return np.asarray(np.linalg.solve(gram, moments))
