from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.verdict import (
    Episode,
    Period,
    Record,
    chance_detections,
    episode_windows,
    evaluate_rule,
    inside_episode,
    lowest_threshold,
    molchan_curve,
    near_episode,
    poisson_interval,
    pooled,
)
from tests import naive_verdict
from unwind.calendar import sessions_between

# August 2007 to the end of the year; Labor Day is 3 September.
SESSIONS = sessions_between(pd.Timestamp("2007-07-02").date(), pd.Timestamp("2007-12-31").date())


def _episode(acute_start: str, end: str, name: str = "E") -> Episode:
    return Episode(
        name=name, title="t", acute_start=pd.Timestamp(acute_start), end=pd.Timestamp(end)
    )


def _period(start: str, end: str) -> Period:
    return Period(name="P", start=pd.Timestamp(start), end=pd.Timestamp(end))


def _alarm(*raised: str) -> pd.Series:
    assert set(raised) <= {f"{day:%Y-%m-%d}" for day in SESSIONS}
    return pd.Series(SESSIONS.strftime("%Y-%m-%d").isin(raised), index=SESSIONS)


def _judge(
    alarm: pd.Series,
    *episodes: Episode,
    calm: tuple[Period, ...] = (),
    others: tuple[Period, ...] = (),
) -> Record:
    return evaluate_rule(alarm, episodes=episodes, calm=calm, others=others, quiet=10)


QUANTS = _episode("2007-08-06", "2007-08-10", "quants")


class TestCatch:
    @pytest.mark.parametrize(
        ("entry", "delay"),
        [
            ("2007-08-02", None),  # two sessions before: not this episode's
            ("2007-08-03", -1),  # the Friday before the Monday: one session
            ("2007-08-06", 0),
            ("2007-08-08", 2),
            ("2007-08-10", 4),
            ("2007-08-13", None),
        ],
    )
    def test_delay_counts_sessions_from_the_acute_start(
        self, entry: str, delay: int | None
    ) -> None:
        record = _judge(_alarm(entry), QUANTS)
        assert [catch.delay for catch in record.detections] == [delay]
        assert record.detected == (delay is not None)

    def test_the_first_entry_counts(self) -> None:
        record = _judge(_alarm("2007-08-07", "2007-08-09"), QUANTS)
        assert record.detections[0].entry == pd.Timestamp("2007-08-07")
        assert record.detections[0].delay == 1

    def test_an_alarm_that_has_stood_since_before_is_no_entry(self) -> None:
        standing = _alarm(*(f"2007-08-0{day}" for day in (1, 2, 3, 6, 7, 8, 9)))
        assert _judge(standing, QUANTS).detected == 0

    def test_within_so_many_sessions(self) -> None:
        record = _judge(
            _alarm("2007-08-08", "2007-11-07"),
            QUANTS,
            _episode("2007-11-01", "2007-11-30"),
            _episode("2007-12-10", "2007-12-12"),
        )
        assert [catch.delay for catch in record.detections] == [2, 4, None]
        assert [record.detected_within(sessions) for sessions in (1, 2, 4)] == [0, 1, 2]
        assert record.median_delay == 3.0

    def test_nothing_caught_has_no_median(self) -> None:
        assert np.isnan(_judge(_alarm(), QUANTS).median_delay)

    def test_episodes_outside_the_scored_sessions_are_left_out(self) -> None:
        record = _judge(
            _alarm(),
            _episode("2006-05-11", "2006-06-13"),
            _episode("2007-06-29", "2007-07-10"),  # begins before the first session
            _episode("2008-09-15", "2008-11-20"),
            QUANTS,
        )
        assert [catch.episode.name for catch in record.detections] == ["quants"]


class TestNarrowAlarm:
    """Losses of long–short spreads alone: one strategy is being cut, not every class."""

    def test_detects_a_narrow_episode_and_no_other(self) -> None:
        raised = _alarm("2007-08-07", "2007-11-02")
        broad = _episode("2007-11-01", "2007-11-09", "broad")
        narrow = replace(QUANTS, cross_asset=False)
        record = evaluate_rule(raised, narrow=raised, episodes=(narrow, broad))
        assert [found.delay for found in record.detections] == [1, None]

    def test_that_turns_broad_detects_from_then_on(self) -> None:
        raised = _alarm("2007-08-06", "2007-08-07", "2007-08-08")
        record = evaluate_rule(raised, narrow=_alarm("2007-08-06"), episodes=(QUANTS,))
        assert [found.delay for found in record.detections] == [1]

    def test_is_paid_for_like_any_other(self) -> None:
        raised = _alarm("2007-10-01")
        assert len(evaluate_rule(raised, narrow=raised, episodes=()).false_alarms) == 1


class TestAlarmWithoutSkill:
    """An alarm that costs nothing for its time would score best by never being silent."""

    SESSIONS = sessions_between(
        pd.Timestamp("2004-01-02").date(), pd.Timestamp("2009-12-31").date()
    )
    EPISODES = tuple(
        _episode(f"{year}-{month}-06", f"{year}-{month}-16", f"{year}-{month}")
        for year in range(2004, 2010)
        for month in ("03", "09")
    )

    @pytest.mark.parametrize("kind", ["alternating", "always on", "random"])
    def test_scores_at_the_bottom(self, kind: str) -> None:
        n = len(self.SESSIONS)
        flags = {
            "alternating": np.arange(n) % 2 == 0,
            "always on": np.ones(n, dtype=bool),
            "random": np.random.default_rng(5).random(n) < 0.2,
        }[kind]
        record = evaluate_rule(pd.Series(flags, self.SESSIONS), episodes=self.EPISODES)
        assert record.false_alarm_rate > 15
        assert record.raised_share > 0.15
        windows = episode_windows(self.SESSIONS, self.EPISODES)
        chance = chance_detections(flags, windows)
        # No more detections than the same entries make anywhere else.
        assert record.detected_within(2) <= np.quantile(chance, 0.95)

    def test_is_beaten_by_one_session_per_episode(self) -> None:
        flags = self.SESSIONS.isin([found.acute_start for found in self.EPISODES])
        record = evaluate_rule(pd.Series(flags, self.SESSIONS), episodes=self.EPISODES)
        n = int(flags.sum())
        assert record.detected_within(2) >= n > 6
        assert record.false_alarms == ()
        assert record.entries_per_episode == pytest.approx(record.detected / 12)
        chance = chance_detections(flags, episode_windows(self.SESSIONS, self.EPISODES))
        assert np.quantile(chance, 0.95) <= n / 2


class TestMolchanCurve:
    SESSIONS, EPISODES = TestAlarmWithoutSkill.SESSIONS, TestAlarmWithoutSkill.EPISODES

    def test_of_noise_lies_in_the_band_of_chance(self) -> None:
        noise = pd.Series(np.random.default_rng(1).random(len(self.SESSIONS)), self.SESSIONS)
        windows = episode_windows(self.SESSIONS, self.EPISODES)
        curve = molchan_curve(noise.to_numpy(), windows)
        assert (curve.misses >= curve.chance_lower - 1 / 12).all()
        assert (np.diff(curve.misses) <= 0).all()
        assert curve.misses[-1] == 0.0
        assert curve.raised[-1] == 1.0

    def test_of_a_score_that_knows_reaches_no_miss_at_once(self) -> None:
        score = pd.Series(np.random.default_rng(1).random(len(self.SESSIONS)), self.SESSIONS)
        rows = episode_windows(self.SESSIONS, self.EPISODES) + 1
        score.iloc[rows] += 1.0
        curve = molchan_curve(score.to_numpy(), rows - 1)
        assert curve.misses[curve.raised >= 0.01][0] == 0.0
        assert curve.chance_lower[curve.raised >= 0.01][0] >= 0.5


class TestHoliday:
    def test_a_long_weekend_is_one_session(self) -> None:
        # Friday 31 August, Labor Day, Tuesday 4 September.
        episode = _episode("2007-09-04", "2007-09-12")
        assert _judge(_alarm("2007-08-31"), episode).detections[0].delay == -1
        assert _judge(_alarm("2007-09-06"), episode).detections[0].delay == 2

    def test_an_acute_start_on_a_closed_day_counts_from_the_next_session(self) -> None:
        episode = _episode("2007-09-01", "2007-09-12")
        assert _judge(_alarm("2007-09-04"), episode).detections[0].delay == 0
        assert _judge(_alarm("2007-08-31"), episode).detections[0].delay == -1


class TestFalseEntry:
    @pytest.mark.parametrize(
        ("entry", "false"),
        [
            ("2007-08-02", True),  # four days before
            ("2007-08-03", False),
            ("2007-08-20", False),  # ten days after
            ("2007-08-21", True),
        ],
    )
    def test_lies_outside_three_days_before_to_ten_days_after(
        self, entry: str, false: bool
    ) -> None:
        assert len(_judge(_alarm(entry), QUANTS).false_alarms) == false

    def test_a_stretch_counts_one_per_ten_sessions_begun(self) -> None:
        first, eleventh = pd.Timestamp("2007-10-01"), pd.Timestamp("2007-10-15")
        assert _judge(_alarm("2007-10-01", "2007-10-03", "2007-10-12")).false_alarms == (first,)
        ten = _alarm("2007-10-01", "2007-10-15")  # 10 sessions on: an eleventh session is raised
        assert _judge(ten).false_alarms == (first, eleventh)
        apart = _alarm("2007-10-01", "2007-10-16")  # 11 sessions on: another stretch
        assert len(_judge(apart).false_alarms) == 2

    def test_an_alarm_that_outlasts_its_episode_pays_for_the_time(self) -> None:
        # 17 August lies within the buffer, 24 August does not.
        record = _judge(_alarm("2007-08-17", "2007-08-24"), QUANTS)
        assert record.false_alarms == (pd.Timestamp("2007-08-24"),)
        assert (record.raised, record.raised_outside) == (2, 1)

    def test_calm_and_other_selloffs_are_listed(self) -> None:
        record = _judge(
            _alarm("2007-10-01", "2007-11-01", "2007-12-11"),
            calm=(_period("2007-10-01", "2007-10-05"),),
            others=(_period("2007-12-10", "2007-12-11"),),
        )
        assert record.calm_alarms == (pd.Timestamp("2007-10-01"),)
        assert record.other_alarms == (pd.Timestamp("2007-12-11"),)
        assert len(record.false_alarms) == 3

    def test_rate_is_a_year(self) -> None:
        record = _judge(_alarm("2007-10-01"))
        assert record.years == pytest.approx(182 / 365.25)
        assert record.false_alarm_rate == pytest.approx(365.25 / 182)
        lower, upper = record.false_alarm_rate_interval
        assert lower < record.false_alarm_rate < upper

    @given(st.lists(st.booleans(), min_size=1, max_size=len(SESSIONS)))
    @settings(max_examples=100, deadline=None)
    def test_equals_the_obvious_twin(self, raised: list[bool]) -> None:
        sessions = SESSIONS[: len(raised)]
        record = _judge(pd.Series(raised, index=sessions), QUANTS)
        near = near_episode(sessions, (QUANTS,)).tolist()
        outside = [alarm and not inside for alarm, inside in zip(raised, near, strict=True)]
        told = [sessions[t] for t in naive_verdict.false_alarms(outside, quiet=10)]
        assert list(record.false_alarms) == told
        assert record.raised == sum(raised)
        assert record.raised_outside == sum(outside)

    def test_no_session_no_record(self) -> None:
        record = _judge(pd.Series([], dtype=bool, index=pd.DatetimeIndex([])), QUANTS)
        assert (record.detections, record.false_alarms, record.years) == ((), (), 0.0)
        assert np.isnan(record.false_alarm_rate)
        assert np.isnan(record.false_alarm_rate_interval).all()


class TestLabels:
    def test_both_ends_are_inside(self) -> None:
        inside = inside_episode(SESSIONS, (QUANTS,))
        assert SESSIONS[inside].strftime("%d").tolist() == ["06", "07", "08", "09", "10"]

    def test_near_holds_inside(self) -> None:
        near = near_episode(SESSIONS, (QUANTS,))
        assert (near | ~inside_episode(SESSIONS, (QUANTS,))).all()
        days = SESSIONS[near]
        assert (days[0], days[-1]) == (pd.Timestamp("2007-08-03"), pd.Timestamp("2007-08-20"))


class TestPoissonInterval:
    @pytest.mark.parametrize(
        ("count", "lower", "upper"),
        # Pearson and Hartley, Biometrika Tables for Statisticians I, table 40 (Garwood 1936).
        [(0, 0.0, 3.69), (1, 0.0253, 5.57), (5, 1.62, 11.67), (10, 4.80, 18.39)],
    )
    def test_of_garwood(self, count: int, lower: float, upper: float) -> None:
        assert poisson_interval(count, 1.0) == (
            pytest.approx(lower, abs=0.005), pytest.approx(upper, abs=0.005),
        )  # fmt: skip
        assert poisson_interval(count, 4.0) == pytest.approx(
            np.array(poisson_interval(count, 1.0)) / 4
        )


class TestUnited:
    def test_adds_up_two_stretches(self) -> None:
        one = _judge(_alarm("2007-08-06", "2007-10-01"), QUANTS)
        both = pooled((one, one))
        assert both.years == 2 * one.years
        assert both.detected == 2
        assert both.false_alarm_rate == pytest.approx(one.false_alarm_rate)


class TestLowestThreshold:
    @pytest.mark.parametrize("budget", [0.5, 1.0, 3.0])
    def test_equals_the_obvious_walk(self, budget: float) -> None:
        sessions = sessions_between(
            pd.Timestamp("2004-01-02").date(), pd.Timestamp("2009-12-31").date()
        )
        values = pd.Series(np.random.default_rng(4).exponential(1.0, len(sessions)), index=sessions)
        found = lowest_threshold((values,), episodes=(QUANTS,), budget=budget, quiet=10)
        grid = np.quantile(values, 1 - np.geomspace(0.2, 0.0005, 150))
        years = (sessions[-1] - sessions[0]).days / 365.25
        told = naive_verdict.lowest_threshold(
            values, near_episode(sessions, (QUANTS,)).tolist(), grid.tolist(),
            allowed=budget * years, quiet=10,
        )  # fmt: skip
        assert found == told
        record = _judge(values >= found, QUANTS)
        assert record.false_alarm_rate <= budget

    def test_what_happens_in_an_episode_costs_nothing(self) -> None:
        values = pd.Series(np.random.default_rng(4).exponential(1.0, len(SESSIONS)), SESSIONS)
        inside = near_episode(SESSIONS, (QUANTS,))
        quiet = lowest_threshold(
            (values.mask(inside, 0.0),), episodes=(QUANTS,), budget=2.0, quiet=10
        )
        record = _judge(values.mask(inside, 50.0) >= quiet, QUANTS)
        assert record.false_alarm_rate <= 2.0 + 1e-9

    def test_no_threshold_of_the_grid_is_none_at_all(self) -> None:
        values = pd.Series(np.arange(len(SESSIONS), dtype=float), SESSIONS)
        assert lowest_threshold((values,), episodes=(), budget=0.01, quiet=1) == np.inf
