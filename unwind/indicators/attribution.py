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


def indicators_of(attribution: Attribution) -> dict[str, Indicator]:
    """Indicators of the settings as the model takes them."""
    return {
        name: Indicator(
            block=reading.block,
            weight=reading.weight,
            expected={
                str(story): tuple(map(str, levels)) for story, levels in reading.expected.items()
            },
            classes=reading.classes,
        )
        for name, reading in attribution.indicators.items()
    }


def account(
    evidence: Mapping[str, Evidence], *, alarmed: bool, attribution: Attribution
) -> Account:
    """Score the evidence by the settings; `alarmed` as in `models.attribution.apply_rules`."""
    indicators = indicators_of(attribution)
    readings = {
        name: scaled(
            item, classes=indicators[name].classes,
            centre=attribution.indicators[name].centre, scale=attribution.indicators[name].scale,
        )
        for name, item in evidence.items()
    }  # fmt: skip
    shares = {CONFLICTED: attribution.conflicted_share, STALE: attribution.stale_share}
    ledger = build_ledger(
        readings,
        {name: shares.get(item.quality, 1.0) for name, item in evidence.items()},
        indicators,
        priors={name: attribution.priors[name] for name in HYPOTHESES},
        amplifier_prior=attribution.amplifier_prior,
        smoothing=Smoothing(
            locations=attribution.locations,
            dof=attribution.dof,
            expert=attribution.expert,
            spread=attribution.spread,
        ),
        indicator_cap=attribution.indicator_cap,
        block_cap=attribution.block_cap,
        decisive_blocks=attribution.decisive,
        min_required_evidence=attribution.decisive_vote,
    )
    rules = Thresholds(
        min_posterior=attribution.posterior, min_margin=attribution.margin,
        min_blocks=attribution.blocks, required_blocks=attribution.decisive,
        min_required_evidence=attribution.decisive_vote, block_cap=attribution.block_cap,
        min_net_agreement=attribution.coherence,
        missing_block_penalty=attribution.toll,
    )  # fmt: skip
    base_move = readings.get(BASE_MOVE)
    shocked = isinstance(base_move, float) and abs(base_move) >= attribution.shock
    return Account(
        evidence=evidence, indicators=indicators, readings=readings, ledger=ledger,
        finding=apply_rules(
            ledger,
            indicators,
            rules=rules,
            alarmed=alarmed,
            not_measured=incomplete_mechanisms(readings, indicators, rules) if shocked else (),
        ),
    )  # fmt: skip


def evidence_rows(result: Account, context: RunContext) -> pd.DataFrame:
    """Rows of the table `evidence`: one per hypothesis and indicator."""
    rows = [
        {
            "hypothesis": hypothesis,
            "indicator": name,
            "block": indicator.block,
            "expected": "/".join(indicator.expected.get(hypothesis, ("as ordinary",))),
            "value": result.evidence[name].value,
            "category": result.evidence[name].category,
            "reading": _number(result.readings[name]),
            "ratio": result.ledger.ratios.loc[name, hypothesis],
            "weight": indicator.weight,
            "contribution": result.ledger.contributions.loc[name, hypothesis],
            "describes": result.evidence[name].describes.date(),
            "quality": result.evidence[name].quality,
            "reason": result.evidence[name].reason,
            "known_at": result.evidence[name].known_at,
        }
        for hypothesis in (*MECHANISMS, AMPLIFIER)
        for name, indicator in result.indicators.items()
    ]
    return context.stamped(pd.DataFrame(rows))


def _number(reading: float | str | None) -> float:
    return float(reading) if isinstance(reading, float) else np.nan


def attribution_rows(result: Account, context: RunContext) -> pd.DataFrame:
    """Rows of the table `attribution`: one per hypothesis, and the amplifier's."""
    attribution = context.settings.attribution
    finding, posterior = result.finding, result.ledger.posterior
    order = posterior.rank(ascending=False, method="first")
    text = sentence(result, context)
    known = [item.known_at for item in result.evidence.values() if item.quality != MISSING]
    missing = sorted(
        {indicator.block for indicator in result.indicators.values()} - set(result.ledger.observed)
    )
    rows = [
        {
            "hypothesis": name,
            "prior": attribution.amplifier_prior if name == AMPLIFIER else attribution.priors[name],
            "log_odds": result.ledger.log_odds[name],
            "posterior": result.ledger.amplifier if name == AMPLIFIER else posterior[name],
            "rank": np.nan if name == AMPLIFIER else order[name],
            "verdict": finding.verdict,
            "named": finding.named,
            "margin": finding.margin,
            "blocks_observed": len(result.ledger.observed),
            "blocks_missing": ", ".join(missing) or None,
            "amplifier": result.ledger.amplifier,
            "sentence": text,
            "reason": finding.reason,
            "known_at": max(known, default=context.cutoff),
        }
        for name in (*HYPOTHESES, AMPLIFIER)
    ]
    return context.stamped(pd.DataFrame(rows))


def sentence(result: Account, context: RunContext) -> str:
    """Write the finding, with the evidence blocks that support and contradict the leader."""
    finding, posterior = result.finding, result.ledger.posterior
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
        sums = block_contributions(result.ledger, result.indicators)[finding.leader].sort_values()
        supports = [f"{name} {value:+.1f}" for name, value in sums[::-1].items() if value >= 0.5]
        contradicts = [f"{name} {value:+.1f}" for name, value in sums.items() if value <= -0.5]
        text += f"; supported by {', '.join(supports) or 'no block'}"
        text += f"; contradicted by {', '.join(contradicts)}" if contradicts else ""
    if result.ledger.amplifier >= context.settings.attribution.amplifier_from:
        text += f"; amplified by {WORDS[AMPLIFIER]} ({result.ledger.amplifier:.2f})"
    n_blocks = len({item.block for item in result.indicators.values()})
    n_missing = n_blocks - len(result.ledger.observed)
    return text + (f"; no data for {n_missing} of {n_blocks} blocks." if n_missing else ".")


def in_words(reason: str) -> str:
    """Write the stored names of hypotheses in words."""
    names = [(word.rstrip(","), word) for word in reason.split(" ")]
    text = " ".join(word.replace(name, WORDS.get(name, name)) for name, word in names if name)
    # "ordinary volatility" was written in words already.
    return text.replace(f"{WORDS[ORDINARY]} volatility", WORDS[ORDINARY])
