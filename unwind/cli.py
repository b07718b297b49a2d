"""`unwind`: the reading commands. They import neither Prefect nor models, so they start at once."""

import json
import sys
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from unwind import alerts as alerting
from unwind import explanation as explaining
from unwind import lake as lakes
from unwind import reading
from unwind.durable import Busy
from unwind.settings import SettingsError
from unwind.tables import TABLES

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Read what the desk published: verdicts, tables, checks.",
)

Lake = Annotated[
    Path, typer.Option("--lake", envvar="UNWIND_LAKE", help="Folder of the published lake.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Session, YYYY-MM-DD. Default: the newest published.")
]
Cutoff = Annotated[
    str | None, typer.Option("--cutoff", help="Show the run that stood at or before this instant.")
]
KnownBy = Annotated[
    str | None,
    typer.Option("--known-by", help="Read the snapshot that was in force at this instant."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]

DEFAULT_LAKE = Path("lake")


def _snapshot(lake: Path, known_by: str | None) -> lakes.Snapshot:
    if known_by is None:
        return lakes.latest(lake)
    return lakes.snapshot_known_by(lake, _instant("--known-by", known_by))


def _instant(option: str, text: str) -> pd.Timestamp:
    try:
        instant = pd.Timestamp(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} must be a UTC instant like 2026-02-05T21:15Z, got {text}"
        ) from error
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{option} needs a time zone, e.g. {text}Z")
    return instant.tz_convert("UTC")


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of must be a date like 2026-02-05, got {text}") from error


def _print(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


@app.command()
def show(
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    cutoff: Cutoff = None,
    known_by: KnownBy = None,
    as_json: AsJson = False,
) -> None:
    """Show one session: verdict, moves, volume, correlations, what is missing."""
    day = reading.session_day(
        _snapshot(lake, known_by),
        as_of=_day(as_of),
        cutoff=None if cutoff is None else _instant("--cutoff", cutoff),
    )
    if as_json:
        _print(reading.summary(day))
    else:
        Console(highlight=False, soft_wrap=True).print(reading.text(day), markup=False)


@app.command()
def explain(
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    cutoff: Cutoff = None,
    known_by: KnownBy = None,
    as_json: AsJson = False,
) -> None:
    """Explain a verdict: each driver, its evidence and its points; the thresholds; the state."""
    day = reading.session_day(
        _snapshot(lake, known_by),
        as_of=_day(as_of),
        cutoff=None if cutoff is None else _instant("--cutoff", cutoff),
    )
    if as_json:
        _print(explaining.explanation(day))
    else:
        Console(highlight=False, soft_wrap=True).print(
            explaining.explanation_text(day), markup=False
        )


@app.command()
def tables(
    name: Annotated[
        str | None, typer.Argument(help="One table; all of them when left out.")
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/tables.md.")] = False,
) -> None:
    """Print the output contract: every table, column, type, unit and meaning."""
    if name is not None and name not in TABLES:
        raise typer.BadParameter(f"no table {name}; there are {', '.join(TABLES)}")
    chosen = [table for table in TABLES.values() if name in (None, table.name)]
    if as_json:
        _print([reading.contract(table) for table in chosen])
    elif markdown:
        sys.stdout.write(reading.contract_markdown(chosen))
    else:
        sys.stdout.write(reading.contract_text(chosen))


@app.command()
def check(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Check the snapshot in force against its checksums and schema; exit 1 where it is broken."""
    snapshot = lakes.latest(lake)
    found = lakes.faults(lake)
    files = snapshot.manifest["files"]
    rows = sum(entry["rows"] for entry in files.values())
    if as_json:
        _print({"snapshot": snapshot.name, "files": len(files), "rows": rows, "faults": found})
    else:
        verdict = "sound" if not found else f"{len(found)} faults"
        sys.stdout.write(f"{snapshot.name}: {len(files)} files, {rows} rows, {verdict}\n")
        sys.stdout.writelines(f"  {fault}\n" for fault in found)
    if found:
        raise typer.Exit(1)


@app.command()
def quarantine(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List every input row that was set aside: file, row, rule, value, remedy."""
    rows = reading.quarantined(lake)
    if as_json:
        _print(rows)
    else:
        sys.stdout.writelines(
            f"{row['severity']:<8}{row['origin']} row {row['row']}: {row['rule']}, "
            f"got {row['value']!r}; {row['remedy']}\n"
            for row in rows
        )
        sys.stdout.write(f"{len(rows)} rows\n")


@app.command()
def report(lake: Lake = DEFAULT_LAKE, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Print the path of a session's desk report (HTML)."""
    path = reading.report_path(lake, lakes.latest(lake), as_of=_day(as_of))
    if as_json:
        _print({"report": str(path)})
    else:
        sys.stdout.write(f"{path}\n")


@app.command()
def alerts(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List what the desk was told, and what no server has acknowledged yet."""
    told = alerting.read_ledger(lake)
    if as_json:
        _print([{"id": str(alert.notice.id), **asdict(alert)} for alert in told])
    else:
        sys.stdout.write(alerting.ledger_text(told) + "\n")


# A magnitude below zero is a value to refuse by name, not an option that does not exist.
@app.command(context_settings={"ignore_unknown_options": True})
def sigma(
    k: Annotated[float, typer.Argument(metavar="K", help="The magnitude, e.g. 3.5.")],
    two_sided: Annotated[
        bool, typer.Option("--two-sided", help="P(|Z| > K); the default.")
    ] = False,
    lower: Annotated[bool, typer.Option("--lower", help="P(Z < −K): falls.")] = False,
    upper: Annotated[bool, typer.Option("--upper", help="P(Z > K): rises.")] = False,
    sample: Annotated[
        Path | None, typer.Option("--sample", help="CSV or Parquet of standardised values.")
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="Its column.")] = None,
    lake: Lake = DEFAULT_LAKE,
    asset: Annotated[
        str | None, typer.Option("--asset", help="Sample: this asset's GARCH residuals.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Translate "kσ": how rare it is under a normal law, Student-t laws and a fitted tail."""
    from unwind import sigma_command

    try:
        told = sigma_command.answer(
            k,
            sides={"both": two_sided, "lower": lower, "upper": upper},
            file=sample,
            column=column,
            lake=lake,
            asset=asset,
            as_of=_day(as_of),
        )
    except ValueError as error:
        sys.stderr.write(f"unwind: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        _print(told)
    else:
        sys.stdout.write(sigma_command.text(told) + "\n")


def main() -> None:
    """Run a command; a fault is one sentence and exit status 2, never a traceback."""
    try:
        app()
    except (lakes.LakeError, SettingsError, Busy) as error:
        sys.stderr.write(f"unwind: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
