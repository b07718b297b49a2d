"""Tail laws: normal and Student-t probabilities, and a generalised Pareto fit over a threshold.

Each fit says whether it converged, and a fitted tail probability carries its profile-likelihood
interval: a point alone would mislead where thirty values decide.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from models.errors import NotEnoughData

Array = NDArray[np.float64]

# Below ξ = −½ the maximum-likelihood estimate is irregular (Smith 1985): no interval holds there.
LEAST_REGULAR_XI = -0.5
# At ξ = −1 the likelihood ceases to be bounded; intervals are cut there.
LEAST_XI = -1.0
# ν = 500 is a normal law for every purpose; at ν = 2 the variance is gone.
NU_BOUNDS = (2.05, 500.0)
# Where τ = ξ/β is searched, as ln(1 + τ · largest excess): dense where ordinary tails lie.
_GRID = np.concatenate(
    [-np.geomspace(30, 6, 30), np.arange(-5.95, 8, 0.05), np.geomspace(8, 60, 30)]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudentFit:
    """Student-t with location zero, fitted by maximum likelihood.

    Attributes
    ----------
    nu : float
        Degrees of freedom, in `NU_BOUNDS`; at the upper bound the sample is as thin as a normal.
    standard_deviation : float
        Of the fitted law, in units of the sample; 1 for perfectly standardised residuals.
    n : int
        Values used.
    log_likelihood : float
        At the optimum.
    converged : bool
        The optimiser succeeded and ν is not at its lower bound.
    """

    nu: float
    standard_deviation: float
    n: int
    log_likelihood: float
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpdFit:
    """Generalised Pareto law of the excesses over a threshold.

    Attributes
    ----------
    xi, beta : float
        Shape and scale.
    xi_lower, xi_upper : float or None
        Profile-likelihood interval of ξ; the lower end is cut at −1. None where not converged.
    threshold : float
        u, in units of the sample.
    n, exceedances : int
        Values in the sample, and those strictly above u.
    confidence : float
        Level of every interval drawn from this fit.
    log_likelihood : float
        Of the excesses, at the optimum.
    converged : bool
        The optimum lies inside ξ > −½. Where False, ξ and β are the constrained optimum: shown,
        never to be used for a probability.
    excesses : array of shape (exceedances,)
        Values less u.
    """

    xi: float
    beta: float
    xi_lower: float | None
    xi_upper: float | None
    threshold: float
    n: int
    exceedances: int
    confidence: float
    log_likelihood: float
    converged: bool
    excesses: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailProbability:
    """P(X > level) with its profile-likelihood interval; zero where beyond the fitted end point."""

    probability: float
    lower: float
    upper: float


def normal_tail(sigma: float, *, two_sided: bool) -> float:
    """P(Z > σ), or P(|Z| > σ) when two-sided, for a standard normal Z; `sigma` not negative."""
    _require_magnitude(sigma)
    return float(stats.norm.sf(sigma)) * (2 if two_sided else 1)


def student_tail(sigma: float, *, nu: float, two_sided: bool) -> float:
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
    return float(stats.t.sf(sigma * scale, nu)) * (2 if two_sided else 1)


def fit_student(sample: Array, *, min_observations: int) -> StudentFit:
    """Fit ν and the standard deviation of a Student-t with location zero.

    Parameters
    ----------
    sample : array of shape (n,)
        Standardised values, one a session. NaN is left out.
    min_observations : int
        Fewest values to fit on.

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
    if np.ptp(values) == 0:
        raise ValueError(f"sample must vary, got {len(values)} times {values[0]:g}")
    squares, n = values**2, len(values)

    def loss(parameters: Array) -> float:
        variance, nu = math.exp(2 * parameters[0]), 1 / parameters[1]
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
        constant -= 0.5 * math.log(math.pi * (nu - 2) * variance)
        kernel = (nu + 1) / 2 * np.log1p(squares / (variance * (nu - 2))).mean()
        return float(kernel - constant)

    centre = 0.5 * math.log(squares.mean())
    found = optimize.minimize(
        loss,
        np.array([centre, 1 / 6]),
        jac="3-point",
        method="L-BFGS-B",
        bounds=[(centre - 5, centre + 5), (1 / NU_BOUNDS[1], 1 / NU_BOUNDS[0])],
        options={"ftol": 1e-12, "gtol": 1e-6},
    )
    nu = 1 / float(found.x[1])
    return StudentFit(
        nu=nu,
        standard_deviation=math.exp(found.x[0]),
        n=n,
        log_likelihood=-float(found.fun) * n,
        converged=bool(found.success) and nu > NU_BOUNDS[0] * (1 + 1e-6),
    )


def tail_threshold(sample: Array, *, share: float) -> float:
    """Return the (k+1)-th largest value, k = ⌊share · n⌋, so that k values exceed it unless tied.

    The rule of McNeil and Frey (2000), section 2.2: fix the number of exceedances, not the level.

    Raises
    ------
    ValueError
        share outside (0, ½], or an infinite value.
    NotEnoughData
        The share of the sample is less than one value.
    """
    require_share(share)
    values = np.sort(finite_values(sample))
    k = math.floor(share * len(values) + 1e-9)
    if k < 1:
        raise NotEnoughData(need=math.ceil(1 / share), got=len(values), what="tail_threshold")
    return float(values[len(values) - k - 1])


def fit_gpd(sample: Array, *, threshold: float, min_exceedances: int, confidence: float) -> GpdFit:
    """Fit a generalised Pareto law to the excesses over a threshold by maximum likelihood.

    The two parameters are reduced to one, τ = ξ/β (Grimshaw 1993), whose likelihood is searched on
    a grid and refined: a simplex in (ξ, β) stops early or at a wrong optimum.

    Parameters
    ----------
    sample : array of shape (n,)
        Values whose *upper* tail is wanted (losses for falls), one a session. NaN is left out.
    threshold : float
        u; values strictly above it are fitted.
    min_exceedances : int
        Fewest values above u to fit on; at least 2.
    confidence : float
        Level of the profile-likelihood interval, in (0, 1).

    Raises
    ------
    ValueError
        An argument out of range, an infinite value, a sample of more than one dimension.
    NotEnoughData
        Fewer than `min_exceedances` values above u.
    """
    require_confidence(confidence)
    if not math.isfinite(threshold):
        raise ValueError(f"threshold must be finite, got {threshold}")
    if min_exceedances < 2:
        raise ValueError(f"min_exceedances must be at least 2, got {min_exceedances}")
    values = finite_values(sample)
    excesses = values[values > threshold] - threshold
    count = len(excesses)
    if count < min_exceedances:
        raise NotEnoughData(need=min_exceedances, got=count, what="fit_gpd (exceedances)")

    def reduced(w: Array) -> Array:
        logs, slopes = _sums(w, excesses)
        value = -count * (np.log(slopes / count) + 1) - logs
        return np.where(logs >= LEAST_REGULAR_XI * count, value, -np.inf)

    w, best = _maximise(reduced)
    logs, slopes = _sums(np.array([w]), excesses)
    xi, beta = float(logs[0]) / count, float(slopes[0]) / count
    # A maximum on the edge of ξ ≥ −½ is the constraint's doing, not the data's.
    converged = xi > LEAST_REGULAR_XI + 1e-3 and w < _GRID[-1]
    lower, upper = None, None
    if converged:
        allowance = float(stats.chi2.ppf(confidence, 1)) / 2

        def edge(w: Array, sign: int) -> Array:
            shapes = [_tau(w, excesses) / rate for rate in _rates(w, excesses, best - allowance)]
            candidates = sign * np.array(shapes)
            usable = np.isfinite(candidates) & (np.array(shapes) >= LEAST_XI)
            return np.asarray(np.where(usable, candidates, -np.inf).max(axis=0))

        lower = -_maximise(lambda w: edge(w, -1))[1]
        upper = _maximise(lambda w: edge(w, 1))[1]
    return GpdFit(
        xi=xi,
        beta=beta,
        xi_lower=lower,
        xi_upper=upper,
        threshold=float(threshold),
        n=len(values),
        exceedances=count,
        confidence=confidence,
        log_likelihood=best,
        converged=converged,
        excesses=excesses,
    )


def gpd_tail(fit: GpdFit, *, level: float) -> TailProbability:
    """P(X > level) = (N_u/n)(1 + ξ(level − u)/β)^(−1/ξ), with its profile-likelihood interval.

    McNeil and Frey (2000), section 2.2. The interval is the range of the probability over all
    (share, ξ, β) whose joint likelihood, binomial × Pareto, lies within ½χ²₁ of the optimum: the
    profile-likelihood interval, with the uncertainty of N_u/n in it.

    Raises
    ------
    ValueError
        `level` is not above the threshold, where the fit says nothing, or the fit has not
        converged.
    """
    if not (math.isfinite(level) and level > fit.threshold):
        raise ValueError(
            f"level must be finite and above the threshold {fit.threshold:g}, got {level:g}; "
            "below it count the sample instead"
        )
    if not fit.converged:
        raise ValueError("fit must have converged, got ξ at its bound −0.5; read its flag first")
    distance = level - fit.threshold
    inside = 1 + fit.xi * distance / fit.beta
    if fit.xi == 0:
        beyond = math.exp(-distance / fit.beta)
    else:
        beyond = inside ** (-1 / fit.xi) if inside > 0 else 0.0
    lowest = -_maximise(lambda w: -_log_tail_edge(w, fit, distance, -1))[1]
    highest = _maximise(lambda w: _log_tail_edge(w, fit, distance, 1))[1]
    return TailProbability(
        probability=fit.exceedances / fit.n * beyond,
        lower=math.exp(lowest),
        upper=math.exp(highest),
    )


def _tau(w: Array, excesses: Array) -> Array:
    return np.asarray(np.expm1(w) / excesses.max())


def _sums(w: Array, excesses: Array) -> tuple[Array, Array]:
    """Σ ln(1+τy) and that over τ: with them the log-likelihood is −N·lnβ − first − second/β."""
    tau = _tau(w, excesses)
    logs = np.log1p(np.multiply.outer(tau, excesses)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return logs, np.where(tau == 0, excesses.sum(), logs / tau)


def _maximise(function: Callable[[Array], Array]) -> tuple[float, float]:
    """Arg max and max over the grid, narrowed four times; −inf marks what is not allowed."""
    grid = _GRID
    for _ in range(5):
        values = function(grid)
        place = int(np.argmax(values))
        best_at, best = float(grid[place]), float(values[place])
        grid = np.linspace(grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)], 33)
    return best_at, best


def _rates(w: Array, excesses: Array, level: float) -> tuple[Array, Array]:
    """Both values of 1/β at which the log-likelihood is `level`, given τ; NaN where it is lower.

    With x = ΣY/(Nβ) the condition reads x − ln x = 1 + h, whose roots are Lambert's W.
    """
    count = len(excesses)
    logs, slopes = _sums(w, excesses)
    spare = (-count * (np.log(slopes / count) + 1) - logs - level) / count
    argument = -np.exp(-1 - np.where(spare >= 0, spare, np.nan))
    roots = [-special.lambertw(argument, branch).real for branch in (0, -1)]
    return roots[0] * count / slopes, roots[1] * count / slopes


def _log_tail_edge(w: Array, fit: GpdFit, distance: float, sign: int) -> Array:
    """Largest (+1) or least (−1) ln P(X > level) at each τ, the likelihood ratio being spent.

    At the edge both parts of the likelihood have the same slope λ in ln P: the share above u has
    odds (N−λ)/(n−N), and 1/β = N/(Σ−λD), where ln P(X > level | X > u) = −D/β.
    """
    count, spared = fit.exceedances, fit.n - fit.exceedances
    logs, slopes = _sums(w, fit.excesses)
    tau = _tau(w, fit.excesses)
    with np.errstate(invalid="ignore", divide="ignore"):
        reaches = 1 + tau * distance > 0
        span = np.where(tau == 0, distance, np.log1p(tau * distance) / tau)
    reduced = -count * (np.log(slopes / count) + 1) - logs
    allowance = stats.chi2.ppf(fit.confidence, 1) / 2 + reduced - fit.log_likelihood
    possible = (allowance >= 0) & (logs / count >= LEAST_XI)
    # A law that fits well enough and ends below the level: the probability may be zero.
    edge = np.where(possible & ~reaches, -np.inf, -sign * np.inf)
    usable = possible & reaches
    allowance, ratio = allowance[usable], (span / slopes)[usable]

    def spend(slope: Array) -> tuple[Array, Array, Array]:
        """Log-likelihood lost, its derivative, and ln P, at this λ."""
        rate = 1 / (1 - slope * ratio)
        lost = count * (rate - 1 - np.log(rate))
        curvature = count * (ratio * rate) ** 2
        log_probability = -rate * ratio * count
        if spared:
            odds = (count - slope) / spared
            log_share = np.log(odds / (1 + odds))
            lost += count * (math.log(count / fit.n) - log_share)
            lost += spared * (math.log(spared / fit.n) + np.log1p(odds))
            curvature += 1 / ((count - slope) * (1 + odds))
            log_probability += log_share
        return lost, slope * curvature, log_probability

    # Losing the share altogether stops λ at N; with nothing below u there is no share to lose.
    wall = np.minimum(count, 1 / ratio) if spared else 1 / ratio
    # √lost is nearly straight in λ: Newton's steps on it settle in a few rounds.
    slope = sign * -np.sqrt(2 * allowance / (count * ratio**2 + spared / (count * fit.n)))
    slope = np.minimum(slope, wall / 2)
    for _ in range(12):
        lost, lost_slope, _ = spend(slope)
        with np.errstate(invalid="ignore", divide="ignore"):
            step = 2 * np.sqrt(lost) * (np.sqrt(allowance) - np.sqrt(lost)) / lost_slope
        target = slope + np.where(np.isfinite(step), step, 0.0)
        slope = np.where(target < wall, target, (slope + wall) / 2)
    edge[usable] = spend(slope)[2]
    return edge


def finite_values(sample: Array) -> Array:
    """Return the sample as floats without NaN; refuse infinite values and two dimensions."""
    values = np.asarray(sample, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"sample must have one dimension, got {values.ndim}")
    if np.isinf(values).any():
        raise ValueError("sample must not hold an infinite value; correct the row or make it NaN")
    return values[~np.isnan(values)]


def _require_magnitude(sigma: float) -> None:
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(
            f"sigma must be finite and not negative, got {sigma}; it is a magnitude, name the side"
        )


def require_confidence(confidence: float) -> None:
    """Refuse a level outside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")


def require_share(share: float) -> None:
    """Refuse a share outside (0, ½]."""
    if not 0 < share <= 0.5:
        raise ValueError(f"threshold_share must lie in (0, 0.5], got {share}")
