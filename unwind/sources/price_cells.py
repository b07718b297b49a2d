"""Dates and numbers of price tables; what a file leaves open is asked for, never guessed."""

from datetime import date, datetime
from typing import Literal

import numpy as np
import pandas as pd

from unwind.contract.text import plain
from unwind.errors import UserError

DateOrder = Literal["day-first", "month-first", "iso"]
Decimal = Literal["point", "comma"]

MISSING = frozenset(
    ("", "null", "nan", "nat", "none", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "-", "–", "—", ".")
)  # fmt: skip
_ISO = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].{0,40})?$"
_ZONED = r"(?:Z|[+-]\d{2}:?\d{2})$"
_COMPACT = r"^(?:19|20)\d{6}(?:\.0)?$"
_NUMERIC = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:[T ,].{0,20})?$"
_WORDS = r"^(?:\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4})$"
_EPOCH = r"^\d{9,19}(?:\.0)?$"
_WORD_FORMATS = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y")
_EPOCH_UNITS: dict[int, Literal["s", "ms", "us", "ns"]] = {
    9: "s",
    10: "s",
    12: "ms",
    13: "ms",
    15: "us",
    16: "us",
    18: "ns",
    19: "ns",
}
_FLOAT = r"^[+-]?(?:\d{1,15}\.?\d{0,20}|\.\d{1,20})(?:[eE][+-]?\d{1,3})?$"
_MULTIPLES = {"k": 1e3, "m": 1e6, "b": 1e9}


class PriceFormError(UserError, ValueError):
    """The file is not a table of prices; the message names the rule, the value and the remedy."""


def text_of(values: pd.Series) -> pd.Series:
    """Return cells as text without blanks around it; a date becomes its ISO text."""
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return pd.Series([_cell(value) for value in values], index=values.index, dtype="str")
    if values.dtype == object:
        values = pd.Series([_cell(value) for value in values], index=values.index, dtype="str")
    elif values.dtype.kind == "f":  # an integer with gaps: 20240712.0
        whole = values.dropna()
        if (whole == whole.round()).all() and (whole.abs() < 2**53).all():
            values = values.astype("Int64")
    return values.astype("str").fillna("").str.replace("\u00a0", " ").str.strip()


def is_date(text: pd.Series) -> pd.Series:
    """Tell which texts are dates in a written form; an epoch counts only under a date's name."""
    written = [match for form, match in _forms(text).items() if form != "epoch"]
    return pd.Series(np.logical_or.reduce(written), index=text.index)


def _forms(text: pd.Series) -> dict[str, pd.Series]:
    """Return form → which texts have it; a text has one form at most."""
    compact = text.str.match(_COMPACT)
    return {
        "iso": text.str.match(_ISO),
        "compact": compact,
        "numeric": text.str.match(_NUMERIC),
        "words": text.str.match(_WORDS),
        "epoch": text.str.match(_EPOCH) & ~compact,
    }


def sessions(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    """Return the session of each text, null where it is not a date, and the form of the dates.

    Parameters
    ----------
    text : Series of str
    order : str or None
        Order of day and month as the user states it; None takes it from the file.
    name : str
        The file's name, for messages.

    Raises
    ------
    PriceFormError
        The file holds dates of two forms, or nothing in it decides the order of day and month.
    """
    forms = _forms(text)
    present = [form for form, match in forms.items() if match.any()]
    if not present:
        raise PriceFormError(
            f"{name} holds no dates in its first column, got {plain(text.iloc[0])[:40]!r}; "
            "write them as 2024-07-12"
        )
    if len(present) > 1:
        one, two = (plain(text[forms[form]].iloc[0])[:32] for form in present[:2])
        raise PriceFormError(
            f"{name} writes dates in two forms, {one} and {two}; a spreadsheet may have read days "
            "as months: export it again with one form"
        )
    form = present[0]
    own = text[forms[form]]
    if order == "iso" and form != "iso":
        raise PriceFormError(
            f"{name} does not write dates as year-month-day, got {own.iloc[0]}; leave out "
            "--dates iso"
        )
    days, said = _READERS[form](own, order=order, name=name)
    if bad := own[days.isna()].tolist():
        raise PriceFormError(f"{name} holds the impossible date {bad[0][:32]}; correct it")
    return days.reindex(text.index).astype("datetime64[us]"), said


def _iso(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    zoned = text.str.len().gt(10) & text.str.contains(_ZONED)
    if zoned.any() and not zoned.all():
        raise PriceFormError(f"{name} gives some times with a zone and some without; use one form")
    if zoned.any():
        clock = text.str.slice(10)
        if not clock.str.match(r"^[T ]00:00(?::00(?:\.0{1,9})?)?\D").all():
            # An instant belongs to the day that New York has then: 04:00 UTC is its midnight.
            return _new_york(pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")), (
                "year-month-day, instants read in New York"
            )
    parts = text.str.extract(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
    return _assembled(parts[0], parts[1], parts[2]), "year-month-day"


def _compact(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    return pd.to_datetime(text.str.slice(0, 8), format="%Y%m%d", errors="coerce"), "yyyymmdd"


def _numeric(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    parts = text.str.extract(_NUMERIC)
    first, second = parts[0].astype(int), parts[1].astype(int)
    year = parts[2].where(parts[2].str.len() == 4, "20" + parts[2])
    if first.max() > 12 and second.max() > 12:
        raise PriceFormError(
            f"{name} writes {text[first > 12].iloc[0]} and {text[second > 12].iloc[0]}, which no "
            "order of day and month fits; export it again as 2024-07-12"
        )
    shown = "day-first" if first.max() > 12 else "month-first" if second.max() > 12 else None
    if shown is None and order is None:
        raise PriceFormError(
            f"{name} does not show whether {text.iloc[0]} puts the day or the month first; give "
            "--dates day-first or --dates month-first"
        )
    if shown and order and shown != order:
        proof = text[first > 12] if shown == "day-first" else text[second > 12]
        raise PriceFormError(
            f"{name} is not {order}, since it holds {proof.iloc[0]}; leave out --dates {order}"
        )
    day, month = (first, second) if (shown or order) == "day-first" else (second, first)
    said = f"{shown}, as {text[(day > 12)].iloc[0]} shows" if shown else f"{order}, as stated"
    return _assembled(year, month, day), said


def _words(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    flat = text.str.replace(",", "").str.replace("-", " ")
    days = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for form in _WORD_FORMATS:
        days = days.fillna(pd.to_datetime(flat, format=form, errors="coerce"))
    return days, "month by name"


def _epoch(text: pd.Series, *, order: DateOrder | None, name: str) -> tuple[pd.Series, str]:
    digits = text.str.replace(".0", "")
    lengths = sorted(set(digits.str.len()))
    units = {_EPOCH_UNITS.get(length) for length in lengths}
    unit = units.pop()
    if units or unit is None:
        raise PriceFormError(
            f"{name} holds the date {text.iloc[0]}, which is not an epoch in one unit; write it as "
            "2024-07-12"
        )
    instants = pd.Series(
        pd.to_datetime(digits.astype("int64").to_numpy(), unit=unit, utc=True, errors="coerce"),
        index=text.index,
    )
    if (instants.dt.normalize() == instants).all():
        return instants.dt.tz_localize(None), f"epoch in {unit}, UTC days"
    return _new_york(instants), f"epoch in {unit}, read in New York"


_READERS = {
    "iso": _iso, "compact": _compact, "numeric": _numeric, "words": _words, "epoch": _epoch,
}  # fmt: skip


def numbers(cells: pd.DataFrame, *, decimal: Decimal | None, name: str) -> pd.DataFrame:
    """Return the numbers of text or typed columns; missing values are null.

    Raises
    ------
    PriceFormError
        A cell is not a number, or nothing decides whether a comma is decimal.
    """
    texts: dict[int, pd.Series] = {
        int(column): text_of(cells[column])
        for column in cells.columns
        if cells[column].dtype.kind not in "fiu"
    }
    for column, text in texts.items():
        missing = text.str.lower().isin(MISSING) | text.str.startswith("#N/A")
        texts[column] = text.str.replace(r"^\$ ?", "", regex=True).mask(missing, "")
    comma = _decimal_comma(texts, decimal=decimal, name=name) if texts else False
    parsed = {}
    for column in map(int, cells.columns):
        if column in texts:
            parsed[column] = _parsed(texts[column], comma=comma, name=name)
        else:
            parsed[column] = cells[column].astype("float64")
    return pd.DataFrame(parsed, index=cells.index).replace([np.inf, -np.inf], np.nan)


def _parsed(text: pd.Series, *, comma: bool, name: str) -> pd.Series:
    flat = text.str.replace("." if comma else ",", "").str.replace("'", "").str.replace(" ", "")
    flat = flat.str.replace(",", ".") if comma else flat
    suffix = flat.str.extract(r"^[\d.]+([kKmMbB])$")[0].str.lower()
    multiple = suffix.map(_MULTIPLES).astype("float64").fillna(1.0)
    flat = flat.where(suffix.isna(), flat.str.slice(0, -1))
    if (wrong := (flat != "") & ~flat.str.match(_FLOAT)).any():
        raise PriceFormError(
            f"{name} holds {plain(text[wrong].iloc[0])[:40]!r} where a price should be; correct "
            "the cell or leave the column out"
        )
    values: pd.Series = pd.to_numeric(flat, errors="coerce").astype("float64") * multiple
    return values


def _decimal_comma(texts: dict[int, pd.Series], *, decimal: Decimal | None, name: str) -> bool:
    """Decide whether the comma is decimal, from every text of the file."""
    cells = pd.concat(list(texts.values()), ignore_index=True)
    marked = cells[cells.str.contains("[.,]", regex=True)].str.replace(r"[ ']", "", regex=True)
    commas, points = marked.str.count(","), marked.str.count(r"\.")
    last_comma = marked.str.rfind(",") > marked.str.rfind(".")
    single = commas + points == 1
    both = (commas > 0) & (points > 0)
    thousands = marked.str.contains(r"^[+-]?\d{1,3}[.,]\d{3}$", regex=True)
    shows_comma = (both & last_comma) | (points > 1) | (single & (commas == 1) & ~thousands)
    shows_point = (both & ~last_comma) | (commas > 1) | (single & (points == 1) & ~thousands)
    if shows_comma.any() and shows_point.any():
        one, two = marked[shows_comma].iloc[0], marked[shows_point].iloc[0]
        raise PriceFormError(
            f"{name} writes {one[:24]} and {two[:24]}, which no decimal mark fits; export it again "
            "with one mark"
        )
    shown = "comma" if shows_comma.any() else "point" if shows_point.any() else None
    if shown and decimal and shown != decimal:
        proof = marked[shows_comma if shown == "comma" else shows_point].iloc[0]
        raise PriceFormError(
            f"{name} holds {proof[:24]}, so its decimal mark is the {shown}; leave out --decimal"
        )
    if shown is None and decimal is None and (commas == 1).any():
        raise PriceFormError(
            f"{name} does not show whether the comma in {marked[commas == 1].iloc[0]} is decimal; "
            "give --decimal comma or --decimal point"
        )
    return (shown or decimal) == "comma"


def _assembled(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    parts = {"year": year.astype(int), "month": month.astype(int), "day": day.astype(int)}
    return pd.to_datetime(pd.DataFrame(parts), errors="coerce")


def _new_york(instants: pd.Series) -> pd.Series:
    days: pd.Series = instants.dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize()
    return days


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)[:64].strip()
