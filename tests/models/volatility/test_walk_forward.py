import time
import warnings

import numpy as np
import pandas as pd
import pytest
from arch import arch_model

from benchmarks.volatility import simulate, warm
from models.errors import NotEnoughData
from models.volatility import walk_forward
from tests.conftest import SHARED
from tests.models.volatility.test_garch import _simulated

REFERENCES = SHARED / "references" / "garch"
RULE = {"every": 21, "window": 500, "min_observations": 300}


class TestNoLookAhead:
    @pytest.mark.parametrize("end", [330, 400, 437])
    def test_later_rows_change_no_digit(self, end: int) -> None:
        returns = _simulated(500)
        whole, until = walk_forward(returns, **RULE), walk_forward(returns.iloc[:end], **RULE)
        pd.testing.assert_series_equal(until.sigma, whole.sigma.iloc[: len(until.sigma)])

    def test_parameters_never_saw_their_session(self) -> None:
        path = walk_forward(_simulated(500), **RULE)
        seen = pd.DatetimeIndex(path.estimated_to)
        assert (seen < path.sigma.index).all()
        assert len(seen.unique()) == len(path.estimates) == 10

    def test_the_session_itself_moves_only_the_next(self) -> None:
        returns = _simulated(500)
        moved = returns.copy()
        moved.iloc[350] = -0.2
        before, after = walk_forward(returns, **RULE).sigma, walk_forward(moved, **RULE).sigma
        pd.testing.assert_series_equal(before.iloc[:51], after.iloc[:51])
        assert after.iloc[51] > before.iloc[51]


class TestForecast:
    def test_the_last_session_is_in_it_between_estimates(self) -> None:
        returns = _simulated(420)
        for n in (400, 410):
            path = walk_forward(returns.iloc[:n], **RULE)
            longer = walk_forward(returns.iloc[: n + 1], **RULE)
            assert len(path.estimates) == len(longer.estimates)
            assert path.sigma_next == longer.sigma.iloc[-1]

    def test_a_crash_in_the_last_session_raises_it(self) -> None:
        returns = _simulated(405)
        calm = walk_forward(returns, **RULE).sigma_next
        returns.iloc[-1] = -0.2
        assert walk_forward(returns, **RULE).sigma_next > 2 * calm


def _arch(sample: pd.Series, law: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = arch_model(100 * sample, vol="GARCH", p=1, o=1, q=1, dist=law, rescale=False)
        return float(model.fit(disp="off", show_warning=False).loglikelihood)


class TestAgainstColdFits:
    @pytest.mark.parametrize("law", ["normal", "t"])
    def test_warm_is_never_below_arch(self, law: str) -> None:
        returns = _simulated(1500)
        path = walk_forward(
            returns, every=21, window=800, min_observations=500, model="gjr", innovation=law
        )
        for number in range(3, len(path.estimates), 9):
            end = 500 + 21 * number
            told = _arch(returns.iloc[max(0, end - 800) : end], law)
            assert path.estimates[number].log_likelihood >= told - 1e-4

    @pytest.mark.skipif(not REFERENCES.exists(), reason="no reference data here")
    def test_two_hills_of_a_real_bank(self) -> None:
        """Bank of America, 1987–1996: `arch` alone stops on the lower hill of several windows."""
        returns = pd.read_csv(REFERENCES / "dji30ret.csv.gz")["BAC"].iloc[:2000].astype(float)
        path = walk_forward(
            returns, every=21, window=1500, min_observations=500, model="gjr", innovation="t"
        )
        for number in (1, 8, 15, 22, 36, 43):
            end = 500 + 21 * number
            told = _arch(returns.iloc[max(0, end - 1500) : end], "t")
            assert path.estimates[number].log_likelihood >= told - 1e-4


class TestSpeed:
    @pytest.mark.at_length
    def test_twelve_assets_of_ten_years_take_two_seconds_of_one_core(self) -> None:
        drawn = simulate(12)
        warm(drawn.iloc[:600, 0])
        seconds = []
        for _ in range(3):  # the quickest: others may use the machine as well
            begin = time.process_time()
            assert sum(warm(returns) for _, returns in drawn.items()) == 12 * 97
            seconds.append(time.process_time() - begin)
        assert min(seconds) < 2


class TestHoliday:
    def test_missing_rows_are_stepped_over(self) -> None:
        returns = _simulated(500)
        holed = returns.copy()
        holed.iloc[360:365] = np.nan
        path = walk_forward(holed, **RULE)
        assert not path.sigma.index.isin(returns.index[360:365]).any()
        pd.testing.assert_series_equal(path.sigma, walk_forward(holed.dropna(), **RULE).sigma)


class TestHalt:
    def test_a_constant_stretch_is_a_labelled_fallback(self) -> None:
        returns = _simulated(700)
        returns.iloc[100:] = 0.0
        path = walk_forward(returns, every=50, window=300, min_observations=300)
        assert [fit.model for fit in path.estimates][-1] == "ewma"
        assert all(fit.reason for fit in path.estimates if not fit.converged)
        assert path.sigma.iloc[-40:].isna().all()  # no volatility to divide by


class TestTooLittle:
    def test_no_session_after_the_first_estimate(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 301"):
            walk_forward(_simulated(300), **RULE)

    @pytest.mark.parametrize(
        ("changed", "said"), [({"every": 0}, "every"), ({"window": 9}, "window")]
    )
    def test_settings_are_refused_with_rule_and_value(self, changed: dict, said: str) -> None:
        with pytest.raises(ValueError, match=f"{said} must be at least"):
            walk_forward(_simulated(400), **(RULE | changed))
