"""What a jump model sees of a return series: how far it falls, and what it earns for that."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def downside_features(
    returns: pd.Series, *, half_life: float, ratio_half_lives: Iterable[float]
) -> pd.DataFrame:
    """Measure the downside deviation and Sortino ratios of a series, exponentially weighted.

    Columns: downside, ln √EW(min(r, 0)²); and for each half-life h, sortino_h,
    EW_h(r)/√EW_h(min(r, 0)²). Shu, Yu and Mulvey (2024, "Downside risk reduction using
    regime-switching signals: a statistical jump model approach"), table 1.

    Parameters
    ----------
    returns : Series of shape (n_sessions,)
        Any unit; the ratios have none. Missing returns are stepped over.
    half_life, ratio_half_lives : float
        In rows, above zero.

    Returns
    -------
    DataFrame of shape (n_sessions, 1 + n_ratios)
        NaN at a missing return, and until as many returns as the half-life are there; NaN where
        nothing has fallen yet. The value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A half-life that is not above zero, or an infinite return.
    """
    half_lives = tuple(ratio_half_lives)
    if not all(value > 0 for value in (half_life, *half_lives)):
        raise ValueError(f"half-lives must be above 0 rows, got {(half_life, *half_lives)}")
    _refuse_infinite(returns)
    answer = {"downside": np.log(_downside(returns, half_life))}
    for value in half_lives:
        mean = _weighted(returns, value)
        answer[f"sortino_{value:g}"] = mean / _downside(returns, value)
    return pd.DataFrame(answer).where(returns.notna())


def comovement_features(first: pd.Series, second: pd.Series, *, half_life: float) -> pd.DataFrame:
    """Measure how far two series fall and how closely they move, exponentially weighted.

    Columns: downside_first, downside_second as in `downside_features`; link, Fisher's z of
    EW(xy)/√(EW(x²)·EW(y²)), the correlation about zero. NaN where either return is missing; the
    value at *t* uses rows up to *t*.

    Raises
    ------
    ValueError
        A half-life that is not above zero, or an infinite return.
    """
    if not half_life > 0:
        raise ValueError(f"half_life must be above 0 rows, got {half_life}")
    _refuse_infinite(first)
    _refuse_infinite(second)
    both = first.notna() & second.notna()
    x, y = first.where(both), second.where(both)
    squares = _weighted(x**2, half_life) * _weighted(y**2, half_life)
    correlation: pd.Series = _weighted(x * y, half_life) / squares.where(squares > 0) ** 0.5
    frame = pd.DataFrame(
        {
            "downside_first": np.log(_downside(x, half_life)),
            "downside_second": np.log(_downside(y, half_life)),
            "link": np.arctanh(correlation.clip(-0.999, 0.999)),
        }
    )
    return frame.where(both)


def _weighted(values: pd.Series, half_life: float) -> pd.Series:
    faded: pd.Series = values.ewm(
        halflife=half_life, min_periods=int(np.ceil(half_life)), ignore_na=True
    ).mean()
    return faded


def _downside(returns: pd.Series, half_life: float) -> pd.Series:
    mean = _weighted(returns.clip(upper=0) ** 2, half_life)
    deviation: pd.Series = mean.where(mean > 0) ** 0.5
    return deviation


def _refuse_infinite(returns: pd.Series) -> None:
    if np.isinf(returns.to_numpy(dtype=np.float64)).any():
        raise ValueError(
            "returns must be finite or missing, got an infinite value; correct the price behind it"
        )
