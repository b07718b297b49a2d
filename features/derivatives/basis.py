"""The annualised basis, with the error that clock and spot source leave in it.

A basis divides a small difference by a short time: 0.3 % of mismatch between future and spot at
22 days is 5 percentage points per year. So each value comes with its error band, and the sign of a
change within the band is not determined.
"""

from statistics import NormalDist

import numpy as np
import pandas as pd

from features._typing import Floats
from features._validation import require_window
from features.constants import DAYS_PER_YEAR, MAD_TO_SIGMA


def banded_basis(
    leg: pd.DataFrame,
    hour_variance: pd.Series,
    *,
    spot: pd.DataFrame | None,
    window: int = 252,
    min_observations: int = 40,
    confidence: float = 0.9,
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
        measured at *t*, the root mean square of those in the window is used (in a change their
        mean, which has a sign); without a second source there is none.
    window, min_observations : int
        Baseline of n and of the gap, in sessions; it ends at t−1.
    confidence : float
        Of the normal part of the error.

    Returns
    -------
    DataFrame
        `basis`, `error`, `change`, `change_error`: annualised over 365 days, decimal;
        `hour_error`: standard deviation of the basis under a one-hour timing mismatch; `measured`:
        n was measured. NaN where an input is missing. The value at *t* uses rows up to *t*.
    """
    require_window(window, min_observations, minimum=2)
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    premium, days, timing, before, days_before, timing_before = (
        leg[name].to_numpy(dtype=np.float64)
        for name in (
            "premium", "days", "timing", "earlier_premium", "earlier_days", "earlier_timing",
        )
    )  # fmt: skip
    hour2 = hour_variance.to_numpy(dtype=np.float64)
    scale, scale_before = DAYS_PER_YEAR / days, DAYS_PER_YEAR / days_before
    basis = premium * scale
    change = basis - before * scale_before
    mismatch = pd.Series(np.abs(change / scale)).rolling(window, min_periods=min_observations)
    usual = (MAD_TO_SIGMA * mismatch.median().shift(1)).to_numpy()
    measured = np.isfinite(usual)
    noise2 = np.where(measured, usual**2 / 2, hour2)
    gap2, sources2 = (
        (0.0, 0.0) if spot is None else _source_variance(spot, scale, scale_before, window=window)
    )
    ends = scale**2 * (noise2 + timing) + scale_before**2 * (noise2 + timing_before)
    return pd.DataFrame(
        {
            "basis": basis,
            "error": scale * np.sqrt(z2 * (noise2 + timing) + gap2),
            "change": change,
            "change_error": np.sqrt(z2 * ends + sources2),
            "hour_error": scale * np.sqrt(hour2),
            "measured": measured,
        },
        index=leg.index,
    )


def _source_variance(
    spot: pd.DataFrame, scale: Floats, scale_before: Floats, *, window: int
) -> tuple[Floats, Floats]:
    """Squared distance between two sources of spot: in a premium, and in a change of basis."""
    gap = spot["gap"].reset_index(drop=True)
    trailing = gap.rolling(window, min_periods=1)
    usual2 = (gap**2).rolling(window, min_periods=1).mean().shift(1).fillna(0.0).to_numpy()
    measured = gap.to_numpy()
    known = np.isfinite(measured)
    signed = np.where(known, measured, trailing.mean().shift(1).fillna(0.0).to_numpy())
    source = spot["source"].to_numpy(dtype=object)
    switched = np.concatenate([[False], source[1:] != source[:-1]])
    shift = scale * signed - scale_before * np.concatenate([[np.nan], signed[:-1]])
    return np.where(known, measured**2, usual2), shift**2 + np.where(
        switched, scale**2 * usual2, 0.0
    )


def direction(change: pd.Series, error: pd.Series) -> pd.Series:
    """Sign of a change that its error cannot explain; 0 inside the error, NaN where unknown."""
    sign = pd.Series(np.sign(change), change.index).where(change.abs() > error, 0.0)
    return sign.where(change.notna() & error.notna())


def agreed_direction(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return the sign of one measure that the other does not contradict.

    −1, 0 or 1; 0 where neither shows one or they contradict each other; NaN where both are.
    """
    total = first.fillna(0.0) + second.fillna(0.0)
    sign: pd.Series = total.clip(-1.0, 1.0).where(first.notna() | second.notna())
    return sign
