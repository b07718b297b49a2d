"""Barriers of structured notes: distance, hitting probability, and notional at stake.

All barriers here lie below the price at issue: a note's capital is at risk once they are hit.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, ndtr

from features._typing import Floats
from features._validation import require_between, require_positive, require_positive_or_missing

ONE_PERCENT = 0.01


def hitting_probability(
    spot: ArrayLike,
    barrier: ArrayLike,
    *,
    volatility: ArrayLike,
    years: ArrayLike,
    drift: ArrayLike = 0.0,
) -> Floats:
    """Probability that the price touches a barrier below it within a horizon.

    P_hit(h) = Φ((b − mh)/(σ√h)) + e^{2mb/σ²} Φ((b + mh)/(σ√h)), b = ln(B/S) < 0, m = drift − σ²/2

    Parameters
    ----------
    spot, barrier : array-like
        In one currency, above zero.
    volatility : array-like
        Annual, decimal, above zero.
    years : array-like
        Horizon h.
    drift : array-like
        Annual, decimal, continuously compounded: of the expected price, S·e^{drift·h}.

    Returns
    -------
    array
        Broadcast. 1 where the price is at the barrier; 0 for no time left; NaN where an argument is
        missing.

    Raises
    ------
    ValueError
        A spot, barrier or volatility is not above zero, or a barrier lies above the price: it was
        touched before, which is an observation and no probability.

    Notes
    -----
    First passage of a Brownian motion with drift (Harrison 1985, section 1.8): a barrier observed
    continuously. Observed m times, it acts as one shifted down by e^{−0.5826 σ√(h/m)} (Broadie,
    Glasserman and Kou 1997), so a daily close touches it more rarely than this says.
    """
    s, b, sigma, h, mean = _arrays(spot, barrier, volatility, years, drift)
    if (crossed := b > s).any():
        raise ValueError(
            f"barrier must not lie above the spot, got {b[crossed][0]:g} above {s[crossed][0]:g}; "
            "a barrier that was crossed is touched"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        distance, scale = np.log(b / s), sigma * np.sqrt(h)
        m = mean - sigma**2 / 2
        # In logarithms: the exponential alone overflows where its Φ vanishes.
        mirrored = np.exp(2 * m * distance / sigma**2 + log_ndtr((distance + m * h) / scale))
        touched = ndtr((distance - m * h) / scale) + mirrored
    known = np.isfinite(s + b + sigma + h + mean)
    answer = np.select([~known, distance >= 0, h <= 0], [np.nan, 1.0, 0.0], default=touched)
    return np.asarray(answer.clip(0.0, 1.0))


def terminal_probability(
    spot: ArrayLike,
    barrier: ArrayLike,
    *,
    volatility: ArrayLike,
    years: ArrayLike,
    drift: ArrayLike = 0.0,
) -> Floats:
    """Probability that the price lies below a barrier at the end of a horizon.

    P(S_h < B) = Φ((b − mh)/(σ√h)): what matters where the barrier is observed at maturity alone.
    Arguments, NaN rule and errors as in `hitting_probability`; with no time left it is 1 below the
    barrier and else 0.
    """
    s, b, sigma, h, mean = _arrays(spot, barrier, volatility, years, drift)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.log(b / s)
        below = ndtr((distance - (mean - sigma**2 / 2) * h) / (sigma * np.sqrt(h)))
    known = np.isfinite(s + b + sigma + h + mean)
    now = (s < b).astype(np.float64)
    return np.asarray(np.select([~known, h <= 0], [np.nan, now], default=below))


def barrier_distance(
    spot: ArrayLike, barrier: ArrayLike, *, volatility: ArrayLike, years: ArrayLike
) -> Floats:
    """Log distance down to a barrier in standard deviations of a horizon, ln(S/B)/(σ√h).

    Arguments and errors as in `hitting_probability`. Negative below the barrier; NaN where an
    argument is missing or the horizon is not above zero.
    """
    s, b, sigma, h = _arrays(spot, barrier, volatility, years)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(h > 0, np.log(s / b) / (sigma * np.sqrt(h)), np.nan))


def notional_density(
    barrier: ArrayLike, notional: ArrayLike, *, spot: float, reach: float = 0.2
) -> pd.DataFrame:
    """Notional whose barrier lies in each 1 % of spot: the barrier map.

    Parameters
    ----------
    barrier, notional : array-like of shape (n_notes,)
        Notional in USD; a note without either is skipped.
    spot : float
        Above zero.
    reach : float
        How far the map goes below and above spot, a share of it; whole percents.

    Returns
    -------
    DataFrame of shape (2·100·reach, 4)
        lower and upper (prices), percent (lower edge from spot), notional (USD with a barrier in
        [lower, upper)); from the lowest. Barriers beyond the reach are not in it.

    Raises
    ------
    ValueError
        spot is not above zero, or reach does not lie between 0.01 and 0.99.
    """
    require_positive(spot=spot)
    require_between(0.01, 0.99, reach=reach)
    steps = round(reach / ONE_PERCENT)
    percent = np.arange(-steps, steps + 1)
    edges = spot * (100 + percent) / 100
    barriers, amounts = _broadcast(barrier, notional)
    known = np.isfinite(barriers) & np.isfinite(amounts)
    inside = known & (barriers >= edges[0]) & (barriers < edges[-1])
    cell = np.searchsorted(edges, barriers[inside], side="right") - 1
    amount = np.bincount(cell, weights=amounts[inside], minlength=2 * steps)
    return pd.DataFrame(
        {"lower": edges[:-1], "upper": edges[1:], "percent": percent[:-1], "notional": amount}
    )


def _broadcast(*values: ArrayLike) -> list[Floats]:
    return list(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))


def _arrays(
    spot: ArrayLike, barrier: ArrayLike, volatility: ArrayLike, *others: ArrayLike
) -> list[Floats]:
    require_positive_or_missing(spot=spot, barrier=barrier, volatility=volatility)
    return _broadcast(spot, barrier, volatility, *others)
