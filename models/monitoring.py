"""Alarms of online detectors: seen when, placed where, at which stated rate; then a restart."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from models.block_bootstrap import block_length, stationary_rows
from models.e_detector import e_detector
from models.errors import NotEnoughData

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Detector = Callable[[Floats], tuple[Floats, Integers]]

SESSIONS_A_YEAR = 252
# Half-width, in standard errors, of the mean that calm rows leave possible.
_MEAN_INTERVAL = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One detected change.

    Attributes
    ----------
    at : int
        First row of the new regime, as placed on the day of the alarm.
    first_seen : int
        Row of the alarm: the first whose own data crossed the threshold.
    statistic, threshold : float
        Of the detector, on that row.
    confidence : float
        Share of calm stretches of 1/rate years in which the statistic stays below this one; for
        the e-detector a proven lower bound of it.
    """

    at: int
    first_seen: int
    statistic: float
    threshold: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold:
    """A threshold and the calm maxima that it was read from, in rising order."""

    value: float
    calm_maxima: Floats

    def confidence(self, statistic: float) -> float:
        """Share of calm stretches whose highest statistic stays below this one."""
        below = int(np.searchsorted(self.calm_maxima, statistic, side="left"))
        return below / (len(self.calm_maxima) + 1)


def calibrated_threshold(
    calm: Floats, *, detector: Detector, alarms_a_year: float, draws: int, seed: int
) -> Threshold:
    """Threshold at which a detector on calm rows alarms at a stated rate.

    Parameters
    ----------
    calm : ndarray of shape (n_calm,)
        Rows before the first that is monitored; NaN rows are left out. A change that they hold is
        scattered over the resampled stretches and raises the threshold.
    detector : callable
        Rows → (statistic, placed), each row's value from rows up to it.
    alarms_a_year : float
        False alarms in 252 rows, on average.
    draws : int
        Stretches that are resampled.
    seed : int
        The same rows give the same threshold.

    Returns
    -------
    Threshold
        Of stretches of 1/rate years a share 1/e stays below it: the run without an alarm is
        exponential in the limit, and its mean is then 1/rate years.

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
    if not alarms_a_year > 0:
        raise ValueError(f"alarms_a_year must be positive, got {alarms_a_year}; 1 is usual")
    if draws < 9:
        raise ValueError(f"draws must be at least 9, got {draws}; 39 is usual")
    complete = calm[~np.isnan(calm)]
    if len(complete) < 40:
        raise NotEnoughData(need=40, got=len(complete), what="a calibrated threshold")
    chosen = stationary_rows(
        len(complete),
        length=max(1, round(SESSIONS_A_YEAR / alarms_a_year)),
        block=block_length(len(complete)),
        draws=draws,
        generator=np.random.default_rng(seed),
    )
    maxima = np.sort([detector(complete[one])[0].max() for one in chosen])
    return Threshold(value=float(np.quantile(maxima, exp(-1))), calm_maxima=maxima)


def calibrated_alarms(
    values: Floats,
    *,
    start: int,
    detector: Detector,
    alarms_a_year: float,
    draws: int,
    seed: int,
) -> tuple[Alarm, ...]:
    """Run a detector from `start` on, its threshold and scale from the rows before.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        In the order of time; NaN rows count as time without evidence. The detector is given them
        less the mean and over the standard deviation of the rows before `start`.
    start : int
        First monitored row. Thresholds never move afterwards, so an alarm's dates do not either.
    detector, alarms_a_year, draws, seed
        As in `calibrated_threshold`.

    Returns
    -------
    tuple of Alarm
        In the order of time. After an alarm the detector starts anew on the next row. Alarms up
        to *t* use rows up to *t*.

    Raises
    ------
    NotEnoughData
        Fewer than 40 complete rows before `start`, or none of them moves.
    """
    calm = values[:start]
    complete = calm[~np.isnan(calm)]
    if len(complete) < 40 or not complete.std() > 0:
        raise NotEnoughData(need=40, got=len(complete), what="moving rows before a monitored one")
    standard = (values - complete.mean()) / complete.std()
    threshold = calibrated_threshold(
        standard[:start], detector=detector, alarms_a_year=alarms_a_year, draws=draws, seed=seed
    )
    alarms = []
    while start < len(values):
        statistic, placed = detector(standard[start:])
        over = np.flatnonzero(statistic > threshold.value)
        if not len(over):
            break
        row = int(over[0])
        alarms.append(
            Alarm(
                at=start + int(placed[row]),
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
    alarms_a_year: float,
    min_reference: int,
) -> tuple[Alarm, ...]:
    """Run the e-detector from `start` on, against the mean of the rows before.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Within [floor, ceiling], in the order of time; NaN rows count as time without evidence.
    start : int
        First monitored row.
    floor, ceiling : float
        Bounds of a row, known beforehand.
    alarms_a_year : float
        At most so many false alarms in 252 rows: the threshold is 252/rate, whatever the law of
        the rows, while their conditional mean stays in the 95 % interval of the reference rows.
    min_reference : int
        Fewest complete reference rows. After an alarm the new regime must have as many before it
        is monitored in turn; its first rows are those from the placed change on.

    Returns
    -------
    tuple of Alarm
        In the order of time. Alarms up to *t* use rows up to *t*.

    Raises
    ------
    NotEnoughData
        Fewer than `min_reference` complete rows before `start`.
    """
    if not alarms_a_year > 0:
        raise ValueError(f"alarms_a_year must be positive, got {alarms_a_year}; 1 is usual")
    stretch = SESSIONS_A_YEAR / alarms_a_year
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
        statistic, placed = e_detector(
            values[start:],
            lowest_mean=min(max(centre - half, floor + edge), ceiling - edge),
            highest_mean=max(min(centre + half, ceiling - edge), floor + edge),
            floor=floor,
            ceiling=ceiling,
        )
        over = np.flatnonzero(statistic >= stretch)
        if not len(over):
            break
        row = int(over[0])
        origin = start + int(placed[row])
        alarms.append(
            Alarm(
                at=origin,
                first_seen=start + row,
                statistic=float(statistic[row]),
                threshold=stretch,
                # Doob: P(max over a stretch ≥ c) ≤ stretch/c, as E M_t ≤ t.
                confidence=1 - stretch / float(statistic[row]),
            )
        )
        # The next regime's own mean, once it has shown enough rows.
        enough = np.flatnonzero(np.cumsum(present[origin:]) >= min_reference)
        if not len(enough):
            break
        start = max(start + row, origin + int(enough[0])) + 1
    return tuple(alarms)
