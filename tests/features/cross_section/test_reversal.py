from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.cross_section import cross_sectional_rebound, regained
from tests import naive_mechanisms
from unwind.calendar import sessions_between

SESSIONS = sessions_between(date(2025, 9, 2), date(2026, 2, 6))
INFINITE = "^returns must be finite or missing, got"


class TestRebound:
    def test_losses_that_come_back_in_full(self) -> None:
        before = np.array([-0.10, -0.05, 0.0, 0.02])
        found = cross_sectional_rebound(pd.DataFrame([before, -before]), min_assets=3)
        assert found["correlation"].iloc[1] == pytest.approx(-1)
        assert found["slope"].iloc[1] == pytest.approx(-1)
        assert found["assets"].tolist() == [0, 4]

    def test_against_the_loop_with_holes(self) -> None:
        generator = np.random.default_rng(2)
        returns = pd.DataFrame(generator.normal(0, 0.02, (30, 8)))
        returns[generator.uniform(size=returns.shape) < 0.15] = np.nan
        found = cross_sectional_rebound(returns, min_assets=4)
        for t in range(1, 30):
            pair = returns.iloc[t - 1 : t + 1]
            assert found["assets"].iloc[t] == pair.notna().all().sum()
            if found["assets"].iloc[t] >= 4:
                slow = naive_mechanisms.rebound(*pair.to_numpy())
                assert found.iloc[t][["correlation", "slope"]].tolist() == pytest.approx(slow)

    def test_scale_and_order_of_the_assets_do_not_matter(self) -> None:
        returns = pd.DataFrame(np.random.default_rng(4).normal(0, 0.02, (20, 6)))
        one = cross_sectional_rebound(returns, min_assets=3)
        two = cross_sectional_rebound(1e-9 * returns[[3, 1, 5, 0, 2, 4]], min_assets=3)
        pd.testing.assert_frame_equal(one, two, rtol=1e-9)

    def test_assets_that_move_alike_have_no_slope(self) -> None:
        found = cross_sectional_rebound(
            pd.DataFrame([[-0.1, -0.1, -0.1], [0.1, 0.05, 0.0]]), min_assets=3
        )
        assert found[["correlation", "slope"]].isna().all(axis=None)

    def test_regained_by_hand(self) -> None:
        # 100 → 80 → 90: half of the fall; then a rise that nobody has to regain
        returns = np.log(pd.Series([100.0, 80.0, 90.0, 95.0])).diff()
        share = regained(returns, min_fall=0.03)
        assert share.iloc[2] == pytest.approx(0.5)
        assert share.drop(2).isna().all()

    def test_a_fall_that_goes_on_is_below_zero(self) -> None:
        returns = np.log(pd.Series([100.0, 80.0, 70.0])).diff()
        assert regained(returns, min_fall=0.03).iloc[2] == pytest.approx(-0.5)

    def test_arguments_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="^min_assets must be at least 3, got 2"):
            cross_sectional_rebound(pd.DataFrame(), min_assets=2)
        with pytest.raises(ValueError, match="^min_fall must be above 0, got 0"):
            regained(pd.Series([0.0]), min_fall=0)
        with pytest.raises(ValueError, match=INFINITE):
            cross_sectional_rebound(pd.DataFrame([[np.inf]]), min_assets=3)

    def test_three_assets_are_enough_and_two_are_not(self) -> None:
        # deviations of −2, −1, 3 and 2, 1, −3 hundredths
        returns = pd.DataFrame(
            [[0.01, 0.02, 0.06], [0.03, 0.02, -0.02], [0.01, 0.02, np.nan], [0.02, 0.01, 0.0]],
            SESSIONS[:4],
        )
        found = cross_sectional_rebound(returns, min_assets=3)
        assert found["slope"].tolist() == pytest.approx([np.nan, -1, np.nan, np.nan], nan_ok=True)
        assert found["assets"].tolist() == [0, 3, 2, 2]
        assert found.index.equals(returns.index)

    def test_either_session_may_be_the_one_of_one_move(self) -> None:
        moved, alike = [0.1, 0.05, 0.0], [0.1, 0.1, 0.1]
        found = cross_sectional_rebound(pd.DataFrame([moved, alike, moved]), min_assets=3)
        assert found[["correlation", "slope"]].isna().all(axis=None)
        assert found["assets"].tolist() == [0, 3, 3]

    def test_the_smallest_fall_counts(self) -> None:
        share = regained(pd.Series([-0.03, 0.01, -0.02, 0.01]), min_fall=0.03)
        assert share.notna().tolist() == [False, True, False, False]
        assert share.iloc[1] == pytest.approx(np.expm1(0.01) / np.expm1(0.03))
