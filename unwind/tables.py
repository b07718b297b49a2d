"""The output contract: every desk table, its columns, types, units and meanings.

One declaration serves the writer (`unwind.lake`), the readers, `unwind tables` and docs/tables.md.
Columns are added, never renamed or retyped, unless `unwind.columns.SCHEMA_VERSION` rises.
"""

from unwind.attribution_tables import ATTRIBUTION, EVIDENCE
from unwind.estimate_tables import CHANGEPOINTS, REGIME_MODELS, SYSTEMIC, TAIL_RISK, VOLATILITY
from unwind.evidence_tables import CORRELATION_TESTS, CORRELATIONS, PAIR_EVIDENCE, SHOCKS
from unwind.verdict_tables import MECHANISMS, QUALITY, REGIMES

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
