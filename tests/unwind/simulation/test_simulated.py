"""Simulated markets as a source: same seed, same frames; no look-ahead; the input contract."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.unwind.simulated_views import EVENT, MARKET
from unwind.calendar import closed_days
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Source, SourceError
from unwind.market.screening import screen
from unwind.settings import load_settings
from unwind.simulation.assets import LEVELS
from unwind.simulation.scenarios import SCENARIOS
from unwind.simulation.source import SimulatedMarket, SimulatedSource, simulate_market

FIRST, LAST = date(2025, 9, 2), date(2026, 3, 20)
# Scripts that start before the event move the earlier levels: the anchor lies behind them.
SCRIPTED_BEFORE = ("multi_strat_unwind", "yen_carry", "dash_for_cash")


def simulate(scenario: str, seed: int = 1, last: date = LAST) -> SimulatedMarket:
    return simulate_market(scenario, seed=seed, first=FIRST, last=last, event=EVENT)


@pytest.fixture(scope="module")
def markets():
    return cache(simulate)


def until(name: str, rows: pd.DataFrame, last: date) -> pd.DataFrame:
    """Rows that describe, and are known by, the end of a UTC day."""
    end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    keep = pd.to_datetime(rows[INPUT_TABLES[name].event], utc=True) < end
    if "known_at" in rows.columns:
        keep &= rows["known_at"] < end
    return rows[keep].reset_index(drop=True)


def before_the_script(market: SimulatedMarket) -> date:
    begin = market.truth.first_session or LAST
    # A day earlier still: a liquidation after the close belongs to the next session.
    return begin - timedelta(days=2)


class TestRepetition:
    @pytest.mark.parametrize("scenario", ["calm", "yen_carry"])
    def test_same_arguments_give_the_same_frames(self, scenario, markets):
        one, two = markets(scenario), simulate(scenario)
        assert one.truth == two.truth
        for name, rows in one.tables.items():
            assert_frame_equal(rows, two.tables[name], check_exact=True)

    def test_another_seed_gives_another_market(self, markets):
        one, two = (markets("calm", seed).tables["prices"] for seed in (1, 2))
        igv = one["symbol"] == "IGV"
        changes = [np.log(prices.loc[igv, "close"]).diff()[1:] for prices in (one, two)]
        assert not np.allclose(*changes)


class TestNoLookAhead:
    @pytest.mark.parametrize(
        ("scenario", "last"),
        [
            *((scenario, date(2026, 2, 7)) for scenario in SCENARIOS),  # a Saturday
            ("multi_strat_unwind", date(2025, 10, 10)),  # months before: no snapshot, no script
            ("multi_strat_unwind", date(2026, 1, 19)),  # a holiday on a Monday
            ("multi_strat_unwind", EVENT),
        ],
    )
    def test_a_longer_simulation_changes_no_earlier_row(self, scenario, last, markets):
        short, long = simulate(scenario, last=last), markets(scenario)
        for name, rows in short.tables.items():
            expected = until(name, long.tables[name], last)
            assert_frame_equal(rows, expected, check_exact=True, obj=name)
        assert short.truth == long.truth

    @pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s not in SCRIPTED_BEFORE])
    def test_before_the_script_starts_the_market_is_the_calm_one(self, scenario, markets):
        before = before_the_script(markets(scenario))
        for name, rows in markets(scenario).tables.items():
            calm = until(name, markets("calm").tables[name], before)
            assert_frame_equal(until(name, rows, before), calm, check_exact=True, obj=name)

    @pytest.mark.parametrize("scenario", SCRIPTED_BEFORE)
    def test_a_script_before_the_event_moves_earlier_levels_and_no_return(self, scenario, markets):
        before = before_the_script(markets(scenario))
        earlier, calm = (
            {name: until(name, markets(one).tables[name], before) for name in INPUT_TABLES}
            for one in (scenario, "calm")
        )
        ratio = earlier["prices"]["close"] / calm["prices"]["close"]
        by_symbol = ratio.groupby(calm["prices"]["symbol"])
        np.testing.assert_allclose(by_symbol.max(), by_symbol.min(), rtol=1e-11)
        assert by_symbol.max()["IBIT"] > 1.005  # it falls to the same close
        for name in (
            "perpetuals", "cftc_positions", "implied_vol", "equity_factors_pct",
            "published_zscores", "etf_flows",
        ):  # fmt: skip
            numbers = [
                tables[name]
                .select_dtypes("number")
                .drop(columns="open_interest_usd", errors="ignore")
                for tables in (earlier, calm)
            ]
            np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-9)


class TestLevels:
    @pytest.mark.parametrize("scenario", SCENARIOS)
    def test_every_scenario_comes_to_the_event_from_the_same_closes(self, scenario, markets):
        tables = markets(scenario).tables
        prices = tables["prices"]
        closes = prices[prices["session"] == "2026-02-04"].set_index("symbol")["close"]
        expected = pd.Series(LEVELS)
        coins = ["BTC-USD", "ETH-USD"]
        assert closes.drop([*coins, "VIX"]).to_dict() == expected.drop(coins).to_dict()
        # Coins stand there at 16:00 New York; their UTC day ends three hours later.
        bars = tables["crypto_hourly"]
        at_four = bars[bars["bar_start_utc"] == "2026-02-04 20:00+00:00"].set_index("symbol")
        assert at_four["close"].to_dict() == {"BTCUSDT": 73_000.0, "ETHUSDT": 2_100.0}

    @pytest.mark.market
    @pytest.mark.skipif(not MARKET.exists(), reason="no real market data beside the checkout")
    def test_they_are_those_of_4_february_2026(self):
        prices = pd.read_parquet(MARKET / "ibit_era" / "prices.parquet")
        real = prices[prices["session"] == date(2026, 2, 4)].set_index("symbol")["close"]
        ratio = pd.Series(LEVELS) / real[list(LEVELS)]
        assert ratio.between(0.97, 1.03).all(), ratio


class TestInputContract:
    @pytest.mark.parametrize("scenario", ["calm", "multi_strat_unwind"])
    def test_screening_finds_no_fault(self, scenario, markets):
        clock = load_settings().clock
        everyday = frozenset((*clock.crypto_daily, *clock.weekday, *clock.index_levels))
        source = SimulatedSource(scenario, seed=1, first=FIRST, last=LAST, event=EVENT)
        vars(source)["market"] = markets(scenario)
        assert set(source.tables()) == set(INPUT_TABLES)
        for name in source.tables():
            observed = screen(
                source.extract(name),
                INPUT_TABLES[name],
                received_at=pd.Timestamp(LAST + timedelta(days=1), tz="UTC"),
                closed_days=closed_days(),
                everyday_symbols=everyday,
            )
            assert observed.rejected.empty, observed.rejected.iloc[0].to_dict()
            assert len(observed.rows) == len(markets(scenario).tables[name]) > 0

    @pytest.mark.market
    @pytest.mark.skipif(not MARKET.exists(), reason="no real market data beside the checkout")
    @pytest.mark.parametrize(
        ("folder", "name"),
        [
            *(("ibit_era", name) for name in (
                "prices", "crypto_hourly", "etf_flows", "futures", "cftc_positions", "perpetuals",
                "implied_vol", "option_chains",
            )),
            ("history", "equity_factors_pct"),
        ],
    )  # fmt: skip
    def test_columns_and_types_are_those_of_the_real_file(self, folder, name, markets):
        real = pd.read_parquet(MARKET / folder / f"{name}.parquet")
        simulated = markets("calm").tables[name]
        assert list(simulated.columns) == list(real.columns)
        # Parquet dates come back as Python objects; everything else is equal.
        expected = {
            c: "datetime64[us]" if t == "object" else str(t) for c, t in real.dtypes.items()
        }
        assert {c: str(t) for c, t in simulated.dtypes.items()} == expected

    def test_columns_of_the_tables_without_a_real_file(self, markets):
        tables = markets("calm").tables
        day, text, real = "datetime64[us]", "str", "float64"
        assert {c: str(t) for c, t in tables["open_interest"].dtypes.items()} == {
            "session": day, "venue": text, "contract_group": text,
            "open_interest_btc": real, "open_interest_usd": real,
        }  # fmt: skip
        assert {c: str(t) for c, t in tables["structured_notes"].dtypes.items()} == {
            "note": text, "underlying": text, "issued_at": day, "maturity": day,
            "barrier": real, "notional_usd": real, "observation": text,
        }  # fmt: skip
        assert {c: str(t) for c, t in tables["published_zscores"].dtypes.items()} == {
            "session": day, "publisher": text, "group": text, "zscore": real,
            "known_at": "datetime64[us, UTC]",
        }  # fmt: skip

    def test_universe_of_the_desk_is_covered(self, markets):
        universe = load_settings().universe
        symbols = set(markets("calm").tables["prices"]["symbol"])
        assert symbols == {*universe.symbols, *universe.context, "ETH-USD"}

    @pytest.mark.parametrize("scenario", SCENARIOS)
    def test_values_are_present_finite_and_positive(self, scenario, markets):
        tables = markets(scenario).tables
        for name, rows in tables.items():
            numbers = rows.select_dtypes("number")
            assert not np.isinf(numbers.to_numpy(dtype="float64")).any(), name
            if name == "prices":
                unadjusted = rows["symbol"].isin(["BTC-USD", "ETH-USD", "USDJPY", "VIX"])
                assert rows["adj_close"].isna().eq(unadjusted).all()
                numbers = numbers.drop(columns="adj_close")
            if name == "implied_vol":
                assert rows["open"].notna().eq(rows["index"] == "DVOL").all()
                numbers = numbers[["close"]]
            assert numbers.notna().all(axis=None), name
        for name in ("prices", "crypto_hourly"):
            bars = tables[name]
            assert (bars["low"] > 0).all()
            assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
            assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
        bars = tables["futures"]
        assert (bars["low"] <= bars[["open", "settle"]].min(axis=1)).all()
        assert (bars["high"] >= bars[["open", "settle"]].max(axis=1)).all()
        assert (bars["volume"] > 0).all()
        assert (tables["open_interest"]["open_interest_btc"] > 0).all()


class TestSource:
    def source(self, scenario: str = "calm") -> Source:
        return SimulatedSource(
            scenario, seed=1, first=date(2025, 11, 3), last=date(2026, 2, 10), event=EVENT
        )

    def test_label_says_simulated(self):
        assert self.source("yen_carry").label == "simulated:yen_carry"

    def test_draws_once_and_hands_out_copies(self):
        source = self.source()
        assert "market" not in vars(source)
        extract = source.extract("futures")
        assert extract.origin == "simulated/futures"
        drawn = vars(source)["market"]
        extract.rows.loc[0, "settle"] = -1.0
        assert source.extract("futures").rows.loc[0, "settle"] > 0
        assert vars(source)["market"] is drawn

    def test_unknown_scenario_lists_the_known_ones(self):
        with pytest.raises(
            ValueError, match=r"unknown scenario 'crash'; known: calm, .*volatility_only"
        ):
            self.source("crash")
        with pytest.raises(ValueError, match="unknown scenario"):
            simulate_market("crash", seed=1, first=FIRST, last=LAST, event=EVENT)

    def test_unknown_table(self):
        with pytest.raises(SourceError, match=r"no table 'weather'.*prices"):
            self.source().extract("weather")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"event": date(2026, 2, 7)}, "not an NYSE session"),
            ({"event": date(2025, 8, 29)}, "event must lie after a session that is simulated"),
            # A Saturday, and the Monday after it: the close before the event is not simulated.
            (
                {"first": date(2026, 1, 31), "event": date(2026, 2, 2)},
                "event must lie after a session that is simulated",
            ),
            ({"last": date(2024, 1, 1)}, "last must not lie before first"),
            ({"seed": -1}, "seed must not be negative"),
            ({"first": date(1980, 1, 1)}, "outside the exchange calendar"),
        ],
    )
    def test_impossible_arguments_are_refused(self, change, message):
        arguments = {"seed": 1, "first": FIRST, "last": LAST, "event": EVENT} | change
        with pytest.raises(ValueError, match=message):
            simulate_market("calm", **arguments)

    def test_one_session_before_the_event_is_enough(self):
        eve = date(2026, 2, 4)
        market = simulate_market("multi_strat_unwind", seed=1, first=eve, last=EVENT, event=EVENT)
        ibit = market.tables["prices"].query("symbol == 'IBIT'")
        assert ibit["close"].iloc[0] == 41.6
        assert ibit["volume"].tolist() == [1.65e8, 2.8e8]

    def test_every_scenario_has_one_line(self):
        assert set(SCENARIOS) == {
            "calm", "multi_strat_unwind", "crypto_liquidation", "yen_carry",
            "dash_for_cash", "fundamental_outflow", "one_stock_shock", "volatility_only",
        }  # fmt: skip
        assert all(line and "\n" not in line for line in SCENARIOS.values())
