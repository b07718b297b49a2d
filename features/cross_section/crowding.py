"""Crowding: losses of a multi-strategy book across its long–short spreads.

A fund that must cut sells what it holds and buys back what it is short, in every strategy at once.
So the losses show in long–short spreads, not in the index: in August 2007 the market was flat
while value, profitability, investment and momentum all lost on the 8th and 9th, and all came back
on the 10th. That rebound tells a forced sale from news.
"""

import numpy as np
import pandas as pd

from features._validation import finite_or_missing, require_between
from features.cross_section.shocks import robust_z


def multi_strategy(
    spreads: pd.DataFrame, *, window: int = 126, min_observations: int = 101, min_spreads: int = 3
) -> pd.DataFrame:
    """Score a set of spreads as one multi-strategy book at equal risk.

    Each spread is scaled to its own robust z (`robust_z`, baseline t−w..t−1), so that no volatile
    one dominates. The worst and the average of these are scored against their own histories in
    turn: the minimum of many spreads is far below zero on any day.

    Parameters
    ----------
    spreads : DataFrame of shape (n_sessions, n_spreads)
        Returns of the spreads, one unit within a column: daily factor returns (HML, RMW, CMA,
        Mom) or spreads of funds (`spread_returns`). Signed so that the crowd's loss is negative.
    window, min_observations : int
        Of the robust z; the scores of worst and average need that many rows twice over.
    min_spreads : int
        Spreads that a day needs; at least 2.

    Returns
    -------
    DataFrame of shape (n_sessions, 9)
        | spreads | spreads with a return on the day |
        | losing | of these, with a return below zero |
        | degrossing | all of them lose; missing (not False) with fewer than `min_spreads`. Common
          by itself: value, profitability, investment and momentum lose together on one day in 19 |
        | worst_spread | name of the lowest scaled spread; missing where none is scaled |
        | worst, average | lowest and mean scaled return; a mean, not a sum, so that
          a missing spread does not change its scale |
        | worst_z, average_z | robust z of these two |
        | rebound | average on the session after a degrossing day; NaN on others |

        The value at *t* uses rows up to *t*; every baseline ends at t−1. `rebound` is dated and
        known on the day of the rebound, never on the degrossing day itself.

    Raises
    ------
    ValueError
        An argument out of range, or an infinite value.
    """
    require_between(2, spreads.shape[1], min_spreads=min_spreads)
    values = finite_or_missing(spreads, "spreads")
    present = np.isfinite(values).sum(axis=1)
    losing = (values < 0).sum(axis=1)
    readable = present >= min_spreads
    degrossing = readable & (losing == present)
    scaled = robust_z(spreads, window=window, min_observations=min_observations)
    enough = scaled.notna().sum(axis=1) >= min_spreads
    worst = scaled.min(axis=1).where(enough)
    average = scaled.mean(axis=1).where(enough)
    day_after = np.concatenate([[False], degrossing[:-1]])[: len(values)]
    lowest = np.asarray(spreads.columns, dtype=str)[scaled.fillna(np.inf).to_numpy().argmin(axis=1)]
    return pd.DataFrame(
        {
            "spreads": present,
            "losing": losing,
            "degrossing": pd.arrays.BooleanArray(degrossing, ~readable),
            "worst_spread": pd.Series(lowest, spreads.index, dtype="str").where(enough),
            "worst": worst,
            "worst_z": robust_z(worst, window=window, min_observations=min_observations),
            "average": average,
            "average_z": robust_z(average, window=window, min_observations=min_observations),
            "rebound": average.where(day_after),
        },
        index=spreads.index,
    )
