"""The table `systemic`: trailing rows suffice, a null says why, a quote carries its own clock."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.cross_section import (
    absorption_ratio,
    absorption_shift,
    full_sample_connectedness,
    multi_strategy,
    robust_z,
    spread_returns,
    turbulence_index,
)
from features.panel import Panel
from features.returns import standardised_returns
from tests import naive_systemic
from tests.conftest import RECEIVED, SHARED, small_prices, write_drop
from tests.unwind.contexts import run_context
from unwind.calendar import publication_instant
from unwind.contract.estimates import SYSTEMIC
from unwind.indicators.context import Slot
from unwind.indicators.risk.systemic import systemic_rows
from unwind.market.store import ingest
from unwind.pipeline import Market, load_market, observe, to_sessions
from unwind.settings import DEFAULT_PATH, Settings, SettingsError, parse_settings
from unwind.sources.files import FilesSource

DAY = date(2026, 2, 5)


def moment_of(day: date, settings: Settings, *, cutoff: str | None = None) -> Slot:
    stood = publication_instant(day, settings.publication) if cutoff is None else cutoff
    return Slot(as_of=day, cutoff=pd.Timestamp(stood), source="files")


def panel_of(market: Market, day: date, settings: Settings) -> Panel:
    return observe(market, moment_of(day, settings), settings=settings).panel


def rows_of(panel: Panel, day: date, settings: Settings) -> pd.DataFrame:
    rows = systemic_rows(
        run_context(panel=panel, moment=moment_of(day, settings), settings=settings)
    )
    published: pd.DataFrame = SYSTEMIC.arrow(rows).to_pandas()
    return published.set_index(["measure", "item"])


@pytest.fixture(scope="module")
def panel(plain_market: Market, settings: Settings) -> Panel:
    return panel_of(plain_market, DAY, settings)


@pytest.fixture(scope="module")
def rows(panel: Panel, settings: Settings) -> pd.DataFrame:
    return rows_of(panel, DAY, settings)


@pytest.fixture(scope="module")
def returns(panel: Panel, settings: Settings) -> pd.DataFrame:
    return panel.returns[list(settings.universe.symbols)]


class TestMeasures:
    """Each figure against the feature on the whole history, or against its slow twin."""

    def test_turbulence_and_its_rank_in_a_year(
        self, rows: pd.DataFrame, returns: pd.DataFrame
    ) -> None:
        row = rows.loc[("turbulence", "universe")]
        slow = naive_systemic.turbulence(returns.iloc[-253:], 252, 252)["turbulence"].iloc[-1]
        assert row["value"] == pytest.approx(slow, rel=1e-9)
        whole = turbulence_index(returns, window=252, min_observations=202)["turbulence"]
        assert row["percentile"] == (whole.iloc[-253:-1] <= whole.iloc[-1]).mean()
        assert row["n"] == 16

    def test_turbulence_is_magnitude_times_surprise(self, rows: pd.DataFrame) -> None:
        value = rows["value"]
        assert value["turbulence"].item() == pytest.approx(
            value["turbulence_magnitude"].item() * value["correlation_surprise"].item()
        )

    def test_absorption_and_its_shift(self, rows: pd.DataFrame, returns: pd.DataFrame) -> None:
        scaled = standardised_returns(returns, half_life=11, min_observations=18)
        slow = naive_systemic.absorption_ratio(scaled.iloc[-126:], 126, 126, 0.2).iloc[-1]
        row = rows.loc[("absorption_ratio", "universe")]
        assert row["value"] == pytest.approx(slow, rel=1e-9)
        whole = absorption_ratio(scaled, window=126, min_observations=101, share=0.2)
        ratio = whole["absorption_ratio"]
        assert row["percentile"] == (ratio.iloc[-253:-1] <= ratio.iloc[-1]).mean()
        shift = absorption_shift(ratio, short_window=15, long_window=252, min_observations=202)
        assert rows.loc[("absorption_shift", "universe"), "value"] == shift.iloc[-1]

    def test_the_largest_eigenvalue_against_the_edge_of_noise(
        self, rows: pd.DataFrame, returns: pd.DataFrame
    ) -> None:
        scaled = standardised_returns(returns, half_life=11, min_observations=18).iloc[-126:]
        eigenvalues = np.linalg.eigvalsh(scaled.corr().to_numpy())
        edge = (1 + np.sqrt(16 / 126)) ** 2
        assert rows.loc[("eigenvalue_ratio", "universe"), "value"] == pytest.approx(
            eigenvalues[-1] / edge
        )
        assert rows.loc[("eigenvalue_share", "universe"), "value"] == pytest.approx(
            eigenvalues[eigenvalues > edge].sum() / 16
        )

    def test_connectedness_and_its_rank_among_every_fifth_session(
        self, rows: pd.DataFrame, returns: pd.DataFrame
    ) -> None:
        def estimate(last: int) -> Any:
            return full_sample_connectedness(
                returns.iloc[last - 251 : last + 1], lags=1, horizon=10
            )

        last = len(returns) - 1
        now = estimate(last)
        assert rows.loc[("connectedness_total", "universe"), "value"] == pytest.approx(now.total)
        assert rows.loc[("connectedness_net", "IBIT"), "value"] == pytest.approx(now.net["IBIT"])
        earlier = [estimate(last - 5 * k).total for k in range(1, 51)]
        assert rows.loc[("connectedness_total", "universe"), "percentile"] == np.mean(
            np.array(earlier) <= now.total
        )

    def test_sleeves_are_the_spreads_of_the_verdict(self, panel: Panel, settings: Settings) -> None:
        funds = panel_with_funds(panel, settings)
        rows = rows_of(funds, DAY, settings)
        sleeves = spread_returns(funds.returns, spreads=settings.verdict.spreads)
        z = robust_z(sleeves, window=126, min_observations=101).iloc[-1]
        for name in sleeves.columns:
            row = rows.loc[("sleeve", name)]
            assert row["value"] == pytest.approx(sleeves[name].iloc[-1], rel=1e-9)
            assert row["z"] == pytest.approx(z[name], rel=1e-6)
        book = multi_strategy(sleeves, window=126, min_observations=101, min_spreads=3).iloc[-1]
        worst = rows.loc[("sleeves_worst", "sleeves")]
        assert worst["value"] == pytest.approx(z.min(), rel=1e-6)
        assert worst["z"] == pytest.approx(book["worst_z"], rel=1e-6)
        assert worst["detail"] == z.idxmin()
        assert rows.loc[("sleeves_losing", "sleeves"), "value"] == (sleeves.iloc[-1] < 0).sum()
        assert rows.loc[("sleeves_average", "sleeves"), "value"] == pytest.approx(
            z.mean(), rel=1e-6
        )

    def test_a_value_or_a_reason_never_both(self, rows: pd.DataFrame) -> None:
        assert (rows["value"].isna() == rows["reason"].notna()).all()
        assert set(rows["publisher"]) == {"unwind"}
        assert set(rows["describes"]) == {DAY}


def with_returns(panel: Panel, returns: pd.DataFrame) -> Panel:
    return Panel(
        returns=returns, close=panel.close, shares=panel.shares, dollars=panel.dollars,
        known_at=panel.known_at, notes=panel.notes, hourly=panel.hourly,
    )  # fmt: skip


class TestCrash:
    def test_all_falling_together_is_turbulent_without_surprise(
        self, panel: Panel, settings: Settings
    ) -> None:
        fallen = panel.returns.copy()
        fallen.iloc[-1] = -8 * panel.returns.std()
        rows = rows_of(with_returns(panel, fallen), DAY, settings)
        assert rows.loc[("turbulence", "universe"), "percentile"] == 1
        assert rows.loc[("turbulence_magnitude", "universe"), "value"] > 10
        assert rows.loc[("correlation_surprise", "universe"), "value"] < 1


def panel_with_funds(panel: Panel, settings: Settings) -> Panel:
    """The panel with random returns of the funds whose spreads are the sleeves."""
    funds = sorted({fund for spread in settings.verdict.spreads for fund in spread} - {"SPY"})
    drawn = 0.01 * np.random.default_rng(5).standard_normal((len(panel.sessions), len(funds)))
    own = pd.DataFrame(drawn, panel.sessions, funds)
    return with_returns(panel, panel.returns.drop(columns=funds, errors="ignore").join(own))


class TestSleevesWithoutData:
    def test_no_fund_and_no_factor_is_missing_with_its_reason(self, rows: pd.DataFrame) -> None:
        row = rows.loc[("degrossing", "sleeves")]
        assert np.isnan(row["value"])
        assert row["reason"] == "0 sleeves have a return; 3 are needed"

    def test_a_desk_with_fewer_sleeves_than_it_needs_is_missing(
        self, panel: Panel, settings: Settings
    ) -> None:
        raw = tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
        raw["verdict"]["spreads"] = [["QQQ", "SPY"]]
        rows = rows_of(panel, DAY, parse_settings(raw, origin="desk.toml"))
        assert np.isfinite(rows.loc[("sleeve", "QQQ-SPY"), "value"])
        assert rows.loc[("degrossing", "sleeves"), "reason"] == (
            "1 sleeves have a return; 3 are needed"
        )


@pytest.mark.market
class TestAugust2007:
    """Quantitative funds cut: every factor lost on the 8th and 9th, and came back on the 10th."""

    @pytest.fixture(scope="class")
    @classmethod
    def days(
        cls, tmp_path_factory: pytest.TempPathFactory, settings: Settings
    ) -> dict[int, pd.DataFrame]:
        folder = SHARED / "market" / "history"
        if not (folder / "prices.parquet").exists():
            pytest.skip("the market data is not beside this checkout")
        store = tmp_path_factory.mktemp("history")
        ingest(store, FilesSource(folder), settings=settings, received_at=RECEIVED)
        market = load_market(store)
        return {day: cls._rows(market, date(2007, 8, day), settings) for day in range(6, 11)}

    @staticmethod
    def _rows(market: Market, day: date, settings: Settings) -> pd.DataFrame:
        """Rows without the base, which did not exist."""
        slot = moment_of(day, settings)
        inputs = {name: market.known(name, cutoff=slot.cutoff) for name in market.vintages}
        panel = to_sessions(
            inputs["prices"], inputs["crypto_hourly"],
            symbols=settings.symbols, last=day, settings=settings,
        )  # fmt: skip
        assert panel.close[settings.universe.base].isna().all()
        rows = systemic_rows(
            run_context(panel=panel, moment=slot, settings=settings, inputs=inputs)
        )
        published: pd.DataFrame = SYSTEMIC.arrow(rows).to_pandas()
        return published.set_index(["measure", "item"])

    def test_all_sleeves_lose_and_rebound(self, days: dict[int, pd.DataFrame]) -> None:
        fired = {day: rows.loc[("degrossing", "sleeves"), "value"] for day, rows in days.items()}
        assert {day for day, value in fired.items() if value == 1} >= {8, 9}
        assert fired[10] == 0
        rebound = days[10].loc[("rebound", "sleeves"), "value"]
        assert rebound == days[10].loc[("sleeves_average", "sleeves"), "value"]
        assert rebound > 3
        assert days[8].loc[("sleeves_average", "sleeves"), "z"] < -6

    def test_the_sleeves_are_the_factors_of_the_verdict(
        self, days: dict[int, pd.DataFrame], settings: Settings
    ) -> None:
        assert set(days[8].loc["sleeve"].index) == set(settings.verdict.factors)
        assert set(days[8].loc["sleeve"]["unit"]) == {"simple return"}


class TestLateListing:
    def test_the_first_sessions_are_null_with_reasons(
        self, panel: Panel, settings: Settings
    ) -> None:
        for count in (1, 2, 40):
            early = panel.through(panel.sessions[count - 1])
            rows = rows_of(early, early.sessions[-1].date(), settings)
            computed = rows["value"].notna()
            assert rows.loc[~computed, "reason"].notna().all()
            assert not computed[["turbulence", "absorption_ratio", "connectedness_total"]].any()
            assert rows["percentile"].isna().all()

    def test_a_young_asset_is_left_out_until_its_window_fills(
        self, panel: Panel, settings: Settings
    ) -> None:
        young = panel.returns.copy()
        young.loc[young.index[:-50], "ETHA"] = np.nan
        rows = rows_of(with_returns(panel, young), DAY, settings)
        for measure in ("turbulence", "absorption_ratio", "eigenvalue_ratio"):
            assert rows.loc[(measure, "universe"), "n"] == 15, measure
            assert np.isfinite(rows.loc[(measure, "universe"), "value"])

    def test_ranks_are_among_values_of_as_many_assets(
        self, panel: Panel, settings: Settings
    ) -> None:
        # ETHA fills 101 of 126 standardised rows only 45 sessions ago: too few to rank among.
        young = panel.returns.copy()
        young.loc[young.index[: -(18 + 101 + 45)], "ETHA"] = np.nan
        rows = rows_of(with_returns(panel, young), DAY, settings)
        ratio = rows.loc[("absorption_ratio", "universe")]
        assert ratio["n"] == 16
        assert np.isfinite(ratio["value"])
        assert np.isnan(ratio["percentile"])
        shift = rows.loc[("absorption_shift", "universe")]
        assert shift["detail"].endswith("; assets from 15 to 16 in it")
        # Connectedness leaves it out of every window yet: 15 assets throughout.
        total = rows.loc[("connectedness_total", "universe")]
        assert total["n"] == 15
        assert np.isfinite(total["percentile"])

    def test_a_spread_without_one_leg_says_so(self, panel: Panel, settings: Settings) -> None:
        gone = panel_with_funds(panel, settings)
        gone.returns["MTUM"] = np.nan
        rows = rows_of(gone, DAY, settings)
        row = rows.loc[("sleeve", "MTUM-SPY")]
        assert np.isnan(row["value"])
        assert row["reason"] == "no return of the session was known"
        assert rows.loc[("sleeves_worst", "sleeves"), "n"] == 4


class TestHoliday:
    def test_a_session_without_a_price_is_no_turbulence(
        self, panel: Panel, settings: Settings
    ) -> None:
        shut = panel.returns.copy()
        shut.iloc[-1] = np.nan
        rows = rows_of(with_returns(panel, shut), DAY, settings)
        assert np.isnan(rows.loc[("turbulence", "universe"), "value"])
        assert rows.loc[("turbulence", "universe"), "n"] == 0
        assert "fewer than two assets" in rows.loc[("turbulence", "universe"), "reason"]
        assert np.isnan(rows.loc[("sleeves_losing", "sleeves"), "value"])
        assert np.isnan(rows.loc[("degrossing", "sleeves"), "value"])


class TestIndexLevel:
    def test_it_is_no_asset_of_the_cross_section(
        self, plain_market: Market, rows: pd.DataFrame
    ) -> None:
        raw = tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
        raw["universe"]["counterparts"].append("VIX")
        raw["universe"]["context"].remove("VIX")
        asked = parse_settings(raw, origin="desk.toml")
        with_level = rows_of(panel_of(plain_market, DAY, asked), DAY, asked)
        pd.testing.assert_series_equal(with_level["value"], rows["value"])


QUOTES = pd.DataFrame(
    [
        # The desk heard of 4 February in the evening of the 5th, after its own publication.
        ("2026-02-04", "A prime broker", "multi-strategy", -3.5, "2026-02-05T23:00Z"),
        ("2026-02-03", "A prime broker", "multi-strategy", -1.8, "2026-02-04T12:00Z"),
        ("2026-02-03", "A prime broker", "systematic", -0.4, "2026-02-04T12:00Z"),
        ("2026-02-03", "Another", "multi-strategy", -2.0, None),
        ("2026-01-20", "Weekly letter", "multi-strategy", 1.0, None),
        # An older figure, revised once it had been read.
        ("2026-02-03", "A prime broker", "multi-strategy", -1.9, "2026-02-05T12:00Z"),
    ],
    columns=["session", "publisher", "group", "zscore", "known_at"],
)


@pytest.fixture(scope="module")
def quoted_store(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    prices = small_prices(settings.universe.symbols, first=date(2025, 11, 3), last=date(2026, 2, 6))
    folder = tmp_path_factory.mktemp("quotes")
    write_drop(folder / "drop", prices, published_zscores=QUOTES)
    source = FilesSource(folder / "drop")
    ingest(folder / "store", source, settings=settings, received_at=RECEIVED)
    return folder / "store"


class TestPublishedScore:
    """Prime-broker z-scores: hand-kept, and seen from when they were known."""

    def _quotes(self, quoted_store: Path, moment: Slot, settings: Settings) -> pd.DataFrame:
        context = observe(load_market(quoted_store), moment, settings=settings)
        rows = systemic_rows(context)
        published: pd.DataFrame = SYSTEMIC.arrow(rows).to_pandas()
        assert (published["known_at"] <= published["cutoff"]).all()
        quoted = published[published["measure"] == "published_zscore"]
        return quoted.set_index(["publisher", "item"])

    def test_at_publication_only_what_was_known(
        self, quoted_store: Path, settings: Settings
    ) -> None:
        quoted = self._quotes(quoted_store, moment_of(DAY, settings), settings)
        assert quoted["value"].to_dict() == {
            ("A prime broker", "multi-strategy"): -1.9,
            ("A prime broker", "systematic"): -0.4,
            ("Another", "multi-strategy"): -2.0,
        }
        assert set(quoted["describes"]) == {date(2026, 2, 3)}
        known = quoted.loc[("A prime broker", "multi-strategy"), "known_at"]
        assert known == pd.Timestamp("2026-02-05T12:00Z")

    def test_the_evening_brings_the_newer_figure(
        self, quoted_store: Path, settings: Settings
    ) -> None:
        evening = moment_of(DAY, settings, cutoff="2026-02-06T01:00Z")
        row = self._quotes(quoted_store, evening, settings).loc[
            ("A prime broker", "multi-strategy")
        ]
        assert (row["value"], row["describes"]) == (-3.5, date(2026, 2, 4))
        assert row["window"] is pd.NA or np.isnan(row["window"])

    def test_a_later_reader_is_not_told_of_later_sessions(
        self, quoted_store: Path, settings: Settings
    ) -> None:
        # Seen from March, the third of February still knows nothing of the fourth.
        march = moment_of(date(2026, 2, 3), settings, cutoff="2026-03-02T00:00Z")
        assert self._quotes(quoted_store, march, settings)["describes"].max() == date(2026, 2, 3)


class TestSettings:
    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("absorption_short", 252, "absorption_short must be below absorption_long 252"),
            ("half_life", 0, "systemic.half_life = 0"),
            ("absorption_share", 1.0, "systemic.absorption_share = 1.0"),
        ],
    )
    def test_a_fault_is_one_short_sentence(self, key: str, value: object, message: str) -> None:
        raw = tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
        raw["systemic"][key] = value
        with pytest.raises(SettingsError) as caught:
            parse_settings(raw, origin="desk.toml")
        assert message in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.market
class TestFebruary2026:
    """The event is narrow: the cross-section shook, yet the sleeves did not all lose."""

    def test_what_the_table_says(self, real_market: Market, settings: Settings) -> None:
        rows = rows_of(panel_of(real_market, DAY, settings), DAY, settings)
        assert rows.loc[("turbulence", "universe"), "percentile"] > 0.95
        assert rows.loc[("correlation_surprise", "universe"), "value"] < 1
        assert rows.loc[("degrossing", "sleeves"), "value"] == 0
        assert rows.loc[("sleeves_worst", "sleeves"), "detail"] == "QUAL-SPY"
        assert rows.loc[("connectedness_net", "IBIT"), "percentile"] == 1
