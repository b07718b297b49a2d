"""Hypotheses of the attribution: stored names, words for a reader, roles."""

WORDS = {
    "ordinary": "ordinary volatility",
    "multi_strategy": "multi-strategy deleveraging",
    "crypto_native": "crypto-native liquidation",
    "yen_carry": "yen-carry unwind",
    "fundamental_outflow": "fundamental outflow",
    "dealer_feedback": "dealer and short-volatility feedback",
}
MECHANISMS = tuple(WORDS)[1:5]
AMPLIFIER = "dealer_feedback"
