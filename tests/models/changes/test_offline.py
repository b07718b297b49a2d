"""Change points of a whole sample, without tuning: exact cases, the Turing series, properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from statsmodels.datasets import nile

from benchmarks.change_scores import covering, f_measure
from models.changes import changepoints
from models.changes.offline import best_segmentations, modified_bayes_penalty
from tests import naive_changepoint as naive
from tests.benchmarks.test_change_scores import SERIES, marks, present, published, series
from tests.reference.changes import (
    NILE_BREAKS,
    REAL_INTEREST,
    REAL_INTEREST_BREAKS,
    REAL_INTEREST_SQUARES,
)  # fmt: skip


def _shift(size: float, *, n: int = 100, seed: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 1, n) + size * (np.arange(n) >= n // 2)


class TestLevelShift:
    def test_without_noise(self) -> None:
        assert changepoints([0.0] * 10 + [1.0] * 10) == (10,)

    def test_in_noise(self) -> None:
        (found,) = changepoints(_shift(3.0))
        assert abs(found - 50) <= 2

    def test_of_two_series_at_once(self) -> None:
        # The second shift is not enough alone; the place that all share is found.
        values = np.column_stack([_shift(0.7, seed=seed) for seed in (1, 2, 4)])
        assert changepoints(values[:, 1]) == ()
        (found,) = changepoints(values)
        assert abs(found - 50) <= 4


class TestNothingChanged:
    def test_constant(self) -> None:
        assert changepoints([5.0] * 40) == ()

    def test_a_constant_series_beside_another_says_nothing(self) -> None:
        values = _shift(3.0)
        beside = np.column_stack([values, np.full(100, 1e9)])
        assert changepoints(beside) == changepoints(values)

    @pytest.mark.parametrize("rows", [0, 1, 5])
    def test_too_few_rows(self, rows: int) -> None:
        assert changepoints(np.arange(rows, dtype=float)) == ()

    @pytest.mark.parametrize("memory", [0.0, 0.5])
    def test_persistence_is_no_change(self, memory: float) -> None:
        # 40 series at a stated 5 %: more than six false ones would be a 1 in 300 accident.
        generator = np.random.default_rng(11)
        alarms = 0
        for _ in range(40):
            noise = lfilter([1.0], [1.0, -memory], generator.normal(0, 1, 350))[200:]
            alarms += changepoints(noise) != ()
        assert alarms <= 6


class TestHoliday:
    def test_missing_rows_are_left_out_and_keep_their_numbers(self) -> None:
        values = [0.0] * 10 + [np.nan] * 5 + [1.0] * 10
        assert changepoints(values) == (15,)

    def test_a_row_missing_in_one_series_is_left_out_of_all(self) -> None:
        values = np.column_stack([[0.0] * 10 + [1.0] * 10, [0.0] * 10 + [np.nan] + [2.0] * 9])
        assert changepoints(values) == (11,)


class TestSlope:
    def test_a_smooth_slope_is_not_cut_without_end(self) -> None:
        assert len(changepoints(np.arange(300.0))) <= 4


class TestProperties:
    @given(
        scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), size=st.sampled_from([0.0, 1.5, 4])
    )
    @settings(max_examples=8, deadline=None)
    def test_unit_and_origin_do_not_matter(self, scale: float, shift: float, size: float) -> None:
        values = _shift(size)
        assert changepoints(scale * (values + shift)) == changepoints(values)

    def test_neither_sign_nor_order_of_the_series_matters(self) -> None:
        values = np.column_stack([_shift(3.0, seed=1), _shift(2.0, seed=2)])
        assert changepoints(values[:, ::-1]) == changepoints(values)
        assert changepoints(-values) == changepoints(values)

    def test_places_are_inside_and_segments_long_enough(self) -> None:
        found = changepoints(_shift(6.0, n=60), min_size=5)
        assert np.diff([0, *found, 60]).min() >= 5

    def test_the_same_values_give_the_same_breaks(self) -> None:
        values = _shift(1.2)
        assert changepoints(values) == changepoints(values)


class TestSearch:
    @pytest.mark.parametrize("seed", range(4))
    def test_is_exact(self, seed: int) -> None:
        signal = np.random.default_rng(seed).normal(0, 1, (13, 2))
        found = best_segmentations(signal, min_size=2, max_breaks=3)
        assert found == [naive.best_segmentation(signal, k, 2) for k in range(4)]

    def test_penalty_by_hand(self) -> None:
        signal = np.zeros((10, 1))
        expected = 3 * np.log(10) + np.log(0.4) + np.log(0.6)
        assert modified_bayes_penalty(signal, (4,)) == pytest.approx(expected, abs=1e-12)
        assert modified_bayes_penalty(signal, ()) == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "changed", "message"),
        [
            (np.zeros((2, 2, 2)), {}, "one or two dimensions, got 3"),
            ([0.0, np.inf], {}, "finite or NaN"),
            ([0.0], {"min_size": 0}, "min_size must be at least 1 row, got 0"),
            ([0.0], {"max_breaks": 0}, "max_breaks must be at least 1, got 0"),
            ([0.0], {"false_alarm_rate": 1.0}, "between 0 and 1, got 1.0"),
            ([0.0], {"draws": 9}, "at least 1/false_alarm_rate = 20, got 9"),
        ],
    )
    def test_name_rule_value_and_remedy(
        self, values: np.ndarray, changed: dict[str, float], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            changepoints(values, **changed)  # type: ignore[arg-type]


class TestStrucchange:
    """The exact least-squares breaks that R strucchange prints, smallest segment 15."""

    FLOW = nile.load_pandas().data[["volume"]].to_numpy()

    def test_the_nile_breaks_in_1898(self) -> None:
        assert changepoints(self.FLOW) == (28,)

    def test_breaks_of_the_nile(self) -> None:
        found = best_segmentations(self.FLOW, min_size=15, max_breaks=5)
        assert tuple(found[1:]) == NILE_BREAKS

    def test_breaks_of_the_real_interest_rate(self) -> None:
        rates = np.array(REAL_INTEREST)
        found = best_segmentations(rates[:, None], min_size=15, max_breaks=5)
        assert tuple(found[1:]) == REAL_INTEREST_BREAKS
        squares = [
            sum(float(np.sum((part - part.mean()) ** 2)) for part in np.split(rates, breaks))
            for breaks in found
        ]
        np.testing.assert_allclose(squares, REAL_INTEREST_SQUARES, atol=0.05)


@present
class TestTuringSeries:
    """Eight public series of the Turing benchmark, all at the defaults."""

    @pytest.mark.parametrize("min_size", [3, 5])
    def test_ahead_of_every_published_default_on_both_scores(self, min_size: int) -> None:
        ours: dict[str, list[float]] = {"f1": [], "cover": []}
        for name in SERIES:
            values = series(name)
            found = changepoints(values, min_size=min_size)
            ours["f1"].append(f_measure(marks(name), found, margin=5))
            ours["cover"].append(covering(marks(name), found, n_rows=len(values)))
        methods = ("amoc", "binseg", "bocpd", "ecp", "pelt", "rfpop", "segneigh", "zero")
        for metric, values in ours.items():
            best = max(
                float(np.mean([published(metric, name, method) for name in SERIES]))
                for method in methods
            )
            assert float(np.mean(values)) > best, metric
