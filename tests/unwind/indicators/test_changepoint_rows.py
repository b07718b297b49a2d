"""Rows of `changepoints`: offline breaks and online alarms side by side."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.panel import Panel
from tests.conftest import small_prices
from tests.unwind.contexts import run_context
from unwind.calendar import publication_instant
from unwind.contract.tables import TABLES
from unwind.indicators.context import Slot
from unwind.indicators.risk.changepoints import changepoint_rows
from unwind.settings import Settings, SettingsError, parse_settings

DAY = date(2026, 2, 5)


def _panel(settings: Settings, *, fall: float) -> Panel:
    """Two and a half years; over the last 20 sessions every asset loses `fall` a session more."""
    symbols = settings.universe.symbols
    prices = small_prices(symbols, first=date(2023, 8, 1), last=DAY)
    close = prices.pivot_table(index="session", columns="symbol", values="close")[list(symbols)]
    returns = np.log(close).diff()
    returns.iloc[-20:] -= fall
    known = pd.DataFrame(
        pd.Timestamp("2026-02-05T21:10Z"), index=returns.index, columns=returns.columns
    )
    return Panel(
        returns=returns, close=close, shares=close, dollars=close, known_at=known,
        notes=pd.DataFrame({"session": [], "symbol": [], "rule": [], "detail": []}),
        hourly=pd.DataFrame(),
    )  # fmt: skip


def _rows(settings: Settings, *, fall: float) -> pd.DataFrame:
    moment = Slot(as_of=DAY, cutoff=publication_instant(DAY, settings.publication), source="f")
    rows = changepoint_rows(
        run_context(panel=_panel(settings, fall=fall), moment=moment, settings=settings)
    )
    return TABLES["changepoints"].arrow(rows).to_pandas() if len(rows) else rows


class TestCrash:
    def test_of_the_whole_cross_section_is_in_the_table(self, settings: Settings) -> None:
        rows = _rows(settings, fall=0.02)
        found = rows[(rows["pair"] == "universe") & (rows["quantity"] == "mean")]
        assert {"glr-cusum-mean", "bocpd-mean", "e-detector-mean"} <= set(found["method"])
        late = found[found["break_at"] >= date(2026, 1, 5)]
        assert (late["after"] < late["before"]).all()
        assert (late["first_seen"] >= late["break_at"]).all()
        assert (late["delay"] >= 0).all()
        assert late["confidence"].between(0, 1).all()
        assert set(rows["false_alarms_per_year"].dropna()) == {
            settings.changepoint.false_alarms_per_year
        }

    def test_offline_rows_state_no_rate(self, settings: Settings) -> None:
        rows = _rows(settings, fall=0.02)
        offline = rows[rows["method"] == "kernelcpd-linear"]
        assert offline[["confidence", "false_alarms_per_year"]].isna().all(axis=None)
        assert set(offline["quantity"]) <= {"correlation"}


class TestSettings:
    def test_reference_holds_its_own_minimum(self, settings: Settings) -> None:
        raw = settings.model_dump(mode="json")
        raw["changepoint"]["min_reference"] = 505
        with pytest.raises(SettingsError, match="min_reference must not exceed reference 504"):
            parse_settings(raw, origin="desk")
