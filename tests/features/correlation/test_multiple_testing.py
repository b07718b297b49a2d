import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from statsmodels.stats.multitest import multipletests

from features.correlation import family_wise

PROBABILITIES = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=12)


class TestFamily:
    def test_against_r(self):
        # R 4: p.adjust(c(.01,.02,.03,.04,.05), "holm") is .05 .08 .09 .09 .09.
        p = pd.Series([0.01, 0.02, 0.03, 0.04, 0.05])
        np.testing.assert_allclose(family_wise(p), [0.05, 0.08, 0.09, 0.09, 0.09])

    def test_by_hand(self):
        # The smallest of three is tripled, the next doubled, none falls below one before it.
        p = pd.Series([0.04, 0.01, 0.03], index=["a", "b", "c"], name="p")
        expected = pd.Series([0.06, 0.03, 0.06], index=["a", "b", "c"], name="p")
        pd.testing.assert_series_equal(family_wise(p), expected)

    def test_an_abstained_test_is_no_member(self):
        p = pd.Series([0.01, np.nan, 0.04], index=[("A~B", 21), ("A~B", 63), ("A~C", 21)])
        adjusted = family_wise(p)
        assert np.isnan(adjusted.iloc[1])
        np.testing.assert_allclose(adjusted.iloc[[0, 2]], [0.02, 0.04])
        assert adjusted.index.equals(p.index)

    def test_nobody_knew(self):
        assert family_wise(pd.Series([np.nan, np.nan])).isna().all()

    @settings(max_examples=10, deadline=None)
    @given(values=PROBABILITIES, seed=st.integers(0, 99))
    def test_never_below_the_plain_p_and_blind_to_order(self, values, seed):
        p = pd.Series(values, dtype=float)
        order = np.random.default_rng(seed).permutation(len(p))
        adjusted = family_wise(p)
        known = p.notna()
        assert adjusted.notna().equals(known)
        assert (adjusted[known] >= p[known] - 1e-12).all()
        assert (adjusted[known] <= 1).all()
        pd.testing.assert_series_equal(family_wise(p.iloc[order]).sort_index(), adjusted)

    def test_against_statsmodels(self):
        p = np.random.default_rng(3).uniform(size=40) ** 3
        np.testing.assert_allclose(
            family_wise(pd.Series(p)), multipletests(p, method="holm")[1], rtol=1e-12
        )

    def test_refuses_statistics(self):
        with pytest.raises(ValueError, match=r"p-values must lie in \[0, 1\], got -1.0"):
            family_wise(pd.Series([0.2, -1.0]))


class TestOverlappingWindows:
    def test_the_family_error_is_held_where_plain_tests_err_far_more_often(self):
        """Null z statistics of 20 windows of 100 rows, 25 apart: 2,000 families."""
        generator = np.random.default_rng(1)
        sums = np.cumsum(generator.standard_normal((2000, 600)), axis=1)
        starts = 25 * np.arange(20)
        z = (sums[:, starts + 100] - sums[:, starts]) / 10
        p = 2 * special.ndtr(-np.abs(z))
        for row in p[:3]:  # a family errs when its smallest p, twentyfold, is at most 5 %
            assert family_wise(pd.Series(row)).min() == pytest.approx(min(1, 20 * row.min()))
        error = np.sqrt(0.05 * 0.95 / len(p))
        assert np.mean(p.min(axis=1) <= 0.05) > 0.25
        assert np.mean(20 * p.min(axis=1) <= 0.05) <= 0.05 + 3 * error
