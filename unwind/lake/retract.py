"""Withdrawing a session: a new snapshot without its rows, with the reason."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

from unwind.contract.columns import SLOT
from unwind.contract.tables import TABLES
from unwind.files.durable import folder_lock
from unwind.files.location import LakeError
from unwind.lake.manifest import plain_text
from unwind.lake.merging import merged_months
from unwind.lake.publish import clear_drafts, require_whole, write_snapshot
from unwind.lake.snapshots import Snapshot, latest, month_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """A session that was withdrawn.

    Attributes
    ----------
    snapshot : str
        The new one.
    knowledge : str
        Latest cut-off of the rows that remain.
    cutoffs : tuple of str
        Cut-offs whose rows were withdrawn.
    other_terms : int
        Runs of the session under another source or other settings, which remain.
    """

    snapshot: str
    session: date
    reason: str
    knowledge: str
    cutoffs: tuple[str, ...]
    other_terms: int


def retract(lake: Path, session: date, *, reason: str, all_terms: bool) -> Retraction:
    """Withdraw a session, at every cut-off, by a new snapshot without its rows.

    Older snapshots are unchanged, and a later run of the session publishes it again. Rows of
    another source or other settings remain unless `all_terms`: withdrawing a simulated session
    does not remove the real one of the same day.

    Parameters
    ----------
    lake : Path
    session : date
    reason : str
        One line of plain text, at most 200 characters; it is kept in the manifest.
    all_terms : bool
        Under every source and settings, not the current snapshot's alone.

    Raises
    ------
    LakeError
        The session is not published, is the only one, or the reason is not plain text.
    Damaged
        The current snapshot is damaged.
    Unwritable
        The disk refuses a write; the session is unchanged.
    """
    try:
        plain_text(reason)
    except ValueError as error:
        raise LakeError(f"the reason {error}; write one plain sentence") from error
    # Before the lock: it would make the folder of a lake that does not exist.
    latest(lake)
    with folder_lock(lake):
        clear_drafts(lake)
        parent = require_whole(latest(lake))
        published = _slots(parent, session)
        current = pd.Series(True, index=published.index)
        for name, value in parent.terms.items():
            current &= published[name] == value
        slots = published if all_terms else published[current]
        if slots.empty:
            elsewhere = (
                "" if published.empty
                else ", only under another source or other settings (--all-terms withdraws those)"
            )  # fmt: skip
            raise LakeError(
                f"session {session} is not published in {lake}{elsewhere}; "
                "`unwind show` lists what is"
            )
        changed = merged_months(parent, {}, slots)
        remaining = _remaining(parent, changed)
        if remaining.empty:
            raise LakeError(
                f"session {session} is the only one in {lake}; publish another session first, or "
                "start a new lake"
            )
        knowledge = remaining["cutoff"].max().to_pydatetime().isoformat()
        own = remaining[list(parent.terms)].eq(pd.Series(parent.terms)).all(axis=1)
        # If the retracted session was the only one under its terms, readers get the terms of the
        # latest remaining run: after a simulated session is withdrawn, the real ones are current.
        last = remaining.sort_values("cutoff").iloc[-1]
        terms = parent.terms if own.any() else {name: str(last[name]) for name in parent.terms}
        statement = {
            "terms": terms,
            "knowledge": knowledge,
            "latest_cutoff": knowledge,
            "run": "unwind lake retract",
            "retracted": {
                "session": session.isoformat(),
                "reason": reason,
                "all_terms": all_terms,
            },
        }
        snapshot = write_snapshot(lake, parent, changed, statement)
    return Retraction(
        snapshot=snapshot.name,
        session=session,
        reason=reason,
        knowledge=knowledge,
        cutoffs=tuple(sorted({instant.isoformat() for instant in slots["cutoff"]})),
        other_terms=len(published) - len(slots),
    )


def _slots(snapshot: Snapshot, session: date) -> pd.DataFrame:
    """Every slot of the session, in any table and under any terms."""
    month = f"{month_of(session)}.parquet"
    parts = [pd.DataFrame(columns=list(SLOT))]
    for relative in snapshot.manifest["files"]:
        table, name = relative.split("/")
        if name != month:
            continue
        if table not in TABLES:
            # Half of a session must not stay.
            raise LakeError(
                f"table {table} of snapshot {snapshot.name} is unknown to this release; retract "
                "with the release that published it"
            )
        rows = snapshot.table(relative).select(list(SLOT)).to_pandas()
        parts.append(rows[rows["as_of"] == session])
    filled = [part for part in parts if not part.empty] or parts[:1]
    return pd.concat(filled, ignore_index=True).drop_duplicates(ignore_index=True)


def _remaining(parent: Snapshot, changed: dict[str, pa.Table]) -> pd.DataFrame:
    """Slots that remain; every slot has a row in `regimes`."""
    parts = [
        changed[name] if name in changed else parent.table(name)
        for name in parent.manifest["files"]
        if name.startswith("regimes/")
    ]
    empty = TABLES["regimes"].schema.empty_table()
    slots: pd.DataFrame = pa.concat_tables([empty, *parts]).select(list(SLOT)).to_pandas()
    return slots
