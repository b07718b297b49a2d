"""Signals for a change of mean, variance or correlation, and penalties at a stated rate."""

import numpy as np
import pytest

from models.block_bootstrap import block_length, stationary_rows
from models.change_signals import (
    calibrated_penalty,
    change_signal,
    critical_penalty,
    penalised_breaks,
)
from models.errors import NotEnoughData
from tests import naive_changepoint as naive


def _noise(seed: int, *, rows: int = 300, width: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, width))


class TestSignal:
    def test_by_hand(self) -> None:
        rows = np.array([[1.0, 2.0], [3.0, np.nan]])
        both = change_signal(rows, change="any")
        assert both[0] == pytest.approx([1, 2, 1 / np.sqrt(2), 4 / np.sqrt(2), 2])
        assert np.isnan(both[1]).tolist() == [False, True, False, True, True]

    @pytest.mark.parametrize(
        ("change", "spoil"),
        [
            ("mean", lambda x: x + 1.5),
            ("variance", lambda x: 2.5 * x),
            ("correlation", lambda x: np.column_stack([x[:, 0], 0.95 * x[:, 0] + 0.3 * x[:, 1]])),
            ("any", lambda x: 2.5 * x),
        ],
    )
    def test_finds_its_own_change(self, change, spoil) -> None:  # type: ignore[no-untyped-def]
        rows = _noise(1)
        rows[150:] = spoil(rows[150:])
        calm = change_signal(_noise(2), change=change)
        penalty = calibrated_penalty(
            calm, rows=300, min_size=10, rate=0.05, block=6, draws=19, seed=1
        )
        found = penalised_breaks(change_signal(rows, change=change), min_size=10, penalty=penalty)
        assert min(abs(place - 150) for place in found) <= 8
        assert penalised_breaks(calm, min_size=10, penalty=penalty) == ()

    @pytest.mark.parametrize(
        ("rows", "change", "message"),
        [
            (np.zeros(3), "mean", "two dimensions, got 1"),
            (np.zeros((3, 1)), "slope", "must be one of mean"),
            (np.zeros((3, 1)), "correlation", "at least 2 series, got 1"),
        ],
    )
    def test_refuses(self, rows, change, message) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(ValueError, match=message):
            change_signal(rows, change=change)


class TestCriticalPenalty:
    def test_by_hand(self) -> None:
        # One break takes all of the 4·¼ = 1.
        signal = np.array([[0.0], [0.0], [1.0], [1.0]])
        assert critical_penalty(signal, min_size=1) == pytest.approx(1.0, abs=1e-12)

    @pytest.mark.parametrize("seed", range(4))
    def test_matches_the_slow_twin(self, seed: int) -> None:
        signal = _noise(seed, rows=12)
        slow = naive.critical_penalty(signal, min_size=2, most=5)
        assert critical_penalty(signal, min_size=2) == pytest.approx(slow, rel=1e-9)

    def test_is_where_breaks_stop(self) -> None:
        signal = _noise(5, rows=80)
        edge = critical_penalty(signal, min_size=3)
        assert penalised_breaks(signal, min_size=3, penalty=edge * 1.001) == ()
        assert penalised_breaks(signal, min_size=3, penalty=edge * 0.999) != ()

    def test_a_constant_has_none(self) -> None:
        assert critical_penalty(np.ones((20, 1)), min_size=2) == 0


class TestCalibratedPenalty:
    def test_holds_its_rate(self) -> None:
        calm = _noise(3, rows=600, width=1)
        penalty = calibrated_penalty(
            calm, rows=120, min_size=5, rate=0.2, block=5, draws=99, seed=2
        )
        generator = np.random.default_rng(4)
        alarms = sum(
            penalised_breaks(generator.normal(0, 1, (120, 1)), min_size=5, penalty=penalty) != ()
            for _ in range(200)
        )
        # 20 % of 200, within three standard errors of both simulations.
        assert 15 <= alarms <= 68

    def test_scales_with_the_square_of_the_unit(self) -> None:
        calm = _noise(3, rows=100, width=1)
        chosen = {"rows": 50, "min_size": 5, "rate": 0.1, "block": 4, "draws": 19, "seed": 2}
        one, ten = (calibrated_penalty(unit * calm, **chosen) for unit in (1, 10))  # type: ignore
        assert ten == pytest.approx(100 * one, rel=1e-9)

    def test_persistence_raises_it(self) -> None:
        shocks = _noise(6, rows=500, width=1)
        slow = np.array([shocks[max(0, row - 9) : row + 1].mean(axis=0) for row in range(500)])
        chosen = {"rows": 200, "min_size": 5, "rate": 0.1, "block": 20, "draws": 19, "seed": 2}
        found = [calibrated_penalty(x / x.std(), **chosen) for x in (shocks, slow)]  # type: ignore
        assert found[1] > 2 * found[0]

    def test_refuses_what_it_cannot_resolve(self) -> None:
        calm = _noise(3, rows=100)
        chosen = {"rows": 50, "min_size": 5, "block": 4, "seed": 2}
        with pytest.raises(ValueError, match="draws must be at least 19 for a rate of 0.05"):
            calibrated_penalty(calm, rate=0.05, draws=9, **chosen)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="between 0 and 1"):
            calibrated_penalty(calm, rate=0.0, draws=9, **chosen)  # type: ignore[arg-type]
        with pytest.raises(NotEnoughData, match="a calibrated penalty needs at least 16"):
            calibrated_penalty(calm[:15], rate=0.1, draws=19, **chosen)  # type: ignore[arg-type]


class TestBlocks:
    def test_rows_follow_one_another_within_a_block(self) -> None:
        chosen = stationary_rows(
            50, length=5000, block=10, draws=2, generator=np.random.default_rng(1)
        )
        assert chosen.shape == (2, 5000)
        assert chosen.min() == 0
        assert chosen.max() == 49
        follows = (np.diff(chosen, axis=1) % 50 == 1).mean()
        assert follows == pytest.approx(0.9 + 0.1 / 50, abs=0.02)

    def test_blocks_of_one_are_independent_rows(self) -> None:
        chosen = stationary_rows(
            1000, length=4000, block=1, draws=1, generator=np.random.default_rng(1)
        )
        assert (np.diff(chosen) % 1000 == 1).mean() < 0.01

    def test_length(self) -> None:
        assert [block_length(rows) for rows in (1, 27, 1000)] == [1, 3, 10]

    def test_refuses_nothing(self) -> None:
        with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
            stationary_rows(0, length=1, block=1, draws=1, generator=np.random.default_rng(1))
