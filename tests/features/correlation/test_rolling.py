import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.correlation import (
    correlation_strips,
    correlation_with_base,
    ewma_correlation_with_base,
    rolling_correlation,
)
from features.correlation._pairwise import pair_correlation
from tests.naive_correlation import ewma, pearson, rolling


def _returns(n: int, assets: int, *, seed: int = 1, holes: float = 0.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    values = 0.01 * (generator.standard_t(4, (n, assets)) + generator.standard_t(4, (n, 1)))
    values[generator.uniform(size=values.shape) < holes] = np.nan
    return pd.DataFrame(
        values, pd.bdate_range("2024-01-02", periods=n), [f"A{i}" for i in range(assets)]
    )


class TestWithBase:
    def test_by_hand(self) -> None:
        # x = 1, 2, 3 and y = 1, 3, 2: cov 0.5, variances 1 and 1
        returns = pd.DataFrame({"x": [1.0, 2, 3], "y": [1.0, 3, 2]})
        found = correlation_with_base(returns, base="x", window=3, min_observations=3)
        assert found.value["y"].iloc[-1] == pytest.approx(0.5)
        assert found.n["y"].tolist() == [1, 2, 3]

    def test_counterparts_and_sessions_keep_their_names(self) -> None:
        returns = _returns(12, 3)
        returns.iloc[4, 2] = np.nan
        for found in (
            correlation_with_base(returns, base="A1", window=3, min_observations=3),
            ewma_correlation_with_base(returns, base="A1", half_life=5, min_observations=3),
        ):
            for frame in (found.value, found.n):
                assert frame.index.equals(returns.index)
                assert frame.columns.tolist() == ["A0", "A2"]
        counted = correlation_with_base(returns, base="A1", window=3, min_observations=3)
        assert counted.n.dtypes.tolist() == ["int64", "int64"]
        assert counted.n["A2"].tolist() == [1, 2, 3, 3, 2, 2, 2, 3, 3, 3, 3, 3]
        assert counted.value["A2"].notna().equals(counted.n["A2"] == 3)

    def test_a_nullable_frame_is_read_as_its_numbers(self) -> None:
        returns = _returns(40, 2, holes=0.1)
        rule = {"base": "A0", "window": 20, "min_observations": 10}
        pd.testing.assert_frame_equal(
            correlation_with_base(returns.convert_dtypes(), **rule).value,  # type: ignore[arg-type]
            correlation_with_base(returns, **rule).value,  # type: ignore[arg-type]
        )

    @pytest.mark.parametrize("holes", [0.0, 0.15])
    def test_equals_the_obvious_loop(self, holes: float) -> None:
        returns = _returns(120, 4, holes=holes)
        found = correlation_with_base(returns, base="A0", window=20, min_observations=12)
        for asset in ("A1", "A2", "A3"):
            slow = rolling(
                returns["A0"].to_numpy(), returns[asset].to_numpy(), window=20, min_observations=12
            )
            np.testing.assert_allclose(found.value[asset], slow, rtol=0, atol=1e-13)

    def test_against_pandas(self) -> None:
        returns = _returns(300, 3)
        found = correlation_with_base(returns, base="A0", window=63, min_observations=63)
        peer = returns["A1"].rolling(63).corr(returns["A0"])
        np.testing.assert_allclose(found.value["A1"], peer, rtol=0, atol=1e-12)

    @given(st.integers(0, 500), st.integers(25, 79))
    @settings(max_examples=25, deadline=None)
    def test_a_later_row_changes_nothing(self, seed: int, end: int) -> None:
        returns = _returns(80, 3, seed=seed, holes=0.1)
        whole = correlation_with_base(returns, base="A0", window=20, min_observations=10)
        prefix = correlation_with_base(
            returns.iloc[:end], base="A0", window=20, min_observations=10
        )
        np.testing.assert_allclose(whole.value.iloc[:end], prefix.value, rtol=0, atol=1e-15)

    def test_scale_and_level_change_nothing(self) -> None:
        returns = _returns(100, 2)
        moved = returns * [1e-3, 1e6] + [1e-3, -5.0]
        one, two = (
            correlation_with_base(frame, base="A0", window=20, min_observations=20).value["A1"]
            for frame in (returns, moved)
        )
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)

    def test_perfectly_correlated_series_give_one_at_any_scale(self) -> None:
        x = _returns(80, 1)["A0"]
        frame = pd.DataFrame({"x": x, "y": 1e-9 * x, "z": -x})
        found = correlation_with_base(frame, base="x", window=20, min_observations=20).value
        np.testing.assert_allclose(found["y"].iloc[19:], 1, atol=1e-14)
        np.testing.assert_allclose(found["z"].iloc[19:], -1, atol=1e-14)


class TestFlatMarket:
    def test_a_constant_series_has_no_correlation(self) -> None:
        returns = _returns(60, 2)
        returns["A1"] = 0.003
        found = correlation_with_base(returns, base="A0", window=20, min_observations=20)
        assert found.value["A1"].isna().all()


class TestCrash:
    @pytest.mark.parametrize("level", [0.0, 1e6])
    def test_an_outlier_of_a_million_leaves_no_trace_after_its_window(self, level: float) -> None:
        returns = _returns(120, 2) + level
        struck = returns.copy()
        struck.iloc[30] += 1e6
        clean, hit = (
            correlation_with_base(frame, base="A0", window=20, min_observations=20).value["A1"]
            for frame in (returns, struck)
        )
        np.testing.assert_allclose(hit.iloc[50:], clean.iloc[50:], rtol=0, atol=1e-14)


class TestLateListing:
    def test_needs_its_minimum_of_pairs(self) -> None:
        returns = _returns(60, 2)
        returns.iloc[:40, 1] = np.nan
        found = correlation_with_base(returns, base="A0", window=20, min_observations=16)
        assert found.value["A1"].first_valid_index() == returns.index[55]
        assert found.n["A1"].iloc[45] == 6


class TestExponential:
    @pytest.mark.parametrize("holes", [0.0, 0.2])
    def test_equals_the_obvious_sum(self, holes: float) -> None:
        returns = _returns(90, 2, holes=holes)
        found = ewma_correlation_with_base(returns, base="A0", half_life=10, min_observations=15)
        slow = ewma(
            returns["A0"].to_numpy(), returns["A1"].to_numpy(), half_life=10, min_observations=15
        )
        np.testing.assert_allclose(found.value["A1"], slow, rtol=0, atol=1e-12)

    def test_against_pandas(self) -> None:
        returns = _returns(200, 2)
        found = ewma_correlation_with_base(returns, base="A0", half_life=10, min_observations=20)
        peer = returns["A0"].ewm(halflife=10).corr(returns["A1"])
        np.testing.assert_allclose(found.value["A1"].iloc[20:], peer.iloc[20:], atol=1e-10)

    def test_effective_number_reaches_its_limit(self) -> None:
        found = ewma_correlation_with_base(
            _returns(500, 2), base="A0", half_life=10, min_observations=20
        )
        decay = 0.5**0.1
        assert found.n["A1"].iloc[-1] == pytest.approx((1 + decay) / (1 - decay), rel=1e-9)

    def test_effective_number_by_hand(self) -> None:
        # half_life 1: weights 1, 1/2, 1/4; a session without a pair ages them all alike
        returns = pd.DataFrame({"x": [np.nan, 1.0, 2, np.nan, 3], "y": [9.0, 1, 3, 9, 2]})
        found = ewma_correlation_with_base(returns, base="x", half_life=1, min_observations=3)
        expected = [0, 1, 1.5**2 / 1.25, 1.5**2 / 1.25, 1.375**2 / (1 + 1 / 16 + 1 / 64)]
        np.testing.assert_allclose(found.n["y"], expected, rtol=1e-12)
        assert found.value["y"].notna().tolist() == [False, False, False, False, True]

    def test_one_that_ended_long_ago_keeps_its_number_and_returns_as_new(self) -> None:
        # 1,200 half-lives later its weights are less than a float64 can hold
        returns = _returns(700, 2)
        returns.iloc[40:640, 1] = np.nan
        found = ewma_correlation_with_base(returns, base="A0", half_life=0.5, min_observations=3)
        n, value = found.n["A1"], found.value["A1"]
        assert (n.iloc[39:640] == n.iloc[39]).all()
        assert n.iloc[640] == 1
        assert value.iloc[40:641].isna().all()
        new = ewma_correlation_with_base(
            returns.iloc[640:], base="A0", half_life=0.5, min_observations=3
        )
        np.testing.assert_allclose(value.iloc[642:], new.value["A1"].iloc[2:], rtol=1e-12)

    def test_moves_too_small_to_square_have_no_correlation(self) -> None:
        returns = 1e-200 * _returns(20, 2)
        found = ewma_correlation_with_base(returns, base="A0", half_life=5, min_observations=3)
        assert found.value["A1"].isna().all()

    @pytest.mark.parametrize("flat", ["A0", "A1"])
    def test_a_constant_has_no_correlation_until_it_moves(self, flat: str) -> None:
        returns = _returns(30, 2)
        returns.loc[returns.index[:20], flat] = 0.003
        found = ewma_correlation_with_base(returns, base="A0", half_life=10, min_observations=3)
        assert found.value["A1"].first_valid_index() == returns.index[20]

    def test_a_copy_is_one_at_any_scale(self) -> None:
        x = _returns(300, 1)["A0"]
        frame = pd.DataFrame({"x": x, "y": 1e-9 * x, "z": -x})
        found = ewma_correlation_with_base(frame, base="x", half_life=5, min_observations=3).value
        assert found["y"].max() <= 1
        assert found["z"].min() >= -1
        np.testing.assert_allclose(found["y"].iloc[2:], 1, atol=1e-14)
        np.testing.assert_allclose(found["z"].iloc[2:], -1, atol=1e-14)


class TestAllPairs:
    @pytest.mark.parametrize("holes", [0.0, 0.1])
    def test_equal_one_against_many(self, holes: float) -> None:
        returns = _returns(150, 5, holes=holes)
        every = rolling_correlation(returns, window=21, min_observations=12)
        first, second = np.triu_indices(5, 1)
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):
            one = correlation_with_base(
                returns, base=f"A{i}", window=21, min_observations=12
            ).value[f"A{j}"]
            np.testing.assert_allclose(every[pair], one, rtol=0, atol=1e-13)

    @pytest.mark.parametrize(("stop", "height"), [(6, 4), (3, 2), (1, 1), (5, 9)])
    def test_strips_are_the_pairs_of_the_first_assets(self, stop: int, height: int) -> None:
        returns = _returns(60, 7, holes=0.05)
        rule = {"window": 21, "min_observations": 12}
        whole = rolling_correlation(returns, **rule)
        strips = list(correlation_strips(returns, **rule, stop=stop, height=height))
        assert len(strips) == -(-stop // height)
        first, second = np.triu_indices(7, 1)
        asked = first < stop
        pairs = np.concatenate([pairs for pairs, _ in strips])
        assert pairs.tolist() == np.column_stack([first[asked], second[asked]]).tolist()
        for pairs, values in strips:
            assert len(pairs) == len(values)
            assert len(set(pairs[:, 0])) <= height
        values = np.concatenate([values for _, values in strips])
        np.testing.assert_allclose(values, whole[asked], rtol=0, atol=1e-15)

    @given(st.integers(0, 200))
    @settings(max_examples=20, deadline=None)
    def test_stay_in_bounds(self, seed: int) -> None:
        every = rolling_correlation(_returns(60, 4, seed=seed), window=3, min_observations=3)
        assert np.nanmax(np.abs(every)) <= 1

    @pytest.mark.parametrize("assets", [2, 3, 4, 5, 8, 9, 13, 70])
    def test_any_number_of_assets(self, assets: int) -> None:
        returns = _returns(80, assets).to_numpy()
        every = rolling_correlation(returns, window=21, min_observations=21)
        frame = pd.DataFrame(returns[-21:]).corr().to_numpy()
        np.testing.assert_allclose(every[:, -1], frame[np.triu_indices(assets, 1)], atol=1e-12)

    def test_a_window_longer_than_the_history_has_no_value(self) -> None:
        every = rolling_correlation(_returns(20, 3), window=21, min_observations=3)
        assert every.shape == (3, 20)
        assert np.isnan(every).all()


class TestHalt:
    def test_a_halted_asset_has_no_correlation_until_it_moves(self) -> None:
        returns = _returns(200, 5)
        returns.iloc[50:120, 1] = 0.0
        returns.iloc[60, 3] = np.nan
        every = rolling_correlation(returns, window=21, min_observations=15)
        flat = every[0]  # the pair (0, 1)
        assert np.isnan(flat[70:120]).all()
        assert np.isfinite(flat[[69, 120]]).all()
        assert np.isfinite(every[1, 20:]).all()


class TestTwoPasses:
    """One pair, for the windows in which running sums cancel."""

    def test_takes_its_own_rows_and_complete_pairs_alone(self) -> None:
        x = np.array([1e9, np.nan, 1, 2, 5, 3, 1e9])
        y = np.array([-1e9, 7, 1, 3, np.nan, 2, 1e9])
        assert pair_correlation(x, y, 1, 6) == pytest.approx(0.5, rel=1e-15)
        assert pair_correlation(x, -y, 1, 6) == pytest.approx(-0.5, rel=1e-15)

    def test_against_long_double_where_the_mean_is_all_there_is(self) -> None:
        # a level of a million over moves of a millionth: even the mean is rounded
        random = np.random.default_rng(5)
        x, y = 1e6 + 1e-6 * random.standard_t(4, (2, 50))
        assert pair_correlation(x, y, 0, 50) == pytest.approx(pearson(x, y), abs=1e-13)
        assert pair_correlation(x, 4 * x, 0, 50) == pytest.approx(1, abs=1e-13)
        for seed in range(200):
            x = np.random.default_rng(seed).standard_t(4, 30)
            assert pair_correlation(x, 3 * x, 0, 30) <= 1
            assert pair_correlation(x, -3 * x, 0, 30) >= -1

    def test_a_constant_or_what_cannot_be_squared_has_no_correlation(self) -> None:
        x, constant = np.array([np.nan, 3.0, 1, 2]), np.array([0.1, 0.2, 0.2, 0.2])
        assert np.isnan(pair_correlation(x, constant, 0, 4))
        assert np.isnan(pair_correlation(constant, x, 0, 4))
        assert np.isnan(pair_correlation(x, 1e-200 * x, 0, 4))
        assert np.isnan(pair_correlation(1e-200 * x, x, 0, 4))
        assert np.isnan(pair_correlation(x, x, 0, 1))


class TestRefusal:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            (
                {"window": 2, "min_observations": 2},
                "window must be at least 3, got 2",
            ),
            (
                {"min_observations": 21},
                "min_observations must lie in 3 … window (20), got 21",
            ),
            (
                {"min_observations": 2},
                "min_observations must lie in 3 … window (20), got 2",
            ),
            (
                {"base": "ZZZ"},
                "base must be a column of returns, got ZZZ; choose one of ['A0', 'A1']",
            ),
        ],
    )
    def test_names_the_rule(self, changed: dict[str, object], said: str) -> None:
        asked = {"base": "A0", "window": 20, "min_observations": 15} | changed
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            correlation_with_base(_returns(60, 2), **asked)  # type: ignore[arg-type]

    @pytest.mark.parametrize("wrong", [0.0, -1.0, np.inf, np.nan])
    def test_a_half_life_is_positive_and_ends(self, wrong: float) -> None:
        said = f"^half_life must be above 0, got {wrong:g}"
        with pytest.raises(ValueError, match=said):
            ewma_correlation_with_base(
                _returns(9, 2), base="A0", half_life=wrong, min_observations=3
            )

    def test_two_pairs_are_no_exponential_correlation_either(self) -> None:
        with pytest.raises(ValueError, match="^min_observations must be at least 3, got 2"):
            ewma_correlation_with_base(_returns(9, 2), base="A0", half_life=5, min_observations=2)

    @pytest.mark.parametrize("stop", [0, 3])
    def test_strips_end_before_the_last_asset(self, stop: int) -> None:
        said = rf"^stop must lie in 1 … 2, got {stop}"
        with pytest.raises(ValueError, match=said):
            correlation_strips(_returns(9, 3), window=3, min_observations=3, stop=stop, height=1)

    def test_a_part_is_at_least_one(self) -> None:
        rule = {"window": 3, "min_observations": 3}
        with pytest.raises(ValueError, match="^height must be at least 1, got 0"):
            correlation_strips(_returns(9, 3), **rule, stop=1, height=0)

    @pytest.mark.parametrize("rule", [{"window": 2, "min_observations": 2}])
    def test_each_function_asks_for_a_window(self, rule: dict[str, int]) -> None:
        for call in (
            rolling_correlation,
            lambda frame, **asked: correlation_strips(frame, **asked, stop=1, height=1),
        ):
            with pytest.raises(ValueError, match="^window must be at least 3, got 2"):
                call(_returns(9, 2), **rule)

    def test_one_series_is_no_panel(self) -> None:
        said = r"^returns must be \(n_sessions, n_assets\), got 1 dimensions"
        with pytest.raises(ValueError, match=said):
            rolling_correlation(np.zeros(9), window=3, min_observations=3)

    @pytest.mark.parametrize("bad", [np.inf, -np.inf])
    def test_an_infinite_return_is_named(self, bad: float) -> None:
        returns = _returns(60, 3)
        returns.iloc[3, 1] = bad
        said = f"returns must be finite or missing, got {bad} for A1 at 2024-01-05 00:00:00;"
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            correlation_with_base(returns, base="A0", window=20, min_observations=15)
        said = f"returns must be finite or missing, got {bad} at position 3, 1;"
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            rolling_correlation(returns.to_numpy(), window=20, min_observations=15)

    def test_a_column_that_stands_twice_is_named(self) -> None:
        returns = _returns(60, 3).set_axis(["A0", "A1", "A1"], axis=1)
        said = "columns of returns must be unique, got ['A1'] twice"
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            correlation_with_base(returns, base="A0", window=20, min_observations=15)
