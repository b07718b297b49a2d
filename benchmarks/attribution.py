"""`python -m benchmarks.attribution`: the attribution of simulated markets with known truth.

Each market is scored at one session, two sessions later: with all data, without the flow table and
without the tables of futures and open interest. The event session is scored, and of the slow
outflow, which has no one day, its last session. Option chains and notes are excluded: they are
evidence of the amplifier. Weights and rules were set on seeds below 3,013; the record uses others.
--real adds real days, --hours the hours of ordinary falls, and --sensitivity each block doubled
and removed.
"""

import argparse
import pickle
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from benchmarks.attribution_days import (
    RealAnswers,
    changed_names,
    hours_lines,
    real_evidence,
    real_lines,
    reweighted,
)
from models.attribution import ABSTAIN, AMBIGUOUS, MIXED
from unwind.calendar import all_sessions, publication_instant
from unwind.contract.inputs import INPUT_TABLES
from unwind.hypotheses import HYPOTHESES
from unwind.indicators.attribution import account
from unwind.indicators.block import MISSING
from unwind.indicators.context import Slot
from unwind.indicators.evidence import Evidence, session_evidence
from unwind.indicators.mechanisms.table import mechanisms
from unwind.indicators.verdict import decide, is_raised
from unwind.market.store import default_known_at, read_rejected
from unwind.pipeline import Market, observe, observe_next
from unwind.settings import Settings, load_settings
from unwind.simulation.scenarios import PLANS, SCENARIOS
from unwind.simulation.source import SimulatedMarket, simulate_market

EVENT = date(2026, 2, 5)
DAYS_BEFORE, SESSIONS_AFTER = 560, 2
FIRST_SEED = 4000
BATCH = 35  # markets between two writes of the cache
EXCLUDED = ("option_chains", "structured_notes")
# Indicators without data after each removal.
REMOVALS: Mapping[str, tuple[str, ...]] = {
    "all data": (),
    "without flows": ("flow_base", "flow_total", "flow_run"),
    "without futures": (
        "cme_type", "basis_change", "basis_level", "offshore_type", "offshore_open_interest",
        "divergence", "funding",
    ),
}  # fmt: skip
OUTPUT = Path(__file__).parents[1] / "docs" / "attribution.md"


def market_of(
    simulated: SimulatedMarket, settings: Settings, *, without: tuple[str, ...]
) -> Market:
    """Hold the tables of a simulated market as vintages, dated by the rules of the settings."""
    vintages = {}
    for name, table in INPUT_TABLES.items():
        rows = simulated.tables[name]
        if name in without:
            vintages[name] = pd.DataFrame({column: [] for column in (*table.columns, "known_at")})
            continue
        known = default_known_at(rows, table, settings)
        own = rows["known_at"] if "known_at" in rows.columns else known
        vintages[name] = rows.assign(known_at=own.where(own.notna(), known)).sort_values(
            [*table.key, "known_at"], kind="stable", ignore_index=True
        )
    return Market(vintages=vintages, rejected=read_rejected(Path("nowhere")))


def scored_session(simulated: SimulatedMarket) -> date:
    """The session that is scored."""
    if simulated.truth.mechanism == "fundamental_outflow":
        assert simulated.truth.last_session is not None
        return simulated.truth.last_session
    return EVENT


def evidence_of(
    scenario: str, seed: int, settings: Settings, *, without: tuple[str, ...] = EXCLUDED
) -> tuple[dict[str, Evidence], bool]:
    """The evidence of a market's scored session, and whether the verdict was raised there."""
    first = (pd.Timestamp(EVENT) - pd.Timedelta(days=DAYS_BEFORE)).date()
    last = (pd.Timestamp(EVENT) + pd.Timedelta(days=30)).date()
    simulated = simulate_market(scenario, seed=seed, first=first, last=last, event=EVENT)
    day = scored_session(simulated)
    sessions = all_sessions()
    late = sessions[int(sessions.searchsorted(pd.Timestamp(day))) + SESSIONS_AFTER].date()
    moment = Slot(
        as_of=day, cutoff=publication_instant(late, settings.publication), source="simulated"
    )
    market = market_of(simulated, settings, without=without)
    context = observe(market, moment, settings=settings)
    rows, _ = mechanisms(context)
    verdict = decide(context)
    readings = session_evidence(rows, context, observe_next(market, context), verdict)
    return readings, is_raised(verdict, context)


def removed(evidence: Mapping[str, Evidence], names: tuple[str, ...]) -> dict[str, Evidence]:
    """The evidence without the readings of some indicators."""
    return {
        name: Evidence(
            value=float("nan"), describes=one.describes, known_at=one.known_at, quality=MISSING,
            reason="excluded",
        )
        if name in names else one
        for name, one in evidence.items()
    }  # fmt: skip


def said(evidence: Mapping[str, Evidence], alarmed: bool, settings: Settings) -> str:
    """The hypothesis that the finding names, or else its verdict."""
    finding = account(evidence, alarmed=alarmed, attribution=settings.attribution).finding
    return finding.named or finding.verdict


Answers = dict[tuple[str, int], tuple[dict[str, Evidence], bool]]


def gather(
    markets: int,
    settings: Settings,
    *,
    workers: int,
    cache: Path | None,
    first_seed: int = FIRST_SEED,
) -> Answers:
    """Evidence of every scenario and seed; `cache` is a file of earlier results."""
    answers: Answers = {}
    if cache is not None and cache.exists():
        with cache.open("rb") as stream:
            answers = pickle.load(stream)
    jobs = [
        (scenario, seed)
        for seed in range(first_seed, first_seed + markets)
        for scenario in SCENARIOS
    ]
    missing = [job for job in jobs if job not in answers]
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        results = Parallel(n_jobs=workers)(
            delayed(evidence_of)(scenario, seed, settings) for scenario, seed in batch
        )
        answers |= dict(zip(batch, results, strict=True))
        if cache is not None:
            with cache.open("wb") as stream:
                pickle.dump(answers, stream)
        sys.stderr.write(f"\r{start + len(batch)} of {len(missing)} markets")
    return {job: answers[job] for job in jobs}


def confusion(answers: Answers, settings: Settings) -> dict[str, dict[str, Counter[str]]]:
    """Counts of names and verdicts, by removal and scenario."""
    counts: dict[str, dict[str, Counter[str]]] = {
        name: {scenario: Counter() for scenario in SCENARIOS} for name in REMOVALS
    }
    for (scenario, _), (evidence, alarmed) in answers.items():
        for name, indicators in REMOVALS.items():
            counts[name][scenario][said(removed(evidence, indicators), alarmed, settings)] += 1
    return counts


def amplified(answers: Answers, settings: Settings) -> dict[str, list[float]]:
    """Probability of the amplifier in each market of a scenario, with all data."""
    attribution = settings.attribution
    probabilities: dict[str, list[float]] = {scenario: [] for scenario in SCENARIOS}
    for (scenario, _), (evidence, alarmed) in answers.items():
        probabilities[scenario].append(
            account(evidence, alarmed=alarmed, attribution=attribution).ledger.amplifier
        )
    return probabilities


def amplifier_lines(probabilities: dict[str, list[float]], settings: Settings) -> list[str]:
    """The section on the amplifier's probability, by scenario."""
    bound = settings.attribution.amplifier_from
    return [
        "",
        "## The amplifier",
        "",
        "Dealer and short-volatility feedback is scored beside the mechanisms. No scenario has a "
        "true value for it, so this is not a confusion matrix. It shows that quiet markets do not "
        "raise it, and how far volume, hours, options and the session after raise it where books "
        "are sold.",
        "",
        f"| scenario | median probability | share from {bound} |",
        "| --- | ---: | ---: |",
        *(
            f"| {scenario} | {float(np.median(values)):.2f} | "
            f"{float(np.mean([value >= bound for value in values])):.1%} |"
            for scenario, values in probabilities.items()
        ),
    ]


def sensitivity_lines(answers: Answers, real: RealAnswers, settings: Settings) -> list[str]:
    """Share right and wrong, and changed names, with each block doubled and removed."""
    attribution = settings.attribution
    lines = [
        "",
        "## Sensitivity to the weights",
        "",
        "Every weight of a block doubled and removed, all data, all scenarios together.",
        "",
        "| block | factor | right | wrong | changed names on real days |",
        "| --- | ---: | ---: | ---: | --- |",
        f"| as shipped | 1 | {_right_and_wrong(answers, settings)} | |",
    ]
    for block in dict.fromkeys(
        item.block for item in attribution.indicators.values() if item.weight
    ):
        for factor in (2.0, 0.0):
            other = reweighted(settings, block, factor)
            changed = changed_names(real, settings, other)
            shares = _right_and_wrong(answers, other)
            lines.append(f"| {block} | {factor:.0f} | {shares} | {changed} |")
    return lines


def _right_and_wrong(answers: Answers, settings: Settings) -> str:
    words = [
        (PLANS[scenario].mechanism, said(evidence, alarmed, settings))
        for (scenario, _), (evidence, alarmed) in answers.items()
    ]
    right = np.mean([word == truth for truth, word in words])
    wrong = np.mean([word != truth and word in HYPOTHESES for truth, word in words])
    return f"{right:.1%} | {wrong:.1%}"


def page(
    counts: dict[str, dict[str, Counter[str]]],
    markets: int,
    settings: Settings,
    *,
    beside: list[str],
    first_seed: int = FIRST_SEED,
) -> str:
    """The record as Markdown, `beside` at its end."""
    columns = [*HYPOTHESES, MIXED, AMBIGUOUS, ABSTAIN]
    lines = [
        "# Attribution on simulated markets",
        "",
        f"Written by `python -m benchmarks.attribution --markets {markets}`, settings "
        f"{settings.digest}, seeds {first_seed} to {first_seed + markets - 1} of each scenario; "
        "the weights were set on seeds 1 to 25, the rules for missing and contradicting blocks on "
        "seeds 1000 to 1057, dash for cash and the decisive blocks on seeds 2500 to 2521 and 3000 "
        "to 3012.",
        "",
        "Each market is scored at one session with what was known two sessions later: the event "
        "session, and of fundamental_outflow, which has no one day, its last session. Option "
        "chains and notes are excluded: they are evidence of the amplifier. A cell is a number of "
        "markets. Right: the true mechanism, or ordinary where there is none. Wrong: any other "
        "name, ordinary among them.",
    ]
    for name, scenarios in counts.items():
        lines += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            f"| scenario (truth) | {' | '.join(columns)} | right | wrong |",
            f"| --- |{' ---: |' * (len(columns) + 2)}",
        ]
        for scenario, said_of in scenarios.items():
            truth = PLANS[scenario].mechanism
            total = said_of.total()
            right = said_of[truth]
            wrong = sum(said_of[word] for word in HYPOTHESES if word != truth)
            cells = [str(said_of[word] or "·") for word in columns]
            lines.append(
                f"| {scenario} ({truth}) | {' | '.join(cells)} | {right / total:.1%} | "
                f"{wrong / total:.1%} |"
            )
    return "\n".join([*lines, *beside]) + "\n"


def main() -> None:
    """Run the record and write docs/attribution.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attribution", description=__doc__)
    parser.add_argument("--markets", type=int, default=200, help="seeds of each scenario")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--evidence", type=Path, help="cache file of the evidence")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders of real days")
    parser.add_argument("--hours", type=Path, help="folder with hourly bars of the coin")
    parser.add_argument("--sensitivity", action="store_true", help="each block doubled, removed")
    arguments = parser.parse_args()
    settings = load_settings()
    answers = gather(
        arguments.markets, settings, workers=arguments.workers, cache=arguments.evidence,
        first_seed=arguments.first_seed,
    )  # fmt: skip
    real = real_evidence(arguments.real, settings)
    beside = amplifier_lines(amplified(answers, settings), settings)
    beside += real_lines(real, settings) if real else []
    beside += hours_lines(arguments.hours, settings) if arguments.hours else []
    beside += sensitivity_lines(answers, real, settings) if arguments.sensitivity else []
    text = page(
        confusion(answers, settings), arguments.markets, settings,
        beside=beside, first_seed=arguments.first_seed,
    )  # fmt: skip
    arguments.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
