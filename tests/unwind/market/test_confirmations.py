"""Moves that a person or a second vendor confirms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command_line import unwind
from tests.unwind.market.fault_markets import SESSIONS, SYMBOLS, market, returns, scaled
from unwind.contract.source import Extract, SourceError
from unwind.market.confirmations import confirm, read_confirmations
from unwind.market.plausibility import PlausiblePrices, plausible_prices
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings

AT = 180
DAY = SESSIONS[AT]
NOW = pd.Timestamp("2026-01-15T00:00Z")


class Vendors:
    """Prices of one provider or of two."""

    label = "vendors"

    def __init__(self, *tables: pd.DataFrame) -> None:
        columns = ["session", "symbol", "open", "high", "low", "close", "adj_close", "volume"]
        self._parts = tuple(
            Extract(f"vendor {number}", rows[columns], label=f"vendor {number}")
            for number, rows in enumerate(tables)
        )

    def tables(self) -> tuple[str, ...]:
        return ("prices",)

    def extract(self, table: str) -> Extract:
        return Extract(table, pd.DataFrame(), parts=self._parts)


def _stored(store: Path, settings: Settings, *tables: pd.DataFrame) -> None:
    ingest(store, Vendors(*tables), settings=settings, received_at=NOW)


def _screened(store: Path, settings: Settings, *, cutoff: pd.Timestamp = NOW) -> PlausiblePrices:
    rows = read_vintages(store, "prices")
    rows = rows[rows["session"] <= DAY]
    return plausible_prices(
        rows, rows, symbols=SYMBOLS, confirmations=read_confirmations(store), cutoff=cutoff,
        settings=settings,
    )  # fmt: skip


class TestPerson:
    def test_a_confirmed_move_counts_from_then_on(self, tmp_path: Path, settings: Settings) -> None:
        _stored(tmp_path, settings, scaled(market(3), "C12", 0.72, first=AT))
        [fault] = _screened(tmp_path, settings).faults
        assert f"unwind confirm C12 {DAY:%Y-%m-%d}" in fault.remedy
        assert confirm(tmp_path, "C12", DAY, reason="profit warning", known_at=NOW)
        assert not confirm(tmp_path, "C12", DAY, reason="again", known_at=NOW)
        after = _screened(tmp_path, settings)
        assert [(f.rule, f.severity, f.value) for f in after.faults] == [
            ("confirmed_move", "info", "profit warning")
        ]
        assert returns(after)["C12"].iloc[-1] < -0.25
        before = _screened(tmp_path, settings, cutoff=NOW - pd.Timedelta(seconds=1))
        assert np.isnan(returns(before)["C12"].iloc[-1])

    @pytest.mark.parametrize(
        ("symbol", "day", "reason", "sentence"),
        [
            ("C99", DAY, "real", "holds no price of C99"),
            ("C12", SESSIONS[-1], "real", "holds no price of C12 on 2025-12-31"),
            ("C12", DAY, "  ", "--reason must be 1 to 160"),
            ("C12", DAY, "a\nb", "--reason must be 1 to 160"),
        ],
    )
    def test_a_slip_is_refused_in_a_sentence(
        self, symbol: str, day: pd.Timestamp, reason: str, sentence: str, tmp_path: Path,
        settings: Settings,
    ) -> None:  # fmt: skip
        rows = market(3)
        _stored(tmp_path, settings, rows[rows["session"] < SESSIONS[-1]])
        with pytest.raises(SourceError, match=sentence):
            confirm(tmp_path, symbol, day, reason=reason, known_at=NOW)
        assert read_confirmations(tmp_path).empty

    def test_the_command(self, tmp_path: Path, settings: Settings) -> None:
        _stored(tmp_path / "market", settings, market(3))
        command = [
            "confirm",
            "C12",
            f"{DAY:%Y-%m-%d}",
            "--reason",
            "it is",
            "--lake",
            str(tmp_path),
        ]
        first, second = (unwind(*command) for _ in range(2))
        assert first.output == f"C12 {DAY:%Y-%m-%d}: confirmed\n"
        assert second.output == f"C12 {DAY:%Y-%m-%d}: was confirmed already\n"
        [row] = read_confirmations(tmp_path / "market").to_dict("records")
        assert (row["symbol"], row["session"], row["by"]) == ("C12", DAY, "person")


class TestSecondVendor:
    def test_a_move_that_both_report_stands(self, tmp_path: Path, settings: Settings) -> None:
        spoilt = scaled(market(3), "C12", 0.72, first=AT)
        _stored(tmp_path, settings, spoilt, spoilt)
        prices = _screened(tmp_path, settings)
        assert [(f.rule, f.value) for f in prices.faults] == [
            ("confirmed_move", "vendor 0 and vendor 1 report the same move")
        ]
        assert returns(prices)["C12"].iloc[-1] < -0.25

    def test_known_at_the_cut_off_of_its_own_session(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        spoilt = scaled(market(3), "C12", 0.72, first=AT)
        _stored(tmp_path, settings, spoilt, spoilt)
        cutoff = pd.Timestamp(f"{DAY:%Y-%m-%d} 16:15", tz="America/New_York").tz_convert("UTC")
        assert len(_screened(tmp_path, settings, cutoff=cutoff).faults) == 1

    def test_a_second_vendor_without_the_move_confirms_nothing(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        _stored(tmp_path, settings, scaled(market(3), "C12", 0.72, first=AT), market(3))
        assert [f.rule for f in _screened(tmp_path, settings).faults] == ["unconfirmed_move"]

    @pytest.mark.parametrize("factor", [1 / 2, 100, 1 / 150])
    def test_vendors_share_an_unadjusted_split(
        self, factor: float, tmp_path: Path, settings: Settings
    ) -> None:
        spoilt = scaled(market(3), "C12", factor, first=AT)
        _stored(tmp_path, settings, spoilt, spoilt)
        [fault] = _screened(tmp_path, settings).faults
        assert fault.severity == "warning"
