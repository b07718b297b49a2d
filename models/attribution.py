"""Which mechanism fits a session: a ledger of log-odds against ordinary volatility.

    L_h = ln(π_h/π_0) + Σ_j w_j·q_j·ln(f_h(x_j)/f_0(x_j)),    P(h) = exp(L_h) / Σ_k exp(L_k)

Every reading x_j is in its own ordinary σ. What a hypothesis expects of it is one of five levels
("--" … "++"), written down by experts before any event was scored, and smoothed: the level that
was written counts as κ labelled events, each of the five as α more (a Dirichlet prior), so no
reading excludes a hypothesis. f_h is the mixture of Student-t densities at the levels. Classes
(UNWIND, CRUSH …) are smoothed the same way, over the classes. Ordinary volatility expects the
level "0" of every reading, and each class alike.

Readings of one block are votes of one voter: their sum is capped. The naive product over blocks is
why the weights are small, and why it takes a posterior, a margin, blocks and a decisive vote to
name (`models.attribution_rules`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp

ORDINARY = "ordinary"
MECHANISMS = ("multi_strategy", "crypto_native", "yen_carry", "fundamental_outflow")
AMPLIFIER = "dealer_feedback"
HYPOTHESES = (ORDINARY, *MECHANISMS)
LEVELS = ("--", "-", "0", "+", "++")
CLASSES = ("UNWIND", "CRUSH", "REBUILD", "FADE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """How expectations become densities.

    Attributes
    ----------
    locations : tuple of float
        Where the five levels lie, in ordinary σ; rising, the middle one zero.
    dof : float
        Degrees of freedom of the Student-t around each.
    expert : float
        κ, labelled events that the written level counts for.
    spread : float
        α, that every level gets besides.
    """

    locations: tuple[float, ...]
    dof: float
    expert: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One reading and what each hypothesis expects of it.

    Attributes
    ----------
    block : str
        Correlated readings share one.
    weight : float
    expected : mapping of str to tuple of str
        Hypothesis → its level, or its classes. A hypothesis that is not named expects what
        ordinary volatility does.
    classes : bool
        The reading is one of `CLASSES`, not a number.
    """

    block: str
    weight: float
    expected: Mapping[str, tuple[str, ...]]
    classes: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """A session's account; hypotheses are `MECHANISMS` and `AMPLIFIER`, without the ordinary.

    Attributes
    ----------
    ratios : DataFrame of shape (n_indicators, n_hypotheses)
        ln(f_h/f_0), zero where the reading is missing.
    contributions : DataFrame of shape (n_indicators, n_hypotheses)
        What each adds to the log-odds, after weight, quality and caps.
    log_odds : Series
        Against ordinary volatility: prior and contributions; `ORDINARY` is zero.
    posterior : Series
        Over `HYPOTHESES`; adds to one.
    amplifier : float
        Probability of the amplifier against its absence. It may co-exist with any hypothesis.
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
    """ln(f_h(x)/f_0(x)) of a number; beyond the outermost level it is read at that level."""
    at = np.asarray(smoothing.locations)
    held = float(np.clip(value, at[0], at[-1]))
    # Student-t without its constant, which the ratio does not see.
    kernel = (1 + (held - at) ** 2 / smoothing.dof) ** (-(smoothing.dof + 1) / 2)
    density, usual = (
        float(_shares(LEVELS, named, smoothing) @ kernel) for named in (expected, ("0",))
    )
    return float(np.log(density / usual))


def class_ratio(value: str, expected: tuple[str, ...], smoothing: Smoothing) -> float:
    """ln(p_h(c)/p_0(c)) of a class; ordinary volatility shows each class alike."""
    shares = _shares(CLASSES, expected, smoothing)
    return float(np.log(shares[CLASSES.index(value)] * len(CLASSES)))


def _shares(states: tuple[str, ...], named: tuple[str, ...], smoothing: Smoothing) -> np.ndarray:
    """Dirichlet mean: the named states share what the expert counts for, all get the spread."""
    counted = np.array([smoothing.expert / len(named) * (state in named) for state in states])
    shares: np.ndarray = (counted + smoothing.spread) / (counted + smoothing.spread).sum()
    return shares


def ledger(
    readings: Mapping[str, float | str | None],
    qualities: Mapping[str, float],
    indicators: Mapping[str, Indicator],
    *,
    priors: Mapping[str, float],
    amplifier_prior: float,
    smoothing: Smoothing,
    indicator_cap: float,
    block_cap: float,
) -> Ledger:
    """Add up what the readings say for each hypothesis.

    Parameters
    ----------
    readings : mapping of str to float, str or None
        Indicator → its value in ordinary σ, or its class. None or NaN says nothing.
    qualities : mapping of str to float
        Indicator → share of its weight that counts, 0…1; one where it is not named.
    indicators : mapping of str to Indicator
    priors : mapping of str to float
        Over `HYPOTHESES`; positive, adding to one.
    amplifier_prior : float
        Probability of the amplifier before any reading.
    smoothing : Smoothing
    indicator_cap, block_cap : float
        Most that one indicator, and one block, may add to or take from a log-odds.

    Returns
    -------
    Ledger
        Contributions add up to the log-odds less the prior's. The order of the readings does not
        matter.

    Raises
    ------
    ValueError
        A reading without an indicator, an unknown class, a quality outside 0…1, priors that do not
        cover the hypotheses or do not add to one.
    """
    _check(readings, qualities, indicators, priors)
    columns = [*MECHANISMS, AMPLIFIER]
    found = np.zeros((len(indicators), len(columns)))
    shares = np.array([indicators[name].weight * qualities.get(name, 1.0) for name in indicators])
    for row, (name, indicator) in enumerate(indicators.items()):
        value = readings.get(name)
        if value is None or value != value:
            continue
        for hypothesis, expected in indicator.expected.items():
            found[row, columns.index(hypothesis)] = (
                class_ratio(str(value), expected, smoothing)
                if indicator.classes
                else level_ratio(float(value), expected, smoothing)
            )
    ratios = pd.DataFrame(found, index=list(indicators), columns=columns)
    contributions = pd.DataFrame(
        np.clip(found * shares[:, None], -indicator_cap, indicator_cap),
        index=list(indicators),
        columns=columns,
    )
    blocks = pd.Series({name: indicator.block for name, indicator in indicators.items()})
    votes = contributions.groupby(blocks).transform("sum")
    # A block beyond its cap is scaled as a whole, so that its readings still add up to its vote.
    contributions *= (block_cap / votes.abs().clip(lower=block_cap)).to_numpy()
    prior = pd.Series({name: np.log(priors[name] / priors[ORDINARY]) for name in HYPOTHESES})
    total = contributions.sum()
    log_odds = prior.add(total[list(MECHANISMS)], fill_value=0.0)[list(HYPOTHESES)]
    log_odds[AMPLIFIER] = np.log(amplifier_prior / (1 - amplifier_prior)) + total[AMPLIFIER]
    held = log_odds[list(HYPOTHESES)]
    seen = [name for name, value in readings.items() if value is not None and value == value]
    return Ledger(
        ratios=ratios,
        contributions=contributions,
        log_odds=log_odds,
        posterior=np.exp(held - logsumexp(held)),
        amplifier=float(1 / (1 + np.exp(-log_odds[AMPLIFIER]))),
        observed=tuple(sorted({indicators[name].block for name in seen})),
    )


def _check(
    readings: Mapping[str, float | str | None],
    qualities: Mapping[str, float],
    indicators: Mapping[str, Indicator],
    priors: Mapping[str, float],
) -> None:
    if strangers := sorted({*readings, *qualities} - set(indicators)):
        raise ValueError(f"readings must have an indicator each, got {strangers} without one")
    for name, value in readings.items():
        if indicators[name].classes and value is not None and value not in CLASSES:
            raise ValueError(f"{name} must be one of {', '.join(CLASSES)}, got {value!r}")
    if outside := {name: share for name, share in qualities.items() if not 0 <= share <= 1}:
        raise ValueError(f"qualities must lie between 0 and 1, got {outside}")
    if set(priors) != set(HYPOTHESES) or min(priors.values()) <= 0:
        raise ValueError(f"priors must be positive over {', '.join(HYPOTHESES)}, got {priors}")
    if abs(sum(priors.values()) - 1) > 1e-9:
        raise ValueError(f"priors must add to 1, got {sum(priors.values())}")
