import numpy as np
import pandas as pd
import pytest

from features.derivatives import funding_measures, net_short


def _rate(*values: float) -> pd.Series:
    return pd.Series(values, pd.date_range("2026-02-01", periods=len(values)), dtype=float)


class TestFunding:
    def test_by_hand(self) -> None:
        found = funding_measures(_rate(1e-4, -2e-4, 0.0, -1e-4, 3e-4), days=2, flip_window=3)
        assert found["cumulated"].to_list()[1:] == pytest.approx([-1e-4, -2e-4, -1e-4, 2e-4])
        assert found["sign"].to_list() == [1, -1, 0, -1, 1]
        assert found["flipped"].to_list() == [False, True, False, False, True]
        assert found["flips"].to_list() == [0, 1, 1, 1, 1]

    def test_a_missing_day_is_no_zero(self) -> None:
        found = funding_measures(_rate(1e-4, np.nan, 1e-4, 1e-4), days=2, flip_window=3)
        assert found["cumulated"].isna().to_list() == [True, True, True, False]
        assert not found["flipped"].any()

    def test_binance_pays_every_eight_hours(self) -> None:
        # Binance: the interest part is 0.01 % every eight hours, 0.03 % a day, 10.95 % a year
        found = funding_measures(_rate(*[3e-4] * 365), days=90, flip_window=30)
        assert found["rate"].sum() == pytest.approx(0.1095)
        assert found["cumulated"].iloc[-1] == pytest.approx(0.027)

    def test_a_later_day_changes_nothing(self) -> None:
        rate = _rate(*(1e-4 * np.random.default_rng(1).standard_normal(60)))
        whole = funding_measures(rate, days=7, flip_window=30)
        for last in (5, 31, 59):
            prefix = funding_measures(rate.iloc[:last], days=7, flip_window=30)
            pd.testing.assert_frame_equal(whole.iloc[:last], prefix)

    def test_no_days_are_refused(self) -> None:
        for days, window in ((0, 30), (7, 0)):
            said = "^(days|flip_window) must be at least 1, got 0"
            with pytest.raises(ValueError, match=said):
                funding_measures(_rate(1e-4), days=days, flip_window=window)

    def test_one_day_is_its_own_sum(self) -> None:
        found = funding_measures(_rate(1e-4, -2e-4), days=1, flip_window=1)
        assert found["cumulated"].tolist() == [1e-4, -2e-4]
        assert found["flips"].tolist() == [0, 1]
        assert found.columns.tolist() == ["rate", "cumulated", "sign", "flips", "flipped"]


class TestNetShort:
    def test_by_hand(self) -> None:
        reports = pd.DataFrame(
            {
                "leveraged_long_btc": [28_000.0, 23_000.0, np.nan],
                "leveraged_short_btc": [55_000.0, 54_000.0, 50_000.0],
                "open_interest_btc": [90_000.0, 0.0, 90_000.0],
            },
            index=pd.DatetimeIndex(["2026-06-30", "2026-07-07", "2026-07-14"]),
        )
        found = net_short(reports)
        assert found["coins"].to_list()[:2] == [27_000.0, 31_000.0]
        assert found["change"].iloc[1] == 4_000.0
        assert found["share"].iloc[0] == pytest.approx(0.3)
        # a total of zero has no share; a missing long no net
        assert np.isnan(found["share"].iloc[1])
        assert found.iloc[2].isna().all()
