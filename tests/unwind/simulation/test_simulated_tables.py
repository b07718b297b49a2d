"""The tables of one market agree with each other, and stand at realistic levels."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.unwind.simulated_views import EVENT, FIRST, LAST, SEEDS, View
from unwind.calendar import closed_days
from unwind.simulation.path import simulate_path
from unwind.simulation.processes import anchored
from unwind.simulation.scenarios import PLANS
from unwind.simulation.volumes import trust_shares

BAR = ["open", "high", "low", "close"]


@pytest.fixture(scope="module")
def markets():
    held = cache(View.of)
    return lambda scenario, seed=1, event=EVENT: held(scenario, seed, event)


class TestAgreementBetweenTables:
    def test_ibit_closes_at_bitcoin_at_four_in_new_york(self, markets):
        calm = markets("calm")
        for ticker, trust in (("BTCUSDT", "IBIT"), ("ETHUSDT", "ETHA")):
            bars = calm.hourly(ticker)
            at_four = bars.loc[bars.index.hour == 15, "close"]
            at_four.index = at_four.index.tz_localize(None).normalize()
            pair = pd.concat([calm.closes[trust], at_four], axis=1, join="inner")
            assert len(pair) == len(calm.closes)
            assert np.log(pair).diff().corr().iloc[0, 1] > 0.999
            per_share = pair.iloc[:, 0] / pair.iloc[:, 1]
            assert (per_share / per_share.median() - 1).abs().max() < 0.003

    def test_utc_days_are_the_hourly_bars(self, markets):
        tables = markets("multi_strat_unwind").tables
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

    def test_each_series_keeps_its_calendar(self, markets):
        prices = markets("calm").tables["prices"]
        days = {symbol: rows["session"] for symbol, rows in prices.groupby("symbol")}
        holiday = pd.Timestamp("2025-11-27")
        assert len(days["BTC-USD"]) == (LAST - FIRST).days + 1
        assert holiday in set(days["USDJPY"])
        assert holiday in set(days["VIX"])
        assert (days["USDJPY"].dt.day_of_week < 5).all()
        for symbol in ("IBIT", "SPY", "MSTR"):
            assert not set(days[symbol]) & set(closed_days())
            assert len(days[symbol]) == len(markets("calm").closes)

    def test_derived_tables_repeat_their_sources(self, markets):
        tables = markets("crypto_liquidation").tables
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
        flows = tables["etf_flows"].query("vendor == 'farside'")
        flows = flows.pivot_table(index="session", columns="fund", values="net_flow_usd_m")
        np.testing.assert_allclose(
            flows.drop(columns="TOTAL").sum(axis=1), flows["TOTAL"], atol=0.05
        )
        factors = tables["equity_factors_pct"].set_index("session")
        market_return = markets("crypto_liquidation").closes["SPY"].pct_change()[1:] * 100
        np.testing.assert_allclose(
            (factors["MktRF"] + factors["RF"])[1:], market_return, atol=0.001
        )

    def test_dividends_leave_the_close_and_stay_in_the_adjusted_close(self, markets):
        rows = markets("calm").tables["prices"].query("symbol == 'HYG'").set_index("session")
        gap = (np.log(rows["adj_close"]).diff() - np.log(rows["close"]).diff())[1:]
        first_of_month = rows.index.to_series().dt.month.diff()[1:] != 0
        np.testing.assert_allclose(gap[first_of_month], 0.0045, atol=1e-12)
        np.testing.assert_allclose(gap[~first_of_month], 0.0, atol=1e-12)
        plain = markets("calm").tables["prices"].query("symbol == 'SPY'")
        np.testing.assert_array_equal(plain["adj_close"], plain["close"])

    def test_futures_are_the_four_nearest_last_fridays(self, markets):
        futures = markets("calm").tables["futures"]
        last_friday = futures["expiry"]
        assert (last_friday.dt.day_of_week == 4).all()
        assert ((last_friday + pd.Timedelta(days=7)).dt.month != last_friday.dt.month).all()
        assert (last_friday >= futures["session"]).all()
        assert (futures.groupby("session").size() == 4).all()
        # As listed by CME: MBT, month code, last digit of the year.
        february = futures[futures["expiry"] == "2026-02-27"]
        assert set(february["contract"]) == {"MBTG6"}

    def test_notes_stand_below_their_issue_price(self, markets):
        notes = markets("calm").tables["structured_notes"]
        issue = markets("calm").closes["IBIT"].reindex(notes["issued_at"]).to_numpy()
        assert ((notes["barrier"] / issue).between(0.59, 0.81)).all()
        assert set(notes["observation"]) == {"american", "european", "unknown"}
        assert (notes["maturity"] > notes["issued_at"]).all()
        assert notes["note"].is_unique


class TestOptionChains:
    def test_snapshots_are_weekly_before_and_daily_around_the_event(self, markets):
        chains = markets("multi_strat_unwind").tables["option_chains"]
        sessions = list(markets("calm").closes.index)
        place = sessions.index(pd.Timestamp(EVENT))
        local = chains["snapshot_at"].dt.tz_convert("America/New_York")
        offsets = sorted(
            {sessions.index(day) - place for day in local.dt.tz_localize(None).dt.normalize()}
        )
        assert offsets == [*range(-60, -2, 5), -2, -1, 0, 1, 2]
        assert (local.dt.hour == 16).all()
        assert chains.groupby("snapshot_at").size().between(200, 400).all()
        spot = markets("multi_strat_unwind").closes["IBIT"].iloc[place]
        on_event = chains[local.dt.date == EVENT]
        assert set(on_event["underlying_price"]) == {spot}
        # IBIT in February 2026: strikes half a dollar apart, seven and a half million open.
        assert ((on_event["strike"] * 2) % 1 == 0).all()
        assert on_event["strike"].min() < 0.7 * spot < 1.4 * spot < on_event["strike"].max()
        assert 5e6 < on_event["open_interest"].sum() < 1e7

    def test_calls_less_puts_equal_forward_less_strike(self, markets):
        # Put–call parity holds for any volatility: C − P = S − K·e^{−rT}, r = 4 %.
        chains = markets("multi_strat_unwind").tables["option_chains"].copy()
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

    def test_contract_names_spell_expiry_right_and_strike(self, markets):
        chains = markets("calm").tables["option_chains"]
        row = chains[chains["right"] == "put"].iloc[0]
        expected = f"IBIT{row['expiry']:%y%m%d}P{round(row['strike'] * 1000):08d}"
        assert row["contract"] == expected
        assert (chains["bid"] < chains["ask"]).all()
        assert chains["implied_vol"].between(0.2, 2.0).all()

    def test_puts_are_sought_on_the_event_day(self, markets):
        chains = markets("multi_strat_unwind").tables["option_chains"]
        volume = chains.pivot_table(
            index="snapshot_at", columns="right", values="volume", aggfunc="sum"
        )
        share = volume["put"] / volume.sum(axis=1)
        on_event = share.index.tz_convert("America/New_York").date == EVENT
        assert share[on_event].item() > share[~on_event].max()


class TestVendorConflict:
    def test_the_issuer_prints_the_flow_of_the_session_before(self, markets):
        unwinding = markets("multi_strat_unwind")
        traded = unwinding.ibit_flow()
        issuer = unwinding.ibit_flow(vendor="issuer_t_plus_1")
        assert np.isnan(issuer.iloc[0])
        assert issuer.iloc[1:].notna().all()
        # Tenths against hundredths of a million.
        np.testing.assert_allclose(issuer.iloc[1:], traded.iloc[:-1], rtol=0, atol=0.0501)
        assert (issuer.iloc[1:] - traded.iloc[:-1].to_numpy()).abs().max() > 0.01

    def test_on_the_session_after_the_event_they_differ_in_sign(self, markets):
        unwinding = markets("multi_strat_unwind")
        assert unwinding.ibit_flow()[1] > 150
        assert unwinding.ibit_flow(vendor="issuer_t_plus_1")[1] < -150

    def test_the_issuer_knows_its_own_fund_alone(self, markets):
        funds = markets("calm").tables["etf_flows"].groupby("vendor")["fund"].unique()
        assert set(funds["issuer_t_plus_1"]) == {"IBIT"}
        assert {"IBIT", "FBTC", "TOTAL"} < set(funds["farside"])


class TestAnchoredLevels:
    def test_by_hand(self):
        levels = anchored(np.log([2.0, 0.5, 3.0]), level=10.0, at=1)
        np.testing.assert_allclose(levels, [10.0, 20.0, 10.0, 30.0], rtol=1e-15)
        assert levels[2] == 10.0

    @pytest.mark.parametrize("event", [EVENT, date(2025, 6, 30)])
    def test_hold_on_the_session_before_the_event(self, event, markets):
        before = markets("calm", event=event)
        levels = before.closes.iloc[before.place - 1]
        expected = {
            "IBIT": 41.6, "IGV": 82.0, "GLD": 455.0, "SPY": 686.0, "QQQ": 606.0, "SMH": 390.0,
            "IWM": 260.0, "HYG": 81.0, "TLT": 87.0, "SLV": 79.0, "EEM": 58.0, "USDJPY": 157.0,
            "UUP": 27.0, "ETHA": 16.0, "MSTR": 129.0, "COIN": 169.0,
        }  # fmt: skip
        assert levels.drop(["BTC-USD", "ETH-USD", "VIX"]).to_dict() == expected

    def test_first_rows_open_and_return_where_the_market_stood_before(self, markets):
        # The level ahead of the first row is known: no first return of zero in the factors.
        first = markets("calm").tables["equity_factors_pct"].iloc[0]
        assert abs(first["MktRF"] + first["RF"]) > 0.01


class TestIbitVolume:
    def test_the_event_is_a_record_in_shares_and_in_dollars_under_every_seed(self):
        span = {"first": FIRST, "last": EVENT, "event": EVENT}
        for seed in range(25):
            path = simulate_path(PLANS["multi_strat_unwind"], seed=seed, **span)
            shares = trust_shares(path, "IBIT", "BTC-USD")
            dollars = shares * path.closes("IBIT")
            past = slice(path.before_event)
            assert shares[path.before_event] == 2.8e8
            assert 9.8e9 < dollars[path.before_event] < 1.05e10
            assert dollars[path.before_event] > 1.08 * dollars[past].max()
            assert shares[past].max() == 1.65e8

    @pytest.mark.parametrize("seed", SEEDS)
    def test_calm_volume_stays_below_it(self, seed, markets):
        shares = markets("calm", seed).prices_of("IBIT")["volume"][: pd.Timestamp(EVENT)]
        assert shares.iloc[:-1].max() == 1.65e8
        assert shares.median() < 6e7
