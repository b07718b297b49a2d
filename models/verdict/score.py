"""Deleveraging score and state: drivers → evidence → score → state.

Evidence of a driver is −log₁₀ of its tail frequency in ordinary sessions: 2 is 1 in 100 sessions.
The score is −log₁₀ of the drivers' weighted harmonic-mean p-value, which holds however they depend
on each other:

    score = log₁₀( Σ_d w_d · 10^evidence_d ),  Σ_d w_d = 1

    CALM ──score ≥ watch──▶ WATCH ──score ≥ deleveraging──▶ DELEVERAGING or DEGROSSING
      ▲                      │ ▲                                 │ score < watch
      │                      │ └──────── score ≥ watch ─────── RELEASE
      └── below release for `dwell` sessions ─────────────────────┘

DELEVERAGING also needs a cross-asset score (crowding at evidence 0) of at least `watch`: unlike
asset classes are being sold. Without it the state is DEGROSSING: losses in long–short spreads
alone. Each contribution is the driver's share of the sum, times the score: they add up to it. A
missing driver enters with evidence 0, so its absence never raises the score; `highest` gives it
the cap instead. Scales and thresholds are calibrated on ordinary sessions to a target false-alarm
rate (`models.verdict.calibration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

CALM, WATCH, DEGROSSING, DELEVERAGING, RELEASE, UNKNOWN = (
    "CALM",
    "WATCH",
    "DEGROSSING",
    "DELEVERAGING",
    "RELEASE",
    "UNKNOWN",
)

# An alarm: sold now, across asset classes or in long–short spreads alone.
RAISED = (DELEVERAGING, DEGROSSING)

# Columns of the drivers, with a description for display.
DRIVERS: Mapping[str, str] = {
    "breadth": "tail losses across asset classes",
    "concentration": "tail losses in the four worst-hit asset classes",
    "volume_on_falls": "abnormal volume on falls in the worst-hit asset classes",
    "crowding": "losses across long–short factor spreads",
}
# Drivers of one strategy: alone they never show that unlike asset classes are being sold.
NARROW = ("crowding",)
# Relative weights: crowding rests on four or five series of one asset class.
WEIGHTS: Mapping[str, float] = {
    "breadth": 0.3167,
    "concentration": 0.3167,
    "volume_on_falls": 0.3167,
    "crowding": 0.05,
}

# Shares of ordinary sessions below the knots of a scale; above the last, a generalised Pareto tail.
LEVELS = (0.75, 0.90, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Distribution of one driver over ordinary sessions.

    Attributes
    ----------
    knots : tuple of float
        Values that shares `LEVELS` of the ordinary sessions stay below; not decreasing.
    mean_excess : float
        Mean excess of ordinary sessions over the last knot.
    shape : float
        ξ of the generalised Pareto tail beyond the last knot, in [0, 1); 0 is exponential.
    """

    knots: tuple[float, ...]
    mean_excess: float
    shape: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreHistory:
    """Score and drivers, session by session.

    Attributes
    ----------
    values, evidence, contributions : DataFrame of shape (n_sessions, n_drivers)
        Columns: names of `DRIVERS`. NaN where a driver is missing.
    score, highest : Series of shape (n_sessions,)
        With each missing driver at evidence zero, and at the cap. NaN without any driver.
    cross_asset : Series of shape (n_sessions,)
        The score with the narrow drivers at evidence zero. NaN where the score is.
    """

    values: pd.DataFrame
    evidence: pd.DataFrame
    contributions: pd.DataFrame
    score: pd.Series
    highest: pd.Series
    cross_asset: pd.Series


def evidence_of(values: pd.Series, scale: Scale, *, cap: float = 4.0) -> pd.Series:
    """Evidence of a driver: −log₁₀ of its tail frequency in ordinary sessions.

    Parameters
    ----------
    values : Series of shape (n_sessions,)
        At least 0; 0 has evidence 0.
    scale : Scale
    cap : float
        Largest evidence of one driver: beyond the calibration sample the tail is extrapolated.

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
    if not 0 <= scale.shape < 1:
        raise ValueError(f"shape must lie in [0, 1), got {scale.shape}; calibrate again")
    knots, knot_evidence = [0.0], [0.0]
    for knot, level in zip(scale.knots, LEVELS, strict=True):
        if knot > knots[-1]:
            knots.append(knot)
            knot_evidence.append(-np.log10(1 - level))
    below = np.interp(values.to_numpy(dtype=np.float64), knots, knot_evidence)
    # The mean of a generalised Pareto distribution is β/(1−ξ): its tail keeps the mean excess.
    excess = (values - knots[-1]).clip(lower=0.0) / (scale.mean_excess * (1 - scale.shape))
    beyond = np.log1p(scale.shape * excess) / scale.shape if scale.shape > 0 else excess
    evidence: pd.Series = (below + beyond / np.log(10)).clip(upper=cap)
    return evidence


def deleveraging_score(
    drivers: pd.DataFrame,
    *,
    scales: Mapping[str, Scale],
    weights: Mapping[str, float] = WEIGHTS,
    cap: float = 4.0,
) -> ScoreHistory:
    """Score every session from the values of its drivers.

    Parameters
    ----------
    drivers : DataFrame of shape (n_sessions, n_drivers)
        Columns: names of `DRIVERS`.
    scales : dict of str to Scale
        One per driver.
    weights : dict of str to float
        One per driver, at least 0; they are divided by their sum.
    cap : float
        Largest evidence of one driver.

    Returns
    -------
    ScoreHistory
        The value at *t* uses the row of *t* and the scales.

    Notes
    -----
    Wilson (2019, PNAS 116), "The harmonic mean p-value", eq. 1: valid in the tail under arbitrary
    dependence, and dominated by the largest driver, because episodes differ (August 2007 was
    crowding alone, October 2008 every asset class).
    """
    if unknown := drivers.columns.symmetric_difference(pd.Index(list(DRIVERS))).tolist():
        raise ValueError(f"drivers must be {list(DRIVERS)}, got a difference of {unknown}")
    share = pd.Series(weights, dtype=np.float64)[list(DRIVERS)]
    share = share / share.sum()
    evidence = pd.DataFrame(
        {name: evidence_of(drivers[name], scales[name], cap=cap) for name in DRIVERS},
        index=drivers.index,
    )
    observed = evidence.notna().any(axis=1)
    # A missing driver enters with p = 1, so the score is a lower bound.
    terms = share * 10.0 ** evidence.fillna(0.0)
    narrow = list(NARROW)
    broad = terms.drop(columns=narrow).sum(axis=1) + share[narrow].sum()
    most = (share * 10.0 ** evidence.fillna(cap)).sum(axis=1)
    # The sum is 1 at least; rounding must not put an ordinary session below a score of 0.
    score, cross_asset, highest = (
        np.log10(total.clip(lower=1.0)).where(observed)
        for total in (terms.sum(axis=1), broad, most)
    )
    # Contributions are shares of the observed drivers; they add up to the score.
    seen = terms.where(evidence.notna())
    return ScoreHistory(
        values=drivers[list(DRIVERS)],
        evidence=evidence,
        contributions=seen.div(seen.sum(axis=1), axis=0).mul(score, axis=0),
        score=score,
        highest=highest,
        cross_asset=cross_asset,
    )


def states(
    score: pd.Series,
    *,
    watch: float,
    deleveraging: float,
    release: float,
    cross_asset: pd.Series | None = None,
    dwell: int = 2,
) -> pd.DataFrame:
    """Run the state machine over a score.

    Parameters
    ----------
    score : Series of shape (n_sessions,)
        NaN where no driver was observed.
    watch, deleveraging, release : float
        Entry and exit thresholds, release < watch < deleveraging.
    cross_asset : Series of shape (n_sessions,), optional
        Score without the narrow drivers; DELEVERAGING needs `watch` of it. None: the score.
    dwell : int
        Consecutive sessions below `release` before WATCH or RELEASE returns to CALM.

    Returns
    -------
    DataFrame
        Columns state, previous_state, sessions_in_state. A session without a score is UNKNOWN and
        changes nothing for the next one, whose previous state and count pass over it. The value
        at *t* uses rows up to *t*.
    """
    if not release < watch < deleveraging:
        raise ValueError(
            f"thresholds must rise: release {release} < watch {watch} < "
            f"deleveraging {deleveraging}; correct the settings"
        )
    broad = score if cross_asset is None else cross_asset
    state, n_below = CALM, 0
    scored, n_scored = UNKNOWN, 0  # state of the last session with a score, and sessions in it
    latest, n_unknown = UNKNOWN, 0
    rows: list[tuple[str, str, int]] = []
    for value, own in zip(
        score.to_numpy(dtype=np.float64), broad.to_numpy(dtype=np.float64), strict=True
    ):
        if np.isnan(value):
            n_unknown += 1
            rows.append((UNKNOWN, latest, n_unknown))
            latest = UNKNOWN
            continue
        n_unknown = 0
        n_below = n_below + 1 if value < release else 0
        if value >= deleveraging and own >= watch:
            state = DELEVERAGING
        elif value >= deleveraging and state != DELEVERAGING:
            state = DEGROSSING
        elif state in RAISED:
            state = RELEASE if value < watch else state
        elif value >= watch:
            state = WATCH
        elif state in (WATCH, RELEASE) and n_below >= dwell:
            state = CALM
        n_scored = n_scored + 1 if state == scored else 1
        rows.append((state, scored, n_scored))
        scored = latest = state
    columns = ["state", "previous_state", "sessions_in_state"]
    frame = pd.DataFrame(rows, index=score.index, columns=columns)
    return frame.astype({"state": "str", "previous_state": "str", "sessions_in_state": np.int64})
