"""Compiled filter and smoother of a hidden Markov chain.

Rows of a transition matrix are the current state: p_ij = P(S_t = j | S_{t−1} = i).
"""

import math

import numpy as np

from features._numba import njit
from features._typing import Floats


@njit(error_model="numpy")
def solve(system: Floats, right: Floats) -> None:
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


@njit(error_model="numpy")
def stationary(transition: Floats) -> Floats:
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


@njit(error_model="numpy")
def log_densities(
    values: Floats, means: Floats, factors: Floats, nu: float
) -> tuple[Floats, Floats]:
    """Log density and squared distance of each row in each state; ν infinite is the normal.

    A row with a NaN has log density 0 in every state, so the filter predicts over it; its distances
    are NaN. Parameters that overflow on an observed row give NaN, not 0: a 0 would raise the
    likelihood.
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
                residual = values[t, i] - means[k, i]
                for j in range(i):
                    residual -= factors[k, i, j] * solved[j]
                solved[i] = residual / factors[k, i, i]
                squares += solved[i] * solved[i]
            distance[t, k] = squares
            if missing:
                continue
            if student:
                density[t, k] = constant - 0.5 * (nu + series) * math.log1p(squares / nu)
            else:
                density[t, k] = constant - 0.5 * squares
    return density, distance


@njit(error_model="numpy")
def hamilton_filter(
    density: Floats, transition: Floats, initial: Floats
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, P(S_t | rows up to t−1) and P(S_t | rows up to t) (Hamilton 1989, eq. 4.5).

    `initial` is the prior distribution of the first row's state. Densities are scaled by
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
            share = filtered[t, i]
            if share > 0:
                for j in range(states):
                    prior[j] += share * transition[i, j]
    return total, predicted, filtered


@njit(error_model="numpy")
def kim_smoother(predicted: Floats, filtered: Floats, transition: Floats) -> tuple[Floats, Floats]:
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
