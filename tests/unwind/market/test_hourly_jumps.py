"""Hourly closes of a coin in another unit."""

import numpy as np
import pandas as pd

from unwind.market.hourly_jumps import plausible_hours


def bars(*, n: int = 96, factor: float = 1.0, first: int = 50, end: int = 51) -> pd.DataFrame:
    """Hours of one coin on one venue; some of them times a factor."""
    start = pd.date_range("2026-02-01", periods=n, freq="h", tz="UTC")
    close = 70_000 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, n)))
    close[first:end] *= factor
    return pd.DataFrame(
        {"bar_start_utc": start, "symbol": "BTCUSDT", "venue": "Binance", "close": close}
    )


class TestUnit:
    def test_one_bar_is_left_out(self) -> None:
        rows, [fault] = plausible_hours(bars(factor=1000), impossible_jump=1.2)
        assert len(rows) == 95
        assert rows["close"].max() < 1e6
        assert fault.session == pd.Timestamp("2026-02-03")
        assert fault.value.startswith("1 bars, times ")

    def test_a_new_unit_is_taken_after_half_a_day(self) -> None:
        rows, faults = plausible_hours(bars(factor=1e-3, end=96), impossible_jump=1.2)
        assert len(rows) == 96 - 13
        assert len(faults) == 1

    def test_each_venue_by_itself(self) -> None:
        two = pd.concat([bars(), bars().assign(venue="Other")], ignore_index=True)
        two.loc[two["venue"] == "Other", "close"] /= 1000
        rows, faults = plausible_hours(two, impossible_jump=1.2)
        assert faults == ()
        pd.testing.assert_frame_equal(rows, two)


class TestCrash:
    def test_half_in_an_hour_stands(self) -> None:
        assert plausible_hours(bars(factor=0.5, end=96), impossible_jump=1.2)[1] == ()

    def test_no_bar(self) -> None:
        assert plausible_hours(pd.DataFrame(), impossible_jump=1.2)[1] == ()
