"""Slow, obvious twins of the volatility models: one line of the textbook a line of code."""

import numpy as np
from scipy import integrate, stats


def variances(
    returns: np.ndarray, *, mu: float, omega: float, alpha: float, gamma: float, beta: float,
    model: str, before: float, first: bool = False,
) -> np.ndarray:  # fmt: skip
    """σ² from what stands before the sample; with `first`, `before` is the first σ² itself."""
    answer = []
    for t in range(len(returns)):
        if t == 0:
            if first:
                answer.append(before)
            elif model == "egarch":
                answer.append(np.exp(omega + beta * np.log(before)))
            else:
                answer.append(omega + (alpha + gamma / 2 + beta) * before)
            continue
        e = returns[t - 1] - mu
        if model == "egarch":
            z = e / np.sqrt(answer[-1])
            log = omega + alpha * (abs(z) - np.sqrt(2 / np.pi)) + gamma * z
            answer.append(np.exp(log + beta * np.log(answer[-1])))
        else:
            answer.append(omega + (alpha + gamma * (e < 0)) * e**2 + beta * answer[-1])
    return np.array(answer)


def student_log_likelihood(
    returns: np.ndarray, variance: np.ndarray, mu: float, nu: float
) -> float:
    scale = np.sqrt(variance * (nu - 2) / nu)
    return float(stats.t.logpdf(returns - mu, nu, scale=scale).sum())


def skewed_density(z: np.ndarray, *, nu: float, xi: float) -> np.ndarray:
    """Fernández and Steel (1998) on a Student-t, at mean 0 and variance 1: rugarch's sstd."""

    def two_piece(x: np.ndarray) -> np.ndarray:
        return 2 / (xi + 1 / xi) * stats.t.pdf(x * np.where(x < 0, xi, 1 / xi), nu)

    first = 2 * integrate.quad(lambda x: x * stats.t.pdf(x, nu), 0, np.inf)[0]
    mean = first * (xi - 1 / xi)
    second = nu / (nu - 2) * (xi**3 + xi**-3) / (xi + 1 / xi)
    deviation = np.sqrt(second - mean**2)
    return deviation * two_piece(z * deviation + mean)


def log_likelihood(
    returns: np.ndarray, variance: np.ndarray, mu: float, *, nu: float, xi: float
) -> float:
    """Sum of log densities; NaN ν: normal; NaN ξ: symmetric."""
    z = (returns - mu) / np.sqrt(variance)
    if np.isnan(nu):
        density = stats.norm.pdf(z)
    else:
        density = skewed_density(z, nu=nu, xi=1.0 if np.isnan(xi) else xi)
    return float((np.log(density) - 0.5 * np.log(variance)).sum())
