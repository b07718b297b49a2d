import numpy as np
import pandas as pd
import pytest

from models.verdict import rival_rules
from tests import naive_verdict

ASKED = {"window": 60, "min_observations": 40}


def _market(n: int = 320, *, seed: int = 8) -> tuple[pd.DataFrame, pd.Series]:
    generator = np.random.default_rng(seed)
    index = pd.bdate_range("2024-01-02", periods=n)
    common = 0.008 * generator.standard_normal((n, 1))
    returns = pd.DataFrame(
        common + 0.01 * generator.standard_normal((n, 8)), index, list("ABCDEFGH")
    )
    level = pd.Series(np.exp(np.cumsum(0.05 * generator.standard_normal(n)) + 3), index)
    return returns, level


class TestRules:
    def test_are_the_five_of_the_bench(self) -> None:
        rules = rival_rules(*_market(), **ASKED)
        assert list(rules) == [
            "VIX level", "VIX change", "turbulence", "common-factor selling", "joint downside tail",
        ]  # fmt: skip

    def test_volatility_index_by_hand(self) -> None:
        returns, level = _market()
        level.iloc[-2:] = [20.0, 25.0]
        rules = rival_rules(returns, level, **ASKED)
        assert rules["VIX level"].iloc[-1] == 25.0
        assert rules["VIX change"].iloc[-1] == pytest.approx(np.log(1.25))

    def test_joint_tail_equals_the_obvious_twin(self) -> None:
        returns, level = _market()
        rules = rival_rules(returns, level, **ASKED)
        moves = [
            naive_verdict.scaled_moves(returns, horizon=horizon, **ASKED) for horizon in (1, 3)
        ]
        for t in (100, 200, 319):
            told = naive_verdict.joint_tail(
                [move.iloc[t].to_dict() for move in moves], start=1.5, cap=np.inf, fewest=6
            )
            assert rules["joint downside tail"].iloc[t] == pytest.approx(told, rel=1e-9)

    def test_a_later_day_changes_nothing(self) -> None:
        returns, level = _market()
        whole = rival_rules(returns, level, **ASKED)
        prefix = rival_rules(returns.iloc[:280], level.iloc[:280], **ASKED)
        for name, values in prefix.items():
            pd.testing.assert_series_equal(whole[name].iloc[:280], values, check_exact=True)


class TestCrash:
    def test_raises_every_rule_that_looks_at_prices(self) -> None:
        returns, level = _market()
        returns.iloc[-1] = -0.06
        level.iloc[-1] = 2 * level.max()
        for name, values in rival_rules(returns, level, **ASKED).items():
            assert values.iloc[-1] == values.max(), name

    def test_a_rally_is_no_selling(self) -> None:
        returns, level = _market()
        returns.iloc[-1] = 0.06
        rules = rival_rules(returns, level, **ASKED)
        assert rules["common-factor selling"].iloc[-1] < 0
        assert rules["joint downside tail"].iloc[-1] < 0.5


class TestMissingInput:
    def test_without_a_volatility_index_its_rules_are_silent(self) -> None:
        returns, level = _market()
        rules = rival_rules(returns, level * np.nan, **ASKED)
        assert rules["VIX level"].isna().all()
        assert rules["VIX change"].isna().all()
        assert rules["turbulence"].notna().any()

    def test_too_few_assets_are_not_judged(self) -> None:
        returns, level = _market()
        rules = rival_rules(returns[list("ABCDE")], level, **ASKED)
        assert rules["joint downside tail"].isna().all()
