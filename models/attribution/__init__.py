"""Attribution of a session to a mechanism: the ledger of log-odds and the naming rules."""

from models.attribution.ledger import (
    AMPLIFIER,
    CLASSES,
    LEVELS,
    ORDINARY,
    Indicator,
    Ledger,
    Smoothing,
    build_ledger,
)
from models.attribution.rules import (
    ABSTAIN,
    AMBIGUOUS,
    MIXED,
    NAMED,
    ORDINARY_VERDICT,
    Finding,
    Thresholds,
    apply_rules,
    block_contributions,
    incomplete_mechanisms,
)

__all__ = [
    "ABSTAIN",
    "AMBIGUOUS",
    "AMPLIFIER",
    "CLASSES",
    "LEVELS",
    "MIXED",
    "NAMED",
    "ORDINARY",
    "ORDINARY_VERDICT",
    "Finding",
    "Indicator",
    "Ledger",
    "Smoothing",
    "Thresholds",
    "apply_rules",
    "block_contributions",
    "build_ledger",
    "incomplete_mechanisms",
]
