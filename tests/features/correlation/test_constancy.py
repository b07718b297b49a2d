from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import sizes
from features.correlation import constancy_test
from tests import naive_tests


def pair(
    n: int, seed: int, *, first: float = 0.5, second: float = 0.5
) -> tuple[pd.Series, pd.Series]:
    """Two t₄ returns whose correlation goes from `first` to `second` halfway."""
    generator = np.random.default_rng(seed)
    halves = [
        sizes.simulate(
            "t4",
            replications=1,
            n=rows,
            correlation=sizes.equicorrelated(rho, assets=2),
            generator=generator,
        )[0]
        for rows, rho in ((n // 2, first), (n - n // 2, second))
    ]
    frame = pd.DataFrame(np.vstack(halves), index=pd.bdate_range("2025-01-02", periods=n))
    return frame[0], frame[1]


class TestStatistic:
    def test_a_clean_break_by_hand(self):
        # Thirty rows on the line y = x, thirty on y = −x: ρ̂ is 0 overall and 1 up to row 30, where
        # (j/√n)|ρ̂_j − ρ̂_n| is 30/√60. The influence function is xy itself, +1 and then −1, and
        # ln 60 truncates to a bandwidth of 4: of the 60 − l pairs of lag l, l lie across the break.
        # All rows are of size 1, hence so is the local volatility.
        line = np.array([1.0, -1.0] * 15)
        x = pd.Series(np.tile(line, 2), index=range(100, 160))
        y = pd.Series(np.concatenate([line, -line]), index=range(100, 160))
        test = constancy_test(x, y, draws=99, seed=1)
        long_run_variance = 1 + 2 * sum((1 - lag / 4) * (60 - 3 * lag) / 60 for lag in (1, 2, 3))
        assert test.statistic == pytest.approx(30 / np.sqrt(60) / np.sqrt(long_run_variance))
        assert test.break_at == 130
        assert (test.before, test.after) == pytest.approx((1, -1))
        assert test.p_value == 0.01

    @pytest.mark.parametrize(("n", "seed"), [(60, 1), (63, 2), (126, 3)])
    def test_against_the_matrices_of_the_paper(self, n, seed):
        x, y = pair(n, seed)
        test = constancy_test(x, y, draws=19, seed=1)
        a, b = (naive_tests.over_local_volatility(side.to_numpy()) for side in (x, y))
        statistic, last = naive_tests.wied_kraemer_dehling(a, b)
        assert test.statistic == pytest.approx(statistic, rel=1e-9)
        assert test.break_at == x.index[last]
        assert test.p_value_asymptotic == pytest.approx(stats.kstwobign.sf(statistic), rel=1e-9)

    def test_the_critical_values_of_the_paper(self):
        # Wied, Krämer and Dehling (2012): 1.358 at 5 %, 1.628 at 1 %.
        assert stats.kstwobign.isf(0.05) == pytest.approx(1.358, abs=5e-4)
        assert stats.kstwobign.isf(0.01) == pytest.approx(1.628, abs=5e-4)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1e6]))
    def test_blind_to_scale_sign_and_order_of_the_pair(self, seed, scale):
        x, y = pair(64, seed)
        one = constancy_test(x, y, draws=19, seed=1)
        other = constancy_test(-scale * y, x + scale, draws=19, seed=1)
        assert other.statistic == pytest.approx(one.statistic, rel=1e-6)
        assert (other.break_at, other.p_value) == (one.break_at, one.p_value)
        assert other.correlation == pytest.approx(-one.correlation, rel=1e-6)

    def test_the_seed_decides_the_p_value(self):
        x, y = pair(60, 4)
        one = constancy_test(x, y, draws=99, seed=1)
        assert one.p_value == constancy_test(x, y, draws=99, seed=1).p_value
        assert one.statistic == constancy_test(x, y, draws=99, seed=2).statistic

    @pytest.mark.parametrize("n", [60, 75])
    def test_the_p_value_ranks_the_statistic_among_reordered_rows(self, n):
        x, y = pair(n, 9)
        test = constancy_test(x, y, draws=49, seed=7)
        centred = [side.to_numpy() - side.mean() for side in (x, y)]
        volatilities = [naive_tests.local_volatility(side) for side in centred]
        rows = [naive_tests.over_local_volatility(side) for side in centred]
        ranked = []
        for order in np.random.default_rng(7).permuted(np.tile(np.arange(n), (49, 1)), axis=1):
            a, b = (
                side[order] * volatility
                for side, volatility in zip(rows, volatilities, strict=True)
            )
            # no second centring: the draw is divided by its volatility as it is
            a, b = ((side / naive_tests.local_volatility(side)) for side in (a, b))
            ranked.append(naive_tests.wied_kraemer_dehling(a, b)[0])
        assert test.p_value == (1 + np.sum(np.array(ranked) >= test.statistic)) / 50
        assert (test.n, test.abstained, test.reason) == (n, False, "")
        assert test.correlation == pytest.approx(naive_tests.correlation(*rows))

    def test_two_rows_have_no_correlation(self):
        # two small rows on y = x, then all on y = −x: the likeliest break is behind the two
        x, noise = pair(60, 10, first=0.0, second=0.0)
        y = -x + 0.3 * noise
        x.iloc[:2], y.iloc[:2] = [0.1, -0.1], [0.1, -0.1]
        test = constancy_test(x, y, draws=19, seed=1)
        rows = [naive_tests.over_local_volatility(side.to_numpy()) for side in (x, y)]
        assert test.break_at == x.index[2]
        assert np.isnan(test.before)
        assert test.after == pytest.approx(naive_tests.correlation(rows[0][2:], rows[1][2:]))


class TestDecoupling:
    def test_the_break_is_dated(self):
        x, y = pair(252, 5, first=0.9, second=0.0)
        test = constancy_test(x, y, draws=199, seed=1)
        assert test.p_value <= 0.01
        assert abs(x.index.get_loc(test.break_at) - 126) <= 25
        assert test.before > 0.7 > 0.4 > test.after


class TestHoliday:
    def test_missing_rows_are_left_out_and_the_date_still_names_a_session(self):
        x, y = pair(120, 6, first=0.9, second=-0.5)
        holes = y.copy()
        holes.iloc[[3, 70]] = np.nan
        test = constancy_test(x, holes, draws=99, seed=1)
        kept = holes.notna()
        without = constancy_test(x[kept], y[kept], draws=99, seed=1)
        assert test.n == 118
        assert (test.statistic, test.p_value, test.break_at) == (
            without.statistic,
            without.p_value,
            without.break_at,
        )


class TestCannotTell:
    def test_short_constant_or_perfect(self):
        x, y = pair(64, 7)
        for one, other, reason in (
            (x.iloc[:59], y.iloc[:59], "59 complete rows; the test needs 60"),
            (x, 0 * y, "a series is constant or r is ±1"),
            (x, 1e-9 * x, "a series is constant or r is ±1"),
        ):
            test = constancy_test(one, other, draws=19, seed=1)
            assert test.abstained
            assert test.reason == reason
            assert test.n == len(one)
            assert np.isnan([test.p_value, test.statistic, test.before, test.after]).all()
            assert test.break_at is None
        assert test.correlation == pytest.approx(1)

    def test_refuses_what_is_misaligned(self):
        x, y = pair(64, 8)
        said = "^x and y must share one index, got 64 and 64 rows"
        with pytest.raises(ValueError, match=said):
            constancy_test(x, y.shift(freq="D"), draws=19, seed=1)
        said = "^draws must be at least 19 for a 5 % test, got 18; 999 is usual"
        with pytest.raises(ValueError, match=said):
            constancy_test(x, y, draws=18, seed=1)


class TestSize:
    @pytest.mark.parametrize(
        ("law", "n", "rho"), [("t4", 63, 0.8), ("garch", 126, 0.0), ("strong garch", 252, 0.5)]
    )
    def test_five_percent_under_fat_tails_and_clusters(self, law, n, rho):
        """600 samples: three Monte-Carlo standard errors are 2.7 %."""
        samples = sizes.simulate(
            law,
            replications=600,
            n=n,
            correlation=sizes.equicorrelated(rho, assets=2),
            generator=np.random.default_rng(9),
        )
        rates = sizes.rates(partial(sizes.rejects_constancy, draws=99), samples)
        assert rates["Wied-Kramer-Dehling, permuted (used)"][0] == pytest.approx(0.05, abs=0.027)

    def test_the_bridge_has_far_more(self):
        samples = sizes.simulate(
            "t4",
            replications=300,
            n=63,
            correlation=sizes.equicorrelated(0.8, assets=2),
            generator=np.random.default_rng(9),
        )
        rates = sizes.rates(partial(sizes.rejects_constancy, draws=19), samples)
        assert rates["Wied-Kramer-Dehling, bridge (textbook)"][0] > 0.15


class TestVolatilityTriples:
    def test_a_jump_of_volatility_is_not_a_break_of_correlation(self):
        """Half of 400 samples broke when permutations ignored volatility."""
        samples = sizes.simulate(
            "t4",
            replications=400,
            n=126,
            correlation=sizes.equicorrelated(0.5, assets=2),
            generator=np.random.default_rng(10),
        )
        samples[:, 84:] *= 3
        rates = sizes.rates(partial(sizes.rejects_constancy, draws=99), samples)
        assert rates["Wied-Kramer-Dehling, permuted (used)"][0] < 0.09
