import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.correlation import (
    correlation_blocks,
    correlation_with_base,
    ewma_correlation_with_base,
    latest_correlation,
    rolling_correlation,
)
from tests.naive_correlation import ewma, rolling, rolling_all_at_once


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

    def test_blocks_are_the_whole_in_parts(self) -> None:
        returns = _returns(120, 7, holes=0.05)
        whole = rolling_correlation(returns, window=21, min_observations=12)
        first, second = np.triu_indices(7, 1)
        parts = list(correlation_blocks(returns, window=21, min_observations=12, block_pairs=4))
        pairs = np.concatenate([part for part, _ in parts])
        values = np.concatenate([part for _, part in parts])
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        assert pairs[order].tolist() == [list(pair) for pair in zip(first, second, strict=True)]
        np.testing.assert_allclose(values[order], whole, rtol=0, atol=1e-15)

    def test_latest_is_the_last_row(self) -> None:
        returns = _returns(120, 6, holes=0.05)
        every = rolling_correlation(returns, window=63, min_observations=40)
        latest = np.asarray(latest_correlation(returns, window=63, min_observations=40))
        np.testing.assert_allclose(latest[np.triu_indices(6, 1)], every[:, -1], atol=1e-13)
        np.testing.assert_allclose(latest, latest.T)

    @given(st.integers(0, 200))
    @settings(max_examples=20, deadline=None)
    def test_stay_in_bounds(self, seed: int) -> None:
        every = rolling_correlation(_returns(60, 4, seed=seed), window=3, min_observations=3)
        assert np.nanmax(np.abs(every)) <= 1


def _stress(case: str) -> np.ndarray:
    """Returns or prices on which rolling sums are known to fail (shared/performance-notes)."""
    random = np.random.default_rng(8)
    common = random.standard_t(4, (800, 1))
    returns = 0.01 * (0.6 * common + random.standard_t(4, (800, 9)))
    if case == "returns":
        return returns
    if case == "returns on a level of a million":
        return 1e6 + returns
    if case == "returns of a billionth":
        return 1e-9 * returns
    walk = 100 * np.exp(np.cumsum(returns, axis=0))
    chosen = {"price walks": walk, "an outlier": returns, "prices with an outlier": walk}[case]
    if "outlier" in case:
        chosen[300, 2] = 1e6
        chosen[310, 3] = -1e6
    return chosen


class TestExactness:
    """At most 1e−14 from long double in two passes, in every stress case."""

    @pytest.mark.parametrize("holes", [0.0, 0.05, 0.4])
    @pytest.mark.parametrize(
        "case",
        [
            "returns",
            "returns on a level of a million",
            "returns of a billionth",
            "price walks",
            "an outlier",
            "prices with an outlier",
        ],
    )
    def test_against_long_double(self, case: str, holes: float) -> None:
        values = _stress(case)
        random = np.random.default_rng(9)
        values[random.random(values.shape) < holes] = np.nan
        if holes:
            values[:250, 4] = np.nan  # listed late
        pairs = list(zip(*np.triu_indices(9, 1), strict=True))
        for window in (5, 21, 63, 252):
            rule = {"window": window, "min_observations": max(3, window // 2)}
            every = rolling_correlation(values, **rule)
            for (i, j), found in zip(pairs, every, strict=True):
                exact = rolling_all_at_once(values[:, i], values[:, j], **rule)
                np.testing.assert_allclose(found, exact, rtol=0, atol=1e-14)

    def test_a_hole_elsewhere_changes_no_digit(self) -> None:
        values = _stress("returns")
        holed = values.copy()
        holed[400, 0] = np.nan
        rule = {"window": 63, "min_observations": 63}
        before, after = rolling_correlation(values, **rule), rolling_correlation(holed, **rule)
        assert np.array_equal(before[:, :400], after[:, :400], equal_nan=True)
        assert np.array_equal(before[:, 463:], after[:, 463:], equal_nan=True)
        assert np.isnan(after[:8, 400:463]).all()

    @pytest.mark.parametrize("end", [62, 63, 64, 125, 126, 300, 799])
    @pytest.mark.parametrize("case", ["returns", "prices with an outlier"])
    def test_later_rows_change_no_digit(self, case: str, end: int) -> None:
        values = _stress(case)
        values[random_rows := np.random.default_rng(2).random(values.shape) < 0.02] = np.nan
        assert random_rows.any()
        rule = {"window": 63, "min_observations": 40}
        until = rolling_correlation(values[:end], **rule)
        assert np.array_equal(until, rolling_correlation(values, **rule)[:, :end], equal_nan=True)

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


class TestRefusal:
    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"window": 2, "min_observations": 2}, "window must be at least 3"),
            ({"min_observations": 30}, "min_observations must"),
            ({"base": "ZZZ"}, "base ZZZ is no column"),
        ],
    )
    def test_names_the_rule(self, changed: dict[str, object], message: str) -> None:
        asked = {"base": "A0", "window": 20, "min_observations": 15} | changed
        with pytest.raises(ValueError, match=message):
            correlation_with_base(_returns(60, 2), **asked)  # type: ignore[arg-type]

    def test_an_infinite_return_is_refused(self) -> None:
        returns = _returns(60, 2)
        returns.iloc[3, 1] = np.inf
        with pytest.raises(ValueError, match="finite"):
            correlation_with_base(returns, base="A0", window=20, min_observations=15)
