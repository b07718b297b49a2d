"""Change points: breaks of correlation, and online detectors with their alarms."""

from models.changes.alarms import Alarm, calibrated_alarms, e_alarms
from models.changes.correlation_breaks import METHOD, Break, correlation_breaks
from models.changes.cusum import glr_cusum
from models.changes.watched import (
    OnlineChange,
    WatchedSeries,
    bayes_detector,
    online_changes,
    watched_asset,
    watched_cross_section,
    watched_pair,
)

__all__ = [
    "METHOD",
    "Alarm",
    "Break",
    "OnlineChange",
    "WatchedSeries",
    "bayes_detector",
    "calibrated_alarms",
    "correlation_breaks",
    "e_alarms",
    "glr_cusum",
    "online_changes",
    "watched_asset",
    "watched_cross_section",
    "watched_pair",
]
