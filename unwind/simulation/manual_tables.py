"""Manually entered tables: `structured_notes` and `published_zscores`."""

import numpy as np
import pandas as pd

from unwind.calendar import CUT_ZONE
from unwind.simulation.path import Path


def note_rows(path: Path) -> pd.DataFrame:
    """Return two notes on IBIT a month, at its first session, barriers 20–40 % below issue."""
    sessions = path.sessions
    fresh = np.diff(sessions.month, prepend=0) != 0
    rows = np.repeat(np.flatnonzero(fresh), 2)
    draws = path.stream("notes").uniform(size=(len(rows), 3))
    issue_price = path.closes("IBIT")[rows]
    observation = np.array(["american", "european", "unknown"])[(3 * draws[:, 2]).astype(int)]
    issued = sessions[rows]
    return pd.DataFrame(
        {
            "note": [f"{day:%Y-%m}-{'AB'[number % 2]}" for number, day in enumerate(issued)],
            "underlying": "IBIT",
            "issued_at": issued,
            "maturity": pd.DatetimeIndex(issued + pd.DateOffset(months=18)).as_unit("us"),
            "barrier": np.round(issue_price * (0.6 + 0.2 * draws[:, 0]), 2),
            "notional_usd": np.round(5e6 + 5.5e7 * draws[:, 1], -5),
            "observation": pd.Series(observation, dtype="str"),
        }
    )


def zscore_rows(path: Path) -> pd.DataFrame:
    """Return a prime broker's multi-strategy z-scores, out at 7:00 New York of the next day."""
    scores = 0.8 * path.stream("published z-scores").standard_normal(len(path.weekdays))
    scores = scores[path.trades].clip(-2.2, 2.2)
    for row, script in path.scripts(path.sessions).items():
        if script.zscore is not None:
            scores[row] = script.zscore
    morning = (path.sessions + pd.Timedelta(days=1, hours=7)).tz_localize(CUT_ZONE)
    return pd.DataFrame(
        {
            "session": path.sessions,
            "publisher": "prime broker",
            "group": "multi_strategy",
            "zscore": scores.round(2),
            "known_at": morning.tz_convert("UTC").as_unit("us"),
        }
    )
