from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.quantile_regression import QuantReg

from models.dependence import covar as module
from models.dependence import pair_covar
from models.dependence.covar import covar
from models.errors import NotEnoughData
from models.tails import fit_gpd, gpd_risk, tail_threshold
from tests import naive_backtests


def market(n, *, seed, beta=0.5, nu=3):
    """A base and an asset that follows it, daily returns in decimals."""
    rng = np.random.default_rng(seed)
    base = 0.01 * rng.standard_t(nu, n)
    return base, beta * base + 0.01 * rng.standard_t(nu, n)


class TestPublishedLines:
    """Engel's food expenditure, the example of R's quantreg (and of Koenker and Bassett 1982)."""

    @pytest.mark.parametrize(
        ("level", "intercept", "slope"),
        [(0.05, 124.88004, 0.34336), (0.25, 95.48354, 0.47410), (0.5, 81.48225, 0.56018)],
    )
    def test_food_on_income(self, level, intercept, slope):
        engel = sm.datasets.engel.load_pandas().data
        found = covar(engel["foodexp"], engel["income"], level=level, min_observations=100)
        assert found.converged
        assert found.n == 235
        # The lower quantile of returns is the upper one of losses: a line with the same slope.
        assert found.intercept == pytest.approx(-intercept, abs=1e-5)
        assert found.slope == pytest.approx(slope, abs=6e-6)

    def test_two_normal_assets(self):
        # ΔCoVaR = ρ·σ_target·Φ⁻¹(1 − q) under a bivariate normal (Adrian and Brunnermeier 2016).
        rng = np.random.default_rng(1)
        rho, level = 0.6, 0.05
        x, e = rng.standard_normal((2, 40_000))
        y = 0.02 * (rho * x + np.sqrt(1 - rho**2) * e)
        found = covar(y, 0.01 * x, level=level, min_observations=100)
        quantile = stats.norm.ppf(1 - level)
        assert found.delta == pytest.approx(0.02 * rho * quantile, rel=0.03)
        of_covar = 0.02 * quantile * (rho + np.sqrt(1 - rho**2))
        assert found.covar == pytest.approx(of_covar, rel=0.02)
        assert found.value_at_risk == pytest.approx(0.02 * quantile, rel=0.02)


class TestOneSign:
    """Value at risk, expected shortfall and CoVaR are positive numbers for a loss."""

    def test_of_one_asset_from_both_families(self):
        base, asset = market(3000, seed=3)
        losses = -asset
        tail = gpd_risk(fit_gpd(losses, threshold=tail_threshold(losses)), level=0.05)
        found = covar(asset, base, level=0.05, min_observations=100)
        assert found.value_at_risk == pytest.approx(tail.value_at_risk, rel=0.05)
        assert tail.expected_shortfall > tail.value_at_risk > 0
        assert found.covar > found.value_at_risk


class TestHandSized:
    def test_the_lower_edge_of_a_fan(self):
        # At each x the target takes x, x + 1 and x + 2: its lower quarter is the line y = x.
        given, above = (part.ravel() for part in np.meshgrid(np.arange(5.0), np.arange(3.0)))
        found = covar(given + above, given, level=0.2, min_observations=3)
        assert found.intercept == pytest.approx(0, abs=1e-6)
        assert found.slope == pytest.approx(1, abs=1e-6)
        # x holds each of 0 … 4 three times: its 0.2-quantile is at position 2.8, which is 0.8.
        assert (found.distress, found.median) == (pytest.approx(-0.8), -2)
        assert found.covar == pytest.approx(-0.8, abs=1e-6)
        assert found.covar_at_median == pytest.approx(-2, abs=1e-6)
        assert found.delta == pytest.approx(1.2, abs=1e-6)


class TestTwins:
    @pytest.mark.parametrize("level", [0.05, 0.25, 0.5])
    @pytest.mark.parametrize("seed", range(4))
    def test_no_line_through_two_sessions_is_better(self, level, seed):
        base, asset = market(60, seed=seed)
        found = covar(asset, base, level=level, min_observations=30)
        losses, upper = (-asset, -base), 1 - level
        intercept, slope = naive_backtests.quantile_line(*losses, upper)
        best = naive_backtests.check_loss(*losses, upper, intercept, slope)
        reached = naive_backtests.check_loss(*losses, upper, found.intercept, found.slope)
        assert reached <= best * (1 + 1e-6)
        assert found.slope == pytest.approx(slope, abs=1e-4)

    def test_both_directions_are_those_of_each(self):
        base, asset = market(300, seed=1)
        both = pair_covar(base, asset, level=0.05, min_observations=100)
        terms = {"level": 0.05, "min_observations": 100}
        assert both.asset_given_base == covar(asset, base, **terms)
        assert both.base_given_asset == covar(base, asset, **terms)
        assert both.asset_given_base.delta != both.base_given_asset.delta


class TestCrash:
    def test_an_asset_that_falls_with_the_base_has_a_positive_delta(self):
        base, asset = market(1000, seed=2)
        found = covar(asset, base, level=0.05, min_observations=100)
        assert found.delta > 0
        assert found.covar > found.covar_at_median > 0
        assert found.covar > found.value_at_risk > 0
        assert found.distress > 0

    def test_a_haven_has_a_negative_one(self):
        base, asset = market(1000, seed=2, beta=-0.5)
        assert covar(asset, base, level=0.05, min_observations=100).delta < 0


class TestHoliday:
    def test_a_session_missing_on_either_side_is_left_out(self):
        base, asset = market(400, seed=4)
        kept = np.ones(400, bool)
        kept[[3, 50, 51, 399]] = False
        holed_base, holed_asset = base.copy(), asset.copy()
        holed_base[[3, 50]] = np.nan
        holed_asset[[50, 51, 399]] = np.nan
        terms = {"level": 0.05, "min_observations": 100}
        for measure in (covar, pair_covar):
            assert measure(holed_base, holed_asset, **terms) == measure(
                base[kept], asset[kept], **terms
            )
        assert covar(holed_base, holed_asset, **terms).n == 396

    def test_a_late_listing_counts_from_its_first_session(self):
        base, asset = market(300, seed=5)
        asset[:150] = np.nan
        assert covar(asset, base, level=0.05, min_observations=100).n == 150


class TestProperties:
    @given(
        seed=st.integers(0, 10_000),
        level=st.sampled_from([0.01, 0.05, 0.25]),
        scale=st.sampled_from([1e-6, 1.0, 1e5]),
        shift=st.floats(-3, 3),
    )
    @settings(max_examples=25, deadline=None)
    def test_units_drift_and_order_do_not_matter(self, seed, level, scale, shift):
        base, asset = market(200, seed=seed)
        terms = {"level": level, "min_observations": 100}
        found = covar(asset, base, **terms)
        order = np.random.default_rng(seed).permutation(200)
        # Another unit for each, and a drift that moves the quantiles and not ΔCoVaR.
        other = covar(scale * (asset + 0.01 * shift)[order], base[order] / 7, **terms)
        if not (found.converged and other.converged):
            return
        assert other.delta / scale == pytest.approx(found.delta, abs=2e-6)
        assert other.covar / scale == pytest.approx(found.covar - 0.01 * shift, abs=2e-6)
        assert found.delta == pytest.approx(found.covar - found.covar_at_median, abs=1e-15)

    def test_the_share_of_sessions_below_the_line_is_the_level(self):
        base, asset = market(1000, seed=6)
        found = covar(asset, base, level=0.05, min_observations=100)
        below = np.sum(-asset > found.intercept - found.slope * base + 1e-9)
        assert 48 <= below <= 50  # n·q less the two sessions that the line passes through

    def test_an_asset_given_itself(self):
        base, _ = market(300, seed=7)
        found = covar(base, base, level=0.05, min_observations=100)
        assert found.slope == pytest.approx(1, abs=1e-9)
        assert found.covar == pytest.approx(-np.quantile(base, 0.05), abs=1e-9)


class TestUnsolved:
    def test_a_programme_without_a_solution_says_so(self, monkeypatch):
        unsolved = SimpleNamespace(status=4, message="numerical difficulties")
        monkeypatch.setattr(module.optimize, "linprog", lambda *_, **__: unsolved)
        base, asset = market(300, seed=8)
        found = covar(asset, base, level=0.05, min_observations=100)
        assert not found.converged
        assert found.reason == "quantile regression failed: numerical difficulties"
        figures = (found.intercept, found.slope, found.covar, found.covar_at_median, found.delta)
        assert figures == (None,) * 5
        assert found.value_at_risk == pytest.approx(-np.quantile(asset, 0.05))

    @pytest.mark.parametrize("level", [0.01, 0.05])
    def test_statsmodels_draws_the_same_lines(self, level):
        for seed in range(5):
            base, asset = market(250, seed=seed)
            found = covar(asset, base, level=level, min_observations=100)
            # It measures residuals in absolute units, so it is given percent.
            theirs = QuantReg(1e4 * asset, sm.add_constant(1e4 * base)).fit(
                q=level, p_tol=1e-9, max_iter=10_000
            )
            assert found.slope == pytest.approx(theirs.params[1], abs=1e-5)


class TestStuckPrice:
    @pytest.mark.parametrize("name", ["target", "conditioning"])
    def test_a_return_that_never_changes_has_no_line(self, name):
        base, _ = market(200, seed=9)
        stuck = np.zeros(200)
        pair = (stuck, base) if name == "target" else (base, stuck)
        found = covar(*pair, level=0.05, min_observations=100)
        assert not found.converged
        assert found.reason == f"the {name} returns do not vary"


class TestTooLittle:
    @pytest.mark.parametrize("measure", [covar, pair_covar])
    def test_too_few_joint_sessions(self, measure):
        base, asset = market(120, seed=1)
        base[:30] = np.nan
        with pytest.raises(NotEnoughData, match="at least 100 complete rows, got 90"):
            measure(base, asset, level=0.05, min_observations=100)

    @pytest.mark.parametrize("measure", [covar, pair_covar])
    def test_arguments_out_of_range(self, measure):
        base, asset = market(120, seed=1)
        with pytest.raises(ValueError, match=r"level must lie in \(0, 0.5\]"):
            measure(base, asset, level=0.95, min_observations=100)
        with pytest.raises(ValueError, match="min_observations must be at least 3"):
            measure(base, asset, level=0.05, min_observations=2)
        with pytest.raises(ValueError, match="one length"):
            measure(base, asset[1:], level=0.05, min_observations=100)
        with pytest.raises(ValueError, match="infinity"):
            measure(np.append(base, np.inf), np.append(asset, 0), level=0.05, min_observations=100)
