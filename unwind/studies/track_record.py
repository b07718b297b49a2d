"""Calibration and evaluation of the verdict over drop folders: what is stored, and what is told."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from features.constants import SESSIONS_PER_YEAR
from models.errors import NotEnoughData
from models.verdict import (
    DELEVERAGING,
    Calibration,
    Record,
    Resampling,
    Scale,
    calibrate,
    deleveraging_score,
    evaluate_rule,
    inside_episode,
    lowest_threshold,
    near_episode,
    poisson_interval,
    pooled,
    states,
)
from unwind.indicators.drivers import driver_history
from unwind.indicators.verdict import scales_of
from unwind.settings import Settings
from unwind.simulation.null_market import null_returns
from unwind.studies.episodes import Labels
from unwind.studies.history import WARM_UP, History

WITHIN = 2  # sessions after the acute start: later than that, a desk has sold already
SCHEMES = {"leave_one_out": "Q", "leave_one_year_out": "Y"}
# Correlation of two classes, and whether all shocks of a session leap together.
NULL_MARKETS = ((0.3, False), (0.5, False), (0.3, True))
NULL_FREEDOM = 4.0
# Stated rates beside the one in force, in sample: how much hangs on that choice.
STATED = (0.5, 0.7, 0.8, 0.9, 1.0, 1.2)
Alarms = Callable[[History], pd.Series]
Fold = pd.Period
Rows = TypeVar("Rows", pd.Series, pd.DataFrame)


def calibrate_on(
    histories: tuple[History, ...], labels: Labels, *, settings: Settings, without: Fold | None
) -> Calibration:
    """Calibrate the verdict on the ordinary sessions of the histories.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings
    without : Period or None
        A calendar quarter or year that is left out whole, with whatever happened in it.

    Raises
    ------
    NotEnoughData
        Too few ordinary sessions.
    """
    drivers, ordinary, inside = [], [], []
    for history in histories:
        held = _outside(history.drivers.loc[history.first_scored :], without)
        sessions = pd.DatetimeIndex(held.index)
        drivers.append(held)
        ordinary.append(~near_episode(sessions, labels.episodes))
        inside.append(inside_episode(sessions, labels.episodes))
    chosen = settings.calibration
    return calibrate(
        pd.concat(drivers),
        pd.concat(ordinary),
        pd.concat(inside),
        cap=settings.verdict.evidence_cap,
        watch_entries=chosen.watch_entries,
        deleveraging_entries=chosen.deleveraging_entries,
        release_share=chosen.release_share,
        resampling=Resampling(
            paths=chosen.paths, years=chosen.years, block=chosen.block, quiet=chosen.quiet,
            seed=chosen.seed,
        ),
    )  # fmt: skip


def artefact(calibration: Calibration, histories: tuple[History, ...]) -> dict[str, Any]:
    """Lay a calibration out as the file that settings name; its version is its own digest."""
    told = asdict(calibration)
    body = {
        "calibrated_to": max(history.drivers.index[-1] for history in histories).date().isoformat(),
        "data": ", ".join(
            f"{history.name} {history.first_scored:%Y-%m-%d} … {history.drivers.index[-1]:%Y-%m-%d}"
            for history in histories
        ),
        **{name: _rounded(value) for name, value in told.items()},
    }
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return {"version": hashlib.sha256(canonical.encode()).hexdigest()[:12], **body}


def _rounded(value: Any) -> Any:
    """Round to what the sample can tell, so that another machine writes the same file."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


def alarms(
    drivers: pd.DataFrame,
    scales: dict[str, Scale],
    limits: tuple[float, float, float],
    *,
    settings: Settings,
) -> pd.Series:
    """Whether the verdict is DELEVERAGING; `limits` are watch, deleveraging and release."""
    watch, deleveraging, release = limits
    score = deleveraging_score(drivers, scales=scales, cap=settings.verdict.evidence_cap).score
    machine = states(
        score, watch=watch, deleveraging=deleveraging, release=release,
        dwell=settings.verdict.dwell,
    )  # fmt: skip
    raised: pd.Series = machine["state"] == DELEVERAGING
    return raised


def _alarms_of(
    history: History,
    *,
    scales: dict[str, Scale],
    limits: tuple[float, float, float],
    settings: Settings,
) -> pd.Series:
    return alarms(history.drivers, scales, limits, settings=settings)


def evaluate(
    histories: tuple[History, ...], labels: Labels, *, settings: Settings, budget: float
) -> dict[str, Any]:
    """Backtest the verdict and the rival rules.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings
    budget : float
        False entries a year that the rival rules may use.

    Returns
    -------
    dict
        JSON-able. `shipped`: with the calibration in force. `leave_one_out`: every calendar
        quarter judged with scales and thresholds from the other quarters, so that no episode and
        no false entry is scored by a rule that has seen it. `leave_one_year_out`: the same with
        whole years; where the other rows are too few to calibrate on, it holds the `reason`
        instead. The rules also with the threshold chosen in sample; a rule that no folder has
        the input of holds the `reason`.
    """
    limits = settings.calibrated
    shipped = scales_of(limits)

    in_force = partial(
        _alarms_of,
        scales=shipped,
        limits=(limits.watch, limits.deleveraging, limits.release),
        settings=settings,
    )

    def own(without: Fold | None) -> Alarms:
        fitted = calibrate_on(histories, labels, settings=settings, without=without)
        thresholds = (fitted.watch, fitted.deleveraging, fitted.release)
        return partial(_alarms_of, scales=dict(fitted.scales), limits=thresholds, settings=settings)

    verdict = {"shipped": _told(_record(histories, in_force, labels, settings))}
    rules: dict[str, dict[str, Any]] = {}
    for name in histories[0].rules:
        scored = [history.rules[name].loc[history.first_scored :] for history in histories]
        if not any(values.notna().any() for values in scored):
            reason = {"reason": "no folder has the input of it"}
            rules[name] = dict.fromkeys(("in_sample", *SCHEMES), reason)
            continue
        flattering = _threshold(histories, labels, name, None, budget, settings)
        rules[name] = {"in_sample": _told(_record(histories, flattering, labels, settings))}
    for scheme, frequency in SCHEMES.items():
        folds = sorted({fold for history in histories for fold in _folds(history, frequency)})
        try:
            unseen = _patched({fold: own(fold) for fold in folds})
        except NotEnoughData as error:
            verdict[scheme] = {"reason": str(error)}
        else:
            verdict[scheme] = _told(_record(histories, unseen, labels, settings))
        for name in rules:
            if "reason" in rules[name]["in_sample"]:
                continue
            raised = {
                fold: _threshold(histories, labels, name, fold, budget, settings) for fold in folds
            }
            rules[name][scheme] = _told(_record(histories, _patched(raised), labels, settings))
    stated = []
    for entries in STATED:
        desk = settings.model_copy(
            update={
                "calibration": settings.calibration.model_copy(
                    update={"deleveraging_entries": entries}
                )
            }
        )
        try:
            fitted = calibrate_on(histories, labels, settings=desk, without=None)
        except NotEnoughData:
            break  # too few for every rate alike; the folds above hold the reason
        thresholds = (fitted.watch, fitted.deleveraging, fitted.release)
        calibrated = partial(
            _alarms_of, scales=dict(fitted.scales), limits=thresholds, settings=settings
        )
        told = _told(_record(histories, calibrated, labels, settings))
        stated.append({"stated": entries, "threshold": round(fitted.deleveraging, 2), **told})
    return {
        "folders": [history.name for history in histories],
        "scored_from": {h.name: f"{h.first_scored:%Y-%m-%d}" for h in histories},
        "scored_to": {h.name: f"{h.drivers.index[-1]:%Y-%m-%d}" for h in histories},
        "budget": budget,
        "stated_false_entries_a_year": settings.calibration.deleveraging_entries,
        "calibration": limits.version,
        "verdict": verdict,
        "rules": rules,
        "stated_rates": stated,
    }


def _folds(history: History, frequency: str) -> set[Fold]:
    sessions = pd.DatetimeIndex(history.drivers.loc[history.first_scored :].index)
    return set(sessions.to_period(frequency).unique())


def _threshold(
    histories: tuple[History, ...],
    labels: Labels,
    name: str,
    without: Fold | None,
    budget: float,
    settings: Settings,
) -> Alarms:
    """Return a rival rule with the lowest threshold that keeps the budget outside the fold."""
    values = tuple(
        _outside(history.rules[name].loc[history.first_scored :], without) for history in histories
    )
    threshold = lowest_threshold(
        tuple(value for value in values if value.notna().any()),
        episodes=labels.episodes,
        budget=budget,
        quiet=settings.calibration.quiet,
    )
    return lambda history: history.rules[name] >= threshold


def _outside(values: Rows, fold: Fold | None) -> Rows:
    if fold is None:
        return values
    kept: Rows = values[pd.DatetimeIndex(values.index).to_period(fold.freqstr) != fold]
    return kept


def _record(
    histories: tuple[History, ...], raised: Alarms, labels: Labels, settings: Settings
) -> Record:
    return pooled(
        tuple(
            evaluate_rule(
                raised(history).loc[history.first_scored :],
                episodes=labels.episodes,
                calm=labels.calm,
                others=labels.others,
                quiet=settings.calibration.quiet,
            )
            for history in histories
        )
    )


def _patched(raised: dict[Fold, Alarms]) -> Alarms:
    """Take every session from the rule that has not seen its fold."""

    def alarm(history: History) -> pd.Series:
        parts = []
        for fold, rule in raised.items():
            flags = rule(history).loc[history.first_scored :]
            parts.append(flags[pd.DatetimeIndex(flags.index).to_period(fold.freqstr) == fold])
        return pd.concat(parts).sort_index()

    return alarm


def null_run(*, years: int, settings: Settings) -> list[dict[str, Any]]:
    """Run the verdict in force over simulated markets in which nothing happens.

    Parameters
    ----------
    years : int
        Length of each market, in years of 252 sessions.
    settings : Settings

    Returns
    -------
    list of dict
        JSON-able, one a market: entries into DELEVERAGING a year with an exact Poisson interval.
        The first is the null of the stated rate; the others say where that rate ends.
    """
    chosen, limits = settings.verdict, settings.calibrated
    answer = []
    for number, (correlation, joint_shocks) in enumerate(NULL_MARKETS):
        returns = null_returns(
            chosen.classes, chosen.spreads, sessions=years * SESSIONS_PER_YEAR + WARM_UP,
            correlation=correlation, freedom=NULL_FREEDOM, joint_shocks=joint_shocks,
            seed=settings.calibration.seed + number,
        )  # fmt: skip
        raised = alarms(
            driver_history(returns, pd.DataFrame(), chosen=chosen),
            scales_of(limits),
            (limits.watch, limits.deleveraging, limits.release),
            settings=settings,
        ).iloc[WARM_UP:]
        record = evaluate_rule(
            raised, episodes=(), calm=(), others=(), quiet=settings.calibration.quiet
        )
        n = len(record.false_alarms)
        lower, upper = poisson_interval(n, float(years))
        answer.append(
            {
                "correlation": correlation,
                "freedom": NULL_FREEDOM,
                "joint_shocks": joint_shocks,
                "years": years,
                "entries": n,
                "entries_a_year": round(n / years, 3),
                "interval": [round(lower, 3), round(upper, 3)],
                "stated": settings.calibration.deleveraging_entries,
            }
        )
    return answer


def _told(record: Record) -> dict[str, Any]:
    lower, upper = record.false_alarm_rate_interval
    delay = record.median_delay
    return {
        "episodes": len(record.detections),
        "caught": record.detected,
        f"caught_within_{WITHIN}": record.detected_within(WITHIN),
        "median_delay": None if np.isnan(delay) else delay,
        "false_entries": len(record.false_alarms),
        "years": round(record.years, 2),
        "false_entries_a_year": round(record.false_alarm_rate, 3),
        "false_entries_interval": [round(lower, 3), round(upper, 3)],
        "calm_entries": [f"{day:%Y-%m-%d}" for day in record.calm_alarms],
        "other_selloff_entries": [f"{day:%Y-%m-%d}" for day in record.other_alarms],
        "false_entry_days": [f"{day:%Y-%m-%d}" for day in record.false_alarms],
        "by_episode": [
            {
                "episode": detection.episode.name,
                "title": detection.episode.title,
                "acute_start": f"{detection.episode.acute_start:%Y-%m-%d}",
                "entry": None if detection.entry is None else f"{detection.entry:%Y-%m-%d}",
                "delay": detection.delay,
            }
            for detection in record.detections
        ],
    }
