"""Numbers, dates and plain text in one form for published sentences, pages and the terminal."""

import re
import unicodedata
from datetime import date

import pandas as pd

NULL = "–"
MINUS = "−"
# Narrow no-break space: a number never parts from its unit at the end of a line.
THIN = "\u202f"

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Control, format, surrogate, private and unassigned characters, and the two line separators.
_UNPRINTED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def is_null(value: object) -> bool:
    """Tell whether a scalar is None, NaN, NaT or NA."""
    return bool(pd.isna(value))  # type: ignore[call-overload]


def number(value: float | None, *, decimals: int, signed: bool = False) -> str:
    """Write fixed decimals, a true minus and commas at thousands; `signed` shows the plus too."""
    if value is None or is_null(value):
        return NULL
    digits = f"{abs(value):,.{decimals}f}"
    if not digits.strip("0.,"):
        return digits
    return (MINUS if value < 0 else "+" if signed else "") + digits


def percent(share: float | None, *, decimals: int, signed: bool = False) -> str:
    """Write a decimal share in percent: −0.1316 is "−13.16 %"."""
    if share is None or is_null(share):
        return NULL
    return number(100 * share, decimals=decimals, signed=signed) + THIN + "%"


def magnitude(value: float | None, *, currency: str = "") -> str:
    """Write a large amount in k, M or bn: 284.4 M, $10.27 bn."""
    if value is None or is_null(value):
        return NULL
    sign = MINUS if value < 0 else ""
    for unit, suffix, decimals in ((1, "", 0), (1e3, "k", 1), (1e6, "M", 1)):
        scaled = abs(value) / unit
        if round(scaled, decimals) < 1000:
            text = number(scaled, decimals=decimals) + (THIN + suffix if suffix else "")
            return sign + currency + text
    return sign + currency + number(abs(value) / 1e9, decimals=2) + THIN + "bn"


def multiple(value: float | None) -> str:
    """Write a ratio: 1.69×."""
    text = number(value, decimals=2)
    return text if text == NULL else text + "×"


def interval(lower: float | None, upper: float | None, *, decimals: int) -> str:
    """Write both ends, "0.06 to 0.77"; with one end unknown the interval is unknown."""
    ends = [number(end, decimals=decimals) for end in (lower, upper)]
    return NULL if NULL in ends else f"{ends[0]} to {ends[1]}"


def session(day: date | None) -> str:
    """Write the ISO date of a session; takes dates and timestamps."""
    return NULL if day is None or is_null(day) else pd.Timestamp(day).date().isoformat()


def long_session(day: date) -> str:
    """Write weekday and date in words, whatever the machine's locale."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def instant(moment: pd.Timestamp, *, zone: str, label: str) -> str:
    """Write date and minute in `zone`, followed by its label.

    Raises
    ------
    ValueError
        The timestamp has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"an instant must carry its time zone, got {moment}; localise it to UTC")
    return f"{moment.tz_convert(zone):%Y-%m-%d %H:%M} {label}"


def both_clocks(moment: pd.Timestamp) -> tuple[str, str]:
    """Write the same instant in New York and in UTC."""
    return (
        instant(moment, zone="America/New_York", label="New York"),
        instant(moment, zone="UTC", label="UTC"),
    )


def is_simulated(source: str) -> bool:
    """Tell whether a source label says that the data are made up."""
    return source.startswith("simulated")


def is_printed(text: str) -> bool:
    """Tell whether text is free of control, direction and line-break characters."""
    # `isprintable` is quick, and strict about spaces that are not ASCII.
    return text.isprintable() or not any(unicodedata.category(sign) in _UNPRINTED for sign in text)


def plain(text: object) -> str:
    """Put text on one line, without control or direction characters; a null is the en dash."""
    if is_null(text):
        return NULL
    printed = (
        " " if unicodedata.category(character) in _UNPRINTED else character
        for character in str(text)
    )
    return re.sub(" {2,}", " ", "".join(printed)).strip(" ")
