"""Indices of implied volatility on sessions, as the rows read them."""

import pandas as pd

from features.panel import Panel
from unwind.rows.moment import Moment
from unwind.settings import Settings


def index_levels(implied: pd.DataFrame, name: str, panel: Panel, moment: Moment) -> pd.DataFrame:
    """Closes of one index on NYSE sessions up to the moment's, weekends left out.

    Parameters
    ----------
    implied : DataFrame
        The input table `implied_vol` known at the cut-off; may be empty.
    name : str
        The index.
    panel, moment

    Returns
    -------
    DataFrame
        Index: sessions that have a close, increasing. Columns close and known_at.
    """
    if implied.empty:
        return pd.DataFrame({"close": pd.Series(dtype="float64"), "known_at": []})
    chosen = (implied["index"] == name) & (implied["session"] <= moment.stamp)
    held = implied[chosen & implied["close"].notna()].set_index("session").sort_index()
    on_sessions: pd.DataFrame = held.loc[held.index.isin(panel.sessions), ["close", "known_at"]]
    return on_sessions


def usual_age(name: str, settings: Settings) -> int:
    """Sessions by which an index is older than its own run: a UTC day ends after the cut."""
    return int(name in settings.clock.utc_day_indices)


def age(panel: Panel, moment: Moment, session: pd.Timestamp) -> int:
    """Sessions from `session` to the moment's."""
    return int(panel.sessions.searchsorted(moment.stamp) - panel.sessions.searchsorted(session))
