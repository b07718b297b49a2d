"""Markets with known truth, printed as every table of the drop folder.

All tables are read off one path (`unwind.sources.scenarios`), so that they agree with each other:
IBIT closes at bitcoin's 16:00 New York price, UTC days are the hourly bars, futures are spot plus
basis, the VIX of `prices` is that of `implied_vol`. Columns as the `files` source reads them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from unwind.sessions import CUT_ZONE, all_sessions, cut_instants, require_known, require_session
from unwind.sources.protocol import Extract, SourceError
from unwind.sources.scenarios import (
    CRYPTO,
    EXCHANGE,
    HOUR_PROFILE,
    PLANS,
    SCENARIOS,
    TRUSTS,
    Floats,
    Path,
    Truth,
    autoregression,
    simulate_path,
    student,
)

HOURLY_TICKERS = {"BTC-USD": "BTCUSDT", "ETH-USD": "ETHUSDT"}
OFFSHORE = "Binance"
ALL_VENUES = 20.0  # what the daily bars count in volume over the one hourly venue
DIVIDENDS = {"HYG": 0.0045, "TLT": 0.0033}  # a month
# Net flows of the other funds against those of IBIT, 2024–2026.
FLOW_SHARES = {"ARKB": 0.14, "BITB": 0.08, "FBTC": 0.40, "GBTC": 0.12, "HODL": 0.03}
# Of CME open interest, 2026.
POSITION_SHARES = {
    "leveraged_long_btc": 0.17, "leveraged_short_btc": 0.55, "asset_manager_long_btc": 0.29,
    "asset_manager_short_btc": 0.05, "dealer_long_btc": 0.27, "dealer_short_btc": 0.11,
}  # fmt: skip
MONTH_CODES = "FGHJKMNQUVXZ"
RISK_FREE = 0.04
BILL_PERCENT = 0.017  # a session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedMarket:
    """A simulated market.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Every table of the drop folder, columns and types as the files have them; dates are
        datetime64[us] at midnight. `adj_close` is adjusted forward from the first row.
    truth : Truth
    """

    tables: dict[str, pd.DataFrame]
    truth: Truth


def simulate_market(
    scenario: str, *, seed: int, first: date, last: date, event: date
) -> SimulatedMarket:
    """Simulate a market in which a scenario takes place.

    Parameters
    ----------
    scenario : str
        A key of `unwind.sources.scenarios.SCENARIOS`.
    seed : int
        Not negative. Scenarios with one seed share all that their scripts leave alone.
    first, last : date
        Calendar days printed, both included. Rows up to a day do not depend on `last`: a longer
        simulation has the same rows and more.
    event : date
        The NYSE session of the event, after `first`; it may lie beyond `last`. The calm market
        has none, and takes its option snapshots around this day.

    Returns
    -------
    SimulatedMarket
        The same arguments give the same frames.

    Raises
    ------
    ValueError
        Unknown scenario; `event` is no session or not after `first`; `last` before `first`; a day
        outside the exchange calendar; a negative seed.
    """
    _require_scenario(scenario)
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if last < first:
        raise ValueError(f"last must not lie before first, got {first} … {last}")
    # Scripts reach thirty sessions beyond the event.
    for day in (first, last, event + timedelta(days=60)):
        require_known(day)
    if require_session(event) <= first:
        raise ValueError(f"event must lie after first ({first}), got {event}; start earlier")
    path = simulate_path(PLANS[scenario], seed=seed, first=first, last=last, event=event)
    return SimulatedMarket(
        tables={name: _printed(draw(path), last) for name, draw in _TABLES.items()},
        truth=_truth(scenario, event),
    )


class SimulatedSource:
    """A simulated market as a provider; drawn at the first extract, kept from then on.

    Parameters
    ----------
    scenario, seed, first, last, event
        As in `simulate_market`.

    Raises
    ------
    ValueError
        The scenario is unknown; the message lists the known ones.
    """

    def __init__(self, scenario: str, *, seed: int, first: date, last: date, event: date) -> None:
        _require_scenario(scenario)
        self._scenario = scenario
        self._seed = seed
        self._span = (first, last, event)

    @property
    def label(self) -> str:
        """Return "simulated:" and the scenario."""
        return f"simulated:{self._scenario}"

    @cached_property
    def market(self) -> SimulatedMarket:
        """The market with its truth."""
        first, last, event = self._span
        return simulate_market(self._scenario, seed=self._seed, first=first, last=last, event=event)

    def tables(self) -> tuple[str, ...]:
        """Names of the tables: all of them."""
        return tuple(_TABLES)

    def extract(self, table: str) -> Extract:
        """Return the rows of one table; changing them does not change the market."""
        if table not in _TABLES:
            raise SourceError(
                f"simulated markets have no table {table!r}; they have {', '.join(_TABLES)}"
            )
        return Extract(f"simulated/{table}", self.market.tables[table].copy())


def _require_scenario(scenario: str) -> None:
    if scenario not in PLANS:
        raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}")


def _truth(scenario: str, event: date) -> Truth:
    plan, sessions = PLANS[scenario], all_sessions()
    place = int(sessions.searchsorted(pd.Timestamp(event)))
    stressed = (
        None if plan.stress is None else [sessions[place + end].date() for end in plan.stress]
    )
    return Truth(
        scenario=scenario,
        mechanism=plan.mechanism,
        event_session=event if stressed else None,
        first_session=stressed[0] if stressed else None,
        last_session=stressed[1] if stressed else None,
    )


def _printed(rows: pd.DataFrame, last: date) -> pd.DataFrame:
    """Keep what is out by the end of the last UTC day: it describes that, and is known by then."""
    event = next(name for name in _EVENT_COLUMNS if name in rows.columns)
    end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    keep = pd.to_datetime(rows[event], utc=True) < end
    if "known_at" in rows.columns:
        keep &= rows["known_at"] < end
    return rows[keep].reset_index(drop=True)


# --- prices ---------------------------------------------------------------------------------------


def _prices(path: Path) -> pd.DataFrame:
    parts = {symbol: _exchange_bars(path, symbol) for symbol in EXCHANGE if symbol != "USDJPY"}
    parts |= {trust: _trust_bars(path, trust) for trust in TRUSTS}
    parts |= {symbol: _utc_days(path, symbol) for symbol in CRYPTO}
    parts["USDJPY"] = _weekday_bars(path, "USDJPY", path.prices["USDJPY"])
    parts["VIX"] = _weekday_bars(path, "VIX", _vix(path))
    return pd.concat([parts[symbol] for symbol in sorted(parts)], ignore_index=True)


def _price_rows(
    symbol: str, on: pd.DatetimeIndex, bars: Floats, adjusted: Floats | float, volume: Floats
) -> pd.DataFrame:
    return pd.DataFrame(
        {"session": on, "symbol": symbol, **_bar(bars), "adj_close": adjusted, "volume": volume}
    )


def _bar(bars: Floats) -> dict[str, Floats]:
    return dict(zip(("open", "high", "low", "close"), bars.T, strict=True))


def _bars_around(close: Floats, start: float, generator: np.random.Generator) -> Floats:
    """Open, high, low and close: a third of each move comes overnight."""
    before = np.concatenate(([start], close[:-1]))
    move = np.log(close / before)
    noise = generator.standard_normal((len(close), 3)) * (0.3 * np.abs(move) + 0.003)[:, None]
    opening = before * np.exp(0.35 * move + 0.3 * noise[:, 0])
    high = np.maximum(opening, close) * np.exp(0.5 * np.abs(noise[:, 1]))
    low = np.minimum(opening, close) * np.exp(-0.5 * np.abs(noise[:, 2]))
    return np.column_stack([opening, high, low, close])


def _changes(levels: Floats) -> Floats:
    """Log changes; zero in the first row."""
    changes: Floats = np.diff(np.log(levels), prepend=np.log(levels[0]))
    return changes


def _volume(path: Path, symbol: str, close: Floats, *, usual: float, annual: float) -> Floats:
    """Shares a session: ln V is a persistent process that rises with the size of the move."""
    noise = path.stream(f"{symbol} volume").standard_normal(len(path.weekdays))[path.trades]
    response = 0.35 * np.log1p((_changes(close) / annual) ** 2 * 252) - 0.2
    volume: Floats = usual * np.exp(autoregression(0.25 * noise, persistence=0.75) + response)
    return volume.round()


def _exchange_bars(path: Path, symbol: str) -> pd.DataFrame:
    asset, sessions = EXCHANGE[symbol], path.sessions
    dividend = DIVIDENDS.get(symbol, 0.0)
    # Income accrues evenly and leaves at each month's first session. Adjusted forward, from the
    # first row on: back-adjustment would rewrite every earlier row at each dividend.
    accrued = dividend * 12 / 252 * np.arange(len(sessions))
    paid = dividend * np.cumsum(np.diff(sessions.month, prepend=sessions.month[0]) != 0)
    adjusted = path.prices[symbol][path.trades] * np.exp(accrued)
    close = adjusted * np.exp(-paid)
    bars = _bars_around(close, asset.price, path.stream(f"{symbol} bars"))
    volume = _volume(path, symbol, adjusted, usual=asset.volume, annual=asset.annual)
    return _price_rows(symbol, sessions, bars, adjusted, volume)


def _trust_bars(path: Path, trust: str) -> pd.DataFrame:
    coin, _, usual = TRUSTS[trust]
    close = path.prices[trust][path.trades]
    last_bar = path.hours.searchsorted(cut_instants(path.sessions)) - 1
    # Coins a share with the session's gap to the coin. 9:30 is the middle of the bar of 9:00.
    scale = close / path.bars[coin][last_bar, 3]
    opening = scale * np.sqrt(path.bars[coin][last_bar - 6, 0] * path.bars[coin][last_bar - 6, 3])
    day = scale[:, None, None] * path.bars[coin][last_bar[:, None] + np.arange(-5, 1)]
    high = np.maximum(day[:, :, 1].max(axis=1), np.maximum(opening, close))
    low = np.minimum(day[:, :, 2].min(axis=1), np.minimum(opening, close))
    volume = _volume(path, trust, close, usual=usual, annual=CRYPTO[coin].annual)
    for row, script in path.scripts(path.sessions).items():
        if trust == "IBIT" and script.volume_record is not None and row > 0:
            volume[row] = np.round(script.volume_record * volume[:row].max())
    bars = np.column_stack([opening, high, low, close])
    return _price_rows(trust, path.sessions, bars, close, volume)


def _weekday_bars(path: Path, symbol: str, close: Floats) -> pd.DataFrame:
    bars = _bars_around(close, close[0], path.stream(f"{symbol} bars"))
    return _price_rows(symbol, path.weekdays, bars, np.nan, np.zeros(len(close)))


def _utc_bars(path: Path, symbol: str, *, hours: int) -> Floats:
    """Bars of the first hours of each UTC day."""
    day = path.bars[symbol].reshape(-1, 24, 4)[:, :hours]
    return np.column_stack(
        [day[:, 0, 0], day[:, :, 1].max(axis=1), day[:, :, 2].min(axis=1), day[:, -1, 3]]
    )


def _utc_days(path: Path, symbol: str) -> pd.DataFrame:
    dollars = _hourly_volume(path, symbol) * path.bars[symbol][:, 3]
    volume = np.round(ALL_VENUES * dollars.reshape(-1, 24).sum(axis=1))
    return _price_rows(symbol, path.days, _utc_bars(path, symbol, hours=24), np.nan, volume)


def _hourly_volume(path: Path, symbol: str) -> Floats:
    """Coins an hour on one venue."""
    daily = path.stream(f"{symbol} daily volume").standard_normal(len(path.days))
    hourly = path.stream(f"{symbol} hourly volume").standard_normal(len(path.hours))
    activity = np.where(path.days.day_of_week < 5, 1.0, 0.5)
    activity *= np.exp(autoregression(0.2 * daily, persistence=0.8))
    rhythm = np.outer(activity, HOUR_PROFILE / HOUR_PROFILE.mean()).ravel()
    move = np.abs(np.log(path.bars[symbol][:, 3] / path.bars[symbol][:, 0]))
    volume: Floats = CRYPTO[symbol].volume * rhythm * np.exp(0.3 * hourly) * (1 + 100 * move)
    return volume


def _crypto_hourly(path: Path) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "bar_start_utc": path.hours,
                **_bar(path.bars[symbol]),
                "volume": _hourly_volume(path, symbol),
                "symbol": ticker,
                "venue": OFFSHORE,
            }
        )
        for symbol, ticker in HOURLY_TICKERS.items()
    ]
    return pd.concat(parts, ignore_index=True)


# --- implied volatility ---------------------------------------------------------------------------


def _vix(path: Path) -> Floats:
    """VIX on weekdays: the market's conditional volatility, higher after falls."""
    noise = path.stream("VIX").standard_normal(len(path.weekdays))
    logs = (
        autoregression(0.03 * noise, persistence=0.9)
        + autoregression(-5.0 * _changes(path.prices["SPY"]), persistence=0.85)
        + autoregression(path.impulses(path.weekdays, lambda day: day.vix), persistence=0.85)
    )
    # Halfway to the mean: thirty days average over a variance that reverts.
    expected = np.sqrt(0.5 + 0.5 * path.market_variance)
    index: Floats = 16.5 * path.volatility * expected * np.exp(logs)
    return index


def _dvol(path: Path) -> Floats:
    """Bitcoin's implied volatility index at the end of each UTC day."""
    weekday = path.weekdays.searchsorted(path.days, side="right").clip(1) - 1
    variance = 0.2 * path.market_variance[weekday] + 0.8 * path.crypto_variance
    noise = path.stream("DVOL").standard_normal(len(path.days))
    logs = autoregression(0.025 * noise, persistence=0.93)
    logs += autoregression(path.impulses(path.days, lambda day: day.dvol), persistence=0.93)
    index: Floats = 50.0 * path.volatility[weekday] * np.sqrt(0.5 + 0.5 * variance) * np.exp(logs)
    return index


def _implied_vol(path: Path) -> pd.DataFrame:
    dvol, vix = _dvol(path), _vix(path)
    noise = path.stream("volatility indices").standard_normal((len(path.weekdays), 7))
    drift = np.exp(autoregression(0.02 * noise, persistence=0.9))
    closes = {
        "VIX": vix,
        "VIX9D": 16.0 * (vix / 17) ** 1.25 * drift[:, 0],
        "VIX3M": 19.5 * (vix / 17) ** 0.6 * drift[:, 1],
        "VVIX": 95.0 * (vix / 17) ** 0.5 * drift[:, 2],
        "OVX": 38.0 * path.volatility * drift[:, 3],
        "GVZ": 17.5 * path.volatility * drift[:, 4],
        "VXN": 1.22 * vix * drift[:, 5],
        "SKEW": 140.0 * drift[:, 6],
    }
    bars = _bars_around(dvol, dvol[0], path.stream("DVOL bars"))
    parts = [pd.DataFrame({"session": path.days, "index": "DVOL", **_bar(bars)})]
    absent = dict.fromkeys(("open", "high", "low"), np.nan)
    parts += [
        pd.DataFrame({"session": path.weekdays, "index": name, **absent, "close": close})
        for name, close in closes.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _option_chains(path: Path) -> pd.DataFrame:
    """IBIT at 16:00: weekly in the sixty sessions before the event, daily around it."""
    offsets = np.array([*range(-60, -2, 5), *range(-2, 3)])
    wanted = all_sessions()[path.event + offsets]
    rows = np.flatnonzero(path.weekdays.isin(wanted))
    spots = path.prices["IBIT"][rows]
    falls = 1 - spots / path.prices["IBIT"][np.maximum(rows - 1, 0)]
    levels = _dvol(path)[path.days.searchsorted(path.weekdays[rows])] / 100
    parts = [
        _snapshot(
            session, float(spot), level=level, fall=fall, noise=path.stream(f"chain {session}")
        )
        for session, spot, level, fall in zip(
            path.weekdays[rows], spots, levels, falls.clip(0), strict=True
        )
    ]
    if not parts:
        # No snapshot so far: the columns stand without rows.
        parts = [_snapshot(path.days[0], 50.0, level=0.5, fall=0.0, noise=path.stream("")).iloc[:0]]
    return pd.concat(parts, ignore_index=True)


def _snapshot(
    session: pd.Timestamp, spot: float, *, level: float, fall: float, noise: np.random.Generator
) -> pd.DataFrame:
    """One chain, priced by Black–Scholes (1973) from a smile over strike and expiry."""
    month = np.datetime64(session.date(), "M") + np.arange(6)
    this_friday = np.busday_offset(
        np.datetime64(session.date()), np.arange(2), roll="forward", weekmask="Fri"
    )
    fridays = np.union1d(this_friday, _fridays(month, 2))
    expiries = pd.DatetimeIndex(fridays[fridays > np.datetime64(session.date())]).as_unit("us")
    tick = 0.5 if spot > 20 else 0.05
    ladder = np.unique((spot * np.exp(np.linspace(-0.45, 0.45, 21)) / tick).round() * tick)
    # One row an expiry, right and strike, in the order of the contracts' names.
    grid = np.meshgrid(range(len(expiries)), (1, -1), range(len(ladder)), indexing="ij")
    place, sign, column = (axis.ravel() for axis in grid)
    expiry, strike = expiries[place], ladder[column]
    years = np.asarray((expiry - session).days, dtype="float64") / 365

    # In standard deviations the smiles of all expiries have about one shape.
    distance = (np.log(strike / spot) / (level * np.sqrt(years))).clip(-4, 4)
    implied = level * (1 - 0.03 * np.log(12 * years)) * (1 - 0.035 * distance + 0.02 * distance**2)
    deviation = implied * np.sqrt(years)
    upper = (np.log(spot / strike) + RISK_FREE * years) / deviation + deviation / 2
    discounted = strike * np.exp(-RISK_FREE * years)
    value = sign * (spot * ndtr(sign * upper) - discounted * ndtr(sign * (upper - deviation)))

    half_spread = 0.01 + 0.01 * value
    size = np.exp(-(distance**2) / 4)
    panic = np.where(sign < 0, 1 + 10 * fall, 1 + 4 * fall)
    uneven = np.exp(0.6 * noise.standard_normal((len(place), 2)))
    days = expiries.strftime("%y%m%d").tolist()
    names = [
        f"IBIT{days[i]}{'C' if call > 0 else 'P'}{price * 1000:08.0f}"
        for i, call, price in zip(place, sign, strike, strict=True)
    ]
    return pd.DataFrame(
        {
            "snapshot_at": cut_instants(pd.DatetimeIndex([session])).repeat(len(place)),
            "underlying": "IBIT",
            "contract": names,
            "expiry": expiry,
            "strike": strike,
            "right": pd.Series(np.where(sign > 0, "call", "put"), dtype="str"),
            "bid": np.floor((value - half_spread).clip(0) * 100) / 100,
            "ask": np.ceil((value + half_spread) * 100) / 100,
            "last": np.round(value.clip(0.01), 2),
            "volume": np.round(900 * size * panic * uneven[:, 0]),
            "open_interest": np.round(9000 * size * uneven[:, 1]),
            "implied_vol": implied,
            "underlying_price": spot,
        }
    )


# --- futures, open interest, positions, perpetuals ------------------------------------------------


def _fridays(months: NDArray[np.datetime64], week: int) -> NDArray[np.datetime64]:
    """Return a Friday of each month, counted from 0; −1 is the last Friday of the month before."""
    first_days = months.astype("datetime64[D]")
    return np.busday_offset(first_days, week, roll="forward", weekmask="Fri")


def _futures(path: Path) -> pd.DataFrame:
    """CME Micro Bitcoin on UTC weekdays: spot of the same hours plus an annualised basis."""
    # Friday's trading ends at 22:00 UTC.
    friday = np.asarray(path.days.day_of_week == 4)[:, None]
    spot = np.where(
        friday, _utc_bars(path, "BTC-USD", hours=22), _utc_bars(path, "BTC-USD", hours=24)
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
    fridays = pd.DatetimeIndex(_fridays(months, -1))
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


def _coins(path: Path, venue: str, on: pd.DatetimeIndex, usual: float, change: Floats) -> Floats:
    """Open interest of a venue in BTC."""
    noise = 0.012 * path.stream(f"{venue} open interest").standard_normal(len(on))
    level: Floats = usual * np.exp(autoregression(noise + change, persistence=0.985))
    return level.round(1)


def _cme_coins(path: Path) -> Floats:
    change = path.impulses(path.weekdays, lambda day: day.open_interest_cme)
    return _coins(path, "CME", path.weekdays, 1.2e5, change)


def _offshore_coins(path: Path) -> Floats:
    change = path.impulses(path.days, lambda day: day.open_interest_offshore)
    return _coins(path, OFFSHORE, path.days, 1.05e5, change)


def _open_interest(path: Path) -> pd.DataFrame:
    """Open interest at the end of the UTC day: CME on weekdays, offshore every day."""
    close = _utc_bars(path, "BTC-USD", hours=24)[:, 3]
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


def _cftc_positions(path: Path) -> pd.DataFrame:
    tuesday = np.asarray(path.weekdays.day_of_week == 1)
    total = _cme_coins(path)[tuesday]
    noise = path.stream("positions").standard_normal((len(path.weekdays), len(POSITION_SHARES)))
    wander = np.exp(autoregression(0.04 * noise[tuesday], persistence=0.9))
    held = {
        holder: np.round(total * share * wander[:, column], 1)
        for column, (holder, share) in enumerate(POSITION_SHARES.items())
    }
    return pd.DataFrame(
        {"as_of": path.weekdays[tuesday], "open_interest_btc": total, **held, "venue": "CME"}
    )


def _perpetuals(path: Path) -> pd.DataFrame:
    noise = path.stream("perpetuals").standard_normal((len(path.days), 4))
    change = path.impulses(path.days, lambda day: day.funding)
    close = -0.0004 + autoregression(0.0001 * noise[:, 1] + 0.3 * change, persistence=0.6)
    opening = np.concatenate(([-0.0004], close[:-1]))
    bars = _utc_bars(path, "BTC-USD", hours=24)
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


# --- flows, factors, notes, z-scores --------------------------------------------------------------


def _etf_flows(path: Path) -> pd.DataFrame:
    """Trade-dated net flows: they persist, and they chase the returns of today and yesterday."""
    moves = _changes(path.prices["IBIT"][path.trades])
    chased = 2500.0 * (moves + np.concatenate(([0.0], moves[:-1])))
    shocks = student(path.stream("flows"), (len(path.weekdays), 1 + len(FLOW_SHARES)))
    shocks = 110.0 * shocks[path.trades]
    scripts = path.scripts(path.sessions)
    ibit = np.zeros(len(moves))
    for row in range(len(moves)):
        scripted = scripts[row].flow_usd_m if row in scripts else None
        if scripted is not None:
            ibit[row] = scripted + 0.1 * shocks[row, 0]
        else:
            before = ibit[row - 1] if row else 0.0
            ibit[row] = 40.0 + 0.35 * before + chased[row] + shocks[row, 0]
    flows = {"IBIT": ibit.round(1)}
    for column, (fund, share) in enumerate(FLOW_SHARES.items(), start=1):
        flows[fund] = np.round(0.7 * share * (ibit + shocks[:, column]), 1)
    flows["TOTAL"] = np.sum(list(flows.values()), axis=0).round(1)
    parts = [
        pd.DataFrame(
            {"session": path.sessions, "fund": fund, "net_flow_usd_m": flow, "vendor": "farside"}
        )
        for fund, flow in flows.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _equity_factors(path: Path) -> pd.DataFrame:
    """Daily factors in percent: the market is SPY, the others lean on the ETFs of their kind."""
    starts = {symbol: EXCHANGE[symbol].price for symbol in ("SPY", "QQQ", "IWM", "SMH")}
    market, growth, small, chips = (
        100 * np.expm1(_changes(np.append(start, path.prices[symbol][path.trades]))[1:])
        for symbol, start in starts.items()
    )
    noise = path.stream("equity factors").standard_normal((len(path.weekdays), 5))[path.trades]
    factors = {
        "MktRF": market - BILL_PERCENT,
        "SMB": 0.6 * (small - market) + 0.25 * noise[:, 0],
        "HML": -0.8 * (growth - market) + 0.45 * noise[:, 1],
        "RMW": -0.2 * (growth - market) + 0.3 * noise[:, 2],
        "CMA": -0.3 * (growth - market) + 0.3 * noise[:, 3],
        "RF": np.full(len(market), BILL_PERCENT),
        "Mom": 0.25 * (chips - market) + 0.6 * noise[:, 4],
    }
    for row, script in path.scripts(path.sessions).items():
        for factor, percent in script.factors_pct.items():
            factors[factor][row] = percent
    return pd.DataFrame(
        {"session": path.sessions, **{name: values.round(3) for name, values in factors.items()}}
    )


def _structured_notes(path: Path) -> pd.DataFrame:
    """Two notes on IBIT at each month's first session, barriers 20–40 % under the issue price."""
    sessions = path.sessions
    fresh = np.diff(sessions.month, prepend=0) != 0
    rows = np.repeat(np.flatnonzero(fresh), 2)
    draws = path.stream("notes").uniform(size=(len(rows), 3))
    issue_price = path.prices["IBIT"][path.trades][rows]
    observation = np.array(["american", "european", "unknown"])[(3 * draws[:, 2]).astype(int)]
    issued = sessions[rows]
    return pd.DataFrame(
        {
            "note": [f"{day:%Y-%m}-{'AB'[number % 2]}" for number, day in enumerate(issued)],
            "underlying": "IBIT",
            "issued_at": issued,
            "maturity": pd.DatetimeIndex(issued + pd.DateOffset(months=18)).as_unit("us"),
            "barrier": np.round(issue_price * (0.6 + 0.2 * draws[:, 0]), 2),
            "notional_usd": np.round(5e6 + 5.5e7 * draws[:, 1], -5),
            "observation": pd.Series(observation, dtype="str"),
        }
    )


def _published_zscores(path: Path) -> pd.DataFrame:
    """Daily multi-strategy z-scores of a prime broker, out at 7:00 New York of the next day."""
    scores = 0.8 * path.stream("published z-scores").standard_normal(len(path.weekdays))
    scores = scores[path.trades].clip(-2.2, 2.2)
    for row, script in path.scripts(path.sessions).items():
        if script.zscore is not None:
            scores[row] = script.zscore
    morning = (path.sessions + pd.Timedelta(days=1, hours=7)).tz_localize(CUT_ZONE)
    return pd.DataFrame(
        {
            "session": path.sessions,
            "publisher": "prime broker",
            "group": "multi_strategy",
            "zscore": scores.round(2),
            "known_at": morning.tz_convert("UTC").as_unit("us"),
        }
    )


_EVENT_COLUMNS = ("session", "bar_start_utc", "as_of", "snapshot_at", "issued_at")
_TABLES: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    "prices": _prices,
    "crypto_hourly": _crypto_hourly,
    "etf_flows": _etf_flows,
    "futures": _futures,
    "open_interest": _open_interest,
    "cftc_positions": _cftc_positions,
    "perpetuals": _perpetuals,
    "implied_vol": _implied_vol,
    "option_chains": _option_chains,
    "equity_factors_pct": _equity_factors,
    "structured_notes": _structured_notes,
    "published_zscores": _published_zscores,
}
