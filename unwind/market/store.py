"""The market store: every observation as a vendor reported it, with its known_at.

Vintages are appended, never overwritten; a read with a cut-off returns only what was known by
then. Each table is a log of Parquet segments (unwind.files.segments).
DuckDB was tried instead (docs/operations.md): it reads as fast, but its single file locks readers
out while a run writes.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from unwind.calendar import closed_days, known_instants, report_instants, sessions_served
from unwind.contract.inputs import INPUT_TABLES, REJECTED, InputTable
from unwind.contract.source import Extract, Fault, Source, SourceError
from unwind.files.durable import folder_lock
from unwind.files.segments import append, drafts, read_segments
from unwind.market.confirmations import append_agreed
from unwind.market.precedence import united
from unwind.market.quarantine import fault_rows
from unwind.market.restatement import rebased
from unwind.market.screening import REJECTED_COLUMNS, Observations, screen
from unwind.market.unit_changes import unit_faults
from unwind.settings import Settings, SettingsError
from unwind.sources.provider_faults import no_rows, provider_failed

REJECTED_KEY = ["table", "origin", "row", "column", "rule", "entity", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """Rows added by one reading of a source, per table."""

    source: str
    received: dict[str, int]
    added: dict[str, int]
    quarantined: dict[str, int]


def ingest(
    store: Path, source: Source, *, settings: Settings, received_at: pd.Timestamp
) -> Ingested:
    """Screen every table of a source and append new vintages to the store.

    Parameters
    ----------
    store : Path
        Folder of the store; created if missing.
    source : Source
    settings : Settings
        Lag rules and clocks.
    received_at : Timestamp, UTC
        When the rows arrived. A changed value without a known_at of its own is known from here.

    Raises
    ------
    SourceError
        A table cannot be read, or `prices` holds no usable row.
    Damaged
        A segment of the store differs from what was written.
    Unwritable
        The disk refuses a write; the store has the tables appended before.
    """
    received, added, quarantined = {}, {}, {}
    # Read before the lock: a slow provider must not block other runs.
    extracts = {name: source.extract(name) for name in source.tables()}
    with folder_lock(store):
        for draft in drafts(store):
            draft.unlink()
        published = _sessions_of_prices(store, settings)
        for name, extract in extracts.items():
            # A live answer arrives after the instant that its run was scheduled for.
            arrived = max(received_at, extract.received_at or received_at)
            observed = _observed(extract, name, settings=settings, received_at=arrived)
            if name == "prices" and observed.rows.empty:
                raise SourceError(f"{extract.origin} holds no usable row; {_first_fault(observed)}")
            stored = _vintages(store, name)
            faults = fault_rows(
                _faults(extract, observed, stored), table=name, origin=extract.origin,
                received_at=received_at, publication=settings.publication,
            )  # fmt: skip
            received[name] = sum(len(part.rows) for part in extract.parts or (extract,))
            if observed.agreed is not None:
                _append_agreed(store, observed.agreed, settings=settings, received_at=arrived)
            added[name] = _append(
                store, observed, stored, settings=settings, published=published, received_at=arrived
            )
            quarantine = [rows for rows in (observed.rejected, faults) if not rows.empty]
            rejected = pd.concat(quarantine, ignore_index=True) if quarantine else faults
            _append_rejected(store, rejected, INPUT_TABLES[name], settings=settings)
            quarantined[name] = int((rejected["severity"] == "error").sum())
    return Ingested(source=source.label, received=received, added=added, quarantined=quarantined)


def _observed(
    extract: Extract, table: str, *, settings: Settings, received_at: pd.Timestamp
) -> Observations:
    """Screen an extract, or each provider's part, and merge the parts by precedence."""
    clock, shut = settings.clock, closed_days()
    everyday = frozenset((*clock.crypto_daily, *clock.weekday, *clock.index_levels))
    terms: dict[str, Any] = {
        "received_at": received_at, "closed_days": shut, "everyday_symbols": everyday,
    }  # fmt: skip
    if not extract.parts:
        return screen(extract, INPUT_TABLES[table], **terms)
    screened: list[Observations] = []
    failures: list[Fault] = []
    for part in extract.parts:
        try:
            screened.append(screen(part, INPUT_TABLES[table], **terms))
        # A fault of one provider must not lose the others' rows.
        except Exception as error:
            failures.append(provider_failed(part.label, table, error))
            empty = replace(part, rows=no_rows(table))
            screened.append(screen(empty, INPUT_TABLES[table], **terms))
    bounds = settings.sources.agreement.get(table, {})
    for name, columns in settings.sources.agreement.items():
        known = INPUT_TABLES[name].numbers if name in INPUT_TABLES else ()
        if unknown := sorted(set(columns) - set(known)) or ([] if known else [name]):
            raise SettingsError(
                f"sources.agreement.{name} names {', '.join(unknown)}, which is not a number of "
                f"an input table; known: {', '.join(known or INPUT_TABLES)}"
            )
    rows = united(extract.parts, screened, INPUT_TABLES[table], agreement=bounds)
    return replace(rows, doubts=(*rows.doubts, *failures))


def _faults(extract: Extract, observed: Observations, stored: pd.DataFrame) -> list[Fault]:
    doubts = [*extract.faults, *observed.doubts]
    for part in extract.parts:
        doubts += part.faults
    whole = observed.rows if stored.empty else pd.concat([stored, observed.rows], ignore_index=True)
    doubts += unit_faults(whole, INPUT_TABLES[observed.table])
    return doubts


def _first_fault(observed: Observations) -> str:
    if observed.rejected.empty:
        doubt = next(iter(observed.doubts), None)
        return f"{doubt.rule}: {doubt.value}; {doubt.remedy}" if doubt else "fill the file"
    fault = observed.rejected.iloc[0]
    return f"first fault: row {fault['row']}, {fault['rule']}: {fault['remedy']}"


def _sessions_of_prices(store: Path, settings: Settings) -> pd.DatetimeIndex:
    """Sessions for which the store has exchange prices."""
    stored = _vintages(store, "prices")
    if stored.empty:
        return pd.DatetimeIndex([])
    everyday = (*settings.clock.crypto_daily, *settings.clock.weekday)
    return pd.DatetimeIndex(stored.loc[~stored["symbol"].isin(everyday), "session"].unique())


def _append(
    store: Path,
    observed: Observations,
    stored: pd.DataFrame,
    *,
    settings: Settings,
    published: pd.DatetimeIndex,
    received_at: pd.Timestamp,
) -> int:
    table = INPUT_TABLES[observed.table]
    key = list(table.key)
    rows = observed.rows.copy()
    own = rows["known_at"].notna()
    rule = default_known_at(rows, table, settings)
    rows["known_at"] = rows["known_at"].where(own, rule)
    if not stored.empty:
        late = ~own & _overdue(rows, stored, table, published=published, settings=settings)
        arrival = rows["known_at"].where(rows["known_at"] > received_at, received_at)
        rows["known_at"] = rows["known_at"].where(~late, arrival)
        if table.name == "prices":
            restated = rebased(rows, stored, stand_ins=observed.fills)
            rows, own = restated.rows, own | restated.dated
        if observed.fills is not None:
            # A fallback adds missing rows; it never revises stored ones.
            keys = pd.MultiIndex.from_frame(rows[key])
            idle = observed.fills & keys.isin(pd.MultiIndex.from_frame(stored[key]))
            rows, own = rows[~idle], own[~idle]
        rows = _new_vintages(rows, stored, own=own, key=key, received_at=received_at)
    _add(store, table.name, rows)
    return len(rows)


def _overdue(
    rows: pd.DataFrame,
    stored: pd.DataFrame,
    table: InputTable,
    *,
    published: pd.DatetimeIndex,
    settings: Settings,
) -> pd.Series:
    """Mark first reports that were due in a session that the store already has without them.

    The lag rule would date them before they arrived. A series that is new to the store, the part
    before its first row, and the rows of a new session are loaded as history: for them the rule
    applies.
    """
    due = sessions_served(pd.DatetimeIndex(rows["known_at"]), settings.publication)
    overdue = due.isin(published)
    first: pd.Series | pd.Timestamp
    if table.series:
        starts = stored.groupby(table.series)[table.event].min().rename("first").reset_index()
        first = rows[table.series].merge(starts, on=table.series, how="left")["first"]
        overdue &= rows[table.event].to_numpy() > first.to_numpy()
    else:
        overdue &= (rows[table.event] > stored[table.event].min()).to_numpy()
    key = list(table.key)
    overdue &= ~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(stored[key]))
    return pd.Series(overdue, index=rows.index)


def _append_agreed(
    store: Path, agreed: pd.DataFrame, *, settings: Settings, received_at: pd.Timestamp
) -> None:
    """Date moves that two providers agree on: by rule if their rows are new, otherwise now."""
    known = default_known_at(agreed, INPUT_TABLES["prices"], settings)
    stored = _vintages(store, "prices")
    if not stored.empty:
        key = ["session", "symbol"]
        is_stored = pd.MultiIndex.from_frame(agreed[key]).isin(
            pd.MultiIndex.from_frame(stored[key])
        )
        known = known.mask(is_stored, received_at)
    append_agreed(store, agreed.assign(known_at=known))


def _new_vintages(
    rows: pd.DataFrame,
    stored: pd.DataFrame,
    *,
    own: pd.Series,
    key: list[str],
    received_at: pd.Timestamp,
) -> pd.DataFrame:
    """Return rows with new values; date a silent revision at its arrival."""
    echo = _originals(rows, stored, own=own, key=key)
    rows, own = rows[~echo], own[~echo]
    values = [name for name in rows.columns if name not in (*key, "known_at")]
    marked = pd.concat(
        [stored[[*key, "known_at", *values]].assign(new=False), rows.assign(new=True, own=own)],
        ignore_index=True,
    )
    seen = marked.groupby(key, sort=False)["new"].transform("min") == 0
    # A revision without a known_at is known from now: dating it back would be look-ahead. The same
    # holds for other values under a stored known_at: the stored ones were known then, these not.
    dated = marked["own"].fillna(False).astype(bool) & ~_contradicting(marked, key, values)
    revised = marked["new"] & seen & ~dated
    late = marked["known_at"].where(marked["known_at"] > received_at, received_at)
    marked["known_at"] = marked["known_at"].where(~revised, late)
    known_later = _known_later(marked, stored, revised, key=[*key, *values])
    marked = marked.sort_values([*key, "known_at", "new"], kind="stable")
    before = marked.groupby(key, sort=False)[values].shift()
    same = pd.Series(True, index=marked.index)
    for name in values:
        same &= (marked[name] == before[name]) | (marked[name].isna() & before[name].isna())
    first = ~marked.duplicated(key)
    keep = marked["new"] & (first | ~same) & ~known_later
    return marked.loc[keep, rows.columns].reset_index(drop=True)


def _known_later(
    marked: pd.DataFrame, stored: pd.DataFrame, revised: pd.Series, *, key: list[str]
) -> pd.Series:
    """Mark revisions whose values are stored with a later known_at.

    A run with a cut-off before the store's newest rows, after a clock was set back or a slot is
    rerun, would otherwise date them back.
    """
    known_later = pd.Series(False, index=marked.index)
    if revised.any():
        own = marked.loc[revised, [*key, "known_at"]]
        last = stored.groupby(key, dropna=False, as_index=False)["known_at"].max()
        both = own.merge(last, on=key, how="left", suffixes=("", "_stored"))
        known_later.loc[own.index] = (both["known_at_stored"] > both["known_at"]).to_numpy()
    return known_later


def _contradicting(marked: pd.DataFrame, key: list[str], values: list[str]) -> pd.Series:
    """Mark new rows whose key and known_at are stored with other values."""
    at = [*key, "known_at"]
    stored = marked.loc[~marked["new"]].drop_duplicates(at, keep="last")
    both = marked[at].merge(stored[[*at, *values]], on=at, how="left", indicator=True)
    both.index = marked.index
    differs = pd.Series(False, index=marked.index)
    for name in values:
        same = (marked[name] == both[name]) | (marked[name].isna() & both[name].isna())
        differs |= ~same
    return marked["new"] & both["_merge"].eq("both") & differs


def _originals(
    rows: pd.DataFrame, stored: pd.DataFrame, *, own: pd.Series, key: list[str]
) -> pd.Series:
    """Undated rows that are stored unchanged, delivered with a dated one of their key.

    Alone, such a row would reverse a later vintage. With its own dated revision it is the
    original, repeated.
    """
    beside = own.groupby([rows[name] for name in key]).transform("any") & ~own
    if not beside.any():
        return beside
    matched = rows.merge(stored, on=list(rows.columns), how="left", indicator=True)["_merge"]
    return beside & (matched == "both").to_numpy()


def default_known_at(rows: pd.DataFrame, table: InputTable, settings: Settings) -> pd.Series:
    """Default known_at of rows without their own, by the lag rules of the settings."""
    known = known_instants(rows[table.event], settings.known_at[table.name])
    if table.name == "cftc_positions":
        return report_instants(rows[table.event], settings.known_at[table.name])
    if table.name == "implied_vol":
        listed = rows["index"].isin(settings.clock.utc_day_indices)
        ended = known_instants(rows.loc[listed, "session"], settings.known_at["crypto_daily"])
        return known.where(~listed, ended.reindex(rows.index))
    if table.name != "prices":
        return known
    for rule in ("crypto_daily", "weekday"):
        listed = rows["symbol"].isin(getattr(settings.clock, rule))
        other = known_instants(rows.loc[listed, "session"], settings.known_at[rule])
        known = known.where(~listed, other.reindex(rows.index))
    return known


def _append_rejected(
    store: Path, rejected: pd.DataFrame, table: InputTable, *, settings: Settings
) -> None:
    if rejected.empty:
        return
    rows = rejected.copy()
    rule = settings.known_at[table.name]
    dated = rows["session"].notna()
    late = known_instants(rows.loc[dated, "session"], rule)
    if rule.minutes is not None:
        late = late.dt.tz_localize("UTC")
    rows["known_at"] = rows["known_at"].where(rows["known_at"].notna(), late.reindex(rows.index))
    stored = _vintages(store, REJECTED)
    if not stored.empty:
        both = pd.concat([stored, rows], ignore_index=True)
        rows = both[~both.duplicated(REJECTED_KEY)].iloc[len(stored) :]
    _add(store, REJECTED, rows[list(REJECTED_COLUMNS)])


def _add(store: Path, table: str, rows: pd.DataFrame) -> None:
    if not rows.empty:
        append(store / table, pa.Table.from_pandas(rows, preserve_index=False))


def _vintages(store: Path, table: str) -> pd.DataFrame:
    rows = read_segments(store / table)
    return pd.DataFrame() if rows is None else rows.to_pandas()


def read_vintages(store: Path, table: str) -> pd.DataFrame:
    """Every vintage of a table, sorted by key and known_at."""
    rows = _vintages(store, table)
    if rows.empty:
        return pd.DataFrame({name: [] for name in (*INPUT_TABLES[table].columns, "known_at")})
    order = [*INPUT_TABLES[table].key, "known_at"]
    return rows.sort_values(order, kind="stable", ignore_index=True)


def known_by(vintages: pd.DataFrame, table: str, *, cutoff: pd.Timestamp) -> pd.DataFrame:
    """One row per key: the newest vintage with known_at ≤ `cutoff`.

    Parameters
    ----------
    vintages : DataFrame
        From `read_vintages`, so sorted by key and known_at.
    """
    if vintages.empty:
        return vintages
    known: pd.DataFrame = vintages[vintages["known_at"] <= cutoff]
    return known.drop_duplicates(list(INPUT_TABLES[table].key), keep="last")


def read_rejected(store: Path) -> pd.DataFrame:
    """Every quarantined row; known_at is NaT for faults of a file as a whole."""
    rows = _vintages(store, REJECTED)
    if rows.empty:
        return pd.DataFrame({name: [] for name in REJECTED_COLUMNS}).astype(
            {"known_at": "datetime64[us, UTC]", "session": "datetime64[us]"}
        )
    return rows
