"""The series that the desk watches session by session, and the alarms of every detector on them."""

from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Literal

import numpy as np
import pandas as pd

from models.bocpd import change_probability
from models.changepoint import STANDARDISED_CAP, standardised
from models.cusum import glr_cusum
from models.errors import NotEnoughData
from models.monitoring import Alarm, Detector, calibrated_alarms, e_alarms

Quantity = Literal["correlation", "mean", "volatility", "dispersion"]
GLR, BAYES, BETTING = "glr-cusum", "bocpd", "e-detector"

# Run lengths less likely than this are dropped: 2 µs a row, and no alarm moves by a row.
_LEAST_MASS = 1e-3
# Share of the assets whose returns make a cross-section.
_MIN_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatchedSeries:
    """One bounded series whose mean moves when the quantity changes.

    Attributes
    ----------
    quantity : str
        What a change of the mean is a change of.
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
        """The quantity over some rows: a correlation, σ over its forecast, or a mean."""
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
        First session of the new regime, as placed by the session of the alarm.
    before, after : float
        `WatchedSeries.level` since the change before, and from this one to the last row.
    n_before, n_after : int
        Complete rows of these.
    confidence : float
        As in `models.monitoring.Alarm`.
    """

    detector: str
    at: pd.Timestamp
    first_seen: pd.Timestamp
    before: float
    after: float
    n_before: int
    n_after: int
    confidence: float


def bayes_detector(*, expected_run: float) -> Detector:
    """BOCPD for standardised rows.

    The prior of a regime: its level about 1σ from the old one, its variance about the old one's,
    known no better than from four rows; the first prediction is Student-t₄.
    """
    return partial(
        change_probability,
        expected_run=expected_run,
        mean=0.0,
        mean_weight=1.0,
        shape=2.0,
        scale=1.0,
        least_mass=_LEAST_MASS,
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
    reference: int,
    min_reference: int,
    monitored: int,
    alarms_a_year: float,
    expected_run: float,
    draws: int,
    seed: int,
) -> tuple[OnlineChange, ...]:
    """Alarms of the three detectors on one series, over the sessions that are monitored.

    Parameters
    ----------
    watched : WatchedSeries
    reference, min_reference : int
        Most and fewest rows before the monitored ones, which scale and thresholds are read from.
    monitored : int
        Fewest monitored rows. Monitoring begins at a multiple of it, counted from the first row,
        so for as many sessions in a row no alarm's dates change; most are 2·monitored − 1.
    alarms_a_year : float
        Stated rate of false alarms, a detector and series each.
    expected_run : float
        Prior of the Bayesian detector: rows of a regime.
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
    values = watched.values.to_numpy(dtype=np.float64)
    start = (len(values) - monitored) // monitored * monitored
    first = max(0, start - reference)
    calm = int(np.isfinite(values[first : max(start, 0)]).sum())
    if calm < min_reference:
        raise NotEnoughData(need=min_reference, got=calm, what="a watched series before its watch")
    rows, here = values[first:], start - first
    calibrated = partial(
        calibrated_alarms, rows, start=here, alarms_a_year=alarms_a_year, draws=draws, seed=seed
    )
    found = {
        GLR: calibrated(detector=partial(glr_cusum, pre_change_mean=None)),
        BAYES: calibrated(detector=bayes_detector(expected_run=expected_run)),
        BETTING: e_alarms(
            rows,
            start=here,
            floor=watched.floor,
            ceiling=watched.ceiling,
            alarms_a_year=alarms_a_year,
            min_reference=min_reference,
        ),
    }
    kept = watched.values.iloc[first:]
    return tuple(
        change
        for detector, alarms in found.items()
        for change in _changes(watched, kept, detector, alarms)
    )


def _changes(
    watched: WatchedSeries, kept: pd.Series, detector: str, alarms: tuple[Alarm, ...]
) -> list[OnlineChange]:
    changes = []
    begin = 0
    for alarm in alarms:
        before = kept.iloc[begin : alarm.at].dropna().index
        after = kept.iloc[alarm.at :].dropna().index
        changes.append(
            OnlineChange(
                detector=detector,
                at=kept.index[alarm.at],
                first_seen=kept.index[alarm.first_seen],
                before=watched.level(before),
                after=watched.level(after),
                n_before=len(before),
                n_after=len(after),
                confidence=alarm.confidence,
            )
        )
        begin = alarm.at
    return changes
