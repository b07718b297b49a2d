"""Value at risk and expected shortfall of one series, forecast through history without look-ahead.

The next return is r = μ + σz: σ by GARCH, the tail of z by peaks over a threshold
(McNeil and Frey 2000), both estimated on rows before the session that is forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, isfinite

import numpy as np
import pandas as pd
from scipy.special import poch, stdtrit

from features._typing import Floats
from models._checks import require_level
from models._reports import short_repr
from models.errors import NotEnoughData
from models.tails.gpd import TailRisk, fit_gpd, gpd_risk, tail_threshold
from models.tails.student import fit_student
from models.volatility import GarchFit
from models.volatility._likelihood import Likelihood
from models.volatility.walk_forward import estimated

CONFIDENCE = 0.95  # of an interval that is not computed here


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailForecasts:
    """VaR and ES of past sessions, each from rows before it, and of the next session.

    Attributes
    ----------
    value_at_risk, expected_shortfall : DataFrame of shape (n_sessions, n_levels)
        Forecasts for session *t* from rows up to *t* − 1; losses are positive, in the unit of the
        returns. The last row is the last session given. Columns are the levels.
    estimated_to : Series of shape (n_sessions,)
        Last row of the sample behind the parameters used at *t*.
    following : tuple of TailRisk
        For the session after the last one given, one per level; NaN if that one has no return.
    tail : str
        Distribution of the latest residuals: gpd, or student where that fit is unusable.
    """

    value_at_risk: pd.DataFrame
    expected_shortfall: pd.DataFrame
    estimated_to: pd.Series
    following: tuple[TailRisk, ...]
    tail: str

    __repr__ = short_repr


def tail_forecasts(
    returns: pd.Series,
    fit: GarchFit,
    *,
    levels: Sequence[float] = (0.05, 0.01),
    sessions: int = 504,
    every: int = 63,
    window: int = 1500,
    min_observations: int = 250,
    threshold_share: float = 0.1,
    min_exceedances: int = 30,
    model: str = "garch",
    innovation: str = "t",
    start: str = "backcast",
) -> TailForecasts:
    """Forecast the tails of the last `sessions` sessions, of the last one given and of the next.

    Parameters
    ----------
    returns : Series of shape (n_rows,)
        Log returns, decimal, up to session *t*, the last row. NaN rows are skipped.
    fit : GarchFit
        Estimated on rows up to *t* − 1: it forecasts *t* and *t* + 1.
    levels : sequence of float
        Tail probabilities in (0, ½]: 0.05 and 0.01 for VaR at 95 % and 99 %.
    sessions : int
        Earlier sessions to forecast, as far as the history allows.
    every : int
        Sessions with a return between re-estimations, counted back from *t*.
    window, min_observations
        As in `models.volatility.walk_forward.walk_forward`.
    threshold_share, min_exceedances
        Of the tail fit: see `models.tails.gpd`.
    model, innovation, start
        Of the estimates in history, as in `models.volatility.garch.fit_garch`.

    Raises
    ------
    NotEnoughData
        Too few residuals for either tail distribution.
    ValueError
        A level or a share is out of range.
    """
    for level in levels:
        require_level(level)
    before = returns.iloc[:-1].dropna().astype(np.float64)
    count = len(before)
    back = min(ceil(sessions / every), max(0, (count - min_observations) // every))
    ends = [count - every * steps for steps in range(back, 0, -1)]
    values, index = before.to_numpy(), before.index
    law_of = partial(_law, levels=levels, share=threshold_share, min_exceedances=min_exceedances)
    rows: list[tuple[float, float, Floats]] = []
    seen: list[int] = []
    likelihood = Likelihood(model=model, innovation=innovation, start=start)
    for end, estimate in zip(ends, estimated(before, likelihood, ends, window=window), strict=True):
        law, _ = law_of(estimate)
        sigma = estimate.sigma_next
        for t in range(end, end + every):
            rows.append((estimate.mu, sigma, law))
            seen.append(end - 1)
            sigma = estimate.sigma_after(sigma, float(values[t]))
    law, tail = law_of(fit)
    rows.append((fit.mu, fit.sigma_next, law))
    seen.append(count - 1)
    rows, seen = rows[-sessions - 1 :], seen[-sessions - 1 :]
    days = index[len(index) - len(rows) + 1 :].append(returns.index[-1:])
    losses = np.array([sigma * law - mu for mu, sigma, law in rows])
    after = fit.sigma_after(fit.sigma_next, float(returns.iloc[-1]))
    return TailForecasts(
        value_at_risk=pd.DataFrame(losses[:, 0], index=days, columns=list(levels)),
        expected_shortfall=pd.DataFrame(losses[:, 1], index=days, columns=list(levels)),
        estimated_to=pd.Series(index[seen], index=days),
        following=tuple(
            loss_forecast(
                TailRisk(level=level, value_at_risk=quantile, expected_shortfall=shortfall),
                mu=fit.mu,
                sigma=after,
            )
            if isfinite(after)
            else TailRisk(level=level, value_at_risk=np.nan, expected_shortfall=np.nan)
            for level, quantile, shortfall in zip(levels, *law.tolist(), strict=True)
        ),
        tail=tail,
    )


def student_risk(nu: float, *, level: float) -> TailRisk:
    """Quantile and expected shortfall of a Student-t with variance 1; losses are positive.

    q = −t⁻¹(level)·√((ν−2)/ν) and ES = f(x)(ν + x²)/((ν − 1)level)·√((ν−2)/ν) at x = t⁻¹(level)
    (McNeil, Frey and Embrechts 2015, example 2.15). `nu` above 2.
    """
    require_level(level)
    if not nu > 2:
        raise ValueError(f"nu must be above 2 for a unit variance to exist, got {nu}")
    # The formulas of scipy.stats.t, whose import costs more than a second.
    x, scale = float(stdtrit(nu, level)), float(np.sqrt((nu - 2) / nu))
    density = np.exp(
        np.log(poch(0.5 * nu, 0.5))
        - 0.5 * (np.log(nu) + np.log(np.pi))
        - (nu + 1) / 2 * np.log1p(x * x / nu)
    )
    beyond = float(density) * (nu + x * x) / ((nu - 1) * level)
    return TailRisk(level=level, value_at_risk=-x * scale, expected_shortfall=beyond * scale)


def loss_forecast(risk: TailRisk, *, mu: float, sigma: float) -> TailRisk:
    """VaR_t = σ_t·q − μ_t and ES_t = σ_t·ES − μ_t of the return r_t = μ_t + σ_t·z_t.

    Losses are positive: P(r_t < −VaR_t) = level, a negative figure is a gain (McNeil–Frey 2000).

    Parameters
    ----------
    risk : TailRisk
        `models.tails.gpd_risk` of a fit to −z, the *negated* residuals (r − μ)/σ, of rows up to
        t−1.
    mu, sigma : float
        Forecasts for session t from rows up to t−1; their unit is that of the result.

    Raises
    ------
    ValueError
        mu is not finite, or sigma not finite and positive.
    """
    if not (isfinite(mu) and isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma must be positive, mu finite, got {sigma}, {mu}; use complete rows")
    loss, shortfall = sigma * risk.value_at_risk - mu, sigma * risk.expected_shortfall - mu
    return TailRisk(level=risk.level, value_at_risk=loss, expected_shortfall=shortfall)


def _law(
    fit: GarchFit, levels: Sequence[float], *, share: float, min_exceedances: int
) -> tuple[Floats, str]:
    """VaR and ES of −z, of shape (2, n_levels), and the name of the distribution."""
    losses = -fit.residuals.dropna().to_numpy()
    try:
        tail = fit_gpd(
            losses, threshold=tail_threshold(losses, share=share), confidence=CONFIDENCE,
            min_exceedances=min_exceedances, interval=False,
        )  # fmt: skip
        usable = tail.converged and tail.xi < 1 and max(levels) <= tail.exceedances / tail.n
    except NotEnoughData:
        usable = False
    if usable:
        risks, name = [gpd_risk(tail, level=level) for level in levels], "gpd"
    elif fit.innovation == "t":
        risks, name = [student_risk(fit.nu, level=level) for level in levels], "student"
    else:
        nu = fit_student(losses, min_observations=min_exceedances).nu
        risks, name = [student_risk(nu, level=level) for level in levels], "student"
    return np.array([[r.value_at_risk for r in risks], [r.expected_shortfall for r in risks]]), name
