"""Rows of an earlier schema, read under the current one: missing columns are null."""

import pyarrow as pa

from unwind.contract.columns import Table

# Columns that had another name: table, name of today, former name.
FORMER_NAMES = {
    ("regimes", "episode_share"): "probability",
    ("regimes", "episode_share_lower"): "probability_lower",
    ("regimes", "episode_share_upper"): "probability_upper",
    ("regimes", "false_alarms_per_year"): "false_entries_a_year",
    ("changepoints", "false_alarms_per_year"): "alarms_a_year",
}


class SchemaError(ValueError):
    """A file cannot be read under the current schema; the message says which column and why."""


def conformed(rows: pa.Table, table: Table) -> pa.Table:
    """Return a file's rows in the columns that the release declares.

    Columns, and fields of a struct, that were declared later are null; those of a later release
    are excluded. A renamed column is read from its former name. Nothing is recomputed: a new
    column never fills old rows.

    Raises
    ------
    SchemaError
        A column was declared without nulls after rows were published without it, or retyped.
    """
    schema = table.schema
    columns = []
    for field in schema:
        name = field.name
        if name not in rows.column_names:
            name = FORMER_NAMES.get((table.name, name), name)
        if name not in rows.column_names:
            if not field.nullable and rows.num_rows:
                raise SchemaError(
                    f"{table.name}.{field.name} was added as never null, but rows published "
                    "earlier lack it; declare it nullable"
                )
            columns.append(pa.nulls(rows.num_rows, field.type))
            continue
        column = rows.column(name).combine_chunks()
        try:
            columns.append(_fitted(column, field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaError(
                f"{table.name}.{field.name} was written as {column.type} and is declared as "
                f"{field.type}; read it with the release that wrote it"
            ) from error
    return pa.Table.from_arrays(columns, schema=schema)


def _fitted(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast, including lists and structs: Arrow itself does not add a field to a struct."""
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if values.type == kind:
        return values
    if pa.types.is_list(kind) and pa.types.is_list(values.type):
        inner = _fitted(values.values, kind.value_type)
        mask = values.is_null() if values.null_count else None
        return pa.ListArray.from_arrays(values.offsets, inner, type=kind, mask=mask)
    if pa.types.is_struct(kind) and pa.types.is_struct(values.type):
        written = {field.name for field in values.type}
        parts = [
            _fitted(values.field(field.name), field.type)
            if field.name in written
            else pa.nulls(len(values), field.type)
            for field in kind
        ]
        mask = values.is_null() if values.null_count else None
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=mask)
    return values.cast(kind)
