"""The market in which nothing ever happens: constant correlation, Student-t returns, no regimes.

Volume is heavier on large moves, up or down, and persistent; it has no other relation to a fall.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

Draws = npt.NDArray[np.float64]
WITHIN = 0.9  # correlation of two funds of one asset class
TRACKING = 0.003  # σ of what a factor fund returns beyond the index
SIGMA = 0.01  # of every class, a session; the verdict does not depend on it
# Log volatility under clusters: persistence per session, and its standard deviation over time.
PERSISTENCE, SPREAD = 0.98, 0.4


def null_returns(
    classes: Mapping[str, tuple[str, ...]],
    spreads: tuple[tuple[str, str], ...],
    *,
    sessions: int,
    correlation: float,
    freedom: float,
    joint_shocks: bool,
    clusters: bool = False,
    seed: int,
) -> pd.DataFrame:
    """Draw returns of a market without regimes.

    Parameters
    ----------
    classes : dict of str to tuple of str
        Asset class → its members.
    spreads : tuple of (str, str)
        Factor fund and the index it is held against.
    sessions : int
    correlation : float
        Between any two classes, in [0, 1); 0.30 is the mean of the real classes.
    freedom : float
        Degrees of freedom of every shock, above 2.
    joint_shocks : bool
        One mixing variable a session for all shocks (a multivariate Student-t): whole markets then
        jump together without a rise of volatility before. Otherwise every shock is its own.
    clusters : bool
        One volatility for all classes that clusters: its logarithm follows an autoregression.
    seed : int

    Returns
    -------
    DataFrame of shape (sessions, symbols)
        Log returns; business days from 1900-01-01, which mean nothing.
    """
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation must lie in [0, 1), got {correlation}")
    if freedom <= 2:
        raise ValueError(f"freedom must exceed 2 for a variance to exist, got {freedom}")
    generator = np.random.default_rng(seed)
    unit = np.sqrt((freedom - 2) / freedom)
    mixing = np.sqrt(freedom / generator.chisquare(freedom, sessions))
    level = np.ones(sessions)
    if clusters:
        noise = SPREAD * np.sqrt(1 - PERSISTENCE**2) * generator.standard_normal(sessions)
        level = np.exp(lfilter([1.0], [1.0, -PERSISTENCE], noise))

    def shock() -> Draws:
        if joint_shocks:
            return np.asarray(level * unit * mixing * generator.standard_normal(sessions))
        return np.asarray(level * unit * generator.standard_t(freedom, sessions))

    market = shock()
    drawn: dict[str, Draws] = {}
    for members in classes.values():
        own = np.sqrt(correlation) * market + np.sqrt(1 - correlation) * shock()
        for member in members:
            drawn[member] = SIGMA * (np.sqrt(WITHIN) * own + np.sqrt(1 - WITHIN) * shock())
    for fund, index in spreads:
        drawn[fund] = drawn[index] + TRACKING * shock()
    days = pd.date_range("1900-01-01", periods=sessions, freq="B", unit="us")
    return pd.DataFrame(drawn, index=days)


def null_volumes(returns: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Draw shares traded in the null market: persistent, and rising with the size of the move."""
    noise = 0.25 * np.random.default_rng(seed).standard_normal(returns.shape)
    response = 0.35 * np.log1p((returns / returns.std()) ** 2)
    busy = pd.DataFrame(lfilter([1.0], [1.0, -0.75], noise, axis=0), returns.index, returns.columns)
    volumes: pd.DataFrame = 1e6 * (busy + response).apply(np.exp)
    return volumes
