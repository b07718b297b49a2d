"""Indicators of whole tables for the fuzz: futures, option chains, notes, hours, panels.

The tables are what screening lets through: prices between 1e-9 and 1e12, quantities from zero
to 1e18, gaps anywhere, and nothing of it likely.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from features.derivatives import (
    Curve,
    GammaProfile,
    KnockInPut,
    OpenInterest,
    banded_basis,
    calendar_spread,
    clean_chain,
    closed_form_gamma,
    constant_maturity,
    dealer_signs,
    delta_skew,
    european_options,
    expiry_sessions,
    gamma_profile,
    implied_volatilities,
    knock_in_put,
    listed_curve,
    near_month,
    net_short,
    notional_density,
    open_interest_in_coins,
    price_bounds,
    spot_at,
)
from features.fund_flows import options_activity
from features.intraday import move_shares, session_split, trough, variation_shares
from features.panel import Panel, align

LEVELS = [1e-9, 0.5, 42.0, 71_234.5, 1e12]
QUANTITIES = [np.nan, 0.0, 1.0, 250.0, 1e9, 1e18]
TERMS = {"rate": 0.04, "dividend_yield": 0.0}

Call = Callable[[np.random.Generator], Any]


def prices(generator: np.random.Generator, n: int, *, gaps: bool = True) -> np.ndarray:
    """Prices around one level, at times all over what screening allows."""
    held = generator.choice(LEVELS) * np.exp(
        generator.standard_t(3, n) * generator.choice([0.0, 0.01, 0.5])
    )
    wild = generator.random(n) < generator.choice([0.0, 0.2])
    held = np.where(wild, generator.choice(LEVELS, n), held).clip(1e-9, 1e12)
    lost = generator.random(n) < generator.choice([0.0, 0.3]) * gaps
    return np.where(lost, np.nan, held)


def quantities(generator: np.random.Generator, n: int) -> np.ndarray:
    """Contracts or coins: from zero up, or not printed."""
    return generator.choice(QUANTITIES, n)


def days(generator: np.random.Generator) -> pd.DatetimeIndex:
    """No session, a few, or two months of them, on either side of a change of clocks."""
    return pd.bdate_range("2026-02-16", periods=int(generator.choice([0, 1, 2, 12, 45])))


def cuts(sessions: pd.DatetimeIndex, hour: str) -> pd.DatetimeIndex:
    """An hour in New York of each session, as UTC."""
    local = (sessions + pd.Timedelta(hour)).tz_localize("America/New_York")
    return pd.DatetimeIndex(local.tz_convert("UTC")).as_unit("us")


# --- futures ------------------------------------------------------------------------------------


def listed(generator: np.random.Generator, sessions: pd.DatetimeIndex) -> Curve:
    """A curve of up to four expiries, some gone, some twice, some of contracts that never trade."""
    expiries = pd.DatetimeIndex(
        generator.choice(pd.date_range("2026-01-30", "2026-08-28", freq="28D"), 4)
    )
    rows = pd.DataFrame(
        [(day, f"C{place}", due) for day in sessions for place, due in enumerate(expiries)],
        columns=["session", "contract", "expiry"],
    ).astype({"session": "datetime64[us]", "expiry": "datetime64[us]"})
    rows = rows[generator.random(len(rows)) < generator.choice([0.3, 1.0])]
    n = len(rows)
    one, other = prices(generator, n), prices(generator, n)
    rows = rows.assign(
        high=np.fmax(one, other), low=np.fmin(one, other), settle=prices(generator, n),
        volume=quantities(generator, n),
    )  # fmt: skip
    return listed_curve(rows, sessions, min_days=8, contracts_per_trade=2.0, max_wait_hours=1.0)


def spots(generator: np.random.Generator, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Spot at four in New York, from hours, from UTC days, or from nowhere."""
    at = cuts(sessions, "16h")
    kept = generator.random(len(sessions)) < generator.choice([0.0, 0.5, 1.0])
    hourly = pd.DataFrame(
        {
            "bar_start_utc": at[kept] - pd.Timedelta(hours=1),
            "close": prices(generator, int(kept.sum())),
        }
    )
    daily = pd.DataFrame({"session": sessions, "close": prices(generator, len(sessions))})
    return spot_at(hourly, daily.iloc[: len(daily) // 2], pd.Series(at, index=sessions))


def legs(generator: np.random.Generator) -> tuple[pd.DataFrame, ...]:
    """Every leg that a curve has."""
    sessions = days(generator)
    curve, spot = listed(generator, sessions), spots(generator, sessions)
    return near_month(curve, spot), calendar_spread(curve), constant_maturity(curve, spot, tenor=30)


def banded(generator: np.random.Generator) -> tuple[pd.DataFrame, ...]:
    """Bases over spot and between contracts."""
    sessions = days(generator)
    curve, spot = listed(generator, sessions), spots(generator, sessions)
    terms = {"window": 10, "min_observations": 5, "confidence": 0.95}
    return (
        banded_basis(near_month(curve, spot), curve.hour_variance, spot=spot, **terms),
        banded_basis(calendar_spread(curve), curve.hour_variance, spot=None, **terms),
    )


def coins(generator: np.random.Generator) -> OpenInterest:
    """Open interest of two venues in two groups, in coins, in dollars, or not."""
    sessions = days(generator)
    rows = pd.DataFrame(
        [(day, venue, group) for day in sessions for venue in "XY" for group in "ab"],
        columns=["session", "venue", "contract_group"],
    )
    rows = rows[generator.random(len(rows)) < generator.choice([0.4, 1.0])]
    rows = rows.assign(
        open_interest_btc=quantities(generator, len(rows)),
        open_interest_usd=quantities(generator, len(rows)),
    )
    venues = ("X", "Y", "absent")
    price = pd.DataFrame({venue: prices(generator, len(sessions)) for venue in venues}, sessions)
    return open_interest_in_coins(rows, price, venues=venues)


def positions(generator: np.random.Generator) -> pd.DataFrame:
    """Weekly reports."""
    names = ("leveraged_long_btc", "leveraged_short_btc", "open_interest_btc")
    return net_short(pd.DataFrame({name: quantities(generator, 9) for name in names}))


# --- options ------------------------------------------------------------------------------------


def chain(generator: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """Contracts with quotes that need not be ones, and the price of the underlying."""
    n, spot = int(generator.choice([0, 1, 2, 9, 40])), float(generator.choice(LEVELS))
    wide = generator.choice([0.0, 0.1, 5.0])
    strike = (spot * np.exp(wide * generator.standard_normal(n))).clip(1e-9, 1e12)
    bid = spot * np.abs(generator.standard_t(3, n)) * generator.choice([0.0, 0.02, 1.0, 10.0])
    ask = bid * generator.choice([0.9, 1.0, 1.05, 3.0], n)
    for side in (bid, ask):
        side[generator.random(n) < 0.15] = generator.choice([0.0, np.nan, 1e12])
    rows = pd.DataFrame(
        {
            "years": generator.choice([-0.1, 0.0, 1e-6, 0.02, 0.08, 0.2, 3.0, 80.0], n),
            "strike": strike, "right": generator.choice(["call", "put"], n), "bid": bid,
            "ask": ask, "last": prices(generator, n), "volume": quantities(generator, n),
            "open_interest": quantities(generator, n),
        }
    )  # fmt: skip
    return rows, spot


def cleaned(generator: np.random.Generator) -> Any:
    """A chain with the volatilities of its own quotes."""
    rows, spot = chain(generator)
    return clean_chain(rows, spot=spot, min_volatility=0.01, max_volatility=5.0, **TERMS)


def smile(generator: np.random.Generator) -> pd.DataFrame:
    """What `clean_chain` leaves: volatilities between its bounds, whatever the quotes were."""
    rows, _ = chain(generator)
    rows = rows[rows["years"] > 0]
    return rows.assign(volatility=generator.uniform(0.01, 5.0, len(rows)))


def profiled(generator: np.random.Generator) -> GammaProfile:
    """Gamma of such a chain around the price of its underlying."""
    held = smile(generator)
    spot = float(generator.choice(LEVELS[1:-1]))
    return gamma_profile(
        held, dealer_signs(held), spot=spot, grid=spot * np.linspace(0.7, 1.3, 13),
        multiplier=100.0, **TERMS,
    )  # fmt: skip


def solved(generator: np.random.Generator) -> Any:
    """Volatilities of prices that need not have one."""
    rows, spot = chain(generator)
    return implied_volatilities(
        rows["right"], rows["strike"], rows["years"], rows["bid"], spot=spot, **TERMS
    )


def valued(generator: np.random.Generator) -> Any:
    """Values of options, from next to no volatility to five hundred per cent."""
    held = smile(generator)
    return european_options(
        held["right"], held["strike"], held["years"], held["volatility"],
        spot=float(generator.choice(LEVELS)), **TERMS,
    )["value"]  # fmt: skip


def bounds(generator: np.random.Generator) -> Any:
    """No-arbitrage bounds."""
    rows, spot = chain(generator)
    return price_bounds(rows["right"], rows["strike"], rows["years"], spot=spot, **TERMS)


def gammas(generator: np.random.Generator) -> Any:
    """Gamma over a grid."""
    held = smile(generator)
    return closed_form_gamma(
        *(held[name].to_numpy() for name in ("strike", "years", "volatility")),
        spots=np.array(LEVELS), **TERMS,
    )  # fmt: skip


def skewed(generator: np.random.Generator) -> Any:
    """Wings at one delta and tenor."""
    return delta_skew(
        smile(generator), spot=float(generator.choice(LEVELS)), delta=0.25, tenor_days=30, **TERMS
    )


def activity(generator: np.random.Generator) -> Any:
    """Traded contracts of several snapshots."""
    rows, _ = chain(generator)
    days = pd.date_range("2026-02-02T21:00Z", periods=3)
    return options_activity(rows.assign(snapshot_at=generator.choice(np.asarray(days), len(rows))))


# --- notes --------------------------------------------------------------------------------------


def note(generator: np.random.Generator) -> KnockInPut:
    """The put of a note whose barrier is far, near, at, or above the price."""
    spot = float(generator.choice(LEVELS))
    strike, barrier = (
        float((spot * share).clip(1e-9, 1e12))
        for share in generator.choice([1e-6, 0.5, 0.999999, 1.0, 1.000001, 2.0], 2)
    )
    return knock_in_put(
        spot, strike, barrier, years=float(generator.choice([1e-6, 1 / 365, 0.5, 5.0, 80.0])),
        volatility=float(generator.choice([1e-6, 0.01, 0.5, 5.0])), rate=0.04, dividend_yield=0.0,
        observation=str(generator.choice(["american", "european"])),
        knocked_in=bool(generator.random() < 0.3),
    )  # fmt: skip


def barriers(generator: np.random.Generator) -> pd.DataFrame:
    """The map of barriers of some notes."""
    n = int(generator.choice([0, 1, 30]))
    return notional_density(
        prices(generator, n), quantities(generator, n), spot=float(generator.choice(LEVELS)),
        reach=0.5,
    )  # fmt: skip


# --- hours and panels ---------------------------------------------------------------------------


def hours(generator: np.random.Generator, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Hourly bars over all sessions, with holes."""
    if not len(sessions):
        starts = pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    else:
        starts = pd.date_range(
            cuts(sessions[:1], "12h")[0], cuts(sessions[-1:], "17h")[0], freq="h", unit="us"
        )
    starts = starts[generator.random(len(starts)) < generator.choice([0.7, 0.999, 1.0])]
    close = prices(generator, len(starts))
    return pd.DataFrame(
        {
            "bar_start_utc": starts, "symbol": "BTCUSDT", "venue": "Binance", "close": close,
            "low": np.where(generator.random(len(starts)) < 0.1, np.nan, 0.5 * close),
            "known_at": starts + pd.Timedelta(hours=1),
        }
    )  # fmt: skip


def split(generator: np.random.Generator) -> pd.DataFrame:
    """Parts of each session's move."""
    sessions = days(generator)
    return session_split(
        hours(generator, sessions), sessions=sessions, cuts=cuts(sessions, "16h"),
        opens=cuts(sessions, "9h30min"), closes=cuts(sessions, "16h"),
    )  # fmt: skip


def depth(generator: np.random.Generator) -> pd.Series:
    """Lowest low between two cuts."""
    sessions = days(generator)
    return trough(hours(generator, sessions), sessions=sessions, cuts=cuts(sessions, "16h"))


def aligned(generator: np.random.Generator) -> Panel:
    """A panel of an exchange series, one by the hour, one of UTC days, and one that is absent."""
    sessions = days(generator)
    rows = pd.DataFrame(
        [(day, name) for name in ("IBIT", "BTC-USD", "USDJPY") for day in sessions],
        columns=["session", "symbol"],
    ).astype({"session": "datetime64[us]", "symbol": "str"})
    rows = rows[generator.random(len(rows)) < generator.choice([0.4, 1.0])]
    n = len(rows)
    rows = rows.assign(
        close=prices(generator, n), adj_close=prices(generator, n),
        volume=quantities(generator, n),
        known_at=pd.DatetimeIndex(rows["session"]).tz_localize("UTC") + pd.Timedelta(hours=21),
    )  # fmt: skip
    return align(
        rows, hours(generator, sessions), symbols=("IBIT", "BTC-USD", "USDJPY", "ABSENT"),
        sessions=sessions, cuts=cuts(sessions, "16h"), hourly_symbols={"BTC-USD": "BTCUSDT"},
        utc_day_symbols=("BTC-USD",), proxied_symbols=("USDJPY",), level_symbols=(),
    )  # fmt: skip


MARKETS: dict[Callable[..., Any], tuple[str, Call]] = {
    listed_curve: ("finite", lambda g: listed(g, days(g))),
    spot_at: ("finite", lambda g: spots(g, days(g))),
    near_month: ("finite", lambda g: legs(g)[0]),
    calendar_spread: ("finite", lambda g: legs(g)[1]),
    constant_maturity: ("finite", lambda g: legs(g)[2]),
    banded_basis: ("finite", banded),
    open_interest_in_coins: ("finite", coins),
    expiry_sessions: ("share", lambda g: expiry_sessions(
        pd.date_range("2026-01-30", periods=6, freq="14D"), days(g)).astype(float)),
    net_short: ("finite", positions),
    clean_chain: ("finite", cleaned),
    dealer_signs: ("sign", lambda g: dealer_signs(chain(g)[0])),
    gamma_profile: ("any", profiled),
    implied_volatilities: ("positive", solved),
    european_options: ("finite", valued),
    price_bounds: ("positive", bounds),
    closed_form_gamma: ("positive", gammas),
    delta_skew: ("positive", skewed),
    options_activity: ("positive", activity),
    knock_in_put: ("finite", note),
    notional_density: ("finite", barriers),
    session_split: ("finite", split),
    trough: ("finite", depth),
    move_shares: ("finite", lambda g: move_shares(split(g), min_move=0.01)),
    variation_shares: ("share", lambda g: variation_shares(split(g))),
    align: ("finite", aligned),
}  # fmt: skip
