"""The table `correlation_tests`: each row is its test on the rows up to the session."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from features.correlation import (
    compare_dependent_correlations,
    constancy_test,
    exceedance_test,
    family_wise,
)
from features.returns import standardised_returns
from tests.unwind.contexts import run_context
from unwind.indicators.context import Slot
from unwind.indicators.links.correlation_tests import correlation_test_rows
from unwind.settings import Settings

DAYS = pd.bdate_range("2023-06-01", periods=600)
MOMENT = Slot(as_of=DAYS[-1].date(), cutoff=pd.Timestamp("2025-09-17T20:15Z"), source="files")


@pytest.fixture
def returns(settings: Settings) -> pd.DataFrame:
    """One common factor; the volatility of every asset triples for the last 60 sessions."""
    symbols = list(settings.universe.symbols)
    generator = np.random.default_rng(3)
    values = generator.standard_t(5, (600, len(symbols))) + generator.standard_t(5, (600, 1))
    values[-60:] *= 3
    return pd.DataFrame(0.01 * values, index=DAYS, columns=symbols)


def rows_of(returns: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    known_at = pd.DataFrame(MOMENT.cutoff, index=returns.index, columns=returns.columns)
    panel = SimpleNamespace(returns=returns, close=returns, known_at=known_at)
    rows = correlation_test_rows(run_context(panel=panel, moment=MOMENT, settings=settings))
    return rows.set_index(["test", "asset", "against", "window"])


class TestVolatilityTriples:
    def test_each_row_is_its_test_and_none_finds_a_change(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        rows = rows_of(returns, settings)
        draws = {"draws": settings.correlation_tests.draws, "seed": settings.correlation_tests.seed}
        constant = constancy_test(returns["IBIT"][-252:], returns["IGV"][-252:], **draws)
        row = rows.loc[("constancy", "IGV", "", 252)]
        assert (row["p_value"], row["n"]) == (constant.p_value, 252)
        downside = exceedance_test(returns["IBIT"][-504:], returns["IGV"][-504:], **draws)
        row = rows.loc[("downside", "IGV", "", 504)]
        assert (row["p_value"], row["first"]) == (downside.p_value, downside.value[0])
        last = standardised_returns(returns, half_life=21, min_observations=21)[-126:]
        different = compare_dependent_correlations(last["IBIT"], last["IGV"], last["GLD"])
        row = rows.loc[("difference", "IGV", "GLD", 126)]
        assert (row["p_value"], row["n"]) == (different.p_value, 126)
        assert (rows["p_value"] > 0.01).all()
        np.testing.assert_array_equal(rows["family_p_value"], family_wise(rows["p_value"]))


class TestLateListing:
    def test_a_p_value_that_cannot_be_trusted_is_null_with_its_reason(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        returns.loc[DAYS[:-59], "IGV"] = np.nan
        rows = rows_of(returns, settings)
        constancy = rows.loc[("constancy", "IGV", "", 252)]
        assert constancy["reason"] == "59 complete rows; the test needs 60"
        assert rows.loc[("downside", "IGV", "", 504)]["reason"].endswith("each threshold needs 30")
        assert rows.loc[("asymmetry", "IGV", "", 504)]["reason"].endswith("needs 30")
        assert rows.loc[("difference", "IGV", "GLD", 126)]["n"] == 59 - 21
        missing = rows["p_value"].isna()
        assert missing.sum() == 3
        assert rows.loc[missing, ["family_p_value", "statistic"]].isna().all(axis=None)
        assert rows["reason"].notna().equals(missing)
