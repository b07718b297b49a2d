"""Spot and perpetuals at Binance, implied volatility and options at Deribit, through ccxt.

The library's own endpoints (its "implicit API") are called, not its unified methods: those load
every market of a venue first, several megabytes, and drop the implied volatility of an option
book. Validated against recorded-shape answers; see docs/sources.md.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from unwind.contract.source import Extract, Fault, Provision
from unwind.settings.sources import Crypto, Retry
from unwind.sources.answers import wait_named, within
from unwind.sources.crypto_connection import mount_bounded
from unwind.sources.crypto_rows import candles, funding, has_time, open_interest, option_book
from unwind.sources.transport import (
    ACCESS_DENIED,
    CONNECTION_FAILED,
    INVALID_JSON,
    RATE_LIMITED,
    SERVER_ERROR,
    TIMEOUT,
    UNEXPECTED_ANSWER,
    NoAnswer,
    Timekeeping,
    Transport,
    all_gone,
    missing_extra,
)

LABEL = "crypto"
PROVISIONS = (
    Provision(
        table="crypto_hourly",
        content="hourly spot bars at Binance of the symbols under [clock.hourly]",
        lag="a bar is given and known when its hour has ended",
        limits="1,000 hours a request; not served from some countries (HTTP 451)",
    ),
    Provision(
        table="perpetuals",
        content="Binance's bitcoin perpetual by UTC day: funding (sum of the day's payments), "
        "premium index, open interest at the day's end",
        lag="a day is given and known when it has ended, 00:00 UTC",
        limits="open interest of the last 30 days only: older days are null",
    ),
    Provision(
        table="implied_vol",
        content="Deribit's DVOL by UTC day",
        lag="a day is given and known when it has ended, 00:00 UTC",
        limits="from 2021 on",
    ),
    Provision(
        table="option_chains",
        content="Deribit's bitcoin option book: bid, ask and last in dollars (premium in coins × "
        "the forward), volume and open interest in coins, mark volatility",
        lag="stamped and known when fetched",
        limits="no history: a snapshot that was not taken is gone; underlying_price is the forward "
        "of each expiry",
    ),
)
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
VENUE = "Binance"
# Rows a request, as the venues document them.
KLINES, FUNDINGS, INTERESTS, VOLATILITIES = 1000, 1000, 500, 1000
# Payments come every eight hours, in some spells every four or every hour.
FUNDING_STEP = pd.Timedelta(hours=4)
MILLISECOND = pd.Timedelta(milliseconds=1)
# Two years of payments every minute.
MAX_PAGES = 1_100
# How far back open interest is served; a little less, lest the first hour falls out on the way.
INTEREST_KEPT = pd.Timedelta(days=29)


class CryptoSource:
    """Asks two venues; what fails is named and the rest is given.

    Raises
    ------
    SourceError
        ccxt is not installed.
    """

    def __init__(
        self, chosen: Crypto, *, hourly: tuple[str, ...], retry: Retry, time: Timekeeping
    ) -> None:
        try:
            import ccxt
        except ImportError as error:
            raise missing_extra("ccxt", LABEL) from error
        self._library = ccxt
        self._chosen = chosen
        self._hourly = hourly
        self._time = time
        self._transport = Transport(
            LABEL, retry=retry, requests_per_minute=chosen.requests_per_minute, time=time
        )
        # The pace is kept by the transport: one clock for all waits.
        self._binance = ccxt.binance({"enableRateLimit": False})
        spot, futures = chosen.binance_spot_url, chosen.binance_futures_url
        self._binance.urls["api"] |= {
            "public": f"{spot}/api/v3",
            "fapiPublic": f"{futures}/fapi/v1",
            "fapiData": f"{futures}/futures/data",
        }
        self._deribit = ccxt.deribit({"enableRateLimit": False})
        for venue in (self._binance, self._deribit):
            mount_bounded(venue.session, self._transport.allowance)
        self._deribit.urls["api"] |= {"rest": chosen.deribit_url}

    @property
    def label(self) -> str:
        """Return "crypto"."""
        return LABEL

    def tables(self) -> tuple[str, ...]:
        """Names of the tables that it gives."""
        return tuple(provision.table for provision in PROVISIONS)

    def promised(self, table: str) -> frozenset[str]:
        """Symbols, venue, index or underlying that the settings name."""
        return frozenset(
            {
                "crypto_hourly": self._hourly,
                "perpetuals": (VENUE,),
                "implied_vol": ("DVOL",),
                "option_chains": (self._chosen.currency,),
            }.get(table, ())
        )

    def extract(self, table: str) -> Extract:
        """Ask for a table.

        Raises
        ------
        SourceError
            No row of it could be had.
        """
        self._transport.begin()
        asking: dict[str, Callable[[list[Fault]], pd.DataFrame]] = {
            "crypto_hourly": self._spot,
            "perpetuals": self._perpetuals,
            "implied_vol": self._implied_vol,
            "option_chains": self._options,
        }
        faults: list[Fault] = []
        rows = asking[table](faults)
        if rows.empty:
            raise all_gone(LABEL, table, tuple(faults))
        return Extract(f"crypto {table}", rows, faults=tuple(faults), received_at=self._time.now())

    def _spot(self, faults: list[Fault]) -> pd.DataFrame:
        now = self._time.now()
        parts = []
        for symbol in self._hourly:
            bars = self._pages(
                symbol, self._binance, self._binance.publicGetKlines,
                {"symbol": symbol, "interval": "1h"}, self._since(self._chosen.hourly_days),
                faults, size=KLINES, step=HOUR,
            )  # fmt: skip
            rows = candles(bars)
            rows = rows[rows["at"] + HOUR <= now]
            newest = now.floor("h") - HOUR
            _check_newest(symbol, rows, newest, faults)
            since = self._since(self._chosen.hourly_days)
            _check_whole(symbol, rows["at"], since, newest, faults, step=HOUR)
            parts.append(rows.rename(columns={"at": "bar_start_utc"}).assign(symbol=symbol))
        return pd.concat(parts, ignore_index=True).assign(venue=VENUE)

    def _perpetuals(self, faults: list[Fault]) -> pd.DataFrame:
        now, since = self._time.now(), self._since(self._chosen.daily_days)
        today, name = now.floor("D"), self._chosen.perpetual
        paid = self._pages(
            f"{name} funding", self._binance, self._binance.fapiPublicGetFundingRate,
            {"symbol": name}, since, faults, size=FUNDINGS, step=FUNDING_STEP,
            stamp="fundingTime",
        )  # fmt: skip
        premium = self._pages(
            f"{name} premium", self._binance, self._binance.fapiPublicGetPremiumIndexKlines,
            {"symbol": name, "interval": "1d"}, since, faults, size=KLINES, step=DAY,
        )  # fmt: skip
        held = self._pages(
            f"{name} open interest", self._binance, self._binance.fapiDataGetOpenInterestHist,
            {"symbol": name, "period": "1h"}, max(since, now - INTEREST_KEPT).ceil("D"), faults,
            size=INTERESTS, step=HOUR, stamp="timestamp",
        )  # fmt: skip
        days = funding(paid)
        if days.empty:
            return days
        bars = candles(premium)
        if not bars.empty:
            bars = bars.set_index("at")[["open", "high", "low", "close"]].add_prefix("premium_")
            days = days.join(bars)
        interest = open_interest(held)
        if not interest.empty:
            days = days.join(interest)
        days = days[(days.index >= since) & (days.index < today)]
        _check_whole(f"{name} funding", days.index, since, today - DAY, faults, step=DAY)
        _check_newest(name, days.reset_index(names="at"), today - DAY, faults)
        days.index = pd.DatetimeIndex(days.index).tz_localize(None)
        return days.rename_axis("session").reset_index().assign(venue=VENUE)

    def _implied_vol(self, faults: list[Fault]) -> pd.DataFrame:
        now = self._time.now()
        since, today = self._since(self._chosen.daily_days), now.floor("D")
        pages: list[list[Any]] = []
        first, until = since, min(since + VOLATILITIES * DAY, today)
        end = _milliseconds(until) - 1
        while since < today:
            answer = self._ask(
                "DVOL", self._deribit, self._deribit.publicGetGetVolatilityIndexData,
                {
                    "currency": self._chosen.currency, "resolution": "1D",
                    "start_timestamp": _milliseconds(since), "end_timestamp": end,
                },
                faults,
            )  # fmt: skip
            if answer is None:
                break
            pages += _listed(answer, "data")
            earlier = _continuation(answer)
            # The venue gives the newest rows first, and where those before them end.
            if earlier is not None and _milliseconds(since) <= earlier < end:
                end = earlier
                continue
            since, until = until, min(until + VOLATILITIES * DAY, today)
            end = _milliseconds(until) - 1
        rows = candles(pages)
        rows = rows[rows["at"] < today]
        _check_whole("DVOL", rows["at"], first, today - DAY, faults, step=DAY)
        _check_newest("DVOL", rows, today - DAY, faults)
        rows = rows.assign(session=rows["at"].dt.tz_localize(None), index="DVOL")
        return rows[["session", "index", "open", "high", "low", "close"]]

    def _options(self, faults: list[Fault]) -> pd.DataFrame:
        answer = self._ask(
            "option book", self._deribit, self._deribit.publicGetGetBookSummaryByCurrency,
            {"currency": self._chosen.currency, "kind": "option"}, faults,
        )  # fmt: skip
        if answer is None:
            return pd.DataFrame()
        rows, unread = option_book(
            answer.get("result"), underlying=self._chosen.currency, now=self._time.now()
        )
        if unread:
            faults.append(
                Fault(
                    entity=self._chosen.currency, rule="crypto: unreadable_contract",
                    severity="warning", value=f"{unread} rows without a readable contract",
                    remedy="look at the book on Deribit; those rows were left out",
                )
            )  # fmt: skip
        return rows

    def _since(self, days: int) -> pd.Timestamp:
        return self._time.now().floor("D") - pd.Timedelta(days=days)

    def _pages(
        self,
        entity: str,
        venue: Any,
        endpoint: Callable[[dict[str, Any]], Any],
        parameters: dict[str, Any],
        since: pd.Timestamp,
        faults: list[Fault],
        *,
        size: int,
        step: pd.Timedelta,
        stamp: str | int = 0,
    ) -> list[Any]:
        """Collect pages from `since` on; a page that fails ends the walk, and is named.

        A full page is followed from its last row, whatever step the rows were expected to have.
        """
        rows: list[Any] = []
        pages = 0
        while since < self._time.now() and pages < MAX_PAGES:
            pages += 1
            until = since + size * step
            asked = parameters | {
                "startTime": _milliseconds(since), "endTime": _milliseconds(until) - 1,
                "limit": size,
            }  # fmt: skip
            page = self._ask(entity, venue, endpoint, asked, faults)
            if page is None:
                break
            whole = [row for row in page if has_time(row, stamp)]
            if len(whole) < len(page):
                faults.append(
                    Fault(
                        entity=entity, rule="crypto: incomplete_row", severity="warning",
                        value=f"{len(page) - len(whole)} of {len(page)} rows without a time",
                        remedy="ask the venue; those rows were left out",
                    )
                )  # fmt: skip
            rows += whole
            last = pd.Timestamp(
                max((int(row[stamp]) for row in whole), default=0), unit="ms", tz="UTC"
            )
            # A full page may have been cut: what follows begins after its last row. One that does
            # not advance is left behind.
            cut = len(page) >= size and since <= last < until
            since = last + MILLISECOND if cut else until
        return rows

    def _ask(
        self,
        entity: str,
        venue: Any,
        endpoint: Callable[[dict[str, Any]], Any],
        parameters: dict[str, Any],
        faults: list[Fault],
    ) -> Any:
        """One answer in its documented outer form: a list at Binance, a dict at Deribit."""
        wanted = dict if venue is self._deribit else list

        def call(seconds: float) -> Any:
            venue.timeout = int(1000 * seconds)
            venue.last_response_headers = None
            answer = within(seconds, lambda: self._translated(venue, endpoint, parameters))
            if isinstance(answer, str):
                page = "an HTML page" if "<html" in answer.lower() else "no JSON"
                raise NoAnswer(INVALID_JSON, f"{page} came back", passing=True)
            if not isinstance(answer, wanted):
                told = f"{type(answer).__name__} where a {wanted.__name__} was expected"
                raise NoAnswer(UNEXPECTED_ANSWER, told, passing=False)
            return answer

        outcome = self._transport.ask(entity, call)
        if outcome.fault is not None:
            faults.append(outcome.fault)
        return outcome.answer

    def _translated(
        self, venue: Any, endpoint: Callable[[dict[str, Any]], Any], parameters: dict[str, Any]
    ) -> Any:
        """Call the library and say its exceptions as NoAnswer."""
        library = self._library
        try:
            return endpoint(parameters)
        except (library.DDoSProtection, library.RateLimitExceeded) as error:
            named = (venue.last_response_headers or {}).get("Retry-After")
            wait = wait_named(named, now=self._time.now())
            raise NoAnswer(RATE_LIMITED, "HTTP 429", passing=True, wait_seconds=wait) from error
        except library.RequestTimeout as error:
            raise NoAnswer(TIMEOUT, "no answer", passing=True) from error
        except (library.ExchangeNotAvailable, library.OnMaintenance) as error:
            raise NoAnswer(SERVER_ERROR, _told(error), passing=True) from error
        except library.NetworkError as error:
            raise NoAnswer(CONNECTION_FAILED, type(error).__name__, passing=True) from error
        except library.BaseError as error:
            raise NoAnswer(ACCESS_DENIED, _told(error), passing=False) from error
        except NoAnswer:
            raise
        # Whatever shape the library stumbles over, a document nested too deeply among them.
        except Exception as error:
            raise NoAnswer(UNEXPECTED_ANSWER, _told(error), passing=False) from error


def _listed(answer: dict[str, Any], name: str) -> Iterator[Any]:
    result = answer.get("result")
    rows = result.get(name) if isinstance(result, dict) else None
    return (row for row in (rows if isinstance(rows, list) else []) if has_time(row, 0))


def _continuation(answer: dict[str, Any]) -> int | None:
    result = answer.get("result")
    earlier = result.get("continuation") if isinstance(result, dict) else None
    return earlier if isinstance(earlier, int) and not isinstance(earlier, bool) else None


def _check_newest(entity: str, rows: pd.DataFrame, due: pd.Timestamp, faults: list[Fault]) -> None:
    newest = rows["at"].max() if len(rows) else None
    if newest is None or newest < due:
        faults.append(
            Fault(
                entity=entity, rule="crypto: newest_row_missing", severity="warning",
                value=f"no row of {due:%Y-%m-%d %H:%M} UTC yet", remedy="run again later",
            )
        )  # fmt: skip


def _check_whole(
    entity: str,
    at: "pd.Index | pd.Series",
    first: pd.Timestamp,
    last: pd.Timestamp,
    faults: list[Fault],
    *,
    step: pd.Timedelta,
) -> None:
    """Name a history that lacks a day or more; its newest row has a check of its own."""
    missing = pd.date_range(first, last - step, freq=step).difference(pd.DatetimeIndex(at))
    if len(missing) * step >= DAY:
        faults.append(
            Fault(
                entity=entity, rule="crypto: incomplete_history", severity="warning",
                value=f"{len(missing)} of {(last - first) // step + 1} rows missing, the first "
                f"{missing[0]:%Y-%m-%d}, the last {missing[-1]:%Y-%m-%d}",
                remedy="run again; ask the venue whether it lists so far back",
            )
        )  # fmt: skip


def _milliseconds(at: pd.Timestamp) -> int:
    return int(at.timestamp() * 1000)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
