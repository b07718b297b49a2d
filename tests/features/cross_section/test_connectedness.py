import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.api import VAR

from features.cross_section import (
    full_sample_connectedness,
    generalised_variance_decomposition,
    rolling_connectedness,
)
from tests import naive_systemic


def transmitters(n_sessions, *, seed, spill=0.5):
    """First series drives the others one session later."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_sessions, 3))
    for t in range(1, n_sessions):
        values[t, 1:] += spill * values[t - 1, 0]
    return pd.DataFrame(
        values, pd.bdate_range("2023-01-02", periods=n_sessions), ["IGV", "IBIT", "GLD"]
    )


class TestDecomposition:
    def test_two_series_one_step_by_hand(self):
        # H = 1: A_0 = I. θ_12 = σ_12²/(σ_22 σ_11) = 0.25, θ_11 = 1; rows: 1/1.25 and 0.25/1.25.
        covariance = np.array([[4.0, 3.0], [3.0, 9.0]])
        shares = generalised_variance_decomposition(np.zeros((1, 2, 2)), covariance, horizon=1)
        np.testing.assert_allclose(shares, [[0.8, 0.2], [0.2, 0.8]], rtol=1e-14)

    def test_two_series_two_steps_by_hand(self):
        # Φ = [[0, 0], [½, 0]], Σ = I: x₂'s second step holds ½ of x₁'s shock.
        # θ_21 = ¼/(1+¼) = 0.2, θ_22 = 1/(1+¼) = 0.8; x₁ is its own.
        shares = generalised_variance_decomposition(
            np.array([[[0.0, 0.0], [0.5, 0.0]]]), np.eye(2), horizon=2
        )
        np.testing.assert_allclose(shares, [[1, 0], [0.2, 0.8]], rtol=1e-14)

    def test_equals_the_slow_twin(self):
        rng = np.random.default_rng(3)
        coefficients = 0.2 * rng.standard_normal((3, 4, 4))
        half = rng.standard_normal((4, 4))
        covariance = half @ half.T
        for horizon in (1, 2, 7):
            np.testing.assert_allclose(
                generalised_variance_decomposition(coefficients, covariance, horizon=horizon),
                naive_systemic.generalised_decomposition(coefficients, covariance, horizon),
                rtol=1e-12,
            )

    def test_no_step_ahead_is_refused(self):
        with pytest.raises(ValueError, match="^horizon must be at least 1, got 0"):
            generalised_variance_decomposition(np.zeros((1, 2, 2)), np.eye(2), horizon=0)


class TestAgainstStatsmodels:
    @pytest.mark.parametrize("lags", [1, 2, 4])
    def test_same_autoregression_and_moving_average(self, lags):
        series = transmitters(400, seed=lags)
        fit = VAR(series.to_numpy()).fit(lags)
        covariance, responses = np.asarray(fit.sigma_u), fit.ma_rep(9)
        due = sum((a @ covariance) ** 2 for a in responses) / np.diag(covariance)
        shares = due / sum(np.diag(a @ covariance @ a.T) for a in responses)[:, None]
        shares /= shares.sum(axis=1, keepdims=True)
        ours = full_sample_connectedness(series, lags=lags, horizon=10)
        np.testing.assert_allclose(ours.table, shares, rtol=1e-9, atol=1e-12)
        assert ours.n == fit.nobs


class TestTransmission:
    def test_the_driver_gives_and_the_driven_receive(self):
        result = full_sample_connectedness(transmitters(2000, seed=1), lags=1, horizon=10)
        assert result.net["IGV"] > 0.3
        assert result.net["IBIT"] < 0
        assert result.net["GLD"] < 0
        # Two steps: 0.25/1.25 of each driven series, nothing of the driver.
        assert result.from_others["IBIT"] == pytest.approx(0.2, abs=0.05)
        assert result.from_others["IGV"] == pytest.approx(0, abs=0.02)
        assert result.total == pytest.approx(result.from_others.mean())

    @given(
        seed=st.integers(0, 1000), factors=st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3)
    )
    @settings(max_examples=20, deadline=None)
    def test_bounds_identities_units_and_order(self, seed, factors):
        series = transmitters(120, seed=seed)
        result = full_sample_connectedness(series, lags=1, horizon=5)
        np.testing.assert_allclose(result.table.sum(axis=1), 1)
        assert result.table.to_numpy().min() >= 0
        assert 0 <= result.total < 1
        assert result.net.sum() == pytest.approx(0, abs=1e-12)
        other = full_sample_connectedness(
            (series * factors)[["GLD", "IGV", "IBIT"]], lags=1, horizon=5
        )
        pd.testing.assert_frame_equal(
            result.table, other.table.loc[series.columns, series.columns], rtol=1e-7, atol=1e-10
        )

    def test_directions_are_sums_of_the_table(self):
        result = full_sample_connectedness(transmitters(120, seed=4), lags=2, horizon=5)
        table = result.table
        own = np.diag(table)
        for name, expected in (
            ("from_others", table.sum(axis=1) - own),
            ("to_others", table.sum(axis=0) - own),
            ("net", table.sum(axis=0) - table.sum(axis=1)),
        ):
            found = getattr(result, name)
            pd.testing.assert_series_equal(found, expected, rtol=1e-12)
            assert found.index.tolist() == ["IGV", "IBIT", "GLD"]
        assert table.index.tolist() == table.columns.tolist() == ["IGV", "IBIT", "GLD"]


ROLLING = {"lags": 1, "horizon": 5, "window": 60, "min_observations": 40}


class TestRolling:
    def test_each_session_equals_its_own_sample(self):
        series = transmitters(150, seed=5)
        rolling = rolling_connectedness(series, **ROLLING, every=1)
        for t in (45, 59, 60, 149):
            alone = full_sample_connectedness(
                series.iloc[max(0, t - 59) : t + 1], lags=1, horizon=5
            )
            assert rolling.total.iloc[t] == pytest.approx(alone.total, rel=1e-12)
            np.testing.assert_allclose(rolling.net.iloc[t], alone.net, rtol=1e-9, atol=1e-12)
            assert rolling.n.iloc[t] == alone.n

    def test_results_carry_sessions_and_names(self):
        series = transmitters(60, seed=5)
        rolling = rolling_connectedness(series, **ROLLING, every=1)
        for name in ("from_others", "to_others", "net"):
            assert getattr(rolling, name).index.equals(series.index)
            assert getattr(rolling, name).columns.equals(series.columns)
        alone = full_sample_connectedness(series, lags=1, horizon=5)
        for name in ("from_others", "to_others"):
            np.testing.assert_allclose(
                getattr(rolling, name).iloc[-1], getattr(alone, name), rtol=1e-9, atol=1e-12
            )
        for name in ("total", "estimated_at", "n"):
            assert getattr(rolling, name).index.equals(series.index)
        assert (rolling.total.name, rolling.n.name) == ("total", "n")
        assert rolling.n.dtype == "int64"
        assert rolling.estimated_at.dtype.kind == "M"

    def test_the_first_estimate_comes_with_the_fewest_rows(self):
        # 40 observations are asked for: row 39 has them, and its regression 39
        series = transmitters(60, seed=5)
        rolling = rolling_connectedness(series, **ROLLING, every=1)
        assert rolling.total.first_valid_index() == series.index[39]
        assert rolling.n.iloc[38:41].tolist() == [0, 39, 40]
        # more than 2·(1 + 3) rows of a regression: the tenth session gives the ninth row
        short = rolling_connectedness(series, **(ROLLING | {"min_observations": 3}), every=1)
        assert short.total.first_valid_index() == series.index[9]
        # a window no longer than the fewest observations is allowed
        tight = rolling_connectedness(series, **(ROLLING | {"window": 40}), every=1)
        assert tight.total.first_valid_index() == series.index[39]

    def test_scattered_holes_may_leave_too_few_rows(self):
        # every series has its 40 values, the regression far fewer complete rows
        series = transmitters(60, seed=5)
        for place in range(3):
            series.iloc[place * 7 : place * 7 + 7, place] = np.nan
        rolling = rolling_connectedness(series, **ROLLING, every=1)
        assert series.notna().sum().min() >= 40
        assert rolling.total.isna().all()
        assert rolling.estimated_at.isna().all()
        fewer = rolling_connectedness(series, **(ROLLING | {"min_observations": 39}), every=1)
        assert fewer.n.iloc[-1] == 38
        assert fewer.total.notna().tolist() == [False] * 59 + [True]

    def test_between_estimates_the_last_one_stands_and_says_from_when(self):
        series = transmitters(150, seed=5)
        daily = rolling_connectedness(series, **ROLLING, every=1)
        weekly = rolling_connectedness(series, **ROLLING, every=5)
        assert weekly.total.iloc[104] == daily.total.iloc[100]
        assert weekly.estimated_at.iloc[104] == series.index[100]
        assert weekly.total.iloc[105] == daily.total.iloc[105]
        assert weekly.total.iloc[:40].isna().all()
        assert weekly.estimated_at.iloc[:40].isna().all()
        assert (weekly.n.iloc[:40] == 0).all()

    @pytest.mark.parametrize("every", [1, 4])
    @pytest.mark.parametrize("cut", [50, 93, 118])
    def test_no_look_ahead(self, every, cut):
        series = transmitters(130, seed=6)
        series.iloc[70:75, 1] = np.nan
        whole = rolling_connectedness(series, **ROLLING, every=every)
        part = rolling_connectedness(series.iloc[: cut + 1], **ROLLING, every=every)
        assert whole.total.iloc[cut] > 0
        for name in ("total", "estimated_at", "n"):
            pd.testing.assert_series_equal(
                getattr(whole, name).iloc[: cut + 1], getattr(part, name), check_exact=True
            )
        for name in ("from_others", "to_others", "net"):
            pd.testing.assert_frame_equal(
                getattr(whole, name).iloc[: cut + 1], getattr(part, name), check_exact=True
            )


class TestLateListing:
    def test_the_new_asset_is_missing_until_it_has_rows(self):
        series = transmitters(150, seed=7)
        series.loc[series.index[:80], "GLD"] = np.nan
        rolling = rolling_connectedness(
            series, lags=1, horizon=5, window=60, min_observations=40, every=1
        )
        assert np.isnan(rolling.net["GLD"].iloc[118])
        assert np.isfinite(rolling.net["IBIT"].iloc[118])
        pair = full_sample_connectedness(series.iloc[59:119, :2], lags=1, horizon=5)
        assert rolling.total.iloc[118] == pytest.approx(pair.total)
        # Row 119 holds the 40th value of the newcomer; its first has no lag.
        assert np.isfinite(rolling.net["GLD"].iloc[119])


class TestCannotTell:
    def test_a_failed_estimate_is_missing_not_the_last_good_one(self):
        series = transmitters(160, seed=8)
        series.loc[series.index[60:], "GLD"] = series["IBIT"].iloc[60:]
        rolling = rolling_connectedness(
            series, lags=1, horizon=5, window=60, min_observations=40, every=1
        )
        assert np.isfinite(rolling.total.iloc[59])
        assert np.isnan(rolling.total.iloc[-1])
        assert rolling.n.iloc[-1] == 0

    def test_messages(self):
        series = transmitters(100, seed=1)
        one = {"lags": 1, "horizon": 5}
        for frame, asked, said in (
            (
                series.iloc[:9],
                one,
                "connectedness needs more than 8 complete rows for 3 series and 1 lags, got 8; "
                "lengthen the window or name fewer series",
            ),
            (
                series.iloc[:2],
                one | {"lags": 5},
                "connectedness needs more than 32 complete rows for 3 series and 5 lags, got 0; "
                "lengthen the window or name fewer series",
            ),
            (series[["IGV"]], one, "connectedness needs at least 2 series, got 1; name more"),
            (
                series.assign(TWIN=2 * series["IGV"]),
                one,
                "connectedness needs linearly independent series, got collinear ones; "
                "leave one out",
            ),
            (
                series.assign(PEG=0.1),
                one,
                "connectedness needs series that vary, got a constant one; leave it out",
            ),
            (
                series.replace(series.iloc[3, 0], np.inf),
                one,
                "series must be finite or missing, got inf for",
            ),
            (series, one | {"lags": 0}, "lags must be at least 1, got 0"),
            (series, one | {"horizon": 0}, "horizon must be at least 1, got 0"),
        ):
            with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
                full_sample_connectedness(frame, **asked)
        assert full_sample_connectedness(series.iloc[:10], lags=1, horizon=1).n == 9
        for changed, said in (
            ({"lags": 0}, "lags must be at least 1, got 0"),
            ({"every": 0}, "every must be at least 1, got 0"),
            (
                {"min_observations": 61},
                "min_observations must lie in 3 … window (60), got 61",
            ),
            (
                {"min_observations": 2},
                "min_observations must lie in 3 … window (60), got 2",
            ),
        ):
            with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
                rolling_connectedness(series, **(ROLLING | {"every": 1} | changed))

    def test_a_hole_leaves_out_the_rows_that_touch_it(self):
        series = transmitters(100, seed=2)
        series.iloc[50, 1] = np.nan
        assert full_sample_connectedness(series, lags=2, horizon=5).n == 98 - 3
