"""Slow, obvious twins of the cross-section, connectedness and tail code.

One loop a sum, one session at a time, no shared code with what they check.
"""

import itertools
import math

import numpy as np
import pandas as pd
from scipy import optimize, stats


def usable(block, scored, min_observations):
    """Columns kept and complete rows of one window, or None."""
    kept = []
    for column in range(block.shape[1]):
        if np.isfinite(block[:, column]).sum() < min_observations:
            continue
        if scored is not None and not np.isfinite(scored[column]):
            continue
        kept.append(column)
    rows = [row[kept] for row in block if np.isfinite(row[kept]).all()]
    if len(rows) < min_observations:
        return None
    rows = np.array(rows)
    varying = [place for place in range(len(kept)) if len(set(rows[:, place])) > 1]
    if len(varying) < 2:
        return None
    return [kept[place] for place in varying], rows[:, varying]


def ledoit_wolf(rows):
    n, p = rows.shape
    centred = rows - rows.mean(axis=0)
    sample = sum(np.outer(row, row) for row in centred) / n
    target = np.trace(sample) / p * np.eye(p)
    distance = ((sample - target) ** 2).sum()
    noise = sum(((np.outer(row, row) - sample) ** 2).sum() for row in centred) / n**2
    weight = min(noise, distance) / distance
    return (1 - weight) * sample + weight * target


def turbulence(returns, window, min_observations, *, shrunk=True):
    values = returns.to_numpy()
    out = []
    for t in range(len(values)):
        found = usable(values[max(0, t - window) : t], values[t], min_observations)
        if found is None:
            out.append((np.nan, np.nan))
            continue
        kept, rows = found
        scale = rows.std(axis=0)
        if shrunk:
            covariance = np.diag(scale) @ ledoit_wolf(rows / scale) @ np.diag(scale)
        else:
            covariance = np.cov(rows, rowvar=False)
        gap = values[t, kept] - rows.mean(axis=0)
        full = gap @ np.linalg.inv(covariance) @ gap / len(kept)
        alone = gap @ np.linalg.inv(np.diag(np.diag(covariance))) @ gap / len(kept)
        out.append((full, full / alone))
    return pd.DataFrame(out, returns.index, ["turbulence", "correlation_surprise"])


def absorption_ratio(returns, window, min_observations, share):
    values = returns.to_numpy()
    out = []
    for t in range(len(values)):
        found = usable(values[max(0, t + 1 - window) : t + 1], None, min_observations)
        if found is None:
            out.append(np.nan)
            continue
        covariance = np.cov(found[1], rowvar=False)
        k = max(1, math.floor(share * len(covariance) + 0.5))
        spectrum = sorted(np.linalg.svd(covariance, compute_uv=False), reverse=True)
        out.append(sum(spectrum[:k]) / np.trace(covariance))
    return pd.Series(out, returns.index)


def generalised_decomposition(coefficients, covariance, horizon):
    lags, n = len(coefficients), len(covariance)
    responses = []
    for h in range(horizon):
        total = np.eye(n) if h == 0 else np.zeros((n, n))
        for k in range(1, lags + 1):
            if h - k >= 0:
                total = total + coefficients[k - 1] @ responses[h - k]
        responses.append(total)
    shares = np.zeros((n, n))
    for i, j in itertools.product(range(n), range(n)):
        e_i, e_j = np.eye(n)[i], np.eye(n)[j]
        top = sum((e_i @ a @ covariance @ e_j) ** 2 for a in responses) / covariance[j, j]
        bottom = sum(e_i @ a @ covariance @ a.T @ e_i for a in responses)
        shares[i, j] = top / bottom
    return np.array([row / row.sum() for row in shares])


def gpd_maximum(excesses):
    """Best of many simplex searches from different starts: ξ, β, log-likelihood."""

    def loss(parameters):
        xi, beta = parameters[0], math.exp(parameters[1])
        value = -stats.genpareto.logpdf(excesses, xi, scale=beta).sum() if xi > -0.5 else np.inf
        return value if np.isfinite(value) else 1e12

    best = min(
        (
            optimize.minimize(
                loss,
                [xi, math.log(excesses.mean())],
                method="Nelder-Mead",
                options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000},
            )
            for xi in (-0.2, 0.01, 0.2, 0.5, 1.0)
        ),
        key=lambda found: found.fun,
    )
    return best.x[0], math.exp(best.x[1]), -best.fun


def tail_interval(excesses, n, distance, confidence):
    """Least and largest (N/n-share) × P(excess > distance) inside the likelihood region.

    The region in (ξ, ln β, share) is covered by a fine grid: no calculus at all.
    """
    count = len(excesses)
    xi_hat, beta_hat, best = gpd_maximum(excesses)
    xi = xi_hat + np.linspace(-0.8, 1.2, 401)
    xi = xi[(np.abs(xi) > 1e-6) & (xi > -0.99)]
    log_beta = math.log(beta_hat) + np.linspace(-1.5, 1.5, 401)
    xi, log_beta = (part.ravel() for part in np.meshgrid(xi, log_beta))
    inside = 1 + xi * excesses.max() * np.exp(-log_beta) > 0
    xi, log_beta = xi[inside], log_beta[inside]
    pareto = np.zeros(len(xi))
    for excess in excesses:
        pareto -= log_beta + (1 + 1 / xi) * np.log1p(xi * excess * np.exp(-log_beta))
    reach = np.maximum(1 + xi * distance * np.exp(-log_beta), 0)
    with np.errstate(divide="ignore"):
        beyond = np.where(reach > 0, reach ** (-1 / xi), 0.0)
    allowance = stats.chi2.ppf(confidence, 1) / 2
    lowest, highest = math.inf, -math.inf
    hat = count / n
    for share in [1.0] if count == n else hat * np.exp(np.linspace(-0.7, 0.7, 561)):
        lost = 0.0
        if count < n:
            lost = count * math.log(hat / share) + (n - count) * math.log((1 - hat) / (1 - share))
        allowed = pareto >= best - (allowance - lost)
        if allowed.any():
            lowest = min(lowest, share * beyond[allowed].min())
            highest = max(highest, share * beyond[allowed].max())
    return lowest, highest
