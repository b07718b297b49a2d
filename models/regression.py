"""Expected value of a series by Huber regression, and its out-of-sample errors.

Flows and volumes follow a few regressors on most days and news on others. In a least-squares fit
three days of panic determine the slope; Huber's weights bound their influence.
`statsmodels.RLM` is the same estimator at ten times the cost, and a session needs some twenty fits.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from features._typing import Floats
from features.constants import MAD_TO_SIGMA
from models._reports import short_repr
from models.errors import NotEnoughData

TUNING = 1.345  # 95 % efficiency under normal errors (Huber 1981, section 6.5)
TOLERANCE = 1e-6  # of the scale: largest change of a fitted value at convergence
MIN_ERRORS = 20  # out-of-sample errors behind a scale
FREE_STEPS = 50  # steps with a free scale: scale and weights may cycle, so the scale is then fixed
MAX_STEPS = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobustFit:
    """One regression.

    Attributes
    ----------
    coefficients : Series of shape (n_columns,)
        In units of the response over those of the column; zero where a column was all zero.
        Linearly dependent columns share theirs (least norm).
    scale : float
        1.4826 · median|e| in sample, in units of the response.
    n : int
        Complete rows used.
    converged : bool
    reason : str or None
        What failed; None where nothing did.
    """

    coefficients: pd.Series
    scale: float
    n: int
    converged: bool
    reason: str | None

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """Expected values of the last rows, each from a fit to earlier rows.

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

    __repr__ = short_repr

    @property
    def z(self) -> float:
        """Error of the last row over the scale of earlier errors; NaN where that is 0 or NaN."""
        last = float(self.error.iloc[-1])
        return last / self.scale if self.scale > 0 else float("nan")


def expectation(
    response: pd.Series,
    design: pd.DataFrame,
    *,
    every: int = 42,
    history: int = 252,
    min_observations: int = 80,
) -> Expectation:
    """Expected value of the last row, and of earlier rows from what was known then.

    The last row is expected from a fit to all rows before it, the `every` rows before that from
    one fit to all rows before them, and so on back: the fit behind an earlier error may be up to
    `every` − 1 rows old, that of the last never is, so the scale is conservative.

    Parameters
    ----------
    response : Series of shape (n,)
    design : DataFrame of shape (n, n_columns)
        Regressors known before the response, constant included.
    every : int
        Rows between fits, at least 1.
    history : int
        Errors before the last row behind the scale, at least 2; fewer if the sample is short.
    min_observations : int
        Complete rows of each fit; more than the number of columns.

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
    complete = design.notna().all(axis=1) & response.notna()
    if not len(complete) or not complete.iloc[-1]:
        raise NotEnoughData(need=1, got=0, what="the row to be expected")
    y, x = _complete(response, design)
    last = len(y) - 1
    if last < min_observations:
        raise NotEnoughData(need=min_observations, got=last, what="the rows before the expected")
    first = max(min_observations, last - history)
    expected = np.full(len(y), np.nan)
    # Oldest first: each fit is warm-started from the one before.
    coefficients = None
    starts = [*range(last - every, first, -every), first][::-1] if first < last else []
    for start, end in pairwise([*starts, last]):
        coefficients = _huber(y[:start], x[:start], coefficients)[0]
        expected[start:end] = x[start:end] @ coefficients
    coefficients, scale, converged = _huber(y[:last], x[:last], coefficients)
    expected[last] = x[last] @ coefficients
    errors = y - expected
    index = response.index[complete.to_numpy()][first:]
    earlier = errors[first:last]
    return Expectation(
        expected=pd.Series(expected[first:], index=index),
        error=pd.Series(errors[first:], index=index),
        scale=_scale(earlier) if len(earlier) >= MIN_ERRORS else float("nan"),
        fit=RobustFit(
            coefficients=pd.Series(coefficients, index=design.columns),
            scale=scale,
            n=last,
            converged=converged,
            reason=None if converged else f"no convergence in {MAX_STEPS} steps",
        ),
    )


def _complete(response: pd.Series, design: pd.DataFrame) -> tuple[Floats, Floats]:
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
    complete = np.isfinite(y) & np.isfinite(x).all(axis=1)
    return y[complete], x[complete]


def _scale(errors: Floats) -> float:
    """1.4826 · median|e|, by partition: np.median takes twice as long at this size."""
    half = len(errors) // 2
    middle = np.partition(np.abs(errors), (half - 1, half))[[half - 1 + len(errors) % 2, half]]
    return float(MAD_TO_SIGMA * (middle[0] + middle[1]) / 2)


def _huber(y: Floats, x: Floats, start: Floats | None = None) -> tuple[Floats, float, bool]:
    """Coefficients, scale of the rows, and convergence, from `start` or least squares.

    Iteratively reweighted least squares, w = min(1, 1.345·s/|e|), s = 1.4826·median|e|: Huber
    (1981), section 7.8, as `rlm` of R's MASS (Venables and Ripley 2002, section 6.5). After
    `FREE_STEPS` steps s is fixed, and the problem is convex.
    """
    size = np.abs(x).max(axis=0)
    used = size > 0  # a dummy of a day of the month that has not come yet
    unit = x[:, used] / size[used]
    coefficients = np.zeros(x.shape[1])
    # Columns have size one: beyond this squared condition number the solution has no exact digit.
    dependent = bool(np.linalg.cond(unit.T @ unit) > 1e13)
    solution = (
        _solve(unit, y, np.ones(len(y)), dependent=dependent)
        if start is None
        else start[used] * size[used]
    )
    fitted = unit @ solution
    scale, converged = _scale(y - fitted), False
    for step in range(MAX_STEPS):
        errors = np.abs(y - fitted)
        scale = _scale(errors) if step < FREE_STEPS else scale
        if scale <= np.finfo(np.float64).eps * np.abs(y).max():
            converged = True  # more than half of the rows are fitted exactly
            break
        weights = np.minimum(1.0, TUNING * scale / np.maximum(errors, np.finfo(np.float64).tiny))
        solution = _solve(unit, y, weights, dependent=dependent)
        following = unit @ solution
        converged_here = np.abs(following - fitted).max() <= TOLERANCE * scale
        fitted = following
        if converged_here:
            converged = True
            break
    coefficients[used] = solution / size[used]
    return coefficients, _scale(y - fitted), converged


def _solve(x: Floats, y: Floats, weights: Floats, *, dependent: bool) -> Floats:
    weighted = x * weights[:, None]
    gram, moments = weighted.T @ x, weighted.T @ y
    if dependent:
        return np.asarray(np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ moments)
    return np.asarray(np.linalg.solve(gram, moments))
