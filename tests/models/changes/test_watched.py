"""What the desk watches session by session, and the alarms on it."""

import numpy as np
import pandas as pd
import pytest

from models.changes import online_changes, watched_asset, watched_cross_section, watched_pair
from models.errors import NotEnoughData

CHOSEN = {
    "reference": 504, "min_reference": 126, "monitored": 126, "alarms_per_year": 1.0,
    "expected_run": 252.0, "draws": 19, "seed": 1,
}  # fmt: skip


def _returns(n: int = 500, *, assets: int = 6, seed: int = 3) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    common = generator.standard_t(5, n)
    rows = 0.01 * (0.6 * common[:, None] + generator.standard_t(5, (n, assets)))
    index = pd.bdate_range("2023-01-02", periods=n)
    return pd.DataFrame(rows, index, columns=[f"A{i}" for i in range(assets)])


def _found(watched, **changed):  # type: ignore[no-untyped-def]
    return online_changes(watched, **{**CHOSEN, **changed})


class TestSeries:
    def test_a_pair_by_hand(self) -> None:
        # Returns of ±1 % have an EWMA σ of 1 %: each standardised one is ±1.
        signs = pd.Series([1.0, -1.0] * 20, pd.bdate_range("2024-01-01", periods=40))
        watched = watched_pair(0.01 * signs, -0.02 * signs)
        assert watched.values.iloc[:21].isna().all()
        assert watched.values.iloc[21:].to_numpy() == pytest.approx(-1)
        assert (watched.floor, watched.ceiling) == (-9, 9)
        assert watched.level(watched.values.index[21:]) == pytest.approx(-1)

    def test_stay_within_their_bounds(self) -> None:
        returns = _returns()
        returns.iloc[300] *= 100
        pair = watched_pair(returns["A0"], returns["A1"])
        for one in (pair, *watched_asset(returns["A0"]), *watched_cross_section(returns)):
            held = one.values.dropna()
            assert held.between(one.floor, one.ceiling).all(), one.quantity
            assert len(held) > 400

    def test_a_row_uses_rows_up_to_it(self) -> None:
        returns = _returns()
        early = returns.iloc[:300]
        for whole, prefix in zip(
            (watched_pair(returns["A0"], returns["A1"]), *watched_cross_section(returns)),
            (watched_pair(early["A0"], early["A1"]), *watched_cross_section(early)),
            strict=True,
        ):
            pd.testing.assert_series_equal(whole.values.iloc[:300], prefix.values)


class TestLateListing:
    def test_half_of_the_assets_make_a_cross_section(self) -> None:
        returns = _returns()
        returns.iloc[:200, :3] = np.nan
        returns.iloc[:100, 3] = np.nan
        mean, dispersion = watched_cross_section(returns)
        assert dispersion.values.first_valid_index() == returns.index[121]
        assert mean.values.first_valid_index() > returns.index[121]

    def test_too_short_a_history_is_not_watched(self) -> None:
        mean, _ = watched_asset(_returns(250)["A0"])
        with pytest.raises(NotEnoughData, match="before its watch needs at least 126"):
            _found(mean)


class TestCrash:
    def test_is_seen_within_days_and_by_every_detector(self) -> None:
        returns = _returns()
        returns.iloc[450:, :] -= 0.025
        mean, _ = watched_cross_section(returns)
        found = _found(mean)
        for detector in ("glr-cusum", "bocpd", "e-detector"):
            seen = [c for c in found if c.detector == detector and c.at >= returns.index[445]]
            assert seen, detector
            assert seen[0].first_seen <= returns.index[465]
            assert seen[0].after < seen[0].before

    def test_volatility_is_told_in_sigma(self) -> None:
        returns = _returns()
        returns.iloc[480:] *= 4
        _, volatility = watched_asset(returns["A0"])
        last = [c for c in _found(volatility) if c.at >= returns.index[475]]
        assert last
        assert last[0].after > 1.5 > last[0].before > 0.7


class TestDecoupling:
    def test_a_fall_of_correlation_is_seen(self) -> None:
        generator = np.random.default_rng(4)
        x = pd.Series(generator.normal(0, 0.01, 500), pd.bdate_range("2023-01-02", periods=500))
        y = 0.95 * x + 0.3 * pd.Series(generator.normal(0, 0.01, 500), x.index)
        y.iloc[420:] *= -1
        found = [c for c in _found(watched_pair(x, y)) if c.at >= x.index[400]]
        assert {c.detector for c in found} == {"glr-cusum", "bocpd", "e-detector"}
        assert all(c.before > 0.8 and c.after < -0.5 for c in found)


class TestPrefix:
    def test_an_alarm_keeps_its_dates_while_the_watch_lasts(self) -> None:
        returns = _returns()
        returns.iloc[430:, :] -= 0.02
        mean, _ = watched_cross_section(returns)
        dated = [(c.detector, c.at, c.first_seen) for c in _found(mean)]
        for end in (440, 460, 480):
            early, _ = watched_cross_section(returns.iloc[:end])
            seen = [(c.detector, c.at, c.first_seen) for c in _found(early)]
            assert seen == [one for one in dated if one[2] < returns.index[end]]
