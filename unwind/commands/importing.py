"""`unwind import …`: import of files into the drop folder."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from unwind.commands.options import INSTANT, AsJson, SettingsFile, print_json

app = App(name="import", help="Import your own files into the drop folder.")


@app.command(name="flows")
def import_flows(
    file: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="CSV, saved page, text; - for stdin.")
    ],
    /,
    *,
    drop: Annotated[Path, Parameter(help="Drop folder to write to.")],
    vendor: Annotated[
        str | None, Parameter(help="Vendor of the figures. Default: from the settings.")
    ] = None,
    units: Annotated[
        Literal["usd", "thousand", "million", "billion"], Parameter(help="Unit, in dollars.")
    ] = "million",
    known_at: Annotated[
        datetime | None,
        INSTANT,
        Parameter(help="UTC time; needed where a figure changed."),
    ] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Import a saved table of fund flows."""
    from unwind.commands.options import timestamp
    from unwind.settings import load_settings
    from unwind.sources.flow_import import imported

    outcome = imported(
        file,
        drop=drop,
        vendor=vendor or load_settings(settings).flows.vendor,
        units=units,
        known_at=timestamp(known_at),
    )
    if as_json:
        print_json(outcome)
        return
    sys.stdout.writelines(f"{note}\n" for note in outcome["notes"])
    sys.stdout.write(
        f"{outcome['file']}: {outcome['added']} added, {outcome['revised']} revised, "
        f"{outcome['unchanged']} unchanged\n"
    )
