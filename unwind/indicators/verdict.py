"""The row of the table `regimes`: the verdict of a session."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.verdict import (
    DRIVERS,
    RAISED,
    RELEASE,
    UNKNOWN,
    Scale,
    ScoreHistory,
    deleveraging_score,
    states,
)
from unwind.indicators.context import RunContext
from unwind.indicators.drivers import driver_history
from unwind.settings import Settings
from unwind.settings.verdict import Calibrated, ScoreBand


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """Score and state of every session up to the run's."""

    scores: ScoreHistory
    states: pd.DataFrame


def decide(context: RunContext) -> Verdict:
    """Score and state of every session up to the run's."""
    factors = context.inputs["equity_factors_pct"]
    drivers = driver_history(
        context.panel.returns, context.panel.shares, factors, chosen=context.settings.verdict
    )
    return judge(drivers, context.settings)


def judge(drivers: pd.DataFrame, settings: Settings) -> Verdict:
    """Score and state of every session from its drivers, with the settings' calibration."""
    limits, rules = settings.calibrated, settings.verdict
    scores = deleveraging_score(
        drivers,
        scales=scales_of(limits),
        weights=rules.weights.model_dump(),
        cap=rules.evidence_cap,
    )
    machine = states(
        scores.score,
        cross_asset=scores.cross_asset,
        watch=limits.watch,
        deleveraging=limits.deleveraging,
        release=limits.release,
        dwell=rules.dwell,
    )
    return Verdict(scores=scores, states=machine)


def is_raised(verdict: Verdict, context: RunContext) -> bool:
    """Whether positions were being cut: raised or RELEASE. WATCH comes in quiet years."""
    return verdict.states["state"].loc[context.stamp] in (*RAISED, RELEASE)


def scales_of(calibrated: Calibrated) -> dict[str, Scale]:
    """Lay out the scales of the artefact as the model takes them."""
    return {name: Scale(**scale) for name, scale in calibrated.scales.model_dump().items()}


def regime_rows(context: RunContext, verdict: Verdict) -> pd.DataFrame:
    """The one row of the table `regimes` for the session."""
    stamp, limits = context.stamp, context.settings.calibrated
    state = verdict.states.to_dict("index")[stamp]
    score = float(verdict.scores.score.loc[stamp])
    drivers = _drivers(verdict.scores, stamp)
    band = _band(score, context.settings)
    row = {
        "base": context.settings.universe.base,
        "state": state["state"],
        "previous_state": state["previous_state"],
        "sessions_in_state": int(state["sessions_in_state"]),
        "score": score,
        "score_lowest": score,
        "score_highest": float(verdict.scores.highest.loc[stamp]),
        "return_period": 10.0**score,
        "probability": np.nan if band is None else band.share,
        "probability_lower": np.nan if band is None else band.lower,
        "probability_upper": np.nan if band is None else band.upper,
        "watch_threshold": limits.watch,
        "deleveraging_threshold": limits.deleveraging,
        "release_threshold": limits.release,
        "false_entries_a_year": limits.deleveraging_rate,
        "calibration": limits.version,
        "headline": _headline(state, score, drivers, context),
        "drivers": drivers,
        "known_at": context.panel.known_at.loc[
            stamp,
            list(
                dict.fromkeys(
                    (*context.settings.universe.symbols, *context.settings.verdict.symbols)
                )
            ),
        ].max(),
    }
    return context.stamped(pd.DataFrame([row]))


def _band(score: float, settings: Settings) -> ScoreBand | None:
    reached = [band for band in settings.calibrated.bands if score >= band.lower_score]
    return reached[-1] if reached else None


def _drivers(scores: ScoreHistory, stamp: pd.Timestamp) -> list[dict[str, object]]:
    return [
        {
            "driver": name,
            "contribution": _plain(scores.contributions[name].loc[stamp]),
            "value": _plain(scores.values[name].loc[stamp]),
            "evidence": _plain(scores.evidence[name].loc[stamp]),
            "meaning": meaning,
        }
        for name, meaning in DRIVERS.items()
    ]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _headline(
    state: dict[Any, Any], score: float, drivers: list[dict[str, object]], context: RunContext
) -> str:
    prefix = "SIMULATED DATA. " if context.source.startswith("simulated") else ""
    limits, rules = context.settings.calibrated, context.settings.verdict
    if state["state"] == UNKNOWN:
        return (
            f"{prefix}{context.as_of}: cannot tell; fewer than {rules.fewest_classes} "
            f"asset classes and fewer than {rules.fewest_sleeves} sleeves have a move."
        )
    told = [driver for driver in drivers if driver["evidence"] is not None]
    ranked = sorted(told, key=lambda driver: -float(str(driver["evidence"])))
    speaking = [
        f"{driver['meaning']} (once in {_times(float(str(driver['evidence'])))} sessions)"
        for driver in ranked
        if float(str(driver["evidence"])) >= 1
    ]
    missing = [str(driver["driver"]) for driver in drivers if driver["evidence"] is None]
    return (
        f"{prefix}{context.as_of}: {state['state']}, score {score:.2f} "
        f"(WATCH from {limits.watch:.2f}, DELEVERAGING from {limits.deleveraging:.2f})"
        + (f"; driven by {', '.join(speaking)}" if speaking else "; no driver speaks")
        + (f"; missing: {', '.join(missing)}" if missing else "")
        + "."
    )


def _times(evidence: float) -> str:
    """Write a return period as coarsely as it is known."""
    period = 10.0**evidence
    # Two figures: 99.7 is 100, not "1e+02".
    return f"{round(period, 1 - int(np.floor(np.log10(period)))):,g}"
