"""The record of the verdict with the screens and without them: 22 years of real markets."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from features.panel import Panel
from models.verdict import DELEVERAGING
from tests.conftest import SHARED
from unwind.indicators.verdict import judge
from unwind.market.confirmations import no_confirmations
from unwind.market.plausibility import plausible_prices
from unwind.pipeline import to_sessions
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.studies import history

pytestmark = pytest.mark.market
ARRIVED = pd.Timestamp("2026-11-30T00:00Z")
# The vendor's yen of these two days is the level of August 2008, 110; the days beside it had 101
# and 93. Their returns, and those of the rows after them, are no market's.
WRONG_YEN = [("USDJPY", date) for date in ("2008-10-08", "2008-10-09", "2008-12-08", "2008-12-09")]


@pytest.mark.parametrize(
    ("folder", "wrong"),
    [("history", WRONG_YEN), ("history_2018_2021", []), ("ibit_era", [])],
)
def test_the_screens_change_no_entry(
    folder: str, wrong: list[tuple[str, str]], market_folder: Path, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source = FilesSource(SHARED / "market" / folder)
    plain = history.read_history(source, name=folder, received_at=ARRIVED, settings=settings)
    named: list[tuple[str, str]] = []

    def screened(
        prices: pd.DataFrame, hourly: pd.DataFrame, *, symbols: tuple[str, ...], last: date,
        settings: Settings,
    ) -> Panel:  # fmt: skip
        found = plausible_prices(
            prices, prices, symbols=symbols, confirmations=no_confirmations(), cutoff=ARRIVED,
            settings=settings,
        )  # fmt: skip
        named.extend(
            (fault.entity, f"{fault.session:%Y-%m-%d}")
            for fault in found.faults
            if fault.rule != "frozen_series"
        )
        return to_sessions(
            found.rows, hourly, symbols=symbols, last=last, settings=settings,
            set_aside=found.set_aside,
        )  # fmt: skip

    monkeypatch.setattr(history, "to_sessions", screened)
    after = history.read_history(source, name=folder, received_at=ARRIVED, settings=settings)
    assert named == wrong
    # The yen counts in the moves of three sessions, and in σ for the 90 after.
    apart = (plain.drivers - after.drivers).abs().max(axis=1) > 1e-12
    changed = plain.drivers.index[apart]
    assert (len(changed) > 0) == bool(wrong)
    assert len(changed) <= 20
    assert all(pd.Timestamp("2008-10-08") <= day <= pd.Timestamp("2009-04-30") for day in changed)
    before, now = (judge(each.drivers, settings).states for each in (plain, after))
    raised = (before["state"] == DELEVERAGING, now["state"] == DELEVERAGING)
    pd.testing.assert_series_equal(*raised)
    moved = before.index[before["state"] != now["state"]]
    assert len(moved) <= 3
    assert all(pd.Timestamp("2008-10-08") <= day <= pd.Timestamp("2009-04-30") for day in moved)
