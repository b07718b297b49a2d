"""Z-scores that prime brokers publish: the current figure of each publisher and group."""

import pandas as pd

from unwind.indicators.context import RunContext


def first_current_session(context: RunContext) -> pd.Timestamp:
    """First session that a current figure may describe."""
    sessions = context.panel.sessions
    return pd.Timestamp(
        sessions[max(0, len(sessions) - context.settings.systemic.published_sessions)]
    )


def current_zscores(context: RunContext) -> pd.DataFrame:
    """Newest row of each publisher and group that describes a recent session; empty without any."""
    rows = context.inputs["published_zscores"]
    if rows.empty:
        return rows
    recent = rows[rows["session"].between(first_current_session(context), context.stamp)]
    return recent.sort_values("session", kind="stable").drop_duplicates(
        ["publisher", "group"], keep="last"
    )
