import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cross_section import multi_strategy, robust_z, spread_returns
from tests.conftest import SHARED

FACTORS = SHARED / "market" / "history" / "equity_factors_pct.parquet"


def panel(n_sessions, n_assets, *, seed, holes=0.0):
    rng = np.random.default_rng(seed)
    values = 0.01 * rng.standard_t(4, (n_sessions, n_assets))
    values[rng.random(values.shape) < holes] = np.nan
    return pd.DataFrame(
        values,
        pd.bdate_range("2024-01-02", periods=n_sessions),
        [f"A{place}" for place in range(n_assets)],
    )


SCORE = {"window": 30, "min_observations": 20, "min_spreads": 2}


def all_spreads(returns):
    return spread_returns(returns, spreads=(("A0", "A1"), ("A2", "A3"), ("A4", "A5"), ("A1", "A5")))


class TestMultiStrategy:
    def test_four_sessions_by_hand(self):
        spreads = pd.DataFrame(
            {"value": [1.0, -1, -2, 3], "momentum": [1.0, -1, 2, -1], "quality": [2.0, -3, -1, 1]}
        )
        table = multi_strategy(spreads, window=3, min_observations=2, min_spreads=3)
        assert table["losing"].tolist() == [0, 3, 2, 1]
        assert table["degrossing"].tolist() == [False, True, False, False]
        # Row 2: medians 0, 0, −½ and MADs 1, 1, 2½ of two rows; z = −2, 2, −½/2½ over 1.4826.
        scaled = np.array([-2, 2, -0.2]) / 1.4826
        assert table["worst"].iloc[2] == pytest.approx(scaled.min())
        assert table["worst_spread"].iloc[2] == "value"
        assert table["average"].iloc[2] == pytest.approx(scaled.mean())
        assert table["rebound"].iloc[2] == table["average"].iloc[2]
        assert table["rebound"].drop(2).isna().all()

    def test_the_scores_are_robust_z_of_worst_and_average(self):
        table = multi_strategy(all_spreads(panel(150, 6, seed=7)), **SCORE)
        for name in ("worst", "average"):
            expected = robust_z(table[name], window=30, min_observations=20)
            assert expected.notna().sum() > 40
            pd.testing.assert_series_equal(
                table[f"{name}_z"], expected, check_names=False, check_exact=True
            )

    def test_a_worst_sleeve_is_ordinary_by_its_own_history(self):
        rng = np.random.default_rng(8)
        table = multi_strategy(
            pd.DataFrame(rng.standard_normal((600, 10))),
            window=250,
            min_observations=125,
            min_spreads=5,
        )
        assert table["worst"].median() < -1.4
        assert abs(table["worst_z"].median()) < 0.2

    def test_a_silent_sleeve_is_no_zero(self):
        spreads = all_spreads(panel(120, 6, seed=9))
        spreads.iloc[100] = [-0.01, -0.02, -0.01, np.nan]
        spreads.iloc[101] = [-0.01, np.nan, np.nan, np.nan]
        table = multi_strategy(spreads, **SCORE)
        assert table["spreads"].iloc[100] == 3
        assert table["degrossing"].iloc[100]
        assert table["degrossing"].iloc[101] is pd.NA
        assert np.isnan(table["worst_z"].iloc[101])

    def test_a_sleeve_that_never_moves_is_never_scaled(self):
        spreads = all_spreads(panel(120, 6, seed=10)).assign(dead=0.0)
        table = multi_strategy(spreads, **SCORE)
        assert (table["worst_spread"].dropna() != "dead").all()
        assert np.isfinite(table["worst_z"].iloc[-1])

    @given(seed=st.integers(0, 500), factors=st.lists(st.floats(1e-4, 1e4), min_size=4, max_size=4))
    @settings(max_examples=15, deadline=None)
    def test_units_and_order_of_sleeves_do_not_matter(self, seed, factors):
        spreads = all_spreads(panel(110, 6, seed=seed))
        plain = multi_strategy(spreads, **SCORE)
        other = multi_strategy((spreads * factors)[spreads.columns[::-1]], **SCORE)
        pd.testing.assert_frame_equal(plain, other, rtol=1e-9, atol=1e-9)

    def test_out_of_range(self):
        spreads = all_spreads(panel(60, 6, seed=1))
        for wrong in (1, 5):
            said = f"^min_spreads must lie in 2 … 4, got {wrong}"
            with pytest.raises(ValueError, match=said):
                multi_strategy(spreads, window=30, min_observations=20, min_spreads=wrong)
        with pytest.raises(ValueError, match="^spreads must be finite or missing, got inf for bad"):
            multi_strategy(spreads.assign(bad=np.inf), **SCORE)

    def test_all_spreads_may_be_asked_for_and_rows_keep_their_sessions(self):
        spreads = all_spreads(panel(120, 6, seed=13))
        table = multi_strategy(spreads, window=30, min_observations=20, min_spreads=4)
        assert table.index.equals(spreads.index)
        assert table["worst_z"].notna().any()
        assert table["worst_spread"].notna().equals(table["worst"].notna())
        assert table["degrossing"].isna().equals(spreads.isna().any(axis=1))


def score_factors(*names):
    factors = pd.read_parquet(FACTORS).set_index("session")
    factors.index = pd.to_datetime(factors.index)
    return multi_strategy(
        factors.loc[:"2008-06-30", list(names)], window=252, min_observations=126, min_spreads=3
    )


@pytest.mark.market
@pytest.mark.skipif(not FACTORS.exists(), reason="the factor returns are not beside the checkout")
class TestQuantMeltdown:
    """7–10 August 2007: Khandani and Lo (2007); factor returns of the French data library."""

    def test_all_four_lose_on_the_eighth_and_ninth_and_rebound_on_the_tenth(self):
        table = score_factors("HML", "RMW", "CMA", "Mom")
        assert table.loc["2007-08-08":"2007-08-10", "degrossing"].tolist() == [True, True, False]
        assert table.loc["2007-08-10", "losing"] == 0
        assert table.loc["2007-08-08", "average_z"] == pytest.approx(-8.16, abs=0.01)
        assert table.loc["2007-08-09", "average_z"] == pytest.approx(-8.23, abs=0.01)
        assert table.loc["2007-08-10", "rebound"] == pytest.approx(4.72, abs=0.01)
        assert np.isnan(table.loc["2007-08-08", "rebound"])

    def test_nothing_else_in_four_years_comes_near(self):
        table = score_factors("HML", "RMW", "CMA", "Mom")
        assert set(table["average_z"].nsmallest(2).index) == {
            pd.Timestamp("2007-08-08"),
            pd.Timestamp("2007-08-09"),
        }
        assert table["rebound"].idxmax() == pd.Timestamp("2007-08-10")

    def test_size_gained_so_five_factors_are_no_degrossing_day(self):
        table = score_factors("SMB", "HML", "RMW", "CMA", "Mom")
        assert table.loc["2007-08-08":"2007-08-09", "losing"].tolist() == [4, 4]
        assert not table.loc["2007-08-08":"2007-08-09", "degrossing"].any()
        assert table.loc["2007-08-08", "average_z"] < -6


class TestNoLookAhead:
    @pytest.mark.parametrize("cut", [40, 77, 118])
    def test_the_row_is_the_same_on_data_up_to_it(self, cut):
        spreads = all_spreads(panel(120, 6, seed=11, holes=0.02))
        whole, part = multi_strategy(spreads, **SCORE), multi_strategy(spreads[: cut + 1], **SCORE)
        pd.testing.assert_frame_equal(whole.iloc[: cut + 1], part, check_exact=True)

    def test_no_session_gives_no_row(self):
        assert len(multi_strategy(all_spreads(panel(0, 6, seed=12)), **SCORE)) == 0
