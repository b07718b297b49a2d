"""Exceedance correlations against the curve that a null model of the same ρ implies."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from features._numba import njit
from features._typing import Floats, Integers
from features._validation import (
    complete_rows,
    require_at_least,
    require_draws,
    require_one_of,
)
from features.correlation._local_volatility import local_volatility, standard_rows
from features.correlation._pairwise import standardise

Null = Literal["normal", "elliptical"]
Side = Literal["lower", "upper"]

MIN_COUNT = 4  # joint exceedances below which a correlation means nothing at all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExceedanceTest:
    """Exceedance correlations of one side, and their expectation under the null.

    Attributes
    ----------
    thresholds : ndarray of shape (k,)
        In standard deviations.
    value : ndarray of shape (k,)
        Exceedance correlation of the data.
    count : ndarray of shape (k,)
        Rows behind it.
    n : int
        Complete rows.
    correlation : float
        Over all of them.
    expected : ndarray of shape (k,)
        Mean exceedance correlation over draws from the null, at the data's own ρ and n. NaN when
        `abstained`, as are the p-values.
    p_values : ndarray of shape (k,)
        Two-sided, one per threshold, not adjusted for their number.
    p_value : float
        Two-sided for the whole curve: the largest studentised distance over the thresholds.
    abstained : bool
        Too few joint exceedances, a constant series or a perfect correlation; `reason` says which.
    reason : str
        Empty unless `abstained`.
    """

    thresholds: Floats
    value: Floats
    count: Integers
    n: int
    correlation: float
    expected: Floats
    p_values: Floats
    p_value: float = np.nan
    abstained: bool = False
    reason: str = ""


def exceedance_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    thresholds: ArrayLike = (0.0, 0.5),
    side: Side = "lower",
    null: Null = "elliptical",
    min_exceedances: int = 30,
    draws: int = 999,
    seed: int = 0,
) -> ExceedanceTest:
    """Test exceedance correlations against the curve that the plain correlation implies.

    Conditioning on joint exceedance moves a correlation even where the dependence is the same
    throughout, so the data are compared with a null model of their own means, variances and ρ,
    beyond the same thresholds.

    Parameters
    ----------
    x, y : array_like of shape (n_sessions,)
        Returns in time order, standardised here. Rows with a NaN on either side are left out.
    thresholds : array_like of shape (k,)
        Rising exceedance levels c ≥ 0 in standard deviations.
    side : {"lower", "upper"}
        Both returns below −c, or both above +c.
    null : {"normal", "elliptical"}
        "normal": bivariate normal rows; fat tails or clusters of volatility alone reject it.
        "elliptical": returns over their local volatility, as in `constancy_test`, with the data's
        own radii in uniformly random directions. Fat tails and clusters belong to this null; only
        a dependence that no single ρ describes is left to reject it.
    min_exceedances : int
        Joint exceedances that each threshold needs, at least 4; below it the test abstains.
    draws : int
        Samples from the null; p-values are multiples of 1/(draws + 1).
    seed : int
        Of the draws; the same seed gives the same p-values.

    Returns
    -------
    ExceedanceTest
        All rows given are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        An argument is out of range, or the lengths differ.

    Notes
    -----
    Each draw is centred, whitened and given exactly the data's ρ. That makes the normal null exact
    at any n: given the sample moments, which are sufficient, whitened normal rows depend on no
    parameter. Draws of the elliptical null then get the volatility of the data back and are
    divided by their own estimate of it: they carry its estimation error as the data do.

    At 5 %, the normal null rejects 46 % (n = 252) and 87 % (n = 1000) of t₄ samples. The elliptical
    one rejects 3 – 7 % of 252 rows under t₄, under each asset's own GARCH(0.05, 0.93) or
    (0.08, 0.90), and where the volatility of one asset triples. Radii that ignore volatility
    reject 37 – 66 % in that last case (`benchmarks.size_variants`).

    References
    ----------
    Longin and Solnik (2001), J. Finance 56; Ang and Chen (2002), J. Financial Economics 63;
    Boyer, Gibson and Loretan (1999), Federal Reserve IFDP 597, on conditioning.
    """
    levels = check_thresholds(thresholds, min_exceedances=min_exceedances, draws=draws)
    require_one_of(get_args(Side), side=side)
    require_one_of(get_args(Null), null=null)
    a, b = standardise(*complete_rows(x, y))
    n = len(a)
    volatilities = np.ones((2, n))
    if null == "elliptical" and n > 1:
        volatilities = np.array([local_volatility(a), local_volatility(b)])
        a, b = standard_rows(a, volatilities[0]), standard_rows(b, volatilities[1])
    r = float(np.mean(a * b)) if n else np.nan
    sign = -1 if side == "lower" else 1
    value, count = exceedance_curve(sign * a, sign * b, levels)
    unknown = np.full(len(levels), np.nan)
    test = ExceedanceTest(
        thresholds=levels,
        value=value,
        count=count,
        n=n,
        correlation=r,
        expected=unknown,
        p_values=unknown,
    )
    if not abs(r) < 1 - 1e-12:  # NaN is caught too
        return replace(test, abstained=True, reason="a series is constant or r is ±1")
    if count.min() < min_exceedances:
        reason = f"{count.min()} joint exceedances; each threshold needs {min_exceedances}"
        return replace(test, abstained=True, reason=reason)
    noise = _noise(a, b, r, null=null, draws=draws, seed=seed)
    curves = np.vstack([value, _null_curves(noise, r, volatilities, levels, null == "elliptical")])
    # The data are one more draw under the null, hence ranked among the draws.
    curves = curves[np.isfinite(curves).all(axis=1)]
    distance = np.abs(curves - curves.mean(axis=0)) / curves.std(axis=0)
    largest = distance.max(axis=1)
    return replace(
        test,
        expected=curves[1:].mean(axis=0),
        p_values=np.mean(distance >= distance[0], axis=0),
        p_value=float(np.mean(largest >= largest[0])),
    )


def check_thresholds(thresholds: ArrayLike, *, min_exceedances: int, draws: int) -> Floats:
    """Return the thresholds as an array; refuse what the tests cannot use."""
    levels = np.atleast_1d(np.asarray(thresholds, np.float64))
    if (
        levels.ndim != 1
        or not len(levels)
        or not np.isfinite(levels).all()
        or levels[0] < 0
        or not np.all(np.diff(levels) > 0)
    ):
        raise ValueError(
            f"thresholds must be rising numbers from 0 up, got {levels.tolist()}; "
            "(0, 0.5, 1) is usual"
        )
    require_at_least(MIN_COUNT, min_exceedances=min_exceedances)
    require_draws(draws)
    return levels


@njit(nogil=True)
def exceedance_curve(x: Floats, y: Floats, levels: Floats) -> tuple[Floats, Integers]:
    """Correlation and count of the rows in which both sides exceed each level.

    NaN where fewer than four rows do or one side does not vary among them.
    """
    value = np.full(len(levels), np.nan)
    count = np.zeros(len(levels), np.int64)
    for k in range(len(levels)):
        inside = (x > levels[k]) & (y > levels[k])
        count[k] = inside.sum()
        if count[k] >= MIN_COUNT:
            dx = x[inside] - x[inside].mean()
            dy = y[inside] - y[inside].mean()
            product = (dx * dx).sum() * (dy * dy).sum()
            if product > 0:
                value[k] = (dx * dy).sum() / np.sqrt(product)
    return value, count


def _noise(a: Floats, b: Floats, r: float, *, null: Null, draws: int, seed: int) -> Floats:
    """Rows of the null before whitening, of shape (draws, 2, n)."""
    generator = np.random.default_rng(seed)
    if null == "normal":
        return generator.standard_normal((draws, 2, len(a)))
    # Radius of the whitened row; its order in time is kept, so clusters stay where they are.
    radius = np.sqrt((a * a - 2 * r * a * b + b * b) / (1 - r * r))
    angle = generator.uniform(0, 2 * np.pi, (draws, len(a)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@njit(nogil=True)
def _null_curves(
    noise: Floats, r: float, volatilities: Floats, levels: Floats, estimated: bool
) -> Floats:
    """Exceedance curve of each draw, given sample means 0, variances 1 and correlation r.

    Where the volatility is `estimated`, draws get it back and are standardised as the data were.
    """
    curves = np.empty((len(noise), len(levels)))
    for draw in range(len(noise)):
        u = noise[draw, 0] - noise[draw, 0].mean()
        u /= np.sqrt((u * u).mean())
        v = noise[draw, 1] - noise[draw, 1].mean()
        v -= u * (u * v).mean()
        v /= np.sqrt((v * v).mean())
        v = r * u + np.sqrt(1 - r * r) * v
        if estimated:
            u = u * volatilities[0]
            v = v * volatilities[1]
            u = standard_rows(u, local_volatility(u))
            v = standard_rows(v, local_volatility(v))
        curves[draw] = exceedance_curve(u, v, levels)[0]
    return curves
