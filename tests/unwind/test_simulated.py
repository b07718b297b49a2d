"""Simulated markets: same seed, same frames; the facts that each scenario promises."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from unwind.observations import INPUT_TABLES, screen
from unwind.sessions import closed_days
from unwind.settings import load_settings
from unwind.sources.protocol import Source, SourceError
from unwind.sources.scenarios import (
    PLANS,
    SCENARIOS,
    autoregression,
    conditional_variance,
    simulate_path,
    student,
)
from unwind.sources.simulated import SimulatedMarket, SimulatedSource, simulate_market

MARKET = Path(__file__).parents[2].parent / "shared" / "market"
FIRST, LAST, EVENT = date(2024, 10, 1), date(2026, 3, 20), date(2026, 2, 5)
SEEDS = (1, 2, 3)
BAR = ["open", "high", "low", "close"]

# The calendar library reads Series.values, which pandas 3.1 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray")


@cache
def market(scenario: str, seed: int = 1, event: date = EVENT) -> SimulatedMarket:
    return simulate_market(scenario, seed=seed, first=FIRST, last=LAST, event=event)


def by_symbol(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.pivot_table(index="session", columns="symbol", values="close", aggfunc="first")


def closes(scenario: str, seed: int = 1, event: date = EVENT) -> pd.DataFrame:
    wide = by_symbol(market(scenario, seed, event).tables["prices"])
    return wide[wide["SPY"].notna()]


def log_returns(scenario: str, seed: int = 1, event: date = EVENT) -> pd.DataFrame:
    return np.log(closes(scenario, seed, event)).diff()


def percent(scenario: str, seed: int = 1, event: date = EVENT) -> pd.DataFrame:
    """Simple returns in percent, by sessions from the event."""
    simple = closes(scenario, seed, event).pct_change() * 100
    simple.index = range(
        -simple.index.get_loc(pd.Timestamp(event)),
        len(simple) - simple.index.get_loc(pd.Timestamp(event)),
    )
    return simple


def around_event(rows: pd.Series, event: date = EVENT) -> pd.Series:
    """Values on NYSE sessions, by sessions from the event."""
    sessions = closes("calm").index
    on = rows.reindex(sessions)
    on.index = np.arange(len(on)) - sessions.get_loc(pd.Timestamp(event))
    return on


def index_level(scenario: str, name: str, seed: int = 1, event: date = EVENT) -> pd.Series:
    rows = market(scenario, seed, event).tables["implied_vol"]
    return around_event(rows[rows["index"] == name].set_index("session")["close"], event)


def open_interest(scenario: str, venue: str, seed: int = 1) -> pd.Series:
    rows = market(scenario, seed).tables["open_interest"]
    coins = rows[rows["venue"] == venue].set_index("session")["open_interest_btc"]
    return around_event(np.log(coins))


def ibit_flow(scenario: str, seed: int = 1) -> pd.Series:
    rows = market(scenario, seed).tables["etf_flows"]
    return around_event(rows[rows["fund"] == "IBIT"].set_index("session")["net_flow_usd_m"])


def basis(scenario: str, seed: int = 1) -> pd.Series:
    """Annualised, percent, of the nearest contract with ten days left; Fridays left out.

    A Friday's futures bar ends two hours before the UTC day does.
    """
    tables = market(scenario, seed).tables
    futures = tables["futures"].copy()
    futures["days"] = (futures["expiry"] - futures["session"]).dt.days
    futures = futures[(futures["days"] >= 10) & (futures["session"].dt.day_of_week != 4)]
    near = futures.groupby("session").first()
    prices = tables["prices"]
    spot = prices[prices["symbol"] == "BTC-USD"].set_index("session")["close"]
    return around_event((near["settle"] / spot.reindex(near.index) - 1) * 36500 / near["days"])


def hourly_moves(scenario: str, seed: int = 1, event: date = EVENT) -> pd.Series:
    """Bitcoin's hourly log moves in the event's window, 16:00 to 16:00 New York."""
    rows = market(scenario, seed, event).tables["crypto_hourly"]
    rows = rows[rows["symbol"] == "BTCUSDT"]
    moves = np.log(rows["close"] / rows["open"])
    moves.index = rows["bar_start_utc"].dt.tz_convert("America/New_York")
    sessions = closes(scenario, seed, event).index
    before = sessions[sessions.get_loc(pd.Timestamp(event)) - 1]
    start = (before + pd.Timedelta(hours=16)).tz_localize("America/New_York")
    end = (pd.Timestamp(event) + pd.Timedelta(hours=16)).tz_localize("America/New_York")
    return moves[(moves.index >= start) & (moves.index < end)]


def cash_share(moves: pd.Series) -> float:
    cash = (moves.index.hour >= 9) & (moves.index.hour < 16) & (moves.index.day_of_week < 5)
    return moves[cash].sum() / moves.sum()


class TestRecursions:
    def test_autoregression_by_hand(self):
        path = autoregression(np.array([1.0, 0.0, 2.0]), persistence=0.5)
        np.testing.assert_array_equal(path, [1.0, 0.5, 2.25])

    def test_variance_by_hand(self):
        # 0.1 + 0.1·1·2² + 0.8·1 = 1.3; then 0.1 + 0 + 0.8·1.3 = 1.14
        variance = conditional_variance(np.array([[2.0], [0.0]]), alpha=0.1, beta=0.8)
        np.testing.assert_allclose(variance[:, 0], [1.0, 1.3, 1.14], rtol=1e-15)

    def test_innovations_have_unit_variance_and_student_kurtosis(self):
        draws = student(np.random.Generator(np.random.PCG64(7)), (400_000,))
        assert draws.std() == pytest.approx(1.0, abs=0.01)
        # Student-t with ν = 6 has excess kurtosis 6/(ν − 4) = 3; its estimate converges slowly.
        assert 2.0 < pd.Series(draws).kurt() < 4.5


class TestRepetition:
    @pytest.mark.parametrize("scenario", ["calm", "yen_carry"])
    def test_same_arguments_give_the_same_frames(self, scenario):
        span = {"first": date(2025, 6, 2), "last": date(2026, 2, 20), "event": EVENT}
        one, two = (simulate_market(scenario, seed=4, **span) for _ in range(2))
        assert one.truth == two.truth
        for name, rows in one.tables.items():
            assert_frame_equal(rows, two.tables[name], check_exact=True)

    def test_another_seed_gives_another_market(self):
        assert not np.allclose(log_returns("calm", 1)["IGV"][1:], log_returns("calm", 2)["IGV"][1:])


def until(name: str, rows: pd.DataFrame, last: date) -> pd.DataFrame:
    """Rows that describe, and are known by, the end of a UTC day."""
    end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    keep = pd.to_datetime(rows[INPUT_TABLES[name].event], utc=True) < end
    if "known_at" in rows.columns:
        keep &= rows["known_at"] < end
    return rows[keep].reset_index(drop=True)


class TestNoLookAhead:
    @pytest.mark.parametrize(
        ("scenario", "last"),
        [
            *((scenario, date(2026, 2, 7)) for scenario in SCENARIOS),  # a Saturday
            ("multi_strat_unwind", date(2025, 3, 14)),  # months before: no snapshot, no script
            ("multi_strat_unwind", date(2026, 1, 19)),  # a holiday on a Monday
            ("multi_strat_unwind", EVENT),
        ],
    )
    def test_a_longer_simulation_changes_no_earlier_row(self, scenario, last):
        short = simulate_market(scenario, seed=1, first=FIRST, last=last, event=EVENT)
        long = market(scenario)
        for name, rows in short.tables.items():
            expected = until(name, long.tables[name], last)
            assert_frame_equal(rows, expected, check_exact=True, obj=name)
        assert short.truth == long.truth

    @pytest.mark.parametrize("scenario", SCENARIOS)
    def test_before_the_script_starts_the_market_is_the_calm_one(self, scenario):
        begin = market(scenario).truth.first_session or LAST
        # A day earlier still: a liquidation after the close belongs to the next session.
        before = begin - timedelta(days=2)
        for name, rows in market(scenario).tables.items():
            calm = until(name, market("calm").tables[name], before)
            assert_frame_equal(until(name, rows, before), calm, check_exact=True, obj=name)


class TestInputContract:
    @pytest.mark.parametrize("scenario", ["calm", "multi_strat_unwind"])
    def test_screening_finds_no_fault(self, scenario):
        clock = load_settings().clock
        everyday = frozenset((*clock.crypto_daily, *clock.weekday, *clock.index_levels))
        source = SimulatedSource(scenario, seed=1, first=FIRST, last=LAST, event=EVENT)
        vars(source)["market"] = market(scenario)
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
            assert len(observed.rows) == len(market(scenario).tables[name]) > 0

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
    def test_columns_and_types_are_those_of_the_real_file(self, folder, name):
        real = pd.read_parquet(MARKET / folder / f"{name}.parquet")
        simulated = market("calm").tables[name]
        assert list(simulated.columns) == list(real.columns)
        # Parquet dates come back as Python objects; everything else is equal.
        expected = {
            c: "datetime64[us]" if t == "object" else str(t) for c, t in real.dtypes.items()
        }
        assert {c: str(t) for c, t in simulated.dtypes.items()} == expected

    def test_columns_of_the_tables_without_a_real_file(self):
        tables = market("calm").tables
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

    def test_universe_of_the_desk_is_covered(self):
        universe = load_settings().universe
        symbols = set(market("calm").tables["prices"]["symbol"])
        assert symbols == {*universe.symbols, *universe.context, "ETH-USD"}

    @pytest.mark.parametrize("scenario", SCENARIOS)
    def test_values_are_present_finite_and_positive(self, scenario):
        for name, rows in market(scenario).tables.items():
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
        tables = market(scenario).tables
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


class TestAgreementBetweenTables:
    def test_ibit_closes_at_bitcoin_at_four_in_new_york(self):
        hourly = market("calm").tables["crypto_hourly"]
        for ticker, trust in (("BTCUSDT", "IBIT"), ("ETHUSDT", "ETHA")):
            bars = hourly[hourly["symbol"] == ticker]
            local = bars["bar_start_utc"].dt.tz_convert("America/New_York")
            at_four = bars.loc[local.dt.hour == 15, "close"].set_axis(
                local[local.dt.hour == 15].dt.tz_localize(None).dt.normalize()
            )
            pair = pd.concat([closes("calm")[trust], at_four], axis=1, join="inner")
            assert len(pair) == len(closes("calm"))
            assert np.log(pair).diff().corr().iloc[0, 1] > 0.999
            per_share = pair.iloc[:, 0] / pair.iloc[:, 1]
            assert (per_share / per_share.median() - 1).abs().max() < 0.003

    def test_utc_days_are_the_hourly_bars(self):
        tables = market("multi_strat_unwind").tables
        for symbol, ticker in (("BTC-USD", "BTCUSDT"), ("ETH-USD", "ETHUSDT")):
            hourly = tables["crypto_hourly"].loc[lambda rows, t=ticker: rows["symbol"] == t]
            days = hourly.groupby(hourly["bar_start_utc"].dt.date).agg(
                open=("open", "first"), high=("high", "max"),
                low=("low", "min"), close=("close", "last"),
            )  # fmt: skip
            daily = tables["prices"].loc[lambda rows, s=symbol: rows["symbol"] == s, BAR]
            np.testing.assert_array_equal(daily, days)
            # Every hour opens where the one before closed.
            np.testing.assert_array_equal(hourly["open"][1:], hourly["close"][:-1])

    def test_each_series_keeps_its_calendar(self):
        prices = market("calm").tables["prices"]
        days = {symbol: rows["session"] for symbol, rows in prices.groupby("symbol")}
        holiday = pd.Timestamp("2025-11-27")
        assert len(days["BTC-USD"]) == (LAST - FIRST).days + 1
        assert holiday in set(days["USDJPY"])
        assert holiday in set(days["VIX"])
        assert (days["USDJPY"].dt.day_of_week < 5).all()
        for symbol in ("IBIT", "SPY", "MSTR"):
            assert not set(days[symbol]) & set(closed_days())
            assert len(days[symbol]) == len(closes("calm"))

    def test_derived_tables_repeat_their_sources(self):
        tables = market("crypto_liquidation").tables
        prices = tables["prices"].set_index(["symbol", "session"])["close"]
        vix = tables["implied_vol"].query("index == 'VIX'").set_index("session")["close"]
        pd.testing.assert_series_equal(vix, prices["VIX"])
        held = tables["open_interest"].query("venue == 'Binance'").set_index("session")
        perpetuals = tables["perpetuals"].set_index("session")
        np.testing.assert_array_equal(held["open_interest_btc"], perpetuals["open_interest_btc"])
        np.testing.assert_allclose(
            held["open_interest_usd"] / held["open_interest_btc"], prices["BTC-USD"], rtol=1e-12
        )
        cme = tables["open_interest"].query("venue == 'CME'").set_index("session")
        reported = tables["cftc_positions"].set_index("as_of")["open_interest_btc"]
        assert (reported.index.day_of_week == 1).all()
        np.testing.assert_array_equal(cme["open_interest_btc"].reindex(reported.index), reported)
        flows = tables["etf_flows"].pivot_table(
            index="session", columns="fund", values="net_flow_usd_m", aggfunc="first"
        )
        np.testing.assert_allclose(
            flows.drop(columns="TOTAL").sum(axis=1), flows["TOTAL"], atol=0.05
        )
        factors = tables["equity_factors_pct"].set_index("session")
        market_return = closes("crypto_liquidation")["SPY"].pct_change()[1:] * 100
        np.testing.assert_allclose(
            (factors["MktRF"] + factors["RF"])[1:], market_return, atol=0.001
        )

    def test_dividends_leave_the_close_and_stay_in_the_adjusted_close(self):
        rows = market("calm").tables["prices"].query("symbol == 'HYG'").set_index("session")
        gap = (np.log(rows["adj_close"]).diff() - np.log(rows["close"]).diff())[1:]
        first_of_month = rows.index.to_series().dt.month.diff()[1:] != 0
        np.testing.assert_allclose(gap[first_of_month], 0.0045, atol=1e-12)
        np.testing.assert_allclose(gap[~first_of_month], 0.0, atol=1e-12)
        plain = market("calm").tables["prices"].query("symbol == 'SPY'")
        np.testing.assert_array_equal(plain["adj_close"], plain["close"])

    def test_futures_are_the_four_nearest_last_fridays(self):
        futures = market("calm").tables["futures"]
        last_friday = futures["expiry"]
        assert (last_friday.dt.day_of_week == 4).all()
        assert ((last_friday + pd.Timedelta(days=7)).dt.month != last_friday.dt.month).all()
        assert (last_friday >= futures["session"]).all()
        assert (futures.groupby("session").size() == 4).all()
        # As listed by CME: MBT, month code, last digit of the year.
        february = futures[futures["expiry"] == "2026-02-27"]
        assert set(february["contract"]) == {"MBTG6"}

    def test_notes_stand_below_their_issue_price(self):
        notes = market("calm").tables["structured_notes"]
        issue = closes("calm")["IBIT"].reindex(notes["issued_at"]).to_numpy()
        assert ((notes["barrier"] / issue).between(0.59, 0.81)).all()
        assert set(notes["observation"]) == {"american", "european", "unknown"}
        assert (notes["maturity"] > notes["issued_at"]).all()
        assert notes["note"].is_unique


class TestOptionChains:
    def test_snapshots_are_weekly_before_and_daily_around_the_event(self):
        chains = market("multi_strat_unwind").tables["option_chains"]
        sessions = list(closes("calm").index)
        place = sessions.index(pd.Timestamp(EVENT))
        local = chains["snapshot_at"].dt.tz_convert("America/New_York")
        offsets = sorted(
            {sessions.index(day) - place for day in local.dt.tz_localize(None).dt.normalize()}
        )
        assert offsets == [*range(-60, -2, 5), -2, -1, 0, 1, 2]
        assert (local.dt.hour == 16).all()
        assert chains.groupby("snapshot_at").size().between(200, 400).all()
        spot = closes("multi_strat_unwind")["IBIT"].iloc[place]
        on_event = chains[local.dt.date == EVENT]
        assert set(on_event["underlying_price"]) == {spot}

    def test_calls_less_puts_equal_forward_less_strike(self):
        # Put–call parity holds for any volatility: C − P = S − K·e^{−rT}, r = 4 %.
        chains = market("multi_strat_unwind").tables["option_chains"].copy()
        chains["days"] = (
            chains["expiry"] - chains["snapshot_at"].dt.tz_convert("America/New_York")
            .dt.tz_localize(None).dt.normalize()
        ).dt.days  # fmt: skip
        key = ["snapshot_at", "expiry", "days", "strike", "underlying_price"]
        wide = chains.pivot_table(index=key, columns="right", values=["bid", "ask"])
        wide = wide.reset_index()
        parity = wide["underlying_price"] - wide["strike"] * np.exp(-0.04 * wide["days"] / 365)
        # Bids stop at zero, so parity lies inside the two spreads, to the cent.
        assert (wide["bid", "call"] - wide["ask", "put"] <= parity + 0.01).all()
        assert (wide["ask", "call"] - wide["bid", "put"] >= parity - 0.01).all()

    def test_contract_names_spell_expiry_right_and_strike(self):
        chains = market("calm").tables["option_chains"]
        row = chains[chains["right"] == "put"].iloc[0]
        expected = f"IBIT{row['expiry']:%y%m%d}P{round(row['strike'] * 1000):08d}"
        assert row["contract"] == expected
        assert (chains["bid"] < chains["ask"]).all()
        assert chains["implied_vol"].between(0.2, 2.0).all()

    def test_puts_are_sought_on_the_event_day(self):
        chains = market("multi_strat_unwind").tables["option_chains"]
        volume = chains.pivot_table(
            index="snapshot_at", columns="right", values="volume", aggfunc="sum"
        )
        share = volume["put"] / volume.sum(axis=1)
        on_event = share.index.tz_convert("America/New_York").date == EVENT
        assert share[on_event].item() > share[~on_event].max()


@cache
def calm_decade() -> pd.DataFrame:
    path = simulate_path(
        PLANS["calm"], seed=5, first=date(2010, 1, 4), last=date(2025, 12, 30), event=EVENT
    )
    prices = pd.DataFrame(path.prices, index=path.weekdays)[path.trades]
    return np.log(prices).diff().iloc[1:]


class TestCalm:
    @pytest.mark.parametrize(
        ("symbol", "low", "high"),
        [
            ("IBIT", 0.42, 0.60), ("SPY", 0.13, 0.20), ("QQQ", 0.17, 0.25), ("IGV", 0.20, 0.30),
            ("GLD", 0.14, 0.22), ("SLV", 0.27, 0.40), ("TLT", 0.11, 0.17), ("HYG", 0.04, 0.07),
            ("USDJPY", 0.08, 0.12), ("MSTR", 0.75, 1.10), ("ETHA", 0.62, 0.88),
        ],
    )  # fmt: skip
    def test_annual_volatility(self, symbol, low, high):
        assert low < calm_decade()[symbol].std() * np.sqrt(252) < high

    @pytest.mark.parametrize(
        ("one", "other", "low", "high"),
        [
            ("IBIT", "IGV", 0.30, 0.50), ("IBIT", "GLD", 0.0, 0.20), ("SPY", "QQQ", 0.93, 0.98),
            ("IBIT", "SPY", 0.32, 0.54), ("GLD", "SLV", 0.6, 0.85), ("IBIT", "MSTR", 0.7, 0.9),
            ("GLD", "UUP", -0.5, -0.2), ("SPY", "TLT", -0.1, 0.2), ("IBIT", "ETHA", 0.75, 0.92),
        ],
    )  # fmt: skip
    def test_correlation(self, one, other, low, high):
        assert low < calm_decade()[one].corr(calm_decade()[other]) < high

    @pytest.mark.parametrize("symbol", ["IBIT", "SPY", "GLD", "TLT", "MSTR"])
    def test_volatility_clusters_and_returns_do_not(self, symbol):
        returns = calm_decade()[symbol]
        band = 1.96 / np.sqrt(len(returns))
        squares = [(returns**2).autocorr(lag) for lag in range(1, 11)]
        assert np.mean(squares) > band
        assert abs(np.mean([returns.autocorr(lag) for lag in range(1, 11)])) < band
        assert returns.kurt() > 0.5

    @pytest.mark.market
    @pytest.mark.skipif(not MARKET.exists(), reason="no real market data beside the checkout")
    def test_volatilities_and_correlations_are_those_of_the_real_market(self):
        prices = pd.read_parquet(MARKET / "ibit_era" / "prices.parquet")
        real = by_symbol(prices)
        real = real[real["SPY"].notna()].loc[: date(2026, 1, 15)]
        symbols = list(load_settings().universe.symbols)
        real_returns = np.log(real[symbols]).diff()
        simulated = calm_decade()[symbols]
        ratio = simulated.std() / real_returns.std()
        assert ratio.between(0.75, 1.3).all(), ratio
        gap = (simulated.corr() - real_returns.corr()).abs().drop(columns="USDJPY")
        assert gap.to_numpy().mean() < 0.08
        assert gap["IBIT"].max() < 0.2

    def test_volume_answers_to_the_size_of_the_move(self):
        prices = market("calm").tables["prices"].query("symbol == 'IGV'").set_index("session")
        size = np.log(prices["close"]).diff().abs()
        assert np.log(prices["volume"]).corr(size, method="spearman") > 0.3

    def test_truth_has_no_event(self):
        truth = market("calm").truth
        assert truth.mechanism == "ordinary"
        assert truth.event_session is truth.first_session is truth.last_session is None


@pytest.mark.parametrize("seed", SEEDS)
class TestMultiStrategyUnwind:
    name = "multi_strat_unwind"

    def test_software_and_silver_fall_before(self, seed):
        before = percent(self.name, seed).loc[-5:-1]
        assert before["IGV"].sum() < -10
        assert before["SLV"].sum() < -12
        assert before["SPY"].sum() > -6

    def test_event_day_is_deep_and_narrow(self, seed):
        day = percent(self.name, seed).loc[0]
        for symbol, low, high in (
            ("IBIT", -14.5, -12), ("IGV", -6.5, -4), ("GLD", -3.5, -2), ("SLV", -18, -14),
            ("SPY", -2, -0.7), ("MSTR", -20, -14), ("ETHA", -16, -12),
        ):  # fmt: skip
            assert low < day[symbol] < high, symbol

    def test_volume_is_a_record(self, seed):
        prices = market(self.name, seed).tables["prices"].query("symbol == 'IBIT'")
        volume = around_event(prices.set_index("session")["volume"])
        assert volume[0] / volume.loc[:-1].max() == pytest.approx(1.7, abs=0.001)
        assert volume[0] > volume.loc[1:].max()

    def test_correlation_with_software_rises(self, seed):
        returns = log_returns(self.name, seed)
        calm = log_returns("calm", seed)
        rolling, usual = (
            around_event(rows["IBIT"].rolling(20).corr(rows["IGV"])) for rows in (returns, calm)
        )
        assert rolling[0] > usual[0]
        assert rolling[1] > max(0.6, usual[1] + 0.1)

    def test_most_of_the_move_comes_in_us_cash_hours(self, seed):
        assert cash_share(hourly_moves(self.name, seed)) > 0.7

    def test_sleeves_lose_the_day_before_and_the_losers_rebound_the_day_after(self, seed):
        returns = percent(self.name, seed).drop(columns=["VIX", "USDJPY", "BTC-USD", "ETH-USD"])
        # Khandani–Lo (2007): yesterday's losers are bought, yesterday's winners sold.
        reversal = -returns.sub(returns.mean(axis=1), axis=0).shift()
        profit = (reversal * returns).sum(axis=1) / reversal.abs().sum(axis=1)
        assert profit[-1] < profit.loc[-250:-10].quantile(0.2)
        assert profit[0] < profit.loc[-250:-10].quantile(0.05)
        assert profit[1] > profit.loc[-250:-10].quantile(0.95)
        winners = returns.drop(columns=["IBIT", "ETHA", "MSTR", "COIN"])
        rank = winners.loc[-253:-22].sum().rank()
        assert ((rank - rank.mean()) * winners.loc[-1]).sum() < 0
        factors = market(self.name, seed).tables["equity_factors_pct"].set_index("session")
        assert (factors.apply(around_event).loc[-1, ["SMB", "HML", "RMW", "CMA", "Mom"]] < 0).all()

    def test_prime_broker_prints_it_before_the_event_opens(self, seed):
        rows = market(self.name, seed).tables["published_zscores"]
        worst = rows.loc[rows["zscore"].idxmin()]
        assert worst["zscore"] == -3.5
        assert worst["session"] == pd.Timestamp("2026-02-04")
        assert worst["known_at"] == pd.Timestamp("2026-02-05 07:00", tz="America/New_York")

    def test_implied_volatility_jumps_and_falls_back(self, seed):
        dvol, vix = (index_level(self.name, name, seed) for name in ("DVOL", "VIX"))
        assert 1.35 < dvol[0] / dvol[-1] < 1.75
        assert dvol[1] < 0.85 * dvol[0]
        assert 1.05 < vix[0] / vix[-1] < 1.35

    def test_open_interest_falls_first_and_the_basis_rises(self, seed):
        coins = open_interest(self.name, "CME", seed)
        assert coins[0] - coins[-2] < -0.07
        assert coins[1] > coins[0]
        # Friday 6 February has another clock: the rise is measured from Wednesday to Monday.
        assert basis(self.name, seed)[2] - basis(self.name, seed)[-1] > 3

    def test_flows_are_better_than_expected(self, seed):
        flow = ibit_flow(self.name, seed)
        moves = around_event(log_returns(self.name, seed)["IBIT"])
        inputs = pd.DataFrame(
            {"one": 1.0, "flow": flow.shift(), "move": moves, "last": moves.shift()}
        )
        past = slice(-300, -2)
        weights, *_ = np.linalg.lstsq(inputs.loc[past], flow.loc[past])
        errors = flow - inputs @ weights
        assert flow[0] < 0
        assert errors[0] > 1.2 * errors.loc[past].std()
        assert flow[1] > 150

    def test_rebound(self, seed):
        day = percent(self.name, seed).loc[1]
        assert 8 < day["IBIT"] < 12
        assert 2.5 < day["IGV"] < 4.5

    def test_truth(self, seed):
        truth = market(self.name, seed).truth
        assert truth.mechanism == "multi_strategy"
        assert truth.event_session == EVENT
        assert (truth.first_session, truth.last_session) == (date(2026, 1, 29), date(2026, 2, 6))


class TestCryptoLiquidation:
    @pytest.mark.parametrize(
        "event",
        # A Thursday, a Monday, and the Tuesday after Presidents' Day: four days of trading.
        [EVENT, date(2026, 2, 9), date(2026, 2, 17)],
    )
    def test_the_fall_comes_after_the_close_or_at_the_weekend(self, event):
        moves = hourly_moves("crypto_liquidation", 1, event)
        assert -13 < percent("crypto_liquidation", 1, event).loc[0, "IBIT"] < -9
        assert moves.sum() < -0.10
        assert abs(cash_share(moves)) < 0.2
        first_evening = moves[moves.index < moves.index[0] + pd.Timedelta(hours=6)]
        assert first_evening.sum() / moves.sum() > 0.7

    def test_offshore_leverage_goes_and_equities_stay(self):
        day = percent("crypto_liquidation").loc[0]
        assert -13 < day["IBIT"] < -9
        calm = percent("calm").loc[0]
        for symbol in ("SPY", "IGV", "GLD", "SLV", "USDJPY"):
            assert day[symbol] == calm[symbol]
        offshore, cme = (open_interest("crypto_liquidation", v) for v in ("Binance", "CME"))
        assert offshore[0] - offshore[-1] < -0.25
        assert abs(cme[0] - cme[-1]) < 0.08
        assert basis("crypto_liquidation")[0] < basis("crypto_liquidation")[-1] - 1.5

    def test_funding_turns_negative_and_no_prime_broker_complains(self):
        perpetuals = market("crypto_liquidation").tables["perpetuals"].set_index("session")
        funding = perpetuals["funding_rate_daily"]
        assert funding["2026-02-05"] < -0.0005
        assert (funding[:"2026-02-04"] > -0.0005).all()
        assert perpetuals["premium_low"].idxmin() == pd.Timestamp("2026-02-05")
        zscores = market("crypto_liquidation").tables["published_zscores"]
        assert (zscores["zscore"] > -2.5).all()


class TestYenCarry:
    def test_the_yen_rises_and_risk_falls_in_asian_hours(self):
        day = percent("yen_carry").loc[0]
        assert -4 < day["USDJPY"] < -3
        assert (day[["SPY", "QQQ", "EEM"]] < -2.5).all()
        assert day["IBIT"] < -9
        moves = hourly_moves("yen_carry")
        asia = (moves.index.hour >= 19) | (moves.index.hour < 3)
        assert moves[asia].sum() / moves.sum() > 0.7
        assert abs(cash_share(moves)) < 0.2

    def test_vix_doubles_within_three_sessions_and_falls_back(self):
        vix = index_level("yen_carry", "VIX")
        assert vix[0] > 1.7 * vix[-3]
        assert vix[1] < 0.8 * vix[0]
        assert percent("yen_carry").loc[1, "IBIT"] > 3


@pytest.mark.parametrize("seed", SEEDS)
class TestFundamentalOutflow:
    name = "fundamental_outflow"

    def test_redemptions_day_after_day_and_a_slow_fall(self, seed):
        assert (ibit_flow(self.name, seed).loc[0:14] < -300).all()
        returns = percent(self.name, seed)["IBIT"]
        assert -30 < returns.loc[0:14].sum() < -10
        assert returns.loc[0:14].min() > -9

    def test_basis_falls_and_nothing_rebounds(self, seed):
        annual = basis(self.name, seed)
        assert annual.loc[12:14].mean() < annual.loc[-5:-1].mean() - 2.5
        ends = np.log(closes(self.name, seed)["IBIT"]) - np.log(closes("calm", seed)["IBIT"])
        gap = around_event(ends)
        assert gap.loc[15:].max() < gap[14] + 0.01


class TestOneStockShock:
    def test_one_stock_falls_and_all_else_is_the_calm_market(self):
        shock, calm = market("one_stock_shock").tables, market("calm").tables
        for name, rows in shock.items():
            if name == "prices":
                others = rows["symbol"] != "MSTR"
                assert_frame_equal(rows[others], calm[name][others], check_exact=True)
                continue
            assert_frame_equal(rows, calm[name], check_exact=True, obj=name)
        assert percent("one_stock_shock").loc[0, "MSTR"] == pytest.approx(-30, abs=1e-9)
        elsewhere = percent("one_stock_shock")["MSTR"].drop(0)[1:]
        np.testing.assert_allclose(elsewhere, percent("calm")["MSTR"].drop(0)[1:], rtol=1e-9)
        assert market("one_stock_shock").truth.mechanism == "ordinary"


class TestVolatilityOnly:
    def test_returns_triple_and_correlations_stay(self):
        truth = market("volatility_only").truth
        window = slice(pd.Timestamp(truth.first_session), pd.Timestamp(truth.last_session))
        calm, loud = (log_returns(name).loc[window] for name in ("calm", "volatility_only"))
        scaled = ["IGV", "GLD", "SPY", "QQQ", "SLV", "MSTR", "USDJPY"]
        np.testing.assert_allclose(loud[scaled], 3 * calm[scaled], rtol=1e-9, atol=1e-12)
        # IBIT's tracking noise does not scale: it is no part of the market.
        assert loud["IBIT"].std() / calm["IBIT"].std() == pytest.approx(3.0, rel=0.03)
        np.testing.assert_allclose(
            loud[[*scaled, "IBIT"]].corr(), calm[[*scaled, "IBIT"]].corr(), atol=0.01
        )

    def test_thirty_sessions_later_it_is_calm_again(self):
        span = {"seed": 1, "first": date(2025, 1, 2), "last": date(2025, 12, 30)}
        event = date(2025, 6, 5)
        wide = [
            by_symbol(simulate_market(name, event=event, **span).tables["prices"])["SPY"].dropna()
            for name in ("calm", "volatility_only")
        ]
        ratio = np.log(wide[1]).diff() / np.log(wide[0]).diff()
        loud = ratio[(ratio - 3).abs() < 1e-6]
        assert len(loud) == 30
        assert loud.index[0] == pd.Timestamp(event)

    def test_implied_volatility_follows(self):
        ratio = index_level("volatility_only", "DVOL") / index_level("calm", "DVOL")
        np.testing.assert_allclose(ratio.loc[0:29], 3.0, rtol=1e-12)
        np.testing.assert_array_equal(ratio.loc[:-1].dropna(), 1.0)


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
            ({"event": date(2026, 2, 7)}, "no NYSE session"),
            ({"event": date(2024, 9, 30)}, "event must lie after first"),
            ({"last": date(2024, 1, 1)}, "last must not lie before first"),
            ({"seed": -1}, "seed must not be negative"),
            ({"first": date(1980, 1, 1)}, "outside the exchange calendar"),
        ],
    )
    def test_impossible_arguments_are_refused(self, change, message):
        arguments = {"seed": 1, "first": FIRST, "last": LAST, "event": EVENT} | change
        with pytest.raises(ValueError, match=message):
            simulate_market("calm", **arguments)

    def test_every_scenario_has_one_line(self):
        assert set(SCENARIOS) == {
            "calm", "multi_strat_unwind", "crypto_liquidation", "yen_carry",
            "fundamental_outflow", "one_stock_shock", "volatility_only",
        }  # fmt: skip
        assert all(line and "\n" not in line for line in SCENARIOS.values())
