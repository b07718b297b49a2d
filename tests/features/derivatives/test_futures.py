import math

import numpy as np
import pytest

from features.derivatives import calendar_spread, constant_maturity, listed_curve, near_month
from tests.futures_market import CHOSEN, rows_of, sessions_of, spot_of


class TestCalendarSpread:
    def test_by_hand(self) -> None:
        # 100 at 22 days, 102 at 50: 2 % over the 28 between; both trade every half hour
        sessions = sessions_of("2026-02-05", "2026-02-06")
        rows = rows_of(
            ("2026-02-05", "G6", "2026-02-27", 100.0, 92.0),
            ("2026-02-05", "H6", "2026-03-27", 102.0, 92.0),
            ("2026-02-06", "G6", "2026-02-27", 100.0, 92.0),
            ("2026-02-06", "H6", "2026-03-27", 103.0, 92.0),
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        spread = calendar_spread(curve)
        assert spread["premium"].to_list() == pytest.approx([0.02, 0.03])
        assert spread["days"].to_list() == [28, 28]
        hour = math.log(1.01) ** 2 / (4 * math.log(2) * 23)
        assert spread["timing"].to_list() == pytest.approx([hour, hour], rel=1e-9)
        assert spread["contract"].to_list() == ["H6", "H6"]
        assert spread["against"].to_list() == ["G6", "G6"]
        earlier = spread[["earlier_premium", "earlier_days", "earlier_timing"]]
        assert earlier.iloc[0].isna().all()
        assert earlier.iloc[1].to_list() == pytest.approx([0.02, 28, hour], rel=1e-9)
        assert spread.index.equals(sessions)

    def test_one_contract_has_none(self) -> None:
        sessions = sessions_of("2026-02-05")
        curve = listed_curve(
            rows_of(("2026-02-05", "G6", "2026-02-27", 100.0, 1e5)), sessions, **CHOSEN
        )
        spread = calendar_spread(curve)
        assert np.isnan(spread["premium"].item())
        assert (spread["contract"].item(), spread["against"].item()) == (None, "G6")


class TestConstantMaturity:
    def test_by_hand(self) -> None:
        # 20 days at 1 %, 50 days at 4 %: a third of the way, 2 % over 30 days
        sessions = sessions_of("2026-02-05")
        rows = rows_of(
            ("2026-02-05", "A", "2026-02-25", 101.0, 1e5),
            ("2026-02-05", "B", "2026-03-27", 104.0, 1e5),
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, spot_of(sessions, 100.0), tenor=30)
        assert leg["premium"].item() == pytest.approx(0.02)
        assert leg["days"].item() == 30
        assert (leg["contract"].item(), leg["against"].item()) == ("B", "A")

    def test_before_the_first_expiry_it_is_that_ones_basis(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(("2026-02-05", "B", "2026-03-27", 104.0, 1e5))
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, spot_of(sessions, 100.0), tenor=30)
        assert (leg["days"].item(), leg["against"].item()) == (50, None)

    def test_beyond_the_last_expiry_there_is_none(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(("2026-02-05", "B", "2026-03-27", 104.0, 1e5))
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, spot_of(sessions, 100.0), tenor=60)
        assert leg.drop(columns=["contract", "against"]).isna().all(axis=None)
        assert (leg["contract"].item(), leg["against"].item()) == (None, None)

    def test_a_tenor_is_at_least_a_day(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(("2026-02-05", "B", "2026-03-27", 104.0, 1e5))
        curve = listed_curve(rows, sessions, **CHOSEN)
        with pytest.raises(ValueError, match="^tenor must be at least 1, got 0"):
            constant_maturity(curve, spot_of(sessions, 100.0), tenor=0)
        assert constant_maturity(curve, spot_of(sessions, 100.0), tenor=1)["days"].item() == 50


class TestThinMonth:
    def test_is_left_out_and_counted(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(
            ("2026-02-05", "now", "2026-02-09", 100.0, 1e5),  # 4 days
            ("2026-02-05", "G", "2026-02-27", 101.0, 1e5),
            ("2026-02-05", "H", "2026-03-27", 102.0, 0.0),
            ("2026-02-05", "J", "2026-04-24", 103.0, 45.0),  # 46 / 45 hours
            ("2026-02-05", "K", "2026-05-29", 104.0, 46.0),  # one hour
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        assert list(curve.names.loc[sessions[0]]) == ["G", "K"]
        assert curve.excluded.loc[sessions[0]].to_dict() == {
            "expiring": 1, "no volume": 1, "stale": 1,
        }  # fmt: skip
        assert curve.wait.loc[sessions[0]].to_list() == pytest.approx([0.00046, 1.0])
        assert curve.days.loc[sessions[0]].to_list() == [22, 113]
        assert curve.settle.loc[sessions[0]].to_list() == [101, 104]
        # the day's range of the nearest that is kept
        assert curve.hour_variance.item() == pytest.approx(
            math.log(1.01) ** 2 / (4 * math.log(2) * 23)
        )

    def test_the_fewest_days_are_enough_and_other_sessions_do_not_count(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(
            ("2026-02-05", "now", "2026-02-10", 100.0, 1e5),  # 5 days
            ("2026-02-04", "now", "2026-02-10", 99.0, 1e5),
            ("2026-02-05", "some", "2026-02-27", 101.0, np.nan),  # volume not printed
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        assert list(curve.names.iloc[0]) == ["now", "some"]
        assert curve.settle.iloc[0].to_list() == [100, 101]
        assert curve.wait.iloc[0].to_list() == pytest.approx([0.00046, 1.0])
        assert curve.excluded.sum(axis=None) == 0
        assert curve.excluded.index.equals(sessions)

    def test_of_two_contracts_with_one_expiry_the_busier_is_taken(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(
            ("2026-02-05", "big", "2026-02-27", 101.0, 900.0),
            ("2026-02-05", "micro", "2026-02-27", 102.0, 1e5),
        )
        for frame in (rows, rows.iloc[::-1]):
            assert listed_curve(frame, sessions, **CHOSEN).names.iloc[0].item() == "micro"

    def test_nothing_listed_gives_nothing(self) -> None:
        sessions = sessions_of("2026-02-05")
        curve = listed_curve(rows_of().astype({"settle": float, "volume": float, "high": float,
                                             "low": float}), sessions, **CHOSEN)  # fmt: skip
        spot = spot_of(sessions, 100.0)
        for leg in (near_month(curve, spot), calendar_spread(curve),
                    constant_maturity(curve, spot, tenor=30)):  # fmt: skip
            assert leg["premium"].isna().all()
