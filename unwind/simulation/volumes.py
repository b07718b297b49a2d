"""Simulated volumes: shares per session, coins per hour."""

import numpy as np

from unwind.simulation.assets import CRYPTO, LEVELS
from unwind.simulation.hours import HOUR_PROFILE
from unwind.simulation.path import Path
from unwind.simulation.processes import Floats, autoregression, log_changes

# The most of IBIT that any session trades before the event, near 21 November 2025 (168 M shares,
# $8.1 bn). The event's 280 M shares at 36 dollars are a record in both.
MAX_SHARES = 1.65e8
MAX_DOLLARS = 9.0e9
ETHA_SHARES = 1.9e7  # a usual session


def activity(path: Path, symbol: str, close: Floats, *, annual: float) -> Floats:
    """Return volume over its usual: persistent, and rising with the size of the move.

    `close` has one value per session and no jumps for dividends; `annual` is its usual volatility.
    """
    noise = path.stream(f"{symbol} volume").standard_normal(len(path.weekdays))[path.trades]
    response = 0.35 * np.log1p((log_changes(close) / annual) ** 2 * 252) - 0.2
    busy: Floats = np.exp(autoregression(0.25 * noise, persistence=0.75) + response)
    return busy


def trust_shares(path: Path, trust: str, coin: str) -> Floats:
    """Return a trust's shares per session; IBIT's relate to its event as in February 2026."""
    close = path.closes(trust)
    busy = activity(path, trust, close, annual=CRYPTO[coin].annual)
    if trust != "IBIT":
        return (ETHA_SHARES * busy).round()
    shares = _below_record(busy, close, level=LEVELS[trust], past=slice(path.before_event))
    for row, script in path.scripts(path.sessions).items():
        if script.ibit_volume is not None:
            shares[row] = script.ibit_volume
    return shares.round()


def _below_record(busy: Floats, close: Floats, *, level: float, past: slice) -> Floats:
    """Scale volume so that the busiest session of the past has `MAX_SHARES`.

    The dearer a share above `level`, the fewer are traded: so much fewer that no early session at
    a multiple of that price has more than `MAX_DOLLARS`. The last session of the past closes at
    `level`, where these shares are worth less than that; so it can always be done.
    """
    cheapness = np.minimum(1.0, level / close)
    shares = busy * cheapness
    while (shares * close)[past].max() / MAX_DOLLARS > shares[past].max() / MAX_SHARES:
        shares *= cheapness**0.25
    shares *= MAX_SHARES / shares[past].max()
    # What would exceed it later does so by half, in logarithms: the event remains the record.
    return np.where(shares > MAX_SHARES, np.sqrt(shares * MAX_SHARES), shares)


def hourly_coins(path: Path, symbol: str) -> Floats:
    """Return coins per hour on one venue."""
    daily = path.stream(f"{symbol} daily volume").standard_normal(len(path.days))
    hourly = path.stream(f"{symbol} hourly volume").standard_normal(len(path.hours))
    active = np.where(path.days.day_of_week < 5, 1.0, 0.5)
    active *= np.exp(autoregression(0.2 * daily, persistence=0.8))
    rhythm = np.outer(active, HOUR_PROFILE / HOUR_PROFILE.mean()).ravel()
    move = np.abs(np.log(path.bars[symbol][:, 3] / path.bars[symbol][:, 0]))
    coins: Floats = CRYPTO[symbol].volume * rhythm * np.exp(0.3 * hourly) * (1 + 100 * move)
    return coins
