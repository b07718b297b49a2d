"""Recognition of the forms in which people hold prices: a sheet of cells in, desk rows out."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from unwind.contract.text import plain
from unwind.sources.price_cells import (
    MISSING,
    DateOrder,
    Decimal,
    PriceFormError,
    is_date,
    numbers,
    sessions,
    text_of,
)
from unwind.sources.price_files import ENDINGS, Sheet
from unwind.sources.price_names import NUMBERS, column_of, is_other, symbol_of, symbol_of_file

KEY = ["session", "symbol"]
MAX_HEADER_ROWS = 20
# Share of a column's cells that must be dates where no heading says which column has them.
MIN_DATES = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Statements of the user about a file; None leaves it to the file.

    Attributes
    ----------
    desk : mapping of str to str
        Spelling of a symbol → symbol of the desk.
    dates, decimal, symbol, currency : str or None
    """

    desk: Mapping[str, str] = field(default_factory=dict)
    dates: DateOrder | None = None
    decimal: Decimal | None = None
    symbol: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceTable:
    """Prices of one sheet.

    Attributes
    ----------
    rows : DataFrame
        | session | symbol | the columns that the sheet has |, by symbol and session; each row has a
        close.
    form, dates : str
        Form of the sheet and of its dates.
    columns : mapping of str to str
        Desk column → heading.
    notes : tuple of str
        What was left out.
    """

    rows: pd.DataFrame
    form: str
    dates: str
    columns: Mapping[str, str]
    notes: tuple[str, ...]


def recognise(sheet: Sheet, stated: Statements) -> PriceTable:
    """Return the prices of a sheet.

    Raises
    ------
    PriceFormError
        No form fits, or the sheet leaves something open that an option states.
    """
    date_column, header, body = _split(sheet)
    text = text_of(body[date_column])
    days, order = sessions(text, order=stated.dates, name=sheet.label)
    notes = []
    if dropped := text[days.isna() & ~text.str.lower().isin(MISSING)].tolist():
        notes.append(
            f"{len(dropped)} rows without a date left out, e.g. {plain(dropped[0])[:40]!r}"
        )
    body, days = body[days.notna()], days[days.notna()]
    others = [column for column in map(int, body.columns) if column != date_column]
    names = {column: [row[column] for row in header] for column in others}
    fields = _field_row(names)
    if fields is None:
        rows, form, columns = _wide(body[others], days, names, sheet, stated)
    elif len(header) > 1 and (securities := _security_row(names, fields, stated)) is not None:
        rows, form, columns = _two_headers(body, days, names, fields, securities, sheet, stated)
    else:
        rows, form, columns = _long(
            body, days, {c: names[c][fields] for c in others}, sheet, stated
        )
    rows, more = _unique(rows, sheet.label)
    if rows.empty:
        raise PriceFormError(f"{sheet.label} holds no close; export it again with closing prices")
    return PriceTable(
        rows=rows, form=f"{form} ({sheet.kind})", dates=order, columns=columns,
        notes=(*notes, *more),
    )  # fmt: skip


def _split(sheet: Sheet) -> tuple[int, list[list[str]], pd.DataFrame]:
    """Return the column of dates, the header rows that hold anything, and the other rows."""
    if sheet.header is not None:
        header, body = _levels(sheet.header), sheet.cells
    else:
        header, body = [], sheet.cells
    top = [[str(cell) for cell in row] for row in header] or [
        list(text) for text in body.head(MAX_HEADER_ROWS).apply(text_of).itertuples(index=False)
    ]
    dated = next(
        (
            place
            for wanted in ("session", "time")
            for row in top
            for place, cell in enumerate(row)
            if (column_of(cell) or cell.strip("<>").lower()) == wanted
        ),
        None,
    )
    column = dated if dated is not None else _first_dates(body, sheet.label)
    if sheet.header is None:
        text = text_of(body[column])
        # An epoch is a date only where its heading says so.
        start = is_date(text) | (text.str.match(r"^\d{9,19}$") if dated is not None else False)
        if not start.any():
            raise PriceFormError(
                f"{sheet.label} holds no dates under {plain(top[0][column])[:32]!r}, its columns "
                f"being {_listed(top[0])}; write dates as 2024-07-12"
            )
        first = int(start.to_numpy().argmax())
        header = [list(row) for row in body.iloc[:first].apply(text_of).itertuples(index=False)][
            -MAX_HEADER_ROWS:
        ]
        body = body.iloc[first:]
    header = [row for row in header if any(row[place] for place in range(len(row)))]
    if not header:
        raise PriceFormError(
            f"{sheet.label} has no header row; put the names of the columns above the first date"
        )
    _refuse_unnamed(header, body, column, sheet.label)
    return column, header, body.reset_index(drop=True)


def _refuse_unnamed(header: list[list[str]], body: pd.DataFrame, dates: int, label: str) -> None:
    """Refuse cells under no heading: a row with too many of them may be shifted."""
    # The first column may be the numbers of the rows, which pandas writes without a name.
    for column in map(int, body.columns[1:]):
        if column != dates and not any(row[column] for row in header):
            text = text_of(body[column])
            if (used := text[~text.str.lower().isin(MISSING)]).any():
                raise PriceFormError(
                    f"{label} holds {plain(used.iloc[0])[:40]!r} in column {column + 1}, which has "
                    "no heading; name the column or remove the cell"
                )


def _levels(names: list[str]) -> list[list[str]]:
    """Split names that pandas writes as tuples, `('Close', 'GLD')`, into one row per level."""
    tuples = {name: parts for name in names if (parts := _tuple(name))}
    if len(tuples) < len(names) - 1 or not tuples:
        return [names]
    depth = max(len(parts) for parts in tuples.values())
    return [
        [(*tuples.get(name, (name,)), *[""] * depth)[level] for name in names]
        for level in range(depth)
    ]


def _tuple(name: str) -> tuple[str, ...]:
    if not (name.startswith("('") and len(name) <= 128):
        return ()
    try:
        parts = ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return ()
    return tuple(map(str, parts)) if isinstance(parts, tuple) else ()


def _first_dates(body: pd.DataFrame, label: str) -> int:
    for column in body.columns[:8]:
        text = text_of(body[column].tail(200))
        text = text[text != ""]
        if len(text) and is_date(text).mean() >= MIN_DATES:
            return int(column)
    head = text_of(body.iloc[0]).tolist() if len(body) else []
    raise PriceFormError(
        f"{label} has no column of dates among {_listed(head)}; put dates like 2024-07-12 in the "
        "first column"
    )


def _field_row(names: Mapping[int, list[str]]) -> int | None:
    """Return the header row that names a close and no security, None for a table of symbols."""
    depth = len(next(iter(names.values()), []))
    for row in range(depth):
        columns = [column_of(cells[row]) for cells in names.values() if cells[row]]
        if "close" in columns or "adj_close" in columns:
            return row
    return None


def _security_row(names: Mapping[int, list[str]], fields: int, stated: Statements) -> int | None:
    """Return the header row that names the security of each column, None where there is none."""
    for row in range(len(next(iter(names.values())))):
        cells = [own[row] for own in names.values() if own[row] and own[fields]]
        if row != fields and cells and all(symbol_of(cell, stated.desk) for cell in cells):
            return row
    return None


def _wide(
    body: pd.DataFrame,
    days: pd.Series,
    names: Mapping[int, list[str]],
    sheet: Sheet,
    stated: Statements,
) -> tuple[pd.DataFrame, str, dict[str, str]]:
    """Rows of a table with one column of closes per symbol."""
    used = [column for column in names if not text_of(body[column]).str.lower().isin(MISSING).all()]
    depth = len(next(iter(names.values()), []))
    symbols: dict[int, str | None] = {}
    for row in range(depth):
        symbols = {column: symbol_of(names[column][row], stated.desk) for column in used}
        if symbols and all(symbols.values()):
            break
    heads = [names[column][depth - 1] for column in used]
    if not symbols or not all(symbols.values()):
        raise PriceFormError(
            f"{sheet.label} has no close and is not one with one symbol per column, its columns "
            f"being {_listed(heads)}; name the columns Date, Ticker, Close"
        )
    _refuse_repeated(symbols, names, sheet.label)
    if all(column_of(head) or is_other(head) for head in heads):
        raise PriceFormError(
            f"{sheet.label} has no close, its columns being {_listed(heads)}; export closing prices"
        )
    closes = numbers(body[used], decimal=stated.decimal, name=sheet.label)
    frames = [
        pd.DataFrame({"session": days, "symbol": symbol, "close": closes[column]})
        for column, symbol in symbols.items()
    ]
    return (
        pd.concat(frames),
        "wide table, one column of closes per symbol",
        {"close": "each column"},
    )


def _two_headers(
    body: pd.DataFrame,
    days: pd.Series,
    names: Mapping[int, list[str]],
    fields: int,
    securities: int,
    sheet: Sheet,
    stated: Statements,
) -> tuple[pd.DataFrame, str, dict[str, str]]:
    """Rows of a table with a row of securities and a row of fields above the dates."""
    upper = min(fields, securities)
    lower = max(fields, securities)
    places: dict[tuple[str, str], int] = {}
    headings: dict[str, str] = {}
    last = ""
    for column, cells in names.items():
        # A spreadsheet writes the upper name over the first of its columns only.
        last = cells[upper] or (last if cells[lower] else "")
        both = {upper: last, lower: cells[lower]}
        wanted, symbol = column_of(both[fields]), symbol_of(both[securities], stated.desk)
        if wanted not in NUMBERS or symbol is None:
            continue
        if (symbol, wanted) in places:
            raise PriceFormError(
                f"{sheet.label} has two columns of {wanted} for {symbol}; leave one out"
            )
        places[symbol, wanted] = column
        headings[wanted] = both[fields]
    parsed = numbers(body[list(places.values())], decimal=stated.decimal, name=sheet.label)
    frames = []
    for symbol in dict.fromkeys(symbol for symbol, _ in places):
        own = {wanted: parsed[column] for (one, wanted), column in places.items() if one == symbol}
        frames.append(pd.DataFrame({"session": days, "symbol": symbol, **own}))
    return (
        _with_close(pd.concat(frames), sheet),
        "table with a row of securities and a row of fields",
        headings,
    )


def _long(
    body: pd.DataFrame,
    days: pd.Series,
    names: Mapping[int, str],
    sheet: Sheet,
    stated: Statements,
) -> tuple[pd.DataFrame, str, dict[str, str]]:
    """Rows of a table with one row per session, of one symbol or with a column of symbols."""
    places: dict[str, int] = {}
    for column, name in names.items():
        wanted = column_of(name)
        if wanted is None or wanted == "session":
            continue
        if wanted in places:
            raise PriceFormError(
                f"{sheet.label} has two columns of {wanted}, {plain(names[places[wanted]])[:32]} "
                f"and {plain(name)[:32]}; leave one out"
            )
        places[wanted] = column
    if "currency" in places:
        keep = _in_currency(text_of(body[places["currency"]]), sheet.label, stated.currency)
        body, days = body[keep], days[keep]
    wanted_places = {name: places[name] for name in NUMBERS if name in places}
    parsed = numbers(body[list(wanted_places.values())], decimal=stated.decimal, name=sheet.label)
    rows = pd.DataFrame(
        {"session": days, **{name: parsed[column] for name, column in wanted_places.items()}}
    )
    headings = {name: names[column] for name, column in places.items() if name != "currency"}
    if "symbol" in places:
        written = text_of(body[places["symbol"]])
        symbols = {name: symbol_of(name, stated.desk) for name in written.unique()}
        blank = written.str.lower().isin(MISSING)
        if bad := [name for name in written[~blank].unique() if symbols[name] is None]:
            raise PriceFormError(
                f"{sheet.label} names the security {plain(bad[0])[:40]!r}, which is not a symbol; "
                "write it as IBIT"
            )
        rows.insert(1, "symbol", written.map(symbols))
        rows = rows[~blank]
        _refuse_two_listings(written[~blank], symbols, sheet.label)
        form = "long table, one row per session and symbol"
    else:
        symbol = stated.symbol or _symbol_of_sheet(sheet, stated)
        rows.insert(1, "symbol", symbol)
        form = f"one symbol, {symbol}"
    return _with_close(rows, sheet), form, headings


def _symbol_of_sheet(sheet: Sheet, stated: Statements) -> str:
    stem = sheet.file
    while (path := Path(stem)).suffix.lower() in ENDINGS:
        stem = path.stem
    for name in (sheet.name, stem):
        if name and (symbol := symbol_of_file(name, stated.desk)):
            return symbol
    raise PriceFormError(
        f"{sheet.label} has no column of symbols and no symbol in its name; give --symbol IBIT"
    )


def _in_currency(written: pd.Series, label: str, currency: str | None) -> pd.Series:
    """Tell which rows are in the stated currency; without a statement all must be in dollars."""
    present = sorted(set(written) - {""})
    if currency is None and present and present != ["USD"]:
        raise PriceFormError(
            f"{label} states prices in {_listed(present)}; state the one to import with --currency "
            "CODE, the other rows are left out"
        )
    return written == currency if currency is not None else pd.Series(True, index=written.index)


def _with_close(rows: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    if "close" not in rows.columns:
        raise PriceFormError(
            f"{sheet.label} has adjusted closes and no closes; export both, since volumes in "
            "dollars need the close"
        )
    return rows


def _refuse_repeated(
    symbols: Mapping[int, str | None], names: Mapping[int, list[str]], label: str
) -> None:
    columns: dict[str | None, int] = {}
    for column, symbol in symbols.items():
        if symbol in columns:
            one, two = (plain(names[place][-1])[:32] for place in (columns[symbol], column))
            raise PriceFormError(
                f"{label} has two columns for {symbol}, {one} and {two}; leave one out"
            )
        columns[symbol] = column


def _refuse_two_listings(written: pd.Series, symbols: Mapping[str, str | None], label: str) -> None:
    spellings: dict[str | None, str] = {}
    for name in written.unique():
        other = spellings.setdefault(symbols[name], name)
        if other.upper() != name.upper():
            raise PriceFormError(
                f"{label} names {symbols[name]} as {plain(other)[:32]} and as {plain(name)[:32]}; "
                "leave one out"
            )


def _unique(rows: pd.DataFrame, label: str) -> tuple[pd.DataFrame, list[str]]:
    """Drop rows without a close and equal duplicates, and sort."""
    values = [name for name in NUMBERS if name in rows.columns]
    notes = []
    rows = rows[rows[values].notna().any(axis=1)]
    without = int(rows["close"].isna().sum())
    if without:
        notes.append(f"{without} rows without a close left out")
    rows = rows.dropna(subset=["close"])[[*KEY, *values]]
    unique = rows.drop_duplicates()
    if len(unique) < len(rows):
        notes.append(f"{len(rows) - len(unique)} repeated rows left out")
    if (twice := unique.duplicated(KEY)).any():
        first = unique[twice].iloc[0]
        raise PriceFormError(
            f"{label} holds two different rows for {first['symbol']} on {first['session']:%Y-%m-%d}"
            "; leave one out"
        )
    return unique.sort_values(["symbol", "session"], ignore_index=True), notes


def _listed(names: list[str]) -> str:
    shown = [plain(name)[:24] for name in names if name]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
