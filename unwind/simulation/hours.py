"""Bitcoin and ether hour by hour: their factor, the hours of a session, their bars."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.calendar import CUT_ZONE, cut_instants
from unwind.simulation.plans import Hours
from unwind.simulation.processes import Floats, conditional_variance, stream

CRYPTO_TAIL = 8.0  # degrees of freedom of a day: after GARCH thinner-tailed than equities
WEEKEND = 0.63  # crypto volatility on Saturday and Sunday over weekdays, BTCUSDT 2024–2026
CRYPTO_YEAR = 261 + 104 * WEEKEND**2  # weekday-equivalents
# Crypto volatility by UTC hour, BTCUSDT 2024–2026, percent an hour.
_HOURLY = (
    0.52, 0.59, 0.46, 0.40, 0.38, 0.36, 0.47, 0.41, 0.41, 0.38, 0.37, 0.37,
    0.42, 0.63, 0.81, 0.73, 0.57, 0.62, 0.55, 0.55, 0.48, 0.48, 0.49, 0.41,
)  # fmt: skip
HOUR_PROFILE: Floats = np.array(_HOURLY) / np.sqrt(np.sum(np.square(_HOURLY)))
HOURS_SHARE = 0.8  # of a scripted move lies in its named hours, the rest is spread evenly


class HourlyFactors(NamedTuple):
    """Moves an hour and factor, and conditional variance a day, of the crypto factor."""

    moves: Floats
    variance: Floats


def hourly_factors(seed: int, days: pd.DatetimeIndex) -> HourlyFactors:
    """Hourly moves of the crypto factor and of ether's own, in units of annual volatility."""
    normal = stream(seed, "crypto hours").standard_normal((len(days), 24, 2))
    # One mixing variable a day makes the day's sum Student-t, not only its hours.
    mixed = stream(seed, "crypto days").chisquare(CRYPTO_TAIL, (len(days), 2))
    normal *= np.sqrt((CRYPTO_TAIL - 2) / mixed)[:, None, :] * HOUR_PROFILE[:, None]
    variance = conditional_variance(normal.sum(axis=1), alpha=0.08, beta=0.89)
    pace = np.where(days.day_of_week < 5, 1.0, WEEKEND) / np.sqrt(CRYPTO_YEAR)
    moves = normal * (np.sqrt(variance[:-1]) * pace[:, None])[:, None, :]
    return HourlyFactors(moves.reshape(-1, 2), variance[1:, 0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionHours:
    """Map of hours to sessions, and the share of a session's move in each hour.

    Attributes
    ----------
    hours : DatetimeIndex, UTC
        Starts of the hourly bars.
    window : int array, one per hour
        The weekday row at whose 16:00 New York the hour's move is in.
    closing : int array, one per weekday
        The hour that ends at 16:00 New York.
    new_york : int array, one per hour
        The hour of the day in New York.
    cash : bool array, one per hour
        Whether equities trade, holidays aside.
    cash_weight : array, one per hour
        Share of a weekday's equity news; adds to one over its hours.
    """

    hours: pd.DatetimeIndex
    window: NDArray[np.intp]
    closing: NDArray[np.intp]
    new_york: NDArray[np.intp]
    cash: NDArray[np.bool_]
    cash_weight: Floats

    @classmethod
    def build(cls, days: pd.DatetimeIndex, weekdays: pd.DatetimeIndex) -> "SessionHours":
        """Lay the hours of `days` over the 16:00-to-16:00 windows of `weekdays`."""
        start = days[0].tz_localize("UTC")
        hours = pd.date_range(start, periods=24 * len(days), freq="h", unit="us")
        closes = cut_instants(weekdays)
        window = closes.searchsorted(hours + pd.Timedelta(hours=1), side="left")
        window = window.clip(0, len(weekdays) - 1)
        local = hours.tz_convert(CUT_ZONE)
        new_york = np.asarray(local.hour, dtype=np.intp)
        weekend = np.asarray(local.day_of_week >= 5)
        cash = (new_york >= 9) & (new_york < 16) & ~weekend
        # Equity news reaches bitcoin mostly while equities trade, hardly ever at a weekend.
        weight = np.where(cash, 6.0, np.where(weekend, 0.2, 1.0))
        weight /= np.bincount(window, weights=weight, minlength=len(weekdays))[window]
        return cls(
            hours=hours,
            window=window,
            closing=hours.searchsorted(closes) - 1,
            new_york=new_york,
            cash=cash,
            cash_weight=weight,
        )

    def script(self, inside: NDArray[np.bool_], hours: Hours) -> Floats:
        """Return weights, adding to one, of the hours of a session."""
        new_york = self.new_york[inside]
        named = {
            "any": np.ones(len(new_york), dtype=bool),
            "us_cash": self.cash[inside],
            "asia": (new_york >= 19) | (new_york < 3),
            "after_close": np.arange(len(new_york)) < 6,
        }[hours]
        weights = np.where(named, HOURS_SHARE / named.sum(), 0.0)
        weights += (1 - HOURS_SHARE) / len(new_york)
        return weights


def hourly_bars(levels: Floats, generator: np.random.Generator) -> Floats:
    """Return open, high, low and close between levels that follow each other by an hour."""
    opening, close = levels[:-1], levels[1:]
    reach = np.abs(generator.standard_normal((len(close), 2))) * 0.0015
    high = np.maximum(opening, close) * np.exp(reach[:, 0])
    low = np.minimum(opening, close) * np.exp(-reach[:, 1])
    return np.column_stack([opening, high, low, close])
