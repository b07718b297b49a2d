import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from features.cross_section import (
    absorption_ratio,
    absorption_shift,
    ledoit_wolf,
    marchenko_pastur,
    turbulence_index,
)
from tests import naive_systemic

DOW = Path("../shared/references/garch/dji30ret.csv.gz")


def panel(n_sessions, n_assets, *, seed, common=0.5, holes=0.0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_sessions, n_assets))
    values += common * rng.standard_normal((n_sessions, 1))
    values *= 0.01 * np.linspace(0.1, 3, n_assets)
    values[rng.random(values.shape) < holes] = np.nan
    return pd.DataFrame(
        values,
        pd.bdate_range("2024-01-02", periods=n_sessions),
        [f"A{place}" for place in range(n_assets)],
    )


MEASURES = {
    "turbulence": lambda x: turbulence_index(x, window=30, min_observations=20),
    "absorption": lambda x: absorption_ratio(x, window=30, min_observations=20, share=0.2),
    "shift": lambda x: absorption_shift(
        absorption_ratio(x, window=30, min_observations=20, share=0.2)["absorption_ratio"],
        short_window=5,
        long_window=20,
        min_observations=10,
    ).to_frame(),
    "marchenko_pastur": lambda x: marchenko_pastur(x, window=30, min_observations=20),
}


class TestLedoitWolf:
    @pytest.mark.parametrize(("n_rows", "n_assets"), [(60, 4), (30, 30), (20, 50), (500, 16)])
    def test_equals_scikit_learn(self, n_rows, n_assets):
        rows = panel(n_rows, n_assets, seed=n_rows).to_numpy() * 100 + 3
        covariance, weight = ledoit_wolf(rows)
        expected, shrinkage = sklearn_ledoit_wolf(rows)
        np.testing.assert_allclose(covariance, expected, rtol=1e-10, atol=1e-12)
        assert weight == pytest.approx(shrinkage, abs=1e-12)

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
    def test_nothing_has_no_covariance(self, shape):
        with pytest.raises(ValueError, match="rows must hold an observation"):
            ledoit_wolf(np.empty(shape))

    def test_equals_the_sums_of_the_paper(self):
        rows = panel(40, 5, seed=1).to_numpy()
        np.testing.assert_allclose(ledoit_wolf(rows)[0], naive_systemic.ledoit_wolf(rows))

    def test_equal_variances_without_correlation_need_no_shrinking(self):
        rows = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
        covariance, weight = ledoit_wolf(rows)
        np.testing.assert_array_equal(covariance, np.eye(2))
        assert weight == 0


class TestTurbulence:
    def test_two_assets_by_hand(self):
        # Four earlier rows (±1, ±1): mean 0, variance 1, no correlation, nothing to shrink.
        returns = pd.DataFrame([[1.0, 1], [1, -1], [-1, 1], [-1, -1], [3, 4]])
        row = turbulence_index(returns, window=4, min_observations=4).iloc[-1]
        assert row["turbulence"] == pytest.approx((9 + 16) / 2)
        assert row["magnitude"] == pytest.approx(12.5)
        assert row["correlation_surprise"] == pytest.approx(1)
        assert row["assets"] == 2

    @pytest.mark.parametrize("holes", [0.0, 0.03])
    def test_equals_the_slow_twin(self, holes):
        returns = panel(80, 6, seed=5, holes=holes)
        fast = turbulence_index(returns, window=40, min_observations=20)
        slow = naive_systemic.turbulence(returns, 40, 20)
        assert fast["turbulence"].notna().sum() > 20
        pd.testing.assert_frame_equal(fast[slow.columns], slow, rtol=1e-9)

    def test_about_one_on_ordinary_days(self):
        returns = panel(900, 8, seed=2)
        scores = turbulence_index(returns, window=500, min_observations=250)["turbulence"].dropna()
        assert scores.mean() == pytest.approx(1, abs=0.1)

    def test_the_scored_day_is_not_in_its_baseline(self):
        returns = panel(60, 3, seed=3)
        returns.iloc[-1] = 0.5
        assert (
            turbulence_index(returns, window=50, min_observations=40)["turbulence"].iloc[-1] > 100
        )

    def test_moves_against_the_usual_correlation_surprise(self):
        returns = panel(300, 2, seed=4, common=3)
        together, apart = returns.copy(), returns.copy()
        sigma = returns.std().to_numpy()
        together.iloc[-1] = 2 * sigma
        apart.iloc[-1] = [2 * sigma[0], -2 * sigma[1]]
        kwargs = {"window": 250, "min_observations": 200}
        assert turbulence_index(together, **kwargs)["correlation_surprise"].iloc[-1] < 1
        assert turbulence_index(apart, **kwargs)["correlation_surprise"].iloc[-1] > 3

    @given(factors=st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=4), seed=st.integers(0, 99))
    @settings(max_examples=20, deadline=None)
    def test_units_and_order_do_not_matter(self, factors, seed):
        returns = panel(40, 4, seed=seed)
        plain = turbulence_index(returns, window=30, min_observations=20)
        other = turbulence_index(
            (returns * factors)[returns.columns[::-1]], window=30, min_observations=20
        )
        pd.testing.assert_frame_equal(plain, other, rtol=1e-7)


@pytest.mark.skipif(not DOW.exists(), reason="the Dow returns are not beside the checkout")
class TestOneStockShock:
    """Merck, 30 September 2004: the sample maximum, and no deleveraging."""

    def test_the_published_distance_without_shrinking(self):
        # other_selloffs.csv: 84.7 with the plain covariance of the 120 days before.
        returns = pd.read_csv(DOW, index_col=0, parse_dates=True).loc["2004-04-01":"2004-09-30"]
        plain = naive_systemic.turbulence(returns.iloc[-121:], 120, 120, shrunk=False)
        assert plain["turbulence"].iloc[-1] == pytest.approx(84.7, abs=0.05)

    def test_shrinking_keeps_the_order_of_magnitude_and_the_rank(self):
        returns = pd.read_csv(DOW, index_col=0, parse_dates=True)
        scores = turbulence_index(returns, window=120, min_observations=120)["turbulence"]
        assert scores.idxmax() == pd.Timestamp("2004-09-30")
        assert scores.max() == pytest.approx(71.0, abs=0.1)
        others = returns.loc["2004-09-30"].drop("MRK")
        assert abs(others.mean()) < 0.005


class TestLateListing:
    def test_an_asset_joins_once_it_has_enough_rows(self):
        returns = panel(80, 4, seed=6)
        returns.iloc[:40, 3] = np.nan
        table = turbulence_index(returns, window=60, min_observations=25)
        assert table["assets"].iloc[64] == 3
        assert table["assets"].iloc[65] == 4
        alone = turbulence_index(returns.iloc[:, :3], window=60, min_observations=25)
        np.testing.assert_array_equal(table["turbulence"][:65], alone["turbulence"][:65])


class TestHoliday:
    def test_an_asset_missing_today_is_left_out_and_n_counts_the_rest(self):
        returns = panel(60, 4, seed=7)
        returns.iloc[-1, 0] = np.nan
        row = turbulence_index(returns, window=50, min_observations=30).iloc[-1]
        rest = turbulence_index(returns.iloc[:, 1:], window=50, min_observations=30).iloc[-1]
        assert row["assets"] == 3
        assert row["turbulence"] == rest["turbulence"]

    def test_no_price_at_all_is_no_reading(self):
        returns = panel(60, 4, seed=7)
        returns.iloc[-1] = np.nan
        row = turbulence_index(returns, window=50, min_observations=30).iloc[-1]
        assert np.isnan(row["turbulence"])
        assert row["assets"] == 0


class TestSuspendedAsset:
    def test_one_that_does_not_move_carries_no_distance(self):
        returns = panel(60, 3, seed=8)
        returns.insert(0, "PEG", 0.1)
        table = turbulence_index(returns, window=50, min_observations=30)
        plain = turbulence_index(returns.iloc[:, 1:], window=50, min_observations=30)
        pd.testing.assert_frame_equal(table, plain, rtol=1e-12)
        ratio = absorption_ratio(returns, window=50, min_observations=30, share=0.34)
        assert ratio["assets"].iloc[-1] == 3
        assert np.isfinite(
            marchenko_pastur(returns, window=50, min_observations=30)["ratio"].iloc[-1]
        )


class TestAbsorption:
    def test_two_assets_by_hand(self):
        # Covariance proportional to [[1, ½], [½, 1]]: eigenvalues 1.5 and 0.5 of 2.
        rows = np.array([[1, 1], [1, 1], [1, 1], [-1, -1], [-1, -1], [-1, -1], [1, -1], [-1, 1]])
        ratio = absorption_ratio(pd.DataFrame(rows), window=8, min_observations=8, share=0.2)
        assert ratio["absorption_ratio"].iloc[-1] == pytest.approx(0.75)
        assert ratio["absorption_ratio"].iloc[:-1].isna().all()

    def test_equals_the_slow_twin(self):
        returns = panel(70, 10, seed=9, holes=0.01)
        fast = absorption_ratio(returns, window=40, min_observations=20, share=0.2)
        slow = naive_systemic.absorption_ratio(returns, 40, 20, 0.2)
        np.testing.assert_allclose(fast["absorption_ratio"], slow, rtol=1e-9)

    def test_one_driver_absorbs_all(self):
        driver = np.random.default_rng(1).standard_normal((50, 1))
        returns = pd.DataFrame(driver @ np.ones((1, 5)))
        ratio = absorption_ratio(returns, window=50, min_observations=50, share=0.2)
        assert ratio["absorption_ratio"].iloc[-1] == pytest.approx(1)

    def test_shift_by_hand(self):
        ratio = pd.Series([0.4, 0.6, 0.4, 0.6, 0.9, 0.9])
        shift = absorption_shift(ratio, short_window=2, long_window=4, min_observations=4)
        # Day 4: (0.75 − 0.5)/sd of (.4, .6, .4, .6); day 5 has 0.6, 0.4, 0.6, 0.9 before it.
        assert shift[4] == pytest.approx((0.75 - 0.5) / np.std([0.4, 0.6, 0.4, 0.6], ddof=1))
        before = [0.6, 0.4, 0.6, 0.9]
        assert shift[5] == pytest.approx((0.9 - np.mean(before)) / np.std(before, ddof=1))
        assert shift[:4].isna().all()

    def test_a_ratio_that_never_moved_has_no_shift(self):
        shift = absorption_shift(
            pd.Series(np.full(30, 0.1)), short_window=2, long_window=20, min_observations=10
        )
        assert shift.isna().all()


class TestNoise:
    def test_independent_returns_stay_at_the_edge(self):
        returns = panel(2000, 20, seed=10, common=0.0)
        row = marchenko_pastur(returns, window=2000, min_observations=2000).iloc[-1]
        assert row["edge"] == pytest.approx((1 + np.sqrt(20 / 2000)) ** 2)
        assert row["edge"] == pytest.approx(1.21)
        assert row["ratio"] == pytest.approx(1, abs=0.05)

    def test_a_common_factor_stands_out(self):
        returns = panel(500, 10, seed=11, common=1.0)
        row = marchenko_pastur(returns, window=250, min_observations=250).iloc[-1]
        # Equal correlation ½: λ₁ = 1 + 9·½ = 5.5.
        assert row["largest"] == pytest.approx(5.5, abs=1)
        assert row["share_above"] == pytest.approx(row["largest"] / 10)
        assert (row["assets"], row["rows"]) == (10, 250)


class TestNoLookAhead:
    @pytest.mark.parametrize("name", MEASURES)
    @pytest.mark.parametrize("cut", [25, 41, 79])
    def test_the_row_is_the_same_on_data_up_to_it(self, name, cut):
        returns = panel(90, 6, seed=12, holes=0.01)
        whole, part = MEASURES[name](returns), MEASURES[name](returns.iloc[: cut + 1])
        pd.testing.assert_frame_equal(whole.iloc[: cut + 1], part, check_exact=True)

    def test_there_are_values_to_compare(self):
        for measure in MEASURES.values():
            assert measure(panel(90, 6, seed=12, holes=0.01)).iloc[-1].notna().all()


class TestArguments:
    @pytest.mark.parametrize("name", MEASURES)
    def test_an_infinite_return_is_refused(self, name):
        returns = panel(50, 3, seed=1)
        returns.iloc[10, 1] = -np.inf
        said = "^returns must be finite or missing, got -inf for"
        with pytest.raises(ValueError, match=said):
            MEASURES[name](returns)

    @pytest.mark.parametrize("name", MEASURES)
    def test_no_session_and_no_asset_give_no_value(self, name):
        returns = panel(50, 3, seed=1)
        assert len(MEASURES[name](returns.iloc[:0])) == 0
        assert MEASURES[name](returns.iloc[:, :1]).iloc[:, 0].isna().all()

    @pytest.mark.parametrize(
        ("name", "asked", "said"),
        [
            (
                "window",
                {"window": 2, "min_observations": 2},
                "window must be at least 3, got 2",
            ),
            (
                "window",
                {"window": 20, "min_observations": 21},
                "min_observations must lie in 3 … window (20), got 21",
            ),
            (
                "window",
                {"window": 20, "min_observations": 2},
                "min_observations must lie in 3 … window (20), got 2",
            ),
            ("share", {"share": 1.0}, "share must lie between 0 and 1, got 1.0"),
            ("share", {"share": 0.0}, "share must lie between 0 and 1, got 0.0"),
            (
                "shift",
                {"short_window": 20},
                "short_window must lie in 1 … 19, got 20",
            ),
            (
                "shift",
                {"short_window": 0},
                "short_window must lie in 1 … 19, got 0",
            ),
            (
                "shift",
                {"min_observations": 1},
                "min_observations must lie in 2 … 20, got 1",
            ),
            (
                "shift",
                {"min_observations": 21},
                "min_observations must lie in 2 … 20, got 21",
            ),
        ],
    )
    def test_out_of_range(self, name, asked, said):
        returns = panel(50, 3, seed=1)
        calls = {
            "window": [
                lambda: turbulence_index(returns, **asked),
                lambda: marchenko_pastur(returns, **asked),
                lambda: absorption_ratio(returns, share=0.2, **asked),
            ],
            "share": [lambda: absorption_ratio(returns, window=20, min_observations=10, **asked)],
            "shift": [
                lambda: absorption_shift(
                    returns["A0"],
                    **({"short_window": 2, "long_window": 20, "min_observations": 10} | asked),
                )
            ],
        }
        for call in calls[name]:
            with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
                call()

    def test_the_ends_of_the_ranges_are_allowed(self):
        returns = panel(50, 3, seed=1)
        for rule in ({"window": 3, "min_observations": 3}, {"window": 20, "min_observations": 3}):
            assert turbulence_index(returns, **rule)["assets"].iloc[-1] == 3
        shift = absorption_shift(returns["A0"], short_window=1, long_window=2, min_observations=2)
        assert shift.notna().tolist() == [False, False] + [True] * 48

    def test_results_carry_the_sessions_and_their_names(self):
        returns = panel(50, 3, seed=1)
        named = {
            "turbulence": ["turbulence", "magnitude", "correlation_surprise", "assets"],
            "absorption": ["absorption_ratio", "assets"],
            "shift": ["absorption_shift"],
            "marchenko_pastur": ["largest", "edge", "ratio", "share_above", "assets", "rows"],
        }
        for name, columns in named.items():
            found = MEASURES[name](returns)
            assert found.index.equals(returns.index)
            assert found.columns.tolist() == columns
            for count in {"assets", "rows"} & set(columns):
                assert found[count].dtype == "int64"
                assert found[count].iloc[0] == 0
