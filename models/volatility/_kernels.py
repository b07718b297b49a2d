"""Compiled GARCH likelihoods, scores and maximisation.

Order of the parameters: μ, ω, α, γ, β, ν, λ. A model without one of them fixes it:
γ = 0 without asymmetry, ν and λ unused under normal shocks, λ = 0 for the symmetric Student-t.
"""

import math

import numpy as np

from features._numba import njit
from features._typing import Floats

GARCH, GJR, EGARCH = 0, 1, 2
NORMAL, STUDENT, SKEWED = 0, 1, 2
SIZE = 7
SHARE_BELOW = 0.5  # share of negative shocks in the squares before the sample (as arch)
MEAN_SIZE = math.sqrt(2.0 / math.pi)  # E|z| of a normal, for every distribution of shocks (as arch)
MAX_LOG = 700.0  # of a variance: beyond it exp overflows
# Start-up of the recursion: a given square before the sample, the mean square about μ before the
# sample, or that mean square as the first variance.
GIVEN, BEFORE, FIRST = 0, 1, 2


@njit()
def log_density(z: float, innovation: int, nu: float, skew: float) -> float:
    """Log density of a shock of mean 0 and variance 1: normal, Student-t or Hansen's skewed t."""
    if innovation == NORMAL:
        return -0.5 * (math.log(2.0 * math.pi) + z * z)
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
    if innovation == STUDENT:
        return constant - (nu + 1) / 2 * math.log1p(z * z / (nu - 2))
    a = 4 * skew * math.exp(constant) * (nu - 2) / (nu - 1)  # Hansen (1994), eq. 11–13
    b = math.sqrt(1 + 3 * skew * skew - a * a)
    scaled = (b * z + a) / (1 - skew if z < -a / b else 1 + skew)
    return math.log(b) + constant - (nu + 1) / 2 * math.log1p(scaled * scaled / (nu - 2))


@njit()
def _slope(z: float, innovation: int, nu: float, skew: float) -> float:
    """Derivative of the log density in z."""
    if innovation == NORMAL:
        return -z
    if innovation == STUDENT:
        return -(nu + 1) * z / (nu - 2 + z * z)
    log_c = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * (nu - 2))
    a = 4 * skew * math.exp(log_c) * (nu - 2) / (nu - 1)
    b = math.sqrt(1 + 3 * skew * skew - a * a)
    side = 1 - skew if z < -a / b else 1 + skew
    scaled = (b * z + a) / side
    return -(nu + 1) * scaled / (nu - 2 + scaled * scaled) * b / side


@njit()
def variances(
    returns: Floats, theta: Floats, model: int, before: float, start: int, variance: Floats
) -> None:
    """Fill σ² of each row, and of the row after the last, from the rows before it.

    `before` is the square and the variance before the sample where `start` is GIVEN.
    """
    mu, omega, alpha, gamma, beta = theta[0], theta[1], theta[2], theta[3], theta[4]
    n = len(returns)
    if start != GIVEN:
        before = 0.0
        for value in returns:
            before += (value - mu) ** 2 / n
    if model == EGARCH:
        level = math.log(before) if start == FIRST else omega + beta * math.log(before)
        for t in range(n):
            variance[t] = math.exp(min(MAX_LOG, max(-MAX_LOG, level)))
            z = (returns[t] - mu) / math.sqrt(variance[t])
            level = omega + alpha * (abs(z) - MEAN_SIZE) + gamma * z + beta * level
        variance[n] = math.exp(min(MAX_LOG, max(-MAX_LOG, level)))
        return
    value = before
    if start != FIRST:
        value = omega + (alpha + SHARE_BELOW * gamma + beta) * before
    for t in range(n):
        variance[t] = value
        shock = returns[t] - mu
        rise = alpha + gamma if shock < 0 else alpha
        value = omega + rise * shock * shock + beta * value
    variance[n] = value


@njit(error_model="numpy")
def scores(
    returns: Floats, theta: Floats, model: int, innovation: int, before: float, start: int,
    gradient: Floats, information: Floats, with_information: bool,
) -> float:  # fmt: skip
    """Fill the gradient of the log-likelihood and, if wanted, its terms' sum of outer products.

    Returns the log-likelihood; −∞ where it is not finite.
    """
    mu, omega, alpha, gamma, beta = theta[0], theta[1], theta[2], theta[3], theta[4]
    nu, skew = theta[5], theta[6]
    n = len(returns)
    slope_of_start = 0.0
    if start != GIVEN:
        before = 0.0
        for value in returns:
            before += (value - mu) ** 2 / n
            slope_of_start -= 2 * (value - mu) / n
    gradient[:] = 0.0
    if with_information:
        information[:] = 0.0
    total, constant = 0.0, 0.0
    if innovation == STUDENT:
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2)
        constant -= 0.5 * math.log(math.pi * (nu - 2))
    change = np.zeros(5)  # of σ², or for EGARCH of ln σ², with μ, ω, α, γ, β
    following = np.zeros(5)
    term = np.zeros(SIZE)
    step_nu, step_skew = 1e-5 * nu, 1e-6
    shape = 0.0
    if innovation == STUDENT:  # of the constant with ν, once
        shape = math.lgamma((nu + step_nu + 1) / 2) - math.lgamma((nu - step_nu + 1) / 2)
        shape -= math.lgamma((nu + step_nu) / 2) - math.lgamma((nu - step_nu) / 2)
        shape = shape / (2 * step_nu) - 0.5 / (nu - 2)
    if start == FIRST:
        state, change[0] = before, slope_of_start
        if model == EGARCH:
            state, change[0] = math.log(before), slope_of_start / before
    elif model == EGARCH:
        state = omega + beta * math.log(before)
        change[0], change[1] = beta * slope_of_start / before, 1.0
        change[4] = math.log(before)
    else:
        persistence = alpha + SHARE_BELOW * gamma + beta
        state = omega + persistence * before
        change[0], change[1] = persistence * slope_of_start, 1.0
        change[2] = change[4] = before
        change[3] = SHARE_BELOW * before
    for t in range(n):
        bounded = min(MAX_LOG, max(-MAX_LOG, state))
        variance = math.exp(bounded) if model == EGARCH else state
        if not (variance > 0 and variance < 1e300):
            return -np.inf
        deviation = math.sqrt(variance)
        shock = returns[t] - mu
        z = shock / deviation
        total -= 0.5 * math.log(variance)
        slope = _slope(z, innovation, nu, skew)
        by_state = -0.5 * (1 + z * slope)
        if model != EGARCH:
            by_state /= variance
        for k in range(5):
            term[k] = by_state * change[k]
        term[0] -= slope / deviation
        term[5] = term[6] = 0.0
        if innovation == STUDENT:
            ratio = z * z / (nu - 2)
            depth = math.log1p(ratio)
            total += constant - (nu + 1) / 2 * depth
            term[5] = shape - 0.5 * depth + (nu + 1) / 2 * ratio / (nu - 2) / (1 + ratio)
        elif innovation == SKEWED:
            term[5] = log_density(z, innovation, nu + step_nu, skew)
            term[5] -= log_density(z, innovation, nu - step_nu, skew)
            term[5] /= 2 * step_nu
            term[6] = log_density(z, innovation, nu, skew + step_skew)
            term[6] -= log_density(z, innovation, nu, skew - step_skew)
            term[6] /= 2 * step_skew
        if innovation != STUDENT:
            total += log_density(z, innovation, nu, skew)
        for k in range(SIZE):
            gradient[k] += term[k]
        if with_information:
            for k in range(SIZE):
                for other in range(k + 1):
                    information[k, other] += term[k] * term[other]
        if model == EGARCH:
            size = alpha * (1.0 if z > 0 else -1.0) + gamma
            for k in range(5):
                following[k] = (beta - 0.5 * size * z) * change[k]
            following[0] -= size / deviation
            following[1] += 1.0
            following[2] += abs(z) - MEAN_SIZE
            following[3] += z
            following[4] += state
            state = omega + alpha * (abs(z) - MEAN_SIZE) + gamma * z + beta * state
        else:
            below = shock < 0
            rise = alpha + gamma if below else alpha
            for k in range(5):
                following[k] = beta * change[k]
            following[0] -= 2 * rise * shock
            following[1] += 1.0
            following[2] += shock * shock
            following[3] += shock * shock if below else 0.0
            following[4] += state
            state = omega + rise * shock * shock + beta * state
        change, following = following, change
    if with_information:
        for k in range(SIZE):
            for other in range(k):
                information[other, k] = information[k, other]
    # Where EGARCH diverges its gradient overflows before its value does.
    whole = total + gradient.sum() + (information.sum() if with_information else 0.0)
    return total if math.isfinite(whole) else -np.inf
