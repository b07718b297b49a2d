import math
import re
from functools import partial

import numpy as np
import pytest

from benchmarks import sizes
from features.correlation import exceedance_test
from features.correlation._pairwise import standardise
from features.correlation.exceedance import exceedance_curve
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

    def test_a_return_at_the_level_does_not_exceed_it(self):
        x = np.array([0.5, 1.0, 2.0, 3.0, 4.0])
        value, count = exceedance_curve(x, x, np.array([0.5, 1.0]))
        assert count.tolist() == [4, 3]
        assert value[0] == pytest.approx(1)
        assert np.isnan(value[1])

    def test_a_side_that_stands_still_has_no_correlation(self):
        x, flat = np.array([1.0, 2, 3, 4, 5]), np.ones(5)
        for pair in ((x, flat), (flat, x)):
            value, count = exceedance_curve(*pair, np.array([0.0]))
            assert count[0] == 5
            assert np.isnan(value[0])

    def test_against_the_twin(self):
        x, y = sample("t4", 400, 0.5, seed=1)
        value, count = exceedance_curve(x, y, np.array([0.0, 0.7]))
        for k, level in enumerate((0.0, 0.7)):
            assert (value[k], count[k]) == pytest.approx(naive_tests.exceedance(x, y, level))

    def test_standardise(self):
        x, y = standardise(np.array([1.0, 2, 3]), np.array([0.1, 0.1, 0.1]))
        np.testing.assert_allclose(x, np.array([-1, 0, 1]) * math.sqrt(1.5))
        assert np.isnan(y).all()
        assert standardise(np.array([]))[0].tolist() == []


def implied(x, y, levels, *, side, null, draws, seed):
    """Expected curve and p-values, one draw at a time."""
    a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    volatilities = [naive_tests.local_volatility(side) for side in (a, b)]
    if null == "elliptical":
        a, b = naive_tests.over_local_volatility(a), naive_tests.over_local_volatility(b)
    n, r, sign = len(a), float(np.mean(a * b)), -1 if side == "lower" else 1
    generator = np.random.default_rng(seed)
    if null == "normal":
        noise = generator.standard_normal((draws, 2, n))
    else:
        v = (b - r * a) / np.sqrt(1 - r * r)  # the whitened row is (a, v)
        angle = generator.uniform(0, 2 * np.pi, (draws, n))
        noise = np.stack([np.hypot(a, v) * np.cos(angle), np.hypot(a, v) * np.sin(angle)], axis=1)

    def curve(first, second):
        told = [naive_tests.exceedance(first, second, level) for level in levels]
        return [value if count >= 4 else np.nan for value, count in told]

    curves = [curve(sign * a, sign * b)]
    for first, second in noise:
        u = (first - first.mean()) / first.std()
        left = second - second.mean() - u * np.mean(u * second)
        rows = [u, r * u + np.sqrt(1 - r * r) * left / left.std()]
        if null == "elliptical":
            rows = [row * volatility for row, volatility in zip(rows, volatilities, strict=True)]
            rows = [row / naive_tests.local_volatility(row) for row in rows]
            rows = [(row - row.mean()) / row.std() for row in rows]
        curves.append(curve(*rows))
    kept = np.array([curve for curve in curves if np.isfinite(curve).all()])
    distance = np.abs(kept - kept.mean(axis=0)) / kept.std(axis=0)
    p_values = [(distance[:, k] >= distance[0, k]).mean() for k in range(len(levels))]
    whole = (distance.max(axis=1) >= distance[0].max()).mean()
    return kept[1:].mean(axis=0), p_values, whole


class TestTwin:
    @pytest.mark.parametrize("side", ["lower", "upper"])
    @pytest.mark.parametrize("null", ["normal", "elliptical"])
    @pytest.mark.parametrize(("n", "levels"), [(120, (0.0, 0.4)), (40, (0.0, 0.5))])
    def test_equals_one_draw_at_a_time(self, side, null, n, levels):
        x, y = sample("t4", n, 0.6, seed=n)
        told = {"side": side, "null": null, "draws": 49, "seed": 3}
        test = exceedance_test(x, y, thresholds=levels, min_exceedances=4, **told)
        expected, p_values, whole = implied(x, y, levels, **told)
        assert not test.abstained
        assert test.n == n
        if null == "elliptical":
            x, y = naive_tests.over_local_volatility(x), naive_tests.over_local_volatility(y)
        assert test.correlation == pytest.approx(naive_tests.correlation(x, y))
        np.testing.assert_allclose(test.expected, expected, rtol=1e-9)
        np.testing.assert_allclose(test.p_values, p_values)
        assert test.p_value == pytest.approx(whole)
        assert test.thresholds.tolist() == list(levels)

    def test_the_fewest_exceedances_asked_for_are_enough(self):
        x, y = sample("t4", 120, 0.6, seed=120)
        told = {"side": "lower", "null": "normal", "draws": 19, "seed": 3, "thresholds": 0.0}
        fewest = exceedance_test(x, y, min_exceedances=4, **told).count[0]
        assert not exceedance_test(x, y, min_exceedances=fewest, **told).abstained
        assert exceedance_test(x, y, min_exceedances=fewest + 1, **told).abstained


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

    @pytest.mark.parametrize("null", ["normal", "elliptical"])
    def test_the_upper_side_is_the_lower_side_upside_down(self, null):
        x, y = sample("t4", 500, 0.5, seed=4)
        arguments = {
            "thresholds": (0.0, 0.5),
            "null": null,
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


class TestVolatilityOfOneAssetTriples:
    def test_own_jumps_of_volatility_are_not_a_downside_dependence(self):
        """Half of 200 samples were rejected when radii ignored volatility."""
        samples = sizes.simulate(
            "t4",
            replications=200,
            n=252,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(5),
        )
        samples[:, 84:126, 0] *= 3
        samples[:, 168:210, 1] *= 3
        rates = sizes.rates(
            partial(sizes.rejects_implied_curve, thresholds=(0.0, 0.5), draws=39), samples
        )
        assert rates["exceedance at 0, 0.5, elliptical null"][0] < 0.12


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
            assert test.reason == "a series is constant or r is ±1"
            assert np.isnan([test.p_value, *test.p_values, *test.expected]).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"side": "left"}, "side must be one of lower, upper, got 'left'"),
            ({"null": "student"}, "null must be one of normal, elliptical, got 'student'"),
            *(
                ({"thresholds": wrong}, f"thresholds must be rising numbers from 0 up, got {told}")
                for wrong, told in (
                    ((-1.0,), "[-1.0]"), ((), "[]"), ((0.5, 0.5), "[0.5, 0.5]"),
                    (((0.0, 1.0),), "[[0.0, 1.0]]"),
                    ((np.nan,), "[nan]"), ((0.0, np.inf), "[0.0, inf]"),
                )
            ),
            ({"min_exceedances": 3}, "min_exceedances must be at least 4, got 3"),
            ({"draws": 18}, "draws must be at least 19 for a 5 % test, got 18; 999 is usual"),
        ],
    )  # fmt: skip
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
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            exceedance_test(x, y, **(arguments | change))


class TestSize:
    @pytest.mark.parametrize(("law", "n"), [("t4", 252), ("garch", 252), ("strong garch", 504)])
    def test_five_percent_of_the_elliptical_null_under_fat_tails_and_clusters(self, law, n):
        """400 samples at a correlation of 0.5; the normal null is false there."""
        samples = sizes.simulate(
            law,
            replications=400,
            n=n,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(9),
        )
        rates = sizes.rates(
            partial(sizes.rejects_implied_curve, thresholds=(0.0,), draws=39), samples
        )
        assert rates["exceedance at 0, elliptical null"][0] == pytest.approx(0.05, abs=0.033)
        assert rates["exceedance at 0, normal null"][0] > 0.10
