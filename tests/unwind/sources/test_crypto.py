"""Binance and Deribit against answers of their recorded shapes, and against what goes wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unwind.cases import build
from tests.unwind.loopback import PAGE, Asked, Loopback, Reply, Stopwatch, loopback
from unwind.contract.source import Extract, SourceError
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.crypto import CryptoSource
from unwind.sources.crypto_rows import candles, funding, open_interest, option_book

NOW = pd.Timestamp("2026-02-05T21:20Z")
HOUR = 3_600_000


def _at(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").timestamp() * 1000)


def _candle(start: int, close: float) -> list[Any]:
    return [
        start, f"{close}", f"{close + 10}", f"{close - 10}", f"{close}", "12.5", start + HOUR - 1,
        "0", 3, "0", "0", "0",
    ]  # fmt: skip


def _every(asked: Asked, step: int, row: Callable[[int], Any]) -> list[Any]:
    """Rows of a venue that has everything until now, as a page of it."""
    first, last = int(asked.query["startTime"]), int(asked.query["endTime"])
    begin = -(-first // step) * step
    stamps = range(begin, min(last, _at("2026-02-05 21:20")) + 1, step)
    return [row(at) for at in stamps][: int(asked.query["limit"])]


BOOK = [
    {
        "instrument_name": "BTC-27MAR26-70000-P", "bid_price": 0.05, "ask_price": 0.06,
        "last": 0.055, "volume": 12.5, "open_interest": 364.1, "mark_iv": 61.5,
        "underlying_price": 64000.0, "creation_timestamp": 1770326400000,
    },
    {
        "instrument_name": "BTC-6FEB26-60000-C", "bid_price": None, "ask_price": 0.1,
        "last": None, "volume": 0.0, "open_interest": 1.0, "mark_iv": 80.0,
        "underlying_price": 63900.0, "creation_timestamp": 1770326400000,
    },
]  # fmt: skip


def venue(asked: Asked) -> Reply:
    """Every endpoint in order."""
    match asked.path:
        case "/api/v3/klines":
            return Reply(_every(asked, HOUR, lambda at: _candle(at, 60_000 + at % 7)))
        case "/fapi/v1/fundingRate":
            return Reply(
                _every(
                    asked, 8 * HOUR,
                    lambda at: {
                        "symbol": "BTCUSDT", "fundingTime": at + 3, "fundingRate": "0.0001"
                    },
                )
            )  # fmt: skip
        case "/fapi/v1/premiumIndexKlines":
            return Reply(
                _every(asked, 24 * HOUR, lambda at: [at, "-0.0001", "0.0002", "-0.0003", "0.0001"])
            )
        case "/futures/data/openInterestHist":
            return Reply(
                _every(
                    asked, HOUR,
                    lambda at: {
                        "symbol": "BTCUSDT", "timestamp": at,
                        "sumOpenInterest": f"{100_000 + at // HOUR % 24}.5",
                        "sumOpenInterestValue": "6400000000.25",
                    },
                )
            )  # fmt: skip
        case "/api/v2/public/get_volatility_index_data":
            first, last = int(asked.query["start_timestamp"]), int(asked.query["end_timestamp"])
            days = range(first, min(last, _at("2026-02-05 21:20")) + 1, 24 * HOUR)
            data = [[day, 60.0, 66.0, 58.0, 64.0] for day in days]
            return Reply({"jsonrpc": "2.0", "result": {"data": data, "continuation": None}})
        case "/api/v2/public/get_book_summary_by_currency":
            return Reply({"jsonrpc": "2.0", "result": BOOK})
    return Reply({"code": -1, "msg": f"no such path {asked.path}"}, status=404)


def _source(url: str, settings: Settings, *, days: int = 60) -> tuple[CryptoSource, Stopwatch]:
    watch = Stopwatch(NOW)
    chosen = settings.sources.crypto.model_copy(
        update={
            "binance_spot_url": url, "binance_futures_url": url, "deribit_url": url,
            "hourly_days": days, "daily_days": days,
        }
    )  # fmt: skip
    source = CryptoSource(
        chosen, hourly=("BTCUSDT", "ETHUSDT"), retry=settings.sources.retry, time=watch.keeping()
    )
    return source, watch


def _extract(
    table: str, settings: Settings, answer: Callable[[Asked], Reply] = venue
) -> tuple[Extract, Loopback, Stopwatch]:
    with loopback(answer) as server:
        source, watch = _source(server.url, settings)
        return source.extract(table), server, watch


def _but(path: str, *replies: Reply) -> Callable[[Asked], Reply]:
    """A venue whose one endpoint gives these answers first."""
    left = list(replies)

    def answer(asked: Asked) -> Reply:
        return left.pop(0) if left and asked.path == path else venue(asked)

    return answer


class TestHours:
    def test_come_in_pages_and_end_with_the_last_whole_hour(self, settings: Settings) -> None:
        extract, server, _ = _extract("crypto_hourly", settings)
        rows = extract.rows[extract.rows["symbol"] == "BTCUSDT"]
        assert extract.faults == ()
        # 60 days and 21 hours; the hour that began at 21:00 is still open.
        assert len(rows) == 60 * 24 + 21
        assert rows["bar_start_utc"].max() == pd.Timestamp("2026-02-05T20:00Z")
        assert len([asked for asked in server.asked if asked.query["symbol"] == "BTCUSDT"]) == 2

    def test_reach_the_store_as_numbers(self, tmp_path: Any, settings: Settings) -> None:
        class Hours(CryptoSource):
            def tables(self) -> tuple[str, ...]:
                return ("crypto_hourly",)

        with loopback(venue) as server:
            source, _ = _source(server.url, settings, days=2)
            source.__class__ = Hours
            told = ingest(tmp_path, source, settings=settings, received_at=NOW)
        assert told.quarantined == {"crypto_hourly": 0}
        held = read_vintages(tmp_path, "crypto_hourly")
        assert len(held) == 2 * (2 * 24 + 21)
        assert held["known_at"].max() == pd.Timestamp("2026-02-05T21:00Z")


class TestPerpetual:
    def test_a_day_sums_its_payments_and_ends_with_its_last_stamp(self, settings: Settings) -> None:
        extract, _, _ = _extract("perpetuals", settings)
        rows = extract.rows.set_index("session")
        assert extract.faults == ()
        assert rows.index.max() == pd.Timestamp("2026-02-04")
        newest = rows.iloc[-1]
        assert newest["funding_rate_daily"] == pytest.approx(0.0003)
        assert float(newest["premium_high"]) == 0.0002
        # The stamp of 5 February 00:00 is where the 4th ended.
        assert newest["open_interest_btc"] == 100_000 + _at("2026-02-05") // HOUR % 24 + 0.5
        # Served for thirty days: what lies before is not known.
        assert pd.isna(rows.loc["2025-12-20", "open_interest_btc"])
        assert rows["open_interest_btc"].notna().sum() >= 28

    def test_a_payment_that_is_no_number_voids_its_day(self) -> None:
        payments = [
            {"fundingTime": _at("2026-02-04 00:00"), "fundingRate": "0.0001"},
            {"fundingTime": _at("2026-02-04 08:00"), "fundingRate": "n/a"},
            {"fundingTime": _at("2026-02-03 08:00"), "fundingRate": "0.0002"},
        ]
        days = funding(payments)["funding_rate_daily"]
        assert pd.isna(days[pd.Timestamp("2026-02-04", tz="UTC")])
        assert days[pd.Timestamp("2026-02-03", tz="UTC")] == 0.0002

    def test_open_interest_missing_leaves_the_rest(self, settings: Settings) -> None:
        path = "/futures/data/openInterestHist"
        extract, _, _ = _extract("perpetuals", settings, _but(path, *[Reply(PAGE)] * 9))
        assert "open_interest_btc" not in extract.rows
        assert extract.rows["funding_rate_daily"].notna().all()
        (fault,) = extract.faults
        assert fault.entity == "BTCUSDT open interest"
        assert fault.rule == "crypto: invalid_json"


class TestVolatility:
    def test_dvol_ends_with_the_last_whole_day(self, settings: Settings) -> None:
        extract, _, _ = _extract("implied_vol", settings)
        assert extract.faults == ()
        assert len(extract.rows) == 60
        assert extract.rows.iloc[-1].to_dict() == {
            "session": pd.Timestamp("2026-02-04"), "index": "DVOL", "open": 60.0, "high": 66.0,
            "low": 58.0, "close": 64.0,
        }  # fmt: skip


class TestOptionBook:
    def test_premiums_are_dollars(self, settings: Settings) -> None:
        extract, _, _ = _extract("option_chains", settings)
        rows = extract.rows.set_index("contract")
        put = rows.loc["BTC-27MAR26-70000-P"]
        assert put["bid"] == pytest.approx(0.05 * 64_000)
        assert put["implied_vol"] == pytest.approx(0.615)
        assert (put["right"], put["strike"]) == ("put", 70_000)
        assert put["expiry"] == pd.Timestamp("2026-03-27")
        assert put["known_at"] == NOW
        assert pd.isna(rows.loc["BTC-6FEB26-60000-C", "bid"])

    def test_order_does_not_matter_and_strangers_are_counted(self) -> None:
        strangers = [
            {"instrument_name": "BTC-PERPETUAL"}, "junk", {}, {"instrument_name": "BTC-31FEB26-1-C"}
        ]  # fmt: skip
        rows, unread = option_book([*BOOK, *strangers], underlying="BTC", now=NOW)
        turned, _ = option_book([*strangers, *BOOK[::-1]], underlying="BTC", now=NOW)
        assert unread == 4
        pd.testing.assert_frame_equal(rows, turned)


class TestOutage:
    def test_a_named_wait_is_kept(self, settings: Settings) -> None:
        busy = Reply({"code": -1003, "msg": "Too much"}, status=429, headers={"Retry-After": "20"})
        extract, _, watch = _extract("crypto_hourly", settings, _but("/api/v3/klines", busy))
        assert 20 in watch.slept
        assert extract.faults == ()

    def test_one_symbol_gone_leaves_the_other(self, settings: Settings) -> None:
        def answer(asked: Asked) -> Reply:
            if asked.query.get("symbol") == "ETHUSDT":
                return Reply({"code": -1121, "msg": "Invalid symbol."}, status=400)
            return venue(asked)

        extract, _, _ = _extract("crypto_hourly", settings, answer)
        assert set(extract.rows["symbol"]) == {"BTCUSDT"}
        rules = {(fault.entity, fault.rule) for fault in extract.faults}
        assert ("ETHUSDT", "crypto: access_denied") in rules
        assert ("ETHUSDT", "crypto: newest_row_missing") in rules

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply(PAGE), "an HTML page came back"),
            (Reply(PAGE, status=502), "server_error"),
            (Reply({"a": 1}), "dict where a list was expected"),
            (Reply("[[1", headers={"Content-Length": "9"}), "connection_failed"),
            (Reply(""), "came back"),
            (Reply([]), "no row of 2026-02-05 20:00 UTC yet"),
            (Reply([[], None, "junk", [None], {"b": 2}]), "incomplete_row"),
        ],
    )
    def test_nothing_usable_is_one_sentence(
        self, reply: Reply, said: str, settings: Settings
    ) -> None:
        with loopback(lambda _: reply) as server:
            source, watch = _source(server.url, settings)
            with pytest.raises(SourceError, match="crypto gave no crypto_hourly") as caught:
                source.extract("crypto_hourly")
        assert said in str(caught.value)
        assert watch.seconds <= settings.sources.retry.total_seconds

    def test_nobody_listens(self, settings: Settings) -> None:
        source, watch = _source("http://127.0.0.1:9", settings)
        with pytest.raises(SourceError, match="connection_failed"):
            source.extract("option_chains")
        assert watch.slept == [1, 2, 4]


class TestDelay:
    def test_an_hour_that_is_not_there_yet_is_named(self, settings: Settings) -> None:
        def behind(asked: Asked) -> Reply:
            reply = venue(asked)
            late = [row for row in reply.body if row[0] < _at("2026-02-05 18:00")]
            return Reply(late)

        extract, _, _ = _extract("crypto_hourly", settings, behind)
        assert {fault.value for fault in extract.faults} == {"no row of 2026-02-05 20:00 UTC yet"}


class TestRows:
    def test_repeated_and_unordered_candles_are_one_series(self) -> None:
        rows = [_candle(_at(f"2026-02-05 {hour:02d}:00"), 100 + hour) for hour in range(5)]
        pd.testing.assert_frame_equal(
            candles([*rows[::-1], rows[2]]).reset_index(drop=True),
            candles(rows).reset_index(drop=True),
        )

    def test_a_short_candle_is_null_where_it_ends(self) -> None:
        assert candles([[_at("2026-02-05"), "1"]]).iloc[0]["close"] is None

    def test_a_stamp_inside_the_day_is_not_its_end(self) -> None:
        held = open_interest(
            [{"timestamp": _at("2026-02-05 23:00"), "sumOpenInterest": "1"},
             {"timestamp": _at("2026-02-06 00:00"), "sumOpenInterest": "2"}]
        )  # fmt: skip
        assert held["open_interest_btc"].to_dict() == {pd.Timestamp("2026-02-05", tz="UTC"): 2.0}


def _paying(payments: pd.DataFrame) -> Callable[[Asked], Reply]:
    """A venue with these payments of funding, oldest first, and nothing else."""

    def answer(asked: Asked) -> Reply:
        if asked.path != "/fapi/v1/fundingRate":
            return Reply([])
        first, last = int(asked.query["startTime"]), int(asked.query["endTime"])
        page = payments[payments["fundingTime"].between(first, last)]
        page = page.head(min(1000, int(asked.query["limit"])))
        rows = page.assign(fundingRate=page["fundingRate"].map("{:.8f}".format))
        return Reply(rows.to_dict("records"))

    return answer


def _perpetuals(
    settings: Settings, answer: Callable[[Asked], Reply], *, days: int, now: str
) -> tuple[Extract, Loopback]:
    with loopback(answer) as server:
        source, watch = _source(server.url, settings, days=days)
        watch.at = pd.Timestamp(now)
        return source.extract("perpetuals"), server


class TestPages:
    @pytest.mark.market
    def test_a_full_one_is_followed_from_its_last_row(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        """Funding of every hour fills a page in six weeks, not in 24."""
        case = build("funding_pages", tmp_path)
        payments = pd.read_csv(case / "payments.csv")
        right = pd.read_csv(case / "right.csv", parse_dates=["session"]).tail(250)
        extract, _ = _perpetuals(settings, _paying(payments), days=250, now="2026-02-06T00:30Z")
        days = extract.rows.set_index("session")["funding_rate_daily"]
        assert len(days) == 250
        assert days.to_numpy() == pytest.approx(right["funding_rate_daily"].to_numpy())
        assert "crypto: incomplete_history" not in {fault.rule for fault in extract.faults}

    def test_a_short_history_is_named(self, settings: Settings) -> None:
        stamps = range(_at("2026-01-20"), _at("2026-02-05 20:00"), 8 * HOUR)
        payments = pd.DataFrame({"fundingTime": stamps, "fundingRate": 1e-4})
        extract, _ = _perpetuals(settings, _paying(payments), days=60, now=str(NOW))
        (fault,) = [one for one in extract.faults if one.rule == "crypto: incomplete_history"]
        assert fault.value == ("44 of 60 rows missing, the first 2025-12-07, the last 2026-01-19")

    def test_one_that_never_advances_ends(self, settings: Settings) -> None:
        rows = [{"fundingTime": _at("2026-01-20"), "fundingRate": "0.0001"}] * 1000
        extract, server = _perpetuals(
            settings,
            lambda asked: Reply(rows if asked.path == "/fapi/v1/fundingRate" else []),
            days=60,
            now=str(NOW),
        )
        assert len(extract.rows) == 1
        assert len([one for one in server.asked if "fundingRate" in one.path]) < 5

    def test_volatility_goes_on_where_the_venue_says(self, settings: Settings) -> None:
        def answer(asked: Asked) -> Reply:
            whole = venue(asked)
            if asked.path == "/api/v2/public/get_volatility_index_data":
                data = whole.body["result"]["data"]
                rest = data[-25][0] - 1 if len(data) > 25 else None
                return Reply({"result": {"data": data[-25:], "continuation": rest}})
            return whole

        extract, _, _ = _extract("implied_vol", settings, answer)
        assert len(extract.rows) == 60
        assert extract.faults == ()
