"""Bitcoin futures, open interest, reported positions and perpetuals."""

import numpy as np
import pandas as pd

from unwind.simulation.assets import OFFSHORE
from unwind.simulation.bars import utc_bars
from unwind.simulation.expiries import fridays_of
from unwind.simulation.path import Path
from unwind.simulation.processes import Floats, autoregression

# Of CME open interest, 2026.
POSITION_SHARES = {
    "leveraged_long_btc": 0.17, "leveraged_short_btc": 0.55, "asset_manager_long_btc": 0.29,
    "asset_manager_short_btc": 0.05, "dealer_long_btc": 0.27, "dealer_short_btc": 0.11,
}  # fmt: skip
MONTH_CODES = "FGHJKMNQUVXZ"


def future_rows(path: Path) -> pd.DataFrame:
    """Return CME Micro Bitcoin on UTC weekdays: spot of the same hours plus a basis."""
    # Friday's trading ends at 16:00 Chicago, 21:00 UTC in summer and 22:00 in winter.
    chicago = (path.days + pd.Timedelta(hours=16)).tz_localize("America/Chicago")
    friday = path.days.day_of_week == 4
    closing = np.where(friday, chicago.tz_convert("UTC").hour, 24)[:, None]
    spot = np.select(
        [closing == 21, closing == 22],
        [utc_bars(path, "BTC-USD", hours=21), utc_bars(path, "BTC-USD", hours=22)],
        utc_bars(path, "BTC-USD", hours=24),
    )[np.asarray(path.days.day_of_week) < 5]
    noise = path.stream("basis").standard_normal((len(path.weekdays), 2))
    basis = 0.06 + autoregression(0.0015 * noise[:, 0], persistence=0.95)
    change = path.impulses(path.weekdays, lambda day: day.basis)
    basis += autoregression(change, persistence=0.9)
    uneven = path.stream("futures volume").standard_normal((len(path.weekdays), 4))

    # Listed: the four nearest last Fridays of a month.
    months = np.arange(
        np.datetime64(path.days[0].date(), "M") + 1, np.datetime64(path.days[-1].date(), "M") + 7
    )
    fridays = pd.DatetimeIndex(fridays_of(months, -1))
    names = np.array([f"MBT{MONTH_CODES[day.month - 1]}{day.year % 10}" for day in fridays])
    nearest = fridays.searchsorted(path.weekdays)
    row = np.repeat(np.arange(len(path.weekdays)), 4)
    rank = np.tile(np.arange(4), len(path.weekdays))
    listed = nearest[row] + rank
    expiry = fridays[listed].as_unit("us")
    years = np.asarray((expiry - path.weekdays[row]).days, dtype="float64") / 365
    # Later months carry a little more: funding for longer is dearer.
    bars = spot[row] * (1 + (basis[row] + 0.004 * rank) * years + 5e-5 * noise[row, 1])[:, None]
    activity = (0.3 + 20 * np.log(bars[:, 1] / bars[:, 2])) * np.exp(0.35 * uneven[row, rank])
    return pd.DataFrame(
        {
            "session": path.weekdays[row],
            "venue": "CME",
            "contract": names[listed],
            "expiry": expiry,
            "open": bars[:, 0],
            "high": bars[:, 1],
            "low": bars[:, 2],
            "settle": bars[:, 3],
            "volume": np.ceil(np.array([7e4, 2500, 180, 25])[rank] * activity).astype("int64"),
        }
    )


def open_interest_rows(path: Path) -> pd.DataFrame:
    """Return open interest at the end of the UTC day: CME on weekdays, offshore every day."""
    close = utc_bars(path, "BTC-USD", hours=24)[:, 3]
    weekday = np.asarray(path.days.day_of_week) < 5
    parts = [
        pd.DataFrame(
            {
                "session": on,
                "venue": venue,
                "contract_group": group,
                "open_interest_btc": coins,
                "open_interest_usd": coins * price,
            }
        )
        for venue, group, on, coins, price in (
            ("CME", "BTC futures", path.weekdays, _cme_coins(path), close[weekday]),
            (OFFSHORE, "BTC perpetual", path.days, _offshore_coins(path), close),
        )
    ]
    return pd.concat(parts, ignore_index=True)


def position_rows(path: Path) -> pd.DataFrame:
    """Return Tuesday's positions: each kind of holder has its share of CME open interest."""
    tuesday = np.asarray(path.weekdays.day_of_week == 1)
    total = _cme_coins(path)[tuesday]
    noise = path.stream("positions").standard_normal((len(path.weekdays), len(POSITION_SHARES)))
    wander = np.exp(autoregression(0.04 * noise[tuesday], persistence=0.9))
    positions = {
        holder: np.round(total * share * wander[:, column], 1)
        for column, (holder, share) in enumerate(POSITION_SHARES.items())
    }
    return pd.DataFrame(
        {"as_of": path.weekdays[tuesday], "open_interest_btc": total, **positions, "venue": "CME"}
    )


def perpetual_rows(path: Path) -> pd.DataFrame:
    """Return funding, premium and open interest of the offshore perpetual, by UTC day."""
    noise = path.stream("perpetuals").standard_normal((len(path.days), 4))
    change = path.impulses(path.days, lambda day: day.funding)
    close = -0.0004 + autoregression(0.0001 * noise[:, 1] + 0.3 * change, persistence=0.6)
    opening = np.concatenate(([-0.0004], close[:-1]))
    bars = utc_bars(path, "BTC-USD", hours=24)
    # In a fast market the perpetual runs away from its index for minutes.
    stretch = (0.0006 + 0.02 * np.log(bars[:, 1] / bars[:, 2]))[:, None] * np.abs(noise[:, 2:])
    coins = _offshore_coins(path)
    return pd.DataFrame(
        {
            "session": path.days,
            "funding_rate_daily": 2e-4
            + autoregression(5e-5 * noise[:, 0] + change, persistence=0.7),
            "premium_open": opening,
            "premium_high": np.maximum(opening, close) + stretch[:, 0],
            "premium_low": np.minimum(opening, close) - stretch[:, 1] - 8 * np.abs(change),
            "premium_close": close,
            "open_interest_btc": coins,
            "open_interest_usd": coins * bars[:, 3],
            "venue": OFFSHORE,
        }
    )


def _cme_coins(path: Path) -> Floats:
    change = path.impulses(path.weekdays, lambda day: day.open_interest_cme)
    return _coins(path, "CME", path.weekdays, 1.2e5, change)


def _offshore_coins(path: Path) -> Floats:
    change = path.impulses(path.days, lambda day: day.open_interest_offshore)
    return _coins(path, OFFSHORE, path.days, 1.05e5, change)


def _coins(path: Path, venue: str, on: pd.DatetimeIndex, usual: float, change: Floats) -> Floats:
    """Open interest of a venue in BTC."""
    noise = 0.012 * path.stream(f"{venue} open interest").standard_normal(len(on))
    level: Floats = usual * np.exp(autoregression(noise + change, persistence=0.985))
    return level.round(1)
