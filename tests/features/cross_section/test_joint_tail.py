import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cross_section import (
    class_moves,
    concentrated_tail_loss,
    joint_tail_loss,
    scaled_moves,
    spread_returns,
    tail_excess,
    volume_on_falls,
)
from tests import naive_verdict

BASELINE = {"window": 6, "min_observations": 4}


def _returns(n: int = 80, *, assets: int = 4, seed: int = 5) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        0.01 * generator.standard_t(4, (n, assets)),
        pd.bdate_range("2024-01-02", periods=n),
        list("ABCDEFGH")[:assets],
    )


def _frame(*rows: list[float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list("ABCDEFGH")[: len(rows[0])])


class TestScaledMoves:
    def test_by_hand(self) -> None:
        # σ of (1, −1, 1, −1) is √(4/3); the −3 is not in its own baseline.
        returns = pd.DataFrame({"A": [0.01, -0.01, 0.01, -0.01, -0.03]})
        found = scaled_moves(returns, horizon=1, **BASELINE)["A"]
        assert found.iloc[:4].isna().all()
        assert found.iloc[4] == pytest.approx(-3 / np.sqrt(4 / 3), rel=1e-12)

    def test_two_sessions_are_summed_before_they_are_scaled(self) -> None:
        # Sums of two: 3, 1, 3, 1, then −4; σ of (3, 1, 3, 1) is √(4/3).
        returns = pd.DataFrame({"A": [0.01, 0.02, -0.01, 0.04, -0.03, -0.01]})
        found = scaled_moves(returns, horizon=2, **BASELINE)["A"]
        assert found.iloc[5] == pytest.approx(-4 / np.sqrt(4 / 3), rel=1e-12)

    @pytest.mark.parametrize("horizon", [1, 3])
    def test_equals_the_obvious_twin(self, horizon: int) -> None:
        returns = _returns().mask(np.random.default_rng(1).random((80, 4)) < 0.05)
        asked = {"horizon": horizon, "window": 20, "min_observations": 12}
        pd.testing.assert_frame_equal(
            scaled_moves(returns, **asked), naive_verdict.scaled_moves(returns, **asked), rtol=1e-9
        )

    def test_a_later_day_changes_nothing(self) -> None:
        returns = _returns(300)
        whole = scaled_moves(returns, horizon=3, window=90, min_observations=60)
        prefix = scaled_moves(returns.iloc[:200], horizon=3, window=90, min_observations=60)
        pd.testing.assert_frame_equal(whole.iloc[:200], prefix, check_exact=True)

    def test_a_session_is_not_in_its_own_baseline(self) -> None:
        returns = _returns()
        deeper = returns.copy()
        deeper.iloc[-1] = 2 * returns.iloc[-1]
        plain = scaled_moves(returns, horizon=1, window=20, min_observations=12).iloc[-1]
        double = scaled_moves(deeper, horizon=1, window=20, min_observations=12).iloc[-1]
        np.testing.assert_allclose(double, 2 * plain, rtol=1e-12)

    def test_units_and_order_do_not_matter(self) -> None:
        returns = _returns()
        asked = {"horizon": 3, "window": 20, "min_observations": 12}
        plain = scaled_moves(returns, **asked)
        pd.testing.assert_frame_equal(scaled_moves(100 * returns, **asked), plain, rtol=1e-9)
        turned = scaled_moves(returns[list("DCBA")], **asked)
        pd.testing.assert_frame_equal(turned[list("ABCD")], plain, check_exact=True)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"horizon": 0, "window": 20}, "horizon must be at least 1, got 0"),
            ({"horizon": 1, "window": 2}, "window must be at least 3, got 2"),
        ],
    )
    def test_impossible_arguments_are_refused(self, wrong: dict[str, int], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            scaled_moves(_returns(), min_observations=2, **wrong)

    def test_three_rows_are_the_shortest_baseline(self) -> None:
        # σ of (1, 2, 3) is 1.
        returns = pd.DataFrame({"A": [0.01, 0.02, 0.03, -0.05]})
        found = scaled_moves(returns, horizon=1, window=3, min_observations=3)["A"]
        assert found.iloc[3] == pytest.approx(-5, rel=1e-12)


class TestFlatMarket:
    def test_a_pegged_series_has_no_move(self) -> None:
        returns = _returns(60)
        returns.iloc[20:-1, 0] = 0.0
        returns.iloc[-1, 0] = -0.001
        found = scaled_moves(returns, horizon=1, window=20, min_observations=12)
        assert np.isnan(found["A"].iloc[-1])
        assert np.isfinite(found["B"].iloc[-1])

    def test_a_pegged_series_with_holes_has_none_either(self) -> None:
        """What a rolling variance leaves after a crash is rounding, hole or no hole."""
        returns = _returns(60)
        returns.iloc[10, 0] = -8.0
        returns.iloc[20:-1, 0] = 0.0
        returns.iloc[[45, 50], 0] = np.nan
        returns.iloc[-1, 0] = -1e-9
        found = scaled_moves(returns, horizon=1, window=20, min_observations=12)
        assert np.isnan(found["A"].iloc[-1])

    def test_the_day_after_a_peg_breaks_the_break_is_its_volatility(self) -> None:
        returns = pd.DataFrame({"PEG": [0.0] * 25 + [-0.01, -0.01]})
        found = scaled_moves(returns, horizon=1, window=20, min_observations=12)["PEG"]
        assert np.isnan(found.iloc[25])
        assert found.iloc[26] == pytest.approx(-1 / np.std([0] * 19 + [1], ddof=1), rel=1e-12)

    def test_moves_too_small_to_square_are_none(self) -> None:
        found = scaled_moves(1e-170 * _returns(), horizon=1, window=20, min_observations=12)
        assert found.isna().all(axis=None)

    @pytest.mark.parametrize(
        ("seed", "drift", "horizon", "pegged_from", "holes"),
        [
            (48, 0.0001, 2, 12, [37, 52]),  # rounding alone: 6.8 million σ
            (45, 0.0, 2, 4, [32, 40]),
            (1737, 0.1, 3, 11, []),
            (867, 0.1, 2, 6, [21, 46]),
        ],
    )
    def test_rounding_in_sums_of_a_steady_accrual_is_no_volatility(
        self, seed: int, drift: float, horizon: int, pegged_from: int, holes: list[int]
    ) -> None:
        generator = np.random.default_rng(seed)
        generator.choice(4), generator.integers(1, 4)
        returns = generator.standard_t(4, 60) * 0.01 * 10.0 ** generator.integers(0, 2)
        returns[pegged_from:-1] = drift
        returns[holes] = np.nan
        returns[-1] = -0.001
        found = scaled_moves(
            pd.DataFrame({"CASH": returns}), horizon=horizon, window=20, min_observations=12
        )
        assert np.isnan(found["CASH"].iloc[-1])


class TestLateListing:
    def test_has_no_move_before_its_baseline_is_there(self) -> None:
        returns = _returns()
        returns.iloc[:50, 0] = np.nan
        found = scaled_moves(returns, horizon=1, window=20, min_observations=12)["A"]
        assert found.first_valid_index() == returns.index[62]

    def test_its_class_is_judged_by_the_members_there(self) -> None:
        moves = pd.DataFrame({"GLD": [-2.0, -1.0], "IBIT": [np.nan, -3.0], "ETHA": [-1.0, -5.0]})
        found = class_moves(
            moves, classes={"crypto": ("IBIT", "ETHA", "MSTR"), "gold": ("GLD",), "oil": ("USO",)}
        )
        assert found["crypto"].tolist() == [-1.0, -4.0]
        assert found["gold"].tolist() == [-2.0, -1.0]
        assert found["oil"].isna().all()

    def test_an_infinite_move_has_no_mean(self) -> None:
        moves = pd.DataFrame({"GLD": [np.inf], "SLV": [-np.inf]})
        with pytest.raises(ValueError, match="moves must be finite or missing"):
            class_moves(moves, classes={"metals": ("GLD", "SLV")})

    def test_without_classes_the_sessions_stay(self) -> None:
        moves = _returns(5)
        assert class_moves(moves, classes={}).index.equals(moves.index)


class TestTailExcess:
    def test_by_hand(self) -> None:
        day, three_days = _frame([-2.0, -1.0, 3.0, -9.0]), _frame([-4.0, -1.75, -2.0, np.nan])
        found = tail_excess((day, three_days), start=1.5, cap=4.0)
        assert found.iloc[0].tolist() == [0.5 + 2.5, 0.25, 0.5, 4.0]

    def test_without_the_day_itself_there_is_none(self) -> None:
        found = tail_excess((_frame([np.nan]), _frame([-5.0])), start=1.5, cap=4.0)
        assert found.isna().all(axis=None)

    def test_a_rally_is_no_evidence(self) -> None:
        assert tail_excess((_frame([9.0, 0.0]),), start=1.5, cap=4.0).iloc[0].tolist() == [0, 0]


class TestJointTail:
    def test_by_hand(self) -> None:
        # Four classes, one of them silent: (1 + 2 + 0 + 3) / √4.
        found = joint_tail_loss(_frame([1.0, 2.0, 0.0, 3.0, np.nan]), min_series=4)
        assert found.item() == 3.0

    def test_too_few_classes_are_not_judged(self) -> None:
        assert np.isnan(joint_tail_loss(_frame([1.0, 2.0, np.nan]), min_series=3).item())

    def test_equals_the_obvious_twin(self) -> None:
        generator = np.random.default_rng(2)
        moves = tuple(
            pd.DataFrame(2 * generator.standard_normal((60, 8)), columns=list("ABCDEFGH")).mask(
                generator.random((60, 8)) < 0.3
            )
            for _ in range(2)
        )
        found = joint_tail_loss(tail_excess(moves, start=1.5, cap=2.0), min_series=5)
        for t in range(60):
            rows = [move.loc[t].to_dict() for move in moves]
            told = naive_verdict.joint_tail(rows, start=1.5, cap=2.0, fewest=5)
            assert found[t] == pytest.approx(told, rel=1e-12, nan_ok=True)

    def test_the_same_fall_spread_over_more_unlike_classes_weighs_the_same_or_more(self) -> None:
        """√n in the denominator: n classes that fall alike weigh √n times one of them."""
        for n in (4, 8):
            assert joint_tail_loss(_frame([1.0] * n), min_series=2).item() == pytest.approx(
                np.sqrt(n)
            )

    def test_a_crash_of_one_class_is_bounded(self) -> None:
        moves = _frame([-30.0, 0.0, 0.0, 0.0])
        found = joint_tail_loss(tail_excess((moves, moves), start=1.5, cap=4.0), min_series=4)
        assert found.item() == 2 * 4.0 / np.sqrt(4)


class TestConcentratedTail:
    def test_by_hand(self) -> None:
        found = concentrated_tail_loss(
            _frame([1.0, 4.0, 0.0, 3.0, np.nan]), n_largest=2, min_series=4
        )
        assert found.item() == 7.0

    def test_each_session_is_judged_alone_and_keeps_its_date(self) -> None:
        excess = _frame([1.0, 4.0, 2.0], [0.5, np.nan, 0.25]).set_index(
            pd.DatetimeIndex(["2026-02-04", "2026-02-05"])
        )
        found = concentrated_tail_loss(excess, n_largest=2, min_series=2)
        assert found.tolist() == [6.0, 0.75]  # a missing class adds nothing
        assert found.index.equals(excess.index)

    def test_too_few_classes_are_not_judged(self) -> None:
        assert np.isnan(
            concentrated_tail_loss(_frame([1.0, np.nan]), n_largest=1, min_series=2).item()
        )

    @given(
        st.lists(st.floats(0, 8), min_size=4, max_size=8),
        st.integers(1, 4),
        st.randoms(use_true_random=False),
    )
    @settings(max_examples=80, deadline=None)
    def test_order_does_not_matter_and_more_classes_never_weigh_less(
        self, excess: list[float], leading: int, random: st.DataObject
    ) -> None:
        plain = concentrated_tail_loss(_frame(excess), n_largest=leading, min_series=2).item()
        shuffled = list(excess)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert (
            concentrated_tail_loss(_frame(shuffled), n_largest=leading, min_series=2).item()
            == plain
        )
        assert max(excess) <= plain <= sum(excess) + 1e-12
        assert (
            concentrated_tail_loss(_frame(excess), n_largest=leading + 1, min_series=2).item()
            >= plain
        )


class TestSpreads:
    def test_by_hand(self) -> None:
        returns = pd.DataFrame({"MTUM": [0.01, np.nan], "SPY": [0.03, 0.01]})
        found = spread_returns(returns, spreads=(("MTUM", "SPY"), ("QUAL", "SPY")))
        assert found["MTUM-SPY"].iloc[0] == pytest.approx(-0.02)
        assert found.columns.tolist() == ["MTUM-SPY", "QUAL-SPY"]
        assert found["QUAL-SPY"].isna().all()
        assert np.isnan(found["MTUM-SPY"].iloc[1])

    def test_without_spreads_the_sessions_stay(self) -> None:
        returns = _returns(5)
        assert spread_returns(returns, spreads=()).index.equals(returns.index)


class TestVolumeOnFalls:
    WINDOW, MINIMUM = 20, 10

    @classmethod
    def _volume(cls, last: float) -> pd.DataFrame:
        """Log volume alternates between 0 and 2 (mean 1, sample σ 1.026), then ends at `last`."""
        logs = np.r_[np.tile([0.0, 2.0], 10), last]
        return pd.DataFrame({"A": np.exp(logs)})

    def _last(self, move: float, log_volume: float) -> float:
        volume = self._volume(log_volume)
        moves = pd.DataFrame({"A": np.full(len(volume), move)})
        found = volume_on_falls(
            moves, volume, window=self.WINDOW, min_observations=self.MINIMUM, cap=4.0
        )
        return float(found["A"].iloc[-1])

    @pytest.mark.parametrize(
        ("move", "log_volume", "expected"),
        [
            (-2.0, 3.0, 2.0 * 2.0 / np.sqrt(20 / 19)),
            (-9.0, 3.0, 4.0 * 2.0 / np.sqrt(20 / 19)),  # the fall is capped
            (-9.0, 99.0, 16.0),  # both are
            (-2.0, 0.5, 0.0),  # less than usual
            (2.0, 3.0, 0.0),  # a rise
        ],
    )
    def test_by_hand(self, move: float, log_volume: float, expected: float) -> None:
        assert self._last(move, log_volume) == pytest.approx(expected, rel=1e-12)

    def test_missing_or_zero_volume_is_missing(self) -> None:
        volume = self._volume(3.0)
        moves = pd.DataFrame({"A": np.full(len(volume), -2.0)})
        volume.iloc[-1] = 0.0
        found = volume_on_falls(moves, volume, window=20, min_observations=10)
        assert np.isnan(found["A"].iloc[-1])
        assert found["A"].iloc[:10].isna().all()
        constant = volume_on_falls(moves, volume * 0 + 5, window=20, min_observations=10)
        assert constant.isna().all(axis=None)

    def test_a_negative_volume_is_refused(self) -> None:
        with pytest.raises(ValueError, match="volume must not be negative"):
            volume_on_falls(pd.DataFrame({"A": [-1.0]}), pd.DataFrame({"A": [-5.0]}))

    def test_a_later_day_changes_nothing(self) -> None:
        generator = np.random.default_rng(2)
        volume = pd.DataFrame(generator.lognormal(10, 0.4, (200, 3)), columns=list("ABC"))
        moves = pd.DataFrame(generator.standard_normal((200, 3)), columns=list("ABC"))
        whole = volume_on_falls(moves, volume)
        prefix = volume_on_falls(moves.iloc[:150], volume.iloc[:150])
        pd.testing.assert_frame_equal(whole.iloc[:150], prefix, check_exact=True)
