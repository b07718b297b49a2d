import numpy as np
import pandas as pd
import pytest

from features.derivatives import spot_at


class TestSpotAt:
    SESSIONS = pd.DatetimeIndex(["2026-02-05", "2026-02-06"]).as_unit("us")
    INSTANTS = pd.Series(
        pd.to_datetime(["2026-02-06T00:00Z", "2026-02-06T22:00Z"]).as_unit("us"), SESSIONS
    )
    DAILY = pd.DataFrame({"session": SESSIONS, "close": [62_702.0, 70_555.0]})

    def _hourly(self, *bars: tuple[str, float]) -> pd.DataFrame:
        frame = pd.DataFrame(bars, columns=["bar_start_utc", "close"])
        return frame.assign(bar_start_utc=pd.to_datetime(frame["bar_start_utc"], utc=True))

    def test_takes_the_hour_that_ends_there(self) -> None:
        hourly = self._hourly(("2026-02-05T23:00Z", 62_910.0), ("2026-02-06T21:00Z", 70_358.0))
        spot = spot_at(hourly, self.DAILY, self.INSTANTS)
        assert spot["price"].to_list() == [62_910.0, 70_358.0]
        assert set(spot["source"]) == {"hourly"}
        assert spot["hours_apart"].dtype == "float64"
        assert spot["hours_apart"].to_list() == [0.0, 0.0]
        assert spot.index.equals(self.SESSIONS)
        # on Friday the UTC day ends two hours after the futures: it says nothing of the source
        assert spot["gap"].iloc[0] == pytest.approx(62_910 / 62_702 - 1)
        assert np.isnan(spot["gap"].iloc[1])

    def test_else_the_utc_day_and_how_far_off_it_ends(self) -> None:
        spot = spot_at(self._hourly(), self.DAILY, self.INSTANTS)
        assert spot["price"].to_list() == [62_702.0, 70_555.0]
        assert spot["hours_apart"].to_list() == [0.0, 2.0]
        assert spot["gap"].isna().all()
        assert set(spot["source"]) == {"UTC day"}

    def test_an_older_price_never_stands_in(self) -> None:
        hourly = self._hourly(("2026-02-05T22:00Z", 62_000.0))
        spot = spot_at(hourly, self.DAILY.iloc[:0], self.INSTANTS)
        assert spot["price"].isna().all()
        assert set(spot["source"]) == {"none"}
        assert spot[["hours_apart", "gap"]].isna().all(axis=None)

    def test_an_instant_on_the_hour_after_midnight_belongs_to_its_own_day(self) -> None:
        after = self.INSTANTS + pd.Timedelta(hours=1)
        spot = spot_at(self._hourly(), self.DAILY, after.iloc[:1])
        assert spot["price"].to_list() == [70_555.0]  # the 6th ends 23 hours later
        assert spot["hours_apart"].to_list() == [23.0]

    def test_a_bar_without_a_price_is_none(self) -> None:
        hourly = self._hourly(("2026-02-05T23:00Z", np.nan), ("2026-02-06T21:00Z", 70_358.0))
        spot = spot_at(hourly, self.DAILY, self.INSTANTS)
        assert spot["source"].to_list() == ["UTC day", "hourly"]
        assert spot["price"].to_list() == [62_702.0, 70_358.0]
