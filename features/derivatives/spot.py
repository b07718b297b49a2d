"""Bitcoin spot at a given instant: source, distance in time, gap between sources."""

import numpy as np
import pandas as pd

HOURLY, UTC_DAY, NOWHERE = "hourly", "UTC day", "none"
HOUR = pd.Timedelta(hours=1)


def spot_at(hourly: pd.DataFrame, daily: pd.DataFrame, instants: pd.Series) -> pd.DataFrame:
    """Spot at one instant per session: the hourly close there, else the close of the UTC day.

    Parameters
    ----------
    hourly : DataFrame
        | bar_start_utc | close |, one venue, one row per hour; may be empty.
    daily : DataFrame
        | session | close |, UTC days, one row per day; may be empty.
    instants : Series of datetime64[us, UTC]
        The instant of each session. Index: sessions, increasing.

    Returns
    -------
    DataFrame
        Index of `instants`. `price`; `source` ("hourly", "UTC day", "none"); `hours_apart`, from
        the instant to the end of what was taken; `gap`, the hourly close over that of the UTC day
        less 1, where both end at the instant. NaN where no source has the instant; an older
        price is never used instead. The value at *t* uses what ends by the end of UTC day *t*.
    """
    targets = pd.DatetimeIndex(instants)
    hours = _closes(hourly, "bar_start_utc").tz_localize(None)
    exact = hours.reindex(targets.tz_localize(None) - HOUR).to_numpy()
    # The instant 24:00 belongs to the day that it ends.
    day = (targets.tz_localize(None) - pd.Timedelta(microseconds=1)).normalize()
    closes = _closes(daily, "session").reindex(day).to_numpy()
    apart = ((day + pd.Timedelta(days=1)) - targets.tz_localize(None)) / HOUR
    first, second = np.isfinite(exact), np.isfinite(closes)
    return pd.DataFrame(
        {
            "price": np.where(first, exact, closes),
            "source": np.select([first, second], [HOURLY, UTC_DAY], NOWHERE),
            "hours_apart": np.where(first, 0.0, np.where(second, apart, np.nan)),
            "gap": np.where(apart == 0, exact / closes - 1, np.nan),
        },
        index=instants.index,
    )


def _closes(bars: pd.DataFrame, start: str) -> pd.Series:
    stamps = pd.DatetimeIndex(pd.to_datetime(bars[start])).as_unit("us")
    return pd.Series(bars["close"].to_numpy(dtype=np.float64), index=stamps)
