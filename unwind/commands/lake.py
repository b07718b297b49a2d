"""`unwind lake …`: keep a lake whole and small, and copy it to where others read it."""

import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from unwind.commands.options import DEFAULT_LAKE, AsJson, Lake, answered, print_json
from unwind.storage import (
    duckdb_views,
    object_storage,
    retention,
    retraction,
    retrieval,
    verification,
)
from unwind.storage.location import local
from unwind.storage.object_storage import Copied

app = typer.Typer(
    no_args_is_help=True, help="Keep a lake whole and small; copy it to an object store and back."
)


@app.command()
def verify(
    lake: Lake = DEFAULT_LAKE,
    every: Annotated[
        bool, typer.Option("--all", help="Every snapshot, not the one in force alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check pointer, manifests, files and market segments by checksum; exit 1 on a fault."""
    found = verification.verify(lake, every=every)
    if as_json:
        print_json(asdict(found))
    else:
        sys.stdout.write(verification.text(found))
    if found.faults:
        raise typer.Exit(1)


@app.command()
def compact(lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Merge the market's segments into one a table; nothing is lost, readers go on."""
    merged = retention.compact_market(local(lake, purpose="compaction"))
    if as_json:
        print_json(merged)
        return
    sys.stdout.writelines(
        f"{table:<22}{counts['segments']} segments, {counts['rows']} rows, "
        f"{counts['removed']} files removed\n"
        for table, counts in merged.items()
    )


@app.command()
def prune(
    keep_days: Annotated[
        int,
        typer.Option("--keep-days", min=0, help="Keep the last snapshot of each of so many days."),
    ],
    keep_last: Annotated[int, typer.Option("--keep-last", min=1, help="Keep the newest so many.")],
    lake: Lake = DEFAULT_LAKE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old snapshots; the one in force and the last of each month always stay."""
    plan = retention.prune(
        local(lake, purpose="pruning"), keep_days=keep_days, keep_last=keep_last, dry_run=dry_run
    )
    if as_json:
        print_json({**asdict(plan), "dry_run": dry_run})
        return
    would = "would be removed" if dry_run else "removed"
    sys.stdout.write(
        f"{len(plan.removed)} snapshots {would}, {plan.freed} bytes; {len(plan.kept)} kept\n"
    )
    sys.stdout.writelines(f"  {sentence}\n" for sentence in plan.forgotten)
    sys.stdout.writelines(
        f"  {name} is damaged and left alone; see `unwind lake verify --all`\n"
        for name in plan.damaged
    )


@app.command()
def retract(
    session: Annotated[
        datetime, typer.Argument(metavar="SESSION", formats=["%Y-%m-%d"], help="YYYY-MM-DD.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="One plain sentence; it is kept in the manifest.")
    ],
    lake: Lake = DEFAULT_LAKE,
    all_terms: Annotated[
        bool, typer.Option("--all-terms", help="Under every source and settings, not the newest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Withdraw a session by a new snapshot without its rows; older snapshots stay."""
    done = retraction.retract(
        local(lake, purpose="a retraction"), session.date(), reason=reason, all_terms=all_terms
    )
    if as_json:
        print_json(asdict(done))
        return
    sys.stdout.write(
        f"{done.snapshot}: session {done.session} retracted at {len(done.cutoffs)} cut-offs; "
        f"the latest cut-off that remains is {done.knowledge}\n"
    )
    if done.other_terms:
        sys.stdout.write(
            f"  {done.other_terms} runs of it under another source or other settings remain; "
            "--all-terms retracts those\n"
        )


@app.command()
def views(lake: Lake = DEFAULT_LAKE) -> None:
    """Print DuckDB views of the snapshot in force: `unwind lake views > lake.duckdb.sql`."""
    told, _ = answered(lake, duckdb_views.views)
    sys.stdout.write(told)


Url = Annotated[str, typer.Argument(metavar="URL", help="Copy, e.g. s3://bucket/lake.")]
Folder = Annotated[str, typer.Argument(metavar="LAKE", help="Folder of the working lake.")]


@app.command()
def push(lake: Folder, url: Url, as_json: AsJson = False) -> None:
    """Bring a copy on an object store up to the lake; readers take its URL as their --lake."""
    _copied(object_storage.push(local(lake, purpose="a push"), url), as_json=as_json)


@app.command()
def pull(url: Url, lake: Folder, as_json: AsJson = False) -> None:
    """Bring a lake up to its copy: a fresh worker's start, and the repair of a damaged one."""
    _copied(retrieval.pull(url, local(lake, purpose="a pull")), as_json=as_json)


def _copied(done: Copied, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    else:
        sys.stdout.write(f"{done.snapshot}: {done.files} files, {done.bytes} bytes copied\n")
