"""The tables `prices` and `crypto_hourly`."""

import numpy as np
import pandas as pd

from unwind.calendar import cut_instants
from unwind.simulation.assets import CRYPTO, EXCHANGE, OFFSHORE, TRUSTS
from unwind.simulation.bars import bar_columns, bars_around, utc_bars
from unwind.simulation.path import Path
from unwind.simulation.processes import Floats
from unwind.simulation.volatility import vix_levels
from unwind.simulation.volumes import activity, hourly_coins, trust_shares

HOURLY_TICKERS = {"BTC-USD": "BTCUSDT", "ETH-USD": "ETHUSDT"}
ALL_VENUES = 20.0  # what the daily bars count in volume over the one hourly venue
DIVIDENDS = {"HYG": 0.0045, "TLT": 0.0033}  # a month


def price_rows(path: Path) -> pd.DataFrame:
    """Return daily bars: sessions, UTC days of coins, weekdays of the yen and the VIX."""
    parts = {symbol: _exchange_bars(path, symbol) for symbol in EXCHANGE if symbol != "USDJPY"}
    parts |= {trust: _trust_bars(path, trust, coin) for trust, coin in TRUSTS.items()}
    parts |= {symbol: _utc_days(path, symbol) for symbol in CRYPTO}
    parts["USDJPY"] = _weekday_bars(path, "USDJPY", path.prices["USDJPY"])
    parts["VIX"] = _weekday_bars(path, "VIX", vix_levels(path))
    return pd.concat([parts[symbol] for symbol in sorted(parts)], ignore_index=True)


def hourly_rows(path: Path) -> pd.DataFrame:
    """Return hourly bars of bitcoin and ether on one venue."""
    parts = [
        pd.DataFrame(
            {
                "bar_start_utc": path.hours,
                **bar_columns(path.bars[symbol]),
                "volume": hourly_coins(path, symbol),
                "symbol": ticker,
                "venue": OFFSHORE,
            }
        )
        for symbol, ticker in HOURLY_TICKERS.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _rows(
    symbol: str, on: pd.DatetimeIndex, bars: Floats, adjusted: Floats | float, volume: Floats
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session": on,
            "symbol": symbol,
            **bar_columns(bars),
            "adj_close": adjusted,
            "volume": volume,
        }
    )


def _exchange_bars(path: Path, symbol: str) -> pd.DataFrame:
    asset, sessions = EXCHANGE[symbol], path.sessions
    dividend = DIVIDENDS.get(symbol, 0.0)
    # Income accrues evenly and leaves at each month's first session. Adjusted forward, from the
    # first row on: back-adjustment would rewrite every earlier row at each dividend.
    paid = dividend * np.cumsum(np.diff(sessions.month, prepend=sessions.month[0]) != 0)
    accrual = dividend * 12 / 252 * np.arange(len(sessions)) - paid
    # The level before the event is one of closes, accrued income included.
    offset = accrual[path.before_event - 1]
    close = path.closes(symbol) * np.exp(accrual - offset)
    adjusted = close * np.exp(paid)
    start = path.starts[symbol] * float(np.exp(-offset))
    bars = bars_around(close, start, path.stream(f"{symbol} bars"))
    volume = asset.volume * activity(path, symbol, adjusted, annual=asset.annual)
    return _rows(symbol, sessions, bars, adjusted, volume.round())


def _trust_bars(path: Path, trust: str, coin: str) -> pd.DataFrame:
    close = path.closes(trust)
    last_bar = path.hours.searchsorted(cut_instants(path.sessions)) - 1
    # Coins per share with the session's gap to the coin. 9:30 is the middle of the bar of 9:00.
    scale = close / path.bars[coin][last_bar, 3]
    opening = scale * np.sqrt(path.bars[coin][last_bar - 6, 0] * path.bars[coin][last_bar - 6, 3])
    day = scale[:, None, None] * path.bars[coin][last_bar[:, None] + np.arange(-5, 1)]
    high = np.maximum(day[:, :, 1].max(axis=1), np.maximum(opening, close))
    low = np.minimum(day[:, :, 2].min(axis=1), np.minimum(opening, close))
    bars = np.column_stack([opening, high, low, close])
    return _rows(trust, path.sessions, bars, close, trust_shares(path, trust, coin))


def _weekday_bars(path: Path, symbol: str, close: Floats) -> pd.DataFrame:
    bars = bars_around(close, close[0], path.stream(f"{symbol} bars"))
    return _rows(symbol, path.weekdays, bars, np.nan, np.zeros(len(close)))


def _utc_days(path: Path, symbol: str) -> pd.DataFrame:
    dollars = hourly_coins(path, symbol) * path.bars[symbol][:, 3]
    volume = np.round(ALL_VENUES * dollars.reshape(-1, 24).sum(axis=1))
    return _rows(symbol, path.days, utc_bars(path, symbol, hours=24), np.nan, volume)
