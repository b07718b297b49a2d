"""`unwind`: the reading commands. They import neither Prefect nor models, so they start at once."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from unwind import explanation as explaining
from unwind import lake_commands, reading
from unwind.command_options import (
    DEFAULT_LAKE,
    AsJson,
    AsOf,
    Lake,
    answered,
    day_of,
    instant_of,
    print_json,
    session_of,
)
from unwind.durable import Busy, Unwritable
from unwind.lake import schema_notes
from unwind.reading import SessionDay
from unwind.settings import SettingsError
from unwind.storage import LakeError, local
from unwind.tables import TABLES

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Read what the desk published: verdicts, tables, checks.",
)
app.add_typer(lake_commands.app, name="lake")

Cutoff = Annotated[
    str | None, typer.Option("--cutoff", help="Show the run that stood at or before this instant.")
]
KnownBy = Annotated[
    str | None,
    typer.Option("--known-by", help="Read the snapshot that was in force at this instant."),
]


def _tell(
    lake: str,
    as_of: str | None,
    cutoff: str | None,
    known_by: str | None,
    *,
    as_json: bool,
    machine: Callable[[SessionDay], dict[str, Any]],
    person: Callable[[SessionDay], str],
) -> None:
    """Print one session, and whether its snapshot is the one asked for, and of this schema."""
    at = None if cutoff is None else instant_of("--cutoff", cutoff)
    day, passed = answered(
        lake,
        lambda snapshot: reading.session_day(snapshot, as_of=day_of(as_of), cutoff=at),
        known_by=known_by,
    )
    notes = schema_notes(day.snapshot)
    if as_json:
        print_json({**machine(day), "passed_over": passed, "schema_notes": notes})
        return
    sys.stderr.writelines(f"unwind: {note}\n" for note in notes)
    Console(highlight=False, soft_wrap=True).print(person(day), markup=False)


@app.command()
def show(
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    cutoff: Cutoff = None,
    known_by: KnownBy = None,
    as_json: AsJson = False,
) -> None:
    """Show one session: verdict, moves, volume, correlations, what is missing."""
    _tell(
        lake, as_of, cutoff, known_by,
        as_json=as_json, machine=reading.summary, person=reading.text,
    )  # fmt: skip


@app.command()
def explain(
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    cutoff: Cutoff = None,
    known_by: KnownBy = None,
    as_json: AsJson = False,
) -> None:
    """Explain a verdict: each driver, its evidence and its points; the thresholds; the state."""
    _tell(
        lake, as_of, cutoff, known_by,
        as_json=as_json, machine=explaining.explanation, person=explaining.explanation_text,
    )  # fmt: skip


@app.command()
def diff(
    as_of: Annotated[str, typer.Option("--as-of", help="Session, YYYY-MM-DD.")],
    between: Annotated[
        tuple[str, str], typer.Option("--between", help="Two UTC instants, the earlier first.")
    ],
    lake: Lake = DEFAULT_LAKE,
    as_json: AsJson = False,
) -> None:
    """Say what changed in the conclusion on a session between two instants, and why."""
    # The store brings the schema library with it; no other reading command should wait for that.
    from unwind import difference, difference_text

    folder = local(lake, purpose="a difference")
    session = session_of(as_of)
    first, second = (instant_of("--between", instant) for instant in between)
    found, passed = answered(
        lake,
        lambda snapshot: difference.difference(
            folder, snapshot, as_of=session, first=first, second=second
        ),
    )
    if as_json:
        print_json({**difference.machine(found), "passed_over": passed})
    else:
        sys.stdout.write(difference_text.text(found))


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
        print_json([reading.contract(table) for table in chosen])
    elif markdown:
        sys.stdout.write(reading.contract_markdown(chosen))
    else:
        sys.stdout.write(reading.contract_text(chosen))


@app.command()
def quarantine(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List every input row that was set aside: file, row, rule, value, remedy."""
    rows = reading.quarantined(local(lake, purpose="the quarantine"))
    if as_json:
        print_json(rows)
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
    path, passed = answered(
        lake, lambda snapshot: reading.report_path(snapshot, as_of=day_of(as_of))
    )
    if as_json:
        print_json({"report": path, "passed_over": passed})
    else:
        sys.stdout.write(f"{path}\n")


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
            lake=local(lake, purpose="a sample of residuals"),
            asset=asset,
            as_of=day_of(as_of),
        )
    except ValueError as error:
        sys.stderr.write(f"unwind: {error}\n")
        raise typer.Exit(2) from error
    if as_json:
        print_json(told)
    else:
        sys.stdout.write(sigma_command.text(told) + "\n")


def main() -> None:
    """Run a command; a fault is one sentence and exit status 2, never a traceback."""
    try:
        app()
    except (LakeError, SettingsError, Busy, Unwritable) as error:
        sys.stderr.write(f"unwind: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
