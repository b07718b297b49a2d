"""The table `mechanisms`: flows, volume, hours, yen and crowding, with and without their inputs."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.panel import Panel
from tests.conftest import RECEIVED
from tests.unwind.contexts import run_context
from unwind.calendar import cash_hours, publication_instant, sessions_between
from unwind.contract.verdict import MECHANISMS
from unwind.indicators.block import MISSING
from unwind.indicators.context import Slot
from unwind.indicators.mechanisms.fund_flows import fund_flow, printed_flows
from unwind.indicators.mechanisms.organic_demand import known_shorts, organic_rows
from unwind.indicators.mechanisms.table import mechanisms
from unwind.market.store import ingest
from unwind.pipeline import Market, load_market, observe
from unwind.settings import Settings
from unwind.simulation.source import simulate_market
from unwind.sources.files import FilesSource

MINE = ("crowding", "flows", "hours", "volume", "yen")
DAY = date(2026, 2, 6)

Inputs = dict[str, pd.DataFrame]


def moment_of(day: date, settings: Settings, cutoff: str | None = None) -> Slot:
    stood = publication_instant(day, settings.publication) if cutoff is None else cutoff
    return Slot(as_of=day, cutoff=pd.Timestamp(stood), source="files")


def known(market: Market, moment: Slot, settings: Settings) -> tuple[Inputs, Panel]:
    context = observe(market, moment, settings=settings)
    return dict(context.inputs), context.panel


def table(
    inputs: Mapping[str, pd.DataFrame], panel: Panel, moment: Slot, settings: Settings
) -> pd.DataFrame:
    rows, _ = mechanisms(run_context(panel=panel, moment=moment, settings=settings, inputs=inputs))
    published: pd.DataFrame = MECHANISMS.arrow(rows).to_pandas()
    return published[published["block"].isin(MINE)].set_index(["indicator", "item"])


# Several tests read one session of one market: each is computed once.
_SEEN: dict[tuple[int, date, str | None], pd.DataFrame] = {}


def rows_of(
    market: Market, day: date, settings: Settings, cutoff: str | None = None
) -> pd.DataFrame:
    key = (id(market), day, cutoff)
    if key not in _SEEN:
        moment = moment_of(day, settings, cutoff)
        _SEEN[key] = table(*known(market, moment, settings), moment, settings)
    return _SEEN[key].copy()


def stored(folder: Path, store: Path, settings: Settings) -> Market:
    ingest(store, FilesSource(folder), settings=settings, received_at=RECEIVED)
    return load_market(store)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Market:
    market = simulate_market(
        "multi_strat_unwind", seed=1, first=date(2024, 11, 1), last=date(2026, 2, 12),
        event=date(2026, 2, 5),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("simulated")
    for name, rows in market.tables.items():
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    return stored(folder, tmp_path_factory.mktemp("store"), settings)


@pytest.fixture(scope="module")
def full(simulated: Market, settings: Settings) -> tuple[Inputs, Panel]:
    """What was known at the cut-off of the day after the event."""
    return known(simulated, moment_of(DAY, settings), settings)


def with_flows(full: tuple[Inputs, Panel], flows: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    inputs, panel = full
    return table({**inputs, "etf_flows": flows}, panel, moment_of(DAY, settings), settings)


class TestPricesAlone:
    """A folder without anything optional gives rows that say what is missing."""

    def test_each_null_has_its_reason_and_each_row_its_clock(
        self, plain_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(plain_market, DAY, settings)
        null = rows["value"].isna()
        assert (null == (rows["quality"] == MISSING)).all()
        assert (null == rows["reason"].notna()).all()
        assert (rows["known_at"] <= rows["cutoff"]).all()
        assert (pd.to_datetime(rows["describes"]) <= pd.Timestamp(DAY)).all()

    def test_says_which_input_is_missing(self, plain_market: Market, settings: Settings) -> None:
        reasons = rows_of(plain_market, DAY, settings)["reason"]
        assert reasons[("flow_surprise", "IBIT")] == "no ETF flows"
        assert reasons[("turnover", "IBIT")] == "no ETF flows"
        assert reasons[("put_share", "IBIT")] == "no option chain for IBIT"
        assert reasons[("move", "us_cash")] == "no hourly bar for BTC-USD"
        assert reasons[("published_zscore", "universe")] == "no published z-score was known"

    def test_prices_are_enough_for_volume_yen_and_rebound(
        self, plain_market: Market, settings: Settings
    ) -> None:
        values = rows_of(plain_market, DAY, settings)["value"]
        for key in (
            ("record_multiple_shares", "IBIT"), ("volume_surprise", "IBIT"),
            ("carry_unwind", "USDJPY"), ("rebound_slope", "universe"),
        ):  # fmt: skip
            assert np.isfinite(values[key]), key

    def test_with_and_without_inputs_the_keys_are_the_same(
        self, plain_market: Market, simulated: Market, settings: Settings
    ) -> None:
        one, two = (rows_of(market, DAY, settings).index for market in (plain_market, simulated))
        own_clock = "published_zscore"
        assert set(one.drop(own_clock, level=0)) == set(two.drop(own_clock, level=0))


class TestKnownNextMorning:
    def test_the_newest_flow_describes_the_session_before(
        self, simulated: Market, settings: Settings
    ) -> None:
        row = rows_of(simulated, DAY, settings).loc[("flow", "IBIT")]
        assert row["describes"] == date(2026, 2, 5)
        assert row["known_at"] == pd.Timestamp("2026-02-06T14:00Z")

    def test_a_later_cutoff_knows_the_session_itself(
        self, simulated: Market, settings: Settings
    ) -> None:
        rows = rows_of(simulated, date(2026, 2, 5), settings, "2026-02-06T14:30Z")
        assert rows.loc[("flow", "IBIT"), "describes"] == date(2026, 2, 5)
        assert rows.loc[("flow_surprise", "TOTAL"), "value"] > 0

    def test_a_flow_of_a_later_session_is_left_alone(
        self, simulated: Market, settings: Settings
    ) -> None:
        rows = rows_of(simulated, date(2026, 2, 5), settings, "2026-02-10T21:15Z")
        assert rows.loc[("flow", "IBIT"), "describes"] == date(2026, 2, 5)

    def test_three_sessions_are_dated_at_their_first(
        self, simulated: Market, settings: Settings
    ) -> None:
        row = rows_of(simulated, DAY, settings).loc[("flow_surprise_cumulative", "IBIT")]
        assert row["describes"] == date(2026, 2, 3)
        assert row["detail"].startswith("2026-02-03 … 2026-02-05")


class TestVendors:
    def test_the_scripted_conflict_is_flagged_everywhere(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        rows = with_flows(full, full[0]["etf_flows"], settings)
        told = rows.loc[("vendor_conflict", "IBIT")]
        assert told["category"] == "gap"
        assert told["quality"] == "conflicted"
        assert rows.loc[("flow_surprise", "IBIT"), "quality"] == "conflicted"
        assert rows.loc[("vendor_dating_lag", "IBIT"), "value"] == 1
        surprise = rows.loc[("flow_surprise", "IBIT")]
        assert surprise["upper"] - surprise["lower"] == pytest.approx(abs(told["value"]))

    def test_vendors_that_agree_are_no_conflict(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"]
        own = flows[flows["vendor"] == "farside"]
        twin = own[own["fund"] == "IBIT"].assign(vendor="other")
        rows = with_flows(full, pd.concat([own, twin]), settings)
        assert rows.loc[("vendor_conflict", "IBIT"), "category"] == "agree"
        assert rows.loc[("flow", "IBIT"), "quality"] == "good"
        assert rows.loc[("vendor_dating_lag", "IBIT"), "value"] == 0

    def test_another_vendor_stands_in_and_is_named(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"].assign(vendor="press")
        own = flows.drop_duplicates(["session", "fund", "vendor"])
        row = with_flows(full, own, settings).loc[("flow", "IBIT")]
        assert row["detail"].startswith("vendor press, not farside")

    def test_one_vendor_alone_cannot_conflict(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"]
        rows = with_flows(full, flows[flows["vendor"] == "farside"], settings)
        told = rows.loc[("vendor_conflict", "IBIT")]
        assert told["reason"] == "one vendor alone prints IBIT"


class TestUnfinished:
    def test_a_zero_in_the_newest_row_may_be_unfilled(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"]
        own = flows[flows["vendor"] == "farside"].copy()
        newest = own["session"] == own["session"].max()
        own.loc[newest & (own["fund"] == "IBIT"), "net_flow_usd_m"] = 0.0
        rows = with_flows(full, own, settings)
        for item in ("IBIT", "TOTAL"):
            assert rows.loc[("flow", item), "quality"] == "partial"
            assert "may be unfinished: IBIT" in rows.loc[("flow_surprise", item), "detail"]


class TestLateVendor:
    def behind(self, full: tuple[Inputs, Panel], settings: Settings, last: str) -> pd.DataFrame:
        flows = full[0]["etf_flows"]
        return with_flows(full, flows[flows["session"] <= last], settings)

    def test_an_older_flow_is_stale(self, full: tuple[Inputs, Panel], settings: Settings) -> None:
        row = self.behind(full, settings, "2026-02-03").loc[("flow", "TOTAL")]
        assert row["quality"] == "stale"
        assert row["detail"].endswith("3 sessions old")

    def test_a_very_old_flow_is_missing(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        row = self.behind(full, settings, "2026-01-23").loc[("flow_surprise", "TOTAL")]
        assert row["quality"] == MISSING
        assert row["reason"] == "the newest flow of TOTAL describes 2026-01-23, 10 sessions earlier"

    def test_a_short_history_has_a_flow_and_no_expectation(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"]
        rows = with_flows(full, flows[flows["session"] >= "2025-12-01"], settings)
        assert np.isfinite(rows.loc[("flow", "IBIT"), "value"])
        assert "needs at least 80" in rows.loc[("flow_surprise", "IBIT"), "reason"]

    def test_one_missing_session_leaves_no_sum_of_three(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        flows = full[0]["etf_flows"]
        rows = with_flows(full, flows[flows["session"] != "2026-01-29"], settings)
        assert np.isfinite(rows.loc[("flow_surprise", "TOTAL"), "value"])
        rows = with_flows(full, flows[flows["session"] != "2026-02-04"], settings)
        assert "the row to be expected" in rows.loc[("flow_surprise", "TOTAL"), "reason"]


class TestScale:
    def test_without_an_anchor_the_usual_volume_stands_in_and_says_so(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        rows = with_flows(full, full[0]["etf_flows"], settings)
        share = rows.loc[("flow_share", "IBIT")]
        panel = full[1]
        usual = panel.dollars["IBIT"].loc[:"2026-02-04"].iloc[-20:].median() / 1e6
        assert share["value"] == pytest.approx(rows.loc[("flow", "IBIT"), "value"] / usual)
        assert share["unit"] == "share of usual dollar volume"
        assert "over the median dollar volume" in share["detail"]
        assert "anchor" in rows.loc[("turnover", "IBIT"), "reason"]

    def test_from_an_anchor_assets_are_rolled_forward(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        inputs, panel = full
        first = panel.sessions[0]
        anchor = settings.flows.anchors["IBIT"].model_copy(
            update={"session": first.date(), "assets_usd_m": 5e4}
        )
        flows = settings.flows.model_copy(update={"anchors": {"IBIT": anchor}})
        desk = settings.model_copy(update={"flows": flows})
        rows = table(inputs, panel, moment_of(DAY, desk), desk)
        assets, close = 5e4, panel.close["IBIT"]
        own = inputs["etf_flows"].query("fund == 'IBIT' and vendor == 'farside'")
        printed = own.set_index("session")["net_flow_usd_m"]
        for before, day in zip(panel.sessions[:-2], panel.sessions[1:-1], strict=True):
            if before == first:
                assets += printed[first]
            held = assets
            assets = assets * close[day] / close[before] + printed[day]
        share = rows.loc[("flow_share", "IBIT")]
        assert share["value"] == pytest.approx(printed[panel.sessions[-2]] / held)
        assert share["unit"] == "share of assets"
        day, before = panel.sessions[-1], panel.sessions[-2]
        # today's assets: those before the newest flow, at today's price
        priced = held * close[day] / close[panel.sessions[-3]]
        assert rows.loc[("turnover", "IBIT"), "value"] == pytest.approx(
            panel.dollars.loc[day, "IBIT"] / 1e6 / priced
        )
        assert close[before] > 0


class TestHalfDay:
    def test_cash_hours_end_early_the_day_after_thanksgiving(self) -> None:
        opens, closes = cash_hours(sessions_between(date(2025, 11, 28), date(2025, 12, 1)))
        assert opens.strftime("%H:%M").tolist() == ["14:30", "14:30"]
        assert closes.strftime("%H:%M").tolist() == ["18:00", "21:00"]


class TestHours:
    def test_the_scripted_fall_lies_in_us_cash_hours(
        self, simulated: Market, settings: Settings
    ) -> None:
        rows = rows_of(simulated, date(2026, 2, 5), settings)
        share = rows.loc[("move_share", "us_cash")]
        assert share["value"] > 0.6
        assert share["lower"] <= share["value"] <= share["upper"]
        parts = rows.loc["move", "value"]
        assert parts.drop("whole").sum() == pytest.approx(parts["whole"])
        assert rows.loc["move_share", "value"].sum() == pytest.approx(1)
        assert rows.loc["variation_share", "value"].sum() == pytest.approx(1)

    def test_a_missing_hour_is_said(self, full: tuple[Inputs, Panel], settings: Settings) -> None:
        inputs, panel = full
        bars = inputs["crypto_hourly"]
        gone = bars["bar_start_utc"] == pd.Timestamp("2026-02-06T10:00Z")
        rows = table(
            {**inputs, "crypto_hourly": bars[~gone]}, panel, moment_of(DAY, settings), settings
        )
        assert rows.loc[("move_share", "asia"), "reason"] == (
            "2 hourly bars of BTC-USD are missing in the session"
        )

    def test_old_bars_are_not_the_session(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        inputs, panel = full
        bars = inputs["crypto_hourly"]
        old = bars[bars["bar_start_utc"] < pd.Timestamp("2026-02-03T00:00Z")]
        rows = table({**inputs, "crypto_hourly": old}, panel, moment_of(DAY, settings), settings)
        assert "the newest begins 2026-02-02 23Z" in rows.loc[("move", "whole"), "reason"]


class TestOptions:
    def test_the_closing_snapshot_is_scored_against_closing_snapshots(
        self, simulated: Market, settings: Settings
    ) -> None:
        rows = rows_of(simulated, date(2026, 2, 5), settings)
        volume = rows.loc[("options_volume", "IBIT")]
        assert volume["quality"] == "good"
        assert volume["z"] > 3
        assert rows.loc[("put_share", "IBIT"), "z"] > 2

    def test_a_snapshot_at_noon_is_partial_and_has_no_z_of_volume(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        inputs, panel = full
        chains = inputs["option_chains"].copy()
        last = chains["snapshot_at"] == chains["snapshot_at"].max()
        chains.loc[last, ["snapshot_at", "known_at"]] -= pd.Timedelta(hours=4)
        rows = table({**inputs, "option_chains": chains}, panel, moment_of(DAY, settings), settings)
        volume = rows.loc[("options_volume", "IBIT")]
        assert volume["quality"] == "partial"
        assert volume["detail"].endswith("before the close")
        assert np.isnan(volume["z"])

    @pytest.mark.parametrize("age", [1, 0])
    def test_a_session_on_which_no_option_trades_has_no_logarithm(
        self, full: tuple[Inputs, Panel], settings: Settings, age: int
    ) -> None:
        inputs, panel = full
        chains = inputs["option_chains"].copy()
        snapshots = np.sort(chains["snapshot_at"].unique())
        chains.loc[chains["snapshot_at"] == snapshots[-1 - age], "volume"] = 0
        rows = table({**inputs, "option_chains": chains}, panel, moment_of(DAY, settings), settings)
        assert np.isfinite(rows.loc[("options_volume", "IBIT"), "z"]) == (age > 0)


class TestCrowding:
    def test_a_published_figure_keeps_its_own_clock(
        self, simulated: Market, settings: Settings
    ) -> None:
        row = rows_of(simulated, date(2026, 2, 5), settings).loc[
            ("published_zscore", "prime broker: multi_strategy")
        ]
        assert row["value"] == -3.5
        assert row["describes"] == date(2026, 2, 4)
        assert row["known_at"] == pd.Timestamp("2026-02-05T12:00Z")
        assert "2026-02-05 12:00Z" in row["detail"]

    def test_the_base_regains_part_of_its_fall(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        row = with_flows(full, full[0]["etf_flows"], settings).loc[("regained", "IBIT")]
        close = full[1].close["IBIT"].iloc[-3:].to_numpy()
        assert row["value"] == pytest.approx((close[2] - close[1]) / (close[0] - close[1]))
        assert 0.3 < row["value"] < 1

    def test_without_a_fall_there_is_nothing_to_regain(
        self, simulated: Market, settings: Settings
    ) -> None:
        row = rows_of(simulated, date(2026, 2, 9), settings).loc[("regained", "IBIT")]
        assert row["reason"] == "IBIT did not fall by 3% in the session before"


class TestYen:
    def test_without_the_yen_its_rows_say_so(
        self, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        inputs, panel = full
        blind = Panel(
            returns=panel.returns.assign(USDJPY=np.nan), close=panel.close.assign(USDJPY=np.nan),
            shares=panel.shares, dollars=panel.dollars, known_at=panel.known_at, notes=panel.notes,
            hourly=panel.hourly,
        )  # fmt: skip
        rows = table(inputs, blind, moment_of(DAY, settings), settings)
        held = rows[rows["block"] == "yen"]
        assert len(held) == 6
        assert set(held["reason"]) == {"no price for USDJPY"}


class TestOrganicDemand:
    """The rows for which the lead series come from elsewhere."""

    def rows(
        self, simulated: Market, full: tuple[Inputs, Panel], settings: Settings, **given: object
    ) -> pd.DataFrame:
        inputs, panel = full
        moment = moment_of(DAY, settings)
        interest = simulated.known("open_interest", cutoff=moment.cutoff)
        of_venue = interest[interest["venue"] == "CME"]
        coins = of_venue.groupby("session")["open_interest_btc"].sum(min_count=1)
        positions = simulated.known("cftc_positions", cutoff=moment.cutoff)
        series: dict[str, object] = {
            "open_interest": coins.reindex(panel.sessions),
            "basis": pd.Series(np.linspace(0.05, 0.06, len(panel.sessions)), panel.sessions),
            "shorts": known_shorts(positions, panel, venue="CME"),
        } | given
        found = fund_flow(
            *printed_flows(inputs["etf_flows"], panel, wanted=("TOTAL",), peers=60), "TOTAL",
            run_context(panel=panel, moment=moment, settings=settings),
        )  # fmt: skip
        held = organic_rows(
            found,
            series["open_interest"],
            series["basis"],
            series["shorts"],
            run_context(panel=panel, moment=moment, settings=settings),
            known_at=moment.cutoff,
        )
        return pd.DataFrame([{name: getattr(row, name) for name in row.__slots__} for row in held])

    def test_flow_left_after_open_interest_and_basis(
        self, simulated: Market, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        rows = self.rows(simulated, full, settings).set_index("indicator")
        assert rows.loc["organic_flow", "describes"] == pd.Timestamp("2026-02-05")
        assert np.isfinite(rows.loc["organic_flow", ["value", "z"]].astype(float)).all()
        assert rows.loc["inflow_without_expansion", "value"] == 0

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("basis", "no basis of CME is known"),
            ("open_interest", "no open interest for CME"),
        ],
    )
    def test_a_missing_series_is_said(
        self, name: str, reason: str, simulated: Market, full: tuple[Inputs, Panel],
        settings: Settings,
    ) -> None:  # fmt: skip
        rows = self.rows(simulated, full, settings, **{name: None})
        assert rows["reason"].iloc[0] == reason

    def test_shorts_are_those_of_the_last_report_known(
        self, simulated: Market, full: tuple[Inputs, Panel], settings: Settings
    ) -> None:
        positions = simulated.known("cftc_positions", cutoff=moment_of(DAY, settings).cutoff)
        shorts = known_shorts(positions, full[1], venue="CME")
        assert shorts is not None
        reported = positions.set_index("as_of")["leveraged_short_btc"]
        # Tuesday's report is known on Friday at 15:30, before the cut
        assert shorts["2026-02-05"] == reported["2026-01-27"]
        assert shorts["2026-02-06"] == reported["2026-02-03"]


@pytest.mark.market
class TestFebruary2026:
    """shared/event.md from the real data; flows of a session are known on the morning after."""

    def test_flows_of_5_february_and_their_conflict(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, DAY, settings)
        assert rows.loc[("flow", "IBIT"), "value"] == -175.3
        assert rows.loc[("flow", "TOTAL"), "value"] == -434.1
        assert rows.loc[("flow", "IBIT"), "describes"] == date(2026, 2, 5)
        told = rows.loc[("vendor_conflict", "IBIT")]
        assert told["category"] == "gap"
        assert told["value"] == pytest.approx(-373.44 + 175.3)
        assert rows.loc[("vendor_dating_lag", "IBIT"), "value"] == 1

    def test_flows_of_6_february(self, real_market: Market, settings: Settings) -> None:
        rows = rows_of(real_market, date(2026, 2, 9), settings)
        assert rows.loc[("flow", "IBIT"), "value"] == 231.6
        assert rows.loc[("flow", "TOTAL"), "value"] == 371.1
        assert rows.loc[("vendor_conflict", "IBIT"), "category"] == "signs differ"

    def test_the_surprise_of_all_funds_is_positive_on_either_reading(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, DAY, settings)
        expected = rows.loc[("flow_expected", "TOTAL"), "value"]
        # the article's $0.5 to $1 billion, and its own reading of the flow, +371.1
        assert -1000 < expected < -500
        surprise = rows.loc[("flow_surprise", "TOTAL")]
        assert surprise["value"] == pytest.approx(-434.1 - expected)
        assert min(surprise["value"], 371.1 - expected) > 0

    def test_volume_is_a_record_of_neither_twice(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, date(2026, 2, 5), settings)
        assert rows.loc[("record_multiple_shares", "IBIT"), "value"] == pytest.approx(
            1.69, abs=0.005
        )
        assert rows.loc[("record_multiple_dollars", "IBIT"), "value"] == pytest.approx(
            1.27, abs=0.005
        )
        told = rows.loc[("volume_surprise", "IBIT")]
        assert told["detail"].endswith("of 284,371,500 shares")
        assert told["z"] > 3

    def test_most_of_the_fall_came_while_equities_traded(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, date(2026, 2, 5), settings)
        share = rows.loc[("move_share", "us_cash")]
        assert share["lower"] > 0.5
        assert rows.loc["move_share", "value"].sum() == pytest.approx(1)
        assert rows.loc[("move", "whole"), "value"] == pytest.approx(np.log(1 - 0.132), abs=0.005)

    def test_the_base_regained_two_thirds_the_day_after(
        self, real_market: Market, settings: Settings
    ) -> None:
        # 41.57 → 36.10 → +9.92 %
        assert rows_of(real_market, DAY, settings).loc[
            ("regained", "IBIT"), "value"
        ] == pytest.approx(0.0992 * 36.10 / (41.57 - 36.10), abs=0.002)

    def test_the_yen_did_not_rise(self, real_market: Market, settings: Settings) -> None:
        rows = rows_of(real_market, date(2026, 2, 5), settings)
        # 156.92 → 157.04 yen per dollar, 16:00 to 16:00 New York
        yen = rows.loc[("yen_move", "USDJPY")]
        assert yen["value"] == pytest.approx(np.log(157.036 / 156.920), abs=1e-5)
        # The dollar gained a little less than in the median session: z is barely below zero.
        assert yen["z"] == pytest.approx(-0.066, abs=0.001)
        assert rows.loc[("carry_unwind", "USDJPY"), "value"] == pytest.approx(0.066, abs=0.001)
        assert rows.loc[("carry_unwind", "USDJPY"), "category"] == "risk down"

    def test_a_chain_before_the_close_is_partial(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, date(2026, 2, 13), settings)
        share = rows.loc[("put_share", "IBIT")]
        assert share["value"] == pytest.approx(339598 / (240475 + 339598))
        assert share["quality"] == "partial"


@pytest.mark.market
class TestCrash:
    def test_10_october_2025_came_after_the_close(
        self, real_market: Market, settings: Settings
    ) -> None:
        """The cascade of Friday 20:50–21:30 UTC lies in the window of Monday's session."""
        rows = rows_of(real_market, date(2025, 10, 13), settings)
        after = rows.loc[("move", "after_close")]
        assert after["value"] < -0.02
        assert after["z"] < -4
        outside = rows.loc["variation_share", "value"][["after_close", "weekend"]].sum()
        assert outside > 0.5
        # the weekend took most of it back: the whole is too small to be shared out
        assert "is below 2%" in rows.loc[("move_share", "after_close"), "reason"]

    def test_5_august_2024_is_the_yen_with_risk_assets(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, date(2024, 8, 5), settings)
        # seven months after the listing a z has errors enough behind it
        assert rows.loc[("volume_surprise", "IBIT"), "n"] >= 20
        assert rows.loc[("flow_surprise", "TOTAL"), "n"] >= 20
        told = rows.loc[("carry_unwind_slide", "USDJPY")]
        assert told["category"] == "yen up, risk down"
        assert told["value"] > 2


@pytest.mark.market
class TestDegradedVendor:
    def test_without_volume_the_flow_is_expected_without_it(
        self, real_market: Market, settings: Settings
    ) -> None:
        rows = rows_of(real_market, date(2026, 8, 20), settings)
        told = rows.loc[("flow_surprise", "IBIT")]
        assert np.isfinite(told["value"])
        assert "no volume of IBIT: expected without it" in told["detail"]
        assert (
            rows.loc[("volume_surprise", "IBIT"), "reason"] == "no volume of IBIT for the session"
        )
        assert "no hourly bar of the session" in rows.loc[("move", "whole"), "reason"]
