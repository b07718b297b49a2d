"""When a ledger names a mechanism, and what it says when it does not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.attribution import ORDINARY, Indicator, Ledger

NAMED, MIXED, AMBIGUOUS, ABSTAIN = "NAMED", "MIXED", "AMBIGUOUS", "ABSTAIN"
ORDINARY_VERDICT = "ORDINARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What it takes to name.

    Attributes
    ----------
    posterior, margin : float
        Fewest probability of the first, and its lead over the second.
    blocks : int
        Fewest blocks with a reading.
    decisive : mapping of str to tuple of str
        Mechanism → the blocks without whose votes it is never named.
    decisive_vote : float
        Least log-odds that each of these blocks must add.
    block_cap : float
        Most that a block may add: what a missing one might.
    coherence : float
        Least share of the blocks' votes on a leader, net of those against it, over all of them.
    toll : float
        Log-odds that each missing block, of which it expects something, costs a leader before it
        is named: what is not known must not make a name easier.
    """

    posterior: float
    margin: float
    blocks: int
    decisive: Mapping[str, tuple[str, ...]]
    decisive_vote: float
    block_cap: float
    coherence: float
    toll: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the ledger lets one say.

    Attributes
    ----------
    verdict : str
        `NAMED`: one mechanism. `ORDINARY_VERDICT`: ordinary volatility. `MIXED`: some mechanism,
        and no one of them leads, or one leads and other blocks speak against it. `AMBIGUOUS`: not
        even whether it was ordinary. `ABSTAIN`: too few blocks, or a decisive block of the leader
        is missing or does not speak for it, or ordinary volatility leads while a missing block
        could lift a mechanism over it.
    named : str or None
        The mechanism, or `ORDINARY`.
    leader : str
        Highest posterior; the first in the order of the hypotheses among equals.
    margin : float
    reason : str
        Why it is that verdict.
    """

    verdict: str
    named: str | None
    leader: str
    margin: float
    reason: str


def block_votes(account: Ledger, indicators: Mapping[str, Indicator]) -> pd.DataFrame:
    """Sum the contributions by block; rows blocks, columns hypotheses."""
    blocks = pd.Series({name: indicator.block for name, indicator in indicators.items()})
    votes: pd.DataFrame = account.contributions.groupby(blocks, sort=False).sum()
    return votes


def _awaited(account: Ledger, indicators: Mapping[str, Indicator], story: str) -> list[str]:
    """Missing blocks of which a hypothesis expects something."""
    wanted = [item.block for item in indicators.values() if story in item.expected]
    return [block for block in dict.fromkeys(wanted) if block not in account.observed]


def _not_excluded(
    account: Ledger, indicators: Mapping[str, Indicator], rules: Thresholds
) -> list[str]:
    """Mechanisms that one missing block of theirs could lift over ordinary volatility."""
    awaited = {name: _awaited(account, indicators, name) for name in rules.decisive}
    return [
        f"{name} cannot be excluded without {' or '.join(blocks)}"
        for name, blocks in awaited.items()
        if blocks and account.log_odds[name] + rules.block_cap > 0
    ]


def _after_toll(
    account: Ledger, leader: str, missing: int, rules: Thresholds
) -> tuple[float, float]:
    """Posterior and margin of the leader, each missing block paid for."""
    odds = np.exp(account.log_odds[list(account.posterior.index)])
    odds[leader] *= np.exp(-rules.toll * missing)
    shares = odds / odds.sum()
    return float(shares[leader]), float(shares[leader] - shares.drop(leader).max())


def _first_two(ranked: pd.Series) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in ranked.iloc[:2].items())


def find(
    account: Ledger, indicators: Mapping[str, Indicator], *, rules: Thresholds, alarmed: bool
) -> Finding:
    """Apply the rules to a ledger.

    Parameters
    ----------
    account : Ledger
    indicators : mapping of str to Indicator
        Those of the ledger.
    rules : Thresholds
    alarmed : bool
        The desk's verdict on the cross-section is raised: such a session is not called ordinary,
        whatever the base did.

    Returns
    -------
    Finding
    """
    ranked = account.posterior.sort_values(ascending=False, kind="stable")
    leader, margin = str(ranked.index[0]), float(ranked.iloc[0] - ranked.iloc[1])

    def told(verdict: str, reason: str, named: str | None = None) -> Finding:
        return Finding(verdict=verdict, named=named, leader=leader, margin=margin, reason=reason)

    if len(account.observed) < rules.blocks:
        return told(
            ABSTAIN, f"{len(account.observed)} blocks were observed; {rules.blocks} are needed"
        )
    if ranked.iloc[0] < rules.posterior or margin < rules.margin:
        if 1 - account.posterior[ORDINARY] >= rules.posterior:
            return told(MIXED, f"some mechanism, none alone: {_first_two(ranked.drop(ORDINARY))}")
        return told(AMBIGUOUS, f"no hypothesis leads: {_first_two(ranked)}")
    if leader == ORDINARY and (open_stories := _not_excluded(account, indicators, rules)):
        return told(ABSTAIN, f"{ORDINARY} leads, but {'; '.join(open_stories)}")
    if leader == ORDINARY and alarmed:
        return told(AMBIGUOUS, f"{ORDINARY} leads, and the desk's verdict is raised")
    if leader == ORDINARY:
        return told(ORDINARY_VERDICT, "nothing beyond ordinary volatility is needed", ORDINARY)
    awaited = _awaited(account, indicators, leader)
    posterior, lead = _after_toll(account, leader, len(awaited), rules)
    if posterior < rules.posterior or lead < rules.margin:
        return told(
            ABSTAIN,
            f"{leader} leads, but not by enough while {', '.join(awaited)} say nothing",
        )
    votes = block_votes(account, indicators)[leader]
    for block in rules.decisive[leader]:
        if block not in account.observed:
            return told(ABSTAIN, f"{leader} leads, but its decisive block {block} is missing")
        if votes[block] < rules.decisive_vote:
            return told(
                ABSTAIN,
                f"{leader} leads, but its decisive block {block} adds {votes[block]:+.2f}; "
                f"{rules.decisive_vote:+.2f} is needed",
            )
    if votes.sum() < rules.coherence * votes.abs().sum():
        against = [str(block) for block, vote in votes.sort_values().items() if vote < 0]
        return told(MIXED, f"{leader} leads, but {', '.join(against[:3])} speak against it")
    return told(NAMED, f"posterior {ranked.iloc[0]:.2f}, margin {margin:.2f}", leader)
