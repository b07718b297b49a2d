"""Bars as a live vendor prints them: which of them are closes by now, and in which digits."""

from dataclasses import dataclass
from datetime import date, time
from typing import Literal

import numpy as np
import pandas as pd

from unwind.calendar import all_sessions, cash_hours, cut_instants, publication_instant
from unwind.settings.shared import Clock, Publication

Kind = Literal["exchange", "index", "utc_day", "cut"]
# Index levels are computed until a quarter of an hour after the shares have closed.
INDEX_CLOSE = Publication(time=time(16, 15), zone="America/New_York")
# Single precision, which vendors store prices in, holds seven.
DIGITS = 7


def kind_of(symbol: str, clock: Clock) -> Kind:
    """End of a symbol's day: the exchange's, its index's, UTC, or the session's close."""
    if symbol in clock.crypto_daily:
        return "utc_day"
    if symbol in clock.weekday:
        return "cut"
    return "index" if symbol in clock.index_levels else "exchange"


def finished_at(days: pd.DatetimeIndex, kind: Kind, *, settle_minutes: int) -> pd.DatetimeIndex:
    """Time at which a day's bar is a close, in UTC.

    Parameters
    ----------
    days : DatetimeIndex
        Dates without a zone. A day on which the exchange is closed ends at midnight New York.
    kind : str
    settle_minutes : int
        Added to the end of trading: the vendor's last update.

    Returns
    -------
    DatetimeIndex of datetime64[us, UTC]
    """
    if kind == "utc_day":
        ends = (days + pd.Timedelta(days=1)).tz_localize("UTC")
    elif kind == "index":
        ends = pd.DatetimeIndex([publication_instant(day.date(), INDEX_CLOSE) for day in days])
    elif kind == "cut":
        ends = cut_instants(days)
    else:
        midnight = (days + pd.Timedelta(days=1)).tz_localize("America/New_York").tz_convert("UTC")
        ends = pd.DatetimeIndex(pd.Series(cash_hours(days)[1]).fillna(pd.Series(midnight)))
    return pd.DatetimeIndex(ends + pd.Timedelta(minutes=settle_minutes)).as_unit("us")


def newest_finished(kind: Kind, *, now: pd.Timestamp, settle_minutes: int) -> date:
    """Return the newest day whose bar must be there by now."""
    today = now.tz_convert("UTC").tz_localize(None).normalize()
    if kind == "utc_day":
        days = pd.date_range(today - pd.Timedelta(days=5), today, unit="us")
    else:
        sessions = all_sessions()
        days = sessions[(sessions <= today) & (sessions > today - pd.Timedelta(days=15))]
    ended = days[finished_at(days, kind, settle_minutes=settle_minutes) <= now]
    return pd.Timestamp(ended[-1]).date()


def significant(values: pd.Series) -> pd.Series:
    """Round to the digits that single precision holds, so that a price is what was quoted."""
    numbers = values.astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        place = DIGITS - 1 - np.floor(np.log10(np.abs(numbers.to_numpy())))
    scale = 10.0 ** np.where(np.isfinite(place), place, 0.0)
    return pd.Series(np.round(numbers.to_numpy() * scale) / scale, index=values.index)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closes:
    """Finished bars of one series, and what is odd about them.

    Attributes
    ----------
    rows : DataFrame
        One row per day, by date.
    late : date or None
        The newest finished day, where the vendor does not have it yet.
    """

    rows: pd.DataFrame
    late: date | None


def finished(bars: pd.DataFrame, kind: Kind, *, now: pd.Timestamp, settle_minutes: int) -> Closes:
    """Leave out bars that are still being written, and see whether the newest close is there.

    Parameters
    ----------
    bars : DataFrame
        Indexed by date without a zone; NaN closes are not bars.
    kind : str
    now : Timestamp, UTC
    settle_minutes : int
    """
    held = bars[bars["close"].notna()].sort_index(kind="stable")
    held = held[~held.index.duplicated(keep="last")]
    days = pd.DatetimeIndex(held.index)
    ends = finished_at(days, kind, settle_minutes=settle_minutes)
    closes = held[ends <= now]
    due = newest_finished(kind, now=now, settle_minutes=settle_minutes)
    late = closes.empty or pd.Timestamp(closes.index[-1]).date() < due
    return Closes(rows=closes, late=due if late else None)


def at_cuts(hours: pd.DataFrame) -> pd.DataFrame:
    """Close of the hour that ends at 16:00 New York of each session.

    Parameters
    ----------
    hours : DataFrame
        | close |, indexed by the UTC start of the hour.

    Returns
    -------
    DataFrame
        | close |, by session; sessions without that hour are left out.
    """
    sessions = all_sessions()
    ends = pd.DatetimeIndex(hours.index).as_unit("us") + pd.Timedelta(hours=1)
    cuts = pd.Series(sessions, index=cut_instants(sessions))
    at = cuts.reindex(ends)
    read = hours.assign(session=at.to_numpy())
    return read[read["session"].notna()].set_index("session")[["close"]]
