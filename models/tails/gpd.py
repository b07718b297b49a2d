"""Generalised Pareto distribution over a threshold: fit, tail probability, risk measures.

A fitted tail probability has a profile-likelihood interval: with some thirty exceedances a point
estimate alone would mislead.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from features._typing import Floats
from features._validation import require_confidence
from models._checks import finite_values, require_level, require_share
from models._reports import short_repr, summary
from models.errors import NotEnoughData

# Below ξ = −½ maximum likelihood is irregular (Smith 1985): intervals are not valid there.
MIN_REGULAR_XI = -0.5
# Below ξ = −1 the likelihood is unbounded; intervals are truncated there.
MIN_XI = -1.0
BOUNDED = "no optimum inside ξ > −0.5; the tail looks bounded"
# Search grid of τ = ξ/β, as ln(1 + τ · largest excess): dense at ordinary tails.
_GRID = np.r_[-np.geomspace(30, 6, 30), np.arange(-5.95, 8, 0.05), np.geomspace(8, 60, 30)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpdFit:
    """Generalised Pareto distribution of the excesses over a threshold.

    Attributes
    ----------
    xi, beta : float
        Shape and scale.
    xi_lower, xi_upper : float or None
        Profile-likelihood interval of ξ; the lower end is truncated at −1. None if not converged
        or not requested.
    threshold : float
        u, in units of the sample.
    n, exceedances : int
        Values in the sample, and those strictly above u.
    confidence : float
        Level of every interval of this fit.
    log_likelihood : float
        Of the excesses, at the optimum.
    converged : bool
        The optimum lies inside ξ > −½. If False, ξ and β are the constrained optimum, for display
        only.
    reason : str or None
        What failed; None where nothing did.
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
    reason: str | None
    excesses: Floats

    __repr__ = short_repr

    def summary(self) -> str:
        """Return the fit as a table of text: parameters, interval of ξ, convergence."""
        table = pd.DataFrame(
            {
                "value": {"xi": self.xi, "beta": self.beta},
                "lower": {"xi": self.xi_lower},
                "upper": {"xi": self.xi_upper},
            }
        )
        return summary(
            f"generalised Pareto above {self.threshold:g}, intervals at {self.confidence:.0%}",
            table,
            {
                "log-likelihood": self.log_likelihood,
                "observations": self.n,
                "exceedances": self.exceedances,
                "converged": self.converged,
                "reason": self.reason,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailProbability:
    """P(X > level) with its profile-likelihood interval; zero where beyond the fitted end point."""

    probability: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """Value at risk and expected shortfall at tail probability `level`; losses are positive."""

    level: float
    value_at_risk: float
    expected_shortfall: float


def tail_threshold(sample: Floats, *, share: float = 0.1) -> float:
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


def fit_gpd(
    sample: Floats,
    *,
    threshold: float,
    min_exceedances: int = 30,
    confidence: float = 0.95,
    interval: bool = True,
) -> GpdFit:
    """Fit a generalised Pareto distribution to the excesses by maximum likelihood.

    The two parameters are reduced to one, τ = ξ/β (Grimshaw 1993), whose likelihood is searched on
    a grid and refined: a simplex in (ξ, β) stops early or at a wrong optimum.

    Parameters
    ----------
    sample : array of shape (n,)
        Values whose *upper* tail is fitted (losses, for price falls), one per session. NaN is
        excluded.
    threshold : float
        u; values strictly above it are fitted.
    min_exceedances : int
        Smallest number of values above u; at least 2.
    confidence : float
        Level of the profile-likelihood interval, in (0, 1).
    interval : bool
        Compute the interval of ξ; it takes ten times as long as the fit.

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
    excesses = values[values - threshold > 1e-150] - threshold  # the square of less underflows
    count = len(excesses)
    if count < min_exceedances:
        raise NotEnoughData(need=min_exceedances, got=count, what="fit_gpd (exceedances)")

    def reduced(w: Floats) -> Floats:
        logs, slopes = _sums(w, excesses)
        value = -count * (np.log(slopes / count) + 1) - logs
        return np.where(logs >= MIN_REGULAR_XI * count, value, -np.inf)

    w, best = _maximise(reduced)
    logs, slopes = _sums(np.array([w]), excesses)
    xi, beta = float(logs[0]) / count, float(slopes[0]) / count
    # A maximum on the edge of ξ ≥ −½ is due to the constraint, not the data.
    converged = xi > MIN_REGULAR_XI + 1e-3 and bool(w < _GRID[-1])
    lower, upper = None, None
    if converged and interval:
        allowance = float(2 * special.gammaincinv(0.5, confidence)) / 2

        def edge(w: Floats, sign: int) -> Floats:
            shapes = [_tau(w, excesses) / rate for rate in _rates(w, excesses, best - allowance)]
            candidates = sign * np.array(shapes)
            usable = np.isfinite(candidates) & (np.array(shapes) >= MIN_XI)
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
        reason=None if converged else BOUNDED,
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
        `level` is not above the threshold, or the fit has not converged.
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
    lower = -_maximise(lambda w: -_log_tail_edge(w, fit, distance, -1))[1]
    upper = _maximise(lambda w: _log_tail_edge(w, fit, distance, 1))[1]
    probability = fit.exceedances / fit.n * beyond
    return TailProbability(probability=probability, lower=math.exp(lower), upper=math.exp(upper))


def gpd_risk(fit: GpdFit, *, level: float) -> TailRisk:
    """Quantile and expected shortfall of the sample beyond the threshold, in its units.

    q = u + (β/ξ)((level/(N_u/n))^−ξ − 1) and ES = q/(1−ξ) + (β − ξu)/(1−ξ), infinite at ξ ≥ 1,
    where no mean exists: McNeil and Frey (2000), sections 2.2 and 4.

    Raises
    ------
    ValueError
        `level` is outside (0, ½] or above N_u/n, or the fit has not converged.
    """
    require_level(level)
    share = fit.exceedances / fit.n
    if level > share:
        raise ValueError(
            f"level must be at most N_u/n = {share:g}, got {level:g}; lower threshold u"
        )
    if not fit.converged:
        raise ValueError("fit must have converged, got ξ at its bound −0.5; read its flag first")
    rarer = math.log(share / level)
    with np.errstate(over="ignore"):  # ξ far above 1: the quantile is beyond every float
        growth = float(np.expm1(fit.xi * rarer)) / fit.xi if fit.xi != 0 else rarer
    quantile = fit.threshold + fit.beta * growth
    beyond = quantile + fit.beta - fit.xi * fit.threshold
    shortfall = beyond / (1 - fit.xi) if fit.xi < 1 else math.inf
    return TailRisk(level=float(level), value_at_risk=quantile, expected_shortfall=shortfall)


def _tau(w: Floats, excesses: Floats) -> Floats:
    return np.asarray(np.expm1(w) / excesses.max())


def _sums(w: Floats, excesses: Floats) -> tuple[Floats, Floats]:
    """Σ ln(1+τy) and that over τ: with them the log-likelihood is −N·lnβ − first − second/β."""
    tau = _tau(w, excesses)
    logs = np.log1p(np.multiply.outer(tau, excesses)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return logs, np.where(tau == 0, excesses.sum(), logs / tau)


def _maximise(function: Callable[[Floats], Floats]) -> tuple[float, float]:
    """Argument and value of the maximum on a grid, refined four times; −inf: not admissible."""
    grid = _GRID
    for _ in range(5):
        values = function(grid)
        row = int(np.argmax(values))
        argument, maximum = float(grid[row]), float(values[row])
        grid = np.linspace(grid[max(row - 1, 0)], grid[min(row + 1, len(grid) - 1)], 33)
    return argument, maximum


def _rates(w: Floats, excesses: Floats, level: float) -> tuple[Floats, Floats]:
    """Both values of 1/β at which the log-likelihood is `level`, given τ; NaN where it is lower.

    With x = ΣY/(Nβ) the condition reads x − ln x = 1 + h, whose roots are Lambert's W.
    """
    count = len(excesses)
    logs, slopes = _sums(w, excesses)
    spare = (-count * (np.log(slopes / count) + 1) - logs - level) / count
    argument = -np.exp(-1 - np.where(spare >= 0, spare, np.nan))
    roots = [-special.lambertw(argument, branch).real for branch in (0, -1)]
    return roots[0] * count / slopes, roots[1] * count / slopes


def _log_tail_edge(w: Floats, fit: GpdFit, distance: float, sign: int) -> Floats:
    """Largest (+1) or least (−1) ln P(X > level) at each τ, at the likelihood-ratio bound.

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
    allowance = 2 * special.gammaincinv(0.5, fit.confidence) / 2 + reduced - fit.log_likelihood
    possible = (allowance >= 0) & (logs / count >= MIN_XI)
    # An admissible distribution that ends below the level: the probability may be zero.
    edge = np.where(possible & ~reaches, -np.inf, -sign * np.inf)
    usable = possible & reaches
    allowance, ratio = allowance[usable], (span / slopes)[usable]

    def spend(slope: Floats) -> tuple[Floats, Floats, Floats]:
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

    # λ is at most N, where the share vanishes; without a value below u the share is fixed at 1.
    wall = np.minimum(count, 1 / ratio) if spared else 1 / ratio
    # √lost is nearly straight in λ: Newton's steps on it converge quickly.
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
