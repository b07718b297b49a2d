import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.dcc import fit_dcc
from models.dcc_errors import two_step_errors
from models.garch import fit_garch
from tests import naive_dcc, naive_garch
from tests.models.test_dcc import simulate


def _returns(n: int, *, seed: int = 1) -> pd.DataFrame:
    """GARCH returns whose shocks follow a DCC."""
    z = simulate(n, 2, seed=seed)
    variance, rows = np.ones(2), []
    for shock in z.to_numpy():
        rows.append(0.01 * np.sqrt(variance) * shock)
        variance = 0.1 + 0.1 * variance * shock**2 + 0.8 * variance
    return pd.DataFrame(rows, index=z.index, columns=["IBIT", "IGV"])


def _both(returns: pd.DataFrame):
    fits = {
        name: fit_garch(column, min_observations=250, innovation="normal", start="rugarch")
        for name, column in returns.items()
    }
    z = pd.DataFrame({name: fit.residuals for name, fit in fits.items()})
    return fits, fit_dcc(z, kind="dcc", method="full", start="unconditional", min_observations=250)


class TestSlowTwin:
    def test_one_system_by_differences_of_all_scores(self) -> None:
        returns = _returns(300)
        fits, fit = _both(returns)
        assert fit.converged
        x = 100 * returns.to_numpy()
        start = [
            value
            for one in fits.values()
            for value in (100 * one.mu, 1e4 * one.omega, one.alpha, one.beta)
        ]
        start = np.array([*start, fit.a, fit.b])

        def rows(parameters: np.ndarray, place: int) -> np.ndarray:
            first, z = [], []
            for asset in range(2):
                mu, omega, alpha, beta = parameters[4 * asset : 4 * asset + 4]
                variance = naive_garch.variances(
                    x[:, asset], mu=mu, omega=omega, alpha=alpha, gamma=0.0, beta=beta,
                    model="garch", before=np.mean((x[:, asset] - mu) ** 2), first=True,
                )  # fmt: skip
                z.append((x[:, asset] - mu) / np.sqrt(variance))
                first.append(stats.norm.logpdf(z[-1]) - 0.5 * np.log(variance))
            if place < 8:
                return np.sum(first, axis=0)
            return naive_dcc.row_likelihoods(
                np.column_stack(z), kind="dcc", start="unconditional", a=parameters[8],
                b=parameters[9], presample=1.0,
            )  # fmt: skip

        def scores(parameters: np.ndarray) -> np.ndarray:
            columns = []
            for place in range(10):
                step = 1e-4 * max(abs(parameters[place]), 1e-2)
                ends = []
                for side in (step, -step):
                    moved = parameters.copy()
                    moved[place] += side
                    ends.append(rows(moved, place))
                columns.append((ends[0] - ends[1]) / (2 * step))
            return np.column_stack(columns)

        jacobian = np.empty((10, 10))
        for place in range(10):
            step = 1e-3 * max(abs(start[place]), 1e-2)
            ends = []
            for side in (step, -step):
                moved = start.copy()
                moved[place] += side
                ends.append(scores(moved).sum(axis=0))
            jacobian[:, place] = (ends[0] - ends[1]) / (2 * step)
        together = scores(start)
        inverse = np.linalg.inv(jacobian)
        slow = np.sqrt(np.diag(inverse @ together.T @ together @ inverse.T))[8:]
        found = two_step_errors(returns, fits, fit, start="rugarch")
        np.testing.assert_allclose(found, slow, rtol=0.02)


class TestCoverage:
    def test_truth_lies_within_three_errors(self) -> None:
        returns = _returns(4000, seed=3)
        fits, fit = _both(returns)
        errors = two_step_errors(returns, fits, fit, start="rugarch")
        assert (np.abs(np.array([fit.a, fit.b]) - [0.03, 0.95]) < 3 * errors).all()
        # Under the model both kinds agree but for what the first stage adds.
        np.testing.assert_allclose(errors, fit.sandwich_errors, rtol=0.5)


class TestRefusal:
    def test_unfinished_stages_and_holes(self) -> None:
        returns = _returns(500)
        fits, fit = _both(returns)
        holed = returns.copy()
        holed.iloc[7, 0] = np.nan
        with pytest.raises(ValueError, match="returns must be complete"):
            two_step_errors(holed, fits, fit, start="rugarch")
        rising = np.exp(np.linspace(-9, -2, 500)) * np.random.default_rng(1).normal(size=500)
        failed = fit_garch(
            pd.Series(rising, returns.index), min_observations=250, innovation="normal"
        )
        assert not failed.converged
        with pytest.raises(ValueError, match="both stages must have converged"):
            two_step_errors(returns, fits | {"IGV": failed}, fit, start="rugarch")
