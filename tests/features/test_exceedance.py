import math
from functools import partial

import numpy as np
import pytest

from benchmarks import sizes
from features.exceedance import exceedance_curve, exceedance_test, standardise
from tests import naive_tests


def sample(law: str, n: int, rho: float, seed: int) -> np.ndarray:
    return np.ascontiguousarray(
        sizes.simulate(
            law,
            replications=1,
            n=n,
            correlation=sizes.equicorrelated(rho, assets=2),
            generator=np.random.default_rng(seed),
        )[0].T
    )


def quadrant_correlation(rho: float) -> float:
    """Correlation of a bivariate normal given both are positive (Rosenbaum 1961, at 0)."""
    root = math.sqrt(1 - rho * rho)
    p = 0.25 + math.asin(rho) / (2 * math.pi)
    mean = (1 + rho) / (2 * math.sqrt(2 * math.pi)) / p
    square = 1 + rho * root / (2 * math.pi * p)
    cross = rho + root / (2 * math.pi * p)
    return (cross - mean**2) / (square - mean**2)


class TestCurve:
    def test_by_hand(self):
        x = np.array([0.1, 1.0, 2.0, 3.0, 4.0, 5.0])
        y = np.array([9.0, 1.0, 3.0, 2.0, 4.0, -1.0])
        value, count = exceedance_curve(x, y, np.array([0.5, 2.5]))
        assert count.tolist() == [4, 1]
        assert value[0] == pytest.approx(0.8)
        assert np.isnan(value[1])

    def test_against_the_twin(self):
        x, y = sample("t4", 400, 0.5, seed=1)
        value, count = exceedance_curve(x, y, np.array([0.0, 0.7]))
        for k, level in enumerate((0.0, 0.7)):
            assert (value[k], count[k]) == pytest.approx(naive_tests.exceedance(x, y, level))

    def test_standardise(self):
        x, y = standardise(np.array([1.0, 2, 3]), np.array([0.1, 0.1, 0.1]))
        np.testing.assert_allclose(x, np.array([-1, 0, 1]) * math.sqrt(1.5))
        assert np.isnan(y).all()


class TestImpliedCurve:
    @pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
    def test_the_normal_null_meets_the_closed_form(self, rho):
        x, y = sample("normal", 2000, rho, seed=2)
        test = exceedance_test(
            x,
            y,
            thresholds=(0.0,),
            side="lower",
            null="normal",
            min_exceedances=30,
            draws=400,
            seed=1,
        )
        # 400 draws of some 700 rows: a standard error of about 0.002.
        assert test.expected[0] == pytest.approx(quadrant_correlation(test.correlation), abs=0.008)

    def test_conditioning_alone_moves_a_correlation(self):
        x, y = sample("normal", 1_000_000, 0.5, seed=9)
        value, _ = exceedance_curve(x, y, np.array([0.0]))
        assert value[0] == pytest.approx(quadrant_correlation(0.5), abs=0.005)
        assert value[0] < 0.3

    def test_fat_tails_reject_normality_but_not_one_correlation(self):
        x, y = sample("t4", 2000, 0.5, seed=3)
        arguments = {
            "thresholds": (0.0, 0.5, 1.0),
            "side": "lower",
            "min_exceedances": 30,
            "draws": 199,
            "seed": 1,
        }
        assert exceedance_test(x, y, null="normal", **arguments).p_value <= 0.01
        elliptical = exceedance_test(x, y, null="elliptical", **arguments)
        assert elliptical.p_value > 0.05
        assert (elliptical.expected > quadrant_correlation(0.5)).all()

    def test_the_upper_side_is_the_lower_side_upside_down(self):
        x, y = sample("t4", 500, 0.5, seed=4)
        arguments = {
            "thresholds": (0.0, 0.5),
            "null": "normal",
            "min_exceedances": 10,
            "draws": 19,
            "seed": 1,
        }
        upper = exceedance_test(x, y, side="upper", **arguments)
        lower = exceedance_test(-x, -1e-6 * y + 3, side="lower", **arguments)
        np.testing.assert_allclose(upper.value, lower.value, rtol=1e-6)
        np.testing.assert_array_equal(upper.count, lower.count)
        assert upper.p_value == lower.p_value


class TestCrash:
    def test_joint_falls_beyond_what_one_correlation_explains(self):
        generator = np.random.default_rng(5)
        x = generator.standard_normal(1000)
        y = np.where(x < -0.5, x, generator.standard_normal(1000))
        for null in ("normal", "elliptical"):
            test = exceedance_test(
                x,
                y,
                thresholds=(0.5, 1.0),
                side="lower",
                null=null,
                min_exceedances=30,
                draws=199,
                seed=1,
            )
            assert test.p_value == 1 / 200
            assert (test.value > test.expected + 0.2).all()


class TestCannotTell:
    def test_too_few_joint_exceedances(self):
        x, y = sample("t4", 100, 0.3, seed=6)
        test = exceedance_test(
            x,
            y,
            thresholds=(0.0, 2.0),
            side="lower",
            null="normal",
            min_exceedances=30,
            draws=19,
            seed=1,
        )
        assert test.abstained
        assert test.reason == f"{test.count.min()} joint exceedances; each threshold needs 30"
        assert np.isnan([test.p_value, *test.p_values, *test.expected]).all()

    def test_constant_or_perfect(self):
        x, _ = sample("t4", 100, 0.3, seed=7)
        for other in (0 * x, 1e-9 * x, x[:0]):
            test = exceedance_test(
                x[: len(other)],
                other,
                thresholds=(0.0,),
                side="lower",
                null="normal",
                min_exceedances=4,
                draws=19,
                seed=1,
            )
            assert test.abstained
            assert np.isnan(test.p_value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"side": "left"}, "side must be lower or upper, got 'left'"),
            ({"null": "student"}, "null must be normal or elliptical, got 'student'"),
            ({"thresholds": (-1.0,)}, "thresholds must be rising numbers from 0 up"),
            ({"thresholds": (np.nan,)}, "thresholds must be rising numbers from 0 up"),
            ({"thresholds": (0.0, np.inf)}, "thresholds must be rising numbers from 0 up"),
        ],
    )
    def test_refuses(self, change, message):
        arguments = {
            "thresholds": (0.0,),
            "side": "lower",
            "null": "normal",
            "min_exceedances": 10,
            "draws": 19,
            "seed": 1,
        }
        x, y = sample("t4", 100, 0.3, seed=8)
        with pytest.raises(ValueError, match=message):
            exceedance_test(x, y, **(arguments | change))


class TestSize:
    def test_five_percent_of_the_elliptical_null_under_fat_tails(self):
        """400 samples of 252 t₄ rows at a correlation of 0.5; the normal null is false there."""
        samples = sizes.simulate(
            "t4",
            replications=400,
            n=252,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(9),
        )
        found = sizes.rates(
            partial(sizes.rejects_implied_curve, thresholds=(0.0,), draws=39), samples
        )
        assert found["exceedance at 0, elliptical null"][0] == pytest.approx(0.05, abs=0.033)
        assert found["exceedance at 0, normal null"][0] > 0.10
