"""Cells of the files in which people hold prices: text, Excel, Parquet, Arrow IPC, DuckDB.

The first bytes say what a file is; its ending does not count.
"""

import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pandas as pd
import pyarrow.parquet as pq

from unwind.contract.source import SourceError
from unwind.contract.text import plain
from unwind.sources.arrow_tables import MAX_MEMORY, MAX_SECONDS
from unwind.sources.price_cells import PriceFormError
from unwind.sources.table_files import read_parquet

MAX_BYTES = 128 * 1024**2
MAX_CELLS = 10_000_000
# A download of yfinance has six columns per symbol.
MAX_COLUMNS = 10_000
# Excel's XML, unpacked: openpyxl takes several times as much.
MAX_WORKBOOK = 128 * 1024**2
MAX_WORKBOOK_CELLS = 3_000_000
ENDINGS = (
    ".csv", ".txt", ".tsv", ".gz", ".xlsx", ".xlsm", ".parquet", ".pq", ".feather", ".arrow",
    ".ipc", ".duckdb", ".db",
)  # fmt: skip
_PAGES = ("<!doctype", "<html", "<table", "<?xml", "{", "[")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """Cells of one table in a file.

    Attributes
    ----------
    file, name : str
        The file's name; the sheet's or table's, empty where the file has one table.
    kind : str
        What the file is, e.g. "Excel".
    cells : DataFrame
        Columns are numbered. Text and workbooks have their header rows among the rows.
    header : list of str or None
        Names of typed columns; None where the header is among the rows.
    """

    file: str
    name: str
    kind: str
    cells: pd.DataFrame
    header: list[str] | None = None

    @property
    def label(self) -> str:
        """Name for messages."""
        return f"{self.file}, {self.name}" if self.name else self.file


def read_sheets(path: Path) -> list[Sheet]:
    """Read every table of a file.

    Raises
    ------
    PriceFormError
        The file cannot be opened, exceeds a bound, or is not one of the known kinds.
    """
    name = plain(path.name)[:64]
    try:
        if not path.is_file():
            raise PriceFormError(f"{name} is not a plain file; name a file or a folder of files")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PriceFormError(
            f"{name} cannot be opened ({error.strerror}); name a readable file"
        ) from error
    _bound(len(content), MAX_BYTES, "bytes", name)
    if content[:2] == b"\x1f\x8b":
        content = _unzipped(content, name)
    reader = next((reader for matches, reader in _READERS if matches(content)), _text)
    try:
        return reader(content, name)
    except (PriceFormError, MemoryError):
        raise
    except SourceError as error:
        raise PriceFormError(str(error)) from error
    except Exception as error:  # any reader fault is a fault of the file
        raise PriceFormError(
            f"{name} cannot be read ({type(error).__name__}: {plain(error)[:120]}); write it again"
        ) from error


def _text(content: bytes, name: str) -> list[Sheet]:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise PriceFormError(
            f"{name} is neither UTF-8 nor UTF-16 text (byte {error.start}); save it as UTF-8 CSV"
        ) from error
    if "\x00" in text:
        raise PriceFormError(
            f"{name} is binary data of an unknown kind; save it as CSV, Excel (.xlsx) or Parquet"
        )
    lines = [line for line in text[:200_000].splitlines()[:40] if line.strip()]
    if not lines:
        raise PriceFormError(f"{name} is empty; export it again")
    if lines[0].lstrip().lower().startswith(_PAGES):
        raise PriceFormError(f"{name} is a page or JSON, not a table; save it as CSV")
    # The delimiter that most lines hold; the comma last, since it may be decimal.
    delimiter = max(";\t|,", key=lambda sign: (sum(sign in line for line in lines), sign != ","))
    width = max(line.count(delimiter) for line in lines) + 1
    _bound(width, MAX_COLUMNS, "columns", name)
    _bound(width * (text.count("\n") + text.count("\r") + 1), MAX_CELLS, "cells", name)
    cells = pd.read_csv(
        BytesIO(text.encode()), sep=delimiter, header=None, names=range(width), dtype="str",
        keep_default_na=False, na_filter=False, index_col=False, encoding="utf-8",
        skipinitialspace=True, on_bad_lines="error",
    )  # fmt: skip
    return [Sheet(file=name, name="", kind="text", cells=cells)]


def _workbook(content: bytes, name: str) -> list[Sheet]:
    from openpyxl import load_workbook

    try:
        members = ZipFile(BytesIO(content)).infolist()
    except BadZipFile as error:
        raise PriceFormError(f"{name} is a damaged Excel file; save it again") from error
    # zipfile unpacks no more than the directory states.
    _bound(sum(one.file_size for one in members), MAX_WORKBOOK, "bytes unpacked", name)
    if not any(one.filename == "xl/workbook.xml" for one in members):
        raise PriceFormError(f"{name} is an archive, not a table; unpack it and name its files")
    # Values as Excel last computed them: no formula runs here.
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheets, n_cells = [], 0
        for sheet in book.worksheets:
            rows = []
            sheet.reset_dimensions()  # a file may state a million empty rows
            for row in sheet.iter_rows(values_only=True):
                n_cells += 1 + len(row)
                _bound(n_cells, MAX_WORKBOOK_CELLS, "cells", name)
                rows.append(row)
            if any(any(cell is not None for cell in row) for row in rows):
                width = max(map(len, rows))
                _bound(width * len(rows), MAX_CELLS, "cells", name)
                full = [(*row, *[None] * (width - len(row))) for row in rows]
                cells = pd.DataFrame(full, dtype=object)
                sheets.append(
                    Sheet(file=name, name=plain(sheet.title)[:64], kind="Excel", cells=cells)
                )
    finally:
        book.close()
    if not sheets:
        raise PriceFormError(f"{name} holds no cells; save the sheet that has the prices")
    return sheets


def _parquet(content: bytes, name: str, *, table: str = "", kind: str = "Parquet") -> list[Sheet]:
    names = pq.read_schema(BytesIO(content)).names
    frame = read_parquet(BytesIO(content), name, names, max_columns=MAX_COLUMNS)
    header = [str(column) for column in frame.columns]
    cells = frame.set_axis(range(len(header)), axis=1)
    return [Sheet(file=name, name=table, kind=kind, cells=cells, header=header)]


def _arrow(content: bytes, name: str) -> list[Sheet]:
    return _converted(content, name, kind="Arrow IPC")


def _duckdb(content: bytes, name: str) -> list[Sheet]:
    if find_spec("duckdb") is None:
        raise PriceFormError(
            f"{name} is a DuckDB file and duckdb is not installed; run pip install 'unwind[duckdb]'"
        )
    return _converted(content, name, kind="DuckDB")


def _converted(content: bytes, name: str, *, kind: str) -> list[Sheet]:
    """Convert to Parquet in a process of its own: these readers have no bound on memory."""
    program = Path(__file__).with_name("arrow_tables.py")
    # Isolated: nothing in the working folder is imported.
    process = subprocess.run(
        [sys.executable, "-I", str(program), kind], input=content, capture_output=True, check=False
    )
    if process.returncode:
        reason = process.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise PriceFormError(
            f"{name} cannot be read as {kind} within {MAX_SECONDS} seconds and "
            f"{MAX_MEMORY // 1024**2} MB of memory ({plain(reason)[:120] or 'process ended'}); "
            "write it again as Parquet"
        )
    sheets, rest = [], process.stdout
    while rest:
        head, rest = rest.split(b"\n", 1)
        size, _, table = head.partition(b" ")
        own, rest = rest[: int(size)], rest[int(size) :]
        sheets += _parquet(own, name, table=plain(table.decode())[:64], kind=kind)
    if not sheets:
        raise PriceFormError(f"{name} holds no table; write the prices as a table, not as a view")
    return sheets


def _unzipped(content: bytes, name: str) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        raise PriceFormError(f"{name} is a damaged gzip file; copy it again") from error
    _bound(len(text), MAX_BYTES, "bytes unpacked", name)
    if not stream.eof:
        raise PriceFormError(f"{name} is a gzip file that ends too early; copy it again")
    return text


def _bound(count: int, most: int, unit: str, name: str) -> None:
    if count > most:
        raise PriceFormError(
            f"{name} holds at least {count:,} {unit}, more than an import reads ({most:,}); split "
            "it"
        )


def _old_excel(_content: bytes, name: str) -> list[Sheet]:
    raise PriceFormError(f"{name} is an Excel file of the old form (.xls); save it as .xlsx")


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes, str], list[Sheet]]], ...] = (
    (lambda content: content[:4] == b"PAR1", _parquet),
    (lambda content: content[:4] == b"PK\x03\x04", _workbook),
    (lambda content: content[:6] == b"ARROW1" or content[:4] == b"\xff\xff\xff\xff", _arrow),
    (lambda content: content[8:12] == b"DUCK", _duckdb),
    (lambda content: content[:4] == b"\xd0\xcf\x11\xe0", _old_excel),
)
