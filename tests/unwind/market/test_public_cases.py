"""Faults that users of such services reported in public, built from the real market data."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unwind.cases import builder_of_cases
from unwind.calendar import publication_instant
from unwind.indicators.context import RunContext, Slot
from unwind.indicators.data_quality import quality_rows
from unwind.indicators.links.correlations import links
from unwind.indicators.mechanisms.options import options_block
from unwind.indicators.risk.shocks import shock_rows
from unwind.indicators.verdict import decide
from unwind.market.store import ingest
from unwind.pipeline import Market, load_market, observe
from unwind.settings import Settings
from unwind.sources.files import FilesSource

pytestmark = pytest.mark.market
# After every session of the cases: a revision without a known_at arrives long after the cut-offs.
ARRIVED = pd.Timestamp("2026-11-30T00:00Z")
Run = Callable[..., "Answer"]


class Answer:
    """What a session's own run says of a case."""

    def __init__(self, market: Market, day: str, settings: Settings) -> None:
        session = date.fromisoformat(day)
        cutoff = publication_instant(session, settings.publication)
        slot = Slot(as_of=session, cutoff=cutoff, source="files")
        self.context: RunContext = observe(market, slot, settings=settings)
        verdict, self.stamp = decide(self.context), pd.Timestamp(session)
        self.state = verdict.states["state"].loc[self.stamp]
        self.score = round(float(verdict.scores.score.loc[self.stamp]), 2)
        quality = quality_rows(self.context, market.rejected)
        self.named = quality[quality["severity"] != "info"]

    def simple(self, symbol: str) -> float:
        """Simple return of the session, per cent."""
        return float(100 * np.expm1(self.context.panel.returns[symbol].loc[self.stamp]))

    def correlation(self, symbol: str, sessions: int = 63) -> float:
        returns = self.context.panel.returns.iloc[-sessions:]
        return round(float(returns["IBIT"].corr(returns[symbol])), 3)

    def names(self, entity: str, session: str) -> bool:
        own = self.named[self.named["entity"] == entity]
        return bool(own["example"].str.contains(session, regex=False).any())

    def shares(self) -> dict[str, Any]:
        rows = shock_rows(self.context, links(self.context))
        chosen = (rows["asset"] == "IBIT") & (rows["measure"] == "volume_shares")
        return dict(rows[chosen].iloc[0])


@pytest.fixture(scope="module")
def builder() -> Any:
    return builder_of_cases()


@pytest.fixture(scope="module")
def run(
    builder: Any,
    market_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    settings: Settings,
) -> Iterator[Run]:
    """Drop the folders of a case one after the other and observe a session."""

    def answer(case: str, *folders: str, day: str, arrived: pd.Timestamp | None = None) -> Answer:
        tables = builder.CASES[case](market_folder.parent)
        place = tmp_path_factory.mktemp(case)
        for number, name in enumerate(folders):
            drop = place / str(number)
            drop.mkdir()
            for table, rows in tables[name].items():
                rows.to_parquet(drop / f"{table}.parquet", index=False)
            ingest(
                place / "market", FilesSource(drop), settings=settings,
                received_at=arrived or ARRIVED,
            )  # fmt: skip
        return Answer(load_market(place / "market"), day, settings)

    yield answer
    builder._read.cache_clear()


class TestLostSplit:
    def test_the_return_of_close_stands(self, run: Run) -> None:
        right, drop = (
            run("adj_close_lost_split", folder, day="2026-01-28") for folder in ("right", "drop")
        )
        assert (drop.state, drop.score) == (right.state, right.score)
        assert drop.state == "CALM"
        for symbol, move in (("SPY", -0.01), ("HYG", -0.16), ("IGV", -0.72)):
            assert drop.simple(symbol) == pytest.approx(move, abs=0.006)
            assert drop.names(symbol, "2026-01-28")
            assert not right.names(symbol, "2026-01-28")
        own = drop.named[drop.named["entity"] == "SPY"]["example"].item()
        assert "adj_close -75.00%" in own
        assert "close -0.01%" in own


class TestUnit:
    @pytest.mark.parametrize("case", ["units_100x", "units_switch_to_pounds"])
    def test_on_its_day(self, case: str, run: Run) -> None:
        right, drop = (run(case, folder, day="2026-01-28") for folder in ("right", "drop"))
        assert (drop.state, drop.score) == (right.state, right.score)
        assert drop.simple("GLD") == pytest.approx(3.88, abs=0.006)
        assert drop.correlation("GLD") == pytest.approx(0.161, abs=0.001)
        assert drop.names("GLD", "2026-01-28")

    @pytest.mark.parametrize("case", ["units_100x", "units_switch_to_pounds"])
    def test_on_the_day_after(self, case: str, run: Run) -> None:
        right, drop = (run(case, folder, day="2026-01-29") for folder in ("right", "drop"))
        assert (drop.state, drop.score) == (right.state, right.score)
        assert drop.simple("GLD") == pytest.approx(0.27, abs=0.006)
        assert drop.correlation("GLD") == pytest.approx(0.158, abs=0.001)
        assert drop.names("GLD", "2026-01-28")
        assert drop.names("GLD", "2026-01-29") == (case == "units_100x")


class TestCloseRepeatsOpen:
    @pytest.mark.parametrize(
        ("day", "state"), [("2026-01-28", "CALM"), ("2026-02-05", "DELEVERAGING")]
    )
    def test_the_series_is_set_aside(self, day: str, state: str, run: Run) -> None:
        right, drop = (run("fx_close_repeats_open", f, day=day) for f in ("right", "drop"))
        assert drop.state == right.state == state
        # One class fewer moves the score a little.
        assert drop.score == pytest.approx(right.score, abs=0.03)
        assert np.isnan(drop.simple("USDJPY"))
        own = drop.named[drop.named["entity"] == "USDJPY"]
        assert own["rule"].str.contains("close_repeats_open").any()
        assert drop.names("USDJPY", day)


class TestSplitOfACounterpart:
    DAILY = tuple(f"daily/2026-02-0{day}" for day in (2, 3, 4, 5))

    def test_one_file_and_one_row_per_day_say_the_same(self, run: Run) -> None:
        right = run("split_incremental", "right", day="2026-02-03")
        whole = run("split_incremental", "whole", day="2026-02-03")
        daily = run("split_incremental", *self.DAILY[:2], day="2026-02-03")
        for drop in (whole, daily):
            assert (drop.state, drop.score) == (right.state, right.score)
            assert drop.simple("IGV") == pytest.approx(right.simple("IGV"), abs=0.006)
            assert drop.names("IGV", "2026-02-03")
        columns = ["table", "entity", "rule", "severity", "count", "example"]
        pd.testing.assert_frame_equal(whole.named[columns], daily.named[columns])

    def test_two_days_later(self, run: Run) -> None:
        right = run("split_incremental", "right", day="2026-02-05")
        daily = run("split_incremental", *self.DAILY, day="2026-02-05")
        assert (daily.state, daily.score) == (right.state, right.score)
        assert daily.correlation("IGV") == pytest.approx(0.486, abs=0.001)
        assert daily.names("IGV", "2026-02-03")


class TestSplitOfTheBase:
    DAILY = tuple(f"daily/2026-02-0{day}" for day in (2, 3, 4))

    @pytest.mark.parametrize("arrived", [None, "2026-02-03T21:10Z"])
    def test_records_are_in_shares_of_today(self, arrived: str | None, run: Run) -> None:
        at = None if arrived is None else pd.Timestamp(arrived)
        drop = run("base_split_records", *self.DAILY[:2], day="2026-02-03", arrived=at)
        shares = drop.shares()
        assert not shares["is_record"]
        assert shares["record_multiple"] == pytest.approx(0.748, abs=0.0006)
        assert shares["previous_record"] == pytest.approx(168.2e6, rel=1e-3)
        assert shares["previous_record_on"] == pd.Timestamp("2025-11-21")
        assert shares["z"] == pytest.approx(2.53, abs=0.006)
        assert drop.names("IBIT", "2026-0")

    def test_on_the_day_after(self, run: Run) -> None:
        shares = run("base_split_records", *self.DAILY, day="2026-02-04").shares()
        assert shares["record_multiple"] == pytest.approx(0.659, abs=0.0006)
        assert shares["z"] == pytest.approx(2.14, abs=0.006)

    def test_a_chain_of_the_day_before_follows(self, run: Run) -> None:
        drop = run("base_split_stale_chain", "drop", day="2026-02-13")
        gamma, flip = options_block(drop.context).rows[:2]
        assert gamma.value == pytest.approx(-13.8e6, rel=0.01)
        assert gamma.lower == pytest.approx(-267e6, rel=0.01)
        assert flip.value == pytest.approx(20.2, abs=0.05)
        assert drop.names("IBIT", "2026-02-12")


class TestRealMarket:
    """What happened is not set aside: nothing of 2024 to 2026 is named."""

    @pytest.mark.parametrize(
        ("day", "symbol", "move"),
        [
            ("2026-01-30", "SLV", -28.5),
            ("2026-02-05", "IBIT", -13.2),
            ("2024-08-05", "IBIT", -14.1),
            ("2024-08-08", "IBIT", 8.3),
        ],
    )
    def test_a_crash_stands(
        self, day: str, symbol: str, move: float, builder: Any, market_folder: Path,
        tmp_path: Path, settings: Settings,
    ) -> None:  # fmt: skip
        ingest(
            tmp_path / "market", FilesSource(market_folder), settings=settings, received_at=ARRIVED
        )
        answer = Answer(load_market(tmp_path / "market"), day, settings)
        assert answer.simple(symbol) == pytest.approx(move, abs=0.5)
        assert not answer.names(symbol, day)
        assert answer.context.faults["prices"] == ()
