"""The drop folder: one Parquet or CSV file a table, read as it lies there."""

from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract, Fault, Provision, SourceError, SourceUnavailable
from unwind.contract.text import plain

PROVISIONS = (
    Provision(
        table="every table",
        content="what lies in the drop folder: " + ", ".join(INPUT_TABLES),
        lag="as each row's known_at says, else by the lag rules of [known_at]",
        limits="one Parquet or CSV file a table",
    ),
)
SUFFIXES = (".parquet", ".csv")
# Beyond these a file is no desk's market data: a few kilobytes of Parquet can unpack to billions of
# equal rows.
MOST_BYTES = 2 * 1024**3
MOST_ROWS = 20_000_000


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
                raise SourceError(f"{path.name} is no file; put a plain file in its place")
            if path.stem in self._paths:
                raise SourceError(
                    f"{path.stem} stands in {folder} as {self._paths[path.stem].name} and as "
                    f"{path.name}; keep one of them"
                )
            self._paths[path.stem] = path
        if "prices" not in self._paths:
            raise SourceError(
                f"drop folder {folder} holds no prices.parquet or prices.csv; "
                "prices are the one table that no run can do without"
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
        """Read one file whole.

        Raises
        ------
        SourceUnavailable
            The file cannot be opened at this moment; the flow tries again.
        SourceError
            It can be opened and is no Parquet or CSV; trying again would not help.
        """
        path = self._paths[table]
        try:
            _bound(path.stat().st_size, MOST_BYTES, "bytes", path.name)
            content = BytesIO(path.read_bytes())
        except OSError as error:  # a share that drops out may be back in a moment
            raise SourceUnavailable(
                f"{path.name} cannot be opened now ({error.strerror}); "
                "check the folder and its permissions"
            ) from error
        try:
            rows = (
                _parquet(content, path.name)
                if path.suffix.lower() == ".parquet"
                else _text(content, path.name)
            )
        except (SourceError, MemoryError):
            raise
        except Exception as error:  # any reader fault is a fault of the file
            raise SourceError(
                f"{path.name} cannot be read ({type(error).__name__}: {plain(error)[:120]}); "
                "write it again as Parquet or UTF-8 CSV"
            ) from error
        return Extract(path.name, rows, faults=self._unknown_files() if table == "prices" else ())

    def _unknown_files(self) -> tuple[Fault, ...]:
        """Name the files that no table takes: a misspelt one is missing without a word."""
        return tuple(
            Fault(
                entity=plain(name)[:64], rule="unknown file", severity="warning", value=plain(name),
                remedy=f"rename it to one of {', '.join(INPUT_TABLES)}, or take it away",
            )
            for name in self._strangers
        )  # fmt: skip


def _parquet(content: BytesIO, name: str) -> pd.DataFrame:
    _bound(pq.read_metadata(content).num_rows, MOST_ROWS, "rows", name)
    content.seek(0)
    return pd.read_parquet(content)


def _text(content: BytesIO, name: str) -> pd.DataFrame:
    """Read a CSV as it stands: screening parses it, so that a fault names what was written."""
    if b"\x00" in content.getvalue():
        raise SourceError(
            f"{name} cannot be read (it holds NUL bytes, so it is no text); "
            "write it again as Parquet or UTF-8 CSV"
        )
    try:
        header = pd.read_csv(content, dtype="str", encoding="utf-8-sig", header=None, nrows=1)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    names = header.iloc[0].dropna()
    if twice := sorted(set(names[names.duplicated()])):
        raise SourceError(
            f"{name} has the column {plain(twice[0])} twice; keep the one that counts"
        )
    content.seek(0)
    return pd.read_csv(content, dtype="str", encoding="utf-8-sig", keep_default_na=True)


def _bound(held: int, most: int, unit: str, name: str) -> None:
    if held > most:
        raise SourceError(
            f"{name} holds {held:,} {unit}, which is no market data (at most {most:,}); "
            "check what wrote it, or split it"
        )
