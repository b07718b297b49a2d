import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.constants import SESSIONS_PER_YEAR
from models.verdict import (
    REJECTION,
    entry_flags,
    population_stability,
    rate_evidence,
    rates_evidence,
)

QUIET = 10
WATCH, DELEVERAGING = 1.6, 2.4
STATED = {WATCH: 4.8, DELEVERAGING: 1.45}
WEIGHTS = {WATCH: 0.8, DELEVERAGING: 0.2}


def _scores(markets: int, years: int, *, watch: float, deleveraging: float, seed: int) -> list:
    """Scores with known rates of entry: after a quiet spell each session enters alike."""
    generator = np.random.default_rng(seed)
    hazard = watch / SESSIONS_PER_YEAR / (1 - watch * QUIET / SESSIONS_PER_YEAR)
    paths = []
    for _ in range(markets):
        score = np.zeros(years * SESSIONS_PER_YEAR)
        # Gaps between entries: the quiet spell, then a geometric number of sessions.
        gaps = QUIET + generator.geometric(hazard, size=int(3 * watch * years) + 20)
        rows = np.cumsum(gaps) - 1
        rows = rows[rows < len(score)]
        deep = generator.random(len(rows)) < deleveraging / watch
        score[rows] = np.where(deep, DELEVERAGING, WATCH)
        paths.append(pd.Series(score))
    return paths


def _evidence(score: pd.Series) -> pd.Series:
    return rates_evidence(score, stated_rates=STATED, weights=WEIGHTS, quiet=QUIET)


class TestEntries:
    def test_an_alarm_within_the_quiet_spell_is_no_second_entry(self) -> None:
        score = np.array([3.0, 3.0, 0.0, 3.0, 0.0, 0.0, 0.0, 3.0])
        assert entry_flags(score, 1.0, quiet=3).nonzero()[0].tolist() == [0, 7]

    def test_a_session_without_score_is_no_alarm(self) -> None:
        assert not entry_flags(np.array([np.nan, 0.0]), 1.0, quiet=3).any()

    @given(st.lists(st.booleans(), max_size=60), st.integers(0, 12))
    def test_equals_a_loop(self, raised: list[bool], quiet: int) -> None:
        last, naive = -quiet - 1, []
        for row, alarm in enumerate(raised):
            naive.append(alarm and row - last > quiet)
            last = row if alarm else last
        flags = entry_flags(np.array(raised, dtype=float), 1.0, quiet=quiet)
        assert flags.tolist() == naive

    def test_a_negative_spell_is_refused(self) -> None:
        with pytest.raises(ValueError, match="quiet must be at least 0 sessions, got -1"):
            entry_flags(np.zeros(3), 1.0, quiet=-1)


class TestRateEvidence:
    def test_one_entry_by_hand(self) -> None:
        p = 2.52 / 252
        by_hand = [
            np.mean([(1 - k * p) / (1 - p) for k in (1.5, 2, 3, 5)]),
            np.mean([(1 - k * p) / (1 - p) * k for k in (1.5, 2, 3, 5)]),
        ]
        np.testing.assert_allclose(rate_evidence(np.array([0.0, 1.0]), stated_rate=2.52), by_hand)

    def test_its_mean_under_the_stated_rate_is_one(self) -> None:
        # Exact: all 2¹⁰ paths with their probabilities.
        p, n = 0.1, 10
        paths = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
        weight = np.prod(np.where(paths == 1, p, 1 - p), axis=1)
        last = [rate_evidence(path, stated_rate=p * SESSIONS_PER_YEAR)[-1] for path in paths]
        assert math.isclose(weight @ np.array(last), 1.0, rel_tol=1e-12)

    def test_a_session_without_score_changes_nothing(self) -> None:
        evidence = rate_evidence(np.array([0.0, np.nan, 1.0]), stated_rate=4)
        assert evidence[1] == evidence[0]

    def test_later_sessions_change_nothing_earlier(self) -> None:
        entries = (np.random.default_rng(3).random(400) < 0.02).astype(float)
        whole = rate_evidence(entries, stated_rate=4)
        np.testing.assert_array_equal(rate_evidence(entries[:150], stated_rate=4), whole[:150])

    @pytest.mark.parametrize("rate", [0.0, -1.0, 51.0, np.nan])
    def test_an_impossible_rate_is_refused(self, rate: float) -> None:
        with pytest.raises(ValueError, match="stated_rate must lie between 0 and 50"):
            rate_evidence(np.zeros(3), stated_rate=rate)

    def test_a_count_is_no_entry(self) -> None:
        with pytest.raises(ValueError, match="entries must be 0, 1 or NaN"):
            rate_evidence(np.array([2.0]), stated_rate=4)


class TestStatedRate:
    """Episodes come on top of the stated rates, 0.8 a year, in the test as in the markets."""

    def test_a_true_rate_is_rejected_in_at_most_one_of_twenty_markets(self) -> None:
        paths = _scores(300, 30, watch=4.8, deleveraging=1.45, seed=1)
        ever = np.mean([_evidence(path).max() >= REJECTION for path in paths])
        assert ever <= 0.05

    def test_twice_the_stated_rate_is_noticed_within_three_years(self) -> None:
        paths = _scores(200, 12, watch=8.8, deleveraging=2.1, seed=2)
        rejected = [(_evidence(path) >= REJECTION).to_numpy() for path in paths]
        years = [np.argmax(path) / SESSIONS_PER_YEAR if path.any() else np.inf for path in rejected]
        assert np.median(years) < 3

    def test_weights_must_cover_the_thresholds(self) -> None:
        with pytest.raises(ValueError, match="weights must cover the thresholds"):
            rates_evidence(pd.Series([0.0]), stated_rates=STATED, weights={WATCH: 1.0})


class TestDrift:
    def test_a_driver_as_calibrated_has_none(self) -> None:
        drawn = -np.log10(np.random.default_rng(5).random(5_000))
        assert population_stability(pd.Series(drawn)) < 0.01

    def test_a_driver_twice_as_often_in_its_tail_has_drifted(self) -> None:
        drawn = pd.Series([0.0] * 50 + [0.7] * 20 + [1.1] * 10 + [2.0] * 20)
        # Shares .50 .20 .10 .20 in place of .75 .15 .05 .05, half a count added to each.
        observed = np.array([50.5, 20.5, 10.5, 20.5]) / 102
        stated = np.array([0.75, 0.15, 0.05, 0.05])
        index = ((observed - stated) * np.log(observed / stated)).sum()
        assert math.isclose(population_stability(drawn, min_sessions=100), index, rel_tol=1e-12)
        assert index > 0.25

    def test_half_a_year_is_needed(self) -> None:
        assert np.isnan(population_stability(pd.Series([0.0] * 125 + [np.nan] * 50)))

    @settings(max_examples=25)
    @given(st.permutations(range(12)))
    def test_the_order_of_sessions_does_not_matter(self, order: list[int]) -> None:
        drawn = pd.Series(np.linspace(0, 2.5, 12))
        shuffled = drawn.iloc[order]
        assert population_stability(shuffled, min_sessions=5) == population_stability(
            drawn, min_sessions=5
        )
