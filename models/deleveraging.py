"""The rule that desks read: drivers → evidence → score → state.

Evidence of a driver is −log₁₀ of how often ordinary sessions reach its value: 2 is once in 100
sessions. The score is the same of all drivers together, by the harmonic mean of their
probabilities, which holds however the drivers depend on each other:

    score = log₁₀( Σ_d 10^evidence_d / D ),  D drivers

    CALM ──score ≥ watch──▶ WATCH ──score ≥ deleveraging──▶ DELEVERAGING
      ▲                      │ ▲                                 │ score < watch
      │                      │ └──────── score ≥ watch ─────── RELEASE
      └── below release for `dwell` sessions ─────────────────────┘

Each contribution is the driver's share of the sum, times the score: they add up to it. A missing
driver counts as one that says nothing (evidence 0), so that its absence never raises the score,
and opens the range score … highest. Scales and thresholds are calibrated on ordinary sessions to
a stated rate of false entries (`models.calibration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

CALM, WATCH, DELEVERAGING, RELEASE, UNKNOWN = (
    "CALM",
    "WATCH",
    "DELEVERAGING",
    "RELEASE",
    "UNKNOWN",
)

# What is selling, and how each driver is read; `features.selling` computes them.
DRIVERS: Mapping[str, str] = {
    "breadth": "joint downside tail of unlike asset classes",
    "concentration": "depth of the fall in the worst-hit classes",
    "crowding": "joint losses of long-short sleeves",
}

# Shares of ordinary sessions below the knots of a scale; above the last, the tail is exponential.
LEVELS = (0.75, 0.90, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How often ordinary sessions reach a value of one driver.

    Attributes
    ----------
    knots : tuple of float
        Values that shares `LEVELS` of the ordinary sessions stay below; not decreasing.
    mean_excess : float
        Mean excess of ordinary sessions over the last knot: the scale of the exponential tail.
    """

    knots: tuple[float, ...]
    mean_excess: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreHistory:
    """Score and drivers, session by session.

    Attributes
    ----------
    values, evidence, contributions : DataFrame of shape (n_sessions, n_drivers)
        Columns: names of `DRIVERS`. NaN where a driver is missing.
    score, highest : Series of shape (n_sessions,)
        With each missing driver at evidence zero, and at the cap. NaN without any driver.
    """

    values: pd.DataFrame
    evidence: pd.DataFrame
    contributions: pd.DataFrame
    score: pd.Series
    highest: pd.Series


def evidence_of(values: pd.Series, scale: Scale, *, cap: float) -> pd.Series:
    """Evidence of a driver: −log₁₀ of the share of ordinary sessions that reach its value.

    Parameters
    ----------
    values : Series of shape (n_sessions,)
        At least 0; 0 is no evidence at all.
    scale : Scale
    cap : float
        Most evidence one driver may give: beyond the calibration sample the tail is extrapolated.

    Returns
    -------
    Series of shape (n_sessions,)
        In [0, cap]; linear between the knots. NaN where the value is. The value at *t* uses the
        row of *t* and the scale.
    """
    if len(scale.knots) != len(LEVELS):
        raise ValueError(
            f"a scale must have {len(LEVELS)} knots, got {len(scale.knots)}; calibrate again"
        )
    if scale.mean_excess <= 0:
        raise ValueError(
            f"mean_excess must be positive, got {scale.mean_excess}; calibrate on more sessions"
        )
    places, heights = [0.0], [0.0]
    for knot, level in zip(scale.knots, LEVELS, strict=True):
        if knot > places[-1]:
            places.append(knot)
            heights.append(-np.log10(1 - level))
    below = np.interp(values.to_numpy(dtype=np.float64), places, heights)
    beyond = (values - places[-1]).clip(lower=0.0) / (scale.mean_excess * np.log(10))
    evidence: pd.Series = (below + beyond).clip(upper=cap)
    return evidence


def deleveraging_score(
    drivers: pd.DataFrame, *, scales: Mapping[str, Scale], cap: float
) -> ScoreHistory:
    """Score every session from the values of its drivers.

    Parameters
    ----------
    drivers : DataFrame of shape (n_sessions, n_drivers)
        Columns: names of `DRIVERS`.
    scales : dict of str to Scale
        One a driver.
    cap : float
        Most evidence one driver may give.

    Returns
    -------
    ScoreHistory
        The value at *t* uses the row of *t* and the scales.

    Notes
    -----
    Wilson (2019, PNAS 116), "The harmonic mean p-value", eq. 1, with equal weights: valid in the
    tail under arbitrary dependence, and led by whichever driver speaks loudest, since August 2007
    and October 2008 look nothing alike.
    """
    if unknown := drivers.columns.symmetric_difference(pd.Index(list(DRIVERS))).tolist():
        raise ValueError(f"drivers must be {list(DRIVERS)}, got a difference of {unknown}")
    evidence = pd.DataFrame(
        {name: evidence_of(drivers[name], scales[name], cap=cap) for name in DRIVERS},
        index=drivers.index,
    )
    odds = 10.0**evidence
    told = evidence.notna().any(axis=1)
    missing = evidence.isna().sum(axis=1)
    total = odds.sum(axis=1) + missing
    score = np.log10(total / len(DRIVERS)).where(told)
    # Silent drivers share what is left over: the shares of all, missing ones at one, sum to one.
    speaking = odds.div(odds.sum(axis=1), axis=0)
    return ScoreHistory(
        values=drivers[list(DRIVERS)],
        evidence=evidence,
        contributions=speaking.mul(score, axis=0),
        score=score,
        highest=np.log10((odds.sum(axis=1) + missing * 10.0**cap) / len(DRIVERS)).where(told),
    )


def states(
    score: pd.Series, *, watch: float, deleveraging: float, release: float, dwell: int
) -> pd.DataFrame:
    """Run the state machine over a score.

    Parameters
    ----------
    score : Series of shape (n_sessions,)
        NaN where it cannot be told.
    watch, deleveraging, release : float
        Entry and exit thresholds, release < watch < deleveraging.
    dwell : int
        Sessions in a row below `release` before a raised state becomes CALM.

    Returns
    -------
    DataFrame
        Columns state, previous_state, sessions_in_state. A session without a score is UNKNOWN and
        changes nothing for the next one. The value at *t* uses rows up to *t*.
    """
    if not release < watch < deleveraging:
        raise ValueError(
            f"thresholds must rise: release {release} < watch {watch} < "
            f"deleveraging {deleveraging}; correct the settings"
        )
    standing, below = CALM, 0
    printed: list[str] = []
    for value in score.to_numpy(dtype=np.float64):
        if np.isnan(value):
            printed.append(UNKNOWN)
            continue
        below = below + 1 if value < release else 0
        if value >= deleveraging:
            standing = DELEVERAGING
        elif standing == DELEVERAGING:
            standing = RELEASE if value < watch else DELEVERAGING
        elif value >= watch:
            standing = WATCH
        elif standing in (WATCH, RELEASE) and below >= dwell:
            standing = CALM
        printed.append(standing)
    state = pd.Series(printed, index=score.index, dtype="str")
    previous = state.shift(1, fill_value=UNKNOWN)
    run = (state != previous).cumsum()
    return pd.DataFrame(
        {
            "state": state,
            "previous_state": previous,
            "sessions_in_state": state.groupby(run).cumcount() + 1,
        }
    )
