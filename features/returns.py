"""Standardised returns, trailing volatility, and exponentially weighted comovement."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from features._validation import finite_or_missing, require_at_least, require_positive
from features.constants import SESSIONS_PER_YEAR


def standardised_returns(
    returns: pd.DataFrame, *, half_life: float = 11, min_observations: int = 18
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
    require_positive(half_life=half_life)
    require_at_least(1, min_observations=min_observations)
    finite_or_missing(returns)
    weighted = (returns**2).ewm(halflife=half_life, min_periods=min_observations, ignore_na=True)
    variance = weighted.mean().shift(1)
    return returns / variance.where(variance > 0) ** 0.5


def trailing_volatility(
    returns: pd.Series, *, window: int = 63, min_observations: int = 40
) -> float:
    """Annual standard deviation of the last `window` log returns about zero.

    σ = √(252 · mean r²), decimal. A missing return is skipped; NaN with fewer than
    `min_observations`. The value uses all rows, the last included.
    """
    recent = returns.iloc[-window:].dropna().to_numpy(dtype=np.float64)
    if len(recent) < min_observations:
        return np.nan
    return float(np.sqrt(SESSIONS_PER_YEAR * np.mean(recent**2)))


def volatility_features(returns: pd.Series, *, half_lives: Iterable[float] = (3,)) -> pd.DataFrame:
    """Log volatility of a series, exponentially weighted: one column per half-life.

    volatility_h = ½·ln EW_h(r²), the mean taken as zero (RiskMetrics 1996, section 5.2).

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Any unit: it moves every value alike. Missing returns are stepped over.
    half_lives : iterable of float
        In rows, above zero.

    Returns
    -------
    DataFrame of shape (n_sessions, n_half_lives)
        NaN at a missing return, until ⌈2h⌉ returns are there, and where nothing has moved yet. The
        value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A half-life that is not above zero, or an infinite return.
    """
    return pd.DataFrame(
        {f"volatility_{value:g}": _log_volatility(returns, value) for value in half_lives}
    ).where(returns.notna())


def comovement_features(
    first: pd.Series, second: pd.Series, *, half_life: float = 10
) -> pd.DataFrame:
    """Log volatilities of two series and how closely they move, exponentially weighted.

    Columns: volatility_first, volatility_second as in `volatility_features`; link, Fisher's z of
    EW(xy)/√(EW(x²)·EW(y²)), the correlation about zero. NaN where either return is missing; the
    value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A half-life that is not above zero, or an infinite return.
    """
    both = first.notna() & second.notna()
    x, y = first.where(both), second.where(both)
    frame = pd.DataFrame(
        {
            "volatility_first": _log_volatility(x, half_life),
            "volatility_second": _log_volatility(y, half_life),
        }
    )
    product = _weighted(x * y, half_life)
    correlation = product * np.exp(-frame.sum(axis=1, skipna=False))
    return frame.assign(link=np.arctanh(correlation.clip(-0.999, 0.999))).where(both)


def _log_volatility(returns: pd.Series, half_life: float) -> pd.Series:
    require_positive(half_life=half_life)
    finite_or_missing(returns)
    mean = _weighted(returns**2, half_life)
    answer: pd.Series = 0.5 * np.log(mean.where(mean > 0))
    return answer


def _weighted(values: pd.Series, half_life: float) -> pd.Series:
    mean: pd.Series = values.ewm(
        halflife=half_life, min_periods=int(np.ceil(2 * half_life)), ignore_na=True
    ).mean()
    return mean
