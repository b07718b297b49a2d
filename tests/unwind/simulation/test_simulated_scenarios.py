"""The facts that each scenario promises, under several seeds."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.unwind.simulated_views import EVENT, SEEDS, View, cash_share
from unwind.simulation.path import simulate_path
from unwind.simulation.scenarios import PLANS


@pytest.fixture(scope="module")
def markets():
    held = cache(View.of)
    return lambda scenario, seed=1, event=EVENT: held(scenario, seed, event)


@pytest.fixture(scope="module", params=SEEDS)
def unwinding(request, markets):
    return markets("multi_strat_unwind", request.param)


@pytest.fixture(scope="module", params=SEEDS)
def redeeming(request, markets):
    return markets("fundamental_outflow", request.param)


class TestMultiStrategyUnwind:
    def test_software_and_silver_fall_before(self, unwinding):
        before = unwinding.percent.loc[-5:-1]
        assert before["IGV"].sum() < -10
        assert before["SLV"].sum() < -12
        assert before["SPY"].sum() > -6

    def test_event_day_is_deep_and_narrow(self, unwinding):
        day = unwinding.percent.loc[0]
        for symbol, low, high in (
            ("IBIT", -14.5, -12), ("IGV", -6.5, -4), ("GLD", -3.5, -2), ("SLV", -18, -14),
            ("SPY", -2, -0.7), ("MSTR", -20, -14), ("ETHA", -16, -12),
        ):  # fmt: skip
            assert low < day[symbol] < high, symbol

    def test_volume_is_a_record(self, unwinding):
        ibit = unwinding.around_event(unwinding.prices_of("IBIT"))
        shares, dollars = ibit["volume"], ibit["volume"] * ibit["close"]
        # 5 February 2026: 284.4 M shares, $10.27 bn, 1.69 times the earlier record in shares.
        assert shares[0] == 2.8e8
        assert dollars[0] == pytest.approx(1.01e10, rel=0.02)
        assert shares[0] / shares.loc[:-1].max() == pytest.approx(1.7, abs=0.005)
        assert 1.1 < dollars[0] / dollars.loc[:-1].max() < 1.6
        assert shares[0] > shares.loc[1:].max()

    def test_correlation_with_software_rises(self, unwinding, markets):
        rolling, usual = (
            view.around_event(view.log_returns["IBIT"].rolling(20).corr(view.log_returns["IGV"]))
            for view in (unwinding, markets("calm", unwinding.seed))
        )
        assert rolling[0] > usual[0]
        assert rolling[1] > max(0.6, usual[1] + 0.1)

    def test_most_of_the_move_comes_in_us_cash_hours(self, unwinding):
        assert cash_share(unwinding.hourly_moves()) > 0.7

    def test_sleeves_lose_the_day_before_and_the_losers_rebound_the_day_after(self, unwinding):
        returns = unwinding.percent.drop(columns=["VIX", "USDJPY", "BTC-USD", "ETH-USD"])
        # Khandani–Lo (2007): yesterday's losers are bought, yesterday's winners sold.
        reversal = -returns.sub(returns.mean(axis=1), axis=0).shift()
        profit = (reversal * returns).sum(axis=1) / reversal.abs().sum(axis=1)
        assert profit[-1] < profit.loc[-250:-10].quantile(0.2)
        assert profit[0] < profit.loc[-250:-10].quantile(0.05)
        assert profit[1] > profit.loc[-250:-10].quantile(0.95)
        winners = returns.drop(columns=["IBIT", "ETHA", "MSTR", "COIN"])
        rank = winners.loc[-253:-22].sum().rank()
        assert ((rank - rank.mean()) * winners.loc[-1]).sum() < 0
        factors = unwinding.tables["equity_factors_pct"].set_index("session")
        day_before = unwinding.around_event(factors).loc[-1]
        assert (day_before[["SMB", "HML", "RMW", "CMA", "Mom"]] < 0).all()

    def test_prime_broker_prints_it_before_the_event_opens(self, unwinding):
        rows = unwinding.tables["published_zscores"]
        worst = rows.loc[rows["zscore"].idxmin()]
        assert worst["zscore"] == -3.5
        assert worst["session"] == pd.Timestamp("2026-02-04")
        assert worst["known_at"] == pd.Timestamp("2026-02-05 07:00", tz="America/New_York")

    def test_implied_volatility_jumps_and_falls_back(self, unwinding):
        dvol, vix = (unwinding.index_level(name) for name in ("DVOL", "VIX"))
        assert 1.35 < dvol[0] / dvol[-1] < 1.75
        assert dvol[1] < 0.85 * dvol[0]
        assert 1.05 < vix[0] / vix[-1] < 1.35

    def test_open_interest_falls_first_and_the_basis_rises(self, unwinding):
        coins = unwinding.log_open_interest("CME")
        assert coins[0] - coins[-2] < -0.07
        assert coins[1] > coins[0]
        # Friday 6 February has another clock: the rise is measured from Wednesday to Monday.
        basis = unwinding.basis()
        assert basis[2] - basis[-1] > 3

    def test_flows_are_better_than_expected(self, unwinding):
        flow = unwinding.ibit_flow()
        moves = unwinding.around_event(unwinding.log_returns["IBIT"])
        inputs = pd.DataFrame(
            {"one": 1.0, "flow": flow.shift(), "move": moves, "last": moves.shift()}
        )
        past = slice(-300, -2)
        weights, *_ = np.linalg.lstsq(inputs.loc[past], flow.loc[past])
        errors = flow - inputs @ weights
        assert flow[0] < 0
        assert errors[0] > 1.2 * errors.loc[past].std()
        assert flow[1] > 150

    def test_rebound(self, unwinding):
        day = unwinding.percent.loc[1]
        assert 8 < day["IBIT"] < 12
        assert 2.5 < day["IGV"] < 4.5

    def test_truth(self, unwinding):
        truth = unwinding.market.truth
        assert truth.mechanism == "multi_strategy"
        assert truth.event_session == EVENT
        assert (truth.first_session, truth.last_session) == (date(2026, 1, 29), date(2026, 2, 6))


class TestCryptoLiquidation:
    @pytest.mark.parametrize(
        "event",
        # A Thursday, a Monday, and the Tuesday after Presidents' Day: four days of trading.
        [EVENT, date(2026, 2, 9), date(2026, 2, 17)],
    )
    def test_the_fall_comes_after_the_close_or_at_the_weekend(self, event, markets):
        liquidation = markets("crypto_liquidation", event=event)
        moves = liquidation.hourly_moves()
        assert -13 < liquidation.percent.loc[0, "IBIT"] < -9
        assert moves.sum() < -0.10
        assert abs(cash_share(moves)) < 0.2
        first_evening = moves[moves.index < moves.index[0] + pd.Timedelta(hours=6)]
        assert first_evening.sum() / moves.sum() > 0.7

    def test_offshore_leverage_goes_and_equities_stay(self, markets):
        liquidation = markets("crypto_liquidation")
        day, calm = liquidation.percent.loc[0], markets("calm").percent.loc[0]
        assert -13 < day["IBIT"] < -9
        for symbol in ("SPY", "IGV", "GLD", "SLV", "USDJPY"):
            assert day[symbol] == calm[symbol]
        offshore, cme = (liquidation.log_open_interest(v) for v in ("Binance", "CME"))
        assert offshore[0] - offshore[-1] < -0.25
        assert abs(cme[0] - cme[-1]) < 0.08
        basis = liquidation.basis()
        assert basis[0] < basis[-1] - 1.5

    def test_funding_turns_negative_and_no_prime_broker_complains(self, markets):
        tables = markets("crypto_liquidation").tables
        perpetuals = tables["perpetuals"].set_index("session")
        funding = perpetuals["funding_rate_daily"]
        assert funding["2026-02-05"] < -0.0005
        assert (funding[:"2026-02-04"] > -0.0005).all()
        assert perpetuals["premium_low"].idxmin() == pd.Timestamp("2026-02-05")
        assert (tables["published_zscores"]["zscore"] > -2.5).all()


class TestYenCarry:
    def test_the_yen_rises_and_risk_falls_in_asian_hours(self, markets):
        carry = markets("yen_carry")
        day = carry.percent.loc[0]
        assert -4 < day["USDJPY"] < -3
        assert (day[["SPY", "QQQ", "EEM"]] < -2.5).all()
        assert day["IBIT"] < -9
        moves = carry.hourly_moves()
        asia = (moves.index.hour >= 19) | (moves.index.hour < 3)
        assert moves[asia].sum() / moves.sum() > 0.7
        assert abs(cash_share(moves)) < 0.2

    def test_vix_doubles_within_three_sessions_and_falls_back(self, markets):
        carry = markets("yen_carry")
        vix = carry.index_level("VIX")
        assert vix[0] > 1.7 * vix[-3]
        assert vix[1] < 0.8 * vix[0]
        assert carry.percent.loc[1, "IBIT"] > 3


class TestDashForCash:
    def test_havens_fall_with_everything_and_the_dollar_rises(self, markets):
        day = markets("dash_for_cash").percent.loc[0]
        assert (day[["SPY", "HYG", "IWM", "SLV", "IBIT"]] < -2.5).all()
        assert (day[["GLD", "TLT"]] < -2).all()
        assert day["UUP"] > 1.5
        assert day["USDJPY"] > 0


class TestFundamentalOutflow:
    def test_redemptions_day_after_day_and_a_slow_fall(self, redeeming):
        assert (redeeming.ibit_flow().loc[0:14] < -300).all()
        returns = redeeming.percent["IBIT"]
        assert -30 < returns.loc[0:14].sum() < -10
        assert returns.loc[0:14].min() > -9

    def test_basis_falls_and_nothing_rebounds(self, redeeming, markets):
        calm = markets("calm", redeeming.seed)
        annual = redeeming.basis()
        assert annual.loc[12:14].mean() < annual.loc[-5:-1].mean() - 2.5
        ends = np.log(redeeming.closes["IBIT"]) - np.log(calm.closes["IBIT"])
        gap = redeeming.around_event(ends)
        assert gap.loc[15:].max() < gap[14] + 0.01


class TestOneStockShock:
    def test_one_stock_falls_and_all_else_is_the_calm_market(self, markets):
        shocked, calm = markets("one_stock_shock"), markets("calm")
        for name, rows in shocked.tables.items():
            others = rows["symbol"] != "MSTR" if name == "prices" else slice(None)
            expected = calm.tables[name][others]
            assert_frame_equal(rows[others], expected, check_exact=True, obj=name)
        assert shocked.percent.loc[0, "MSTR"] == pytest.approx(-30, abs=1e-9)
        elsewhere = shocked.percent["MSTR"].drop(0)[1:]
        np.testing.assert_allclose(elsewhere, calm.percent["MSTR"].drop(0)[1:], rtol=1e-9)
        assert shocked.market.truth.mechanism == "ordinary"


class TestVolatilityOnly:
    def test_returns_triple_and_correlations_stay(self, markets):
        truth = markets("volatility_only").market.truth
        window = slice(pd.Timestamp(truth.first_session), pd.Timestamp(truth.last_session))
        calm, loud = (markets(name).log_returns.loc[window] for name in ("calm", "volatility_only"))
        scaled = ["IGV", "GLD", "SPY", "QQQ", "SLV", "MSTR", "USDJPY"]
        np.testing.assert_allclose(loud[scaled], 3 * calm[scaled], rtol=1e-9, atol=1e-12)
        # IBIT's tracking noise does not scale: it is no part of the market.
        assert loud["IBIT"].std() / calm["IBIT"].std() == pytest.approx(3.0, rel=0.03)
        np.testing.assert_allclose(
            loud[[*scaled, "IBIT"]].corr(), calm[[*scaled, "IBIT"]].corr(), atol=0.01
        )

    def test_thirty_sessions_later_it_is_calm_again(self):
        event = date(2025, 6, 5)
        span = {"seed": 1, "first": date(2025, 1, 2), "last": date(2025, 12, 30), "event": event}
        calm, loud = (simulate_path(PLANS[name], **span) for name in ("calm", "volatility_only"))
        ratio = np.diff(np.log(loud.closes("SPY"))) / np.diff(np.log(calm.closes("SPY")))
        ratio = pd.Series(ratio, index=calm.sessions[1:])
        loud = ratio[(ratio - 3).abs() < 1e-6]
        assert len(loud) == 30
        assert loud.index[0] == pd.Timestamp(event)

    def test_implied_volatility_follows(self, markets):
        calm, loud = (markets(name).index_level("DVOL") for name in ("calm", "volatility_only"))
        ratio = loud / calm
        np.testing.assert_allclose(ratio.loc[0:29], 3.0, rtol=1e-12)
        np.testing.assert_array_equal(ratio.loc[:-1].dropna(), 1.0)
