"""The lake as DuckDB views: one per table, pinned to a snapshot, at each session's last cut-off."""

import pyarrow as pa

from unwind.contract.columns import Table
from unwind.contract.tables import TABLES
from unwind.lake.snapshots import Snapshot


def views(snapshot: Snapshot) -> str:
    """Return SQL that creates a view for each table of the contract.

    A view has the rows that `unwind.lake.snapshots.read` returns: under the snapshot's terms, at
    the latest cut-off of each session. Without rows, the view of a table is empty.

    Parameters
    ----------
    snapshot : Snapshot
        Its files are named one by one, so a later publication does not change the views.
    """
    terms = " AND ".join(f"{name} = {_text(value)}" for name, value in snapshot.terms.items())
    head = (
        f"-- Views of {_comment(str(snapshot.lake))}, pinned to snapshot {snapshot.name}.\n"
        "-- Printed by `unwind lake views` from the declarations of the tables; print it again to "
        "read a newer one.\n\n"
        "CREATE OR REPLACE VIEW session_cutoffs AS\n"
        f"SELECT as_of, max(cutoff) AS cutoff FROM ({_rows(snapshot, TABLES['regimes'])})\n"
        f"WHERE {terms} GROUP BY as_of;\n"
    )
    parts = [
        f"\nCREATE OR REPLACE VIEW {_name(table.name)} AS\n"
        f"SELECT * FROM ({_rows(snapshot, table)})\n"
        f"SEMI JOIN session_cutoffs USING (as_of, cutoff)\nWHERE {terms};\n"
        f"COMMENT ON VIEW {_name(table.name)} IS {_text(f'one row is {table.row}')};\n"
        for table in TABLES.values()
    ]
    return head + "".join(parts)


def _rows(snapshot: Snapshot, table: Table) -> str:
    """Every declared column, typed; columns that an earlier schema lacks are null."""
    typed = ", ".join(
        f"CAST(NULL AS {_type(column.type)}) AS {_name(column.name)}" for column in table.columns
    )
    empty = f"SELECT {typed} WHERE false"
    files = [
        _text(snapshot.link(relative))
        for relative in snapshot.manifest["files"]
        if relative.startswith(f"{table.name}/")
    ]
    if not files:
        return empty
    listed = ", ".join(files)
    return f"{empty} UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], union_by_name = true)"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        fields = ", ".join(f"{_name(field.name)} {_type(field.type)}" for field in kind)
        return f"STRUCT({fields})"
    return {
        "date32[day]": "DATE",
        "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
        "string": "VARCHAR",
        "double": "DOUBLE",
        "int32": "INTEGER",
        "bool": "BOOLEAN",
    }[str(kind)]


def _name(name: str) -> str:
    return f'"{name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _comment(value: str) -> str:
    return " ".join(value.split())
