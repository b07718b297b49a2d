"""Volatility of one series: GARCH, GJR and EGARCH under normal, Student-t or skewed-t shocks.

The compiled likelihood is maximised with its exact gradient; `arch`, the estimator of record,
continues from there, and the higher of the two is published. `models.volatility.walk_forward`
is warm-started from the estimate before instead.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import integrate

from features._typing import Floats
from models._reports import short_repr, standard_errors, summary
from models.volatility import _kernels as kernels
from models.volatility._likelihood import (
    DECAY,
    MAX_SKEW,
    MIN_DEGREES,
    MIN_LEVEL,
    MIN_REACTION,
    MODELS,
    NEAR,
    PARAMETERS,
    PERSISTENCE_LIMIT,
    STARTS,
    Likelihood,
    Maximum,
    best_maximum,
    covariances,
    is_integrated,
    maximise,
    scaled,
    squares_before,
    usable,
)

# Log-likelihoods are reported for returns in percent, as in the literature and `arch`.
PERCENT = 100.0
INTEGRATED = "persistence at its limit 1, so σ does not revert to a long-run level"
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
        same distribution (Fernández–Steel 1998, standardised), is √((1 + λ)/(1 − λ)).
    covariances : dict of str to DataFrame of shape (n_parameters, n_parameters)
        Of the parameters: hessian, opg (outer product of the scores: Berndt–Hall–Hall–Hausman 1974)
        and sandwich (Bollerslev–Wooldridge 1992, eq. 2.9); NaN for a parameter at its boundary,
        which is treated as known. Empty for ewma and in a walk-forward.
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
        The optimum was reached, inside its boundary or at the limit of the persistence.
    integrated : bool
        The persistence is at its limit 1: σ does not revert, the long-run level is not identified,
        and β is treated as known in the standard errors.
    reason : str or None
        What failed, or that the fit is integrated; None otherwise.
    rejected : GarchFit or None
        If this is the EWMA fallback, the rejected estimate: the best point found, often on its
        boundary, with its likelihood and path; for display only.
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
    covariances: Mapping[str, pd.DataFrame]
    log_likelihood: float
    sigma: pd.Series
    residuals: pd.Series
    sigma_next: float
    n: int
    converged: bool
    integrated: bool
    reason: str | None
    rejected: "GarchFit | None" = None

    __repr__ = short_repr

    @property
    def standard_errors(self) -> pd.DataFrame:
        """Standard errors of the parameters, one column per covariance matrix."""
        return standard_errors(self.covariances)

    @property
    def persistence(self) -> float:
        """Share of a variance shock that remains one session later."""
        if self.model == "egarch":
            return self.beta
        return self.alpha + _share_of_falls(self) * _zero(self.gamma) + self.beta

    @property
    def half_life(self) -> float:
        """Half-life of a variance shock in sessions; infinite at persistence 1."""
        if self.persistence >= 1:
            return float("inf")
        return float(np.log(0.5) / np.log(self.persistence)) if self.persistence > 0 else 0.0

    def summary(self) -> str:
        """Return the estimate as a table of text: parameters, standard errors, convergence."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        table = pd.DataFrame({"value": values}).dropna().join(self.standard_errors)
        return summary(
            f"{self.model}, {self.innovation} innovations", table,
            {
                "log-likelihood": self.log_likelihood,
                "observations": self.n,
                "persistence": self.persistence,
                "half-life, sessions": self.half_life,
                "converged": self.converged,
                "reason": self.reason,
            },
        )  # fmt: skip

    def sigma_after(self, sigma: float, observed: float) -> float:
        """One step of the recursion at fixed parameters: from (σ_t, r_t) to σ_{t+1}.

        NaN where either is, and where EGARCH overflows after an absurd return.
        """
        shock = observed - self.mu
        if self.model == "egarch":
            z = shock / sigma
            reaction = self.alpha * (abs(z) - kernels.MEAN_SIZE) + self.gamma * z
            level = self.omega + reaction + self.beta * 2 * float(np.log(sigma))
            if not abs(level) < kernels.MAX_LOG:
                return float("nan")
            return float(np.exp(0.5 * level))
        rise = self.alpha + (_zero(self.gamma) if shock < 0 else 0.0)
        return float(np.sqrt(self.omega + rise * shock**2 + self.beta * sigma**2))

    def forecast(self, steps: int) -> Floats:
        """Forecast σ of the next `steps` sessions: the root of the expected variance.

        Closed form, except for egarch beyond one session: the mean over simulated paths with
        shocks drawn from the fitted residuals, with a fixed seed.
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
    min_observations: int = 250,
    model: str = "garch",
    innovation: str = "t",
    start: str = "backcast",
) -> GarchFit:
    """Estimate a volatility model by maximum likelihood.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are skipped, as if the market had not traded.
    min_observations : int
        Smallest number of returns; never fewer than ten per parameter.
    model : {"garch", "gjr", "egarch"}
        One lag each.
    innovation : {"normal", "t", "skewt"}
        Distribution of the shocks.
    start : {"backcast", "mean_square", "rugarch"}
        Start-up: e² and σ² before the first row. backcast: `arch`'s, an exponentially
        weighted mean (decay 0.94) of the first 75 squares about the sample mean. mean_square: the
        mean of (r − μ)² over the sample, with μ as estimated: the convention of the published
        DM/GBP benchmark (Fiorentini–Calzolari–Panattoni 1996) and of most textbooks. rugarch (R,
        1.4-9): that mean is the variance of the first row itself.

    Returns
    -------
    GarchFit
        The value at *t* of `sigma` uses rows up to *t* − 1 for the recursion and all rows given
        for the parameters: give only rows that were known. A fit whose persistence is at its
        limit is returned with `integrated` True. If the optimum is not reached or lies on another
        boundary, the EWMA is returned, with `converged` False and the reason.

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
    best = best_maximum(values, likelihood, likelihood.guesses(values))
    polished = _polished(values, likelihood, best.theta)
    if polished is not None:
        polished_best = maximise(values, likelihood, polished)
        best = max(best, polished_best, key=lambda one: (one.converged, one.value))
    return conclude(used, likelihood, best, scale=scale, errors=True)


def _polished(values: Floats, likelihood: Likelihood, theta: Floats) -> Floats | None:
    """Optimum of `arch` from our maximum as starting values; None if it finds none."""
    from arch import arch_model  # a second of import, which a reader of fits need not pay

    positions = {
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
        # Non-convergence is read from the result, not from stderr.
        warnings.simplefilter("ignore")
        result = model.fit(
            disp="off", show_warning=False, backcast=squares_before(values, likelihood),
            starting_values=np.array([theta[positions[name]] for name in names]),
        )  # fmt: skip
    if not (np.isfinite(result.loglikelihood) and np.isfinite(result.params).all()):
        return None
    theta_arch = theta.copy()
    for name, value in result.params.items():
        theta_arch[positions[str(name)]] = value
    return theta_arch


def conclude(
    used: pd.Series, likelihood: Likelihood, best: Maximum, *, scale: float, errors: bool
) -> GarchFit:
    """Build the fit from a maximum; `errors`: with standard errors and a check of the Hessian."""
    values, theta, value = used.to_numpy() / scale, best.theta, best.value
    variance = np.empty(len(values) + 1)
    kernels.variances(
        values, theta, MODELS[likelihood.model], squares_before(values, likelihood),
        STARTS[likelihood.start], variance,
    )  # fmt: skip
    faults = [] if best.converged else ["the optimiser did not converge"]
    faults += _boundaries(likelihood, theta)
    if likelihood.model == "egarch" and not faults and _rests_on_start(values, theta, variance):
        faults.append("σ rests on where the recursion starts (not invertible)")
    matrices: dict[str, pd.DataFrame] | None = {}
    if errors and not faults:
        matrices = covariances(values, likelihood, theta, scale=scale)
        faults += ["the Hessian is not negative definite"] if matrices is None else []
    integrated = is_integrated(likelihood, theta)
    notes = faults or [INTEGRATED] * integrated
    reason = f"{likelihood.model}-{likelihood.innovation}: {', '.join(notes)}" if notes else None
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
        covariances=matrices or {},
        log_likelihood=value - len(values) * float(np.log(scale * PERCENT)),
        sigma=pd.Series(sigma[:-1], index=used.index),
        residuals=pd.Series((used.to_numpy() - named["mu"]) / sigma[:-1], index=used.index),
        sigma_next=float(sigma[-1]),
        n=len(used),
        converged=not faults,
        integrated=integrated,
        reason=reason,
    )
    if not faults:
        return fit
    return replace(ewma(used, reason=f"{reason}; EWMA is used instead"), rejected=fit)


def ewma(used: pd.Series, *, reason: str) -> GarchFit:
    """EWMA fallback: exponentially weighted variance about the sample mean."""
    values = used.to_numpy(dtype=np.float64)
    mu = float(values.mean())
    theta = np.array([mu, 0.0, 1 - DECAY, 0.0, DECAY, 0.0, 0.0])
    variance = np.empty(len(values) + 1)
    kernels.variances(values, theta, kernels.GARCH, float(values.var()), kernels.GIVEN, variance)
    # A halted asset has no volatility: null, not zero.
    sigma = np.where(variance > 0, np.sqrt(variance), np.nan)
    return GarchFit(
        model="ewma", innovation="none", mu=mu, omega=0.0, alpha=1 - DECAY, gamma=np.nan,
        beta=DECAY, nu=np.nan, skew=np.nan, covariances={},
        log_likelihood=np.nan, sigma=pd.Series(sigma[:-1], index=used.index),
        residuals=pd.Series((values - mu) / sigma[:-1], index=used.index),
        sigma_next=float(sigma[-1]), n=len(used), converged=False, integrated=True, reason=reason,
    )  # fmt: skip


def _boundaries(likelihood: Likelihood, theta: Floats) -> list[str]:
    faults = []
    _, omega, alpha, gamma, beta, nu, skew = theta
    if is_integrated(likelihood, theta) and omega < 2 * MIN_LEVEL:
        faults.append("persistence and omega at their boundaries, so σ dies out")
    if likelihood.model == "egarch" and beta > PERSISTENCE_LIMIT:
        faults.append(f"persistence {beta:.4f} at its boundary")
    if likelihood.model != "egarch" and max(alpha, alpha + gamma) < MIN_REACTION:
        faults.append("no reaction to shocks, so beta is not identified")
    # A decline of σ then makes the next standardised shock larger, which lowers σ again.
    if likelihood.model == "egarch" and alpha + abs(gamma) < 0:
        faults.append(f"σ falls after shocks of either sign (alpha {alpha:.4f})")
    if likelihood.innovation != "normal" and nu <= MIN_DEGREES * (1 + NEAR):
        faults.append(f"{nu:.2f} degrees of freedom at their boundary")
    if abs(skew) >= MAX_SKEW:
        faults.append(f"skew {skew:.2f} at its boundary")
    return faults


def _rests_on_start(values: Floats, theta: Floats, variance: Floats) -> bool:
    """Return True if the EGARCH filter is not invertible: E ln|∂lnσ²/∂lnσ²| ≥ 0.

    Wintenberger (2013, Scandinavian Journal of Statistics 40), section 3, at the sample: where the
    condition fails, σ depends on the start of the recursion without end.
    """
    mu, _, alpha, gamma, beta = theta[:5]
    z = (values - mu) / np.sqrt(variance[:-1])
    slopes = np.abs(beta - 0.5 * (alpha * np.abs(z) + gamma * z))
    return bool(not np.log(np.maximum(slopes, 1e-300)).mean() < 0)


def _named(likelihood: Likelihood, theta: Floats, scale: float) -> dict[str, float]:
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
    """Return the estimate without its path, for long walk-forwards."""
    empty = pd.Series(dtype=np.float64)
    return replace(fit, sigma=empty, residuals=empty, rejected=None)
