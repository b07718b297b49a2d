import numpy as np
import pandas as pd
import pytest

from features.panel import NOTE_COLUMNS, Panel, align

SESSIONS = pd.DatetimeIndex(
    ["2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07"], dtype="datetime64[us]"
)
CUTS = pd.DatetimeIndex(SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC")


def _prices(rows: list[tuple[str, str, float, float | None, float | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["session", "symbol", "close", "adj_close", "volume"])
    frame["session"] = pd.to_datetime(frame["session"]).astype("datetime64[us]")
    frame["known_at"] = (frame["session"] + pd.Timedelta(hours=21, minutes=15)).dt.tz_localize(
        "UTC"
    )
    return frame.astype({"close": float, "adj_close": float, "volume": float})


def _hourly(rows: list[tuple[str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["bar_start_utc", "close"])
    frame["bar_start_utc"] = pd.to_datetime(frame["bar_start_utc"], utc=True).astype(
        "datetime64[us, UTC]"
    )
    frame["symbol"], frame["venue"] = "BTCUSDT", "Binance"
    frame["known_at"] = frame["bar_start_utc"] + pd.Timedelta(hours=1)
    return frame


def _align(prices: pd.DataFrame, hourly: pd.DataFrame | None = None, **symbols: tuple) -> Panel:
    return align(
        prices,
        _hourly([]) if hourly is None else hourly,
        symbols=tuple(prices["symbol"].unique()),
        sessions=SESSIONS,
        cuts=CUTS,
        hourly_symbols={"BTC-USD": "BTCUSDT"},
        utc_day_symbols=("BTC-USD",),
        proxied_symbols=("USDJPY",),
        level_symbols=("VIX",),
        **symbols,  # type: ignore[arg-type]
    )


def _days(symbol: str, closes: list[float], adjusted: list[float | None] | None = None) -> list:
    return [
        (str(day.date()), symbol, close, adj, 10.0)
        for day, close, adj in zip(SESSIONS, closes, adjusted or closes, strict=True)
    ]


class TestUnconfirmedMove:
    def test_one_return_is_missing_and_noted(self) -> None:
        rows = _days("IGV", [100, 50, 55, 60.5])
        marked = pd.DataFrame({"IGV": [False, True, False, False]}, index=SESSIONS)
        panel = _align(_prices(rows), set_aside=marked)  # type: ignore[arg-type]
        assert panel.returns["IGV"].isna().tolist() == [True, True, False, False]
        assert panel.close["IGV"].notna().all()
        [note] = panel.notes.to_dict("records")
        assert (note["rule"], note["session"]) == ("unconfirmed_move", SESSIONS[1])


class TestMissingClose:
    def test_makes_two_missing_returns_and_no_zero(self) -> None:
        rows = [row for row in _days("IGV", [100, 110, 121, 133.1]) if row[0] != "2026-01-06"]
        returns = _align(_prices(rows)).returns["IGV"]
        assert returns.iloc[1] == pytest.approx(np.log(1.1))
        assert returns.iloc[2:].isna().all()

    def test_is_noted_from_the_listing_on(self) -> None:
        rows = [row for row in _days("IGV", [1, 2, 3, 4]) if row[0] in ("2026-01-05", "2026-01-07")]
        notes = _align(_prices(rows)).notes
        missing = notes[notes["rule"] == "missing_price"]
        assert missing["session"].tolist() == [pd.Timestamp("2026-01-06")]
        assert missing["detail"].tolist() == ["no price was known at the cut-off"]
        assert missing["symbol"].tolist() == ["IGV"]

    def test_either_kind_of_price_is_a_price(self) -> None:
        # an adjusted close without a plain one, and the other way round
        nothing = float("nan")
        rows = _days("IGV", [100, nothing, 121, 133.1], [100, 110, None, 133.1])
        panel = _align(_prices(rows))
        assert panel.close["IGV"].tolist() == [100, 110, 121, 133.1]
        assert set(panel.notes["rule"]) <= {"unadjusted_return"}
        assert panel.dollars["IGV"].isna().tolist() == [False, True, False, False]


class TestDividend:
    def test_a_return_never_mixes_adjusted_and_plain_prices(self) -> None:
        # the adjusted series stops: the next return compares plain with plain
        panel = _align(_prices(_days("HYG", [100, 101, 102, 103], [90, 91, None, None])))
        assert panel.returns["HYG"].tolist()[1:] == pytest.approx(
            [np.log(91 / 90), np.log(102 / 101), np.log(103 / 102)]
        )
        noted = panel.notes[panel.notes["rule"] == "unadjusted_return"]
        assert noted["session"].tolist() == list(SESSIONS[2:])

    def test_an_index_level_has_no_dividend_to_miss(self) -> None:
        panel = _align(_prices(_days("VIX", [15, 16, 17, 18], [None] * 4)))
        assert panel.notes.empty


class TestRoundTheClock:
    def test_takes_the_hour_that_ends_at_the_cut(self) -> None:
        prices = _prices(_days("BTC-USD", [100, 200, 300, 400], [None] * 4))
        hourly = _hourly([(f"{day.date()}T20:00Z", 50.0 * 2**n) for n, day in enumerate(SESSIONS)])
        panel = _align(prices, hourly)
        assert panel.returns["BTC-USD"].iloc[1:].tolist() == pytest.approx([np.log(2)] * 3)
        assert panel.close["BTC-USD"].tolist() == [50, 100, 200, 400]

    def test_an_older_hour_never_stands_in(self) -> None:
        prices = _prices(_days("BTC-USD", [100, 200, 400, 800], [None] * 4))
        hourly = _hourly([("2026-01-02T20:00Z", 60), ("2026-01-05T19:00Z", 61)])
        panel = _align(prices, hourly)
        # both ends of each return are UTC days, and each is noted
        assert panel.returns["BTC-USD"].iloc[1:].tolist() == pytest.approx([np.log(2)] * 3)
        noted = panel.notes[panel.notes["rule"] == "utc_day_return"]
        assert noted["session"].tolist() == list(SESSIONS[1:])
        assert set(noted["detail"]) == {"no hourly bar ends at 16:00 New York"}
        assert panel.close["BTC-USD"].tolist() == [60, 200, 400, 800]

    def test_is_known_when_its_hour_is_and_by_day_where_there_is_none(self) -> None:
        prices = _prices(_days("BTC-USD", [100, 200, 400, 800], [None] * 4))
        known = _align(prices, _hourly([("2026-01-02T20:00Z", 60)])).known_at["BTC-USD"]
        assert known.iloc[0] == pd.Timestamp("2026-01-02T21:00Z")  # the hour's end
        assert known.iloc[1] == pd.Timestamp("2026-01-05T21:15Z")  # the daily print's
        assert known.dtype == "datetime64[us, UTC]"

    def test_a_series_outside_the_universe_is_passed_over_and_the_next_is_not(self) -> None:
        prices = _prices(_days("BTC-USD", [100, 200, 400, 800], [None] * 4))
        hourly = _hourly([(f"{day.date()}T20:00Z", 50.0 + n) for n, day in enumerate(SESSIONS)])
        panel = align(
            prices, hourly, symbols=("BTC-USD",), sessions=SESSIONS, cuts=CUTS,
            hourly_symbols={"ETH-USD": "ETHUSDT", "BTC-USD": "BTCUSDT"},
            utc_day_symbols=("BTC-USD",), proxied_symbols=(), level_symbols=(),
        )  # fmt: skip
        assert panel.close.columns.tolist() == ["BTC-USD"]
        assert panel.close["BTC-USD"].tolist() == [50, 51, 52, 53]

    def test_forward_fill_trap(self) -> None:
        # A weekend-filled panel shares zero returns and correlates by construction.
        generator = np.random.default_rng(0)
        first, second = generator.normal(size=(2, 4))
        rows = _days("A", list(100 * np.exp(first))) + _days("B", list(100 * np.exp(second)))
        returns = _align(_prices(rows)).returns
        assert (returns.iloc[1:] != 0).all().all()
        assert returns.index.equals(SESSIONS)


class TestHoliday:
    def test_rows_outside_the_sessions_are_left_out(self) -> None:
        rows = [*_days("USDJPY", [150, 151, 152, 153], [None] * 4)]
        rows.append(("2026-01-03", "USDJPY", 999.0, None, None))
        panel = _align(_prices(rows))
        assert panel.returns["USDJPY"].iloc[1] == pytest.approx(np.log(151 / 150))
        for name in ("returns", "close", "shares", "dollars", "known_at"):
            assert getattr(panel, name).index.equals(SESSIONS)

    def test_a_weekday_series_is_noted_as_a_proxy(self) -> None:
        notes = _align(_prices(_days("USDJPY", [150, 151, 152, 153], [None] * 4))).notes
        assert set(notes["rule"]) == {"daily_bar_near_close"}
        assert set(notes["detail"]) == {"its last quote is after 16:00"}
        assert notes["session"].tolist() == list(SESSIONS[1:])
        assert notes.index.tolist() == [0, 1, 2]


class TestLateListing:
    def test_returns_start_the_day_after(self) -> None:
        rows = _days("IBIT", [10, 11, 12, 13]) + _days("ETHA", [1, 2, 3, 4])[2:]
        panel = _align(_prices(rows))
        assert panel.returns["ETHA"].notna().tolist() == [False, False, False, True]
        assert panel.notes.empty

    def test_one_without_any_price_is_an_empty_column_in_its_place(self) -> None:
        prices = _prices(_days("IBIT", [10, 11, 12, 13]))
        panel = align(
            prices, _hourly([]), symbols=("ETHA", "IBIT"), sessions=SESSIONS, cuts=CUTS,
            hourly_symbols={}, utc_day_symbols=(), proxied_symbols=(), level_symbols=(),
        )  # fmt: skip
        for frame in (panel.returns, panel.close, panel.shares, panel.dollars, panel.known_at):
            assert frame.columns.tolist() == ["ETHA", "IBIT"]
            assert frame.index.equals(SESSIONS)
            assert frame["ETHA"].isna().all()
        assert panel.close["IBIT"].tolist() == [10, 11, 12, 13]
        assert panel.notes.columns.tolist() == list(NOTE_COLUMNS)


class TestReplay:
    def test_a_panel_as_it_stood_holds_nothing_later(self) -> None:
        rows = _days("HYG", [100, 101, 102, 103], [None] * 4)
        panel = _align(_prices(rows))
        stood = panel.through(SESSIONS[2])
        assert stood.sessions.equals(SESSIONS[:3])
        for name in ("returns", "close", "shares", "dollars", "known_at"):
            pd.testing.assert_frame_equal(
                getattr(stood, name), getattr(panel, name).iloc[:3], check_freq=False
            )
        assert panel.notes["session"].tolist() == list(SESSIONS[1:])
        assert stood.notes["session"].tolist() == list(SESSIONS[1:3])
        assert stood.notes.iloc[0].tolist() == [
            SESSIONS[1], "HYG", "unadjusted_return", "no adjusted close: a dividend would show",
        ]  # fmt: skip


class TestVolume:
    def test_dollars_are_shares_at_the_plain_close(self) -> None:
        panel = _align(_prices(_days("IBIT", [10, 11, 12, 13], [5, 5.5, 6, 6.5])))
        assert panel.dollars["IBIT"].tolist() == [100, 110, 120, 130]

    def test_zero_volume_is_not_printed(self) -> None:
        prices = _prices(_days("USDJPY", [1, 2, 3, 4])).assign(volume=0.0)
        assert _align(prices).shares.isna().all().all()


class TestKnownAt:
    def test_a_late_revision_moves_all_later_rows(self) -> None:
        prices = _prices(_days("IGV", [1, 2, 3, 4]))
        prices.loc[1, "known_at"] = pd.Timestamp("2026-02-01T00:00Z")
        known = _align(prices).known_at["IGV"]
        assert known.iloc[0] == pd.Timestamp("2026-01-02T21:15Z")
        assert (known.iloc[1:] == pd.Timestamp("2026-02-01T00:00Z")).all()


class TestContract:
    def test_cuts_must_match_sessions(self) -> None:
        said = r"^cuts must hold one instant per session, got 2 for 4; pass"
        with pytest.raises(ValueError, match=said):
            align(
                _prices(_days("A", [1, 2, 3, 4])), _hourly([]), symbols=("A",), sessions=SESSIONS,
                cuts=CUTS[:2], hourly_symbols={}, utc_day_symbols=(), proxied_symbols=(),
                level_symbols=(),
            )  # fmt: skip
