"""Names that never flip, and states that never saw their own parameters' future."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from models.regime_walk_forward import RegimePath, walk_forward_jump, walk_forward_markov
from models.state_alignment import aligned, matching_order
from tests.models.test_markov_switching import estimate, market, regimes


def markov(observations: pd.DataFrame, **changed: object) -> RegimePath:
    terms: dict[str, object] = {
        "every": 50, "window": 400, "min_observations": 300, "states": 2, "innovation": "normal",
        "correlated": True, "starts": 2, "seed": 0,
    }  # fmt: skip
    return walk_forward_markov(observations, **(terms | changed))  # type: ignore[arg-type]


def jump(features: pd.DataFrame, **changed: object) -> RegimePath:
    terms: dict[str, object] = {
        "every": 50, "window": 400, "min_observations": 300, "states": 2, "penalty": 5.0,
        "cap": 5.0, "order_by": "a", "starts": 3, "seed": 0,
    }  # fmt: skip
    return walk_forward_jump(features, **(terms | changed))  # type: ignore[arg-type]


class TestAlignment:
    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_any_permutation_is_undone(self, order: tuple[int, ...]) -> None:
        fit = estimate(market(), states=3, starts=2)
        turned = aligned(fit, fit.permuted(np.array(order)))
        assert (turned.transition == fit.transition).all()
        pd.testing.assert_frame_equal(turned.means, fit.means)
        pd.testing.assert_frame_equal(turned.volatilities, fit.volatilities)

    def test_the_total_decides_not_the_nearest(self) -> None:
        # State 0 is nearest to new 0, but so is state 1, and by more: 0 takes what is left.
        before = np.array([[0.0], [1.0]])
        after = np.array([[0.9], [-3.0]])
        assert matching_order(before, after).tolist() == [1, 0]

    def test_a_unit_does_not_matter(self) -> None:
        fit, other = estimate(market()), estimate(1e-6 * market())
        turned = aligned(other, other.permuted(np.array([1, 0])))
        assert turned.volatilities["a"].is_monotonic_increasing
        assert fit.volatilities["a"].is_monotonic_increasing

    def test_shapes_must_agree(self) -> None:
        with pytest.raises(ValueError, match="same states and series"):
            matching_order(np.zeros((2, 1)), np.zeros((3, 1)))


class TestWalk:
    def test_stressed_stays_stressed(self) -> None:
        path = markov(market())
        assert all(fit.volatilities["a"].is_monotonic_increasing for fit in path.estimates)
        called = path.values[1] > 0.5
        assert (called.to_numpy() == regimes(900)[300:]).mean() > 0.93

    @pytest.mark.parametrize("walk", [markov, jump])
    def test_later_rows_do_not_matter(self, walk: object) -> None:
        whole = walk(market())  # type: ignore[operator]
        short = walk(market().iloc[:730])  # type: ignore[operator]
        assert short.values.equals(whole.values.iloc[:430])
        assert short.estimated_to.equals(whole.estimated_to.iloc[:430])

    @pytest.mark.parametrize("walk", [markov, jump])
    def test_parameters_end_before_the_session(self, walk: object) -> None:
        path = walk(market())  # type: ignore[operator]
        assert (path.estimated_to < path.values.index).all()
        assert path.values.index.equals(market().index[300:])
        assert len(path.estimates) == 12

    def test_no_session_after_the_first_estimate_is_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 301"):
            markov(market().iloc[:300])

    def test_parameters_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="every must be at least 1"):
            markov(market(), every=0)
        with pytest.raises(ValueError, match="window must be at least"):
            jump(market(), window=10)
