"""`unwind import prices`: price files of any known form merged into the drop folder."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unwind.contract.source import SourceError
from unwind.contract.text import plain
from unwind.files.durable import folder_lock, make_folder, remove_drafts, write_atomically
from unwind.settings import Settings
from unwind.sources.price_cells import DateOrder, Decimal, PriceFormError
from unwind.sources.price_files import ENDINGS, read_sheets
from unwind.sources.price_forms import KEY, PriceTable, Statements, recognise
from unwind.sources.price_names import NUMBERS, desk_names, symbol_of
from unwind.sources.table_files import read_parquet

MAX_FILES = 2_000
# Bytes of a file whose form is looked up for a message.
MAX_EXAMINED = 32 * 1024**2
# Two spellings of one number.
TOLERANCE = 1e-9


def import_prices(
    paths: Sequence[Path], *, drop: Path, stated: Statements, symbols: Iterable[str]
) -> dict[str, Any]:
    """Read price files and merge them into `prices` of a drop folder.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders of files.
    drop : Path
        Drop folder, made where it is missing. An imported `prices` file in it is renamed.
    stated : Statements
        What the user states about the files.
    symbols : iterable of str
        Symbols of the desk, to name those that are missing or unknown.

    Returns
    -------
    dict
        written, files, added, changed, unchanged, missing_symbols, unknown_symbols, renamed.

    Raises
    ------
    PriceFormError
        A file is refused; the drop folder is then as it was.
    """
    files = [file for path in paths for file in _files_of(path)]
    tables = [
        (sheet.label, recognise(sheet, stated)) for file in files for sheet in read_sheets(file)
    ]
    incoming = _together(tables)
    make_folder(drop)
    with folder_lock(drop):
        remove_drafts(drop)
        target = drop / "prices.parquet"
        replaced = _replaced(drop, files)
        before = pd.DataFrame() if target in replaced else _stored(target)
        merged, counts = _merged(before, incoming)
        for path in replaced:
            path.rename(path.with_name(f"{path.name}.original"))
        if counts["added"] or counts["changed"] or replaced:
            write_atomically(target, lambda draft: merged.to_parquet(draft, index=False))
    present, desk = set(merged["symbol"]), list(dict.fromkeys(symbols))
    return {
        "written": str(target),
        "files": [_described(label, table) for label, table in tables],
        **counts,
        "missing_symbols": [symbol for symbol in desk if symbol not in present],
        "unknown_symbols": sorted(present - set(desk)),
        "renamed": [f"{path.name} → {path.name}.original" for path in replaced],
    }


def statements(
    settings: Settings,
    *,
    dates: DateOrder | None = None,
    decimal: Decimal | None = None,
    symbol: str | None = None,
    currency: str | None = None,
) -> Statements:
    """Return what the user states, with the desk's symbols in their known spellings.

    Raises
    ------
    PriceFormError
        The symbol is not one.
    """
    desk = desk_names(settings.symbols, settings.sources.yahoo.symbols)
    named = None if symbol is None else symbol_of(symbol, desk)
    if symbol is not None and named is None:
        raise PriceFormError(
            f"a symbol must be capitals and digits, got {plain(symbol)[:40]!r}; write it as IBIT"
        )
    return Statements(desk=desk, dates=dates, decimal=decimal, symbol=named, currency=currency)


def form_of(path: Path) -> str | None:
    """Return the form of a file that an import reads, None for any other file."""
    if path.stat().st_size > MAX_EXAMINED:
        return None
    try:
        return recognise(read_sheets(path)[0], Statements()).form
    except PriceFormError:
        return None


def import_text(answer: dict[str, Any]) -> str:
    """Write the answer of an import as lines for a person."""
    lines = []
    for file in answer["files"]:
        columns = ", ".join(f"{name} = {heading}" for name, heading in file["columns"].items())
        lines += [
            f"{file['file']}: {file['form']}; {file['rows']} rows of {file['symbols']} symbols, "
            f"{file['first']} to {file['last']}; dates {file['dates']}; {columns}",
            *(f"  {note}" for note in file["notes"]),
        ]
    if missing := answer["missing_symbols"]:
        lines.append(f"desk symbols without a price: {', '.join(missing)}")
    if unknown := answer["unknown_symbols"]:
        lines.append(f"symbols that the settings do not name: {', '.join(unknown)}")
    lines += [f"renamed: {one}" for one in answer["renamed"]]
    lines.append(
        f"{answer['written']}: {answer['added']} rows added, {answer['changed']} changed, "
        f"{answer['unchanged']} unchanged"
    )
    return "\n".join(lines) + "\n"


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        one
        for one in path.iterdir()
        if one.suffix.lower() in ENDINGS and not one.name.startswith(".")
    )
    if not files or len(files) > MAX_FILES:
        raise PriceFormError(
            f"folder {plain(path.name)[:64]} holds {len(files)} price files, and an import reads 1 "
            f"to {MAX_FILES}; name the files ({', '.join(ENDINGS)})"
        )
    return files


def _together(tables: list[tuple[str, PriceTable]]) -> pd.DataFrame:
    """Rows of all sheets; two sheets may repeat a row and must not contradict each other."""
    rows = pd.concat([table.rows for _, table in tables], ignore_index=True)
    rows = rows[[*KEY, *(name for name in NUMBERS if name in rows.columns)]].drop_duplicates()
    if (twice := rows.duplicated(KEY)).any():
        first = rows[twice].iloc[0]
        raise PriceFormError(
            f"the files hold two different rows for {first['symbol']} on "
            f"{first['session']:%Y-%m-%d}; import one of them alone"
        )
    return rows


def _replaced(drop: Path, files: list[Path]) -> list[Path]:
    """Files that are imported and lie where the import writes."""
    own = [drop / name for name in ("prices.csv", "prices.parquet")]
    imported = {file.resolve() for file in files}
    replaced = [path for path in own if path.exists() and path.resolve() in imported]
    if (drop / "prices.csv").exists() and drop / "prices.csv" not in replaced:
        raise PriceFormError(
            f"prices.csv lies in {drop}, and an import writes prices.parquet; import prices.csv too"
        )
    for path in replaced:
        if path.with_name(f"{path.name}.original").exists():
            raise PriceFormError(
                f"{path.name}.original exists in {drop}; remove it, so that {path.name} can take "
                "its name"
            )
    return replaced


def _stored(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame()
    try:
        with path.open("rb") as file:
            rows = read_parquet(file, path.name, [*KEY, *NUMBERS, "known_at"])
        rows["session"] = pd.to_datetime(rows["session"]).astype("datetime64[us]")
        missing = [name for name in (*KEY, "close") if name not in rows.columns]
        if missing or rows["session"].dt.tz is not None or rows.duplicated(KEY).any():
            raise SourceError(f"{path.name} does not hold one row per session and symbol")
    except Exception as error:  # any reader fault is a fault of the file
        raise PriceFormError(
            f"{path.name} cannot be extended ({plain(error)[:120]}); import it itself first: "
            f"`unwind import prices {path.name} --drop DROP`"
        ) from error
    return rows


def _merged(before: pd.DataFrame, incoming: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Merge by session and symbol; a missing number never replaces a number."""
    given = [name for name in NUMBERS if name in incoming.columns]
    if before.empty:
        rows = incoming.sort_values(["symbol", "session"], ignore_index=True)
        return rows, {"added": len(rows), "changed": 0, "unchanged": 0}
    old, new = before.set_index(KEY), incoming.set_index(KEY)
    common = new.index.intersection(old.index)
    changed = pd.Series(False, index=common)
    for name in given:
        if name not in old.columns:
            old[name] = np.nan
        was, now = (frame.loc[common, name].astype("float64") for frame in (old, new))
        moved = now.notna() & ~((now - was).abs() <= TOLERANCE * now.abs())
        if name == "close" and "adj_close" in old.columns:
            # An adjusted close of another close is not kept.
            old.loc[moved[moved].index, "adj_close"] = np.nan
        old.loc[moved[moved].index, name] = now[moved]
        changed |= moved
    if "known_at" in old.columns:  # the old instant is that of the old number
        old.loc[changed[changed].index, "known_at"] = pd.NaT
    added = new.loc[new.index.difference(old.index)]
    rows = pd.concat([old, added]) if len(added) else old
    rows = rows.reset_index().sort_values(["symbol", "session"], ignore_index=True)
    n_changed = int(changed.sum())
    counts = {"added": len(added), "changed": n_changed, "unchanged": len(common) - n_changed}
    return rows, counts


def _described(label: str, table: PriceTable) -> dict[str, Any]:
    days = table.rows["session"]
    return {
        "file": label, "form": table.form, "dates": table.dates, "columns": dict(table.columns),
        "first": f"{days.min():%Y-%m-%d}", "last": f"{days.max():%Y-%m-%d}",
        "symbols": int(table.rows["symbol"].nunique()), "rows": len(table.rows),
        "notes": list(table.notes),
    }  # fmt: skip
