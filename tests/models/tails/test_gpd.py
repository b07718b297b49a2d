import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.errors import NotEnoughData
from models.tails import GpdFit, fit_gpd, gpd_risk, gpd_tail, tail_threshold
from models.tails.gpd import MIN_REGULAR_XI
from models.tails.var_es import loss_forecast
from tests import naive_backtests, naive_systemic
from tests.reference.tails import DANISH_BETA, DANISH_LOSSES, DANISH_OVER_TEN, DANISH_XI

# The losses that no fit over ten sees are known by their number alone.
FIRES = np.append(DANISH_OVER_TEN, np.ones(DANISH_LOSSES - len(DANISH_OVER_TEN)))


class TestDanishFireLosses:
    """McNeil (1997); R evir gives ξ 0.496806, β 6.974552 over u = 10."""

    def test_the_published_fit(self):
        fit = fit_gpd(FIRES, threshold=10, min_exceedances=30, confidence=0.95)
        assert fit.exceedances == 109
        assert fit.n == 2167
        assert fit.xi == pytest.approx(DANISH_XI, abs=1e-3)
        assert fit.beta == pytest.approx(DANISH_BETA, abs=1e-3)
        assert fit.converged
        # The optimum is at least as high as at R's figures.
        of_r = stats.genpareto.logpdf(fit.excesses, DANISH_XI, scale=DANISH_BETA).sum()
        assert of_r <= fit.log_likelihood < of_r + 1e-5

    def test_the_interval_of_a_loss_of_a_hundred_million(self):
        fit = fit_gpd(FIRES, threshold=10, min_exceedances=30, confidence=0.95)
        tail = gpd_tail(fit, level=100)
        by_hand = 109 / 2167 * (1 + fit.xi * 90 / fit.beta) ** (-1 / fit.xi)
        assert tail.probability == pytest.approx(by_hand, rel=1e-12)
        low, high = naive_systemic.tail_interval(fit.excesses, fit.n, 90.0, 0.95)
        assert tail.lower == pytest.approx(low, rel=0.01)
        assert tail.upper == pytest.approx(high, rel=0.01)


class TestTailFit:
    def test_four_values_above_the_threshold_by_hand(self):
        # Mean excess 1 with e-fold spacing; the likelihood is checked at the optimum by its slopes.
        sample = np.concatenate([np.zeros(6), [1.1, 1.4, 2.0, 5.0]])
        fit = fit_gpd(sample, threshold=1.0, min_exceedances=4, confidence=0.9)
        assert (fit.n, fit.exceedances) == (10, 4)
        for step in (1e-4, -1e-4):
            for xi, beta in ((fit.xi + step, fit.beta), (fit.xi, fit.beta + step)):
                there = stats.genpareto.logpdf(fit.excesses, xi, scale=beta).sum()
                assert there < fit.log_likelihood

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("xi", [-0.2, 0.0, 0.3, 1.2])
    def test_equals_the_best_of_many_searches(self, xi, seed):
        sample = stats.genpareto(xi).rvs(60, random_state=seed)
        fit = fit_gpd(sample, threshold=0.0, min_exceedances=30, confidence=0.95)
        slow_xi, slow_beta, best = naive_systemic.gpd_maximum(sample)
        assert fit.log_likelihood == pytest.approx(best, abs=1e-6)
        if fit.converged:
            assert fit.xi == pytest.approx(slow_xi, abs=1e-4)
            assert fit.beta == pytest.approx(slow_beta, rel=1e-4)

    def test_never_below_the_likelihood_of_scipy(self):
        for seed in range(25):
            sample = stats.t(4).rvs(600, random_state=seed)
            fit = fit_gpd(
                sample,
                threshold=tail_threshold(sample, share=0.1),
                min_exceedances=30,
                confidence=0.95,
            )
            xi, _, beta = stats.genpareto.fit(fit.excesses, floc=0)
            if xi > MIN_REGULAR_XI:
                of_scipy = stats.genpareto.logpdf(fit.excesses, xi, scale=beta).sum()
                assert fit.log_likelihood >= of_scipy - 1e-6

    def test_the_interval_of_the_shape_loses_what_chi_square_allows(self):
        sample = stats.genpareto(0.25).rvs(150, random_state=3)
        fit = fit_gpd(sample, threshold=0.0, min_exceedances=30, confidence=0.95)
        for end in (fit.xi_lower, fit.xi_upper):
            scales = fit.beta * np.exp(np.linspace(-1, 1, 20001))
            profile = max(
                stats.genpareto.logpdf(sample[:, None], end, scale=scales[None, :]).sum(axis=0)
            )
            assert 2 * (fit.log_likelihood - profile) == pytest.approx(3.8415, abs=1e-3)

    @pytest.mark.parametrize("xi", [-0.15, 0.2])
    def test_the_interval_of_the_probability_equals_the_brute_force_one(self, xi):
        excesses = stats.genpareto(xi).rvs(80, random_state=4)
        sample = np.concatenate([excesses, np.full(720, -1.0)])
        fit = fit_gpd(sample, threshold=0.0, min_exceedances=30, confidence=0.95)
        for level in (0.5, 3.0):
            tail = gpd_tail(fit, level=level)
            low, high = naive_systemic.tail_interval(excesses, 800, level, 0.95)
            assert tail.upper == pytest.approx(high, rel=0.02)
            assert tail.lower == pytest.approx(low, rel=0.02, abs=1e-7)

    def test_with_nothing_below_the_threshold_only_the_shape_is_uncertain(self):
        sample = stats.genpareto(0.2).rvs(80, random_state=5)
        fit = fit_gpd(sample, threshold=0.0, min_exceedances=30, confidence=0.95)
        tail = gpd_tail(fit, level=0.3)
        low, high = naive_systemic.tail_interval(sample, 80, 0.3, 0.95)
        assert tail.lower == pytest.approx(low, rel=0.01)
        assert tail.upper == pytest.approx(high, rel=0.01)

    def test_a_bounded_tail_is_flagged_not_fitted(self):
        fit = fit_gpd(np.linspace(0, 1, 200), threshold=0.5, min_exceedances=30, confidence=0.95)
        assert not fit.converged
        assert fit.xi == pytest.approx(MIN_REGULAR_XI)
        assert fit.xi_lower is None
        with pytest.raises(ValueError, match="fit must have converged"):
            gpd_tail(fit, level=0.9)

    def test_ties_alone_are_flagged(self):
        sample = np.concatenate([np.zeros(100), np.ones(40)])
        fit = fit_gpd(sample, threshold=0.5, min_exceedances=30, confidence=0.95)
        assert not fit.converged

    def test_beyond_the_fitted_end_point_the_probability_is_zero_but_its_upper_end_is_not(self):
        sample = stats.genpareto(-0.3).rvs(200, random_state=1)
        fit = fit_gpd(sample, threshold=0.0, min_exceedances=30, confidence=0.95)
        end_point = -fit.beta / fit.xi
        tail = gpd_tail(fit, level=end_point * 1.02)
        assert tail.probability == 0
        assert tail.lower == 0
        assert tail.upper > 1e-6

    def test_below_the_threshold_the_fit_says_nothing(self):
        fit = fit_gpd(
            stats.expon.rvs(size=100, random_state=1),
            threshold=1.0,
            min_exceedances=20,
            confidence=0.95,
        )
        with pytest.raises(ValueError, match="above the threshold"):
            gpd_tail(fit, level=1.0)

    def test_too_few_exceedances(self):
        with pytest.raises(NotEnoughData, match="at least 30"):
            fit_gpd(np.arange(40.0), threshold=30, min_exceedances=30, confidence=0.95)

    def test_arguments_out_of_range(self):
        sample = np.arange(40.0)
        with pytest.raises(ValueError, match="confidence must lie between"):
            fit_gpd(sample, threshold=1, min_exceedances=10, confidence=1.0)
        with pytest.raises(ValueError, match="min_exceedances must be at least 2"):
            fit_gpd(sample, threshold=1, min_exceedances=1, confidence=0.9)
        with pytest.raises(ValueError, match="threshold must be finite"):
            fit_gpd(sample, threshold=np.nan, min_exceedances=5, confidence=0.9)
        with pytest.raises(ValueError, match="infinite"):
            fit_gpd(np.append(sample, np.inf), threshold=1, min_exceedances=5, confidence=0.9)
        with pytest.raises(ValueError, match="one dimension"):
            fit_gpd(sample[:, None], threshold=1, min_exceedances=5, confidence=0.9)

    @given(
        seed=st.integers(0, 10_000),
        scale=st.floats(1e-6, 1e6),
        distance=st.floats(0.05, 20),
    )
    @settings(max_examples=12, deadline=None)
    def test_units_and_order_do_not_matter(self, seed, scale, distance):
        rng = np.random.default_rng(seed)
        sample = rng.standard_t(4, 200)
        fit = fit_gpd(sample, threshold=1.0, min_exceedances=10, confidence=0.9)
        other = fit_gpd(
            rng.permutation(sample) * scale, threshold=scale, min_exceedances=10, confidence=0.9
        )
        assert other.converged == fit.converged
        if not fit.converged:
            return
        assert other.xi == pytest.approx(fit.xi, abs=1e-5)
        tail = gpd_tail(fit, level=1 + distance)
        scaled = gpd_tail(other, level=scale * (1 + distance))
        assert 0 <= tail.lower <= tail.probability <= tail.upper <= 1
        assert scaled.upper == pytest.approx(tail.upper, rel=1e-4)

    def test_nine_intervals_in_ten_hold_the_truth(self):
        # Nominal 95 %; the threshold is itself estimated and N_u fixed, which costs a little.
        hits = 0
        for seed in range(60):
            sample = stats.genpareto(0.3).rvs(1000, random_state=seed)
            fit = fit_gpd(
                sample,
                threshold=tail_threshold(sample, share=0.1),
                min_exceedances=30,
                confidence=0.95,
            )
            tail = gpd_tail(fit, level=6.0)
            hits += tail.lower <= stats.genpareto(0.3).sf(6.0) <= tail.upper
        assert 0.85 <= hits / 60 <= 1


class TestThreshold:
    def test_the_second_largest_of_ten_leaves_one_above(self):
        sample = np.array([3, 1, 2, 9, 5, 4, 8, 7, 6, 0.0])
        assert tail_threshold(sample, share=0.1) == 8
        assert tail_threshold(sample, share=0.29) == 7

    def test_missing_values_do_not_count(self):
        assert tail_threshold(np.array([1, np.nan, 2, 3, 4.0]), share=0.25) == 3

    def test_a_share_of_less_than_one_value(self):
        with pytest.raises(NotEnoughData):
            tail_threshold(np.arange(5.0), share=0.1)

    @pytest.mark.parametrize("share", [0.0, 0.6, np.nan])
    def test_share_out_of_range(self, share):
        with pytest.raises(ValueError, match="threshold_share must lie in"):
            tail_threshold(np.arange(50.0), share=share)


def law(xi, *, beta=1.0, threshold=2.0, n=1000, exceedances=100, converged=True):
    return GpdFit(
        xi=xi,
        beta=beta,
        xi_lower=None,
        xi_upper=None,
        threshold=threshold,
        n=n,
        exceedances=exceedances,
        confidence=0.95,
        log_likelihood=0.0,
        converged=converged,
        reason=None,
        excesses=np.empty(0),
    )


class TestTailRisk:
    def test_by_hand(self):
        # Share 0.1, level 0.1/4: (1/4)^−½ = 2, q = 2 + 1/½ · (2 − 1) = 4, ES = (4 + 1 − 1)/½ = 8.
        risk = gpd_risk(law(0.5), level=0.025)
        assert risk.value_at_risk == pytest.approx(4, rel=1e-14)
        assert risk.expected_shortfall == pytest.approx(8, rel=1e-14)
        assert risk.level == 0.025

    # evir's manual: riskmeasures(gpd(danish, 10), c(0.999, 0.9999)).
    DANISH = ((0.001, 94.28956, 191.3697), (0.0001, 304.62448, 609.3696))

    @pytest.mark.parametrize(("level", "quantile", "shortfall"), DANISH)
    def test_the_danish_fires_at_the_parameters_of_r(self, level, quantile, shortfall):
        fit = law(0.4968062, beta=6.9745523, threshold=10.0, n=2167, exceedances=109)
        risk = gpd_risk(fit, level=level)
        assert risk.value_at_risk == pytest.approx(quantile, rel=1e-6)
        assert risk.expected_shortfall == pytest.approx(shortfall, rel=1e-6)

    @pytest.mark.parametrize(("level", "quantile", "shortfall"), DANISH)
    def test_the_danish_fires_as_fitted(self, level, quantile, shortfall):
        # R's simplex stops at ξ 0.496806; the likelihood is highest at 0.496986.
        risk = gpd_risk(
            fit_gpd(FIRES, threshold=10, min_exceedances=30, confidence=0.95), level=level
        )
        assert risk.value_at_risk == pytest.approx(quantile, rel=1.5e-3)
        assert risk.expected_shortfall == pytest.approx(shortfall, rel=1.5e-3)

    @pytest.mark.parametrize("xi", [-0.4, -0.1, 0.0, 1e-9, 0.3, 0.7])
    @pytest.mark.parametrize("level", [0.09, 0.01, 0.001])
    def test_equals_the_root_and_the_integral_of_the_tail(self, xi, level):
        fit = law(xi, beta=0.6)
        quantile, shortfall = naive_backtests.risk(fit, level)
        risk = gpd_risk(fit, level=level)
        assert risk.value_at_risk == pytest.approx(quantile, rel=1e-7)
        assert risk.expected_shortfall == pytest.approx(shortfall, rel=1e-6)

    def test_inverts_the_tail_probability(self):
        sample = stats.t(4).rvs(2000, random_state=1)
        fit = fit_gpd(
            sample,
            threshold=tail_threshold(sample, share=0.1),
            min_exceedances=30,
            confidence=0.95,
        )
        for level in (0.05, 0.01, 0.0001):
            risk = gpd_risk(fit, level=level)
            at = gpd_tail(fit, level=risk.value_at_risk)
            assert at.probability == pytest.approx(level, rel=1e-10)

    def test_at_the_share_itself_the_quantile_is_the_threshold(self):
        risk = gpd_risk(law(0.2), level=0.1)
        assert risk.value_at_risk == 2
        assert risk.expected_shortfall == pytest.approx(2 + 1 / 0.8)

    def test_recovers_a_student_t(self):
        # t₄ at 1 %: quantile 3.74695, expected shortfall 5.22060 (closed form).
        nu, level = 4, 0.01
        quantile = stats.t(nu).isf(level)
        shortfall = stats.t(nu).pdf(quantile) / level * (nu + quantile**2) / (nu - 1)
        found = []
        for seed in range(20):
            sample = stats.t(nu).rvs(5000, random_state=seed)
            fit = fit_gpd(
                sample,
                threshold=tail_threshold(sample, share=0.1),
                min_exceedances=30,
                confidence=0.95,
            )
            risk = gpd_risk(fit, level=level)
            found.append((risk.value_at_risk, risk.expected_shortfall))
        mean = np.mean(found, axis=0)
        assert mean[0] == pytest.approx(quantile, rel=0.02)
        assert mean[1] == pytest.approx(shortfall, rel=0.05)

    @pytest.mark.parametrize("xi", [1.0, 1.3])
    def test_a_tail_without_a_mean_has_no_finite_shortfall(self, xi):
        risk = gpd_risk(law(xi), level=0.01)
        assert np.isfinite(risk.value_at_risk)
        assert risk.expected_shortfall == np.inf

    @given(xi=st.floats(-0.45, 0.95), beta=st.floats(1e-6, 1e6), deeper=st.floats(1.01, 1e6))
    @settings(max_examples=60, deadline=None)
    def test_the_shortfall_lies_beyond_and_both_grow_with_rarity(self, xi, beta, deeper):
        fit = law(xi, beta=beta, threshold=0.0)
        near, far = gpd_risk(fit, level=0.1), gpd_risk(fit, level=0.1 / deeper)
        assert near.value_at_risk < far.value_at_risk < far.expected_shortfall
        assert near.expected_shortfall < far.expected_shortfall

    def test_refuses_what_the_fit_cannot_say(self):
        with pytest.raises(ValueError, match=r"level must be at most N_u/n = 0.1"):
            gpd_risk(law(0.2), level=0.2)
        with pytest.raises(ValueError, match=r"level must lie in \(0, 0.5\]"):
            gpd_risk(law(0.2), level=0.99)
        with pytest.raises(ValueError, match="fit must have converged"):
            gpd_risk(law(-0.5, converged=False), level=0.01)


class TestNextSession:
    def test_by_hand_with_losses_positive(self):
        # q = 4, ES = 8 of −z: at 1 % volatility and a drift of 0.1 % the loss is 3.9 % and 7.9 %.
        forecast = loss_forecast(gpd_risk(law(0.5), level=0.025), mu=0.001, sigma=0.01)
        assert forecast.value_at_risk == pytest.approx(0.039)
        assert forecast.expected_shortfall == pytest.approx(0.079)
        assert forecast.level == 0.025

    def test_falls_not_rises_make_the_risk(self):
        # A market that falls far and rises little: its own tail is that of the negated residuals.
        falls = stats.t(3).rvs(3000, random_state=3)
        z = np.where(falls > 0, 0.3 * falls, falls)
        risks = []
        for side in (-z, z):
            fit = fit_gpd(
                side,
                threshold=tail_threshold(side, share=0.05),
                min_exceedances=30,
                confidence=0.95,
            )
            risks.append(loss_forecast(gpd_risk(fit, level=0.01), mu=0.0, sigma=0.02).value_at_risk)
        assert np.mean(z * 0.02 < -risks[0]) == pytest.approx(0.01, abs=0.002)
        assert risks[0] > 2 * risks[1]

    def test_one_session_in_twenty_is_beyond_it_walking_forward(self):
        # Residuals up to t−1 forecast t; volatility doubles half way and the forecast knows.
        rng = np.random.default_rng(4)
        sigma = np.repeat([0.01, 0.02], 1500)
        z = rng.standard_t(5, 3000) * np.sqrt(3 / 5)
        beyond = []
        for t in range(500, 3000, 5):
            earlier = -z[:t]
            fit = fit_gpd(
                earlier,
                threshold=tail_threshold(earlier, share=0.1),
                min_exceedances=30,
                confidence=0.95,
            )
            forecast = loss_forecast(gpd_risk(fit, level=0.05), mu=0.0, sigma=sigma[t])
            beyond.append(sigma[t] * z[t] < -forecast.value_at_risk)
        assert 0.03 <= np.mean(beyond) <= 0.07

    @pytest.mark.parametrize(("mu", "sigma"), [(np.nan, 0.01), (0, 0), (0, -1), (0, np.inf)])
    def test_needs_a_mean_and_a_volatility(self, mu, sigma):
        with pytest.raises(ValueError, match="sigma must be positive, mu finite"):
            loss_forecast(gpd_risk(law(0.2), level=0.01), mu=mu, sigma=sigma)
