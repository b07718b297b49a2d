"""`unwind import …`: import of files into the drop folder."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from unwind.commands.options import INSTANT, AsJson, SettingsFile, print_json

app = App(name="import", help="Import your own files into the drop folder.")


@app.command(name="prices")
def import_prices(
    files: Annotated[
        list[Path], Parameter(name="FILE", help="CSV, Excel, Parquet, Arrow, DuckDB, or a folder.")
    ],
    /,
    *,
    drop: Annotated[Path, Parameter(help="Drop folder to write to.")],
    dates: Annotated[
        Literal["day-first", "month-first", "iso"] | None,
        Parameter(help="Order of day and month, where the file leaves it open."),
    ] = None,
    decimal: Annotated[
        Literal["point", "comma"] | None,
        Parameter(help="Decimal mark, where the file leaves it open."),
    ] = None,
    symbol: Annotated[str | None, Parameter(help="Symbol of files that name none.")] = None,
    currency: Annotated[
        str | None, Parameter(help="Import the rows in this currency; none is converted.")
    ] = None,
    settings: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Import price files in the forms that people have."""
    from unwind.settings import load_settings
    from unwind.sources import price_import

    active = load_settings(settings)
    answer = price_import.import_prices(
        files,
        drop=drop,
        stated=price_import.statements(
            active, dates=dates, decimal=decimal, symbol=symbol, currency=currency
        ),
        symbols=active.symbols,
    )
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write(price_import.import_text(answer))


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
