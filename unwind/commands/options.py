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


def answered(
    lake: str, answer: "Callable[[Snapshot], Answer]", *, known_by: str | None = None
) -> tuple[Answer, list[str]]:
    """Answer from the snapshot in force; from the newest intact one where it is damaged.

    Which it was is said on stderr, and returned for the JSON.
    """
    from unwind.lake.snapshots import served

    instant = None if known_by is None else instant_of("--known-by", known_by)
    given, passed = served(lake, answer, known_by=instant)
    for sentence in passed:
        sys.stderr.write(f"unwind: {sentence}\n")
    if passed:
        sys.stderr.write("unwind: what follows is from the newest snapshot before that is intact\n")
    return given, passed


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
