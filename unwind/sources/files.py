"""The drop folder: one Parquet or CSV file a table, read as it lies there."""

from io import BytesIO
from pathlib import Path

import pandas as pd

from unwind.observations import INPUT_TABLES
from unwind.sources.protocol import Extract, SourceError, SourceUnavailable

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
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.stem not in INPUT_TABLES:
                continue
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
