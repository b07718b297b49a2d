"""`unwind`: the reading commands. They import neither Prefect nor models, so they start at once."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unwind.commands import lake as lake_commands
from unwind.commands.options import (
    DEFAULT_LAKE,
    AsJson,
    AsOf,
    Lake,
    answered,
    day_of,
    instant_of,
    print_json,
    session_known_by,
    session_of,
)
from unwind.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from unwind.report.session import SessionDay

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Read what the desk published: verdicts, tables, checks.",
)
app.add_typer(lake_commands.app, name="lake")

importing = typer.Typer(
    no_args_is_help=True, help="Bring prices and fund flows from your files into the drop folder."
)
app.add_typer(importing, name="import")


class Units(StrEnum):
    """Of a flow table, in dollars."""

    usd = "usd"
    thousand = "thousand"
    million = "million"
    billion = "billion"


class DateForm(StrEnum):
    """Order of day and month in a price file."""

    day_first = "day-first"
    month_first = "month-first"
    iso = "iso"


class DecimalMark(StrEnum):
    """Decimal mark of a price file."""

    point = "point"
    comma = "comma"


Cutoff = Annotated[
    str | None, typer.Option("--cutoff", help="Show the run that stood at or before this instant.")
]
KnownBy = Annotated[
    str | None,
    typer.Option("--known-by", help="Show what was known by this UTC instant, and nothing later."),
]


def _tell(
    lake: str,
    as_of: str | None,
    cutoff: str | None,
    known_by: str | None,
    *,
    as_json: bool,
    machine: "Callable[[SessionDay], dict[str, Any]]",
    person: "Callable[[SessionDay], str]",
) -> None:
    """Print one session, and whether its snapshot is the one asked for, and of this schema."""
    from rich.console import Console

    from unwind.lake.snapshots import schema_notes

    at = None if cutoff is None else instant_of("--cutoff", cutoff)
    day, passed = session_known_by(lake, as_of=day_of(as_of), cutoff=at, known_by=known_by)
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
    from unwind.report import session as reading

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
    from unwind.report import explanation as explaining

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
    from unwind.files.location import local
    from unwind.report import difference, difference_text

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
    from unwind.contract.tables import TABLES
    from unwind.report import session as reading

    if name is not None and name not in TABLES:
        raise typer.BadParameter(
            f"no table {name}{did_you_mean(name, TABLES)}; there are {', '.join(TABLES)}"
        )
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
    from unwind.files.location import existing
    from unwind.report import session as reading

    rows = reading.quarantined(existing(lake, purpose="the quarantine"))
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
def confirm(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As in the quality row.")],
    session: Annotated[str, typer.Argument(metavar="SESSION", help="YYYY-MM-DD.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Why the move is real; shown in data quality.")
    ],
    lake: Lake = DEFAULT_LAKE,
    as_json: AsJson = False,
) -> None:
    """Confirm a move that was set aside; runs with a cut-off from now on use it."""
    import pandas as pd

    from unwind.files.location import local
    from unwind.market.confirmations import confirm as confirm_move

    store = local(lake, purpose="a confirmation") / "market"
    known_at = pd.Timestamp.now(tz="UTC").floor("us")
    added = confirm_move(
        store, symbol, pd.Timestamp(session_of(session)), reason=reason, known_at=known_at
    )
    if as_json:
        print_json({"symbol": symbol, "session": session, "added": added})
    else:
        sys.stdout.write(
            f"{symbol} {session}: {'confirmed' if added else 'was confirmed already'}\n"
        )


@app.command()
def report(lake: Lake = DEFAULT_LAKE, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Print the path of a session's desk report (HTML)."""
    from unwind.report import session as reading

    path, passed = answered(
        lake, lambda snapshot: reading.report_path(snapshot, as_of=day_of(as_of))
    )
    if as_json:
        print_json({"report": path, "passed_over": passed})
    else:
        sys.stdout.write(f"{path}\n")


@app.command()
def claims(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Check each claim of the review of 5 February 2026 against the published rows (Markdown)."""
    from unwind.studies import claims as checking
    from unwind.studies.february_2026 import CLAIMS, DAYS

    sessions, passed = answered(lake, lambda snapshot: checking.sessions_of(snapshot, DAYS))
    found = checking.judge(CLAIMS, sessions)
    if as_json:
        print_json({"claims": checking.claims_json(found), "passed_over": passed})
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
    from unwind.sources import listing as source_listing

    if as_json:
        print_json(source_listing.listing())
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
    from unwind.settings import load_settings
    from unwind.sources.flow_import import imported

    told = imported(
        file,
        drop=drop,
        vendor=vendor or load_settings(settings).flows.vendor,
        units=units.value,
        known_at=None if known_at is None else instant_of("--known-at", known_at),
    )
    if as_json:
        print_json(told)
        return
    sys.stdout.writelines(f"{note}\n" for note in told["notes"])
    sys.stdout.write(
        f"{told['file']}: {told['added']} added, {told['revised']} revised, "
        f"{told['unchanged']} as they were\n"
    )


@importing.command("prices")
def import_prices(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="CSV, Excel, Parquet, Arrow, DuckDB, or a folder."),
    ],
    drop: Annotated[Path, typer.Option("--drop", help="Drop folder to write into.")],
    dates: Annotated[
        DateForm | None, typer.Option("--dates", help="Order of day and month, where it is open.")
    ] = None,
    decimal: Annotated[
        DecimalMark | None, typer.Option("--decimal", help="Decimal mark, where it is open.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Symbol of files that name none.")
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option("--currency", help="Import the rows in this currency; none is converted."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", envvar="UNWIND_SETTINGS", help="Settings file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recognise price files and merge them into the drop folder."""
    from unwind.settings import load_settings
    from unwind.sources import price_import

    active = load_settings(settings)
    answer = price_import.import_prices(
        files,
        drop=drop,
        stated=price_import.statements(
            active,
            dates=None if dates is None else dates.value,
            decimal=None if decimal is None else decimal.value,
            symbol=symbol,
            currency=currency,
        ),
        symbols=active.symbols,
    )
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write(price_import.import_text(answer))


@app.command()
def settings(
    path: Annotated[
        Path | None,
        typer.Option("--settings", envvar="UNWIND_SETTINGS", help="A desk's settings file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the merged settings: each value, and the file that it comes from."""
    from unwind.settings import origins

    listed = origins(path)
    if as_json:
        print_json({one.key: {"value": one.value, "file": one.file} for one in listed})
        return
    sys.stdout.writelines(
        f"{one.key} = {json.dumps(one.value, ensure_ascii=False)}    # {one.file}\n"
        for one in listed
    )


@app.command()
def alerts(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List what the desk was told, and what no server has acknowledged yet."""
    from unwind.alerts import ledger as alerting
    from unwind.files.location import existing

    told = alerting.read_ledger(existing(lake, purpose="the ledger of alerts"))
    if as_json:
        print_json([{"id": str(alert.notice.id), **asdict(alert)} for alert in told])
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
    from unwind.commands import sigma as sigma_command
    from unwind.files.location import local

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
    except UserError as error:
        sys.stderr.write(f"unwind: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
