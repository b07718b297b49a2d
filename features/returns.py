"""Returns in units of their own forecast: what an eigenvalue or a sleeve may be compared in."""

import numpy as np
import pandas as pd

SESSIONS_A_YEAR = 252


def standardised_returns(
    returns: pd.DataFrame, *, half_life: float, min_observations: int
) -> pd.DataFrame:
    """Divide each return by an exponentially weighted standard deviation of the rows before it.

    σ²_t = Σ_{k≥1} λ^{k−1} r²_{t−k} / Σ_{k≥1} λ^{k−1}, λ = 2^(−1/half_life), with mean zero:
    RiskMetrics (1996), section 5.2, at a half-life of 11 sessions (λ = 0.94).

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal. Index: sessions, increasing.
    half_life : float
        In rows; above zero.
    min_observations : int
        Fewest earlier returns of an asset; at least 1.

    Returns
    -------
    Same shape as `returns`
        In standard deviations. A missing return is NaN and does not age those before it: the
        forecast steps over it as if the market had not traded. NaN also with too few earlier
        returns, or where these are all zero. The value at *t* uses row t, and rows up to *t* − 1
        for the scale.

    Raises
    ------
    ValueError
        half_life or min_observations out of range, or an infinite return.
    """
    if not half_life > 0:
        raise ValueError(f"half_life must be above 0 rows, got {half_life}")
    if min_observations < 1:
        raise ValueError(f"min_observations must be at least 1, got {min_observations}")
    if np.isinf(returns.to_numpy(dtype=np.float64)).any():
        raise ValueError(
            "returns must be finite or missing, got an infinite value; correct the price behind it"
        )
    faded = (returns**2).ewm(halflife=half_life, min_periods=min_observations, ignore_na=True)
    variance = faded.mean().shift(1)
    return returns / variance.where(variance > 0) ** 0.5


def trailing_volatility(returns: pd.Series, *, window: int, min_observations: int) -> float:
    """Annual standard deviation of the last `window` log returns about zero.

    σ = √(252 · mean r²), decimal. A missing return is left out; NaN with fewer than
    `min_observations`. The value uses the rows given, the last included.
    """
    held = returns.iloc[-window:].dropna().to_numpy(dtype=np.float64)
    if len(held) < min_observations:
        return np.nan
    return float(np.sqrt(SESSIONS_A_YEAR * np.mean(held**2)))
