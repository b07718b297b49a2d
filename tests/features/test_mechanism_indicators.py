"""Volume, options, the yen, the rebound and organic demand: hand-sized cases and properties."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.organic_demand import arbitrage_design, inflow_without_expansion
from features.rebound import cross_sectional_rebound, regained
from features.volume import options_activity, volume_design
from features.yen import carry_unwind, risk_average
from tests import naive_mechanisms
from unwind.calendar import sessions_between

SESSIONS = sessions_between(date(2025, 9, 2), date(2026, 2, 6))
INFINITE = "^returns must be finite or missing, got an infinite value; correct the price behind it$"


class TestVolumeDesign:
    def test_means_of_the_logarithm_end_the_session_before(self) -> None:
        generator = np.random.default_rng(1)
        shares = pd.Series(np.exp(generator.normal(17, 0.4, len(SESSIONS))), SESSIONS)
        design = volume_design(shares)
        logs = np.log(shares)
        row = design.iloc[60]
        assert row["day"] == logs.iloc[59]
        assert row["week"] == pytest.approx(logs.iloc[55:60].mean())
        assert row["month"] == pytest.approx(logs.iloc[38:60].mean())
        wild = shares.copy()
        wild.iloc[60:] = 1.0
        pd.testing.assert_frame_equal(
            design.iloc[:61], volume_design(wild).iloc[:61], check_exact=True
        )

    def test_a_late_listing_has_no_month_yet(self) -> None:
        design = volume_design(pd.Series(1e6, SESSIONS[:10]))
        assert design["week"].notna().sum() == 6
        assert design["month"].isna().all()

    def test_a_mean_needs_four_fifths_of_its_sessions(self) -> None:
        # 4 of 5 and 18 of 22
        shares = pd.Series(1e6, SESSIONS[:40])
        shares.iloc[[30, 32, 34]] = np.nan
        design = volume_design(shares)
        assert design["week"].isna().tolist()[:5] == [True] * 4 + [False]
        assert design["month"].first_valid_index() == SESSIONS[18]
        assert design["week"].isna().iloc[30:].tolist() == [False] * 3 + [True] * 5 + [False] * 2
        assert design["month"].notna().iloc[18:].all()
        assert design.columns.tolist() == [
            "constant", "day", "week", "month",
            "Tuesday", "Wednesday", "Thursday", "Friday", "month_start",
        ]  # fmt: skip
        assert design["constant"].eq(1).all()
        assert design.index.equals(shares.index)


class TestOptions:
    def chain(self, volumes, rights, at="2026-02-05T21:00Z"):
        return pd.DataFrame({"snapshot_at": pd.Timestamp(at), "right": rights, "volume": volumes})

    def test_contracts_and_the_share_of_puts(self) -> None:
        early = self.chain([10.0, 30.0], ["call", "put"], at="2026-02-04T21:00Z")
        late = self.chain([10.0, np.nan, 40.0], ["C", "put", "P"])
        found = options_activity(pd.concat([late, early]))
        assert found["contracts"].tolist() == [40, 50]
        assert found["put_share"].tolist() == [0.75, 0.8]

    def test_a_chain_of_one_side_has_no_share(self) -> None:
        assert options_activity(self.chain([5.0], ["call"])).isna().all(axis=None)

    def test_an_untraded_chain_has_no_share(self) -> None:
        found = options_activity(self.chain([0.0, 0.0], ["call", "put"]))
        assert found["contracts"].item() == 0
        assert np.isnan(found["put_share"].item())


class TestCarryUnwind:
    def test_both_have_to_move(self) -> None:
        yen = pd.Series([-3.0, -3.0, 3.0, -0.5, np.nan])
        risk = pd.Series([-2.0, 2.0, -2.0, -0.4, -2.0])
        found = carry_unwind(yen, risk, start=1.0)
        assert found["joint"].tolist() == pytest.approx([2, 0, 0, 0.4, np.nan], nan_ok=True)
        assert found["category"].iloc[:4].tolist() == [
            "yen up, risk down", "yen up", "risk down", "neither",
        ]  # fmt: skip
        assert pd.isna(found["category"].iloc[4])

    def test_the_average_needs_enough_assets(self) -> None:
        z = pd.DataFrame({"a": [1.0, 1.0], "b": [3.0, np.nan]})
        assert risk_average(z, min_assets=2).tolist() == pytest.approx([2, np.nan], nan_ok=True)

    def test_arguments_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="^start must be above 0, got 0$"):
            carry_unwind(pd.Series([0.0]), pd.Series([0.0]), start=0)
        with pytest.raises(ValueError, match="^min_assets must be at least 1, got 0$"):
            risk_average(pd.DataFrame(), min_assets=0)
        said = "^z must hold finite numbers or NaN, got an infinite one; mask it first$"
        with pytest.raises(ValueError, match=said):
            risk_average(pd.DataFrame({"a": [1.0, -np.inf]}), min_assets=1)

    def test_a_move_of_just_the_start_counts(self) -> None:
        sessions = SESSIONS[:3]
        yen, risk = pd.Series([-1.0, -1.0, -0.9], sessions), pd.Series([-1.0, -0.9, -1], sessions)
        found = carry_unwind(yen, risk, start=1.0)
        assert found["category"].tolist() == ["yen up, risk down", "yen up", "risk down"]
        assert found["joint"].tolist() == [1, 0.9, 0.9]
        assert found.index.equals(sessions)
        one = risk_average(pd.DataFrame({"a": [2.0], "b": [np.nan]}, sessions[:1]), min_assets=1)
        assert one.tolist() == [2]


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
        with pytest.raises(ValueError, match="^min_assets must be at least 3, got 2$"):
            cross_sectional_rebound(pd.DataFrame(), min_assets=2)
        with pytest.raises(ValueError, match="^min_fall must be above 0, got 0$"):
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


class TestOrganicDemand:
    def test_open_interest_counts_in_coins_at_todays_price(self) -> None:
        # the price alone falls: nothing was closed
        design = arbitrage_design(
            pd.Series([1e5, 1e5, 1.01e5]), pd.Series([9e4, 7e4, 7e4]),
            pd.Series([0.05, 0.04, 0.06]), pd.Series([8e4, 8e4, 7e4]),
        )  # fmt: skip
        assert design["open_interest"].tolist() == pytest.approx(
            [np.nan, 0, 70], rel=1e-12, nan_ok=True
        )
        assert design["basis"].tolist() == pytest.approx([np.nan, -0.01, 0.02], nan_ok=True)
        assert design["shorts"].tolist() == pytest.approx([np.nan, 0, -700], rel=1e-12, nan_ok=True)
        assert design["constant"].tolist() == [1, 1, 1]

    def test_shorts_may_be_unknown(self) -> None:
        ones = pd.Series([1.0, 1.0])
        assert list(arbitrage_design(ones, ones, ones, None)) == [
            "constant", "open_interest", "basis",
        ]  # fmt: skip

    def test_inflow_without_a_wider_basis(self) -> None:
        flow = pd.Series([5.0, 5.0, 5.0, -5.0, np.nan])
        basis = pd.Series([0.05, 0.055, 0.08, 0.07, 0.07])
        found = inflow_without_expansion(flow, basis, tolerance=0.01)
        assert [None if pd.isna(one) else bool(one) for one in found] == [
            None, True, False, False, None,
        ]  # fmt: skip

    def test_a_negative_tolerance_is_refused(self) -> None:
        with pytest.raises(ValueError, match="^tolerance must be at least 0, got -1$"):
            inflow_without_expansion(pd.Series([1.0]), pd.Series([1.0]), tolerance=-1)

    def test_a_widening_of_just_the_tolerance_is_explained_and_no_flow_is_no_inflow(self) -> None:
        flow, basis = pd.Series([1.0, 1.0, 0.0, 1.0]), pd.Series([0.0, 0.5, 0.5, 0.5])
        found = inflow_without_expansion(flow, basis, tolerance=0.5)
        assert found[1:].tolist() == [True, False, True]
        found = inflow_without_expansion(flow, basis, tolerance=0)
        assert found[1:].tolist() == [False, False, True]
