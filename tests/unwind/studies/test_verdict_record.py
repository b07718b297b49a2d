"""Facts of the shipped calibration on the real market beside the checkout."""

from pathlib import Path

import pandas as pd
import pytest

from models.verdict import evaluate_rule, pooled
from tests.conftest import RECEIVED, SHARED, write_drop
from tests.unwind.verdict_markets import verdict
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.studies.episodes import Labels, read_labels
from unwind.studies.history import History, read_history
from unwind.studies.track_record import calibrate_on

pytestmark = pytest.mark.market


@pytest.fixture(scope="session")
def histories(settings: Settings) -> tuple[History, ...]:
    folders = [SHARED / "market" / name for name in ("history", "ibit_era")]
    if not all((folder / "prices.parquet").exists() for folder in folders):
        pytest.skip("the real market data is not beside this checkout")
    return tuple(
        read_history(FilesSource(folder), name=folder.name, received_at=RECEIVED, settings=settings)
        for folder in folders
    )


@pytest.fixture(scope="session")
def labels() -> Labels:
    folder = SHARED / "references" / "episodes"
    if not folder.exists():
        pytest.skip("the reference labels are not beside this checkout")
    return read_labels(folder)


class TestRecord:
    def test_of_the_shipped_calibration(
        self, histories: tuple[History, ...], labels: Labels, settings: Settings
    ) -> None:
        records = []
        for history in histories:
            raised = verdict(history, settings)["state"].loc[history.first_scored :]
            records.append(
                evaluate_rule(
                    raised == "DELEVERAGING",
                    episodes=labels.episodes,
                    calm=labels.calm,
                    others=labels.others,
                    quiet=settings.calibration.quiet,
                )
            )
        told = pooled(tuple(records))
        assert len(told.detections) == 12
        assert told.detected_within(2) >= 11
        assert told.median_delay == 0
        assert told.calm_alarms == ()
        assert told.false_alarm_rate <= 1

    def test_the_artefact_that_ships_is_what_these_folders_give(
        self, histories: tuple[History, ...], labels: Labels, settings: Settings
    ) -> None:
        fitted = calibrate_on(histories, labels, settings=settings, without=None)
        shipped = settings.calibrated
        assert fitted.sessions == shipped.sessions
        for name in ("watch", "deleveraging", "release"):
            # Thresholds are searched in steps of 0.005: another machine may end one step aside.
            assert getattr(fitted, name) == pytest.approx(getattr(shipped, name), abs=0.006)
        for name, scale in fitted.scales.items():
            assert scale.knots == pytest.approx(getattr(shipped.scales, name).knots, abs=1e-5)


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
        whole = histories[1]
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
        told = verdict(histories[1], settings)["state"].loc["2026-01-30":"2026-02-06"]
        assert told.tolist() == [
            "DELEVERAGING", "DELEVERAGING", "RELEASE", "WATCH", "DELEVERAGING", "RELEASE",
        ]  # fmt: skip
