"""The block "notes": states, bands, and the hand-kept notes of event.md."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.derivatives import knock_in_put
from tests.conftest import small_prices, write_drop
from tests.unwind.contexts import run_context
from tests.unwind.mechanism_markets import (
    changed,
    cut_to,
    market_of,
    moment_of,
    rows_of,
)
from unwind.indicators.block import GOOD, MISSING, PARTIAL, PROXY
from unwind.indicators.mechanisms.note_states import barrier_map, standing_notes
from unwind.indicators.mechanisms.notes import notes_block
from unwind.pipeline import Market, observe
from unwind.settings import Settings
from unwind.sources.files import FilesSource

DAY = date(2026, 2, 5)


def note(name: str, barrier: float, observation: str, **changes: object) -> dict[str, object]:
    return {
        "note": name, "underlying": "IBIT", "issued_at": pd.Timestamp("2025-11-14"),
        "maturity": pd.Timestamp("2027-05-14"), "barrier": barrier, "notional_usd": 10e6,
        "observation": observation, **changes,
    }  # fmt: skip


def falling(settings: Settings) -> pd.DataFrame:
    """Prices in which IBIT goes from 100 in a straight line to 60 on the last day, and back up."""
    prices = small_prices(settings.universe.symbols, first=date(2025, 6, 2), last=date(2026, 2, 13))
    base = prices["symbol"] == "IBIT"
    sessions = prices.loc[base, "session"]
    issue, end = pd.Timestamp("2025-11-14"), pd.Timestamp("2026-01-15")
    path = np.interp(
        sessions.map(pd.Timestamp.toordinal),
        [day.toordinal() for day in (issue, end, pd.Timestamp("2026-02-05"))], [100.0, 60.0, 80.0],
    )  # fmt: skip
    wiggle = 1 + 0.01 * np.sin(np.arange(len(path)))
    wiggle[sessions.isin([issue, pd.Timestamp(DAY)])] = 1.0
    for name in ("open", "high", "low", "close", "adj_close"):
        prices.loc[base, name] = path * wiggle
    return prices


NOTES = [
    note("crossed", 65.0, "american"),
    note("crossed, end only", 65.0, "european"),
    note("crossed, not told", 65.0, "unknown"),
    note("live", 50.0, "american", notional_usd=30e6),
    note("live, not told", 55.0, "Unknown"),
    note("matured", 70.0, "american", maturity=pd.Timestamp("2026-02-05")),
    note("later", 70.0, "american", issued_at=pd.Timestamp("2026-02-10")),
    note("too old", 40.0, "american", issued_at=pd.Timestamp("2025-01-02")),
    note("stranger", 40.0, "american", underlying="BITB"),
    note("empty", np.nan, "american"),
]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Market:
    implied = pd.DataFrame(
        {"session": pd.Timestamp("2026-02-04"), "index": ["DVOL"], "close": [60.0]}
    )
    folder = write_drop(
        tmp_path_factory.mktemp("drop"), falling(settings),
        structured_notes=pd.DataFrame(NOTES), implied_vol=implied,
    )  # fmt: skip
    return market_of(FilesSource(folder), tmp_path_factory.mktemp("store"), settings)


@pytest.fixture(scope="module")
def rows(market: Market, settings: Settings):
    return rows_of(notes_block, market, moment_of(DAY, settings), settings)


class TestStates:
    def test_each_note_stands_where_it_should(self, rows) -> None:
        found = {
            item: row.category
            for (name, item), row in rows.items()
            if name == "hitting_probability"
        }
        assert found == {
            "crossed": "knocked in", "crossed, end only": "live", "crossed, not told": "unknown",
            "live": "live", "live, not told": "live", "too old": "live",
        }  # fmt: skip

    def test_the_touch_is_dated(self, rows) -> None:
        assert "touched on 2026-01-" in rows[("barrier_distance", "crossed")].detail

    def test_a_note_that_cannot_be_measured_says_why(self, rows) -> None:
        row = rows[("barrier_distance", "stranger")]
        assert row.quality == MISSING
        assert row.reason == "BITB is not in the universe, so it has no price here"
        assert rows[("barrier_distance", "empty")].reason == "barrier or notional is empty"
        strike = rows[("knock_in_delta", "too old")]
        assert strike.reason == "no close of IBIT at issue, so the strike is not known"
        assert rows[("hitting_probability", "too old")].value > 0


class TestFigures:
    def test_distance_in_standard_deviations(self, rows) -> None:
        row = rows[("barrier_distance", "live")]
        assert row.value == pytest.approx(math.log(80 / 50) / (0.6 * math.sqrt(21 / 252)))
        assert row.quality == GOOD

    def test_a_note_is_known_by_its_barrier_and_underlying(self, rows) -> None:
        row = rows[("barrier", "live")]
        assert (row.value, row.category) == (50.0, "IBIT")

    def test_greeks_are_those_of_the_put_struck_at_issue(self, rows, settings: Settings) -> None:
        years = (pd.Timestamp("2027-05-14") - pd.Timestamp(DAY)).days / 365
        put = knock_in_put(
            80.0, 100.0, 50.0, years=years, volatility=0.6, rate=settings.options.rate,
            dividend_yield=0.0, observation="american", knocked_in=False,
        )  # fmt: skip
        assert rows[("knock_in_delta", "live")].value == pytest.approx(put.delta)
        assert rows[("knock_in_value", "live")].value == pytest.approx(put.value / 100)
        assert rows[("knock_in_gamma", "live")].value == pytest.approx(put.gamma * 0.8)
        assert rows[("knock_in_vanna", "live")].value == pytest.approx(put.vanna / 100)

    def test_an_untold_observation_is_a_band(self, rows) -> None:
        row = rows[("knock_in_probability", "live, not told")]
        assert row.lower < row.value == row.upper
        assert row.quality == PARTIAL
        assert np.isnan(rows[("knock_in_probability", "live")].lower)

    def test_a_crossed_note_is_in_for_certain_or_by_its_end(self, rows) -> None:
        assert rows[("knock_in_probability", "crossed")].value == 1
        assert 0 < rows[("knock_in_probability", "crossed, end only")].value < 1

    def test_totals(self, rows) -> None:
        proximity = rows[("barrier_proximity", "IBIT")]
        notes = ["crossed, end only", "crossed, not told", "live", "live, not told", "too old"]
        touch = [rows[("hitting_probability", name)].value for name in notes]
        assert proximity.value == pytest.approx(np.average(touch, weights=[1, 1, 3, 1, 1]))
        assert proximity.n == 5
        assert proximity.quality == PARTIAL
        # 10 M each at 65 (two may still count), none else within 20 % of 80
        assert rows[("notional_density", "IBIT")].value == pytest.approx(20e6 / 20)
        gamma = rows[("issuer_gamma", "IBIT")]
        assert gamma.lower <= gamma.value <= gamma.upper
        assert rows[("issuer_delta", "IBIT")].value < 0

    def test_the_map_is_there_for_a_chart(self, market: Market, settings: Settings) -> None:
        moment = moment_of(DAY, settings)
        panel = observe(market, moment, settings=settings).panel
        inputs = {name: market.known(name, cutoff=moment.cutoff) for name in market.vintages}
        held = inputs["structured_notes"]
        found, _ = standing_notes(
            held[held["underlying"] == "IBIT"],
            "IBIT",
            run_context(panel=panel, moment=moment, settings=settings, inputs=inputs),
        )
        assert barrier_map(found, reach=0.2)["notional"].sum() > 0


class TestWithoutItsInputs:
    def test_prices_alone(self, market: Market, settings: Settings) -> None:
        bare = changed(market, structured_notes=market.vintages["structured_notes"].iloc[:0])
        rows = rows_of(notes_block, bare, moment_of(DAY, settings), settings)
        assert len(rows) == 5
        for row in rows.values():
            assert row.quality == MISSING
            assert "the table is maintained manually" in row.reason

    def test_without_an_index_the_trailing_volatility_is_a_proxy(
        self, market: Market, settings: Settings
    ) -> None:
        bare = changed(market, implied_vol=market.vintages["implied_vol"].iloc[:0])
        row = rows_of(notes_block, bare, moment_of(DAY, settings), settings)[
            ("barrier_distance", "live")
        ]
        assert row.quality == PROXY
        assert "trailing, 63 sessions; no index known" in row.detail

    def test_a_vendor_without_lows_is_read_at_its_closes(
        self, market: Market, settings: Settings
    ) -> None:
        prices = market.vintages["prices"]
        closes = changed(market, prices=prices.assign(low=np.nan))
        rows = rows_of(notes_block, closes, moment_of(DAY, settings), settings)
        assert rows[("barrier_distance", "crossed")].category == "knocked in"


class TestPrefixInvariance:
    def test_later_rows_change_nothing(self, market: Market, settings: Settings, rows) -> None:
        day = date(2026, 2, 5)
        prefix = rows_of(notes_block, cut_to(market, day), moment_of(day, settings), settings)
        pd.testing.assert_frame_equal(pd.DataFrame(rows.values()), pd.DataFrame(prefix.values()))


@pytest.mark.market
class TestFebruary2026:
    """event.md, claim 12: barriers at 43.6, crossed before 5 February, and near 38–39."""

    def test_the_november_note_had_gone_and_the_cluster_was_next(
        self, real_market: Market, settings: Settings
    ) -> None:
        held = pd.DataFrame(
            [note("November", 43.6, "american"), note("cluster", 38.5, "american")]
        ).assign(known_at=pd.Timestamp("2025-11-15T05:00Z"))
        for name in ("issued_at", "maturity"):
            held[name] = held[name].astype("datetime64[us]")
        real = changed(real_market, structured_notes=held)
        before, after = (
            rows_of(notes_block, real, moment_of(day, settings), settings)
            for day in (date(2026, 2, 4), date(2026, 2, 5))
        )
        assert before[("barrier_distance", "November")].category == "knocked in"
        assert "touched on 2026-02-03" in before[("barrier_distance", "November")].detail
        cluster = before[("barrier_distance", "cluster")]
        assert cluster.category == "live"
        # ln(41.57 / 38.5) = 7.7 %: half a standard deviation of a month
        assert 0.2 < cluster.value < 0.8
        assert before[("hitting_probability", "cluster")].value > 0.5
        assert after[("barrier_distance", "cluster")].category == "knocked in"
