from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import sizes
from features.correlation import asymmetry_test
from tests import naive_tests


def t4_pair(n: int, rho: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    sample = sizes.simulate(
        "t4",
        replications=1,
        n=n,
        correlation=sizes.equicorrelated(rho, assets=2),
        generator=np.random.default_rng(seed),
    )[0]
    return sample[:, 0], sample[:, 1]


def crash_prone(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent when they rise, one and the same when they fall."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal(n)
    y = np.where(x < 0, x, np.abs(generator.standard_normal(n)))
    return x, y


class TestStatistic:
    @pytest.mark.parametrize("levels", [(0.0,), (0.0, 0.5), (0.0, 0.5, 1.0)])
    def test_against_the_twin(self, levels):
        x, y = t4_pair(300, 0.6, seed=1)
        test = asymmetry_test(x, y, thresholds=levels, min_exceedances=5, draws=19, seed=1)
        statistic = naive_tests.hong_tu_zhou(x, y, levels)
        assert test.statistic == pytest.approx(statistic, rel=1e-8)
        assert test.p_value_asymptotic == pytest.approx(stats.chi2.sf(statistic, len(levels)))

    def test_curves_and_counts_by_hand(self):
        # Mean 0 on both sides. Above 0 jointly: (1,1), (2,3), (3,2); below: (−1,−1), (−2,−2),
        # (−3,−3); one row of mixed sign does not count.
        x = np.array([1.0, 2, 3, 4, -1, -2, -3, -4, 5, -5])
        y = np.array([1.0, 3, 2, 4, -1, -2, -3, -4, -5, 5])
        test = asymmetry_test(x, y, thresholds=0.0, min_exceedances=4, draws=19, seed=1)
        assert (test.upper_count[0], test.lower_count[0]) == (4, 4)
        assert test.upper[0] == pytest.approx(0.8)
        assert test.lower[0] == pytest.approx(1)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1e6]))
    def test_turning_the_market_upside_down_swaps_the_curves(self, seed, scale):
        x, y = t4_pair(200, 0.5, seed=seed)
        arguments = {"thresholds": (0.0, 0.5), "min_exceedances": 4, "draws": 19, "seed": 1}
        one = asymmetry_test(x, y, **arguments)
        other = asymmetry_test(-scale * x, -y + 2, **arguments)
        np.testing.assert_allclose(other.upper, one.lower, rtol=1e-6)
        np.testing.assert_array_equal(other.lower_count, one.upper_count)
        assert other.statistic == pytest.approx(one.statistic, rel=1e-6, nan_ok=True)


class TestTwin:
    @pytest.mark.parametrize(("n", "levels"), [(150, (0.0, 0.5)), (40, (0.0,))])
    def test_the_p_value_ranks_the_statistic_among_flipped_rows(self, n, levels):
        x, y = t4_pair(n, 0.6, seed=n)
        test = asymmetry_test(x, y, thresholds=levels, min_exceedances=4, draws=29, seed=5)
        a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
        flips = 2 * np.random.default_rng(5).integers(0, 2, (29, n)) - 1
        ranked = []
        for flip in flips:
            thin = False
            u, v = flip * a, flip * b
            u, v = (u - u.mean()) / u.std(), (v - v.mean()) / v.std()
            for level in levels:
                for sign in (1, -1):
                    thin |= ((sign * u > level) & (sign * v > level)).sum() < 4
            if not thin:
                ranked.append(naive_tests.hong_tu_zhou(u, v, levels))
        assert len(ranked) > 19
        above = np.sum(np.array(ranked) >= test.statistic)
        assert test.p_value == pytest.approx((1 + above) / (1 + len(ranked)))
        assert 0.05 < test.p_value < 1

    def test_the_fewest_exceedances_asked_for_are_enough(self):
        x, y = t4_pair(150, 0.6, seed=150)
        told = {"thresholds": (0.0,), "draws": 19, "seed": 1}
        free = asymmetry_test(x, y, min_exceedances=4, **told)
        fewest = min(free.upper_count[0], free.lower_count[0])
        assert not asymmetry_test(x, y, min_exceedances=fewest, **told).abstained
        assert asymmetry_test(x, y, min_exceedances=fewest + 1, **told).abstained


class TestMirror:
    def test_a_mirrored_sample_has_no_asymmetry(self):
        x, y = t4_pair(100, 0.5, seed=2)
        test = asymmetry_test(
            np.concatenate([x, -x]),
            np.concatenate([y, -y]),
            thresholds=(0.0, 0.5),
            min_exceedances=10,
            draws=99,
            seed=1,
        )
        assert test.statistic == pytest.approx(0, abs=1e-12)
        assert test.p_value == 1


class TestCrash:
    def test_joint_falls_are_seen(self):
        x, y = crash_prone(500, seed=3)
        test = asymmetry_test(x, y, thresholds=(0.0,), min_exceedances=30, draws=199, seed=1)
        assert test.p_value <= 0.01
        assert test.lower[0] > 0.9 > 0.3 > test.upper[0]


class TestHoliday:
    def test_missing_rows_are_left_out(self):
        x, y = t4_pair(200, 0.5, seed=4)
        holes = y.copy()
        holes[[7, 90]] = np.nan
        kept = np.delete(np.arange(200), [7, 90])
        arguments = {"thresholds": (0.0,), "min_exceedances": 30, "draws": 99, "seed": 1}
        with_holes = asymmetry_test(x, holes, **arguments)
        without = asymmetry_test(x[kept], y[kept], **arguments)
        assert with_holes.n == 198
        assert (with_holes.statistic, with_holes.p_value) == (without.statistic, without.p_value)


class TestCannotTell:
    def test_too_few_joint_exceedances(self):
        x, y = t4_pair(252, 0.3, seed=5)
        test = asymmetry_test(x, y, thresholds=(0.0, 1.5), min_exceedances=30, draws=19, seed=1)
        fewest = min(test.upper_count.min(), test.lower_count.min())
        assert test.abstained
        assert test.reason == (f"{fewest} joint exceedances; each side of each threshold needs 30")
        assert np.isnan([test.statistic, test.p_value, test.p_value_asymptotic]).all()

    def test_a_constant_series(self):
        x, _ = t4_pair(100, 0.3, seed=6)
        test = asymmetry_test(x, 0 * x, thresholds=(0.0,), min_exceedances=4, draws=19, seed=1)
        assert test.abstained
        assert test.n == 100
        assert test.reason == "0 joint exceedances; each side of each threshold needs 4"

    def test_thresholds_that_select_the_same_rows(self):
        x, y = t4_pair(200, 0.5, seed=7)
        test = asymmetry_test(
            x, y, thresholds=(0.5, 0.5 + 1e-9), min_exceedances=10, draws=19, seed=1
        )
        assert test.abstained
        assert test.reason == "thresholds select the same rows, or exceedances lie on one line"

    def test_refuses(self):
        x, y = t4_pair(50, 0.5, seed=8)
        arguments = {"min_exceedances": 10, "draws": 99, "seed": 1}
        said = r"^thresholds must be rising numbers from 0 up, got \[0.5, 0.0\]"
        with pytest.raises(ValueError, match=said):
            asymmetry_test(x, y, thresholds=(0.5, 0.0), **arguments)
        with pytest.raises(ValueError, match="^min_exceedances must be at least 4, got 3"):
            asymmetry_test(x, y, thresholds=(0.0,), min_exceedances=3, draws=99, seed=1)
        with pytest.raises(ValueError, match="^draws must be at least 19 .*, got 5; 999 is usual"):
            asymmetry_test(x, y, thresholds=(0.0,), min_exceedances=10, draws=5, seed=1)


class TestSize:
    def test_five_percent_under_fat_tails_where_chi_squared_has_next_to_none(self):
        """500 samples of 252 t₄ rows at a correlation of 0.8."""
        samples = sizes.simulate(
            "t4",
            replications=500,
            n=252,
            correlation=sizes.equicorrelated(0.8, assets=2),
            generator=np.random.default_rng(9),
        )
        found = sizes.rates(partial(sizes.rejects_symmetry, thresholds=(0.0,), draws=99), samples)
        assert found["Hong-Tu-Zhou at 0, sign flips (used)"][0] == pytest.approx(0.05, abs=0.03)
        assert found["Hong-Tu-Zhou at 0, chi2 (textbook)"][0] < 0.02
