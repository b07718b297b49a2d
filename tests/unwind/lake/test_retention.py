"""Old snapshots go and the market log shrinks; what stays is whole, and what is lost is said."""

import shutil
import threading
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import RECEIVED, small_prices, write_drop
from tests.unwind.lake_rows import known_by, publish_days
from unwind.calendar import sessions_between
from unwind.files.location import Damaged, LakeError
from unwind.lake.retention import compact_market, prune
from unwind.lake.snapshots import latest, read, snapshot_names
from unwind.lake.verify import verify
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

DAYS = [stamp.date() for stamp in sessions_between(date(2026, 1, 20), date(2026, 2, 11))]


@pytest.fixture(scope="module")
def first_lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Nine sessions of January and eight of February, each its own snapshot."""
    folder = tmp_path_factory.mktemp("first")
    for day in DAYS:
        publish_days(folder, settings, day)
    return folder


@pytest.fixture
def lake(first_lake: Path, tmp_path: Path) -> Path:
    """A lake of one's own."""
    return Path(shutil.copytree(first_lake, tmp_path / "lake"))


def _clock(day: date) -> str:
    return f"{day}T21:15Z"


class TestPrune:
    def test_keeps_the_days_the_newest_and_the_end_of_each_month(self, lake: Path) -> None:
        names = dict(zip(DAYS, snapshot_names(lake), strict=True))
        plan = prune(lake, keep_days=2, keep_last=1, dry_run=False)
        wanted = [date(2026, 1, 30), date(2026, 2, 10), date(2026, 2, 11)]
        assert plan.retained == tuple(names[day] for day in wanted)
        assert snapshot_names(lake) == list(plan.retained)
        assert len(plan.removed) == len(DAYS) - 3
        assert plan.freed > 0
        found = verify(lake, every=True)
        assert (found.faults, found.leftovers) == ([], [])
        assert read(latest(lake), "regimes")["as_of"].tolist() == DAYS

    def test_says_what_known_by_answers_from_now_on(self, lake: Path) -> None:
        names = dict(zip(DAYS, snapshot_names(lake), strict=True))
        plan = prune(lake, keep_days=2, keep_last=1, dry_run=False)
        assert plan.affected_queries == (
            "--known-by from 2026-01-20T21:15Z to before 2026-01-30T21:15Z reads the "
            "current snapshot, without later cut-offs",
            "--known-by from 2026-02-02T21:15Z to before 2026-02-10T21:15Z reads "
            f"{names[date(2026, 1, 30)]}, with knowledge to 2026-01-30T21:15Z, and for later "
            "sessions the current snapshot",
        )
        then = known_by(lake, pd.Timestamp("2026-02-09T00:00Z"))
        assert then.name == names[date(2026, 1, 30)]
        with pytest.raises(LakeError, match="holds no snapshot from"):
            known_by(lake, pd.Timestamp("2026-01-25T00:00Z"))

    def test_a_rehearsal_removes_nothing_and_says_the_same(self, lake: Path) -> None:
        before = snapshot_names(lake)
        told = prune(lake, keep_days=0, keep_last=3, dry_run=True)
        assert snapshot_names(lake) == before
        assert told == prune(lake, keep_days=0, keep_last=3, dry_run=False)
        # The three newest, and the last of January.
        assert len(snapshot_names(lake)) == 4
        assert prune(lake, keep_days=0, keep_last=3, dry_run=False).removed == ()

    def test_the_newest_of_one_day_stays(self, tmp_path: Path, settings: Settings) -> None:
        for score in (1.0, 2.0, 3.0):
            publish_days(tmp_path, settings, DAYS[0], score=score)
        prune(tmp_path, keep_days=5, keep_last=1, dry_run=False)
        assert len(snapshot_names(tmp_path)) == 1
        assert read(latest(tmp_path), "regimes")["score"].tolist() == [3.0]

    def test_without_a_snapshot_in_force_nothing_goes(self, lake: Path) -> None:
        (lake / "LATEST").write_text("torn")
        before = snapshot_names(lake)
        with pytest.raises(Damaged):
            prune(lake, keep_days=0, keep_last=1, dry_run=False)
        assert snapshot_names(lake) == before

    @pytest.mark.parametrize(("days", "newest"), [(-1, 1), (0, 0)])
    def test_bounds_are_a_sentence(self, days: int, newest: int, lake: Path) -> None:
        with pytest.raises(LakeError, match="keep_last at least 1"):
            prune(lake, keep_days=days, keep_last=newest, dry_run=True)

    def test_a_reader_of_a_removed_one_is_told(self, lake: Path) -> None:
        oldest = known_by(lake, pd.Timestamp(_clock(DAYS[0])))
        prune(lake, keep_days=0, keep_last=1, dry_run=False)
        with pytest.raises(Damaged, match="is missing"):
            read(oldest, "regimes")


def _grow(folder: Path, settings: Settings, number: int) -> None:
    prices = small_prices(
        ("IBIT", "IGV"), first=date(2026, 1, 5),
        last=(pd.Timestamp("2026-02-06") + pd.Timedelta(days=7 * number)).date(),
    )  # fmt: skip
    prices.loc[number, "close"] = 50.0 + number
    source = FilesSource(write_drop(folder / f"drop{number}", prices))
    at = RECEIVED + pd.Timedelta(days=number)
    ingest(folder / "market", source, settings=settings, received_at=at)


class TestCompact:
    def test_loses_no_vintage_and_goes_on_from_there(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        store = tmp_path / "market"
        for number in range(4):
            _grow(tmp_path, settings, number)
        whole = read_vintages(store, "prices")
        merged = compact_market(tmp_path)
        assert merged["prices"] == {"segments": 4, "rows": len(whole), "removed": 4}
        (held,) = (store / "prices").glob("*.parquet")
        assert held.name.startswith("000001-000004-")
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)
        before = held.read_bytes()
        assert compact_market(tmp_path)["prices"] == {
            "segments": 1, "rows": len(whole), "removed": 0,
        }  # fmt: skip
        assert held.read_bytes() == before
        _grow(tmp_path, settings, 4)
        assert sorted(path.name[:6] for path in (store / "prices").glob("*.parquet")) == [
            "000001", "000005",
        ]  # fmt: skip
        assert len(read_vintages(store, "prices")) > len(whole)

    def test_killed_before_the_old_ones_go_nothing_stands_twice(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = tmp_path / "market"
        for number in range(3):
            _grow(tmp_path, settings, number)
        whole = read_vintages(store, "prices")

        def die(_: Path) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", die)
            with pytest.raises(KeyboardInterrupt):
                compact_market(tmp_path)
        assert len(list((store / "prices").glob("*.parquet"))) == 4
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)
        compact_market(tmp_path)
        assert len(list((store / "prices").glob("*.parquet"))) == 1
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)

    def test_readers_run_on(self, tmp_path: Path, settings: Settings) -> None:
        store = tmp_path / "market"
        for number in range(3):
            _grow(tmp_path, settings, number)
        whole = read_vintages(store, "prices")
        stop, read_rows, faults = threading.Event(), [], []

        def reading() -> None:
            while not stop.is_set():
                try:
                    read_rows.append(len(read_vintages(store, "prices")))
                except Exception as error:
                    faults.append(error)

        reader = threading.Thread(target=reading)
        reader.start()
        for _ in range(3):
            compact_market(tmp_path)
        while not read_rows and not faults:
            stop.wait(0.01)
        stop.set()
        reader.join()
        assert faults == []
        assert set(read_rows) == {len(whole)}

    def test_a_damaged_segment_is_not_merged_over(self, tmp_path: Path, settings: Settings) -> None:
        for number in range(2):
            _grow(tmp_path, settings, number)
        victim = sorted((tmp_path / "market" / "prices").glob("*.parquet"))[0]
        victim.write_bytes(victim.read_bytes()[:-9])
        with pytest.raises(Damaged, match="differs from the checksum"):
            compact_market(tmp_path)
        assert len(list((tmp_path / "market" / "prices").glob("*.parquet"))) == 2

    def test_without_a_store_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(LakeError, match="holds no market store"):
            compact_market(tmp_path)
