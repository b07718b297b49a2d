import math

import numpy as np
import pandas as pd
import pytest

from features.derivatives import (
    classify,
    expiry_sessions,
    open_interest_in_coins,
    ordinary_change,
    venue_divergence,
)
from tests import naive_futures

VENUES = ("CME", "Binance")
SESSIONS = pd.DatetimeIndex(["2026-02-04", "2026-02-05", "2026-02-06"]).as_unit("us")


def _rows(*quotes: tuple[int, str, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(
        quotes,
        columns=["day", "venue", "contract_group", "open_interest_btc", "open_interest_usd"],
    )
    return frame.assign(session=[SESSIONS[day] for day in frame["day"]])


def _price(*values: float) -> pd.DataFrame:
    return pd.DataFrame(dict.fromkeys(VENUES, values), SESSIONS, dtype=float)


def _types(basis: list[float], change: list[float], expired: list[bool] | None = None):
    index = pd.RangeIndex(len(basis))
    return classify(
        pd.Series(basis, index),
        pd.Series(change, index, dtype=float),
        pd.Series(0.02, index),
        expired=pd.Series(expired or [False] * len(basis), index),
    )


class TestCoins:
    def test_by_hand(self) -> None:
        rows = _rows(
            (0, "CME", "BTC futures", 100.0, np.nan),
            (0, "CME", "Micro", 20.0, np.nan),
            (1, "CME", "BTC futures", 90.0, np.nan),
            (1, "CME", "Micro", 18.0, np.nan),
            (1, "Binance", "BTC perpetual", 50.0, np.nan),
        )
        found = open_interest_in_coins(rows, _price(7e4, 6e4, 7e4), venues=VENUES)
        assert found.coins["CME"].to_list()[:2] == [120.0, 108.0]
        assert found.change.loc[SESSIONS[1], "CME"] == pytest.approx(math.log(0.9))
        assert found.change["Binance"].isna().all()
        assert np.isnan(found.coins.loc[SESSIONS[2], "CME"])

    def test_a_new_group_is_no_new_position(self) -> None:
        rows = _rows(
            (0, "CME", "BTC futures", 100.0, np.nan),
            (1, "CME", "BTC futures", 100.0, np.nan),
            (1, "CME", "Spot-quoted", 40.0, np.nan),
        )
        found = open_interest_in_coins(rows, _price(7e4, 6e4, 7e4), venues=VENUES)
        assert found.coins.loc[SESSIONS[1], "CME"] == 140.0
        assert found.change.loc[SESSIONS[1], "CME"] == 0.0

    def test_a_zero_is_no_print_and_coins_go_before_dollars(self) -> None:
        rows = _rows(
            (0, "CME", "BTC futures", 100.0, 9e9),
            (0, "CME", "Micro", 0.0, np.nan),
            (1, "CME", "BTC futures", 90.0, np.nan),
            (1, "CME", "Micro", 18.0, np.nan),
            (2, "CME", "BTC futures", 0.0, np.nan),
            (0, "Deribit", "BTC futures", 7.0, np.nan),
        )
        found = open_interest_in_coins(rows, _price(7e4, 6e4, 7e4), venues=VENUES)
        assert found.coins["CME"].tolist()[:2] == [100, 108]
        assert np.isnan(found.coins["CME"].iloc[2])
        assert found.change["CME"].iloc[1] == pytest.approx(math.log(0.9))
        assert found.change["CME"].isna().tolist() == [True, False, True]
        assert not found.proxy.any(axis=None)
        for frame in (found.coins, found.change, found.proxy):
            assert frame.columns.tolist() == list(VENUES)
            assert frame.index.equals(SESSIONS)

    def test_a_conversion_marks_both_changes_that_rest_on_it(self) -> None:
        rows = _rows(
            (0, "CME", "BTC futures", np.nan, 7e6),
            (0, "CME", "Micro", 20.0, np.nan),
            (1, "CME", "BTC futures", 90.0, np.nan),
            (2, "CME", "BTC futures", 99.0, np.nan),
        )
        found = open_interest_in_coins(rows, _price(7e4, 6e4, 7e4), venues=VENUES)
        assert found.coins["CME"].tolist() == pytest.approx([120, 90, 99])
        assert found.proxy["CME"].tolist() == [True, True, False]
        assert found.change["CME"].iloc[1:].tolist() == pytest.approx(
            [math.log(0.9), math.log(1.1)]
        )

    def test_rows_outside_the_sessions_are_left_out(self) -> None:
        rows = _rows((0, "CME", "BTC futures", 100.0, np.nan), (1, "CME", "F", 5.0, np.nan))
        found = open_interest_in_coins(rows, _price(7e4, 6e4, 7e4).iloc[1:], venues=VENUES)
        assert found.coins["CME"].dropna().tolist() == [5]
        assert found.coins.index.equals(SESSIONS[1:])

    def test_without_rows_there_is_nothing(self) -> None:
        empty = _rows().astype({"open_interest_btc": float, "open_interest_usd": float})
        found = open_interest_in_coins(empty, _price(1, 1, 1), venues=VENUES)
        assert found.coins.isna().all().all()
        assert found.change.isna().all().all()
        assert not found.proxy.any().any()


class TestPriceFall:
    """Dollar open interest falls by 13 % because the price does: nobody closed anything."""

    DOLLARS = _rows(
        (0, "CME", "BTC futures", np.nan, 100_000 * 73_000.0),
        (1, "CME", "BTC futures", np.nan, 100_000 * 63_510.0),
    )

    def test_is_no_fall_in_coins(self) -> None:
        found = open_interest_in_coins(self.DOLLARS, _price(73_000, 63_510, 70_000), venues=VENUES)
        fall = np.log(self.DOLLARS["open_interest_usd"]).diff().iloc[1]
        assert fall == pytest.approx(math.log(0.87), abs=1e-12)
        assert found.change.loc[SESSIONS[1], "CME"] == pytest.approx(0.0, abs=1e-12)
        assert found.proxy.loc[SESSIONS[1], "CME"]

    @pytest.mark.parametrize("basis", [1.0, -1.0])
    def test_never_counts_as_an_unwind_or_a_crush(self, basis: float) -> None:
        # spot at another second or source, 0.3 % off, is no position either
        for mismatch in (0.997, 1.0, 1.003):
            found = open_interest_in_coins(
                self.DOLLARS, _price(73_000, 63_510 * mismatch, 70_000), venues=VENUES
            )
            kind = classify(
                pd.Series([0.0, basis, 0.0], SESSIONS),
                found.change["CME"],
                pd.Series(0.015, SESSIONS),
                expired=pd.Series(False, SESSIONS),
            )
            assert kind.loc[SESSIONS[1], "type"] == "unknown"


class TestPriceMoveAfterTheClose:
    """The price falls between 16:00 New York and the end of the UTC day."""

    def test_each_venue_is_converted_at_its_own_instant(self) -> None:
        # 1,000 coins throughout; 5 February 2026 is 64,000 at 16:00 and 62,700 at midnight
        rows = _rows(
            (0, "CME", "F", np.nan, 73_000e3),
            (1, "CME", "F", np.nan, 62_700e3),
            (0, "Binance", "P", np.nan, 72_500e3),
            (1, "Binance", "P", np.nan, 64_000e3),
        )
        price = pd.DataFrame(
            {"CME": [73_000.0, 62_700.0, np.nan], "Binance": [72_500.0, 64_000.0, np.nan]}, SESSIONS
        )
        found = open_interest_in_coins(rows, price, venues=VENUES)
        assert found.coins.iloc[:2].to_numpy() == pytest.approx(np.full((2, 2), 1000.0))
        assert found.change.iloc[1].to_numpy() == pytest.approx([0.0, 0.0], abs=1e-12)


class TestClasses:
    @pytest.mark.parametrize(
        ("basis", "change", "expected"),
        [
            (1.0, -0.09, "UNWIND"),
            (-1.0, -0.35, "CRUSH"),
            (1.0, 0.05, "REBUILD"),
            (-1.0, 0.05, "FADE"),
            (0.0, -0.09, "positions closed"),
            (0.0, 0.04, "positions opened"),
            (0.0, 0.01, "unknown"),
            (0.0, np.nan, "unknown"),
            (1.0, 0.01, "unknown"),
            (np.nan, -0.09, "positions closed"),
            (np.nan, 0.04, "positions opened"),
            (1.0, np.nan, "unknown"),
        ],
    )
    def test_signs_make_a_type(self, basis: float, change: float, expected: str) -> None:
        found = _types([0.0, basis], [0.0, change]).iloc[1]
        assert found["type"] == expected
        assert found["timing"] == (None if expected == "unknown" else "same session")

    @pytest.mark.parametrize("wrong", [1, 31])
    def test_an_ordinary_session_is_measured_on_two_rows_to_a_window(self, wrong: int) -> None:
        said = f"^min_observations must lie in 2 … window \\(30\\), got {wrong}"
        with pytest.raises(ValueError, match=said):
            ordinary_change(
                pd.DataFrame(), window=30, min_observations=wrong, floor=0.01, confidence=0.9
            )

    def test_what_an_ordinary_session_does_by_hand(self) -> None:
        # median of 1 and 3 % is 2 %; z of two-sided 90 % is 1.645; the floor stands before
        change = pd.DataFrame({"CME": [0.01, -0.03, 0.5, 0.0001]})
        usual = ordinary_change(change, window=2, min_observations=2, floor=0.015, confidence=0.9)[
            "CME"
        ]
        z = 1.6448536269514722 * 1.4826
        assert usual.tolist() == pytest.approx([0.015, 0.015, z * 0.02, z * 0.265])

    def test_a_change_of_just_the_ordinary_has_no_sign(self) -> None:
        found = _types([1, 1, 1, 1], [0.02, -0.02, 0.0201, np.nan])
        assert found["open_interest"].tolist()[:3] == [0, 0, 1]
        assert np.isnan(found["open_interest"].iloc[3])
        assert found["fell_before"].dtype == bool

    def test_open_interest_may_come_one_session_first(self) -> None:
        found = _types([0, 0, 1, 1], [0, -0.08, 0.0, 0.0])
        assert found["type"].to_list() == [
            "unknown", "positions closed", "UNWIND", "unknown",
        ]  # fmt: skip
        assert found["timing"].iloc[2] == "open interest first"

    def test_two_sessions_first_are_too_many(self) -> None:
        found = _types([0, 0, 0, 1], [0, -0.08, 0.0, 0.0])
        assert found["type"].to_list() == ["unknown", "positions closed", "unknown", "unknown"]

    def test_the_basis_never_comes_first(self) -> None:
        found = _types([0, 1, 0], [0, 0.0, -0.08])
        assert found["type"].to_list() == ["unknown", "unknown", "positions closed"]

    def test_a_move_that_was_answered_does_not_count_twice(self) -> None:
        assert _types([0, 1, 1], [0, -0.08, 0.0])["type"].to_list()[1:] == ["UNWIND", "unknown"]

    def test_fell_first_then_the_basis_rose_while_it_was_rebuilt(self) -> None:
        # event.md, claim 8: 5 and 6 February 2026
        found = _types([0, 0, 1], [0, -0.09, 0.05])
        assert found["type"].to_list() == ["unknown", "positions closed", "REBUILD"]
        assert found["fell_before"].iloc[2]

    def test_equals_the_obvious_loop(self) -> None:
        generator = np.random.default_rng(3)
        n = 600
        basis = pd.Series(generator.choice([-1.0, 0.0, 1.0, np.nan], n, p=[0.3, 0.35, 0.3, 0.05]))
        change = pd.Series(0.02 * generator.standard_t(3, n)).where(generator.random(n) > 0.05)
        expired = pd.Series(generator.random(n) < 0.1)
        usual = ordinary_change(
            change.to_frame("CME"), window=40, min_observations=20, floor=0.015, confidence=0.9
        )["CME"]
        slow = [naive_futures.ordinary(change.to_list(), t, 40, 20, 0.015, 0.9) for t in range(n)]
        np.testing.assert_allclose(usual, slow, rtol=1e-12)
        found = classify(basis, change, usual, expired=expired)
        expected = [
            naive_futures.kind(basis, change, usual, expired, t) if t else ("unknown", None)
            for t in range(n)
        ]
        assert list(zip(found["type"], found["timing"], strict=True))[1:] == expected[1:]
        assert set(found["type"]) == {
            "UNWIND", "CRUSH", "REBUILD", "FADE", "positions closed", "positions opened", "unknown",
        }  # fmt: skip

    def test_a_later_row_changes_nothing(self) -> None:
        generator = np.random.default_rng(4)
        basis = pd.Series(generator.choice([-1.0, 0.0, 1.0], 80))
        change = pd.DataFrame({"CME": 0.03 * generator.standard_normal(80)})

        def at(last: int) -> pd.DataFrame:
            usual = ordinary_change(
                change[:last], window=30, min_observations=10, floor=0.015, confidence=0.9
            )
            return classify(
                basis[:last], change["CME"][:last], usual["CME"],
                expired=pd.Series(False, basis.index[:last]),
            )  # fmt: skip

        for last in (15, 40, 79):
            pd.testing.assert_frame_equal(at(80).iloc[:last], at(last))


class TestExpiry:
    def test_a_fall_of_the_calendar_has_no_sign(self) -> None:
        found = _types([0, 1, 1], [0, -0.15, -0.15], [False, True, False])
        assert found["type"].to_list() == ["unknown", "unknown", "UNWIND"]
        assert found["expired"].to_list() == [False, True, False]
        assert _types([0, 1], [0, 0.15], [False, True])["type"].iloc[1] == "REBUILD"
        # nor does it close positions where the basis stood still
        assert _types([0, 0], [0, -0.15], [False, True])["type"].iloc[1] == "unknown"

    def test_marks_the_session_and_the_next(self) -> None:
        sessions = pd.bdate_range("2026-02-23", periods=8, unit="us")
        before = pd.Timestamp("2025-01-31")
        marked = expiry_sessions(
            pd.DatetimeIndex([before, pd.Timestamp("2026-02-27")]).as_unit("us"), sessions
        )
        assert list(sessions[marked]) == [pd.Timestamp("2026-02-27"), pd.Timestamp("2026-03-02")]
        first, last = sessions[[0]], sessions[[-1]]
        assert expiry_sessions(first, sessions).tolist() == [True] * 2 + [False] * 6
        assert expiry_sessions(last, sessions).tolist() == [False] * 7 + [True]
        assert expiry_sessions(last + pd.Timedelta(days=1), sessions).sum() == 0
        assert expiry_sessions(first, sessions[:0]).tolist() == []
        assert expiry_sessions(first, sessions).index.equals(sessions)

    def test_on_a_holiday_belongs_to_the_session_after(self) -> None:
        # Good Friday, 3 April 2026
        sessions = pd.DatetimeIndex(["2026-04-02", "2026-04-06", "2026-04-07"]).as_unit("us")
        expiry = pd.DatetimeIndex(["2026-04-03"]).as_unit("us")
        assert expiry_sessions(expiry, sessions).to_list() == [False, True, True]


class TestVenues:
    def test_divergence_is_the_gap_of_log_changes(self) -> None:
        change = pd.DataFrame({"CME": [-0.09, 0.05], "Binance": [-0.04, np.nan]})
        gap = venue_divergence(change, first="CME", second="Binance")
        assert gap.iloc[0] == pytest.approx(-0.05)
        assert np.isnan(gap.iloc[1])
        back = venue_divergence(change, first="Binance", second="CME")
        pd.testing.assert_series_equal(gap, -back)
