"""Volatility of one series: GARCH(1,1) with Student-t innovations, estimated by `arch`."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from arch import arch_model

from models.errors import NotEnoughData

# arch's optimiser is tuned to returns in percent; the scaling stays inside this module.
PERCENT = 100.0
# RiskMetrics (1996) daily decay, for the labelled fallback.
EWMA_DECAY = 0.94
# Beyond these the estimate sits on its boundary and its forecasts mean little.
PERSISTENCE_LIMIT = 0.9999
FEWEST_DEGREES = 2.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GarchFit:
    """Parameters of σ²_{t+1} = ω + α(r_t − μ)² + βσ²_t, and the path they imply.

    Attributes
    ----------
    model : str
        "garch11-t", or "ewma" where the fit failed and the labelled fallback stands in.
    mu, omega, alpha, beta, nu : float
        In decimals (omega in squared decimals). For ewma: mean, 0, 0.06, 0.94, NaN.
    log_likelihood : float
        Of the returns in percent, as `arch` prints it; NaN for ewma.
    sigma : Series
        Conditional standard deviation of each used session, forecast from the session before.
    n : int
        Returns used.
    converged : bool
        The optimiser reported success and the estimate lies inside its boundary.
    reason : str
        What failed; "" where nothing did.
    """

    model: str
    mu: float
    omega: float
    alpha: float
    beta: float
    nu: float
    log_likelihood: float
    sigma: pd.Series
    last_return: float
    n: int
    converged: bool
    reason: str

    @property
    def half_life(self) -> float:
        """Sessions until half of a variance shock is gone; infinite at persistence 1."""
        persistence = self.alpha + self.beta
        if persistence >= 1:
            return float("inf")
        return float(np.log(0.5) / np.log(persistence)) if persistence > 0 else 0.0

    def next_sigma(self) -> float:
        """Standard deviation forecast for the session after the last one used."""
        return self.sigma_after(float(self.sigma.iloc[-1]), self.last_return)

    def sigma_after(self, sigma: float, observed: float) -> float:
        """One step of the recursion at fixed parameters: from (σ_t, r_t) to σ_{t+1}."""
        surprise = observed - self.mu
        return float(np.sqrt(self.omega + self.alpha * surprise**2 + self.beta * sigma**2))


def fit_garch(returns: pd.Series, *, min_observations: int) -> GarchFit:
    """Estimate GARCH(1,1) with Student-t innovations by maximum likelihood.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal. NaN rows are left out: the recursion steps over them as if the
        market had not traded.
    min_observations : int
        Fewest returns that are estimated on.

    Returns
    -------
    GarchFit
        The value at *t* of `sigma` uses rows up to *t* − 1 for the recursion and all rows given
        for the parameters: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer returns than `min_observations`, or all of them equal.

    Notes
    -----
    Bollerslev (1987, Review of Economics and Statistics 69), eq. 1–3. The variance recursion
    starts from `arch`'s default backcast, an exponentially weighted mean of the first 75 squares;
    the published DM/GBP benchmark starts from the mean square and differs in the third digit.
    """
    used = returns.dropna()
    if len(used) < min_observations:
        raise NotEnoughData(need=min_observations, got=len(used), what="GARCH(1,1)")
    if float(used.max()) == float(used.min()):
        raise NotEnoughData(need=2, got=1, what="GARCH(1,1) (a constant series has one value: it)")
    with warnings.catch_warnings():
        # Non-convergence is read from the flag and written into the result, not to stderr.
        warnings.simplefilter("ignore")
        fitted = arch_model(used * PERCENT, vol="GARCH", p=1, q=1, dist="t", rescale=False).fit(
            disp="off", show_warning=False
        )
    mu, omega, alpha, beta, nu = (float(value) for value in fitted.params)
    faults = []
    if fitted.convergence_flag != 0:
        faults.append(f"optimiser stopped with flag {fitted.convergence_flag}")
    if not np.isfinite([mu, omega, alpha, beta, nu]).all():
        faults.append("parameters are not finite")
    if alpha + beta > PERSISTENCE_LIMIT:
        faults.append(f"persistence {alpha + beta:.4f} at its boundary")
    if nu < FEWEST_DEGREES:
        faults.append(f"{nu:.2f} degrees of freedom at their boundary")
    if faults:
        return _ewma(used, reason="GARCH(1,1)-t: " + ", ".join(faults) + "; EWMA stands in")
    return GarchFit(
        model="garch11-t",
        mu=mu / PERCENT,
        omega=omega / PERCENT**2,
        alpha=alpha,
        beta=beta,
        nu=nu,
        log_likelihood=float(fitted.loglikelihood),
        sigma=pd.Series(np.asarray(fitted.conditional_volatility) / PERCENT, index=used.index),
        last_return=float(used.iloc[-1]),
        n=len(used),
        converged=True,
        reason="",
    )


def _ewma(used: pd.Series, *, reason: str) -> GarchFit:
    mu = float(used.mean())
    surprise = used.to_numpy(dtype=np.float64) - mu
    variance = np.empty(len(used))
    variance[0] = surprise.var()
    for t in range(1, len(used)):
        variance[t] = EWMA_DECAY * variance[t - 1] + (1 - EWMA_DECAY) * surprise[t - 1] ** 2
    return GarchFit(
        model="ewma",
        mu=mu,
        omega=0.0,
        alpha=1 - EWMA_DECAY,
        beta=EWMA_DECAY,
        nu=float("nan"),
        log_likelihood=float("nan"),
        sigma=pd.Series(np.sqrt(variance), index=used.index),
        last_return=float(used.iloc[-1]),
        n=len(used),
        converged=False,
        reason=reason,
    )
