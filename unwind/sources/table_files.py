"""Parquet and CSV files read within bounds: a small file can decode to more than memory holds."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO, StringIO
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unwind.contract.inputs import MAX_CELL
from unwind.contract.source import SourceError
from unwind.contract.text import plain

# Beyond these a file is not a desk's market data.
MAX_BYTES = 2 * 1024**3
MAX_ROWS = 10_000_000
MAX_CSV_ROWS = 2_000_000
MAX_COLUMNS = 256
# Declared columns of one file, decoded. A small file may not use all of it: prices shrink to a half
# in Parquet, equal rows to nothing.
MAX_DECODED = 768 * 1024**2
FREE_DECODED = 128 * 1024**2
MAX_RATIO = 64
# One column of one row group: a page is decompressed whole.
MAX_CHUNK = 256 * 1024**2
# The footer is decoded whole, to objects many times its size.
MAX_FOOTER = 4 * 1024**2
BATCH_ROWS = 65_536
# CSV is parsed in pieces of this size, and no line is longer.
PIECE = 1024**2
# A decimal number becomes a Python object.
DECIMAL_BYTES = 128


class FileTooLarge(SourceError):
    """The file exceeds a bound."""


def read_parquet(
    file: BinaryIO,
    name: str,
    columns: Sequence[str],
    *,
    synonym: Callable[[str], str | None] = lambda _: None,
    max_columns: int = MAX_COLUMNS,
) -> pd.DataFrame:
    """Read the declared columns of a Parquet file, batch by batch.

    Parameters
    ----------
    file : binary file
    name : str
        The file's name, for messages.
    columns : sequence of str
        Declared columns; those that the file lacks are left out.
    synonym : callable
        Returns the declared column that another name stands for, or None.
    max_columns : int

    Returns
    -------
    DataFrame
        Text longer than a cell may be is cut one character beyond its bound. Columns that are not
        declared are there by name and empty: screening warns of them.

    Raises
    ------
    SourceError
        The file exceeds a bound, or a declared column does not hold plain values.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    end = file.read(8)
    if end[4:] == b"PAR1":
        footer = min(size, int.from_bytes(end[:4], "little"))
        bound(footer, MAX_FOOTER, "bytes of metadata", name)
    file.seek(0)
    # What an earlier reader made dictionaries stays so: each long value is decoded once.
    schema = pq.read_schema(file)
    bound(len(schema.names), max_columns, "columns", name)
    names = _declared_names(schema.names, columns, synonym)
    _once(names, name)
    declared = [own for own, column in zip(schema.names, names, strict=True) if column in columns]
    for column in declared:
        if not _scalar(schema.field(column).type):
            raise SourceError(
                f"{column} of {name} is a column of type {str(schema.field(column).type)[:40]}, "
                "not of plain values; write one number, date or text per row"
            )
    texts = [column for column in declared if _text(schema.field(column).type)]
    file.seek(0)
    parquet = pq.ParquetFile(file, read_dictionary=texts, buffer_size=PIECE)
    _check_metadata(parquet.metadata, name, declared)
    allowed = min(MAX_DECODED, FREE_DECODED + MAX_RATIO * size)
    batches, decoded = [], 0
    for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=declared, use_threads=False):
        arrays = []
        for array in batch.columns:
            short = _cut(array)
            decoded += _decoded_bytes(short)
            bound(decoded, allowed, "bytes decoded", name)
            arrays.append(
                short.dictionary_decode() if pa.types.is_dictionary(short.type) else short
            )
        batches.append(pa.RecordBatch.from_arrays(arrays, names=batch.schema.names))
    table = pa.Table.from_batches(batches) if batches else _empty(schema, declared)
    rows = table.to_pandas().rename(columns=dict(zip(schema.names, names, strict=True)))
    return _with_others(rows[[column for column in columns if column in names]], names)


def read_csv(
    file: BinaryIO,
    name: str,
    columns: Sequence[str],
    *,
    synonym: Callable[[str], str | None] = lambda _: None,
) -> pd.DataFrame:
    """Read the declared columns of a CSV file as text, piece by piece; see `read_parquet`.

    Screening parses the text, so that a fault names what was written.
    """
    header: list[str] = []
    frames, rows, decoded, lines = [], 0, 0, 0
    for piece in _pieces(file, name):
        if not header:
            header = _declared_names(_header(piece, name), columns, synonym)
            if not header:
                continue
            _once([column for column in header if column], name)
            declared = [column for column in columns if column in header]
            content, offset = piece, 0
        else:
            content, offset = _line(header) + piece, lines - 1
        lines += piece.count(b"\n")
        try:
            # The header is a row like the others: so the parser refuses every row with more fields.
            frame = pd.read_csv(BytesIO(content), dtype="str", encoding="utf-8-sig", header=None)
        except pd.errors.ParserError as error:
            raise pd.errors.ParserError(_numbered(str(error), offset)) from error
        frame = frame.iloc[1:].set_axis(header, axis=1)[declared]
        frame = frame.apply(lambda values: values.str.slice(0, MAX_CELL + 1))
        rows += len(frame)
        bound(rows, MAX_CSV_ROWS, "rows of CSV", name)
        decoded += int(frame.memory_usage(index=False, deep=True).sum())
        bound(decoded, MAX_DECODED, "bytes decoded", name)
        frames.append(frame)
    return _with_others(pd.concat(frames, ignore_index=True), header) if frames else pd.DataFrame()


def bound(count: int, most: int, unit: str, name: str) -> None:
    """Refuse a file that exceeds a bound.

    Raises
    ------
    FileTooLarge
    """
    if count > most:
        raise FileTooLarge(
            f"{name} holds at least {count:,} {unit}, which is not market data (at most {most:,}); "
            "check what wrote it, or split it"
        )


def _with_others(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    others = [column for column in names if column not in rows.columns]
    empty = pd.arrays.ArrowExtensionArray(pa.nulls(len(rows)))  # takes no memory
    return rows.assign(**dict.fromkeys(others, empty))


def _once(names: Sequence[str], name: str) -> None:
    if twice := sorted({column for column in names if list(names).count(column) > 1}):
        raise SourceError(
            f"{name} has the column {plain(twice[0])[:MAX_CELL]} twice; keep the one that counts"
        )


def _scalar(kind: pa.DataType) -> bool:
    """Tell whether a type is a plain value of bounded size, or a dictionary of such values."""
    if pa.types.is_dictionary(kind):
        return _scalar(kind.value_type)
    tests = (
        pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating,
        pa.types.is_decimal, pa.types.is_temporal, _text,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _text(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _check_metadata(metadata: Any, name: str, declared: Sequence[str]) -> None:
    bound(metadata.num_rows, MAX_ROWS, "rows", name)
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            if chunk.path_in_schema in declared:
                size = max(chunk.total_uncompressed_size, chunk.total_compressed_size)
                bound(size, MAX_CHUNK, f"bytes in one column ({chunk.path_in_schema})", name)


def _cut(array: Any) -> Any:
    """Cut text before it is repeated row by row; screening sets the row aside."""
    if pa.types.is_dictionary(array.type):
        values = _cut(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, values)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pc.utf8_slice_codeunits(array, 0, MAX_CELL + 1)
    if _text(array.type):
        return pc.binary_slice(array, 0, 4 * (MAX_CELL + 1))  # a character is 4 bytes at most
    return array


def _decoded_bytes(array: Any) -> int:
    """Bytes that an array takes once each value has its own row."""
    if pa.types.is_dictionary(array.type):
        values = array.dictionary
        if not _text(values.type):
            return 8 * len(array)
        lengths = pc.binary_length(values).take(array.indices)
        return 8 * len(array) + int(pc.sum(lengths).as_py() or 0)
    if pa.types.is_decimal(array.type):
        return DECIMAL_BYTES * len(array)
    return int(array.nbytes)


def _empty(schema: pa.Schema, declared: Sequence[str]) -> pa.Table:
    return pa.schema([schema.field(column) for column in declared]).empty_table()


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Split a CSV into pieces of whole records: at line ends outside of quotes."""
    rest = b""
    while block := file.read(PIECE):
        if b"\x00" in block:
            raise SourceError(
                f"{name} cannot be read (it holds NUL bytes, so it is not text); "
                "write it again as Parquet or UTF-8 CSV"
            )
        block = rest + block
        end = block.rfind(b"\n") + 1
        odd = block.count(b'"', 0, end) % 2
        while end and odd:
            earlier = block.rfind(b"\n", 0, end - 1) + 1
            odd ^= block.count(b'"', earlier, end) % 2
            end = earlier
        rest = block[end:]
        bound(len(rest), PIECE, "bytes in one line", name)
        if end:
            yield block[:end]
    if rest:
        yield rest


def _header(piece: bytes, name: str) -> list[str]:
    """Column names of the first line that is not blank; none where all are."""
    lines = csv.reader(StringIO(piece.decode("utf-8-sig"), newline=""))
    header = next((line for line in lines if len(line) > 1 or "".join(line).strip()), [])
    bound(len(header), MAX_COLUMNS, "columns", name)
    return header


def _declared_names(
    header: Sequence[str], columns: Sequence[str], synonym: Callable[[str], str | None]
) -> list[str]:
    """Replace synonyms of the declared columns that the header does not name itself."""
    names = []
    for own in header:
        column = synonym(own)
        usable = column in columns and column not in header and own not in columns
        names.append(column if column is not None and usable else own)
    return names


def _numbered(message: str, offset: int) -> str:
    """Number a line within a piece as a line of the file."""
    return re.sub(r"line (\d{1,9})", lambda hit: f"line {int(hit[1]) + offset}", message)


def _line(header: list[str]) -> bytes:
    line = StringIO()
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(header)
    return line.getvalue().encode()
