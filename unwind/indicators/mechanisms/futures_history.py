"""Histories of the coin's futures, session by session: what the rows and the attribution read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.derivatives import (
    Curve,
    OpenInterest,
    agreed_direction,
    banded_basis,
    calendar_spread,
    classify,
    constant_maturity,
    direction,
    expiry_sessions,
    funding_measures,
    listed_curve,
    near_month,
    net_short,
    open_interest_in_coins,
    ordinary_change,
    spot_at,
    venue_divergence,
)
from unwind.calendar import cut_instants, futures_closes
from unwind.contract.inputs import INPUT_TABLES
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.freshness import Standing, standing
from unwind.settings.mechanisms import Futures

BLOCK = "futures"
NEAR, CALENDAR = "near", "calendar"
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FuturesHistory:
    """The coin's futures as they were known at a cut-off; NaN where an input was missing.

    It spans two baselines: over its last half a row equals what that session's own run had, before
    it the baselines are shorter.

    Attributes
    ----------
    clock : Series of datetime64[us, UTC]
        Where the futures' day of each session ends.
    spot : DataFrame
        From `features.derivatives.spot.spot_at`, at the clock.
    curve : Curve
    legs, bases : mapping of str to DataFrame
        By "near", "calendar" and tenor ("30d"): from `features.derivatives.futures` and
        `features.derivatives.basis.banded_basis`. `bases["30d"]["basis"]` is the 30-day basis,
        `bases["near"]["change"]` the change of the nearest contract's.
    direction : Series
        Sign of the change of the basis that near month and calendar spread agree on.
    interest_spot : mapping of str to DataFrame
        By venue, from `features.derivatives.spot.spot_at`, at the instant of its open interest.
    open_interest : OpenInterest
        In BTC, venues across; `open_interest.coins["CME"]`.
    ordinary : DataFrame
        What an ordinary session does to open interest; log.
    types : mapping of str to DataFrame
        By venue, from `features.derivatives.open_interest.classify`.
    divergence : Series
        Δln OI of the futures' venue less that offshore.
    funding : DataFrame
        By UTC day, from `features.derivatives.funding.funding_measures`.
    positions : DataFrame
        By Tuesday, from `features.derivatives.funding.net_short`.
    """

    clock: pd.Series
    spot: pd.DataFrame
    curve: Curve
    legs: Mapping[str, pd.DataFrame]
    bases: Mapping[str, pd.DataFrame]
    direction: pd.Series
    interest_spot: Mapping[str, pd.DataFrame]
    open_interest: OpenInterest
    ordinary: pd.DataFrame
    types: Mapping[str, pd.DataFrame]
    divergence: pd.Series
    funding: pd.DataFrame
    positions: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FuturesView:
    """Inputs of the block `futures`, their histories, and the run's position."""

    held: Mapping[str, pd.DataFrame]
    history: FuturesHistory
    context: RunContext

    @property
    def chosen(self) -> Futures:
        """The section of the settings."""
        return self.context.settings.futures

    def standing(
        self, what: str, at: pd.Timestamp | None, known: list[pd.Series], *, usual: int = 1
    ) -> Standing:
        """Judge the newest row of an input; at 16:15 the newest futures are a session old."""
        return standing(
            BLOCK, what, at, known, self.context, usual=usual, limit=self.chosen.stale_sessions
        )

    def spot_known(self, at: pd.Timestamp) -> list[pd.Series]:
        """Times at which the spot prices up to a session were known."""
        hourly, daily = self.held["hourly"], self.held["daily"]
        return [
            hourly.loc[hourly["bar_start_utc"] < self.history.clock[at], "known_at"],
            daily.loc[daily["session"] <= at, "known_at"],
        ]


def future_inputs(context: RunContext) -> dict[str, pd.DataFrame]:
    """Rows of the inputs that concern the coin's futures and describe nothing after the session.

    Parameters
    ----------
    context : RunContext

    Returns
    -------
    dict of str to DataFrame
        `futures`, `hourly`, `daily` (UTC days of the coin), `open_interest` (with that of
        perpetuals where a venue has no other), `perpetuals`, `cftc_positions`; typed when empty.
    """
    chosen = context.settings.futures
    ticker = context.settings.clock.hourly.get(chosen.spot, "")
    end = context.stamp.tz_localize("UTC") + DAY
    held = {name: _typed(context.inputs[name], name) for name in (
        "crypto_hourly", "prices", "futures", "open_interest", "perpetuals", "cftc_positions",
    )}  # fmt: skip
    hourly, daily = held["crypto_hourly"], held["prices"]
    futures, interest, perpetuals = (
        held[name][held[name]["session"] <= context.stamp]
        for name in ("futures", "open_interest", "perpetuals")
    )
    perpetuals = perpetuals[perpetuals["venue"] == chosen.offshore]
    coins = ["open_interest_btc", "open_interest_usd"]
    stand_in = perpetuals[perpetuals[coins].notna().any(axis=1)]
    if (interest["venue"] == chosen.offshore).any():
        stand_in = stand_in.iloc[:0]
    positions = held["cftc_positions"]
    return {
        "futures": futures[futures["venue"] == chosen.venue],
        "hourly": hourly[(hourly["symbol"] == ticker) & (hourly["bar_start_utc"] < end)],
        "daily": daily[
            (daily["symbol"] == chosen.spot)
            & (daily["session"] <= context.stamp)
            & daily["symbol"].isin(context.settings.clock.crypto_daily)
        ],
        "open_interest": pd.concat(
            [interest, stand_in.assign(contract_group="perpetual")[interest.columns]]
        )
        if len(stand_in)
        else interest,
        "perpetuals": perpetuals,
        "cftc_positions": positions[
            (positions["venue"] == chosen.venue) & (positions["as_of"] <= context.stamp)
        ],
    }


def futures_history(held: Mapping[str, pd.DataFrame], context: RunContext) -> FuturesHistory:
    """Bases, classes, divergence, funding and positions over two baselines of sessions.

    Parameters
    ----------
    held : mapping of str to DataFrame
        From `future_inputs`.
    context : RunContext
        The sessions of its panel are the rows.
    """
    chosen = context.settings.futures
    sessions = context.panel.sessions[-(2 * chosen.window + 2) :]
    clock = futures_closes(
        sessions, chosen.week_close, without_weekend_from=chosen.without_weekend_from
    )
    spot = spot_at(held["hourly"], held["daily"], clock)
    curve = listed_curve(
        held["futures"],
        sessions,
        min_days=chosen.min_days,
        contracts_per_trade=chosen.contracts_per_trade,
        max_wait_hours=chosen.max_wait_hours,
    )
    legs = {NEAR: near_month(curve, spot), CALENDAR: calendar_spread(curve)} | {
        f"{tenor}d": constant_maturity(curve, spot, tenor=tenor) for tenor in chosen.tenors
    }
    bases = {
        name: banded_basis(
            leg,
            curve.hour_variance,
            spot=None if name == CALENDAR else spot,
            window=chosen.window,
            min_observations=chosen.min_observations,
            confidence=chosen.confidence,
        )
        for name, leg in legs.items()
    }
    agreed = agreed_direction(
        *(
            direction(bases[name]["change"], bases[name]["change_error"])
            for name in (NEAR, CALENDAR)
        )
    )
    venues = (chosen.venue, chosen.offshore)
    day_ends = pd.Series((sessions + DAY).tz_localize("UTC"), sessions)
    closes = pd.Series(cut_instants(sessions), sessions)
    interest_spot = {
        venue: spot_at(
            held["hourly"],
            held["daily"],
            closes if venue in chosen.venues_at_new_york_close else day_ends,
        )
        for venue in venues
    }
    interest = open_interest_in_coins(
        held["open_interest"],
        pd.DataFrame({venue: rows["price"] for venue, rows in interest_spot.items()}),
        venues=venues,
    )
    ordinary = ordinary_change(
        interest.change,
        window=chosen.window,
        min_observations=chosen.min_observations,
        floor=chosen.open_interest_floor,
        confidence=chosen.confidence,
    )
    expiries = pd.DatetimeIndex(held["futures"]["expiry"].unique())
    expired = expiry_sessions(expiries, sessions)
    never = pd.Series(False, sessions)
    return FuturesHistory(
        clock=clock,
        spot=spot,
        curve=curve,
        legs=legs,
        bases=bases,
        direction=agreed,
        interest_spot=interest_spot,
        open_interest=interest,
        ordinary=ordinary,
        types={
            venue: classify(
                agreed,
                interest.change[venue],
                ordinary[venue],
                expired=expired if venue == chosen.venue else never,
            )
            for venue in venues
        },
        divergence=venue_divergence(interest.change, first=venues[0], second=venues[1]),
        funding=funding_measures(
            _every_day(held["perpetuals"], span=2 * chosen.window),
            days=chosen.funding_days,
            flip_window=chosen.flip_window,
        ),
        positions=net_short(held["cftc_positions"].set_index("as_of").sort_index()),
    )


def _typed(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    """Give the columns of a table that no source printed their types."""
    if len(rows):
        return rows
    declared = INPUT_TABLES[table]
    types = dict.fromkeys(declared.texts, "str") | dict.fromkeys(declared.numbers, "float64")
    types |= dict.fromkeys((declared.event, *declared.dates), "datetime64[us]")
    if declared.instant:
        types[declared.event] = "datetime64[us, UTC]"
    types["known_at"] = "datetime64[us, UTC]"
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in types.items()})


def _every_day(perpetuals: pd.DataFrame, *, span: int) -> pd.Series:
    """Funding by UTC day, missing days as NaN."""
    rate = perpetuals.set_index("session")["funding_rate_daily"].astype(np.float64).sort_index()
    if rate.empty:
        return rate
    last = rate.index[-1]
    return rate.reindex(pd.date_range(max(rate.index[0], last - span * DAY), last, unit="us"))


def futures_view(context: RunContext) -> FuturesView:
    """Read the inputs of the coin's futures and measure their histories, once for all blocks."""
    held = future_inputs(context)
    history = futures_history(held, context)
    return FuturesView(held=held, history=history, context=context)
