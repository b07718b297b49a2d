"""The figures behind the charts are the published ones, on simulated and on real data."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.unwind.mechanism_markets import changed, cut_to, market_of, moment_of
from unwind.indicators.mechanisms.table import mechanisms
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.pipeline import Market, observe
from unwind.report.mechanisms import chart_texts
from unwind.settings import Settings
from unwind.simulation.source import SimulatedSource

EVENT = date(2026, 2, 5)
WEEK = [pd.Timestamp(day) for day in ("2026-02-04", "2026-02-03", "2026-01-28")]


def looked_at(market: Market, settings: Settings) -> tuple[MechanismViews, pd.DataFrame]:
    rows, views = mechanisms(observe(market, moment_of(EVENT, settings), settings=settings))
    return views, rows.set_index(["indicator", "item"])


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Market:
    source = SimulatedSource(
        "multi_strat_unwind", seed=1, first=date(2024, 1, 3), last=date(2026, 2, 27), event=EVENT
    )
    return market_of(source, tmp_path_factory.mktemp("simulated"), settings)


@pytest.fixture(scope="module")
def seen(simulated: Market, settings: Settings) -> tuple[MechanismViews, pd.DataFrame]:
    return looked_at(simulated, settings)


@pytest.fixture(scope="module")
def real(real_market: Market, settings: Settings) -> tuple[MechanismViews, pd.DataFrame]:
    return looked_at(real_market, settings)


def check_flow(views: MechanismViews, rows: pd.DataFrame) -> None:
    last = views.flow.rows.iloc[-1]
    for name, indicator in (("flow", "flow"), ("expected", "flow_expected"),
                            ("surprise", "flow_surprise")):  # fmt: skip
        assert last[name] == rows.loc[(indicator, "IBIT"), "value"]
    assert last["category"] == rows.loc[("vendor_conflict", "IBIT"), "category"]
    assert last.name.date() == rows.loc[("flow", "IBIT"), "describes"]


def check_basis(views: MechanismViews, rows: pd.DataFrame) -> None:
    assert list(views.basis.curves) == WEEK
    newest = views.basis.curves[WEEK[0]]
    for tenor in views.basis.tenors:
        row = rows.loc[("basis", f"{tenor}d")]
        basis, error = newest.loc[tenor, ["basis", "error"]]
        np.testing.assert_array_equal(
            [basis, basis - error, basis + error], row[["value", "lower", "upper"]].astype(float)
        )
    last = views.basis.history.iloc[-1]
    assert last["basis"] == newest.loc[30, "basis"]


class TestSimulatedDay:
    def test_gamma_is_the_published_band_and_flip(self, seen) -> None:
        views, rows = seen
        held = views.gamma.profile
        row, flip = rows.loc[("gamma_exposure", "IBIT")], rows.loc[("gamma_flip", "IBIT")]
        assert (held.central, held.low, held.high) == (row["value"], row["lower"], row["upper"])
        assert held.flip == flip["value"]
        at_spot = np.interp(held.spot, held.profile.index, held.profile["central"])
        assert at_spot == pytest.approx(held.central, rel=0.02)

    def test_basis_is_the_published_one(self, seen) -> None:
        check_basis(*seen)

    def test_flow_is_the_published_one(self, seen) -> None:
        check_flow(*seen)

    def test_barriers_are_the_published_mean_and_density(self, seen) -> None:
        views, rows = seen
        notes = views.barriers.notes
        ahead = notes[notes["barrier"] < views.barriers.spot]
        mean = np.average(ahead["probability"], weights=ahead["notional"])
        assert mean == pytest.approx(rows.loc[("barrier_proximity", "IBIT"), "value"], abs=1e-12)
        below = views.barriers.density[views.barriers.density["percent"] < 0]
        published = rows.loc[("notional_density", "IBIT"), "value"]
        assert below["notional"].mean() == pytest.approx(published, rel=1e-12)
        assert rows.loc[("barrier_proximity", "IBIT"), "n"] == len(ahead)
        for note, probability in zip(notes["note"], notes["probability"], strict=True):
            assert probability == rows.loc[("hitting_probability", note), "value"]

    def test_later_rows_change_nothing(self, simulated, seen, settings: Settings) -> None:
        views, _ = looked_at(cut_to(simulated, EVENT), settings)
        assert chart_texts(views) == chart_texts(seen[0])
        pd.testing.assert_frame_equal(views.flow.rows, seen[0].flow.rows)
        pd.testing.assert_frame_equal(views.basis.history, seen[0].basis.history)
        pd.testing.assert_frame_equal(views.gamma.profile.profile, seen[0].gamma.profile.profile)


class TestMissingInput:
    def test_each_view_is_the_published_reason(self, simulated, settings: Settings) -> None:
        names = ("option_chains", "futures", "etf_flows", "structured_notes")
        bare = changed(simulated, **{name: simulated.vintages[name].iloc[:0] for name in names})
        views, rows = looked_at(bare, settings)
        for view, indicator in (
            (views.gamma, "gamma_exposure"), (views.basis, "basis"), (views.flow, "flow_surprise"),
            (views.barriers, "barrier_proximity"),
        ):  # fmt: skip
            assert isinstance(view, str)
            assert view in rows.loc[indicator, "reason"].tolist()


@pytest.mark.market
class TestFebruary2026:
    def test_flow_is_the_published_one_and_contested(self, real) -> None:
        check_flow(*real)
        assert bool(real[0].flow.rows["conflicted"].iloc[-1])

    def test_basis_is_the_published_one(self, real) -> None:
        check_basis(*real)

    def test_what_no_source_prints_is_said(self, real) -> None:
        assert real[0].gamma == "no option chain of IBIT was known by the cut-off"
        assert "maintained manually" in real[0].barriers
