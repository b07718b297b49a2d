import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.deleveraging import DRIVERS, UNKNOWN, ScoreHistory, deleveraging_score, states
from tests import naive

LIMITS = {"watch": 2.0, "deleveraging": 4.0, "release": 1.5, "dwell": 2}
CAP = 2.5


def _states(score: list[float]) -> pd.DataFrame:
    return states(pd.Series(score, dtype=float), **LIMITS)  # type: ignore[arg-type]


def _market(n: int = 400, *, seed: int = 11) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    generator = np.random.default_rng(seed)
    names = ["IBIT", "IGV", "GLD", "SPY", "SLV", "TLT"]
    common = generator.normal(0, 0.007, (n, 1))
    index = pd.bdate_range("2024-01-02", periods=n)
    returns = pd.DataFrame(common + generator.normal(0, 0.01, (n, 6)), index, names)
    shares = pd.Series(np.exp(generator.normal(15, 0.3, n)), index)
    link = returns[names[1:]].rolling(20).corr(returns["IBIT"])
    return returns, shares, link


def _score(returns: pd.DataFrame, shares: pd.Series, link: pd.DataFrame) -> ScoreHistory:
    return deleveraging_score(
        returns, shares, link,
        base="IBIT", havens=("TLT",), window=60, slow_window=200, min_observations=40, cap=CAP,
    )  # fmt: skip


class TestScore:
    def test_contributions_add_up_to_it(self) -> None:
        history = _score(*_market())
        told = history.score.notna()
        np.testing.assert_allclose(
            history.contributions[told].sum(axis=1), history.score[told], rtol=1e-12
        )

    def test_no_driver_exceeds_its_cap(self) -> None:
        returns, shares, link = _market()
        returns.iloc[-1] = -0.5
        history = _score(returns, shares, link)
        assert history.contributions.max().max() <= CAP
        assert history.score.iloc[-1] > LIMITS["deleveraging"]

    def test_a_later_day_changes_nothing(self) -> None:
        returns, shares, link = _market()
        whole = _score(returns, shares, link)
        prefix = _score(returns.iloc[:300], shares.iloc[:300], link.iloc[:300])
        pd.testing.assert_frame_equal(whole.contributions.iloc[:300], prefix.contributions)
        pd.testing.assert_series_equal(whole.score.iloc[:300], prefix.score)

    def test_every_driver_is_listed_once(self) -> None:
        names = [driver.name for driver in DRIVERS]
        assert list(_score(*_market()).contributions.columns) == names
        assert len(set(names)) == len(names)


class TestMissingInput:
    def test_opens_the_range_and_moves_nothing(self) -> None:
        returns, shares, link = _market()
        returns.iloc[-1, 0] = -0.08  # a fall, so that volume matters
        full = _score(returns, shares, link)
        shares.iloc[-1] = np.nan
        gap = _score(returns, shares, link)
        assert np.isnan(gap.contributions["volume"].iloc[-1])
        lost = full.contributions["volume"].iloc[-1]
        assert gap.score.iloc[-1] == pytest.approx(full.score.iloc[-1] - lost)
        assert gap.lowest.iloc[-1] <= full.score.iloc[-1] <= gap.highest.iloc[-1]
        assert gap.highest.iloc[-1] == pytest.approx(gap.score.iloc[-1] + CAP)

    def test_without_the_base_nothing_is_told(self) -> None:
        returns, shares, link = _market()
        returns.iloc[-1, 0] = np.nan
        assert np.isnan(_score(returns, shares, link).score.iloc[-1])


class TestOneStockShock:
    def test_does_not_reach_deleveraging(self) -> None:
        returns, shares, link = _market()
        returns.iloc[-1] = 0.0
        returns.iloc[-1, 4] = -0.35
        assert _score(returns, shares, link).score.iloc[-1] < LIMITS["deleveraging"]


class TestHaven:
    def test_a_fall_of_bonds_alone_is_no_breadth(self) -> None:
        returns, shares, link = _market()
        returns.iloc[-1] = 0.0
        returns.iloc[-1, 5] = -0.10
        assert _score(returns, shares, link).contributions["breadth"].iloc[-1] == 0


class TestStateMachine:
    def test_by_hand(self) -> None:
        told = _states([0, 2.5, 1.0, 1.6, 5, 3, 1.9, 1.0, 1.0, 0])
        assert told["state"].tolist() == [
            "CALM", "WATCH", "WATCH", "WATCH", "DELEVERAGING", "DELEVERAGING", "RELEASE",
            "RELEASE", "CALM", "CALM",
        ]  # fmt: skip
        assert told["sessions_in_state"].tolist() == [1, 1, 2, 3, 1, 2, 1, 2, 1, 2]

    def test_unknown_interrupts_and_changes_nothing(self) -> None:
        told = _states([0, 5, np.nan, 3])
        assert told["state"].tolist() == ["CALM", "DELEVERAGING", UNKNOWN, "DELEVERAGING"]
        assert told["previous_state"].tolist() == [UNKNOWN, "CALM", "DELEVERAGING", UNKNOWN]

    @given(st.lists(st.one_of(st.floats(0, 6), st.just(float("nan"))), min_size=1, max_size=60))
    @settings(max_examples=150, deadline=None)
    def test_equals_the_obvious_machine(self, score: list[float]) -> None:
        assert _states(score)["state"].tolist() == naive.states(score, **LIMITS)  # type: ignore[arg-type]

    def test_thresholds_out_of_order_are_refused(self) -> None:
        with pytest.raises(ValueError, match="thresholds must rise"):
            states(pd.Series([1.0]), watch=2, deleveraging=1, release=0, dwell=1)
