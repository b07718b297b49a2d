import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from models.errors import NotEnoughData
from models.tails import fit_gpd, gpd_risk, tail_forecasts, tail_threshold, unconditional_coverage
from models.tails.var_es import student_risk
from models.volatility import fit_garch

LEVELS = (0.05, 0.01)
RULE = {
    "levels": LEVELS, "sessions": 120, "every": 40, "window": 600, "min_observations": 300,
    "threshold_share": 0.1, "min_exceedances": 30,
}  # fmt: skip


def _market(n: int, *, seed: int = 2) -> pd.Series:
    draw = np.random.default_rng(seed)
    shock = draw.standard_t(5, n) * np.sqrt(3 / 5)
    variance, values = 1.0, np.empty(n)
    for t in range(n):
        values[t] = np.sqrt(variance) * shock[t]
        variance = 0.04 + 0.08 * values[t] ** 2 + 0.88 * variance
    return pd.Series(0.01 * values, index=pd.bdate_range("2020-01-01", periods=n))


def _forecasts(returns: pd.Series, **changed: object):
    fit = fit_garch(returns.iloc[:-1].iloc[-600:], min_observations=300)
    return fit, tail_forecasts(returns, fit, **{**RULE, **changed})


class TestByHand:
    def test_student(self) -> None:
        risk = student_risk(4.0, level=0.01)
        law = stats.t(4, scale=np.sqrt(0.5))
        assert risk.value_at_risk == pytest.approx(-law.ppf(0.01))
        mean, _ = integrate.quad(lambda x: x * law.pdf(x), -np.inf, law.ppf(0.01))
        assert risk.expected_shortfall == pytest.approx(-mean / 0.01, rel=1e-6)
        with pytest.raises(ValueError, match="nu must be above 2"):
            student_risk(2.0, level=0.01)

    def test_many_degrees_are_a_normal(self) -> None:
        risk = student_risk(1e7, level=0.05)
        assert risk.value_at_risk == pytest.approx(1.644854, abs=1e-5)
        assert risk.expected_shortfall == pytest.approx(2.062713, abs=1e-5)


class TestSlowTwin:
    def test_history_is_a_cold_fit_and_a_filter_each(self) -> None:
        returns = _market(801)
        _, found = _forecasts(returns)
        assert len(found.value_at_risk) == 121
        for place in (0, 17, 40, 119):
            t = 800 - 120 + place
            end = 680 + 40 * (place // 40)
            fit = fit_garch(returns.iloc[end - 600 : end], min_observations=300)
            losses = -fit.residuals.to_numpy()
            tail = fit_gpd(
                losses, threshold=tail_threshold(losses, share=0.1), min_exceedances=30,
                confidence=0.9,
            )  # fmt: skip
            sigma = fit.sigma_next
            for row in range(end, t):
                sigma = fit.sigma_after(sigma, float(returns.iloc[row]))
            for level in LEVELS:
                risk = gpd_risk(tail, level=level)
                told = sigma * risk.value_at_risk - fit.mu
                assert found.value_at_risk[level].iloc[place] == pytest.approx(told, rel=2e-3)
                told = sigma * risk.expected_shortfall - fit.mu
                assert found.expected_shortfall[level].iloc[place] == pytest.approx(told, rel=2e-3)
            assert found.estimated_to.iloc[place] == returns.index[end - 1]

    def test_the_session_and_the_next_use_the_fit_given(self) -> None:
        returns = _market(801)
        fit, found = _forecasts(returns)
        after = fit.sigma_after(fit.sigma_next, float(returns.iloc[-1]))
        for place, level in enumerate(LEVELS):
            today, following = found.value_at_risk[level].iloc[-1], found.following[place]
            quantile = (today + fit.mu) / fit.sigma_next
            assert following.value_at_risk == pytest.approx(after * quantile - fit.mu)
            assert following.expected_shortfall > following.value_at_risk
        assert found.estimated_to.iloc[-1] == returns.index[-2]


class TestNoLookAhead:
    @pytest.mark.parametrize("back", [1, 30, 41, 100])
    def test_a_session_never_moves_its_own_forecast(self, back: int) -> None:
        returns = _market(801)
        moved = returns.copy()
        moved.iloc[-back] = -0.3
        (_, one), (_, other) = _forecasts(returns), _forecasts(moved)
        kept = slice(None, 121 - back + 1)
        for name in ("value_at_risk", "expected_shortfall"):
            before, after = getattr(one, name), getattr(other, name)
            pd.testing.assert_frame_equal(before.iloc[kept], after.iloc[kept], check_exact=True)
        assert other.following[0].value_at_risk != one.following[0].value_at_risk

    def test_parameters_end_before_their_session(self) -> None:
        _, found = _forecasts(_market(801))
        assert (pd.DatetimeIndex(found.estimated_to) < found.value_at_risk.index).all()


class TestCoverage:
    def test_losses_beyond_are_as_many_as_the_level_says(self) -> None:
        hits = []
        for seed in range(6):
            returns = _market(1001, seed=seed)
            _, found = _forecasts(returns, sessions=400, every=100)
            hits.append(unconditional_coverage(
                returns.reindex(found.value_at_risk.index), found.value_at_risk[0.05], level=0.05,
                min_observations=400,
            ))  # fmt: skip
        breaches, sessions = (sum(getattr(h, name) for h in hits) for name in ("violations", "n"))
        assert sessions == 6 * 401
        assert abs(breaches - 0.05 * sessions) < 3 * np.sqrt(0.05 * 0.95 * sessions)


class TestHoliday:
    def test_missing_rows_are_stepped_over(self) -> None:
        returns = _market(801)
        returns.iloc[[700, 701, -1]] = np.nan
        _, found = _forecasts(returns)
        assert not found.value_at_risk.index.isin(returns.index[[700, 701]]).any()
        assert found.value_at_risk.index[-1] == returns.index[-1]
        assert np.isfinite(found.value_at_risk.iloc[-1]).all()
        assert all(np.isnan(risk.value_at_risk) for risk in found.following)


class TestLateListing:
    def test_a_short_history_is_the_session_alone(self) -> None:
        _, found = _forecasts(_market(330))
        assert len(found.value_at_risk) == 1
        assert found.tail == "gpd"

    def test_too_few_exceedances_take_the_law_of_the_model(self) -> None:
        fit, found = _forecasts(_market(330), min_exceedances=60)
        assert found.tail == "student"
        told = fit.sigma_next * student_risk(fit.nu, level=0.01).value_at_risk - fit.mu
        assert found.value_at_risk[0.01].item() == pytest.approx(told)


class TestFallback:
    def test_an_ewma_takes_a_student_of_its_residuals(self) -> None:
        # Without any reaction to surprises no GARCH is identified.
        returns = pd.Series(0.01 * np.random.default_rng(0).normal(size=600))
        fit, found = _forecasts(returns, min_exceedances=200, threshold_share=0.1)
        assert fit.model == "ewma"
        assert found.tail == "student"
        assert (found.expected_shortfall > found.value_at_risk).all().all()

    def test_no_law_at_all_is_too_little(self) -> None:
        # Without any reaction to surprises no GARCH is identified.
        returns = pd.Series(0.01 * np.random.default_rng(0).normal(size=600))
        with pytest.raises(NotEnoughData, match="fit_student needs at least 700"):
            _forecasts(returns, min_exceedances=700)
