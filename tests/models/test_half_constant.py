"""A series that hardly moves: the refusal names the fault, not the length of the history."""

import numpy as np
import pandas as pd
import pytest

from models.changes import calibrated_alarms, glr_cusum
from models.errors import NotEnoughData, NoVariation
from models.regimes import fit_jump_model, fit_markov_switching
from models.volatility import fit_garch, walk_forward

DAYS = pd.bdate_range("2022-01-03", periods=1000)
JUMP = {"order_by": "return", "starts": 2}


def _stuck(share: int) -> pd.DataFrame:
    """A thousand returns of which the first `share` are zero."""
    returns = 0.01 * np.random.default_rng(1).standard_normal(1000)
    returns[:share] = 0.0
    return pd.DataFrame({"return": returns}, index=DAYS)


class TestFrozenQuote:
    def test_of_a_markov_model(self) -> None:
        with pytest.raises(NoVariation) as caught:
            fit_markov_switching(_stuck(600), starts=2)
        assert str(caught.value) == (
            "cannot fit Markov switching: the MAD of return is zero (600 of 1,000 values are "
            "identical); exclude the asset"
        )

    def test_of_a_jump_model(self) -> None:
        with pytest.raises(NoVariation, match=r"cannot fit a jump model: the MAD of return is "):
            fit_jump_model(_stuck(600), **JUMP)  # type: ignore[arg-type]

    def test_one_of_two_series_is_named(self) -> None:
        pair = _stuck(0).assign(frozen=_stuck(700)["return"])
        with pytest.raises(NoVariation, match=r"the MAD of frozen is zero \(700 of 1,000 values"):
            fit_markov_switching(pair, starts=2)

    def test_less_than_half_is_estimated(self) -> None:
        assert fit_jump_model(_stuck(400), **JUMP).n == 1000  # type: ignore[arg-type]


class TestHalt:
    @pytest.mark.parametrize("fit", [fit_garch, walk_forward])
    def test_of_a_volatility_model(self, fit) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(NoVariation, match=r"the returns are constant \(1,000 identical\)"):
            fit(_stuck(1000)["return"])

    def test_of_a_watched_series(self) -> None:
        rows = np.r_[np.full(600, 0.5), np.random.default_rng(1).standard_normal(100)]
        with pytest.raises(NoVariation, match=r"before the watch are constant \(600 identical\)"):
            calibrated_alarms(rows, start=600, detector=glr_cusum)

    def test_is_an_outcome_that_a_row_can_carry(self) -> None:
        # Whoever turns too little data into a row with a reason does so here too.
        assert issubclass(NoVariation, NotEnoughData)
