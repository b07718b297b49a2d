"""Units, bounds and codes for "missing" of every numeric input column."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.conftest import SHARED
from unwind.calendar import closed_days, sessions_between
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract
from unwind.market.screening import Observations, screen
from unwind.market.unit_changes import unit_faults
from unwind.simulation.scenarios import SCENARIOS
from unwind.simulation.source import SimulatedSource

RECEIVED = pd.Timestamp("2026-11-22T00:00Z")
COLUMNS = [(table, column) for table in INPUT_TABLES for column in INPUT_TABLES[table].numbers]
PRICES = ("open", "high", "low", "close", "adj_close", "settle", "underlying_price")
DAY = pd.Timestamp("2026-02-05")


def _screen(rows: pd.DataFrame, table: str) -> Observations:
    return screen(
        Extract(f"{table}.parquet", rows), INPUT_TABLES[table], received_at=RECEIVED,
        closed_days=closed_days(),
        everyday_symbols=frozenset({"BTC-USD", "ETH-USD", "USDJPY", "VIX"}),
    )  # fmt: skip


def _row(table: str, column: str, value: float) -> pd.DataFrame:
    """One row with every text and date, and one number."""
    held = INPUT_TABLES[table]
    event = DAY.tz_localize("UTC") if held.instant else DAY
    row = dict.fromkeys(held.numbers, np.nan) | dict.fromkeys(held.texts, "IBIT")
    return pd.DataFrame([row | dict.fromkeys(held.dates, DAY) | {held.event: event, column: value}])


class TestCodeForMissing:
    @pytest.mark.parametrize(("table", "column"), COLUMNS)
    def test_is_null_in_every_column(self, table: str, column: str) -> None:
        codes = [-999.0, -9999.0, -999.99, -99999.0]
        codes += [] if table == "etf_flows" else [-99.99]
        rows = [_row(table, column, code) for code in codes]
        observed = _screen(pd.concat(rows, ignore_index=True), table)
        named = observed.rejected[observed.rejected["severity"] == "warning"]
        assert named["rule"].tolist() == [f"{column}: missing_value_code"] * len(codes)
        assert set(named["session"]) == {DAY}
        assert "error" not in set(observed.rejected["severity"])

    @pytest.mark.parametrize(("table", "column"), COLUMNS)
    def test_zero_is_one_for_what_has_a_price(self, table: str, column: str) -> None:
        rules = _screen(_row(table, column, 0.0), table).rejected["rule"].tolist()
        named = f"{column}: missing_value_code" in rules
        quantity = INPUT_TABLES[table].numbers[column]
        assert named == (0.0 in quantity.codes) == (quantity.positive and column in PRICES)

    def test_leaves_the_other_figures_of_its_row(self) -> None:
        rows = _row("equity_factors_pct", "Mom", -99.99).assign(MktRF=0.3)
        observed = _screen(rows, "equity_factors_pct")
        assert observed.rows["MktRF"].tolist() == [0.3]
        assert observed.rows["Mom"].isna().all()
        assert observed.rejected["entity"].tolist() == ["equity_factors_pct"]

    def test_figures_of_nines_inside_the_bounds_are_figures(self) -> None:
        assert _screen(_row("prices", "close", 9999.0), "prices").rejected.empty
        assert _screen(_row("crypto_hourly", "close", 99999.0), "crypto_hourly").rejected.empty
        assert _screen(_row("implied_vol", "close", 99.99), "implied_vol").rejected.empty


class TestWrongUnit:
    @pytest.mark.parametrize(
        ("table", "column", "value"),
        [
            ("perpetuals", "funding_rate_daily", 0.03),  # percent
            ("perpetuals", "premium_close", -3.0),
            ("implied_vol", "close", 0.57),  # a share
            ("option_chains", "implied_vol", 57.0),  # percent
            ("etf_flows", "net_flow_usd_m", -175.3e6),  # dollars
            ("equity_factors_pct", "MktRF", 104.0),  # basis points
            ("equity_factors_pct", "RF", 4.3),  # a year
            ("open_interest", "open_interest_btc", 6.8e9),  # dollars
            ("cftc_positions", "leveraged_short_btc", -10.0),
            ("cftc_positions", "open_interest_btc", 7e9),
            ("structured_notes", "notional_usd", 7.5),  # millions
            ("published_zscores", "zscore", 230.0),
        ],
    )  # fmt: skip
    def test_breaks_the_bounds(self, table: str, column: str, value: float) -> None:
        observed = _screen(_row(table, column, value), table)
        assert observed.rows.empty
        assert observed.rejected["column"].tolist() == [column]
        assert INPUT_TABLES[table].numbers[column].unit in observed.rejected["remedy"].iloc[0] or (
            value < 0
        )

    @pytest.mark.market
    @pytest.mark.parametrize("folder", ["history", "history_2018_2021", "ibit_era"])
    @pytest.mark.parametrize("table", list(INPUT_TABLES))
    def test_no_real_row_breaks_them_or_seems_to_change_unit(self, folder: str, table: str) -> None:
        path = SHARED / "market" / folder / f"{table}.parquet"
        if not path.exists():
            pytest.skip("the real market data has no such table")
        observed = _screen(pd.read_parquet(path), table)
        assert "error" not in set(observed.rejected["severity"])
        assert not observed.rejected["rule"].astype("str").str.contains("missing_value_code").any()
        assert unit_faults(observed.rows, INPUT_TABLES[table]) == ()


def _series(table: str, column: str, values: np.ndarray, **texts: str) -> pd.DataFrame:
    sessions = sessions_between(pd.Timestamp("2025-01-02").date(), DAY.date())[: len(values)]
    rows = pd.DataFrame({INPUT_TABLES[table].event: sessions, column: values}).assign(**texts)
    for name in INPUT_TABLES[table].numbers:
        rows[name] = rows.get(name, np.nan)
    return rows.assign(known_at=sessions.tz_localize("UTC"))


CHANGES = {
    # column: its usual size, the factor of the other unit
    ("perpetuals", "funding_rate_daily"): (3e-4, 100.0),
    ("perpetuals", "open_interest_btc"): (1e5, 0.2),
    ("equity_factors_pct", "Mom"): (0.6, 0.01),
    ("etf_flows", "net_flow_usd_m"): (80.0, 1e3),
    ("implied_vol", "close"): (0.5, 100.0),
    ("cftc_positions", "open_interest_btc"): (8e4, 0.2),
    ("open_interest", "open_interest_usd"): (6e9, 1e-6),
}


class TestChangeOfUnit:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("change", CHANGES)
    def test_is_named_with_its_session(self, change: tuple[str, str], seed: int) -> None:
        (table, column), (size, factor) = change, CHANGES[change]
        generator = np.random.default_rng(seed)
        level = INPUT_TABLES[table].numbers[column].level
        noise = (
            np.exp(np.cumsum(generator.normal(0, 0.03, 120)))
            if level
            else generator.standard_t(4, 120)
        )
        values = size * noise
        texts = dict.fromkeys(INPUT_TABLES[table].texts, "A")
        before = _series(table, column, values, **texts)
        assert unit_faults(before, INPUT_TABLES[table]) == ()
        changed = np.where(np.arange(120) >= 80, factor, 1.0) * values
        faults = unit_faults(_series(table, column, changed, **texts), INPUT_TABLES[table])
        first = before[INPUT_TABLES[table].event].iloc[80]
        said = pd.Timestamp(faults[0].value.split("since ")[1])
        assert said == first or (not level and first <= said <= faults[0].session)
        assert {fault.column for fault in faults} == {column}
        rows_after = slice(80, 81) if level else slice(80, 90)
        near = before[INPUT_TABLES[table].event].iloc[rows_after]
        assert faults[0].session in near.tolist()

    def test_is_the_same_for_one_file_and_for_a_row_a_day(self) -> None:
        values = 3e-4 * np.random.default_rng(3).standard_t(4, 60)
        values[40:] *= 100
        rows = _series("perpetuals", "funding_rate_daily", values, venue="A")
        table = INPUT_TABLES["perpetuals"]
        daily = [unit_faults(rows.iloc[:n], table) for n in range(1, 61)]
        assert {fault for faults in daily for fault in faults} == set(unit_faults(rows, table))


class TestSimulatedMarket:
    """Shocks of every scenario break no bound, hold no code and change no unit."""

    @pytest.mark.parametrize(
        ("scenario", "seed"),
        [
            ("multi_strat_unwind", 1),
            ("crypto_liquidation", 1),
            *(
                pytest.param(scenario, seed, marks=pytest.mark.at_length)
                for scenario in SCENARIOS
                for seed in range(2, 31)
            ),
        ],
    )
    def test_raises_no_false_alarm(self, scenario: str, seed: int) -> None:
        source = SimulatedSource(
            scenario, seed=seed, first=date(2024, 6, 3), last=date(2026, 3, 10),
            event=date(2026, 2, 5),
        )  # fmt: skip
        for name in source.tables():
            observed = _screen(source.extract(name).rows, name)
            assert observed.rejected.empty
            assert unit_faults(observed.rows, INPUT_TABLES[name]) == ()
