"""A clock that jumps: nothing is known before it was, nothing is lost, and a sentence says why."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from flows.daily import _slot
from flows.morning_after import _slot as _morning_slot
from flows.parameters import cutoff_of, session_in_course, session_of
from tests.conftest import small_prices, write_drop
from unwind.calendar import CalendarError
from unwind.contract.source import SourceError
from unwind.market.store import ingest, known_by, read_rejected, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

DAYS = {day: pd.Timestamp(f"2026-02-{day:02d}T22:00Z") for day in range(3, 28)}
FIRST, LAST = date(2026, 1, 5), date(2026, 2, 2)


@pytest.fixture
def take(tmp_path, settings: Settings):
    """Ingest the same prices with one volume changed, at an instant."""

    def ingested(volume: float, at: pd.Timestamp) -> None:
        prices = small_prices(("IBIT", "GLD"), first=FIRST, last=LAST)
        prices.loc[5, "volume"] = volume
        source = FilesSource(write_drop(tmp_path / "drop", prices))
        ingest(tmp_path / "market", source, settings=settings, received_at=at)

    return ingested


@pytest.fixture
def seen(tmp_path):
    def volume(at: pd.Timestamp) -> float:
        rows = known_by(read_vintages(tmp_path / "market", "prices"), "prices", cutoff=at)
        day = small_prices(("IBIT",), first=FIRST, last=LAST)["session"].iloc[5]
        return float(
            rows.loc[(rows["symbol"] == "IBIT") & (rows["session"] == day), "volume"].item()
        )

    return volume


class TestSetBack:
    def test_a_slot_that_is_run_again_dates_nothing_back(self, take, seen) -> None:
        take(100.0, DAYS[3])
        take(200.0, DAYS[10])
        take(200.0, DAYS[5])  # the file of the 10th, under the clock of the 5th
        assert [seen(DAYS[day]) for day in (4, 6, 9, 11)] == [100.0, 100.0, 100.0, 200.0]

    def test_nor_after_a_third_value(self, take, seen) -> None:
        for volume, day in ((100.0, 3), (200.0, 10), (300.0, 12), (200.0, 5), (300.0, 6)):
            take(volume, DAYS[day])
        assert [seen(DAYS[day]) for day in (6, 9, 11, 13)] == [100.0, 100.0, 200.0, 300.0]

    def test_a_value_that_nobody_gave_before_is_kept(self, take, seen) -> None:
        take(100.0, DAYS[3])
        take(200.0, DAYS[10])
        take(150.0, DAYS[5])
        assert [seen(DAYS[day]) for day in (4, 6, 11)] == [100.0, 150.0, 200.0]

    def test_rows_of_days_to_come_are_set_aside(self, take, tmp_path) -> None:
        take(100.0, pd.Timestamp("2026-01-20T22:00Z"))
        rejected = read_rejected(tmp_path / "market")
        assert set(rejected["rule"]) == {"session: impossible_date"}
        assert read_vintages(tmp_path / "market", "prices")["session"].max() == pd.Timestamp(
            "2026-01-20"
        )
        take(100.0, DAYS[3])
        assert read_vintages(tmp_path / "market", "prices")["session"].max() == pd.Timestamp(LAST)

    def test_to_before_there_was_any_row(self, take) -> None:
        with pytest.raises(SourceError, match="holds no usable row; first fault: row 1, session"):
            take(100.0, pd.Timestamp("2001-01-02T22:00Z"))

    @pytest.mark.parametrize("at", ["1950-01-03T21:20", "1601-01-01T00:00"])
    def test_a_run_of_another_age_is_a_sentence(self, at: str, settings: Settings) -> None:
        scheduled = datetime.fromisoformat(at).replace(tzinfo=UTC)
        with pytest.raises(CalendarError, match="outside the exchange calendar"):
            _slot(None, None, scheduled, settings, simulated=False)
        with pytest.raises(CalendarError, match="outside the exchange calendar"):
            session_in_course(scheduled, settings=settings)


class TestYearsAhead:
    @pytest.mark.parametrize("at", ["2031-02-05T21:20", "2099-12-31T21:20", "2261-01-02T21:20"])
    def test_a_run_beyond_the_calendar_is_a_sentence(self, at: str, settings: Settings) -> None:
        scheduled = datetime.fromisoformat(at).replace(tzinfo=UTC)
        for ask in (
            lambda: session_of(None, scheduled=scheduled),
            lambda: session_in_course(scheduled, settings=settings),
            lambda: _morning_slot(scheduled, settings, simulated=False),
        ):
            with pytest.raises(CalendarError, match="outside the exchange calendar"):
                ask()

    def test_a_cutoff_ahead_of_the_run_sees_no_more_than_there_is(
        self, take, seen, settings: Settings
    ) -> None:
        take(100.0, DAYS[3])
        ahead = cutoff_of(
            datetime(2099, 1, 1, tzinfo=UTC), session=date(2026, 2, 2),
            scheduled=datetime(2026, 2, 3, tzinfo=UTC), simulated=True, settings=settings,
        )  # fmt: skip
        assert seen(ahead) == 100.0
