"""Slow, obvious twins of the volatility models: one line of the textbook a line of code."""

import numpy as np
from scipy import stats


def variances(
    returns: np.ndarray, *, mu: float, omega: float, alpha: float, gamma: float, beta: float,
    model: str, before: float,
) -> np.ndarray:  # fmt: skip
    answer = []
    for t in range(len(returns)):
        if t == 0:
            if model == "egarch":
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
