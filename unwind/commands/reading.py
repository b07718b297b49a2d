"""Commands that read published tables. They import neither Prefect nor models."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from unwind.commands.options import (
    DAY,
    DEFAULT_LAKE,
    INSTANT,
    AsJson,
    AsOf,
    Cutoff,
    KnownBy,
    Lake,
    Session,
    SettingsFile,
    answered,
    print_json,
    session_known_by,
    timestamp,
)
from unwind.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


class UnknownTable(UserError, ValueError):
    """A table that the contract does not have; the message suggests the nearest name."""


def show(
    *,
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    cutoff: Cutoff = None,
    known_by: KnownBy = None,
    why: Annotated[
        bool, Parameter(help="Explain the verdict: drivers, contributions, thresholds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one session: verdict, returns, volume, correlations, caveats."""
    from rich.console import Console

    from unwind.lake.snapshots import schema_notes
    from unwind.report import explanation, session

    day, damage = session_known_by(lake, as_of=as_of, cutoff=cutoff, known_by=known_by)
    notes = schema_notes(day.snapshot)
    if as_json:
        content = explanation.explanation(day) if why else session.summary(day)
        print_json({**content, "passed_over": damage, "schema_notes": notes})
        return
    sys.stderr.writelines(f"unwind: {note}\n" for note in notes)
    text = explanation.explanation_text(day) if why else session.text(day)
    Console(highlight=False, soft_wrap=True).print(text, markup=False)


def sessions(
    *,
    lake: Lake = DEFAULT_LAKE,
    since: Annotated[
        date | None, DAY, Parameter(name="--from", help="First session, YYYY-MM-DD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the published sessions: state, score, cut-off."""
    from unwind.lake.snapshots import read
    from unwind.report.session import sessions_json, sessions_text

    rows, damage = answered(lake, lambda snapshot: read(snapshot, "regimes", since=since))
    if as_json:
        print_json({"sessions": sessions_json(rows), "passed_over": damage})
    else:
        sys.stdout.write(sessions_text(rows))


def diff(
    *,
    as_of: Session,
    first: Annotated[datetime, INSTANT, Parameter(name="--from", help="Earlier UTC time.")],
    last: Annotated[datetime, INSTANT, Parameter(name="--to", help="Later UTC time.")],
    lake: Lake = DEFAULT_LAKE,
    as_json: AsJson = False,
) -> None:
    """Show what changed in the verdict on a session between two times, and why."""
    from unwind.files.location import local
    from unwind.report import difference, difference_text

    folder = local(lake, purpose="a difference")
    change, damage = answered(
        lake,
        lambda snapshot: difference.difference(
            folder, snapshot, as_of=as_of, first=_utc(first), second=_utc(last)
        ),
    )
    if as_json:
        print_json({**difference.as_json(change), "passed_over": damage})
    else:
        sys.stdout.write(difference_text.text(change))


def _utc(instant: datetime) -> "pd.Timestamp":
    moment = timestamp(instant)
    assert moment is not None
    return moment


def report(
    *,
    lake: Lake = DEFAULT_LAKE,
    as_of: AsOf = None,
    open_: Annotated[bool, Parameter(name="--open", help="Open it in the web browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the path of a session's report (HTML)."""
    from unwind.files.location import local
    from unwind.report import session as reading

    path, damage = answered(lake, lambda snapshot: reading.report_path(snapshot, as_of=as_of))
    if as_json:
        print_json({"report": path, "passed_over": damage})
    else:
        sys.stdout.write(f"{path}\n")
    if open_:
        import webbrowser

        local(lake, purpose="--open")
        webbrowser.open(Path(path).resolve().as_uri())


def alerts(*, lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List alerts and their delivery status."""
    from unwind.alerts import ledger
    from unwind.files.location import existing

    rows = ledger.read_ledger(existing(lake, purpose="the alert log"))
    if as_json:
        print_json([{"id": str(row.notice.id), **asdict(row)} for row in rows])
    else:
        sys.stdout.write(ledger.ledger_text(rows) + "\n")


def quarantine(*, lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """List every quarantined input row: file, row, rule, value, remedy."""
    from unwind.files.location import existing
    from unwind.report import session as reading

    rows = reading.quarantined(existing(lake, purpose="the quarantine"))
    if as_json:
        print_json(rows)
        return
    sys.stdout.writelines(
        f"{row['severity']:<8}{row['origin']} row {row['row']}: {row['rule']}, "
        f"got {row['value']!r}; {row['remedy']}\n"
        for row in rows
    )
    sys.stdout.write(f"{len(rows)} rows\n")


def confirm(
    symbol: Annotated[str, Parameter(help="As in the quality row.")],
    session: Annotated[date, DAY, Parameter(help="Session, YYYY-MM-DD.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why the move is real; shown in data quality.")],
    lake: Lake = DEFAULT_LAKE,
    as_json: AsJson = False,
) -> None:
    """Confirm a move that was set aside; runs with a later cut-off use it."""
    import pandas as pd

    from unwind.files.location import local
    from unwind.market.confirmations import confirm as confirm_move

    store = local(lake, purpose="a confirmation") / "market"
    known_at = pd.Timestamp.now(tz="UTC").floor("us")
    added = confirm_move(store, symbol, pd.Timestamp(session), reason=reason, known_at=known_at)
    if as_json:
        print_json({"symbol": symbol, "session": session, "added": added})
    else:
        sys.stdout.write(
            f"{symbol} {session}: {'confirmed' if added else 'was confirmed already'}\n"
        )


def tables(
    name: Annotated[str | None, Parameter(help="One table. Default: all.")] = None,
    /,
    *,
    as_json: AsJson = False,
    markdown: Annotated[bool, Parameter(help="Print docs/tables.md.")] = False,
) -> None:
    """Print the output contract: every table, column, type, unit and meaning."""
    from unwind.contract.tables import TABLES
    from unwind.report import session as reading

    if name is not None and name not in TABLES:
        hint = did_you_mean(name, TABLES) or "."
        raise UnknownTable(f"unknown table {name!r}{hint} Run `unwind tables` for the list")
    contracts = [table for table in TABLES.values() if name in (None, table.name)]
    if as_json:
        print_json([reading.contract(table) for table in contracts])
    else:
        layout: Callable[[list[Any]], str] = (
            reading.contract_markdown if markdown else reading.contract_text
        )
        sys.stdout.write(layout(contracts))


def sources(
    *,
    as_json: AsJson = False,
    markdown: Annotated[bool, Parameter(help="Print the table of docs/sources.md.")] = False,
) -> None:
    """List the data sources: tables, delay, limits."""
    from unwind.sources import listing

    if as_json:
        print_json(listing.listing())
    else:
        sys.stdout.write(listing.listing_markdown() if markdown else listing.listing_text())


def settings(*, path: SettingsFile = None, as_json: AsJson = False) -> None:
    """Print the merged settings: each value, and the file that sets it."""
    import json

    from unwind.settings import origins

    rows = origins(path)
    if as_json:
        print_json({row.key: {"value": row.value, "file": row.file} for row in rows})
        return
    sys.stdout.writelines(
        f"{row.key} = {json.dumps(row.value, ensure_ascii=False)}    # {row.file}\n" for row in rows
    )


def claims(*, lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Check each claim of the review of 5 February 2026 against the published rows."""
    from unwind.studies import claims as checking
    from unwind.studies.february_2026 import CLAIMS
    from unwind.studies.february_2026_rows import RUNS

    days, damage = answered(lake, lambda snapshot: checking.sessions_of(snapshot, RUNS))
    results = checking.judge(CLAIMS, days)
    if as_json:
        print_json({"claims": checking.claims_json(results), "passed_over": damage})
    else:
        sys.stdout.write(checking.claims_markdown(results, days))


def sigma(
    k: Annotated[float, Parameter(allow_leading_hyphen=True, help="The magnitude, e.g. 3.5.")],
    /,
    *,
    two_sided: Annotated[bool, Parameter(help="P(|Z| > K); the default.")] = False,
    lower: Annotated[bool, Parameter(help="P(Z < −K): falls.")] = False,
    upper: Annotated[bool, Parameter(help="P(Z > K): rises.")] = False,
    sample: Annotated[Path | None, Parameter(help="CSV or Parquet of standardised values.")] = None,
    column: Annotated[str | None, Parameter(help="Its column.")] = None,
    lake: Lake = DEFAULT_LAKE,
    asset: Annotated[str | None, Parameter(help="Use this asset's GARCH residuals.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show how rare a kσ move is: normal, Student-t and fitted-tail probabilities."""
    from unwind.commands import sigma as computing
    from unwind.files.location import local

    try:
        answer = computing.answer(
            k,
            sides={"both": two_sided, "lower": lower, "upper": upper},
            file=sample,
            column=column,
            lake=local(lake, purpose="a sample of residuals"),
            asset=asset,
            as_of=as_of,
        )
    except ValueError as error:
        raise computing.SigmaError(str(error)) from error
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write(computing.text(answer) + "\n")
