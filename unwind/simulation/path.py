"""The path of a simulated market, before any table is written.

Daily factors have GARCH(1,1) variances and Student-t innovations; bitcoin and ether move hour by
hour on a crypto factor of their own. A scripted return replaces the ordinary one but for a small
share of its noise, so that the facts of an event hold under every seed. Scripted changes of basis,
open interest, funding and implied volatility fade at the speed of the series they are added to.

Every random number comes from a stream named after its use and is drawn in order of time, and
levels are anchored at the session before the event, however far the simulation runs: rows up to a
day do not depend on what follows it. Two scenarios with one seed share every return that their
scripts leave alone. So a scripted fall feeds no later variance: after the script comes the calm
market again, from the levels that the script left. Log prices have no drift. Every session ends at
16:00 New York, half days too, as the desk cuts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.calendar import all_sessions
from unwind.simulation.assets import CRYPTO, EXCHANGE, FACTORS, LEVELS, TRUSTS, Asset
from unwind.simulation.hours import SessionHours, hourly_bars, hourly_factors
from unwind.simulation.plans import Day, Scenario, scripts_on
from unwind.simulation.processes import (
    Floats,
    anchored,
    conditional_variance,
    stream,
    student,
)

HOLIDAY = 0.3  # share of a weekday's move that is left when the exchange is shut
TRACKING = 4e-4  # a trust's close against its coins


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """Path of a simulated market. Weekday rows are as of 16:00 New York.

    Attributes
    ----------
    plan : Scenario
    seed : int
    event : int
        Position of the event in the exchange calendar.
    days, weekdays : DatetimeIndex
        Calendar days and weekdays; the last week lies beyond the tables.
    hours : DatetimeIndex, UTC
        Starts of the hourly bars.
    trades : bool array, one per weekday
        Whether the exchange is open.
    prices : mapping of symbol to array, one value per weekday
        Before any income; BTC-USD and ETH-USD too are as of 16:00 New York here.
    starts : mapping of symbol to float
        The price before the first weekday, of what is traded on the exchange.
    bars : mapping of symbol to array of shape (hours, 4)
        Open, high, low and close of BTC-USD and ETH-USD.
    market_variance, crypto_variance : array, one value per weekday and per day
        Conditional variance of the next step over its long-run mean.
    volatility : array, one value per weekday
        The scenario's multiplier.
    """

    plan: Scenario
    seed: int
    event: int
    days: pd.DatetimeIndex
    weekdays: pd.DatetimeIndex
    hours: pd.DatetimeIndex
    trades: NDArray[np.bool_]
    prices: Mapping[str, Floats]
    starts: Mapping[str, float]
    bars: Mapping[str, Floats]
    market_variance: Floats
    crypto_variance: Floats
    volatility: Floats

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Weekdays on which the exchange is open."""
        return self.weekdays[self.trades]

    @property
    def before_event(self) -> int:
        """Number of sessions before the event."""
        return int(self.sessions.searchsorted(all_sessions()[self.event]))

    def closes(self, symbol: str) -> Floats:
        """Return the prices of the sessions."""
        return self.prices[symbol][self.trades]

    def stream(self, name: str) -> np.random.Generator:
        """Return the random numbers of one use."""
        return stream(self.seed, name)

    def scripts(self, on: pd.DatetimeIndex) -> dict[int, Day]:
        """Return the scripts of the sessions in `on`, by row."""
        return scripts_on(self.plan, self.event, on)

    def impulses(self, on: pd.DatetimeIndex, value: Callable[[Day], float]) -> Floats:
        """Spread one scripted change over a calendar, zero where nothing is scripted.

        What happens after the close starts on the next calendar day, a weekend's included.
        """
        spread = np.zeros(len(on))
        sessions = all_sessions()
        for offset, day in self.plan.days.items():
            stamp = sessions[self.event + offset]
            if day.hours == "after_close":
                stamp = sessions[self.event + offset - 1] + pd.Timedelta(days=1)
            if on[0] <= stamp <= on[-1]:
                spread[on.searchsorted(stamp)] += value(day)
        return spread


def simulate_path(plan: Scenario, *, seed: int, first: date, last: date, event: date) -> Path:
    """Draw the path of a scenario; arguments as in `unwind.simulation.source.simulate_market`."""
    sessions = all_sessions()
    # To the event at least, which fixes the levels. A week more than the tables: the hours after
    # the last close belong to the next session.
    end = pd.Timestamp(max(last, event)) + pd.Timedelta(days=7)
    days = pd.date_range(first, end, unit="us")
    weekdays = days[days.day_of_week < 5]
    trades = np.asarray(weekdays.isin(sessions))
    position = int(sessions.searchsorted(pd.Timestamp(event)))
    anchor = int(weekdays.searchsorted(sessions[position - 1]))
    scripts = scripts_on(plan, position, weekdays)
    previous = _previous_sessions(trades)
    volatility = np.ones(len(weekdays))
    if plan.stress is not None:
        since = sessions.searchsorted(weekdays) - position
        volatility[(since >= plan.stress[0]) & (since <= plan.stress[1])] = plan.volatility

    shocks = student(stream(seed, "factors"), (len(weekdays), len(FACTORS)))
    factor_variance = conditional_variance(shocks, alpha=0.08, beta=0.89)
    pace = (np.where(trades, 1.0, HOLIDAY) * volatility / np.sqrt(252))[:, None]
    factors = np.sqrt(factor_variance[:-1]) * shocks * pace

    clock = SessionHours.build(days, weekdays)
    hourly = hourly_factors(seed, days)
    hourly.moves[:] *= volatility[clock.window][:, None]
    prices, starts, bars = {}, {}, {}
    for symbol, asset in CRYPTO.items():
        moves = asset.crypto * hourly.moves[:, 0] + asset.own * hourly.moves[:, 1]
        moves += _loaded(factors, asset)[clock.window] * clock.cash_weight
        for row, day in scripts.items():
            if symbol in day.returns:
                # Since the close of the session before: a holiday has a window of its own.
                inside = (clock.window > previous[row]) & (clock.window <= row)
                moves[inside] *= day.noise
                scripted = np.log1p(day.returns[symbol] / 100)
                moves[inside] += scripted * clock.script(inside, day.hours)
        levels = anchored(moves, level=LEVELS[symbol], at=int(clock.closing[anchor]))
        bars[symbol] = hourly_bars(levels, stream(seed, f"{symbol} range"))
        prices[symbol] = bars[symbol][clock.closing, 3]
    for trust, coin in TRUSTS.items():
        gap = TRACKING * stream(seed, f"{trust} tracking").standard_normal(len(weekdays))
        per_coin = prices[coin] / prices[coin][anchor] * np.exp(gap - gap[anchor])
        prices[trust] = LEVELS[trust] * per_coin

    own = student(stream(seed, "own"), (len(weekdays), len(EXCHANGE)))
    own *= np.sqrt(conditional_variance(own, alpha=0.06, beta=0.90)[:-1]) * pace
    crypto = np.bincount(clock.window, weights=hourly.moves[:, 0], minlength=len(weekdays))
    returns = np.column_stack(
        [
            _loaded(factors, asset) + asset.crypto * crypto + asset.own * own[:, column]
            for column, asset in enumerate(EXCHANGE.values())
        ]
    )
    for row, day in scripts.items():
        _apply(day, returns, row, holidays=slice(previous[row] + 1, row))
    for column, symbol in enumerate(EXCHANGE):
        levels = anchored(returns[:, column], level=LEVELS[symbol], at=anchor)
        starts[symbol], prices[symbol] = float(levels[0]), levels[1:]

    return Path(
        plan=plan,
        seed=seed,
        event=position,
        days=days,
        weekdays=weekdays,
        hours=clock.hours,
        trades=trades,
        prices=prices,
        starts=starts,
        bars=bars,
        market_variance=factor_variance[1:, 0],
        crypto_variance=hourly.variance,
        volatility=volatility,
    )


def _previous_sessions(trades: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the row of the session before each weekday, −1 ahead of the first."""
    open_rows = np.flatnonzero(trades)
    position = np.searchsorted(open_rows, np.arange(len(trades))) - 1
    return np.append(open_rows, -1)[position]


def _loaded(factors: Floats, asset: Asset) -> Floats:
    # Column by column: a matrix product may round a row differently when rows are added.
    total = np.zeros(len(factors))
    for column, name in enumerate(FACTORS):
        total += getattr(asset, name) * factors[:, column]
    return total


def _apply(day: Day, returns: Floats, row: int, *, holidays: slice) -> None:
    """Write one session's script into the weekday returns, from rows before it only."""
    symbols = list(EXCHANGE)
    for symbol, percent in day.returns.items():
        if symbol in EXCHANGE:
            column = symbols.index(symbol)
            returns[holidays, column] *= day.noise
            returns[row, column] = np.log1p(percent / 100) + day.noise * returns[row, column]
    if day.momentum:
        # Twelve months without the last one: crowded winners are sold, crowded shorts bought back.
        sleeve = [column for column, asset in enumerate(EXCHANGE.values()) if not asset.crypto]
        past = returns[max(row - 252, 0) : max(row - 21, 0), sleeve].sum(axis=0)
        rank = past.argsort().argsort() / (len(sleeve) - 1) * 2 - 1
        usual = np.array([EXCHANGE[symbols[column]].annual for column in sleeve]) / np.sqrt(252)
        returns[row, sleeve] -= day.momentum * usual * rank
