"""Record of the verdict and of the benchmark rules over drop folders."""

from typing import Any

import numpy as np
import pandas as pd

from models.errors import NotEnoughData
from models.verdict import (
    DEGROSSING,
    DELEVERAGING,
    IN_TIME,
    Calibration,
    Period,
    Record,
    deleveraging_score,
    lowest_threshold,
    molchan_curve,
    reliability,
)
from unwind.indicators.verdict import scales_of
from unwind.settings import Settings
from unwind.studies.calibrating import block_counts, statement_of
from unwind.studies.episodes import Labels
from unwind.studies.history import History
from unwind.studies.losses import what_fell
from unwind.studies.placebos import windows_of
from unwind.studies.sample import (
    Judgement,
    Sample,
    block_folds,
    calibrate_sample,
    in_period,
    judge_left_out,
    judge_with,
    pool,
    record_of,
    year_folds,
)

# Other target rates, for the sensitivity to that choice.
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
# Sessions before the first year of the walk-forward: four years.
WALK_SESSIONS = 4 * 252
# "1 in N" of the reliability table.
PERIODS = (20, 100, 263, 1000)


def evaluate(
    histories: tuple[History, ...], labels: Labels, *, settings: Settings, budget: float
) -> dict[str, Any]:
    """Backtest the verdict and the benchmark rules.

    Parameters
    ----------
    histories : tuple of History
    labels : Labels
    settings : Settings
    budget : float
        False alarms per year that the benchmark rules may use.

    Returns
    -------
    dict
        As JSON. `verdict` holds `shipped` (the settings' calibration), `leave_one_year_out`,
        `leave_one_block_out` (blocks of four to seven years) and `walk_forward` (each year by the
        years before it). The last three are out of sample; with too few other sessions they have a
        `reason` instead. The benchmark rules also have an in-sample threshold.
    """
    sample = pool(histories, labels, settings)
    names = [history.name for history in histories]
    judgements, reasons = _judgements(sample, settings)
    verdict: dict[str, Any] = {scheme: {"reason": reason} for scheme, reason in reasons.items()} | {
        scheme: record_json(sample, judgement, settings, names)
        for scheme, judgement in judgements.items()
    }
    record: dict[str, Any] = {
        "folders": names,
        "scored_from": {h.name: f"{h.first_scored:%Y-%m-%d}" for h in histories},
        "scored_to": {h.name: f"{h.drivers.index[-1]:%Y-%m-%d}" for h in histories},
        "budget": budget,
        "stated_false_entries_a_year": settings.calibration.deleveraging_entries,
        "calibration": settings.calibrated.version,
        "verdict": verdict,
        "rules": _rules(histories, sample, settings, budget, names),
        "statement": None,
        "stated_rates": [],
    }
    years, blocks = (judgements.get(f"leave_one_{unit}_out") for unit in ("year", "block"))
    if years is not None:
        record["molchan"] = _molchan(sample, years)
        record["false_alarms"] = _false_alarms(histories, sample, years, settings)
        record["stated_rates"] = _targets(sample, settings, names)
    if years is not None and blocks is not None:
        record["statement"] = _statement(sample, years, blocks, settings)
    return record


def shipped_calibration(settings: Settings) -> Calibration:
    """Return the settings' calibration in the model's form."""
    limits = settings.calibrated
    return Calibration(
        scales=scales_of(limits), watch=limits.watch, deleveraging=limits.deleveraging,
        release=limits.release, watch_rate=limits.watch_rate,
        deleveraging_rate=limits.deleveraging_rate,
        deleveraging_rate_lower=limits.deleveraging_rate_lower,
        deleveraging_rate_upper=limits.deleveraging_rate_upper, bands=(), sessions=limits.sessions,
    )  # fmt: skip


def _judgements(sample: Sample, settings: Settings) -> tuple[dict[str, Judgement], dict[str, str]]:
    years = year_folds(sample)
    walk = [fold for fold in years if (sample.sessions < fold.start).sum() >= WALK_SESSIONS]
    judgements = {"shipped": judge_with(sample, shipped_calibration(settings), settings)}
    reasons = {}
    for scheme, folds, forward in (
        ("leave_one_year_out", years, False),
        ("leave_one_block_out", block_folds(sample), False),
        ("walk_forward", walk, True),
    ):
        try:
            judgements[scheme] = judge_left_out(sample, folds, settings, walk_forward=forward)
        except NotEnoughData as error:
            reasons[scheme] = str(error)
        else:
            if not folds:
                reasons[scheme] = "fewer than four years come before the last one"
                del judgements[scheme]
    return judgements, reasons


def _rules(
    histories: tuple[History, ...],
    sample: Sample,
    settings: Settings,
    budget: float,
    names: list[str],
) -> dict[str, dict[str, Any]]:
    """Benchmark rules, in sample and leave-one-year-out."""
    rules: dict[str, dict[str, Any]] = {}
    for name in histories[0].rules:
        values = pd.concat([h.rules[name].loc[h.first_scored :] for h in histories])
        if not values.notna().any():
            reason = {"reason": "no folder has its input"}
            rules[name] = dict.fromkeys(("in_sample", "leave_one_year_out"), reason)
            continue
        rules[name] = score_rule(sample, values, settings, budget=budget, names=names)
    return rules


def score_rule(
    sample: Sample, values: pd.Series, settings: Settings, *, budget: float, names: list[str]
) -> dict[str, Any]:
    """Record of a rule with one value per session, at the lowest threshold within the budget.

    Parameters
    ----------
    sample : Sample
    values : Series of shape (n_sessions,)
        One per session of the sample; the rule alarms when it is high. NaN never alarms.
    settings : Settings
    budget : float
        False alarms per year.
    names : list of str
        Names of the histories.

    Returns
    -------
    dict
        `in_sample`: one threshold from every year. `leave_one_year_out`: from the other years.
    """
    everywhere = values >= _threshold(sample, values, None, budget, settings)
    flags = np.zeros(len(values), dtype=bool)
    for fold in year_folds(sample):
        own = in_period(sample.sessions, fold)
        threshold = _threshold(sample, values, fold, budget, settings)
        flags[own] = (values >= threshold).to_numpy()[own]
    left_out = pd.Series(flags, sample.sessions)
    return {
        "in_sample": summary(record_of(sample, everywhere, settings), sample, names),
        "leave_one_year_out": summary(record_of(sample, left_out, settings), sample, names),
    }


def _threshold(
    sample: Sample, values: pd.Series, without: Period | None, budget: float, settings: Settings
) -> float:
    rows = np.ones(len(values), dtype=bool)
    if without is not None:
        rows = ~in_period(sample.sessions, without)
    parts = [values[rows & (sample.segments == number)] for number in np.unique(sample.segments)]
    return lowest_threshold(
        tuple(part for part in parts if part.notna().any()),
        episodes=sample.labels.episodes,
        budget=budget,
        quiet=settings.calibration.quiet,
    )


def _targets(sample: Sample, settings: Settings, names: list[str]) -> list[dict[str, Any]]:
    """Record at other target rates, leave-one-year-out."""
    rows = []
    for entries in TARGETS:
        rates = settings.calibration.model_copy(update={"deleveraging_entries": entries})
        desk = settings.model_copy(update={"calibration": rates})
        judgement = judge_left_out(sample, year_folds(sample), desk)
        threshold = calibrate_sample(sample, desk).deleveraging
        rows.append(
            {"stated": entries, "threshold": round(threshold, 2)}
            | record_json(sample, judgement, settings, names)
        )
    return rows


def _statement(
    sample: Sample, years: Judgement, blocks: Judgement, settings: Settings
) -> dict[str, Any] | None:
    """Stated rate, leave-one-out reliability by year and by block, and score bands."""
    statement = statement_of(sample, calibrate_sample(sample, settings), years, blocks, settings)
    if statement is None:
        return None
    counts, lengths = block_counts(sample, blocks, settings)
    tables = {}
    for name, judgement in (("years", years), ("blocks", blocks)):
        rows = sample.ordinary & judgement.judged
        calendar = sample.sessions.year.to_numpy()[rows]
        tables[name] = [
            [round(value, 3) for value in row]
            for row in reliability(judgement.score[rows], calendar, PERIODS)
        ]
    rate = statement.rate
    return {
        "rate": round(rate.rate, 3),
        "lower": round(rate.lower, 3),
        "upper": round(rate.upper, 3),
        "dispersion": round(rate.dispersion, 2),
        "next_year": [rate.next_year_lower, rate.next_year_upper],
        "blocks": [
            {"block": fold.name, "false_alarms": n, "years": round(length, 2)}
            for fold, n, length in zip(block_folds(sample), counts, lengths, strict=True)
        ],
        "reliability": tables,
        "bands": [
            {
                "lower_score": round(band.lower_score, 2), "sessions": band.sessions,
                "inside": band.inside, "share": round(band.share, 4),
                "lower": round(band.lower, 4), "upper": round(band.upper, 4),
            }
            for band in statement.bands
        ],
        "rarity": [
            {
                "score": row.score, "period": round(row.period, 1),
                "lower": round(row.lower, 1), "upper": round(row.upper, 1),
            }
            for row in statement.rarity
        ],
    }  # fmt: skip


def _molchan(sample: Sample, years: Judgement) -> list[list[float]]:
    """Rows of raised share, share missed, and the 5–95 % band of chance."""
    curve = molchan_curve(years.margin, windows_of(sample))
    columns = (curve.raised, curve.misses, curve.chance_lower, curve.chance_upper)
    return [[round(float(value), 4) for value in row] for row in zip(*columns, strict=True)]


def _false_alarms(
    histories: tuple[History, ...], sample: Sample, years: Judgement, settings: Settings
) -> list[dict[str, Any]]:
    """False alarms one by one: state, margin, drivers and the classes that fell."""
    record = record_of(sample, years.raised, settings, narrow=years.narrow)
    evidence = deleveraging_score(
        sample.drivers, scales=calibrate_sample(sample, settings).scales, weights=sample.weights,
        cap=settings.verdict.evidence_cap,
    ).evidence  # fmt: skip
    rows = []
    for day in record.false_alarms:
        row = int(np.flatnonzero(sample.sessions == day)[0])
        narrow = bool(years.narrow.iloc[row])
        elevated = evidence.iloc[row]
        rows.append(
            {
                "day": f"{day:%Y-%m-%d}",
                "state": DEGROSSING if narrow else DELEVERAGING,
                "margin": round(float(years.margin[row]), 2),
                "drivers": {k: round(float(v), 1) for k, v in elevated.items() if v >= 1},
                "fell": what_fell(histories[sample.segments[row]], day, settings),
                "calm": day in record.calm_alarms,
                "other": day in record.other_alarms,
            }
        )
    return rows


def record_json(
    sample: Sample, judgement: Judgement, settings: Settings, names: list[str]
) -> dict[str, Any]:
    """Record of a judgement as JSON, with the margin of each episode."""
    rows = judgement.judged
    record = record_of(sample, judgement.raised, settings, narrow=judgement.narrow, rows=rows)
    answer = summary(record, sample, names)
    for row in answer["by_episode"]:
        row["margin"] = _margin(sample, judgement.margin, pd.Timestamp(row["acute_start"]))
    return answer


def _margin(sample: Sample, margins: Any, start: pd.Timestamp) -> float | None:
    """Largest score less threshold in time: one session before to two after the acute start."""
    first = int(sample.sessions.searchsorted(start))
    window = margins[max(first - 1, 0) : first + IN_TIME + 1]
    return None if np.isnan(window).all() else round(float(np.nanmax(window)), 3)


def summary(record: Record, sample: Sample, names: list[str]) -> dict[str, Any]:
    """Figures of a record as JSON."""
    lower, upper = record.false_alarm_rate_interval
    delay, share, entries = record.median_delay, record.raised_share, record.entries_per_episode
    return {
        "episodes": len(record.detections),
        "caught": record.detected,
        f"caught_within_{IN_TIME}": record.detected_within(IN_TIME),
        "by_folder": _by_folder(record, sample, names),
        "median_delay": None if np.isnan(delay) else delay,
        "false_entries": len(record.false_alarms),
        "years": round(record.years, 2),
        "false_entries_a_year": round(record.false_alarm_rate, 3),
        "false_entries_interval": [round(lower, 3), round(upper, 3)],
        "raised_share": None if np.isnan(share) else round(share, 5),
        "raised_outside": record.raised_outside,
        "entries_per_episode": None if np.isnan(entries) else round(entries, 2),
        "calm_entries": [f"{day:%Y-%m-%d}" for day in record.calm_alarms],
        "other_selloff_entries": [f"{day:%Y-%m-%d}" for day in record.other_alarms],
        "false_entry_days": [f"{day:%Y-%m-%d}" for day in record.false_alarms],
        "by_episode": [
            {
                "episode": detection.episode.name,
                "title": detection.episode.title,
                "cross_asset": detection.episode.cross_asset,
                "acute_start": f"{detection.episode.acute_start:%Y-%m-%d}",
                "entry": None if detection.entry is None else f"{detection.entry:%Y-%m-%d}",
                "delay": detection.delay,
            }
            for detection in record.detections
        ],
    }


def _by_folder(record: Record, sample: Sample, names: list[str]) -> dict[str, list[int]]:
    """Episodes detected in time and all episodes, by the folder that holds their acute start."""
    answer = {}
    for number, name in enumerate(names):
        days = sample.sessions[sample.segments == number]
        own = [
            detection.delay is not None and detection.delay <= IN_TIME
            for detection in record.detections
            if days[0] <= detection.episode.acute_start <= days[-1]
        ]
        answer[name] = [sum(own), len(own)]
    return answer
