"""Slow, obvious twins of the option code: one option, one spot, one path at a time."""

import math

import numpy as np


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black_scholes(right, strike, years, volatility, *, spot, rate, dividend_yield):
    deviation = volatility * math.sqrt(years)
    upper = (math.log(spot / strike) + (rate - dividend_yield) * years) / deviation + deviation / 2
    sign = 1 if right == "call" else -1
    held = spot * math.exp(-dividend_yield * years) * phi(sign * upper)
    owed = strike * math.exp(-rate * years) * phi(sign * (upper - deviation))
    return sign * (held - owed)


def bumped(price, spot, volatility, step):
    """Delta, gamma, vega and vanna of price(spot, volatility) by central differences."""
    up, middle, down = (price(spot + move, volatility) for move in (step, 0.0, -step))
    size = 1e-4

    def delta(sigma):
        return (price(spot + step, sigma) - price(spot - step, sigma)) / (2 * step)

    return {
        "value": middle,
        "delta": (up - down) / (2 * step),
        "gamma": (up - 2 * middle + down) / step**2,
        "vega": (price(spot, volatility + size) - price(spot, volatility - size)) / (2 * size),
        "vanna": (delta(volatility + size) - delta(volatility - size)) / (2 * size),
    }


def implied_volatility(right, strike, years, price, **market):
    """Bisection between 0.01 % and 2,000 %."""
    low, high = 1e-4, 20.0
    for _ in range(200):
        middle = (low + high) / 2
        if black_scholes(right, strike, years, middle, **market) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def gamma_exposure(contracts, sides, spot, *, rate, multiplier):
    """Dollars by a move of 1 %, contract by contract, gamma by the textbook."""
    total = 0.0
    for (_, row), side in zip(contracts.iterrows(), sides, strict=True):
        deviation = row["volatility"] * math.sqrt(row["years"])
        upper = (
            math.log(spot / row["strike"]) + (rate + row["volatility"] ** 2 / 2) * row["years"]
        ) / deviation
        gamma = math.exp(-(upper**2) / 2) / math.sqrt(2 * math.pi) / (spot * deviation)
        total += side * gamma * row["open_interest"] * multiplier * spot**2 * 0.01
    return total


def down_and_in_put(spot, strike, barrier, *, years, volatility, rate, dividend_yield):
    """Reiner and Rubinstein (1991) as printed in Haug (2007), section 4.17.1: B − C + D, K > H."""
    carry = rate - dividend_yield
    root = volatility * math.sqrt(years)
    mu = (carry - volatility**2 / 2) / volatility**2
    x2 = math.log(spot / barrier) / root + (1 + mu) * root
    y1 = math.log(barrier**2 / (spot * strike)) / root + (1 + mu) * root
    y2 = math.log(barrier / spot) / root + (1 + mu) * root
    held, owed = spot * math.exp((carry - rate) * years), strike * math.exp(-rate * years)
    mirror, mirror_owed = (barrier / spot) ** (2 * (mu + 1)), (barrier / spot) ** (2 * mu)
    b = -held * phi(-x2) + owed * phi(-x2 + root)
    c = -held * mirror * phi(y1) + owed * mirror_owed * phi(y1 - root)
    d = -held * mirror * phi(y2) + owed * mirror_owed * phi(y2 - root)
    return b - c + d


def touched_share(spot, barrier, *, volatility, years, drift, steps, paths, seed):
    """Share of simulated paths that stand at or below the barrier at any of `steps` looks."""
    draw = np.random.default_rng(seed)
    level = np.full(paths, math.log(spot))
    touched = np.zeros(paths, dtype=bool)
    for _ in range(steps):
        step = years / steps
        level += (drift - volatility**2 / 2) * step
        level += volatility * math.sqrt(step) * draw.standard_normal(paths)
        touched |= level <= math.log(barrier)
    return float(touched.mean())
