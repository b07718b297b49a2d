"""Prices that look right and are wrong, in a simulated market of classes with fat tails."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import write_drop
from tests.unwind.market.fault_markets import (
    FAULTS,
    SESSIONS,
    SYMBOLS,
    late,
    market,
    returns,
    scaled,
    screened,
)
from unwind.market.confirmations import no_confirmations
from unwind.market.plausibility import PlausiblePrices, plausible_prices
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

AT = 180
# A fund of each class, from bonds to coins.
MEMBERS = ("C01", "C12", "C23", "C30", "C41")
# Whatever a fault is: its own day gives the true return or none.
OWN_DAY = [
    name
    for name in FAULTS
    if name
    not in (
        "adjusted close slips for one row",  # until the way back, it is a dividend
        "spin-off, 1231:1000",  # in the class of coins, an ordinary day
        "one row of another level, −28 %",
        # Not a jump.
        "close repeats open",
        "rows one session late",
    )
]


def _named(prices: PlausiblePrices, symbol: str) -> list[str]:
    return [fault.rule for fault in prices.faults if fault.entity == symbol]


class TestFault:
    @pytest.mark.parametrize("name", OWN_DAY)
    @pytest.mark.parametrize("symbol", MEMBERS)
    def test_gives_the_true_return_or_none(
        self, name: str, symbol: str, settings: Settings
    ) -> None:
        rows = market(3)
        spoilt = FAULTS[name](rows, symbol, AT)
        for last in (AT, AT + 1, AT + 5):
            prices = screened(spoilt, settings, last=last)
            assert _named(prices, symbol), last
            assert {fault.entity for fault in prices.faults} == {symbol}
            apart = (returns(prices) - returns(screened(rows, settings, last=last))).abs()
            # One ratio of a split keeps what the day itself earned, to the cent of a price.
            assert apart.max().max() < 1e-6

    @pytest.mark.parametrize("name", ["spin-off, 1231:1000", "one row of another level, −28 %"])
    @pytest.mark.parametrize("symbol", MEMBERS[:3])
    def test_without_a_ratio_is_set_aside(self, name: str, symbol: str, settings: Settings) -> None:
        spoilt = FAULTS[name](market(3), symbol, AT)
        for last in (AT, AT + 1):
            prices = screened(spoilt, settings, last=last)
            assert _named(prices, symbol)
            assert np.isnan(returns(prices)[symbol].loc[SESSIONS[AT]]), prices.faults

    def test_a_slip_of_the_adjusted_close_is_known_with_its_way_back(
        self, settings: Settings
    ) -> None:
        rows = market(3)
        spoilt = FAULTS["adjusted close slips for one row"](rows, "C12", AT)
        prices = screened(spoilt, settings, last=AT + 1)
        assert _named(prices, "C12") == ["adj_close_contradicts_close"] * 2
        true = returns(screened(rows, settings, last=AT + 1))["C12"].iloc[-2:]
        assert returns(prices)["C12"].iloc[-2:].to_numpy() == pytest.approx(true, abs=1e-9)

    def test_a_row_of_the_day_before_is_no_price_of_today(self, settings: Settings) -> None:
        prices = screened(late(market(3), "C12"), settings)
        assert _named(prices, "C12") == ["moves_one_session_late"]
        assert returns(prices)["C12"].iloc[-120:].isna().all()

    @pytest.mark.parametrize("symbol", MEMBERS)
    def test_a_close_that_repeats_the_open_is_none(self, symbol: str, settings: Settings) -> None:
        prices = screened(FAULTS["close repeats open"](market(3), symbol, AT), settings)
        assert "close_repeats_open" in _named(prices, symbol)
        assert {fault.entity for fault in prices.faults} == {symbol}
        assert returns(prices)[symbol].iloc[-120:].isna().all()

    def test_a_vendor_without_opens_fills_them_from_the_close(self, settings: Settings) -> None:
        rows = market(3)
        assert screened(rows.assign(open=rows["close"]), settings).faults == ()

    def test_two_columns_without_a_common_ratio_are_set_aside(self, settings: Settings) -> None:
        rows = scaled(market(3), "C12", 100, first=AT)
        rows = scaled(rows, "C12", 1 / 7, first=AT, columns=["adj_close"])
        prices = screened(rows, settings, last=AT)
        assert _named(prices, "C12") == ["unconfirmed_move"]
        assert np.isnan(returns(prices)["C12"].iloc[-1])

    def test_closes_alone(self, settings: Settings) -> None:
        """A desk that has closes and nothing else: a factor is seen, a move below it stands."""
        rows = market(3)
        rows[["open", "high", "low", "adj_close", "volume"]] = np.nan
        pence = scaled(rows, "C12", 100, first=AT)
        assert _named(screened(pence, settings), "C12") == ["split_or_unit_change"]
        assert screened(scaled(rows, "C12", 0.75, first=AT), settings).faults == ()

    def test_volume_is_in_shares_of_today(self, settings: Settings) -> None:
        rows = market(3)
        spoilt = scaled(rows, "C12", 1 / 5, first=AT, volume=5)
        volume = screened(spoilt, settings).rows.set_index(["symbol", "session"])["volume"]
        true = rows.set_index(["symbol", "session"])["volume"]
        assert volume["C12"].to_numpy() == pytest.approx(5 * true["C12"].to_numpy())


@pytest.mark.at_length
class TestTable:
    """The table of docs/reliability.md: each fault in each of 20 series, its day and the next."""

    @pytest.mark.parametrize("name", FAULTS)
    def test_row(self, name: str, settings: Settings) -> None:
        named, wrong = [0, 0], [0, 0]
        for number, symbol in enumerate(SYMBOLS):
            rows, at = market(500 + number), 150 + 3 * number
            spoilt = FAULTS[name](rows, symbol, at)
            for later in (0, 1):
                prices = screened(spoilt, settings, last=at + later)
                assert {fault.entity for fault in prices.faults} <= {symbol}
                named[later] += bool(prices.faults)
                true = returns(screened(rows, settings, last=at + later))[symbol]
                apart = (returns(prices)[symbol] - true).abs().iloc[-3:]
                wrong[later] += bool(apart.max() > 0.002)
        print(f"\n{name}: named {named[0]}, {named[1]}; wrong returns left {wrong[0]}, {wrong[1]}")


class TestOrdinaryMarket:
    @pytest.mark.parametrize("seed", range(10))
    def test_nothing_is_named(self, seed: int, settings: Settings) -> None:
        prices = screened(market(seed), settings)
        assert prices.faults == ()
        assert not prices.set_aside.to_numpy().any()

    def test_a_later_row_changes_no_return(self, settings: Settings) -> None:
        spoilt = scaled(market(3), "C12", 1 / 3, first=AT, volume=3)
        whole = returns(screened(spoilt, settings))
        for last in (AT - 1, AT, AT + 1, AT + 20):
            cut = returns(screened(spoilt, settings, last=last))
            pd.testing.assert_frame_equal(cut, whole.iloc[: last + 1], rtol=1e-9)


class TestShock:
    """A crash of 5 to 30 %: of one fund or of its class, at the open or over the day."""

    def test_none_of_200_is_set_aside(self, settings: Settings) -> None:
        draw = np.random.default_rng(1)
        suppressed: list[tuple[int, int, object]] = []
        kinds: dict[tuple[bool, bool], int] = {}
        for number in range(200):
            row = int(draw.integers(130, len(SESSIONS) - 2))
            wide, gap = bool(number % 2), bool((number // 2) % 2)
            size = -float(np.clip(0.05 * np.exp(0.6 * abs(draw.standard_t(3))), 0.05, 0.30))
            first = str(draw.choice(SYMBOLS))
            hit = [name for name in SYMBOLS if name[:2] == first[:2]] if wide else [first]
            share = 1.0 if gap else float(draw.uniform(0, 0.3))
            shocks = {(row, name): (size * float(draw.uniform(0.7, 1.2)), share) for name in hit}
            rows = market(1000 + number, shocks)
            for last in (row, row + 1):
                prices = screened(rows, settings, last=last)
                suppressed += [(number, last - row, f) for f in prices.faults if f.entity in hit]
                assert not prices.set_aside.to_numpy().any()
            kinds[wide, gap] = kinds.get((wide, gap), 0) + 1
        print({f"class-wide {w}, at the open {g}": n for (w, g), n in kinds.items()})
        assert suppressed == []


class TestPartitions:
    """One file, and the same rows in any drops, give the same panel and the same quality rows."""

    @pytest.mark.parametrize("seed", range(6))
    def test_give_one_answer(self, seed: int, tmp_path: Path, settings: Settings) -> None:
        draw = np.random.default_rng(seed)
        rows = market(3)
        for symbol in draw.choice(SYMBOLS, 3, replace=False):
            name = str(draw.choice(list(FAULTS)))
            rows = FAULTS[name](rows, str(symbol), int(draw.integers(AT, AT + 40)))
        rows = rows.drop(columns="known_at")
        cuts = np.sort(draw.choice(np.arange(20, len(SESSIONS) - 1), 8, replace=False))
        starts, ends = [0, *cuts], [*cuts, len(SESSIONS)]
        answers = []
        for kind in ("whole", "drops"):
            store = tmp_path / kind
            parts = [rows] if kind == "whole" else [
                # A vendor repeats some of what it gave before.
                rows[rows["session"].between(SESSIONS[max(0, a - int(again))], SESSIONS[b - 1])]
                for a, b, again in zip(starts, ends, draw.integers(0, 9, 9), strict=True)
            ]  # fmt: skip
            for number, part in enumerate(parts):
                folder = write_drop(tmp_path / f"{kind}-{number}", part)
                last = part["session"].max()
                ingest(
                    store, FilesSource(folder), settings=settings,
                    received_at=last.tz_localize("UTC") + pd.Timedelta(hours=22),
                )  # fmt: skip
            vintages = read_vintages(store, "prices")
            answers.append(
                plausible_prices(
                    vintages, vintages, symbols=SYMBOLS, confirmations=no_confirmations(),
                    cutoff=pd.Timestamp("2026-01-31T00:00Z"), settings=settings,
                )
            )  # fmt: skip
        whole, drops = answers
        assert whole.faults
        assert whole.faults == drops.faults
        pd.testing.assert_frame_equal(whole.rows, drops.rows)
        pd.testing.assert_frame_equal(whole.set_aside, drops.set_aside)


def _restated(
    factor: float, *, first: int, last: int, volume: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Vintages of a vendor that restates some rows of C12 on the evening of AT; and the truth."""
    true = market(3)
    true = true[true["session"] <= SESSIONS[AT]]
    old = scaled(true, "C12", 1 / factor, end=AT, volume=1 / volume)
    span = true["session"].between(SESSIONS[first], SESSIONS[last])
    new = true[(true["symbol"] == "C12") & span].assign(known_at=true["known_at"].max())
    vintages = pd.concat([old, new], ignore_index=True)
    return vintages.sort_values(["session", "symbol", "known_at"], ignore_index=True), true


def _read(vintages: pd.DataFrame, cutoff: pd.Timestamp, settings: Settings) -> PlausiblePrices:
    known = vintages[vintages["known_at"] <= cutoff]
    return plausible_prices(
        known, known.drop_duplicates(["session", "symbol"], keep="last"), symbols=SYMBOLS,
        confirmations=no_confirmations(), cutoff=cutoff, settings=settings,
    )  # fmt: skip


class TestRestatement:
    @pytest.mark.parametrize(
        ("factor", "volume"), [(1 / 5, 5.0), (1.05, 1.0), (0.92, 1.0), (100, 1.0)]
    )
    def test_reaches_the_rows_that_were_not_sent(
        self, factor: float, volume: float, settings: Settings
    ) -> None:
        vintages, true = _restated(factor, first=AT - 4, last=AT - 1, volume=volume)
        prices = _read(vintages, true["known_at"].max(), settings)
        assert _named(prices, "C12") == ["partial_restatement"]
        merged = prices.rows.merge(true, on=["session", "symbol"], suffixes=("", "_true"))
        for name in ("open", "high", "low", "close", "adj_close", "volume"):
            assert merged[name].to_numpy() == pytest.approx(merged[f"{name}_true"].to_numpy())

    def test_changes_nothing_before_it_is_known(self, settings: Settings) -> None:
        vintages, true = _restated(1 / 5, first=AT - 4, last=AT - 1, volume=5)
        cutoff = true["known_at"].max() - pd.Timedelta(seconds=1)
        prices = _read(vintages, cutoff, settings)
        assert prices.faults == ()
        assert prices.rows["session"].max() == SESSIONS[AT - 1]
        earlier = (vintages["symbol"] == "C12") & (vintages["session"] < SESSIONS[AT])
        old = vintages[earlier].drop_duplicates("session")["close"]
        own = prices.rows[prices.rows["symbol"] == "C12"]["close"]
        assert own.to_numpy() == pytest.approx(old.to_numpy())

    def test_a_stretch_that_was_corrected_moves_no_other_row(self, settings: Settings) -> None:
        """Five rows were in pence, with jumps at both ends; their correction leaves none."""
        true = market(3)
        wrong = scaled(true, "C12", 100, first=AT, end=AT + 5)
        span = true["session"].between(SESSIONS[AT], SESSIONS[AT + 4])
        late_rows = true[(true["symbol"] == "C12") & span].assign(known_at=true["known_at"].max())
        vintages = pd.concat([wrong, late_rows], ignore_index=True)
        vintages = vintages.sort_values(["session", "symbol", "known_at"], ignore_index=True)
        prices = _read(vintages, true["known_at"].max(), settings)
        assert prices.faults == ()
        assert len(prices.rows) == len(true)
        own, all_true = (rows[rows["symbol"] == "C12"]["close"] for rows in (prices.rows, true))
        assert own.to_numpy() == pytest.approx(all_true.to_numpy())
