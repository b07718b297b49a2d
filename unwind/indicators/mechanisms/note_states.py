"""Structured notes as of a session: state of each note, and its market."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.derivatives import AMERICAN, EUROPEAN, hitting_probability, notional_density
from features.returns import trailing_volatility
from unwind.indicators.block import GOOD, PROXY
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.volatility_indices import age, index_levels, usual_age
from unwind.settings import Settings

PERCENT = 100.0
DAYS_A_YEAR = 365
LIVE, KNOCKED_IN, UNKNOWN = "live", "knocked in", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility:
    """σ that the notes of one underlying are measured with, and where it came from."""

    value: float
    known_at: pd.Timestamp
    quality: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note that has not matured, with what the market says of its underlying.

    Attributes
    ----------
    strike : float
        Close of the underlying on the issue date or the session before it: the table has no
        initial level, so this is assumed. NaN where the store has none.
    observation : str
        american, european, or unknown.
    touched_on : Timestamp
        First session after issue whose low (close, where there is none) reached the barrier.
    """

    name: str
    underlying: str
    spot: float
    strike: float
    barrier: float
    notional: float
    years: float
    observation: str
    touched_on: pd.Timestamp | None
    known_at: pd.Timestamp
    volatility: Volatility

    @property
    def state(self) -> str:
        """live; knocked in; or unknown: a touch that counts under one observation alone."""
        if self.touched_on is None or self.observation == EUROPEAN:
            return LIVE
        return KNOCKED_IN if self.observation == AMERICAN else UNKNOWN

    @property
    def observations(self) -> tuple[str, ...]:
        """The observations that may hold; the first is the one that `value` shows."""
        return (
            (self.observation,)
            if self.observation in (AMERICAN, EUROPEAN)
            else (AMERICAN, EUROPEAN)
        )


def live_notes(held: pd.DataFrame, context: RunContext) -> pd.DataFrame:
    """Rows of the notes that were issued by the session and mature after it, by name."""
    if held.empty:
        return held
    issued = (held["issued_at"] <= context.stamp) & (held["maturity"] > context.stamp)
    return held[issued].sort_values("note")


def standing_notes(
    held: pd.DataFrame, underlying: str, context: RunContext
) -> tuple[list[Note], str | None]:
    """Notes of one underlying as of the cut-off, or why they cannot be measured.

    `held` is the input table's rows of that underlying.
    """
    if underlying not in context.panel.close.columns:
        return [], f"{underlying} is not in the universe, so it has no price here"
    closes = context.panel.close[underlying].loc[: context.stamp]
    spot = float(closes.iloc[-1])
    if np.isnan(spot):
        return [], f"{underlying} has no close for the session"
    volatility = _volatility(underlying, context.inputs["implied_vol"], context)
    if volatility is None:
        return [], f"no volatility of {underlying}: no index, and too few returns"
    lows = _lows(context.inputs["prices"], underlying, closes)
    price_known = context.known_at(pd.Index([underlying]), base=underlying)[0]
    found = []
    for row in held.to_dict("records"):
        before = closes.loc[: row["issued_at"]].dropna()
        reached = lows.index[(lows.index > row["issued_at"]) & (lows <= row["barrier"])]
        found.append(
            Note(
                name=row["note"],
                underlying=underlying,
                spot=spot,
                strike=float(before.iloc[-1]) if len(before) else np.nan,
                barrier=row["barrier"],
                notional=row["notional_usd"],
                years=(row["maturity"] - context.stamp).days / DAYS_A_YEAR,
                observation=row["observation"].strip().lower(),
                touched_on=reached[0] if len(reached) else None,
                known_at=max(row["known_at"], price_known, volatility.known_at),
                volatility=volatility,
            )
        )
    return found, None


def _lows(prices: pd.DataFrame, underlying: str, closes: pd.Series) -> pd.Series:
    """Lowest print of each session: its low, its close where a vendor printed no low."""
    own = prices[(prices["symbol"] == underlying) & prices["session"].isin(closes.index)]
    lows: pd.Series = own.set_index("session")["low"].reindex(closes.index)
    return lows.fillna(closes).dropna()


def _volatility(underlying: str, implied: pd.DataFrame, context: RunContext) -> Volatility | None:
    chosen = context.settings.notes
    index = chosen.indices.get(underlying)
    if index is not None:
        held = index_levels(implied, {index}, context)[index]
        allowed = context.settings.options.stale_sessions + usual_age(index, context.settings)
        if len(held) and age(context, held.index[-1]) <= allowed:
            value = float(held["close"].iloc[-1]) / PERCENT
            return Volatility(
                value=value,
                known_at=held["known_at"].iloc[-1],
                quality=GOOD,
                detail=f"σ {value:.1%}: {index} of {held.index[-1]:%Y-%m-%d}",
            )
    value = trailing_volatility(
        context.panel.returns[underlying].loc[: context.stamp],
        window=chosen.volatility_window,
        min_observations=chosen.min_observations,
    )
    if not value > 0:
        return None
    return Volatility(
        value=value,
        known_at=context.known_at(pd.Index([underlying]), base=underlying)[0],
        quality=PROXY,
        detail=f"σ {value:.1%}: trailing, {chosen.volatility_window} sessions; no index known",
    )


def barrier_map(notes: list[Note], *, reach: float) -> pd.DataFrame:
    """Notional by distance of its barrier from spot, of notes on one underlying: the chart's data.

    Columns as in `features.derivatives.barriers.notional_density`.
    """
    return notional_density(
        [note.barrier for note in notes], [note.notional for note in notes],
        spot=notes[0].spot, reach=reach,
    )  # fmt: skip


def touch_probability(note: Note, years: float, settings: Settings) -> float:
    """Probability that the note's barrier is touched within the years; 1 where it was."""
    if note.barrier >= note.spot:
        return 1.0
    return float(
        hitting_probability(
            note.spot, note.barrier, volatility=note.volatility.value, years=years,
            drift=settings.notes.drift,
        )
    )  # fmt: skip
