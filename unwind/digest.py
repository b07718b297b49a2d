"""One session in words: the verdict, what drives it, what is uncertain; as markdown and as text.

The same rows, order and formats as the HTML report (`unwind.report`), without a chart.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from unwind.formatting import (
    NULL,
    Row,
    both_clocks,
    by_severity,
    correlation_grid,
    interval,
    is_null,
    is_simulated,
    long_session,
    number,
    plain,
    records,
    session,
)

SIMULATED = "SIMULATED DATA"
# What a reader takes in at once; the tables hold the rest.
LARGEST = 3
LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One contribution to the score, in points; null where its input is missing.

    `meaning` says in words what `value` measures; it is the name where the row has no words.
    """

    name: str
    contribution: float | None
    value: float | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The regimes row of one session; score and thresholds in points."""

    base: str
    state: str
    previous_state: str
    sessions_in_state: int
    score: float | None
    lowest: float | None
    highest: float | None
    release: float | None
    watch: float | None
    deleveraging: float | None
    headline: str
    drivers: tuple[Driver, ...]

    @property
    def largest(self) -> tuple[Driver, ...]:
        """Measured drivers, the largest contribution in size first."""
        measured = [driver for driver in self.drivers if driver.contribution is not None]
        return tuple(sorted(measured, key=lambda driver: -abs(driver.contribution or 0.0)))

    @property
    def missing(self) -> tuple[Driver, ...]:
        """Drivers whose input is missing."""
        return tuple(driver for driver in self.drivers if driver.contribution is None)

    @property
    def thresholds(self) -> tuple[tuple[str, float], ...]:
        """Names and values of the thresholds on file, rising."""
        named = {
            "release": self.release,
            "WATCH": self.watch,
            "DELEVERAGING": self.deleveraging,
        }
        return tuple((name, value) for name, value in named.items() if value is not None)

    @property
    def duration(self) -> str:
        """How long the state has stood, and what stood before."""
        if self.sessions_in_state == 1:
            return f"first session in this state, {self.previous_state} the session before"
        return f"session {self.sessions_in_state} in this state"

    @property
    def score_text(self) -> str:
        """The score, followed by its range where missing drivers leave one."""
        score = number(self.score, decimals=2)
        if self.lowest == self.highest or self.range_text == NULL:
            return score
        return f"{score}, range {self.range_text}"

    @property
    def range_text(self) -> str:
        """The score with each missing driver at zero, and at its cap."""
        return interval(self.lowest, self.highest, decimals=2)

    @property
    def threshold_text(self) -> str:
        """The rule: from where a state is entered, below what it is left."""
        release, watch, deleveraging = (
            number(value, decimals=2) for value in (self.release, self.watch, self.deleveraging)
        )
        return f"WATCH from {watch}, DELEVERAGING from {deleveraging}, released below {release}"


def read_verdict(regimes: pd.DataFrame) -> Verdict | None:
    """Read the session's regimes row; None where there is none.

    Raises
    ------
    ValueError
        More than one row: the session of one base has one verdict.
    """
    rows = records(regimes)
    if not rows:
        return None
    if len(rows) > 1:
        raise ValueError(f"regimes must hold one row, got {len(rows)}; pass one session and base")
    row = rows[0]
    return Verdict(
        base=plain(row["base"]),
        state=plain(row["state"]),
        previous_state=plain(row["previous_state"]),
        sessions_in_state=int(row["sessions_in_state"]),
        score=row["score"],
        lowest=row["score_lowest"],
        highest=row["score_highest"],
        release=row["release_threshold"],
        watch=row["watch_threshold"],
        deleveraging=row["deleveraging_threshold"],
        headline=plain(row["headline"]),
        drivers=tuple(_driver(entry) for entry in row["drivers"]),
    )


def _driver(entry: Mapping[str, Any]) -> Driver:
    contribution, value = (
        None if is_null(entry[name]) else float(entry[name]) for name in ("contribution", "value")
    )
    return Driver(
        name=plain(entry["driver"]),
        contribution=contribution,
        value=value,
        meaning=plain(entry["driver" if is_null(entry["meaning"]) else "meaning"]),
    )


def remainder(verdict: Verdict) -> str:
    """Sum up the drivers beyond the largest, so that the list adds up to the score."""
    rest = verdict.largest[LARGEST:]
    if not rest:
        return ""
    total = sum(driver.contribution or 0.0 for driver in rest)
    noun = "driver" if len(rest) == 1 else "drivers"
    return f"{len(rest)} more {noun}, together {number(total, decimals=2, signed=True)}"


def uncertainties(tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Say in sentences what limits the verdict, the gravest first."""
    verdict = read_verdict(tables["regimes"])
    return (
        *_doubts_on_score(verdict),
        *_doubts_on_data(tables["quality"]),
        *_doubts_on_volatility(tables["volatility"]),
        *_doubts_on_correlation(tables["correlations"]),
    )


def _doubts_on_score(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["There is no verdict: the regimes table holds no row for this session."]
    if not verdict.missing:
        return []
    count, names = len(verdict.missing), ", ".join(driver.name for driver in verdict.missing)
    lead = f"{count} {'driver is' if count == 1 else 'drivers are'} missing: {names}."
    if verdict.lowest is None or verdict.highest is None:
        return [f"{lead} What the score would be with them is unknown."]
    lower, upper = verdict.lowest, verdict.highest
    spanned = [
        f"{name} {number(value, decimals=2)}"
        for name, value in verdict.thresholds
        if lower < value <= upper
    ]
    reach = f"With what is missing the score may be {verdict.range_text};"
    if not spanned:
        return [f"{lead} {reach} no threshold lies in between."]
    verb = "lies" if len(spanned) == 1 else "lie"
    return [f"{lead} {reach} {' and '.join(spanned)} {verb} in between: the state could differ."]


def _doubts_on_data(quality: pd.DataFrame) -> list[str]:
    grave = [row for row in by_severity(quality) if row["severity"] in ("error", "warning")]
    sentences = [
        f"Data {plain(row['severity'])}: {plain(row['table'])}, {plain(row['entity'])}: "
        f"{plain(row['rule'])} ({_rows(row['count'])})."
        for row in grave[:LISTED]
    ]
    if left := len(grave) - len(sentences):
        sentences.append(f"{left} more data warnings: see data quality.")
    return sentences


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{number(count, decimals=0)} rows"


def _doubts_on_volatility(volatility: pd.DataFrame) -> list[str]:
    failed = [row for row in records(volatility) if not row["converged"]]
    failed.sort(key=lambda row: (row["asset"], row["model"]))
    sentences = [_volatility_doubt(row) for row in failed[:LISTED]]
    if left := len(failed) - len(sentences):
        sentences.append(f"{left} more volatility fits did not converge: see volatility.")
    return sentences


def _volatility_doubt(row: Row) -> str:
    reason = f": {plain(row['reason'])}" if row["reason"] is not None else ""
    return f"σ of {plain(row['asset'])} is no converged fit ({plain(row['model'])}){reason}."


def _doubts_on_correlation(correlations: pd.DataFrame) -> list[str]:
    lines = correlation_grid(correlations).lines
    known = next((line.cells for line in lines if line.cells[2] != NULL), None)
    if known is None:
        return []
    pair, value, ends = known[:3]
    return [
        f"Correlations are uncertain: {pair} measures {value}, Fisher interval {ends}. Fisher "
        "intervals are too narrow under fat tails, and overlapping windows are not independent."
    ]


def headline_lines(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    tables: Mapping[str, pd.DataFrame],
) -> tuple[str, ...]:
    """Write the verdict as plain text, one fact a line; no markup, no control characters."""
    verdict = read_verdict(tables["regimes"])
    lines = [f"*** {SIMULATED} ***"] if is_simulated(source) else []
    if verdict is None:
        lines.append(f"No verdict for {session(as_of)}")
    else:
        lines += [
            f"{verdict.base}: {verdict.state} on {session(as_of)}, {verdict.duration}",
            verdict.headline,
            f"score {verdict.score_text}; {verdict.threshold_text}",
        ]
        if drivers := [_driver_text(driver) for driver in verdict.largest[:LARGEST]]:
            lines.append(f"drivers: {'; '.join(drivers)}")
    lines += [f"uncertain: {sentence}" for sentence in uncertainties(tables)]
    lines.append(f"cut-off {' = '.join(both_clocks(cutoff))}; source {plain(source)}")
    return tuple(lines)


def _driver_text(driver: Driver) -> str:
    return f"{driver.name} {number(driver.contribution, decimals=2, signed=True)}"


def verdict_markdown(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    settings_digest: str,
    tables: Mapping[str, pd.DataFrame],
) -> str:
    """Write state, score, drivers and doubts as markdown."""
    verdict = read_verdict(tables["regimes"])
    blocks = [f"**{SIMULATED}. No market printed these numbers.**"] if is_simulated(source) else []
    if verdict is None:
        blocks.append("## No verdict")
    else:
        blocks += [
            f"## {escape_markdown(verdict.base)}: {escape_markdown(verdict.state)}",
            f"**Verdict.** {escape_markdown(verdict.headline)}",
            f"**Score** {verdict.score_text}. {verdict.threshold_text}. "
            f"State: {escape_markdown(verdict.duration)}.",
            _driver_list(verdict),
        ]
    doubts = "\n".join(f"- {escape_markdown(sentence)}" for sentence in uncertainties(tables))
    blocks.append(f"**What is uncertain**\n\n{doubts}" if doubts else "Nothing is missing.")
    origin, settings = (escape_markdown(plain(text)) for text in (source, settings_digest))
    blocks.append(
        f"Session {long_session(as_of)}, cut-off {' = '.join(both_clocks(cutoff))}, "
        f"source {origin}, settings {settings}."
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _driver_list(verdict: Verdict) -> str:
    items = [
        f"- {number(driver.contribution, decimals=2, signed=True)} "
        f"**{escape_markdown(driver.meaning)}** "
        f"({escape_markdown(driver.name)}, input {number(driver.value, decimals=2)})"
        for driver in verdict.largest[:LARGEST]
    ]
    if rest := remainder(verdict):
        items.append(f"- {rest}")
    return "**Largest drivers, in points**\n\n" + "\n".join(items) if items else ""


def escape_markdown(text: str) -> str:
    """Disarm markdown and HTML in a text that does not begin a line.

    Emphasis, code, links, tables, formulas, bare addresses and short codes need one of the
    characters escaped here (CommonMark §2.4 lets a backslash stand before any of them); marks
    that act only at the beginning of a line (#, -, 1.) never stand there in these artifacts.
    """
    disarmed = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$@]|:(?=/))", r"\\\1", disarmed)
