"""Rows of the table `tail_risk`, forecasts of `volatility`, and CoVaR in `systemic`."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.dependence import pair_covar
from models.tails import conditional_coverage, tail_forecasts, unconditional_coverage
from models.volatility import fit_garch
from tests.unwind.contexts import run_context
from unwind.contract.estimates import TAIL_RISK
from unwind.indicators.context import Slot
from unwind.indicators.risk.covar import covar_measures
from unwind.indicators.risk.tail_risk import tail_risk_rows
from unwind.indicators.risk.volatility import fit_volatilities, volatility_rows
from unwind.settings import Settings

N = 700
DAYS = pd.bdate_range("2023-06-01", periods=N)
MOMENT = Slot(as_of=DAYS[-1].date(), cutoff=pd.Timestamp("2026-03-01T21:15Z"), source="files")
NAMES = ("IBIT", "IGV")


@pytest.fixture
def chosen(settings: Settings) -> Settings:
    universe = settings.universe.model_copy(update={"counterparts": NAMES[1:]})
    return settings.model_copy(update={"universe": universe})


def _returns() -> pd.DataFrame:
    draw = 0.01 * np.random.default_rng(5).standard_t(5, (N, 2))
    draw[:, 1] += 0.6 * draw[:, 0]
    scale = 1 + 0.5 * np.sin(np.arange(N) / 60)
    return pd.DataFrame(draw * scale[:, None], index=DAYS, columns=list(NAMES))


def _rows(returns: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, dict[str, Any], Any]:
    known_at = pd.DataFrame(MOMENT.cutoff, index=DAYS, columns=list(NAMES))
    panel: Any = SimpleNamespace(returns=returns, close=returns, known_at=known_at)
    fits = fit_volatilities(run_context(panel=panel, moment=MOMENT, settings=settings))
    rows = tail_risk_rows(run_context(panel=panel, moment=MOMENT, settings=settings), fits)
    TAIL_RISK.arrow(rows)
    return rows.set_index(["asset", "level"]), fits, panel


class TestRows:
    def test_figures_are_those_of_the_models(self, chosen: Settings) -> None:
        returns = _returns()
        rows, fits, _ = _rows(returns, chosen)
        assert list(rows.index) == [(name, level) for name in NAMES for level in (0.05, 0.01)]
        rule = chosen.tail_risk
        forecasts = tail_forecasts(
            returns["IGV"], fits["IGV"], levels=(0.05, 0.01), sessions=rule.sessions,
            every=rule.every, window=chosen.volatility.window, min_observations=250,
            threshold_share=0.1, min_exceedances=30,
        )  # fmt: skip
        row = rows.loc[("IGV", 0.05)]
        assert row["value_at_risk"] == forecasts.following[0].value_at_risk
        assert row["expected_shortfall"] == forecasts.following[0].expected_shortfall
        risk = forecasts.value_at_risk[0.05]
        assert row["sessions"] == len(risk) == 7 * 63 + 1
        seen = returns["IGV"].reindex(risk.index)
        coverage, conditional = (
            test(seen, risk, level=0.05, min_observations=100)
            for test in (unconditional_coverage, conditional_coverage)
        )
        assert row["breaches"] == coverage.violations == int((seen < -risk).sum())
        assert row["coverage_p"] == coverage.p_value
        assert row["conditional_p"] == conditional.p_value
        assert 0 < row["shortfall_p"] <= 1

    def test_the_rarer_level_lies_further_out(self, chosen: Settings) -> None:
        rows, _, _ = _rows(_returns(), chosen)
        for column in ("value_at_risk", "expected_shortfall", "value_at_risk_today"):
            assert rows.loc[("IGV", 0.01), column] > rows.loc[("IGV", 0.05), column]
        assert (rows["expected_shortfall"] > rows["value_at_risk"]).all()


class TestCrash:
    def test_a_fall_is_a_breach_and_raises_the_next_forecast(self, chosen: Settings) -> None:
        returns = _returns()
        before, _, _ = _rows(returns, chosen)
        returns.iloc[-1, 0] = -0.15
        rows, _, _ = _rows(returns, chosen)
        assert rows.loc["IBIT", "breach"].all()
        today = "value_at_risk_today"
        assert (rows.loc["IBIT", today] == before.loc["IBIT", today]).all()
        assert (rows.loc["IBIT", "value_at_risk"] > before.loc["IBIT", "value_at_risk"]).all()
        assert (rows.loc["IBIT", "breaches"] >= before.loc["IBIT", "breaches"]).all()


class TestHoliday:
    def test_no_return_is_no_breach_and_no_next_forecast(self, chosen: Settings) -> None:
        returns = _returns()
        returns.iloc[-1, 1] = np.nan
        rows, _, _ = _rows(returns, chosen)
        row = rows.loc[("IGV", 0.05)]
        assert row["breach"] is None
        assert np.isnan(row["value_at_risk"])
        assert np.isfinite(row["value_at_risk_today"])
        assert row["reason"].startswith("no return at the session")


class TestLateListing:
    @pytest.mark.parametrize(("listed", "said"), [(500, "at least 250"), (400, "tested at least")])
    def test_says_what_it_lacks(self, listed: int, said: str, chosen: Settings) -> None:
        returns = _returns()
        returns.iloc[:listed, 1] = np.nan
        rows, _, _ = _rows(returns, chosen)
        row = rows.loc[("IGV", 0.01)]
        assert said in row["reason"]
        assert np.isnan(row["coverage_p"])
        assert np.isnan(row["value_at_risk"]) == (listed == 500)


class TestForecasts:
    def test_sigma_ahead_is_the_recursion_from_the_session(self, chosen: Settings) -> None:
        returns = _returns()
        _, fits, panel = _rows(returns, chosen)
        row = (
            volatility_rows(run_context(panel=panel, moment=MOMENT, settings=chosen), fits)
            .set_index("asset")
            .loc["IBIT"]
        )
        fit = fit_garch(returns["IBIT"].iloc[:-1], min_observations=250)
        level, variance = fit.omega / (1 - fit.persistence), row["sigma_next"] ** 2
        ahead = [level + fit.persistence**k * (variance - level) for k in range(21)]
        assert row["sigma_5"] == pytest.approx(np.sqrt(ahead[4]), rel=1e-6)
        assert row["sigma_21"] == pytest.approx(np.sqrt(ahead[20]), rel=1e-6)
        assert row["sigma_month"] == pytest.approx(np.sqrt(252 * np.mean(ahead)), rel=1e-6)


class TestCoVaR:
    def test_both_directions_are_rows(self, chosen: Settings) -> None:
        returns = _returns()
        found = {(m.measure, m.item): m for m in covar_measures(returns, chosen)}
        last = returns.iloc[-504:]
        pair = pair_covar(
            last["IBIT"].to_numpy(), last["IGV"].to_numpy(), level=0.05, min_observations=250
        )
        assert found["covar_loss", "IGV|IBIT"].value == pair.asset_given_base.covar
        assert found["delta_covar_loss", "IBIT|IGV"].value == pair.base_given_asset.delta
        assert found["delta_covar_loss", "IGV|IBIT"].value > 0
        # The codes of the earlier schema had the opposite sign: no new row may carry them.
        assert {name for name, _ in found} == {"covar_loss", "delta_covar_loss"}

    def test_a_young_asset_says_so(self, chosen: Settings) -> None:
        returns = _returns()
        returns.iloc[:600, 1] = np.nan
        for measure in covar_measures(returns, chosen):
            assert np.isnan(measure.value)
            assert "at least 250 complete rows, got 100" in str(measure.reason)
