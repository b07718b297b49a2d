"""Alarms of online detectors: dates, calibrated thresholds, and the restart after an alarm."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np

from features._typing import Floats, Integers
from features.constants import SESSIONS_PER_YEAR
from models._resampling import block_length, stationary_rows
from models.changes.e_detector import e_detector
from models.errors import NotEnoughData, NoVariation

Detector = Callable[[Floats], tuple[Floats, Integers]]

MIN_CALM = 40  # complete rows behind a threshold
# Half-width of the interval of the calm mean, in standard errors.
_MEAN_INTERVAL = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm.

    Attributes
    ----------
    at : int
        First row of the new regime, as estimated at the alarm.
    first_seen : int
        Row of the alarm: the first at which the statistic exceeds the threshold.
    statistic, threshold : float
        Of the detector at that row.
    confidence : float
        Share of calm periods of 1/rate years whose largest statistic is below this one; for the
        e-detector a proven lower bound of it.
    """

    at: int
    first_seen: int
    statistic: float
    threshold: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold:
    """A threshold and the calm maxima behind it, in increasing order."""

    value: float
    calm_maxima: Floats

    def confidence(self, statistic: float) -> float:
        """Share of calm periods whose largest statistic is below this one."""
        below = int(np.searchsorted(self.calm_maxima, statistic, side="left"))
        return below / (len(self.calm_maxima) + 1)


def calibrated_threshold(
    calm: Floats,
    *,
    detector: Detector,
    alarms_per_year: float = 1.0,
    draws: int = 39,
    seed: int = 0,
) -> Threshold:
    """Threshold of a detector for a target false-alarm rate on calm rows.

    Parameters
    ----------
    calm : ndarray of shape (n_calm,)
        Rows before the first monitored one; NaN rows are excluded. A change among them is
        scattered over the resampled periods and raises the threshold.
    detector : callable
        Rows → (statistic, first row of the new regime); values at a row use rows up to it.
    alarms_per_year : float
        Expected false alarms per 252 rows.
    draws : int
        Resampled periods.
    seed : int
        The same rows give the same threshold.

    Returns
    -------
    Threshold
        A share 1/e of periods of 1/rate years stays below it: the run length is exponential in
        the limit, and its mean is then 1/rate years.

    Raises
    ------
    NotEnoughData
        Fewer than 40 complete rows.
    ValueError
        The rate is not positive, or fewer than 9 draws.

    References
    ----------
    Exponential run lengths: Pollak, Tartakovsky (2009), Theory of Probability and its Applications
    53; stationary bootstrap: Politis, Romano (1994), JASA 89.
    """
    if not alarms_per_year > 0:
        raise ValueError(f"alarms_per_year must be positive, got {alarms_per_year}; 1 is usual")
    if draws < 9:
        raise ValueError(f"draws must be at least 9, got {draws}; 39 is usual")
    complete = calm[~np.isnan(calm)]
    if len(complete) < MIN_CALM:
        raise NotEnoughData(need=MIN_CALM, got=len(complete), what="a calibrated threshold")
    samples = stationary_rows(
        len(complete),
        length=max(1, round(SESSIONS_PER_YEAR / alarms_per_year)),
        block=block_length(len(complete)),
        draws=draws,
        generator=np.random.default_rng(seed),
    )
    maxima = np.sort([detector(complete[one])[0].max() for one in samples])
    return Threshold(value=float(np.quantile(maxima, exp(-1))), calm_maxima=maxima)


def calibrated_alarms(
    values: Floats,
    *,
    start: int,
    detector: Detector,
    alarms_per_year: float = 1.0,
    draws: int = 39,
    seed: int = 0,
) -> tuple[Alarm, ...]:
    """Run a detector from `start`, with threshold and scale from the rows before.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        In time order; NaN rows carry no evidence. Standardised by mean and standard deviation of
        the rows before `start`.
    start : int
        First monitored row. The threshold is fixed afterwards, and so are the dates of an alarm.
    detector, alarms_per_year, draws, seed
        As in `calibrated_threshold`.

    Returns
    -------
    tuple of Alarm
        In time order. After an alarm the detector restarts on the next row. Alarms up to *t* use
        rows up to *t*.

    Raises
    ------
    NotEnoughData
        Fewer than 40 complete rows before `start`, or constant ones.
    """
    calm = values[:start]
    complete = calm[~np.isnan(calm)]
    if len(complete) < MIN_CALM:
        raise NotEnoughData(need=MIN_CALM, got=len(complete), what="a watched series")
    if not complete.std() > 0:
        fault = f"the rows before the watch are constant ({len(complete):,} identical)"
        raise NoVariation(what="a change detector", fault=fault, got=len(complete))
    standard = (values - complete.mean()) / complete.std()
    threshold = calibrated_threshold(
        standard[:start], detector=detector, alarms_per_year=alarms_per_year, draws=draws, seed=seed
    )
    alarms = []
    while start < len(values):
        statistic, changed_at = detector(standard[start:])
        over = np.flatnonzero(statistic > threshold.value)
        if not len(over):
            break
        row = int(over[0])
        alarms.append(
            Alarm(
                at=start + int(changed_at[row]),
                first_seen=start + row,
                statistic=float(statistic[row]),
                threshold=threshold.value,
                confidence=threshold.confidence(float(statistic[row])),
            )
        )
        start += row + 1
    return tuple(alarms)


def e_alarms(
    values: Floats,
    *,
    start: int,
    floor: float,
    ceiling: float,
    alarms_per_year: float = 1.0,
    min_reference: int = 126,
) -> tuple[Alarm, ...]:
    """Run the e-detector from `start` against the mean of the rows before.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Within [floor, ceiling], in time order; NaN rows carry no evidence.
    start : int
        First monitored row.
    floor, ceiling : float
        Bounds of a row, known beforehand.
    alarms_per_year : float
        Largest expected number of false alarms per 252 rows: the threshold is 252/rate, for any
        distribution whose conditional mean stays in the 95 % interval of the reference rows.
    min_reference : int
        Smallest number of complete reference rows. After an alarm, monitoring resumes once the new
        regime has as many rows, counted from the estimated change.

    Returns
    -------
    tuple of Alarm
        In time order. Alarms up to *t* use rows up to *t*.

    Raises
    ------
    NotEnoughData
        Fewer than `min_reference` complete rows before `start`.
    """
    if not alarms_per_year > 0:
        raise ValueError(f"alarms_per_year must be positive, got {alarms_per_year}; 1 is usual")
    period = SESSIONS_PER_YEAR / alarms_per_year
    present = ~np.isnan(values)
    if present[:start].sum() < min_reference:
        raise NotEnoughData(
            need=min_reference, got=int(present[:start].sum()), what="the mean before a change"
        )
    alarms: list[Alarm] = []
    origin = 0
    while start < len(values):
        reference = values[origin:start][present[origin:start]]
        half = _MEAN_INTERVAL * float(reference.std(ddof=1)) / np.sqrt(len(reference))
        centre, edge = float(reference.mean()), 1e-6 * (ceiling - floor)
        statistic, changed_at = e_detector(
            values[start:],
            lowest_mean=min(max(centre - half, floor + edge), ceiling - edge),
            highest_mean=max(min(centre + half, ceiling - edge), floor + edge),
            floor=floor,
            ceiling=ceiling,
        )
        over = np.flatnonzero(statistic >= period)
        if not len(over):
            break
        row = int(over[0])
        origin = start + int(changed_at[row])
        alarms.append(
            Alarm(
                at=origin,
                first_seen=start + row,
                statistic=float(statistic[row]),
                threshold=period,
                # Doob: P(max over a period ≥ c) ≤ period/c, as E M_t ≤ t.
                confidence=1 - period / float(statistic[row]),
            )
        )
        # The mean of the next regime, once it has enough rows.
        enough = np.flatnonzero(np.cumsum(present[origin:]) >= min_reference)
        if not len(enough):
            break
        start = max(start + row, origin + int(enough[0])) + 1
    return tuple(alarms)
