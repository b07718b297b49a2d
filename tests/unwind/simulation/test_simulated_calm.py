"""The calm market: volatilities, correlations and clustering of a real one."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.unwind.simulated_views import EVENT, MARKET, View, by_symbol
from unwind.settings import load_settings
from unwind.simulation.path import simulate_path
from unwind.simulation.processes import autoregression, conditional_variance, student
from unwind.simulation.scenarios import PLANS


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    """Sixteen years of them."""
    path = simulate_path(
        PLANS["calm"], seed=5, first=date(2010, 1, 4), last=date(2025, 12, 30), event=EVENT
    )
    closes = pd.DataFrame({symbol: path.closes(symbol) for symbol in path.prices})
    return np.log(closes).diff().iloc[1:]


@pytest.fixture(scope="module")
def calm() -> View:
    return View.of("calm")


class TestRecursions:
    def test_autoregression_by_hand(self):
        path = autoregression(np.array([1.0, 0.0, 2.0]), persistence=0.5)
        np.testing.assert_array_equal(path, [1.0, 0.5, 2.25])

    def test_variance_by_hand(self):
        # 0.1 + 0.1·1·2² + 0.8·1 = 1.3; then 0.1 + 0 + 0.8·1.3 = 1.14
        variance = conditional_variance(np.array([[2.0], [0.0]]), alpha=0.1, beta=0.8)
        np.testing.assert_allclose(variance[:, 0], [1.0, 1.3, 1.14], rtol=1e-15)

    def test_innovations_have_unit_variance_and_student_kurtosis(self):
        draws = student(np.random.Generator(np.random.PCG64(7)), (400_000,))
        assert draws.std() == pytest.approx(1.0, abs=0.01)
        # Student-t with ν = 6 has excess kurtosis 6/(ν − 4) = 3; its estimate converges slowly.
        assert 2.0 < pd.Series(draws).kurt() < 4.5


class TestCalm:
    @pytest.mark.parametrize(
        ("symbol", "low", "high"),
        [
            ("IBIT", 0.42, 0.60), ("SPY", 0.13, 0.20), ("QQQ", 0.17, 0.25), ("IGV", 0.20, 0.30),
            ("GLD", 0.14, 0.22), ("SLV", 0.27, 0.40), ("TLT", 0.11, 0.17), ("HYG", 0.04, 0.07),
            ("USDJPY", 0.08, 0.12), ("MSTR", 0.75, 1.10), ("ETHA", 0.62, 0.88),
        ],
    )  # fmt: skip
    def test_annual_volatility(self, symbol, low, high, returns):
        assert low < returns[symbol].std() * np.sqrt(252) < high

    @pytest.mark.parametrize(
        ("one", "other", "low", "high"),
        [
            ("IBIT", "IGV", 0.30, 0.50), ("IBIT", "GLD", 0.0, 0.20), ("SPY", "QQQ", 0.93, 0.98),
            ("IBIT", "SPY", 0.32, 0.54), ("GLD", "SLV", 0.6, 0.85), ("IBIT", "MSTR", 0.7, 0.9),
            ("GLD", "UUP", -0.5, -0.2), ("SPY", "TLT", -0.1, 0.2), ("IBIT", "ETHA", 0.75, 0.92),
        ],
    )  # fmt: skip
    def test_correlation(self, one, other, low, high, returns):
        assert low < returns[one].corr(returns[other]) < high

    @pytest.mark.parametrize("symbol", ["IBIT", "SPY", "GLD", "TLT", "MSTR"])
    def test_volatility_clusters_and_returns_do_not(self, symbol, returns):
        own = returns[symbol]
        band = 1.96 / np.sqrt(len(own))
        squares = [(own**2).autocorr(lag) for lag in range(1, 11)]
        assert np.mean(squares) > band
        assert abs(np.mean([own.autocorr(lag) for lag in range(1, 11)])) < band
        assert own.kurt() > 0.5

    @pytest.mark.market
    @pytest.mark.skipif(not MARKET.exists(), reason="no real market data beside the checkout")
    def test_volatilities_and_correlations_are_those_of_the_real_market(self, returns):
        prices = pd.read_parquet(MARKET / "ibit_era" / "prices.parquet")
        real = by_symbol(prices)
        real = real[real["SPY"].notna()].loc[: date(2026, 1, 15)]
        symbols = list(load_settings().universe.symbols)
        real_returns = np.log(real[symbols]).diff()
        simulated = returns[symbols]
        ratio = simulated.std() / real_returns.std()
        assert ratio.between(0.75, 1.3).all(), ratio
        gap = (simulated.corr() - real_returns.corr()).abs().drop(columns="USDJPY")
        assert gap.to_numpy().mean() < 0.08
        assert gap["IBIT"].max() < 0.2

    def test_volume_answers_to_the_size_of_the_move(self, calm):
        prices = calm.prices_of("IGV")
        size = np.log(prices["close"]).diff().abs()
        assert np.log(prices["volume"]).corr(size, method="spearman") > 0.3

    def test_truth_has_no_event(self, calm):
        truth = calm.market.truth
        assert truth.mechanism == "ordinary"
        assert truth.event_session is truth.first_session is truth.last_session is None
