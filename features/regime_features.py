"""What a jump model sees of returns: how much they vary now, and how closely two of them move."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def volatility_features(returns: pd.Series, *, half_lives: Iterable[float]) -> pd.DataFrame:
    """Log volatility of a series, exponentially weighted: one column a half-life.

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


def comovement_features(first: pd.Series, second: pd.Series, *, half_life: float) -> pd.DataFrame:
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
    if not half_life > 0:
        raise ValueError(f"half-lives must be above 0 rows, got {half_life}")
    if np.isinf(returns.to_numpy(dtype=np.float64)).any():
        raise ValueError(
            "returns must be finite or missing, got an infinite value; correct the price behind it"
        )
    mean = _weighted(returns**2, half_life)
    answer: pd.Series = 0.5 * np.log(mean.where(mean > 0))
    return answer


def _weighted(values: pd.Series, half_life: float) -> pd.Series:
    faded: pd.Series = values.ewm(
        halflife=half_life, min_periods=int(np.ceil(2 * half_life)), ignore_na=True
    ).mean()
    return faded
