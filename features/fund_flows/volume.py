"""Traded volume: regressors of its expectation, and activity in options."""

import numpy as np
import pandas as pd

from features.fund_flows.creations import calendar_indicators

WEEK, MONTH = 5, 22  # sessions, as in Corsi (2009)


def volume_design(shares: pd.Series) -> pd.DataFrame:
    """Regressors of the expected log volume of a session.

    E ln V_t = a + b₁ ln V_{t−1} + b₅ m₅ + b₂₂ m₂₂ + calendar, with the means of ln V over the 5
    and 22 sessions that end at t−1: the heterogeneous autoregression of Corsi (2009), eq. (6),
    whose long memory three columns give.

    Parameters
    ----------
    shares : Series of shape (n_sessions,)
        Shares traded, positive. NaN where missing. Index: sessions.

    Returns
    -------
    DataFrame of shape (n_sessions, 9)
        | constant | day | week | month | Tuesday … Friday | month_start |. A mean needs four fifths
        of its rows. The value at *t* uses rows up to *t* − 1 and the date of t.
    """
    logs = np.log(shares)
    columns = {"constant": pd.Series(1.0, shares.index), "day": logs.shift(1)}
    for name, rows in (("week", WEEK), ("month", MONTH)):
        min_rows = int(np.ceil(0.8 * rows))
        columns[name] = logs.rolling(rows, min_periods=min_rows).mean().shift(1)
    return pd.DataFrame(columns).join(calendar_indicators(pd.DatetimeIndex(shares.index)))


def options_activity(chains: pd.DataFrame) -> pd.DataFrame:
    """Contracts traded and the share of puts among them, one row per snapshot.

    Parameters
    ----------
    chains : DataFrame
        | snapshot_at | right | volume |, one underlying; right is "call" or "put", volume counts
        from the start of the day.

    Returns
    -------
    DataFrame of shape (n_snapshots, 2)
        | contracts | calls and puts |
        | put_share | puts over both |

        Index: snapshot_at, increasing. A contract without a volume counts as untraded; NaN shares
        where nothing traded, and where a side has no quoted contract. Each row uses its own
        snapshot.
    """
    right = chains["right"].str.lower().str.slice(0, 1)
    sides = (
        chains.assign(right=right)
        .pivot_table(index="snapshot_at", columns="right", values="volume", aggfunc="sum")
        .reindex(columns=["c", "p"])
    )
    contracts = sides["c"] + sides["p"]
    return pd.DataFrame(
        {"contracts": contracts, "put_share": sides["p"] / contracts.where(contracts > 0)}
    )
