"""Changes of one session's conclusion between two instants, and the inputs that arrived.

Both sides are read as of their instant: the outputs of the latest run with a cut-off not after it,
and the vintages of the market store that became known in between. No figure is recomputed.
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

# Input tables of each evidence block, besides the prices.
FEEDS = {
    "flows": ("etf_flows",),
    "cme": ("futures", "open_interest", "cftc_positions"),
    "offshore": ("perpetuals", "open_interest"),
    "options": ("implied_vol", "option_chains"),
    "dealers": ("option_chains", "structured_notes"),
    "crowding": ("published_zscores", "equity_factors_pct", "prices"),
    "hours": ("crypto_hourly", "prices"),
}
# Entity of an indicator's rows, if it is not the base.
ENTITIES = {"flow_total": "TOTAL", "bitcoin_gap": "DVOL", "equity_gap": "VIX"}

# Run context, or other columns repeated in words: not a change by themselves.
_CONTEXT = frozenset(
    {"known_at", "cutoff", "settings_digest", "source", "as_of", "sentence", "headline", "drivers"}
)

# A change of these alone has size 0.
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
        Largest |new − old| / (|old| + |new|) of its numbers, in [0, 1]; 1 if a number was added or
        removed, or a class changed; 0 if only a remark did.
    """

    table: str
    key: dict[str, Any]
    change: str
    columns: dict[str, tuple[Any, Any]]
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One observation that became known in between; `old` is null if it was unknown before."""

    table: str
    key: dict[str, Any]
    entity: str
    event: str
    known_at: str
    columns: dict[str, tuple[Any, Any]]
    revised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Changes of a session's conclusion, and the inputs that arrived.

    Attributes
    ----------
    base : str
    blocks : dict
        Indicator of the evidence → its block.
    between : tuple of str
        The two requested instants.
    before, after : str or None
        Cut-offs of the two runs; None if no run had a cut-off by then.
    notes : tuple of str
        Where a side is not the requested instant, and the command that publishes it.
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
    """Compare the conclusions on a session at two instants.

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
        raise LakeError(
            f"{as_of} is not published; publish it with: {_replay(as_of, first, second)}"
        )
    sides = [read_session(snapshot, as_of, cutoff=instant) for instant in (first, second)]
    cutoffs = [_cutoff(side) for side in sides]
    since = first if cutoffs[0] is None else cutoffs[0]
    same = cutoffs[0] == cutoffs[1]
    rows = [] if same else _row_changes(sides[0], sides[1])
    regimes, evidence = sides[1]["regimes"], sides[1]["evidence"]
    return Difference(
        as_of=as_of,
        snapshot=snapshot.name,
        base="" if regimes.empty else str(regimes["base"].iloc[0]),
        blocks=dict(zip(evidence["indicator"], evidence["block"], strict=True)),
        between=(_clock(first), _clock(second)),
        before=None if cutoffs[0] is None else _clock(cutoffs[0]),
        after=None if cutoffs[1] is None else _clock(cutoffs[1]),
        notes=tuple(_notes(as_of, (first, second), cutoffs)),
        rows=tuple(rows),
        arrivals=tuple(_arrivals(lake / "market", since, second)),
    )


def as_json(change: Difference) -> dict[str, Any]:
    """Return a difference as JSON."""
    return asdict(change)


def _cutoff(side: dict[str, pd.DataFrame]) -> pd.Timestamp | None:
    regimes = side["regimes"]
    return None if regimes.empty else pd.Timestamp(regimes["cutoff"].iloc[0])


def _replay(as_of: date, *instants: pd.Timestamp) -> str:
    cutoffs = " ".join(f"--cutoff {_clock(instant)}" for instant in instants)
    return f"unwind replay --path DROP --as-of {as_of} {cutoffs}"


def _notes(
    as_of: date,
    instants: tuple[pd.Timestamp, pd.Timestamp],
    cutoffs: list[pd.Timestamp | None],
) -> list[str]:
    if cutoffs[1] is not None and cutoffs[0] == cutoffs[1]:
        return [
            f"no run has a cut-off after {_clock(cutoffs[1])}: both sides are that run, and only "
            f"later inputs are listed; publish the later one with: {_replay(as_of, instants[1])}"
        ]
    notes = []
    for instant, cutoff in zip(instants, cutoffs, strict=True):
        if cutoff is None:
            notes.append(
                f"no run has a cut-off by {_clock(instant)}; publish one with: "
                f"{_replay(as_of, instant)}"
            )
        elif cutoff != instant:
            notes.append(
                f"no run has the cut-off {_clock(instant)}, the latest before it has "
                f"{_clock(cutoff)}; publish it with: {_replay(as_of, instant)}"
            )
    return notes


def _row_changes(
    before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]
) -> list[RowChange]:
    rows = _table_changes("drivers", ("driver",), _drivers(before), _drivers(after))
    order = {"regimes": 0, "attribution": 1, "drivers": 2, "evidence": 3, "mechanisms": 4}
    for name, table in TABLES.items():
        rows += _table_changes(name, table.entity, before[name], after[name])
    return sorted(rows, key=lambda row: (order.get(row.table, 5), -row.size, row.table))


def _drivers(side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    regimes = side["regimes"]
    drivers = [] if regimes.empty else list(regimes["drivers"].iloc[0])
    columns = ["driver", "contribution", "value", "evidence"]
    return pd.DataFrame(drivers, columns=columns)


def _table_changes(
    name: str, entity: tuple[str, ...], before: pd.DataFrame, after: pd.DataFrame
) -> list[RowChange]:
    key = list(entity)
    values = [column for column in after.columns if column not in _CONTEXT and column not in key]
    old, new = (
        {
            tuple(row[column] for column in key): row
            for row in side[[*key, *values]].to_dict("records")
        }
        for side in (before, after)
    )
    rows = []
    for entity_key in {**old, **new}:
        was, now = old.get(entity_key), new.get(entity_key)
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
        rows.append(
            RowChange(
                table=name,
                key={column: _plain(value) for column, value in zip(key, entity_key, strict=True)},
                change=change,
                columns=columns,
                size=_size(columns),
            )
        )
    return rows


def _plain(value: Any) -> Any:
    """Return one cell in a form that compares equal: a missing figure is None."""
    if not pd.api.types.is_scalar(value):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _size(columns: dict[str, tuple[Any, Any]]) -> float:
    """Return the largest relative change of the figures, or of a class without figures."""
    moves = [
        1.0 if None in pair else abs(pair[1] - pair[0]) / (abs(pair[0]) + abs(pair[1]))
        for pair in columns.values()
        if any(_is_number(value) for value in pair)
    ]
    return max(moves, default=0.0 if set(columns) <= _REMARKS else 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _arrivals(store: Path, since: pd.Timestamp, until: pd.Timestamp) -> list[Arrival]:
    arrivals: list[Arrival] = []
    for name, table in INPUT_TABLES.items():
        vintages = read_vintages(store, name)
        if vintages.empty:
            continue
        arrived = vintages[(vintages["known_at"] > since) & (vintages["known_at"] <= until)]
        arrived = arrived.drop_duplicates(list(table.key), keep="last")
        known = known_by(vintages, name, cutoff=since)
        arrivals += _arrived(table, arrived, known)
    return arrivals


def _arrived(table: InputTable, arrived: pd.DataFrame, known: pd.DataFrame) -> list[Arrival]:
    values = [name for name in (*table.numbers, *table.dates) if name in arrived.columns]
    key = list(table.key)
    both = arrived.merge(
        known[[*key, *values]], on=key, how="left", suffixes=("", "|old"), indicator=True
    )
    arrivals = []
    for row in both.to_dict("records"):
        revised = row["_merge"] == "both"
        columns = {
            name: (_plain(row[f"{name}|old"]) if revised else None, _plain(row[name]))
            for name in values
        }
        columns = {name: pair for name, pair in columns.items() if pair[0] != pair[1]}
        arrivals.append(
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
    return sorted(arrivals, key=lambda arrival: not arrival.revised)


def _event(value: pd.Timestamp, table: InputTable) -> str:
    return _clock(value) if table.instant else f"{value:%Y-%m-%d}"


def _clock(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%dT%H:%M}" + (f":{instant:%S}" if instant.second else "") + "Z"
