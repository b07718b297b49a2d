import numpy as np
import pandas as pd
import pytest

from features.fund_flows import arbitrage_design, inflow_without_expansion


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
        with pytest.raises(ValueError, match="^tolerance must be at least 0, got -1"):
            inflow_without_expansion(pd.Series([1.0]), pd.Series([1.0]), tolerance=-1)

    def test_a_widening_of_just_the_tolerance_is_explained_and_no_flow_is_no_inflow(self) -> None:
        flow, basis = pd.Series([1.0, 1.0, 0.0, 1.0]), pd.Series([0.0, 0.5, 0.5, 0.5])
        found = inflow_without_expansion(flow, basis, tolerance=0.5)
        assert found[1:].tolist() == [True, False, True]
        found = inflow_without_expansion(flow, basis, tolerance=0)
        assert found[1:].tolist() == [False, False, True]
