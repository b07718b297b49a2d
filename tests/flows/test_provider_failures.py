"""A provider that raises whatever it likes, through the whole of a daily run."""

import logging
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from prefect.runtime import flow_run

from flows.daily import daily
from unwind.contract.source import Extract, SourceError
from unwind.lake.snapshots import latest, read
from unwind.market.store import ingest, read_rejected, read_vintages
from unwind.report.session import session_day
from unwind.settings import Settings
from unwind.sources.combined import CombinedSource
from unwind.sources.files import FilesSource
from unwind.sources.registry import PROVIDERS, Provider

SESSION = date(2026, 2, 5)
NOW = pd.Timestamp("2026-02-05T21:20Z")
SECRET = "kanarienvogel7d1f"


class Unprintable:
    """A cell that cannot be shown as text."""

    def __str__(self) -> str:
        raise ArithmeticError(SECRET)

    __repr__ = __str__


def _cells(names: str, cell: object) -> pd.DataFrame:
    return pd.DataFrame({name: [cell] for name in names.split()})


class RaisingSource:
    """Fails at each of its tables in another way."""

    label = "crypto"
    failures: ClassVar[dict[str, object]] = {
        "crypto_hourly": RecursionError(SECRET),
        "perpetuals": KeyError(SECRET),
        "cftc_positions": MemoryError(SECRET),
        "futures": UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET),
        "etf_flows": ValueError(f"https://me:{SECRET}@proxy.desk:8443"),
        "open_interest": "no extract at all",
        "implied_vol": Extract("x", _cells("session index open high low close", Unprintable())),
    }

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def tables(self) -> tuple[str, ...]:
        return tuple(self.failures)

    def promised(self, table: str) -> frozenset[str]:
        return frozenset()

    def extract(self, table: str) -> Any:
        failure = self.failures[table]
        if isinstance(failure, Exception):
            raise failure
        return failure


EXCEPTIONS = {
    "crypto_hourly": "RecursionError", "perpetuals": "KeyError", "cftc_positions": "MemoryError",
    "futures": "UnicodeDecodeError", "etf_flows": "ValueError", "open_interest": "AttributeError",
    "implied_vol": "ArithmeticError",
}  # fmt: skip


class Prices(RaisingSource):
    failures: ClassVar[dict[str, object]] = {"prices": ZeroDivisionError(SECRET)}


class TestProviderThatRaises:
    def test_costs_its_own_tables(
        self, tmp_path: Path, drop: Path, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = CombinedSource((RaisingSource(), FilesSource(drop)))
        with caplog.at_level(logging.ERROR):
            added = ingest(tmp_path, source, settings=settings, received_at=NOW).added
        assert added["prices"] > 0
        assert not read_vintages(tmp_path, "prices").empty
        rejected = read_rejected(tmp_path)
        rows = rejected[rejected["rule"] == "provider_exception"].set_index("table")
        assert set(rows.index) == set(EXCEPTIONS)
        for table, name in EXCEPTIONS.items():
            row = rows.loc[table]
            assert row["entity"] == "crypto"
            assert row["severity"] == "error"
            assert row["value"] == f"{name} while {table} was read"
            assert row["remedy"].startswith("the other sources are not affected")
            assert f"source crypto failed at the table {table}: {name}\n" in caplog.text
        assert "raise failure" in caplog.text
        assert SECRET not in caplog.text + str(rejected.to_dict())

    def test_of_prices_makes_room_for_the_next(
        self, tmp_path: Path, drop: Path, settings: Settings
    ) -> None:
        source = CombinedSource((Prices(), FilesSource(drop)))
        assert ingest(tmp_path, source, settings=settings, received_at=NOW).added["prices"] > 0
        rejected = read_rejected(tmp_path)
        assert "ZeroDivisionError while prices was read" in set(rejected["value"])

    def test_of_the_only_prices_is_one_sentence(self, tmp_path: Path, settings: Settings) -> None:
        with pytest.raises(SourceError) as caught:
            ingest(tmp_path, CombinedSource((Prices(),)), settings=settings, received_at=NOW)
        assert "crypto gave no prices: ZeroDivisionError while prices" in str(caught.value)
        assert SECRET not in str(caught.value)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestDailyRun:
    def test_completes_with_a_row_for_each_failure(
        self, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(PROVIDERS, "crypto", Provider((), RaisingSource))
        monkeypatch.setitem(flow_run.FIELDS, "scheduled_start_time", NOW.to_pydatetime)
        lake = tmp_path / "lake"
        state = daily(
            source={"kind": "crypto", "then": ["files"], "path": str(drop)}, lake=str(lake),
            return_state=True,
        )  # fmt: skip
        assert state.is_completed(), state.message
        snapshot = latest(lake)
        cutoff = read(snapshot, "regimes", as_of=SESSION)["cutoff"].item()
        quality = session_day(snapshot, as_of=SESSION, cutoff=cutoff).tables["quality"]
        rows = quality[quality["rule"] == "provider_exception"].set_index("table")
        assert set(rows.index) == set(EXCEPTIONS)
        for table, name in EXCEPTIONS.items():
            assert f"{name} while {table} was read" in str(rows.loc[table, "example"])
        assert set(rows["entity"]) == {"crypto"}
        assert rows["remedy"].str.contains("run again").all()
        outcome: Any = state.result()
        page = Path(outcome["report"]).read_text(encoding="utf-8")
        assert "provider exception" in page
        assert SECRET not in page
