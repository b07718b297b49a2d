"""Registry of the hypotheses of the attribution: stored name, words for a reader, short heading.

A new mechanism is a line here, and its prior, decisive blocks and expectations in the settings.
"""

from typing import NamedTuple

ORDINARY, AMPLIFIER = "ordinary", "dealer_feedback"


class Hypothesis(NamedTuple):
    """Names of a hypothesis for people; the heading fits a narrow chart."""

    words: str
    heading: str


REGISTRY: dict[str, Hypothesis] = {
    ORDINARY: Hypothesis("ordinary volatility", "ordinary"),
    "multi_strategy": Hypothesis("multi-strategy deleveraging", "multi-strategy"),
    "crypto_native": Hypothesis("crypto-native liquidation", "crypto-native"),
    "yen_carry": Hypothesis("yen-carry unwind", "yen carry"),
    "dash_for_cash": Hypothesis("dash for cash", "dash for cash"),
    "fundamental_outflow": Hypothesis("fundamental outflow", "outflow"),
    AMPLIFIER: Hypothesis("dealer and short-volatility feedback", "dealers"),
}

WORDS = {name: hypothesis.words for name, hypothesis in REGISTRY.items()}
HYPOTHESES = tuple(name for name in REGISTRY if name != AMPLIFIER)
MECHANISMS = tuple(name for name in HYPOTHESES if name != ORDINARY)
