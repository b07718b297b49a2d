"""Drop folders of a few kilobytes that decode to many gigabytes, each made within little memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY, SYMBOL = "2026-02-05", "IBIT"


def _repeated(value: object, rows: int, kind: pa.DataType | None = None) -> pa.Array:
    """One value in every row, as a dictionary: a few bytes in the file."""
    values = pa.array([value], kind)
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int8")), values)


def _write(
    folder: Path, columns: dict[str, pa.Array], *, times: int = 1, plain: bool = True
) -> None:
    table = pa.table(columns)
    # Without the Arrow schema a reader sees plain columns, each value in every row.
    with pq.ParquetWriter(
        folder / "prices.parquet", table.schema, compression="zstd", store_schema=not plain
    ) as writer:
        for _ in range(times):
            writer.write_table(table)


def _with_lists(folder: Path, name: str, **others: pa.Array) -> None:
    rows, length = 40, 2_000
    offsets = pa.array(np.arange(rows + 1, dtype="int32") * length)
    lists = pa.ListArray.from_arrays(offsets, pa.array(["A" * 1_000] * (rows * length)))
    columns = {"session": pa.array([DAY] * rows), "symbol": pa.array([SYMBOL] * rows)}
    _write(folder, columns | others | {name: lists}, times=15)


def nested(folder: Path) -> None:
    """Lists of equal texts for a price: 1.2 GB, and as much again in pandas."""
    _with_lists(folder, "close")


def nested_beside(folder: Path) -> None:
    """The same in a column that no table declares."""
    _with_lists(folder, "legs", close=pa.array(np.ones(40)))


def repeated_text(folder: Path) -> None:
    """One symbol of a megabyte in 20,000 rows: 20 GB."""
    rows = 20_000
    columns = {
        "session": _repeated(DAY, rows), "symbol": _repeated("A" * 1_000_000, rows),
        "close": pa.array(np.ones(rows)),
    }  # fmt: skip
    _write(folder, columns)


def dictionary_text(folder: Path) -> None:
    """The same, and the file says that it is a dictionary."""
    rows = 20_000
    columns = {
        "session": _repeated(DAY, rows), "symbol": _repeated("A" * 1_000_000, rows),
        "close": pa.array(np.ones(rows)),
    }  # fmt: skip
    _write(folder, columns, plain=False)


def wide_numbers(folder: Path) -> None:
    """Exact decimals, objects each: five million rows."""
    rows = 100_000
    price = pa.array(np.ones(rows)).cast(pa.decimal128(38, 10))
    columns = {"session": _repeated(DAY, rows), "symbol": _repeated(SYMBOL, rows)}
    columns |= dict.fromkeys(("open", "high", "low", "close", "adj_close", "volume"), price)
    _write(folder, columns, times=50)


def long_page(folder: Path) -> None:
    """One column of 300 MB of one letter."""
    text = pa.array(["A" * 60_000_000])
    columns = {"session": pa.array([DAY]), "symbol": text, "close": pa.array([1.0])}
    table = pa.table({name: pa.chunked_array([column] * 5) for name, column in columns.items()})
    pq.write_table(
        table, folder / "prices.parquet", compression="zstd", use_dictionary=False,
        data_page_size=2**31 - 1, write_statistics=False,
    )  # fmt: skip


def many_columns(folder: Path) -> None:
    """Thirty thousand columns without a row."""
    names = [f"c{number}" for number in range(30_000)]
    table = pa.schema([pa.field(name, pa.float64()) for name in names]).empty_table()
    pq.write_table(table, folder / "prices.parquet")


def _faulty(folder: Path, times: int) -> None:
    rows = 100_000
    columns = {"session": _repeated(DAY, rows), "symbol": _repeated(SYMBOL, rows)}
    columns |= {
        name: pa.array(np.full(rows, -1.0))
        for name in ("open", "high", "low", "close", "adj_close", "volume")
    }
    _write(folder, columns, times=times)


def equal_rows(folder: Path) -> None:
    """Nine million equal rows."""
    _faulty(folder, 90)


def all_faulty(folder: Path) -> None:
    """A million rows, each with six faults to name."""
    _faulty(folder, 10)


def _lines(folder: Path, line: bytes, times: int) -> None:
    with (folder / "prices.csv").open("wb") as file:
        file.write(b"session,symbol,close\n")
        block = line * 100_000
        for _ in range(times // 100_000):
            file.write(block)


def short_lines(folder: Path) -> None:
    """Thirty million lines of almost nothing."""
    _lines(folder, b",,\n", 30_000_000)


def one_line(folder: Path) -> None:
    """A line that does not end within 200 MB."""
    _lines(folder, b"2026-02-05,IBIT,1.0 ", 10_000_000)


def open_quote(folder: Path) -> None:
    """A cell that runs over every line after it."""
    with (folder / "prices.csv").open("wb") as file:
        file.write(b'session,symbol,close\n2026-02-05,"IBIT,1.0\n')
        for _ in range(200):
            file.write(b"2026-02-05,IBIT,1.0\n" * 50_000)


def wide_header(folder: Path) -> None:
    """A million columns in a header."""
    (folder / "prices.csv").write_bytes(b"session,symbol,close" + b",c" * 500_000 + b"\n")


def wide_row(folder: Path) -> None:
    """A first row of half a million cells, which is taken for an index."""
    row = b"2026-02-05,IBIT,1.0" + b",1" * 500_000 + b"\n"
    (folder / "prices.csv").write_bytes(b"session,symbol,close\n" + row * 2)


BOMBS: dict[str, Callable[[Path], None]] = {
    make.__name__: make
    for make in (
        nested, nested_beside, repeated_text, dictionary_text, wide_numbers, long_page,
        many_columns, equal_rows, all_faulty, short_lines, one_line, open_quote, wide_header,
        wide_row,
    )
}  # fmt: skip
