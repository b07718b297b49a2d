"""The shipped verdict on simulated markets with known truth, under several seeds."""

from datetime import date
from functools import cache

import pandas as pd
import pytest

from models.verdict import evaluate_rule, poisson_interval
from tests.conftest import RECEIVED
from tests.unwind.verdict_markets import verdict
from unwind.settings import load_settings
from unwind.simulation.source import SimulatedSource
from unwind.studies.history import read_history

EVENT = date(2026, 2, 5)
SEEDS = (1, 2, 3)


@cache
def _verdict(scenario: str, seed: int) -> pd.DataFrame:
    source = SimulatedSource(
        scenario, seed=seed, first=date(2024, 2, 1), last=date(2026, 3, 20), event=EVENT
    )
    settings = load_settings()
    history = read_history(source, name=scenario, received_at=RECEIVED, settings=settings)
    return verdict(history, settings).loc[history.first_scored :]


class TestMultiStrategyUnwind:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_deleveraging_on_its_day_and_watched_the_day_before(self, seed: int) -> None:
        told = _verdict("multi_strat_unwind", seed)["state"]
        assert told.loc["2026-02-05"] == "DELEVERAGING"
        # The spreads lose first: the script's prime-broker reading is of the 4th.
        assert told.loc["2026-02-04"] in ("WATCH", "DEGROSSING", "DELEVERAGING")


class TestOneStockShock:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_stays_out_of_deleveraging(self, seed: int) -> None:
        told = _verdict("one_stock_shock", seed)["state"].loc["2026-02-05":"2026-02-12"]
        assert "DELEVERAGING" not in set(told)


class TestVolatilityOnly:
    @pytest.mark.xfail(
        reason="joint falls of a market three times as volatile as its own baseline score up to "
        "3.3 in its first three weeks, before the 90 sessions of the baseline know of it; the row "
        "two-sided volatility of the table quality says so where joint rises came before"
    )
    @pytest.mark.parametrize("seed", [1, 2])
    def test_stays_out_of_deleveraging(self, seed: int) -> None:
        told = _verdict("volatility_only", seed)["state"].loc["2026-02-05":]
        assert "DELEVERAGING" not in set(told)


class TestCalm:
    def test_is_entered_no_more_often_than_stated(self) -> None:
        """Three markets of 1.7 years: the exact interval of their rate reaches the stated one."""
        settings = load_settings()
        records = [
            evaluate_rule(
                _verdict("calm", seed)["state"] == "DELEVERAGING",
                episodes=(), calm=(), others=(), quiet=settings.calibration.quiet,
            )
            for seed in SEEDS
        ]  # fmt: skip
        entries = sum(len(record.false_alarms) for record in records)
        lower, _ = poisson_interval(entries, sum(record.years for record in records))
        assert lower <= settings.calibration.deleveraging_entries
        assert entries <= 4
