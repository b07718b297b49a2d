"""Late data and revisions, through the functions that the flows call; copies and full disks."""

import errno
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from flows.daily import daily
from tests.conftest import RECEIVED, write_drop
from unwind.indicators.context import Slot
from unwind.lake.publish import publish
from unwind.lake.snapshots import latest, read
from unwind.market.store import ingest, read_vintages
from unwind.pipeline import Analysis, analyse, load_market
from unwind.report.difference import difference
from unwind.settings import Settings
from unwind.sources.files import FilesSource

SESSION = date(2026, 2, 5)
PUBLISHED, LATER = pd.Timestamp("2026-02-05T21:15Z"), pd.Timestamp("2026-02-07T00:00Z")


class TestLateData:
    def test_adds_vintages_and_leaves_what_was_said(
        self, analysis: Callable[[date], Analysis], drop: Path, tmp_path: Path, settings: Settings
    ) -> None:
        lake = tmp_path / "lake"

        def published(rows: dict[str, pd.DataFrame]) -> str:
            return publish(lake, rows, settings=settings, source="files", run="run").name

        def run(source: FilesSource, received: pd.Timestamp, cutoff: pd.Timestamp) -> str:
            ingest(lake / "market", source, settings=settings, received_at=received)
            market = load_market(lake / "market")
            moment = Slot(as_of=SESSION, cutoff=cutoff, source="files")
            return published(analyse(market, moment, settings=settings).tables)

        ingest(lake / "market", FilesSource(drop), settings=settings, received_at=RECEIVED)
        first = published(analysis(SESSION).tables)
        prices = pd.read_parquet(drop / "prices.parquet")
        chosen = (prices["symbol"] == "IGV") & (prices["session"] == "2026-02-05")
        late = prices[chosen].assign(known_at=pd.Timestamp("2026-02-06T12:00Z"))
        late[["open", "high", "low", "close", "adj_close"]] *= 0.9
        both = pd.concat([prices.assign(known_at=pd.NaT), late], ignore_index=True)
        revised = FilesSource(write_drop(tmp_path / "revised", both))

        # The revision is on file; the run of the first cut-off says what it said, byte by byte.
        assert run(revised, RECEIVED + pd.Timedelta(days=1), PUBLISHED) == first
        vintages = read_vintages(lake / "market", "prices")
        assert len(vintages) == len(prices) + 1
        held = vintages[(vintages["symbol"] == "IGV") & (vintages["session"] == "2026-02-05")]
        assert held["close"].round(9).tolist() == [
            round(prices.loc[chosen, "close"].item(), 9), round(late["close"].item(), 9),
        ]  # fmt: skip

        run(revised, RECEIVED + pd.Timedelta(days=2), LATER)
        snapshot = latest(lake)
        for name in ("regimes", "correlations", "shocks"):
            rows = pq.read_table(Path(snapshot.path) / name / "2026-02.parquet")
            old = pq.read_table(lake / "snapshots" / first / name / "2026-02.parquet")
            stood = [instant == PUBLISHED for instant in rows.column("cutoff").to_pylist()]
            assert rows.filter(stood).combine_chunks().equals(old.combine_chunks()), name
        found = difference(lake, snapshot, as_of=SESSION, first=PUBLISHED, second=LATER)
        moved = {row.key.get("asset") for row in found.rows if row.table == "shocks"}
        assert "IGV" in moved
        (arrival,) = [held for held in found.arrivals if held.revised]
        assert (arrival.entity, arrival.event) == ("IGV", "2026-02-05")
        assert read(snapshot, "regimes")["cutoff"].tolist() == [LATER]


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestAfterPublication:
    def test_a_copy_follows_and_a_full_disk_is_one_sentence(
        self, drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = {
            "source": {"kind": "files", "path": str(drop)}, "lake": str(tmp_path / "lake"),
            "as_of": SESSION, "copy_to": f"file://{tmp_path}/copy",
        }  # fmt: skip
        state = daily(**asked, return_state=True)
        assert state.is_completed(), state.message
        assert latest(f"file://{tmp_path}/copy").name == latest(tmp_path / "lake").name

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("unwind.lake.publish.pq.write_table", refuse)
        state = daily(**asked | {"as_of": date(2026, 2, 4)}, return_state=True)
        assert state.is_failed()
        assert state.message == (
            f"{tmp_path}/lake cannot be written: the disk is full; free space, e.g. with "
            "`unwind lake prune`, and run again"
        )
