"""Labels: deleveraging episodes, calm periods, other sell-offs, from a folder of CSV files."""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.verdict import Episode, Period
from unwind.errors import UserError

EPISODES, CALM, OTHERS = "deleveraging_episodes.csv", "calm_periods.csv", "other_selloffs.csv"


class LabelError(UserError, ValueError):
    """A label file cannot be used; the message names file, row and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Manually labelled episodes and periods."""

    episodes: tuple[Episode, ...]
    calm: tuple[Period, ...]
    others: tuple[Period, ...]


def read_label_folders(folders: str) -> Labels:
    """Read one folder of label files, or several separated by the system's path separator (:)."""
    read = [read_labels(Path(folder)) for folder in folders.split(os.pathsep) if folder]
    if not read:
        raise LabelError("no folder of label files given; name one")
    return Labels(
        episodes=tuple(episode for labels in read for episode in labels.episodes),
        calm=tuple(period for labels in read for period in labels.calm),
        others=tuple(period for labels in read for period in labels.others),
    )


def read_labels(folder: Path) -> Labels:
    """Read a folder of label files.

    Parameters
    ----------
    folder : Path
        Holds deleveraging_episodes.csv (id, name, acute_start, end), and may hold
        calm_periods.csv and other_selloffs.csv (id, start, end). An optional column `cross_asset`
        that begins with "no" marks an episode of one asset class or strategy. Other columns are
        ignored.

    Raises
    ------
    LabelError
        A file or column is missing, or a date cannot be read or lies before its start.
    """
    rows = _read(folder / EPISODES, ("id", "name", "acute_start", "end"), required=True)
    return Labels(
        episodes=tuple(
            Episode(
                name=str(row["id"]),
                title=str(row["name"]),
                acute_start=row["acute_start"],
                end=row["end"],
                cross_asset=not str(row.get("cross_asset", "")).strip().lower().startswith("no"),
            )
            for row in rows.to_dict("records")
        ),
        calm=_periods(folder / CALM),
        others=_periods(folder / OTHERS),
    )


def _periods(path: Path) -> tuple[Period, ...]:
    rows = _read(path, ("id", "start", "end"), required=False)
    return tuple(
        Period(name=str(row["id"]), start=row["start"], end=row["end"])
        for row in rows.to_dict("records")
    )


def _read(path: Path, columns: tuple[str, ...], *, required: bool) -> pd.DataFrame:
    if not path.exists():
        if required:
            raise LabelError(f"label file {path} does not exist; name the folder that holds it")
        return pd.DataFrame({name: [] for name in columns})
    try:
        rows = pd.read_csv(path, dtype="str", encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LabelError(f"label file {path} cannot be read: {error}") from error
    if missing := [name for name in columns if name not in rows.columns]:
        raise LabelError(f"label file {path} lacks the columns {missing}; add them")
    dates = [name for name in columns if name not in ("id", "name")]
    for name in dates:
        read = pd.to_datetime(rows[name], format="%Y-%m-%d", errors="coerce")
        if read.isna().any():
            row = int(read.isna().to_numpy().argmax())
            raise LabelError(
                f"{path.name}, row {row + 1}: {name} {rows[name].iloc[row]!r} is not a date; "
                "write YYYY-MM-DD"
            )
        rows[name] = read.dt.as_unit("us")
    first, last = dates
    if (rows[last] < rows[first]).any():
        row = int((rows[last] < rows[first]).to_numpy().argmax())
        raise LabelError(f"{path.name}, row {row + 1}: {last} lies before {first}; correct it")
    return rows
