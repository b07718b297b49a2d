"""The drop folder: one Parquet or CSV file per table, read in place."""

import os
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract, Fault, Provision, SourceError, SourceUnavailable
from unwind.contract.text import plain
from unwind.sources.price_import import form_of
from unwind.sources.price_names import column_of
from unwind.sources.table_files import MAX_BYTES, FileTooLarge, bound, read_csv, read_parquet

PROVISIONS = (
    Provision(
        table="every table",
        content="what lies in the drop folder: " + ", ".join(INPUT_TABLES),
        lag="as each row's known_at says, else by the lag rules of [known_at]",
        limits="one Parquet or CSV file per table",
    ),
)
SUFFIXES = (".parquet", ".csv")


class FilesSource:
    """Reads `<table>.parquet` or `<table>.csv` from one folder.

    Raises
    ------
    SourceError
        The folder is missing, holds no known table, or holds one table in two formats.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(f"drop folder {folder} does not exist; name an existing folder")
        self._paths: dict[str, Path] = {}
        self._strangers: list[str] = []
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                continue
            if path.stem not in INPUT_TABLES:
                self._strangers.append(path.name)
                continue
            if not path.is_file():  # a pipe or a device would be read for ever
                raise SourceError(f"{path.name} is not a file; put a plain file in its place")
            if path.stem in self._paths:
                raise SourceError(
                    f"{path.stem} is in {folder} as {self._paths[path.stem].name} and as "
                    f"{path.name}; keep one of them"
                )
            self._paths[path.stem] = path
        if "prices" not in self._paths:
            raise SourceError(
                f"drop folder {folder} holds no prices.parquet or prices.csv; "
                "`unwind import prices FILE --drop DROP` makes one from other files"
            )

    @property
    def label(self) -> str:
        """Return "files": the folder's place is nobody's business in a table."""
        return "files"

    def tables(self) -> tuple[str, ...]:
        """Names of the tables present."""
        return tuple(self._paths)

    def promised(self, table: str) -> frozenset[str]:
        """Nothing: a folder is what lies in it."""
        return frozenset()

    def extract(self, table: str) -> Extract:
        """Read the declared columns of one file.

        Raises
        ------
        SourceUnavailable
            The file cannot be read at this moment; the flow tries again.
        SourceError
            It opens and is neither Parquet nor CSV, or exceeds a bound; trying again would not
            help.
        """
        path = self._paths[table]
        try:
            with path.open("rb") as file:
                return self._extract(file, path, table)
        except OSError as error:  # a share that drops out may be back in a moment
            raise SourceUnavailable(
                f"{path.name} cannot be opened now ({error.strerror}); "
                "check the folder and its permissions"
            ) from error

    def _extract(self, file: BinaryIO, path: Path, table: str) -> Extract:
        bound(os.fstat(file.fileno()).st_size, MAX_BYTES, "bytes", path.name)
        columns = (*INPUT_TABLES[table].columns, "known_at")
        read = read_parquet if path.suffix.lower() == ".parquet" else read_csv
        synonym = column_of if table == "prices" else _no_synonym
        try:
            rows = read(file, path.name, columns, synonym=synonym)
        except (FileTooLarge, MemoryError):
            raise
        except Exception as error:  # any reader fault is a fault of the file
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's fault; Arrow's own have no number
            if table == "prices":
                _refuse_other_form(path)
            if isinstance(error, SourceError):
                raise
            raise SourceError(
                f"{path.name} cannot be read ({type(error).__name__}: {plain(error)[:120]}); "
                "write it again as Parquet or UTF-8 CSV"
            ) from error
        if table == "prices" and not _has_prices(rows):
            _refuse_other_form(path)
        return Extract(path.name, rows, faults=self._unknown_files() if table == "prices" else ())

    def _unknown_files(self) -> tuple[Fault, ...]:
        """Name the files that no table takes: a misspelt one is missing without a word."""
        return tuple(
            Fault(
                entity=plain(name)[:64], rule="unknown_file", severity="warning", value=plain(name),
                remedy=f"rename it to one of {', '.join(INPUT_TABLES)}, or take it away",
            )
            for name in self._strangers
        )  # fmt: skip


def _has_prices(rows: pd.DataFrame) -> bool:
    """Tell whether the columns of prices are there, with days as sessions and not instants."""
    return {"session", "symbol", "close"} <= set(rows.columns) and not isinstance(
        rows["session"].dtype, pd.DatetimeTZDtype
    )


def _refuse_other_form(path: Path) -> None:
    """Name the import where it reads the file."""
    if (form := form_of(path)) is not None:
        raise SourceError(
            f"{path.name} is a {form}; `unwind import prices {path.name} --drop DROP` reads it"
        )


def _no_synonym(_name: str) -> None:
    return None
