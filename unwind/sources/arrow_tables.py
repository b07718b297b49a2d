"""Arrow IPC and DuckDB converted to Parquet: a program of its own, within bounds.

Reads the file from standard input. Prints, per table, a line with its size in bytes and its name,
then the table as Parquet. Nothing of the desk is imported; a view of a database is not run.
"""

import resource
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAX_MEMORY = 2 * 1024**3
MAX_SECONDS = 15
MAX_TABLES = 1_000
MAX_ROWS = 10_000_000
DUCKDB_MEMORY = "1GB"


def main() -> None:
    """Print the tables of standard input; the argument says what they are."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    content = sys.stdin.buffer.read()
    try:
        for name, table in (_ipc if sys.argv[1] == "Arrow IPC" else _duckdb)(content):
            if table.num_rows > MAX_ROWS:
                raise SystemExit(f"it holds {table.num_rows:,} rows, more than {MAX_ROWS:,}")
            parquet = BytesIO()
            pq.write_table(_plain_text(table), parquet)
            sys.stdout.buffer.write(f"{parquet.tell()} {name}\n".encode())
            sys.stdout.buffer.write(parquet.getvalue())
    except Exception as error:  # any reader fault is a fault of the file
        raise SystemExit(f"{type(error).__name__}: {error}".replace("\n", " ")) from error


def _ipc(content: bytes) -> Iterator[tuple[str, pa.Table]]:
    reader = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
    yield "", reader(pa.BufferReader(content)).read_all()


def _duckdb(content: bytes) -> Iterator[tuple[str, pa.Table]]:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices.duckdb"
        path.write_bytes(content)
        # The database may name no other file and load no extension.
        settings: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": False, "autoload_known_extensions": False,
            "memory_limit": DUCKDB_MEMORY, "threads": 1, "lock_configuration": True,
        }  # fmt: skip
        with duckdb.connect(str(path), read_only=True, config=settings) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal "
                f"order by all limit {MAX_TABLES}"
            ).fetchall()
            for schema, name in tables:
                quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
                result = connection.execute(f"select * from {quoted}")
                yield name.replace("\n", " "), result.to_arrow_table()


def _plain_text(table: pa.Table) -> pa.Table:
    """Write view types, which Polars and DuckDB use, as plain text."""
    fields = [
        field.with_type(pa.large_string()) if pa.types.is_string_view(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


if __name__ == "__main__":
    main()
