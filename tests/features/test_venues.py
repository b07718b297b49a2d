import pandas as pd

from features.venues import one_venue

CUTS = pd.DatetimeIndex(["2026-02-04T21:00Z", "2026-02-05T21:00Z", "2026-02-06T21:00Z"])


def _bars(symbol: str, venue: str, *cuts: int) -> pd.DataFrame:
    starts = CUTS[list(cuts)] - pd.Timedelta(hours=1)
    return pd.DataFrame({"bar_start_utc": starts, "symbol": symbol, "venue": venue, "close": 1.0})


class TestSeveralVenues:
    def test_the_one_with_most_bars_at_the_cuts_is_read_throughout(self) -> None:
        bars = pd.concat([_bars("BTC", "A", 0, 2), _bars("BTC", "B", 0, 1, 2)])
        choice = one_venue(bars.reset_index(drop=True), cuts=CUTS)
        assert choice.chosen == {"BTC": "B"}
        assert set(choice.bars["venue"]) == {"B"}
        assert choice.lacking == {"BTC": "A lacks 1 of 3"}
        assert choice.gaps["BTC"].empty

    def test_a_gap_of_the_chosen_one_is_not_filled_by_another(self) -> None:
        bars = pd.concat([_bars("BTC", "A", 0, 2), _bars("BTC", "B", 1)], ignore_index=True)
        choice = one_venue(bars, cuts=CUTS)
        assert choice.chosen == {"BTC": "A"}
        assert choice.gaps["BTC"].tolist() == [CUTS[1]]

    def test_the_first_by_name_of_equals_whatever_their_order(self) -> None:
        bars = pd.concat([_bars("BTC", "B", 0, 1, 2), _bars("BTC", "A", 0, 1, 2)])
        for rows in (bars, bars.iloc[::-1]):
            assert one_venue(rows.reset_index(drop=True), cuts=CUTS).chosen == {"BTC": "A"}

    def test_each_symbol_has_its_own(self) -> None:
        bars = pd.concat([_bars("BTC", "A", 0, 1, 2), _bars("ETH", "B", 0)], ignore_index=True)
        choice = one_venue(bars, cuts=CUTS)
        assert choice.chosen == {}
        pd.testing.assert_frame_equal(choice.bars, bars)

    def test_no_bar_at_all(self) -> None:
        assert one_venue(pd.DataFrame(), cuts=CUTS).bars.empty
