import numpy as np
import pandas as pd
import pytest

from features.cross_section import robust_z
from features.derivatives import implied_gap, term_ratio
from features.returns import trailing_volatility

BASELINE = {"window": 40, "min_observations": 20}


def series(values):
    return pd.Series(values, pd.bdate_range("2025-01-02", periods=len(values)), dtype=float)


class TestImpliedGap:
    def test_by_hand(self):
        # √(252 · 0.0009) = 0.47623…; 0.60 less that
        gaps = implied_gap(series([0.6]), series([0.0009]), **BASELINE)
        assert gaps["forecast"].item() == pytest.approx(0.4762352359916263)
        assert gaps["gap"].item() == pytest.approx(0.1237647640083737)
        assert np.isnan(gaps["z"].item())

    def test_z_is_against_the_gaps_before(self):
        draw = np.random.default_rng(0)
        implied = series(0.5 + 0.05 * draw.standard_normal(60))
        variance = series(0.0008 + 0.0002 * draw.random(60))
        gaps = implied_gap(implied, variance, **BASELINE)
        pd.testing.assert_series_equal(
            gaps["z"], robust_z(gaps["gap"], **BASELINE), check_names=False
        )

    def test_the_row_is_the_same_on_data_up_to_it(self):
        draw = np.random.default_rng(1)
        implied, variance = series(0.4 + 0.1 * draw.random(80)), series(0.001 * draw.random(80))
        whole = implied_gap(implied, variance, **BASELINE)
        part = implied_gap(implied.iloc[:50], variance, **BASELINE)
        pd.testing.assert_frame_equal(whole.iloc[:50], part, check_exact=True)

    def test_a_missing_side_is_missing(self):
        gaps = implied_gap(series([0.5, np.nan, 0.5]), series([0.001, 0.001, np.nan]), **BASELINE)
        assert gaps["gap"].isna().tolist() == [False, True, True]

    def test_refuses_a_volatility_of_zero(self):
        with pytest.raises(ValueError, match="^implied must be above 0, got 0"):
            implied_gap(series([0.5, 0.0]), series([0.001]), **BASELINE)
        with pytest.raises(ValueError, match="^variance must not be negative, got -0.001"):
            implied_gap(series([0.5, 0.5]), series([0.001, -0.001]), **BASELINE)

    def test_a_variance_of_zero_is_a_forecast(self):
        gaps = implied_gap(series([0.5]), series([0.0]), **BASELINE)
        assert gaps["gap"].tolist() == [0.5]
        assert gaps.columns.tolist() == ["implied", "forecast", "gap", "z"]
        assert gaps["implied"].tolist() == [0.5]


class TestTermRatio:
    def test_inverted_on_the_fifth_of_february(self):
        # VIX 21.77 that day; above 1 is inverted
        ratio = term_ratio(series([16.0, 22.3]), series([18.6, 21.77]), **BASELINE)["ratio"]
        assert ratio.tolist() == pytest.approx([0.8602150537634409, 1.0243454294901240])

    def test_knows_no_unit_and_holes_stay(self):
        near, far = series([16.0, np.nan, 20.0]), series([18.0, 18.0, 18.0])
        percent = term_ratio(near, far, **BASELINE)
        pd.testing.assert_frame_equal(percent, term_ratio(near / 100, far / 100, **BASELINE))
        assert percent["ratio"].isna().tolist() == [False, True, False]

    def test_is_scored_against_the_ratios_before(self):
        draw = np.random.default_rng(2)
        near, far = series(16 + draw.random(60)), series(18 + draw.random(60))
        found = term_ratio(near, far, **BASELINE)
        expected = robust_z(near / far, **BASELINE)
        assert expected.notna().sum() == 40
        pd.testing.assert_series_equal(found["z"], expected, check_names=False)

    def test_refuses_a_volatility_of_zero(self):
        for near, far, name in (([0.5, 0.0], [0.6, 0.6], "near"), ([0.5], [0.6, 0.0], "far")):
            with pytest.raises(ValueError, match=f"^{name} must be above 0, got 0"):
                term_ratio(series(near), series(far), **BASELINE)


class TestTrailingVolatility:
    def test_by_hand(self):
        held = trailing_volatility(series([9, 0.01, np.nan, -0.02]), window=3, min_observations=2)
        assert held == pytest.approx(np.sqrt(252 * (0.0001 + 0.0004) / 2))

    def test_too_few_is_unknown(self):
        assert np.isnan(trailing_volatility(series([0.01]), window=5, min_observations=2))
