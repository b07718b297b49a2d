"""Implied against forecast volatility, and the term structure of implied volatility."""

import pandas as pd

from features._validation import require_positive_or_missing
from features.constants import SESSIONS_PER_YEAR
from features.cross_section import robust_z


def implied_gap(
    implied: pd.Series, variance: pd.Series, *, window: int = 252, min_observations: int = 60
) -> pd.DataFrame:
    """Implied volatility less the forecast of realised volatility over its life.

    gap_t = IV_t − √(252 · v_t)

    Parameters
    ----------
    implied : Series of shape (n_sessions,)
        Annual, decimal: an index of thirty days' implied volatility. Index: sessions, increasing.
    variance : Series
        Forecast at the end of each session: mean variance of a session over the life of `implied`
        (`models.volatility`), decimal². Aligned by session.
    window, min_observations : int
        As in `robust_z`.

    Returns
    -------
    DataFrame of shape (n_sessions, 4)
        implied, forecast (annual, decimal), gap and z (of the gap against the `window` gaps before
        it). NaN where an input is missing. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A volatility is not above zero, a variance is negative, or as in `robust_z`.

    Notes
    -----
    The root of the variance risk premium's two sides (Bollerslev, Tauchen and Zhou 2009, eq. 15)
    in place of their squares: the desk quotes volatility. It is not a premium: forecasts that lag a
    jump leave a wide gap that closes without anyone having been paid.
    """
    require_positive_or_missing(implied=implied)
    forecasts = variance.reindex(implied.index)
    if (forecasts < 0).any():
        raise ValueError(
            f"variance must not be negative, got {forecasts.min():g}; mark a failed forecast NaN"
        )
    forecast = (SESSIONS_PER_YEAR * forecasts) ** 0.5
    gap = implied - forecast
    return pd.DataFrame(
        {
            "implied": implied,
            "forecast": forecast,
            "gap": gap,
            "z": robust_z(gap, window=window, min_observations=min_observations),
        }
    )


def term_ratio(
    near: pd.Series, far: pd.Series, *, window: int = 252, min_observations: int = 60
) -> pd.DataFrame:
    """Implied volatility of a near term over that of a farther one; above 1 the term is inverted.

    Parameters
    ----------
    near, far : Series of shape (n_sessions,)
        In one unit, above zero. Aligned by session; a session that one lacks is NaN.
    window, min_observations : int
        As in `robust_z`.

    Returns
    -------
    DataFrame of shape (n_sessions, 2)
        ratio, and its z against the `window` ratios before. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A volatility is not above zero, or as in `robust_z`.
    """
    require_positive_or_missing(near=near, far=far)
    ratio = near / far
    return pd.DataFrame(
        {"ratio": ratio, "z": robust_z(ratio, window=window, min_observations=min_observations)}
    )
