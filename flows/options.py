"""Options that commands of `python -m flows` share, and the source they name together."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.parameters import DataSource, open_source
from unwind.settings import load_settings
from unwind.simulation.scenarios import SCENARIOS


class Kind(StrEnum):
    """Providers that a shell can name."""

    files = "files"
    yahoo = "yahoo"
    crypto = "crypto"
    cftc = "cftc"
    simulated = "simulated"


Sources = Annotated[
    list[Kind],
    typer.Option(
        "--source", help="Where observations come from; give it again in falling precedence."
    ),
]


class AlertsWhen(StrEnum):
    """When a run tells the desk, as in `flows.daily`."""

    current = "current"
    always = "always"
    never = "never"


FolderPath = Annotated[str | None, typer.Option("--path", help="Drop folder, for files.")]
ScenarioName = Annotated[
    str, typer.Option("--scenario", help=f"For simulated: {', '.join(SCENARIOS)}.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="For simulated.")]
Event = Annotated[
    datetime, typer.Option("--event", formats=["%Y-%m-%d"], help="Event day, for simulated.")
]
Lake = Annotated[str, typer.Option("--lake", envvar="UNWIND_LAKE", help="Folder of the lake.")]
SettingsPath = Annotated[
    str | None, typer.Option("--settings", envvar="UNWIND_SETTINGS", help="Settings file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]
CopyTo = Annotated[
    str | None,
    typer.Option("--copy-to", envvar="UNWIND_COPY_TO", help="Push a copy: s3://bucket/lake."),
]

AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Session. Default: today."),
]
Simulated = Annotated[
    int | None, typer.Option("--simulated", min=2, help="Simulate so many assets instead.")
]
Years = Annotated[int, typer.Option("--years", min=1, max=30, help="For --simulated.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=256, help="Processes, or Dask workers.")
]
OnDask = Annotated[bool, typer.Option("--dask", help="Spread over Dask.")]
Folders = Annotated[
    list[str], typer.Option("--path", help="Drop folder; give it again for another stretch.")
]
LabelFolder = Annotated[str, typer.Option("--episodes", help="Folder of label files.")]
FilesOnly = Annotated[Literal["files"], typer.Option("--source", help="Where histories come from.")]

DEFAULT_EVENT = datetime(2026, 2, 5)  # noqa: DTZ001 - a date, as typer parses one
FILES = [Kind.files]


def chosen_source(
    kinds: list[Kind],
    path: str | None,
    scenario: str,
    seed: int,
    event: datetime,
    settings: str | None,
) -> DataSource:
    """Put the options together; a missing folder or library is said before a server starts."""
    first, *then = [kind.value for kind in kinds]
    chosen = DataSource.model_validate(
        {
            "kind": first, "then": then, "path": path, "scenario": scenario, "seed": seed,
            "event": event.date(),
        }
    )  # fmt: skip
    open_source(chosen, load_settings(None if settings is None else Path(settings)))
    return chosen
