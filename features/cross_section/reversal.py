"""Next-day reversal across assets, and of one asset: losers regain a forced sale, not news."""

import numpy as np
import pandas as pd

from features._validation import finite_or_missing, require_at_least, require_positive


def cross_sectional_rebound(returns: pd.DataFrame, *, min_assets: int = 5) -> pd.DataFrame:
    """Relate each asset's return to its return of the session before, across assets.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, or returns over their own σ, so that no volatile asset dominates.
    min_assets : int
        Fewest assets with both returns, at least 3.

    Returns
    -------
    DataFrame of shape (n_sessions, 3)
        | correlation | Pearson, across assets, of r_{t−1} and r_t: below zero the losers gain |
        | slope | of r_t on r_{t−1}: −1 gives the differences between assets back in full |
        | assets | with both returns |

        NaN with fewer assets than `min_assets`, or where all moved alike in either session. The
        value at *t* uses rows *t* − 1 and *t*.

    Raises
    ------
    ValueError
        min_assets below 3, or an infinite return.
    """
    require_at_least(3, min_assets=min_assets)
    now = finite_or_missing(returns)
    before = returns.shift(1).to_numpy(dtype=np.float64)
    both = np.isfinite(now) & np.isfinite(before)
    count = both.sum(axis=1)
    divisors = np.maximum(count, 1)
    x = np.where(both, before, 0.0)
    y = np.where(both, now, 0.0)
    x = np.where(both, x - (x.sum(axis=1) / divisors)[:, None], 0.0)
    y = np.where(both, y - (y.sum(axis=1) / divisors)[:, None], 0.0)
    spread_x, spread_y = (x**2).sum(axis=1), (y**2).sum(axis=1)
    # A spread below rounding of the returns themselves is assets that moved alike.
    floor_x, floor_y = (
        1e-24 * np.where(both, values**2, 0.0).sum(axis=1) for values in (before, now)
    )
    varied = (count >= min_assets) & (spread_x > floor_x) & (spread_y > floor_y)
    product = (x * y).sum(axis=1)
    divisor_x = np.where(varied, spread_x, 1.0)
    divisor = np.where(varied, np.sqrt(spread_x * spread_y), 1.0)
    return pd.DataFrame(
        {
            "correlation": np.where(varied, np.clip(product / divisor, -1, 1), np.nan),
            "slope": np.where(varied, product / divisor_x, np.nan),
            "assets": count,
        },
        index=returns.index,
    )


def regained(returns: pd.Series, *, min_fall: float = 0.03) -> pd.Series:
    """Share of the session before's fall that an asset regained.

    (P_t − P_{t−1}) / (P_{t−2} − P_{t−1}), from log returns: expm1(r_t) / expm1(−r_{t−1}).

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Log returns, decimal.
    min_fall : float
        Smallest fall, as a positive log return, that is scored.

    Returns
    -------
    Series of shape (n_sessions,)
        One gives the fall back in full; below zero it went on. NaN where the session before did
        not fall that far, or a return is missing. The value at *t* uses rows *t* − 1 and *t*.

    Raises
    ------
    ValueError
        min_fall not above 0.
    """
    require_positive(min_fall=min_fall)
    before = returns.shift(1)
    fell = before.where(before <= -min_fall)
    share: pd.Series = np.expm1(returns) / np.expm1(-fell)
    return share
