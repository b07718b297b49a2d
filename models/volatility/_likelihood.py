"""GARCH likelihood: specification, starting values, convergence status and Hessian."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features._typing import Floats
from models._checks import varies
from models.errors import NotEnoughData, NoVariation
from models.volatility import _kernels as kernels
from models.volatility import _maximiser

MODELS = {"garch": kernels.GARCH, "gjr": kernels.GJR, "egarch": kernels.EGARCH}
INNOVATIONS = {"normal": kernels.NORMAL, "t": kernels.STUDENT, "skewt": kernels.SKEWED}
STARTS = {"backcast": kernels.GIVEN, "mean_square": kernels.BEFORE, "rugarch": kernels.FIRST}
PARAMETERS = ("mu", "omega", "alpha", "gamma", "beta", "nu", "skew")
DECAY = 0.94  # of the weights of `arch`'s backcast, and of RiskMetrics (1996)
BACKCAST_ROWS = 75
MIN_DEGREES, MAX_DEGREES = 2.05, 500.0
MAX_SKEW = 0.99
NEAR = 1e-9  # relative: a parameter this near its bound is at it
PERSISTENCE_LIMIT = 0.9999  # beyond it the long-run level is not identified
MIN_LEVEL = 1e-10  # of ω, in units of the sample's variance
MIN_REACTION = 1e-7  # below it α is at its boundary
MAX_ITERATIONS = 300
ROWS_PER_PARAMETER = 10  # with fewer, single rows dominate the likelihood
KINK_STEP = 0.01  # of μ, in σ: |z| has a kink at 0, so a step must move many rows across it
FLATTEST = 1e-10  # eigenvalue of the scaled Hessian: below it the Hessian is singular


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Specification of a likelihood: model, distribution of the shocks, start-up."""

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

    def guesses(self, values: Floats) -> tuple[Floats, ...]:
        """Return starting values, in units of the sample's standard deviation.

        The likelihood of a daily series often has several local maxima, and the higher one changes
        with the window: slow decay with little reaction, fast decay with much, a very slow one, and
        one with hardly any memory.
        """
        mean = values.mean()
        shapes: tuple[tuple[float, float, float, float], ...]
        if self.model == "egarch":
            shapes = ((0.0, 0.12, -0.04, 0.97), (0.0, 0.25, -0.08, 0.75))
        else:
            gamma = 0.06 if self.model == "gjr" else 0.0
            shapes = (
                (0.03, 0.06, gamma, 0.90 - gamma / 2),
                (0.30, 0.12, 2 * gamma, 0.55 - gamma),
                (0.005, 0.03, gamma / 2, 0.965 - gamma / 4),
                (0.70, 0.20, gamma, 0.02),
            )
        return tuple(np.array([mean, *shape, 8.0, 0.0]) for shape in shapes)

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the bounds of the parameters, in units of the sample's standard deviation."""
        low = np.array([-1.0, MIN_LEVEL, 0.0, 0.0, 0.0, MIN_DEGREES, 0.0])
        high = np.array([1.0, 10.0, 1.0, 0.0, 1.0, MAX_DEGREES, 0.0])
        if self.model == "gjr":
            low[3], high[3] = -1.0, 2.0
        elif self.model == "egarch":
            low[1:5], high[1:5] = (-10.0, -5.0, -5.0, -1.0), (10.0, 5.0, 5.0, 1.0)
        if self.innovation == "skewt":
            low[6], high[6] = -MAX_SKEW, MAX_SKEW
        return low, high


def usable(returns: pd.Series, likelihood: Likelihood, *, min_observations: int) -> pd.Series:
    """Return the observed returns as floats; refuse too few, constant and infinite ones."""
    used = returns.dropna().astype(np.float64)
    if np.isinf(used.to_numpy()).any():
        raise ValueError(
            "returns must be finite or NaN, got an infinite one; a price of zero stands behind it"
        )
    need = max(min_observations, ROWS_PER_PARAMETER * len(likelihood.free))
    if len(used) < need:
        raise NotEnoughData(need=need, got=len(used), what="a GARCH model")
    if not varies(used.to_numpy(dtype=np.float64)):
        fault = f"the returns are constant ({len(used):,} identical)"
        raise NoVariation(what="a GARCH model", fault=fault, got=len(used))
    return used


def scaled(used: pd.Series) -> tuple[Floats, float]:
    """Return the values in units of their standard deviation, and that unit."""
    values = np.ascontiguousarray(used.to_numpy(dtype=np.float64))
    scale = float(values.std())
    return values / scale, scale


def squares_before(values: Floats, likelihood: Likelihood) -> float:
    """Square before the sample; for `backcast` as `arch` computes it."""
    squares = (values - values.mean()) ** 2
    if likelihood.start != "backcast":
        return float(squares.mean())
    weights = DECAY ** np.arange(min(BACKCAST_ROWS, len(values)))
    return float(squares[: len(weights)] @ weights / weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Local maximum: parameters in units of the sample's σ, and the log-likelihood."""

    theta: Floats
    value: float
    converged: bool


def maximise(
    values: Floats, likelihood: Likelihood, theta: Floats, *, min_gain: float = 1e-9
) -> Maximum:
    """Maximise the log-likelihood of scaled values from the starting values `theta`."""
    low, high = likelihood.bounds()
    theta = theta.copy()
    value, iterations = _maximiser.maximise(
        values, theta, MODELS[likelihood.model], INNOVATIONS[likelihood.innovation],
        squares_before(values, likelihood), STARTS[likelihood.start], low, high,
        1.0, MAX_ITERATIONS, min_gain,
    )  # fmt: skip
    return Maximum(theta=theta, value=value, converged=iterations >= 0 and bool(np.isfinite(value)))


def best_maximum(values: Floats, likelihood: Likelihood, starts: Iterable[Floats]) -> Maximum:
    """Return the highest local maximum from several starts, converged ones first."""
    maxima = [maximise(values, likelihood, theta) for theta in starts]
    return max(maxima, key=lambda maximum: (maximum.converged, maximum.value))


def covariances(
    values: Floats, likelihood: Likelihood, theta: Floats, *, scale: float
) -> dict[str, pd.DataFrame] | None:
    """Covariance matrices of the parameters at an optimum, in decimals.

    From the Hessian, from the outer product of the scores and as a sandwich of both. A parameter at
    its boundary is treated as known: its rows are NaN. So is β where the persistence is at its
    limit; α and γ then move along the limit, with β giving way. None where the Hessian is not
    negative definite.
    """
    interior, curvature = curvature_of(values, likelihood, theta)
    if curvature is None:
        return None
    gradient, outer = np.empty(7), np.empty((7, 7))
    kernels.scores(values, theta, *_arguments(values, likelihood), gradient, outer, True)
    directions = _directions(likelihood, interior, theta)
    products = directions @ outer @ directions.T
    unit = _units(likelihood, interior, scale)
    inverse = np.linalg.inv(curvature)
    matrices = {
        "hessian": inverse,
        "opg": np.linalg.pinv(products),
        "sandwich": inverse @ products @ inverse,
    }
    free = list(likelihood.free)
    return {
        name: pd.DataFrame(unit @ matrix @ unit.T, index=interior, columns=interior).reindex(
            index=free, columns=free
        )
        for name, matrix in matrices.items()
    }


def curvature_of(
    values: Floats, likelihood: Likelihood, theta: Floats
) -> tuple[list[str], Floats | None]:
    """Parameters inside their boundaries, and the negative Hessian in them; None if singular."""
    interior = [name for name in likelihood.free if name not in _at_boundary(likelihood, theta)]
    columns = [PARAMETERS.index(name) for name in interior]
    directions = _directions(likelihood, interior, theta)
    plus, minus, outer = np.empty(7), np.empty(7), np.empty((7, 7))
    arguments = _arguments(values, likelihood)
    hessian = np.empty((len(columns), len(columns)))
    for row, column in enumerate(columns):
        step = step_of(likelihood, theta, column)
        for side, gradient in ((step, plus), (-step, minus)):
            shifted = theta + side * directions[row]
            if kernels.scores(values, shifted, *arguments, gradient, outer, False) == -np.inf:
                return interior, None
        hessian[row] = directions @ (plus - minus) / (2 * step)
    hessian = -(hessian + hessian.T) / 2
    # Scaled to a unit diagonal: ω is 1e-6, ν is 6.
    size = np.sqrt(np.abs(np.diag(hessian)))
    if not size.min() > 0 or np.linalg.eigvalsh(hessian / np.outer(size, size))[0] <= FLATTEST:
        return interior, None
    return interior, hessian


def step_of(likelihood: Likelihood, theta: Floats, column: int) -> float:
    """Step of a difference in one parameter."""
    if likelihood.model == "egarch" and PARAMETERS[column] == "mu":
        return KINK_STEP
    return 1e-4 * max(abs(float(theta[column])), 1e-3)


def _arguments(values: Floats, likelihood: Likelihood) -> tuple[int, int, float, int]:
    return (
        MODELS[likelihood.model], INNOVATIONS[likelihood.innovation],
        squares_before(values, likelihood), STARTS[likelihood.start],
    )  # fmt: skip


def is_integrated(likelihood: Likelihood, theta: Floats) -> bool:
    """Tell whether the persistence of σ² is at its limit 1."""
    persistence = theta[2] + theta[3] / 2 + theta[4]
    return likelihood.model != "egarch" and bool(persistence > PERSISTENCE_LIMIT)


def _directions(likelihood: Likelihood, names: list[str], theta: Floats) -> Floats:
    """Directions of the named parameters, one per row: along the limit where it binds."""
    directions = np.zeros((len(names), len(PARAMETERS)))
    for row, name in enumerate(names):
        directions[row, PARAMETERS.index(name)] = 1.0
    if is_integrated(likelihood, theta):
        beta = PARAMETERS.index("beta")
        for name, share in (("alpha", 1.0), ("gamma", kernels.SHARE_BELOW)):
            if name in names:
                directions[names.index(name), beta] = -share
    return directions


def _at_boundary(likelihood: Likelihood, theta: Floats) -> set[str]:
    """Names of the parameters at their boundary."""
    _, omega, alpha, gamma, beta, nu, _ = theta
    fixed = set()
    if likelihood.model != "egarch":
        if omega < 2 * MIN_LEVEL:
            fixed.add("omega")
        if alpha < MIN_REACTION:
            fixed.add("alpha")
        if beta < MIN_REACTION:
            fixed.add("beta")
        if alpha + gamma < MIN_REACTION:
            fixed |= {"alpha", "gamma"}
        if is_integrated(likelihood, theta):
            fixed.add("beta")
    if nu >= MAX_DEGREES * (1 - NEAR):
        fixed.add("nu")
    return fixed


def _units(likelihood: Likelihood, names: list[str], scale: float) -> Floats:
    """Derivative of the parameters in decimals with those in units of the sample's σ."""
    unit = np.eye(len(names))
    for column, name in enumerate(names):
        if name == "mu":
            unit[column, column] = scale
        elif name == "omega" and likelihood.model != "egarch":
            unit[column, column] = scale**2
        elif name == "omega":  # a level of ln σ²: ω + (1 − β) ln scale²
            unit[column, names.index("beta")] = -2 * np.log(scale)
    return unit
