"""Hamilton's autoregression about a switching mean: published figures, statsmodels, one session."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from models.errors import NotEnoughData
from models.markov_autoregression import MarkovAutoregressionFit, fit_markov_autoregression
from tests import naive_regimes
from tests.conftest import SHARED


def series(rows: int = 260) -> pd.Series:
    draw = np.random.default_rng(6)
    state = (np.arange(rows) // 40) % 2
    values, gap = np.empty(rows), 0.0
    for t in range(rows):
        gap = 0.3 * gap + 0.7 * draw.normal()
        values[t] = (1.5, -1.0)[state[t]] + gap
    return pd.Series(values, index=pd.period_range("1950Q1", periods=rows, freq="Q"))


def estimate(values: pd.Series, **changed: object) -> MarkovAutoregressionFit:
    terms: dict[str, object] = {
        "states": 2, "order": 1, "switching_volatility": False, "starts": 3, "seed": 0
    }  # fmt: skip
    return fit_markov_autoregression(values, **(terms | changed))  # type: ignore[arg-type]


class TestUnitedStatesGrowth:
    """Hamilton (1989), table I: quarterly growth of real GNP, 1951Q2 to 1984Q4."""

    @pytest.fixture(scope="class", name="found")
    @classmethod
    def _found(cls) -> tuple[MarkovAutoregressionFit, pd.DataFrame]:
        folder = SHARED / "references" / "markov"
        if not folder.exists():
            pytest.skip("the references are not beside this checkout")
        growth = pd.read_csv(folder / "hamilton_rgnp_1951Q2_1984Q4.csv")["rgnp"]
        published = pd.read_csv(folder / "hamilton_ar4_eviews_probabilities.csv")
        return estimate(growth, order=4, starts=6), published

    def test_parameters(self, found: tuple[MarkovAutoregressionFit, pd.DataFrame]) -> None:
        fit, _ = found
        assert fit.converged
        assert fit.agreeing >= 2
        assert fit.log_likelihood == pytest.approx(-181.26339, abs=1e-4)
        assert fit.transition[0, 0] == pytest.approx(0.754673, abs=1e-4)
        assert fit.transition[1, 0] == pytest.approx(0.095915, abs=1e-4)
        assert fit.means == pytest.approx([-0.358811, 1.163516], abs=1e-4)

    def test_probabilities(self, found: tuple[MarkovAutoregressionFit, pd.DataFrame]) -> None:
        fit, published = found
        assert np.abs(fit.filtered[1].to_numpy() - published["filtered"]).max() < 1e-5
        assert np.abs(fit.smoothed[1].to_numpy() - published["smoothed"]).max() < 1e-5


class TestStatsmodels:
    # Not order 2 with switching volatility: statsmodels 0.15 then gives row t the variance of
    # S_{t−1} (its reshape knows three axes); the twin below holds that case.
    @pytest.mark.parametrize(
        ("order", "switching"), [(0, False), (0, True), (1, False), (1, True), (2, False)]
    )
    def test_probabilities_at_our_parameters(self, order: int, switching: bool) -> None:
        values = series()
        fit = estimate(values, order=order, switching_volatility=switching, starts=2)
        kind = MarkovAutoregression if order else MarkovRegression
        extra = {"order": order, "switching_ar": False} if order else {}
        peer = kind(values.to_numpy(), k_regimes=2, switching_variance=switching, **extra)
        variances = fit.volatilities**2 if switching else fit.volatilities[:1] ** 2
        found = peer.smooth(
            np.concatenate([fit.transition[:, 0], fit.means, variances, fit.coefficients])
        )
        assert fit.log_likelihood == pytest.approx(found.llf, abs=1e-8)
        filtered = np.asarray(found.filtered_marginal_probabilities)
        assert np.abs(fit.filtered.to_numpy() - filtered).max() < 1e-10
        smoothed = np.asarray(found.smoothed_marginal_probabilities)
        assert np.abs(fit.smoothed.to_numpy() - smoothed).max() < 1e-10


class TestEveryHistory:
    @pytest.mark.parametrize("states", [2, 3])
    def test_likelihood(self, states: int) -> None:
        values = series(200)
        fit = estimate(values, order=2, states=states, switching_volatility=True, starts=1)
        expected = naive_regimes.autoregression_likelihood(
            values.to_numpy(), fit.means, fit.volatilities, fit.coefficients, fit.transition
        )
        assert fit.log_likelihood == pytest.approx(expected, abs=1e-8)


class TestOneSeries:
    def test_finds_what_was_simulated(self) -> None:
        fit = estimate(series())
        assert fit.means == pytest.approx([-1.0, 1.5], abs=0.4)
        assert fit.coefficients == pytest.approx([0.3], abs=0.2)

    def test_a_unit_changes_nothing_but_the_unit(self) -> None:
        plain, scaled = estimate(series()), estimate(1e-6 * series())
        assert scaled.means == pytest.approx(1e-6 * plain.means, rel=1e-3)
        assert scaled.log_likelihood - 259 * np.log(1e6) == pytest.approx(
            plain.log_likelihood, abs=1e-5
        )

    def test_a_gap_is_refused(self) -> None:
        values = series()
        values.iloc[9] = np.nan
        with pytest.raises(ValueError, match="no gap"):
            estimate(values)

    @pytest.mark.parametrize("values", [series().iloc[:5], pd.Series(np.ones(200))])
    def test_too_little_is_refused(self, values: pd.Series) -> None:
        with pytest.raises(NotEnoughData):
            estimate(values)

    def test_parameters_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="states must be 2 or 3"):
            estimate(series(), states=5)
