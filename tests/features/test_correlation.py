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
from tests.naive_correlation import ewma, rolling


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
