import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from models.garch import fit_garch


def _simulated(n: int, *, seed: int = 3, alpha: float = 0.08, beta: float = 0.9) -> pd.Series:
    generator = np.random.default_rng(seed)
    nu, omega = 6.0, 0.01**2 * (1 - alpha - beta)
    shock = generator.standard_t(nu, n) * np.sqrt((nu - 2) / nu)
    variance, values = 0.01**2, np.empty(n)
    for t in range(n):
        values[t] = np.sqrt(variance) * shock[t]
        variance = omega + alpha * values[t] ** 2 + beta * variance
    return pd.Series(values, index=pd.bdate_range("2015-01-01", periods=n))


class TestFit:
    def test_finds_the_truth_it_was_drawn_from(self) -> None:
        fit = fit_garch(_simulated(8000), min_observations=250)
        assert fit.converged
        assert fit.alpha == pytest.approx(0.08, abs=0.025)
        assert fit.beta == pytest.approx(0.90, abs=0.03)
        assert fit.nu == pytest.approx(6, abs=1.2)

    def test_path_is_the_recursion_at_the_printed_parameters(self) -> None:
        returns = _simulated(600)
        fit = fit_garch(returns, min_observations=250)
        for t in range(100, 110):
            step = fit.sigma_after(float(fit.sigma.iloc[t]), float(returns.iloc[t]))
            assert step == pytest.approx(float(fit.sigma.iloc[t + 1]), rel=1e-9)
        assert fit.next_sigma() == pytest.approx(
            fit.sigma_after(float(fit.sigma.iloc[-1]), float(returns.iloc[-1]))
        )

    def test_half_life_by_hand(self) -> None:
        fit = fit_garch(_simulated(600), min_observations=250)
        assert (fit.alpha + fit.beta) ** fit.half_life == pytest.approx(0.5)

    def test_scale_carries_through(self) -> None:
        returns = _simulated(600)
        one, ten = (fit_garch(scale * returns, min_observations=250) for scale in (1, 10))
        assert ten.sigma.iloc[-1] == pytest.approx(10 * one.sigma.iloc[-1], rel=1e-3)

    def test_missing_rows_are_stepped_over(self) -> None:
        returns = _simulated(600)
        with_gap = returns.copy()
        with_gap.iloc[300:310] = np.nan
        fit = fit_garch(with_gap, min_observations=250)
        assert fit.n == 590
        assert not fit.sigma.index.isin(returns.index[300:310]).any()


class TestTooLittle:
    def test_few_rows_are_refused_with_need_and_got(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 250 complete rows, got 20"):
            fit_garch(_simulated(20), min_observations=250)

    def test_a_constant_series_is_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="constant"):
            fit_garch(pd.Series(np.zeros(400)), min_observations=250)


class TestCrash:
    def test_one_absurd_day_is_flagged_or_survived_never_hidden(self) -> None:
        returns = _simulated(600)
        returns.iloc[300] = 1e4
        fit = fit_garch(returns, min_observations=250)
        assert fit.converged or ("EWMA" in fit.reason and fit.model == "ewma")
        assert np.isfinite(fit.next_sigma())
