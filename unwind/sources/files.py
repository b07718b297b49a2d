"""The drop folder: one Parquet or CSV file a table, read as it lies there."""

from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from unwind.observations import INPUT_TABLES
from unwind.sources.protocol import Extract, SourceError, SourceUnavailable

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
            content = BytesIO(path.read_bytes())
        except OSError as error:  # a share that drops out may be back in a moment
            raise SourceUnavailable(
                f"{path.name} cannot be opened now ({error.strerror}); "
                "check the folder and its permissions"
            ) from error
        try:
            rows = (
                pd.read_parquet(content)
                if path.suffix.lower() == ".parquet"
                # Text as it stands: screening parses it, so that a fault names what was written.
                else pd.read_csv(content, dtype="str", encoding="utf-8-sig", keep_default_na=True)
            )
        except pd.errors.EmptyDataError:
            rows = pd.DataFrame()
        except Exception as error:  # any reader fault is a fault of the file
            raise SourceError(
                f"{path.name} cannot be read ({type(error).__name__}: {str(error)[:120]}); "
                "write it again as Parquet or UTF-8 CSV"
            ) from error
        return Extract(path.name, rows)
