"""Data that look right and are wrong, as users of such services reported them in public."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unwind.cases import analysed, build, dropped, named, observed, state
from unwind.indicators.context import RunContext
from unwind.indicators.data_quality import quality_rows
from unwind.indicators.mechanisms.table import mechanisms
from unwind.pipeline import Analysis, Market
from unwind.settings import Settings

pytestmark = pytest.mark.market


Stores = Callable[[str, str], Market]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Stores:
    """Market after one drop folder of a case; each is built once."""

    @cache
    def store(case: str, folder: str) -> Market:
        place = tmp_path_factory.mktemp(case)
        return dropped(place / "store", [build(case, place) / folder], settings)

    return store


def _mechanism(context: RunContext, indicator: str) -> pd.DataFrame:
    rows = mechanisms(context)[0]
    return rows[rows["indicator"] == indicator]


def _driver(analysis: Analysis, name: str) -> dict[str, Any]:
    drivers = analysis.tables["regimes"]["drivers"].iloc[0]
    return next(one for one in drivers if one["driver"] == name)


def _names(market: Market, context: RunContext, entity: str, session: str) -> bool:
    quality = quality_rows(context, market.rejected)
    own = quality[(quality["entity"] == entity) & (quality["severity"] != "info")]
    return bool(own["example"].str.contains(session, regex=False).any())


class TestCodeForMissing:
    """Ken French writes −99.99 for a factor that is missing."""

    @pytest.mark.parametrize("arm", ["drop", "momentum"])
    def test_is_no_crash_of_a_factor(self, arm: str, tmp_path: Path, settings: Settings) -> None:
        case = build("factors_minus_99_99", tmp_path)
        found = {}
        for folder in ("null", arm):
            market = dropped(tmp_path / f"store-{folder}", [case / folder], settings)
            found[folder] = analysed(market, "2026-01-28", settings)
        assert state(found[arm]) == state(found["null"])
        assert state(found[arm])[0] == "CALM"
        assert named(found[arm], "equity_factors_pct", "2026-01-28")
        crowding = _driver(found[arm], "crowding")
        # Without momentum alone, five of six long–short factors are left to be read.
        assert (pd.isna(crowding["value"])) == (arm == "drop")


class TestLateFirstPrint:
    def test_is_known_from_its_arrival(self, tmp_path: Path, settings: Settings) -> None:
        case = build("late_first_print", tmp_path)
        folders = [case / "evening"]
        evening = dropped(tmp_path / "store", folders, settings)
        first = state(analysed(evening, "2026-02-05", settings))
        assert first[0] != "DELEVERAGING"
        morning = pd.Timestamp("2026-02-06T14:35Z")
        market = dropped(tmp_path / "store", [case / "morning"], settings, received_at=morning)
        assert state(analysed(market, "2026-02-05", settings)) == first
        later = analysed(market, "2026-02-05", settings, cutoff="2026-02-06T14:40Z")
        assert state(later)[0] == "DELEVERAGING"

    def test_says_when_itself_where_it_has_a_known_at(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        case = build("late_first_print", tmp_path)
        evening = dropped(tmp_path / "store", [case / "evening"], settings)
        first = state(analysed(evening, "2026-02-05", settings))
        market = dropped(tmp_path / "store", [case / "morning_dated"], settings)
        assert state(analysed(market, "2026-02-05", settings)) == first
        later = analysed(market, "2026-02-05", settings, cutoff="2026-02-06T14:40Z")
        assert state(later)[0] == "DELEVERAGING"


class TestShutdown:
    @pytest.mark.parametrize(
        "day", ["2025-10-17", "2025-11-14", "2025-11-21", "2026-01-09", "2026-01-20"]
    )
    def test_reports_are_known_when_they_were_published(
        self, day: str, stores: Stores, settings: Settings
    ) -> None:
        columns = ["value", "describes", "known_at", "quality", "reason"]
        drop, right = (
            _mechanism(
                observed(stores("cftc_shutdown", arm), day, settings), "leveraged_net_short"
            ).iloc[0][columns]
            for arm in ("drop", "right")
        )
        pd.testing.assert_series_equal(drop, right, check_names=False)


class TestTwoVenues:
    """The first by name lacks two of its bars at 16:00; the other quotes 3 % more."""

    @pytest.mark.parametrize(
        ("day", "move"),
        [("2026-01-21", 0.53), ("2026-01-22", -0.89), ("2026-01-28", -0.30), ("2026-01-29", -5.51)],
    )
    def test_no_return_runs_from_one_to_the_other(
        self, day: str, move: float, stores: Stores, settings: Settings
    ) -> None:
        market = stores("venues_two_first_has_gap", "drop")
        context = observed(market, day, settings)
        own = 100 * np.expm1(context.panel.returns["BTC-USD"].loc[context.stamp])
        assert own == pytest.approx(move, abs=0.02)
        quality = quality_rows(context, market.rejected)
        (told,) = quality.loc[quality["rule"] == "one of several venues", "example"]
        assert told.startswith("Kraken at every session; Binance lacks ")


class TestRoundTheClock:
    """Bitcoin futures without a weekend; the simulated basis is 6 % at the end of every bar."""

    @pytest.mark.parametrize("day", ["2026-05-26", "2026-06-01", "2026-06-08", "2026-06-15"])
    def test_the_futures_day_of_a_friday_ends_with_the_utc_day(
        self, day: str, stores: Stores, settings: Settings
    ) -> None:
        context = observed(stores("cme_round_the_clock", "drop"), day, settings)
        basis = _mechanism(context, "basis").set_index("item").loc["30d"]
        assert basis["value"] == pytest.approx(0.06, abs=0.002)
        change = _mechanism(context, "basis_change").iloc[0]
        assert change["lower"] <= 0 <= change["upper"]


class TestHalfDay:
    @pytest.mark.parametrize(
        ("day", "half"),
        [("2025-11-28", "2025-11-28"), ("2025-12-01", "2025-11-28"), ("2025-12-24", "2025-12-24")],
    )
    def test_two_clocks_are_named(
        self, day: str, half: str, stores: Stores, settings: Settings
    ) -> None:
        market = stores("halfday_btc_clock", "drop")
        context = observed(market, day, settings)
        assert _names(market, context, "BTC-USD", half)
        assert _names(market, context, "USDJPY", half)
        assert not _names(market, context, "IBIT", half)
