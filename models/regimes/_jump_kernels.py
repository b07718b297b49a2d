"""Compiled dynamic programme and coordinate descent of the jump model."""

import numpy as np

from features._numba import njit
from features._typing import Floats, Integers


@njit()
def losses(values: Floats, centres: Floats) -> Floats:
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


@njit()
def forward_costs(loss: Floats, penalty: float) -> Floats:
    """Smallest cost of a path up to each row that ends in each state."""
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


@njit()
def cheapest_path(costs: Floats, penalty: float) -> Integers:
    """Backtrack the cheapest path; a tie keeps the state."""
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


@njit()
def descend(
    values: Floats, centres: Floats, penalty: float, most: int
) -> tuple[Floats, Integers, float, bool]:
    """Coordinate descent: path given centres, centres given path, until the path repeats."""
    rows, features = values.shape
    states = len(centres)
    before = np.full(rows, -1, np.int64)
    path, loss = before, np.inf
    for _ in range(most):
        costs = forward_costs(losses(values, centres), penalty)
        path = cheapest_path(costs, penalty)
        loss = costs[rows - 1].min()
        changed = False
        for t in range(rows):
            changed = changed or path[t] != before[t]
        if not changed:
            return centres, path, loss, True
        before = path
        sums, counts = np.zeros((states, features)), np.zeros(states)
        for t in range(rows):
            if not np.isnan(values[t].sum()):
                counts[path[t]] += 1
                for i in range(features):
                    sums[path[t], i] += values[t, i]
        for k in range(states):
            if counts[k] > 0:  # an empty state keeps its centre
                for i in range(features):
                    centres[k, i] = sums[k, i] / counts[k]
    return centres, path, loss, False
