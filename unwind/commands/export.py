"""`unwind export`: the published tables as CSV files or as one workbook."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unwind.commands.options import (
    DEFAULT_LAKE,
    AsJson,
    AsOf,
    Lake,
    answered,
    print_json,
)
from unwind.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from unwind.lake.snapshots import Snapshot

# A worksheet has 1,048,576 rows, the header among them.
MAX_SHEET_ROWS = 1_048_575


class ExportError(UserError, ValueError):
    """An export that cannot be written; the message gives the remedy."""


def export(
    *,
    csv: Annotated[Path | None, Parameter(help="Folder for one CSV file per table.")] = None,
    xlsx: Annotated[Path | None, Parameter(help="Workbook with one sheet per table.")] = None,
    table: Annotated[
        list[str] | None, Parameter(help="Table to export; repeat for more. Default: all.")
    ] = None,
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Export the published tables: every session, or one with --as-of."""
    if (csv is None) == (xlsx is None):
        raise ExportError("give one of --csv FOLDER and --xlsx FILE")
    tables, _ = answered(lake, lambda snapshot: _tables(snapshot, table, as_of))
    if csv is not None:
        files = _write_csv(csv, tables)
    elif xlsx is not None:
        files = [_write_workbook(xlsx, tables)]
    counts = {name: len(rows) for name, rows in tables.items()}
    if as_json:
        print_json({"files": [str(file) for file in files], "rows": counts})
    else:
        sys.stdout.write(f"{len(counts)} tables, {sum(counts.values())} rows: {csv or xlsx}\n")


def _tables(
    snapshot: "Snapshot", names: list[str] | None, as_of: object
) -> "dict[str, pd.DataFrame]":
    from unwind.contract.tables import TABLES
    from unwind.lake.snapshots import read

    for name in names or ():
        if name not in TABLES:
            hint = did_you_mean(name, TABLES) or "."
            raise ExportError(f"unknown table {name!r}{hint} Run `unwind tables` for the list")
    return {
        name: read(snapshot, name, as_of=as_of)  # type: ignore[arg-type]
        for name in names or TABLES
    }


def _write_csv(folder: Path, tables: "dict[str, pd.DataFrame]") -> list[Path]:
    from unwind.files.durable import make_folder, write_atomically

    make_folder(folder)
    files = []
    for name, rows in tables.items():
        target = folder / f"{name}.csv"
        write_atomically(target, partial(rows.to_csv, index=False))
        files.append(target)
    return files


def _write_workbook(target: Path, tables: "dict[str, pd.DataFrame]") -> Path:
    import pandas as pd

    from unwind.files.durable import write_atomically

    for name, rows in tables.items():
        if len(rows) > MAX_SHEET_ROWS:
            raise ExportError(
                f"{name} has {len(rows)} rows, a worksheet {MAX_SHEET_ROWS}; use --csv or --as-of"
            )

    def write(draft: Path) -> None:
        with pd.ExcelWriter(draft, engine="openpyxl") as book:
            for name, rows in tables.items():
                _without_zones(rows).to_excel(book, sheet_name=name, index=False)

    write_atomically(target, write)
    return target


def _without_zones(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Write instants as UTC without a zone and lists as text: a cell holds neither."""
    columns = {}
    for name in map(str, rows.columns):
        values = rows[name]
        if getattr(values.dtype, "tz", None) is not None:
            columns[name] = values.dt.tz_convert("UTC").dt.tz_localize(None)
        elif values.map(lambda value: hasattr(value, "tolist") or isinstance(value, list)).any():
            columns[name] = values.astype(str)
    return rows.assign(**columns)
