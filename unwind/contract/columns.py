"""Columns of the desk tables: type, unit and meaning, and those that every row has."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from unwind.contract.published_text import published

SCHEMA_VERSION = 3

DATE = pa.date32()
INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
COUNT = pa.int32()
FLAG = pa.bool_()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, its unit ("" where it has none) and what it means."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One output table: what a row is, the entity columns it is sorted by, and its columns."""

    name: str
    row: str
    entity: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, units and meanings in the field metadata."""
        fields = [
            pa.field(
                column.name,
                column.type,
                nullable=column.nullable,
                metadata={"unit": column.unit, "meaning": column.meaning},
            )
            for column in self.columns
        ]
        return pa.schema(
            fields, metadata={"table": self.name, "schema_version": str(SCHEMA_VERSION)}
        )

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row: entity, session, cut-off and under which terms."""
        return (*self.entity, *SLOT)

    def arrow(self, rows: pd.DataFrame) -> pa.Table:
        """Cast `rows` to the schema, sorted by its key, texts as they may be published.

        Raises
        ------
        ValueError
            A column is missing, unknown or of another type, or a key stands twice.
        """
        names = [column.name for column in self.columns]
        if missing := [name for name in names if name not in rows.columns]:
            raise ValueError(f"table {self.name} misses {missing}; declare them in unwind/contract")
        if unknown := [name for name in rows.columns if name not in names]:
            raise ValueError(f"table {self.name} has undeclared {unknown}; declare them first")
        texts = [column.name for column in self.columns if column.type == TEXT]
        safe = rows[names].assign(**{name: published(rows[name]) for name in texts})
        ordered = safe.sort_values(list(self.key), kind="stable", ignore_index=True)
        if ordered.duplicated(list(self.key)).any():
            twice = ordered.loc[ordered.duplicated(list(self.key)), list(self.key)].iloc[0].tolist()
            raise ValueError(
                f"table {self.name}: the key {twice} stands twice; rows must be unique"
            )
        written = pa.Table.from_pandas(ordered, schema=self.schema, preserve_index=False)
        # Without pandas' own notes: the bytes do not tell in how many runs a month was written.
        return written.replace_schema_metadata(self.schema.metadata)


# One run fills one slot: a session, seen from a cut-off, from one source, under one desk.
SLOT = ("as_of", "cutoff", "source", "settings_digest")

MOMENT = (
    Column("as_of", DATE, "session", "the NYSE session that the row describes", nullable=False),
    Column("known_at", INSTANT, "UTC", "when the value could first be known", nullable=False),
    Column(
        "cutoff",
        INSTANT,
        "UTC",
        "data cut-off of the run",
        nullable=False,
    ),
    Column("settings_digest", TEXT, "", "hash of the settings of the run", nullable=False),
    Column("source", TEXT, "", "provider; simulated data says so", nullable=False),
)


def declare(name: str, row: str, entity: tuple[str, ...], *columns: Column) -> Table:
    """Declare a table; the columns that every row carries are added."""
    return Table(name, row, entity, (*columns, *MOMENT))
