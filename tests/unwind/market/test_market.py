from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import RECEIVED, small_prices, write_drop
from unwind.calendar import known_instants
from unwind.contract.source import SourceError, SourceUnavailable
from unwind.market.store import ingest, known_by, read_rejected, read_vintages
from unwind.settings import Settings
from unwind.settings.shared import Lag
from unwind.sources.files import FilesSource

NEW_YORK = "America/New_York"


def _prices() -> pd.DataFrame:
    return small_prices(
        ("IBIT", "IGV"), first=pd.Timestamp("2026-01-05").date(),
        last=pd.Timestamp("2026-02-06").date(),
    )  # fmt: skip


def _ingest(
    store: Path, drop: Path, settings: Settings, at: pd.Timestamp = RECEIVED
) -> dict[str, int]:
    return ingest(store, FilesSource(drop), settings=settings, received_at=at).added


class TestVintages:
    def test_reading_again_adds_nothing(self, tmp_path: Path, settings: Settings) -> None:
        drop, store = write_drop(tmp_path / "drop", _prices()), tmp_path / "store"
        assert _ingest(store, drop, settings) == {"prices": 48}
        before = {path: path.read_bytes() for path in store.rglob("*.parquet")}
        assert _ingest(store, drop, settings) == {"prices": 0}
        assert {path: path.read_bytes() for path in store.rglob("*.parquet")} == before

    def test_a_silent_revision_is_known_from_its_arrival(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        prices, store = _prices(), tmp_path / "store"
        _ingest(store, write_drop(tmp_path / "a", prices), settings)
        revised = prices.copy()
        revised.loc[0, ["close", "adj_close"]] = 123.0
        later = RECEIVED + pd.Timedelta(days=1)
        assert _ingest(store, write_drop(tmp_path / "b", revised), settings, later) == {"prices": 1}
        vintages = read_vintages(store, "prices")
        assert len(vintages) == 49
        before = known_by(vintages, "prices", cutoff=RECEIVED)
        after = known_by(vintages, "prices", cutoff=later)
        assert before["close"].iloc[0] == prices["close"].iloc[0]
        assert after["close"].iloc[0] == 123.0

    def test_a_dated_revision_is_known_when_it_says(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        prices = _prices().assign(known_at=pd.Timestamp("2026-02-07T00:00Z"))
        revised = prices.iloc[:1].assign(known_at=pd.Timestamp("2026-02-09T00:00Z"), close=99.0)
        both = pd.concat([prices, revised], ignore_index=True)
        _ingest(tmp_path / "store", write_drop(tmp_path / "drop", both), settings)
        vintages = read_vintages(tmp_path / "store", "prices")
        early, late = (
            known_by(vintages, "prices", cutoff=pd.Timestamp(f"2026-02-{day:02d}T00:00Z"))
            for day in (8, 9)
        )
        assert early["close"].iloc[0] == prices["close"].iloc[0]
        assert late["close"].iloc[0] == 99.0
        assert len(early) == len(late) == 48

    def test_an_original_beside_its_dated_revision_does_not_take_it_back(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        prices = _prices().assign(known_at=pd.NaT)
        revised = prices.iloc[:1].assign(known_at=pd.Timestamp("2026-02-09T00:00Z"), close=99.0)
        drop = write_drop(tmp_path / "drop", pd.concat([prices, revised], ignore_index=True))
        store = tmp_path / "store"
        _ingest(store, drop, settings)
        for number in (1, 2):
            at = RECEIVED + pd.Timedelta(days=number)
            assert _ingest(store, drop, settings, at) == {"prices": 0}
        vintages = read_vintages(store, "prices")
        newest = known_by(vintages, "prices", cutoff=RECEIVED + pd.Timedelta(days=9))
        assert newest["close"].iloc[0] == 99.0

    def test_a_revision_back_to_the_first_value_is_a_third_vintage(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        prices, store = _prices(), tmp_path / "store"
        other = prices.copy()
        other.loc[0, "close"] = 50.0
        for number, rows in enumerate((prices, other, prices)):
            at = RECEIVED + pd.Timedelta(days=number)
            _ingest(store, write_drop(tmp_path / str(number), rows), settings, at)
        vintages = read_vintages(store, "prices")
        assert len(vintages) == 50
        newest = known_by(vintages, "prices", cutoff=RECEIVED + pd.Timedelta(days=9))
        assert newest["close"].iloc[0] == prices["close"].iloc[0]


class TestCutoff:
    def test_a_session_is_unknown_before_its_lag(self, tmp_path: Path, settings: Settings) -> None:
        _ingest(tmp_path / "s", write_drop(tmp_path / "drop", _prices()), settings)
        vintages = read_vintages(tmp_path / "s", "prices")
        for instant, last in (("21:14", "2026-02-04"), ("21:15", "2026-02-05")):
            known = known_by(vintages, "prices", cutoff=pd.Timestamp(f"2026-02-05T{instant}Z"))
            assert known["session"].max() == pd.Timestamp(last)

    def test_a_utc_day_is_unknown_at_the_close_of_new_york(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        prices = pd.concat([_prices(), _prices().assign(symbol="BTC-USD").iloc[:24]])
        _ingest(tmp_path / "s", write_drop(tmp_path / "drop", prices), settings)
        known = known_by(
            read_vintages(tmp_path / "s", "prices"), "prices",
            cutoff=pd.Timestamp("2026-02-05T21:15Z"),
        )  # fmt: skip
        last = known.groupby("symbol")["session"].max()
        assert last["IBIT"] == pd.Timestamp("2026-02-05")
        assert last["BTC-USD"] == pd.Timestamp("2026-02-04")


class TestLagRules:
    @pytest.mark.parametrize(
        ("event", "lag", "known"),
        [
            ("2026-02-05", {"days": 0, "time": "16:15", "zone": NEW_YORK}, "2026-02-05T21:15Z"),
            ("2026-07-02", {"days": 0, "time": "16:15", "zone": NEW_YORK}, "2026-07-02T20:15Z"),
            ("2026-02-05", {"days": 1, "time": "00:00", "zone": "UTC"}, "2026-02-06T00:00Z"),
            ("2026-02-06", {"sessions": 1, "time": "09:00", "zone": NEW_YORK}, "2026-02-09T14:00Z"),
            ("2026-02-03", {"days": 3, "time": "15:30", "zone": NEW_YORK}, "2026-02-06T20:30Z"),
        ],
    )  # fmt: skip
    def test_by_calendar(self, event: str, lag: dict[str, object], known: str) -> None:
        events = pd.Series([pd.Timestamp(event)]).astype("datetime64[us]")
        assert known_instants(events, Lag.model_validate(lag)).tolist() == [pd.Timestamp(known)]

    def test_an_hour_is_known_when_it_ends(self) -> None:
        bars = pd.Series([pd.Timestamp("2026-02-05T20:00Z")])
        assert known_instants(bars, Lag(minutes=60)).tolist() == [pd.Timestamp("2026-02-05T21:00Z")]


class TestQuarantine:
    def test_survives_in_the_store_once(self, tmp_path: Path, settings: Settings) -> None:
        prices = _prices()
        prices.loc[5, "close"] = -3.0
        drop = write_drop(tmp_path / "drop", prices)
        for _ in range(2):
            _ingest(tmp_path / "s", drop, settings)
        rejected = read_rejected(tmp_path / "s")
        assert rejected[["row", "rule", "value"]].values.tolist() == [
            [6, "close: not_positive", "-3.0"]
        ]

    def test_a_file_without_a_usable_row_stops_the_run(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        drop = write_drop(tmp_path / "drop", _prices().assign(close=-3.0))
        with pytest.raises(SourceError, match="first fault: row 1, close: not_positive"):
            _ingest(tmp_path / "s", drop, settings)


class TestDropFolder:
    def test_text_files_read_like_columns(self, tmp_path: Path, settings: Settings) -> None:
        folder = tmp_path / "drop"
        folder.mkdir()
        _prices().to_csv(folder / "prices.csv", index=False, encoding="utf-8-sig")
        _ingest(tmp_path / "a", folder, settings)
        _ingest(tmp_path / "b", write_drop(tmp_path / "c", _prices()), settings)
        pd.testing.assert_frame_equal(
            read_vintages(tmp_path / "a", "prices"), read_vintages(tmp_path / "b", "prices")
        )

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="does not exist; name an existing folder"):
            FilesSource(tmp_path / "nowhere")

    def test_a_folder_without_prices_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="holds no prices"):
            FilesSource(tmp_path)

    def test_one_table_in_two_formats_is_refused(self, tmp_path: Path) -> None:
        folder = write_drop(tmp_path / "drop", _prices())
        _prices().to_csv(folder / "prices.csv", index=False)
        with pytest.raises(SourceError, match="keep one of them"):
            FilesSource(folder)

    def test_a_torn_file_is_a_sentence(self, tmp_path: Path) -> None:
        folder = write_drop(tmp_path / "drop", _prices())
        (folder / "prices.parquet").write_bytes(b"PAR1 torn")
        with pytest.raises(SourceError, match="prices.parquet cannot be read"):
            FilesSource(folder).extract("prices")

    def test_a_file_that_is_gone_for_a_moment_is_worth_another_try(self, tmp_path: Path) -> None:
        folder = write_drop(tmp_path / "drop", _prices())
        source = FilesSource(folder)
        (folder / "prices.parquet").unlink()
        with pytest.raises(SourceUnavailable, match="cannot be opened now"):
            source.extract("prices")
        write_drop(folder, _prices())
        assert len(source.extract("prices").rows) == 48
