"""Creations and redemptions of exchange-traded funds: scale, expectation, conflict of vendors.

A vendor reports the net flow of a session on the morning after. Market makers sell shares that are
not created yet (operational shorting: Evans, Moussawi, Pagano and Sedunov 2025), so the flow of
one session can settle the trading of the one before: a surprise is read over three sessions as
well, and two vendors that put one flow on different sessions are in conflict, not in error.
"""

import numpy as np
import pandas as pd

from features._validation import (
    finite_or_missing,
    require_at_least,
    require_between,
    require_positive,
    require_window,
)
from features.constants import MAD_TO_SIGMA

AGREE, SIGNS_DIFFER, WIDE_GAP = "agree", "signs differ", "gap"
WITH_PRICE, AGAINST_PRICE = "with the price", "against the price"


def rolled_assets(flow: pd.Series, close: pd.Series, *, opening: float) -> pd.Series:
    """Assets of a fund from an opening figure, its flows and the price of what it holds.

    A_t = A_{t−1} · P_t/P_{t−1} + F_t, so A_t = P_t · (A_0/P_0 + Σ F_s/P_s). A proxy: fees, cash
    and the price at which shares are created within the day are left out.

    Parameters
    ----------
    flow : Series of shape (n_sessions,)
        Net flow, any currency unit. The first row is the first session whose flow is not in
        `opening`.
    close : Series of shape (n_sessions,)
        Price of the fund, or of the asset that it holds; positive.
    opening : float
        Assets before the first row at its price, in the unit of `flow`; zero for a new fund.

    Returns
    -------
    Series of shape (n_sessions,)
        Unit of `flow`. NaN from the first missing flow on, since its holdings are then unknown, and
        where the price is missing. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A negative opening figure, or an infinity.
    """
    require_at_least(0, opening=opening)
    finite_or_missing(flow, "flow")
    finite_or_missing(close, "close")
    if not len(flow):
        return flow.astype("float64")
    units = opening / close.iloc[0] + (flow / close).cumsum(skipna=False)
    rolled: pd.Series = close * units
    return rolled


def flow_design(
    share: pd.Series,
    returns: pd.Series,
    shares: pd.Series,
    *,
    lags: int = 3,
    volume_window: int = 20,
) -> pd.DataFrame:
    """Regressors of the expected flow of a session.

    E f_t = a + Σ φ_k f_{t−k} + b⁺r_t⁺ + b⁻r_t⁻ + b₂r_{t−1} + c·ln(V_t/V̄_t) + calendar, where
    r⁺ = max(r, 0), r⁻ = min(r, 0) and V̄_t is the mean volume of the sessions before t.

    Parameters
    ----------
    share : Series of shape (n_sessions,)
        Net flow over the assets at the close before. Index: sessions.
    returns : Series of shape (n_sessions,)
        Log returns of the fund, decimal.
    shares : Series of shape (n_sessions,)
        Shares traded.
    lags : int
        Earlier flows, at least 1.
    volume_window : int
        Rows in V̄; four fifths of them must be there.

    Returns
    -------
    DataFrame of shape (n_sessions, 9 + lags)
        | constant | flow_1 … flow_k | gain | loss | return_before | volume | Tuesday … Friday,
        month_start: 1 or 0 |; the month starts at its first session, the only one of its ends
        that is known without a later row. NaN where an input is missing. The value at *t* uses
        flows up to *t* − 1, returns and volumes up to *t*.

    Raises
    ------
    ValueError
        lags or volume_window out of range.
    """
    require_at_least(1, lags=lags)
    require_at_least(2, volume_window=volume_window)
    usual = shares.rolling(volume_window, min_periods=int(np.ceil(0.8 * volume_window))).mean()
    columns = {"constant": pd.Series(1.0, share.index)}
    columns |= {f"flow_{lag}": share.shift(lag) for lag in range(1, lags + 1)}
    columns |= {
        "gain": returns.clip(lower=0),
        "loss": returns.clip(upper=0),
        "return_before": returns.shift(1),
        "volume": (shares / usual.shift(1)).apply(np.log),
    }
    return pd.DataFrame(columns).join(calendar_indicators(pd.DatetimeIndex(share.index)))


def calendar_indicators(sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Indicators of the weekday, Monday left out, and of the first session of a month.

    The value at *t* uses the dates of rows *t* − 1 and *t*; the first row starts no month.
    """
    days = {
        name: (sessions.day_of_week == number).astype("float64")
        for number, name in enumerate(("Tuesday", "Wednesday", "Thursday", "Friday"), start=1)
    }
    month = np.asarray(sessions.year * 12 + sessions.month)
    days["month_start"] = np.concatenate(([0.0], (np.diff(month) != 0).astype("float64")))[
        : len(month)
    ]
    return pd.DataFrame(days, index=sessions)


def cumulative_surprise(surprise: pd.Series, *, sessions: int = 3) -> tuple[float, float]:
    """Sum of the last surprises, and its robust z against earlier sums.

    Parameters
    ----------
    surprise : Series of shape (n,)
        Out-of-sample errors of consecutive rows; NaN where missing.
    sessions : int
        Surprises in a sum, at least 1.

    Returns
    -------
    tuple of float
        The sum of the last `sessions` rows, NaN where one is missing; and the sum over
        1.4826 · median|earlier sums|. Earlier sums share no row with the last one; NaN where there
        are fewer than 20, or their median is zero.

    Raises
    ------
    ValueError
        sessions below 1.
    """
    require_at_least(1, sessions=sessions)
    sums = surprise.rolling(sessions, min_periods=sessions).sum()
    if not len(sums) or np.isnan(sums.iloc[-1]):
        return float("nan"), float("nan")
    value = float(sums.iloc[-1])
    earlier = sums.iloc[:-sessions].dropna()
    scale = MAD_TO_SIGMA * float(earlier.abs().median()) if len(earlier) >= 20 else 0.0
    return value, value / scale if scale > 0 else float("nan")


def vendor_conflict(
    first: pd.Series,
    second: pd.Series,
    *,
    gap_share: float = 0.25,
    window: int = 60,
    min_observations: int = 30,
) -> pd.DataFrame:
    """Difference between two vendors' flows of a session.

    Parameters
    ----------
    first, second : Series of shape (n_sessions,)
        Net flow as each reports it, one unit and index.
    gap_share : float
        Share of the trailing standard deviation of `first` that a gap may reach.
    window, min_observations : int
        Rows t−w..t−1 of that standard deviation, and the fewest that must be there.

    Returns
    -------
    DataFrame of shape (n_sessions, 3)
        | gap | second less first |
        | scale | the trailing standard deviation |
        | category | "signs differ", "gap" (beyond the share) or "agree"; missing where a figure or
          the scale is |

        The value at *t* uses row t, and rows up to *t* − 1 for the scale.

    Raises
    ------
    ValueError
        An argument out of range.
    """
    require_positive(gap_share=gap_share)
    require_window(window, min_observations, minimum=2)
    gap = second - first
    scale = first.rolling(window, min_periods=min_observations).std().shift(1)
    category = pd.Series(AGREE, index=first.index, dtype="str")
    category = category.mask(gap.abs() > gap_share * scale, WIDE_GAP)
    category = category.where(gap.notna() & scale.notna())
    category = category.mask(first * second < 0, SIGNS_DIFFER)
    return pd.DataFrame({"gap": gap, "scale": scale, "category": category})


def dating_match(
    first: pd.Series,
    second: pd.Series,
    *,
    max_delay: int = 2,
    window: int = 60,
    tolerance: float = 0.06,
) -> pd.Series:
    """Share of sessions on which the second vendor repeats the first one's figure with a delay.

    Parameters
    ----------
    first, second : Series of shape (n_sessions,)
        Net flow as each reports it.
    max_delay : int
        Longest delay tried, in sessions.
    window : int
        Last rows that are compared.
    tolerance : float
        Largest difference that rounding explains.

    Returns
    -------
    Series of shape (max_delay + 1,)
        Index: delay k = 0..max_delay. Share of the last `window` rows with both figures where
        |second_t − first_{t−k}| ≤ tolerance; NaN with fewer than ten such rows. Uses rows up to
        the last.

    Raises
    ------
    ValueError
        A negative `max_delay` or tolerance.
    """
    require_at_least(0, max_delay=max_delay, tolerance=tolerance)
    shares = {}
    for delay in range(max_delay + 1):
        gap = (second - first.shift(delay)).iloc[-window:].dropna().abs()
        shares[delay] = float((gap <= tolerance).mean()) if len(gap) >= 10 else float("nan")
    return pd.Series(shares, dtype="float64")


def unfinished_funds(
    flows: pd.DataFrame, *, usual_zero_share: float = 0.1, window: int = 60
) -> tuple[str, ...]:
    """Funds whose newest row may not be filled in yet.

    Parameters
    ----------
    flows : DataFrame of shape (n_sessions, n_funds)
        Net flows of one vendor. NaN where missing.
    usual_zero_share : float
        A zero counts as unfilled where at most this share of the earlier rows is zero.
    window : int
        Rows before the last that are counted.

    Returns
    -------
    tuple of str
        Names, sorted: reported on the row before and missing on the last, or exactly zero there
        though rarely zero before. A suspicion, not a proof: true zeros exist.

    Raises
    ------
    ValueError
        usual_zero_share outside 0..1.
    """
    require_between(0, 1, usual_zero_share=usual_zero_share)
    if len(flows) < 2:
        return ()
    last, earlier = flows.iloc[-1], flows.iloc[-(window + 1) : -1]
    absent = last.isna() & earlier.iloc[-1].notna()
    zeros = (earlier == 0).sum() / earlier.notna().sum().clip(lower=1)
    unfilled = (last == 0) & (zeros <= usual_zero_share) & earlier.notna().any()
    return tuple(sorted(str(name) for name in flows.columns[absent | unfilled]))


def creation_share(flow: pd.Series, dollars: pd.Series, returns: pd.Series) -> pd.DataFrame:
    """Net creations against what was traded, and against the price.

    Parameters
    ----------
    flow, dollars : Series of shape (n_sessions,)
        Net flow and dollar volume, one unit.
    returns : Series of shape (n_sessions,)
        Log returns of the fund.

    Returns
    -------
    DataFrame of shape (n_sessions, 2)
        | share | flow over dollar volume: how much of the trading reached the fund |
        | category | "with the price" where flow and return have one sign, "against the price"
          where not; missing where either is zero or missing |

        The value at *t* uses row *t*.
    """
    product = flow * returns
    category = pd.Series(WITH_PRICE, index=flow.index, dtype="str")
    category = category.mask(product < 0, AGAINST_PRICE).where(product.notna() & (product != 0))
    return pd.DataFrame({"share": flow / dollars.where(dollars > 0), "category": category})


def premium(close: pd.Series, net_asset_value: pd.Series) -> pd.Series:
    """Premium of a fund's price over its net asset value.

    Parameters
    ----------
    close, net_asset_value : Series of shape (n_sessions,)
        Per share, one currency and one instant. A net asset value must be positive.

    Returns
    -------
    Series of shape (n_sessions,)
        close / net_asset_value − 1, decimal; below zero at a discount. NaN where either is missing
        or the net asset value is not positive. The value at *t* uses row *t*.

    Examples
    --------
    >>> import pandas as pd
    >>> premium(pd.Series([50.5, 49.0]), pd.Series([50.0, 50.0])).round(4).tolist()
    [0.01, -0.02]
    """
    return close / net_asset_value.where(net_asset_value > 0) - 1
