"""Histories that a vendor restates: dividends, splits, corrections; and feeds that stand still."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import small_prices, write_drop
from unwind.contract.source import Fault
from unwind.market.price_matrix import price_matrix
from unwind.market.restatement import rebased
from unwind.market.series_faults import frozen_faults
from unwind.market.store import ingest, known_by, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

DAYS = ("2026-02-03", "2026-02-04", "2026-02-05")


def _market() -> pd.DataFrame:
    return small_prices(("IBIT", "HYG"), first=date(2026, 1, 5), last=date(2026, 2, 5))


def _adjusted(rows: pd.DataFrame, *, ex: str, dividend: float, until: str) -> pd.DataFrame:
    """What a vendor prints on the evening of `until`: adjusted back from an ex-date, as Yahoo."""
    out = rows[rows["session"] <= pd.Timestamp(until)].copy()
    paying = out["symbol"] == "HYG"
    if pd.Timestamp(until) >= pd.Timestamp(ex):
        before = paying & (out["session"] < pd.Timestamp(ex))
        last = out.loc[before, "close"].iloc[-1]
        out.loc[before, "adj_close"] = out.loc[before, "close"] * (1 - dividend / last)
    return out


def _evening(store: Path, rows: pd.DataFrame, day: str, settings: Settings) -> pd.DataFrame:
    """Read the vendor after the close; return what the session's own run saw at 16:15."""
    folder = write_drop(store.parent / f"drop-{day}", rows)
    ingest(store, FilesSource(folder), settings=settings, received_at=pd.Timestamp(f"{day}T21:20Z"))
    cutoff = pd.Timestamp(f"{day}T21:15Z")
    return known_by(read_vintages(store, "prices"), "prices", cutoff=cutoff)


def _returns(seen: pd.DataFrame, symbol: str) -> pd.Series:
    closes = seen[seen["symbol"] == symbol].set_index("session")["adj_close"]
    return np.log(closes).diff().dropna()


class TestExDividend:
    def test_the_return_of_the_day_is_right_at_its_own_cut_off(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        market = _market()
        market.loc[(market["symbol"] == "HYG") & (market["session"] == DAYS[2]), "close"] -= 2.0
        store = tmp_path / "store"
        for day in DAYS:
            rows = _adjusted(market, ex=DAYS[2], dividend=2.0, until=day)
            seen = _evening(store, rows, day, settings)
        truth = _returns(_adjusted(market, ex=DAYS[2], dividend=2.0, until=DAYS[2]), "HYG")
        assert _returns(seen, "HYG").to_numpy() == pytest.approx(truth.to_numpy())
        # Nothing on file was rewritten: one vintage a row.
        assert len(read_vintages(store, "prices")) == len(market)

    def test_a_dividend_that_is_added_later_is_a_revision(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        market, store = _market(), tmp_path / "store"
        _evening(store, market, DAYS[1], settings)
        late = _adjusted(market, ex="2026-01-20", dividend=2.0, until=DAYS[2])
        _evening(store, late, DAYS[2], settings)
        vintages = read_vintages(store, "prices")
        revised = vintages[vintages.duplicated(["session", "symbol"])]
        assert set(revised["symbol"]) == {"HYG"}
        assert revised["session"].max() < pd.Timestamp("2026-01-20")
        newest = known_by(vintages, "prices", cutoff=pd.Timestamp("2026-02-06T00:00Z"))
        assert _returns(newest, "HYG").to_numpy() == pytest.approx(_returns(late, "HYG").to_numpy())

    def test_another_vendors_scale_changes_no_return(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        market, store = _market(), tmp_path / "store"
        _evening(store, market[market["session"] <= DAYS[1]], DAYS[1], settings)
        other = market.assign(adj_close=market["adj_close"] * 7.3)
        seen = _evening(store, other, DAYS[2], settings)
        assert _returns(seen, "IBIT").to_numpy() == pytest.approx(
            _returns(market, "IBIT").to_numpy()
        )
        assert len(read_vintages(store, "prices")) == len(market)

    def test_order_does_not_matter(self) -> None:
        market = _market().assign(known_at=pd.Timestamp("2026-02-05T21:15Z"))
        held = market[market["session"] < DAYS[2]]
        incoming = market.assign(adj_close=market["adj_close"] * 0.9)
        plain = rebased(incoming, held).rows
        turned = rebased(
            incoming.sample(frac=1, random_state=1), held.sample(frac=1, random_state=2)
        )
        pd.testing.assert_frame_equal(plain, turned.rows.sort_index())


class TestSplit:
    def test_no_window_mixes_both_scales(self, tmp_path: Path, settings: Settings) -> None:
        market, store = _market(), tmp_path / "store"
        market["adj_close"] = market["close"]
        _evening(store, market[market["session"] <= DAYS[1]], DAYS[1], settings)
        split = market.copy()
        mine = split["symbol"] == "IBIT"
        split.loc[mine, ["open", "high", "low", "close", "adj_close"]] /= 10
        split.loc[mine, "volume"] *= 10
        seen = _evening(store, split, DAYS[2], settings)
        closes = seen[seen["symbol"] == "IBIT"].set_index("session")["close"]
        expected = split[mine].set_index("session")["close"]
        pd.testing.assert_series_equal(closes, expected, check_index_type=False, check_freq=False)
        assert _returns(seen, "IBIT").to_numpy() == pytest.approx(
            _returns(market, "IBIT").to_numpy()
        )
        # The run of the evening before still sees what it saw.
        before = known_by(
            read_vintages(store, "prices"), "prices", cutoff=pd.Timestamp(f"{DAYS[1]}T21:15Z")
        )
        assert before["close"].max() == market[market["session"] <= DAYS[1]]["close"].max()
        assert len(_evening(store, split, DAYS[2], settings)) == len(market)

    def test_reading_it_again_adds_nothing(self, tmp_path: Path, settings: Settings) -> None:
        market, store = _market(), tmp_path / "store"
        _evening(store, market[market["session"] <= DAYS[1]], DAYS[1], settings)
        split = market.copy()
        split[["open", "high", "low", "close", "adj_close"]] /= 2
        for _ in range(2):
            _evening(store, split, DAYS[2], settings)
        once = len(market[market["session"] <= DAYS[1]])
        assert len(read_vintages(store, "prices")) == len(market) + once


class TestCorrection:
    def test_one_corrected_close_moves_no_scale(self, tmp_path: Path, settings: Settings) -> None:
        market, store = _market(), tmp_path / "store"
        wrong = market[market["session"] <= DAYS[1]].copy()
        slip = (wrong["symbol"] == "IBIT") & (wrong["session"] == DAYS[1])
        wrong.loc[slip, ["open", "high", "low", "close", "adj_close"]] *= 1.05
        _evening(store, wrong, DAYS[1], settings)
        _evening(store, market, DAYS[2], settings)
        assert len(read_vintages(store, "prices")) == len(market) + 1

    def test_another_value_under_a_known_at_on_file_is_known_from_its_arrival(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        market, store = _market().assign(known_at=pd.Timestamp("2026-02-05T21:15Z")), tmp_path / "s"
        _evening(store, market, DAYS[2], settings)
        changed = market.copy()
        changed.loc[0, "volume"] = 3.0
        for _ in range(2):
            _evening(store, changed, DAYS[2], settings)
        vintages = read_vintages(store, "prices")
        assert len(vintages) == len(market) + 1
        assert vintages["known_at"].max() == pd.Timestamp("2026-02-05T21:20Z")


def _frozen(rows: pd.DataFrame) -> tuple[Fault, ...]:
    symbols = tuple(rows["symbol"].unique())
    return frozen_faults(price_matrix(rows, symbols), sessions=4)


class TestFrozenFeed:
    def _rows(self, closes: list[float]) -> pd.DataFrame:
        days = pd.bdate_range("2026-01-05", periods=len(closes))
        rows = pd.DataFrame({"session": days, "symbol": "IGV", "close": closes})
        return rows.assign(open=1.0, high=2.0, low=0.5, adj_close=np.nan, volume=7.0)

    def test_is_named_from_the_fourth_equal_bar(self) -> None:
        faults = _frozen(self._rows([1, 2, 2, 2, 2, 2, 3]))
        assert [(fault.value, fault.session) for fault in faults] == [
            ("4 equal bars since 2026-01-06", pd.Timestamp("2026-01-09")),
            ("5 equal bars since 2026-01-06", pd.Timestamp("2026-01-12")),
        ]

    def test_three_equal_bars_are_a_quiet_market(self) -> None:
        assert _frozen(self._rows([1, 2, 2, 2, 3])) == ()

    def test_a_traded_volume_is_a_living_feed(self) -> None:
        assert _frozen(self._rows([2.0] * 6).assign(volume=range(6))) == ()

    def test_a_session_without_a_row_is_passed_over(self) -> None:
        assert len(_frozen(self._rows([2.0] * 6).drop(index=2))) == 2

    def test_knows_nothing_of_what_follows(self) -> None:
        closes = [1.0, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3]
        whole = _frozen(self._rows(closes))
        for length in range(1, len(closes)):
            cut = _frozen(self._rows(closes[:length]))
            assert cut == whole[: len(cut)]

    def test_two_symbols_never_run_into_each_other(self) -> None:
        first, second = self._rows([2.0] * 3), self._rows([2.0] * 3).assign(symbol="IGW")
        assert _frozen(pd.concat([first, second])) == ()
