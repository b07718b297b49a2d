"""Caveats of one session's verdict: in full, or one sentence per kind."""

from collections.abc import Mapping

import pandas as pd

from unwind.contract.text import NULL, number, plain
from unwind.report.digest import LARGEST, Verdict, read_verdict
from unwind.report.format import Row, by_severity, correlation_grid, fault_text, records

# Entries on one screen; the tables have all.
LISTED = 5


def caveats(tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Write the caveats, the most severe first."""
    verdict = read_verdict(tables["regimes"])
    return (
        *_score_caveats(verdict),
        *_data_caveats(tables["quality"]),
        *_mechanism_caveats(tables.get("mechanisms")),
        *_volatility_caveats(tables["volatility"]),
        *_correlation_caveats(tables["correlations"]),
    )


def _score_caveats(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["No verdict: the regimes table has no row for this session."]
    if not verdict.missing:
        return []
    count, names = len(verdict.missing), ", ".join(driver.name for driver in verdict.missing)
    lead = f"{count} {'driver' if count == 1 else 'drivers'} missing ({names})"
    if verdict.lowest is None or verdict.highest is None:
        return [f"{lead}: the range of the score is unknown."]
    lower, upper = verdict.lowest, verdict.highest
    spanned = [
        f"{name} {number(value, decimals=2)}"
        for name, value in verdict.thresholds
        if lower < value <= upper
    ]
    reach = f"{lead}: the score lies between {verdict.range_text.replace(' to ', ' and ')}"
    if not spanned:
        return [f"{reach}; the state is the same throughout."]
    return [f"{reach}, which spans {' and '.join(spanned)}. The state is uncertain."]


def brief_caveats(tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Write one sentence per kind of caveat, for the front page."""
    verdict = read_verdict(tables["regimes"])
    return (
        *_score_caveats(verdict),
        *_data_in_brief(tables["quality"]),
        *_mechanism_caveats(tables.get("mechanisms")),
        *_fits_in_brief(tables["volatility"]),
        *_attribution_caveats(tables.get("attribution")),
        *_correlation_caveats(tables["correlations"]),
    )


def _data_in_brief(quality: pd.DataFrame) -> list[str]:
    rows = by_severity(quality)
    if not rows:
        return []
    counts: dict[str, int] = {}
    for row in rows:
        counts[plain(row["severity"])] = counts.get(plain(row["severity"]), 0) + 1
    severities = ", ".join(f"{count} {severity}" for severity, count in counts.items())
    first = rows[0]
    return [
        f"Data quality: {severities}. First: {plain(first['table'])}, {plain(first['entity'])}: "
        f"{fault_text(first['rule'])}."
    ]


def _fits_in_brief(volatility: pd.DataFrame) -> list[str]:
    rows = records(volatility)
    failed = sorted({plain(row["asset"]) for row in rows if not row["converged"]})
    if not failed:
        return []
    named = ", ".join(failed[:LISTED])
    if len(failed) > LISTED:
        named += f" and {len(failed) - LISTED} more"
    return [f"{len(failed)} of {len(rows)} volatility fits did not converge: {named}."]


def _attribution_caveats(attribution: pd.DataFrame | None) -> list[str]:
    if attribution is None or attribution.empty:
        return []
    row = records(attribution)[0]
    if row["blocks_missing"] is None:
        return []
    return [
        f"Attribution uses {row['blocks_observed']} evidence blocks; no data for "
        f"{plain(row['blocks_missing'])}."
    ]


def _mechanism_caveats(mechanisms: pd.DataFrame | None) -> list[str]:
    """Count the indicators by quality, and name those on which vendors disagree."""
    if mechanisms is None or mechanisms.empty:
        return []
    rows = records(mechanisms)
    counts = dict.fromkeys(("conflicted", "proxy", "partial", "stale", "missing"), 0)
    for row in rows:
        if row["quality"] in counts:
            counts[row["quality"]] += 1
    qualities = ", ".join(f"{count} {quality}" for quality, count in counts.items() if count)
    if not qualities:
        return []
    disputed = dict.fromkeys(
        f"{plain(row['indicator']).replace('_', ' ')} {plain(row['item'])}"
        for row in rows
        if row["quality"] == "conflicted"
    )
    named = list(disputed)[:LARGEST]
    more = f" and {len(disputed) - LARGEST} more" if len(disputed) > LARGEST else ""
    conflict = f" (vendors disagree on {', '.join(named)}{more})" if named else ""
    return [f"Mechanism indicators ({len(rows)}): {qualities}{conflict}."]


def _data_caveats(quality: pd.DataFrame) -> list[str]:
    severe = [row for row in by_severity(quality) if row["severity"] in ("error", "warning")]
    sentences = [
        f"Data {plain(row['severity'])}: {plain(row['table'])}, {plain(row['entity'])}: "
        f"{fault_text(row['rule'])} ({_rows(row['count'])})."
        for row in severe[:LISTED]
    ]
    if left := len(severe) - len(sentences):
        sentences.append(f"{left} more data warnings: see data quality.")
    return sentences


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{number(count, decimals=0)} rows"


def _volatility_caveats(volatility: pd.DataFrame) -> list[str]:
    failed = [row for row in records(volatility) if not row["converged"]]
    failed.sort(key=lambda row: (row["asset"], row["model"]))
    sentences = [_volatility_caveat(row) for row in failed[:LISTED]]
    if left := len(failed) - len(sentences):
        sentences.append(f"{left} more volatility fits did not converge: see volatility.")
    return sentences


def _volatility_caveat(row: Row) -> str:
    reason = f": {plain(row['reason'])}" if row["reason"] is not None else ""
    return f"{plain(row['asset'])} volatility did not converge ({plain(row['model'])}){reason}."


def _correlation_caveats(correlations: pd.DataFrame) -> list[str]:
    lines = correlation_grid(correlations).lines
    known = next((line.cells for line in lines if line.cells[2] != NULL), None)
    if known is None:
        return []
    pair, value, ends = known[:3]
    return [
        f"Short-window correlations are imprecise: {pair.replace('~', '–')} {value} (Fisher 95 % "
        f"interval {ends}, too narrow under fat tails)."
    ]
