"""`unwind`: the reading commands. They import neither Prefect nor models, so they start at once."""

import json
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from unwind import explanation as explaining
from unwind import lake as lakes
from unwind import reading
from unwind.durable import Busy
from unwind.settings import SettingsError, load_settings
from unwind.tables import TABLES

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Read what the desk published: verdicts, tables, checks.",
)

importing = typer.Typer(
    no_args_is_help=True, help="Bring what a vendor shows on a page into the drop folder."
)
app.add_typer(importing, name="import")


class Units(StrEnum):
    """Of a flow table, in dollars."""

    usd = "usd"
    thousand = "thousand"
    million = "million"
    billion = "billion"


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
def claims(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Check each claim of the review of 5 February 2026 against the published rows (Markdown)."""
    # The checks bring SciPy with them; no other reading command should wait for that.
    from unwind import claims as checking
    from unwind.february_2026 import CLAIMS, DAYS

    sessions = checking.sessions_of(lakes.latest(lake), DAYS)
    found = checking.judge(CLAIMS, sessions)
    if as_json:
        _print(checking.claims_json(found))
    else:
        sys.stdout.write(checking.claims_markdown(found, sessions))


@app.command()
def sources(
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table of docs/sources.md.")
    ] = False,
) -> None:
    """Print what each source gives: tables, lag, limits."""
    from unwind import source_listing

    if as_json:
        _print(source_listing.listing())
    elif markdown:
        sys.stdout.write(source_listing.listing_markdown())
    else:
        sys.stdout.write(source_listing.listing_text())


@importing.command("flows")
def import_flows(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, saved page, text; - for stdin.")
    ],
    drop: Annotated[Path, typer.Option("--drop", help="Drop folder to write into.")],
    vendor: Annotated[
        str | None, typer.Option("--vendor", help="Whose figures. Default: the desk's.")
    ] = None,
    units: Annotated[Units, typer.Option("--units", help="Of the figures, dollars.")] = (
        Units.million
    ),
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="UTC instant; needed where a figure changed.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", envvar="UNWIND_SETTINGS", help="Settings file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merge a saved table of fund flows into the drop folder."""
    from unwind.flow_import import imported
    from unwind.flow_tables import FlowTableError

    try:
        told = imported(
            file,
            drop=drop,
            vendor=vendor or load_settings(settings).flows.vendor,
            units=units.value,
            known_at=None if known_at is None else _instant("--known-at", known_at),
        )
    except FlowTableError as error:
        sys.stderr.write(f"unwind: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        _print(told)
        return
    sys.stdout.writelines(f"{note}\n" for note in told["notes"])
    sys.stdout.write(
        f"{told['file']}: {told['added']} added, {told['revised']} revised, "
        f"{told['unchanged']} as they were\n"
    )


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
