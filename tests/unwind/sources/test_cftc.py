"""The CFTC's report against answers of its recorded shape, and against what goes wrong."""

import itertools
import random
from typing import Any

import pandas as pd
import pytest

from tests.unwind.loopback import PAGE, Reply, Stopwatch, loopback
from unwind.contract.source import SourceError
from unwind.settings import Settings
from unwind.sources.cftc import CftcSource, positions, published

NOW = pd.Timestamp("2026-02-09T14:00Z")
CONTRACTS = {"133741": 5.0, "133742": 0.1}


def _line(day: str, code: str, size: int) -> dict[str, str]:
    return {
        "market_and_exchange_names": "BITCOIN - CHICAGO MERCANTILE EXCHANGE",
        "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
        "cftc_contract_market_code": code,
        "open_interest_all": str(10 * size),
        "dealer_positions_long_all": str(size),
        "dealer_positions_short_all": str(2 * size),
        "asset_mgr_positions_long": str(3 * size),
        "asset_mgr_positions_short": str(4 * size),
        "lev_money_positions_long": str(5 * size),
        "lev_money_positions_short": str(6 * size),
        "futonly_or_combined": "FutOnly",
    }


REPORT = [
    _line("2026-01-27", "133741", 1000),
    _line("2026-01-27", "133742", 3000),
    _line("2026-02-03", "133741", 900),
    _line("2026-02-03", "133742", 2000),
]


def _positions(report: list[dict[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    rows, faults = positions(report, contracts=CONTRACTS, venue="CME", now=NOW)
    return rows, [fault.rule for fault in faults]


class TestWeek:
    def test_contracts_are_added_up_in_coins(self) -> None:
        rows, faults = _positions(REPORT)
        assert faults == []
        # 900 × 5 + 2000 × 0.1 = 4700 coins a unit of size.
        newest = rows.iloc[-1]
        assert newest["as_of"] == pd.Timestamp("2026-02-03")
        assert newest["open_interest_btc"] == pytest.approx(47_000)
        assert newest["leveraged_short_btc"] == pytest.approx(28_200)
        assert newest["dealer_long_btc"] == pytest.approx(4_700)
        assert newest["known_at"] == pd.Timestamp("2026-02-06T20:30Z")

    def test_the_order_of_the_report_does_not_matter(self) -> None:
        expected, _ = _positions(REPORT)
        for order in itertools.islice(itertools.permutations(REPORT), 0, 24, 5):
            pd.testing.assert_frame_equal(_positions(list(order))[0], expected)

    def test_either_spelling_of_a_column_is_read(self) -> None:
        renamed = [
            {name.removesuffix("_all") if "dealer" in name else name: value
             for name, value in line.items()}
            for line in REPORT
        ]  # fmt: skip
        pd.testing.assert_frame_equal(_positions(renamed)[0], _positions(REPORT)[0])


class TestPublication:
    @pytest.mark.parametrize(
        ("week", "known"),
        [
            ("2026-02-03", "2026-02-06T20:30Z"),  # an ordinary Friday
            ("2024-11-26", "2024-12-02T20:30Z"),  # Thanksgiving on the Thursday
            ("2025-11-25", "2025-12-19T20:30Z"),  # the catch-up calendar after a shutdown
            ("2026-06-30", "2026-07-06T19:30Z"),  # Independence Day kept on Friday 3 July
        ],
    )
    def test_moves_with_federal_holidays(self, week: str, known: str) -> None:
        at = published(pd.DatetimeIndex([week]), now=pd.Timestamp("2027-01-01T00:00Z"))
        assert at == [pd.Timestamp(known)]

    def test_what_is_there_already_is_known_now(self) -> None:
        early = pd.Timestamp("2025-11-28T21:00Z")
        assert published(pd.DatetimeIndex(["2025-11-25"]), now=early) == [early]


class TestPartialReport:
    def test_a_week_that_lacks_a_contract_is_no_fall(self) -> None:
        rows, faults = _positions(REPORT[:3])
        assert list(rows["as_of"]) == [pd.Timestamp("2026-01-27")]
        assert faults == ["cftc: incomplete_report"]

    def test_a_contract_that_was_not_listed_yet_is_not_missed(self) -> None:
        rows, faults = _positions([_line("2020-01-07", "133741", 1), *REPORT])
        assert len(rows) == 3
        assert faults == []

    @pytest.mark.parametrize("junk", [None, "", "n/a", {"a": 1}])
    def test_a_figure_that_is_none_leaves_its_week_out(self, junk: object) -> None:
        torn = [*REPORT[:3], REPORT[3] | {"lev_money_positions_long": junk}]
        rows, faults = _positions(torn)
        assert len(rows) == 1
        assert faults == ["cftc: incomplete_report"]

    def test_strangers_are_left_out_and_counted(self) -> None:
        rows, faults = _positions([*REPORT, _line("2026-02-03", "999999", 7)])
        assert len(rows) == 2
        assert faults == ["cftc: incomplete_report"]

    def test_garbage_is_never_a_number(self) -> None:
        draw = random.Random(5)
        for _ in range(60):
            torn = [dict(line) for line in REPORT]
            for line in torn:
                name = draw.choice(list(line))
                line[name] = draw.choice(["", "x", None, "1e999", "-", "0x10", "１２"])  # type: ignore[assignment]
            rows, _faults = _positions(torn)
            assert rows.empty or rows.notna().all(axis=None)


class TestSite:
    def _source(self, url: str, settings: Settings) -> tuple[CftcSource, Stopwatch]:
        watch = Stopwatch(NOW)
        chosen = settings.sources.cftc.model_copy(update={"base_url": url})
        retry = settings.sources.retry.model_copy(update={"request_seconds": 5.0})
        return CftcSource(chosen, retry=retry, time=watch.keeping()), watch

    def test_asks_for_the_contracts_since_the_first_week(self, settings: Settings) -> None:
        with loopback(lambda _: Reply(REPORT)) as server:
            source, _ = self._source(server.url, settings)
            extract = source.extract("cftc_positions")
        assert len(extract.rows) == 2
        assert extract.received_at == NOW
        (asked,) = server.asked
        assert asked.path == "/gpe5-46if.json"
        assert asked.query["$where"] == (
            "cftc_contract_market_code in ('133741', '133742') "
            "and report_date_as_yyyy_mm_dd >= '2017-12-01T00:00:00'"
        )

    def test_comes_back_after_a_bad_hour(self, settings: Settings) -> None:
        replies = iter(
            [
                Reply(PAGE),
                Reply("", status=502),
                Reply("", status=429, headers={"Retry-After": "11"}),
                Reply(REPORT),
            ]
        )
        with loopback(lambda _: next(replies)) as server:
            source, watch = self._source(server.url, settings)
            assert len(source.extract("cftc_positions").rows) == 2
        # The rate of the settings is one request a second: the pauses hold it already.
        assert watch.slept == [1, 2, 11]

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply(PAGE), "an HTML page came back"),
            (Reply([]), "no rows"),
            (Reply({"error": True, "message": "Invalid SoQL"}), "no list of rows"),
            (Reply("", status=500), "HTTP 500"),
            (Reply([{"a": "1"}]), "no column"),
        ],
    )
    def test_nothing_usable_is_one_sentence(
        self, reply: Reply, said: str, settings: Settings
    ) -> None:
        with loopback(lambda _: reply) as server:
            source, watch = self._source(server.url, settings)
            with pytest.raises(SourceError, match="cftc gave no cftc_positions") as caught:
                source.extract("cftc_positions")
        assert said in str(caught.value)
        assert watch.seconds <= settings.sources.retry.total_seconds
