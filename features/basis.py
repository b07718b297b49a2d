"""The annualised basis, with the error that clock and spot source leave in it.

A basis divides a small difference by a short time: 0.3 % of mismatch between future and spot at
22 days is 5 points a year. So none is given without the band that the mismatch leaves, and a
change inside its band has no sign.
"""

from statistics import NormalDist

import numpy as np
import pandas as pd

from features.shocks import MAD_TO_SIGMA

YEAR = 365.0


def banded_basis(
    leg: pd.DataFrame,
    hour_variance: pd.Series,
    *,
    spot: pd.DataFrame | None,
    window: int,
    min_observations: int,
    confidence: float,
) -> pd.DataFrame:
    """Annualised basis and its change, each with the error that mismatch leaves.

    basis_t = premium_t · 365 / days_t. In shares of the price, the error of a premium is

        e_t² = z²·(n_t² + timing_t) + gap_t²

    with z the normal quantile of `confidence`; n_t the mismatch of an ordinary session, 1.4826 ·
    median |m_s| / √2 over s = t−w..t−1, where m_s = change_s · days_s / 365 is the mismatch that
    would have made the whole change; and gap_t the distance between two sources of spot at one
    instant. m holds true changes of the basis too, so n errs on the wide side. Before there are
    `min_observations` of it, n² is the variance of a whole hour. The error of a change joins
    those of its two ends, and by how much the other source shows another change:
    (gap_t·365/days_t − gap_{t−1}·365/days_{t−1})². Where the source of spot changed between them, a
    usual gap comes on top.

    Parameters
    ----------
    leg : DataFrame
        From `near_month`, `calendar_spread` or `constant_maturity`.
    hour_variance : Series
        `Curve.hour_variance`.
    spot : DataFrame or None
        | source | gap | as in `near_month`; None for a leg without spot. Where no gap was
        measured at *t*, the root mean square of those in the window stands for it (in a change
        their mean, which has a sign); without a second source there is none.
    window, min_observations : int
        Baseline of n and of the gap, in sessions; it ends at t−1.
    confidence : float
        Of the normal part of the error.

    Returns
    -------
    DataFrame
        `basis`, `error`, `change`, `change_error`: decimal a year of 365 days; `hour_error`: what
        a mismatch of one hour makes of the basis, one standard deviation; `measured`: n was
        measured. NaN where an input is missing. The value at *t* uses rows up to *t*.
    """
    if not 2 <= min_observations <= window:
        raise ValueError(
            f"min_observations must lie between 2 and the window {window}, got {min_observations}"
        )
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    scale, earlier_scale = YEAR / leg["days"], YEAR / leg["earlier_days"]
    basis = leg["premium"] * scale
    change = basis - leg["earlier_premium"] * earlier_scale
    mismatch = (change / scale).abs()
    noise2 = (
        MAD_TO_SIGMA * mismatch.rolling(window, min_periods=min_observations).median().shift(1)
    ) ** 2 / 2
    measured = noise2.notna()
    noise2 = noise2.where(measured, hour_variance)
    gap2 = sources2 = pd.Series(0.0, index=leg.index)
    if spot is not None:
        gap = spot["gap"]
        usual2 = (gap**2).rolling(window, min_periods=1).mean().shift(1).fillna(0.0)
        gap2 = (gap**2).fillna(usual2)
        signed = gap.fillna(gap.rolling(window, min_periods=1).mean().shift(1).fillna(0.0))
        switched = spot["source"] != spot["source"].shift(1)
        sources2 = (scale * signed - earlier_scale * signed.shift(1)) ** 2
        sources2 += (scale**2 * usual2).where(switched, 0.0)
    ends = scale**2 * (noise2 + leg["timing"]) + earlier_scale**2 * (noise2 + leg["earlier_timing"])
    return pd.DataFrame(
        {
            "basis": basis,
            "error": scale * np.sqrt(z2 * (noise2 + leg["timing"]) + gap2),
            "change": change,
            "change_error": np.sqrt(z2 * ends + sources2),
            "hour_error": scale * np.sqrt(hour_variance),
            "measured": measured,
        }
    )


def direction(change: pd.Series, error: pd.Series) -> pd.Series:
    """Sign of a change that its error cannot explain; 0 inside the error, NaN where unknown."""
    sign = pd.Series(np.sign(change), change.index).where(change.abs() > error, 0.0)
    return sign.where(change.notna() & error.notna())


def agreed_direction(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return the sign that one measure shows and the other does not deny.

    −1, 0 or 1; 0 where neither shows one or they contradict each other; NaN where both are.
    """
    total = first.fillna(0.0) + second.fillna(0.0)
    sign: pd.Series = total.clip(-1.0, 1.0).where(first.notna() | second.notna())
    return sign
