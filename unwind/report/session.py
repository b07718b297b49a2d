"""One session as text and as JSON, from the published tables alone."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from unwind.contract.columns import Table
from unwind.contract.faults import FAULTS
from unwind.contract.text import magnitude, multiple, number, percent
from unwind.files.location import LakeError, names, open_location
from unwind.lake.snapshots import Snapshot, read, read_session
from unwind.report.format import Row, records
from unwind.report.verdict import headline_lines

# Sessions before and after the requested one, in the correlation path.
PATH_BEFORE, PATH_AFTER = 4, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionDay:
    """The rows of one session, and the short-window correlations of the sessions around it."""

    snapshot: Snapshot
    as_of: date
    tables: dict[str, pd.DataFrame]
    around: pd.DataFrame

    @property
    def regime(self) -> pd.Series:
        """The session's one row of `regimes`."""
        row: pd.Series = self.tables["regimes"].iloc[0]
        return row

    @property
    def short_links(self) -> pd.DataFrame:
        """Pearson correlations in the shortest window."""
        rows = self.tables["correlations"]
        rows = rows[rows["method"] == "pearson"]
        shortest: pd.DataFrame = rows[rows["window"] == rows["window"].min()]
        return shortest

    def shocks(self, measure: str) -> pd.DataFrame:
        """Shock rows of one measure."""
        rows = self.tables["shocks"]
        shocks: pd.DataFrame = rows[rows["measure"] == measure]
        return shocks


def session_day(
    snapshot: Snapshot, *, as_of: date | None, cutoff: pd.Timestamp | None
) -> SessionDay:
    """Collect one session; the newest published one where `as_of` is None.

    Raises
    ------
    LakeError
        The session was not published; the message names the range that was.
    """
    regimes = read(snapshot, "regimes", cutoff=cutoff)
    published = sorted(regimes["as_of"])
    if not published:
        raise LakeError(f"snapshot {snapshot.name} holds no session before that cut-off")
    day = published[-1] if as_of is None else as_of
    if day not in published:
        raise LakeError(
            f"{day} is not published; {len(published)} sessions are, from {published[0]} to "
            f"{published[-1]}"
        )
    index = published.index(day)
    near = published[max(0, index - PATH_BEFORE) : index + PATH_AFTER + 1]
    links = read(snapshot, "correlations", since=near[0], cutoff=cutoff)
    links = links[links["as_of"].isin(near) & (links["method"] == "pearson")]
    return SessionDay(
        snapshot=snapshot,
        as_of=day,
        tables=read_session(snapshot, day, cutoff=cutoff),
        around=links[links["window"] == links["window"].min()],
    )


def json_number(value: Any) -> Any:
    """Return a figure for JSON, which has no NaN: a missing figure is null."""
    if isinstance(value, (list, tuple)) or not pd.api.types.is_scalar(value):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def json_drivers(day: SessionDay) -> list[dict[str, Any]]:
    """Return the drivers of the verdict as JSON."""
    return [
        {name: json_number(value) for name, value in driver.items()}
        for driver in day.regime["drivers"]
    ]


def _records(rows: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    return [
        {name: json_number(value) for name, value in zip(columns, row, strict=True)}
        for row in rows[columns].itertuples(index=False, name=None)
    ]


def summary(day: SessionDay) -> dict[str, Any]:
    """Return the session as JSON: every figure unrounded, nulls with their reason."""
    regime = day.regime
    links = day.short_links
    path = [
        {
            "as_of": row["as_of"].isoformat(),
            "pair": f"{row['base']}~{row['asset']}",
            "window": row["window"],
            "value": row["value"],
            "after": row["as_of"] > day.as_of,
        }
        for row in records(day.around.sort_values(["asset", "as_of"]))
    ]
    return {
        "snapshot": day.snapshot.name,
        "as_of": day.as_of.isoformat(),
        "cutoff": regime["cutoff"].isoformat(),
        "known_at": regime["known_at"].isoformat(),
        "source": regime["source"],
        "settings_digest": regime["settings_digest"],
        "state": regime["state"],
        "previous_state": regime["previous_state"],
        "score": json_number(regime["score"]),
        "score_range": [json_number(regime["score_lowest"]), json_number(regime["score_highest"])],
        "headline": regime["headline"],
        "drivers": json_drivers(day),
        "returns": _records(
            day.shocks("return"),
            ["asset", "simple_return", "value", "unit", "z", "n", "worst_since", "reason"],
        ),
        "volumes": _records(
            pd.concat([day.shocks("volume_shares"), day.shocks("volume_dollars")]),
            [
                "asset", "measure", "value", "unit", "z", "previous_record", "previous_record_on",
                "record_multiple", "is_record", "reason",
            ],
        ),
        "correlations": _records(
            day.tables["correlations"],
            [
                "base", "asset", "method", "window", "value", "lower", "upper", "n", "change",
                "percentile", "reason",
            ],
        ),
        "correlation_path": path,
        "pair_evidence": _published(day.tables["pair_evidence"], day),
        "correlation_tests": _published(day.tables["correlation_tests"], day),
        "systemic": _published(day.tables["systemic"], day),
        "short_window": int(links["window"].iloc[0]) if len(links) else None,
        "volatility": _records(
            day.tables["volatility"],
            ["asset", "model", "sigma", "sigma_next", "residual", "converged", "reason"],
        ),
        "changepoints": _records(
            day.tables["changepoints"],
            ["pair", "method", "break_at", "first_seen", "delay", "before", "after", "confidence"],
        ),
        "quality": _records(
            day.tables["quality"],
            ["table", "entity", "rule", "severity", "count", "example", "remedy"],
        ),
    }  # fmt: skip


def _published(rows: pd.DataFrame, day: SessionDay) -> list[dict[str, Any]]:
    """All columns of a table except the run context."""
    shared = ("as_of", "cutoff", "source", "settings_digest", "known_at")
    return _records(rows, [name for name in rows.columns if name not in shared])


def text(day: SessionDay) -> str:
    """Return the session as text."""
    regime = day.regime
    base = regime["base"]
    lines = [
        *headline_lines(
            as_of=day.as_of, cutoff=regime["cutoff"], source=regime["source"], tables=day.tables
        ),
        f"snapshot {day.snapshot.name}",
        "",
        "Returns (simple; robust z against the previous sessions)",
    ]
    for row in records(day.shocks("return").sort_values("z")):
        since = row["worst_since"]
        record = f", lowest since {since}" if since is not None and (row["z"] or 0) < -1 else ""
        lines.append(
            f"  {row['asset']:<8}{percent(row['simple_return'], decimals=2, signed=True):>10}  "
            f"z {number(row['z'], decimals=1, signed=True):>6}{record}{_because(row['reason'])}"
        )
    lines += ["", f"Volume of {base}"]
    for measure, currency in (("volume_shares", ""), ("volume_dollars", "$")):
        rows = day.shocks(measure)
        lines += [
            f"  {magnitude(row['value'], currency=currency):>14}  {_record(row)}"
            f"{_because(row['reason'])}"
            for row in records(rows[rows["asset"] == base])
        ]
    lines += ["", f"Correlation with {base} (log returns)"]
    lines += [
        f"  {row['asset']:<8}{number(row['value'], decimals=2):>6} "
        f"({row['window']} sessions, 95 % {number(row['lower'], decimals=2)}…"
        f"{number(row['upper'], decimals=2)})  {_path(day, row['asset'])}{_because(row['reason'])}"
        for row in records(day.short_links.sort_values("value", ascending=False))
    ]
    tested = set(day.tables["correlation_tests"]["asset"])
    lines += ["", "Evidence on the tested pairs"]
    lines += [
        f"  {row['sentence']}"
        for row in records(day.tables["pair_evidence"])
        if row["asset"] in tested
    ]
    lines += [f"  {_test(row)}" for row in records(day.tables["correlation_tests"])]
    return "\n".join(lines)


def _test(row: Row) -> str:
    pair = f"{row['base']}–{row['asset']}" + (
        f" against {row['against']}" if row["against"] else ""
    )
    name = f"{row['test']} test, {pair}, {row['window']} sessions"
    if row["p_value"] is None:
        return f"{name}: not determined, {row['reason']}"
    return (
        f"{name}: p = {number(row['p_value'], decimals=3)}, "
        f"Holm-adjusted {number(row['family_p_value'], decimals=3)}"
    )


def _record(row: Row) -> str:
    if row["record_multiple"] is None:
        return "no earlier record"
    word = "RECORD, " if row["is_record"] else ""
    before = row["previous_record_on"]
    return f"{word}{multiple(row['record_multiple'])} the previous record of {before}"


def _path(day: SessionDay, asset: str) -> str:
    near = day.around[day.around["asset"] == asset].sort_values("as_of")
    return " → ".join(
        number(row["value"], decimals=2)
        + (f" ({row['as_of']}, after)" if row["as_of"] > day.as_of else "")
        for row in records(near)
    )


def _because(reason: str | None) -> str:
    return "" if reason is None else f"  [{reason}]"


def quarantined(lake: Path) -> list[dict[str, Any]]:
    """Quarantined rows, the most severe first, in the order of their files."""
    # The store imports the schema library, which no other reading command needs.
    from unwind.market.store import read_rejected

    rows = read_rejected(lake / "market")
    rows = rows.assign(severity_rank=rows["severity"].map({"error": 0, "warning": 1, "info": 2}))
    ordered = rows.sort_values(["severity_rank", "origin", "row"], kind="stable")
    columns = ["origin", "row", "table", "entity", "rule", "severity", "value", "remedy"]
    return records(ordered[columns])


def report_path(snapshot: Snapshot, *, as_of: date | None) -> str:
    """Path of the newest report of a session; for a remote copy, on its file system.

    Raises
    ------
    LakeError
        The session has no report.
    """
    day = as_of or max(read(snapshot, "regimes")["as_of"])
    storage, root = open_location(snapshot.lake)
    folder = f"{root}/reports/{day.isoformat()}"
    reports = [name for name in names(storage, folder) if name.endswith(".html")]
    if not reports:
        raise LakeError(f"no report for {day}; run `unwind run --as-of {day}` to write it")
    return f"{folder}/{reports[-1]}"


def sessions_json(regimes: pd.DataFrame) -> list[dict[str, Any]]:
    """Published sessions, the oldest first: state, score, cut-off."""
    return records(regimes[["as_of", "state", "score", "cutoff"]].sort_values("as_of"))


def sessions_text(regimes: pd.DataFrame) -> str:
    """Published sessions as text, one line each."""
    lines = [
        f"{row['as_of']}  {row['state']:<13}{number(row['score'], decimals=2):>6}  "
        f"cut-off {row['cutoff']:%Y-%m-%d %H:%M} UTC\n"
        for row in sessions_json(regimes)
    ]
    return "".join(lines) + f"{len(lines)} session{'' if len(lines) == 1 else 's'}\n"


def contract(table: Table) -> dict[str, Any]:
    """Return the contract of one table as JSON."""
    return {
        "table": table.name,
        "row": table.row,
        "key": list(table.key),
        "columns": [
            {
                "name": column.name,
                "type": str(column.type),
                "unit": column.unit,
                "meaning": column.meaning,
                "nullable": column.nullable,
            }
            for column in table.columns
        ],
    }


def contract_text(tables: list[Table]) -> str:
    """Return the contract as text."""
    parts = []
    for table in tables:
        parts.append(f"{table.name}: one row is {table.row}\n")
        parts += [
            f"  {column.name:<24}{_type(column.type):<22}{column.unit:<22}{column.meaning}\n"
            for column in table.columns
        ]
        if table.name == "quality":
            parts += [f"    {name:<28}{meaning}\n" for name, meaning in FAULTS.items()]
        parts.append("\n")
    return "".join(parts)


def contract_markdown(tables: list[Table]) -> str:
    """Return docs/tables.md."""
    parts = [
        "# Output tables\n\nPrinted by `unwind tables --markdown` from `unwind/contract`; "
        "do not edit by hand.\n\nA text is one line without control or direction characters. Text "
        "that begins with = + - or @ (codes of + - / alone excepted) is published with an "
        "apostrophe before it, which spreadsheets do not show.\n"
    ]
    for table in tables:
        parts.append(
            f"\n## {table.name}\n\nOne row is {table.row}. Key: {', '.join(table.key)}.\n\n"
        )
        parts.append("| column | type | unit | meaning |\n|---|---|---|---|\n")
        parts += [
            f"| {column.name} | {_type(column.type)} | {column.unit} | {column.meaning} |\n"
            for column in table.columns
        ]
    parts.append("\n## Faults in `quality.rule`\n\n| fault | meaning |\n|---|---|\n")
    parts += [f"| {name} | {meaning} |\n" for name, meaning in FAULTS.items()]
    return "".join(parts)


def _type(kind: Any) -> str:
    return "list of drivers" if str(kind).startswith("list") else str(kind)
