"""`unwind lake …`: verify, compact, prune and copy a lake."""

import sys
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.types import NonNegativeInt, PositiveInt

from unwind.commands.options import DAY, DEFAULT_LAKE, AsJson, Lake, answered, print_json

if TYPE_CHECKING:
    from unwind.lake.push import Copied

app = App(name="lake", help="Verify, compact, prune and copy a lake.", help_format="plaintext")


@app.command
def verify(
    *,
    lake: Lake = DEFAULT_LAKE,
    every: Annotated[
        bool, Parameter(name="--all", help="Every snapshot, not only the current one.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check pointer, manifests, files and market segments by checksum; exit 1 on a fault."""
    from unwind.lake import verify as verification

    result = verification.verify(lake, every=every)
    if as_json:
        print_json(asdict(result))
    else:
        sys.stdout.write(verification.text(result))
    return 1 if result.faults else 0


@app.command
def compact(*, lake: Lake = DEFAULT_LAKE, as_json: AsJson = False) -> None:
    """Merge the market's segments into one per table; no row is lost, readers are not blocked."""
    from unwind.files.location import local
    from unwind.lake import retention

    merged = retention.compact_market(local(lake, purpose="compaction"))
    if as_json:
        print_json(merged)
        return
    sys.stdout.writelines(
        f"{table:<22}{counts['segments']} segments, {counts['rows']} rows, "
        f"{counts['removed']} files removed\n"
        for table, counts in merged.items()
    )


@app.command
def prune(
    *,
    keep_days: Annotated[
        NonNegativeInt, Parameter(help="Keep the last snapshot of each of the last N days.")
    ],
    keep_last: Annotated[PositiveInt, Parameter(help="Keep the newest N snapshots.")],
    lake: Lake = DEFAULT_LAKE,
    dry_run: Annotated[bool, Parameter(help="List what would be removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old snapshots; the current one and the last of each month always stay."""
    from unwind.files.location import local
    from unwind.lake import retention

    plan = retention.prune(
        local(lake, purpose="pruning"), keep_days=keep_days, keep_last=keep_last, dry_run=dry_run
    )
    if as_json:
        print_json({**asdict(plan), "dry_run": dry_run})
        return
    would = "would be removed" if dry_run else "removed"
    sys.stdout.write(
        f"{len(plan.removed)} snapshots {would}, {plan.freed} bytes; "
        f"{len(plan.retained)} retained\n"
    )
    sys.stdout.writelines(f"  {sentence}\n" for sentence in plan.affected_queries)
    sys.stdout.writelines(
        f"  {name} is damaged and was skipped; see `unwind lake verify --all`\n"
        for name in plan.damaged
    )


@app.command
def retract(
    session: Annotated[date, DAY, Parameter(help="Session, YYYY-MM-DD.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="One plain sentence, for the manifest.")],
    lake: Lake = DEFAULT_LAKE,
    all_terms: Annotated[
        bool, Parameter(help="Under every source and settings, not only the newest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Withdraw a session by a new snapshot without its rows; older snapshots stay."""
    from unwind.files.location import local
    from unwind.lake import retract as retraction

    done = retraction.retract(
        local(lake, purpose="a retraction"), session, reason=reason, all_terms=all_terms
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


@app.command
def views(*, lake: Lake = DEFAULT_LAKE) -> None:
    """Print DuckDB views of the current snapshot: `unwind lake views > lake.duckdb.sql`."""
    from unwind.lake import duckdb_views

    sql, _ = answered(lake, duckdb_views.views)
    sys.stdout.write(sql)


Url = Annotated[str, Parameter(help="Copy, e.g. s3://bucket/lake.")]
Folder = Annotated[str, Parameter(name="LAKE", help="Folder of the working lake.")]


@app.command
def push(lake: Folder, url: Url, /, *, as_json: AsJson = False) -> None:
    """Bring a copy on an object store up to date; readers take its URL as their --lake."""
    from unwind.files.location import local
    from unwind.lake import push as copies

    _copied(copies.push(local(lake, purpose="a push"), url), as_json=as_json)


@app.command
def pull(url: Url, lake: Folder, /, *, as_json: AsJson = False) -> None:
    """Bring a lake up to date from its copy: for a new worker, or to repair a damaged lake."""
    from unwind.files.location import local
    from unwind.lake import pull as copies

    _copied(copies.pull(url, local(lake, purpose="a pull")), as_json=as_json)


def _copied(done: "Copied", *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    else:
        sys.stdout.write(f"{done.snapshot}: {done.files} files, {done.bytes} bytes copied\n")
