"""Constancy of a correlation over the rows, and the date of its break."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from features._numba import njit
from features._typing import Floats, Integers
from features._validation import complete_rows, require_draws, require_same_index
from features.correlation._jackknife import bartlett_variance
from features.correlation._local_volatility import local_volatility, standard_rows
from features.correlation._pairwise import standardise

MIN_ROWS = 60  # complete rows; with 40 a jump of volatility passes for a break in 11 % of samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConstancyTest:
    """Wied–Krämer–Dehling test of a constant correlation.

    All correlations are of returns over their local volatility. Numbers are NaN and `break_at` is
    None when `abstained`.

    Attributes
    ----------
    n : int
        Complete rows.
    correlation : float
        Over all of them.
    statistic : float
        Q = D̂·max_j (j/√n)|ρ̂_j − ρ̂_n|; asymptotic critical values 1.358 (5 %), 1.628 (1 %).
    p_value : float
        By permutation of the standardised rows: the one to publish.
    p_value_asymptotic : float
        By the supremum of the absolute Brownian bridge; far too small in short windows, the more
        so the higher the correlation.
    break_at : label of the index, or None
        First row of the later regime: the one after the j that attains the maximum. Where the
        break most likely lies if there is one, whatever the p-value.
    before, after : float
        Correlation of the rows before `break_at`, and from it on; NaN on fewer than three rows.
    abstained : bool
        Too few rows, a constant series or a perfect correlation; `reason` says which.
    reason : str
        Empty unless `abstained`.
    """

    n: int
    correlation: float = np.nan
    statistic: float = np.nan
    p_value: float = np.nan
    p_value_asymptotic: float = np.nan
    break_at: Hashable | None = None
    before: float = np.nan
    after: float = np.nan
    abstained: bool = False
    reason: str = ""


def constancy_test(x: pd.Series, y: pd.Series, *, draws: int = 999, seed: int = 0) -> ConstancyTest:
    """Test for a constant correlation over all rows, and date the likeliest break.

    Parameters
    ----------
    x, y : Series of shape (n_sessions,)
        Returns on one index, in time order. Rows with a NaN on either side are left out.
    draws : int
        Permutations behind `p_value`, which is a multiple of 1/(draws + 1).
    seed : int
        Of the permutations; the same seed gives the same p-value.

    Returns
    -------
    ConstancyTest
        Abstains below 60 complete rows, on a constant series and on a perfect correlation.
        All rows given are used: end them at *t* for the value at *t*.

    Raises
    ------
    ValueError
        The indices differ, or `draws` is below 19.

    Notes
    -----
    Each return is divided by the root mean square of the other rows around it, on both sides, with
    weights that halve every ten rows. Without that, clusters of volatility pass for a change of
    correlation. Each permutation draw shuffles the standardised rows, gives them the volatility of
    the data back and estimates it again: the draws carry its estimation error as the data do.

    1/D̂² is the long-run variance of the correlation's influence function
    xy − ρ̂(x² + y²)/2 of standardised returns, with Bartlett weights and the paper's bandwidth ln n:
    the paper's three matrices multiplied out. Its limit is a Brownian bridge only once ρ̂_j of
    the first few rows no longer matters, which at a correlation of 0.8 takes years of sessions.

    At 5 %, n = 252, 4 – 6 % of samples are rejected under t₄ and under each asset's own
    GARCH(0.05, 0.93) or (0.08, 0.90), and 4 – 7 % where both volatilities triple. Permuted rows
    alone reject 3 – 6, 6 – 9, 9 – 11 and 44 – 57 % (`benchmarks.size_variants`). The bridge rejects
    up to a quarter of short samples.

    References
    ----------
    Wied, Krämer and Dehling (2012), Econometric Theory 28, 570–589, theorem 1 and appendix A.1.
    """
    require_same_index(x=x, y=y)
    require_draws(draws)
    first, second = standardise(*complete_rows(x, y))
    n = len(first)
    if n < MIN_ROWS:
        reason = f"{n} complete rows; the test needs {MIN_ROWS}"
        return ConstancyTest(n=n, abstained=True, reason=reason)
    volatilities = local_volatility(first), local_volatility(second)
    a, b = standard_rows(first, volatilities[0]), standard_rows(second, volatilities[1])
    r = float(np.mean(a * b))
    if not abs(r) < 1 - 1e-12:  # NaN is caught too
        return ConstancyTest(
            n=n, correlation=r, abstained=True, reason="a series is constant or r is ±1"
        )
    statistic, last = _fluctuation(a, b)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
    at_least = _count_at_least(a, b, *volatilities, orders, statistic)
    sessions = x.index[(x.notna() & y.notna()).to_numpy()]
    return ConstancyTest(
        n=n,
        correlation=r,
        statistic=statistic,
        p_value=(1 + at_least) / (1 + draws),
        p_value_asymptotic=float(special.kolmogorov(statistic)),
        break_at=sessions[last],
        before=_correlation(a[:last], b[:last]),
        after=_correlation(a[last:], b[last:]),
    )


def _correlation(x: Floats, y: Floats) -> float:
    if len(x) < 3:
        return np.nan
    a, b = standardise(x, y)
    return float(np.mean(a * b))


@njit(nogil=True, error_model="numpy")
def _fluctuation(x: Floats, y: Floats) -> tuple[float, int]:
    """Q, and the number of rows before the break; x and y have mean 0 and variance 1."""
    n = len(x)
    r = (x * y).mean()
    mean_x = mean_y = xx = yy = xy = 0.0
    largest, last = 0.0, 1
    for j in range(1, n):
        dx = x[j - 1] - mean_x
        dy = y[j - 1] - mean_y
        mean_x += dx / j
        mean_y += dy / j
        xx += dx * (x[j - 1] - mean_x)
        yy += dy * (y[j - 1] - mean_y)
        xy += dx * (y[j - 1] - mean_y)
        if j >= 2 and xx > 0 and yy > 0:
            distance = j * abs(xy / np.sqrt(xx * yy) - r)
            if distance > largest:
                largest, last = distance, j
    influence = x * y - r / 2 * (x * x + y * y)
    return largest / np.sqrt(n * bartlett_variance(influence, int(np.log(n)))), last


@njit(nogil=True)
def _count_at_least(
    x: Floats,
    y: Floats,
    volatility_x: Floats,
    volatility_y: Floats,
    orders: Integers,
    statistic: float,
) -> int:
    """Number of reordered samples with a Q of at least `statistic`."""
    count = 0
    for draw in range(len(orders)):
        order = orders[draw]
        a = x[order] * volatility_x
        b = y[order] * volatility_y
        q, _ = _fluctuation(
            standard_rows(a, local_volatility(a)), standard_rows(b, local_volatility(b))
        )
        # Reorderings that tie with the data differ from it by rounding alone.
        count += q >= statistic * (1 - 1e-9)
    return count
