"""The published rows: causal, honest about what is missing, and equal to the facts of the event."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from tests.conftest import RECEIVED, small_prices, write_drop
from unwind.calendar import publication_instant
from unwind.contract.tables import TABLES
from unwind.indicators.context import Slot
from unwind.lake.publish import publish
from unwind.market.store import ingest
from unwind.pipeline import Analysis, Market, analyse, analyse_sessions, load_market, observe
from unwind.settings import Settings
from unwind.simulation.source import simulate_market
from unwind.sources.files import FilesSource


def _market(folder: Path, store: Path, settings: Settings) -> Market:
    ingest(store, FilesSource(folder), settings=settings, received_at=RECEIVED)
    return load_market(store)


def _moment(day: date, settings: Settings) -> Slot:
    return Slot(as_of=day, cutoff=publication_instant(day, settings.publication), source="files")


def _published(
    market: Market, day: date, settings: Settings, known: date | None = None
) -> dict[str, pd.DataFrame]:
    """Rows of a session at its own publication, or at that of a later session."""
    cutoff = _moment(known or day, settings).cutoff
    slot = Slot(as_of=day, cutoff=cutoff, source="files")
    return _typed(analyse(market, slot, settings=settings).tables)


def _typed(rows: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {
        name: TABLES[name].arrow(frame).to_pandas() for name, frame in rows.items() if len(frame)
    }


def _without_later_rows(folder: Path, target: Path, last: date) -> Path:
    """The drop folder as it stood at the end of `last`: no later row in any file."""
    target.mkdir(parents=True)
    for path in folder.glob("*.parquet"):
        rows = pd.read_parquet(path)
        event = next(
            name for name in ("session", "bar_start_utc", "as_of", "snapshot_at", "issued_at")
            if name in rows.columns
        )  # fmt: skip
        stamps = pd.to_datetime(rows[event], utc=True)
        end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
        rows[stamps < end].to_parquet(target / path.name, index=False)
    return target


# Enough for tests of shape.
SMALL = ("IBIT", "IGV", "SPY", "QQQ", "GLD", "ETHA")


class TestPrefixInvariance:
    """Each published column of a session is the same on data to it and on all data."""

    def test_on_a_plain_market(
        self, analysis: Callable[[date], Analysis], drop: Path, tmp_path: Path, settings: Settings
    ) -> None:
        day = date(2026, 2, 5)
        whole = _typed(analysis(day).tables)
        short = _without_later_rows(drop, tmp_path / "short", day)
        prefix = _published(_market(short, tmp_path / "then", settings), day, settings)
        self._equal(whole, prefix)

    def test_on_a_simulated_market(self, tmp_path: Path, settings: Settings) -> None:
        """Every table of the drop folder is there, so that every indicator has its inputs."""
        day = date(2026, 2, 5)
        market = simulate_market(
            "multi_strat_unwind", seed=1, first=date(2024, 11, 1), last=date(2026, 2, 12),
            event=day,
        )  # fmt: skip
        folder = write_drop(tmp_path / "drop", **market.tables)
        whole = _published(_market(folder, tmp_path / "all", settings), day, settings)
        short = _without_later_rows(folder, tmp_path / "short", day)
        prefix = _published(_market(short, tmp_path / "then", settings), day, settings)
        self._equal(whole, prefix)
        flows = whole["mechanisms"].set_index(["indicator", "item"])
        assert np.isfinite(flows.loc[("flow_surprise", "IBIT"), "value"])

    def test_at_a_later_cut_off(self, tmp_path: Path, settings: Settings) -> None:
        """A replay two sessions on sees flows and the session after, and nothing beyond."""
        day, known = date(2026, 2, 5), date(2026, 2, 9)
        market = simulate_market(
            "multi_strat_unwind", seed=2, first=date(2024, 11, 1), last=date(2026, 2, 18),
            event=day,
        )  # fmt: skip
        folder = write_drop(tmp_path / "drop", **market.tables)
        whole = _published(_market(folder, tmp_path / "all", settings), day, settings, known)
        short = _without_later_rows(folder, tmp_path / "short", known)
        prefix = _published(_market(short, tmp_path / "then", settings), day, settings, known)
        self._equal(whole, prefix)
        readings = whole["evidence"].set_index(["hypothesis", "indicator"])["reading"]
        assert np.isfinite(readings[("multi_strategy", "rebound")])

    @pytest.mark.market
    @pytest.mark.parametrize(
        ("day", "known"),
        [
            (date(2025, 10, 10), date(2025, 10, 10)),
            (date(2026, 2, 5), date(2026, 2, 5)),
            (date(2026, 2, 5), date(2026, 2, 9)),  # as a replay stands
        ],
    )
    def test_on_the_real_market(
        self, day: date, known: date, real_analysis: Callable[[date, date], Analysis],
        market_folder: Path, tmp_path: Path, settings: Settings,
    ) -> None:  # fmt: skip
        whole = _typed(real_analysis(day, known).tables)
        short = _without_later_rows(market_folder, tmp_path / "short", known)
        prefix = _published(_market(short, tmp_path / "then", settings), day, settings, known)
        self._equal(whole, prefix)

    @staticmethod
    def _equal(whole: dict[str, pd.DataFrame], prefix: dict[str, pd.DataFrame]) -> None:
        assert whole.keys() == prefix.keys()
        assert {"correlations", "mechanisms", "shocks", "volatility", "regimes"} <= whole.keys()
        for name, frame in whole.items():
            pd.testing.assert_frame_equal(frame, prefix[name], check_exact=True, obj=name)

    def test_the_test_can_fail(self, analysis: Callable[[date], Analysis]) -> None:
        yesterday, today = (analysis(date(2026, 2, day)).tables["correlations"] for day in (4, 5))
        assert not yesterday["value"].equals(today["value"])


class TestRows:
    def test_each_is_known_by_its_cutoff(
        self, analysis: Callable[[date], Analysis], settings: Settings
    ) -> None:
        for name, frame in _typed(analysis(date(2026, 2, 5)).tables).items():
            assert (frame["known_at"] <= frame["cutoff"]).all(), name
            assert set(frame["settings_digest"]) == {settings.digest}

    def test_each_null_has_its_reason(self, analysis: Callable[[date], Analysis]) -> None:
        tables = _typed(analysis(date(2026, 2, 5)).tables)
        for name, column in (
            ("correlations", "value"),
            ("shocks", "value"),
            ("volatility", "sigma"),
        ):
            silent = tables[name][tables[name][column].isna() & tables[name]["reason"].isna()]
            assert silent.empty, name


class TestBackfill:
    def test_a_chunk_of_sessions_leaves_the_bytes_of_one_by_one(
        self, analysis: Callable[[date], Analysis], plain_market: Market, tmp_path: Path,
        settings: Settings,
    ) -> None:  # fmt: skip
        days = [date(2026, 2, day) for day in (4, 5)]
        slots = [_moment(day, settings) for day in days]
        together = analyse_sessions(plain_market, slots, settings=settings, workers=1)
        how = {"settings": settings, "source": "files", "run": "test"}
        whole = publish(tmp_path / "whole", together.tables, **how)
        for day in days:
            single = publish(tmp_path / "single", analysis(day).tables, **how)
        assert whole.manifest["files"] == single.manifest["files"]


class TestLateListing:
    def test_a_young_asset_is_null_with_a_reason(self, tmp_path: Path, settings: Settings) -> None:
        prices = small_prices(SMALL, first=date(2024, 6, 3), last=date(2026, 2, 6))
        young = (prices["symbol"] == "ETHA") & (prices["session"] < pd.Timestamp("2026-01-28"))
        folder = write_drop(tmp_path / "drop", prices[~young])
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        links = tables["correlations"]
        row = links[(links["asset"] == "ETHA") & (links["window"] == 20)].iloc[0]
        assert np.isnan(row["value"])
        assert row["reason"] == "6 complete pairs in the window are too few"
        volatility = tables["volatility"].set_index("asset").loc["ETHA"]
        assert volatility["model"] == "none"
        assert "needs at least 250" in volatility["reason"]

    def test_an_absent_asset_is_named_in_quality(self, tmp_path: Path, settings: Settings) -> None:
        present = tuple(name for name in SMALL if name != "GLD")
        prices = small_prices(present, first=date(2024, 6, 3), last=date(2026, 2, 6))
        folder = write_drop(tmp_path / "drop", prices)
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        quality = tables["quality"].set_index("entity")
        assert quality.loc["GLD", "rule"] == "missing_symbol"
        assert "IGV" not in quality.index[quality["rule"] == "missing_symbol"]
        links = tables["correlations"]
        assert set(links.loc[links["asset"] == "GLD", "reason"]) == {"no price for GLD"}


class TestShortHistory:
    @pytest.mark.parametrize("sessions", [1, 2, 30])
    def test_a_young_desk_is_unknown_not_broken(
        self, sessions: int, drop: Path, tmp_path: Path, settings: Settings
    ) -> None:
        prices = pd.read_parquet(drop / "prices.parquet")
        days = sorted(prices.loc[prices["session"] <= "2026-02-05", "session"].unique())
        folder = write_drop(tmp_path / "drop", prices[prices["session"].isin(days[-sessions:])])
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        regime = tables["regimes"].iloc[0]
        assert regime["state"] == "UNKNOWN"
        assert "no score" in regime["headline"]
        assert np.isnan(regime["score"])


class TestFlatMarket:
    @pytest.mark.parametrize("asset", ["IBIT", "GLD"])
    def test_a_constant_price_has_no_z_and_no_correlation(
        self, asset: str, drop: Path, tmp_path: Path, settings: Settings
    ) -> None:
        prices = pd.read_parquet(drop / "prices.parquet")
        prices = prices[prices["symbol"].isin(SMALL)].reset_index(drop=True)
        bars = ["open", "high", "low", "close", "adj_close"]
        prices.loc[prices["symbol"] == asset, bars] = 100.0
        folder = write_drop(tmp_path / "drop", prices)
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        shock = tables["shocks"].set_index(["asset", "measure"]).loc[(asset, "return")]
        assert np.isnan(shock["z"])
        assert shock["reason"] == "baseline is flat"
        links = tables["correlations"]
        touched = links if asset == "IBIT" else links[links["asset"] == asset]
        assert touched["value"].isna().all()
        assert tables["volatility"].set_index("asset").loc[asset, "model"] == "none"


class TestMissingBase:
    def test_is_named_and_the_other_classes_decide(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        # Of as many asset classes as the verdict needs.
        symbols = ("IBIT", "SPY", "QQQ", "IGV", "SMH", "HYG", "TLT", "GLD")
        prices = small_prices(symbols, first=date(2024, 6, 3), last=date(2026, 2, 6))
        gone = (prices["symbol"] == "IBIT") & (prices["session"] == pd.Timestamp("2026-02-05"))
        folder = write_drop(tmp_path / "drop", prices[~gone])
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        regime = tables["regimes"].iloc[0]
        assert regime["state"] != "UNKNOWN"
        assert np.isfinite(regime["score"])
        assert "missing_price" in set(tables["quality"]["rule"])

    def test_never_listed_stops_with_a_sentence(self, tmp_path: Path, settings: Settings) -> None:
        prices = small_prices(("IGV", "GLD"), first=date(2025, 6, 2), last=date(2026, 2, 6))
        market = _market(write_drop(tmp_path / "drop", prices), tmp_path / "s", settings)
        with pytest.raises(NotEnoughData, match="prices of IBIT"):
            observe(market, _moment(date(2026, 2, 5), settings), settings=settings)


@pytest.fixture(scope="module")
def days(real_analysis: Callable[[date, date], Analysis]) -> dict[int, dict[str, pd.DataFrame]]:
    sessions = {day: date(2026, 2, day) for day in (3, 4, 5, 6)}
    return {day: _typed(real_analysis(when, when).tables) for day, when in sessions.items()}


@pytest.mark.market
class TestFebruary2026:
    """shared/event.md, computed from the real data by the stages that publish."""

    def test_simple_returns(self, days: dict[int, dict[str, pd.DataFrame]]) -> None:
        expected = {
            3: {"IBIT": -2.08, "IGV": -4.61, "GLD": 6.36, "SLV": 6.24, "SPY": -0.85},
            4: {"IBIT": -4.00, "IGV": -1.82, "GLD": -0.07, "SLV": 2.88, "SPY": -0.48},
            5: {"IBIT": -13.16, "IGV": -4.97, "GLD": -2.66, "SLV": -15.77, "SPY": -1.25},
            6: {"IBIT": 9.92, "IGV": 3.50, "GLD": 3.07, "SLV": 5.25, "SPY": 1.92},
        }
        for day, moves in expected.items():
            shocks = days[day]["shocks"]
            found = shocks[shocks["measure"] == "return"].set_index("asset")["simple_return"]
            for asset, percent in moves.items():
                assert 100 * found[asset] == pytest.approx(percent, abs=0.005), (day, asset)

    def test_correlations_of_twenty_sessions(
        self, days: dict[int, dict[str, pd.DataFrame]]
    ) -> None:
        expected = {"IGV": [0.205, 0.248, 0.492, 0.627], "GLD": [0.053, 0.063, 0.188, 0.247]}
        for asset, values in expected.items():
            for day, value in zip((3, 4, 5, 6), values, strict=True):
                links = days[day]["correlations"]
                chosen = (links["asset"] == asset) & (links["window"] == 20)
                found = links[chosen & (links["method"] == "pearson")]["value"].item()
                assert found == pytest.approx(value, abs=0.0005)

    def test_record_volume_in_both_units(self, days: dict[int, dict[str, pd.DataFrame]]) -> None:
        shocks = days[5]["shocks"].set_index(["asset", "measure"])
        shares, dollars = (shocks.loc[("IBIT", f"volume_{unit}")] for unit in ("shares", "dollars"))
        assert shares["value"] == pytest.approx(284.4e6, abs=0.05e6)
        assert dollars["value"] == pytest.approx(10.27e9, abs=0.005e9)
        assert shares["record_multiple"] == pytest.approx(1.69, abs=0.005)
        assert dollars["record_multiple"] == pytest.approx(1.27, abs=0.005)
        for row in (shares, dollars):
            assert row["is_record"]
            assert row["previous_record_on"] == date(2025, 11, 21)

    def test_no_shares_of_bitcoin(self, days: dict[int, dict[str, pd.DataFrame]]) -> None:
        """Its printed volume is in dollars of a UTC day: times the price it would be nonsense."""
        shocks = days[5]["shocks"]
        measures = set(shocks.loc[shocks["asset"] == "BTC-USD", "measure"])
        assert measures == {"return"}

    def test_bitcoin_is_cut_at_sixteen_new_york(
        self, days: dict[int, dict[str, pd.DataFrame]]
    ) -> None:
        # the UTC day fell 14.1 %; the exchange day, 16:00 to 16:00, follows IBIT
        shocks = days[5]["shocks"].set_index(["asset", "measure"])
        bitcoin, fund = (
            shocks.loc[(asset, "return"), "simple_return"] for asset in ("BTC-USD", "IBIT")
        )
        assert bitcoin == pytest.approx(fund, abs=0.003)

    def test_verdict(self, days: dict[int, dict[str, pd.DataFrame]]) -> None:
        states = {day: tables["regimes"]["state"].item() for day, tables in days.items()}
        # The metals of 30 January raised it; on the 4th the score had not fallen back to CALM.
        assert states[4] == "RELEASE"
        assert states[5] == "DELEVERAGING"

    def test_verdict_is_marked_as_in_sample(self, days: dict[int, dict[str, pd.DataFrame]]) -> None:
        assert days[5]["regimes"]["calibration_sample"].item() == "in sample"
        quality = days[5]["quality"]
        row = quality[quality["rule"] == "calibrated_on_later_data"].squeeze()
        assert (row["table"], row["severity"]) == ("regimes", "info")

    def test_no_bar_of_the_yen_lies_outside_its_range(
        self, days: dict[int, dict[str, pd.DataFrame]]
    ) -> None:
        quality = days[5]["quality"]
        assert "warning" not in set(quality[quality["entity"] == "USDJPY"]["severity"])

    def test_the_yen_moved_little_on_the_fifth(
        self, days: dict[int, dict[str, pd.DataFrame]]
    ) -> None:
        # 156.92 → 157.04, both at 16:00 New York; the vendor's own rows show the move of the 4th
        yen = days[5]["shocks"].set_index(["asset", "measure"]).loc[("USDJPY", "return")]
        assert 100 * yen["simple_return"] == pytest.approx(0.07, abs=0.005)
        assert yen["z"] == pytest.approx(-0.07, abs=0.005)
        links = days[5]["correlations"]
        pearson = links[(links["asset"] == "USDJPY") & (links["method"] == "pearson")]
        values = pearson.set_index("window")["value"]
        for window, value in {20: -0.096, 63: 0.085, 252: 0.154}.items():
            assert values[window] == pytest.approx(value, abs=0.0005)


class TestBarOutsideItsRange:
    def test_is_named_with_its_row(self, drop: Path, tmp_path: Path, settings: Settings) -> None:
        prices = pd.read_parquet(drop / "prices.parquet")
        prices = prices[prices["symbol"].isin(("IBIT", "SPY", "USDJPY"))].reset_index(drop=True)
        sessions = pd.to_datetime(prices["session"])
        bad = (prices["symbol"] == "USDJPY") & (sessions == pd.Timestamp("2026-01-20"))
        prices.loc[bad, "high"] = prices.loc[bad, "close"] * 0.995
        folder = write_drop(tmp_path / "drop", prices)
        tables = _published(_market(folder, tmp_path / "s", settings), date(2026, 2, 5), settings)
        quality = tables["quality"]
        bars = quality[(quality["entity"] == "USDJPY") & (quality["severity"] == "warning")]
        assert bars["rule"].item() == "close: open_or_close_outside_range"
        assert bars["example"].item().startswith("prices.parquet 2026-01-20")
