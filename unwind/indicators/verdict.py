"""The row of the table `regimes`: the verdict of a session."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from models.verdict import (
    CALM,
    DRIVERS,
    RAISED,
    RELEASE,
    UNKNOWN,
    Rarity,
    Scale,
    ScoreHistory,
    deleveraging_score,
    rarity_of,
    states,
)
from unwind.indicators.context import RunContext
from unwind.indicators.drivers import driver_history, sleeve_losses
from unwind.settings import Settings
from unwind.settings.verdict import Calibrated, ScoreBand

# Sessions before in which a joint rise marks volatility rather than selling.
RISE_SESSIONS = 10
# Description of the driver `crowding` where a single spread lost.
ONE_SPREAD = "loss of one long–short factor spread"
IN_SAMPLE, LATER_DATA, OUT_OF_SAMPLE = "in sample", "later data", "out of sample"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """Score and state of every session up to the run's.

    `two_sided`: joint rises as rare as WATCH came shortly before the run's session.
    `losing_spreads`: long–short spreads with a tail loss on the run's session.
    """

    scores: ScoreHistory
    states: pd.DataFrame
    two_sided: bool = False
    losing_spreads: int = 0


def decide(context: RunContext) -> Verdict:
    """Score and state of every session up to the run's."""
    panel, settings = context.panel, context.settings
    factors = context.inputs["equity_factors_pct"]
    drivers = driver_history(panel.returns, panel.shares, factors, chosen=settings.verdict)
    # The mirror needs the baseline and the sessions before this one, no more.
    last = settings.verdict.window + max(settings.verdict.class_horizons) + RISE_SESSIONS + 1
    mirrored = driver_history(
        -panel.returns.iloc[-last:], panel.shares.iloc[-last:], pd.DataFrame(),
        chosen=settings.verdict,
    )  # fmt: skip
    rises = is_two_sided(judge(mirrored, settings).scores.cross_asset, settings)
    rows = settings.verdict.window + max(settings.verdict.sleeve_horizons) + 1
    losses = sleeve_losses(panel.returns.iloc[-rows:], factors, chosen=settings.verdict)
    return replace(
        judge(drivers, settings),
        two_sided=bool(rises.loc[context.stamp]),
        losing_spreads=int((losses > 0).sum(axis=1).loc[context.stamp]),
    )


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


def is_two_sided(mirrored: pd.Series, settings: Settings) -> pd.Series:
    """Flag sessions shortly after a joint rise as rare as WATCH.

    Parameters
    ----------
    mirrored : Series of shape (n_sessions,)
        Cross-asset score of the negated returns.
    settings : Settings

    Returns
    -------
    Series of bool, shape (n_sessions,)
        Where volatility has risen on both sides the drivers measure volatility, and ordinary
        sessions enter more often than stated. The value at *t* uses rows up to *t* − 1.
    """
    highest = mirrored.rolling(RISE_SESSIONS, min_periods=1).max().shift(1)
    return highest >= settings.calibrated.watch


def is_raised(verdict: Verdict, context: RunContext) -> bool:
    """Tell whether the state is DELEVERAGING, DEGROSSING or RELEASE."""
    return verdict.states["state"].loc[context.stamp] in (*RAISED, RELEASE)


def scales_of(calibrated: Calibrated) -> dict[str, Scale]:
    """Lay out the scales of the artefact as the model takes them."""
    return {name: Scale(**scale) for name, scale in calibrated.scales.model_dump().items()}


def regime_rows(context: RunContext, verdict: Verdict) -> pd.DataFrame:
    """The one row of the table `regimes` for the session."""
    stamp, limits = context.stamp, context.settings.calibrated
    state = verdict.states.to_dict("index")[stamp]
    score = float(verdict.scores.score.loc[stamp])
    drivers = _drivers(verdict, stamp)
    band = _band(score, limits.bands)
    statement = limits.statement
    left_out = None if statement is None else _band(score, statement.bands)
    rarity = (
        None
        if statement is None or np.isnan(score)
        else rarity_of(score, [Rarity(**row.model_dump()) for row in statement.rarity])
    )
    row = {
        "base": context.settings.universe.base,
        "state": state["state"],
        "previous_state": state["previous_state"],
        "sessions_in_state": int(state["sessions_in_state"]),
        "score": score,
        "score_lowest": score,
        "score_highest": float(verdict.scores.highest.loc[stamp]),
        "return_period": 10.0**score,
        "episode_share": np.nan if band is None else band.share,
        "episode_share_lower": np.nan if band is None else band.lower,
        "episode_share_upper": np.nan if band is None else band.upper,
        "watch_threshold": limits.watch,
        "deleveraging_threshold": limits.deleveraging,
        "release_threshold": limits.release,
        "false_alarms_per_year": limits.deleveraging_rate,
        "false_alarms_per_year_bound": np.nan if statement is None else statement.rate.upper,
        "false_alarms_next_year_lower": (
            np.nan if statement is None else float(statement.rate.next_year_lower)
        ),
        "false_alarms_next_year_upper": (
            np.nan if statement is None else float(statement.rate.next_year_upper)
        ),
        "calibration": limits.version,
        "calibration_sample": calibration_sample(context),
        "cross_asset_score": float(verdict.scores.cross_asset.loc[stamp]),
        "observed_return_period": np.nan if rarity is None else rarity.period,
        "observed_return_period_lower": np.nan if rarity is None else rarity.lower,
        "observed_return_period_upper": np.nan if rarity is None else rarity.upper,
        "base_rate_in_band": np.nan if left_out is None else left_out.share,
        "base_rate_in_band_lower": np.nan if left_out is None else left_out.lower,
        "base_rate_in_band_upper": np.nan if left_out is None else left_out.upper,
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


def calibration_sample(context: RunContext) -> str:
    """Position of the session relative to the calibration's sample."""
    limits, day = context.settings.calibrated, context.as_of
    if context.source.startswith("simulated") or day > limits.calibrated_to:
        return OUT_OF_SAMPLE
    own = any(period.first <= day <= period.last for period in limits.periods)
    return IN_SAMPLE if own else LATER_DATA


def verdict_quality(context: RunContext, verdict: Verdict) -> list[dict[str, object]]:
    """Rows of the table `quality` about the verdict itself."""
    limits, stamp = context.settings.calibrated, context.stamp
    base = {"table": "regimes", "entity": context.settings.universe.base, "count": 1}
    rows = []
    if (sample := calibration_sample(context)) != OUT_OF_SAMPLE:
        rows.append(
            base
            | {
                "rule": "calibrated_on_later_data",
                "severity": "info",
                "example": f"{sample}: calibration {limits.version} uses sessions up to "
                f"{limits.calibrated_to}",
                "remedy": "for a backtest, calibrate with --until the year before",
            }
        )
    if verdict.two_sided and verdict.states["state"].loc[stamp] not in (CALM, UNKNOWN):
        rows.append(
            base
            | {
                "rule": "two_sided_volatility",
                "severity": "warning",
                "example": f"joint rises as rare as WATCH within {RISE_SESSIONS} sessions before",
                "remedy": "the stated false-alarm rate does not hold on this session; read the "
                "score as volatility unless other evidence shows selling",
            }
        )
    return rows


def _band(score: float, bands: tuple[ScoreBand, ...]) -> ScoreBand | None:
    reached = [band for band in bands if score >= band.lower_score]
    return reached[-1] if reached else None


def _drivers(verdict: Verdict, stamp: pd.Timestamp) -> list[dict[str, object]]:
    scores = verdict.scores
    meanings = dict(DRIVERS) | ({"crowding": ONE_SPREAD} if verdict.losing_spreads == 1 else {})
    return [
        {
            "driver": name,
            "contribution": _plain(scores.contributions[name].loc[stamp]),
            "value": _plain(scores.values[name].loc[stamp]),
            "evidence": _plain(scores.evidence[name].loc[stamp]),
            "meaning": meaning,
        }
        for name, meaning in meanings.items()
    ]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _headline(
    state: dict[Any, Any], score: float, drivers: list[dict[str, object]], context: RunContext
) -> str:
    prefix = "SIMULATED DATA. " if context.source.startswith("simulated") else ""
    rules = context.settings.verdict
    if state["state"] == UNKNOWN:
        return (
            f"{prefix}{context.as_of}: no score: fewer than {rules.fewest_classes} asset classes "
            f"and fewer than {rules.fewest_sleeves} long–short spreads have a standardised return."
        )
    measured = [driver for driver in drivers if driver["evidence"] is not None]
    ranked = sorted(measured, key=lambda driver: -float(str(driver["evidence"])))
    elevated = [
        f"{driver['meaning']} (1 in {_times(float(str(driver['evidence'])))} sessions)"
        for driver in ranked
        if float(str(driver["evidence"])) >= 1
    ]
    missing = [str(driver["driver"]) for driver in drivers if driver["evidence"] is None]
    return (
        f"{prefix}{context.as_of}: {state['state']}, evidence score {score:.2f}"
        + (f"; drivers: {', '.join(elevated)}" if elevated else "; no driver is elevated")
        + (f"; no data for: {', '.join(missing)}" if missing else "")
        + "."
    )


def _times(evidence: float) -> str:
    """Write a return period as coarsely as it is known."""
    period = 10.0**evidence
    # Two figures: 99.7 is 100, not "1e+02".
    return f"{round(period, 1 - int(np.floor(np.log10(period)))):,g}"
