"""What is true in a simulated market: its scenarios, and the path that its prices take.

Daily factors have GARCH(1,1) variances and Student-t innovations; bitcoin and ether move hour by
hour on a crypto factor of their own. A scenario scripts a few sessions around its event. A scripted
return replaces the ordinary one but for a small share of its noise, so that the facts of the event
hold under every seed. Scripted changes of basis, open interest, funding and implied volatility fade
at the speed of the series they are added to.

Every random number comes from a stream named after its use and is drawn in order of time: rows up
to a day do not depend on how far the simulation runs, and two scenarios with one seed share all
that their scripts leave alone. So a scripted fall feeds no later variance: after the script comes
the calm market again, from the levels that the script left. Log prices have no drift. Every session
ends at 16:00 New York, half days too, as the desk cuts.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.sessions import CUT_ZONE, all_sessions, cut_instants

Mechanism = Literal[
    "ordinary", "multi_strategy", "crypto_native", "yen_carry", "fundamental_outflow"
]
Hours = Literal["any", "us_cash", "asia", "after_close"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a simulated market holds, for scoring those who look for it.

    Attributes
    ----------
    scenario : str
        Its name, a key of `SCENARIOS`.
    mechanism : str
        The cause. "ordinary": no deleveraging; an alarm is a false one.
    event_session : date or None
        The session whose 16:00-to-16:00 return holds the shock (a weekend's fall belongs to
        Monday); None in the calm market.
    first_session, last_session : date or None
        Ends of the stress, both included; None in the calm market.
    """

    scenario: str
    mechanism: Mechanism
    event_session: date | None
    first_session: date | None
    last_session: date | None


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
    volume_record : float or None
        IBIT volume in shares over its largest earlier value.
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
    volume_record: float | None = None
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
        As in `Truth`.
    stress : tuple of int, or None
        First and last session of the stress, counted from the event (0).
    volatility : float
        Multiplies every volatility, implied ones too, in the sessions of the stress.
    days : mapping of int to Day
        Scripts by sessions from the event.
    """

    description: str
    mechanism: Mechanism
    stress: tuple[int, int] | None
    volatility: float = 1.0
    days: Mapping[int, Day] = field(default_factory=dict)


# Sessions before, on and after 5 February 2026, rounded; silver and gold milder than on 30 January,
# so that the run-up alone does not decide a 20-session correlation.
_MULTI_STRATEGY_DAYS = {
    -5: Day(returns={"BTC-USD": -4.5, "ETH-USD": -6.0, "IGV": -4.9, "SLV": -2.0, "MSTR": -8.0}),
    -4: Day(returns={"BTC-USD": -0.5, "ETH-USD": -2.0, "IGV": -2.1, "SLV": -8.0, "GLD": -3.0}),
    -3: Day(
        returns={"BTC-USD": -4.0, "ETH-USD": -7.0, "IGV": -0.9, "SLV": -4.0, "MSTR": -5.0},
        basis=-0.005,
    ),
    -2: Day(
        returns={
            "BTC-USD": -2.0, "ETH-USD": -2.5, "MSTR": -4.5, "COIN": -4.4, "IGV": -4.6, "SMH": -2.0,
            "QQQ": -1.5, "SPY": -0.8, "IWM": -0.5, "HYG": -0.1, "EEM": -0.5, "SLV": -4.0,
            "GLD": 0.6, "TLT": 0.3, "UUP": 0.1,
        },
        basis=-0.005,
        flow_usd_m=60.0,
    ),
    -1: Day(
        # The same names fall again: reversal sleeves lose, and winners are sold against losers.
        returns={
            "BTC-USD": -4.0, "ETH-USD": -5.0, "MSTR": -5.0, "COIN": -6.0, "IGV": -3.0, "SMH": -3.0,
            "QQQ": -1.7, "SPY": -0.5, "IWM": -0.6, "HYG": -0.1, "EEM": -0.8, "SLV": -3.0,
            "GLD": 0.2, "TLT": 0.2, "UUP": 0.2,
        },
        momentum=0.8,
        basis=-0.005,
        open_interest_cme=-0.03,
        flow_usd_m=-370.0,
        factors_pct={"SMB": -0.9, "HML": -1.4, "RMW": -1.1, "CMA": -1.0, "Mom": -3.2},
        zscore=-3.5,
    ),
    0: Day(
        returns={
            "BTC-USD": -13.2, "ETH-USD": -14.0, "MSTR": -17.0, "COIN": -13.3, "IGV": -5.0,
            "SMH": -1.8, "QQQ": -1.4, "SPY": -1.2, "IWM": -1.8, "HYG": -0.3, "EEM": -1.6,
            "SLV": -16.0, "GLD": -2.7, "TLT": 0.8, "UUP": 0.3, "USDJPY": -0.1,
        },
        hours="us_cash",
        volume_record=1.7,
        vix=0.12,
        dvol=0.42,
        basis=0.02,
        open_interest_cme=-0.09,
        open_interest_offshore=-0.04,
        funding=-0.0002,
        flow_usd_m=-175.0,
        factors_pct={"SMB": -0.7, "HML": -0.4, "Mom": -1.8},
        zscore=-2.0,
    ),
    1: Day(
        returns={
            "BTC-USD": 10.0, "ETH-USD": 10.5, "MSTR": 22.0, "COIN": 13.0, "IGV": 3.5, "SMH": 5.0,
            "QQQ": 2.1, "SPY": 1.9, "IWM": 3.3, "HYG": 0.3, "EEM": 1.8, "SLV": 5.3, "GLD": 3.1,
            "TLT": 0.0, "UUP": -0.3, "USDJPY": 0.1,
        },
        hours="us_cash",
        vix=-0.12,
        dvol=-0.30,
        basis=0.045,
        open_interest_cme=0.05,
        open_interest_offshore=0.01,
        flow_usd_m=230.0,
        zscore=0.5,
    ),
}  # fmt: skip

# 10–11 October 2025: after the ETF close, offshore, on leverage that only crypto has.
_CRYPTO_DAYS = {
    0: Day(
        returns={"BTC-USD": -11.0, "ETH-USD": -15.0, "MSTR": -9.0, "COIN": -8.0},
        hours="after_close",
        dvol=0.35,
        basis=-0.03,
        open_interest_cme=-0.02,
        open_interest_offshore=-0.35,
        funding=-0.0015,
        flow_usd_m=-120.0,
    ),
    1: Day(
        returns={"BTC-USD": 3.0, "ETH-USD": 5.0, "MSTR": 3.0, "COIN": 2.5},
        dvol=-0.15,
        basis=0.005,
        open_interest_offshore=0.03,
    ),
}

# 2, 5 and 6 August 2024.
_YEN_DAYS = {
    -2: Day(returns={"USDJPY": -0.8, "SPY": -1.3, "QQQ": -2.2, "BTC-USD": -2.5}, vix=0.08),
    -1: Day(
        returns={
            "USDJPY": -1.6, "SPY": -1.8, "QQQ": -2.3, "SMH": -4.0, "IWM": -3.0, "IGV": -2.5,
            "EEM": -1.2, "HYG": -0.3, "BTC-USD": -4.0, "ETH-USD": -5.0, "MSTR": -5.0, "COIN": -4.5,
            "TLT": 1.5,
        },
        vix=0.12,
        dvol=0.08,
    ),
    0: Day(
        returns={
            "USDJPY": -3.4, "SPY": -3.0, "QQQ": -3.2, "SMH": -3.5, "IWM": -3.3, "IGV": -2.9,
            "EEM": -3.0, "HYG": -0.7, "SLV": -4.2, "GLD": -1.3, "TLT": 0.5, "UUP": -0.4,
            "BTC-USD": -11.0, "ETH-USD": -15.0, "MSTR": -10.0, "COIN": -8.0,
        },
        hours="asia",
        vix=0.40,
        dvol=0.30,
        basis=-0.01,
        open_interest_cme=-0.05,
        open_interest_offshore=-0.12,
        funding=-0.0006,
        flow_usd_m=0.0,
        factors_pct={"Mom": -0.9},
        zscore=-1.8,
    ),
    1: Day(
        returns={
            "USDJPY": 1.2, "SPY": 1.0, "QQQ": 1.1, "SMH": 1.5, "IWM": 1.2, "IGV": 1.5, "EEM": 1.2,
            "HYG": 0.3, "SLV": -0.5, "GLD": -0.8, "TLT": -1.5, "BTC-USD": 5.5, "ETH-USD": 4.0,
            "MSTR": 5.0, "COIN": 3.0,
        },
        vix=-0.28,
        dvol=-0.20,
    ),
}  # fmt: skip

_OUTFLOW_DAY = Day(
    returns={"BTC-USD": -1.3, "ETH-USD": -1.7, "MSTR": -2.0, "COIN": -1.6},
    noise=0.25,
    dvol=0.01,
    basis=-0.006,
    open_interest_cme=-0.012,
    open_interest_offshore=-0.008,
    funding=-0.00005,
    flow_usd_m=-420.0,
)

PLANS: dict[str, Scenario] = {
    "calm": Scenario(
        description="ordinary clustering volatility, constant correlations, no event",
        mechanism="ordinary",
        stress=None,
    ),
    "multi_strat_unwind": Scenario(
        description="multi-strategy degrossing shaped like 5 February 2026: narrow, in US cash "
        "hours, with a rebound",
        mechanism="multi_strategy",
        stress=(-5, 1),
        days=_MULTI_STRATEGY_DAYS,
    ),
    "crypto_liquidation": Scenario(
        description="offshore crypto liquidation after the US close or at a weekend, shaped like "
        "10 October 2025",
        mechanism="crypto_native",
        stress=(0, 1),
        days=_CRYPTO_DAYS,
    ),
    "yen_carry": Scenario(
        description="yen-funded positions are cut in Asian hours, shaped like 5 August 2024",
        mechanism="yen_carry",
        stress=(-2, 1),
        days=_YEN_DAYS,
    ),
    "fundamental_outflow": Scenario(
        description="three weeks of redemptions, a slow fall, a falling basis and no rebound",
        mechanism="fundamental_outflow",
        stress=(0, 14),
        days=dict.fromkeys(range(15), _OUTFLOW_DAY),
    ),
    "one_stock_shock": Scenario(
        description="MSTR alone falls by 30 %; nothing else differs from calm",
        mechanism="ordinary",
        stress=(0, 0),
        days={0: Day(returns={"MSTR": -30.0}, noise=0.0)},
    ),
    "volatility_only": Scenario(
        description="every volatility triples for thirty sessions; correlations and drift stay",
        mechanism="ordinary",
        stress=(0, 29),
        volatility=3.0,
    ),
}

SCENARIOS: dict[str, str] = {name: plan.description for name, plan in PLANS.items()}


class Asset(NamedTuple):
    """Start price, usual volume, annual volatility by factor, and what is the asset's own."""

    price: float
    volume: float
    market: float = 0.0
    technology: float = 0.0
    metals: float = 0.0
    rates: float = 0.0
    dollar: float = 0.0
    credit: float = 0.0
    crypto: float = 0.0
    own: float = 0.0

    @property
    def annual(self) -> float:
        """Annual volatility in calm times."""
        return float(np.linalg.norm(self[2:]))


# Loadings that give the annual volatilities and correlations of January 2024 to January 2026
# within a few points: IBIT 50 %, SPY 16 %; IBIT–IGV 0.40, IBIT–GLD 0.09, SPY–QQQ 0.96.
EXCHANGE = {
    "IGV": Asset(80.0, 4.7e6, market=0.19, technology=0.10, own=0.115),
    "GLD": Asset(190.0, 8.4e6, market=0.005, metals=0.15, rates=0.02, dollar=-0.055, own=0.07),
    "SPY": Asset(475.0, 6.2e7, market=0.158, technology=0.02, own=0.02),
    "QQQ": Asset(405.0, 4.2e7, market=0.192, technology=0.065, own=0.02),
    "SMH": Asset(170.0, 7.2e6, market=0.28, technology=0.17, own=0.15),
    "IWM": Asset(195.0, 3.0e7, market=0.172, technology=-0.02, credit=0.06, own=0.115),
    "HYG": Asset(77.0, 3.5e7, market=0.036, rates=0.016, credit=0.03, own=0.015),
    "TLT": Asset(96.0, 3.3e7, market=0.01, rates=0.126, own=0.03),
    "SLV": Asset(21.0, 2.1e7, market=0.07, metals=0.26, dollar=-0.06, own=0.17),
    "EEM": Asset(39.0, 2.6e7, market=0.11, technology=0.015, metals=0.03, dollar=-0.045, own=0.10),
    "USDJPY": Asset(145.0, 0.0, market=0.025, rates=-0.02, dollar=0.03, own=0.085),
    "UUP": Asset(27.4, 9.9e5, market=-0.005, rates=-0.01, dollar=0.07, own=0.03),
    "MSTR": Asset(55.0, 1.3e7, market=0.35, technology=0.10, crypto=0.62, own=0.56),
    "COIN": Asset(140.0, 9.3e6, market=0.38, technology=0.15, crypto=0.40, own=0.50),
}
CRYPTO = {
    "BTC-USD": Asset(46000.0, 700.0, market=0.21, technology=0.08, metals=0.05, crypto=0.436),
    "ETH-USD": Asset(2600.0, 9000.0, market=0.30, technology=0.09, crypto=0.52, own=0.40),
}
# Trusts: the coin, coins behind one share, usual volume.
TRUSTS = {"IBIT": ("BTC-USD", 5.7e-4, 4.1e7), "ETHA": ("ETH-USD", 7.5e-3, 1.9e7)}

FACTORS = ("market", "technology", "metals", "rates", "dollar", "credit")
TAIL = 6.0  # degrees of freedom of the Student-t innovations …
CRYPTO_TAIL = 8.0  # … and of a day of crypto, after GARCH thinner-tailed than equities
HOLIDAY = 0.3  # share of a weekday's move that is left when the exchange is shut
WEEKEND = 0.63  # crypto volatility on Saturday and Sunday over weekdays, BTCUSDT 2024–2026
TRACKING = 4e-4  # a trust's close against its coins
# Crypto volatility by UTC hour, BTCUSDT 2024–2026, percent an hour.
_HOURLY = (
    0.52, 0.59, 0.46, 0.40, 0.38, 0.36, 0.47, 0.41, 0.41, 0.38, 0.37, 0.37,
    0.42, 0.63, 0.81, 0.73, 0.57, 0.62, 0.55, 0.55, 0.48, 0.48, 0.49, 0.41,
)  # fmt: skip
HOUR_PROFILE: Floats = np.array(_HOURLY) / np.sqrt(np.sum(np.square(_HOURLY)))
HOURS_SHARE = 0.8  # of a scripted move lies in its named hours, the rest is spread evenly
CRYPTO_YEAR = 261 + 104 * WEEKEND**2  # weekday-equivalents


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """What happens, before anything is printed. Weekday rows stand at 16:00 New York.

    Attributes
    ----------
    plan : Scenario
    seed : int
    event : int
        Place of the event in the exchange calendar.
    days, weekdays : DatetimeIndex
        Calendar days and weekdays; the last week lies beyond what is printed.
    hours : DatetimeIndex, UTC
        Starts of the hourly bars.
    trades : bool array, one a weekday
        Whether the exchange is open.
    prices : mapping of symbol to array, one value a weekday
        Before any income; BTC-USD and ETH-USD too stand at 16:00 New York here.
    bars : mapping of symbol to array of shape (hours, 4)
        Open, high, low and close of BTC-USD and ETH-USD.
    market_variance, crypto_variance : array, one value a weekday and a day
        Conditional variance of the next step over its long-run mean.
    volatility : array, one value a weekday
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
    bars: Mapping[str, Floats]
    market_variance: Floats
    crypto_variance: Floats
    volatility: Floats

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Weekdays on which the exchange is open."""
        return self.weekdays[self.trades]

    def stream(self, name: str) -> np.random.Generator:
        """Return the random numbers of one use."""
        return _stream(self.seed, name)

    def scripts(self, on: pd.DatetimeIndex) -> dict[int, Day]:
        """Return the scripts of the sessions that stand in `on`, by row."""
        return _scripts(self.plan, self.event, on)

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


def autoregression(shocks: Floats, *, persistence: float) -> Floats:
    """Return x_t = persistence·x_{t−1} + shock_t along the first axis, started at zero."""
    path: Floats = np.array(
        list(accumulate(shocks, lambda state, shock: persistence * state + shock))
    )
    return path


def conditional_variance(shocks: Floats, *, alpha: float, beta: float) -> Floats:
    """Return GARCH(1,1) variances over their mean (Bollerslev 1986, equation 6).

    Shocks have unit variance. There is one row more than shocks: row t uses shocks before t, and
    the last is the forecast of the step after them.
    """
    growth = alpha * shocks**2 + beta
    variance = np.ones((len(shocks) + 1, *shocks.shape[1:]))
    for row in range(len(shocks)):
        variance[row + 1] = (1 - alpha - beta) + variance[row] * growth[row]
    return variance


def student(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw Student-t innovations of unit variance, rows in time order."""
    draws: Floats = generator.standard_t(TAIL, shape) / np.sqrt(TAIL / (TAIL - 2))
    return draws


def simulate_path(plan: Scenario, *, seed: int, first: date, last: date, event: date) -> Path:
    """Draw the path of a scenario; arguments as in `unwind.sources.simulated.simulate_market`."""
    sessions = all_sessions()
    # A week more than is printed: the hours after the last close belong to the next session.
    days = pd.date_range(first, pd.Timestamp(last) + pd.Timedelta(days=7), unit="us")
    weekdays = days[days.day_of_week < 5]
    trades = np.asarray(weekdays.isin(sessions))
    place = int(sessions.searchsorted(pd.Timestamp(event)))
    scripts = _scripts(plan, place, weekdays)
    # The row of the session before, -1 ahead of the first.
    before = np.searchsorted(np.flatnonzero(trades), np.arange(len(weekdays))) - 1
    before = np.append(np.flatnonzero(trades), -1)[before]
    volatility = np.ones(len(weekdays))
    if plan.stress is not None:
        since = sessions.searchsorted(weekdays) - place
        volatility[(since >= plan.stress[0]) & (since <= plan.stress[1])] = plan.volatility

    shocks = student(_stream(seed, "factors"), (len(weekdays), len(FACTORS)))
    factor_variance = conditional_variance(shocks, alpha=0.08, beta=0.89)
    pace = (np.where(trades, 1.0, HOLIDAY) * volatility / np.sqrt(252))[:, None]
    factors = np.sqrt(factor_variance[:-1]) * shocks * pace

    clock = _Clock.build(days, weekdays)
    hourly = _hourly_factors(seed, days)
    hourly.moves[:] *= volatility[clock.window][:, None]
    prices, bars = {}, {}
    for symbol, asset in CRYPTO.items():
        moves = asset.crypto * hourly.moves[:, 0] + asset.own * hourly.moves[:, 1]
        moves += _loaded(factors, asset)[clock.window] * clock.cash_weight
        for row, day in scripts.items():
            if symbol in day.returns:
                # Since the close of the session before: a holiday has a window of its own.
                hours = (clock.window > before[row]) & (clock.window <= row)
                moves[hours] *= day.noise
                moves[hours] += np.log1p(day.returns[symbol] / 100) * clock.script(hours, day.hours)
        bars[symbol] = _bars(moves, asset.price, _stream(seed, f"{symbol} range"))
        prices[symbol] = bars[symbol][clock.closing, 3]
    for trust, (coin, coins_a_share, _) in TRUSTS.items():
        gap = TRACKING * _stream(seed, f"{trust} tracking").standard_normal(len(weekdays))
        prices[trust] = prices[coin] * coins_a_share * np.exp(gap)

    own = student(_stream(seed, "own"), (len(weekdays), len(EXCHANGE)))
    own *= np.sqrt(conditional_variance(own, alpha=0.06, beta=0.90)[:-1]) * pace
    crypto = np.bincount(clock.window, weights=hourly.moves[:, 0], minlength=len(weekdays))
    returns = np.column_stack(
        [
            _loaded(factors, asset) + asset.crypto * crypto + asset.own * own[:, column]
            for column, asset in enumerate(EXCHANGE.values())
        ]
    )
    for row, day in scripts.items():
        _apply(day, returns, row, holidays=slice(before[row] + 1, row))
    for column, (symbol, asset) in enumerate(EXCHANGE.items()):
        prices[symbol] = asset.price * np.exp(np.cumsum(returns[:, column]))

    return Path(
        plan=plan,
        seed=seed,
        event=place,
        days=days,
        weekdays=weekdays,
        hours=clock.hours,
        trades=trades,
        prices=prices,
        bars=bars,
        market_variance=factor_variance[1:, 0],
        crypto_variance=hourly.variance,
        volatility=volatility,
    )


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))


def _scripts(plan: Scenario, event: int, on: pd.DatetimeIndex) -> dict[int, Day]:
    sessions = all_sessions()
    rows = {int(on.searchsorted(sessions[event + offset])): offset for offset in sorted(plan.days)}
    return {
        row: plan.days[offset]
        for row, offset in rows.items()
        if row < len(on) and on[row] == sessions[event + offset]
    }


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


class _Hourly(NamedTuple):
    moves: Floats
    variance: Floats


def _hourly_factors(seed: int, days: pd.DatetimeIndex) -> _Hourly:
    """Hourly moves of the crypto factor and of ether's own, in units of annual volatility."""
    normal = _stream(seed, "crypto hours").standard_normal((len(days), 24, 2))
    # One mixing variable a day makes the day's sum Student-t, not only its hours.
    mixed = _stream(seed, "crypto days").chisquare(CRYPTO_TAIL, (len(days), 2))
    normal *= np.sqrt((CRYPTO_TAIL - 2) / mixed)[:, None, :] * HOUR_PROFILE[:, None]
    variance = conditional_variance(normal.sum(axis=1), alpha=0.08, beta=0.89)
    pace = np.where(days.day_of_week < 5, 1.0, WEEKEND) / np.sqrt(CRYPTO_YEAR)
    moves = normal * (np.sqrt(variance[:-1]) * pace[:, None])[:, None, :]
    return _Hourly(moves.reshape(-1, 2), variance[1:, 0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clock:
    """Which hour belongs to which session, and how a session's move spreads over its hours."""

    hours: pd.DatetimeIndex
    window: NDArray[np.intp]
    closing: NDArray[np.intp]
    new_york: NDArray[np.intp]
    cash: NDArray[np.bool_]
    cash_weight: Floats

    @classmethod
    def build(cls, days: pd.DatetimeIndex, weekdays: pd.DatetimeIndex) -> "_Clock":
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


def _bars(moves: Floats, start: float, generator: np.random.Generator) -> Floats:
    close = start * np.exp(np.cumsum(moves))
    opening = np.concatenate(([start], close[:-1]))
    reach = np.abs(generator.standard_normal((len(moves), 2))) * 0.0015
    high = np.maximum(opening, close) * np.exp(reach[:, 0])
    low = np.minimum(opening, close) * np.exp(-reach[:, 1])
    return np.column_stack([opening, high, low, close])
