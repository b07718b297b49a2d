"""Quality rows that watch the stated rates on sessions after the calibration."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.constants import SESSIONS_PER_YEAR
from models.verdict import (
    DELEVERAGING,
    DRIFT,
    REJECTION,
    WATCH,
    entry_flags,
    population_stability,
    rates_evidence,
)
from unwind.indicators.context import RunContext
from unwind.indicators.verdict import Verdict

# Entries in true episodes come on top of the stated rates of false ones: 15 labelled episodes in
# the 18.9 years of the record.
EPISODES_PER_YEAR = 0.8
# WATCH is entered some six times as often as DELEVERAGING, so it finds a wrong rate sooner: with
# these weights twice the stated rates are found in 2.6 years in the median, not in 3.0.
WATCH_WEIGHT = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """The stated rates against the sessions since the calibration.

    Attributes
    ----------
    sessions : int
        Sessions with a score after the calibration's last.
    entries, expected : dict of str to (int, float)
        State → entries, and entries at the stated rates.
    evidence, highest_evidence : float
        E-value against the stated rates at the session, and its highest since the calibration.
    drift : dict of str to float
        Driver → population stability index; NaN within half a year of the calibration.
    """

    sessions: int
    entries: dict[str, int]
    expected: dict[str, float]
    evidence: float
    highest_evidence: float
    drift: dict[str, float]


def monitor(context: RunContext, verdict: Verdict) -> Monitor | None:
    """The stated rates against the sessions since the calibration; None within its sample."""
    limits = context.settings.calibrated
    since = pd.Timestamp(limits.calibrated_to)
    scores = verdict.scores.score.loc[: context.stamp]
    scores = scores[scores.index > since]
    n_sessions = int(scores.notna().sum())
    if not n_sessions:
        return None
    quiet = context.settings.calibration.quiet
    rates = {
        WATCH: (limits.watch, limits.watch_rate + EPISODES_PER_YEAR),
        DELEVERAGING: (limits.deleveraging, limits.deleveraging_rate + EPISODES_PER_YEAR),
    }
    evidence = rates_evidence(
        scores,
        stated_rates=dict(rates.values()),
        weights={limits.watch: WATCH_WEIGHT, limits.deleveraging: 1 - WATCH_WEIGHT},
        quiet=quiet,
    )
    values = scores.to_numpy(dtype=np.float64)
    return Monitor(
        sessions=n_sessions,
        entries={
            state: int(entry_flags(values, threshold, quiet=quiet).sum())
            for state, (threshold, _) in rates.items()
        },
        expected={
            state: rate * n_sessions / SESSIONS_PER_YEAR for state, (_, rate) in rates.items()
        },
        evidence=float(evidence.iloc[-1]),
        highest_evidence=float(evidence.max()),
        drift={
            str(name): population_stability(values.loc[scores.index])
            for name, values in verdict.scores.evidence.items()
        },
    )


def monitoring_rows(context: RunContext, verdict: Verdict) -> list[dict[str, object]]:
    """Rows of `quality`: the stated rates since the calibration, and drivers that drifted."""
    record = monitor(context, verdict)
    if record is None:
        return []
    rejected = record.highest_evidence >= REJECTION
    entries = ", ".join(
        f"{count} into {state} ({record.expected[state]:.1f} expected)"
        for state, count in record.entries.items()
    )
    rows: list[dict[str, object]] = [
        {
            "table": "regimes",
            "entity": "stated rates",
            "rule": "rates_under_review" if rejected else "rates_within_statement",
            "severity": "warning" if rejected else "info",
            "count": record.sessions,
            "example": (
                f"{record.sessions} sessions after {context.settings.calibrated.calibrated_to}: "
                f"entries {entries}; e-value {record.evidence:.2g}, highest "
                f"{record.highest_evidence:.2g}, under review from {REJECTION:.0f}"
            ),
            "remedy": "calibrate again, and ask why" if rejected else "nothing to do",
        }
    ]
    rows += [
        {
            "table": "regimes",
            "entity": name,
            "rule": "driver_drift",
            "severity": "warning",
            "count": record.sessions,
            "example": (
                f"population stability index {index:.2f} over {record.sessions} sessions, "
                f"drift above {DRIFT}"
            ),
            "remedy": "calibrate again, or find out what changed",
        }
        for name, index in record.drift.items()
        if index > DRIFT
    ]
    return rows
