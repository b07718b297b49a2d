"""Monitored series of the desk, and the alarms of every online detector on them."""

from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Literal

import numpy as np
import pandas as pd

from models.changes.alarms import Alarm, Detector, calibrated_alarms, e_alarms
from models.changes.bocpd import change_probability
from models.changes.correlation_breaks import STANDARDISED_CAP, standardised
from models.changes.cusum import glr_cusum
from models.errors import NotEnoughData

Quantity = Literal["correlation", "mean", "volatility", "dispersion"]
GLR, BAYES, BETTING = "glr-cusum", "bocpd", "e-detector"

# Run lengths less likely than this are dropped: a row then costs 2 µs, and no alarm changes.
_MIN_MASS = 1e-3
# Share of the assets whose returns make a cross-section.
_MIN_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatchedSeries:
    """One bounded series whose mean moves when the quantity changes.

    Attributes
    ----------
    quantity : str
        Quantity that changes with the mean.
    values : Series of shape (n_sessions,)
        Within [floor, ceiling]; NaN where an input is missing. The value at *t* uses rows to *t*.
    floor, ceiling : float
        Bounds that the cap of standardised returns implies.
    returns : DataFrame of shape (n_sessions, n_assets)
        The standardised returns behind it.
    """

    quantity: Quantity
    values: pd.Series
    floor: float
    ceiling: float
    returns: pd.DataFrame

    def level(self, rows: pd.Index) -> float:
        """Value of the quantity over some rows: a correlation, σ over its forecast, or a mean."""
        if self.quantity == "correlation":
            first, second = (self.returns.loc[rows, name] for name in self.returns.columns)
            return float(first.corr(second))
        mean = float(self.values.loc[rows].mean())
        return float(np.sqrt(mean)) if self.quantity == "volatility" else mean


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineChange:
    """One alarm with the level on either side of the change.

    Attributes
    ----------
    detector : str
        glr-cusum, bocpd or e-detector.
    at, first_seen : Timestamp
        First session of the new regime as estimated at the alarm, and session of the alarm.
    before, after : float
        `WatchedSeries.level` since the change before, and from this one to the last row.
    n_before, n_after : int
        Complete rows on either side.
    confidence : float
        As in `models.changes.Alarm`.
    """

    detector: str
    at: pd.Timestamp
    first_seen: pd.Timestamp
    before: float
    after: float
    n_before: int
    n_after: int
    confidence: float


def bayes_detector(*, expected_run: float = 252.0) -> Detector:
    """BOCPD for standardised rows.

    Prior of a regime: its level about 1σ from the old one, its variance about the old one's, worth
    four rows of data; the first prediction is Student-t₄.
    """
    return partial(
        change_probability,
        expected_run=expected_run,
        mean=0.0,
        mean_weight=1.0,
        shape=2.0,
        scale=1.0,
        min_mass=_MIN_MASS,
    )


def watched_pair(first: pd.Series, second: pd.Series) -> WatchedSeries:
    """Product of two standardised returns; its mean is their correlation."""
    both = pd.DataFrame({"first": standardised(first), "second": standardised(second)}).dropna()
    both = both.reindex(first.index)
    edge = STANDARDISED_CAP**2
    return WatchedSeries(
        quantity="correlation",
        values=both["first"] * both["second"],
        floor=-edge,
        ceiling=edge,
        returns=both,
    )


def watched_asset(returns: pd.Series) -> tuple[WatchedSeries, WatchedSeries]:
    """Standardised return of one asset for its mean, its square for its volatility."""
    own = standardised(returns)
    cap = STANDARDISED_CAP
    frame = own.to_frame("own")
    return (
        WatchedSeries(quantity="mean", values=own, floor=-cap, ceiling=cap, returns=frame),
        WatchedSeries(
            quantity="volatility", values=own**2, floor=0.0, ceiling=cap**2, returns=frame
        ),
    )


def watched_cross_section(returns: pd.DataFrame) -> tuple[WatchedSeries, WatchedSeries]:
    """Mean of the standardised returns of all assets, and their variance across assets.

    The mean is standardised in turn. A session on which fewer than half of the assets (or than
    three) have a standardised return is NaN.
    """
    each = standardised(returns)
    enough = each.notna().sum(axis=1) >= max(3, ceil(_MIN_SHARE * len(each.columns)))
    cap = STANDARDISED_CAP
    return (
        WatchedSeries(
            quantity="mean",
            values=standardised(each.mean(axis=1).where(enough)),
            floor=-cap,
            ceiling=cap,
            returns=each,
        ),
        WatchedSeries(
            quantity="dispersion",
            values=each.var(axis=1).where(enough).clip(upper=cap**2),
            floor=0.0,
            ceiling=cap**2,
            returns=each,
        ),
    )


def online_changes(
    watched: WatchedSeries,
    *,
    reference: int = 504,
    min_reference: int = 126,
    monitored: int = 126,
    alarms_per_year: float = 1.0,
    expected_run: float = 252.0,
    draws: int = 39,
    seed: int = 0,
) -> tuple[OnlineChange, ...]:
    """Alarms of the three detectors on one series over the monitored sessions.

    Parameters
    ----------
    watched : WatchedSeries
    reference, min_reference : int
        Largest and smallest number of rows before the monitored ones; scale and thresholds are
        estimated from them.
    monitored : int
        Smallest number of monitored rows. Monitoring begins at a multiple of it, counted from the
        first row, so the dates of an alarm stay fixed for that many sessions; at most
        2·monitored − 1 rows are monitored.
    alarms_per_year : float
        Target false-alarm rate of each detector on each series.
    expected_run : float
        Prior expected length of a regime for the Bayesian detector, in rows.
    draws, seed : int
        Of the block bootstrap behind the thresholds.

    Returns
    -------
    tuple of OnlineChange
        By detector, then in the order of time. The result at *t* uses rows up to *t*; give only
        rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer than `min_reference` complete rows come before the monitored ones.
    """
    observed = watched.values.to_numpy(dtype=np.float64)
    start = (len(observed) - monitored) // monitored * monitored
    first = max(0, start - reference)
    calm = int(np.isfinite(observed[first : max(start, 0)]).sum())
    if calm < min_reference:
        raise NotEnoughData(need=min_reference, got=calm, what="a watched series before its watch")
    rows, offset = observed[first:], start - first
    calibrated = partial(
        calibrated_alarms,
        rows,
        start=offset,
        alarms_per_year=alarms_per_year,
        draws=draws,
        seed=seed,
    )
    alarms_of = {
        GLR: calibrated(detector=partial(glr_cusum, pre_change_mean=None)),
        BAYES: calibrated(detector=bayes_detector(expected_run=expected_run)),
        BETTING: e_alarms(
            rows,
            start=offset,
            floor=watched.floor,
            ceiling=watched.ceiling,
            alarms_per_year=alarms_per_year,
            min_reference=min_reference,
        ),
    }
    values = watched.values.iloc[first:]
    return tuple(
        change
        for detector, alarms in alarms_of.items()
        for change in _changes(watched, values, detector, alarms)
    )


def _changes(
    watched: WatchedSeries, values: pd.Series, detector: str, alarms: tuple[Alarm, ...]
) -> list[OnlineChange]:
    changes = []
    begin = 0
    for alarm in alarms:
        before = values.iloc[begin : alarm.at].dropna().index
        after = values.iloc[alarm.at :].dropna().index
        changes.append(
            OnlineChange(
                detector=detector,
                at=values.index[alarm.at],
                first_seen=values.index[alarm.first_seen],
                before=watched.level(before),
                after=watched.level(after),
                n_before=len(before),
                n_after=len(after),
                confidence=alarm.confidence,
            )
        )
        begin = alarm.at
    return changes
