"""`unwind import flows`: a saved flow table merged into the drop folder, vintages kept."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unwind.contract.source import SourceError
from unwind.files.durable import folder_lock, remove_drafts, write_atomically
from unwind.sources.flow_tables import MAX_BYTES, FlowTable, FlowTableError, read_flow_table
from unwind.sources.table_files import read_parquet

TABLE = "etf_flows"
KEY = ["session", "fund", "vendor"]
COLUMNS = ["session", "fund", "net_flow_usd_m", "vendor", "known_at"]
MILLIONS = {"usd": 1e-6, "thousand": 1e-3, "million": 1.0, "billion": 1e3}
_VENDOR = re.compile(r"^[\w.-]{1,32}$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Changes of an import in the drop folder."""

    path: Path
    added: int
    revised: int
    unchanged: int


def imported(
    file: str, *, drop: Path, vendor: str, units: str, known_at: pd.Timestamp | None
) -> dict[str, Any]:
    """Read a file, or standard input for "-", and merge it into a drop folder.

    Returns
    -------
    dict
        file, added, revised, unchanged, notes.

    Raises
    ------
    FlowTableError
    """
    if not _VENDOR.match(vendor):
        raise FlowTableError(
            f"a vendor must be 1 to 32 letters, digits, dots or dashes, got {vendor[:40]!r}; "
            "name it e.g. farside"
        )
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as handle:
                content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise FlowTableError(
            f"{file} cannot be opened ({error.strerror}); name a readable file, or - for input"
        ) from error
    table = read_flow_table(content, millions=MILLIONS[units])
    merged = import_flow_table(table, drop=drop, vendor=vendor, known_at=known_at)
    return {
        "file": str(merged.path),
        "added": merged.added,
        "revised": merged.revised,
        "unchanged": merged.unchanged,
        "notes": list(table.notes),
    }


def import_flow_table(
    table: FlowTable, *, drop: Path, vendor: str, known_at: pd.Timestamp | None
) -> Merged:
    """Merge a table into `etf_flows` of a drop folder.

    Parameters
    ----------
    table : FlowTable
    drop : Path
        Folder of the files source; its etf_flows.parquet is written atomically, under a
        lock. Rows that are there stay: a changed figure is added as a later vintage.
    vendor : str
        Flows count for the day on which they were traded; the name says whose figures they are.
    known_at : Timestamp, UTC, or None
        When the table was known. None leaves new rows to the lag rule and is refused where a
        figure changed, since a revision without a date would rewrite what was known.

    Returns
    -------
    Merged
        The same table twice adds nothing the second time.

    Raises
    ------
    FlowTableError
        The drop folder is missing, holds etf_flows as CSV, or a revision has no known_at.
    """
    if not drop.is_dir():
        raise FlowTableError(f"drop folder {drop} does not exist; name an existing folder")
    if (drop / f"{TABLE}.csv").exists():
        raise FlowTableError(
            f"{TABLE}.csv is in {drop}, and an import writes {TABLE}.parquet; "
            "convert it to Parquet first"
        )
    newest_day = table.rows["session"].max().tz_localize("UTC")
    if known_at is not None and known_at < newest_day:
        raise FlowTableError(
            f"known_at must not lie before the newest day, got {known_at.isoformat()} for "
            f"{newest_day:%Y-%m-%d}; correct it or leave it out"
        )
    path = drop / f"{TABLE}.parquet"
    with folder_lock(drop):
        remove_drafts(drop)
        held = _held(path)
        incoming = table.rows.assign(vendor=vendor)
        newest = held.sort_values([*KEY, "known_at"], kind="stable", na_position="first")
        newest = newest.drop_duplicates(KEY, keep="last")[[*KEY, "net_flow_usd_m"]]
        both = incoming.merge(newest, on=KEY, how="left", suffixes=("", "_held"), indicator=True)
        there = both["_merge"].eq("both").to_numpy()
        now, before = both["net_flow_usd_m"], both["net_flow_usd_m_held"]
        # A dash is not a figure: it takes no figure back, and alone it is not worth a row.
        same = ((now - before).abs() < 1e-9) | now.isna()
        changed = there & ~same.to_numpy()
        revised = changed & before.notna().to_numpy()
        fresh = ~there & now.notna().to_numpy()
        if revised.any() and known_at is None:
            first = both[revised].iloc[0]
            raise FlowTableError(
                f"a figure that changed must say when, got {first['fund']} of "
                f"{first['session']:%Y-%m-%d} at {first['net_flow_usd_m']:g} after "
                f"{first['net_flow_usd_m_held']:g}; give --known-at"
            )
        added = both.loc[fresh | changed, [*KEY, "net_flow_usd_m"]].copy()
        added["known_at"] = pd.Series(known_at, index=added.index, dtype="datetime64[us, UTC]")
        if len(added):
            whole = pd.concat([held, added], ignore_index=True)[COLUMNS]
            whole = whole.sort_values([*KEY, "known_at"], kind="stable", ignore_index=True)
            write_atomically(path, lambda draft: whole.to_parquet(draft, index=False))
    return Merged(
        path=path,
        added=int(fresh.sum() + (changed & ~revised).sum()),
        revised=int(revised.sum()),
        unchanged=int((~fresh & ~changed).sum()),
    )


def _held(path: Path) -> pd.DataFrame:
    if not path.exists():
        empty = pd.DataFrame({name: [] for name in COLUMNS})
        return empty.astype(
            {
                "session": "datetime64[us]", "fund": "str", "vendor": "str",
                "net_flow_usd_m": "float64", "known_at": "datetime64[us, UTC]",
            }
        )  # fmt: skip
    try:
        with path.open("rb") as file:
            held = read_parquet(file, path.name, COLUMNS)
    except SourceError as error:
        raise FlowTableError(str(error)) from error
    except Exception as error:  # any reader fault is a fault of the file
        raise FlowTableError(
            f"{path.name} cannot be read ({type(error).__name__}); restore it before an import"
        ) from error
    held["session"] = pd.to_datetime(held["session"]).astype("datetime64[us]")
    known = held["known_at"] if "known_at" in held.columns else pd.NaT
    held["known_at"] = pd.to_datetime(pd.Series(known, index=held.index), utc=True).astype(
        "datetime64[us, UTC]"
    )
    return held[COLUMNS]
