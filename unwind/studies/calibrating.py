"""Calibration of the verdict over histories, its statement, and its artefact."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.errors import NotEnoughData
from models.verdict import (
    Band,
    Calibration,
    FalseAlarmRate,
    Rarity,
    base_rates,
    false_alarm_rate,
    rarity_table,
)
from unwind.settings import Settings
from unwind.studies.episodes import Labels
from unwind.studies.history import History
from unwind.studies.sample import (
    Judgement,
    Sample,
    block_folds,
    calibrate_sample,
    in_period,
    judge_left_out,
    pool,
    record_of,
    rows_of,
    year_folds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Out-of-sample statement of a calibration, from leave-one-out sessions.

    Attributes
    ----------
    rate : FalseAlarmRate
        Leave-one-block-out, over blocks of years.
    rarity : tuple of Rarity
        Leave-one-year-out.
    bands : tuple of Band
        Share of sessions inside an episode, leave-one-year-out.
    """

    rate: FalseAlarmRate
    rarity: tuple[Rarity, ...]
    bands: tuple[Band, ...]


def calibrate_on(
    histories: tuple[History, ...],
    labels: Labels,
    *,
    settings: Settings,
    until: int | None = None,
) -> tuple[Calibration, Statement | None]:
    """Calibrate the verdict on the ordinary sessions of the histories.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings
    until : int or None
        Last calendar year that is used; None: all.

    Returns
    -------
    tuple
        The calibration and its statement; None if there are too few years.

    Raises
    ------
    NotEnoughData
        Too few ordinary sessions.
    """
    sample = pool(histories, labels, settings)
    if until is not None:
        sample = rows_of(sample, np.asarray(sample.sessions.year <= until))
    fit = calibrate_sample(sample, settings)
    try:
        years = judge_left_out(sample, year_folds(sample), settings)
        blocks = judge_left_out(sample, block_folds(sample), settings)
    except NotEnoughData:
        return fit, None
    return fit, statement_of(sample, fit, years, blocks, settings)


def statement_of(
    sample: Sample, fit: Calibration, years: Judgement, blocks: Judgement, settings: Settings
) -> Statement | None:
    """Statement of a calibration, leave-one-year-out and leave-one-block-out."""
    counts, lengths = block_counts(sample, blocks, settings)
    ordinary = sample.ordinary & years.judged
    calendar = sample.sessions.year.to_numpy()
    rarity = rarity_table(years.score[ordinary], calendar[ordinary], seed=settings.calibration.seed)
    if len(counts) < 2 or not rarity:
        return None
    return Statement(
        rate=false_alarm_rate(counts, lengths),
        rarity=rarity,
        bands=base_rates(
            years.bands[years.judged],
            sample.inside[years.judged],
            calendar[years.judged],
            edges=[band.lower_score for band in fit.bands],
            seed=settings.calibration.seed,
        ),
    )


def block_counts(
    sample: Sample, blocks: Judgement, settings: Settings
) -> tuple[list[int], list[float]]:
    """False alarms and years of each block."""
    counts, lengths = [], []
    for fold in block_folds(sample):
        rows = in_period(sample.sessions, fold)
        record = record_of(sample, blocks.raised, settings, rows=rows)
        if record.years > 0:
            counts.append(len(record.false_alarms))
            lengths.append(record.years)
    return counts, lengths


def artefact(
    calibration: Calibration,
    statement: Statement | None,
    histories: tuple[History, ...],
    *,
    until: int | None = None,
) -> dict[str, Any]:
    """Return the artefact of a calibration; its version is its content hash."""
    last = pd.Timestamp.max if until is None else pd.Timestamp(year=until, month=12, day=31)
    spans = [
        (history.name, history.first_scored, history.drivers.loc[:last].index[-1])
        for history in histories
        if history.first_scored <= last
    ]
    body = {
        "calibrated_to": max(end for _, _, end in spans).date().isoformat(),
        "data": ", ".join(
            f"{name} {first:%Y-%m-%d} … {end:%Y-%m-%d}" for name, first, end in spans
        ),
        "periods": [
            {"first": first.date().isoformat(), "last": end.date().isoformat()}
            for _, first, end in spans
        ],
        **{name: _rounded(value) for name, value in asdict(calibration).items()},
        "statement": None if statement is None else _rounded(asdict(statement)),
    }
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return {"version": hashlib.sha256(canonical.encode()).hexdigest()[:12], **body}


def _rounded(value: Any) -> Any:
    """Round to six decimals, so that every machine writes the same file."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
