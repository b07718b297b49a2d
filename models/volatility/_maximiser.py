"""Constrained maximiser of the GARCH likelihoods: quasi-Newton on squares over a simplex.

Its coordinates are μ, ω, four coordinates x of α, α + γ, β and the slack of the persistence, 1/ν
(the normal is at 0) and λ. The weights x²/Σx² are shares of the limit L of the persistence,

    (α/2 + (α + γ)/2 + β + slack) / L = 1,   each term at least 0,

so α ≥ 0, α + γ ≥ 0, β ≥ 0 and persistence ≤ L hold at every point without a projection, which would
stall on an active constraint. GARCH has α in place of the two halves; EGARCH has no such constraint
and keeps its own α, γ, β. The DCC likelihood is maximised in the same coordinates
(`models.dependence._likelihood`).
"""

import math

import numpy as np

from features._numba import njit
from features._typing import Floats
from models.volatility._kernels import EGARCH, GARCH, SIZE, scores

COORDINATES = 8
NEAR_CONSTRAINT = 1e-4  # share of the limit: a smaller weight is at its constraint


@njit()
def _coordinates(theta: Floats, model: int, limit: float) -> Floats:
    """Coordinates of a parameter point, moved inside the constraints where it lies on them."""
    phi = np.empty(COORDINATES)
    phi[0], phi[1], phi[6], phi[7] = theta[0], theta[1], 1 / theta[5], theta[6]
    if model == EGARCH:
        phi[2], phi[3], phi[4], phi[5] = theta[2], theta[3], theta[4], 0.0
        return phi
    # The slope of a square is 0 at 0: a start on a constraint could never leave it.
    least = NEAR_CONSTRAINT * limit
    if model == GARCH:
        phi[2], phi[3] = max(theta[2], least), 0.0
    else:
        phi[2], phi[3] = max(theta[2] / 2, least), max((theta[2] + theta[3]) / 2, least)
    phi[4] = max(theta[4], least)
    phi[5] = max(limit - phi[2] - phi[3] - phi[4], least)
    for k in range(2, 6):
        phi[k] = math.sqrt(phi[k])
    return phi


@njit()
def _parameters(phi: Floats, model: int, limit: float, theta: Floats) -> None:
    """Fill the parameters at coordinates."""
    theta[0], theta[1], theta[5], theta[6] = phi[0], phi[1], 1 / phi[6], phi[7]
    if model == EGARCH:
        theta[2], theta[3], theta[4] = phi[2], phi[3], phi[4]
        return
    total = phi[2] ** 2 + phi[3] ** 2 + phi[4] ** 2 + phi[5] ** 2
    share = limit / total
    theta[4] = share * phi[4] ** 2
    if model == GARCH:
        theta[2], theta[3] = share * phi[2] ** 2, 0.0
    else:
        theta[2] = 2 * share * phi[2] ** 2
        theta[3] = 2 * share * phi[3] ** 2 - theta[2]


@njit()
def _slopes(phi: Floats, model: int, limit: float, slopes: Floats) -> None:
    """Fill the derivatives of the parameters (rows) with the coordinates (columns)."""
    slopes[:] = 0.0
    slopes[0, 0] = slopes[1, 1] = slopes[6, 7] = 1.0
    slopes[5, 6] = -1 / phi[6] ** 2
    if model == EGARCH:
        slopes[2, 2] = slopes[3, 3] = slopes[4, 4] = 1.0
        return
    total = phi[2] ** 2 + phi[3] ** 2 + phi[4] ** 2 + phi[5] ** 2
    for k in range(2, 6):
        for weight in range(2, 5):
            slope = -2 * limit * phi[weight] ** 2 * phi[k] / total**2
            if weight == k:
                slope += 2 * limit * phi[k] / total
            if weight == 4:
                slopes[4, k] += slope
            elif model == GARCH:
                if weight == 2:
                    slopes[2, k] += slope
            elif weight == 2:
                slopes[2, k] += 2 * slope
                slopes[3, k] -= 2 * slope
            else:
                slopes[3, k] += 2 * slope


@njit()
def _bound(phi: Floats, low: Floats, high: Floats, model: int) -> None:
    """Clip the coordinates that have bounds of their own."""
    phi[0] = min(high[0], max(low[0], phi[0]))
    phi[1] = min(high[1], max(low[1], phi[1]))
    phi[6] = min(1 / low[5], max(1 / high[5], phi[6]))
    phi[7] = min(high[6], max(low[6], phi[7]))
    if model == EGARCH:
        for k in range(2, 5):
            phi[k] = min(high[k], max(low[k], phi[k]))


@njit()
def _scaled_to_largest(phi: Floats, model: int) -> int:
    """Scale the coordinates of the weights so that the largest is 1; return its position.

    Only their ratios count, so that one of them is fixed: the largest, which no other can outgrow
    by much before it is chosen anew. −1 for EGARCH, which has none.
    """
    if model == EGARCH:
        return -1
    largest = 2
    for k in range(3, 6):
        if abs(phi[k]) > abs(phi[largest]):
            largest = k
    unit = phi[largest]
    for k in range(2, 6):
        phi[k] /= unit
    return largest


@njit()
def _outgrown(phi: Floats, fixed: int) -> bool:
    """Tell whether the fixed coordinate has become small beside the others."""
    if fixed < 0:
        return False
    total = phi[2] ** 2 + phi[3] ** 2 + phi[4] ** 2 + phi[5] ** 2
    return bool(phi[fixed] ** 2 < 0.05 * total)


@njit()
def _at_bound(
    phi: Floats, ascent: Floats, k: int, low: Floats, high: Floats, model: int
) -> bool:  # fmt: skip
    """Tell whether a coordinate lies at a bound of its own that its gradient points out of."""
    if 2 <= k <= 5 and (model != EGARCH or k == 5):
        return False
    if k == 6:
        least, most = 1 / high[5], 1 / low[5]
    else:
        position = 6 if k == 7 else k
        least, most = low[position], high[position]
    return bool((phi[k] <= least and ascent[k] <= 0) or (phi[k] >= most and ascent[k] >= 0))


@njit(error_model="numpy")
def _released(
    returns: Floats, phi: Floats, model: int, innovation: int, before: float, start: int,
    limit: float, gradient: Floats, floor: float,
) -> float:  # fmt: skip
    """Move a weight off its constraint where the likelihood rises inwards.

    The slope in a coordinate at 0 is 0, whatever the slope in its weight, so that a point on a
    constraint looks like a maximum. `gradient` is that of the likelihood in the parameters. Returns
    the log-likelihood at the new point if it is above `floor`; otherwise −∞, and `phi` is
    unchanged.
    """
    if model == EGARCH:
        return -np.inf
    total = phi[2] ** 2 + phi[3] ** 2 + phi[4] ** 2 + phi[5] ** 2
    near = NEAR_CONSTRAINT * total
    rises = np.zeros(COORDINATES)  # derivatives with the weights
    rises[2], rises[4] = gradient[2], gradient[4]
    if model != GARCH:
        rises[2], rises[3] = 2 * (gradient[2] - gradient[3]), 2 * gradient[3]
    mean = 0.0
    for k in range(2, 6):
        mean += phi[k] ** 2 / total * rises[k]
    steepest = 0
    for k in range(2, 6):
        inward = phi[k] ** 2 < near and rises[k] > mean and not (model == GARCH and k == 3)
        if inward and (steepest == 0 or rises[k] > rises[steepest]):
            steepest = k
    if steepest == 0:
        return -np.inf
    here = phi[steepest]
    phi[steepest] = math.sqrt(near)
    theta, slopes, information = np.empty(SIZE), np.empty(SIZE), np.empty((SIZE, SIZE))
    _parameters(phi, model, limit, theta)
    value = scores(returns, theta, model, innovation, before, start, slopes, information, False)
    if value > floor:
        return value
    phi[steepest] = here
    return -np.inf


@njit(error_model="numpy")
def maximise(
    returns: Floats, theta: Floats, model: int, innovation: int, before: float, start: int,
    low: Floats, high: Floats, limit: float, most: int, min_gain: float,
) -> tuple[float, int]:  # fmt: skip
    """Maximise the log-likelihood from `theta` in place; value and iterations (−1: not converged).

    Converged when two consecutive steps gain less than `min_gain`, and no weight at its constraint
    gains more by leaving it.

    Quasi-Newton steps in coordinates that hold the constraints (`_coordinates`). The curvature
    begins as the outer product of the scores (Berndt, Hall, Hall and Hausman 1974), which under fat
    tails is far too large for a normal likelihood, and is then corrected by each step (Broyden,
    Fletcher, Goldfarb and Shanno). A coordinate at a bound whose gradient points outwards is fixed
    for the step.
    """
    ascent, before_step = np.empty(COORDINATES), np.empty(COORDINATES)
    gradient, information = np.empty(SIZE), np.empty((SIZE, SIZE))
    slopes = np.empty((SIZE, COORDINATES))
    free = np.empty(COORDINATES, dtype=np.int64)
    phi = _coordinates(theta, model, limit)
    _bound(phi, low, high, model)
    fixed = _scaled_to_largest(phi, model)
    _parameters(phi, model, limit, theta)
    value = scores(returns, theta, model, innovation, before, start, gradient, information, True)
    if value == -np.inf:
        return value, -1
    _slopes(phi, model, limit, slopes)
    ascent[:] = slopes.T @ gradient
    curvature = slopes.T @ (information @ slopes)
    damping, quiet, fresh = 1e-3, 0, True
    for iteration in range(most):
        size = 0
        for k in range(COORDINATES):
            bound = k == fixed or _at_bound(phi, ascent, k, low, high, model)
            if not bound and curvature[k, k] > 0:
                free[size] = k
                size += 1
        if size == 0:
            return value, iteration
        gain = -1.0
        for _ in range(10):
            matrix, right, unit = np.empty((size, size)), np.empty(size), np.empty(size)
            for a in range(size):
                unit[a] = math.sqrt(curvature[free[a], free[a]])
            for a in range(size):  # scaled: ω is 1e-6, ν is 6
                right[a] = ascent[free[a]] / unit[a]
                for b in range(size):
                    matrix[a, b] = curvature[free[a], free[b]] / (unit[a] * unit[b])
                matrix[a, a] += damping
            if not math.isfinite(matrix.sum() + right.sum()):
                break  # a corrected curvature that overflowed
            step = np.linalg.solve(matrix, right)
            trial = phi.copy()
            for a in range(size):
                k = free[a]
                trial[k] += step[a] / unit[a]
                # The slope of a square is 0 at 0, and that of the likelihood in ω is steep there: a
                # weight or ω may shrink to a fifth per step, which reaches a true boundary soon.
                if fixed >= 0 and 2 <= k <= 5 and trial[k] * phi[k] < 0.45 * phi[k] ** 2:
                    trial[k] = 0.45 * phi[k]
                if fixed >= 0 and k == 1 and trial[k] < 0.2 * phi[k]:
                    trial[k] = 0.2 * phi[k]
            _bound(trial, low, high, model)
            _parameters(trial, model, limit, theta)
            # Most first steps are accepted: their gradient comes with their value.
            reached = scores(
                returns, theta, model, innovation, before, start, gradient, information, False
            )
            if reached >= value:
                gain = reached - value
                damping = max(1e-9, damping / 10)
                break
            damping = min(1e6, damping * 10)
        if gain >= 0:
            before_step[:] = ascent
            step = trial - phi
            phi[:] = trial
            value = reached
            quiet = quiet + 1 if gain < min_gain else 0
        if quiet >= 2 or (gain < 0 and fresh):
            if gain < 0:  # the gradient is that of a rejected step
                _parameters(phi, model, limit, theta)
                scores(
                    returns, theta, model, innovation, before, start, gradient, information, False
                )
            inward = _released(
                returns, phi, model, innovation, before, start, limit, gradient, value + min_gain
            )
            if inward == -np.inf:
                _parameters(phi, model, limit, theta)
                return value, iteration
            value, quiet = inward, 0
        elif gain >= 0:
            _slopes(phi, model, limit, slopes)
            ascent[:] = slopes.T @ gradient
            bend = before_step - ascent
            along = np.dot(bend, step)
            pushed = curvature @ step
            size_of_step = np.dot(step, pushed)
            bends = along > 1e-10 * abs(size_of_step) and size_of_step > 0
            if bends and not _outgrown(phi, fixed):
                curvature += np.outer(bend, bend) / along - np.outer(pushed, pushed) / size_of_step
                fresh = False
                continue
        else:
            damping = 1e-3
        # The corrected curvature may be wrong: restart from the scores.
        fresh = True
        fixed = _scaled_to_largest(phi, model)
        _parameters(phi, model, limit, theta)
        again = scores(
            returns, theta, model, innovation, before, start, gradient, information, True
        )
        if again == -np.inf:
            return value, -1
        _slopes(phi, model, limit, slopes)
        ascent[:] = slopes.T @ gradient
        curvature = slopes.T @ (information @ slopes)
    return value, -1
