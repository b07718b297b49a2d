from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from models.dependence import DccFit, correlation_path, filter_dcc, fit_dcc
from models.dependence import _likelihood as dcc_likelihood
from models.dependence.dcc import Kind
from models.errors import NotEnoughData
from models.volatility import fit_garch
from tests import naive_dcc
from tests.conftest import SHARED

DOW = SHARED / "references" / "garch" / "dji30ret.csv.gz"
PRICES = SHARED / "market" / "ibit_era" / "prices.parquet"
RMGARCH = SHARED / "references" / "dcc" / "dji3_full_condcorr.csv"
KINDS = get_args(Kind)
EVERY_START = [("dcc", "unconditional"), ("cdcc", "unconditional"), ("adcc", "unconditional"),
               ("dcc", "rmgarch"), ("adcc", "rmgarch")]  # fmt: skip
PLAIN = {"method": "full", "start": "unconditional", "min_observations": 100}
TRUTH = {"dcc": (0.03, 0.95, 0.0), "cdcc": (0.03, 0.95, 0.0), "adcc": (0.03, 0.93, 0.02)}


def simulate(n: int, assets: int, *, kind: Kind = "dcc", seed: int = 1) -> pd.DataFrame:
    """Residuals from the recursion itself, around a correlation of one half."""
    a, b, g = TRUTH[kind]
    generator = np.random.default_rng(seed)
    S = 0.5 * np.eye(assets) + 0.5
    # E[nn'] of a standard normal pair of correlation ½: ½ on the diagonal, and off it
    # (√(1 − ρ²) + ρ(π/2 + arcsin ρ)) / 2π.
    off = (np.sqrt(0.75) + 0.5 * (np.pi / 2 + np.pi / 6)) / (2 * np.pi)
    N_bar = np.where(np.eye(assets) > 0, 0.5, off)
    Q, rows = S.copy(), []
    for _ in range(n + 300):
        scale = np.sqrt(np.diag(Q))
        z = np.linalg.cholesky(Q / np.outer(scale, scale)) @ generator.normal(size=assets)
        news, fall = z * scale if kind == "cdcc" else z, np.minimum(z, 0)
        Q = (1 - a - b) * S - g * N_bar + b * Q
        Q += a * np.outer(news, news) + g * np.outer(fall, fall)
        rows.append(z)
    index = pd.bdate_range("2010-01-04", periods=n)
    return pd.DataFrame(rows[300:], index=index, columns=[f"A{i}" for i in range(assets)])


def given(**changed: object) -> DccFit:
    """A fit by hand: a 0.1, b 0.8, S of one half."""
    S = np.array([[1.0, 0.5], [0.5, 1.0]])
    plain = {
        "kind": "dcc", "method": "full", "start": "unconditional", "a": 0.1, "b": 0.8, "g": 0.0,
        "persistence": 0.9, "S": S, "N_bar": np.zeros((2, 2)), "log_likelihood": 0.0,
        "covariances": {}, "converged": True, "reason": None,
        "margins_not_converged": (), "assets": ("IBIT", "IGV"), "n": 3, "Q": S,
    }  # fmt: skip
    return DccFit(**{**plain, **changed})  # type: ignore[arg-type]


def pairs_of(R: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(R.shape[-1], 1)
    return R[..., first, second]


@pytest.fixture(scope="module")
def dow() -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Residuals, σ and volatility log-likelihood of AA, AXP and BA, in percent."""
    if not (DOW.exists() and RMGARCH.exists()):
        pytest.skip("the reference results are not beside this checkout")
    from arch import arch_model

    returns = 100 * pd.read_csv(DOW, index_col=0)[["AA", "AXP", "BA"]]
    fits = {
        # rugarch starts its variance from the mean square; arch's own backcast is another.
        name: arch_model(column, vol="GARCH", rescale=False).fit(
            disp="off", backcast=float(column.var(ddof=0))
        )
        for name, column in returns.items()
    }
    sigma = pd.DataFrame({name: fit.conditional_volatility for name, fit in fits.items()})
    z = pd.DataFrame({name: fit.resid for name, fit in fits.items()}) / sigma
    return z, sigma, sum(fit.loglikelihood for fit in fits.values())


class TestByHand:
    def test_two_sessions(self) -> None:
        # Q_2: 0.1·1 + 0.1·1 + 0.8·1 = 1 and 0.05 + 0.1 + 0.4 = 0.55.
        # Q_3: 0.1 + 0.4 + 0.8 = 1.3, 0.1 + 0.1 + 0.8 = 1 and 0.05 − 0.2 + 0.44 = 0.29.
        z = pd.DataFrame({"IBIT": [1.0, 2.0, 0.0], "IGV": [1.0, -1.0, 0.0]})
        path = correlation_path(z, given())
        np.testing.assert_allclose(path["IBIT", "IGV"], [0.5, 0.55, 0.29 / 1.3**0.5], rtol=1e-14)

    def test_joint_falls_weigh_more_in_adcc(self) -> None:
        fit = given(kind="adcc", g=0.05, N_bar=np.array([[0.5, 0.3], [0.3, 0.5]]))
        rise, fall = (
            correlation_path(pd.DataFrame({"IBIT": [s, 0.0], "IGV": [s, 0.0]}), fit).iloc[1, 0]
            for s in (1.0, -1.0)
        )
        # Intercept 0.1S − 0.05N̄: rise 0.975 and 0.535, fall 1.025 and 0.585.
        assert rise == pytest.approx(0.535 / 0.975)
        assert fall == pytest.approx(0.585 / 1.025)

    def test_half_life(self) -> None:
        assert 0.9 ** given().half_life == pytest.approx(0.5)
        assert given(persistence=1.0).half_life == float("inf")


class TestAgainstRmgarch:
    """R rmgarch 1.3-9, DCC(1,1) on AA, AXP, BA: a 0.010491, b 0.984875, LL −33252.8893."""

    def test_estimates_likelihood_and_path(
        self, dow: tuple[pd.DataFrame, pd.DataFrame, float]
    ) -> None:
        z, _, volatility = dow
        fit = fit_dcc(z, kind="dcc", method="full", start="rmgarch", min_observations=250)
        assert fit.converged
        assert fit.a == pytest.approx(0.010491, abs=2e-5)
        assert fit.b == pytest.approx(0.984875, abs=2e-5)
        assert volatility + fit.log_likelihood == pytest.approx(-33252.8893, abs=0.01)
        expected = pd.read_csv(RMGARCH, index_col=0).to_numpy()
        fixed = correlation_path(z, replace(fit, a=0.010491, b=0.984875)).to_numpy()
        assert np.abs(fixed - expected).max() < 1e-4
        assert np.abs(correlation_path(z, fit).to_numpy() - expected).max() < 1e-4

    def test_the_plain_start_differs_by_the_first_year_alone(
        self, dow: tuple[pd.DataFrame, pd.DataFrame, float]
    ) -> None:
        z, _, volatility = dow
        fit = fit_dcc(z, **PLAIN, kind="dcc")
        assert fit.a == pytest.approx(0.010491, abs=2e-4)
        assert fit.b == pytest.approx(0.984875, abs=2e-4)
        assert volatility + fit.log_likelihood == pytest.approx(-33252.8893, abs=0.2)
        path = correlation_path(z, fit).to_numpy()
        expected = pd.read_csv(RMGARCH, index_col=0).to_numpy()
        assert np.abs(path - expected)[500:].max() < 1e-3

    def test_asymmetry_never_lowers_the_likelihood(
        self, dow: tuple[pd.DataFrame, pd.DataFrame, float]
    ) -> None:
        options = {"method": "full", "start": "rmgarch", "min_observations": 250}
        plain, asymmetric = (fit_dcc(dow[0], kind=kind, **options) for kind in ("dcc", "adcc"))
        assert asymmetric.converged
        assert asymmetric.log_likelihood > plain.log_likelihood


class TestSlowTwin:
    @pytest.mark.parametrize(("kind", "start"), EVERY_START)
    def test_likelihood_path_and_state(self, kind: Kind, start: str) -> None:
        z = simulate(600, 4, kind=kind)
        fit = fit_dcc(z, kind=kind, method="full", start=start, min_observations=100)
        how = {"kind": kind, "start": start, "a": fit.a, "b": fit.b, "g": fit.g, "presample": 1.0}
        slow = naive_dcc.q_path(z.to_numpy(), **how)
        np.testing.assert_allclose(fit.Q, slow[-1], rtol=0, atol=1e-12)
        expected = pairs_of(naive_dcc.correlation(slow[:-1]))
        np.testing.assert_allclose(correlation_path(z, fit), expected, rtol=0, atol=1e-12)
        likelihood = naive_dcc.log_likelihood(z.to_numpy(), **how)
        assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-8)

    @pytest.mark.parametrize(("kind", "start"), EVERY_START)
    def test_composite_likelihood(self, kind: Kind, start: str) -> None:
        # 20 assets: more pairs than factors that share one logarithm.
        z = simulate(250, 20, kind=kind)
        fit = fit_dcc(z, kind=kind, method="composite", start=start, min_observations=100)
        how = {"kind": kind, "start": start, "a": fit.a, "b": fit.b, "g": fit.g, "presample": 1.0}
        slow = naive_dcc.composite_log_likelihood(z.to_numpy(), **how)
        assert fit.log_likelihood == pytest.approx(slow, abs=1e-7)

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_neighbour_is_likelier(self, kind: Kind) -> None:
        z = simulate(800, 3, kind=kind)
        fit = fit_dcc(z, **PLAIN, kind=kind)
        assert fit.converged
        best = np.array([fit.a, fit.b, fit.g])
        for place in range(3 if kind == "adcc" else 2):
            for step in (-1e-3, 1e-3):
                a, b, g = best + step * (np.arange(3) == place)
                other = naive_dcc.log_likelihood(
                    z.to_numpy(), kind=kind, start="unconditional", a=a, b=b, g=g, presample=0.0
                )
                assert other < fit.log_likelihood

    @pytest.mark.parametrize("kind", KINDS)
    def test_covariances_and_standard_errors(self, kind: Kind) -> None:
        z = simulate(800, 3, kind=kind).to_numpy()
        fit = fit_dcc(pd.DataFrame(z), **PLAIN, kind=kind)
        count = 3 if kind == "adcc" else 2
        best = np.array([fit.a, fit.b, fit.g])[:count]
        expected = naive_dcc.covariances(z, best, kind=kind)
        assert list(fit.covariances) == list(expected) == ["hessian", "opg", "sandwich"]
        for name, matrix in expected.items():
            size = np.abs(matrix).max()
            np.testing.assert_allclose(fit.covariances[name], matrix, rtol=4e-3, atol=2e-3 * size)
            np.testing.assert_allclose(
                fit.standard_errors[name], np.sqrt(np.diag(matrix)), rtol=2e-3
            )


class TestRecovery:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("method", ["full", "composite"])
    def test_finds_the_truth_it_was_drawn_from(self, kind: Kind, method: str) -> None:
        z = simulate(3000, 6, kind=kind, seed=3)
        fit = fit_dcc(z, kind=kind, method=method, start="unconditional", min_observations=250)
        assert fit.converged
        errors = fit.standard_errors["sandwich"].to_numpy()
        estimates = np.array([fit.a, fit.b, fit.g])[: len(errors)]
        distance = (estimates - TRUTH[kind][: len(errors)]) / errors
        assert np.abs(distance).max() < 3
        assert errors.max() < 0.02

    def test_errors_agree_under_the_model(self) -> None:
        fit = fit_dcc(simulate(6000, 4), **PLAIN, kind="dcc")
        errors = fit.standard_errors
        for name in ("opg", "sandwich"):
            np.testing.assert_allclose(errors[name], errors["hessian"], rtol=0.15)

    def test_a_composite_has_sandwich_errors_alone(self) -> None:
        fit = fit_dcc(simulate(800, 4), **{**PLAIN, "method": "composite"}, kind="dcc")
        assert list(fit.covariances) == ["sandwich"]


class TestProperties:
    def test_order_of_assets_does_not_matter(self) -> None:
        z = simulate(800, 4)
        one, other = (fit_dcc(x, **PLAIN, kind="dcc") for x in (z, z[["A2", "A0", "A3", "A1"]]))
        assert other.a == pytest.approx(one.a, abs=1e-6)
        assert other.b == pytest.approx(one.b, abs=1e-6)
        swapped = correlation_path(z, other, pairs=[("A0", "A3")])["A0", "A3"]
        kept = correlation_path(z, one, base="A3")["A3", "A0"]
        np.testing.assert_allclose(swapped, kept, atol=1e-6)

    @pytest.mark.parametrize("kind", ["dcc", "adcc"])
    def test_unit_of_sigma_does_not_matter_to_the_path(self, kind: Kind) -> None:
        # Q scales, R does not; the estimates do depend on it, residuals of variance 1 are assumed.
        z = simulate(400, 3, kind=kind)
        fit = fit_dcc(z, **PLAIN, kind=kind)
        ten = replace(fit, S=100 * fit.S, N_bar=100 * fit.N_bar)
        np.testing.assert_allclose(
            correlation_path(10 * z, ten), correlation_path(z, fit), rtol=0, atol=1e-12
        )

    @pytest.mark.parametrize("kind", KINDS)
    def test_no_look_ahead_at_fixed_parameters(self, kind: Kind) -> None:
        z = simulate(400, 3, kind=kind)
        fit = fit_dcc(z, **PLAIN, kind=kind)
        later = z.copy()
        later.iloc[300:] *= -7
        before, after = (correlation_path(x, fit) for x in (z, later))
        pd.testing.assert_frame_equal(before.iloc[:301], after.iloc[:301], check_exact=True)
        assert (before.iloc[301] != after.iloc[301]).all()

    def test_missing_extra_and_doubled_choices(self) -> None:
        z, fit = simulate(10, 2).set_axis(["IBIT", "IGV"], axis=1), given()
        with pytest.raises(ValueError, match="pairs must be of the assets of the fit, got GLD"):
            correlation_path(z, fit, base="GLD")
        with pytest.raises(ValueError, match="base and pairs exclude each other"):
            correlation_path(z, fit, base="IGV", pairs=[("IGV", "IBIT")])
        with pytest.raises(ValueError, match=r"assets of the fit, got none of \['IGV'\]"):
            correlation_path(z[["IBIT"]], fit)


class TestDaily:
    @pytest.mark.parametrize(("kind", "start"), EVERY_START)
    def test_day_by_day_equals_the_whole_path(self, kind: Kind, start: str) -> None:
        z = simulate(700, 4, kind=kind)
        z.iloc[650, 2] = np.nan
        fit = fit_dcc(z[:600], kind=kind, method="full", start=start, min_observations=100)
        whole = correlation_path(z, fit, base="A1")
        state = fit
        for day in range(600, 700):
            row, state = filter_dcc(state, z[day : day + 1], base="A1")
            np.testing.assert_allclose(row, whole[day : day + 1], rtol=0, atol=1e-12)
        together, last = filter_dcc(fit, z[600:])
        np.testing.assert_array_equal(last.Q, state.Q)
        assert together.shape == (100, 6)


class TestHoliday:
    @pytest.mark.parametrize("kind", KINDS)
    def test_closed_sessions_are_stepped_over(self, kind: Kind) -> None:
        z = simulate(600, 3, kind=kind)
        closed = z.copy()
        closed.iloc[200:203, 1] = np.nan
        fit, expected = (fit_dcc(x, **PLAIN, kind=kind) for x in (closed, z.drop(z.index[200:203])))
        assert fit.n == 597
        assert (fit.a, fit.b, fit.g) == (expected.a, expected.b, expected.g)
        path = correlation_path(closed, fit)
        # The same forecast stands for the closed sessions and the next open one.
        assert (path.iloc[200:203] == path.iloc[203]).all().all()
        rest = correlation_path(z.drop(z.index[200:203]), expected)
        np.testing.assert_array_equal(path.drop(z.index[200:203]), rest)


class TestLateListing:
    def test_restricts_the_sample_of_all(self) -> None:
        z = simulate(700, 3)
        z.iloc[:250, 0] = np.nan
        fit = fit_dcc(z, **PLAIN, kind="dcc")
        assert fit.n == 450
        path = correlation_path(z, fit)
        assert path.iloc[:250].isna().all().all()
        assert path.iloc[250:].notna().all().all()
        np.testing.assert_allclose(path.iloc[250], pairs_of(naive_dcc.correlation(fit.S)))

    def test_never_listed(self) -> None:
        z = simulate(10, 2).set_axis(["IBIT", "IGV"], axis=1)
        z["IBIT"] = np.nan
        assert correlation_path(z, given()).isna().all().all()


class TestCrash:
    @pytest.mark.parametrize("kind", KINDS)
    def test_correlations_stay_correlations(self, kind: Kind) -> None:
        z = simulate(600, 4, kind=kind)
        z.iloc[300] = -15.0
        fit = fit_dcc(z, **PLAIN, kind=kind)
        path = correlation_path(z, fit)
        assert path.abs().max().max() <= 1
        assert path.iloc[301].mean() > path.iloc[300].mean()
        assert np.linalg.eigvalsh(naive_dcc.correlation(fit.Q))[0] > 0
        assert fit.converged or fit.reason


class TestTwoLocalMaxima:
    """Slow and fast news both fit: IBIT with others in February 2026, against a grid."""

    @pytest.mark.market
    @pytest.mark.skipif(not PRICES.exists(), reason="no market data here")
    @pytest.mark.parametrize(
        ("days", "counterparts"),
        [
            (["2026-02-05", "2026-02-13"], 10),
            pytest.param(
                ["2026-02-03", "2026-02-04", "2026-02-05", "2026-02-06", "2026-02-13"], 15,
                marks=pytest.mark.at_length,
            ),
        ],
        ids=["20 fits", "75 fits"],
    )  # fmt: skip
    def test_the_higher_one_is_published(self, days: list[str], counterparts: int) -> None:
        prices = pd.read_parquet(PRICES).pivot_table(
            index="session", columns="symbol", values="adj_close"
        )
        prices.index = pd.DatetimeIndex(prices.index)
        prices = prices[prices["SPY"].notna()]
        assets = [
            "IGV", "GLD", "SLV", "QQQ", "SPY", "HYG", "TLT", "MSTR", "IWM", "EEM", "LQD", "SMH",
            "USO", "EFA", "EWJ",
        ][:counterparts]  # fmt: skip
        steps = np.geomspace(0.002, 0.3, 20)
        memory = np.concatenate([np.linspace(0.02, 0.9, 20), 1 - np.geomspace(0.1, 0.002, 10)])
        grid = np.array([(a, b, 0.0) for a in steps for b in memory if a + b < 0.9995])
        for day in days:
            returns = np.log(prices.loc[:day]).diff().iloc[1:]
            residuals = {name: fit_garch(returns[name]).residuals for name in ["IBIT", *assets]}
            for asset in assets:
                pair = pd.DataFrame({name: residuals[name] for name in ("IBIT", asset)})
                fit = fit_dcc(pair)
                sample = dcc_likelihood.prepare(pair, "dcc", "full", "unconditional", 250)
                totals = dcc_likelihood.row_likelihoods(sample, grid, presample=0.0).sum(axis=0)
                if fit.converged:
                    assert fit.log_likelihood > totals.max() - 1e-6


class TestMargins:
    def test_one_that_is_no_converged_fit_is_named(self) -> None:
        z = simulate(600, 2)
        first, second = z.columns
        fades = np.where(np.arange(len(z)) < 300, 0.01, 1e-9)
        margins = {
            first: fit_garch(0.01 * z[first], innovation="normal"),
            second: fit_garch(z[second] * fades, innovation="normal"),
        }
        assert not margins[second].converged
        fit = fit_dcc(z, **PLAIN, kind="dcc", margins=margins)
        assert second in fit.margins_not_converged
        assert fit_dcc(z, **PLAIN, kind="dcc").margins_not_converged == ()

    def test_a_stranger_among_them_is_refused(self) -> None:
        z = simulate(600, 2)
        with pytest.raises(ValueError, match="margins must be of the columns"):
            fit_dcc(z, **PLAIN, kind="dcc", margins={"X": fit_garch(z.iloc[:, 0])})


class TestNotConverged:
    @pytest.mark.parametrize("kind", KINDS)
    def test_constant_correlation_has_no_dynamics_to_find(self, kind: Kind) -> None:
        # White noise whose best a is 0 exactly.
        z = pd.DataFrame(np.random.default_rng(10).normal(size=(2500, 5)))
        fit = fit_dcc(z, **PLAIN, kind=kind)
        assert not fit.converged
        assert fit.reason.startswith(f"{kind}: a at its boundary 0")
        assert fit.standard_errors.isna().all(axis=None)

    def test_persistence_at_one_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dcc_likelihood, "PERSISTENCE_LIMIT", 0.9)
        fit = fit_dcc(simulate(800, 3), **PLAIN, kind="dcc")
        assert not fit.converged
        assert "at its boundary 1" in fit.reason

    def test_optimiser_that_stops_short_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dcc_likelihood, "MAX_STEPS", 1)
        fit = fit_dcc(simulate(800, 3), **PLAIN, kind="dcc")
        assert not fit.converged
        assert fit.reason == "dcc: the optimiser did not converge in 1 steps"
        assert np.isfinite(correlation_path(simulate(800, 3), fit)).all().all()


class TestTooLittle:
    def test_few_rows(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 100 complete rows, got 60"):
            fit_dcc(simulate(60, 2), **PLAIN, kind="dcc")

    def test_more_assets_than_rows(self) -> None:
        z = simulate(30, 40)
        with pytest.raises(NotEnoughData, match="at least 41 complete rows, got 30"):
            fit_dcc(z, **{**PLAIN, "min_observations": 10}, kind="dcc")
        composite = {"method": "composite", "start": "unconditional", "min_observations": 10}
        assert np.isfinite(fit_dcc(z, **composite, kind="dcc").log_likelihood)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"kind": "bekk"}, "kind must be one of dcc, cdcc, adcc, got 'bekk'"),
            ({"method": "exact"}, "method must be one of full, composite"),
            ({"start": "zero"}, "start must be one of unconditional, rmgarch"),
            ({"kind": "cdcc", "start": "rmgarch"}, "start must be 'unconditional' for kind 'cdcc'"),
        ],
    )
    def test_unknown_options(self, changed: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            fit_dcc(simulate(200, 2), **{**PLAIN, "kind": "dcc", **changed})

    def test_unusable_columns(self) -> None:
        z = simulate(200, 3)
        with pytest.raises(ValueError, match="at least 2 assets, got 1"):
            fit_dcc(z[["A0"]], **PLAIN, kind="dcc")
        with pytest.raises(ValueError, match="leave out the asset that repeats others"):
            fit_dcc(z.assign(A2=z["A0"]), **PLAIN, kind="dcc")
        with pytest.raises(ValueError, match="got a constant A2; leave it out"):
            fit_dcc(z.assign(A2=0.0), **PLAIN, kind="dcc")
        z.iloc[5, 1] = np.inf
        with pytest.raises(ValueError, match="must be finite or NaN, got 1 infinite"):
            fit_dcc(z, **PLAIN, kind="dcc")
