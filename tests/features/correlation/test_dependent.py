import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import sizes
from features.correlation import compare_dependent_correlations, meng_z, steiger_z
from features.returns import standardised_returns
from tests import naive_tests
from tests.conftest import SHARED

PRICES = SHARED / "market" / "ibit_era" / "prices.parquet"


def three(n: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shared = generator.standard_t(4, n)
    return np.stack([shared + k * generator.standard_t(4, n) for k in (0.5, 1.0, 2.0)])


class TestTextbook:
    def test_the_example_of_meng_rosenthal_and_rubin(self):
        # Psychological Bulletin 111, p. 173: z = 1.68, one-sided p = .047, interval −.129 … 1.671.
        z, error = meng_z(0.63, -0.03, -0.19, n=15)
        difference = np.arctanh(0.63) - np.arctanh(-0.03)
        assert round(z, 2) == 1.68
        assert round(stats.norm.sf(z), 3) == 0.047
        assert difference - 1.96 * error == pytest.approx(-0.129, abs=1e-3)
        assert difference + 1.96 * error == pytest.approx(1.671, abs=1e-3)

    def test_the_values_of_depcor(self):
        # Silver, Hittner and May (2006), quoted by the tests of R's cocor.
        assert round(steiger_z(0.3, 0.4, 0.5, n=100), 4) == -1.0718
        assert round(meng_z(0.3, 0.4, 0.5, n=100)[0], 4) == -1.0707

    def test_equal_correlations_differ_by_nothing(self):
        assert steiger_z(0.4, 0.4, 0.2, n=50) == 0
        assert meng_z(0.4, 0.4, 0.2, n=50)[0] == 0


class TestComparison:
    def test_by_hand(self):
        # Balanced rows of ±1, so a row is 1/16 of each sum of squares. r is 1/2 with the first (12
        # rows agree) and 0 with the second (8 do). Without a row on which the two agree, r is
        # (15 r − 1)/14, else (15 r + 1)/14: 13/28 or 17/28, and −1/14 or 1/14.
        shared = np.array([1.0] * 8 + [-1.0] * 8)
        first = np.array([1.0] * 6 + [-1.0] * 2 + [-1.0] * 6 + [1.0] * 2)
        second = np.tile([1.0, -1.0], 8)
        test = compare_dependent_correlations(shared, first, second, confidence=0.95)
        whole = math.atanh(1 / 2)
        agree, disagree = whole - math.atanh(13 / 28), whole - math.atanh(17 / 28)
        step = math.atanh(1 / 14)
        rows = [agree - step] * 6 + [agree + step] * 6
        rows += [disagree - step] * 2 + [disagree + step] * 2
        error = math.sqrt(statistics.variance([15 * row for row in rows]) / 13)
        assert (test.first, test.second) == pytest.approx((1 / 2, 0))
        assert test.standard_error == pytest.approx(error)
        assert test.statistic == pytest.approx(whole / error)
        assert test.p_value == pytest.approx(2 * stats.t.sf(whole / error, 15))

    def test_against_the_twin(self):
        shared, first, second = three(80, seed=1)
        test = compare_dependent_correlations(shared, first, second, confidence=0.9)
        pseudo = naive_tests.pseudo_values(shared, first) - naive_tests.pseudo_values(
            shared, second
        )
        error = np.sqrt(statistics.variance(pseudo.tolist()) / 77)
        difference = np.arctanh(naive_tests.correlation(shared, first)) - np.arctanh(
            naive_tests.correlation(shared, second)
        )
        assert test.statistic == pytest.approx(difference / error, rel=1e-8)
        assert test.p_value == pytest.approx(2 * stats.t.sf(abs(difference / error), 79), rel=1e-8)
        half = stats.t.ppf(0.95, 79) * error
        assert (test.lower, test.upper) == pytest.approx((difference - half, difference + half))
        assert test.steiger_z == steiger_z(test.first, test.second, test.between, n=80)
        assert test.steiger_p_value == pytest.approx(2 * stats.norm.sf(abs(test.steiger_z)))
        z, meng_error = meng_z(test.first, test.second, test.between, n=80)
        assert test.meng_z == z
        assert test.meng_p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
        half = stats.norm.ppf(0.95) * meng_error
        assert (test.meng_lower, test.meng_upper) == pytest.approx(
            (difference - half, difference + half)
        )
        assert (test.n, test.abstained, test.reason) == (80, False, "")
        assert (test.first, test.second, test.between) == pytest.approx(
            (
                naive_tests.correlation(shared, first),
                naive_tests.correlation(shared, second),
                naive_tests.correlation(first, second),
            )
        )
        assert test.difference == pytest.approx(difference)
        assert test.standard_error == pytest.approx(error, rel=1e-8)

    def test_sixteen_rows_are_enough(self):
        test = compare_dependent_correlations(*three(16, seed=8), confidence=0.95)
        assert not test.abstained
        assert test.lower < test.difference < test.upper

    @pytest.mark.parametrize("confidence", [0, 1, 95])
    def test_a_confidence_is_no_percentage(self, confidence):
        said = f"^confidence must lie between 0 and 1, got {confidence}; 0.95 is usual"
        with pytest.raises(ValueError, match=said):
            compare_dependent_correlations(*three(16, seed=8), confidence=confidence)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-6, 1e6]))
    def test_swapping_the_two_changes_the_sign_alone(self, seed, scale):
        shared, first, second = three(40, seed=seed)
        one = compare_dependent_correlations(shared, first, second, confidence=0.95)
        other = compare_dependent_correlations(shared, scale * second, first, confidence=0.95)
        assert other.statistic == pytest.approx(-one.statistic, rel=1e-6)
        assert other.p_value == pytest.approx(one.p_value, rel=1e-6)
        assert other.meng_z == pytest.approx(-one.meng_z, rel=1e-6)
        assert other.steiger_z == pytest.approx(-one.steiger_z, rel=1e-6)

    def test_a_clear_difference_is_seen(self):
        generator = np.random.default_rng(2)
        shared = generator.standard_normal(252)
        first = shared + generator.standard_normal(252)
        second = generator.standard_normal(252)
        test = compare_dependent_correlations(shared, first, second, confidence=0.95)
        assert test.p_value < 0.001
        assert test.lower > 0


class TestHoliday:
    def test_a_row_missing_in_one_is_left_out_of_all(self):
        shared, first, second = three(60, seed=3)
        holes = second.copy()
        holes[[5, 30]] = np.nan
        with_holes = compare_dependent_correlations(shared, first, holes, confidence=0.95)
        kept = np.delete(np.arange(60), [5, 30])
        without = compare_dependent_correlations(
            shared[kept], first[kept], second[kept], confidence=0.95
        )
        assert with_holes.n == 58
        assert with_holes.p_value == without.p_value


class TestCannotTell:
    def test_too_few_rows(self):
        test = compare_dependent_correlations(*three(15, seed=4), confidence=0.95)
        assert test.abstained
        assert test.reason == "15 complete rows; the test needs 16"
        assert np.isnan(test.p_value)

    def test_the_same_series_twice_or_a_constant(self):
        shared, first, second = three(40, seed=5)
        for columns in (
            (shared, first, first),
            (shared, 2 * shared, second),
            (shared, first, 0 * first),
        ):
            test = compare_dependent_correlations(*columns, confidence=0.95)
            assert test.abstained
            assert test.n == 40
            assert test.reason == (
                "a series is constant, or two of the three are perfectly correlated"
            )
            assert np.isnan([test.p_value, test.steiger_z, test.meng_z]).all()
            expected = naive_tests.correlation(*columns[:2])
            assert test.first == pytest.approx(expected)  # told all the same


class TestSize:
    @pytest.mark.parametrize(
        ("law", "n"),
        [("normal", 20), ("t4", 63), ("garch", 126), ("common volatility", 252)],
    )
    def test_five_percent_where_correlations_are_equal(self, law, n):
        """1,000 samples: three Monte-Carlo standard errors are 2.1 %."""
        samples = sizes.simulate(
            law,
            replications=1000,
            n=n,
            correlation=sizes.equicorrelated(0.6, assets=3),
            generator=np.random.default_rng(6),
        )
        rates = sizes.rates(sizes.rejects_equality, samples)
        assert rates["dependent correlations, robust (used)"][0] == pytest.approx(0.05, abs=0.021)

    def test_the_textbook_has_far_more_under_fat_tails(self):
        samples = sizes.simulate(
            "t4",
            replications=500,
            n=63,
            correlation=sizes.equicorrelated(0.6, assets=3),
            generator=np.random.default_rng(6),
        )
        assert sizes.rates(sizes.rejects_equality, samples)["Steiger (textbook)"][0] > 0.10


class TestTwoLinksThatDiffer:
    def test_half_a_year_of_fat_tails_separates_one_half_from_a_sixth(self):
        """IBIT–IGV and IBIT–GLD of February 2026; eight cosines have a power of 0.53 here."""
        samples = sizes.simulate(
            "t4",
            replications=1000,
            n=126,
            correlation=np.array([[1, 0.5, 0.15], [0.5, 1, 0.2], [0.15, 0.2, 1]]),
            generator=np.random.default_rng(7),
        )
        rates = sizes.rates(sizes.rejects_equality, samples)
        assert rates["dependent correlations, robust (used)"][0] > 0.59


@pytest.fixture
def links() -> pd.DataFrame:
    if not PRICES.exists():
        pytest.skip("the market folder is not beside this checkout")
    prices = pd.read_parquet(PRICES, columns=["session", "symbol", "adj_close"])
    wide = prices[prices["symbol"].isin(["IBIT", "IGV", "GLD"])].pivot_table(
        index="session", columns="symbol", values="adj_close"
    )
    wide.index = pd.to_datetime(wide.index)
    return np.log(wide.dropna()).diff()


@pytest.mark.market
class TestFebruary2026:
    def test_half_a_year_tells_software_from_gold(self, links):
        """Bootstraps of blocks of 5 and 10 rows give 0.002 and 0.006; eight cosines gave 0.050."""
        last = standardised_returns(links, half_life=21, min_observations=21)
        last = last.loc[:"2026-02-05"].tail(126)
        test = compare_dependent_correlations(last["IBIT"], last["IGV"], last["GLD"])
        assert (test.first, test.second) == pytest.approx((0.477, 0.139), abs=5e-4)
        assert test.p_value == pytest.approx(0.0034, abs=5e-5)

    def test_twenty_sessions_do_not(self, links):
        """The article's pair on 6 February: 0.627 against 0.247, published in the event's notes."""
        last = links.loc[:"2026-02-06"].tail(20)
        test = compare_dependent_correlations(
            last["IBIT"], last["IGV"], last["GLD"], confidence=0.95
        )
        assert test.first == pytest.approx(0.627, abs=5e-4)
        assert test.second == pytest.approx(0.247, abs=5e-4)
        assert test.lower < 0 < test.upper
