"""Variants of the rule: windows, starts, weights, missing classes, resampled years."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from models.errors import NotEnoughData
from models.verdict import DRIVERS, IN_TIME
from unwind.indicators.drivers import driver_history
from unwind.settings import Settings
from unwind.settings.verdict import Verdict
from unwind.studies.episodes import Labels
from unwind.studies.history import History
from unwind.studies.placebos import placebo_rules, random_rules
from unwind.studies.sample import (
    Sample,
    block_folds,
    calibrate_sample,
    judge_left_out,
    judge_with,
    pool,
    record_of,
    rows_of,
    year_folds,
)
from unwind.studies.track_record import record_json

N_RESAMPLES = 40
WINDOWS, STARTS, LARGEST = (75, 80, 100, 110, 120), (1.25, 1.75), (3, 5, 6)
NOISE, N_NOISE, N_MOVED = 0.1, 3, 3
# Weights in the order breadth, concentration, volume on falls, crowding.
WEIGHTS = {
    "equal weights of the four drivers": (1, 1, 1, 1),
    "without volume on falls: .475 .475 .05": (0.475, 0.475, 0, 0.05),
    "three drivers, equal weights (the rule before)": (1, 1, 0, 1),
    "without crowding": (1, 1, 1, 0),
    "breadth alone": (1, 0, 0, 0),
    "concentration alone": (0, 1, 0, 0),
    "volume on falls alone": (0, 0, 1, 0),
    "crowding alone": (0, 0, 0, 1),
}


def robustness(
    histories: tuple[History, ...], labels: Labels, *, settings: Settings, light: bool = False
) -> dict[str, Any]:
    """Placebos, a search over random rules, resampled years and variants, for the record.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings
    light : bool
        Skip the resampled years and the variants, which take minutes.

    Returns
    -------
    dict
        As JSON; empty if there are too few years.
    """
    sample = pool(histories, labels, settings)
    try:
        years = judge_left_out(sample, year_folds(sample), settings)
    except NotEnoughData:
        return {}
    quick = {
        "placebos": placebo_rules(histories, sample, years, settings),
        "random_rules": random_rules(histories, sample, years, settings),
    }
    if light:
        return quick
    return quick | {
        "resampled": resampled_years(sample, settings),
        "variants": variants(histories, labels, settings=settings),
    }


def variants(
    histories: tuple[History, ...], labels: Labels, *, settings: Settings
) -> list[dict[str, Any]]:
    """Record of every variant, leave-one-year-out and leave-one-block-out.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings

    Returns
    -------
    list of dict
        As JSON. A variant that cannot be calibrated holds the `reason`.
    """
    names = [history.name for history in histories]
    rows = []
    for group, name, sample in _variants(histories, labels, settings):
        try:
            years = judge_left_out(sample, year_folds(sample), settings)
            blocks = judge_left_out(sample, block_folds(sample), settings)
        except NotEnoughData as error:
            rows.append({"group": group, "variant": name, "reason": str(error)})
            continue
        by_block = record_of(sample, blocks.raised, settings, narrow=blocks.narrow)
        rows.append(
            {"group": group, "variant": name}
            | _row(record_json(sample, years, settings, names))
            | {
                "blocks_caught": by_block.detected_within(IN_TIME),
                "blocks_false_a_year": round(by_block.false_alarm_rate, 3),
            }
        )
    return [*rows, _without_volume(pool(histories, labels, settings), settings, names)]


def _without_volume(sample: Sample, settings: Settings, names: list[str]) -> dict[str, Any]:
    """Record of sessions without volume under a calibration with volume, in sample."""
    fit = calibrate_sample(sample, settings)
    blind = replace(sample, drivers=sample.drivers.assign(volume_on_falls=np.nan))
    record = record_json(sample, judge_with(blind, fit, settings), settings, names)
    name = "no volume at all, calibrated with volume (in sample)"
    return {"group": "volume missing", "variant": name} | _row(record)


def _row(record: dict[str, Any]) -> dict[str, Any]:
    late = [row for row in record["by_episode"] if row["delay"] is None or row["delay"] > IN_TIME]
    margins = [row["margin"] for row in record["by_episode"] if row not in late]
    return {
        "episodes": record["episodes"],
        f"caught_within_{IN_TIME}": record[f"caught_within_{IN_TIME}"],
        "by_folder": record["by_folder"],
        "false_entries_a_year": record["false_entries_a_year"],
        "raised_share": record["raised_share"],
        "calm": len(record["calm_entries"]),
        "smallest_margin": min(margins) if margins else None,
        "missed": [row["episode"] for row in late],
    }


def _variants(
    histories: tuple[History, ...], labels: Labels, settings: Settings
) -> Iterator[tuple[str, str, Sample]]:
    rule, rules = pool(histories, labels, settings), settings.verdict
    yield "rule", "the rule", rule
    for name, weights in WEIGHTS.items():
        relative = dict(zip(DRIVERS, map(float, weights), strict=True))
        yield "drivers and weights", name, replace(rule, weights=relative)
    yield "drivers and weights", "exponential tails", replace(rule, max_shape=0.0)
    late = rule.sessions >= rule.sessions[0] + pd.DateOffset(years=2)
    yield "sample", "first two years missing", rows_of(rule, np.asarray(late))
    if any(history.returns.empty for history in histories):
        return

    def measured(verdict: Verdict, inputs: tuple[History, ...] = histories) -> Sample:
        return pool(
            tuple(
                replace(
                    history,
                    drivers=driver_history(
                        history.returns, history.shares, history.factors, chosen=verdict
                    ),
                )
                for history in inputs
            ),
            labels,
            settings,
        )

    for window in WINDOWS:
        yield "window", f"{window} sessions", measured(rules.model_copy(update={"window": window}))
    for start in STARTS:
        variant = rules.model_copy(update={"class_start": start})
        yield "tail start", f"{start:g}σ", measured(variant)
    for n in LARGEST:
        variant = rules.model_copy(update={"leading": n})
        yield "worst classes", f"{n} classes", measured(variant)
    for name in rules.classes:
        classes = {other: symbols for other, symbols in rules.classes.items() if other != name}
        variant = rules.model_copy(update={"classes": classes})
        yield "class missing", name, measured(variant)
    for label, inputs in _disturbed(histories, settings):
        yield "noise and controls", label, measured(rules, inputs)


def _disturbed(
    histories: tuple[History, ...], settings: Settings
) -> Iterator[tuple[str, tuple[History, ...]]]:
    """Inputs with noise, and with volume shifted in time."""
    for seed in range(N_NOISE):
        generator = np.random.default_rng(settings.calibration.seed + seed)
        yield (
            f"noise of {NOISE:g}σ on every return, draw {seed + 1}",
            tuple(
                replace(
                    history,
                    returns=history.returns
                    + NOISE
                    * history.returns.std().to_numpy()
                    * generator.standard_normal(history.returns.shape),
                )
                for history in histories
            ),
        )
    for seed in range(N_MOVED):
        generator = np.random.default_rng(settings.calibration.seed + seed)
        yield (
            f"volume moved to other dates, draw {seed + 1}",
            tuple(
                replace(
                    history,
                    shares=pd.DataFrame(
                        np.roll(
                            history.shares.to_numpy(),
                            int(generator.integers(200, len(history.shares) - 50)),
                            axis=0,
                        ),
                        history.shares.index,
                        history.shares.columns,
                    ),
                )
                for history in histories
            ),
        )


def resampled_years(sample: Sample, settings: Settings) -> dict[str, Any]:
    """Calibrate on calendar years drawn with replacement; judge every session with each.

    Returns
    -------
    dict
        As JSON: episodes detected in time in each draw, false alarms per year and thresholds.
    """
    years = np.unique(sample.sessions.year)
    generator = np.random.default_rng(settings.calibration.seed)
    draws = []
    for _ in range(N_RESAMPLES):
        picks = np.sort(generator.choice(years, len(years)))
        rows = np.concatenate([np.flatnonzero(sample.sessions.year == year) for year in picks])
        try:
            fit = calibrate_sample(rows_of(sample, rows), settings)
        except NotEnoughData:
            continue
        judgement = judge_with(sample, fit, settings)
        record = record_of(sample, judgement.raised, settings, narrow=judgement.narrow)
        draws.append(
            {
                "threshold": round(fit.deleveraging, 3),
                "false_a_year": round(record.false_alarm_rate, 3),
                "missed": [
                    detection.episode.name
                    for detection in record.detections
                    if detection.delay is None or detection.delay > IN_TIME
                ],
            }
        )
    return {"draws": draws, "episodes": len(sample.labels.episodes)}
