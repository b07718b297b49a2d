from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.errors import NotEnoughData
from models.tails import (
    backtests,
    conditional_coverage,
    expected_shortfall_test,
    unconditional_coverage,
)
from tests import naive_backtests


def independence(returns, value_at_risk, **terms):
    """Christoffersen's LR_ind: what conditional coverage adds to unconditional coverage."""
    both = conditional_coverage(returns, value_at_risk, **terms)
    if both.statistic is None:
        return both
    alone = unconditional_coverage(returns, value_at_risk, **terms)
    ratio = max(0.0, both.statistic - alone.statistic)
    return replace(both, statistic=ratio, p_value=float(stats.chi2.sf(ratio, 1)))


COVERAGE = (unconditional_coverage, independence, conditional_coverage)


def sessions(hits):
    """Returns that fall below a value at risk of 1 where told to."""
    return np.where(np.asarray(hits, bool), -2.0, 0.5), np.ones(len(hits))


def with_violations(x, n):
    return sessions(np.arange(n) < x)


def outcome(of, hits, *, level=0.1):
    return of(*sessions(hits), level=level, min_observations=1)


def forecasts(n, *, nu, level, seed, understated=1.0):
    """Right forecasts of a Student-t market whose volatility moves, the excess scaled down."""
    sigma = 0.01 * np.exp(np.sin(np.arange(n) / 40))
    returns = sigma * stats.t(nu).rvs(n, random_state=seed)
    q = stats.t(nu).isf(level)
    shortfall = stats.t(nu).pdf(q) / level * (nu + q**2) / (nu - 1)
    return returns, sigma * q, sigma * (q + (shortfall - q) * understated)


class TestPublishedCoverage:
    @pytest.mark.parametrize(
        ("level", "regions"),
        [
            (0.01, ((0, 7), (1, 11), (4, 17))),
            (0.025, ((2, 12), (6, 21), (15, 36))),
            (0.05, ((6, 21), (16, 36), (37, 65))),
            (0.075, ((11, 28), (27, 51), (59, 92))),
            (0.1, ((16, 36), (38, 65), (81, 120))),
        ],
    )
    def test_the_non_rejection_regions_of_kupiec(self, level, regions):
        """Kupiec (1995) at 95 % confidence, as in Jorion's Value at Risk: bounds are rejected.

        The table prints N < 7 for 255 sessions at 1 %; the ratio of no violation is 5.13, so that
        strictly 0 is rejected as well.
        """
        for n, (below, above) in zip((255, 510, 1000), regions, strict=True):
            kept = [
                x
                for x in range(n // 4)
                if unconditional_coverage(
                    *with_violations(x, n), level=level, min_observations=1
                ).p_value
                > 0.05
            ]
            assert kept == list(range(below + 1, above))

    def test_an_equity_index_as_matlab_reports_it(self):
        """The example of MATLAB's `varbacktest.cc`: N00 932, N10 53, N01 53, N11 4, n 1043."""
        hits = [0] + [1, 1, 1, 1, 1, 0] + [1, 0] * 52
        hits += [0] * (1043 - len(hits))
        frequency, clustering, both = (outcome(test, hits, level=0.05) for test in COVERAGE)
        assert (both.violations, both.n) == (57, 1043)
        assert both.expected == pytest.approx(52.15)
        assert frequency.statistic == pytest.approx(0.46147, abs=5e-6)
        assert frequency.p_value == pytest.approx(0.49694, abs=5e-6)
        assert clustering.statistic == pytest.approx(0.25866, abs=5e-6)
        assert clustering.p_value == pytest.approx(0.61104, abs=5e-6)
        assert both.statistic == pytest.approx(0.72013, abs=1e-5)
        assert both.p_value == pytest.approx(0.69763, abs=5e-6)


class TestHandSized:
    def test_two_violations_of_ten(self):
        # x/n = 0.2 against 0.1: 2 (2 ln 2 + 8 ln(0.8/0.9)) = 0.888060.
        result = outcome(unconditional_coverage, [0, 0, 1, 1, 0, 0, 0, 0, 0, 0])
        assert result.statistic == pytest.approx(2 * (2 * np.log(2) + 8 * np.log(8 / 9)), rel=1e-13)
        assert result.p_value == pytest.approx(2 * stats.norm.sf(0.888060**0.5), rel=1e-5)
        assert (result.violations, result.expected, result.n) == (2, 1.0, 10)

    def test_a_cluster_of_two(self):
        # Transitions 00: 6, 01: 1, 10: 1, 11: 1, so π₀₁ = 1/7, π₁₁ = 1/2, π = 2/9.
        hits = [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
        by_hand = 2 * (
            6 * np.log(6 / 7)
            + np.log(1 / 7)
            + np.log(1 / 2)
            + np.log(1 / 2)
            - 7 * np.log(7 / 9)
            - 2 * np.log(2 / 9)
        )
        result = outcome(independence, hits)
        assert result.statistic == pytest.approx(by_hand, rel=1e-12)
        assert result.reason is None
        assert not result.abstained
        both = outcome(conditional_coverage, hits)
        frequency = outcome(unconditional_coverage, hits)
        assert both.statistic == pytest.approx(by_hand + frequency.statistic, rel=1e-12)
        assert both.p_value == pytest.approx(np.exp(-both.statistic / 2), rel=1e-12)

    def test_two_violations_apart_never_follow_each_other(self):
        # n₁₁ = 0: 00: 5, 01: 2, 10: 2, 11: 0; the second row is certain and costs nothing.
        result = outcome(independence, [0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
        by_hand = 2 * (
            5 * np.log(5 / 7) + 2 * np.log(2 / 7) - 7 * np.log(7 / 9) - 2 * np.log(2 / 9)
        )
        assert result.statistic == pytest.approx(by_hand, rel=1e-12)

    def test_three_violations_and_what_lay_beyond(self):
        # VaR 1, ES 2, losses 2, 3 and 4: y = 0, 1, 2; mean 1, deviation 1, t = √3.
        result = expected_shortfall_test(
            [-2, 0.1, -3, 0.2, -4],
            np.ones(5),
            np.full(5, 2.0),
            level=0.1,
            min_violations=3,
            draws=5000,
            seed=1,
        )
        assert result.statistic == pytest.approx(np.sqrt(3), rel=1e-12)
        assert (result.violations, result.expected, result.n) == (3, 0.5, 5)
        # 27 samples of three of y − ȳ = −1, 0, 1: t ≥ √3 where the sum S and the deviation s keep
        # S/√3 ≥ √3·s: (0,1,1) three times at t = 2, (1,1,1) and (0,0,0) without spread. 5/27.
        assert result.p_value == pytest.approx(5 / 27, abs=0.02)


class TestTwins:
    @pytest.mark.parametrize("seed", range(8))
    def test_ratios_equal_the_likelihoods_taken_session_by_session(self, seed):
        rng = np.random.default_rng(seed)
        hits = (rng.random(400) < 0.06).astype(int)
        frequency, clustering, both = (outcome(test, hits, level=0.05) for test in COVERAGE)
        uc = naive_backtests.coverage_ratio(hits.tolist(), 0.05)
        assert frequency.statistic == pytest.approx(uc, abs=1e-9)
        ind = naive_backtests.independence_ratio(hits.tolist())
        assert clustering.statistic == pytest.approx(ind, abs=1e-9)
        assert both.statistic == pytest.approx(uc + ind, abs=1e-9)

    @pytest.mark.parametrize("understated", [1.0, 0.5])
    def test_the_bootstrap_equals_one_with_other_dice(self, understated):
        series = forecasts(1500, nu=5, level=0.02, seed=3, understated=understated)
        result = expected_shortfall_test(*series, level=0.02, min_violations=5, draws=4000, seed=1)
        statistic, p_value = naive_backtests.shortfall_test(*series, 2000, 5)
        assert result.statistic == pytest.approx(statistic, rel=1e-10)
        # Two Monte Carlo errors: four standard deviations of both together.
        spread = np.sqrt(p_value * (1 - p_value) * (1 / 4000 + 1 / 2000))
        assert result.p_value == pytest.approx(p_value, abs=4 * spread + 1e-3)

    def test_blocks_of_memory_do_not_show(self, monkeypatch):
        series = forecasts(1000, nu=5, level=0.05, seed=2)
        terms = {"level": 0.05, "min_violations": 5, "draws": 997, "seed": 1}
        whole = expected_shortfall_test(*series, **terms)
        monkeypatch.setattr(backtests, "_BLOCK", whole.violations * 100)
        assert expected_shortfall_test(*series, **terms).p_value == pytest.approx(
            whole.p_value, abs=0.06
        )


class TestCalm:
    def test_no_violation_is_a_result_for_how_often(self):
        result = unconditional_coverage(*with_violations(0, 255), level=0.01, min_observations=1)
        assert result.statistic == pytest.approx(-2 * 255 * np.log(0.99), rel=1e-12)
        assert result.violations == 0

    @pytest.mark.parametrize("test", [independence, conditional_coverage])
    def test_no_violation_says_nothing_of_clusters(self, test):
        result = test(*with_violations(0, 255), level=0.01, min_observations=1)
        assert (result.statistic, result.p_value) == (None, None)
        assert "no violation, so clustering is not determined" in result.reason
        assert result.n == 255

    @pytest.mark.parametrize("test", [independence, conditional_coverage])
    def test_nor_does_one_on_the_last_session(self, test):
        result = outcome(test, [0] * 30 + [1])
        assert result.p_value is None
        assert "no violation is followed" in result.reason
        assert result.violations == 1

    def test_one_violation_on_the_first_session_is_an_ordinary_case(self):
        result = outcome(independence, [1] + [0] * 30)
        assert (result.statistic, result.p_value) == (0, 1)

    def test_too_few_violations_for_the_shortfall(self):
        series = forecasts(200, nu=5, level=0.02, seed=1)
        result = expected_shortfall_test(*series, level=0.02, min_violations=50, draws=10, seed=1)
        assert result.p_value is None
        assert "at least 50 are needed" in result.reason


class TestCrash:
    def test_violations_every_session(self):
        result = outcome(unconditional_coverage, [1] * 20)
        assert result.statistic == pytest.approx(-2 * 20 * np.log(0.1), rel=1e-12)
        clustering = outcome(independence, [1] * 20)
        assert clustering.p_value is None
        assert "no quiet session" in clustering.reason

    def test_a_run_of_violations_is_a_cluster(self):
        run = [0] * 200 + [1] * 8 + [0] * 200
        assert outcome(independence, run, level=0.02).p_value < 1e-6
        assert outcome(unconditional_coverage, run, level=0.02).p_value > 0.5
        assert outcome(conditional_coverage, run, level=0.02).p_value < 1e-6

    def test_losses_that_all_fall_equally_far_have_no_spread(self):
        result = expected_shortfall_test(
            np.full(30, -0.03),
            np.full(30, 0.01),
            np.full(30, 0.02),
            level=0.05,
            min_violations=5,
            draws=100,
            seed=1,
        )
        assert result.p_value is None
        assert result.reason == "the residuals do not vary"

    def test_a_shortfall_understated_by_half_is_found(self):
        series = forecasts(4000, nu=5, level=0.02, seed=8, understated=0.5)
        result = expected_shortfall_test(*series, level=0.02, min_violations=10, draws=999, seed=1)
        assert result.p_value < 0.01

    def test_one_overstated_is_not_what_it_looks_for(self):
        series = forecasts(4000, nu=5, level=0.02, seed=8, understated=2)
        result = expected_shortfall_test(*series, level=0.02, min_violations=10, draws=999, seed=1)
        assert result.p_value > 0.95


class TestHoliday:
    def test_a_missing_session_is_left_out_and_breaks_the_chain(self):
        returns, risk = sessions([0, 0, 1, 0, 1, 0, 0, 1, 1, 0])
        returns[3] = np.nan  # between two violations that thereby do not follow each other
        result = independence(returns, risk, level=0.1, min_observations=1)
        assert (result.n, result.violations) == (9, 4)
        # 00: 2, 01: 2, 10: 2, 11: 1 — bridging the gap would add another 11.
        by_hand = 2 * (
            4 * np.log(1 / 2)
            + 2 * np.log(2 / 3)
            + np.log(1 / 3)
            - 4 * np.log(4 / 7)
            - 3 * np.log(3 / 7)
        )
        assert result.statistic == pytest.approx(by_hand, rel=1e-12)

    def test_a_missing_forecast_is_left_out_too(self):
        series = forecasts(900, nu=5, level=0.05, seed=4)
        terms = {"level": 0.05, "min_violations": 5, "draws": 99, "seed": 1}
        holes = [one.copy() for one in series]
        for place, one in enumerate(holes):
            one[place * 7 :: 50] = np.nan
        kept = ~np.isnan(holes).any(axis=0)
        assert expected_shortfall_test(*holes, **terms) == expected_shortfall_test(
            *(one[kept] for one in series), **terms
        )

    def test_a_late_listing_starts_where_it_starts(self):
        hits = [0, 1, 0, 0, 1, 1, 0, 0]
        late = np.concatenate([np.full(20, np.nan), sessions(hits)[0]])
        for test in COVERAGE:
            assert test(late, np.ones(28), level=0.1, min_observations=8) == outcome(test, hits)


class TestProperties:
    @given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-4, 1.0, 1e4]))
    @settings(max_examples=25, deadline=None)
    def test_units_do_not_matter_and_figures_are_in_bounds(self, seed, scale):
        rng = np.random.default_rng(seed)
        returns, risk, shortfall = forecasts(300, nu=4, level=0.1, seed=rng)
        for test in COVERAGE:
            result = test(returns, risk, level=0.1, min_observations=1)
            assert test(returns * scale, risk * scale, level=0.1, min_observations=1) == result
            assert result.statistic >= 0
            assert 0 <= result.p_value <= 1
        terms = {"level": 0.1, "min_violations": 5, "draws": 99, "seed": seed}
        once = expected_shortfall_test(returns, risk, shortfall, **terms)
        scaled = expected_shortfall_test(returns * scale, risk * scale, shortfall * scale, **terms)
        assert scaled.statistic == pytest.approx(once.statistic, rel=1e-9)
        assert scaled.p_value == pytest.approx(once.p_value, abs=0.011)
        assert 0.01 <= once.p_value <= 1

    def test_a_drift_cancels_as_it_does_in_the_residuals_of_the_paper(self):
        # With μ_t in the forecasts, dividing by ES − VaR gives the same t as dividing by σ_t.
        returns, risk, shortfall = forecasts(2000, nu=5, level=0.05, seed=6)
        sigma, drift = 0.01 * np.exp(np.sin(np.arange(2000) / 40)), 0.003
        hits = returns < -risk
        of_paper = (-returns[hits] - shortfall[hits]) / sigma[hits]
        result = expected_shortfall_test(
            returns + drift,
            risk - drift,
            shortfall - drift,
            level=0.05,
            min_violations=5,
            draws=9,
            seed=1,
        )
        expected = stats.ttest_1samp(of_paper, 0).statistic
        assert result.statistic == pytest.approx(expected, rel=1e-9)

    def test_a_loss_of_exactly_the_value_at_risk_is_no_violation(self):
        result = unconditional_coverage([-1.0, -1.0001], [1, 1], level=0.1, min_observations=1)
        assert result.violations == 1

    def test_the_seed_decides(self):
        series = forecasts(1000, nu=5, level=0.05, seed=2)
        terms = {"level": 0.05, "min_violations": 5, "draws": 200}
        once, again, other = (expected_shortfall_test(*series, **terms, seed=s) for s in (1, 1, 2))
        assert once == again
        assert once.p_value != other.p_value


class TestSize:
    def test_right_forecasts_pass_about_nineteen_times_in_twenty(self):
        rejected = np.zeros(2)
        for seed in range(300):
            returns, risk, shortfall = forecasts(1000, nu=5, level=0.05, seed=seed)
            frequency = unconditional_coverage(returns, risk, level=0.05, min_observations=1)
            beyond = expected_shortfall_test(
                returns, risk, shortfall, level=0.05, min_violations=5, draws=199, seed=seed
            )
            rejected += [frequency.p_value < 0.05, beyond.p_value <= 0.05]
        assert np.all((rejected / 300 > 0.015) & (rejected / 300 < 0.09))


class TestTooLittle:
    @pytest.mark.parametrize("test", COVERAGE)
    def test_too_few_sessions(self, test):
        with pytest.raises(NotEnoughData, match="at least 100"):
            test(*with_violations(1, 99), level=0.05, min_observations=100)
        with pytest.raises(NotEnoughData):
            test([np.nan], [1.0], level=0.05, min_observations=0)

    def test_arguments_out_of_range(self):
        returns, risk = with_violations(2, 20)
        for test in COVERAGE:
            with pytest.raises(ValueError, match=r"level must lie in \(0, 0.5\]"):
                test(returns, risk, level=0.95, min_observations=1)
            with pytest.raises(ValueError, match="one length"):
                test(returns, risk[1:], level=0.05, min_observations=1)
            with pytest.raises(ValueError, match="infinity"):
                test(np.append(returns, np.inf), np.append(risk, 1), level=0.05, min_observations=1)
        terms = {"level": 0.05, "min_violations": 2, "draws": 9, "seed": 1}
        with pytest.raises(ValueError, match="min_violations must be at least 2"):
            expected_shortfall_test(returns, risk, 2 * risk, **{**terms, "min_violations": 1})
        with pytest.raises(ValueError, match="draws must be at least 1"):
            expected_shortfall_test(returns, risk, 2 * risk, **{**terms, "draws": 0})
        with pytest.raises(ValueError, match="expected_shortfall must exceed value_at_risk"):
            expected_shortfall_test(returns, risk, risk, **terms)
