"""CoVaR and ΔCoVaR: lower quantile of one asset given distress of another.

Every figure is a return in the unit of the input and losses are negative: ΔCoVaR = −0.02 says that
the target's bad day is two points worse when the other asset is in distress. (Adrian and
Brunnermeier, and the backtests of this package, write losses as positive numbers.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from features._typing import Floats
from features._validation import complete_rows
from models._checks import require_level, varies
from models.errors import NotEnoughData

NORMAL_MIDDLE = 1.349  # interquartile range of a standard normal


@dataclass(frozen=True, slots=True, kw_only=True)
class CoVaR:
    """Lower quantile of a target, given the return of a conditioning asset.

    Attributes
    ----------
    level : float
        q, for the target's quantile and for the other asset's distress.
    n : int
        Joint sessions.
    target_quantile : float
        Unconditional q-quantile of the target.
    distress, median : float
        q-quantile and median of the conditioning asset.
    intercept, slope : float or None
        Of the target's q-quantile as a line in the conditioning return.
    covar, covar_at_median : float or None
        That line at `distress` and at `median`.
    delta : float or None
        covar − covar_at_median = slope · (distress − median); negative where distress spreads.
    converged : bool
        Where False the five figures above are None.
    reason : str
        What failed; "" where nothing did.
    """

    level: float
    n: int
    target_quantile: float
    distress: float
    median: float
    intercept: float | None
    slope: float | None
    covar: float | None
    covar_at_median: float | None
    delta: float | None
    converged: bool
    reason: str


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
    """Quantile of the target at a quantile of the conditioning asset, by quantile regression.

    The q-quantile of the target is fitted as a line in the conditioning return of the same session
    and read where that return is at its q-quantile (distress) and at its median.

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
    without state variables, with returns in place of losses; Koenker and Bassett (1978) for the
    regression. Empirical quantiles interpolate linearly. CoVaR measures association, not
    causation.
    """
    y, x = _joint(
        target, conditioning, level=level, min_observations=min_observations, what="CoVaR"
    )
    distress, median = (float(value) for value in np.quantile(x, [level, 0.5]))
    line, reason = _quantile_line(y, x, level)
    return CoVaR(
        level=float(level),
        n=len(y),
        target_quantile=float(np.quantile(y, level)),
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


def _joint(
    target: ArrayLike, conditioning: ArrayLike, *, level: float, min_observations: int, what: str
) -> tuple[Floats, Floats]:
    require_level(level)
    if min_observations < 3:
        raise ValueError(f"min_observations must be at least 3, got {min_observations}")
    y, x = complete_rows(target, conditioning)
    if len(y) < min_observations:
        raise NotEnoughData(need=min_observations, got=len(y), what=what)
    return y, x


def _quantile_line(y: Floats, x: Floats, level: float) -> tuple[tuple[float, float] | None, str]:
    """Intercept and slope of the `level`-quantile of y in x, or the reason for none.

    The dual linear programme of Koenker and Bassett (1978, section 3), whose two multipliers are
    the line: exact, where reweighted least squares may stop early or cycle.
    """
    for name, values in (("target", y), ("conditioning", x)):
        if not varies(values):
            return None, f"the {name} returns do not vary"
    centre_y, centre_x = float(np.median(y)), float(np.median(x))
    if level < 0.5 and float(np.quantile(x, level)) == centre_x:
        return None, "the conditioning returns lie at their median even in distress"
    # The solver's tolerances are absolute, and an absurd price must not set the unit of y: σ is
    # estimated by the interquartile range.
    unit_y = float(np.ptp(np.quantile(y, [0.25, 0.75]))) / NORMAL_MIDDLE or float(y.std())
    unit_x = float(x.std())
    design = np.stack([np.ones(len(x)), (x - centre_x) / unit_x])
    solved = optimize.linprog(
        (centre_y - y) / unit_y, A_eq=design, b_eq=(1 - level) * design.sum(axis=1), bounds=(0, 1),
        method="highs-ds",
    )  # fmt: skip
    if solved.status != 0:
        return None, f"quantile regression found no line: {solved.message}"
    constant, steepness = (-float(value) for value in solved.eqlin.marginals)
    slope = steepness * unit_y / unit_x
    return (centre_y + constant * unit_y - slope * centre_x, slope), ""
