"""Placebo rules, and the best of many random rules, at the verdict's false-alarm budget."""

from typing import Any

import numpy as np
import pandas as pd

from features._typing import Booleans, Floats, Integers
from features.cross_section import class_moves, scaled_moves
from models.verdict import (
    IN_TIME,
    chance_detections,
    episode_windows,
    false_alarm_rows,
    overfitting_probability,
)
from unwind.settings import Settings
from unwind.studies.history import History
from unwind.studies.sample import Judgement, Sample, record_of

N_DRAWS, N_RULES, N_GROUPS = 500, 2000, 10
WORST_SHARE = 0.02
HORIZONS = (1, 3, 5)


def windows_of(sample: Sample) -> Integers:
    """First row of each episode's window, over all histories."""
    parts = []
    for number in np.unique(sample.segments):
        rows = np.flatnonzero(sample.segments == number)
        parts.append(rows[0] + episode_windows(sample.sessions[rows], sample.labels.episodes))
    return np.concatenate(parts)


def placebo_rules(
    histories: tuple[History, ...], sample: Sample, years: Judgement, settings: Settings
) -> list[dict[str, Any]]:
    """Timely detections of alarms without skill, for comparison with the verdict.

    Parameters
    ----------
    histories : tuple of History
    sample : Sample
    years : Judgement
        The verdict, leave-one-year-out.
    settings : Settings

    Returns
    -------
    list of dict
        As JSON: mean, 95 % quantile and most detections over the draws.
    """
    alarm, windows = years.raised.to_numpy(dtype=bool), windows_of(sample)
    generator = np.random.default_rng(settings.calibration.seed)
    uniform = np.array(
        [_detected(generator.random(len(alarm)) < alarm.mean(), windows) for _ in range(N_DRAWS)]
    )
    shifted = chance_detections(alarm, windows, shifts=N_DRAWS, seed=settings.calibration.seed)
    rows = [
        _row("uniform: each session raised with the verdict's share", uniform),
        _row("shifted: the verdict's own alarms, moved in time", shifted),
    ]
    if not any(history.returns.empty for history in histories):
        mean = pd.concat([_moves(h, 1, settings).mean(axis=1) for h in histories])
        worst = (mean <= mean.quantile(WORST_SHARE)).set_axis(sample.sessions)
        record = record_of(sample, worst, settings)
        row = _row(
            f"worst {WORST_SHARE:.0%} of sessions by the mean class move",
            np.array([record.detected_within(IN_TIME)]),
        )
        rows.append(row | {"false_entries_a_year": round(record.false_alarm_rate, 2)})
    return rows


def random_rules(
    histories: tuple[History, ...], sample: Sample, years: Judgement, settings: Settings
) -> dict[str, Any] | None:
    """Search over random rules at the verdict's budget, with the best one's out-of-sample value.

    A rule sums the tail losses of a random set of asset classes beyond a random start, over random
    horizons and the largest few of them, and may add the volume driver. Its threshold is the
    lowest with at most as many false alarms as the verdict, leave-one-year-out.

    Returns
    -------
    dict or None
        As JSON; None without returns or episodes.
    """
    windows = windows_of(sample)
    if any(history.returns.empty for history in histories) or len(windows) < 2:
        return None
    near = sample.near
    budget = len(record_of(sample, years.raised, settings).false_alarms)
    moves = [
        pd.concat([_moves(h, horizon, settings) for h in histories]).to_numpy(dtype=np.float64)
        for horizon in HORIZONS
    ]
    volume = sample.drivers["volume_on_falls"].fillna(0.0).to_numpy(dtype=np.float64)
    generator = np.random.default_rng(settings.calibration.seed)
    groups = np.arange(len(near)) * N_GROUPS // len(near)
    quiet = settings.calibration.quiet
    earned = np.zeros((N_GROUPS, N_RULES))
    for rule in range(N_RULES):
        value = _random_value(moves, volume, generator)
        alarm = _within_budget(value, near, budget, quiet)
        np.add.at(earned[:, rule], groups[windows[_hit(alarm, windows)]], 1.0)
        # Among rules with equal detections, the one with fewer false alarms is selected.
        np.add.at(earned[:, rule], groups[false_alarm_rows(alarm & ~near, quiet=quiet)], -0.001)
    own = np.zeros(N_GROUPS)
    np.add.at(own, groups[windows[_hit(years.raised.to_numpy(dtype=bool), windows)]], 1.0)
    overfitting = overfitting_probability(earned)
    totals = np.round(earned.sum(axis=0))
    return {
        "rules": N_RULES,
        "false_alarms": budget,
        "best": int(totals.max()),
        "median": float(np.median(totals)),
        "share_at_least_verdict": round(float((totals >= own.sum()).mean()), 4),
        "verdict": int(own.sum()),
        "splits": overfitting.n_splits,
        "overfitting_probability": round(overfitting.probability, 3),
        "best_on_choosing_half": round(overfitting.best_chosen, 2),
        "best_on_other_half": round(overfitting.best_other, 2),
        "verdict_on_a_half": round(float(own.sum()) / 2, 2),
    }


def _moves(history: History, horizon: int, settings: Settings) -> pd.DataFrame:
    rules = settings.verdict
    scaled = scaled_moves(
        history.returns,
        horizon=horizon,
        window=rules.window,
        min_observations=rules.min_observations,
    )
    return class_moves(scaled, classes=rules.classes).loc[history.first_scored :]


def _random_value(moves: list[Floats], volume: Floats, generator: np.random.Generator) -> Floats:
    n_classes = moves[0].shape[1]
    columns = generator.permutation(n_classes)[: generator.integers(4, n_classes + 1)]
    horizons = np.flatnonzero(generator.random(len(moves)) < 0.5)
    start, largest = generator.uniform(0, 2), int(generator.integers(1, len(columns) + 1))
    excess = sum(
        np.nan_to_num(np.clip(-start - moves[h][:, columns], 0.0, 4.0))
        for h in (horizons if horizons.size else [0])
    )
    tail = np.sort(np.asarray(excess), axis=1)[:, -largest:].sum(axis=1)
    weight = generator.choice([0.0, generator.uniform(0, 1)])
    value: Floats = tail / max(tail.std(), 1e-9) + weight * volume / max(volume.std(), 1e-9)
    return value


def _within_budget(value: Floats, near: Booleans, budget: int, quiet: int) -> Booleans:
    """Alarm at the lowest of 60 thresholds with at most `budget` false alarms."""
    alarm = np.zeros(len(value), dtype=bool)
    for threshold in np.quantile(value, 1 - np.geomspace(0.0005, 0.1, 60)):
        wider = value >= threshold
        if len(false_alarm_rows(wider & ~near, quiet=quiet)) > budget:
            break
        alarm = wider
    return alarm


def _hit(alarm: Booleans, windows: Integers) -> Booleans:
    """Flag the windows with an entry."""
    entries = alarm & ~np.concatenate([[False], alarm[:-1]])
    rows = np.minimum(windows[:, None] + np.arange(IN_TIME + 2), len(alarm) - 1)
    hit: Booleans = entries[rows].any(axis=1)
    return hit


def _detected(alarm: Booleans, windows: Integers) -> int:
    return int(_hit(alarm, windows).sum())


def _row(name: str, detected: Integers) -> dict[str, Any]:
    return {
        "placebo": name,
        "draws": len(detected),
        "mean": round(float(detected.mean()), 2),
        "upper": float(np.quantile(detected, 0.95)),
        "most": int(detected.max()),
    }
