"""The NYSE calendar, the ends of sessions, and the instants at which rows become known."""

import warnings
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from unwind.errors import UserError
from unwind.settings.shared import Lag, Publication

# Every series is cut here, 24/7 ones and half days included: one clock for all.
CUT_TIME = time(16, 0)
CUT_ZONE = "America/New_York"

# The library's default start is 20 years before today; a fixed start includes old data.
CALENDAR_START = "1990-01-01"

PUBLICATIONS = Path(__file__).with_name("cftc_publications.csv")


class CalendarError(UserError, ValueError):
    """A day outside the exchange calendar, or not a session."""


@lru_cache(maxsize=1)
def _calendar() -> exchange_calendars.ExchangeCalendar:
    with warnings.catch_warnings():
        # The library (4.13) drops a time zone in a way that pandas 3.1 deprecates for pandas 4.
        warnings.filterwarnings("ignore", "Series.values returning an ndarray")
        return exchange_calendars.get_calendar("XNYS", start=CALENDAR_START)


def all_sessions() -> pd.DatetimeIndex:
    """Every NYSE session that the calendar knows, as midnight stamps without a zone."""
    return pd.DatetimeIndex(_calendar().sessions).as_unit("us")


def closed_days() -> pd.DatetimeIndex:
    """Every calendar day without a session, weekends included."""
    sessions = all_sessions()
    return pd.date_range(sessions[0], sessions[-1], unit="us").difference(sessions)


def require_known(day: date) -> None:
    """Refuse a day outside the calendar, which ends about a year ahead."""
    sessions = all_sessions()
    if not sessions[0].date() <= day <= sessions[-1].date():
        raise CalendarError(
            f"{day} lies outside the exchange calendar {sessions[0].date()} … "
            f"{sessions[-1].date()}; upgrade exchange_calendars or choose another day"
        )


def is_session(day: date) -> bool:
    """Return True if the exchange trades on `day`."""
    require_known(day)
    return pd.Timestamp(day) in all_sessions()


def sessions_between(first: date, last: date) -> pd.DatetimeIndex:
    """Sessions from `first` to `last`, both included."""
    require_known(first)
    require_known(last)
    sessions = all_sessions()
    return sessions[(sessions >= pd.Timestamp(first)) & (sessions <= pd.Timestamp(last))]


def require_session(day: date) -> date:
    """Return `day`, or refuse it with the nearest session before it."""
    if not is_session(day):
        sessions = all_sessions()
        before = sessions[sessions < pd.Timestamp(day)][-1].date()
        raise CalendarError(f"{day} is not an NYSE session; the one before it is {before}")
    return day


def cut_instants(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """16:00 New York of each session, in UTC."""
    return _local(sessions, CUT_TIME, CUT_ZONE)


def early_closes(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Sessions of which the exchange closes before the cut."""
    closes = cash_hours(sessions)[1]
    return sessions[closes < cut_instants(sessions)]


def market_closes(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Close of the exchange on each day, in UTC; 16:00 New York if the calendar has none."""
    closes = pd.Series(cash_hours(days)[1])
    return pd.DatetimeIndex(closes.fillna(pd.Series(cut_instants(days)))).as_unit("us")


def futures_closes(
    sessions: pd.DatetimeIndex, week_close: Publication, *, without_weekend_from: date
) -> pd.Series:
    """End of the futures day by session, in UTC: the end of the UTC day, on Friday the week's.

    Daily bars of CME's bitcoin futures are UTC days. Trading stopped on Friday at 16:00 Chicago,
    21:00 or 22:00 UTC; from `without_weekend_from` on, it continues through the weekend.
    """
    days = (sessions + pd.Timedelta(days=1)).tz_localize("UTC")
    closing = (sessions.day_of_week == 4) & (sessions < pd.Timestamp(without_weekend_from))
    return pd.Series(_local(sessions, week_close.time, week_close.zone), sessions).where(
        pd.Series(closing, sessions), pd.Series(days, sessions)
    )


def cash_hours(sessions: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Open and close of the exchange in each session, including half days, in UTC."""
    calendar = _calendar()
    opens = pd.DatetimeIndex(calendar.opens.reindex(sessions)).as_unit("us")
    closes = pd.DatetimeIndex(calendar.closes.reindex(sessions)).as_unit("us")
    return opens, closes


def publication_instant(session: date, publication: Publication) -> pd.Timestamp:
    """The cut-off of a session's own run, in UTC."""
    stamps = pd.DatetimeIndex([pd.Timestamp(session)])
    return _local(stamps, publication.time, publication.zone)[0]


def sessions_served(instants: pd.DatetimeIndex, publication: Publication) -> pd.DatetimeIndex:
    """First session whose own run sees what is known at each instant; NaT beyond the calendar."""
    sessions = all_sessions()
    cutoffs = _local(sessions, publication.time, publication.zone)
    position = cutoffs.searchsorted(instants, side="left")
    return pd.DatetimeIndex([*sessions, pd.NaT])[position]


def _local(days: pd.DatetimeIndex, clock: time, zone: str) -> pd.DatetimeIndex:
    moment = pd.Timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
    # A clock time that daylight saving skips is the first instant after the gap.
    local = (days + moment).tz_localize(
        ZoneInfo(zone), ambiguous=False, nonexistent="shift_forward"
    )
    return local.tz_convert("UTC").as_unit("us")


def report_days(weeks: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Days on which the CFTC publishes its reports of positions.

    The third federal business day after the report's own, a Friday in a week without a holiday;
    or the day in `cftc_publications.csv` if a report was published on another one.

    Examples
    --------
    Thanksgiving (28 November 2024) moves the report of Tuesday the 26th to Monday, 2 December.
    """
    days = weeks.to_numpy().astype("datetime64[D]")
    third = np.busday_offset(days, 3, roll="backward", holidays=_federal_holidays())
    exceptions = _publications()
    return pd.DatetimeIndex(
        [exceptions.get(week, day) for week, day in zip(weeks, pd.to_datetime(third), strict=True)]
    ).as_unit("us")


def report_instants(weeks: pd.Series, lag: Lag) -> pd.Series:
    """Instants at which weekly CFTC reports are known, in UTC.

    The day of publication, or later by the lag rule; the rule alone if it does not count in
    calendar days.
    """
    rule = known_instants(weeks, lag)
    if lag.days is None:
        return rule
    days = report_days(pd.DatetimeIndex(weeks))
    published = pd.Series(_local(days, lag.time, lag.zone), index=weeks.index)
    return rule.where(rule > published, published)


@lru_cache(maxsize=1)
def _federal_holidays() -> npt.NDArray[np.datetime64]:
    days = USFederalHolidayCalendar().holidays(start=CALENDAR_START, end="2100-12-31")
    return days.to_numpy().astype("datetime64[D]")


@lru_cache(maxsize=1)
def _publications() -> dict[pd.Timestamp, pd.Timestamp]:
    rows = pd.read_csv(PUBLICATIONS, comment="#", parse_dates=["as_of", "published"])
    return dict(zip(rows["as_of"], rows["published"], strict=True))


def known_instants(events: pd.Series, lag: Lag) -> pd.Series:
    """Instants at which rows on `events` are known under a lag rule, in UTC.

    Parameters
    ----------
    events : Series of datetime64
        Session dates (no zone) or UTC instants.
    lag : Lag
        Calendar days, NYSE sessions or minutes after the event.
    """
    if lag.minutes is not None:
        return events + pd.Timedelta(minutes=lag.minutes)
    days = pd.DatetimeIndex(events)
    if lag.sessions is not None:
        sessions = all_sessions()
        position = sessions.searchsorted(days, side="right") - 1 + lag.sessions
        days = sessions[position.clip(0, len(sessions) - 1)]
    elif lag.days is not None:
        days = days + pd.Timedelta(days=lag.days)
    return pd.Series(_local(days, lag.time, lag.zone), index=events.index)
