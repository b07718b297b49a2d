"""Scenario plans: the script of each session around the event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from unwind.calendar import all_sessions

Hours = Literal["any", "us_cash", "asia", "after_close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The script of one session.

    Attributes
    ----------
    returns : mapping of symbol to percent
        Simple close-to-close returns; IBIT and ETHA follow BTC-USD and ETH-USD.
    noise : float
        Share of the ordinary return that is left on top of a scripted one.
    hours : str
        Where four fifths or more of bitcoin's scripted move lie (New York clock).
    momentum : float
        Usual daily moves that the strongest winner of twelve months loses on top; the weakest
        loser gains them, those between by rank. Assets without crypto only.
    ibit_volume : float or None
        Shares of IBIT that change hands.
    vix, dvol : float
        Change of the logarithm of implied volatility.
    basis : float
        Change of the annualised futures basis, decimal.
    open_interest_cme, open_interest_offshore : float
        Change of the logarithm of open interest in BTC.
    funding : float
        Change of the daily funding rate, decimal.
    flow_usd_m : float or None
        Net flow into IBIT, trade-dated.
    factors_pct : mapping of factor to percent
        Published factor returns.
    zscore : float or None
        The prime broker's multi-strategy z-score.
    """

    returns: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.15
    hours: Hours = "any"
    momentum: float = 0.0
    ibit_volume: float | None = None
    vix: float = 0.0
    dvol: float = 0.0
    basis: float = 0.0
    open_interest_cme: float = 0.0
    open_interest_offshore: float = 0.0
    funding: float = 0.0
    flow_usd_m: float | None = None
    factors_pct: Mapping[str, float] = field(default_factory=dict)
    zscore: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named course of events.

    Attributes
    ----------
    description : str
        One line for people.
    mechanism : str
        A name of `unwind.hypotheses.HYPOTHESES`.
    stress : tuple of int, or None
        First and last session of the stress, counted from the event (0).
    volatility : float
        Multiplies every volatility, implied ones too, in the sessions of the stress.
    days : mapping of int to Day
        Scripts by sessions from the event.
    """

    description: str
    mechanism: str
    stress: tuple[int, int] | None
    volatility: float = 1.0
    days: Mapping[int, Day] = field(default_factory=dict)


def scripts_on(plan: Scenario, event: int, on: pd.DatetimeIndex) -> dict[int, Day]:
    """Return the scripts of the sessions in `on`, by row; `event` is a calendar position."""
    sessions = all_sessions()
    rows = {int(on.searchsorted(sessions[event + offset])): offset for offset in sorted(plan.days)}
    return {
        row: plan.days[offset]
        for row, offset in rows.items()
        if row < len(on) and on[row] == sessions[event + offset]
    }
