"""Compiled dynamic programme and descent of `models.jump_model`; call that module, not this one."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Path = NDArray[np.int64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def losses(values: Array, centres: Array) -> Array:
    """½‖x − θ‖² of each row and state; 0 throughout a row with a NaN."""
    rows, features = values.shape
    loss = np.zeros((rows, len(centres)))
    for t in range(rows):
        for k in range(len(centres)):
            total = 0.0
            for i in range(features):
                total += (values[t, i] - centres[k, i]) ** 2
            loss[t, k] = 0.0 if np.isnan(total) else 0.5 * total
    return loss


@njit(cache=True)  # type: ignore[untyped-decorator]
def forward_costs(loss: Array, penalty: float) -> Array:
    """Least cost of a path up to each row that ends in each state."""
    rows, states = loss.shape
    costs = np.empty((rows, states))
    costs[0] = loss[0]
    for t in range(1, rows):
        cheapest = costs[t - 1, 0]
        for k in range(1, states):
            cheapest = min(cheapest, costs[t - 1, k])
        for k in range(states):
            costs[t, k] = loss[t, k] + min(costs[t - 1, k], cheapest + penalty)
    return costs


@njit(cache=True)  # type: ignore[untyped-decorator]
def cheapest_path(costs: Array, penalty: float) -> Path:
    """Trace the cheapest path back; staying wins a tie."""
    rows, states = costs.shape
    path = np.empty(rows, np.int64)
    state = 0
    for k in range(1, states):
        if costs[rows - 1, k] < costs[rows - 1, state]:
            state = k
    path[rows - 1] = state
    for t in range(rows - 2, -1, -1):
        best = state
        for k in range(states):
            if costs[t, k] + penalty < costs[t, best] + (penalty if best != state else 0.0):
                best = k
        state = best
        path[t] = state
    return path


@njit(cache=True)  # type: ignore[untyped-decorator]
def descend(
    values: Array, centres: Array, penalty: float, most: int
) -> tuple[Array, Path, float, bool]:
    """Alternate the path given the centres and the centres given the path, until it stays."""
    rows, features = values.shape
    states = len(centres)
    before = np.full(rows, -1, np.int64)
    path, loss = before, np.inf
    for _ in range(most):
        costs = forward_costs(losses(values, centres), penalty)
        path = cheapest_path(costs, penalty)
        loss = costs[rows - 1].min()
        moved = False
        for t in range(rows):
            moved = moved or path[t] != before[t]
        if not moved:
            return centres, path, loss, True
        before = path
        sums, counts = np.zeros((states, features)), np.zeros(states)
        for t in range(rows):
            if not np.isnan(values[t].sum()):
                counts[path[t]] += 1
                for i in range(features):
                    sums[path[t], i] += values[t, i]
        for k in range(states):
            if counts[k] > 0:  # an empty state stays where it was
                for i in range(features):
                    centres[k, i] = sums[k, i] / counts[k]
    return centres, path, loss, False
