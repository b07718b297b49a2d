"""Volatility of one series: GARCH, GJR and EGARCH under normal, Student-t or skewed-t shocks.

`models.garch_kernels` climbs the likelihood with its exact gradient; `arch`, estimator of record,
goes on from there, and the higher of the two is published. `models.walk_forward` climbs from the
estimate before instead.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from arch import arch_model
from numpy.typing import NDArray
from scipy import integrate

from models import garch_kernels as kernels
from models.garch_likelihood import (
    DECAY,
    FEWEST_DEGREES,
    LARGEST_SKEW,
    MODELS,
    PARAMETERS,
    SMALLEST_REACTION,
    STARTS,
    Likelihood,
    Summit,
    climbed,
    highest,
    scaled,
    squares_before,
    standard_errors,
    usable,
)

Array = NDArray[np.float64]

# Log-likelihoods are printed for returns in percent, as the literature and `arch` print them.
PERCENT = 100.0
# Beyond these the estimate sits on its boundary and its forecasts mean little.
PERSISTENCE_LIMIT = 0.9999
NO_ERRORS = pd.DataFrame()
SIMULATED_PATHS = 4000  # EGARCH has no closed forecast beyond one session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GarchFit:
    """One estimate and the path it implies; figures in decimals, not percent.

    Attributes
    ----------
    model : str
        garch: σ²_{t+1} = ω + α·e²_t + β·σ²_t, e = r − μ (Bollerslev 1986, eq. 1–3). gjr: α + γ in
        place of α after a fall (Glosten–Jagannathan–Runkle 1993, eq. 5). egarch: ln σ²_{t+1} = ω +
        α(|z_t| − √(2/π)) + γ·z_t + β·ln σ²_t (Nelson 1991, eq. 2.1–2.2). ewma: the labelled
        fallback, α = 0.06, β = 0.94.
    innovation : str
        normal, t (standardised Student-t) or skewt (Hansen 1994).
    mu, omega, alpha, gamma, beta, nu, skew : float
        NaN where the model has no such parameter. skew is Hansen's λ; rugarch's ξ of `sstd`, the
        same law (Fernández–Steel 1998, standardised), is √((1 + λ)/(1 − λ)).
    standard_errors : DataFrame of shape (n_parameters, 2)
        Columns hessian and sandwich (Bollerslev–Wooldridge 1992, eq. 2.9); NaN for a parameter at
        its boundary, which the others take as known. Empty for ewma.
    log_likelihood : float
        Of the returns in percent; NaN for ewma.
    sigma : Series of shape (n,)
        Conditional standard deviation of each used session, forecast from the session before.
    residuals : Series of shape (n,)
        (r − μ)/σ.
    sigma_next : float
        Forecast for the session after the last one used.
    n : int
        Returns used.
    converged : bool
        The optimum was reached, inside its boundary.
    reason : str
        What failed; "" where nothing did.
    rejected : GarchFit or None
        Where an EWMA stands in, the estimate that it stands in for: the best point seen, often on
        its boundary, with its likelihood and path, to be shown and not used.
    """

    model: str
    innovation: str
    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    nu: float
    skew: float
    standard_errors: pd.DataFrame
    log_likelihood: float
    sigma: pd.Series
    residuals: pd.Series
    sigma_next: float
    n: int
    converged: bool
    reason: str
    rejected: "GarchFit | None" = None

    @property
    def persistence(self) -> float:
        """Share of a variance shock that is left a session later."""
        if self.model == "egarch":
            return self.beta
        return self.alpha + _share_of_falls(self) * _zero(self.gamma) + self.beta

    @property
    def half_life(self) -> float:
        """Sessions until half of a variance shock is gone; infinite at persistence 1."""
        if self.persistence >= 1:
            return float("inf")
        return float(np.log(0.5) / np.log(self.persistence)) if self.persistence > 0 else 0.0

    def sigma_after(self, sigma: float, observed: float) -> float:
        """One step of the recursion at fixed parameters: from (σ_t, r_t) to σ_{t+1}.

        NaN where either is, and where an absurd return takes EGARCH beyond every float.
        """
        surprise = observed - self.mu
        if self.model == "egarch":
            z = surprise / sigma
            reaction = self.alpha * (abs(z) - kernels.MEAN_SIZE) + self.gamma * z
            level = self.omega + reaction + self.beta * 2 * float(np.log(sigma))
            if not abs(level) < kernels.LARGEST_LOG:
                return float("nan")
            return float(np.exp(0.5 * level))
        rise = self.alpha + (_zero(self.gamma) if surprise < 0 else 0.0)
        return float(np.sqrt(self.omega + rise * surprise**2 + self.beta * sigma**2))

    def forecast(self, steps: int) -> Array:
        """Forecast σ of the next `steps` sessions: the root of the expected variance.

        Closed form, but for egarch beyond one session: there the mean over paths that draw their
        shocks from the fitted residuals, with a fixed seed.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1 session, got {steps}")
        variance = np.empty(steps)
        variance[0] = self.sigma_next**2
        if self.model == "egarch":
            draw = np.random.default_rng(0)
            shocks = self.residuals.to_numpy()
            level = np.full(SIMULATED_PATHS, np.log(variance[0]))
            for step in range(1, steps):
                z = draw.choice(shocks, SIMULATED_PATHS)
                level = self.omega + self.beta * level + self.gamma * z
                level += self.alpha * (np.abs(z) - kernels.MEAN_SIZE)
                variance[step] = np.exp(level).mean()
        else:
            persistence = self.persistence
            for step in range(1, steps):
                variance[step] = self.omega + persistence * variance[step - 1]
        return np.sqrt(variance)


def fit_garch(
    returns: pd.Series,
    *,
    min_observations: int,
    model: str = "garch",
    innovation: str = "t",
    start: str = "backcast",
) -> GarchFit:
    """Estimate a volatility model by maximum likelihood.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are left out: the recursion steps over them as if the
        market had not traded.
    min_observations : int
        Fewest returns that are estimated on; never fewer than ten a parameter.
    model : {"garch", "gjr", "egarch"}
        One lag each.
    innovation : {"normal", "t", "skewt"}
        Law of the shocks.
    start : {"backcast", "mean_square", "rugarch"}
        What stands for e² and σ² before the first row. backcast: `arch`'s, an exponentially
        weighted mean (decay 0.94) of the first 75 squares about the sample mean. mean_square: the
        mean of (r − μ)² over the sample, with μ as estimated: the convention of the published
        DM/GBP benchmark (Fiorentini–Calzolari–Panattoni 1996) and of most textbooks. rugarch (R,
        1.4-9): that mean is the variance of the first row itself.

    Returns
    -------
    GarchFit
        The value at *t* of `sigma` uses rows up to *t* − 1 for the recursion and all rows given
        for the parameters: give only rows that were known. Where the optimum is not reached or lies
        on its boundary, the EWMA stands in, with `converged` False and the reason.

    Raises
    ------
    NotEnoughData
        Fewer returns than `min_observations`, or all of them equal.
    ValueError
        `model`, `innovation` or `start` is none of those above, or a return is infinite.
    """
    likelihood = Likelihood(model=model, innovation=innovation, start=start)
    used = usable(returns, likelihood, min_observations=min_observations)
    values, scale = scaled(used)
    summit = highest(values, likelihood, likelihood.guesses(values))
    polished = _polished(values, likelihood, summit.theta)
    if polished is not None:
        other = climbed(values, likelihood, polished)
        summit = max(summit, other, key=lambda one: (one.settled, one.value))
    return conclude(used, likelihood, summit, scale=scale, errors=True)


def _polished(values: Array, likelihood: Likelihood, theta: Array) -> Array | None:
    """Give `arch`'s optimum from a summit of ours, or None where it finds none."""
    places = {
        "mu": 0, "omega": 1, "alpha[1]": 2, "gamma[1]": 3, "beta[1]": 4, "nu": 5, "eta": 5,
        "lambda": 6,
    }  # fmt: skip
    model = arch_model(
        values, vol="EGARCH" if likelihood.model == "egarch" else "GARCH", p=1,
        o=int(likelihood.model != "garch"), q=1, dist=likelihood.innovation, rescale=False,
    )  # fmt: skip
    names = [
        *model.parameter_names(), *model.volatility.parameter_names(),
        *model.distribution.parameter_names(),
    ]  # fmt: skip
    with warnings.catch_warnings():
        # Non-convergence is read from the result and written into ours, not to stderr.
        warnings.simplefilter("ignore")
        found = model.fit(
            disp="off", show_warning=False, backcast=squares_before(values, likelihood),
            starting_values=np.array([theta[places[name]] for name in names]),
        )  # fmt: skip
    if not (np.isfinite(found.loglikelihood) and np.isfinite(found.params).all()):
        return None
    answer = theta.copy()
    for name, value in found.params.items():
        answer[places[str(name)]] = value
    return answer


def conclude(
    used: pd.Series, likelihood: Likelihood, summit: Summit, *, scale: float, errors: bool
) -> GarchFit:
    """State the result of a climb; `errors` asks for standard errors and looks at the curvature."""
    values, theta, value = used.to_numpy() / scale, summit.theta, summit.value
    variance = np.empty(len(values) + 1)
    kernels.variances(
        values, theta, MODELS[likelihood.model], squares_before(values, likelihood),
        STARTS[likelihood.start], variance,
    )  # fmt: skip
    faults = [] if summit.settled else ["the likelihood has no settled optimum"]
    faults += _boundaries(likelihood, theta)
    if likelihood.model == "egarch" and not faults and _rests_on_start(values, theta, variance):
        faults.append("σ rests on where the recursion starts (not invertible)")
    told = NO_ERRORS
    if errors and not faults:
        told, bends = standard_errors(values, likelihood, theta, scale=scale)
        faults += [] if bends else ["the likelihood is flat in some direction"]
    reason = f"{likelihood.model}-{likelihood.innovation}: {', '.join(faults)}" if faults else ""
    named = _named(likelihood, theta, scale)
    sigma = np.sqrt(variance) * scale
    fit = GarchFit(
        model=likelihood.model,
        innovation=likelihood.innovation,
        mu=named["mu"],
        omega=named["omega"],
        alpha=named["alpha"],
        gamma=named["gamma"],
        beta=named["beta"],
        nu=named["nu"],
        skew=named["skew"],
        standard_errors=told,
        log_likelihood=value - len(values) * float(np.log(scale * PERCENT)),
        sigma=pd.Series(sigma[:-1], index=used.index),
        residuals=pd.Series((used.to_numpy() - named["mu"]) / sigma[:-1], index=used.index),
        sigma_next=float(sigma[-1]),
        n=len(used),
        converged=not faults,
        reason=reason,
    )
    if not faults:
        return fit
    return replace(ewma(used, reason=f"{reason}; EWMA stands in"), rejected=fit)


def ewma(used: pd.Series, *, reason: str) -> GarchFit:
    """Return the labelled fallback: exponentially weighted variance about the sample mean."""
    values = used.to_numpy(dtype=np.float64)
    mu = float(values.mean())
    theta = np.array([mu, 0.0, 1 - DECAY, 0.0, DECAY, 0.0, 0.0])
    variance = np.empty(len(values) + 1)
    kernels.variances(values, theta, kernels.GARCH, float(values.var()), kernels.GIVEN, variance)
    # A halted asset has no volatility to divide by: null, not zero.
    sigma = np.where(variance > 0, np.sqrt(variance), np.nan)
    return GarchFit(
        model="ewma", innovation="none", mu=mu, omega=0.0, alpha=1 - DECAY, gamma=np.nan,
        beta=DECAY, nu=np.nan, skew=np.nan, standard_errors=NO_ERRORS,
        log_likelihood=np.nan, sigma=pd.Series(sigma[:-1], index=used.index),
        residuals=pd.Series((values - mu) / sigma[:-1], index=used.index),
        sigma_next=float(sigma[-1]), n=len(used), converged=False, reason=reason,
    )  # fmt: skip


def _boundaries(likelihood: Likelihood, theta: Array) -> list[str]:
    faults = []
    _, _, alpha, gamma, beta, nu, skew = theta
    persistence = beta if likelihood.model == "egarch" else alpha + gamma / 2 + beta
    if persistence > PERSISTENCE_LIMIT:
        faults.append(f"persistence {persistence:.4f} at its boundary")
    if likelihood.model != "egarch" and max(alpha, alpha + gamma) < SMALLEST_REACTION:
        faults.append("no reaction to surprises, so beta is not identified")
    # Then a fall of σ makes the next surprise larger in σ, which lowers it again, without end.
    if likelihood.model == "egarch" and alpha + abs(gamma) < 0:
        faults.append(f"σ falls after surprises of either sign (alpha {alpha:.4f})")
    if likelihood.innovation != "normal" and nu <= FEWEST_DEGREES:
        faults.append(f"{nu:.2f} degrees of freedom at their boundary")
    if abs(skew) >= LARGEST_SKEW:
        faults.append(f"skew {skew:.2f} at its boundary")
    return faults


def _rests_on_start(values: Array, theta: Array, variance: Array) -> bool:
    """Say whether two EGARCH paths from different starts fail to meet: E ln|∂lnσ²/∂lnσ²| ≥ 0.

    Wintenberger (2013, Scandinavian Journal of Statistics 40), the condition of his section 3 at
    the sample: where it fails, a maximum of the likelihood is an accident of the path.
    """
    mu, _, alpha, gamma, beta = theta[:5]
    z = (values - mu) / np.sqrt(variance[:-1])
    slopes = np.abs(beta - 0.5 * (alpha * np.abs(z) + gamma * z))
    return bool(not np.log(np.maximum(slopes, 1e-300)).mean() < 0)


def _named(likelihood: Likelihood, theta: Array, scale: float) -> dict[str, float]:
    """Return the parameters in decimals, NaN where the model has none."""
    named = {
        name: float(value) if name in likelihood.free else float("nan")
        for name, value in zip(PARAMETERS, theta, strict=True)
    }
    named["mu"] *= scale
    if likelihood.model == "egarch":  # a level of ln σ², not a variance
        named["omega"] += (1 - named["beta"]) * 2 * float(np.log(scale))
    else:
        named["omega"] *= scale**2
    return named


def _zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value


def _share_of_falls(fit: GarchFit) -> float:
    """E[z²; z < 0]: one half for symmetric shocks."""
    if fit.innovation != "skewt" or np.isnan(fit.gamma):
        return kernels.SHARE_BELOW

    def weighed(z: float) -> float:
        return float(z * z * np.exp(kernels.log_density(z, kernels.SKEWED, fit.nu, fit.skew)))

    return float(integrate.quad(weighed, -np.inf, 0)[0])


def without_path(fit: GarchFit) -> GarchFit:
    """Return the estimate alone: what is worth keeping of many refits."""
    empty = pd.Series(dtype=np.float64)
    return replace(fit, sigma=empty, residuals=empty, rejected=None)
