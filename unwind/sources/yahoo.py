"""Daily bars, index levels and option chains from Yahoo Finance, through yfinance.

Validated against recorded-shape answers; see docs/sources.md.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from unwind.calendar import all_sessions, cash_hours
from unwind.contract.source import Extract, Fault, Provision
from unwind.settings.shared import Clock
from unwind.settings.sources import Retry, Yahoo
from unwind.sources.bars import Closes, Kind, at_cuts, finished, kind_of, significant
from unwind.sources.cells import scalar
from unwind.sources.transport import (
    UNEXPECTED_ANSWER,
    NoAnswer,
    Timekeeping,
    Transport,
    all_gone,
    missing_extra,
)
from unwind.sources.yahoo_connection import library_faults, open_connection

LABEL = "yahoo"
PROVISIONS = (
    Provision(
        table="prices",
        content="daily bars of the desk's universe: range, close, adjusted close and volume; "
        "round-the-clock weekday series (USDJPY) as the hour that ends at 16:00 New York",
        lag="a bar counts as a close settle_minutes after its session ended (index levels: after "
        "16:15, UTC days: after midnight UTC); known by the lag rules of [known_at]",
        limits="an unofficial service without warranty; some quotes delayed 15 minutes; hours for "
        "730 days; close and volume are restated after a split, adjusted closes after a dividend",
    ),
    Provision(
        table="implied_vol",
        content="levels of the CBOE indices under [sources.yahoo.indices]",
        lag="as index levels of prices",
        limits="no DVOL: that is the source crypto's",
    ),
    Provision(
        table="option_chains",
        content="all strikes of the nearest option_expiries expiries: bid, ask, last, volume, open "
        "interest, implied volatility",
        lag="stamped with the underlying's quote, known when fetched",
        limits="no history: a snapshot that was not taken is gone; quotes delayed 15 minutes, open "
        "interest of the night before, implied volatilities unfiltered (0 and absurd ones occur)",
    ),
)  # fmt: skip
BARS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close",
    "Volume": "volume",
}  # fmt: skip
QUOTES = {
    "strike": "strike", "bid": "bid", "ask": "ask", "lastPrice": "last", "volume": "volume",
    "openInterest": "open_interest", "impliedVolatility": "implied_vol",
}  # fmt: skip


class YahooSource:
    """Reads the desk's symbols one by one; what fails is named and the rest is given.

    Raises
    ------
    SourceError
        yfinance is not installed.
    """

    def __init__(
        self,
        chosen: Yahoo,
        *,
        symbols: tuple[str, ...],
        clock: Clock,
        retry: Retry,
        time: Timekeeping,
    ) -> None:
        try:
            import yfinance
        except ImportError as error:
            raise missing_extra("yfinance", LABEL) from error
        self._library = yfinance
        self._chosen = chosen
        self._symbols = symbols
        self._clock = clock
        self._time = time
        self._transport = Transport(
            LABEL, retry=retry, requests_per_minute=chosen.requests_per_minute, time=time
        )

    @property
    def label(self) -> str:
        """Return "yahoo"."""
        return LABEL

    def tables(self) -> tuple[str, ...]:
        """Names of the tables that it gives."""
        return tuple(provision.table for provision in PROVISIONS)

    def promised(self, table: str) -> frozenset[str]:
        """Symbols, indices or underlyings that the settings name."""
        return frozenset(
            {
                "prices": self._symbols,
                "implied_vol": tuple(self._chosen.indices),
                "option_chains": self._chosen.option_underlyings,
            }.get(table, ())
        )

    def extract(self, table: str) -> Extract:
        """Ask for a table.

        Raises
        ------
        SourceError
            No symbol of it could be had.
        """
        self._transport.begin()
        connection = open_connection(self._chosen.base_url, allowance=self._transport.allowance)
        try:
            if table == "option_chains":
                parts, faults = self._chains(connection)
            elif table == "implied_vol":
                kinds: dict[str, Kind] = dict.fromkeys(self._chosen.indices, "index")
                parts, faults = self._series(connection, kinds, self._chosen.indices)
                parts = [part.rename(columns={"symbol": "index"}) for part in parts]
                parts = [part.drop(columns=["adj_close", "volume"]) for part in parts]
            else:
                kinds = {symbol: kind_of(symbol, self._clock) for symbol in self._symbols}
                parts, faults = self._series(connection, kinds, self._chosen.symbols)
        finally:
            connection.close()
        if not parts:
            raise all_gone(LABEL, table, tuple(faults))
        return Extract(
            f"yahoo {table}",
            pd.concat(parts, ignore_index=True),
            faults=tuple(faults),
            received_at=self._time.now(),
        )

    def _series(
        self, connection: Any, kinds: Mapping[str, Kind], names: Mapping[str, str]
    ) -> tuple[list[pd.DataFrame], list[Fault]]:
        parts, faults = [], []
        for symbol, kind in kinds.items():
            ticker = names.get(symbol, symbol)
            outcome = self._transport.ask(
                symbol,
                lambda seconds, ticker=ticker, kind=kind: self._bars(  # type: ignore[misc]
                    connection, ticker, kind, seconds
                ),
            )
            if outcome.answer is None:
                faults += [] if outcome.fault is None else [outcome.fault]
                continue
            closes = outcome.answer
            if closes.late is not None:
                faults.append(
                    Fault(
                        entity=symbol, rule="yahoo: newest_close_missing", severity="warning",
                        value=f"no bar of {closes.late} yet", remedy="run again later",
                    )
                )  # fmt: skip
            if not closes.rows.empty:
                parts.append(closes.rows.rename_axis("session").reset_index().assign(symbol=symbol))
        return parts, faults

    def _bars(self, connection: Any, ticker: str, kind: Kind, seconds: float) -> Closes:
        """Bars of one series by date: open, high, low, close, adj_close, volume."""
        hourly = kind == "cut"
        days = self._chosen.cut_days if hourly else self._chosen.history_days
        since = (self._time.now() - pd.Timedelta(days=days)).tz_convert("UTC").date()
        with library_faults():
            table = self._library.Ticker(ticker, session=connection).history(
                start=since.isoformat(), interval="1h" if hourly else "1d",
                prepost=hourly, auto_adjust=False, actions=False, timeout=seconds,
            )  # fmt: skip
            if table.empty:
                raise NoAnswer(UNEXPECTED_ANSWER, "no bars", passing=False)
            bars = table[list(BARS)].rename(columns=BARS)
            prices = [name for name in BARS.values() if name != "volume"]
            bars[prices] = bars[prices].apply(significant)
            bars["volume"] = bars["volume"].astype("float64")
            if hourly:
                bars = at_cuts(bars.set_index(pd.DatetimeIndex(bars.index).tz_convert("UTC")))
            else:
                bars.index = pd.DatetimeIndex(bars.index).tz_localize(None).normalize()
                bars.index = pd.DatetimeIndex(bars.index).as_unit("us")
            if kind != "exchange":
                bars = bars.assign(adj_close=float("nan"))
            return finished(
                pd.DataFrame(bars).reindex(columns=[*BARS.values()]), kind,
                now=self._time.now(), settle_minutes=self._chosen.settle_minutes,
            )  # fmt: skip

    def _chains(self, connection: Any) -> tuple[list[pd.DataFrame], list[Fault]]:
        parts: list[pd.DataFrame] = []
        faults: list[Fault] = []
        for underlying in self._chosen.option_underlyings:
            ticker = self._library.Ticker(
                self._chosen.symbols.get(underlying, underlying), session=connection
            )
            listed = self._asked(underlying, lambda t=ticker: t.options, faults)
            pages = []
            for expiry in sorted(listed or ())[: self._chosen.option_expiries]:
                chain = self._asked(
                    f"{underlying} {expiry}",
                    lambda t=ticker, day=expiry: _page(t.option_chain(day), day),
                    faults,
                )  # fmt: skip
                if chain is not None:
                    pages.append(chain)
            if pages:
                rows = pd.concat(pages, ignore_index=True)
                now = self._time.now()
                quoted = min(rows.pop("quoted_at").max(), now)
                faults += self._delay(underlying, quoted, now)
                parts.append(rows.assign(underlying=underlying, snapshot_at=quoted, known_at=now))
        return parts, faults

    def _asked(self, entity: str, call: Any, faults: list[Fault]) -> Any:
        def checked(_: float) -> Any:
            with library_faults():
                answer = call()
                if answer is None or len(answer) == 0:
                    raise NoAnswer(UNEXPECTED_ANSWER, "no options", passing=False)
                return answer

        outcome = self._transport.ask(entity, checked)
        if outcome.fault is not None:
            faults.append(outcome.fault)
        return outcome.answer

    def _delay(self, underlying: str, quoted: pd.Timestamp, now: pd.Timestamp) -> list[Fault]:
        sessions = all_sessions()
        days = sessions[sessions <= now.tz_localize(None)][-2:]
        opens, closes = cash_hours(days)
        # Behind a closed market every quote is old: its last minute is what there is.
        current = min(now, closes[-1]) if opens[-1] <= now else closes[-2]
        if current - quoted <= pd.Timedelta(minutes=self._chosen.stale_minutes):
            return []
        return [
            Fault(
                entity=underlying, rule="yahoo: stale_quotes", severity="warning",
                value=f"quoted at {quoted:%Y-%m-%d %H:%M} UTC, asked at {now:%Y-%m-%d %H:%M} UTC",
                remedy="run again later, or raise sources.yahoo.stale_minutes",
            )
        ]  # fmt: skip


def _page(chain: Any, expiry: str) -> pd.DataFrame | None:
    """Both rights of one expiry as rows of `option_chains`, with the underlying's quote."""
    if chain.underlying is None:
        return None
    quote = chain.underlying
    sides = []
    for right, side in (("call", chain.calls), ("put", chain.puts)):
        rows = side.rename(columns=QUOTES)[[*QUOTES.values()]]
        rows = rows.assign(contract=side["contractSymbol"], right=right)
        sides.append(
            rows.apply(lambda cells: cells.map(scalar) if cells.dtype == object else cells)
        )
    page: pd.DataFrame = pd.concat(sides, ignore_index=True)
    return page.assign(
        expiry=pd.Timestamp(expiry),
        underlying_price=float(quote["regularMarketPrice"]),
        quoted_at=pd.Timestamp(int(quote["regularMarketTime"]), unit="s", tz="UTC"),
    )
