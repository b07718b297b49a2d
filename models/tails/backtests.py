"""Backtests of value at risk and expected shortfall: frequency, clustering and size of breaches.

Losses are positive: session t is a violation where r_t < −VaR_t. The forecasts of session t must
come from rows up to t−1; a test then uses all sessions given.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from features._typing import Booleans, Floats
from models._checks import require_level
from models.errors import NotEnoughData

Test = Literal["unconditional coverage", "conditional coverage", "expected shortfall"]

# Numbers drawn at once; limits memory, not the result.
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """One test of a series of forecasts.

    Attributes
    ----------
    test : str
        Which of the three.
    statistic : float or None
        Likelihood ratio, or Student's t for expected shortfall. None where the test abstains.
    p_value : float or None
        Of the null hypothesis that the forecasts are right. None where the test abstains.
    violations : int
        Sessions with a loss above the value at risk.
    expected : float
        level · n.
    n : int
        Sessions with a return and every forecast.
    abstained : bool
        Too few violations, or none from which the statistic could be computed.
    reason : str or None
        Reason if the test abstains, otherwise None.
    """

    test: Test
    statistic: float | None
    p_value: float | None
    violations: int
    expected: float
    n: int
    abstained: bool
    reason: str | None


def unconditional_coverage(
    returns: ArrayLike, value_at_risk: ArrayLike, *, level: float, min_observations: int = 120
) -> Backtest:
    """Test that violations are as frequent as `level` says.

    LR_uc = −2 ln[(1−p)^(n−x) p^x / ((1−x/n)^(n−x) (x/n)^x)] → χ²₁ with 0⁰ = 1, so that no violation
    at all gives −2n ln(1−p).

    Parameters
    ----------
    returns : array_like of shape (n_sessions,)
        Returns in time order, in any unit.
    value_at_risk : array_like of shape (n_sessions,)
        Forecasts for the same sessions in the same unit; losses are positive. Sessions with
        a missing value are excluded.
    level : float
        Probability of a violation, in (0, ½].
    min_observations : int
        Smallest number of sessions.

    Raises
    ------
    ValueError
        Lengths differ, an infinite value, `level` out of range.
    NotEnoughData
        Fewer sessions than `min_observations`.

    Notes
    -----
    Kupiec (1995, J. of Derivatives 3), the proportion-of-failures test. Violations are whole
    numbers: at p = 1 % and n = 250 a nominal 5 % rejects 9.5 % of right forecasts, at n = 1000
    5.5 %.
    """
    hits, paired = _violations(returns, value_at_risk, level, min_observations)
    n, x = int(paired.sum()), int(hits[paired].sum())
    ratio = _coverage_ratio(x, n, level)
    return _tested(
        "unconditional coverage", ratio, float(special.chdtrc(1, max(ratio, 0.0))), x, n, level
    )


def conditional_coverage(
    returns: ArrayLike, value_at_risk: ArrayLike, *, level: float, min_observations: int = 120
) -> Backtest:
    """Test both at once: violations have probability `level` whatever happened the session before.

    Parameters, sign, NaN rule and errors are those of `unconditional_coverage`; it abstains where
    the violations do not determine how they cluster.

    Notes
    -----
    LR_cc = LR_uc + LR_ind → χ²₂ (Christoffersen 1998, section 3.3). The paper leaves the first
    session out of LR_uc; here, as in other software, it is in, so that the published sum is the sum
    of the two figures that a reader sees.
    """
    hits, paired = _violations(returns, value_at_risk, level, min_observations)
    n, x = int(paired.sum()), int(hits[paired].sum())
    ratio, reason = _independence_ratio(hits, paired)
    if ratio is None:
        fault = f"{reason}; read unconditional coverage alone"
        return _abstained("conditional coverage", fault, x, n, level)
    both = ratio + _coverage_ratio(x, n, level)
    return _tested(
        "conditional coverage", both, float(special.chdtrc(2, max(both, 0.0))), x, n, level
    )


def expected_shortfall_test(
    returns: ArrayLike,
    value_at_risk: ArrayLike,
    expected_shortfall: ArrayLike,
    *,
    level: float,
    min_violations: int = 5,
    draws: int = 999,
    seed: int = 0,
) -> Backtest:
    """Test that losses beyond the value at risk are on average no larger than forecast.

    Exceedance residuals y_t = (−r_t − ES_t)/(ES_t − VaR_t) over the violations have mean zero where
    both forecasts are right. Student's t of that mean is compared with its bootstrap distribution
    under the null, one-sided against ES too small.

    Parameters
    ----------
    returns, value_at_risk, expected_shortfall : array_like of shape (n_sessions,)
        As for `unconditional_coverage`. Sessions with a NaN in any of them are left out.
    level : float
        Probability of a violation, in (0, ½]; for the expected number alone: how often is for the
        coverage tests, this one is about how far.
    min_violations : int
        Smallest number of violations, at least 2; with fewer the test abstains.
    draws : int
        Bootstrap samples, at least 1; the p-value is a multiple of 1/(draws + 1).
    seed : int
        Of the draws; the same seed gives the same p-value.

    Raises
    ------
    ValueError
        Lengths differ, an infinite value, an argument out of range, or a violation on which ES does
        not exceed VaR.

    Notes
    -----
    McNeil and Frey (2000), section 4, with the bootstrap of Efron and Tibshirani (1993), p. 224:
    resample y − ȳ. They divide by σ_t; where r_t = μ_t + σ_t·z_t with one distribution of z,
    ES_t − VaR_t is σ_t times a constant, which t does not see, and it needs no third forecast. A
    resample without spread counts against rejection. At 5 % it rejects 1.3, 3.7 and 4.9 % of right
    forecasts on 10, 20 and 50 violations of a t₄ at level 2.5 %, and 12, 34 and 64 % of an ES − VaR
    30 % too small (1000 simulations each).
    """
    require_level(level)
    if min_violations < 2:
        raise ValueError(f"min_violations must be at least 2, got {min_violations}")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    rows, (r, risk, shortfall) = _paired(returns, value_at_risk, expected_shortfall)
    hits = rows & (r < -risk)
    n, x = int(rows.sum()), int(hits.sum())
    excess, promised = -r[hits] - risk[hits], shortfall[hits] - risk[hits]
    if (promised <= 0).any():
        raise ValueError(
            "expected_shortfall must exceed value_at_risk on every violation, got "
            f"{promised.min():g} less; both are losses, positive, at one level"
        )
    if x < min_violations:
        reason = f"{x} violations where at least {min_violations} are needed"
        return _abstained("expected shortfall", reason, x, n, level)
    residuals = excess / promised - 1
    spread = float(residuals.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(residuals).max()):
        return _abstained("expected shortfall", "the residuals do not vary", x, n, level)
    statistic = float(residuals.mean()) / spread * np.sqrt(x)
    reached = _reached(residuals - residuals.mean(), statistic, draws=draws, seed=seed)
    p_value = (1 + reached) / (1 + draws)
    return _tested("expected shortfall", statistic, p_value, x, n, level)


def _reached(centred: Floats, statistic: float, *, draws: int, seed: int) -> int:
    """Bootstrap samples whose t is at least `statistic`."""
    generator, count = np.random.default_rng(seed), len(centred)
    block, reached = max(1, _BLOCK // count), 0
    for first in range(0, draws, block):
        size = (min(block, draws - first), count)
        drawn = centred[generator.integers(0, count, size)]
        spread = drawn.std(axis=1, ddof=1)
        # Compared without division: a sample drawn from one value alone has no spread.
        reached += int((drawn.mean(axis=1) * np.sqrt(count) >= statistic * spread).sum())
    return reached


def _paired(*series: ArrayLike) -> tuple[Booleans, list[Floats]]:
    """Flags of complete sessions, and the series as floats."""
    arrays = [np.asarray(one, dtype=np.float64) for one in series]
    if arrays[0].ndim != 1 or len({array.shape for array in arrays}) != 1:
        raise ValueError(
            f"series must be one-dimensional and of one length, got {[a.shape for a in arrays]}; "
            "align them to the same sessions first"
        )
    if np.isinf(arrays).any():
        raise ValueError(
            "returns and forecasts must be finite or NaN, got an infinity; make NaN of a session "
            "without a finite forecast"
        )
    return np.asarray(~np.isnan(arrays).any(axis=0)), arrays


def _violations(
    returns: ArrayLike, value_at_risk: ArrayLike, level: float, min_observations: int
) -> tuple[Booleans, Booleans]:
    """Flags of violations and of complete sessions."""
    require_level(level)
    rows, (r, risk) = _paired(returns, value_at_risk)
    if not rows.any() or rows.sum() < min_observations:
        raise NotEnoughData(need=max(1, min_observations), got=int(rows.sum()), what="backtest")
    return rows & (r < -risk), rows


def _coverage_ratio(x: int, n: int, level: float) -> float:
    ratio = special.xlogy(x, x / (n * level)) + special.xlogy(n - x, (n - x) / (n * (1 - level)))
    return max(0.0, 2 * float(ratio))  # rounding alone can make it negative


def _independence_ratio(hits: Booleans, rows: Booleans) -> tuple[float, None] | tuple[None, str]:
    follows = rows[:-1] & rows[1:]
    before, now = hits[:-1][follows], hits[1:][follows]
    counts = np.zeros((2, 2))
    np.add.at(counts, (before.astype(int), now.astype(int)), 1)
    after_quiet, after_violation = counts.sum(axis=1)
    if not hits.any():
        return None, "no violation, so clustering is not determined"
    if after_violation == 0:
        return None, "no violation is followed by a session, so clustering is not determined"
    if after_quiet == 0:
        return None, "no quiet session is followed by a session, so clustering is not determined"
    apart = special.xlogy(counts, counts / counts.sum(axis=1, keepdims=True)).sum()
    pooled = special.xlogy(counts.sum(axis=0), counts.sum(axis=0) / counts.sum()).sum()
    return max(0.0, 2 * float(apart - pooled)), None


def _tested(
    test: Test, statistic: float, p_value: float, violations: int, n: int, level: float
) -> Backtest:
    return Backtest(
        test=test,
        statistic=float(statistic),
        p_value=float(p_value),
        violations=violations,
        expected=level * n,
        n=n,
        abstained=False,
        reason=None,
    )


def _abstained(test: Test, reason: str, violations: int, n: int, level: float) -> Backtest:
    return Backtest(
        test=test,
        statistic=None,
        p_value=None,
        violations=violations,
        expected=level * n,
        n=n,
        abstained=True,
        reason=reason,
    )
