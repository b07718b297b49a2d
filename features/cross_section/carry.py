"""Yen carry: a carry trade is cut when yen and risk assets move against it at once."""

import numpy as np
import pandas as pd

from features._validation import finite_or_missing, require_at_least, require_positive

YEN_UP_RISK_DOWN, YEN_UP, RISK_DOWN, NEITHER = (
    "yen up, risk down", "yen up", "risk down", "neither",
)  # fmt: skip


def risk_average(z: pd.DataFrame, *, min_assets: int = 3) -> pd.Series:
    """Mean of the standardised returns of risk assets.

    Parameters
    ----------
    z : DataFrame of shape (n_sessions, n_assets)
        Standardised returns of assets whose fall is risk-off.
    min_assets : int
        Fewest assets with a value.

    Returns
    -------
    Series of shape (n_sessions,)
        In standard deviations of one asset; NaN with fewer assets. The value at *t* uses row *t*.

    Raises
    ------
    ValueError
        min_assets below 1, or an infinite value.
    """
    require_at_least(1, min_assets=min_assets)
    finite_or_missing(z, "z")
    average: pd.Series = z.mean(axis=1).where(z.notna().sum(axis=1) >= min_assets)
    return average


def carry_unwind(yen_per_dollar: pd.Series, risk: pd.Series, *, start: float = 1.0) -> pd.DataFrame:
    """Joint rise of the yen and fall of risk assets.

    joint_t = min(max(0, −z_yen), max(0, −z_risk)): both went at least that far. One of the two
    alone, however large, gives zero.

    Parameters
    ----------
    yen_per_dollar : Series of shape (n_sessions,)
        z of the return of yen per dollar: below zero, the yen rises.
    risk : Series of shape (n_sessions,)
        z of risk assets.
    start : float
        Standard deviations from which a move counts in the category.

    Returns
    -------
    DataFrame of shape (n_sessions, 2)
        | joint | standard deviations, not negative |
        | category | "yen up, risk down", "yen up", "risk down" or "neither" |

        Missing where either z is. The value at *t* uses row *t*.

    Raises
    ------
    ValueError
        start not above 0.
    """
    require_positive(start=start)
    known = yen_per_dollar.notna() & risk.notna()
    falls = pd.DataFrame({"yen": -yen_per_dollar, "risk": -risk}).clip(lower=0)
    joint = falls.min(axis=1).where(known)
    up, down = yen_per_dollar <= -start, risk <= -start
    named = np.select([up & down, up, down], [YEN_UP_RISK_DOWN, YEN_UP, RISK_DOWN], NEITHER)
    category = pd.Series(named, index=risk.index, dtype="str").where(known)
    return pd.DataFrame({"joint": joint, "category": category})
