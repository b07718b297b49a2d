"""Compiled filter of a hidden Markov chain; call `models.markov_switching`, not this module.

A row of a transition matrix is where a session's state goes: p_ij = P(S_t = j | S_{t−1} = i).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def solve(system: Array, right: Array) -> None:
    """Solve a small linear system in place, pivoting: a call of LAPACK compiles for seconds."""
    size = len(system)
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(system[i, k]) > abs(system[pivot, k]):
                pivot = i
        for j in range(size):
            system[k, j], system[pivot, j] = system[pivot, j], system[k, j]
        right[k], right[pivot] = right[pivot], right[k]
        for i in range(k + 1, size):
            factor = system[i, k] / system[k, k]
            right[i] -= factor * right[k]
            for j in range(k, size):
                system[i, j] -= factor * system[k, j]
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            right[k] -= system[k, j] * right[j]
        right[k] /= system[k, k]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def stationary(transition: Array) -> Array:
    """Solve π = πP, Σπ = 1 (Hamilton 1994, eq. 22.2.26)."""
    states = len(transition)
    system, right = np.ones((states, states)), np.zeros(states)
    for i in range(states - 1):
        for j in range(states):
            system[i, j] = (1.0 if i == j else 0.0) - transition[j, i]
    right[-1] = 1.0
    solve(system, right)
    for i in range(states):
        right[i] = max(right[i], 0.0)
    return right


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def log_densities(values: Array, means: Array, factors: Array, nu: float) -> tuple[Array, Array]:
    """Log density and squared distance of each row in each state; ν infinite is the normal.

    A row with a NaN has log density 0 in every state, which says nothing: the filter steps over it
    by prediction; its distances are NaN. Parameters that overflow on a row which is there give it
    NaN, not 0: no likelihood, where a missing row would be a flattering one.
    """
    rows, series = values.shape
    states = len(means)
    student = not math.isinf(nu)
    density, distance = np.zeros((rows, states)), np.zeros((rows, states))
    solved = np.empty(series)
    for k in range(states):
        if student:
            constant = math.lgamma((nu + series) / 2) - math.lgamma(nu / 2)
            constant -= 0.5 * series * math.log(nu * math.pi)
        else:
            constant = -0.5 * series * math.log(2 * math.pi)
        for i in range(series):
            constant -= math.log(factors[k, i, i])
        for t in range(rows):
            squares, missing = 0.0, False
            for i in range(series):
                missing = missing or math.isnan(values[t, i])
                rest = values[t, i] - means[k, i]
                for j in range(i):
                    rest -= factors[k, i, j] * solved[j]
                solved[i] = rest / factors[k, i, i]
                squares += solved[i] * solved[i]
            distance[t, k] = squares
            if missing:
                continue
            if student:
                density[t, k] = constant - 0.5 * (nu + series) * math.log1p(squares / nu)
            else:
                density[t, k] = constant - 0.5 * squares
    return density, distance


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def hamilton_filter(
    density: Array, transition: Array, initial: Array
) -> tuple[float, Array, Array]:
    """Log-likelihood, P(S_t | rows up to t−1) and P(S_t | rows up to t) (Hamilton 1989, eq. 4.5).

    `initial` is the law of the first row's state before that row is seen. Densities are scaled by
    the largest of their row, so that a far outlier underflows in no state that matters.
    """
    rows, states = density.shape
    predicted, filtered = np.empty((rows, states)), np.empty((rows, states))
    prior, total = initial.copy(), 0.0
    for t in range(rows):
        top = -np.inf
        for k in range(states):
            predicted[t, k] = prior[k]
            if prior[k] > 0 and density[t, k] > top:
                top = density[t, k]
        mass = 0.0
        for k in range(states):
            filtered[t, k] = prior[k] * math.exp(density[t, k] - top) if prior[k] > 0 else 0.0
            mass += filtered[t, k]
        total += top + math.log(mass)
        for k in range(states):
            filtered[t, k] /= mass
        for j in range(states):
            prior[j] = 0.0
        for i in range(states):
            held = filtered[t, i]
            if held > 0:
                for j in range(states):
                    prior[j] += held * transition[i, j]
    return total, predicted, filtered


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def kim_smoother(predicted: Array, filtered: Array, transition: Array) -> tuple[Array, Array]:
    """P(S_t | all rows) and the expected number of moves i → j (Kim 1994, eq. 2.20)."""
    rows, states = filtered.shape
    smoothed, moves = np.empty((rows, states)), np.zeros((states, states))
    for k in range(states):
        smoothed[rows - 1, k] = filtered[rows - 1, k]
    ratio = np.empty(states)
    for t in range(rows - 2, -1, -1):
        for j in range(states):
            known = predicted[t + 1, j]
            ratio[j] = smoothed[t + 1, j] / known if known > 0 else 0.0
        for i in range(states):
            total = 0.0
            for j in range(states):
                move = filtered[t, i] * transition[i, j] * ratio[j]
                moves[i, j] += move
                total += move
            smoothed[t, i] = total
    return smoothed, moves
