"""Options that commands share: their types, their help, and how answers are printed."""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter, Token

if TYPE_CHECKING:
    import pandas as pd

    from unwind.lake.snapshots import Snapshot
    from unwind.report.session import SessionDay

Answer = TypeVar("Answer")

DEFAULT_LAKE = "lake"


def read_day(_type: object, tokens: tuple[Token, ...]) -> date:
    """Read one date.

    Raises
    ------
    ValueError
        It is not written as year, month, day.
    """
    (token,) = tokens
    try:
        return date.fromisoformat(token.value)
    except ValueError:
        name = token.keyword or "the session"
        raise ValueError(f"{name} must be a date like 2026-02-05, got {token.value}") from None


def read_instant(_type: object, tokens: tuple[Token, ...]) -> datetime:
    """Read one instant.

    Raises
    ------
    ValueError
        It is not a time, or it has no time zone.
    """
    (token,) = tokens
    try:
        instant = datetime.fromisoformat(token.value)
    except ValueError:
        raise ValueError(
            f"{token.keyword} must be a time like 2026-02-05T21:15Z, got {token.value}"
        ) from None
    if instant.tzinfo is None:
        raise ValueError(f"{token.keyword} needs a time zone; write e.g. {token.value}Z")
    return instant


def read_instants(kind: object, tokens: tuple[Token, ...]) -> list[datetime]:
    """Read the instants of a repeated option."""
    return [read_instant(kind, (token,)) for token in tokens]


# A date, an instant and a list of instants, wherever a command takes one.
DAY = Parameter(converter=read_day, n_tokens=1)
INSTANT = Parameter(converter=read_instant, n_tokens=1)
INSTANTS = Parameter(converter=read_instants, n_tokens=1)

Lake = Annotated[
    str,
    Parameter(
        env_var="UNWIND_LAKE",
        help="Folder of the published lake, or URL of a copy (s3://bucket/lake).",
    ),
]
AsOf = Annotated[
    date | None, DAY, Parameter(help="Session, YYYY-MM-DD. Default: the newest published.")
]
Session = Annotated[date, DAY, Parameter(help="Session, YYYY-MM-DD.")]
Cutoff = Annotated[
    datetime | None,
    INSTANT,
    Parameter(help="Use the latest run with a cut-off at or before this UTC time."),
]
KnownBy = Annotated[
    datetime | None,
    INSTANT,
    Parameter(help="Show only what was known by this UTC time."),
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.")]
SettingsFile = Annotated[
    Path | None, Parameter(name="--settings", env_var="UNWIND_SETTINGS", help="A settings file.")
]


def timestamp(instant: datetime | None) -> "pd.Timestamp | None":
    """Return an instant in UTC, as in the tables."""
    import pandas as pd

    return None if instant is None else pd.Timestamp(instant).tz_convert("UTC")


def answered(lake: str, answer: "Callable[[Snapshot], Answer]") -> tuple[Answer, list[str]]:
    """Answer from the current snapshot, or from the newest intact one if it is damaged.

    Faults of skipped snapshots are written to stderr, and returned for the JSON.
    """
    from unwind.lake.snapshots import served

    result, damage = served(lake, answer)
    _warn(damage)
    return result, damage


def session_known_by(
    lake: str, *, as_of: date | None, cutoff: datetime | None, known_by: datetime | None
) -> "tuple[SessionDay, list[str]]":
    """Read a session, by default the newest, optionally as known by an instant.

    The latest cut-off up to that instant counts. It is read from the snapshot that was current
    then. If there was none, or none with that session, which was published later (a backfill), it
    is read from the current snapshot. Rows of a later cut-off are never displayed.
    """
    import pandas as pd

    from unwind.files.location import LakeError
    from unwind.lake.snapshots import served
    from unwind.report.session import session_day

    if known_by is None:
        return answered(
            lake, lambda snapshot: session_day(snapshot, as_of=as_of, cutoff=timestamp(cutoff))
        )
    instant = pd.Timestamp(known_by).tz_convert("UTC")
    latest = instant if cutoff is None else min(instant, pd.Timestamp(cutoff))

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
    # The first was current then; the second counts if it has a session that the first lacks.
    day, damage = max(answers, key=lambda candidate: candidate[0].as_of)
    _warn(damage)
    if pd.Timestamp(day.snapshot.manifest["knowledge"]) > instant:
        sys.stderr.write(
            f"unwind: published after {instant:%Y-%m-%dT%H:%MZ}, in snapshot {day.snapshot.name}; "
            "no row has a later cut-off\n"
        )
    return day, damage


def _warn(damage: list[str]) -> None:
    for sentence in damage:
        sys.stderr.write(f"unwind: {sentence}\n")
    if damage:
        sys.stderr.write("unwind: the following is from the newest intact snapshot before it\n")


def print_json(content: Any) -> None:
    """Print as JSON."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
