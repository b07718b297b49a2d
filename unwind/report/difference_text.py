"""A difference as a desk reads it: one screen, the reason beside each change."""

from typing import Any

from unwind.report.difference import ENTITIES, FEEDS, Arrival, Difference, RowChange

# Lines a section may take; the rest is counted, and `--json` has it whole.
MOST_EVIDENCE, MOST_ROWS, MOST_REVISED = 10, 8, 6
_SHOWN = ("net_flow_usd_m", "close", "settle", "adj_close")
_PRICES = ("prices",)


def text(found: Difference) -> str:
    """Return a difference for a person."""
    before, after = found.before or "no run", found.after or "no run"
    lines = [
        f"{found.as_of} as said at {before} and at {after} (snapshot {found.snapshot})",
        *(f"note: {note}" for note in found.notes),
        "",
    ]
    if found.before != found.after:
        lines += [*_verdict(found), "", *_evidence(found), "", *_others(found), ""]
    return "\n".join([*lines, *_inputs(found)]) + "\n"


def _verdict(found: Difference) -> list[str]:
    lines = ["Conclusion"]
    regimes = [row for row in found.rows if row.table == "regimes"]
    for row in regimes:
        lines += [f"  {name:<24}{_pair(pair)}" for name, pair in row.columns.items()]
    if not regimes:
        lines.append("  state and score as before")
    attribution = [row for row in found.rows if row.table == "attribution"]
    if attribution:
        said = attribution[0].columns
        lines += [
            f"  {name:<24}{_pair(said[name])}"
            for name in ("verdict", "named", "blocks_missing")
            if name in said
        ]
    moved = sorted(
        (row for row in attribution if "posterior" in row.columns),
        key=_posterior_move,
        reverse=True,
    )
    lines += [
        f"  posterior {row.key['hypothesis']:<22}{_pair(row.columns['posterior'])}" for row in moved
    ]
    drivers = [row for row in found.rows if row.table == "drivers"]
    lines += [
        f"  driver {row.key['driver']:<17}{_pair(row.columns['contribution'])} decades"
        for row in drivers
        if "contribution" in row.columns
    ]
    return lines


def _posterior_move(row: RowChange) -> float:
    return abs(_move(row.columns["posterior"]))


def _move(pair: tuple[Any, Any]) -> float:
    return float(pair[1] or 0.0) - float(pair[0] or 0.0)


def _evidence(found: Difference) -> list[str]:
    """Each indicator that reads otherwise: its value, whom it moved most, and what had arrived."""
    by_indicator: dict[str, list[RowChange]] = {}
    for row in found.rows:
        if row.table == "evidence":
            by_indicator.setdefault(row.key["indicator"], []).append(row)
    if not by_indicator:
        return ["Evidence: none reads otherwise"]
    ranked = sorted(by_indicator.items(), key=lambda held: -max(map(_vote, held[1])))
    lines = ["Why: evidence that reads otherwise, and what had arrived for it"]
    for indicator, rows in ranked[:MOST_EVIDENCE]:
        strongest = max(rows, key=_vote)
        value = strongest.columns.get("value") or strongest.columns.get("category")
        told = f"  {indicator:<16}{_pair(value) if value else 'same value':<22}"
        if _vote(strongest):
            move = _move(strongest.columns["contribution"])
            told += f"{strongest.key['hypothesis']} {move:+.2f} nat".replace("-", "−")
        else:
            told += "moves no hypothesis"
        lines += [told, *_because(indicator, strongest, found)]
    if len(ranked) > MOST_EVIDENCE:
        lines.append(f"  and {len(ranked) - MOST_EVIDENCE} more")
    return lines


def _vote(row: RowChange) -> float:
    return abs(_move(row.columns.get("contribution", (None, None))))


def _because(indicator: str, row: RowChange, found: Difference) -> list[str]:
    describes = row.columns.get("describes", (None, None))[1] or found.as_of.isoformat()
    feeds = FEEDS.get(found.blocks.get(indicator, ""), _PRICES)
    arrived = [
        held
        for held in found.arrivals
        if held.table in feeds and (held.revised or held.event[:10] == str(describes)[:10])
    ]
    if not arrived:
        return []
    wanted = ENTITIES.get(indicator, found.base)
    arrived.sort(key=lambda held: (not held.revised, feeds.index(held.table)))
    shown = [held for held in arrived if held.entity == wanted][:2] or arrived[:1]
    rest = len(arrived) - len(shown)
    more = f"; and {rest} more rows" if rest else ""
    return [f"    because {'; '.join(_told(held) for held in shown)}{more}"]


def _told(held: Arrival) -> str:
    name = next((name for name in _SHOWN if name in held.columns), None)
    name = name or next(iter(held.columns), "")
    pair: tuple[Any, Any] = held.columns.get(name, (None, None))
    said = _pair(pair) if held.revised else _cell(pair[1])
    whose = " ".join(
        str(value) for column, value in held.key.items() if column not in ("session", "as_of")
    )
    return f"{held.table} {held.event} {whose} {name} {said}, known {held.known_at}"


def _others(found: Difference) -> list[str]:
    rows = [
        row
        for row in found.rows
        if row.table not in ("regimes", "attribution", "drivers", "evidence")
    ]
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        held = counts.setdefault(row.table, {})
        held[row.change] = held.get(row.change, 0) + 1
    if not rows:
        return ["Other tables: as before"]
    lines = ["Other tables, largest relative change first"]
    for row in rows[:MOST_ROWS]:
        key = " ".join(str(value) for value in row.key.values())
        named = [name for name in ("value", "category") if name in row.columns]
        name = [*named, *row.columns][0]
        moved = row.columns.get("describes")
        of = (
            f", of {_pair(moved)}"
            if moved and name != "describes" and row.change == "changed"
            else ""
        )
        lines.append(f"  {row.table:<14}{key:<38} {name} {_pair(row.columns[name])}{of}")
    summed = "; ".join(
        f"{table} " + ", ".join(f"{number} {change}" for change, number in held.items())
        for table, held in counts.items()
    )
    return [*lines, f"  in all: {summed}"]


def _inputs(found: Difference) -> list[str]:
    since = found.before or found.between[0]
    if not found.arrivals:
        return [f"Inputs: nothing became known after {since} by {found.between[1]}"]
    lines = [f"Inputs that became known after {since} by {found.between[1]}"]
    for table in dict.fromkeys(held.table for held in found.arrivals):
        held = [arrival for arrival in found.arrivals if arrival.table == table]
        revised = [arrival for arrival in held if arrival.revised]
        events = sorted(arrival.event for arrival in held)
        lines.append(
            f"  {table:<20}{len(held) - len(revised)} new, {len(revised)} revised, "
            f"of {events[0]} … {events[-1]}"
        )
        lines += [f"    revised: {_told(arrival)}" for arrival in revised[:MOST_REVISED]]
        if len(revised) > MOST_REVISED:
            lines.append(f"    and {len(revised) - MOST_REVISED} more revised")
    return lines


def _pair(pair: tuple[Any, Any]) -> str:
    return f"{_cell(pair[0])} → {_cell(pair[1])}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        plain = f"{value:,.2f}" if abs(value) >= 1000 else f"{value:.4g}"
        return plain.replace("-", "−")
    return str(value)
