import numpy as np
import pytest

from features.correlation._local_volatility import local_volatility, standard_rows
from tests import naive_tests


class TestLocalVolatility:
    def test_three_rows_by_hand(self):
        near, far = 2**-0.1, 2**-0.2
        expected = [
            (4 * near + 9 * far) / (near + far),
            (1 * near + 9 * near) / (2 * near),
            (1 * far + 4 * near) / (near + far),
        ]
        assert local_volatility(np.array([1.0, 2.0, -3.0])) ** 2 == pytest.approx(expected)

    def test_against_the_twin_forwards_and_backwards(self):
        values = np.random.default_rng(1).standard_t(4, 90)
        volatility = local_volatility(values)
        assert volatility == pytest.approx(naive_tests.local_volatility(values))
        assert local_volatility(values[::-1]) == pytest.approx(volatility[::-1])

    def test_a_shock_does_not_scale_itself_down(self):
        values = np.ones(60)
        shock = values.copy()
        shock[30] = 50
        assert local_volatility(shock)[30] == pytest.approx(1)


class TestPeg:
    def test_a_row_among_zeros_has_no_volatility_and_stays_zero(self):
        values = np.zeros(40_000)
        values[[0, -1]] = 1.0, -1.0
        rows = standard_rows(values, local_volatility(values))
        assert np.isfinite(rows).all()
        assert (rows[1:20] != 0).sum() == 0
