import numpy as np
import pytest

from models.verdict import overfitting_probability


class TestSearchOverNoise:
    def test_is_found_to_be_luck(self) -> None:
        noise = np.random.default_rng(2).standard_normal((10, 300))
        found = overfitting_probability(noise)
        assert found.n_splits == 252
        # What is best on one half by luck is as often below as above the median of the other; with
        # a fixed total, rather more often below.
        assert found.probability > 0.4
        assert found.best_chosen > found.best_other + 3


class TestOneGoodRule:
    def test_is_not_luck(self) -> None:
        noise = np.random.default_rng(2).standard_normal((10, 300))
        noise[:, 7] += 3.0
        found = overfitting_probability(noise)
        assert found.probability == 0.0
        assert found.best_other == pytest.approx(noise[:, 7].sum() / 2, rel=0.01)


class TestTies:
    def test_rules_that_agree_rank_in_the_middle(self) -> None:
        assert overfitting_probability(np.ones((4, 3))).probability == 1.0


class TestTooFewGroups:
    @pytest.mark.parametrize("shape", [(2, 5), (5, 5), (4, 1)])
    def test_are_refused(self, shape: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="even number of groups"):
            overfitting_probability(np.zeros(shape))
