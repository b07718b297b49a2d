"""The same figures under the conventions of others: `arch` in Python, rugarch and rmgarch in R."""

import warnings

import numpy as np
import pandas as pd
import pytest
from arch import arch_model

from models.dependence import correlation_path, fit_dcc
from models.volatility import GarchFit, fit_garch
from models.volatility import _kernels as kernels
from models.volatility._likelihood import INNOVATIONS, MODELS, STARTS
from tests import naive_garch
from tests.conftest import SHARED
from tests.reference.volatility import (
    RMGARCH_A,
    RMGARCH_B,
    RMGARCH_INTEGRATED,
    RMGARCH_LOG_LIKELIHOOD,
    RUGARCH,
    RUGARCH_JPM,
)

REFERENCES = SHARED / "references"
needs_references = pytest.mark.skipif(not REFERENCES.exists(), reason="no reference data here")
EVERY = [(model, law) for model in MODELS for law in INNOVATIONS]


def _simulated(n: int) -> pd.Series:
    """GJR returns with skewed, fat-tailed shocks, in decimals."""
    draw = np.random.default_rng(4)
    shock = draw.standard_t(6, n) * np.where(draw.random(n) < 0.5, 1.0, 0.8) * np.sqrt(4 / 6)
    variance, values = 1.0, np.empty(n)
    for t in range(n):
        values[t] = np.sqrt(variance) * shock[t]
        variance = 0.04 + (0.05 + 0.1 * (shock[t] < 0)) * values[t] ** 2 + 0.86 * variance
    return pd.Series(0.01 * values, index=pd.bdate_range("2018-01-01", periods=n))


def _xi(fit: GarchFit) -> float:
    """rugarch's ξ of Hansen's λ."""
    return float(np.sqrt((1 + fit.skew) / (1 - fit.skew)))


class TestPrintedLikelihood:
    """The printed log-likelihood is the textbook's at the printed parameters."""

    @pytest.mark.parametrize(("model", "law"), EVERY)
    @pytest.mark.parametrize("start", list(STARTS))
    def test_of_every_model_law_and_start(self, model: str, law: str, start: str) -> None:
        returns = _simulated(700)
        fit = fit_garch(returns, min_observations=250, model=model, innovation=law, start=start)
        assert fit.converged, fit.reason
        values, mu = returns.to_numpy(), fit.mu
        before = float(np.mean((values - mu) ** 2))
        if start == "backcast":
            weights = 0.94 ** np.arange(75)
            squares = (values - values.mean()) ** 2
            before = float(squares[:75] @ weights / weights.sum())
        variance = naive_garch.variances(
            values, mu=mu, omega=fit.omega, alpha=fit.alpha, gamma=np.nan_to_num(fit.gamma),
            beta=fit.beta, model=model, before=before, first=start == "rugarch",
        )  # fmt: skip
        np.testing.assert_allclose(fit.sigma, np.sqrt(variance), rtol=1e-9)
        told = naive_garch.log_likelihood(values, variance, mu, nu=fit.nu, xi=_xi(fit))
        assert fit.log_likelihood == pytest.approx(told - len(values) * np.log(100), abs=1e-5)

    @pytest.mark.parametrize("skew", [-0.4, 0.0, 0.3])
    def test_hansen_and_fernandez_steel_are_one_law(self, skew: float) -> None:
        z = np.linspace(-6, 6, 25)
        ours = [np.exp(kernels.log_density(one, kernels.SKEWED, 5.0, skew)) for one in z]
        xi = np.sqrt((1 + skew) / (1 - skew))
        np.testing.assert_allclose(ours, naive_garch.skewed_density(z, nu=5.0, xi=xi), rtol=1e-7)


class TestAgainstArch:
    """All models and laws on DM/GBP at `arch`'s own start-up: likelihood, parameters, errors."""

    @needs_references
    @pytest.mark.parametrize(("model", "law"), EVERY)
    def test_on_exchange_rates(self, model: str, law: str) -> None:
        percent = pd.read_csv(REFERENCES / "garch" / "dmbp.csv")["ret_pct"]
        fit = fit_garch(percent / 100, min_observations=250, model=model, innovation=law)
        told = arch_model(
            percent, vol="EGARCH" if model == "egarch" else "GARCH", p=1, o=int(model != "garch"),
            q=1, dist=law, rescale=False,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = told.fit(disp="off", show_warning=False)
            classic = told.fit(disp="off", show_warning=False, cov_type="classic")
        assert fit.converged
        assert fit.log_likelihood >= theirs.loglikelihood - 1e-5
        if fit.log_likelihood > theirs.loglikelihood + 1e-3:
            return  # `arch` alone stopped at a lower local maximum
        if fit.integrated:  # α + β at 1: `arch` has errors as if it were inside
            return
        np.testing.assert_allclose(100 * fit.sigma, theirs.conditional_volatility, rtol=2e-3)
        # The level of EGARCH depends on the unit of the returns, its error too.
        kept = ["mu", "alpha", "gamma", "beta", "nu"] if model == "egarch" else list(
            fit.standard_errors.index
        )  # fmt: skip
        unit = pd.Series({"mu": 100.0, "omega": 1e4}).reindex(fit.standard_errors.index).fillna(1.0)
        for kind, result in (("sandwich", theirs), ("hessian", classic)):
            errors = pd.Series(result.std_err.to_numpy(), index=fit.standard_errors.index)
            ours = fit.standard_errors[kind] * unit
            held = [name for name in kept if name in errors.index and ours.notna()[name]]
            np.testing.assert_allclose(ours[held], errors[held], rtol=0.1)

    @needs_references
    def test_covariances_of_the_parameters(self) -> None:
        percent = pd.read_csv(REFERENCES / "garch" / "dmbp.csv")["ret_pct"]
        fit = fit_garch(percent / 100, innovation="normal")
        model = arch_model(percent, vol="GARCH", p=1, q=1, rescale=False)
        unit = np.diag([100.0, 1e4, 1.0, 1.0])
        for kind, name in (("sandwich", "robust"), ("hessian", "classic")):
            theirs = model.fit(disp="off", show_warning=False, cov_type=name).param_cov.to_numpy()
            ours = unit @ fit.covariances[kind].to_numpy() @ unit
            size = np.sqrt(np.outer(np.diag(theirs), np.diag(theirs)))
            np.testing.assert_allclose(ours / size, theirs / size, atol=0.02)
            np.testing.assert_allclose(
                fit.standard_errors[kind] ** 2, np.diag(fit.covariances[kind])
            )

    @needs_references
    def test_outer_product_of_the_scores(self) -> None:
        percent = pd.read_csv(REFERENCES / "garch" / "dmbp.csv")["ret_pct"]
        fit = fit_garch(percent, innovation="normal")
        point = np.array([fit.mu, fit.omega, fit.alpha, fit.beta])
        squares = (percent.to_numpy() - percent.mean()) ** 2
        weights = 0.94 ** np.arange(75)

        def rows(mu: float, omega: float, alpha: float, beta: float) -> np.ndarray:
            variance = naive_garch.variances(
                percent.to_numpy(), mu=mu, omega=omega, alpha=alpha, gamma=0.0, beta=beta,
                model="garch", before=float(squares[:75] @ weights / weights.sum()), first=False,
            )  # fmt: skip
            return -0.5 * (np.log(variance) + (percent.to_numpy() - mu) ** 2 / variance)

        steps = np.diag(1e-5 * np.abs(point))
        scores = np.array(
            [(rows(*(point + h)) - rows(*(point - h))) / (2 * h.sum()) for h in steps]
        )
        expected = np.linalg.inv(scores @ scores.T)
        size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        np.testing.assert_allclose(fit.covariances["opg"] / size, expected / size, atol=1e-4)


class TestUnit:
    @pytest.mark.parametrize("model", list(MODELS))
    def test_errors_follow_the_unit_of_the_returns(self, model: str) -> None:
        returns = _simulated(700)
        one, other = (
            fit_garch(scale * returns, min_observations=250, model=model, innovation="normal")
            for scale in (1.0, 50.0)
        )
        expected = one.standard_errors.copy()
        expected.loc["mu"] *= 50
        if model != "egarch":
            expected.loc["omega"] *= 50**2
            np.testing.assert_allclose(other.standard_errors, expected, rtol=1e-3)
            return
        assert other.omega == pytest.approx(one.omega + (1 - one.beta) * 2 * np.log(50), rel=1e-4)
        rest = ["mu", "alpha", "gamma", "beta"]
        np.testing.assert_allclose(other.standard_errors.loc[rest], expected.loc[rest], rtol=1e-3)
        assert other.standard_errors.loc["omega", "hessian"] < one.standard_errors.loc[
            "omega", "hessian"
        ]  # fmt: skip


class TestRugarch:
    """R rugarch 1.4-9 on the S&P 500, rmgarch 1.3-9 on AA, AXP and BA, to the digits printed."""

    @needs_references
    @pytest.mark.parametrize(("model", "told"), RUGARCH.items())
    def test_likelihood_at_its_own_start(self, model: str, told: float) -> None:
        returns = pd.read_csv(REFERENCES / "garch" / "sp500ret.csv")["ret"]
        fit = fit_garch(
            returns, min_observations=250, model=model, innovation="normal", start="rugarch"
        )
        assert fit.log_likelihood == pytest.approx(told, abs=1e-4)

    @needs_references
    def test_both_stages_of_dcc(self) -> None:
        prices = pd.read_csv(REFERENCES / "garch" / "dji30ret.csv.gz", index_col=0)
        returns = prices[["AA", "AXP", "BA"]]
        fits = {
            name: fit_garch(column, min_observations=250, innovation="normal", start="rugarch")
            for name, column in returns.items()
        }
        z = pd.DataFrame({name: fit.residuals for name, fit in fits.items()})
        fit = fit_dcc(z, kind="dcc", method="full", start="rmgarch", min_observations=250)
        total = sum(one.log_likelihood for one in fits.values()) + fit.log_likelihood
        assert total == pytest.approx(RMGARCH_LOG_LIKELIHOOD, abs=2e-3)
        assert (fit.a, fit.b) == (
            pytest.approx(RMGARCH_A, abs=2e-6), pytest.approx(RMGARCH_B, abs=2e-6),
        )  # fmt: skip
        told = pd.read_csv(REFERENCES / "dcc" / "dji3_full_condcorr.csv", index_col=0)
        assert np.abs(correlation_path(z, fit).to_numpy() - told.to_numpy()).max() < 1e-5

    @needs_references
    def test_a_persistence_at_its_limit_is_a_margin_like_any_other(self) -> None:
        # With an EWMA of JPM in its place the log-likelihood was -21070.00.
        returns = pd.read_csv(REFERENCES / "garch" / "dji30ret.csv.gz", index_col=0)
        fits = {
            name: fit_garch(returns[name], innovation="normal", start="rugarch")
            for name in ("JPM", "XOM")
        }
        assert fits["JPM"].integrated
        assert fits["JPM"].log_likelihood == pytest.approx(RUGARCH_JPM, abs=0.01)
        z = pd.DataFrame({name: fit.residuals for name, fit in fits.items()})
        fit = fit_dcc(z, start="rmgarch", margins=fits)
        assert fit.converged
        assert fit.margins_not_converged == ()
        total = sum(one.log_likelihood for one in fits.values()) + fit.log_likelihood
        # R stops the persistence at 0.999, the log-likelihood here is higher.
        a, b, log_likelihood = RMGARCH_INTEGRATED
        assert log_likelihood < total < log_likelihood + 1
        assert (fit.a, fit.b) == (pytest.approx(a, abs=2e-4), pytest.approx(b, abs=2e-4))
