import numpy as np
import pytest
from scipy import stats

from models.verdict import (
    base_rates,
    false_alarm_rate,
    rarity_of,
    rarity_table,
    reliability,
)


class TestFalseAlarmRate:
    def test_without_overdispersion_is_the_exact_poisson_bound(self) -> None:
        # Thirteen in 18.9 years: the upper 90 % bound is χ²₂₈(0.9) / 2 / 18.9.
        found = false_alarm_rate([4, 5, 4], [6.3, 6.3, 6.3])
        assert found.dispersion == 1.0
        assert found.rate == pytest.approx(13 / 18.9)
        assert found.upper == pytest.approx(stats.chi2.ppf(0.9, 28) / 2 / 18.9)
        assert found.lower == pytest.approx(stats.chi2.ppf(0.1, 26) / 2 / 18.9)
        assert (found.next_year_lower, found.next_year_upper) == (0, 2)

    def test_blocks_that_differ_widen_the_bound(self) -> None:
        even, uneven = (
            false_alarm_rate([4, 4, 4, 4], [4] * 4),
            false_alarm_rate([0, 1, 3, 12], [4] * 4),
        )
        assert even.rate == uneven.rate
        assert uneven.dispersion == pytest.approx((16 + 9 + 1 + 64) / 4 / 3)
        assert uneven.upper > even.upper + 0.3
        assert uneven.next_year_upper > even.next_year_upper

    def test_none_seen_is_no_rate_of_zero(self) -> None:
        found = false_alarm_rate([0, 0], [4.0, 4.0])
        assert (found.rate, found.lower) == (0.0, 0.0)
        assert found.upper == pytest.approx(-np.log(0.1) / 8)

    def test_the_bound_holds_in_nine_of_ten_histories(self) -> None:
        """Rates of blocks vary by a gamma distribution with mean 0.7 per year."""
        generator = np.random.default_rng(3)
        covered = []
        for _ in range(400):
            rates = generator.gamma(4.0, 0.7 / 4.0, 5)
            covered.append(false_alarm_rate(generator.poisson(4 * rates), [4.0] * 5).upper >= 0.7)
        assert np.mean(covered) > 0.85

    @pytest.mark.parametrize(("counts", "years"), [([3], [4.0]), ([3, 1], [4.0, 0.0]), ([], [])])
    def test_one_block_states_nothing(self, counts: list[int], years: list[float]) -> None:
        with pytest.raises(ValueError, match="two blocks of positive length"):
            false_alarm_rate(counts, years)


class TestRarity:
    def test_recovers_an_exponential_score(self) -> None:
        # P(score ≥ s) = 10^−s exactly: stated and observed return periods agree.
        generator = np.random.default_rng(1)
        scores = generator.exponential(1 / np.log(10), 40_000)
        years = np.repeat(np.arange(20), 2000)
        table = rarity_table(scores, years)
        for score in (0.5, 1.0, 2.0, 3.0):
            found = rarity_of(score, table)
            assert found.period == pytest.approx(10**score, rel=0.12)
            assert found.lower <= found.period <= found.upper

    def test_a_score_that_is_too_light_has_a_shorter_period(self) -> None:
        scores = np.random.default_rng(1).exponential(1.3 / np.log(10), 40_000)
        found = rarity_of(3.0, rarity_table(scores, np.repeat(np.arange(20), 2000)))
        assert found.period == pytest.approx(10 ** (3 / 1.3), rel=0.2)

    def test_years_that_differ_widen_the_interval(self) -> None:
        generator = np.random.default_rng(2)
        years = np.repeat(np.arange(10), 500)
        calm = generator.exponential(0.4, 5000)
        mixed = calm * np.where(years % 2, 1.6, 0.6)
        widths = [
            np.log(found.upper / found.lower)
            for found in (rarity_of(2.0, rarity_table(s, years)) for s in (calm, mixed))
        ]
        assert widths[1] > 1.5 * widths[0]

    def test_too_few_sessions_state_nothing(self) -> None:
        assert rarity_table(np.zeros(600), np.repeat(np.arange(3), 200)) == ()


class TestBaseRates:
    def test_count_every_session_once_and_cover_the_share(self) -> None:
        bands = np.repeat([0, 1, 2], [80, 15, 5])
        inside = np.zeros(100, dtype=bool)
        inside[[94, 96, 97, 98]] = True
        found = base_rates(bands, inside, np.arange(100) % 10, edges=(0.0, 1.0, 2.0))
        assert [band.sessions for band in found] == [80, 15, 5]
        assert [band.inside for band in found] == [0, 1, 3]
        assert found[2].share == pytest.approx(3.5 / 6)
        for band in found:
            assert 0 <= band.lower <= band.share <= band.upper <= 1

    def test_episodes_in_one_year_are_less_certain_than_in_many(self) -> None:
        bands, inside = np.zeros(1000, dtype=int), np.arange(1000) % 20 == 0
        spread = base_rates(bands, inside, np.arange(1000) // 100, edges=(0.0,))[0]
        one = base_rates(bands, np.sort(inside)[::-1], np.arange(1000) // 100, edges=(0.0,))[0]
        assert one.upper - one.lower > 2 * (spread.upper - spread.lower)


class TestReliability:
    def test_of_a_score_that_is_right_is_one(self) -> None:
        scores = np.random.default_rng(1).exponential(1 / np.log(10), 40_000)
        for _, ratio, lower, upper in reliability(
            scores, np.repeat(np.arange(20), 2000), (20, 100)
        ):
            assert ratio == pytest.approx(1.0, abs=0.15)
            assert lower <= ratio <= upper
