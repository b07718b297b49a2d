"""Compiled expectation–maximisation for Markov switching.

One flat vector holds the parameters of a K-state model of d series: K·d means; for each state the
lower triangle of its scale matrix's Cholesky factor, row after row, the diagonal as logarithm;
ln(p_ij / p_ii) for i ≠ j, row after row. On these scales every vector is a valid model, so
an extrapolation cannot leave the set of models. One that overflows has likelihood NaN (numpy's
rules of division) and is rejected.
"""

import math

import numpy as np

from features._numba import njit
from features._typing import Floats
from models.regimes._filter import hamilton_filter, kim_smoother, log_densities, solve, stationary

MIN_TRANSITION = 1e-6  # an expected duration of a million sessions


@njit(error_model="numpy")
def pack(means: Floats, factors: Floats, transition: Floats) -> Floats:
    """Lay parameters out as one unconstrained vector."""
    states, series = means.shape
    theta = np.empty(states * (series + series * (series + 1) // 2 + states - 1))
    at = 0
    for k in range(states):
        for i in range(series):
            theta[at] = means[k, i]
            at += 1
    for k in range(states):
        for i in range(series):
            for j in range(i + 1):
                theta[at] = math.log(factors[k, i, i]) if i == j else factors[k, i, j]
                at += 1
    for i in range(states):
        for j in range(states):
            if i != j:
                theta[at] = math.log(transition[i, j] / transition[i, i])
                at += 1
    return theta


@njit(error_model="numpy")
def unpack(theta: Floats, states: int, series: int) -> tuple[Floats, Floats, Floats]:
    """Read means, Cholesky factors and transition matrix back."""
    means, factors = np.empty((states, series)), np.zeros((states, series, series))
    transition = np.empty((states, states))
    at = 0
    for k in range(states):
        for i in range(series):
            means[k, i] = theta[at]
            at += 1
    for k in range(states):
        for i in range(series):
            for j in range(i + 1):
                factors[k, i, j] = math.exp(theta[at]) if i == j else theta[at]
                at += 1
    for i in range(states):
        transition[i, i] = 1.0
        for j in range(states):
            if i != j:
                transition[i, j] = math.exp(min(theta[at], 40.0))
                at += 1
        _to_probabilities(transition[i])
    return means, factors, transition


@njit(error_model="numpy")
def _to_probabilities(row: Floats) -> None:
    """Scale a row of weights to one, none below the smallest probability."""
    total = 1e-300
    for weight in row:
        total += weight
    raised = 0.0
    for j in range(len(row)):
        row[j] = max(row[j] / total, MIN_TRANSITION)
        raised += row[j]
    for j in range(len(row)):
        row[j] /= raised


@njit(error_model="numpy")
def _next_transition(moves: Floats, first: Floats, transition: Floats, initial: Floats) -> Floats:
    """Maximise Σ n_ij ln p_ij + Σ γ_i ln π_i(P), the second term by its slope at P.

    The first state is drawn from π, so P is judged by it too; with n_ij alone the fixed point is
    not the maximum of the likelihood. dπ = π·dP·Z with the fundamental matrix Z = (I − P + 1π)⁻¹
    (Schweitzer 1968); row by row, p_ij = n_ij/(λ_i − h_ij) with Σ_j p_ij = 1.
    """
    states = len(moves)
    # Z·x for x = γ/π is the solution of (I − P + 1π)·z = x.
    system, slope = np.empty((states, states)), np.empty(states)
    for i in range(states):
        slope[i] = first[i] / max(initial[i], 1e-300)
        for j in range(states):
            system[i, j] = (1.0 if i == j else 0.0) - transition[i, j] + initial[j]
    solve(system, slope)
    following, pull = np.empty((states, states)), np.empty(states)
    for i in range(states):
        multiplier = -np.inf  # at or below the root, where Newton only rises
        for j in range(states):
            pull[j] = initial[i] * slope[j]
            multiplier = max(multiplier, pull[j] + moves[i, j])
        for _ in range(60):
            excess, fall = -1.0, 1e-300
            for j in range(states):
                gap = max(multiplier - pull[j], 1e-300)
                excess += moves[i, j] / gap
                fall += moves[i, j] / gap / gap
            multiplier += excess / fall
            if abs(excess) <= 1e-13:
                break
        for j in range(states):
            following[i, j] = moves[i, j] / max(multiplier - pull[j], 1e-300)
        _to_probabilities(following[i])
    return following


@njit(error_model="numpy")
def em_step(
    theta: Floats, values: Floats, states: int, nu: float, correlated: bool, floor: float
) -> tuple[float, Floats]:
    """Log-likelihood at `theta`, and where one round of expectation and maximisation leads.

    Hamilton (1990, eq. 4.1–4.2) for means, scales and moves; Student-t weights u = (ν + d)/(ν + δ)
    as in Peel and McLachlan (2000) at fixed ν (infinite: normal), scales over Σγu instead of Σγ
    (Kent, Tyler and Vardi 1994: the same fixed point, sooner). No scale falls below `floor`.
    """
    rows, series = values.shape
    means, factors, transition = unpack(theta, states, series)
    student = not math.isinf(nu)
    density, distance = log_densities(values, means, factors, nu)
    initial = stationary(transition)
    value, predicted, filtered = hamilton_filter(density, transition, initial)
    smoothed, moves = kim_smoother(predicted, filtered, transition)
    new_means, new_factors = np.zeros((states, series)), np.zeros((states, series, series))
    weights = np.zeros((rows, states))
    for k in range(states):
        total = 1e-300
        for t in range(rows):
            if math.isnan(distance[t, k]):
                continue
            weight = smoothed[t, k]
            if student:
                weight *= (nu + series) / (nu + distance[t, k])
            weights[t, k] = weight
            total += weight
            for i in range(series):
                new_means[k, i] += weight * values[t, i]
        for i in range(series):
            new_means[k, i] /= total
        scale = np.zeros((series, series))
        for t in range(rows):
            weight = weights[t, k]
            if weight > 0:
                for i in range(series):
                    gap = weight * (values[t, i] - new_means[k, i])
                    for j in range(0 if correlated else i, i + 1):
                        scale[i, j] += gap * (values[t, j] - new_means[k, j])
        for i in range(series):  # Cholesky with pivots above the floor
            for j in range(i + 1):
                remainder = scale[i, j] / total
                for m in range(j):
                    remainder -= new_factors[k, i, m] * new_factors[k, j, m]
                if i == j:
                    new_factors[k, i, i] = max(math.sqrt(max(remainder, 0.0)), floor)
                else:
                    new_factors[k, i, j] = remainder / new_factors[k, j, j]
    new_transition = _next_transition(moves, smoothed[0], transition, initial)
    return value, pack(new_means, new_factors, new_transition)


@njit(error_model="numpy")
def accelerated_em(
    theta: Floats, values: Floats, states: int, nu: float, correlated: bool, floor: float,
    tolerance: float, most: int,
) -> tuple[Floats, float, bool]:  # fmt: skip
    """Maximise by EM with squared extrapolation (Varadhan–Roland 2008, scheme S3).

    Converged when a plain step changes no entry of the vector by more than `tolerance`, within
    `most` steps. An extrapolation that lowers the likelihood, or makes it infinite on a state of no
    width, is replaced by the plain steps. If a plain step is not finite, optimisation stops with
    value NaN, which cannot be mistaken for convergence.
    """
    value, first = em_step(theta, values, states, nu, correlated, floor)
    done = 1
    while done < most:
        if not np.isfinite(first).all():
            return theta, np.nan, False
        largest = 0.0
        for i in range(len(theta)):
            largest = max(largest, abs(first[i] - theta[i]))
        if largest <= tolerance:
            return theta, value, True
        middle, second = em_step(first, values, states, nu, correlated, floor)
        if not np.isfinite(second).all():
            return theta, np.nan, False
        step, bend = 0.0, 0.0
        for i in range(len(theta)):
            step += (first[i] - theta[i]) ** 2
            bend += (second[i] - 2 * first[i] + theta[i]) ** 2
        alpha = -math.sqrt(step / bend) if bend > 0 else -1.0
        alpha = min(alpha, -1.0)
        leap = np.empty_like(theta)
        for i in range(len(theta)):
            r = first[i] - theta[i]
            leap[i] = theta[i] - 2 * alpha * r + alpha * alpha * (second[i] - first[i] - r)
        there, beyond = em_step(leap, values, states, nu, correlated, floor)
        done += 2
        # Not where it is NaN either.
        if middle <= there < np.inf and np.isfinite(beyond).all():
            theta, value, first = leap, there, beyond
        else:
            theta = second
            value, first = em_step(theta, values, states, nu, correlated, floor)
            done += 1
    return theta, value, False
