"""Facts of the shipped calibration on the real market beside the checkout."""

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import RECEIVED, SHARED, write_drop
from tests.unwind.verdict_markets import verdict
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.studies.episodes import Labels, read_label_folders
from unwind.studies.history import History, read_history, without_overlap
from unwind.studies.sample import (
    calibrate_sample,
    judge_left_out,
    judge_with,
    pool,
    record_of,
    year_folds,
)
from unwind.studies.track_record import shipped_calibration

pytestmark = pytest.mark.market


@pytest.fixture(scope="session")
def histories(settings: Settings) -> tuple[History, ...]:
    names = ("history", "history_2018_2021", "ibit_era")
    folders = [SHARED / "market" / name for name in names]
    if not all((folder / "prices.parquet").exists() for folder in folders):
        pytest.skip("the real market data is not beside this checkout")
    return without_overlap(
        tuple(
            read_history(
                FilesSource(folder), name=folder.name, received_at=RECEIVED, settings=settings
            )
            for folder in folders
        )
    )


@pytest.fixture(scope="session")
def labels() -> Labels:
    folders = [SHARED / "references" / name for name in ("episodes", "episodes_2018_2021")]
    if not all(folder.exists() for folder in folders):
        pytest.skip("the reference labels are not beside this checkout")
    return read_label_folders(os.pathsep.join(map(str, folders)))


class TestRecord:
    def test_of_the_shipped_calibration(
        self, histories: tuple[History, ...], labels: Labels, settings: Settings
    ) -> None:
        sample = pool(histories, labels, settings)
        found = judge_with(sample, shipped_calibration(settings), settings)
        told = record_of(sample, found.raised, settings, narrow=found.narrow)
        assert len(told.detections) == 15
        assert told.detected_within(2) >= 13
        assert told.median_delay == 0
        assert told.calm_alarms == ()
        assert told.false_alarm_rate <= 0.7
        assert told.raised_share <= 0.02
        statement = settings.calibrated.statement
        assert statement is not None
        assert told.false_alarm_rate < statement.rate.upper

    def test_of_years_left_out(
        self, histories: tuple[History, ...], labels: Labels, settings: Settings
    ) -> None:
        sample = pool(histories, labels, settings)
        found = judge_left_out(sample, year_folds(sample), settings)
        told = record_of(sample, found.raised, settings, narrow=found.narrow)
        assert told.detected_within(2) >= 13
        assert told.false_alarm_rate <= 0.75
        assert told.calm_alarms == ()
        assert told.raised_share <= 0.02
        february = sample.sessions.get_loc(pd.Timestamp("2026-02-05"))
        assert found.margin[february] >= 0.15

    def test_the_artefact_that_ships_is_what_these_folders_give(
        self, histories: tuple[History, ...], labels: Labels, settings: Settings
    ) -> None:
        fitted = calibrate_sample(pool(histories, labels, settings), settings)
        shipped = settings.calibrated
        assert fitted.sessions == shipped.sessions
        for name in ("watch", "deleveraging", "release"):
            # Thresholds are searched in steps of 0.005: another machine may end one step aside.
            assert getattr(fitted, name) == pytest.approx(getattr(shipped, name), abs=0.006)
        for name, scale in fitted.scales.items():
            stored = getattr(shipped.scales, name)
            assert scale.knots == pytest.approx(stored.knots, abs=1e-5)
            assert scale.shape == pytest.approx(stored.shape, abs=1e-3)


class TestQuantMeltdown:
    """August 2007: factor returns lost, asset classes hardly moved."""

    def test_is_degrossing(self, histories: tuple[History, ...], settings: Settings) -> None:
        told = verdict(histories[0], settings)["state"].loc["2007-08-06":"2007-08-10"]
        # On the 9th, when BNP froze its funds, asset classes reach WATCH by themselves.
        assert told.tolist() == [
            "WATCH", "DEGROSSING", "DEGROSSING", "DELEVERAGING", "RELEASE",
        ]  # fmt: skip


class TestPrefixInvariance:
    @pytest.mark.parametrize("last", ["2026-02-05", "2025-04-08"])
    def test_verdicts_of_the_real_market_do_not_depend_on_what_came_later(
        self,
        last: str,
        histories: tuple[History, ...],
        market_folder: Path,
        tmp_path: Path,
        settings: Settings,
    ) -> None:
        whole = histories[2]
        held = pd.read_parquet(market_folder / "prices.parquet")
        end = pd.Timestamp(last)
        hourly = pd.read_parquet(market_folder / "crypto_hourly.parquet")
        cut = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
        folder = write_drop(
            tmp_path / "then",
            held[pd.to_datetime(held["session"]) <= end],
            crypto_hourly=hourly[pd.to_datetime(hourly["bar_start_utc"], utc=True) < cut],
        )
        then = read_history(
            FilesSource(folder), name="then", received_at=RECEIVED, settings=settings
        )
        pd.testing.assert_frame_equal(
            verdict(then, settings), verdict(whole, settings).loc[:last], check_exact=True
        )
        pd.testing.assert_frame_equal(then.drivers, whole.drivers.loc[:last], check_exact=True)


class TestFebruary2026:
    def test_states_from_the_metals_to_the_rebound(
        self, histories: tuple[History, ...], settings: Settings
    ) -> None:
        told = verdict(histories[2], settings)["state"].loc["2026-01-30":"2026-02-06"]
        assert told.tolist() == [
            "DELEVERAGING", "DELEVERAGING", "RELEASE", "RELEASE", "DELEVERAGING", "RELEASE",
        ]  # fmt: skip
