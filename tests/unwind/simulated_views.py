"""A simulated market as its tests look at it: by session, counted from the event."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from tests.conftest import SHARED
from unwind.simulation.source import SimulatedMarket, simulate_market

MARKET = SHARED / "market"
FIRST, LAST, EVENT = date(2024, 10, 1), date(2026, 3, 20), date(2026, 2, 5)
SEEDS = (1, 2, 3)


def by_symbol(prices: pd.DataFrame) -> pd.DataFrame:
    return prices.pivot_table(index="session", columns="symbol", values="close", aggfunc="first")


@dataclass(frozen=True)
class View:
    """One market, and what is read off it more than once."""

    market: SimulatedMarket
    seed: int
    event: date

    @classmethod
    def of(cls, scenario: str, seed: int = 1, event: date = EVENT) -> "View":
        market = simulate_market(scenario, seed=seed, first=FIRST, last=LAST, event=event)
        return cls(market, seed, event)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        return self.market.tables

    @cached_property
    def closes(self) -> pd.DataFrame:
        """On NYSE sessions."""
        wide = by_symbol(self.tables["prices"])
        return wide[wide["SPY"].notna()]

    @cached_property
    def log_returns(self) -> pd.DataFrame:
        return np.log(self.closes).diff()

    @property
    def place(self) -> int:
        return self.closes.index.get_loc(pd.Timestamp(self.event))

    @cached_property
    def percent(self) -> pd.DataFrame:
        """Simple returns in percent, by sessions from the event."""
        return self.around_event(self.closes.pct_change() * 100)

    def around_event(self, rows):
        """Values on NYSE sessions, by sessions from the event."""
        on = rows.reindex(self.closes.index)
        on.index = np.arange(len(on)) - self.place
        return on

    def prices_of(self, symbol: str) -> pd.DataFrame:
        rows = self.tables["prices"]
        return rows[rows["symbol"] == symbol].set_index("session")

    def hourly(self, ticker: str) -> pd.DataFrame:
        """Bars by the hour in New York at which they start."""
        rows = self.tables["crypto_hourly"]
        rows = rows[rows["symbol"] == ticker]
        return rows.set_index(rows["bar_start_utc"].dt.tz_convert("America/New_York"))

    def index_level(self, name: str) -> pd.Series:
        rows = self.tables["implied_vol"]
        return self.around_event(rows[rows["index"] == name].set_index("session")["close"])

    def log_open_interest(self, venue: str) -> pd.Series:
        rows = self.tables["open_interest"]
        coins = rows[rows["venue"] == venue].set_index("session")["open_interest_btc"]
        return self.around_event(np.log(coins))

    def ibit_flow(self, vendor: str = "farside") -> pd.Series:
        rows = self.tables["etf_flows"]
        rows = rows[(rows["fund"] == "IBIT") & (rows["vendor"] == vendor)]
        return self.around_event(rows.set_index("session")["net_flow_usd_m"])

    def basis(self) -> pd.Series:
        """Annualised, percent, of the nearest contract with ten days left; Fridays left out.

        A Friday's futures bar ends two hours before the UTC day does.
        """
        futures = self.tables["futures"].copy()
        futures["days"] = (futures["expiry"] - futures["session"]).dt.days
        futures = futures[(futures["days"] >= 10) & (futures["session"].dt.day_of_week != 4)]
        near = futures.groupby("session").first()
        spot = self.prices_of("BTC-USD")["close"].reindex(near.index)
        return self.around_event((near["settle"] / spot - 1) * 36500 / near["days"])

    def hourly_moves(self) -> pd.Series:
        """Bitcoin's hourly log moves in the event's window, 16:00 to 16:00 New York."""
        bars = self.hourly("BTCUSDT")
        moves = np.log(bars["close"] / bars["open"])
        start, end = (
            (self.closes.index[row] + pd.Timedelta(hours=16)).tz_localize("America/New_York")
            for row in (self.place - 1, self.place)
        )
        return moves[(moves.index >= start) & (moves.index < end)]


def cash_share(moves: pd.Series) -> float:
    cash = (moves.index.hour >= 9) & (moves.index.hour < 16) & (moves.index.day_of_week < 5)
    return moves[cash].sum() / moves.sum()
