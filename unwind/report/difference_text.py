"""A difference as text on one screen, with the reason of each change."""

from typing import Any

from unwind.report.difference import ENTITIES, FEEDS, Arrival, Difference, RowChange

# Lines per section; the others are counted, and `--json` lists them all.
MAX_EVIDENCE, MAX_ROWS, MAX_REVISED = 10, 8, 6
_SHOWN = ("net_flow_usd_m", "close", "settle", "adj_close")
_PRICES = ("prices",)


def text(difference: Difference) -> str:
    """Return a difference as text."""
    before, after = difference.before or "no run", difference.after or "no run"
    lines = [
        f"{difference.as_of} as of {before} and as of {after} (snapshot {difference.snapshot})",
        *(f"note: {note}" for note in difference.notes),
        "",
    ]
    if difference.before != difference.after:
        lines += [*_verdict(difference), "", *_evidence(difference), "", *_others(difference), ""]
    return "\n".join([*lines, *_inputs(difference)]) + "\n"


def _verdict(difference: Difference) -> list[str]:
    lines = ["Conclusion"]
    regimes = [row for row in difference.rows if row.table == "regimes"]
    for row in regimes:
        lines += [f"  {name:<24}{_pair(pair)}" for name, pair in row.columns.items()]
    if not regimes:
        lines.append("  state and score unchanged")
    attribution = [row for row in difference.rows if row.table == "attribution"]
    if attribution:
        changed = attribution[0].columns
        lines += [
            f"  {name:<24}{_pair(changed[name])}"
            for name in ("verdict", "named", "blocks_missing")
            if name in changed
        ]
    posteriors = sorted(
        (row for row in attribution if "posterior" in row.columns),
        key=_posterior_move,
        reverse=True,
    )
    lines += [
        f"  posterior {row.key['hypothesis']:<22}{_pair(row.columns['posterior'])}"
        for row in posteriors
    ]
    drivers = [row for row in difference.rows if row.table == "drivers"]
    lines += [
        f"  driver {row.key['driver']:<17}{_pair(row.columns['contribution'])}"
        for row in drivers
        if "contribution" in row.columns
    ]
    return lines


def _posterior_move(row: RowChange) -> float:
    return abs(_move(row.columns["posterior"]))


def _move(pair: tuple[Any, Any]) -> float:
    return float(pair[1] or 0.0) - float(pair[0] or 0.0)


def _evidence(difference: Difference) -> list[str]:
    """Each indicator that changed: value, hypothesis most affected, inputs that arrived."""
    by_indicator: dict[str, list[RowChange]] = {}
    for row in difference.rows:
        if row.table == "evidence":
            by_indicator.setdefault(row.key["indicator"], []).append(row)
    if not by_indicator:
        return ["Evidence: unchanged"]
    ranked = sorted(
        by_indicator.items(), key=lambda entry: -max(map(_contribution_change, entry[1]))
    )
    lines = ["Why: changes of the evidence, and the inputs that arrived for it"]
    for indicator, rows in ranked[:MAX_EVIDENCE]:
        strongest = max(rows, key=_contribution_change)
        value = strongest.columns.get("value") or strongest.columns.get("category")
        line = f"  {indicator:<16}{_pair(value) if value else 'same value':<22}"
        if _contribution_change(strongest):
            move = _move(strongest.columns["contribution"])
            line += f"{strongest.key['hypothesis']} {move:+.2f} nat".replace("-", "−")
        else:
            line += "no effect on any hypothesis"
        lines += [line, *_because(indicator, strongest, difference)]
    if len(ranked) > MAX_EVIDENCE:
        lines.append(f"  and {len(ranked) - MAX_EVIDENCE} more")
    return lines


def _contribution_change(row: RowChange) -> float:
    return abs(_move(row.columns.get("contribution", (None, None))))


def _because(indicator: str, row: RowChange, difference: Difference) -> list[str]:
    describes = row.columns.get("describes", (None, None))[1] or difference.as_of.isoformat()
    feeds = FEEDS.get(difference.blocks.get(indicator, ""), _PRICES)
    arrived = [
        arrival
        for arrival in difference.arrivals
        if arrival.table in feeds and (arrival.revised or arrival.event[:10] == str(describes)[:10])
    ]
    if not arrived:
        return []
    entity = ENTITIES.get(indicator, difference.base)
    arrived.sort(key=lambda arrival: (not arrival.revised, feeds.index(arrival.table)))
    listed = [arrival for arrival in arrived if arrival.entity == entity][:2] or arrived[:1]
    n_more = len(arrived) - len(listed)
    more = f"; and {n_more} more rows" if n_more else ""
    return [f"    because {'; '.join(_arrival_text(arrival) for arrival in listed)}{more}"]


def _arrival_text(arrival: Arrival) -> str:
    name = next((name for name in _SHOWN if name in arrival.columns), None)
    name = name or next(iter(arrival.columns), "")
    pair: tuple[Any, Any] = arrival.columns.get(name, (None, None))
    value_text = _pair(pair) if arrival.revised else _cell(pair[1])
    whose = " ".join(
        str(value) for column, value in arrival.key.items() if column not in ("session", "as_of")
    )
    return f"{arrival.table} {arrival.event} {whose} {name} {value_text}, known {arrival.known_at}"


def _others(difference: Difference) -> list[str]:
    rows = [
        row
        for row in difference.rows
        if row.table not in ("regimes", "attribution", "drivers", "evidence")
    ]
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        by_change = counts.setdefault(row.table, {})
        by_change[row.change] = by_change.get(row.change, 0) + 1
    if not rows:
        return ["Other tables: unchanged"]
    lines = ["Other tables, largest relative change first"]
    for row in rows[:MAX_ROWS]:
        key = " ".join(str(value) for value in row.key.values())
        named = [name for name in ("value", "category") if name in row.columns]
        name = [*named, *row.columns][0]
        describes = row.columns.get("describes")
        of = (
            f", of {_pair(describes)}"
            if describes and name != "describes" and row.change == "changed"
            else ""
        )
        lines.append(f"  {row.table:<14}{key:<38} {name} {_pair(row.columns[name])}{of}")
    summed = "; ".join(
        f"{table} " + ", ".join(f"{number} {change}" for change, number in by_change.items())
        for table, by_change in counts.items()
    )
    return [*lines, f"  total: {summed}"]


def _inputs(difference: Difference) -> list[str]:
    since = difference.before or difference.between[0]
    if not difference.arrivals:
        return [f"Inputs: nothing became known after {since} by {difference.between[1]}"]
    lines = [f"Inputs that became known after {since} by {difference.between[1]}"]
    for table in dict.fromkeys(arrival.table for arrival in difference.arrivals):
        arrivals = [arrival for arrival in difference.arrivals if arrival.table == table]
        revised = [arrival for arrival in arrivals if arrival.revised]
        events = sorted(arrival.event for arrival in arrivals)
        lines.append(
            f"  {table:<20}{len(arrivals) - len(revised)} new, {len(revised)} revised, "
            f"of {events[0]} … {events[-1]}"
        )
        lines += [f"    revised: {_arrival_text(arrival)}" for arrival in revised[:MAX_REVISED]]
        if len(revised) > MAX_REVISED:
            lines.append(f"    and {len(revised) - MAX_REVISED} more revised")
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
