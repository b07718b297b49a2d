"""Ledger of log-odds for each mechanism against ordinary volatility.

    L_h = ln(π_h/π_0) + Σ_j w_j·q_j·ln(f_h(x_j)/f_0(x_j)),    P(h) = exp(L_h) / Σ_k exp(L_k)

Every reading x_j is in its own ordinary σ. Each hypothesis expects one of five levels ("--" …
"++") of it, written down by experts before any event was scored, and smoothed: the expert's level
counts as κ labelled events, each of the five as α more (a Dirichlet prior), so no reading excludes
a hypothesis. f_h is the mixture of Student-t densities at the levels. Classes (UNWIND, CRUSH …)
are smoothed the same way, over the classes. Ordinary volatility expects the level "0" of every
reading, and each class with the same probability.

A mechanism does not lead against a decisive block of its own: the support of the other blocks
counts by the share d/d*, at most one, at least zero. d is the contribution of its weakest decisive
block and d* the evidence that naming requires of it. Under yen carry everything falls, but when
everything falls and the yen does not rise, yen carry is not the reason.

Readings of one block are correlated, so their sum is capped. The product over blocks is naive: the
weights are therefore small, and naming a mechanism takes a posterior, a margin, blocks and evidence
in its required blocks (`models.attribution.rules`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from features._typing import Floats

# The mechanisms are the other names of the priors.
ORDINARY = "ordinary"
AMPLIFIER = "dealer_feedback"
LEVELS = ("--", "-", "0", "+", "++")
CLASSES = ("UNWIND", "CRUSH", "REBUILD", "FADE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """Parameters that turn expected levels into densities.

    Attributes
    ----------
    locations : tuple of float
        Positions of the five levels, in ordinary σ; increasing, the middle one zero.
    dof : float
        Degrees of freedom of the Student-t around each.
    expert : float
        κ, labelled events that the expected level counts as.
    spread : float
        α, labelled events that every level counts as in addition.
    """

    locations: tuple[float, ...] = (-3.0, -1.5, 0.0, 1.5, 3.0)
    dof: float = 5.0
    expert: float = 4.0
    spread: float = 0.5


_DEFAULT = Smoothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One reading and the levels that each hypothesis expects of it.

    Attributes
    ----------
    block : str
        Correlated readings share one.
    weight : float
    expected : mapping of str to tuple of str
        Hypothesis → its level, or its classes. A hypothesis without an entry expects the same as
        ordinary volatility.
    classes : bool
        The reading is one of `CLASSES`, not a number.
    """

    block: str
    weight: float
    expected: Mapping[str, tuple[str, ...]]
    classes: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """Log-odds of one session; hypotheses are the mechanisms and `AMPLIFIER`, without `ORDINARY`.

    Attributes
    ----------
    ratios : DataFrame of shape (n_indicators, n_hypotheses)
        ln(f_h/f_0), zero where the reading is missing.
    contributions : DataFrame of shape (n_indicators, n_hypotheses)
        Contribution of each indicator to the log-odds, after weight, quality and caps.
    log_odds : Series
        Against ordinary volatility: prior and contributions; `ORDINARY` is zero.
    posterior : Series
        Over `ORDINARY` and the mechanisms; adds to one.
    amplifier : float
        Probability that the amplifier is present. It may coexist with any hypothesis.
    observed : tuple of str
        Blocks with at least one reading.
    """

    ratios: pd.DataFrame
    contributions: pd.DataFrame
    log_odds: pd.Series
    posterior: pd.Series
    amplifier: float
    observed: tuple[str, ...]


def level_ratio(value: float, expected: tuple[str, ...], smoothing: Smoothing) -> float:
    """ln(f_h(x)/f_0(x)) of a number, clipped to the outermost levels."""
    locations = np.asarray(smoothing.locations)
    clipped = float(np.clip(value, locations[0], locations[-1]))
    # Student-t without its constant, which the ratio does not see.
    kernel = (1 + (clipped - locations) ** 2 / smoothing.dof) ** (-(smoothing.dof + 1) / 2)
    density, ordinary = (
        float(_shares(LEVELS, levels, smoothing) @ kernel) for levels in (expected, ("0",))
    )
    return float(np.log(density / ordinary))


def class_ratio(value: str, expected: tuple[str, ...], smoothing: Smoothing) -> float:
    """ln(p_h(c)/p_0(c)) of a class; under ordinary volatility all classes are equally likely."""
    shares = _shares(CLASSES, expected, smoothing)
    return float(np.log(shares[CLASSES.index(value)] * len(CLASSES)))


def _shares(states: tuple[str, ...], expected: tuple[str, ...], smoothing: Smoothing) -> Floats:
    """Dirichlet mean: expected states share the expert's events, every state adds the spread."""
    events = np.array([smoothing.expert / len(expected) * (state in expected) for state in states])
    shares: Floats = (events + smoothing.spread) / (events + smoothing.spread).sum()
    return shares


def build_ledger(
    readings: Mapping[str, float | str | None],
    qualities: Mapping[str, float],
    indicators: Mapping[str, Indicator],
    *,
    priors: Mapping[str, float],
    amplifier_prior: float = 0.2,
    smoothing: Smoothing = _DEFAULT,
    indicator_cap: float = 2.0,
    block_cap: float = 2.0,
    decisive_blocks: Mapping[str, tuple[str, ...]] | None = None,
    min_required_evidence: float = 0.5,
) -> Ledger:
    """Add up the evidence of the readings for each hypothesis.

    Parameters
    ----------
    readings : mapping of str to float, str or None
        Indicator → its value in ordinary σ, or its class. None or NaN: missing.
    qualities : mapping of str to float
        Indicator → share of its weight that counts, 0…1; 1 without an entry.
    indicators : mapping of str to Indicator
    priors : mapping of str to float
        `ORDINARY` and each mechanism → probability; positive, adding to one. Among equals
        `ORDINARY` leads, then their order.
    amplifier_prior : float
        Probability of the amplifier before any reading.
    smoothing : Smoothing
    indicator_cap, block_cap : float
        Largest absolute contribution of one indicator, and of one block, to a log-odds.
    decisive_blocks : mapping of str to tuple of str, optional
        Mechanism → blocks that it cannot lead against; one without a reading is passed over.
    min_required_evidence : float
        Log-odds of the weakest decisive block from which all support counts; 0…block_cap.

    Returns
    -------
    Ledger
        Contributions add up to the log-odds less the prior's. The order of the readings does not
        matter.

    Raises
    ------
    ValueError
        A reading without an indicator, an unknown class, a quality outside 0…1, a hypothesis
        without a prior, priors that are not positive or do not add to one.
    """
    _check(readings, qualities, indicators, priors)
    mechanisms = [name for name in priors if name != ORDINARY]
    hypotheses, columns = [ORDINARY, *mechanisms], [*mechanisms, AMPLIFIER]
    log_ratios = np.zeros((len(indicators), len(columns)))
    weights = np.array([indicators[name].weight * qualities.get(name, 1.0) for name in indicators])
    for row, (name, indicator) in enumerate(indicators.items()):
        value = readings.get(name)
        if value is None or value != value:
            continue
        for hypothesis, expected in indicator.expected.items():
            log_ratios[row, columns.index(hypothesis)] = (
                class_ratio(str(value), expected, smoothing)
                if indicator.classes
                else level_ratio(float(value), expected, smoothing)
            )
    ratios = pd.DataFrame(log_ratios, index=list(indicators), columns=columns)
    contributions = pd.DataFrame(
        np.clip(log_ratios * weights[:, None], -indicator_cap, indicator_cap),
        index=list(indicators),
        columns=columns,
    )
    blocks = pd.Series({name: indicator.block for name, indicator in indicators.items()})
    of_block = contributions.groupby(blocks).transform("sum")
    # A block beyond its cap is scaled as a whole, so its readings still add up to the cap.
    contributions *= (block_cap / of_block.abs().clip(lower=block_cap)).to_numpy()
    observed = [name for name, value in readings.items() if value is not None and value == value]
    for hypothesis, decisive in (decisive_blocks or {}).items():
        votes = contributions[hypothesis].groupby(blocks).sum()
        own = {
            indicators[name].block for name in observed if hypothesis in indicators[name].expected
        }
        if not (read := [block for block in decisive if block in own]):
            continue
        weakest = str(votes[read].idxmin())
        supporting = blocks.map(votes > 0) & (blocks != weakest)
        contributions.loc[supporting, hypothesis] *= _share(votes[weakest], min_required_evidence)
    prior = pd.Series({name: np.log(priors[name] / priors[ORDINARY]) for name in hypotheses})
    total = contributions.sum()
    log_odds = prior.add(total[mechanisms], fill_value=0.0)[hypotheses]
    log_odds[AMPLIFIER] = np.log(amplifier_prior / (1 - amplifier_prior)) + total[AMPLIFIER]
    exclusive = log_odds[hypotheses]
    return Ledger(
        ratios=ratios,
        contributions=contributions,
        log_odds=log_odds,
        posterior=np.exp(exclusive - logsumexp(exclusive)),
        amplifier=float(1 / (1 + np.exp(-log_odds[AMPLIFIER]))),
        observed=tuple(sorted({indicators[name].block for name in observed})),
    )


def _share(evidence: float, required: float) -> float:
    """Share of the other blocks' support that counts at this evidence of the decisive block."""
    return float(np.clip(evidence / required, 0, 1)) if required > 0 else float(evidence > 0)


def _check(
    readings: Mapping[str, float | str | None],
    qualities: Mapping[str, float],
    indicators: Mapping[str, Indicator],
    priors: Mapping[str, float],
) -> None:
    if unknown := sorted({*readings, *qualities} - set(indicators)):
        raise ValueError(f"readings must have an indicator each, got {unknown} without one")
    for name, value in readings.items():
        if indicators[name].classes and value is not None and value not in CLASSES:
            raise ValueError(f"{name} must be one of {', '.join(CLASSES)}, got {value!r}")
    if outside := {name: share for name, share in qualities.items() if not 0 <= share <= 1}:
        raise ValueError(f"qualities must lie between 0 and 1, got {outside}")
    named = {name for indicator in indicators.values() for name in indicator.expected}
    if without := sorted({ORDINARY, *named} - {AMPLIFIER} - set(priors)):
        raise ValueError(f"priors must cover every hypothesis, got none of {', '.join(without)}")
    if min(priors.values()) <= 0:
        raise ValueError(f"priors must be positive, got {dict(priors)}")
    if abs(sum(priors.values()) - 1) > 1e-9:
        raise ValueError(f"priors must add to 1, got {sum(priors.values())}")
