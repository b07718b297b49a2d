"""Intraday split of a move: Asia, Europe, US cash hours, after the close, weekend.

Forced sales leave a time stamp. A desk that cuts equity-like risk sells bitcoin while equities
trade; offshore leverage breaks when they do not (10 October 2025, from 20:50 UTC on a Friday); a
yen-funded book is cut in Tokyo's morning (5 August 2024).
"""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features._typing import Floats
from features._validation import require_positive

PARTS = ("asia", "europe", "us_cash", "after_close", "weekend")
LONDON = ZoneInfo("Europe/London")
LONDON_OPEN = 8  # hour of the day
HOUR = pd.Timedelta(hours=1)


def session_split(
    bars: pd.DataFrame,
    *,
    sessions: pd.DatetimeIndex,
    cuts: pd.DatetimeIndex,
    opens: pd.DatetimeIndex,
    closes: pd.DatetimeIndex,
) -> pd.DataFrame:
    """Split the move from one session's cut to the next into the parts of the day.

    Parameters
    ----------
    bars : DataFrame
        | bar_start_utc | close |: hourly bars of one 24/7 series on one venue, one per start.
    sessions : DatetimeIndex of shape (n_sessions,)
        Exchange sessions, increasing, none left out between the first and the last.
    cuts : DatetimeIndex of shape (n_sessions,)
        16:00 New York of each, UTC.
    opens, closes : DatetimeIndex of shape (n_sessions,)
        Cash hours of each, UTC.

    Returns
    -------
    DataFrame of shape (n_sessions, 14)
        Log returns, decimal; variations their squares.

        | whole | from the cut before to the session's own |
        | asia | 00:00 UTC (09:00 Tokyo) to 08:00 London |
        | europe | 08:00 London to the cash open |
        | us_cash | cash open to cash close |
        | after_close | cash close to 00:00 UTC, and to the cut on a half day |
        | weekend | UTC days without a session, holidays included |
        | us_cash_without, us_cash_with | cash hours without, and with all of, the bars that lie
          across the open or the close: an hourly bar cannot say on which side of 9:30 it moved |
        | variation_asia … variation_weekend | Σ r² of the hours of each part: where the moves
          were, also when they took each other back |
        | missing | hours of the window without a bar, or without one before it |

        A bar across the open is split by minutes, half and half at 9:30, and the five parts add up
        to the whole. NaN where an hour is missing, and at the first session. The value at *t*
        uses bars that end between the cuts of *t* − 1 and *t*.

    Raises
    ------
    ValueError
        Instants of another number than the sessions; two bars of one start.
    """
    for name, instants in (("cuts", cuts), ("opens", opens), ("closes", closes)):
        if len(instants) != len(sessions):
            raise ValueError(
                f"{name} must hold one instant per session, got {len(instants)} for "
                f"{len(sessions)}; build them from the same sessions"
            )
    price = _by_start(bars)["close"]
    variation = [f"variation_{part}" for part in PARTS]
    names = ["whole", *PARTS, "us_cash_without", "us_cash_with", *variation, "missing"]
    if len(sessions) < 2:
        return pd.DataFrame(np.nan, index=sessions, columns=names)

    hours = pd.date_range(cuts[0], cuts[-1], freq="h", inclusive="left", unit="us")
    prices = price.reindex(hours.insert(0, cuts[0] - HOUR)).to_numpy(dtype=np.float64)
    moves = np.diff(np.log(prices))
    position = np.asarray(cuts.searchsorted(hours + HOUR, side="left"))
    inside = _inside(hours, opens[position], closes[position])
    part = _outside(hours, opens[position], sessions)

    across = (inside > 0) & (inside < 1)
    hourly = {
        "whole": moves,
        "us_cash_without": moves * ((inside > 0) & ~across),
        "us_cash_with": moves * (inside > 0),
        "missing": np.isnan(moves).astype("float64"),
    }
    for name in PARTS:
        share = np.where(part == name, 1 - inside, 0.0) if name != "us_cash" else inside
        hourly |= {name: moves * share, f"variation_{name}": moves**2 * share}
    sums = pd.DataFrame(hourly).groupby(position).sum()
    lost = sums.pop("missing")
    split = sums.where(lost == 0)
    split["missing"] = lost
    result = split.reindex(range(len(sessions)))[names]
    result.index = sessions
    return result


def trough(bars: pd.DataFrame, *, sessions: pd.DatetimeIndex, cuts: pd.DatetimeIndex) -> pd.Series:
    """Largest fall of the price between two cuts, regained by the second or not.

    Parameters
    ----------
    bars : DataFrame
        Columns bar_start_utc, low and close; hourly, one venue.
    sessions, cuts : DatetimeIndex
        As in `session_split`.

    Returns
    -------
    Series of shape (n_sessions,)
        Log of the lowest low over the close at the cut before; at most zero where every low stayed
        above it. NaN in the first row, and where an hour is missing. A bar without a low counts
        with its close. The value at *t* uses bars up to the cut of *t*.

    Raises
    ------
    ValueError
        Two bars of one start.
    """
    hourly = _by_start(bars)
    if len(sessions) < 2:
        return pd.Series(np.nan, index=sessions)
    hours = pd.date_range(cuts[0], cuts[-1], freq="h", inclusive="left", unit="us")
    close = hourly["close"].reindex(hours.insert(0, cuts[0] - HOUR))
    low = hourly["low"].fillna(hourly["close"]).reindex(hours)
    position = np.asarray(cuts.searchsorted(hours + HOUR, side="left"))
    lowest = low.groupby(position).min().where(low.isna().groupby(position).sum() == 0)
    before = close.reindex(cuts - HOUR).to_numpy(dtype=np.float64)
    depth = np.log(
        lowest.reindex(range(len(sessions))).to_numpy(dtype=np.float64)[1:] / before[:-1]
    )
    return pd.Series(np.append(np.nan, np.minimum(depth, 0.0)), index=sessions)


def move_shares(split: pd.DataFrame, *, min_move: float = 0.02) -> pd.DataFrame:
    """Share of the whole move that each part made.

    Parameters
    ----------
    split : DataFrame
        From `session_split`.
    min_move : float
        Smallest absolute log return of the whole that is shared out: shares of next to nothing
        are arbitrarily large.

    Returns
    -------
    DataFrame of shape (n_sessions, 7)
        The five parts, us_cash_without and us_cash_with over the whole. Signed: a part that moved
        against the whole is negative, and the five add up to one. NaN where |whole| is below
        `min_move`, or missing. The value at *t* uses row *t*.

    Raises
    ------
    ValueError
        min_move not above 0.
    """
    require_positive(min_move=min_move)
    whole = split["whole"].where(split["whole"].abs() >= min_move)
    # A part without an hour is zero, whatever the sign of the whole.
    return split[[*PARTS, "us_cash_without", "us_cash_with"]].div(whole, axis=0) + 0.0


def variation_shares(split: pd.DataFrame) -> pd.DataFrame:
    """Share of the session's squared hourly moves that each part holds.

    Parameters
    ----------
    split : DataFrame
        From `session_split`.

    Returns
    -------
    DataFrame of shape (n_sessions, 5)
        Columns: the parts. Between 0 and 1, adding up to one; NaN where no hour moved or one is
        missing. The value at *t* uses row *t*.
    """
    squared = split[[f"variation_{part}" for part in PARTS]].set_axis(list(PARTS), axis=1)
    whole = squared.sum(axis=1, min_count=1)
    return squared.div(whole.where(whole > 0), axis=0)


def _by_start(bars: pd.DataFrame) -> pd.DataFrame:
    indexed = bars.set_index(pd.DatetimeIndex(bars["bar_start_utc"])).sort_index()
    if indexed.index.has_duplicates:
        repeated = indexed.index[indexed.index.duplicated()][0]
        raise ValueError(f"bars must have one start each, got {repeated} twice; choose one venue")
    return indexed


def _inside(hours: pd.DatetimeIndex, opens: pd.DatetimeIndex, closes: pd.DatetimeIndex) -> Floats:
    """Share of each hour that lies in the cash hours of its session."""
    start = hours.as_unit("us").asi8
    begin = np.maximum(start, opens.as_unit("us").asi8)
    end = np.minimum(start + HOUR // pd.Timedelta(1, "us"), closes.as_unit("us").asi8)
    return np.clip((end - begin) / (HOUR // pd.Timedelta(1, "us")), 0.0, 1.0)


def _outside(
    hours: pd.DatetimeIndex, opens: pd.DatetimeIndex, sessions: pd.DatetimeIndex
) -> NDArray[np.str_]:
    """Part of the day of each hour outside cash hours."""
    day = hours.tz_localize(None).normalize()
    # An hour before its session's open, on that session's UTC day, is Asia's or Europe's.
    before_open = (hours < opens) & (day == opens.tz_localize(None).normalize())
    asia = np.asarray(hours.tz_convert(LONDON).hour) < LONDON_OPEN
    part = np.where(before_open & asia, "asia", np.where(before_open, "europe", "after_close"))
    return np.where(day.isin(sessions), part, "weekend")
