"""Parts of a day: by hand, minute by minute, across clocks, half days, holidays and gaps."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.intraday import PARTS, move_shares, session_split, trough, variation_shares
from tests import naive_mechanisms
from unwind.calendar import cash_hours, cut_instants, sessions_between


def hourly(first: str, last: str, seed: int = 1) -> pd.DataFrame:
    start = pd.date_range(first, last, freq="h", tz="UTC", unit="us")
    generator = np.random.default_rng(seed)
    close = 9e4 * np.exp(np.cumsum(generator.standard_t(4, len(start)) * 0.004))
    return pd.DataFrame({"bar_start_utc": start, "close": close})


def split_of(bars: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    sessions = sessions_between(first, last)
    opens, closes = cash_hours(sessions)
    return session_split(
        bars, sessions=sessions, cuts=cut_instants(sessions), opens=opens, closes=closes
    )


class TestByHand:
    """Tuesday 3 to Wednesday 4 February 2026: New York is UTC − 5, London is UTC."""

    def split(self, moves: dict[int, float]) -> pd.Series:
        # hours are counted from 21:00 UTC, the cut
        start = pd.date_range("2026-02-03T20:00Z", periods=25, freq="h", unit="us")
        steps = np.array([0.0, *(moves.get(hour, 0.0) for hour in range(24))])
        bars = pd.DataFrame({"bar_start_utc": start, "close": 100 * np.exp(np.cumsum(steps))})
        return split_of(bars, date(2026, 2, 3), date(2026, 2, 4)).iloc[-1]

    @pytest.mark.parametrize(
        ("hour", "part"),
        [
            (0, "after_close"), (2, "after_close"), (3, "asia"), (10, "asia"), (11, "europe"),
            (16, "europe"), (18, "us_cash"), (23, "us_cash"),
        ],
    )  # fmt: skip
    def test_each_hour_has_its_part(self, hour: int, part: str) -> None:
        found = self.split({hour: -0.1})
        assert found[part] == pytest.approx(-0.1)
        assert found["whole"] == pytest.approx(-0.1)

    def test_the_bar_of_nine_is_half_europe_and_half_cash_with_a_band(self) -> None:
        found = self.split({17: -0.04, 20: -0.1})
        assert found["europe"] == pytest.approx(-0.02)
        assert found["us_cash"] == pytest.approx(-0.12)
        assert found["us_cash_without"] == pytest.approx(-0.10)
        assert found["us_cash_with"] == pytest.approx(-0.14)

    def test_shares_are_signed_and_need_a_move(self) -> None:
        split = self.split({20: -0.15, 5: 0.05}).to_frame().T
        shares = move_shares(split, min_move=0.02).iloc[0]
        assert shares["us_cash"] == pytest.approx(1.5)
        assert shares["asia"] == pytest.approx(-0.5)
        assert move_shares(split, min_move=0.2).isna().all(axis=None)
        whole = abs(split["whole"].iloc[0])  # a move of just the floor is shared out
        shares = move_shares(split, min_move=whole)
        assert shares.columns.tolist() == [*PARTS, "us_cash_without", "us_cash_with"]
        assert shares[list(PARTS)].sum(axis=1).item() == pytest.approx(1)
        assert np.signbit(shares["weekend"].item()) == np.False_

    def test_a_move_taken_back_still_shows_in_the_variation(self) -> None:
        found = variation_shares(self.split({1: -0.05, 5: 0.05}).to_frame().T).iloc[0]
        assert found.to_dict() == pytest.approx(
            {"asia": 0.5, "europe": 0, "us_cash": 0, "after_close": 0.5, "weekend": 0}
        )

    def test_a_flat_day_has_no_variation(self) -> None:
        assert variation_shares(self.split({}).to_frame().T).isna().all(axis=None)


class TestHoliday:
    def test_every_minute_is_counted_once(self) -> None:
        """Clock changes, Thanksgiving with its half day, and a Monday holiday."""
        bars = hourly("2025-10-08", "2026-01-22")
        price = dict(zip(bars["bar_start_utc"], bars["close"], strict=True))
        first, last = date(2025, 10, 9), date(2026, 1, 21)
        sessions = sessions_between(first, last)
        cuts, (opens, closes) = cut_instants(sessions), cash_hours(sessions)
        split = split_of(bars, first, last)
        for day in ("2025-10-13", "2025-10-29", "2025-11-03", "2025-11-28", "2026-01-20"):
            t = sessions.get_loc(pd.Timestamp(day))
            slow = naive_mechanisms.session_parts(
                price, cuts[t - 1], cuts[t], opens[t], closes[t], set(sessions)
            )
            assert split.iloc[t][list(PARTS)].to_dict() == pytest.approx(slow, abs=1e-12), day
        parts = split[list(PARTS)].sum(axis=1, min_count=5)
        assert parts[1:].to_numpy() == pytest.approx(split["whole"][1:].to_numpy(), abs=1e-12)

    def test_the_hours_after_an_early_close_are_after_the_close(self) -> None:
        start = pd.date_range("2025-11-26T20:00Z", periods=49, freq="h", unit="us")
        close = np.where(start >= pd.Timestamp("2025-11-28T19:00Z"), 110.0, 100.0)
        bars = pd.DataFrame({"bar_start_utc": start, "close": close})
        found = split_of(bars, date(2025, 11, 26), date(2025, 11, 28)).iloc[-1]
        assert found["after_close"] == pytest.approx(np.log(1.1))
        assert found["us_cash"] == 0

    def test_thanksgiving_counts_as_weekend(self) -> None:
        start = pd.date_range("2025-11-26T20:00Z", periods=49, freq="h", unit="us")
        close = np.where(start >= pd.Timestamp("2025-11-27T15:00Z"), 110.0, 100.0)
        bars = pd.DataFrame({"bar_start_utc": start, "close": close})
        found = split_of(bars, date(2025, 11, 26), date(2025, 11, 28)).iloc[-1]
        assert found["weekend"] == pytest.approx(np.log(1.1))


class TestGap:
    def test_a_missing_hour_leaves_its_session_without_a_value(self) -> None:
        bars = hourly("2026-01-29", "2026-02-07")
        gone = bars["bar_start_utc"] == pd.Timestamp("2026-02-03T03:00Z")
        split = split_of(bars[~gone], date(2026, 1, 30), date(2026, 2, 5))
        assert split["whole"].isna().tolist() == [True, False, True, False, False]
        assert split.loc["2026-02-03", "missing"] == 2

    def test_one_session_has_no_move(self) -> None:
        found = split_of(hourly("2026-02-01", "2026-02-05"), date(2026, 2, 3), date(2026, 2, 3))
        assert found.isna().all(axis=None)
        assert found.index.tolist() == [pd.Timestamp("2026-02-03")]
        many = split_of(hourly("2026-02-01", "2026-02-05"), date(2026, 2, 3), date(2026, 2, 4))
        assert found.columns.equals(many.columns)
        assert many.columns.tolist() == [
            "whole", *PARTS, "us_cash_without", "us_cash_with",
            *(f"variation_{part}" for part in PARTS), "missing",
        ]  # fmt: skip
        assert many.iloc[0].isna().all()
        assert many["missing"].iloc[1] == 0

    def test_the_order_of_the_bars_does_not_matter(self) -> None:
        bars = hourly("2026-01-29", "2026-02-07")
        first, last = date(2026, 1, 30), date(2026, 2, 5)
        pd.testing.assert_frame_equal(
            split_of(bars, first, last), split_of(bars[::-1], first, last), check_exact=True
        )

    def test_two_bars_of_one_hour_are_refused(self) -> None:
        bars = hourly("2026-02-01", "2026-02-05")
        said = r"^bars must have one start each, got 2026-02-01 00:00:00\+00:00 twice; choose one"
        with pytest.raises(ValueError, match=f"{said} venue$"):
            split_of(pd.concat([bars, bars.iloc[:1]]), date(2026, 2, 2), date(2026, 2, 3))

    def test_instants_of_another_number_are_refused(self) -> None:
        sessions = sessions_between(date(2026, 2, 2), date(2026, 2, 4))
        opens, closes = cash_hours(sessions)
        held = {"cuts": cut_instants(sessions), "opens": opens, "closes": closes}
        for name, instants in held.items():
            said = f"^{name} must hold one instant per session, got 2 for 3"
            with pytest.raises(ValueError, match=said):
                session_split(
                    hourly("2026-02-01", "2026-02-05"), sessions=sessions,
                    **(held | {name: instants[:2]}),
                )  # fmt: skip

    def test_a_floor_of_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="^min_move must be above 0, got 0"):
            move_shares(pd.DataFrame(), min_move=0)


class TestNoLookAhead:
    def test_later_bars_and_sessions_change_nothing(self) -> None:
        bars = hourly("2026-01-05", "2026-02-07")
        whole = split_of(bars, date(2026, 1, 6), date(2026, 2, 5))
        past = bars[bars["bar_start_utc"] < pd.Timestamp("2026-01-27T21:00Z")]
        prefix = split_of(past, date(2026, 1, 6), date(2026, 1, 27))
        pd.testing.assert_frame_equal(whole.loc[:"2026-01-27"], prefix, check_exact=True)


class TestTrough:
    """How deep the price fell between two cuts, whatever it regained."""

    FIRST, LAST = date(2026, 2, 2), date(2026, 2, 4)

    def bars(self) -> pd.DataFrame:
        start = pd.date_range("2026-02-02T20:00Z", periods=49, freq="h", unit="us")
        return pd.DataFrame({"bar_start_utc": start, "close": 100.0, "low": 100.0})

    def depth(self, bars: pd.DataFrame) -> pd.Series:
        sessions = sessions_between(self.FIRST, self.LAST)
        return trough(bars, sessions=sessions, cuts=cut_instants(sessions))

    def test_a_liquidation_that_is_bought_back(self) -> None:
        """Down to 80 two hours after the cut of the 2nd, and back: ln 0.8 on the 3rd alone."""
        bars = self.bars()
        bars.loc[3, "low"] = 80.0
        found = self.depth(bars)
        assert np.isnan(found.iloc[0])
        assert found.iloc[1:].tolist() == pytest.approx([np.log(0.8), 0.0])

    def test_it_is_measured_from_the_close_at_the_cut_before(self) -> None:
        bars = self.bars()
        bars.loc[24:, ["close", "low"]] = 90.0
        bars.loc[30, "low"] = 81.0
        assert self.depth(bars).iloc[1:].tolist() == pytest.approx([np.log(0.9), np.log(0.9)])

    def test_a_rising_price_has_no_trough(self) -> None:
        bars = self.bars()
        bars["close"] *= np.exp(0.01 * np.arange(len(bars)))
        bars["low"] = bars["close"]
        assert self.depth(bars).iloc[1:].tolist() == [0.0, 0.0]

    def test_a_bar_without_a_low_counts_with_its_close(self) -> None:
        bars = self.bars()
        bars.loc[3, ["close", "low"]] = [95.0, np.nan]
        assert self.depth(bars).iloc[1] == pytest.approx(np.log(0.95))

    def test_a_missing_hour_leaves_no_value(self) -> None:
        found = self.depth(self.bars().drop(index=5))
        assert np.isnan(found.iloc[1])
        assert found.iloc[2] == 0.0

    def test_later_bars_change_nothing(self) -> None:
        bars = self.bars()
        changed = bars.copy()
        changed.loc[25:, "low"] = 1.0
        assert self.depth(changed).iloc[1] == self.depth(bars).iloc[1]

    def test_two_bars_of_one_start_are_refused(self) -> None:
        bars = self.bars()
        said = r"^bars must have one start each, got 2026-02-02 20:00:00\+00:00 twice; choose one"
        with pytest.raises(ValueError, match=f"{said} venue$"):
            self.depth(pd.concat([bars, bars.iloc[:1]]))

    def test_one_session_has_none_and_the_order_of_the_bars_does_not_matter(self) -> None:
        one = sessions_between(self.FIRST, self.FIRST)
        found = trough(self.bars(), sessions=one, cuts=cut_instants(one))
        assert found.isna().tolist() == [True]
        assert found.index.equals(one)
        bars = self.bars()
        bars.loc[3, "low"] = 80.0
        pd.testing.assert_series_equal(self.depth(bars), self.depth(bars[::-1]))
        assert self.depth(bars).index.equals(sessions_between(self.FIRST, self.LAST))
