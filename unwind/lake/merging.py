"""Rows of a run, or of a retraction, merged month by month into those of a snapshot."""

import pandas as pd
import pyarrow as pa

from unwind.contract.columns import SLOT, Table
from unwind.contract.tables import TABLES
from unwind.files.location import LakeError
from unwind.lake.snapshots import Snapshot, month_of


def slots_of(rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the slots (session, cut-off, source, settings) that a run fills.

    Raises
    ------
    LakeError
        The run has no row.
    """
    parts = [frame[list(SLOT)] for frame in rows.values() if not frame.empty]
    if not parts:
        raise LakeError("a run must publish at least one row; its stages gave none")
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def merged_months(
    parent: Snapshot | None, rows: dict[str, pd.DataFrame], slots: pd.DataFrame
) -> dict[str, pa.Table]:
    """Return the monthly files that differ from the parent's once `rows` replace `slots`.

    Raises
    ------
    Damaged
        A file of the parent differs from what was published.
    """
    changed: dict[str, pa.Table] = {}
    for name, table in TABLES.items():
        changed |= _merge(parent, table, rows.get(name, pd.DataFrame()), slots)
    return changed


def _merge(
    parent: Snapshot | None, table: Table, new: pd.DataFrame, slots: pd.DataFrame
) -> dict[str, pa.Table]:
    """Months of one table whose content differs from the parent's."""
    changed = {}
    for month in sorted({month_of(day) for day in slots["as_of"]}):
        relative = f"{table.name}/{month}.parquet"
        fresh = new[[month_of(day) == month for day in new["as_of"]]] if not new.empty else new
        old = None
        if parent is not None and relative in parent.manifest["files"]:
            old = parent.table(relative)
        merged = _combine(table, old, fresh, slots)
        if merged is not None and (old is None or not merged.equals(old)):
            changed[relative] = merged
    return changed


def _combine(
    table: Table, old: pa.Table | None, fresh: pd.DataFrame, slots: pd.DataFrame
) -> pa.Table | None:
    addition = table.arrow(fresh) if not fresh.empty else table.schema.empty_table()
    if old is None:
        return addition if addition.num_rows else None
    rerun = set(slots[list(SLOT)].itertuples(index=False, name=None))
    stamps = zip(*(old.column(name).to_pylist() for name in SLOT), strict=True)
    other_slots = old.filter(pa.array([stamp not in rerun for stamp in stamps], pa.bool_()))
    joined = pa.concat_tables([other_slots, addition])
    return joined.sort_by([(name, "ascending") for name in table.key]).combine_chunks()
