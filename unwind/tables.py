"""The output contract: every desk table, its columns, types, units and meanings.

One declaration serves the writer (`unwind.lake`), the readers, `unwind tables` and docs/tables.md.
Columns are added, never renamed or retyped, unless
`unwind.declarations.columns.SCHEMA_VERSION` rises.
"""

from unwind.declarations.attribution import ATTRIBUTION, EVIDENCE
from unwind.declarations.estimates import (
    CHANGEPOINTS,
    REGIME_MODELS,
    SYSTEMIC,
    TAIL_RISK,
    VOLATILITY,
)
from unwind.declarations.evidence import CORRELATION_TESTS, CORRELATIONS, PAIR_EVIDENCE, SHOCKS
from unwind.declarations.verdict import MECHANISMS, QUALITY, REGIMES

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
