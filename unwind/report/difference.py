"""What changed in the conclusion on one session between two instants, and what had arrived.

Both sides are read as they stood: the outputs of the latest run not after each instant, and the
vintages of the market store that became known in between. Nothing is computed anew.
"""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from unwind.contract.inputs import INPUT_TABLES, InputTable
from unwind.contract.tables import TABLES
from unwind.files.location import LakeError
from unwind.lake.snapshots import Snapshot, read, read_session
from unwind.market.store import known_by, read_vintages

# Which input tables the blocks of evidence are read from, beside the prices.
FEEDS = {
    "flows": ("etf_flows",),
    "cme": ("futures", "open_interest", "cftc_positions"),
    "offshore": ("perpetuals", "open_interest"),
    "options": ("implied_vol", "option_chains"),
    "dealers": ("option_chains", "structured_notes"),
    "crowding": ("published_zscores", "equity_factors_pct", "prices"),
    "hours": ("crypto_hourly", "prices"),
}
# Whose rows an indicator is read from, where that is not the base.
ENTITIES = {"flow_total": "TOTAL", "bitcoin_gap": "DVOL", "equity_gap": "VIX"}

# Say where a run stood, or repeat other columns in words: not a change of their own.
_SILENT = frozenset(
    {"known_at", "cutoff", "settings_digest", "source", "as_of", "sentence", "headline", "drivers"}
)

# Changed alone, they are of no size.
_REMARKS = frozenset({"describes", "detail", "reason", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that changed.

    Attributes
    ----------
    table : str
    key : dict
        Entity columns.
    change : str
        added, removed or changed.
    columns : dict
        Column → (old, new), those that differ.
    size : float
        Largest |new − old| / (|old| + |new|) of its numbers, in [0, 1]; 1 where a number came or
        went, or a class changed; 0 where only a remark did.
    """

    table: str
    key: dict[str, Any]
    change: str
    columns: dict[str, tuple[Any, Any]]
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One observation that became known in between; `old` is null where it was not known before."""

    table: str
    key: dict[str, Any]
    entity: str
    event: str
    known_at: str
    columns: dict[str, tuple[Any, Any]]
    revised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed in the conclusion on a session, and what had arrived.

    Attributes
    ----------
    base : str
    blocks : dict
        Indicator of the evidence → its block.
    between : tuple of str
        The two instants asked for.
    before, after : str or None
        Cut-offs of the runs that the two sides are read from; None where no run stood by then.
    notes : tuple of str
        Where a side is not what was asked for, and the command that makes it.
    rows : tuple of RowChange
        Verdict first, then by size.
    arrivals : tuple of Arrival
        In the order of tables, revisions first.
    """

    as_of: date
    snapshot: str
    base: str
    blocks: dict[str, str]
    between: tuple[str, str]
    before: str | None
    after: str | None
    notes: tuple[str, ...]
    rows: tuple[RowChange, ...]
    arrivals: tuple[Arrival, ...]


def difference(
    lake: Path,
    snapshot: Snapshot,
    *,
    as_of: date,
    first: pd.Timestamp,
    second: pd.Timestamp,
) -> Difference:
    """Compare what was said on a session at two instants.

    Parameters
    ----------
    lake : Path
        Its market store holds the vintages.
    snapshot : Snapshot
    as_of : date
    first, second : Timestamp, UTC
        In order of time.

    Raises
    ------
    LakeError
        The instants are not in order, or the session was never published.
    """
    if first >= second:
        raise LakeError(
            f"--from must be earlier than --to, got {_clock(first)} and {_clock(second)}"
        )
    if read(snapshot, "regimes", as_of=as_of).empty:
        raise LakeError(f"{as_of} is not published; make it: {_replay(as_of, first, second)}")
    sides = [read_session(snapshot, as_of, cutoff=instant) for instant in (first, second)]
    stood = [_cutoff(side) for side in sides]
    since = first if stood[0] is None else stood[0]
    same = stood[0] == stood[1]
    rows = [] if same else _row_changes(sides[0], sides[1])
    regimes, evidence = sides[1]["regimes"], sides[1]["evidence"]
    return Difference(
        as_of=as_of,
        snapshot=snapshot.name,
        base="" if regimes.empty else str(regimes["base"].iloc[0]),
        blocks=dict(zip(evidence["indicator"], evidence["block"], strict=True)),
        between=(_clock(first), _clock(second)),
        before=None if stood[0] is None else _clock(stood[0]),
        after=None if stood[1] is None else _clock(stood[1]),
        notes=tuple(_notes(as_of, (first, second), stood)),
        rows=tuple(rows),
        arrivals=tuple(_arrivals(lake / "market", since, second)),
    )


def machine(found: Difference) -> dict[str, Any]:
    """Lay a difference out for JSON."""
    return asdict(found)


def _cutoff(side: dict[str, pd.DataFrame]) -> pd.Timestamp | None:
    regimes = side["regimes"]
    return None if regimes.empty else pd.Timestamp(regimes["cutoff"].iloc[0])


def _replay(as_of: date, *instants: pd.Timestamp) -> str:
    cutoffs = " ".join(f"--cutoff {_clock(instant)}" for instant in instants)
    return f"unwind replay --path DROP --as-of {as_of} {cutoffs}"


def _notes(
    as_of: date,
    asked: tuple[pd.Timestamp, pd.Timestamp],
    stood: list[pd.Timestamp | None],
) -> list[str]:
    if stood[1] is not None and stood[0] == stood[1]:
        return [
            f"no run stood after {_clock(stood[1])}: both sides are that run, and only what "
            f"arrived since is listed; make the later one: {_replay(as_of, asked[1])}"
        ]
    told = []
    for instant, found in zip(asked, stood, strict=True):
        if found is None:
            told.append(
                f"nothing was said by {_clock(instant)}; make it: {_replay(as_of, instant)}"
            )
        elif found != instant:
            told.append(
                f"no run stood at {_clock(instant)}, the latest before it stood at "
                f"{_clock(found)}; make it: {_replay(as_of, instant)}"
            )
    return told


def _row_changes(
    before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]
) -> list[RowChange]:
    found = _table_changes("drivers", ("driver",), _drivers(before), _drivers(after))
    order = {"regimes": 0, "attribution": 1, "drivers": 2, "evidence": 3, "mechanisms": 4}
    for name, table in TABLES.items():
        found += _table_changes(name, table.entity, before[name], after[name])
    return sorted(found, key=lambda row: (order.get(row.table, 5), -row.size, row.table))


def _drivers(side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    regimes = side["regimes"]
    held = [] if regimes.empty else list(regimes["drivers"].iloc[0])
    columns = ["driver", "contribution", "value", "evidence"]
    return pd.DataFrame(held, columns=columns)


def _table_changes(
    name: str, entity: tuple[str, ...], before: pd.DataFrame, after: pd.DataFrame
) -> list[RowChange]:
    key = list(entity)
    values = [column for column in after.columns if column not in _SILENT and column not in key]
    old, new = (
        {
            tuple(row[column] for column in key): row
            for row in side[[*key, *values]].to_dict("records")
        }
        for side in (before, after)
    )
    found = []
    for place in {**old, **new}:
        was, now = old.get(place), new.get(place)
        columns = {
            column: (
                None if was is None else _plain(was[column]),
                None if now is None else _plain(now[column]),
            )
            for column in values
        }
        columns = {column: pair for column, pair in columns.items() if pair[0] != pair[1]}
        if not columns:
            continue
        change = "added" if was is None else "removed" if now is None else "changed"
        found.append(
            RowChange(
                table=name,
                key={column: _plain(value) for column, value in zip(key, place, strict=True)},
                change=change,
                columns=columns,
                size=_size(columns),
            )
        )
    return found


def _plain(value: Any) -> Any:
    """Lay one cell out so that equal cells compare equal: a missing figure is None."""
    if not pd.api.types.is_scalar(value):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _size(columns: dict[str, tuple[Any, Any]]) -> float:
    """Judge by the figures, where there are any, and a class otherwise."""
    moves = [
        1.0 if None in pair else abs(pair[1] - pair[0]) / (abs(pair[0]) + abs(pair[1]))
        for pair in columns.values()
        if any(_is_number(value) for value in pair)
    ]
    return max(moves, default=0.0 if set(columns) <= _REMARKS else 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _arrivals(store: Path, since: pd.Timestamp, until: pd.Timestamp) -> list[Arrival]:
    found: list[Arrival] = []
    for name, table in INPUT_TABLES.items():
        vintages = read_vintages(store, name)
        if vintages.empty:
            continue
        arrived = vintages[(vintages["known_at"] > since) & (vintages["known_at"] <= until)]
        arrived = arrived.drop_duplicates(list(table.key), keep="last")
        held = known_by(vintages, name, cutoff=since)
        found += _arrived(table, arrived, held)
    return found


def _arrived(table: InputTable, arrived: pd.DataFrame, held: pd.DataFrame) -> list[Arrival]:
    values = [name for name in (*table.numbers, *table.dates) if name in arrived.columns]
    key = list(table.key)
    both = arrived.merge(
        held[[*key, *values]], on=key, how="left", suffixes=("", "|old"), indicator=True
    )
    found = []
    for row in both.to_dict("records"):
        revised = row["_merge"] == "both"
        columns = {
            name: (_plain(row[f"{name}|old"]) if revised else None, _plain(row[name]))
            for name in values
        }
        columns = {name: pair for name, pair in columns.items() if pair[0] != pair[1]}
        found.append(
            Arrival(
                table=table.name,
                key={name: _plain(row[name]) for name in key},
                entity=str(row[table.entity]),
                event=_event(row[table.event], table),
                known_at=_clock(row["known_at"]),
                columns=columns,
                revised=revised,
            )
        )
    return sorted(found, key=lambda arrival: not arrival.revised)


def _event(value: pd.Timestamp, table: InputTable) -> str:
    return _clock(value) if table.instant else f"{value:%Y-%m-%d}"


def _clock(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%dT%H:%M}" + (f":{instant:%S}" if instant.second else "") + "Z"
