import numpy as np
import pandas as pd
import pytest

from features.regime_features import comovement_features, volatility_features

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
        said = "^returns must be finite or missing, got an infinite value; correct the price behind"
        with pytest.raises(ValueError, match=f"{said} it$"):
            volatility_features(pd.Series([0.0, bad]), half_lives=[1.0])
        with pytest.raises(ValueError, match=f"{said} it$"):
            comovement_features(pd.Series([0.0, 0.0]), pd.Series([0.0, bad]), half_life=1.0)

    def test_a_half_life_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="^half-lives must be above 0 rows, got 0.0$"):
            comovement_features(RETURNS, OTHER, half_life=0.0)
        with pytest.raises(ValueError, match="^half-lives must be above 0 rows, got -1$"):
            volatility_features(RETURNS, half_lives=[1, -1])
