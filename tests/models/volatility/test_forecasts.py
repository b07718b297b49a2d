from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from models.volatility import fit_garch, variance_forecasts

TERMS = {"horizon": 21, "history": 100, "every": 50, "window": 400, "min_observations": 250}


@pytest.fixture(scope="module")
def returns():
    draw, variance, values = np.random.default_rng(11), 1e-4, []
    for _ in range(520):
        values.append(np.sqrt(variance) * draw.standard_t(6) / np.sqrt(1.5))
        variance = 3e-6 + 0.08 * values[-1] ** 2 + 0.89 * variance
    return pd.Series(values, pd.bdate_range("2024-01-02", periods=520))


class TestVarianceForecasts:
    def test_the_last_is_a_cold_fit_to_the_row_before_carried_a_step(self, returns):
        found = variance_forecasts(returns, **TERMS)
        fit = fit_garch(returns.iloc[-401:-1], min_observations=250)
        standing = replace(fit, sigma_next=fit.sigma_after(fit.sigma_next, returns.iloc[-1]))
        expected = float(np.mean(standing.forecast(21) ** 2))
        assert found["variance"].iloc[-1] == pytest.approx(expected, rel=1e-3)
        assert found["estimated_to"].iloc[-1] == returns.index[-2]

    def test_history_and_when_parameters_were_estimated(self, returns):
        found = variance_forecasts(returns, **TERMS)
        assert len(found) == 101
        assert found.index[-1] == returns.index[-1]
        assert (found["estimated_to"] < found.index).all()
        places = returns.index.get_indexer(found["estimated_to"].unique())
        assert (519 - places).tolist() == [101, 51, 1]
        assert set(found["model"]) == {"garch-t"}

    def test_a_row_knows_nothing_later(self, returns):
        whole = variance_forecasts(returns, **TERMS)
        spoiled = returns.copy()
        spoiled.iloc[-20:] *= 5
        other = variance_forecasts(spoiled, **TERMS)
        pd.testing.assert_frame_equal(whole.iloc[:-20], other.iloc[:-20], check_exact=True)
        assert other["variance"].iloc[-1] > whole["variance"].iloc[-1]

    def test_one_step_is_the_next_variance(self, returns):
        found = variance_forecasts(returns, **(TERMS | {"horizon": 1}))
        fit = fit_garch(returns.iloc[-401:-1], min_observations=250)
        expected = fit.sigma_after(fit.sigma_next, returns.iloc[-1]) ** 2
        assert found["variance"].iloc[-1] == pytest.approx(expected, rel=1e-3)

    def test_scale(self, returns):
        one, ten = (variance_forecasts(returns * size, **TERMS)["variance"] for size in (1, 10))
        np.testing.assert_allclose(ten, 100 * one, rtol=1e-4)

    def test_a_short_history_forecasts_what_it_can(self, returns):
        assert len(variance_forecasts(returns.iloc[:320], **TERMS)) == 51
        assert len(variance_forecasts(returns.iloc[:251], **TERMS)) == 1
        with pytest.raises(NotEnoughData, match="needs at least 251"):
            variance_forecasts(returns.iloc[:250], **TERMS)

    def test_a_holiday_is_stepped_over(self, returns):
        holed = returns.copy()
        holed.iloc[-3] = np.nan
        found = variance_forecasts(holed, **TERMS)
        assert holed.index[-3] not in found.index

    def test_refuses_no_horizon(self, returns):
        with pytest.raises(ValueError, match="horizon must be at least 1 session, got 0"):
            variance_forecasts(returns, **(TERMS | {"horizon": 0}))
