"""Options that the reading commands share, and how they print."""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    import pandas as pd

    from unwind.lake.snapshots import Snapshot
    from unwind.report.session import SessionDay

Answer = TypeVar("Answer")

Lake = Annotated[
    str,
    typer.Option(
        "--lake",
        envvar="UNWIND_LAKE",
        help="Folder of the published lake, or URL of a copy (s3://bucket/lake).",
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Session, YYYY-MM-DD. Default: the newest published.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]

DEFAULT_LAKE = "lake"


def answered(lake: str, answer: "Callable[[Snapshot], Answer]") -> tuple[Answer, list[str]]:
    """Answer from the snapshot in force; from the newest intact one where it is damaged.

    Which it was is said on stderr, and returned for the JSON.
    """
    from unwind.lake.snapshots import served

    given, passed = served(lake, answer)
    _say(passed)
    return given, passed


def session_known_by(
    lake: str, *, as_of: date | None, cutoff: "pd.Timestamp | None", known_by: str | None
) -> "tuple[SessionDay, list[str]]":
    """Read a session, the newest where `as_of` is None, as known by an instant where one is given.

    Of each session counts the latest cut-off up to that instant. It is read from the snapshot that
    stood then. Where none did, or none with that session, which was published later (a backfill),
    it is read from the snapshot in force. Rows of a later cut-off are never shown.
    """
    import pandas as pd

    from unwind.files.location import LakeError
    from unwind.lake.snapshots import served
    from unwind.report.session import session_day

    if known_by is None:
        return answered(lake, lambda held: session_day(held, as_of=as_of, cutoff=cutoff))
    instant = instant_of("--known-by", known_by)
    latest = instant if cutoff is None else min(instant, cutoff)

    def answer(snapshot: "Snapshot") -> "SessionDay":
        return session_day(snapshot, as_of=as_of, cutoff=latest)

    answers = []
    for bound in (instant, None):
        try:
            answers.append(served(lake, answer, known_by=bound))
        except LakeError as error:
            fault = error
    if not answers:
        raise fault
    # The first stood then; the second counts where it knows a session that the first does not.
    day, passed = max(answers, key=lambda given: given[0].as_of)
    _say(passed)
    if pd.Timestamp(day.snapshot.manifest["knowledge"]) > instant:
        sys.stderr.write(
            f"unwind: published after {instant:%Y-%m-%dT%H:%MZ}, in snapshot {day.snapshot.name}; "
            "no row has a later cut-off\n"
        )
    return day, passed


def _say(passed: list[str]) -> None:
    for sentence in passed:
        sys.stderr.write(f"unwind: {sentence}\n")
    if passed:
        sys.stderr.write("unwind: what follows is from the newest snapshot before that is intact\n")


def instant_of(option: str, text: str) -> "pd.Timestamp":
    """Read an instant; a fault is a sentence."""
    import pandas as pd

    try:
        instant = pd.Timestamp(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} must be a UTC instant like 2026-02-05T21:15Z, got {text}"
        ) from error
    if pd.isna(instant) or instant.tzinfo is None:
        raise typer.BadParameter(f"{option} needs a time zone, e.g. {text}Z")
    return instant.tz_convert("UTC")


def day_of(text: str | None) -> date | None:
    """Read a session that may be left out; a fault is a sentence."""
    return None if text is None else session_of(text)


def session_of(text: str) -> date:
    """Read a session; a fault is a sentence."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--as-of must be a date like 2026-02-05, got {text}") from error


def print_json(content: Any) -> None:
    """Print for a machine."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
