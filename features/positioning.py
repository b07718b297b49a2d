"""What holders of leverage pay and report: funding of perpetuals, weekly positions of futures."""

import numpy as np
import pandas as pd


def funding_measures(rate: pd.Series, *, days: int, flip_window: int) -> pd.DataFrame:
    """Funding of a perpetual: level, sum over days, sign and its changes.

    Parameters
    ----------
    rate : Series
        Decimal a day, what longs pay shorts. Index: UTC days, every day; NaN where missing.
    days : int
        Days of the sum.
    flip_window : int
        Days in which changes of sign are counted.

    Returns
    -------
    DataFrame
        `rate`; `cumulated`, the sum over `days`, NaN where one is missing; `sign`, −1, 0 or 1;
        `flips`, how often the sign changed in the window; `flipped`, it changed on the day. A
        rate of exactly zero has no sign and flips nothing; the last sign stands across it and
        across missing days. The value at *t* uses days up to *t*.
    """
    if days < 1 or flip_window < 1:
        raise ValueError(f"days and flip_window must be at least 1, got {days} and {flip_window}")
    sign = np.sign(rate)
    standing = sign.replace(0.0, np.nan).ffill()
    flipped = (standing != standing.shift(1)) & standing.shift(1).notna()
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
