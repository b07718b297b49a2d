"""The row of the table `regimes`: the verdict of a session."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.panel import Panel
from models.deleveraging import DRIVERS, UNKNOWN, ScoreHistory, deleveraging_score, states
from unwind.rows.correlations import Link
from unwind.rows.moment import Moment, stamped
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """Score and state of every session up to the run's."""

    scores: ScoreHistory
    states: pd.DataFrame


def decide(panel: Panel, measured: tuple[Link, ...], *, settings: Settings) -> Verdict:
    """Score every session and run the state machine."""
    universe, chosen, limits = settings.universe, settings.shocks, settings.verdict
    scores = deleveraging_score(
        panel.returns[list(universe.symbols)],
        panel.shares[universe.base],
        measured[0].value,
        base=universe.base,
        havens=universe.havens,
        window=chosen.window,
        slow_window=chosen.slow_window,
        min_observations=chosen.min_observations,
        cap=limits.driver_cap,
    )
    machine = states(
        scores.score,
        watch=limits.watch,
        deleveraging=limits.deleveraging,
        release=limits.release,
        dwell=limits.dwell,
    )
    return Verdict(scores=scores, states=machine)


def regime_rows(
    panel: Panel, verdict: Verdict, moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """The one row of the table `regimes` for the session."""
    stamp, limits = moment.stamp, settings.verdict
    state = verdict.states.to_dict("index")[stamp]
    score = float(verdict.scores.score.loc[stamp])
    drivers = _drivers(verdict.scores, stamp)
    row = {
        "base": settings.universe.base,
        "state": state["state"],
        "previous_state": state["previous_state"],
        "sessions_in_state": int(state["sessions_in_state"]),
        "score": score,
        "score_lowest": float(verdict.scores.lowest.loc[stamp]),
        "score_highest": float(verdict.scores.highest.loc[stamp]),
        "watch_threshold": limits.watch,
        "deleveraging_threshold": limits.deleveraging,
        "release_threshold": limits.release,
        "headline": _headline(state, score, drivers, moment, settings),
        "drivers": drivers,
        "known_at": panel.known_at.loc[stamp, list(settings.universe.symbols)].max(),
    }
    return stamped(pd.DataFrame([row]), moment, settings)


def _drivers(scores: ScoreHistory, stamp: pd.Timestamp) -> list[dict[str, object]]:
    return [
        {
            "driver": driver.name,
            "contribution": _plain(scores.contributions[driver.name].loc[stamp]),
            "value": _plain(scores.evidence[driver.name].loc[stamp]),
            "meaning": driver.meaning,
        }
        for driver in DRIVERS
    ]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _headline(
    state: dict[Any, Any],
    score: float,
    drivers: list[dict[str, object]],
    moment: Moment,
    settings: Settings,
) -> str:
    prefix = "SIMULATED DATA. " if moment.source.startswith("simulated") else ""
    limits = settings.verdict
    if state["state"] == UNKNOWN:
        return f"{prefix}{moment.as_of}: cannot tell; {settings.universe.base} has no z-score."
    ranked = sorted(drivers, key=lambda driver: -float(str(driver["contribution"] or 0)))
    told = [
        f"{driver['meaning']} {driver['value']:.1f} (+{driver['contribution']:.1f})"
        for driver in ranked[:3]
        if driver["contribution"]
    ]
    missing = [str(driver["driver"]) for driver in drivers if driver["contribution"] is None]
    return (
        f"{prefix}{moment.as_of}: {state['state']}, score {score:.1f} "
        f"(WATCH from {limits.watch:.1f}, DELEVERAGING from {limits.deleveraging:.1f})"
        + (f"; driven by {', '.join(told)}" if told else "; no driver speaks")
        + (f"; missing: {', '.join(missing)}" if missing else "")
        + "."
    )
