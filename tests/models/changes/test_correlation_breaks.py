"""Breaks of correlation: false alarms as rare as stated, power, and dates that stay."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.datasets import nile

from benchmarks.changes import simulated_pairs
from models.changes import Break, correlation_breaks
from models.changes.correlation_breaks import correlation_scores, level_breaks, standardised
from models.errors import NotEnoughData
from tests import naive_changepoint as naive
from tests.conftest import SHARED
from tests.reference.changes import NILE_BREAKS, REAL_INTEREST, REAL_INTEREST_BREAKS

PRICES = SHARED / "market" / "ibit_era" / "prices.parquet"


def _pair(correlations: list[float], *, n: int, seed: int = 5) -> tuple[pd.Series, pd.Series]:
    generator = np.random.default_rng(seed)
    rho = np.repeat(correlations, n)
    x, noise = generator.normal(0, 0.01, (2, len(rho)))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    index = pd.bdate_range("2022-01-03", periods=len(rho))
    return pd.Series(x, index), pd.Series(y, index)


def _share_with_breaks(pairs: np.ndarray) -> float:
    index = pd.bdate_range("2022-01-03", periods=pairs.shape[1])
    breaks = [correlation_breaks(*(pd.Series(one, index) for one in pair.T)) for pair in pairs]
    return float(np.mean([len(one) > 0 for one in breaks]))


class TestCalmMarket:
    """A stated 5 % of windows: of 150, more than 14 with a break would be a 1 in 100 accident."""

    @pytest.mark.parametrize("market", ["normal", "t4", "garch"])
    def test_of_constant_correlation_rarely_breaks(self, market: str) -> None:
        pairs = simulated_pairs(market, 0.8, windows=150, generator=np.random.default_rng(8))
        assert _share_with_breaks(pairs) <= stats.binom.ppf(0.99, 150, 0.05) / 150

    def test_constant_correlation_shows_none(self) -> None:
        assert correlation_breaks(*_pair([0.5], n=500)) == ()


class TestRegimeChange:
    @pytest.mark.parametrize("market", ["t4", "garch"])
    def test_of_a_year_is_seen(self, market: str) -> None:
        path = np.repeat([0.2, 0.7], [275, 250])
        pairs = simulated_pairs(market, path, windows=20, generator=np.random.default_rng(9))
        assert _share_with_breaks(pairs) >= 0.95

    def test_a_jump_from_nothing_to_nearly_one_is_dated(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        (only,) = correlation_breaks(x, y)
        assert abs(x.index.get_loc(only.at) - 200) <= 3
        assert only.before == pytest.approx(0, abs=0.2)
        assert only.after == pytest.approx(0.95, abs=0.05)
        assert only.n_before + only.n_after == 400 - 21

    def test_is_never_seen_before_its_last_segment_can_exist(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        (only,) = correlation_breaks(x, y)
        delay = x.index.get_loc(only.first_seen) - x.index.get_loc(only.at)
        assert 9 <= delay < 40

    def test_there_and_back_is_two_breaks(self) -> None:
        x, y = _pair([0.1, 0.9, 0.1], n=150)
        rows = [x.index.get_loc(one.at) for one in correlation_breaks(x, y)]
        assert rows == pytest.approx([150, 300], abs=5)


class TestVolatilityOnly:
    def test_tripled_variance_is_not_a_change_of_correlation(self) -> None:
        x, y = _pair([0.5], n=400)
        scale = np.where(np.arange(400) < 200, 1.0, 3.0)
        assert correlation_breaks(x * scale, y * scale) == ()

    def test_of_both_assets_leaves_the_direction_of_a_score(self) -> None:
        ratios = np.random.default_rng(2).standard_t(4, (300, 2))
        assert correlation_scores(7 * ratios) == pytest.approx(correlation_scores(ratios))
        assert correlation_scores(ratios).mean() == pytest.approx(0, abs=1e-6)
        assert np.abs(correlation_scores(1e3 ** np.abs(ratios) * ratios)).max() < 6

    def test_standardised_returns_are_capped(self) -> None:
        x, _ = _pair([0.0], n=100)
        x.iloc[90] = 5.0
        assert standardised(x).iloc[90] == 3.0

    def test_scale_uses_earlier_rows_only(self) -> None:
        x, _ = _pair([0.0], n=100)
        other = x.copy()
        other.iloc[90:] *= 50
        pd.testing.assert_series_equal(standardised(x).iloc[:90], standardised(other).iloc[:90])


class TestNewData:
    """The estimated position drifts; the break keeps the session that first showed it."""

    @staticmethod
    def _walk(x: pd.Series, y: pd.Series, ends: range, **changed: int) -> list[tuple[Break, ...]]:
        return [correlation_breaks(x.iloc[:end], y.iloc[:end], **changed) for end in ends]

    @pytest.mark.parametrize("seed", range(4))
    def test_leaves_a_clear_break_alone(self, seed: int) -> None:
        x, y = _pair([0.2, 0.8], n=260, seed=seed)
        walk = [breaks for breaks in self._walk(x, y, range(280, 420, 7)) if breaks]
        assert len(walk) > 10
        assert len({(breaks[-1].at, breaks[-1].first_seen) for breaks in walk}) == 1

    @pytest.mark.parametrize("seed", range(3))
    def test_never_moves_first_seen_of_a_break_that_persists(self, seed: int) -> None:
        # At a low penalty and with missing sessions, weak breaks come, drift, split and go.
        generator = np.random.default_rng(seed)
        x, y = _pair(list(generator.uniform(-0.6, 0.9, 4)), n=80, seed=seed)
        x[generator.random(len(x)) < 0.04] = np.nan
        before: dict[pd.Timestamp, pd.Timestamp] = {}
        n_same = 0
        for breaks in self._walk(x, y, range(150, 320, 4), window=120, penalty=0):
            now = {one.at: one.first_seen for one in breaks}
            assert len(now) == len(breaks)
            assert all(at <= first_seen for at, first_seen in now.items())
            assert {at: now[at] for at in now.keys() & before} == {
                at: before[at] for at in now.keys() & before
            }
            n_same += len(now.keys() & before)
            before = now
        assert n_same > 10

    def test_between_two_searches_only_the_level_moves(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        monday = x.index.get_loc(pd.Timestamp("2023-03-06"))
        week = self._walk(x, y, range(monday + 1, monday + 6))
        assert len({(one.at, one.first_seen) for (one,) in week}) == 1
        assert [one.n_after - week[0][0].n_after for (one,) in week] == [0, 1, 2, 3, 4]

    @pytest.mark.skipif(not PRICES.exists(), reason="the market data is not beside this checkout")
    def test_gold_against_stocks_breaks_once_in_2025(self) -> None:
        prices = pd.read_parquet(PRICES).pivot_table(
            index="session", columns="symbol", values="close"
        )
        prices.index = pd.DatetimeIndex(prices.index)
        returns = np.log(prices[["SPY", "GLD"]].dropna()).diff()
        first, last = returns.index.get_indexer(pd.to_datetime(["2025-05-12", "2025-10-06"]))
        walk = self._walk(returns["SPY"], returns["GLD"], range(first + 1, last + 2, 4))
        assert {(f"{one.at:%F}", f"{one.first_seen:%F}") for breaks in walk for one in breaks} == {
            ("2025-04-10", "2025-05-12")
        }
        assert all(len(breaks) == 1 for breaks in walk)


class TestOneAssetTwice:
    def test_has_no_break(self) -> None:
        x, _ = _pair([0.0], n=200)
        assert correlation_breaks(x, x) == ()
        assert correlation_breaks(x, -2 * x) == ()

    def test_a_stale_price_has_no_break(self) -> None:
        x, y = _pair([0.0], n=300)
        y.iloc[40:] = 0.0
        assert correlation_breaks(x, y, window=252) == ()


class TestSearch:
    FLOW = nile.load_pandas().data["volume"].to_numpy()

    @pytest.mark.parametrize("seed", range(6))
    def test_is_exact(self, seed: int) -> None:
        signal = (
            np.random.default_rng(seed).normal(0, 1, (13, 1)) + 2 * (np.arange(13) > 6)[:, None]
        )
        unit = signal / signal.std()
        cost = {
            rows: naive.squares(unit, rows) + k * (np.log(13) - 1.5)
            for k in range(6)
            for rows in naive.segmentations(13, k, 2)
        }
        breaks = level_breaks(signal[:, 0], min_size=2, penalty=-1.5)
        assert tuple(one.row for one in breaks) == min(cost, key=lambda rows: cost[rows])

    def test_the_nile_breaks_in_1898(self) -> None:
        (only,) = level_breaks(self.FLOW, min_size=10, penalty=4.0)
        assert only.row == 28
        assert only.low <= 28 <= only.high < 35

    @pytest.mark.parametrize("penalty", [-4.5, -4.0, -3.0, 0.0, 4.0])
    def test_breaks_are_those_of_strucchange(self, penalty: float) -> None:
        for signal, reference in (
            (self.FLOW, NILE_BREAKS),
            (np.array(REAL_INTEREST), REAL_INTEREST_BREAKS),
        ):
            breaks = level_breaks(signal, min_size=15, penalty=penalty)
            assert tuple(one.row for one in breaks) in reference

    def test_interval_covers_the_row_of_the_change(self) -> None:
        generator = np.random.default_rng(4)
        covered = []
        for _ in range(200):
            signal = generator.normal(0, 1, 200) + (np.arange(200) >= 120)
            covered += [
                one.low <= 120 <= one.high for one in level_breaks(signal, min_size=10, penalty=4.0)
            ]
        assert np.mean(covered) >= 0.9


class TestTooLittle:
    def test_is_refused(self) -> None:
        x, y = _pair([0.0], n=40)
        with pytest.raises(NotEnoughData, match="a search for breaks needs at least 40"):
            correlation_breaks(x, y)
