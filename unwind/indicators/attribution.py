"""Rows of the tables `evidence` and `attribution`: contributions by block, and the finding."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.attribution import (
    ABSTAIN,
    AMBIGUOUS,
    AMPLIFIER,
    MIXED,
    NAMED,
    ORDINARY,
    Finding,
    Indicator,
    Ledger,
    Smoothing,
    Thresholds,
    apply_rules,
    block_contributions,
    build_ledger,
    incomplete_mechanisms,
)
from unwind.hypotheses import HYPOTHESES, MECHANISMS, WORDS
from unwind.indicators.block import CONFLICTED, MISSING, STALE
from unwind.indicators.context import RunContext
from unwind.indicators.evidence import Evidence, scaled
from unwind.settings.attribution import Attribution

# Indicator of the session's move of the base, in robust σ.
BASE_MOVE = "base_fall"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Account:
    """A session's evidence, ledger and finding."""

    evidence: Mapping[str, Evidence]
    indicators: Mapping[str, Indicator]
    readings: Mapping[str, float | str | None]
    ledger: Ledger
    finding: Finding


def indicators_of(chosen: Attribution) -> dict[str, Indicator]:
    """Indicators of the settings as the model takes them."""
    return {
        name: Indicator(
            block=held.block,
            weight=held.weight,
            expected={
                str(story): tuple(map(str, levels)) for story, levels in held.expected.items()
            },
            classes=held.classes,
        )
        for name, held in chosen.indicators.items()
    }


def account(evidence: Mapping[str, Evidence], *, alarmed: bool, chosen: Attribution) -> Account:
    """Score the evidence by the settings; `alarmed` as in `models.attribution.apply_rules`."""
    indicators = indicators_of(chosen)
    readings = {
        name: scaled(
            held, centre=chosen.indicators[name].centre, scale=chosen.indicators[name].scale,
            classes=indicators[name].classes,
        )
        for name, held in evidence.items()
    }  # fmt: skip
    shares = {CONFLICTED: chosen.conflicted_share, STALE: chosen.stale_share}
    held = build_ledger(
        readings,
        {name: shares.get(item.quality, 1.0) for name, item in evidence.items()},
        indicators,
        priors={name: chosen.priors[name] for name in HYPOTHESES},
        amplifier_prior=chosen.amplifier_prior,
        smoothing=Smoothing(
            locations=chosen.locations, dof=chosen.dof, expert=chosen.expert, spread=chosen.spread
        ),
        indicator_cap=chosen.indicator_cap,
        block_cap=chosen.block_cap,
        decisive_blocks=chosen.decisive,
        min_required_evidence=chosen.decisive_vote,
    )
    rules = Thresholds(
        min_posterior=chosen.posterior, min_margin=chosen.margin, min_blocks=chosen.blocks,
        required_blocks=chosen.decisive,
        min_required_evidence=chosen.decisive_vote, block_cap=chosen.block_cap,
        min_net_agreement=chosen.coherence,
        missing_block_penalty=chosen.toll,
    )  # fmt: skip
    base_move = readings.get(BASE_MOVE)
    shocked = isinstance(base_move, float) and abs(base_move) >= chosen.shock
    return Account(
        evidence=evidence, indicators=indicators, readings=readings, ledger=held,
        finding=apply_rules(
            held,
            indicators,
            rules=rules,
            alarmed=alarmed,
            not_measured=incomplete_mechanisms(readings, indicators, rules) if shocked else (),
        ),
    )  # fmt: skip


def evidence_rows(held: Account, context: RunContext) -> pd.DataFrame:
    """Rows of the table `evidence`: one per hypothesis and indicator."""
    rows = [
        {
            "hypothesis": hypothesis,
            "indicator": name,
            "block": indicator.block,
            "expected": "/".join(indicator.expected.get(hypothesis, ("as ordinary",))),
            "value": held.evidence[name].value,
            "category": held.evidence[name].category,
            "reading": _number(held.readings[name]),
            "ratio": held.ledger.ratios.loc[name, hypothesis],
            "weight": indicator.weight,
            "contribution": held.ledger.contributions.loc[name, hypothesis],
            "describes": held.evidence[name].describes.date(),
            "quality": held.evidence[name].quality,
            "reason": held.evidence[name].reason,
            "known_at": held.evidence[name].known_at,
        }
        for hypothesis in (*MECHANISMS, AMPLIFIER)
        for name, indicator in held.indicators.items()
    ]
    return context.stamped(pd.DataFrame(rows))


def _number(reading: float | str | None) -> float:
    return float(reading) if isinstance(reading, float) else np.nan


def attribution_rows(held: Account, context: RunContext) -> pd.DataFrame:
    """Rows of the table `attribution`: one per hypothesis, and the amplifier's."""
    chosen, finding, posterior = context.settings.attribution, held.finding, held.ledger.posterior
    order = posterior.rank(ascending=False, method="first")
    told = sentence(held, context)
    known = [item.known_at for item in held.evidence.values() if item.quality != MISSING]
    missing = sorted(
        {indicator.block for indicator in held.indicators.values()} - set(held.ledger.observed)
    )
    rows = [
        {
            "hypothesis": name,
            "prior": chosen.amplifier_prior if name == AMPLIFIER else chosen.priors[name],
            "log_odds": held.ledger.log_odds[name],
            "posterior": held.ledger.amplifier if name == AMPLIFIER else posterior[name],
            "rank": np.nan if name == AMPLIFIER else order[name],
            "verdict": finding.verdict,
            "named": finding.named,
            "margin": finding.margin,
            "blocks_observed": len(held.ledger.observed),
            "blocks_missing": ", ".join(missing) or None,
            "amplifier": held.ledger.amplifier,
            "sentence": told,
            "reason": finding.reason,
            "known_at": max(known, default=context.cutoff),
        }
        for name in (*HYPOTHESES, AMPLIFIER)
    ]
    return context.stamped(pd.DataFrame(rows))


def sentence(held: Account, context: RunContext) -> str:
    """Write the finding, with the evidence blocks that support and contradict the leader."""
    finding, posterior = held.finding, held.ledger.posterior
    prefix = "SIMULATED DATA. " if context.source.startswith("simulated") else ""
    ranked = posterior.sort_values(ascending=False, kind="stable").index
    first, second = (f"{WORDS[str(name)]} {posterior[name]:.2f}" for name in ranked[:2])
    reason = in_words(finding.reason)
    heads = {
        NAMED: f"{WORDS[finding.leader]} fits best",
        MIXED: f"no single mechanism identified: {reason}",
        AMBIGUOUS: f"inconclusive: {reason}",
        ABSTAIN: f"not determined: {reason}",
    }
    head = heads.get(finding.verdict, "ordinary volatility explains the move")
    text = f"{prefix}{context.as_of}: {head}; posterior {first}, {second}"
    if finding.leader != ORDINARY:
        sums = block_contributions(held.ledger, held.indicators)[finding.leader].sort_values()
        supports = [f"{name} {value:+.1f}" for name, value in sums[::-1].items() if value >= 0.5]
        contradicts = [f"{name} {value:+.1f}" for name, value in sums.items() if value <= -0.5]
        text += f"; supported by {', '.join(supports) or 'no block'}"
        text += f"; contradicted by {', '.join(contradicts)}" if contradicts else ""
    if held.ledger.amplifier >= context.settings.attribution.amplifier_from:
        text += f"; amplified by {WORDS[AMPLIFIER]} ({held.ledger.amplifier:.2f})"
    n_blocks = len({item.block for item in held.indicators.values()})
    n_missing = n_blocks - len(held.ledger.observed)
    return text + (f"; no data for {n_missing} of {n_blocks} blocks." if n_missing else ".")


def in_words(reason: str) -> str:
    """Write the stored names of hypotheses in words."""
    names = [(word.rstrip(","), word) for word in reason.split(" ")]
    text = " ".join(word.replace(name, WORDS.get(name, name)) for name, word in names if name)
    # "ordinary volatility" was written in words already.
    return text.replace(f"{WORDS[ORDINARY]} volatility", WORDS[ORDINARY])
