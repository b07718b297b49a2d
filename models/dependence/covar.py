"""CoVaR and ΔCoVaR: value at risk of one asset given distress of another.

Losses are positive, as in every risk measure of `models.tails` and in Adrian and Brunnermeier:
ΔCoVaR = 0.02 says that the target's value at risk is two points larger when the other asset is in
distress. The input is returns, in which losses are negative.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize

from features._typing import Floats
from features._validation import complete_rows
from models._checks import require_level, varies
from models._reports import short_repr, summary
from models.errors import NotEnoughData

NORMAL_MIDDLE = 1.349  # interquartile range of a standard normal


@dataclass(frozen=True, slots=True, kw_only=True)
class CoVaR:
    """Value at risk of a target, given the loss of a conditioning asset; losses are positive.

    Attributes
    ----------
    level : float
        q: the probability of a loss beyond the value at risk, of both assets.
    n : int
        Joint sessions.
    value_at_risk : float
        Of the target alone: the (1 − q)-quantile of its losses.
    distress, median : float
        Value at risk and median loss of the conditioning asset.
    intercept, slope : float or None
        Of the target's (1 − q)-quantile as a line in the conditioning loss.
    covar, covar_at_median : float or None
        That line at `distress` and at `median`.
    delta : float or None
        covar − covar_at_median = slope · (distress − median); positive where distress spreads.
    converged : bool
        Where False the five figures above are None.
    reason : str or None
        What failed; None where nothing did.
    """

    level: float
    n: int
    value_at_risk: float
    distress: float
    median: float
    intercept: float | None
    slope: float | None
    covar: float | None
    covar_at_median: float | None
    delta: float | None
    converged: bool
    reason: str | None

    __repr__ = short_repr

    def summary(self) -> str:
        """Return the estimate as a table of text; losses are positive."""
        table = pd.DataFrame({"value": {"intercept": self.intercept, "slope": self.slope}})
        return summary(
            f"CoVaR at level {self.level:g}, a loss is positive", table,
            {
                "value at risk": self.value_at_risk,
                "CoVaR": self.covar,
                "CoVaR at the median": self.covar_at_median,
                "ΔCoVaR": self.delta,
                "observations": self.n,
                "converged": self.converged,
                "reason": self.reason,
            },
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCoVaR:
    """Both directions of a pair, over the same joint sessions."""

    asset_given_base: CoVaR
    base_given_asset: CoVaR


def pair_covar(
    base: ArrayLike, asset: ArrayLike, *, level: float = 0.05, min_observations: int = 250
) -> PairCoVaR:
    """CoVaR of the asset given the base in distress, and of the base given the asset.

    Parameters
    ----------
    base, asset : array_like of shape (n_sessions,)
        Returns of the same sessions, in one unit.
    level, min_observations
        As for `covar`, whose rules and errors hold for each direction.
    """
    return PairCoVaR(
        asset_given_base=covar(asset, base, level=level, min_observations=min_observations),
        base_given_asset=covar(base, asset, level=level, min_observations=min_observations),
    )


def covar(
    target: ArrayLike, conditioning: ArrayLike, *, level: float = 0.05, min_observations: int = 250
) -> CoVaR:
    """Value at risk of the target at that of the conditioning asset, by quantile regression.

    The (1 − q)-quantile of the target's losses is fitted as a line in the conditioning loss of the
    same session, and read where that loss is at its value at risk (distress) and at its median.

    Parameters
    ----------
    target, conditioning : array_like of shape (n_sessions,)
        Returns of the same sessions. Sessions with a missing value are excluded.
    level : float
        q, in (0, ½]; typical values 0.05 and 0.01. About level · n sessions determine the line.
    min_observations : int
        Smallest number of joint sessions, at least 3.

    Returns
    -------
    CoVaR
        All rows given are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        Lengths differ, an infinite value, an argument out of range.
    NotEnoughData
        Fewer joint sessions than `min_observations`.

    Notes
    -----
    Adrian and Brunnermeier (2016, American Economic Review 106), definition 1 and the estimation
    without state variables; Koenker and Bassett (1978) for the regression. Empirical quantiles
    interpolate linearly. CoVaR measures association, not causation.
    """
    y, x = _joint_losses(
        target, conditioning, level=level, min_observations=min_observations, what="CoVaR"
    )
    distress, median = (float(value) for value in np.quantile(x, [1 - level, 0.5]))
    line, reason = _quantile_line(y, x, 1 - level)
    return CoVaR(
        level=float(level),
        n=len(y),
        value_at_risk=float(np.quantile(y, 1 - level)),
        distress=distress,
        median=median,
        intercept=line[0] if line else None,
        slope=line[1] if line else None,
        covar=line[0] + line[1] * distress if line else None,
        covar_at_median=line[0] + line[1] * median if line else None,
        delta=line[1] * (distress - median) if line else None,
        converged=line is not None,
        reason=reason,
    )


def _joint_losses(
    target: ArrayLike, conditioning: ArrayLike, *, level: float, min_observations: int, what: str
) -> tuple[Floats, Floats]:
    require_level(level)
    if min_observations < 3:
        raise ValueError(f"min_observations must be at least 3, got {min_observations}")
    y, x = (-returns for returns in complete_rows(target, conditioning))
    if len(y) < min_observations:
        raise NotEnoughData(need=min_observations, got=len(y), what=what)
    return y, x


def _quantile_line(
    y: Floats, x: Floats, quantile: float
) -> tuple[tuple[float, float] | None, str | None]:
    """Intercept and slope of a quantile of the losses y in the losses x, or the reason for none.

    The dual linear programme of Koenker and Bassett (1978, section 3), whose two multipliers are
    the line: exact, where reweighted least squares may stop early or cycle.
    """
    for name, values in (("target", y), ("conditioning", x)):
        if not varies(values):
            return None, f"the {name} returns do not vary"
    centre_y, centre_x = float(np.median(y)), float(np.median(x))
    if quantile > 0.5 and float(np.quantile(x, quantile)) == centre_x:
        return None, "the conditioning returns lie at their median even in distress"
    # The solver's tolerances are absolute, and an absurd price must not set the unit of y: σ is
    # estimated by the interquartile range.
    unit_y = float(np.ptp(np.quantile(y, [0.25, 0.75]))) / NORMAL_MIDDLE or float(y.std())
    unit_x = float(x.std())
    design = np.stack([np.ones(len(x)), (x - centre_x) / unit_x])
    solved = optimize.linprog(
        (centre_y - y) / unit_y,
        A_eq=design,
        b_eq=(1 - quantile) * design.sum(axis=1),
        bounds=(0, 1),
        method="highs-ds",
    )
    if solved.status != 0:
        return None, f"quantile regression failed: {solved.message}"
    constant, steepness = (-float(value) for value in solved.eqlin.marginals)
    slope = steepness * unit_y / unit_x
    return (centre_y + constant * unit_y - slope * centre_x, slope), None
