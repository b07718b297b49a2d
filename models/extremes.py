"""Generalised Pareto law of the values over a threshold: fit, tail probability, risk measures.

Each fit says whether it converged, and a fitted tail probability carries its profile-likelihood
interval: a point alone would mislead where thirty values decide.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from models.errors import NotEnoughData
from models.tails import finite_values, require_confidence, require_level, require_share

Array = NDArray[np.float64]

# Below ξ = −½ the maximum-likelihood estimate is irregular (Smith 1985): no interval holds there.
LEAST_REGULAR_XI = -0.5
# At ξ = −1 the likelihood ceases to be bounded; intervals are cut there.
LEAST_XI = -1.0
# Where τ = ξ/β is searched, as ln(1 + τ · largest excess): dense where ordinary tails lie.
_GRID = np.r_[-np.geomspace(30, 6, 30), np.arange(-5.95, 8, 0.05), np.geomspace(8, 60, 30)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpdFit:
    """Generalised Pareto law of the excesses over a threshold.

    Attributes
    ----------
    xi, beta : float
        Shape and scale.
    xi_lower, xi_upper : float or None
        Profile-likelihood interval of ξ; the lower end is cut at −1. None where not converged or
        not asked for.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdDiagnostic:
    """The tail over one candidate threshold; a figure is None where `reason` says why.

    Over thresholds that are high enough ξ and the modified scale β − ξu are constant but for noise,
    and the mean excess is linear in u (Coles 2001, sections 4.3.1 and 4.3.4).
    """

    share: float
    threshold: float | None
    exceedances: int
    mean_excess: float | None
    xi: float | None
    xi_lower: float | None
    xi_upper: float | None
    modified_scale: float | None
    converged: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """Value at risk and expected shortfall at tail probability `level`; losses are positive."""

    level: float
    value_at_risk: float
    expected_shortfall: float


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


def fit_gpd(
    sample: Array,
    *,
    threshold: float,
    min_exceedances: int,
    confidence: float,
    interval: bool = True,
) -> GpdFit:
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
    interval : bool
        Draw the interval of ξ; it takes ten times as long as the fit.

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
    excesses = values[values - threshold > 1e-150] - threshold  # the square of less is no float
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
    if converged and interval:
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
    probability = fit.exceedances / fit.n * beyond
    return TailProbability(probability=probability, lower=math.exp(lowest), upper=math.exp(highest))


def threshold_diagnostics(
    sample: Array, *, shares: Sequence[float], min_exceedances: int, confidence: float
) -> tuple[ThresholdDiagnostic, ...]:
    """Fit the tail over each candidate share, so that a reader can judge where it is stable.

    Parameters and errors are those of `tail_threshold` and `fit_gpd`, but too few exceedances and a
    fit that does not converge are rows with a reason.
    """
    values, rows = finite_values(sample), []
    for share in shares:
        threshold, excesses, fit, reason = None, np.empty(0), None, ""
        try:
            threshold = tail_threshold(values, share=share)
            excesses = values[values > threshold] - threshold
            fit = fit_gpd(
                values, threshold=threshold, min_exceedances=min_exceedances, confidence=confidence
            )
        except NotEnoughData as error:
            reason = str(error)
        if fit is not None and not fit.converged:
            fit, reason = None, "no optimum inside ξ > −0.5; the tail looks bounded"
        rows.append(
            ThresholdDiagnostic(
                share=float(share),
                threshold=threshold,
                exceedances=len(excesses),
                mean_excess=float(excesses.mean()) if len(excesses) else None,
                xi=fit.xi if fit else None,
                xi_lower=fit.xi_lower if fit else None,
                xi_upper=fit.xi_upper if fit else None,
                modified_scale=fit.beta - fit.xi * fit.threshold if fit else None,
                converged=fit is not None,
                reason=reason,
            )
        )
    return tuple(rows)


def var_es(fit: GpdFit, *, level: float) -> TailRisk:
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
