"""Hamilton's filter and its EM: against counted paths, statsmodels, hmmlearn and themselves."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hmmlearn.hmm import GaussianHMM
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from models.errors import NotEnoughData
from models.regimes import MarkovFit, filtered_probabilities, fit_markov_switching
from models.regimes._em import em_step
from models.regimes._filter import hamilton_filter, kim_smoother, log_densities, stationary
from models.regimes._search import FLOOR, Terms, best_maximum, maximise, starting_parameters
from models.regimes.markov import _filter
from tests import naive_regimes
from tests.reference import regimes as hamilton

DAYS = pd.bdate_range("2020-01-01", periods=900)


def log_likelihood(observations: pd.DataFrame, fit: MarkovFit) -> float:
    """Log-likelihood of the rows at fixed parameters."""
    return _filter(observations, fit)[0]


def smoothed_probabilities(observations: pd.DataFrame, fit: MarkovFit) -> pd.DataFrame:
    """Probabilities given all rows: what the peers report, and what nothing here publishes."""
    _, predicted, filtered = _filter(observations, fit)
    return pd.DataFrame(kim_smoother(predicted, filtered, fit.transition)[0])


def regimes(rows: int, *, seed: int = 3, leave: tuple[float, float] = (0.01, 0.03)) -> np.ndarray:
    draw = np.random.default_rng(seed)
    state = np.zeros(rows, dtype=int)
    for t in range(1, rows):
        state[t] = state[t - 1] ^ int(draw.random() < leave[state[t - 1]])
    return state


def market(rows: int = 900, *, seed: int = 3) -> pd.DataFrame:
    """Two assets: calm and uncorrelated, or stressed and correlated."""
    draw, state = np.random.default_rng(seed), regimes(rows, seed=seed)
    rho = np.where(state == 1, 0.8, 0.0)
    shocks = draw.normal(size=(rows, 2))
    shocks[:, 1] = rho * shocks[:, 0] + np.sqrt(1 - rho**2) * shocks[:, 1]
    scale = np.where(state == 1, 0.025, 0.01)[:, None]
    mean = np.where(state == 1, -0.002, 0.001)[:, None]
    return pd.DataFrame(mean + scale * shocks, index=DAYS[:rows], columns=["a", "b"])


def estimate(observations: pd.DataFrame, **changed: object) -> MarkovFit:
    terms: dict[str, object] = {
        "states": 2, "innovation": "normal", "correlated": True, "starts": 4, "seed": 1,
        "min_observations": 100,
    }  # fmt: skip
    return fit_markov_switching(observations, **(terms | changed))  # type: ignore[arg-type]


def by_hand(**changed: object) -> MarkovFit:
    plain: dict[str, object] = {
        "innovation": "normal",
        "means": pd.DataFrame({"a": [0.0, 0.0]}),
        "volatilities": pd.DataFrame({"a": [1.0, 2.0]}),
        "correlations": np.ones((2, 1, 1)),
        "nu": float("inf"),
        "transition": np.array([[0.9, 0.1], [0.2, 0.8]]),
        "log_likelihood": 0.0, "occupancy": np.zeros(2), "n": 0, "starts": 0, "agreeing": 0,
        "converged": True, "reason": None,
    }  # fmt: skip
    return MarkovFit(**(plain | changed))  # type: ignore[arg-type]


class TestTwoSessions:
    def test_by_hand(self) -> None:
        # π = (2/3, 1/3); densities of 0 are φ(0) and φ(0)/2: 4/5 calm. Then .9·.8 + .2·.2 = .76
        # predicted calm, and for a row of 2: e^−2 against e^−½/2.
        optimum = filtered_probabilities(pd.DataFrame({"a": [0.0, 2.0]}), by_hand()).to_numpy()
        assert optimum[0, 0] == pytest.approx(0.8, abs=1e-15)
        calm, stressed = 0.76 * np.exp(-2.0), 0.24 * np.exp(-0.5) / 2
        assert optimum[1, 0] == pytest.approx(calm / (calm + stressed), abs=1e-15)

    def test_expected_durations(self) -> None:
        assert by_hand().expected_durations == pytest.approx([10.0, 5.0])
        assert by_hand().initial == pytest.approx([2 / 3, 1 / 3])


class TestCountedPaths:
    @pytest.mark.parametrize(("nu", "states"), [(float("inf"), 2), (5.0, 2), (5.0, 3)])
    def test_filter_smoother_and_likelihood(self, nu: float, states: int) -> None:
        draw = np.random.default_rng(5)
        values = draw.normal(0, 1.5, (7 if states == 2 else 5, 2))
        values[3, 1] = np.nan
        transition = draw.dirichlet(np.full(states, 2.0), states)
        correlations = np.array([[[1, r], [r, 1]] for r in np.linspace(-0.4, 0.7, states)])
        fit = by_hand(
            innovation="normal" if np.isinf(nu) else "t",
            means=pd.DataFrame(draw.normal(size=(states, 2)), columns=["a", "b"]),
            volatilities=pd.DataFrame(draw.uniform(0.5, 2, (states, 2)), columns=["a", "b"]),
            correlations=correlations, nu=nu, transition=transition,
        )  # fmt: skip
        sigma = fit.volatilities.to_numpy()
        covariances = correlations * sigma[:, :, None] * sigma[:, None, :]
        likelihoods = naive_regimes.path_likelihoods(
            values, fit.means.to_numpy(), covariances, nu, transition, fit.initial
        )
        frame = pd.DataFrame(values, columns=["a", "b"])
        expected = naive_regimes.smoothed(likelihoods, states)
        assert log_likelihood(frame, fit) == pytest.approx(np.log(sum(likelihoods.values())))
        assert smoothed_probabilities(frame, fit).to_numpy() == pytest.approx(expected, abs=1e-12)
        filtered = filtered_probabilities(frame, fit).to_numpy()
        assert filtered[-1] == pytest.approx(expected[-1], abs=1e-12)


class TestHamilton1989:
    """E-views on US GNP: the filter over the 32 histories of the last five quarters."""

    def test_filtered_and_smoothed_probabilities(self) -> None:
        growth = np.array(hamilton.GNP_GROWTH)
        stays, enters = hamilton.STAYS, hamilton.ENTERS
        one_step = np.array([[stays, 1 - stays], [enters, 1 - enters]])
        # Newest state first; 0 is a recession.
        histories = np.array(list(np.ndindex(*[2] * 5)))
        transition = np.array(
            [
                [
                    one_step[old[0], new[0]] if (new[1:] == old[:-1]).all() else 0.0
                    for new in histories
                ]
                for old in histories
            ]
        )
        weights = np.array([1.0, *(-phi for phi in hamilton.PHI)])
        recent = np.lib.stride_tricks.sliding_window_view(growth, 5)[:, ::-1]
        shocks = (recent @ weights)[:, None] - np.array(hamilton.MEANS)[histories] @ weights
        density = (
            -0.5 * (shocks / np.exp(hamilton.LOG_SIGMA)) ** 2
            - hamilton.LOG_SIGMA - 0.5 * np.log(2 * np.pi)
        )  # fmt: skip
        total, predicted, filtered = hamilton_filter(density, transition, stationary(transition))
        smoothed, _ = kim_smoother(predicted, filtered, transition)
        expansion = histories[:, 0] == 1
        assert total == pytest.approx(hamilton.LOG_LIKELIHOOD, abs=1e-3)
        np.testing.assert_allclose(filtered[:, expansion].sum(axis=1), hamilton.FILTERED, atol=1e-5)
        np.testing.assert_allclose(smoothed[:, expansion].sum(axis=1), hamilton.SMOOTHED, atol=1e-5)


@pytest.fixture(scope="module")
def pair() -> tuple[pd.Series, MarkovFit, MarkovRegression]:
    series = market()["a"]
    fit = estimate(series.to_frame())
    return (
        series,
        fit,
        MarkovRegression(100 * series.to_numpy(), k_regimes=2, switching_variance=True),
    )


class TestStatsmodels:
    def test_probabilities_at_fixed_parameters(
        self, pair: tuple[pd.Series, MarkovFit, MarkovRegression]
    ) -> None:
        series, fit, peer = pair
        optimum = peer.smooth(_theirs(fit))
        filtered = filtered_probabilities(series.to_frame(), fit).to_numpy()
        assert np.abs(filtered - optimum.filtered_marginal_probabilities).max() < 1e-10
        smoothed = smoothed_probabilities(series.to_frame(), fit).to_numpy()
        assert np.abs(smoothed - optimum.smoothed_marginal_probabilities).max() < 1e-10
        scale = len(series) * np.log(100)
        assert fit.log_likelihood == pytest.approx(optimum.llf + scale, abs=1e-8)

    def test_its_optimum_is_no_higher(
        self, pair: tuple[pd.Series, MarkovFit, MarkovRegression]
    ) -> None:
        series, fit, peer = pair
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimum = peer.fit(start_params=_theirs(fit), disp=False)
        assert fit.log_likelihood == pytest.approx(
            optimum.llf + len(series) * np.log(100), abs=1e-6
        )


def _theirs(fit: MarkovFit) -> np.ndarray:
    stay = fit.transition[:, 0]
    means, sigma = fit.means.to_numpy().ravel(), fit.volatilities.to_numpy().ravel()
    return np.concatenate([stay, 100 * means, (100 * sigma) ** 2])


class TestHmmlearn:
    def test_likelihood_of_two_correlated_series(self) -> None:
        observations = market()
        fit = estimate(observations)
        peer = GaussianHMM(2, covariance_type="full", init_params="")
        peer.startprob_, peer.transmat_ = fit.initial, fit.transition
        peer.means_ = fit.means.to_numpy()
        sigma = fit.volatilities.to_numpy()
        peer.covars_ = fit.correlations * sigma[:, :, None] * sigma[:, None, :]
        value, posterior = peer.score_samples(observations.to_numpy())
        assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
        smoothed = smoothed_probabilities(observations, fit).to_numpy()
        assert np.abs(smoothed - posterior).max() < 1e-10


class TestExpectationMaximisation:
    @pytest.mark.parametrize("nu", [float("inf"), 5.0])
    @pytest.mark.parametrize("states", [2, 3])
    def test_no_step_lowers_the_likelihood(self, nu: float, states: int) -> None:
        values = market(300).to_numpy() / 0.01
        for theta in starting_parameters(Terms(states, True), 2, starts=3, seed=0):
            accelerated_em = []
            for _ in range(30):
                value, theta = em_step(theta, values, states, nu, True, FLOOR)
                accelerated_em.append(value)
            assert np.diff(accelerated_em).min() > -1e-9

    @pytest.mark.parametrize("innovation", ["normal", "t"])
    def test_the_summit_is_flat(self, innovation: str) -> None:
        # Moving any one parameter either way lowers the likelihood: no step was left out.
        observations = market()
        fit = estimate(observations, innovation=innovation)
        for change in (0.999, 1.001):
            for column in range(2):
                moved = fit.volatilities.copy()
                moved.iloc[1, column] *= change
                assert log_likelihood(observations, replace(fit, volatilities=moved)) < (
                    fit.log_likelihood
                )
            stay = fit.transition.copy()
            stay[0] = [1 - change * stay[0, 1], change * stay[0, 1]]
            assert log_likelihood(observations, replace(fit, transition=stay)) < fit.log_likelihood

    def test_finds_what_was_simulated(self) -> None:
        fit = estimate(market())
        assert fit.converged
        assert fit.agreeing >= 2
        assert fit.volatilities["a"].to_numpy() == pytest.approx([0.01, 0.025], rel=0.12)
        assert fit.correlations[:, 0, 1] == pytest.approx([0.0, 0.8], abs=0.12)
        called = filtered_probabilities(market(), fit)[1] > 0.5
        assert (called == regimes(900)).mean() > 0.95

    def test_student_shape_is_found(self) -> None:
        draw = np.random.default_rng(8)
        shocks = draw.standard_t(5, 900) * np.sqrt(3 / 5)
        scale = np.where(regimes(900) == 1, 0.03, 0.01)
        fit = estimate(pd.DataFrame({"a": scale * shocks}), innovation="t")
        assert 3 < fit.nu < 9
        assert fit.volatilities["a"].to_numpy() == pytest.approx([0.01, 0.03], rel=0.25)


class TestBrokenClimb:
    """What is no number compares false with everything: it must not pass for rest."""

    def test_parameters_that_overflow_have_no_likelihood(self) -> None:
        # A row that is there must not pass for a missing one, of log density 0: a leap into the
        # absurd would stand above every likelihood below 0.
        values = np.array([[0.1, 0.2], [np.nan, 0.1]])
        factors = np.array([[[1e-200, 0.0], [0.0, 1.0]]])
        density, _ = log_densities(values, np.full((1, 2), -1e200), factors, 6.0)
        assert np.isnan(density[0, 0])
        assert density[1, 0] == 0

    def test_is_no_summit(self) -> None:
        values = market().to_numpy() / 0.01
        terms = Terms(2, True)
        broken = maximise(np.full(12, np.nan), values, 6.0, terms, coarse=False)
        assert not broken.converged
        assert broken.fault.startswith("the optimisation stopped")

    def test_stands_behind_every_other(self) -> None:
        values = market().to_numpy() / 0.01
        terms = Terms(2, True)
        (guess,) = starting_parameters(terms, 2, starts=1, seed=1)
        alone, _ = best_maximum([guess], values, terms, student=True)
        for guesses in ([np.full(12, np.nan), guess], [guess, np.full(12, np.nan)]):
            best, agreeing = best_maximum(guesses, values, terms, student=True)
            assert best.value == alone.value
            assert not best.fault
            assert agreeing == 1


class TestInvariance:
    @pytest.mark.parametrize("unit", [1e-9, 0.01, 1e6])
    def test_a_unit_changes_nothing_but_the_unit(self, unit: float) -> None:
        plain, scaled = estimate(market()), estimate(unit * market())
        assert scaled.transition == pytest.approx(plain.transition, abs=1e-4)
        assert scaled.volatilities.to_numpy() == pytest.approx(
            unit * plain.volatilities.to_numpy(), rel=1e-4
        )
        assert scaled.log_likelihood == pytest.approx(
            plain.log_likelihood - 2 * 900 * np.log(unit), abs=1e-5
        )

    def test_order_of_series_does_not_matter(self) -> None:
        plain, swapped = estimate(market()), estimate(market()[["b", "a"]])
        assert swapped.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)

    def test_later_rows_do_not_move_a_filtered_value(self) -> None:
        observations = market()
        fit = estimate(observations.iloc[:500])
        whole = filtered_probabilities(observations, fit).iloc[:600]
        assert filtered_probabilities(observations.iloc[:600], fit).equals(whole)
        smoothed = smoothed_probabilities(observations, fit).iloc[:600]
        assert not smoothed_probabilities(observations.iloc[:600], fit).equals(smoothed)

    def test_twice_is_the_same_to_the_bit(self) -> None:
        first, second = estimate(market(), innovation="t"), estimate(market(), innovation="t")
        assert first.log_likelihood == second.log_likelihood
        assert (first.transition == second.transition).all()


class TestHoliday:
    def test_a_missing_row_is_predicted(self) -> None:
        fit = by_hand()
        optimum = filtered_probabilities(pd.DataFrame({"a": [0.0, np.nan]}), fit).to_numpy()
        assert optimum[1] == pytest.approx(optimum[0] @ fit.transition)

    def test_a_block_of_missing_rows_is_estimated_around(self) -> None:
        observations = market()
        observations.iloc[300:380, 0] = np.nan
        fit = estimate(observations)
        assert fit.converged
        assert fit.n == 820
        assert fit.volatilities["a"].to_numpy() == pytest.approx([0.01, 0.025], rel=0.15)


class TestCrash:
    @pytest.mark.parametrize("innovation", ["normal", "t"])
    def test_one_outlier_is_no_regime(self, innovation: str) -> None:
        observations = market()
        observations.iloc[450, 0] = 1e6
        fit = estimate(observations, innovation=innovation)
        assert not fit.converged or fit.occupancy.min() >= 10
        if not fit.converged:
            assert fit.reason


class TestStalePrices:
    def test_a_spike_on_equal_returns_is_no_regime(self) -> None:
        # Ten returns of nearly nothing: a state on them alone has any likelihood it likes.
        draw = np.random.default_rng(2)
        returns = 0.02 * draw.standard_normal(500)
        returns[240:252] = 1e-7 * draw.standard_normal(12)
        fit = estimate(pd.DataFrame({"a": returns}), innovation="t", starts=8)
        assert not fit.converged or fit.volatilities["a"].min() > 0.002


class TestFlatMarket:
    def test_a_constant_series_is_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="the MAD of a is zero"):
            estimate(pd.DataFrame({"a": np.full(500, 0.01)}))

    def test_a_series_that_hardly_ever_moves_is_refused(self) -> None:
        values = np.zeros(500)
        values[::3] = 0.01
        with pytest.raises(NotEnoughData, match="the MAD of a is zero"):
            estimate(pd.DataFrame({"a": values}))


class TestShortHistory:
    def test_five_rows_are_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 100 complete rows, got 5"):
            estimate(market().iloc[:5])

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"states": 4}, "states must be 2 or 3, got 4"),
            ({"innovation": "cauchy"}, "innovation must be one of"),
            ({"starts": 0}, "starts must be at least 1, got 0"),
        ],
    )
    def test_parameters_out_of_range(self, changed: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            estimate(market(), **changed)

    def test_an_infinite_return_is_refused(self) -> None:
        observations = market()
        observations.iloc[3, 0] = np.inf
        with pytest.raises(ValueError, match="finite or missing"):
            estimate(observations)
