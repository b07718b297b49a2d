import numpy as np
import pytest
from scipy import stats

from models._checks import require_level
from models.errors import NotEnoughData
from models.tails import fit_student, normal_tail, student_tail
from models.tails.student import NU_BOUNDS
from tests.reference.tails import SIGMA_TAILS


def standardised_t(n, *, nu, seed):
    return stats.t(nu).rvs(n, random_state=seed) * np.sqrt((nu - 2) / nu)


class TestPublishedProbabilities:
    def test_every_cell_of_the_reference_table(self):
        for sigma, normal, years, *student in SIGMA_TAILS:
            one_sided = normal_tail(sigma, two_sided=False)
            assert one_sided == pytest.approx(normal, rel=1e-6)
            assert 1 / one_sided / 252 == pytest.approx(years, rel=1e-6)
            for nu, expected in zip((3, 4, 5, 6, 8), student, strict=True):
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


class TestLevel:
    @pytest.mark.parametrize("level", [0.0, -0.1, 0.99, np.nan])
    def test_a_confidence_is_not_a_tail_probability(self, level):
        with pytest.raises(ValueError, match=r"level must lie in \(0, 0.5\].*0.01 for a 99 %"):
            require_level(level)
        require_level(0.5)
