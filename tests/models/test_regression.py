"""Huber regression and expectations: R's figures, statsmodels, an optimiser, no look-ahead."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from models.errors import NotEnoughData
from models.regression import RobustFit, expectation
from tests import naive_mechanisms


def fit_huber(response: pd.Series, design: pd.DataFrame) -> RobustFit:
    """Fit to all rows: the fit behind an expected row that follows them."""
    rows = pd.concat([design, pd.DataFrame(0.0, index=[-1], columns=design.columns)])
    found = expectation(
        response.reindex(rows.index, fill_value=0.0), rows, every=len(rows), history=2,
        min_observations=design.shape[1] + 1,
    )  # fmt: skip
    return found.fit


def sample(n=300, columns=4, seed=1, tail=3):
    generator = np.random.default_rng(seed)
    design = pd.DataFrame(generator.normal(size=(n, columns)))
    design[0] = 1.0
    response = pd.Series(design.to_numpy() @ np.arange(1.0, columns + 1))
    return response + generator.standard_t(tail, n), design


class TestStackLoss:
    """Brownlee's stack loss: `rlm(stack.loss ~ ., stackloss)` in the manual of R's MASS."""

    def test_as_rlm_prints_it(self) -> None:
        data = sm.datasets.stackloss.load_pandas()
        fit = fit_huber(data.endog, sm.add_constant(data.exog))
        assert fit.coefficients.tolist() == pytest.approx(
            [-41.0265, 0.8294, 0.9261, -0.1278], abs=5e-5
        )
        assert fit.scale == pytest.approx(2.441, abs=5e-4)
        assert fit.converged
        assert fit.n == 21


class TestFit:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_equals_statsmodels(self, seed: int) -> None:
        response, design = sample(seed=seed)
        peer = sm.RLM(response, design, M=sm.robust.norms.HuberT()).fit(tol=1e-12, maxiter=500)
        found = fit_huber(response, design)
        assert found.coefficients.to_numpy() == pytest.approx(peer.params.to_numpy(), abs=1e-5)
        assert found.scale == pytest.approx(peer.scale, rel=1e-5)

    def test_is_where_an_optimiser_ends(self) -> None:
        response, design = sample(n=80, columns=2)
        assert fit_huber(response, design).coefficients.to_numpy() == pytest.approx(
            naive_mechanisms.huber(response, design), abs=1e-5
        )

    def test_a_line_is_met_exactly(self) -> None:
        design = pd.DataFrame({"constant": 1.0, "x": np.arange(10.0)})
        fit = fit_huber(2 + 3 * design["x"], design)
        assert fit.coefficients.tolist() == pytest.approx([2, 3])
        assert fit.converged

    def test_a_day_of_panic_does_not_set_the_slope(self) -> None:
        design = pd.DataFrame({"constant": 1.0, "x": np.linspace(-1, 1, 101)})
        response = 0.5 * design["x"] + 0.01 * np.sin(np.arange(101))
        response.iloc[100] = -50.0
        assert fit_huber(response, design).coefficients["x"] == pytest.approx(0.5, abs=0.01)

    def test_units_of_a_column_do_not_matter(self) -> None:
        response, design = sample()
        scaled = design * [1.0, 1e-9, 1e6, 1.0]
        one, two = fit_huber(response, design), fit_huber(response, scaled)
        assert (two.coefficients * [1.0, 1e-9, 1e6, 1.0]).to_numpy() == pytest.approx(
            one.coefficients.to_numpy(), rel=1e-6
        )

    def test_order_of_the_rows_does_not_matter(self) -> None:
        response, design = sample()
        turned = fit_huber(response[::-1], design[::-1])
        assert turned.coefficients.to_numpy() == pytest.approx(
            fit_huber(response, design).coefficients.to_numpy(), abs=1e-6
        )

    def test_missing_rows_are_left_out(self) -> None:
        response, design = sample()
        response.iloc[5], design.iloc[9, 1] = np.nan, np.nan
        kept = [row for row in range(300) if row not in (5, 9)]
        found = fit_huber(response, design)
        assert found.n == 298
        assert found.coefficients.equals(
            fit_huber(response.iloc[kept], design.iloc[kept]).coefficients
        )

    def test_a_column_of_zeros_has_no_weight(self) -> None:
        response, design = sample()
        found = fit_huber(response, design.assign(holiday=0.0))
        assert found.coefficients["holiday"] == 0
        assert np.isfinite(found.coefficients).all()

    def test_twin_columns_share_their_weight(self) -> None:
        response, design = sample()
        alone = fit_huber(response, design).coefficients[1]
        both = fit_huber(response, design.assign(twin=design[1])).coefficients
        assert both[1] == pytest.approx(alone / 2, abs=1e-4)
        assert both["twin"] == pytest.approx(alone / 2, abs=1e-4)

    def test_too_few_rows(self) -> None:
        response, design = sample(n=4)
        with pytest.raises(NotEnoughData, match="at least 5 complete rows, got 4"):
            fit_huber(response, design)

    def test_an_infinite_row_is_refused(self) -> None:
        response, design = sample()
        response.iloc[3] = np.inf
        with pytest.raises(ValueError, match="finite or missing"):
            fit_huber(response, design)


TERMS = {"every": 20, "history": 100, "min_observations": 60}


class TestExpectation:
    def test_the_last_row_rests_on_all_before_it(self) -> None:
        response, design = sample()
        found = expectation(response, design, **TERMS)
        fit = fit_huber(response.iloc[:-1], design.iloc[:-1])
        assert found.expected.iloc[-1] == pytest.approx(
            float(design.iloc[-1] @ fit.coefficients), abs=1e-5
        )
        assert found.error.iloc[-1] == pytest.approx(response.iloc[-1] - found.expected.iloc[-1])
        assert found.fit.n == 299

    def test_each_earlier_row_rests_on_a_fit_that_ended_before_it(self) -> None:
        response, design = sample()
        found = expectation(response, design, **TERMS)
        assert len(found.expected) == 101
        for row in (199, 210, 278, 279, 298):
            end = 299 - 20 * -(-(299 - row) // 20)
            fit = fit_huber(response.iloc[:end], design.iloc[:end])
            assert found.expected.loc[row] == pytest.approx(
                float(design.loc[row] @ fit.coefficients), abs=1e-5
            ), row

    def test_the_future_changes_nothing(self) -> None:
        response, design = sample()
        whole = expectation(response.iloc[:250], design.iloc[:250], **TERMS)
        wild = response.copy()
        wild.iloc[250:] = 1e6
        again = expectation(wild.iloc[:250], design.iloc[:250], **TERMS)
        pd.testing.assert_series_equal(whole.error, again.error, check_exact=True)

    def test_z_is_over_the_scale_of_errors_before_the_last(self) -> None:
        response, design = sample()
        response.iloc[-1] += 1000.0
        found = expectation(response, design, **TERMS)
        scale = 1.4826 * found.error.iloc[:-1].abs().median()
        assert found.scale == pytest.approx(scale)
        assert found.z == pytest.approx(found.error.iloc[-1] / scale)
        assert found.z > 100

    def test_a_short_history_has_no_scale(self) -> None:
        for n in (61, 80):
            response, design = sample(n=n)
            found = expectation(response, design, **TERMS)
            assert len(found.error) == n - 60
            assert np.isnan(found.z)
        assert np.isfinite(expectation(*sample(n=81), **TERMS).z)

    def test_a_last_row_that_is_not_there(self) -> None:
        response, design = sample()
        response.iloc[-1] = np.nan
        with pytest.raises(NotEnoughData, match="the row to be expected"):
            expectation(response, design, **TERMS)

    def test_too_few_rows_before(self) -> None:
        response, design = sample(n=60)
        with pytest.raises(NotEnoughData, match="at least 60 complete rows, got 59"):
            expectation(response, design, **TERMS)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"every": 0}, "every must be at least 1 row, got 0"),
            ({"history": 1}, "history must be at least 2 rows, got 1"),
            ({"min_observations": 4}, "min_observations must exceed the 4 columns, got 4"),
        ],
    )
    def test_arguments_out_of_range(self, change: dict[str, int], message: str) -> None:
        response, design = sample()
        with pytest.raises(ValueError, match=message):
            expectation(response, design, **(TERMS | change))
