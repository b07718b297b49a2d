"""Normal and Student-t tail probabilities, and the Student-t fit of a sample."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from features._typing import Floats
from models._checks import finite_values, varies
from models.errors import NotEnoughData

# ν = 500 is numerically a normal distribution; at ν = 2 the variance is infinite.
NU_BOUNDS = (2.05, 500.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudentFit:
    """Student-t with location zero, fitted by maximum likelihood.

    Attributes
    ----------
    nu : float
        Degrees of freedom, in `NU_BOUNDS`; at the upper bound the sample is as thin as a normal.
    standard_deviation : float
        Of the fitted distribution, in units of the sample; 1 for standardised residuals.
    n : int
        Values used.
    log_likelihood : float
        At the optimum.
    converged : bool
        The optimiser succeeded and ν is not at its lower bound.
    reason : str or None
        What failed; None where nothing did.
    """

    nu: float
    standard_deviation: float
    n: int
    log_likelihood: float
    converged: bool
    reason: str | None


def normal_tail(sigma: float, *, two_sided: bool = True) -> float:
    """P(Z > σ), or P(|Z| > σ) when two-sided, for a standard normal Z; `sigma` not negative."""
    _require_magnitude(sigma)
    return float(special.ndtr(-sigma)) * (2 if two_sided else 1)


def student_tail(sigma: float, *, nu: float, two_sided: bool = True) -> float:
    """P(Z > σ), or P(|Z| > σ) when two-sided, for a Student-t scaled to unit variance.

    Raises
    ------
    ValueError
        sigma is negative or not finite; nu is not above 2, where no unit variance exists.
    """
    _require_magnitude(sigma)
    if not nu > 2:
        raise ValueError(f"nu must be above 2 for a unit variance to exist, got {nu}")
    # ν → ∞ is the normal limit, which the scaling cannot take.
    scale = math.sqrt(nu / (nu - 2)) if math.isfinite(nu) else 1.0
    return float(special.stdtr(nu, -sigma * scale)) * (2 if two_sided else 1)


def fit_student(sample: Floats, *, min_observations: int = 100) -> StudentFit:
    """Fit ν and the standard deviation of a Student-t with location zero.

    Parameters
    ----------
    sample : array of shape (n,)
        Standardised values, one per session. NaN is excluded.
    min_observations : int
        Smallest number of values.

    Notes
    -----
    The density is the unit-variance Student-t of Bollerslev (1987), scaled. The scale is fitted
    too because robust z-scores of fat-tailed series do not have variance one; forcing it would
    push the misfit into ν.

    Raises
    ------
    ValueError
        An infinite value, a sample of more than one dimension or one that does not vary.
    NotEnoughData
        Fewer than `min_observations` values.
    """
    values = finite_values(sample)
    if len(values) < min_observations:
        raise NotEnoughData(need=min_observations, got=len(values), what="fit_student")
    if not varies(values):
        raise ValueError(f"sample must vary, got {len(values)} times {values[0]:g}")
    squares, n = values**2, len(values)

    def loss(parameters: Floats) -> float:
        variance, nu = math.exp(2 * parameters[0]), 1 / parameters[1]
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
        constant -= 0.5 * math.log(math.pi * (nu - 2) * variance)
        kernel = (nu + 1) / 2 * np.log1p(squares / (variance * (nu - 2))).mean()
        return float(kernel - constant)

    centre = 0.5 * math.log(squares.mean())
    optimum = optimize.minimize(
        loss,
        np.array([centre, 1 / 6]),
        jac="3-point",
        method="L-BFGS-B",
        bounds=[(centre - 5, centre + 5), (1 / NU_BOUNDS[1], 1 / NU_BOUNDS[0])],
        options={"ftol": 1e-12, "gtol": 1e-6},
    )
    nu = 1 / float(optimum.x[1])
    converged = bool(optimum.success) and nu > NU_BOUNDS[0] * (1 + 1e-6)
    return StudentFit(
        nu=nu,
        standard_deviation=math.exp(optimum.x[0]),
        n=n,
        log_likelihood=-float(optimum.fun) * n,
        converged=converged,
        reason=None if converged else f"no optimum inside ν > {NU_BOUNDS[0]}",
    )


def _require_magnitude(sigma: float) -> None:
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(
            f"sigma must be finite and not negative, got {sigma}; it is a magnitude, name the side"
        )
