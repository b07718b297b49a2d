"""Multi-start maximum likelihood for Markov switching; ν by profile likelihood."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from features._typing import Floats
from models.regimes._em import accelerated_em, pack, unpack
from models.regimes._filter import hamilton_filter, kim_smoother, log_densities, stationary

# Of a series' robust scale. The likelihood of a state on nearly equal values is unbounded: such a
# spike is not a regime and is rejected.
FLOOR = 0.1
TOLERANCE = 1e-6  # largest change of a parameter, in robust scales and logarithms
MAX_STEPS = 800
COARSE_TOLERANCE, MAX_COARSE_STEPS = 1e-3, 60  # enough to distinguish modes
SAME_MODE = 0.05  # of log-likelihood, after coarse optimisation
MAX_MODES = 3
RIVAL_MARGIN = 4.0  # of log-likelihood: what another ν may gain
MIN_STAY = 0.5  # below it a state is a mixture component, not a regime
FIRST_DEGREES = 6.0  # until ν is profiled
MIN_DEGREES, MAX_DEGREES = 2.1, 50.0
PROFILE_WIDTH = 1e-2  # of 1/ν
MIN_ROWS = 10  # expected rows per state and series; fewer is an outlier


@dataclass(frozen=True, slots=True)
class Terms:
    """Specification: number of states, and whether series are correlated within a state."""

    states: int
    correlated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Local maximum: parameters, log-likelihood, convergence, expected rows per state, ν.

    `fault` is the reason for rejection: an outlier, a spike, a mixture component, or a failed
    optimisation; "" if none.
    """

    theta: Floats
    value: float
    converged: bool
    occupancy: Floats
    fault: str
    nu: float


def rank(maximum: Maximum) -> tuple[bool, float]:
    """Sort key of maxima: those with a fault come last, whatever their likelihood."""
    return not maximum.fault, maximum.value


def maximise(theta: Floats, values: Floats, nu: float, terms: Terms, *, coarse: bool) -> Maximum:
    """Maximise from `theta` at fixed ν; coarsely, only far enough to identify the mode."""
    tolerance, most = (COARSE_TOLERANCE, MAX_COARSE_STEPS) if coarse else (TOLERANCE, MAX_STEPS)
    reached, value, converged = accelerated_em(
        theta, values, terms.states, nu, terms.correlated, FLOOR, tolerance, most
    )
    means, factors, transition = unpack(reached, terms.states, values.shape[1])
    density, _ = log_densities(values, means, factors, nu)
    log_likelihood, predicted, filtered = hamilton_filter(
        density, transition, stationary(transition)
    )
    smoothed, _ = kim_smoother(predicted, filtered, transition)
    occupancy = smoothed[np.isfinite(values).all(axis=1)].sum(axis=0)
    narrowest = float(np.diagonal(factors, axis1=1, axis2=2).min())
    faults, broken = [], bool(np.isnan(value))
    if broken:
        faults.append("the optimisation stopped: its next step was not a number")
    if occupancy.min() < MIN_ROWS * values.shape[1]:
        faults.append(f"a state holds {occupancy.min():.1f} expected rows: an outlier, no regime")
    if narrowest <= 1.001 * FLOOR:
        faults.append(f"a state has {narrowest:.2f} of the usual scale: a spike, no regime")
    if transition.diagonal().min() < MIN_STAY:
        faults.append("a state is sooner left than kept: half of a mixture, no regime")
    return Maximum(
        reached,
        float(log_likelihood if broken else value),
        bool(converged),
        occupancy,
        "; ".join(faults),
        nu,
    )


def best_maximum(
    guesses: list[Floats], values: Floats, terms: Terms, *, student: bool
) -> tuple[Maximum, int]:
    """Highest maximum, and the number of starts that led to its mode.

    Coarse optimisation identifies the modes (under Student-t at one ν). The highest mode, and
    others close to it or needed because it has a fault, are then maximised, each with its own ν.
    """
    nu = FIRST_DEGREES if student else float("inf")
    coarse = [maximise(theta, values, nu, terms, coarse=True) for theta in guesses]
    modes: list[Maximum] = []
    for maximum in sorted(coarse, key=rank, reverse=True):
        if all(not _same_mode(maximum, other) for other in modes):
            modes.append(maximum)
    maxima: list[Maximum] = []
    for mode in modes[:MAX_MODES]:
        far = mode.fault or mode.value < modes[0].value - RIVAL_MARGIN
        if far and any(not maximum.fault for maximum in maxima):
            break
        degrees = _profiled_degrees(mode, values, terms) if student else nu
        maxima.append(maximise(mode.theta, values, degrees, terms, coarse=False))
    best = max(range(len(maxima)), key=lambda number: rank(maxima[number]))
    return maxima[best], sum(_same_mode(maximum, modes[best]) for maximum in coarse)


def _same_mode(one: Maximum, other: Maximum) -> bool:
    return bool(one.fault) == bool(other.fault) and abs(one.value - other.value) <= SAME_MODE


def _profiled_degrees(mode: Maximum, values: Floats, terms: Terms) -> float:
    """Profile likelihood of ν: all other parameters warm-started from the previous ν.

    ν changes least of all parameters per EM step: inside EM, convergence takes a hundred times
    longer.
    """
    latest = [mode.theta]

    def loss(inverse: float) -> float:
        latest[0], value, _ = accelerated_em(
            latest[0], values, terms.states, 1 / inverse, terms.correlated, FLOOR, COARSE_TOLERANCE,
            MAX_COARSE_STEPS,
        )  # fmt: skip
        return float("inf") if np.isnan(value) else -float(value)

    optimum = optimize.minimize_scalar(
        loss, bounds=(1 / MAX_DEGREES, 1 / MIN_DEGREES), method="bounded",
        options={"xatol": PROFILE_WIDTH},
    )  # fmt: skip
    return float(1 / optimum.x)


def starting_parameters(terms: Terms, series: int, *, starts: int, seed: int) -> list[Floats]:
    """Starting values: spread volatilities first, then random means, scales and persistence."""
    draw, states = np.random.default_rng(seed), terms.states
    guesses = []
    for number in range(starts):
        means, stay = np.zeros((states, series)), 0.97
        levels = np.repeat(np.linspace(-0.7, 0.7, states)[:, None], series, axis=1)
        if number:
            means = draw.normal(0.0, 0.7, (states, series))
            levels = draw.uniform(-1.0, 1.0, (states, series))
            stay = draw.uniform(0.7, 0.99)
        factors = np.exp(levels)[:, :, None] * np.eye(series)
        transition = np.full((states, states), (1 - stay) / (states - 1))
        np.fill_diagonal(transition, stay)
        guesses.append(np.asarray(pack(means, factors, transition)))
    return guesses
