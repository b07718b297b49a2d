import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.returns import (
    comovement_features,
    standardised_returns,
    trailing_volatility,
    volatility_features,
)


def returns_of(n_sessions, n_assets, *, seed):
    values = np.random.default_rng(seed).standard_t(4, (n_sessions, n_assets)) * 0.01
    return pd.DataFrame(values, pd.bdate_range("2024-01-02", periods=n_sessions))


def slow(values, half_life, min_observations):
    decay = 0.5 ** (1 / half_life)
    answer = np.full(len(values), np.nan)
    for t in range(len(values)):
        earlier = [value for value in values[:t] if np.isfinite(value)][::-1]
        if len(earlier) >= min_observations:
            weights = decay ** np.arange(len(earlier))
            variance = (weights * np.square(earlier)).sum() / weights.sum()
            answer[t] = values[t] / np.sqrt(variance) if variance > 0 else np.nan
    return answer


class TestScale:
    def test_three_sessions_by_hand(self):
        # Half-life 1: weights 1 and ½ on 4² and 2² give (16 + 2)/1.5 = 12.
        x = pd.DataFrame({"A": [2.0, 4.0, 6.0]})
        z = standardised_returns(x, half_life=1, min_observations=1)["A"]
        np.testing.assert_allclose(z, [np.nan, 2.0, 6 / np.sqrt(12)])

    def test_the_riskmetrics_decay_is_a_half_life_of_eleven(self):
        decay = 0.5 ** (1 / 11)
        assert decay == pytest.approx(0.94, abs=0.002)

    def test_equals_the_slow_twin(self):
        x = returns_of(80, 2, seed=1)
        x.iloc[[3, 20, 21, 60], 0] = np.nan
        fast = standardised_returns(x, half_life=11, min_observations=9)
        for name in x.columns:
            np.testing.assert_allclose(fast[name], slow(x[name].to_numpy(), 11, 9), rtol=1e-12)

    def test_one_unit_on_ordinary_days(self):
        rng = np.random.default_rng(2)
        x = pd.DataFrame(rng.standard_normal((4000, 1)) * 0.03)
        z = standardised_returns(x, half_life=40, min_observations=40)[0].dropna()
        assert z.std() == pytest.approx(1, abs=0.05)


class TestCrash:
    def test_the_crash_does_not_widen_its_own_scale(self):
        x = returns_of(100, 1, seed=3)
        calm = standardised_returns(x, half_life=11, min_observations=20).iloc[-1, 0]
        x.iloc[-1] *= 10
        crash = standardised_returns(x, half_life=11, min_observations=20).iloc[-1, 0]
        assert crash == pytest.approx(10 * calm)


class TestHoliday:
    def test_a_missing_return_is_missing_and_is_stepped_over(self):
        x = returns_of(60, 1, seed=4)
        holed = pd.DataFrame(np.insert(x.to_numpy(), 50, np.nan, axis=0))
        plain = standardised_returns(x, half_life=11, min_observations=20)
        z = standardised_returns(holed, half_life=11, min_observations=20)
        assert np.isnan(z.iloc[50, 0])
        np.testing.assert_array_equal(z.drop(index=50).to_numpy(), plain.to_numpy())


class TestLateListing:
    def test_no_value_before_enough_rows(self):
        x = returns_of(40, 2, seed=5)
        x.iloc[:20, 1] = np.nan
        z = standardised_returns(x, half_life=5, min_observations=10)
        assert z[0].first_valid_index() == x.index[10]
        assert z[1].first_valid_index() == x.index[30]


class TestSuspendedAsset:
    def test_no_movement_has_no_scale(self):
        x = pd.DataFrame({"PEG": np.zeros(30)})
        x.iloc[-1] = 0.1
        assert standardised_returns(x, half_life=5, min_observations=5).isna().all().all()


class TestProperties:
    @given(seed=st.integers(0, 999), cut=st.integers(1, 59), factor=st.floats(1e-6, 1e6))
    @settings(max_examples=25, deadline=None)
    def test_no_look_ahead_and_no_unit(self, seed, cut, factor):
        x = returns_of(60, 2, seed=seed)
        whole = standardised_returns(x, half_life=7, min_observations=10)
        part = standardised_returns(x.iloc[:cut], half_life=7, min_observations=10)
        pd.testing.assert_frame_equal(whole.iloc[:cut], part, check_exact=True)
        scaled = standardised_returns(x * factor, half_life=7, min_observations=10)
        pd.testing.assert_frame_equal(scaled, whole, rtol=1e-9)

    def test_arguments_out_of_range(self):
        x = returns_of(10, 1, seed=1)
        with pytest.raises(ValueError, match="half_life must be above 0, got 0"):
            standardised_returns(x, half_life=0, min_observations=5)
        with pytest.raises(ValueError, match="min_observations must be at least 1, got 0"):
            standardised_returns(x, half_life=5, min_observations=0)
        x.iloc[3] = np.inf
        with pytest.raises(ValueError, match="^returns must be finite or missing, got"):
            standardised_returns(x, half_life=5, min_observations=5)


class TestTrailingVolatility:
    def test_by_hand(self):
        # The last two of (9 %, 3 %, 4 %): mean square 12.5 bp, times 252 sessions.
        x = pd.Series([0.09, 0.03, -0.04])
        found = trailing_volatility(x, window=2, min_observations=2)
        assert found == pytest.approx(np.sqrt(252 * (0.0009 + 0.0016) / 2), rel=1e-14)

    def test_a_missing_return_is_left_out_not_replaced_by_an_earlier_one(self):
        x = pd.Series([0.09, np.nan, -0.04])
        assert trailing_volatility(x, window=2, min_observations=1) == pytest.approx(
            0.04 * np.sqrt(252), rel=1e-14
        )
        assert np.isnan(trailing_volatility(x, window=2, min_observations=2))


RETURNS = pd.Series([0.01, -0.02, np.nan, 0.02, 0.01, -0.03, 0.01, 0.02])
OTHER = pd.Series([0.02, -0.01, 0.01, 0.01, np.nan, -0.02, 0.01, 0.03])


def _weights(n: int, half_life: float) -> np.ndarray:
    raw = 0.5 ** (np.arange(n)[::-1] / half_life)
    return raw / raw.sum()


class TestVolatility:
    def test_by_hand(self) -> None:
        # half-life 1: weights 1/3, 2/3 on the squares 1 and 4 → ln √3 above ln 0.01
        found = volatility_features(RETURNS, half_lives=[1.0])["volatility_1"]
        assert found.iloc[1] == pytest.approx(np.log(0.01) + 0.5 * np.log(3))
        assert np.isnan(found.iloc[0])
        assert np.isnan(found.iloc[2])

    def test_against_weights_written_out(self) -> None:
        found = volatility_features(RETURNS, half_lives=[1.5])["volatility_1.5"]
        seen = RETURNS.dropna().to_numpy()
        assert found.iloc[-1] == pytest.approx(0.5 * np.log(_weights(7, 1.5) @ seen**2))

    def test_a_unit_shifts_and_nothing_else(self) -> None:
        plain = volatility_features(RETURNS, half_lives=[1.0, 2.0])
        scaled = volatility_features(1e-6 * RETURNS, half_lives=[1.0, 2.0])
        pd.testing.assert_frame_equal(scaled - np.log(1e-6), plain)

    def test_later_rows_do_not_matter(self) -> None:
        whole = volatility_features(RETURNS, half_lives=[1.0]).iloc[:5]
        assert volatility_features(RETURNS.iloc[:5], half_lives=[1.0]).equals(whole)


class TestComovement:
    def test_against_weights_written_out(self) -> None:
        found = comovement_features(RETURNS, OTHER, half_life=2.0).iloc[-1]
        both = RETURNS.notna() & OTHER.notna()
        x, y = RETURNS[both].to_numpy(), OTHER[both].to_numpy()
        w = _weights(len(x), 2.0)
        rho = w @ (x * y) / np.sqrt((w @ x**2) * (w @ y**2))
        assert found["link"] == pytest.approx(np.arctanh(rho))
        assert found["volatility_second"] == pytest.approx(0.5 * np.log(w @ y**2))

    def test_equal_series_stay_finite(self) -> None:
        found = comovement_features(RETURNS, RETURNS, half_life=1.0)["link"].dropna()
        assert np.isfinite(found).all()

    def test_swapping_the_series_keeps_the_link(self) -> None:
        one = comovement_features(RETURNS, OTHER, half_life=1.0)["link"]
        other = comovement_features(OTHER, RETURNS, half_life=1.0)["link"]
        pd.testing.assert_series_equal(one, other)


class TestFlatMarket:
    def test_no_move_is_null(self) -> None:
        flat = pd.Series(np.zeros(9))
        assert volatility_features(flat, half_lives=[1.0]).isna().all(axis=None)
        found = comovement_features(flat, OTHER, half_life=1.0)
        assert found[["volatility_first", "link"]].isna().all(axis=None)

    def test_nothing_is_known_until_two_half_lives_are_there(self) -> None:
        # ⌈2 · 1.25⌉ = 3 returns; a missing one is stepped over
        found = volatility_features(RETURNS, half_lives=[1.25, 2])
        assert found.columns.tolist() == ["volatility_1.25", "volatility_2"]
        assert found["volatility_1.25"].notna().tolist() == [False] * 3 + [True] * 5
        assert found["volatility_2"].notna().tolist() == [False] * 4 + [True] * 4
        both = comovement_features(RETURNS, OTHER, half_life=1.25)
        assert both.columns.tolist() == ["volatility_first", "volatility_second", "link"]
        for name in both:
            assert both[name].notna().tolist() == [False] * 3 + [True, False, True, True, True]

    def test_a_copy_and_its_mirror_image_are_cut_at_999_thousandths(self) -> None:
        link = comovement_features(RETURNS, 3 * RETURNS, half_life=1.0)["link"].dropna()
        assert link.tolist() == pytest.approx([np.arctanh(0.999)] * 6)
        link = comovement_features(RETURNS, -RETURNS, half_life=1.0)["link"].dropna()
        assert link.tolist() == pytest.approx([-np.arctanh(0.999)] * 6)


class TestBadInput:
    @pytest.mark.parametrize("bad", [np.inf, -np.inf])
    def test_an_infinite_return_is_refused(self, bad: float) -> None:
        said = "^returns must be finite or missing, got"
        with pytest.raises(ValueError, match=said):
            volatility_features(pd.Series([0.0, bad]), half_lives=[1.0])
        with pytest.raises(ValueError, match=said):
            comovement_features(pd.Series([0.0, 0.0]), pd.Series([0.0, bad]), half_life=1.0)

    def test_a_half_life_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="^half_life must be above 0, got 0"):
            comovement_features(RETURNS, OTHER, half_life=0.0)
        with pytest.raises(ValueError, match="^half_life must be above 0, got -1"):
            volatility_features(RETURNS, half_lives=[1, -1])
