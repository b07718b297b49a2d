"""First prints that come after the run in which they were due."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import small_prices, write_drop
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

FEBRUARY_5 = pd.Timestamp("2026-02-05")
EVENING, MORNING = pd.Timestamp("2026-02-05T21:20Z"), pd.Timestamp("2026-02-06T14:35Z")
ON_TIME = pd.Timestamp("2026-02-05T21:15Z")


def _prices(*symbols: str, first: str = "2026-01-05", last: str = "2026-02-05") -> pd.DataFrame:
    return small_prices(
        symbols, first=pd.Timestamp(first).date(), last=pd.Timestamp(last).date()
    )  # fmt: skip


def _flows(*days: str) -> pd.DataFrame:
    rows = [{"session": day, "fund": "IBIT", "vendor": "farside"} for day in days]
    return pd.DataFrame(rows).assign(net_flow_usd_m=-12.0)


class Store:
    """A market store under drops; `known` is the known_at of a row."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings, self.n = folder, settings, 0

    def drop(self, at: pd.Timestamp, prices: pd.DataFrame, **tables: pd.DataFrame) -> None:
        self.n += 1
        folder = write_drop(self.folder / f"drop-{self.n}", prices, **tables)
        ingest(self.folder / "store", FilesSource(folder), settings=self.settings, received_at=at)

    def known(self, symbol: str, session: object, table: str = "prices") -> pd.Timestamp:
        rows = read_vintages(self.folder / "store", table)
        own = rows.drop(columns="known_at").eq(symbol).any(axis=1)
        (at,) = rows.loc[own & (rows["session"] == session), "known_at"]
        return at


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Store:
    return Store(tmp_path, settings)


class TestOverdue:
    def test_counts_from_its_arrival(self, store: Store) -> None:
        whole = _prices("IBIT", "IGV")
        late = (whole["symbol"] == "IGV") & (whole["session"] == FEBRUARY_5)
        store.drop(EVENING, whole[~late])
        store.drop(MORNING, whole)
        assert store.known("IGV", FEBRUARY_5) == MORNING
        assert store.known("IBIT", FEBRUARY_5) == ON_TIME

    def test_in_the_middle_of_a_series_as_at_its_end(self, store: Store) -> None:
        whole = _prices("IBIT", "IGV")
        late = (whole["symbol"] == "IGV") & (whole["session"] == "2026-01-20")
        store.drop(EVENING, whole[~late])
        store.drop(MORNING, whole)
        assert store.known("IGV", "2026-01-20") == MORNING

    def test_its_own_known_at_counts_where_it_has_one(self, store: Store) -> None:
        whole = _prices("IBIT", "IGV")
        late = (whole["symbol"] == "IGV") & (whole["session"] == FEBRUARY_5)
        store.drop(EVENING, whole[~late])
        said = pd.Timestamp("2026-02-05T23:00Z")
        dated = whole.assign(known_at=pd.Series(pd.NaT, whole.index, dtype="datetime64[us, UTC]"))
        dated.loc[late, "known_at"] = said
        store.drop(MORNING, dated)
        assert store.known("IGV", FEBRUARY_5) == said


class TestHistory:
    def test_of_a_new_symbol_keeps_the_rule(self, store: Store) -> None:
        store.drop(EVENING, _prices("IBIT"))
        store.drop(MORNING, _prices("IBIT", "IGV"))
        assert store.known("IGV", FEBRUARY_5) == ON_TIME

    def test_before_the_first_row_keeps_the_rule(self, store: Store) -> None:
        store.drop(EVENING, pd.concat([_prices("IBIT"), _prices("IGV", first="2026-02-02")]))
        store.drop(MORNING, _prices("IBIT", "IGV"))
        assert store.known("IGV", "2026-01-05") == pd.Timestamp("2026-01-05T21:15Z")

    def test_of_sessions_new_to_the_store_keeps_the_rule(self, store: Store) -> None:
        store.drop(EVENING, _prices("IBIT", "IGV", last="2026-02-02"))
        store.drop(pd.Timestamp("2026-11-22T00:00Z"), _prices("IBIT", "IGV"))
        assert store.known("IGV", FEBRUARY_5) == ON_TIME


class TestFlowOfTheSessionBefore:
    """Flows are due in the run of the next session."""

    def test_with_the_prices_of_that_session_keeps_the_rule(self, store: Store) -> None:
        store.drop(EVENING, _prices("IBIT"), etf_flows=_flows("2026-02-03", "2026-02-04"))
        evening_after = pd.Timestamp("2026-02-06T21:20Z")
        flows = _flows("2026-02-03", "2026-02-04", "2026-02-05")
        store.drop(evening_after, _prices("IBIT", last="2026-02-06"), etf_flows=flows)
        nine = pd.Timestamp("2026-02-06T14:00Z")
        assert store.known("IBIT", FEBRUARY_5, table="etf_flows") == nine

    def test_after_that_run_is_overdue(self, store: Store) -> None:
        flows = _flows("2026-02-03", "2026-02-04")
        friday = pd.Timestamp("2026-02-06T21:20Z")
        store.drop(friday, _prices("IBIT", last="2026-02-06"), etf_flows=flows)
        monday = pd.Timestamp("2026-02-09T14:35Z")
        flows = _flows("2026-02-03", "2026-02-04", "2026-02-05")
        store.drop(monday, _prices("IBIT", last="2026-02-06"), etf_flows=flows)
        assert store.known("IBIT", FEBRUARY_5, table="etf_flows") == monday
