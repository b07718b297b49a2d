import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.correlation import (
    adjust_for_volatility,
    forbes_rigobon,
    normal_downside,
    partial_correlation,
    turmoil_correlation,
)
from tests.conftest import SHARED


class TestForbesRigobon:
    def test_by_hand(self) -> None:
        # ρ = 0.6, δ = 1: 0.6 / √(1 + 0.64) = 0.6 / √1.64
        assert forbes_rigobon(0.6, variance_increase=1.0) == pytest.approx(0.6 / 1.64**0.5)

    def test_against_the_reference_grid(self) -> None:
        path = SHARED / "references" / "correlation" / "forbes_rigobon_grid.csv"
        if not path.exists():
            pytest.skip("the reference results are not beside this checkout")
        grid = pd.read_csv(path)
        found = forbes_rigobon(
            grid["rho_conditional"], variance_increase=grid["delta_rel_var_increase"]
        )
        np.testing.assert_allclose(found, grid["rho_adjusted"], rtol=0, atol=1e-6)

    def test_tripled_volatility_makes_087_of_a_half(self) -> None:
        measured = turmoil_correlation(0.5, variance_increase=8.0)
        assert measured == pytest.approx(0.866, abs=0.0005)
        assert forbes_rigobon(measured, variance_increase=8.0) == pytest.approx(0.5)

    @given(st.floats(-1, 1), st.floats(-0.95, 50))
    @settings(deadline=None)
    def test_inverse_bounds_and_symmetry(self, rho: float, delta: float) -> None:
        adjusted = forbes_rigobon(rho, variance_increase=delta)
        assert -1 <= adjusted <= 1
        assert turmoil_correlation(adjusted, variance_increase=delta) == pytest.approx(
            rho, abs=1e-9
        )
        assert forbes_rigobon(-rho, variance_increase=delta) == pytest.approx(-adjusted)

    def test_impossible_inputs_are_refused(self) -> None:
        for rho in (1.2, -1.2):
            said = rf"^rho must lie in \[-1, 1\], got {rho}"
            with pytest.raises(ValueError, match=said):
                forbes_rigobon([0.5, rho], variance_increase=0.0)
            with pytest.raises(ValueError, match=said):
                normal_downside(rho)
        said = r"^variance_increase must be above -1 \(a variance is positive\), got -1.0"
        with pytest.raises(ValueError, match=said):
            turmoil_correlation(0.5, variance_increase=[0.0, -1.0])
        with pytest.raises(ValueError, match="variance_increase must be finite or missing"):
            turmoil_correlation(0.5, variance_increase=np.inf)

    def test_what_is_missing_stays_missing(self) -> None:
        for adjust in (forbes_rigobon, turmoil_correlation):
            found = adjust([0.5, np.nan, 0.5], variance_increase=[0.5, 0.5, np.nan])
            assert np.isnan(found).tolist() == [False, True, True]


class TestVolatilityOnly:
    def test_explains_the_whole_rise_when_only_the_source_moves_more(self) -> None:
        generator = np.random.default_rng(1)
        source, noise = generator.normal(size=(2, 40000))
        source[-20000:] *= 3
        other = 0.5 * source + np.sqrt(0.75) * noise
        found = adjust_for_volatility(source, other, window=20000, min_observations=100)
        assert found.recent == pytest.approx(0.866, abs=0.01)
        assert found.adjusted == pytest.approx(0.5, abs=0.02)
        assert found.explained == pytest.approx(1.0, abs=0.05)

    def test_explains_nothing_when_the_link_itself_tightens(self) -> None:
        generator = np.random.default_rng(2)
        source, noise = generator.normal(size=(2, 20000))
        rho = np.where(np.arange(20000) < 10000, 0.2, 0.7)
        other = rho * source + np.sqrt(1 - rho**2) * noise
        found = adjust_for_volatility(source, other, window=10000, min_observations=100)
        assert found.explained == pytest.approx(0, abs=0.05)

    def test_a_falling_correlation_has_no_rise_to_explain(self) -> None:
        generator = np.random.default_rng(3)
        source, noise = generator.normal(size=(2, 400))
        other = np.where(np.arange(400) < 300, source, 0) + noise
        found = adjust_for_volatility(source, other, window=100, min_observations=20)
        assert np.isnan(found.explained)

    def test_each_part_by_hand(self) -> None:
        # no link before: whatever the source's variance does, it would show none
        source = np.array([-1.0, -1, 0, 1, 1, -2, 0, 2])
        other = np.array([1.0, -1, 0, 1, -1, -1, 3, 1])
        found = adjust_for_volatility(source, other, window=3, min_observations=3)
        assert found.variance_increase == pytest.approx(3)  # variances of 1 and 4
        assert found.baseline == pytest.approx(0, abs=1e-15)
        assert found.recent == pytest.approx(np.corrcoef(source[5:], other[5:])[0, 1])
        assert found.unchanged == pytest.approx(0, abs=1e-15)
        assert found.explained == pytest.approx(0, abs=1e-15)
        assert (found.n_baseline, found.n_recent) == (5, 3)

    def test_the_shares_add_up(self) -> None:
        # baseline ½, recent 0.9, variance doubled: unchanged is what the formula measures
        generator = np.random.default_rng(12)
        x, noise = generator.normal(size=(2, 600))
        x[-200:] *= 1.5
        y = 0.5 * x + noise * np.where(np.arange(600) < 400, 0.9, 0.7)
        found = adjust_for_volatility(x, y, window=200, min_observations=200)
        assert found.unchanged == pytest.approx(
            float(turmoil_correlation(found.baseline, variance_increase=found.variance_increase))
        )
        assert found.adjusted == pytest.approx(
            float(forbes_rigobon(found.recent, variance_increase=found.variance_increase))
        )
        rise = found.recent - found.baseline
        assert 0 < found.explained < 1
        assert found.explained == pytest.approx((found.unchanged - found.baseline) / rise)
        assert (found.n_baseline, found.n_recent) == (400, 200)

    def test_a_window_of_two_is_refused(self) -> None:
        with pytest.raises(ValueError, match="^window must be at least 3, got 2"):
            adjust_for_volatility([0.0] * 9, [0.0] * 9, window=2, min_observations=2)


class TestPeg:
    """A fund that does not move, or accrues the same every day: rounding is no correlation."""

    @pytest.mark.parametrize("accrual", [0.0, 0.003, 0.1])
    @pytest.mark.parametrize("flat", [slice(0, 60), slice(60, 83)])
    def test_a_part_without_a_move_has_no_correlation(self, flat: slice, accrual: float) -> None:
        moving, other = 0.01 * np.random.default_rng(10).normal(size=(2, 83))
        pegged = moving.copy()
        pegged[flat] = accrual
        for source, second in ((pegged, other), (other, pegged)):
            found = adjust_for_volatility(source, second, window=23, min_observations=16)
            held, gone = ("recent", "baseline") if flat.start == 0 else ("baseline", "recent")
            assert np.isfinite(getattr(found, held))
            assert np.isnan(getattr(found, gone))
            assert np.isnan(
                [found.variance_increase, found.adjusted, found.unchanged, found.explained]
            ).all()
            assert (found.n_baseline, found.n_recent) == (60, 23)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_nothing_is_partial_to_a_constant(self, place: int) -> None:
        for rows in range(20, 60):
            series = list(np.random.default_rng(rows).normal(size=(3, rows)))
            series[place] = np.full(rows, 0.003)
            value, n = partial_correlation(*series, min_observations=20)
            assert np.isnan(value)
            assert n == rows


class TestLateListing:
    def test_too_short_a_baseline_is_nan_with_its_count(self) -> None:
        x = np.r_[np.full(90, np.nan), np.random.default_rng(4).normal(size=30)]
        found = adjust_for_volatility(x, x + 1, window=20, min_observations=16)
        assert found.n_baseline == 10
        assert np.isnan([found.baseline, found.adjusted]).all()
        assert found.recent == pytest.approx(1)
        none = adjust_for_volatility(x[-20:], x[-20:], window=20, min_observations=16)
        assert (none.n_baseline, none.n_recent) == (0, 20)
        assert np.isnan(none.baseline)


class TestPartial:
    def test_by_the_textbook_formula(self) -> None:
        rows = np.random.default_rng(5).normal(size=(3, 200))
        x, y, z = rows[0] + rows[2], rows[1] + rows[2], rows[2]
        r = np.corrcoef([x, y, z])
        expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
        value, n = partial_correlation(x, y, z, min_observations=20)
        assert value == pytest.approx(expected, abs=1e-12)
        assert n == 200

    def test_equals_the_inverse_correlation_matrix(self) -> None:
        rows = np.random.default_rng(6).normal(size=(5, 300))
        rows[0] += rows[3]
        rows[1] += rows[4] - rows[3]
        inverse = np.linalg.inv(np.corrcoef(rows))
        expected = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
        value, _ = partial_correlation(rows[0], rows[1], rows[2:].T, min_observations=20)
        assert value == pytest.approx(expected, abs=1e-12)

    @given(st.integers(0, 1000), st.floats(1e-6, 1e6))
    @settings(max_examples=30, deadline=None)
    def test_scale_and_order_change_nothing(self, seed: int, scale: float) -> None:
        x, y, z, w = np.random.default_rng(seed).normal(size=(4, 60))
        one, _ = partial_correlation(x, y, np.c_[z, w], min_observations=20)
        two, _ = partial_correlation(scale * y, x, np.c_[w, scale * z], min_observations=20)
        assert one == pytest.approx(two, abs=1e-9)

    def test_a_control_that_is_the_asset_leaves_nothing(self) -> None:
        x, y = np.random.default_rng(7).normal(size=(2, 60))
        assert np.isnan(partial_correlation(x, y, y, min_observations=20)[0])

    def test_missing_rows_are_left_out_and_counted(self) -> None:
        x, y, z = np.random.default_rng(8).normal(size=(3, 60))
        z[:10] = np.nan
        assert partial_correlation(x, y, z, min_observations=20)[1] == 50
        assert np.isfinite(partial_correlation(x, y, z, min_observations=50)[0])
        assert np.isnan(partial_correlation(x, y, z, min_observations=51)[0])

    def test_needs_a_degree_of_freedom(self) -> None:
        # two of them, two controls: six rows are the fewest
        x, y, z, w = np.random.default_rng(11).normal(size=(4, 6))
        controls = np.c_[z, w]
        assert np.isfinite(partial_correlation(x, y, controls, min_observations=3)[0])
        assert np.isnan(partial_correlation(x[:5], y[:5], controls[:5], min_observations=3)[0])


class TestNormalDownside:
    def test_independence_and_identity(self) -> None:
        np.testing.assert_allclose(normal_downside([0.0, 1.0]), [0.0, 1.0], atol=1e-12)
        assert np.isnan(normal_downside([-1.0, np.nan])).all()

    @pytest.mark.parametrize("rho", [-0.5, 0.3, 0.5, 0.8])
    def test_against_a_large_sample(self, rho: float) -> None:
        x, noise = np.random.default_rng(9).normal(size=(2, 2_000_000))
        y = rho * x + np.sqrt(1 - rho**2) * noise
        both = (x < 0) & (y < 0)
        sample = np.corrcoef(x[both], y[both])[0, 1]
        assert normal_downside(rho) == pytest.approx(sample, abs=0.004)
