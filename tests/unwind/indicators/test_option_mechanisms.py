"""The block "options": causal, honest about missing and stale chains, and right on real chains."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.derivatives import dealer_signs
from tests import naive_options
from tests.conftest import small_prices, write_drop
from tests.unwind.contexts import run_context
from tests.unwind.mechanism_markets import (
    Selected,
    changed,
    cut_to,
    market_of,
    moment_of,
    rows_of,
)
from unwind.indicators.block import GOOD, MISSING, PROXY, STALE
from unwind.indicators.mechanisms.chain_snapshots import newest_snapshot, session_profile
from unwind.indicators.mechanisms.options import options_block
from unwind.pipeline import Market, observe
from unwind.settings import Settings
from unwind.simulation.source import SimulatedSource
from unwind.sources.files import FilesSource

EVENT = date(2026, 2, 5)
TABLES = ("prices", "implied_vol", "option_chains")
CHAIN_ROWS = (
    "gamma_exposure", "gamma_flip", "put_share_open_interest", "put_share_volume", "skew",
)  # fmt: skip


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Market:
    source = SimulatedSource(
        "multi_strat_unwind", seed=2, first=date(2024, 6, 3), last=date(2026, 2, 27), event=EVENT
    )
    return market_of(Selected(source, TABLES), tmp_path_factory.mktemp("simulated"), settings)


def chain_rows(market: Market, day: date, settings: Settings, cutoff: str | None = None):
    return rows_of(options_block, market, moment_of(day, settings, cutoff), settings)


class TestPrefixInvariance:
    @pytest.mark.parametrize("day", [date(2026, 1, 22), EVENT])
    def test_later_rows_change_nothing(
        self, day: date, simulated: Market, settings: Settings
    ) -> None:
        whole = chain_rows(simulated, day, settings)
        prefix = chain_rows(cut_to(simulated, day), day, settings)
        pd.testing.assert_frame_equal(pd.DataFrame(whole.values()), pd.DataFrame(prefix.values()))
        assert whole[("gamma_exposure", "IBIT")].quality != MISSING

    def test_each_is_known_by_its_cutoff(self, simulated: Market, settings: Settings) -> None:
        moment = moment_of(EVENT, settings)
        for row in chain_rows(simulated, EVENT, settings).values():
            assert row.known_at <= moment.cutoff
            assert row.describes <= moment.stamp


class TestClock:
    def test_a_utc_day_has_not_ended_at_the_cut(
        self, simulated: Market, settings: Settings
    ) -> None:
        # Changing the UTC day that is still running changes nothing that is shown.
        levels = simulated.vintages["implied_vol"]
        running = (levels["index"] == "DVOL") & (levels["session"] == pd.Timestamp(EVENT))
        assert running.any()
        spoiled = levels.assign(close=levels["close"].where(~running, 500.0))
        there = chain_rows(simulated, EVENT, settings)
        other = chain_rows(changed(simulated, implied_vol=spoiled), EVENT, settings)
        pd.testing.assert_frame_equal(pd.DataFrame(there.values()), pd.DataFrame(other.values()))
        assert there[("implied_gap", "DVOL")].describes == pd.Timestamp("2026-02-04")
        assert there[("implied_gap", "VIX")].describes == pd.Timestamp(EVENT)


class TestGammaOnASimulatedChain:
    def test_the_band_and_its_side_follow_from_the_contracts(
        self, simulated: Market, settings: Settings
    ) -> None:
        moment = moment_of(EVENT, settings)
        panel = observe(simulated, moment, settings=settings).panel
        chains = simulated.known("option_chains", cutoff=moment.cutoff)
        contracts = newest_snapshot(
            chains, run_context(panel=panel, moment=moment, settings=settings)
        ).clean.contracts
        spot, signs = float(panel.close["IBIT"].iloc[-1]), dealer_signs(contracts)
        twins = sorted(
            naive_options.gamma_exposure(
                contracts, signs[name], spot, rate=settings.options.rate, multiplier=100
            )
            for name in settings.options.conventions
        )
        row = chain_rows(simulated, EVENT, settings)[("gamma_exposure", "IBIT")]
        assert [row.lower, row.value, row.upper] == pytest.approx(twins, rel=1e-9)
        assert row.category == ("short" if twins[2] < 0 else "unknown")
        assert row.quality == PROXY

    def test_volatilities_come_back_from_the_quotes(
        self, simulated: Market, settings: Settings
    ) -> None:
        # The simulation knows its smile; its quotes are rounded to cents around it.
        moment = moment_of(EVENT, settings)
        panel = observe(simulated, moment, settings=settings).panel
        chains = simulated.known("option_chains", cutoff=moment.cutoff)
        held = newest_snapshot(
            chains, run_context(panel=panel, moment=moment, settings=settings)
        ).clean.contracts
        near = held[(held["strike"] / held["underlying_price"]).between(0.85, 1.15)]
        near = near[near["years"] > 10 / 365]
        assert (near["volatility"] / near["implied_vol"] - 1).abs().max() < 0.02

    def test_a_crowd_that_bought_everything_is_a_short_zone(
        self, simulated: Market, settings: Settings
    ) -> None:
        # Truth by construction: each contract traded its whole open interest at the ask.
        chains = simulated.vintages["option_chains"]
        bought = chains.assign(last=chains["ask"], volume=chains["open_interest"])
        only = settings.options.model_copy(update={"conventions": ("last_trade", "short_all")})
        desk = settings.model_copy(update={"options": only})
        row = chain_rows(changed(simulated, option_chains=bought), EVENT, desk)[
            ("gamma_exposure", "IBIT")
        ]
        assert row.category == "short"
        assert row.lower == pytest.approx(row.upper, rel=1e-9)

    def test_a_crowd_that_sold_everything_is_a_long_zone(
        self, simulated: Market, settings: Settings
    ) -> None:
        chains = simulated.vintages["option_chains"]
        sold = chains.assign(last=chains["bid"], volume=chains["open_interest"])
        only = settings.options.model_copy(update={"conventions": ("last_trade",)})
        desk = settings.model_copy(update={"options": only})
        rows = chain_rows(changed(simulated, option_chains=sold), EVENT, desk)
        assert rows[("gamma_exposure", "IBIT")].category == "long"
        assert rows[("gamma_flip", "IBIT")].quality == MISSING
        assert "changes no sign" in rows[("gamma_flip", "IBIT")].reason


class TestStaleChain:
    def without_chains_after(self, market: Market, day: date) -> Market:
        chains = market.vintages["option_chains"]
        return changed(
            market,
            option_chains=chains[chains["snapshot_at"] < pd.Timestamp(day, tz="UTC")].copy(),
        )

    def test_is_shown_as_stale_then_not_at_all(self, simulated: Market, settings: Settings) -> None:
        older = self.without_chains_after(simulated, date(2026, 2, 5))  # the last one: 4 February
        fresh, stale, gone = (
            chain_rows(older, day, settings)
            for day in (date(2026, 2, 4), date(2026, 2, 5), date(2026, 2, 12))
        )
        for name in ("put_share_volume", "skew"):
            assert fresh[(name, "IBIT")].quality == GOOD
        for name in CHAIN_ROWS:
            assert stale[(name, "IBIT")].quality == STALE
            assert stale[(name, "IBIT")].describes == pd.Timestamp("2026-02-04")
            assert gone[(name, "IBIT")].quality == MISSING
            assert "6 sessions old, 2026-02-04; at most 5" in gone[(name, "IBIT")].reason

    def test_no_usable_quote_is_said_with_counts(
        self, simulated: Market, settings: Settings
    ) -> None:
        chains = simulated.vintages["option_chains"].assign(bid=0.0)
        row = chain_rows(changed(simulated, option_chains=chains), EVENT, settings)
        assert row[("gamma_exposure", "IBIT")].reason.startswith("no contract has a usable quote")
        assert "one-sided" in row[("gamma_exposure", "IBIT")].reason
        assert row[("skew", "IBIT")].quality == MISSING
        assert row[("put_share_volume", "IBIT")].quality == GOOD


class TestOddChain:
    def test_a_right_in_other_letters_is_counted_not_guessed(
        self, simulated: Market, settings: Settings
    ) -> None:
        chains = simulated.vintages["option_chains"].copy()
        chains["right"] = chains["right"].replace("put", "P")
        rows = chain_rows(changed(simulated, option_chains=chains), EVENT, settings)
        assert "right neither call nor put" in rows[("gamma_exposure", "IBIT")].detail
        none = chains.assign(right="C")
        row = chain_rows(changed(simulated, option_chains=none), EVENT, settings)
        assert "right neither call nor put" in row[("gamma_exposure", "IBIT")].reason

    def test_a_chain_without_the_underlyings_price(
        self, simulated: Market, settings: Settings
    ) -> None:
        chains = simulated.vintages["option_chains"].assign(underlying_price=np.nan)
        rows = chain_rows(changed(simulated, option_chains=chains), EVENT, settings)
        for name in ("gamma_exposure", "gamma_flip", "skew"):
            assert rows[(name, "IBIT")].quality == MISSING


class TestPricesAlone:
    def test_every_row_is_null_with_a_reason(self, tmp_path: Path, settings: Settings) -> None:
        prices = small_prices(
            settings.universe.symbols, first=date(2025, 6, 2), last=date(2026, 2, 6)
        )
        folder = write_drop(tmp_path / "drop", prices)
        market = market_of(FilesSource(folder), tmp_path / "store", settings)
        rows = chain_rows(market, EVENT, settings)
        assert {name for name, _ in rows} == {
            *CHAIN_ROWS, "implied_gap", "term_ratio", "skew_index",
        }  # fmt: skip
        for row in rows.values():
            assert np.isnan(row.value)
            assert row.quality == MISSING
            assert "was known by the cut-off" in row.reason


class TestShortHistory:
    def test_too_few_returns_for_a_forecast_are_said(
        self, simulated: Market, settings: Settings
    ) -> None:
        prices = simulated.vintages["prices"]
        short = changed(simulated, prices=prices[prices["session"] >= "2025-12-01"].copy())
        row = chain_rows(short, EVENT, settings)[("implied_gap", "VIX")]
        assert row.quality == MISSING
        assert "SPY: variance forecasts needs at least 251" in row.reason


@pytest.mark.market
class TestFebruary2026:
    def test_a_utc_day_is_known_when_it_has_ended(
        self, real_market: Market, settings: Settings
    ) -> None:
        # event.md: DVOL closed at 53.47 on the 4th and at 82.62 on the 5th, at 24:00 UTC.
        key = ("implied_gap", "DVOL")
        at_once = chain_rows(real_market, EVENT, settings)[key]
        next_morning = chain_rows(real_market, EVENT, settings, "2026-02-06T14:30Z")[key]
        assert at_once.describes == pd.Timestamp("2026-02-04")
        assert at_once.detail.startswith("DVOL 53.5% less")
        assert next_morning.describes == pd.Timestamp("2026-02-05")
        assert next_morning.detail.startswith("DVOL 82.6% less")
        assert next_morning.known_at == pd.Timestamp("2026-02-06T00:00Z")
        assert next_morning.quality == GOOD
        assert next_morning.z > 3 > at_once.z

    def test_the_front_of_the_vix_inverted_on_the_fifth(
        self, real_market: Market, settings: Settings
    ) -> None:
        for day, category in ((date(2026, 2, 5), "inverted"), (date(2026, 2, 6), "upward")):
            row = chain_rows(real_market, day, settings)[("term_ratio", "VIX9D/VIX")]
            assert row.category == category

    def test_dealers_were_short_below_the_flip(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = chain_rows(real_market, date(2026, 2, 12), settings)
        exposure, flip = rows[("gamma_exposure", "IBIT")], rows[("gamma_flip", "IBIT")]
        # 37.05 that evening, some 65,400 dollars a bitcoin
        assert exposure.category == "short"
        assert exposure.lower < exposure.value < exposure.upper < 0
        assert "as of 2026-02-12T17:58Z" in exposure.detail
        assert 38 < flip.lower < 40
        assert flip.category == "open above"

    def test_junk_volatilities_do_not_reach_the_chain(
        self, real_market: Market, settings: Settings
    ) -> None:
        moment = moment_of(date(2026, 2, 12), settings)
        panel = observe(real_market, moment, settings=settings).panel
        chains = real_market.known("option_chains", cutoff=moment.cutoff)
        snapshot = newest_snapshot(
            chains, run_context(panel=panel, moment=moment, settings=settings)
        )
        assert snapshot.rows["implied_vol"].max() > 14
        assert (snapshot.rows["implied_vol"] < 1e-3).any()
        clean = snapshot.clean
        assert clean.contracts["volatility"].between(0.05, 4).all()
        assert sum(clean.rejected.values()) + len(clean.contracts) == len(snapshot.rows) == 2305
        assert clean.coverage > 0.85
        near = clean.contracts[clean.contracts["years"].between(0.05, 0.5)]
        near = near[(near["strike"] / snapshot.price).between(0.9, 1.1)]
        assert (near["volatility"] - near["implied_vol"]).abs().median() < 0.04

    def test_the_profile_is_there_for_a_chart(
        self, real_market: Market, settings: Settings
    ) -> None:
        moment = moment_of(date(2026, 2, 13), settings)
        panel = observe(real_market, moment, settings=settings).panel
        chains = real_market.known("option_chains", cutoff=moment.cutoff)
        snapshot = newest_snapshot(
            chains, run_context(panel=panel, moment=moment, settings=settings)
        )
        held = session_profile(snapshot, run_context(panel=panel, moment=moment, settings=settings))
        assert len(held.profile) == settings.options.grid_points
        assert held.profile.notna().all(axis=None)
