import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.verdict import (
    DRIVERS,
    LEVELS,
    UNKNOWN,
    WEIGHTS,
    Scale,
    deleveraging_score,
    evidence_of,
    states,
)
from tests import naive, naive_verdict

LIMITS = {"watch": 2.0, "deleveraging": 4.0, "release": 1.5, "dwell": 2}
CAP = 4.0
SCALES = {
    "breadth": Scale(knots=(0.2, 0.8, 1.3), mean_excess=1.3),
    "concentration": Scale(knots=(0.8, 2.7, 4.3), mean_excess=3.6),
    "volume_on_falls": Scale(knots=(0.9, 3.5, 6.0), mean_excess=4.0, shape=0.1),
    "crowding": Scale(knots=(0.4, 1.0, 1.6), mean_excess=0.75, shape=0.02),
}
NAMES = list(DRIVERS)


def _states(score: list[float]) -> pd.DataFrame:
    return states(pd.Series(score, dtype=float), **LIMITS)  # type: ignore[arg-type]


def _drivers(n: int = 300, *, seed: int = 11) -> pd.DataFrame:
    """Heavy, dependent, mostly small: like joint tails; some values are missing."""
    generator = np.random.default_rng(seed)
    common = generator.exponential(0.5, (n, 1))
    drawn = pd.DataFrame(
        common * generator.exponential([1.0, 3.0, 4.0, 0.8], (n, 4)),
        pd.bdate_range("2024-01-02", periods=n),
        NAMES,
    )
    return drawn.mask(generator.random((n, 4)) < 0.1)


def _row(**values: float) -> pd.DataFrame:
    return pd.DataFrame([values], pd.DatetimeIndex(["2026-02-05"]), NAMES)


# Evidence equals the value up to 1.3, the top knot: probabilities are then those of the hand.
PLAIN = Scale(knots=tuple(-np.log10(1 - level) for level in LEVELS), mean_excess=1 / np.log(10))


class TestEvidence:
    def test_by_hand(self) -> None:
        scale = Scale(knots=(1.0, 2.0, 4.0), mean_excess=0.5)
        found = evidence_of(
            pd.Series([0.0, 0.5, 1.0, 1.5, 2.0, 4.0, 4.0 + 0.5 * np.log(10), np.nan, 100.0]),
            scale,
            cap=CAP,
        )
        # Knots: one session in 4, in 10 and in 20; one mean excess × ln 10 is one more decade.
        expected = [
            0.0, np.log10(4) / 2, np.log10(4), (np.log10(4) + 1) / 2, 1.0, np.log10(20),
            np.log10(20) + 1, np.nan, CAP,
        ]  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-14)

    def test_exponential_tail_is_that_of_the_exponential_law(self) -> None:
        # For exponential values with mean 1, P(X ≥ x) = e^−x exactly (the law has no memory).
        knots = tuple(-np.log(1 - level) for level in LEVELS)
        values = pd.Series([knots[0], knots[1], knots[2], 5.0, 8.0])
        found = evidence_of(values, Scale(knots=knots, mean_excess=1.0), cap=CAP)
        np.testing.assert_allclose(found, values / np.log(10), rtol=1e-14)

    def test_heavy_tail_is_that_of_the_generalised_pareto_distribution(self) -> None:
        # P(X > x | X > u) = (1 + ξ(x−u)/β)^(−1/ξ) with mean excess β/(1−ξ).
        scale = Scale(knots=(1.0, 2.0, 4.0), mean_excess=2.0, shape=0.25)
        found = evidence_of(pd.Series([4.0, 7.0, 10.0]), scale, cap=CAP)
        beta = 2.0 * 0.75
        tail = stats.genpareto(0.25, scale=beta).sf([0.0, 3.0, 6.0])
        np.testing.assert_allclose(found, -np.log10(0.05 * tail), rtol=1e-12)
        light = evidence_of(pd.Series([10.0]), Scale(knots=(1, 2, 4), mean_excess=2.0), cap=CAP)
        assert found.iloc[-1] < light.item()

    @pytest.mark.parametrize("shape", [-0.1, 1.0])
    def test_a_shape_without_a_mean_is_refused(self, shape: float) -> None:
        with pytest.raises(ValueError, match="shape must lie in"):
            evidence_of(pd.Series([1.0]), Scale(knots=(1, 2, 3), mean_excess=1, shape=shape))

    def test_a_scale_that_is_mostly_zero_never_overstates(self) -> None:
        scale = Scale(knots=(0.0, 0.0, 1.0), mean_excess=0.5)
        found = evidence_of(pd.Series([0.0, 0.5, 1.0]), scale, cap=CAP)
        np.testing.assert_allclose(found, [0.0, np.log10(20) / 2, np.log10(20)], rtol=1e-14)

    @given(st.lists(st.floats(0, 40), min_size=2, max_size=30), st.sampled_from(NAMES))
    @settings(max_examples=100, deadline=None)
    def test_rises_with_the_value_between_zero_and_the_cap(
        self, values: list[float], name: str
    ) -> None:
        found = evidence_of(pd.Series(sorted(values)), SCALES[name], cap=CAP).to_numpy()
        assert (np.diff(found) >= 0).all()
        assert found.min() >= 0
        assert found.max() <= CAP

    def test_a_scale_without_a_tail_is_refused(self) -> None:
        with pytest.raises(ValueError, match="mean_excess must be positive, got 0"):
            evidence_of(pd.Series([1.0]), Scale(knots=(1, 2, 3), mean_excess=0), cap=CAP)

    def test_a_scale_has_one_knot_a_level(self) -> None:
        with pytest.raises(ValueError, match="^a scale must have 3 knots, got 2; calibrate again$"):
            evidence_of(pd.Series([1.0]), Scale(knots=(1.0, 2.0), mean_excess=1.0), cap=CAP)


class TestScore:
    def test_is_the_harmonic_mean_of_the_probabilities(self) -> None:
        # Probabilities 1/4, 1/10, 1 and 1/2 with weights 3, 3, 3 and 1: mean of 12, 30, 3 and 2.
        history = deleveraging_score(
            _row(breadth=np.log10(4), concentration=1.0, volume_on_falls=0.0, crowding=np.log10(2)),
            scales=dict.fromkeys(NAMES, PLAIN),
            weights={"breadth": 3, "concentration": 3, "volume_on_falls": 3, "crowding": 1},
            cap=CAP,
        )
        assert history.score.item() == pytest.approx(np.log10(4.7), rel=1e-14)
        assert history.cross_asset.item() == pytest.approx(np.log10(4.6), rel=1e-14)
        shares = np.array([12, 30, 3, 2]) / 47 * np.log10(4.7)
        np.testing.assert_allclose(history.contributions.iloc[0], shares, rtol=1e-13)

    def test_equals_the_obvious_twin(self) -> None:
        drivers = _drivers()
        history = deleveraging_score(drivers, scales=SCALES, cap=CAP)
        for day in drivers.index:
            told = naive_verdict.score(drivers.loc[day].to_dict(), SCALES, WEIGHTS, cap=CAP)
            assert history.score[day] == pytest.approx(told, rel=1e-12, nan_ok=True)

    def test_contributions_add_up_to_it(self) -> None:
        history = deleveraging_score(_drivers(), scales=SCALES, cap=CAP)
        told = history.score.notna()
        assert told.sum() > 250
        np.testing.assert_allclose(
            history.contributions[told].sum(axis=1), history.score[told], rtol=1e-12
        )
        assert (history.contributions[told].min() >= 0).all()

    def test_lies_between_the_mean_and_the_loudest(self) -> None:
        history = deleveraging_score(_drivers(), scales=SCALES, cap=CAP)
        whole = history.evidence.notna().all(axis=1)
        loudest = history.evidence[whole].max(axis=1)
        score = history.score[whole]
        assert (score <= loudest + 1e-12).all()
        assert (score >= loudest + np.log10(min(WEIGHTS.values())) - 1e-3).all()

    def test_no_driver_is_heard_beyond_the_cap(self) -> None:
        history = deleveraging_score(
            _row(breadth=1e6, concentration=0.0, volume_on_falls=0.0, crowding=0.0),
            scales=SCALES,
            weights=dict.fromkeys(NAMES, 1.0),
            cap=CAP,
        )
        assert history.evidence.loc[:, "breadth"].item() == CAP
        assert history.score.item() == pytest.approx(np.log10((1e4 + 3) / 4))

    def test_a_later_day_changes_nothing(self) -> None:
        drivers = _drivers()
        whole = deleveraging_score(drivers, scales=SCALES, cap=CAP)
        prefix = deleveraging_score(drivers.iloc[:200], scales=SCALES, cap=CAP)
        pd.testing.assert_frame_equal(
            whole.contributions.iloc[:200], prefix.contributions, check_exact=True
        )
        pd.testing.assert_series_equal(whole.score.iloc[:200], prefix.score, check_exact=True)

    def test_the_order_of_columns_does_not_matter(self) -> None:
        drivers = _drivers()
        turned = deleveraging_score(drivers[NAMES[::-1]], scales=SCALES, cap=CAP)
        straight = deleveraging_score(drivers, scales=SCALES, cap=CAP)
        pd.testing.assert_series_equal(turned.score, straight.score, check_exact=True)
        pd.testing.assert_frame_equal(turned.values, straight.values, check_exact=True)

    def test_drivers_measured_in_other_units_with_their_scales_say_the_same(self) -> None:
        drivers = _drivers()
        scaled = {
            name: Scale(
                knots=tuple(8 * knot for knot in scale.knots),
                mean_excess=8 * scale.mean_excess,
                shape=scale.shape,
            )
            for name, scale in SCALES.items()
        }
        plain = deleveraging_score(drivers, scales=SCALES, cap=CAP).score
        np.testing.assert_allclose(
            deleveraging_score(8 * drivers, scales=scaled, cap=CAP).score, plain, rtol=1e-12
        )

    def test_another_driver_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a difference of \\['mood'\\]"):
            deleveraging_score(_drivers().assign(mood=0.0), scales=SCALES, cap=CAP)


class TestMissingInput:
    @pytest.mark.parametrize("lost", NAMES)
    def test_never_raises_the_score_and_opens_the_range(self, lost: str) -> None:
        full_values = _drivers().dropna()
        full = deleveraging_score(full_values, scales=SCALES, cap=CAP)
        gap = deleveraging_score(full_values.assign(**{lost: np.nan}), scales=SCALES, cap=CAP)
        assert gap.contributions[lost].isna().all()
        assert (gap.score <= full.score + 1e-12).all()
        assert (gap.highest >= full.score - 1e-12).all()
        pd.testing.assert_series_equal(full.highest, full.score, check_names=False)

    def test_counts_as_one_that_says_nothing(self) -> None:
        gap = deleveraging_score(
            _row(breadth=1.0, concentration=3.0, volume_on_falls=1.0, crowding=np.nan),
            scales=SCALES,
            cap=CAP,
        )
        silent = deleveraging_score(
            _row(breadth=1.0, concentration=3.0, volume_on_falls=1.0, crowding=0.0),
            scales=SCALES,
            cap=CAP,
        )
        assert gap.score.item() == silent.score.item()
        assert gap.contributions.sum(axis=1).item() == pytest.approx(gap.score.item())

    def test_the_range_ends_where_the_missing_driver_speaks_at_the_cap(self) -> None:
        # Evidence 1, 0 and 0, the fourth anything up to 4: (10 + 1 + 1 + 10⁴) / 4.
        gap = deleveraging_score(
            _row(breadth=1.0, concentration=0.0, volume_on_falls=np.nan, crowding=0.0),
            scales=dict.fromkeys(NAMES, PLAIN),
            weights=dict.fromkeys(NAMES, 1.0),
            cap=CAP,
        )
        assert gap.highest.item() == pytest.approx(np.log10((10 + 2 + 1e4) / 4), rel=1e-14)

    def test_without_any_driver_nothing_is_told(self) -> None:
        gap = deleveraging_score(_row(**dict.fromkeys(NAMES, np.nan)), scales=SCALES, cap=CAP)
        assert gap.score.isna().all()
        assert gap.highest.isna().all()
        assert gap.contributions.isna().all(axis=None)


class TestLossesOfSpreadsAlone:
    """August 2007: factor spreads lose, asset classes hardly move."""

    def test_raise_no_deleveraging(self) -> None:
        quiet = dict.fromkeys(NAMES, 0.0)
        history = deleveraging_score(_row(**(quiet | {"crowding": 30.0})), scales=SCALES, cap=CAP)
        assert history.score.item() == pytest.approx(np.log10(0.05 * 1e4 + 0.95), rel=1e-3)
        assert history.cross_asset.item() == pytest.approx(0.0)
        found = states(
            history.score, cross_asset=history.cross_asset, watch=1.6, deleveraging=2.4, release=0.7
        )
        assert found["state"].tolist() == ["DEGROSSING"]

    @pytest.mark.parametrize(
        ("score", "broad", "state"),
        [
            ([5.0], [1.99], "DEGROSSING"),
            ([5.0], [2.0], "DELEVERAGING"),
            ([5.0, 5.0], [0.0, 3.0], "DELEVERAGING"),  # it spreads to asset classes
            ([5.0, 5.0], [3.0, 0.0], "DELEVERAGING"),  # it began in asset classes
            ([5.0, 3.0], [0.0, 0.0], "DEGROSSING"),
            ([5.0, 1.9], [0.0, 0.0], "RELEASE"),
            ([3.0], [0.0], "WATCH"),
        ],
    )
    def test_transitions(self, score: list[float], broad: list[float], state: str) -> None:
        found = states(
            pd.Series(score),
            cross_asset=pd.Series(broad),
            **LIMITS,  # type: ignore[arg-type]
        )
        assert found["state"].iloc[-1] == state

    @given(
        st.lists(st.tuples(st.floats(0, 6), st.floats(0, 6)), min_size=1, max_size=60),
        st.integers(1, 4),
    )
    @settings(max_examples=100, deadline=None)
    def test_equals_the_obvious_machine(self, rows: list[tuple[float, float]], dwell: int) -> None:
        score, broad = [row[0] for row in rows], [min(row) for row in rows]
        limits = LIMITS | {"dwell": dwell}
        found = states(
            pd.Series(score),
            cross_asset=pd.Series(broad),
            **limits,  # type: ignore[arg-type]
        )
        assert found["state"].tolist() == naive.states(score, cross_asset=broad, **limits)  # type: ignore[arg-type]


class TestStateMachine:
    def test_by_hand(self) -> None:
        told = _states([0, 2.5, 1.0, 1.6, 5, 3, 1.9, 1.0, 1.0, 0])
        assert told["state"].tolist() == [
            "CALM", "WATCH", "WATCH", "WATCH", "DELEVERAGING", "DELEVERAGING", "RELEASE",
            "RELEASE", "CALM", "CALM",
        ]  # fmt: skip
        assert told["sessions_in_state"].tolist() == [1, 1, 2, 3, 1, 2, 1, 2, 1, 2]

    @pytest.mark.parametrize(
        ("score", "state"),
        [
            ([5, 1.0, 2.0], "WATCH"),  # at the threshold is enough
            ([5, 1.0, 1.99], "RELEASE"),
            ([5, 1.0, 4.0], "DELEVERAGING"),
            ([5, 2.0], "DELEVERAGING"),
            ([5, 1.4, 1.6, 1.4], "RELEASE"),  # the dwell starts again
            ([5, 1.4, 1.4], "CALM"),
            ([5, 1.5, 1.4], "RELEASE"),  # at the threshold is not below it
            ([5, 3.0, 1.4, 1.5, 1.4, 1.4], "CALM"),
            ([2.0, 1.4], "WATCH"),
            ([0.0, 1.99], "CALM"),
            ([2.0, 1.4, np.nan, 1.4], "CALM"),
            ([np.nan, 4.0], "DELEVERAGING"),
        ],
    )
    def test_transitions(self, score: list[float], state: str) -> None:
        assert _states(score)["state"].iloc[-1] == state

    def test_the_sessions_stay_and_no_session_is_no_state(self) -> None:
        score = pd.Series([0.0, 5.0], pd.bdate_range("2026-02-04", periods=2))
        told = states(score, **LIMITS)  # type: ignore[arg-type]
        assert told.index.equals(score.index)
        assert told["previous_state"].tolist() == [UNKNOWN, "CALM"]
        for rows in (told, told.iloc[:0], states(score.iloc[:0], **LIMITS)):  # type: ignore[arg-type]
            assert rows["state"].dtype == "str"

    def test_a_gap_in_the_score_is_no_change_of_state(self) -> None:
        frame = _states([0, 5, np.nan, np.nan, 5, 3])
        assert frame["state"].tolist() == [
            "CALM", "DELEVERAGING", UNKNOWN, UNKNOWN, "DELEVERAGING", "DELEVERAGING",
        ]  # fmt: skip
        assert frame["previous_state"].tolist() == [
            UNKNOWN, "CALM", "DELEVERAGING", UNKNOWN, "DELEVERAGING", "DELEVERAGING",
        ]  # fmt: skip
        assert frame["sessions_in_state"].tolist() == [1, 1, 1, 2, 2, 3]

    def test_a_change_behind_a_gap_is_a_change_from_the_state_before_it(self) -> None:
        frame = _states([0, np.nan, 5])
        assert frame["previous_state"].tolist() == [UNKNOWN, "CALM", "CALM"]
        assert frame["sessions_in_state"].tolist() == [1, 1, 1]

    @given(
        st.lists(st.one_of(st.floats(0, 6), st.just(float("nan"))), min_size=1, max_size=60),
        st.integers(1, 4),
    )
    @settings(max_examples=150, deadline=None)
    def test_equals_the_obvious_machine(self, score: list[float], dwell: int) -> None:
        limits = LIMITS | {"dwell": dwell}
        told = states(pd.Series(score, dtype=float), **limits)  # type: ignore[arg-type]
        assert told["state"].tolist() == naive.states(score, **limits)  # type: ignore[arg-type]

    @given(st.lists(st.floats(0, 6), min_size=2, max_size=40), st.data())
    @settings(max_examples=80, deadline=None)
    def test_a_later_day_changes_nothing(self, score: list[float], data: st.DataObject) -> None:
        cut = data.draw(st.integers(1, len(score)))
        pd.testing.assert_frame_equal(_states(score).iloc[:cut], _states(score[:cut]))

    def test_deleveraging_is_never_left_straight_to_calm(self) -> None:
        score = np.random.default_rng(3).exponential(1.5, 3000).tolist()
        told = _states(score)
        left = told[told["previous_state"] == "DELEVERAGING"]["state"]
        assert set(left) == {"DELEVERAGING", "RELEASE"}

    @pytest.mark.parametrize(
        ("watch", "deleveraging", "release"), [(2, 1, 0), (2, 3, 2), (2, 2, 1)]
    )
    def test_thresholds_out_of_order_are_refused(
        self, watch: float, deleveraging: float, release: float
    ) -> None:
        with pytest.raises(ValueError, match="thresholds must rise"):
            states(
                pd.Series([1.0]), watch=watch, deleveraging=deleveraging, release=release, dwell=1
            )
