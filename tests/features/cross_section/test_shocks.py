import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.constants import MAD_TO_SIGMA
from features.cross_section import baseline_count, records, robust_z, worst_since
from tests import naive


def _series(values: list[float]) -> pd.Series:
    return pd.Series(values, index=pd.bdate_range("2026-01-01", periods=len(values)), dtype=float)


numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 3))
with_gaps = arrays(
    np.float64, st.integers(1, 60), elements=st.one_of(numbers, st.just(float("nan")))
)


class TestRobustZ:
    def test_by_hand(self) -> None:
        # baseline 1, 2, 3, 4, 5: median 3, MAD 1; the scored day does not belong to it
        z = robust_z(_series([1, 2, 3, 4, 5, 9]), window=5, min_observations=5)
        assert z.iloc[-1] == pytest.approx(6 / 1.4826, rel=1e-12)
        assert z.iloc[:-1].isna().all()

    def test_scale_is_one_over_the_normal_quartile(self) -> None:
        # statsmodels.robust.scale.mad divides by norm.ppf(0.75) = 0.6744897501960817
        assert pytest.approx(1 / 0.6744897501960817, abs=3e-5) == MAD_TO_SIGMA

    @given(with_gaps, st.integers(3, 20))
    @settings(max_examples=60, deadline=None)
    def test_equals_the_obvious_loop(self, x: np.ndarray, window: int) -> None:
        series = pd.Series(x)
        fast = robust_z(series, window=window, min_observations=2)
        slow = naive.robust_z(x, window=window, min_observations=2)
        np.testing.assert_allclose(fast.to_numpy(), slow, rtol=1e-9, atol=1e-9)

    @given(with_gaps, st.integers(1, 59))
    @settings(max_examples=40, deadline=None)
    def test_a_later_row_changes_nothing(self, x: np.ndarray, place: int) -> None:
        series = pd.Series(x)
        whole = robust_z(series, window=10, min_observations=3)
        prefix = robust_z(series.iloc[:place], window=10, min_observations=3)
        pd.testing.assert_series_equal(whole.iloc[:place], prefix)

    def test_scale_and_shift_change_nothing(self) -> None:
        x = _series(list(np.random.default_rng(1).standard_t(4, 80)))
        z = robust_z(x, window=30, min_observations=20)
        pd.testing.assert_series_equal(
            robust_z(250 * x + 3, window=30, min_observations=20), z, rtol=1e-9
        )

    def test_a_frame_is_scored_column_by_column(self) -> None:
        x = pd.DataFrame(
            np.random.default_rng(4).standard_t(4, (40, 2)),
            pd.bdate_range("2026-01-01", periods=40),
            pd.Index(["IBIT", "IGV"], name="symbol"),
        )
        x["IGV"] = np.arange(40) ** 2 % 17  # whole numbers, as counts are
        z = robust_z(x, window=10, min_observations=5)
        assert z.index.equals(x.index)
        pd.testing.assert_index_equal(z.columns, x.columns)
        for name in x.columns:
            told = robust_z(x[name], window=10, min_observations=5)
            pd.testing.assert_series_equal(z[name], told, check_exact=True)
            slow = naive.robust_z(x[name].to_numpy(float), window=10, min_observations=5)
            np.testing.assert_allclose(told.to_numpy(), slow, rtol=1e-9)
            assert told.name == name
            assert told.index.equals(x.index)

    def test_a_frame_without_series_keeps_its_sessions(self) -> None:
        x = pd.DataFrame(index=pd.bdate_range("2026-01-01", periods=9))
        assert robust_z(x, window=5, min_observations=5).index.equals(x.index)

    def test_window_of_two_is_refused_with_the_rule(self) -> None:
        with pytest.raises(ValueError, match="window must be at least 3, got 2"):
            robust_z(_series([1, 2, 3]), window=2, min_observations=2)

    @pytest.mark.parametrize("wrong", [1, 6])
    def test_a_baseline_holds_two_rows_to_a_window(self, wrong: int) -> None:
        said = f"^min_observations must lie in 2 … window \\(5\\), got {wrong}"
        with pytest.raises(ValueError, match=said):
            robust_z(_series([1, 2, 3]), window=5, min_observations=wrong)


class TestFlatMarket:
    def test_no_spread_gives_no_z(self) -> None:
        z = robust_z(_series([2.0] * 10 + [5.0]), window=10, min_observations=5)
        assert np.isnan(z.iloc[-1])

    def test_rounding_noise_is_no_spread(self) -> None:
        z = robust_z(_series([0.1 + 0.2, 0.3] * 6 + [0.31]), window=10, min_observations=5)
        assert np.isnan(z.iloc[-1])


class TestCrash:
    def test_z_is_not_capped_by_its_own_day(self) -> None:
        x = _series([*np.random.default_rng(2).normal(0, 0.01, 20), -0.5])
        assert robust_z(x, window=20, min_observations=20).iloc[-1] < -(20 - 1) / np.sqrt(20)


class TestLateListing:
    def test_counts_only_printed_rows(self) -> None:
        x = _series([np.nan, np.nan, 1, 2, np.nan, 3])
        counts = baseline_count(x, window=3)
        assert counts.tolist() == [0, 0, 0, 1, 2, 2]
        assert counts.dtype == "int64"


class TestBadPrint:
    @pytest.mark.parametrize("row", [3, 29])
    @pytest.mark.parametrize("bad", [np.inf, -np.inf])
    def test_an_infinite_observation_is_refused_and_named(self, bad: float, row: int) -> None:
        # in the baseline it would move the median, at the session it would have no z
        x = _series(range(30)).astype(float)
        x.iloc[row] = bad
        said = f"^x must be finite or missing, got {bad} at {x.index[row]}; "
        with pytest.raises(ValueError, match=said):
            robust_z(x, window=20, min_observations=10)
        with pytest.raises(ValueError, match=f"got {bad} for IBIT at {x.index[row]}; "):
            robust_z(x.to_frame("IBIT"), window=20, min_observations=10)


class TestRecordVolume:
    def test_multiple_is_over_the_previous_record(self) -> None:
        held = records(_series([10, 20, 15, 34]).to_frame("v"), min_observations=2)
        assert held.multiple["v"].iloc[-1] == pytest.approx(1.7)
        assert held.is_record["v"].tolist() == [False, False, False, True]
        assert held.previous_on["v"].iloc[-1] == pd.Timestamp("2026-01-02")

    def test_before_enough_values_there_is_no_record_and_no_date(self) -> None:
        volume = _series([10, 20, 15, 34]).astype("int64").to_frame("v")  # whole shares
        held = records(volume, min_observations=2)
        day = volume.index
        assert held.previous["v"].tolist()[2:] == [20, 20]
        assert held.previous["v"].iloc[:2].isna().all()
        assert held.previous_on["v"].tolist() == [pd.NaT, pd.NaT, day[1], day[1]]
        assert held.previous_on["v"].dtype == "datetime64[us]"
        for frame in (held.previous, held.previous_on, held.multiple, held.is_record):
            assert frame.index.equals(day)
            assert frame.columns.tolist() == ["v"]

    def test_an_infinite_amount_is_a_missing_one(self) -> None:
        held = records(_series([10, np.inf, 20]).to_frame("v"), min_observations=1)
        assert held.is_record["v"].tolist() == [False, False, True]
        assert np.isnan(held.multiple["v"].iloc[1])
        assert held.multiple["v"].iloc[2] == 2

    def test_a_first_value_is_no_record(self) -> None:
        said = "^min_observations must be at least 1, got 0;"
        with pytest.raises(ValueError, match=said):
            records(_series([10, 20]).to_frame("v"), min_observations=0)

    def test_over_a_record_of_zero_there_is_no_multiple(self) -> None:
        held = records(_series([0, 0, 1, 3]).to_frame("v"), min_observations=1)
        assert held.multiple["v"].isna().tolist() == [True, True, True, False]
        assert held.multiple["v"].iloc[3] == 3
        assert held.is_record["v"].tolist() == [False, False, True, True]

    def test_a_missing_day_sets_no_record(self) -> None:
        held = records(_series([10, np.nan, 20]).to_frame("v"), min_observations=1)
        assert np.isnan(held.multiple["v"].iloc[1])
        assert held.multiple["v"].iloc[2] == 2

    def test_an_equal_value_is_no_record_and_keeps_the_first_date(self) -> None:
        held = records(_series([5, 7, 7, 7]).to_frame("v"), min_observations=1)
        assert not held.is_record["v"].iloc[-1]
        assert held.previous_on["v"].iloc[-1] == pd.Timestamp("2026-01-02")


class TestWorstSince:
    def test_by_hand(self) -> None:
        x = _series([-3, -1, -2, 0.5, -2.5])
        days = worst_since(x)
        assert days.iloc[0] is pd.NaT
        assert days.iloc[2] == x.index[0]
        assert days.iloc[4] == x.index[0]

    @given(with_gaps)
    @settings(max_examples=60, deadline=None)
    def test_equals_the_obvious_search(self, x: np.ndarray) -> None:
        series = pd.Series(x, index=pd.date_range("2020-01-01", periods=len(x), unit="us"))
        assert worst_since(series).equals(naive.worst_since(series))
