"""A simulated market of asset classes with fat tails, and what vendors and crises do to it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from unwind.calendar import sessions_between
from unwind.market.confirmations import no_confirmations
from unwind.market.plausibility import PlausiblePrices, plausible_prices
from unwind.settings import Settings

N_CLASSES, N_MEMBERS = 5, 4
SYMBOLS = tuple(f"C{group}{member}" for group in range(N_CLASSES) for member in range(N_MEMBERS))
PRICES = ["open", "high", "low", "close", "adj_close"]
FIRST, LAST = pd.Timestamp("2025-01-02"), pd.Timestamp("2025-12-31")
SESSIONS = sessions_between(FIRST.date(), LAST.date())
# Per session, from a bond fund to a coin's fund.
SIGMA = np.repeat([0.003, 0.008, 0.012, 0.02, 0.035], N_MEMBERS)


def market(
    seed: int, shocks: dict[tuple[int, str], tuple[float, float]] | None = None
) -> pd.DataFrame:
    """Rows of `prices`: a common factor, one per class, own moves; clustered volatility.

    Parameters
    ----------
    seed : int
    shocks : dict of (row, symbol) to (log return, share at the open), or None
        Added to what the day brings anyway; such a bar is wide and its volume large.
    """
    draw = np.random.default_rng(seed)
    n, k = len(SESSIONS), len(SYMBOLS)
    busy = np.zeros(n)
    for row in range(1, n):
        busy[row] = 0.95 * busy[row - 1] + 0.12 * draw.standard_normal()
    t5 = draw.standard_t(5, (n, 1 + N_CLASSES + k)) * np.sqrt(3 / 5)
    group = np.repeat(np.arange(N_CLASSES), N_MEMBERS)
    mixed = 0.5 * t5[:, [0]] + 0.65 * t5[:, 1 + group] + 0.57 * t5[:, 1 + N_CLASSES :]
    returns = mixed * SIGMA * np.exp(busy)[:, None]
    at_open = returns * draw.uniform(0, 0.7, (n, k))
    stress = np.zeros((n, k))
    for (row, symbol), (move, share) in (shocks or {}).items():
        column = SYMBOLS.index(symbol)
        returns[row, column] += move
        at_open[row, column] += share * move
        stress[row, column] = abs(move)
    close = 100 * np.exp(np.cumsum(returns, axis=0))
    before = np.vstack([np.full(k, 100.0), close[:-1]])
    opening = before * np.exp(at_open)
    # The day after the open: a shock is traded, whatever part of it came overnight.
    breadth = SIGMA * np.exp(busy)[:, None] * draw.uniform(0.3, 1.0, (n, k))
    breadth += stress * draw.uniform(0.15, 0.5, (n, k)) + SIGMA * (stress > 0) * 2
    paid = np.zeros((n, k))
    paid[62::63] = draw.uniform(0, 0.012, (len(paid[62::63]), k))
    gone = np.exp(-np.cumsum(paid, axis=0))
    adjusted = close * gone[-1]
    close, opening = close * gone, opening * gone
    trade = 0.35 * draw.standard_normal((n, k)) + 0.6 * busy[:, None]
    trade += np.where(stress > 0, draw.uniform(0.9, 2.5, (n, k)), 0.15 * np.abs(returns) / SIGMA)
    volume = 1e6 * np.exp(trade)
    high = np.maximum(opening, close) * np.exp(0.5 * breadth * draw.uniform(0.3, 1, (n, k)))
    low = np.minimum(opening, close) * np.exp(-0.5 * breadth * draw.uniform(0.3, 1, (n, k)))
    columns = dict(
        zip((*PRICES, "volume"), (opening, high, low, close, adjusted, volume), strict=True)
    )
    return pd.DataFrame(
        {
            "session": np.repeat(SESSIONS, k),
            "symbol": np.tile(SYMBOLS, n),
            **{name: values.ravel() for name, values in columns.items()},
            "known_at": np.repeat(
                SESSIONS.tz_localize("UTC") + pd.Timedelta(hours=21, minutes=15), k
            ),
        }
    )


def screened(rows: pd.DataFrame, settings: Settings, *, last: int | None = None) -> PlausiblePrices:
    """Prices after the screens, up to a row."""
    rows = rows if last is None else rows[rows["session"] <= SESSIONS[last]]
    return plausible_prices(
        rows, rows, symbols=SYMBOLS, confirmations=no_confirmations(),
        cutoff=pd.Timestamp("2026-01-31T00:00Z"), settings=settings,
    )  # fmt: skip


def returns(prices: PlausiblePrices) -> pd.DataFrame:
    """Log returns as the panel computes them."""
    adjusted, plain = (
        prices.rows.pivot_table(index="session", columns="symbol", values=name, dropna=False)
        .transform(np.log)
        .diff()
        for name in ("adj_close", "close")
    )
    moves = adjusted.fillna(plain)
    return moves.mask(prices.set_aside.reindex_like(moves))


def scaled(
    rows: pd.DataFrame,
    symbol: str,
    factor: float,
    *,
    first: int = 0,
    end: int | None = None,
    columns: list[str] = PRICES,
    volume: float = 1.0,
) -> pd.DataFrame:
    """Rows of a symbol times a factor, from row `first` to before row `end`."""
    out = rows.copy()
    chosen = (out["symbol"] == symbol) & (out["session"] >= SESSIONS[first])
    if end is not None:
        chosen &= out["session"] < SESSIONS[end]
    out.loc[chosen, columns] *= factor
    out.loc[chosen, "volume"] *= volume
    return out


def late(rows: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Each row of a symbol with the prices of the session before."""
    out = rows.copy()
    own = out["symbol"] == symbol
    out.loc[own, [*PRICES, "volume"]] = out.loc[own, [*PRICES, "volume"]].shift().bfill()
    return out


def close_at_open(rows: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """A close that repeats the open of its bar."""
    out = rows.copy()
    own = out["symbol"] == symbol
    out.loc[own, "close"] = out.loc[own, "open"]
    out.loc[own, "adj_close"] = np.nan
    return out


Fault = Callable[[pd.DataFrame, str, int], pd.DataFrame]

# A fault of a symbol from a row on.
FAULTS: dict[str, Fault] = {
    "adjusted close loses a 4:1 split": lambda rows, symbol, at: scaled(
        rows, symbol, 4, end=at, columns=["adj_close"]
    ),
    "adjusted close loses a 3:2 split": lambda rows, symbol, at: scaled(
        rows, symbol, 1.5, end=at, columns=["adj_close"]
    ),
    "adjusted close slips for one row": lambda rows, symbol, at: scaled(
        rows, symbol, 1.03, first=at, end=at + 1, columns=["adj_close"]
    ),
    "close alone not adjusted, 5:1": lambda rows, symbol, at: scaled(
        rows, symbol, 5, end=at, columns=PRICES[:4], volume=1 / 5
    ),
    "unadjusted split, 2:1": lambda rows, symbol, at: scaled(
        rows, symbol, 1 / 2, first=at, volume=2
    ),
    "unadjusted split, 3:2": lambda rows, symbol, at: scaled(
        rows, symbol, 2 / 3, first=at, volume=1.5
    ),
    "unadjusted split, 7:1": lambda rows, symbol, at: scaled(
        rows, symbol, 1 / 7, first=at, volume=7
    ),
    "unadjusted reverse split, 1:10": lambda rows, symbol, at: scaled(
        rows, symbol, 10, first=at, volume=1 / 10
    ),
    "spin-off, 1231:1000": lambda rows, symbol, at: scaled(
        rows, symbol, 1000 / 1231, first=at, volume=1.231
    ),
    "pence for pounds, one row": lambda rows, symbol, at: scaled(
        rows, symbol, 100, first=at, end=at + 1
    ),
    "pounds for pence from here on": lambda rows, symbol, at: scaled(
        rows, symbol, 1 / 100, first=at
    ),
    "one row of another level, −28 %": lambda rows, symbol, at: scaled(
        rows, symbol, 0.72, first=at, end=at + 1
    ),
    "close repeats open": lambda rows, symbol, at: close_at_open(rows, symbol),
    "rows one session late": lambda rows, symbol, at: late(rows, symbol),
}
