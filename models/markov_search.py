"""The search for the highest summit of a Markov-switching likelihood: many climbs, one profile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from models.markov_em import climb, pack, unpack
from models.markov_filter import hamilton_filter, kim_smoother, log_densities, stationary

Array = NDArray[np.float64]

# Of a series' robust scale. A state on nearly equal values has any density it likes: a spike, not a
# regime, and as such set aside.
FLOOR = 0.1
AT_REST = 1e-6  # largest move of a parameter, in robust scales and logarithms
MOST_STEPS = 800
KNOWN, MOST_ROUGH_STEPS = 1e-3, 60  # enough to tell one hill from another
SAME_HILL = 0.05  # of log-likelihood, between rough climbs
MOST_HILLS = 3
RIVAL = 4.0  # of log-likelihood: as much as another ν may make up
LEAST_STAY = 0.5  # a state that is sooner left than kept is half of a mixture, not a regime
FIRST_DEGREES = 6.0  # until ν is profiled
FEWEST_DEGREES, MOST_DEGREES = 2.1, 50.0
PROFILE_WIDTH = 1e-2  # of 1/ν
FEWEST_ROWS = 10  # expected rows of a state, for each series; fewer is an outlier, not a regime


@dataclass(frozen=True, slots=True)
class Terms:
    """What is climbed: the number of states, and whether series correlate within one."""

    states: int
    correlated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Summit:
    """Where a climb ended: parameters, log-likelihood, whether at rest, rows of each state, ν.

    `fault` says why a state is none: an outlier, a spike or half of a mixture, or that the climb
    broke off; "" where all are.
    """

    theta: Array
    value: float
    rested: bool
    occupancy: Array
    fault: str
    nu: float


def rank(summit: Summit) -> tuple[bool, float]:
    """Order summits: what is no regime comes last, whatever its likelihood."""
    return not summit.fault, summit.value


def climbed(theta: Array, values: Array, nu: float, terms: Terms, *, rough: bool) -> Summit:
    """Climb from `theta` at fixed ν; a rough climb stops where the hill is known."""
    tolerance, most = (KNOWN, MOST_ROUGH_STEPS) if rough else (AT_REST, MOST_STEPS)
    reached, value, rested = climb(
        theta, values, terms.states, nu, terms.correlated, FLOOR, tolerance, most
    )
    means, factors, transition = unpack(reached, terms.states, values.shape[1])
    density, _ = log_densities(values, means, factors, nu)
    here, predicted, filtered = hamilton_filter(density, transition, stationary(transition))
    smoothed, _ = kim_smoother(predicted, filtered, transition)
    occupancy = smoothed[np.isfinite(values).all(axis=1)].sum(axis=0)
    narrowest = float(np.diagonal(factors, axis1=1, axis2=2).min())
    faults, broken = [], bool(np.isnan(value))
    if broken:
        faults.append("the climb broke off: its next step was no number")
    if occupancy.min() < FEWEST_ROWS * values.shape[1]:
        faults.append(f"a state holds {occupancy.min():.1f} expected rows: an outlier, no regime")
    if narrowest <= 1.001 * FLOOR:
        faults.append(f"a state has {narrowest:.2f} of the usual scale: a spike, no regime")
    if transition.diagonal().min() < LEAST_STAY:
        faults.append("a state is sooner left than kept: half of a mixture, no regime")
    return Summit(
        reached, float(here if broken else value), bool(rested), occupancy, "; ".join(faults), nu
    )


def highest(
    guesses: list[Array], values: Array, terms: Terms, *, student: bool
) -> tuple[Summit, int]:
    """Find the highest summit, and how many of the climbs led to its hill.

    Rough climbs tell the hills apart (under Student-t at one ν); the highest, and others that come
    near it or are tried because it proves no regime, are climbed to the top, each with its own ν.
    """
    nu = FIRST_DEGREES if student else float("inf")
    rough = [climbed(theta, values, nu, terms, rough=True) for theta in guesses]
    hills: list[Summit] = []
    for summit in sorted(rough, key=rank, reverse=True):
        if all(not _same_hill(summit, other) for other in hills):
            hills.append(summit)
    tops: list[Summit] = []
    for hill in hills[:MOST_HILLS]:
        far = hill.fault or hill.value < hills[0].value - RIVAL
        if far and any(not top.fault for top in tops):
            break
        degrees = _profiled_degrees(hill, values, terms) if student else nu
        tops.append(climbed(hill.theta, values, degrees, terms, rough=False))
    best = max(range(len(tops)), key=lambda number: rank(tops[number]))
    return tops[best], sum(_same_hill(summit, hills[best]) for summit in rough)


def _same_hill(one: Summit, other: Summit) -> bool:
    return bool(one.fault) == bool(other.fault) and abs(one.value - other.value) <= SAME_HILL


def _profiled_degrees(hill: Summit, values: Array, terms: Terms) -> float:
    """Maximise the likelihood over ν, all else climbing from the summit before.

    ν moves least of all parameters in an EM step: inside it, a climb takes a hundred times longer.
    """
    place = [hill.theta]

    def loss(inverse: float) -> float:
        place[0], value, _ = climb(
            place[0], values, terms.states, 1 / inverse, terms.correlated, FLOOR, KNOWN,
            MOST_ROUGH_STEPS,
        )  # fmt: skip
        return float("inf") if np.isnan(value) else -float(value)

    found = optimize.minimize_scalar(
        loss, bounds=(1 / MOST_DEGREES, 1 / FEWEST_DEGREES), method="bounded",
        options={"xatol": PROFILE_WIDTH},
    )  # fmt: skip
    return float(1 / found.x)


def starting_parameters(terms: Terms, series: int, *, starts: int, seed: int) -> list[Array]:
    """Draw starting parameters: spread volatilities first, then random means, scales and stays."""
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
