import time

import numpy as np
import pandas as pd
import pytest

from unwind.calendar import closed_days
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract, SourceError
from unwind.market import screening as observations
from unwind.market.screening import NUMBER, Observations, screen

RECEIVED = pd.Timestamp("2026-03-01T00:00Z")
LONG = "0" * 1_000_000


def _screen(rows: pd.DataFrame, table: str = "prices") -> Observations:
    return screen(
        Extract(f"{table}.parquet", rows), INPUT_TABLES[table], received_at=RECEIVED,
        closed_days=closed_days(), everyday_symbols=frozenset({"BTC-USD", "USDJPY"}),
    )  # fmt: skip


def _bar(**changed: object) -> pd.DataFrame:
    row = {
        "session": "2026-02-05", "symbol": "IBIT", "open": 40.0, "high": 41.0, "low": 35.0,
        "close": 36.1, "adj_close": 36.1, "volume": 284.4e6,
    }  # fmt: skip
    return pd.DataFrame([row | changed])


TABLE_ROWS = {
    "prices": _bar(known_at="2026-02-05T21:15:00Z"),
    "option_chains": pd.DataFrame(
        [
            {
                "snapshot_at": "2026-02-04T20:00:00Z", "underlying": "IBIT", "contract": "C1",
                "expiry": "2026-03-20", "strike": 40, "right": "C", "bid": 1, "ask": 1.1,
                "last": 1, "volume": 5, "open_interest": 10, "implied_vol": 0.5,
                "underlying_price": 41,
            }
        ]
    ),
}  # fmt: skip


class TestGoodRow:
    def test_passes_whole(self) -> None:
        observed = _screen(_bar())
        assert observed.rejected.empty
        assert observed.rows["close"].tolist() == [36.1]
        assert observed.rows["session"].tolist() == [pd.Timestamp("2026-02-05")]

    def test_optional_columns_may_be_left_out(self) -> None:
        observed = _screen(_bar()[["session", "symbol", "close"]])
        assert observed.rejected.empty
        assert observed.rows["volume"].isna().all()


class TestBadRow:
    @pytest.mark.parametrize(
        ("changed", "rule"),
        [
            ({"close": -1.0}, "close: not_positive"),
            ({"close": np.inf}, "close: not_finite"),
            ({"volume": -5.0}, "volume: negative"),
            ({"high": 30.0}, "high: high_below_low"),
            ({"session": "2026-02-30"}, "session: not_a_date"),
            ({"session": "2026-02-05T10:00"}, "session: not_a_date"),
            ({"session": "1869-02-05"}, "session: impossible_date"),
            ({"session": "2031-02-05"}, "session: impossible_date"),
            ({"session": "2026-02-07"}, "session: exchange_closed"),
            ({"symbol": ""}, "symbol: invalid_name"),
            ({"symbol": None}, "symbol: invalid_name"),
            ({"symbol": "A\x00B"}, "symbol: invalid_name"),
            ({"close": "36,10"}, "close: not_a_number"),
            ({"close": "#N/A"}, "close: not_a_number"),
            ({"known_at": "2026-02-05 21:15"}, "known_at: missing_time_zone"),
            ({"known_at": "2027-01-01T00:00Z"}, "known_at: known_at_in_future"),
            ({"known_at": "2026-01-01T00:00Z"}, "known_at: known_before_event"),
        ],
    )
    def test_is_quarantined_and_named(self, changed: dict[str, object], rule: str) -> None:
        both = pd.concat([_bar(symbol="IGV"), _bar(**changed)], ignore_index=True)
        if "known_at" in changed:
            both.loc[0, "known_at"] = "2026-02-05T21:15:00Z"
        observed = _screen(both)
        assert observed.rows["symbol"].tolist() == ["IGV"]
        fault = observed.rejected.iloc[0]
        assert rule in observed.rejected["rule"].tolist()
        assert fault["origin"] == "prices.parquet"
        assert fault["row"] == 2
        assert fault["remedy"]

    @pytest.mark.parametrize(
        ("table", "column", "cell", "rule"),
        [
            ("prices", "close", "1" * 65, "close: text_too_long"),
            ("prices", "close", "0" * 1_000_000 + "1x", "close: text_too_long"),
            ("prices", "volume", " " * 1_000_000 + "1", "volume: text_too_long"),
            ("prices", "session", "2026-02-05" + "0" * 1_000_000, "session: text_too_long"),
            ("prices", "symbol", "A" * 1_000_000, "symbol: invalid_name"),
            (
                "prices",
                "known_at",
                "2026-02-05T21:15:00." + "0" * 1_000_000 + "Z",
                "known_at: text_too_long",
            ),
            (
                "option_chains",
                "snapshot_at",
                "2026-02-05T" + "0" * 1_000_000,
                "snapshot_at: text_too_long",
            ),
            ("option_chains", "expiry", b"2" * 1_000_000, "expiry: text_too_long"),
        ],
    )
    def test_a_long_cell_is_set_aside_unparsed(
        self, table: str, column: str, cell: object, rule: str
    ) -> None:
        rows = pd.concat([TABLE_ROWS[table]] * 2, ignore_index=True).astype("object")
        rows.loc[1, column] = cell
        start = time.process_time()
        observed = _screen(rows, table)
        assert time.process_time() - start < 5
        assert len(observed.rows) == 1
        (fault,) = observed.rejected.to_dict("records")
        assert fault["rule"].startswith(rule)
        assert fault["row"] == 2
        assert len(fault["value"]) == 64
        assert fault["remedy"]

    @pytest.mark.parametrize("cell", [None, float("nan"), pd.NaT, ""])
    def test_a_row_without_its_instant_is_set_aside(self, cell: object) -> None:
        rows = TABLE_ROWS["option_chains"].astype("object")
        rows["snapshot_at"] = pd.Series([cell], dtype="object")
        observed = _screen(rows, "option_chains")
        assert observed.rows.empty
        assert observed.rejected["rule"].tolist() == ["snapshot_at: missing_time_zone"]

    def test_digits_that_end_as_no_number_take_linear_time(self) -> None:
        start = time.process_time()
        assert pd.Series(["1" * 1_000_000 + "x"]).str.fullmatch(NUMBER).tolist() == [False]
        assert time.process_time() - start < 5

    @pytest.mark.parametrize(
        "text", ["1", "1.", ".5", "-1.5", "+1e5", "1.e-3", " 1 ", "1E+5", "inf", "-Infinity"]
    )
    def test_a_number_is_what_it_was(self, text: str) -> None:
        assert pd.Series([text]).str.fullmatch(NUMBER).all()

    @pytest.mark.parametrize("text", ["", ".", "1e", "1_0", "1,0", "３", "0x1", "nan", "1 2", "e5"])
    def test_what_is_not_a_number_stays_none(self, text: str) -> None:
        assert not pd.Series([text]).str.fullmatch(NUMBER).any()

    def test_more_faults_than_can_be_named_are_a_sentence(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observations, "MAX_FAULTS", 5)
        monkeypatch.setattr(observations, "VALIDATED_ROWS", 2)
        rows = pd.concat([_bar(close=-1.0)] * 6, ignore_index=True)
        with pytest.raises(SourceError, match=r"prices.parquet breaks rules more than 5 times"):
            _screen(rows)
        assert len(_screen(rows.head(5)).rejected) == 5

    def test_a_closed_day_is_open_to_series_that_trade_on_it(self) -> None:
        assert _screen(_bar(session="2026-02-07", symbol="BTC-USD")).rejected.empty

    def test_unsorted_input_makes_no_difference(self) -> None:
        rows = pd.concat([_bar(symbol="B"), _bar(symbol="A")], ignore_index=True)
        assert len(_screen(rows).rows) == 2


class TestDuplicates:
    def test_conflicting_rows_are_both_quarantined(self) -> None:
        rows = pd.concat([_bar(), _bar(close=37.0)], ignore_index=True)
        observed = _screen(rows)
        assert observed.rows.empty
        assert observed.rejected["row"].tolist() == [1, 2]
        assert set(observed.rejected["rule"]) == {"symbol: duplicate_key"}

    def test_a_repeated_row_is_kept_once_and_named(self) -> None:
        observed = _screen(pd.concat([_bar(), _bar()], ignore_index=True))
        assert len(observed.rows) == 1
        assert observed.rejected["row"].tolist() == [2]

    def test_two_vintages_of_one_key_are_no_duplicate(self) -> None:
        rows = pd.concat(
            [
                _bar(known_at="2026-02-05T21:15:00Z"),
                _bar(close=36.2, known_at="2026-02-06T14:00:00Z"),
            ],
            ignore_index=True,
        )
        assert len(_screen(rows).rows) == 2


class TestImpossibleRange:
    def test_keeps_the_close_and_gives_up_the_range(self) -> None:
        observed = _screen(_bar(high=36.0, low=35.0, open=35.5))
        assert observed.rows["close"].tolist() == [36.1]
        assert observed.rows[["open", "high", "low"]].isna().all().all()
        assert observed.rejected["severity"].tolist() == ["warning"]


class TestColumns:
    def test_a_long_name_is_cut_and_put_on_one_line(self) -> None:
        observed = _screen(_bar(**{"a\nb\u202e" + "c" * 1_000_000: 1}))
        (fault,) = observed.rejected.to_dict("records")
        assert fault["value"] == "a b " + "c" * 60
        assert fault["column"] == "a b " + "c" * 60

    def test_an_unknown_one_is_named_and_ignored(self) -> None:
        observed = _screen(_bar(colour="red"))
        assert len(observed.rows) == 1
        assert observed.rejected["rule"].tolist() == ["unknown_column"]

    def test_a_missing_one_makes_the_file_unusable(self) -> None:
        observed = _screen(_bar().drop(columns="close"))
        assert observed.rows.empty
        assert observed.rejected["rule"].tolist() == ["missing_column"]

    def test_no_row_at_all(self) -> None:
        assert _screen(_bar().iloc[:0]).rows.empty


class TestFlows:
    def test_an_empty_report_counts_as_missing(self) -> None:
        rows = pd.DataFrame(
            {
                "session": ["2026-02-05", "2026-02-05"],
                "fund": ["IBIT", "FBTC"],
                "net_flow_usd_m": [-175.3, np.nan],
                "vendor": "farside",
            }
        )
        observed = _screen(rows, "etf_flows")
        assert observed.rows["fund"].tolist() == ["IBIT"]
        assert observed.rejected["severity"].tolist() == ["info"]
