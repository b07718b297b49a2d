"""Autoregression about a switching mean (Hamilton 1989): the model of his business-cycle study.

Studies and the check against published figures use it; the desk's rows come from
`models.markov_switching`.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from models.errors import NotEnoughData
from models.markov_filter import hamilton_filter, kim_smoother, stationary

Array = NDArray[np.float64]

AGREES = 1e-3  # of log-likelihood
GRADIENT_AT_REST = 1e-3  # of log-likelihood per unit of a parameter on its unconstrained scale
SMALLEST_VOLATILITY = 1e-3  # of the sample's: below it a state sits on a few equal values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkovAutoregressionFit:
    """One estimate; states from the lowest mean to the highest.

    Attributes
    ----------
    means, volatilities : arrays of shape (n_states,)
        In the unit of the series; volatilities are equal where they do not switch.
    coefficients : array of shape (order,)
        φ_1 … φ_p.
    transition : array of shape (n_states, n_states)
        p_ij = P(S_t = j | S_{t−1} = i).
    log_likelihood : float
        Conditional on the first p rows; the states behind them are drawn from the stationary law.
    filtered, smoothed : DataFrame of shape (n − order, n_states)
        P(S_t | rows up to t) and P(S_t | all rows); both at parameters of the whole sample.
    n, starts, agreeing : int
        Rows scored, climbs, and how many came within 0.001 of the best log-likelihood.
    converged : bool
    reason : str
        What failed; "" where nothing did.
    """

    means: Array
    volatilities: Array
    coefficients: Array
    transition: Array
    log_likelihood: float
    filtered: pd.DataFrame
    smoothed: pd.DataFrame
    n: int
    starts: int
    agreeing: int
    converged: bool
    reason: str


def fit_markov_autoregression(
    series: pd.Series,
    *,
    states: int,
    order: int,
    switching_volatility: bool,
    starts: int,
    seed: int,
) -> MarkovAutoregressionFit:
    """Estimate y_t − μ_{S_t} = Σ_k φ_k (y_{t−k} − μ_{S_{t−k}}) + σ_{S_t} ε_t, ε normal.

    The density of a row hangs on the states of p + 1 rows, so the filter runs over the
    K^(p+1) histories (Hamilton 1989, eq. 4.1–4.8); order 0 is the switching mean alone.

    Parameters
    ----------
    series : Series of shape (n,)
        No gaps: an autoregression needs its lags.
    states, order : int
        2 or 3 states, order at least 0.
    switching_volatility : bool
        σ of each state, or one for all (Hamilton's).
    starts, seed : int
        Quasi-Newton climbs, from parameters drawn with `seed`.

    Returns
    -------
    MarkovAutoregressionFit
        Parameters rest on the whole sample, its filtered probabilities too.

    Raises
    ------
    NotEnoughData
        Fewer rows than four for each parameter, or a constant series.
    ValueError
        A gap, an infinite value, or a parameter out of range.
    """
    if states not in (2, 3) or order < 0 or starts < 1:
        raise ValueError(
            "states must be 2 or 3, order at least 0 and starts at least 1, got "
            f"{states}, {order} and {starts}"
        )
    values = series.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the series must have no gap: give one unbroken stretch of it")
    volatilities = states if switching_volatility else 1
    size = states * states + order + volatilities
    if len(values) - order < 4 * size or np.ptp(values) == 0:
        raise NotEnoughData(
            need=4 * size + order,
            got=len(values) if np.ptp(values) else 0,
            what="a Markov-switching autoregression of a series that moves",
        )
    centre, scale = float(values.mean()), float(values.std())
    model = _Model((values - centre) / scale, states, order, volatilities)
    draw = np.random.default_rng(seed)
    found = [optimize.minimize(model.loss, model.guess(draw), method="BFGS") for _ in range(starts)]
    best = min(found, key=lambda one: float(one.fun))
    means, coefficients, sigmas, transition = model.parameters(best.x)
    order_of_means = np.argsort(means, kind="stable")
    filtered, smoothed = (
        pd.DataFrame(part[:, order_of_means], index=series.index[order:])
        for part in model.probabilities(best.x)
    )
    steepest = float(np.abs(best.jac).max())
    faults = []
    if steepest > GRADIENT_AT_REST:
        faults.append(f"no rest: the likelihood still rises by {steepest:.2g} a unit")
    if sigmas.min() < SMALLEST_VOLATILITY:
        faults.append("a state sits on values that hardly vary")
    return MarkovAutoregressionFit(
        means=centre + scale * means[order_of_means],
        volatilities=scale * np.broadcast_to(sigmas, states)[order_of_means],
        coefficients=coefficients,
        transition=transition[np.ix_(order_of_means, order_of_means)],
        log_likelihood=-float(best.fun) - (len(values) - order) * float(np.log(scale)),
        filtered=filtered, smoothed=smoothed, n=len(values) - order, starts=starts,
        agreeing=sum(float(one.fun) - float(best.fun) <= AGREES for one in found),
        converged=not faults, reason="; ".join(faults),
    )  # fmt: skip


class _Model:
    """The likelihood of one standardised sample, as a function of unconstrained parameters."""

    def __init__(self, values: Array, states: int, order: int, volatilities: int) -> None:
        self.states, self.order, self.volatilities = states, order, volatilities
        # A history is (S_t, S_{t−1}, …, S_{t−p}), the newest first.
        self.histories = np.array(list(product(range(states), repeat=order + 1)))
        rows = len(values) - order
        self.lags = np.column_stack(
            [values[order - k : order - k + rows] for k in range(order + 1)]
        )
        older, newer = self.histories[:, None, :-1], self.histories[None, :, 1:]
        self.follows = (older == newer).all(axis=2)

    def guess(self, draw: np.random.Generator) -> Array:
        return np.concatenate(
            [
                draw.normal(0.0, 1.0, self.states),
                draw.normal(0.0, 0.2, self.order),
                draw.normal(-0.3, 0.3, self.volatilities),
                draw.normal(-2.0, 1.0, self.states * (self.states - 1)),
            ]
        )

    def parameters(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        states, cut = self.states, self.states + self.order
        means, coefficients = theta[:states], theta[states:cut]
        sigmas = np.exp(np.clip(theta[cut : cut + self.volatilities], -30.0, 30.0))
        odds = np.eye(states)
        odds[~np.eye(states, dtype=bool)] = np.exp(
            np.clip(theta[cut + self.volatilities :], -14.0, 14.0)
        )
        return means, coefficients, sigmas, odds / odds.sum(axis=1, keepdims=True)

    def _filter(self, theta: Array) -> tuple[float, Array, Array, Array]:
        means, coefficients, sigmas, transition = self.parameters(theta)
        weights = np.concatenate([[1.0], -coefficients])
        residuals = (self.lags @ weights)[:, None] - means[self.histories] @ weights
        sigma = np.broadcast_to(sigmas, self.states)[self.histories[:, 0]]
        density = -0.5 * (np.log(2 * np.pi) + (residuals / sigma) ** 2) - np.log(sigma)
        moved = transition[self.histories[:, 0]][:, self.histories[:, 0]] * self.follows
        initial = stationary(transition)[self.histories[:, -1]]
        for k in range(self.order):
            initial = initial * transition[self.histories[:, k + 1], self.histories[:, k]]
        value, predicted, filtered = hamilton_filter(density, moved, initial)
        return float(value), predicted, filtered, moved

    def loss(self, theta: Array) -> float:
        return -self._filter(theta)[0]

    def probabilities(self, theta: Array) -> tuple[Array, Array]:
        _, predicted, filtered, moved = self._filter(theta)
        smoothed, _ = kim_smoother(predicted, filtered, moved)
        now = np.eye(self.states)[self.histories[:, 0]]
        return filtered @ now, smoothed @ now
