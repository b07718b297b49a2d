"""Demand for a fund that no arbitrage explains.

A fund that buys the ETF and sells the future creates shares, adds open interest and earns the
basis: its inflow is not a view on the price. The flow that open interest, basis and reported shorts
do not explain is organic, most plainly an inflow without a wider basis.
"""

import numpy as np
import pandas as pd

from features._validation import require_at_least


def arbitrage_design(
    open_interest: pd.Series,
    price: pd.Series,
    basis: pd.Series,
    shorts: pd.Series | None = None,
) -> pd.DataFrame:
    """Regressors of a session's flow under arbitrage.

    F_t = a + b₁·ΔOI_t·P_t + b₂·ΔB_t + b₃·ΔL_t·P_t + u_t; u_t is the organic flow.

    Parameters
    ----------
    open_interest : Series of shape (n_sessions,)
        In coins: in dollars it would fall with the price alone.
    price : Series of shape (n_sessions,)
        Dollars per coin.
    basis : Series of shape (n_sessions,)
        Annualised, constant maturity, decimal; one clock and spot source throughout.
    shorts : Series of shape (n_sessions,), or None
        Leveraged short futures, in coins, as known on each session; None leaves the column out.

    Returns
    -------
    DataFrame of shape (n_sessions, 3 or 4)
        | constant | open_interest, USD m | basis, decimal | shorts, USD m |. NaN where a change
        is missing. The value at *t* uses rows *t* − 1 and *t*.
    """
    columns = {
        "constant": pd.Series(1.0, open_interest.index),
        "open_interest": open_interest.diff() * price / 1e6,
        "basis": basis.diff(),
    }
    if shorts is not None:
        columns["shorts"] = shorts.diff() * price / 1e6
    return pd.DataFrame(columns)


def inflow_without_expansion(
    flow: pd.Series, basis: pd.Series, *, tolerance: float = 0.01
) -> pd.arrays.BooleanArray:
    """Sessions with an inflow whose basis did not widen.

    Parameters
    ----------
    flow : Series of shape (n_sessions,)
        Net flow, any unit.
    basis : Series of shape (n_sessions,)
        Annualised, decimal.
    tolerance : float
        Widening that a timing mismatch of futures and spot explains, annualised, decimal.

    Returns
    -------
    BooleanArray of shape (n_sessions,)
        True where flow > 0 and ΔB ≤ tolerance; missing where either is. The value at *t* uses
        rows *t* − 1 and *t*.

    Raises
    ------
    ValueError
        A negative tolerance.
    """
    require_at_least(0, tolerance=tolerance)
    change = basis.diff()
    known = (flow.notna() & change.notna()).to_numpy()
    return pd.arrays.BooleanArray(
        np.asarray((flow > 0) & (change <= tolerance), dtype=bool), ~known
    )
