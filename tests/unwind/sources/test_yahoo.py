"""Yahoo through yfinance against answers of recorded shape, and against what goes wrong."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unwind.loopback import PAGE, Asked, Loopback, Reply, Stopwatch, loopback
from unwind.calendar import cash_hours, sessions_between
from unwind.contract.source import Extract, SourceError
from unwind.settings import Settings
from unwind.sources.bars import at_cuts, finished, kind_of, newest_finished, significant
from unwind.sources.yahoo import YahooSource

NOW = pd.Timestamp("2026-02-05T21:20Z")
FIRST, LAST = pd.Timestamp("2026-01-12").date(), pd.Timestamp("2026-02-05").date()
UNFIT = "yahoo: (access_denied|unexpected_answer)"
SYMBOLS = ("IBIT", "GLD", "VIX", "BTC-USD", "USDJPY")
ZONES = {"JPY=X": "Europe/London", "BTC-USD": "UTC", "^VIX": "America/Chicago"}


@pytest.fixture(autouse=True)
def _fresh_library(tmp_path: Path) -> Iterator[None]:
    """The library keeps cookies, zones and answers in one object a process, and on disk."""
    import yfinance
    from yfinance.data import YfData

    yfinance.set_tz_cache_location(str(tmp_path))
    YfData._instances.clear()  # type: ignore[attr-defined]
    YfData.cache_get.cache_clear()
    yield
    YfData._instances.clear()  # type: ignore[attr-defined]


def _seconds(stamps: pd.DatetimeIndex) -> list[int]:
    return [int(stamp.timestamp()) for stamp in stamps]


def chart(ticker: str, *, hourly: bool = False, volume: int = 1000) -> dict[str, Any]:
    """One answer of /v8/finance/chart, with the bar of the running day."""
    if hourly:
        stamps = pd.date_range("2026-01-30T00:00Z", "2026-02-05T21:00Z", freq="1h")
    elif ticker == "BTC-USD":
        stamps = pd.date_range("2026-01-12", "2026-02-05", freq="D", tz="UTC")
    else:
        stamps = cash_hours(sessions_between(FIRST, LAST))[0]
    closes = [40 + number / 7 for number in range(len(stamps))]
    single = [float(np.float32(close)) for close in closes]
    return {
        "chart": {
            "error": None,
            "result": [
                {
                    "meta": {
                        "currency": "USD", "symbol": ticker, "instrumentType": "EQUITY",
                        "exchangeTimezoneName": ZONES.get(ticker, "America/New_York"),
                        "regularMarketTime": int(NOW.timestamp()), "priceHint": 2,
                        "validRanges": ["1d", "max"], "dataGranularity": "1d",
                    },
                    "timestamp": _seconds(pd.DatetimeIndex(stamps)),
                    "indicators": {
                        "quote": [
                            {
                                "open": single, "close": single,
                                "high": [close + 1 for close in single],
                                "low": [close - 1 for close in single],
                                "volume": [volume] * len(single),
                            }
                        ],
                        "adjclose": [{"adjclose": [close / 2 for close in single]}],
                    },
                }
            ],
        }
    }  # fmt: skip


EXPIRIES = [1770336000, 1771545600]  # 6 and 20 February 2026


def options(asked: Asked) -> dict[str, Any]:
    """One answer of /v7/finance/options: the nearest expiry, or the one asked for."""
    expiry = int(asked.query.get("date", EXPIRIES[0]))
    day = pd.Timestamp(expiry, unit="s")
    lines = {
        right: [
            {
                "contractSymbol": f"IBIT{day:%y%m%d}{right}{strike:05d}000", "strike": strike,
                "lastPrice": 1.5, "bid": 1.4, "ask": 1.6, "volume": 10, "openInterest": 200,
                "impliedVolatility": 0.61, "lastTradeDate": int(NOW.timestamp()) - 900,
                "contractSize": "REGULAR", "currency": "USD", "inTheMoney": False, "change": 0.0,
                "percentChange": 0.0,
            }
            for strike in (35, 40)
        ]
        for right in "CP"
    }  # fmt: skip
    return {
        "optionChain": {
            "error": None,
            "result": [
                {
                    "expirationDates": EXPIRIES,
                    "quote": {
                        "regularMarketPrice": 39.12,
                        "regularMarketTime": int(pd.Timestamp("2026-02-05T21:00:01Z").timestamp()),
                    },
                    "options": [{"calls": lines["C"], "puts": lines["P"]}],
                }
            ],
        }
    }


def vendor(asked: Asked) -> Reply:
    """Everything in order, cookies and crumb included."""
    if asked.path.startswith("/v8/finance/chart/"):
        ticker = asked.path.rsplit("/", 1)[1].replace("%3D", "=").replace("%5E", "^")
        return Reply(chart(ticker, hourly=asked.query.get("interval") == "1h"))
    if asked.path.startswith("/v7/finance/options/"):
        return Reply(options(asked))
    return Reply(
        "crumb" if "getcrumb" in asked.path else "", headers={"Content-Type": "text/plain"}
    )


def _but(part: str, *replies: Reply) -> Callable[[Asked], Reply]:
    """A vendor that gives these answers first to paths that hold `part`."""
    left = list(replies)
    return lambda asked: left.pop(0) if left and part in asked.path else vendor(asked)


def _always(part: str, reply: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: reply if part in asked.path else vendor(asked)


def _source(
    url: str, settings: Settings, *, now: pd.Timestamp = NOW, symbols: tuple[str, ...] = SYMBOLS
) -> tuple[YahooSource, Stopwatch]:
    watch = Stopwatch(now)
    chosen = settings.sources.yahoo.model_copy(
        update={"base_url": url, "indices": {"VIX": "^VIX"}, "requests_per_minute": 6000.0}
    )
    source = YahooSource(
        chosen, symbols=symbols, clock=settings.clock, retry=settings.sources.retry,
        time=watch.keeping(),
    )  # fmt: skip
    return source, watch


def _extract(
    table: str, settings: Settings, answer: Callable[[Asked], Reply] = vendor, **given: Any
) -> tuple[Extract, Loopback, Stopwatch]:
    with loopback(answer) as server:
        source, watch = _source(server.url, settings, **given)
        return source.extract(table), server, watch


class TestSessionOver:
    def test_every_kind_of_series_has_its_newest_close(self, settings: Settings) -> None:
        extract, _, _ = _extract("prices", settings)
        assert extract.faults == ()
        newest = extract.rows.groupby("symbol")["session"].max().to_dict()
        assert newest == {
            "IBIT": pd.Timestamp("2026-02-05"),
            "GLD": pd.Timestamp("2026-02-05"),
            "VIX": pd.Timestamp("2026-02-05"),
            # The UTC day is not over, the hour before 16:00 New York is.
            "BTC-USD": pd.Timestamp("2026-02-04"),
            "USDJPY": pd.Timestamp("2026-02-05"),
        }
        assert extract.received_at is not None
        assert extract.received_at.floor("s") == NOW

    def test_prices_are_as_quoted_and_adjusted_where_there_is_a_dividend(
        self, settings: Settings
    ) -> None:
        extract, _, _ = _extract("prices", settings)
        rows = extract.rows.set_index(["symbol", "session"]).sort_index()
        row = rows.loc[("IBIT", pd.Timestamp("2026-01-13"))]
        assert row["close"] == 40.14286  # 40 + 1/7 in single precision is 40.142856…
        assert row["adj_close"] == pytest.approx(20.07143)
        assert row["volume"] == 1000
        assert rows.loc[["VIX", "BTC-USD", "USDJPY"], "adj_close"].isna().all()

    def test_the_dollar_in_yen_is_read_at_the_cut(self, settings: Settings) -> None:
        extract, _, _ = _extract("prices", settings)
        yen = extract.rows[extract.rows["symbol"] == "USDJPY"].set_index("session")["close"]
        # The hour from 20:00 UTC ends at 16:00 New York; it is bar 164 of the recorded ones.
        assert yen[pd.Timestamp("2026-02-05")] == pytest.approx(40 + 164 / 7, rel=1e-6)
        assert list(yen.index) == list(sessions_between(pd.Timestamp("2026-01-30").date(), LAST))

    def test_no_request_leaves_the_base_url(self, settings: Settings) -> None:
        _, server, _ = _extract("prices", settings)
        paths = {asked.path for asked in server.asked}
        assert {path.rsplit("/", 1)[0] for path in paths} == {"", "/v1/test", "/v8/finance/chart"}
        # Cookie and crumb too: the library would fetch them from three other hosts.
        assert "/v1/test/getcrumb" in paths

    def test_indices_are_rows_of_implied_vol(self, settings: Settings) -> None:
        extract, _, _ = _extract("implied_vol", settings)
        assert set(extract.rows.columns) == {"session", "index", "open", "high", "low", "close"}
        assert set(extract.rows["index"]) == {"VIX"}


class TestOpenMarket:
    def test_a_running_bar_is_no_close(self, settings: Settings) -> None:
        extract, _, _ = _extract("prices", settings, now=pd.Timestamp("2026-02-05T20:59Z"))
        newest = extract.rows.groupby("symbol")["session"].max()
        assert set(newest) == {pd.Timestamp("2026-02-04")}
        assert extract.faults == ()

    def test_an_index_is_computed_a_little_longer(self, settings: Settings) -> None:
        extract, _, _ = _extract("prices", settings, now=pd.Timestamp("2026-02-05T21:15Z"))
        newest = extract.rows.groupby("symbol")["session"].max()
        assert newest["IBIT"] == pd.Timestamp("2026-02-05")
        assert newest["VIX"] == pd.Timestamp("2026-02-04")

    @pytest.mark.parametrize(
        ("kind", "now", "day"),
        [
            ("exchange", "2025-11-28T18:04Z", "2025-11-26"),  # half day, still settling
            ("exchange", "2025-11-28T18:05Z", "2025-11-28"),
            ("exchange", "2026-02-08T12:00Z", "2026-02-06"),  # a Sunday
            ("utc_day", "2026-02-08T00:04Z", "2026-02-06"),
            ("utc_day", "2026-02-08T00:05Z", "2026-02-07"),
            ("cut", "2026-07-02T20:05Z", "2026-07-02"),  # summer time
        ],
    )
    def test_what_must_be_there(self, kind: Any, now: str, day: str) -> None:
        due = newest_finished(kind, now=pd.Timestamp(now), settle_minutes=5)
        assert due == pd.Timestamp(day).date()


class TestPartialUniverse:
    def test_a_missing_symbol_is_named_and_the_rest_is_there(self, settings: Settings) -> None:
        gone = {
            "chart": {
                "result": None,
                "error": {"code": "Not Found", "description": "No data found, symbol may be gone"},
            }
        }
        extract, _, watch = _extract(
            "prices", settings, _always("/chart/GLD", Reply(gone, status=404))
        )
        assert set(extract.rows["symbol"]) == set(SYMBOLS) - {"GLD"}
        (fault,) = extract.faults
        assert (fault.entity, fault.rule) == ("GLD", "yahoo: access_denied")
        assert fault.value.startswith("HTTP 404")
        assert watch.slept.count(1) == 0

    @pytest.mark.parametrize(
        ("reply", "rule"),
        [
            (Reply(PAGE), "yahoo: invalid_json"),
            (Reply(PAGE, status=503), "yahoo: server_error"),
            (Reply("", status=429), "yahoo: rate_limited"),
            # The library stumbles elsewhere where it remembers the symbol's zone from before.
            (Reply({"chart": {"result": [], "error": None}}), UNFIT),
            (Reply({"a": 1}), UNFIT),
            (Reply([1, 2]), UNFIT),
            (Reply({"chart": {"error": None, "result": [{"meta": {}}]}}), UNFIT),
        ],
    )  # fmt: skip
    def test_a_wrong_answer_costs_one_symbol(
        self, reply: Reply, rule: str, settings: Settings
    ) -> None:
        extract, _, watch = _extract(
            "prices", settings, _always("/chart/GLD", reply), symbols=("IBIT", "GLD")
        )
        assert set(extract.rows["symbol"]) == {"IBIT"}
        (fault,) = extract.faults
        assert fault.entity == "GLD"
        assert re.fullmatch(rule, fault.rule)
        assert watch.seconds <= settings.sources.retry.total_seconds

    def test_a_bar_that_is_late_is_named(self, settings: Settings) -> None:
        late = chart("GLD")
        result = late["chart"]["result"][0]
        result["timestamp"] = result["timestamp"][:-1]
        for quote in result["indicators"]["quote"]:
            for name in quote:
                quote[name] = quote[name][:-1]
        result["indicators"]["adjclose"][0]["adjclose"].pop()
        extract, _, _ = _extract(
            "prices", settings, _always("/chart/GLD", Reply(late)), symbols=("IBIT", "GLD")
        )
        (fault,) = extract.faults
        assert (fault.entity, fault.value) == ("GLD", "no bar of 2026-02-05 yet")


class TestOutage:
    def test_a_bad_minute_passes(self, settings: Settings) -> None:
        replies = (Reply(PAGE), Reply("", status=429, headers={"Retry-After": "17"}))
        extract, _, watch = _extract(
            "prices", settings, _but("/chart/IBIT", *replies), symbols=("IBIT",)
        )
        assert extract.faults == ()
        assert [seconds for seconds in watch.slept if seconds >= 1] == [1, 17]

    def test_everything_down_is_one_sentence(self, settings: Settings) -> None:
        with loopback(lambda _: Reply(PAGE, status=503)) as server:
            source, watch = _source(server.url, settings)
            with pytest.raises(SourceError, match="yahoo gave no prices: .*HTTP 503"):
                source.extract("prices")
        assert watch.seconds <= settings.sources.retry.total_seconds

    def test_nobody_listens(self, settings: Settings) -> None:
        source, _ = _source("http://127.0.0.1:9", settings, symbols=("IBIT",))
        with pytest.raises(SourceError, match="connection_failed"):
            source.extract("prices")

    def test_silence_is_a_time_out(self, settings: Settings) -> None:
        with loopback(_always("/chart/", Reply({}, delay=2.0))) as server:
            quick = settings.sources.retry.model_copy(
                update={"request_seconds": 0.2, "attempts": 1}
            )
            source = YahooSource(
                settings.sources.yahoo.model_copy(update={"base_url": server.url}),
                symbols=("IBIT",), clock=settings.clock, retry=quick,
                time=Stopwatch(NOW).keeping(),
            )  # fmt: skip
            with pytest.raises(SourceError, match="request_timeout: no answer after 0 s"):
                source.extract("prices")


class TestOptionChain:
    def test_is_stamped_with_its_quote_and_known_when_fetched(self, settings: Settings) -> None:
        extract, _, _ = _extract("option_chains", settings)
        assert extract.faults == ()
        rows = extract.rows.set_index("contract")
        assert len(rows) == 8
        put = rows.loc["IBIT260220P00040000"]
        assert (put["right"], put["strike"], put["bid"], put["ask"]) == ("put", 40, 1.4, 1.6)
        assert (put["open_interest"], put["implied_vol"]) == (200, 0.61)
        assert put["expiry"] == pd.Timestamp("2026-02-20")
        assert put["underlying_price"] == 39.12
        assert put["snapshot_at"] == pd.Timestamp("2026-02-05T21:00:01Z")
        assert put["known_at"].floor("s") == NOW

    def test_one_expiry_gone_leaves_the_other(self, settings: Settings) -> None:
        def answer(asked: Asked) -> Reply:
            gone = asked.query.get("date") == str(EXPIRIES[1])
            return Reply(PAGE) if gone else vendor(asked)

        extract, _, _ = _extract("option_chains", settings, answer)
        assert len(extract.rows) == 4
        (fault,) = extract.faults
        assert fault.entity == "IBIT 2026-02-20"

    def test_old_quotes_of_an_open_market_are_named(self, settings: Settings) -> None:
        extract, _, _ = _extract("option_chains", settings, now=pd.Timestamp("2026-02-06T16:00Z"))
        (fault,) = extract.faults
        assert fault.rule == "yahoo: stale_quotes"
        assert fault.value == "quoted at 2026-02-05 21:00 UTC, asked at 2026-02-06 16:00 UTC"

    def test_no_options_at_all_is_one_sentence(self, settings: Settings) -> None:
        empty = Reply({"optionChain": {"result": [], "error": None}})
        with loopback(_always("/options/", empty)) as server:
            source, _ = _source(server.url, settings)
            with pytest.raises(SourceError, match="yahoo gave no option_chains: .*no options"):
                source.extract("option_chains")


class TestBars:
    def test_order_and_repeats_do_not_matter(self) -> None:
        days = sessions_between(FIRST, LAST)
        bars = pd.DataFrame({"close": np.arange(len(days)) + 1.0}, index=days)
        shuffled = pd.concat([bars.iloc[::-1], bars.iloc[3:4]])
        first, second = (
            finished(held, "exchange", now=NOW, settle_minutes=5).rows for held in (bars, shuffled)
        )
        pd.testing.assert_frame_equal(first, second, check_freq=False)

    def test_seven_digits(self) -> None:
        given = pd.Series([39.11500168, 65432.17, 0.0, np.nan, 1234567.8])
        assert significant(given).tolist()[:3] == [39.115, 65432.17, 0.0]
        assert significant(given).tolist()[4] == 1234568

    def test_cuts_follow_daylight_saving(self) -> None:
        hours = pd.DataFrame(
            {"close": [1.0, 2.0]}, index=pd.to_datetime(["2026-02-05T20:00Z", "2026-07-02T19:00Z"])
        )
        assert at_cuts(hours)["close"].to_dict() == {
            pd.Timestamp("2026-02-05"): 1.0, pd.Timestamp("2026-07-02"): 2.0,
        }  # fmt: skip

    def test_kinds_come_from_the_clock(self, settings: Settings) -> None:
        assert [kind_of(symbol, settings.clock) for symbol in SYMBOLS] == [
            "exchange", "exchange", "index", "utc_day", "cut",
        ]  # fmt: skip
