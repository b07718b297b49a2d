"""Indices of implied volatility on sessions, as the rows read them."""

import pandas as pd

from unwind.indicators.context import RunContext
from unwind.settings import Settings


def index_levels(
    implied: pd.DataFrame, names: set[str], context: RunContext
) -> dict[str, pd.DataFrame]:
    """Closes of indices on NYSE sessions up to the moment's, weekends left out.

    Parameters
    ----------
    implied : DataFrame
        The input table `implied_vol` known at the cut-off; may be empty.
    names : set of str
        The indices wanted.
    context : RunContext

    Returns
    -------
    dict of str to DataFrame
        Each wanted index → its sessions that have a close, increasing, with the columns close and
        known_at; empty where none was known.
    """
    nothing = pd.DataFrame({"close": pd.Series(dtype="float64"), "known_at": []})
    levels = dict.fromkeys(names, nothing)
    if implied.empty:
        return levels
    held = implied[implied["session"].isin(context.panel.sessions) & implied["close"].notna()]
    for name, rows in held.groupby("index"):
        if name in names:
            levels[str(name)] = rows.set_index("session")[["close", "known_at"]].sort_index()
    return levels


def usual_age(name: str, settings: Settings) -> int:
    """Sessions by which an index is older than its own run: a UTC day ends after the cut."""
    return int(name in settings.clock.utc_day_indices)


def age(context: RunContext, session: pd.Timestamp) -> int:
    """Sessions from `session` to the moment's."""
    return int(
        context.panel.sessions.searchsorted(context.stamp)
        - context.panel.sessions.searchsorted(session)
    )
