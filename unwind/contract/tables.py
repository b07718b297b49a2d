"""The output contract: every desk table, its columns, types, units and meanings.

One declaration serves the writer (`unwind.lake`), the readers, `unwind tables` and docs/tables.md.
Columns are added, never renamed or retyped, unless
`unwind.contract.columns.SCHEMA_VERSION` rises.
"""

from unwind.contract.attribution import ATTRIBUTION, EVIDENCE
from unwind.contract.estimates import (
    CHANGEPOINTS,
    REGIME_MODELS,
    SYSTEMIC,
    TAIL_RISK,
    VOLATILITY,
)
from unwind.contract.evidence import CORRELATION_TESTS, CORRELATIONS, PAIR_EVIDENCE, SHOCKS
from unwind.contract.verdict import MECHANISMS, QUALITY, REGIMES

TABLES = {
    table.name: table
    for table in (
        CORRELATIONS,
        CORRELATION_TESTS,
        PAIR_EVIDENCE,
        SHOCKS,
        VOLATILITY,
        TAIL_RISK,
        CHANGEPOINTS,
        SYSTEMIC,
        MECHANISMS,
        EVIDENCE,
        ATTRIBUTION,
        REGIME_MODELS,
        REGIMES,
        QUALITY,
    )
}
