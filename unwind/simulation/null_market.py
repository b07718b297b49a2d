"""The market in which nothing ever happens: constant correlation, Student-t returns, no regimes."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

Draws = npt.NDArray[np.float64]
WITHIN = 0.9  # correlation of two funds of one asset class
TRACKING = 0.003  # σ of what a factor fund returns beyond the index
SIGMA = 0.01  # of every class, a session; the verdict does not depend on it


def null_returns(
    classes: Mapping[str, tuple[str, ...]],
    spreads: tuple[tuple[str, str], ...],
    *,
    sessions: int,
    correlation: float,
    freedom: float,
    joint_shocks: bool,
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
        leap together out of nowhere, as no market with clustered volatility does. Otherwise
        every shock is its own.
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

    def shock() -> Draws:
        if joint_shocks:
            return np.asarray(unit * mixing * generator.standard_normal(sessions))
        return np.asarray(unit * generator.standard_t(freedom, sessions))

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
