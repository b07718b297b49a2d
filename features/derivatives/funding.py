"""Funding of perpetuals, and reported net short positions in futures."""

import numpy as np
import pandas as pd

from features._validation import require_at_least


def funding_measures(rate: pd.Series, *, days: int = 7, flip_window: int = 30) -> pd.DataFrame:
    """Funding of a perpetual: level, sum over days, sign and its changes.

    Parameters
    ----------
    rate : Series
        Decimal per day, paid by longs to shorts. Index: UTC days, every day; NaN where missing.
    days : int
        Days of the sum.
    flip_window : int
        Days in which changes of sign are counted.

    Returns
    -------
    DataFrame
        `rate`; `cumulated`, the sum over `days`, NaN where one is missing; `sign`, −1, 0 or 1;
        `flips`, how often the sign changed in the window; `flipped`, it changed on the day. A
        rate of exactly zero has no sign and flips nothing; the last sign carries over it and
        over missing days. The value at *t* uses days up to *t*.
    """
    require_at_least(1, days=days, flip_window=flip_window)
    sign = np.sign(rate)
    last_sign = sign.replace(0.0, np.nan).ffill()
    flipped = (last_sign != last_sign.shift(1)) & last_sign.shift(1).notna()
    return pd.DataFrame(
        {
            "rate": rate,
            "cumulated": rate.rolling(days, min_periods=days).sum(),
            "sign": sign,
            "flips": flipped.rolling(flip_window, min_periods=1).sum(),
            "flipped": flipped,
        }
    )


def net_short(positions: pd.DataFrame) -> pd.DataFrame:
    """Net short of leveraged funds, its change and its share of open interest, report by report.

    Parameters
    ----------
    positions : DataFrame
        | leveraged_long_btc | leveraged_short_btc | open_interest_btc |, BTC. Index: the days that
        the reports describe, increasing.

    Returns
    -------
    DataFrame
        `coins`, short less long; `change` since the report before; `share` of open interest. NaN
        where an input is missing. The value at *t* uses reports up to *t*.
    """
    coins = positions["leveraged_short_btc"] - positions["leveraged_long_btc"]
    total = positions["open_interest_btc"].where(positions["open_interest_btc"] > 0)
    return pd.DataFrame({"coins": coins, "change": coins.diff(), "share": coins / total})
