"""Standard errors of a conditional correlation that know of its first stage.

`DccFit` states the errors of (a, b[, g]) as if σ were known. σ was estimated, from the same rows:
both stages are one system of estimating equations, whose sandwich is the answer (Newey and
McFadden 1994, Handbook of Econometrics IV, section 6; Engle and Sheppard 2001, NBER 8554, theorem
2 and its appendix).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.dcc import DccFit
from models.dcc_likelihood import Array, Sample, prepare, slopes
from models.garch import GarchFit
from models.garch_likelihood import (
    PARAMETERS,
    Likelihood,
    curvature_of,
    rows_at,
    scaled,
    step_of,
)

NEUTRAL = {"gamma": 0.0, "nu": 8.0, "skew": 0.0}  # of parameters that a model lacks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stage:
    """One asset's volatility, in units of its standard deviation."""

    values: Array
    likelihood: Likelihood
    theta: Array
    loose: list[str]
    curvature: Array


def two_step_errors(
    returns: pd.DataFrame, volatilities: Mapping[str, GarchFit], fit: DccFit, *, start: str
) -> Array:
    """Standard errors of (a, b[, g]) with those of the volatilities in them.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        What the volatilities were estimated on, complete: a row that one asset misses has a score
        of that asset alone and no place in the system.
    volatilities : mapping of str to GarchFit
        The converged first stage of each asset of `fit`.
    fit : DccFit
        Converged, estimated on the residuals of `volatilities`.
    start : str
        Start-up of the first stage, as given to `fit_garch`.

    Returns
    -------
    array of shape (2,) or, for "adcc", (3,)
        √diag of the lower block of J⁻¹BJ⁻ᵀ: J the derivative of all scores with all parameters
        (the first stage does not see the second), B the sum of their outer products. The targets
        S and N̄ follow the volatilities; their own sampling error given these is left out, as in
        the second-stage errors. NaN for a parameter at 0, and throughout where the system has no
        inverse. All rows given are used.

    Raises
    ------
    ValueError
        A stage has not converged, or a row is missing.
    """
    if not fit.converged or not all(volatilities[name].converged for name in fit.assets):
        raise ValueError("both stages must have converged, got one that has not; read its reason")
    if returns[list(fit.assets)].isna().any(axis=None):
        raise ValueError("returns must be complete, got a missing one; drop that row for all")
    errors = np.full(3 if fit.kind == "adcc" else 2, np.nan)
    stages = []
    for name in fit.assets:
        stage = _stage(returns[name], volatilities[name], start)
        if stage is None:
            return errors
        stages.append(stage)
    residuals = np.column_stack([
        rows_at(stage.values, stage.likelihood, stage.theta)[1] for stage in stages
    ])  # fmt: skip
    point = np.array([fit.a, fit.b, fit.g])
    _, free, scores, hessian = slopes(_sample(residuals, fit), point, known=True)
    blocks, first, cross = [], [], []
    for place, stage in enumerate(stages):
        for name in stage.loose:
            score, slope = _moved(residuals, place, stage, name, fit, point)
            first.append(score)
            cross.append(slope)
        blocks.append(-stage.curvature)
    size = sum(len(block) for block in blocks)
    jacobian = np.zeros((size + len(free), size + len(free)))
    at = 0
    for block in blocks:
        jacobian[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    jacobian[size:, :size] = np.array(cross).T
    jacobian[size:, size:] = hessian
    together = np.column_stack([*first, scores])
    if not np.isfinite(jacobian).all() or np.linalg.eigvalsh(-hessian)[0] <= 0:
        return errors
    inverse = np.linalg.inv(jacobian)
    covariance = inverse @ together.T @ together @ inverse.T
    errors[free] = np.sqrt(np.diag(covariance)[size:])
    return errors


def _stage(returns: pd.Series, volatility: GarchFit, start: str) -> _Stage | None:
    values, scale = scaled(returns)
    likelihood = Likelihood(model=volatility.model, innovation=volatility.innovation, start=start)
    named = {name: getattr(volatility, name) for name in PARAMETERS}
    theta = np.array([NEUTRAL[n] if np.isnan(named[n]) else named[n] for n in PARAMETERS])
    theta[0] /= scale
    if volatility.model == "egarch":
        theta[1] -= (1 - volatility.beta) * 2 * np.log(scale)
    else:
        theta[1] /= scale**2
    loose, curvature = curvature_of(values, likelihood, theta)
    if curvature is None:
        return None
    return _Stage(
        values=values, likelihood=likelihood, theta=theta, loose=loose, curvature=curvature
    )


def _sample(residuals: Array, fit: DccFit) -> Sample:
    frame = pd.DataFrame(residuals, columns=list(fit.assets))
    return prepare(frame, fit.kind, fit.method, fit.start, 2)


def _moved(
    residuals: Array, place: int, stage: _Stage, name: str, fit: DccFit, point: Array
) -> tuple[Array, Array]:
    """One parameter's scores of the rows, and the slope of the second stage's score in it."""
    column = PARAMETERS.index(name)
    step = step_of(stage.likelihood, stage.theta, column)
    densities, totals = [], []
    for side in (step, -step):
        theta = stage.theta.copy()
        theta[column] += side
        density, z = rows_at(stage.values, stage.likelihood, theta)
        moved = residuals.copy()
        moved[:, place] = z
        _, _, scores, _ = slopes(_sample(moved, fit), point, known=True)
        densities.append(density)
        totals.append(scores.sum(axis=0))
    return (densities[0] - densities[1]) / (2 * step), (totals[0] - totals[1]) / (2 * step)
