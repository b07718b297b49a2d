"""Rows of two small desk tables, and a lake that holds them."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from unwind.lake.publish import publish
from unwind.lake.snapshots import Snapshot, served
from unwind.settings import Settings

JANUARY, FEBRUARY = date(2026, 1, 30), date(2026, 2, 5)


def cutoff_at(day: date, hour: int = 21) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=hour, minutes=15)


def regimes_row(
    day: date, settings: Settings, *, score: float = 1.0, hour: int = 21
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "base": "IBIT", "state": "CALM", "previous_state": "CALM", "sessions_in_state": 3,
                "score": score, "score_lowest": score, "score_highest": score,
                "return_period": 10.0**score, "episode_share": 0.02, "episode_share_lower": 0.01,
                "episode_share_upper": 0.03, "watch_threshold": 1.6, "deleveraging_threshold": 2.4,
                "release_threshold": 0.7, "false_alarms_per_year": 0.8,
                "calibration": "0a1b2c3d4e5f", "calibration_sample": "out of sample",
                "cross_asset_score": score, "false_alarms_per_year_bound": 1.2,
                "false_alarms_next_year_lower": 0.0, "false_alarms_next_year_upper": 2.0,
                "observed_return_period": 10.0**score, "observed_return_period_lower": 5.0,
                "observed_return_period_upper": 20.0, "base_rate_in_band": 0.02,
                "base_rate_in_band_lower": 0.01, "base_rate_in_band_upper": 0.03,
                "headline": "calm", "drivers": [], "as_of": day, "cutoff": cutoff_at(day, hour),
                "known_at": cutoff_at(day), "source": "files", "settings_digest": settings.digest,
            }
        ]
    )  # fmt: skip


def breaks_row(day: date, settings: Settings, hour: int = 21) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "pair": "IBIT~IGV", "method": "kernelcpd-linear", "break_at": date(2026, 1, 26),
                "first_seen": date(2026, 2, 5), "delay": 8, "before": 0.4, "after": 0.7,
                "n_before": 400, "n_after": 9, "quantity": "correlation", "confidence": np.nan,
                "false_alarms_per_year": np.nan, "as_of": day, "cutoff": cutoff_at(day, hour),
                "known_at": cutoff_at(day), "source": "files", "settings_digest": settings.digest,
            }
        ]
    )  # fmt: skip


def publish_days(
    lake: Path, settings: Settings, *days: date, run: str = "run", **changed: float
) -> Snapshot:
    rows = pd.concat([regimes_row(day, settings, **changed) for day in days], ignore_index=True)
    return publish(lake, {"regimes": rows}, settings=settings, source="files", run=run)


def known_by(lake: Path | str, instant: pd.Timestamp) -> Snapshot:
    snapshot, passed = served(lake, lambda held: held, known_by=instant)
    assert not passed
    return snapshot
