"""Rules that name a mechanism from a ledger, or give the reason why none is named."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from models.attribution.ledger import ORDINARY, Indicator, Ledger

NAMED, MIXED, AMBIGUOUS, ABSTAIN = "NAMED", "MIXED", "AMBIGUOUS", "ABSTAIN"
ORDINARY_VERDICT = "ORDINARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Requirements for naming a mechanism.

    Attributes
    ----------
    min_posterior, min_margin : float
        Of the leading hypothesis: probability, and lead over the second.
    min_blocks : int
        Blocks with a reading.
    required_blocks : mapping of str to tuple of str
        Mechanism → blocks that must support it.
    min_required_evidence : float
        Log-odds that each required block must add.
    block_cap : float
        Largest contribution of a block: what a missing one might add.
    min_net_agreement : float
        Σv / Σ|v| over the blocks' contributions v to the leading hypothesis.
    missing_block_penalty : float
        Log-odds deducted from the leading hypothesis per missing block of which it expects
        something: missing data must not make a name easier.
    """

    min_posterior: float = 0.6
    min_margin: float = 0.25
    min_blocks: int = 4
    required_blocks: Mapping[str, tuple[str, ...]]
    min_required_evidence: float = 0.5
    block_cap: float = 2.0
    min_net_agreement: float = 0.6
    missing_block_penalty: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Conclusion from a ledger.

    Attributes
    ----------
    verdict : str
        `NAMED`: one mechanism. `ORDINARY_VERDICT`: ordinary volatility. `MIXED`: some mechanism,
        but none leads, or other blocks contradict the leading one. `AMBIGUOUS`: ordinary
        volatility and the mechanisms cannot be told apart. `ABSTAIN`: too few blocks, or a
        required block of the leading hypothesis is missing or does not support it, or ordinary
        volatility leads while a missing block could raise a mechanism above it.
    named : str or None
        The mechanism, or `ORDINARY`.
    leader : str
        Highest posterior; the first in the order of the hypotheses among equals.
    margin : float
    reason : str
        Reason of the verdict.
    """

    verdict: str
    named: str | None
    leader: str
    margin: float
    reason: str


def block_contributions(ledger: Ledger, indicators: Mapping[str, Indicator]) -> pd.DataFrame:
    """Sum the contributions by block; rows blocks, columns hypotheses."""
    blocks = pd.Series({name: indicator.block for name, indicator in indicators.items()})
    sums: pd.DataFrame = ledger.contributions.groupby(blocks, sort=False).sum()
    return sums


def _missing_blocks(
    ledger: Ledger, indicators: Mapping[str, Indicator], hypothesis: str
) -> list[str]:
    """Missing blocks of which a hypothesis expects something."""
    blocks = [item.block for item in indicators.values() if hypothesis in item.expected]
    return [block for block in dict.fromkeys(blocks) if block not in ledger.observed]


def _not_excluded(
    ledger: Ledger, indicators: Mapping[str, Indicator], rules: Thresholds
) -> list[str]:
    """Mechanisms that one missing block could raise above ordinary volatility."""
    missing = {name: _missing_blocks(ledger, indicators, name) for name in rules.required_blocks}
    return [
        f"{name} cannot be excluded without {' or '.join(blocks)}"
        for name, blocks in missing.items()
        if blocks and ledger.log_odds[name] + rules.block_cap > 0
    ]


def incomplete_mechanisms(
    readings: Mapping[str, float | str | None],
    indicators: Mapping[str, Indicator],
    rules: Thresholds,
) -> tuple[str, ...]:
    """Mechanisms of which less than half of a required block, by weight, has a reading.

    A block counts as observed with one reading. That is enough to support a mechanism, but one
    reading of four cannot exclude it.
    """
    incomplete = []
    for mechanism, blocks in rules.required_blocks.items():
        for block in blocks:
            weights = {
                name: item.weight
                for name, item in indicators.items()
                if item.block == block and mechanism in item.expected
            }
            measured = sum(
                weight for name, weight in weights.items() if readings.get(name) is not None
            )
            if weights and measured < sum(weights.values()) / 2:
                incomplete.append(mechanism)
                break
    return tuple(incomplete)


def _penalised(
    ledger: Ledger, leader: str, n_missing: int, rules: Thresholds
) -> tuple[float, float]:
    """Posterior and margin of the leading hypothesis after the missing-block penalty."""
    log_odds = ledger.log_odds[list(ledger.posterior.index)].copy()
    log_odds[leader] -= rules.missing_block_penalty * n_missing
    posterior = np.exp(log_odds - logsumexp(log_odds))
    return float(posterior[leader]), float(posterior[leader] - posterior.drop(leader).max())


def _first_two(ranked: pd.Series) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in ranked.iloc[:2].items())


def apply_rules(
    ledger: Ledger,
    indicators: Mapping[str, Indicator],
    *,
    rules: Thresholds,
    alarmed: bool = False,
    not_measured: Collection[str] = (),
) -> Finding:
    """Name the mechanism of a ledger, or abstain with a reason.

    Parameters
    ----------
    ledger : Ledger
    indicators : mapping of str to Indicator
        Those of the ledger.
    rules : Thresholds
    alarmed : bool
        The cross-section is in DELEVERAGING or RELEASE: such a session is not called ordinary,
        whatever the base did.
    not_measured : collection of str
        Mechanisms of which this session, a shock of the base, lacks most of a required block
        (`incomplete_mechanisms`): it is not called ordinary either.

    Returns
    -------
    Finding
    """
    ranked = ledger.posterior.sort_values(ascending=False, kind="stable")
    leader, margin = str(ranked.index[0]), float(ranked.iloc[0] - ranked.iloc[1])

    def finding(verdict: str, reason: str, named: str | None = None) -> Finding:
        return Finding(verdict=verdict, named=named, leader=leader, margin=margin, reason=reason)

    if len(ledger.observed) < rules.min_blocks:
        return finding(
            ABSTAIN, f"{len(ledger.observed)} blocks have data; {rules.min_blocks} are required"
        )
    if ranked.iloc[0] < rules.min_posterior or margin < rules.min_margin:
        if 1 - ledger.posterior[ORDINARY] >= rules.min_posterior:
            two = _first_two(ranked.drop(ORDINARY))
            return finding(MIXED, f"some mechanism, none alone: {two}")
        return finding(AMBIGUOUS, f"no hypothesis leads: {_first_two(ranked)}")
    if leader == ORDINARY and (not_excluded := _not_excluded(ledger, indicators, rules)):
        return finding(ABSTAIN, f"{ORDINARY} leads, but {'; '.join(not_excluded)}")
    if leader == ORDINARY and not_measured:
        return finding(
            ABSTAIN,
            f"{ORDINARY} leads, but the base moved and most of the required data are missing for "
            f"{', '.join(not_measured)}",
        )
    if leader == ORDINARY and alarmed:
        return finding(AMBIGUOUS, f"{ORDINARY} leads, but the state is DELEVERAGING or RELEASE")
    if leader == ORDINARY:
        return finding(ORDINARY_VERDICT, "ordinary volatility explains the move", ORDINARY)
    missing = _missing_blocks(ledger, indicators, leader)
    posterior, lead = _penalised(ledger, leader, len(missing), rules)
    if posterior < rules.min_posterior or lead < rules.min_margin:
        return finding(
            ABSTAIN,
            f"{leader} leads, but by too little after the penalty for missing data "
            f"({', '.join(missing)})",
        )
    contributions = block_contributions(ledger, indicators)[leader]
    for block in rules.required_blocks[leader]:
        if block not in ledger.observed:
            return finding(
                ABSTAIN, f"{leader} leads, but there is no data for its required block {block}"
            )
        if contributions[block] < rules.min_required_evidence:
            return finding(
                ABSTAIN,
                f"{leader} leads, but its required block {block} adds "
                f"{contributions[block]:+.2f}; {rules.min_required_evidence:+.2f} is needed",
            )
    if contributions.sum() < rules.min_net_agreement * contributions.abs().sum():
        against = [str(block) for block, value in contributions.sort_values().items() if value < 0]
        return finding(MIXED, f"{leader} leads, but {', '.join(against[:3])} contradict it")
    return finding(NAMED, f"posterior {ranked.iloc[0]:.2f}, margin {margin:.2f}", leader)
