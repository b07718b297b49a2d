"""Which likelihood of volatility, where its climbs begin, how they end, and its curvature there."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models import garch_kernels as kernels
from models.errors import NotEnoughData
from models.tails import varies

Array = NDArray[np.float64]

MODELS = {"garch": kernels.GARCH, "gjr": kernels.GJR, "egarch": kernels.EGARCH}
INNOVATIONS = {"normal": kernels.NORMAL, "t": kernels.STUDENT, "skewt": kernels.SKEWED}
STARTS = {"backcast": kernels.GIVEN, "mean_square": kernels.BEFORE, "rugarch": kernels.FIRST}
PARAMETERS = ("mu", "omega", "alpha", "gamma", "beta", "nu", "skew")
DECAY = 0.94  # of the weights of `arch`'s backcast, and of RiskMetrics (1996)
BACKCAST_ROWS = 75
FEWEST_DEGREES, MOST_DEGREES = 2.05, 500.0
LARGEST_SKEW = 0.99
SMALLEST_LEVEL = 1e-10  # of ω, in units of the sample's variance
SMALLEST_REACTION = 1e-7  # below it α is at its boundary
MOST_ITERATIONS = 300
ROWS_A_PARAMETER = 10  # fewer, and a likelihood follows single rows
KINK_STEP = 0.01  # of μ, in σ: |z| has a kink at 0, which a step must carry many rows across
FLATTEST = 1e-10  # eigenvalue of the scaled curvature: below it some direction has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Which likelihood: the model, the law of its shocks and its start-up."""

    model: str
    innovation: str
    start: str

    def __post_init__(self) -> None:
        for name, known in (("model", MODELS), ("innovation", INNOVATIONS), ("start", STARTS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)}"
                )

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the estimated parameters."""
        absent = {
            "gamma": self.model == "garch",
            "nu": self.innovation == "normal",
            "skew": self.innovation != "skewt",
        }
        return tuple(name for name in PARAMETERS if not absent.get(name, False))

    def guesses(self, values: Array) -> tuple[Array, Array]:
        """Return two starts, in units of the sample's standard deviation.

        The likelihood of a daily series often has two hills: slow decay with little reaction, and
        fast decay with much. Which is higher changes with the window.
        """
        mean = values.mean()
        if self.model == "egarch":
            slow, fast = (0.0, 0.12, -0.04, 0.97), (0.0, 0.25, -0.08, 0.75)
        else:
            gamma = 0.06 if self.model == "gjr" else 0.0
            slow = (0.03, 0.06, gamma, 0.90 - gamma / 2)
            fast = (0.30, 0.12, 2 * gamma, 0.55 - gamma)
        return np.array([mean, *slow, 8.0, 0.0]), np.array([mean, *fast, 8.0, 0.0])

    def bounds(self) -> tuple[Array, Array]:
        """Return the box of the parameters, in units of the sample's standard deviation."""
        low = np.array([-1.0, SMALLEST_LEVEL, 0.0, 0.0, 0.0, FEWEST_DEGREES, 0.0])
        high = np.array([1.0, 10.0, 1.0, 0.0, 1.0, MOST_DEGREES, 0.0])
        if self.model == "gjr":
            low[3], high[3] = -1.0, 2.0
        elif self.model == "egarch":
            low[1:5], high[1:5] = (-10.0, -5.0, -5.0, -1.0), (10.0, 5.0, 5.0, 1.0)
        if self.innovation == "skewt":
            low[6], high[6] = -LARGEST_SKEW, LARGEST_SKEW
        return low, high


def usable(returns: pd.Series, likelihood: Likelihood, *, min_observations: int) -> pd.Series:
    """Return the observed returns as floats; refuse too few, constant and infinite ones."""
    used = returns.dropna().astype(np.float64)
    if np.isinf(used.to_numpy()).any():
        raise ValueError(
            "returns must be finite or NaN, got an infinite one; a price of zero stands behind it"
        )
    need = max(min_observations, ROWS_A_PARAMETER * len(likelihood.free))
    if len(used) < need:
        raise NotEnoughData(need=need, got=len(used), what="a GARCH model")
    if not varies(used.to_numpy()):
        raise NotEnoughData(need=2, got=1, what="a GARCH model (a constant series has one value)")
    return used


def scaled(used: pd.Series) -> tuple[Array, float]:
    """Return the values in units of their standard deviation, and that unit."""
    values = np.ascontiguousarray(used.to_numpy(dtype=np.float64))
    scale = float(values.std())
    return values / scale, scale


def squares_before(values: Array, likelihood: Likelihood) -> float:
    """What stands for squares before the sample, as `arch` computes it for `backcast`."""
    squares = (values - values.mean()) ** 2
    if likelihood.start != "backcast":
        return float(squares.mean())
    weights = DECAY ** np.arange(min(BACKCAST_ROWS, len(values)))
    return float(squares[: len(weights)] @ weights / weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summit:
    """Where a climb ended: parameters in units of the sample's σ, and the log-likelihood there."""

    theta: Array
    value: float
    settled: bool


def climbed(
    values: Array, likelihood: Likelihood, theta: Array, *, gain_at_rest: float = 1e-9
) -> Summit:
    """Raise the log-likelihood of scaled values from `theta`."""
    low, high = likelihood.bounds()
    theta = theta.copy()
    value, iterations = kernels.climb(
        values, theta, MODELS[likelihood.model], INNOVATIONS[likelihood.innovation],
        squares_before(values, likelihood), STARTS[likelihood.start], low, high,
        1.0 - 1e-6, MOST_ITERATIONS, gain_at_rest,
    )  # fmt: skip
    return Summit(theta=theta, value=value, settled=iterations >= 0 and bool(np.isfinite(value)))


def highest(values: Array, likelihood: Likelihood, starts: Iterable[Array]) -> Summit:
    """Climb from each start; the highest summit, settled ones first."""
    summits = [climbed(values, likelihood, theta) for theta in starts]
    return max(summits, key=lambda summit: (summit.settled, summit.value))


def standard_errors(
    values: Array, likelihood: Likelihood, theta: Array, *, scale: float
) -> tuple[pd.DataFrame, bool]:
    """Standard errors at an optimum, in decimals, and whether the likelihood bends down there.

    From the Hessian and as a sandwich. A parameter at its boundary is taken as known: its own
    errors are NaN.
    """
    names = list(likelihood.free)
    loose = [name for name in names if name not in _held(likelihood, theta)]
    places = [PARAMETERS.index(name) for name in loose]
    plus, minus, outer = np.empty(7), np.empty(7), np.empty((7, 7))
    arguments = (
        MODELS[likelihood.model], INNOVATIONS[likelihood.innovation],
        squares_before(values, likelihood), STARTS[likelihood.start],
    )  # fmt: skip
    figures = pd.DataFrame(np.nan, index=names, columns=["hessian", "sandwich"])
    hessian = np.empty((len(places), len(places)))
    for row, place in enumerate(places):
        step = 1e-4 * max(abs(theta[place]), 1e-3)
        if likelihood.model == "egarch" and PARAMETERS[place] == "mu":
            step = KINK_STEP
        for side, gradient in ((step, plus), (-step, minus)):
            moved = theta.copy()
            moved[place] += side
            if kernels.scores(values, moved, *arguments, gradient, outer, False) == -np.inf:
                return figures, False
        hessian[row] = (plus - minus)[places] / (2 * step)
    kernels.scores(values, theta, *arguments, plus, outer, True)
    hessian = -(hessian + hessian.T) / 2
    # Each in units of its own curvature: ω is 1e-6, ν is 6.
    size = np.sqrt(np.abs(np.diag(hessian)))
    if not size.min() > 0 or np.linalg.eigvalsh(hessian / np.outer(size, size))[0] <= FLATTEST:
        return figures, False
    unit = _units(likelihood, loose, scale)
    inverse = np.linalg.inv(hessian)
    sandwich = inverse @ outer[np.ix_(places, places)] @ inverse
    figures.loc[loose, "hessian"] = np.sqrt(np.diag(unit @ inverse @ unit.T))
    figures.loc[loose, "sandwich"] = np.sqrt(np.diag(unit @ sandwich @ unit.T))
    return figures, True


def _held(likelihood: Likelihood, theta: Array) -> set[str]:
    """Name the parameters at their boundary."""
    _, omega, alpha, gamma, beta, nu, _ = theta
    held = set()
    if likelihood.model != "egarch":
        if omega < 2 * SMALLEST_LEVEL:
            held.add("omega")
        if alpha < SMALLEST_REACTION:
            held.add("alpha")
        if beta < SMALLEST_REACTION:
            held.add("beta")
        if alpha + gamma < SMALLEST_REACTION:
            held |= {"alpha", "gamma"}
    if nu >= MOST_DEGREES:
        held.add("nu")
    return held


def _units(likelihood: Likelihood, names: list[str], scale: float) -> Array:
    """Derivative of the parameters in decimals with those in units of the sample's σ."""
    unit = np.eye(len(names))
    for place, name in enumerate(names):
        if name == "mu":
            unit[place, place] = scale
        elif name == "omega" and likelihood.model != "egarch":
            unit[place, place] = scale**2
        elif name == "omega":  # a level of ln σ²: ω + (1 − β) ln scale²
            unit[place, names.index("beta")] = -2 * np.log(scale)
    return unit
