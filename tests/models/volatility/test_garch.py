import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from arch import arch_model
from scipy import integrate
from scipy.optimize import minimize

from models.errors import NotEnoughData
from models.volatility import _kernels as kernels
from models.volatility import fit_garch
from models.volatility._likelihood import (
    INNOVATIONS,
    MODELS,
    PARAMETERS,
    Likelihood,
    maximise,
    scaled,
    squares_before,
)
from tests import naive_garch
from tests.conftest import SHARED
from tests.reference.volatility import DM_GBP, DM_GBP_ERRORS, RUGARCH

REFERENCES = SHARED / "references" / "garch"
HISTORY = SHARED / "market" / "history" / "prices.parquet"
needs_references = pytest.mark.skipif(not REFERENCES.exists(), reason="no reference data here")
EVERY = [(model, law) for model in MODELS for law in INNOVATIONS]


def _simulated(n: int, *, seed: int = 3, alpha: float = 0.08, beta: float = 0.9) -> pd.Series:
    generator = np.random.default_rng(seed)
    nu, omega = 6.0, 0.01**2 * (1 - alpha - beta)
    shock = generator.standard_t(nu, n) * np.sqrt((nu - 2) / nu)
    variance, values = 0.01**2, np.empty(n)
    for t in range(n):
        values[t] = np.sqrt(variance) * shock[t]
        variance = omega + alpha * values[t] ** 2 + beta * variance
    return pd.Series(values, index=pd.bdate_range("2015-01-01", periods=n))


class TestFit:
    def test_finds_the_truth_it_was_drawn_from(self) -> None:
        fit = fit_garch(_simulated(8000), min_observations=250)
        assert fit.converged
        assert fit.alpha == pytest.approx(0.08, abs=0.025)
        assert fit.beta == pytest.approx(0.90, abs=0.03)
        assert fit.nu == pytest.approx(6, abs=1.2)

    def test_path_is_the_recursion_at_the_printed_parameters(self) -> None:
        returns = _simulated(600)
        fit = fit_garch(returns, min_observations=250)
        for t in range(100, 110):
            step = fit.sigma_after(float(fit.sigma.iloc[t]), float(returns.iloc[t]))
            assert step == pytest.approx(float(fit.sigma.iloc[t + 1]), rel=1e-9)
        assert fit.sigma_next == pytest.approx(
            fit.sigma_after(float(fit.sigma.iloc[-1]), float(returns.iloc[-1]))
        )

    def test_half_life_by_hand(self) -> None:
        fit = fit_garch(_simulated(600), min_observations=250)
        assert (fit.alpha + fit.beta) ** fit.half_life == pytest.approx(0.5)

    def test_scale_carries_through(self) -> None:
        returns = _simulated(600)
        one, ten = (fit_garch(scale * returns, min_observations=250) for scale in (1, 10))
        assert ten.sigma.iloc[-1] == pytest.approx(10 * one.sigma.iloc[-1], rel=1e-3)

    def test_missing_rows_are_stepped_over(self) -> None:
        returns = _simulated(600)
        with_gap = returns.copy()
        with_gap.iloc[300:310] = np.nan
        fit = fit_garch(with_gap, min_observations=250)
        assert fit.n == 590
        assert not fit.sigma.index.isin(returns.index[300:310]).any()


class TestTooLittle:
    def test_few_rows_are_refused_with_need_and_got(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 250 complete rows, got 20"):
            fit_garch(_simulated(20), min_observations=250)

    def test_a_constant_series_is_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="constant"):
            fit_garch(pd.Series(np.zeros(400)), min_observations=250)


class TestCrash:
    def test_one_absurd_day_is_flagged_or_survived_never_hidden(self) -> None:
        returns = _simulated(600)
        returns.iloc[300] = 1e4
        fit = fit_garch(returns, min_observations=250)
        assert fit.converged or ("EWMA" in fit.reason and fit.model == "ewma")
        assert np.isfinite(fit.sigma_next)


class TestPublished:
    @needs_references
    def test_dm_gbp(self) -> None:
        """Fiorentini, Calzolari and Panattoni (1996); McCullough and Renfro (1999)."""
        percent = pd.read_csv(REFERENCES / "dmbp.csv")["ret_pct"]
        fit = fit_garch(
            percent / 100, min_observations=250, innovation="normal", start="mean_square"
        )
        found = [100 * fit.mu, 1e4 * fit.omega, fit.alpha, fit.beta, fit.log_likelihood]
        np.testing.assert_allclose(found, DM_GBP, rtol=1e-5)
        # Their table 2: the Hessian's errors, to the digits printed.
        hessian = fit.standard_errors["hessian"] * [100, 1e4, 1, 1]
        np.testing.assert_allclose(hessian, DM_GBP_ERRORS, 1e-3)

    @needs_references
    @pytest.mark.parametrize(("model", "told"), RUGARCH.items())
    def test_standard_and_poors_in_rugarch(self, model: str, told: float) -> None:
        returns = pd.read_csv(REFERENCES / "sp500ret.csv")["ret"]
        for start in ("mean_square", "backcast"):
            fit = fit_garch(
                returns, min_observations=250, model=model, innovation="normal", start=start
            )
            assert fit.log_likelihood == pytest.approx(told, abs=0.3)


class TestAgainstArch:
    """`arch` prints the same figures; where it stops on a lower hill, ours is higher."""

    @pytest.mark.parametrize(("model", "law"), EVERY)
    def test_likelihood_and_path(self, model: str, law: str) -> None:
        returns = _simulated(900)
        fit = fit_garch(returns, min_observations=250, model=model, innovation=law)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = arch_model(
                100 * returns, vol="EGARCH" if model == "egarch" else "GARCH", p=1,
                o=int(model != "garch"), q=1, dist=law, rescale=False,
            ).fit(disp="off", show_warning=False)  # fmt: skip
        assert fit.converged
        assert fit.log_likelihood >= theirs.loglikelihood - 1e-4
        if fit.log_likelihood < theirs.loglikelihood + 1e-3:  # the same hill
            np.testing.assert_allclose(100 * fit.sigma, theirs.conditional_volatility, rtol=2e-3)
            np.testing.assert_allclose(
                fit.standard_errors["hessian"].iloc[2:], theirs.std_err.iloc[2:], rtol=0.8
            )


class TestLikelihood:
    @pytest.mark.parametrize(("model", "law"), EVERY)
    def test_gradient_is_the_slope_of_the_likelihood(self, model: str, law: str) -> None:
        values = _simulated(300).to_numpy() * 100
        theta = np.array([0.05, 0.05, 0.08, 0.05, 0.85, 7.0, -0.1])
        if model == "garch":
            theta[3] = 0.0
        arguments = (MODELS[model], INNOVATIONS[law], 1.1)
        free = [
            ("mu", "omega", "alpha", "gamma", "beta", "nu", "skew").index(name)
            for name in Likelihood(model=model, innovation=law, start="backcast").free
        ]
        for about_mean in (False, True):
            gradient, other, outer = np.empty(7), np.empty(7), np.empty((7, 7))
            kernels.scores(values, theta, *arguments, about_mean, gradient, outer, True)
            for place in free:
                ends = []
                for side in (1e-6, -1e-6):
                    moved = theta.copy()
                    moved[place] += side
                    ends.append(
                        kernels.scores(values, moved, *arguments, about_mean, other, outer, False)
                    )
                slope = (ends[0] - ends[1]) / 2e-6
                assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-4)

    @pytest.mark.parametrize("model", list(MODELS))
    def test_path_and_value_equal_the_textbook(self, model: str) -> None:
        values = _simulated(200).to_numpy() * 100
        gamma = 0.0 if model == "garch" else 0.05
        theta = np.array([0.05, 0.05, 0.08, gamma, 0.85, 7.0, 0.0])
        named = dict(zip(("mu", "omega", "alpha", "gamma", "beta"), theta, strict=False))
        variance, arguments = np.empty(201), (1.1, kernels.GIVEN)
        kernels.variances(values, theta, MODELS[model], *arguments, variance)
        found = kernels.scores(
            values, theta, MODELS[model], 1, *arguments, np.empty(7), np.empty((7, 7)), False
        )
        obvious = naive_garch.variances(values, **named, model=model, before=1.1)
        np.testing.assert_allclose(variance[:-1], obvious, rtol=1e-12)
        assert found == pytest.approx(
            naive_garch.student_log_likelihood(values, obvious, 0.05, 7.0), rel=1e-12
        )

    @pytest.mark.parametrize(("nu", "skew"), [(4.0, 0.0), (6.0, -0.3), (30.0, 0.7)])
    def test_shocks_have_mean_zero_and_variance_one(self, nu: float, skew: float) -> None:
        for power, told in ((0, 1.0), (1, 0.0), (2, 1.0)):
            found, _ = integrate.quad(
                lambda z, power=power: (
                    z**power * np.exp(kernels.log_density(z, kernels.SKEWED, nu, skew))
                ),
                -np.inf, np.inf, limit=200,
            )  # fmt: skip
            assert found == pytest.approx(told, abs=1e-5)

    def test_backcast_by_hand(self) -> None:
        values = np.array([1.0, -1.0, 2.0, -2.0])
        weights = np.array([1, 0.94, 0.94**2, 0.94**3])
        kind = Likelihood(model="garch", innovation="t", start="backcast")
        by_hand = (weights * values**2).sum() / weights.sum()
        assert squares_before(values, kind) == pytest.approx(by_hand)


class TestForecast:
    def test_reverts_to_the_long_run_level(self) -> None:
        fit = fit_garch(_simulated(3000), min_observations=250)
        level = np.sqrt(fit.omega / (1 - fit.alpha - fit.beta))
        path = fit.forecast(2000)
        assert path[0] == fit.sigma_next
        assert path[-1] == pytest.approx(level, rel=1e-3)
        assert (np.diff(np.abs(path - level)) <= 1e-15).all()

    @pytest.mark.parametrize("model", ["gjr", "egarch"])
    def test_twenty_one_sessions_are_finite(self, model: str) -> None:
        path = fit_garch(_simulated(900), min_observations=250, model=model).forecast(21)
        assert path.shape == (21,)
        assert np.isfinite(path).all()
        assert (path > 0).all()


class TestVolatilityThatOnlyRises:
    def test_a_persistence_at_its_limit_is_published_and_flagged(self) -> None:
        shocks = np.random.default_rng(1).normal(size=600)
        rising = pd.Series(np.exp(np.linspace(-9, -2, 600)) * shocks)
        fit = fit_garch(rising, min_observations=250, innovation="normal")
        assert fit.model == "garch"
        assert fit.converged
        assert fit.integrated
        assert fit.persistence == pytest.approx(1.0)
        assert "persistence at its limit 1" in fit.reason
        # Without reversion the forecast rises by ω a session.
        path = fit.forecast(3) ** 2
        np.testing.assert_allclose(np.diff(path), fit.omega, rtol=1e-6)
        # β is given by α and the limit: it has no error of its own.
        errors = fit.standard_errors
        assert np.isnan(errors.loc["beta"]).all()
        assert errors.loc[["mu", "alpha"]].notna().all().all()


class TestCreditCrisis:
    """SPY at each quarter-end from 2008 to 2012, where the persistence is often at its limit."""

    @pytest.mark.market
    @pytest.mark.skipif(not HISTORY.exists(), reason="no market data here")
    def test_every_quarter_is_a_garch_and_not_an_ewma(self) -> None:
        prices = pd.read_parquet(HISTORY).query("symbol == 'SPY'")
        closes = pd.Series(
            prices["adj_close"].to_numpy(), index=pd.DatetimeIndex(prices["session"])
        ).sort_index()
        returns = np.log(closes).diff().dropna()
        fits = [
            fit_garch(returns.loc[:end].iloc[-1500:])
            for end in pd.date_range("2008-12-31", "2012-12-31", freq="QE")
        ]
        assert all(fit.model == "garch" and fit.converged for fit in fits)
        integrated = [fit for fit in fits if fit.persistence > 0.9999]
        assert len(integrated) == 14
        assert all(fit.integrated for fit in integrated)
        assert all(fit.standard_errors.loc["beta"].isna().all() for fit in integrated)


class TestMarketThatDies:
    def test_a_variance_that_fades_to_zero_is_a_labelled_fallback(self) -> None:
        shocks = np.random.default_rng(1).normal(size=600)
        fading = pd.Series(np.where(np.arange(600) < 300, 0.01, 1e-9) * shocks)
        fit = fit_garch(fading, min_observations=250, innovation="normal")
        assert not fit.converged
        assert fit.model == "ewma"
        assert "EWMA is used instead" in fit.reason
        assert fit.rejected is not None
        assert not fit.rejected.converged
        assert np.isfinite(fit.rejected.log_likelihood)


class TestNearIntegrated:
    """Local maxima on the constraints, where a projected step would stall."""

    # On series 39 the maximiser stopped on α + γ = 0, 0.04 below the maximum inside.
    @pytest.mark.parametrize(
        "seeds",
        [[*range(12), 39], pytest.param(range(150), marks=pytest.mark.at_length)],
        ids=["13 series", "150 series"],
    )
    @pytest.mark.parametrize("law", ["normal", "t"])
    @pytest.mark.parametrize("model", ["garch", "gjr"])
    def test_no_converged_maximum_lies_below_the_constrained_one(
        self, model: str, law: str, seeds: Sequence[int]
    ) -> None:
        likelihood = Likelihood(model=model, innovation=law, start="backcast")
        gaps = []
        for seed in seeds:
            values = scaled(_near_integrated(seed))[0]
            for guess in likelihood.guesses(values):
                maximum = maximise(values, likelihood, guess)
                assert maximum.converged
                gaps.append(_by_slsqp(values, likelihood, maximum.theta) - maximum.value)
        assert max(gaps) < 1e-3


def _near_integrated(seed: int) -> pd.Series:
    """GARCH with α 0.08 and β 0.91, 600 rows after 200 of warm-up."""
    shocks = np.random.default_rng(seed).normal(size=800)
    variance, drawn = 1.0, np.empty(800)
    for t, z in enumerate(shocks):
        drawn[t] = np.sqrt(variance) * z
        variance = 0.01 + 0.08 * drawn[t] ** 2 + 0.91 * variance
    return pd.Series(drawn[200:])


def _by_slsqp(values: np.ndarray, likelihood: Likelihood, theta: np.ndarray) -> float:
    """Highest log-likelihood of a general constrained maximiser with the exact gradient."""
    free = [PARAMETERS.index(name) for name in likelihood.free]
    gradient, information = np.empty(7), np.empty((7, 7))
    codes = MODELS[likelihood.model], INNOVATIONS[likelihood.innovation]
    before = squares_before(values, likelihood)

    def point(free_values: np.ndarray) -> np.ndarray:
        whole = theta.copy()
        whole[free] = free_values
        return whole

    def objective(free_values: np.ndarray) -> tuple[float, np.ndarray]:
        value = kernels.scores(
            values, point(free_values), *codes, before, kernels.GIVEN, gradient, information, False
        )
        if value == -np.inf:
            return 1e10, np.zeros(len(free))
        return -value, -gradient[free]

    def constraint(weights: list[float], limit: float) -> dict:
        slope = np.zeros(7)
        slope[2:5] = weights
        return {
            "type": "ineq",
            "fun": lambda at: limit + slope @ point(at),
            "jac": lambda at: slope[free],
        }

    low, high = likelihood.bounds()
    found = minimize(
        objective, theta[free], jac=True, method="SLSQP", bounds=[(low[k], high[k]) for k in free],
        constraints=[constraint([-1, -0.5, -1], 1.0), constraint([1, 1, 0], 0.0)],
        options={"maxiter": 300, "ftol": 1e-10},
    )  # fmt: skip
    return -float(found.fun)


class TestRefusal:
    @pytest.mark.parametrize("name", ["model", "innovation", "start"])
    def test_unknown_choices_are_named(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"{name} must be one of .*got other"):
            fit_garch(_simulated(300), min_observations=250, **{name: "other"})

    def test_an_infinite_return_is_refused(self) -> None:
        returns = _simulated(300)
        returns.iloc[5] = np.inf
        with pytest.raises(ValueError, match="finite or NaN"):
            fit_garch(returns, min_observations=250)
