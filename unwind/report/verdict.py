"""The session as text for a terminal and as markdown for an artifact.

The same rows, order and formats as the HTML report (`unwind.report.page`), without a chart.
"""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from unwind.contract.text import both_clocks, is_simulated, long_session, number, plain, session
from unwind.report.caveats import caveats
from unwind.report.digest import (
    LARGEST,
    SIMULATED,
    Driver,
    Verdict,
    read_verdict,
    remainder,
)
from unwind.report.markdown import escape_markdown


def headline_lines(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    tables: Mapping[str, pd.DataFrame],
) -> tuple[str, ...]:
    """Write the verdict as plain text, one fact per line; no markup, no control characters."""
    verdict = read_verdict(tables["regimes"])
    lines = [f"*** {SIMULATED} ***"] if is_simulated(source) else []
    if verdict is None:
        lines.append(f"No verdict for {session(as_of)}")
    else:
        lines += [
            f"{verdict.base}: {verdict.state}, {long_session(as_of)}; {verdict.duration}",
            f"Evidence score {verdict.score_text}; {verdict.threshold_text}.",
            *filter(None, [verdict.odds_text]),
            *(f"Contribution {_driver_text(driver)}" for driver in verdict.largest[:LARGEST]),
        ]
        if verdict.score is None:
            lines.append(verdict.headline)
    lines += [f"Caveat: {sentence}" for sentence in caveats(tables)]
    lines.append(f"Data cut-off {' = '.join(both_clocks(cutoff))}; source {plain(source)}")
    return tuple(lines)


def _driver_text(driver: Driver) -> str:
    return f"{number(driver.contribution, decimals=2, signed=True)}  {driver.meaning}"


def verdict_markdown(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    settings_digest: str,
    tables: Mapping[str, pd.DataFrame],
) -> str:
    """Write state, score, drivers and caveats as markdown."""
    verdict = read_verdict(tables["regimes"])
    blocks = [f"**{SIMULATED}. These are not market data.**"] if is_simulated(source) else []
    if verdict is None:
        blocks.append("## No verdict")
    else:
        blocks += [
            f"## {escape_markdown(verdict.base)}: {escape_markdown(verdict.state)}",
            f"**Verdict.** {escape_markdown(verdict.headline)}",
            f"**Evidence score** {verdict.score_text}; {verdict.threshold_text}. "
            f"{escape_markdown(verdict.duration)}.",
            _driver_list(verdict),
        ]
    listed = "\n".join(f"- {escape_markdown(sentence)}" for sentence in caveats(tables))
    blocks.append(f"**Caveats**\n\n{listed}" if listed else "No missing data and no warnings.")
    origin, settings = (escape_markdown(plain(text)) for text in (source, settings_digest))
    blocks.append(
        f"Session {long_session(as_of)}, data cut-off {' = '.join(both_clocks(cutoff))}, "
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
    if smaller := remainder(verdict):
        items.append(f"- {smaller}")
    return "**Largest contributions to the score**\n\n" + "\n".join(items) if items else ""
