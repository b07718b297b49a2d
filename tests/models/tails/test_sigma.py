import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.tails import translate_sigma

USUAL = {
    "threshold_share": 0.1,
    "confidence": 0.95,
    "min_observations": 100,
    "min_exceedances": 30,
}


def standardised_t(n, *, nu, seed):
    return stats.t(nu).rvs(n, random_state=seed) * np.sqrt((nu - 2) / nu)


class TestTranslation:
    def test_all_readings_of_a_calm_market_agree_within_their_error(self):
        sample = np.random.default_rng(1).standard_normal(4000)
        translation = translate_sigma(3.0, sample, side="both", **USUAL)
        assert translation.converged
        assert translation.reason is None
        assert translation.student_probability == pytest.approx(0.0027, rel=0.3)
        assert (
            translation.gpd_probability_lower
            < translation.normal_probability
            < translation.gpd_probability_upper
        )

    def test_a_fat_tail_makes_the_normal_reading_absurd(self):
        translation = translate_sigma(5.0, standardised_t(2500, nu=4, seed=3), side="both", **USUAL)
        assert translation.normal_return_period > 1e6
        assert translation.student_return_period < 3000
        assert translation.gpd_return_period_lower < translation.gpd_return_period
        assert translation.gpd_return_period < translation.gpd_return_period_upper
        assert translation.gpd_return_period == 1 / translation.gpd_probability
        assert translation.gpd_return_period_lower == 1 / translation.gpd_probability_upper

    def test_falls_and_rises_have_their_own_tails(self):
        rng = np.random.default_rng(5)
        sample = np.where(rng.random(3000) < 0.5, 1, -1) * rng.exponential(0.6, 3000)
        sample[sample < 0] *= 1.8
        down = translate_sigma(3.0, sample, side="lower", **USUAL)
        up = translate_sigma(3.0, sample, side="upper", **USUAL)
        assert down.gpd_probability > 3 * up.gpd_probability
        mirrored = translate_sigma(3.0, -sample, side="upper", **USUAL)
        assert mirrored.gpd_probability == down.gpd_probability
        assert mirrored.gpd_probability_upper == down.gpd_probability_upper

    def test_worst_since_counts_back_from_the_scored_session(self):
        sample = standardised_t(500, nu=8, seed=1).clip(-2.5, 2.5)
        sample[-7] = -4.0
        sample[-2] = 4.2
        assert translate_sigma(3.5, sample, side="lower", **USUAL).sessions_since == 7
        assert translate_sigma(3.5, sample, side="both", **USUAL).sessions_since == 2
        assert translate_sigma(4.0, sample, side="lower", **USUAL).sessions_since == 7
        assert translate_sigma(4.5, sample, side="both", **USUAL).sessions_since is None

    def test_missing_sessions_leave_the_fit_and_stay_in_the_count(self):
        whole = standardised_t(800, nu=6, seed=2)
        whole[-10] = 5.0
        holed = np.insert(whole, [0, 200, 800], np.nan)
        first = translate_sigma(3.5, whole, side="both", **USUAL)
        second = translate_sigma(3.5, holed, side="both", **USUAL)
        assert second.n == 800
        assert second.gpd_probability == first.gpd_probability
        assert (first.sessions_since, second.sessions_since) == (10, 11)

    def test_without_a_sample_only_the_normal_reading(self):
        translation = translate_sigma(3.5, None, side="both", **USUAL)
        assert translation.normal_probability == pytest.approx(4.652582e-4, rel=1e-6)
        assert translation.student_probability is None
        assert translation.gpd_probability is None
        assert "no sample" in translation.reason
        assert not translation.converged

    @pytest.mark.parametrize(
        ("sample", "clause"),
        [
            (np.ones(500), "does not vary"),
            (np.full(500, np.nan), "at least 100 values, got 0"),
            (np.arange(20.0), "at least 100 values, got 20"),
            (standardised_t(500, nu=5, seed=1) * 0.01, "not in units of σ"),
            (np.concatenate([np.zeros(400), np.arange(9.0)]), "not in units of σ"),
        ],
    )
    def test_a_sample_that_cannot_answer_gives_reasons_not_figures(self, sample, clause):
        translation = translate_sigma(3.5, sample, side="both", **USUAL)
        assert translation.student_probability is None
        assert translation.gpd_probability is None
        assert translation.xi is None
        assert clause in translation.reason

    def test_too_short_a_tail_keeps_the_student_reading(self):
        translation = translate_sigma(3.5, standardised_t(150, nu=5, seed=1), side="lower", **USUAL)
        assert translation.student_probability is not None
        assert translation.gpd_probability is None
        assert "exceedances" in translation.reason

    def test_an_ordinary_day_is_below_the_threshold(self):
        translation = translate_sigma(0.5, standardised_t(800, nu=5, seed=1), side="both", **USUAL)
        assert translation.gpd_probability is None
        assert translation.xi is not None
        assert "is not above the threshold" in translation.reason

    def test_an_infinite_value_is_refused(self):
        with pytest.raises(ValueError, match="infinite"):
            translate_sigma(3.0, np.append(np.zeros(200), np.inf), side="both", **USUAL)

    @pytest.mark.parametrize("sigma", [-1.0, np.nan, np.inf])
    def test_a_magnitude_is_finite_and_not_negative(self, sigma):
        with pytest.raises(ValueError, match="sigma must be finite and not negative"):
            translate_sigma(sigma, None, side="both", **USUAL)

    def test_unknown_side(self):
        with pytest.raises(ValueError, match="side must be"):
            translate_sigma(3.0, None, side="left", **USUAL)

    def test_a_move_beyond_all_reason_underflows_to_no_period(self):
        translation = translate_sigma(40.0, None, side="both", **USUAL)
        assert translation.normal_return_period is None

    @given(seed=st.integers(0, 10_000), sigma=st.floats(0, 12))
    @settings(max_examples=12, deadline=None)
    def test_larger_moves_are_never_likelier(self, seed, sigma):
        sample = np.random.default_rng(seed).standard_t(5, 400) * np.sqrt(3 / 5)
        here = translate_sigma(sigma, sample, side="lower", **USUAL)
        further = translate_sigma(sigma + 0.5, sample, side="lower", **USUAL)
        assert further.normal_probability < here.normal_probability
        assert further.student_probability < here.student_probability
        if here.gpd_probability is not None:
            assert further.gpd_probability <= here.gpd_probability
            assert further.gpd_probability_upper <= here.gpd_probability_upper * (1 + 1e-6)
            assert further.gpd_probability_lower <= here.gpd_probability_lower * (1 + 1e-6)
