"""Slow, obvious twins of the tail risk, backtest and CoVaR code: one session at a time."""

import itertools
import math
import random

from scipy import integrate, optimize


def survival(loss, fit):
    """P(X > loss) beyond the threshold."""
    distance = (loss - fit.threshold) / fit.beta
    share = fit.exceedances / fit.n
    if fit.xi == 0:
        return share * math.exp(-distance)
    return share * max(0.0, 1 + fit.xi * distance) ** (-1 / fit.xi)


def risk(fit, level):
    """Quantile by a root search; expected shortfall as q + ∫ P(X > x)dx / level."""
    end = fit.threshold - fit.beta / fit.xi if fit.xi < 0 else math.inf
    top = fit.threshold + fit.beta
    while top < end and survival(top, fit) > level:
        top = fit.threshold + 2 * (top - fit.threshold)
    quantile = optimize.brentq(
        lambda loss: survival(loss, fit) - level, fit.threshold, min(top, end), xtol=1e-14
    )
    beyond, _ = integrate.quad(lambda loss: survival(loss, fit), quantile, end, epsabs=0)
    return quantile, quantile + beyond / level


def likelihood(events):
    """Σ ln of the probability given to what happened, a certain event costing nothing."""
    total = 0.0
    for happened, probability in events:
        chance = probability if happened else 1 - probability
        total += math.log(chance)
    return total


def coverage_ratio(hits, level):
    rate = sum(hits) / len(hits)
    null = likelihood((hit, level) for hit in hits)
    return 2 * (likelihood((hit, rate) for hit in hits) - null)


def independence_ratio(hits):
    after = {state: [b for a, b in itertools.pairwise(hits) if a == state] for state in (0, 1)}
    every = after[0] + after[1]
    rates = {state: sum(after[state]) / len(after[state]) for state in (0, 1)}
    apart = sum(likelihood((hit, rates[state]) for hit in after[state]) for state in (0, 1))
    return 2 * (apart - likelihood((hit, sum(every) / len(every)) for hit in every))


def student_t(values):
    n = len(values)
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    return mean * math.sqrt(n / variance) if variance > 0 else math.copysign(math.inf, mean)


def shortfall_test(returns, risks, shortfalls, draws, seed):
    residuals = []
    for r, var, es in zip(returns, risks, shortfalls, strict=True):
        if r < -var:
            residuals.append((-r - es) / (es - var))
    statistic = student_t(residuals)
    mean = sum(residuals) / len(residuals)
    centred = [value - mean for value in residuals]
    dice = random.Random(seed)
    reached = sum(
        student_t(dice.choices(centred, k=len(centred))) >= statistic for _ in range(draws)
    )
    return statistic, (1 + reached) / (1 + draws)


def check_loss(y, x, level, intercept, slope):
    total = 0.0
    for a, b in zip(y, x, strict=True):
        residual = a - intercept - slope * b
        total += level * residual if residual >= 0 else (level - 1) * residual
    return total


def quantile_line(y, x, level):
    """The best of all lines through two points: one of them is optimal."""
    best = (math.inf, 0.0, 0.0)
    for i, j in itertools.combinations(range(len(y)), 2):
        if x[i] != x[j]:
            slope = (y[j] - y[i]) / (x[j] - x[i])
            intercept = y[i] - slope * x[i]
            best = min(best, (check_loss(y, x, level, intercept, slope), intercept, slope))
    return best[1], best[2]
