from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.errors import NotEnoughData
from models.tails import (
    LEAST_REGULAR_XI,
    NU_BOUNDS,
    fit_gpd,
    fit_student,
    gpd_tail,
    normal_tail,
    student_tail,
    tail_threshold,
)
from tests import naive_systemic

REFERENCES = Path("../shared/references/sigma")
needs_references = pytest.mark.skipif(
    not REFERENCES.exists(), reason="reference tables are not beside the checkout"
)


def standardised_t(n, *, nu, seed):
    return stats.t(nu).rvs(n, random_state=seed) * np.sqrt((nu - 2) / nu)


class TestPublishedProbabilities:
    @needs_references
    def test_every_cell_of_the_reference_table(self):
        table = pd.read_csv(REFERENCES / "sigma_tail_probabilities.csv")
        for row in table.to_dict("records"):
            sigma = row["sigma"]
            one_sided = normal_tail(sigma, two_sided=False)
            assert one_sided == pytest.approx(row["normal_one_sided"], rel=1e-6)
            assert 1 / one_sided / 252 == pytest.approx(row["normal_years_252"], rel=1e-6)
            for nu in (3, 4, 5, 6, 8):
                expected = row[f"t{nu}_unitvar_one_sided"]
                assert student_tail(sigma, nu=nu, two_sided=False) == pytest.approx(
                    expected, rel=1e-6
                )

    def test_the_prime_broker_figure_of_february_2026(self):
        # "3.5σ, a 0.05 % event, ten times rarer than 3σ": the ratio is 5.8, and only if normal.
        assert normal_tail(3.5, two_sided=True) == pytest.approx(4.652582e-4, rel=1e-6)
        assert normal_tail(3.0, two_sided=True) == pytest.approx(2.699796e-3, rel=1e-6)
        assert 1 / normal_tail(3.5, two_sided=True) == pytest.approx(2149, abs=0.5)
        assert student_tail(3.5, nu=6, two_sided=True) == pytest.approx(0.0052, abs=5e-5)
        assert 1 / student_tail(3.5, nu=6, two_sided=True) == pytest.approx(193, abs=1)
        assert student_tail(3.5, nu=4, two_sided=True) == pytest.approx(0.0078, abs=5e-5)

    def test_an_endless_nu_is_the_normal_law(self):
        assert student_tail(2.0, nu=np.inf, two_sided=False) == pytest.approx(
            normal_tail(2.0, two_sided=False), rel=1e-14
        )

    @pytest.mark.parametrize("sigma", [-1.0, np.nan, np.inf])
    def test_a_magnitude_is_finite_and_not_negative(self, sigma):
        with pytest.raises(ValueError, match="sigma must be finite and not negative"):
            normal_tail(sigma, two_sided=True)
        with pytest.raises(ValueError, match="sigma must be finite and not negative"):
            student_tail(sigma, nu=5, two_sided=True)

    @pytest.mark.parametrize("nu", [2.0, 1.0, np.nan])
    def test_no_unit_variance_at_two_degrees_of_freedom(self, nu):
        with pytest.raises(ValueError, match="nu must be above 2"):
            student_tail(3.0, nu=nu, two_sided=True)


class TestDanishFireLosses:
    """McNeil (1997); R evir gives ξ 0.496806, β 6.974552 over u = 10."""

    @needs_references
    def test_the_published_fit(self):
        losses = pd.read_csv(REFERENCES / "danish.csv")["loss"].to_numpy()
        fit = fit_gpd(losses, threshold=10, min_exceedances=30, confidence=0.95)
        assert fit.exceedances == 109
        assert fit.n == 2167
        assert fit.xi == pytest.approx(0.496806, abs=1e-3)
        assert fit.beta == pytest.approx(6.974552, abs=1e-3)
        assert fit.converged
        # The optimum is at least as high as at R's figures.
        of_r = stats.genpareto.logpdf(fit.excesses, 0.496806, scale=6.974552).sum()
        assert of_r <= fit.log_likelihood < of_r + 1e-5

    @needs_references
    def test_the_interval_of_a_loss_of_a_hundred_million(self):
        losses = pd.read_csv(REFERENCES / "danish.csv")["loss"].to_numpy()
        fit = fit_gpd(losses, threshold=10, min_exceedances=30, confidence=0.95)
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
            if xi > LEAST_REGULAR_XI:
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
        assert fit.xi == pytest.approx(LEAST_REGULAR_XI)
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
        with pytest.raises(ValueError, match="confidence must lie in"):
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


class TestStudentFit:
    @pytest.mark.parametrize("nu", [3, 5, 12])
    def test_equals_scipy_at_location_zero(self, nu):
        sample = standardised_t(1500, nu=nu, seed=nu)
        fit = fit_student(sample, min_observations=100)
        degrees, _, scale = stats.t.fit(sample, floc=0)
        assert fit.nu == pytest.approx(degrees, rel=2e-3)
        assert fit.standard_deviation == pytest.approx(
            scale * np.sqrt(degrees / (degrees - 2)), rel=2e-3
        )
        assert fit.log_likelihood == pytest.approx(
            stats.t.logpdf(sample, degrees, scale=scale).sum(), abs=1e-4
        )

    def test_recovers_what_was_drawn(self):
        fit = fit_student(standardised_t(40_000, nu=5, seed=1), min_observations=100)
        assert fit.nu == pytest.approx(5, abs=0.3)
        assert fit.standard_deviation == pytest.approx(1, abs=0.02)
        assert fit.converged

    def test_a_sample_thinner_than_normal_ends_at_the_upper_bound(self):
        fit = fit_student(stats.uniform(-1.7, 3.4).rvs(500, random_state=1), min_observations=100)
        assert fit.nu == pytest.approx(NU_BOUNDS[1])
        assert fit.converged

    def test_no_variance_is_flagged(self):
        fit = fit_student(stats.cauchy.rvs(size=1000, random_state=1), min_observations=100)
        assert not fit.converged

    def test_constant_and_short_samples(self):
        with pytest.raises(ValueError, match="sample must vary"):
            fit_student(np.ones(200), min_observations=100)
        with pytest.raises(NotEnoughData):
            fit_student(np.arange(50.0), min_observations=100)
