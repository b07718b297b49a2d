import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import sizes
from features._validation import complete_rows
from features.correlation import fisher_interval, robust_interval
from features.correlation._jackknife import bartlett_variance, cosine_variance, pseudo_values
from tests import naive_tests

REFERENCES = Path(__file__).parents[3] / "shared" / "references" / "correlation"


def fat_tailed(n: int, assets: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shared = generator.standard_t(4, n)
    return 0.01 * (shared[:, None] + generator.standard_t(4, (n, assets)))


class TestFisherInterval:
    def test_by_hand(self):
        # n = 7: the standard error is 1/√4.
        lower, upper = fisher_interval(0.5, 7, confidence=0.95)
        half = 1.959963984540054 / 2
        assert lower == pytest.approx(math.tanh(math.atanh(0.5) - half), abs=1e-12)
        assert upper == pytest.approx(math.tanh(math.atanh(0.5) + half), abs=1e-12)

    def test_the_reference_table(self):
        path = REFERENCES / "fisher_z.csv"
        if not path.exists():
            pytest.skip("the reference folder is not beside this checkout")
        table = pd.read_csv(path)
        lower, upper = fisher_interval(table["r"], table["n"], confidence=0.95)
        np.testing.assert_allclose(lower, table["lo95"], atol=1e-6)
        np.testing.assert_allclose(upper, table["hi95"], atol=1e-6)

    def test_the_thirty_day_correlation_of_the_event(self):
        # 0.73 over 30 days: "about [0.50, 0.86]" in the review of the article.
        lower, upper = fisher_interval(0.73, 30, confidence=0.95)
        assert (round(float(lower), 2), round(float(upper), 2)) == (0.50, 0.86)

    def test_unknown_is_unknown_and_perfect_is_perfect(self):
        lower, upper = fisher_interval(
            [np.nan, 0.5, 0.5, 1.0, -1.0], [50, 3, np.nan, 10, 10], confidence=0.9
        )
        np.testing.assert_array_equal(lower, [np.nan, np.nan, np.nan, 1, -1])
        np.testing.assert_array_equal(upper, [np.nan, np.nan, np.nan, 1, -1])

    def test_one_n_serves_a_frame(self):
        frame = pd.DataFrame([[0.1, 0.2], [0.3, np.nan]])
        lower, _ = fisher_interval(frame.to_numpy(), 63, confidence=0.95)
        assert lower.shape == (2, 2)
        assert lower[1, 0] == fisher_interval(0.3, 63, confidence=0.95)[0]

    def test_refuses_what_is_no_correlation(self):
        with pytest.raises(ValueError, match=r"correlation must lie in \[-1, 1\], got 1.2"):
            fisher_interval(1.2, 30, confidence=0.95)
        with pytest.raises(ValueError, match="got 1.2; compute it on complete pairs$"):
            fisher_interval([0.5, 1.2], 30, confidence=0.95)  # the one that is wrong is named
        for confidence in (95, 1, 0):
            said = f"confidence must lie between 0 and 1, got {confidence}"
            with pytest.raises(ValueError, match=said):
                fisher_interval(0.2, 30, confidence=confidence)

    def test_rounding_beyond_one_is_one(self):
        lower, upper = fisher_interval(1 + 1e-12, 30, confidence=0.95)
        assert (float(lower), float(upper)) == (1, 1)


class TestPseudoValues:
    def test_by_hand(self):
        # Leaving out one of four points leaves correlations 1/2, 13/14, 13/14, 1/2.
        r, pseudo = pseudo_values(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]))
        z = [math.atanh(value) for value in (1 / 2, 13 / 14, 13 / 14, 1 / 2)]
        assert r == pytest.approx(0.8)
        np.testing.assert_allclose(pseudo, [3 * (math.atanh(0.8) - one) for one in z])

    @pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
    def test_against_deleting_rows(self, scale):
        x, y = np.ascontiguousarray(fat_tailed(40, 2, seed=1).T)
        r, pseudo = pseudo_values(x * scale, y)
        assert r == pytest.approx(naive_tests.correlation(x, y), abs=1e-12)
        np.testing.assert_allclose(pseudo, naive_tests.pseudo_values(x, y), rtol=1e-8, atol=1e-9)

    def test_scaled_copy_is_perfect(self):
        x = fat_tailed(300, 1, seed=2).ravel()
        assert pseudo_values(x, 1e-9 * x)[0] == 1
        assert pseudo_values(x, -x)[0] == -1

    def test_a_constant_has_no_correlation(self):
        x = fat_tailed(30, 1, seed=3).ravel()
        assert np.isnan(pseudo_values(x, np.full(30, 0.1))[0])
        r, pseudo = pseudo_values(np.zeros(30), x)
        assert np.isnan(r)
        assert not pseudo.any()


class TestLongRunVariance:
    def test_one_cosine_by_hand(self):
        n = 40
        wave = math.sqrt(2) * np.cos(np.pi * (np.arange(n) + 0.5) / n)
        assert cosine_variance(wave) == pytest.approx(n / 8)
        assert cosine_variance(wave + 5) == pytest.approx(n / 8)

    def test_bartlett_by_hand(self):
        # Variance 1, first autocovariance −3/4 at weight 1/2.
        assert bartlett_variance(np.array([1.0, -1, 1, -1]), 2) == pytest.approx(0.25)
        assert bartlett_variance(np.array([1.0, -1, 1, -1]), 1) == pytest.approx(1.0)

    def test_against_the_twin(self):
        values = fat_tailed(57, 1, seed=4).ravel()
        assert cosine_variance(values) == pytest.approx(
            naive_tests.cosine_variance(values), rel=1e-10
        )


class TestRobustInterval:
    @pytest.mark.parametrize("n", [16, 21, 63])
    def test_against_the_twin(self, n):
        x, y = fat_tailed(n, 2, seed=n).T
        np.testing.assert_allclose(
            robust_interval(x, y, confidence=0.9),
            naive_tests.robust_interval(x, y, confidence=0.9),
            rtol=1e-9,
        )

    def test_agrees_with_fisher_on_normal_rows(self):
        # The same target on many normal rows, but for t₈ in place of the normal quantile.
        x, y = sizes.simulate(
            "normal",
            replications=1,
            n=200_000,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(5),
        )[0].T
        lower, upper = robust_interval(x, y, confidence=0.95)
        plain = fisher_interval(naive_tests.correlation(x, y), len(x), confidence=0.95)
        ratio = (upper - lower) / float(plain[1] - plain[0])
        # √(χ²₈/8) is within 0.5 … 1.5 in all but one case in a thousand.
        assert 0.5 < ratio / (2.306 / 1.96) < 1.5

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-6, 1.0, 1e6]))
    def test_symmetric_and_blind_to_scale(self, seed, scale):
        x, y = fat_tailed(30, 2, seed=seed).T
        lower, upper = robust_interval(x, y, confidence=0.95)
        assert -1 <= lower <= naive_tests.correlation(x, y) <= upper <= 1
        np.testing.assert_allclose(
            robust_interval(scale * y + 3 * scale, x, confidence=0.95), (lower, upper), rtol=1e-6
        )
        np.testing.assert_allclose(
            robust_interval(x, -y, confidence=0.95), (-upper, -lower), rtol=1e-9
        )

    def test_too_short_is_unknown(self):
        x, y = fat_tailed(15, 2, seed=6).T
        assert np.isnan(robust_interval(x, y, confidence=0.95)).all()

    def test_refuses_misaligned_and_infinite(self):
        said = "^series must be one-dimensional and of one length, got {}; align them to the same"
        with pytest.raises(ValueError, match=said.format(r"\[\(2,\), \(1,\)\]")):
            complete_rows([1.0, 2.0], [1.0])
        with pytest.raises(ValueError, match=said.format(r"\[\(1, 2\), \(1, 2\)\]")):
            complete_rows([[1.0, 2.0]], [[1.0, 2.0]])
        with pytest.raises(ValueError, match="^series must be finite or missing, got an infinity"):
            complete_rows([1.0, np.inf], [1.0, 2.0])


class TestCrash:
    def test_one_day_that_makes_the_correlation_widens_its_interval(self):
        generator = np.random.default_rng(7)
        x, y = generator.standard_normal((2, 63))
        x[40], y[40] = -12.0, -12.0
        value = naive_tests.correlation(x, y)
        lower, upper = robust_interval(x, y, confidence=0.95)
        plain = fisher_interval(value, 63, confidence=0.95)
        assert value > 0.6
        assert plain[0] > 0.4  # Fisher is sure of it
        assert lower < 0.2  # the day alone is no evidence
        assert upper > 0.9


class TestShortSample:
    def test_sixteen_rows_are_enough_and_fifteen_are_not(self):
        x, y = fat_tailed(16, 2, seed=12).T
        assert np.isfinite(robust_interval(x, y)).all()
        assert np.isnan(robust_interval(x[1:], y[1:])).all()


class TestPeg:
    def test_a_constant_has_no_interval_and_a_copy_has_no_width(self):
        x = fat_tailed(30, 1, seed=11)[:, 0]
        assert np.isnan(robust_interval(x, np.full(30, 0.001))).all()
        assert robust_interval(x, 1e-9 * x) == (1, 1)


class TestCoverage:
    @pytest.mark.parametrize("n", [20, 63, 252])
    def test_under_fat_tails(self, n):
        """1,000 samples of t₄ rows: 95 % within three standard errors; Fisher's far below."""
        samples = sizes.simulate(
            "t4",
            replications=1000,
            n=n,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(12),
        )
        found = sizes.rates(partial(sizes.covers, truth=0.5), samples)
        assert found["interval, robust (used)"][0] == pytest.approx(0.95, abs=0.021)
        assert found["interval, Fisher (textbook)"][0] < 0.90
