import numpy as np
import pytest

from features.correlation import rolling_correlation
from tests.naive_correlation import rolling_all_at_once


def _stress(case: str) -> np.ndarray:
    """Returns or prices on which rolling sums are known to fail (shared/performance-notes)."""
    random = np.random.default_rng(8)
    common = random.standard_t(4, (800, 1))
    returns = 0.01 * (0.6 * common + random.standard_t(4, (800, 9)))
    if case == "returns":
        return returns
    if case == "returns on a level of a million":
        return 1e6 + returns
    if case == "returns of a billionth":
        return 1e-9 * returns
    walk = 100 * np.exp(np.cumsum(returns, axis=0))
    chosen = {"price walks": walk, "an outlier": returns, "prices with an outlier": walk}[case]
    if "outlier" in case:
        chosen[300, 2] = 1e6
        chosen[310, 3] = -1e6
    return chosen


class TestExactness:
    """At most 1e−14 from long double in two passes, in every stress case."""

    @pytest.mark.parametrize("holes", [0.0, 0.05, 0.4])
    @pytest.mark.parametrize(
        "case",
        [
            "returns",
            "returns on a level of a million",
            "returns of a billionth",
            "price walks",
            "an outlier",
            "prices with an outlier",
        ],
    )
    def test_against_long_double(self, case: str, holes: float) -> None:
        values = _stress(case)
        random = np.random.default_rng(9)
        values[random.random(values.shape) < holes] = np.nan
        if holes:
            values[:250, 4] = np.nan  # listed late
        pairs = list(zip(*np.triu_indices(9, 1), strict=True))
        for window in (5, 21, 63, 252):
            rule = {"window": window, "min_observations": max(3, window // 2)}
            every = rolling_correlation(values, **rule)
            for (i, j), found in zip(pairs, every, strict=True):
                exact = rolling_all_at_once(values[:, i], values[:, j], **rule)
                np.testing.assert_allclose(found, exact, rtol=0, atol=1e-14)

    def test_a_hole_elsewhere_changes_no_digit(self) -> None:
        values = _stress("returns")
        holed = values.copy()
        holed[400, 0] = np.nan
        rule = {"window": 63, "min_observations": 63}
        before, after = rolling_correlation(values, **rule), rolling_correlation(holed, **rule)
        assert np.array_equal(before[:, :400], after[:, :400], equal_nan=True)
        assert np.array_equal(before[:, 463:], after[:, 463:], equal_nan=True)
        assert np.isnan(after[:8, 400:463]).all()

    @pytest.mark.parametrize("end", [62, 63, 64, 125, 126, 300, 799])
    @pytest.mark.parametrize("case", ["returns", "prices with an outlier"])
    def test_later_rows_change_no_digit(self, case: str, end: int) -> None:
        values = _stress(case)
        values[random_rows := np.random.default_rng(2).random(values.shape) < 0.02] = np.nan
        assert random_rows.any()
        rule = {"window": 63, "min_observations": 40}
        until = rolling_correlation(values[:end], **rule)
        assert np.array_equal(until, rolling_correlation(values, **rule)[:, :end], equal_nan=True)
