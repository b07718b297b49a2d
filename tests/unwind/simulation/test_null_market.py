import numpy as np
import pandas as pd
import pytest

from unwind.simulation.null_market import null_returns

CLASSES = {"equity": ("SPY", "IWM"), "gold": ("GLD",), "bitcoin": ("IBIT",)}
SPREADS = (("MTUM", "SPY"),)


def _drawn(**changed: object) -> pd.DataFrame:
    asked = {
        "sessions": 60_000, "correlation": 0.3, "freedom": 6.0, "joint_shocks": False, "seed": 1,
    } | changed  # fmt: skip
    return null_returns(CLASSES, SPREADS, **asked)  # type: ignore[arg-type]


class TestCorrelation:
    @pytest.mark.parametrize("joint_shocks", [False, True])
    @pytest.mark.parametrize("correlation", [0.0, 0.5])
    def test_between_classes_is_the_stated_times_that_of_the_fund_with_its_class(
        self, correlation: float, joint_shocks: bool
    ) -> None:
        drawn = _drawn(correlation=correlation, joint_shocks=joint_shocks)
        found = drawn.corr()
        # A fund is √0.9 of its class: two funds of two classes correlate 0.9 ρ, of one 0.9.
        for one, other in (("SPY", "GLD"), ("GLD", "IBIT"), ("IWM", "IBIT")):
            assert found.loc[one, other] == pytest.approx(0.9 * correlation, abs=0.03)
        assert found.loc["SPY", "IWM"] == pytest.approx(0.9, abs=0.02)

    def test_is_the_same_in_both_halves(self) -> None:
        drawn = _drawn()
        one, other = drawn.iloc[:30_000].corr(), drawn.iloc[30_000:].corr()
        assert (one - other).abs().max(axis=None) < 0.04


class TestShocks:
    def test_have_the_stated_size(self) -> None:
        drawn = _drawn()
        np.testing.assert_allclose(drawn[["SPY", "GLD", "IBIT"]].std(), 0.01, rtol=0.03)
        assert (drawn["MTUM"] - drawn["SPY"]).std() == pytest.approx(0.003, rel=0.03)

    def test_have_student_kurtosis(self) -> None:
        # Excess kurtosis of Student-t is 6/(ν − 4): 1 with ν = 10. With one mixing variable for
        # all shocks every fund keeps it; sums of independent shocks are closer to normal.
        joint = _drawn(freedom=10.0, joint_shocks=True, sessions=200_000)
        assert joint["GLD"].kurt() == pytest.approx(1.0, abs=0.2)
        apart = _drawn(freedom=10.0, sessions=200_000)["GLD"].kurt()
        # Kurtosis of a sum: Σ wᵢ² with wᵢ the shares of variance 0.27, 0.63 and 0.1.
        assert apart == pytest.approx(0.27**2 + 0.63**2 + 0.1**2, abs=0.1)

    def test_leap_together_only_when_asked_to(self) -> None:
        for joint_shocks, low, high in ((False, -0.02, 0.06), (True, 0.1, 0.5)):
            drawn = _drawn(correlation=0.0, joint_shocks=joint_shocks)
            assert low < drawn["GLD"].abs().corr(drawn["IBIT"].abs()) < high

    def test_have_no_memory(self) -> None:
        drawn = _drawn()
        assert abs(drawn["SPY"].autocorr(1)) < 0.02
        assert abs((drawn["SPY"].abs()).autocorr(1)) < 0.02


class TestSeed:
    def test_repeats(self) -> None:
        pd.testing.assert_frame_equal(_drawn(sessions=50), _drawn(sessions=50))
        assert not _drawn(sessions=50).equals(_drawn(sessions=50, seed=2))

    def test_a_thousand_years_fit_the_calendar(self) -> None:
        assert len(_drawn(sessions=252_100)) == 252_100


class TestRefusal:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"correlation": 1.0}, "correlation must lie in [0, 1), got 1.0"),
            ({"correlation": -0.1}, "correlation must lie in [0, 1), got -0.1"),
            ({"freedom": 2.0}, "freedom must exceed 2 for a variance to exist, got 2.0"),
        ],
    )
    def test_is_a_sentence(self, wrong: dict[str, float], said: str) -> None:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared
            _drawn(sessions=10, **wrong)
        assert str(caught.value) == said
