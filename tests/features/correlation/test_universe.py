"""Where every pair stands: by hand, against a slow twin, and without a look ahead."""

import numpy as np
import pandas as pd
import pytest

from features.correlation import correlation_strips, pair_standings, rolling_correlation
from tests.naive_scan import pair_standing

RULE = {
    "window": 10, "min_observations": 6, "history": 40, "change": 3, "min_history": 20,
}  # fmt: skip
FIGURES = ("value", "n", "change", "percentile", "z")


def _returns(assets: int = 7, rows: int = 70) -> np.ndarray:
    random = np.random.default_rng(4)
    returns = random.standard_t(4, (rows, assets)) + random.standard_normal((rows, 1))
    returns[random.random(returns.shape) < 0.1] = np.nan
    return returns


def _all(returns: np.ndarray, *, height: int = 4, **changed: int) -> dict[str, np.ndarray]:
    stop = returns.shape[1] - 1
    strips = list(pair_standings(returns, stop=stop, height=height, **{**RULE, **changed}))
    names = ("pairs", *FIGURES)
    return {name: np.concatenate([getattr(strip, name) for strip in strips]) for name in names}


class TestByHand:
    def test_a_pair_that_turns(self) -> None:
        # Windows of three: −1 while y falls as x rises, then +1 at the last.
        x = np.array([1.0, 2, 3, 1, 2, 3, 5, 9])
        y = np.array([3.0, 2, 1, 3, 2, 1, 3, 7])
        told = _all(
            np.column_stack([x, y]), window=3, min_observations=3, history=5, change=2,
            min_history=2,
        )  # fmt: skip
        row6 = np.corrcoef(x[4:7], y[4:7])[0, 1]
        now = np.corrcoef(x[5:8], y[5:8])[0, 1]
        earlier = np.array([-1, -1, -1, -1, row6])
        assert told["value"][0] == pytest.approx(now, abs=1e-14)
        assert told["change"][0] == pytest.approx(now + 1, abs=1e-14)
        assert told["percentile"][0] == 1.0
        assert told["z"][0] == pytest.approx((now - earlier.mean()) / earlier.std(ddof=1))
        assert told["n"][0] == 3


class TestTwin:
    @pytest.mark.parametrize("height", [1, 4, 100])
    def test_equals_the_slow_one(self, height: int) -> None:
        returns = _returns()
        told = _all(returns, height=height)
        left, right = np.triu_indices(7, 1)
        np.testing.assert_array_equal(told["pairs"], np.column_stack([left, right]))
        frame = pd.DataFrame(returns)
        for place, (i, j) in enumerate(told["pairs"]):
            expected = pair_standing(
                frame[i], frame[j], window=10, minimum=6, history=40, change=3, least=20
            )
            for name in FIGURES:
                np.testing.assert_allclose(told[name][place], expected[name], atol=1e-10)


class TestStrips:
    def test_are_the_rows_of_all_pairs(self) -> None:
        returns = _returns(11)
        whole = rolling_correlation(returns, window=10, min_observations=6)
        strips = list(correlation_strips(returns, window=10, min_observations=6, stop=5, height=3))
        assert [strip[0][0, 0] for strip in strips] == [0, 3]
        found = np.concatenate([values for _, values in strips])
        np.testing.assert_array_equal(found, whole[: len(found)])
        assert len(found) == 10 + 9 + 8 + 7 + 6

    @pytest.mark.parametrize("changed", [{"stop": 0}, {"stop": 11}, {"height": 0}])
    def test_bounds(self, changed: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="must"):
            correlation_strips(
                _returns(11), window=10, min_observations=6, **{"stop": 5, "height": 3, **changed}
            )


class TestHistory:
    def test_rows_before_history_and_window_are_not_looked_at(self) -> None:
        returns = _returns()
        changed = returns.copy()
        changed[: 70 - 50] = 99.0
        for name, held in _all(returns).items():
            np.testing.assert_array_equal(_all(changed)[name], held)

    def test_the_baseline_ends_before_the_session(self) -> None:
        # The session's own value moves only itself: an all-time high is the share 1, not 1 − 1/n.
        returns = _returns(2)
        returns[-10:, 1] = returns[-10:, 0] = np.arange(10.0) ** 2
        assert _all(returns)["percentile"][0] == 1.0

    def test_scale_and_order_do_not_matter(self) -> None:
        returns = _returns(3)
        told, turned = _all(returns), _all(8 * returns[:, ::-1])
        for name in FIGURES:
            np.testing.assert_allclose(turned[name], told[name][::-1], atol=1e-12)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"change": 0}, r"change must lie in 1 … 40, got 0"),
            ({"change": 41}, r"change must lie in 1 … 40, got 41"),
            ({"min_history": 1}, "min_history must be at least 2, got 1"),
        ],
    )
    def test_bad_terms(self, changed: dict[str, int], said: str) -> None:
        with pytest.raises(ValueError, match=f"^{said}"):
            _all(_returns(), **changed)

    def test_the_longest_change_and_the_shortest_history(self) -> None:
        # the last of 13 rows, windows of ten: three earlier values, the change is over all of them
        returns = _returns(2, rows=13)
        told = _all(returns, change=3, history=3, min_history=3, min_observations=3)
        path = rolling_correlation(returns, window=10, min_observations=3)[0, 9:]
        assert told["value"][0] == pytest.approx(path[3], abs=1e-14)
        assert told["change"][0] == pytest.approx(path[3] - path[0], abs=1e-14)
        assert told["percentile"][0] == np.mean(path[:3] <= path[3])
        assert told["z"][0] == pytest.approx(
            (path[3] - path[:3].mean()) / path[:3].std(ddof=1), rel=1e-9
        )
        day = _all(returns, change=1, history=3, min_history=3, min_observations=3)
        assert day["change"][0] == pytest.approx(path[3] - path[2], abs=1e-14)
        more = _all(returns, change=4, history=4, min_history=4, min_observations=3)
        assert np.isnan([more[name][0] for name in ("change", "percentile", "z")]).all()
        assert more["value"] == told["value"]


class TestShareClass:
    """Two lines of one share: the correlation is one, and rounding is no history."""

    @pytest.mark.parametrize("seed", range(6))
    def test_a_copy_stands_where_it_always_stood(self, seed: int) -> None:
        x = 0.01 * np.random.default_rng(seed).standard_t(4, 70)
        told = _all(np.column_stack([x, 3.7 * x]))
        assert told["value"][0] == pytest.approx(1, abs=1e-14)
        assert told["change"][0] == pytest.approx(0, abs=1e-14)
        assert told["percentile"][0] == 1
        assert np.isnan(told["z"][0])


class TestLateListing:
    def test_too_young_for_a_value_has_its_count(self) -> None:
        returns = _returns(3)
        returns[:-5, 2] = np.nan
        told = _all(returns)
        assert np.isnan(told["value"][1:]).all()
        assert (told["n"][1:] <= 5).all()
        assert not np.isnan(told["value"][0])

    def test_fewer_rows_than_the_window(self) -> None:
        told = _all(_returns(3, rows=6))
        assert np.isnan(told["value"]).all()
