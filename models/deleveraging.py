"""The rule that desks read: drivers → score → state.

Score = Σ_d min(cap, weight_d · max(0, evidence_d − start_d)), over the drivers of `DRIVERS`.

    CALM ──score ≥ watch──▶ WATCH ──score ≥ deleveraging──▶ DELEVERAGING
      ▲                       │                                  │ score < watch
      └── below release ◀─────┘         CALM ◀── below ── RELEASE ◀┘
          for `dwell` sessions                   release for `dwell` sessions

Every contribution is shown, and they add up to the score. A missing driver contributes nothing and
opens the range score_lowest … score_highest instead. The thresholds are plain settings: they are
not yet calibrated to a false-entry rate, and no probability is given for that reason.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.shocks import joint_downside_tail, robust_z

CALM, WATCH, DELEVERAGING, RELEASE, UNKNOWN = (
    "CALM",
    "WATCH",
    "DELEVERAGING",
    "RELEASE",
    "UNKNOWN",
)
SLIDE = 3  # sessions of a short cumulative fall: forced sellers rarely finish in one day
TAIL_START = 1.5  # σ below which a fall is an ordinary bad day


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One kind of evidence: where it starts to count and how much a unit of it weighs."""

    name: str
    start: float
    weight: float
    meaning: str


DRIVERS = (
    Driver(name="base_fall", start=1.5, weight=0.6, meaning="fall of the base in a session, σ"),
    Driver(name="base_slide", start=1.5, weight=0.4, meaning="fall of the base in 3 sessions, σ"),
    Driver(name="breadth", start=1.0, weight=0.5, meaning="joint downside tail of risk assets"),
    Driver(name="links", start=1.0, weight=0.5, meaning="3-session rise of mean correlation, σ"),
    Driver(name="volume", start=1.5, weight=0.5, meaning="ln volume of the base on a fall, σ"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreHistory:
    """Score and drivers, session by session.

    Attributes
    ----------
    evidence, contributions : DataFrame of shape (n_sessions, n_drivers)
        Columns: names of `DRIVERS`. NaN where an input is missing.
    score, lowest, highest : Series of shape (n_sessions,)
        Sum of the contributions present; and with each missing one at zero, at its cap. NaN
        where the base itself has no z.
    """

    evidence: pd.DataFrame
    contributions: pd.DataFrame
    score: pd.Series
    lowest: pd.Series
    highest: pd.Series


def deleveraging_score(
    returns: pd.DataFrame,
    shares: pd.Series,
    link: pd.DataFrame,
    *,
    base: str,
    havens: tuple[str, ...],
    window: int,
    slow_window: int,
    min_observations: int,
    cap: float,
) -> ScoreHistory:
    """Score every session from returns, the base's volume and its correlations.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, the base among them.
    shares : Series of shape (n_sessions,)
        Volume of the base.
    link : DataFrame of shape (n_sessions, n_counterparts)
        Short-window correlation of the base with each counterpart.
    base : str
    havens : tuple of str
        Counterparts whose fall is not risk-off; left out of breadth and links.
    window, slow_window, min_observations : int
        Baselines of the z-scores, which end at t−1.
    cap : float
        Most points that one driver may add: no single input can name a regime alone.

    Returns
    -------
    ScoreHistory
        The value at *t* uses rows up to *t*.
    """
    risky = [name for name in returns.columns if name != base and name not in havens]
    z = robust_z(returns, window=window, min_observations=min_observations)
    slide = robust_z(
        returns.rolling(SLIDE, min_periods=SLIDE).sum(),
        window=window,
        min_observations=min_observations,
    )
    linked = link[[name for name in link.columns if name in risky]].mean(axis=1)
    evidence = pd.DataFrame(
        {
            "base_fall": -z[base],
            "base_slide": -slide[base],
            "breadth": joint_downside_tail(z[risky], start=TAIL_START)
            + joint_downside_tail(slide[risky], start=TAIL_START),
            "links": robust_z(
                linked.diff(SLIDE), window=slow_window, min_observations=min_observations
            ),
            # Volume is evidence of selling only when the price fell.
            "volume": robust_z(
                np.log(shares), window=window, min_observations=min_observations
            ).where(~(returns[base] >= 0), 0.0),
        },
        index=returns.index,
    )
    start = np.array([driver.start for driver in DRIVERS])
    weight = np.array([driver.weight for driver in DRIVERS])
    points = ((evidence - start).clip(lower=0) * weight).clip(upper=cap)
    score = points.sum(axis=1).where(evidence["base_fall"].notna())
    return ScoreHistory(
        evidence=evidence,
        contributions=points,
        score=score,
        lowest=score,
        highest=score + cap * points.isna().sum(axis=1),
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
        elif standing == CALM and value >= watch:
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
