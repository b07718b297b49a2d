from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from models.regimes import (
    filtered_probabilities,
    fit_jump_model,
    fit_markov_switching,
    online_costs,
)
from tests.unwind.contexts import run_context
from unwind.contract.tables import TABLES
from unwind.indicators.context import Slot
from unwind.indicators.risk.regime_models import regime_model_rows
from unwind.settings import Settings

DAYS = pd.bdate_range("2023-01-02", periods=600)
CUTOFF = pd.Timestamp("2025-09-01T20:15Z")


def _returns(settings: Settings, *, stressed_last: bool = True) -> pd.DataFrame:
    """A market of calm and stress by turns of 60 sessions; in stress all move together."""
    draw = np.random.default_rng(9)
    stress = (np.arange(600) // 60) % 2 == (1 if stressed_last else 0)
    shared = draw.normal(size=600) * np.where(stress, 0.025, 0.002)
    names = settings.universe.symbols
    own = 0.008 * draw.normal(size=(600, len(names)))
    return pd.DataFrame(shared[:, None] + own, index=DAYS, columns=list(names))


def _rows(returns: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    moment = Slot(as_of=returns.index[-1].date(), cutoff=CUTOFF, source="files")
    known_at = pd.DataFrame(CUTOFF, index=returns.index, columns=returns.columns)
    panel = SimpleNamespace(returns=returns, close=returns, known_at=known_at)  # all that is read
    rows = regime_model_rows(run_context(panel=panel, moment=moment, settings=settings))
    TABLES["regime_models"].arrow(rows)
    assert len(rows) == 6
    return rows.set_index(["model", "item"])


class TestStress:
    @pytest.mark.parametrize(("stressed", "name"), [(True, "stressed"), (False, "calm")])
    def test_each_model_says_so(self, stressed: bool, name: str, settings: Settings) -> None:
        # Half a block of sessions after the turn, where no model can still be late.
        returns = _returns(settings, stressed_last=stressed).iloc[:585]
        rows = _rows(returns, settings)
        assert set(rows["state"]) == {name}
        assert (rows["stressed_volatility"] > rows["calm_volatility"]).all()
        pair = rows.xs("IBIT~risk_assets", level="item")
        assert (pair["stressed_correlation"] > pair["calm_correlation"] + 0.3).all()

    def test_rows_are_those_of_the_models(self, settings: Settings) -> None:
        returns, chosen = _returns(settings), settings.regime_models
        rows = _rows(returns, settings)
        base = returns[["IBIT"]]
        fit = fit_markov_switching(
            base.iloc[:-1], states=2, innovation=chosen.innovation, correlated=True,
            starts=chosen.starts, seed=chosen.seed, min_observations=chosen.min_observations,
        )  # fmt: skip
        row = rows.loc[("markov_switching", "IBIT")]
        assert row["probability"] == filtered_probabilities(base, fit).iloc[-1, 1]
        assert row["estimated_to"] == DAYS[-2]
        assert row["stressed_duration"] == pytest.approx(1 / (1 - fit.transition[1, 1]))
        features = 0.5 * np.log((base["IBIT"] ** 2).ewm(halflife=3, min_periods=6).mean())
        frame = features.to_frame("x")
        jump = fit_jump_model(
            frame.iloc[:-1], states=2, penalty=chosen.jump_penalty, cap=chosen.cap, order_by="x",
            starts=chosen.jump_starts, seed=chosen.seed, min_observations=250,
        )  # fmt: skip
        found = rows.loc[("jump_model", "IBIT")]
        assert found["state"] == ("calm", "stressed")[online_costs(frame, jump).iloc[-1].idxmin()]
        assert np.isnan(found["probability"])

    def test_a_unit_does_not_move_a_state(self, settings: Settings) -> None:
        plain = _rows(_returns(settings), settings)
        scaled = _rows(1e-4 * _returns(settings), settings)
        assert scaled["state"].equals(plain["state"])
        assert scaled["probability"].to_numpy() == pytest.approx(
            plain["probability"].to_numpy(), abs=1e-5, nan_ok=True
        )


class TestConstantVolatility:
    def test_a_market_of_one_regime_names_none_or_says_how_alike(self, settings: Settings) -> None:
        draw = np.random.default_rng(1)
        returns = _returns(settings)
        returns[:] = 0.01 * draw.normal(size=returns.shape)
        rows = _rows(returns, settings)
        silent = rows["state"].isna() & rows["reason"].isna()
        assert not silent.any()
        assert rows["state"].isna().any()


class TestShortHistory:
    def test_five_rows_have_reasons(self, settings: Settings) -> None:
        rows = _rows(_returns(settings).iloc[:5], settings)
        assert rows["state"].isna().all()
        assert rows["reason"].str.contains("needs at least 250").all()


class TestFlatMarket:
    def test_a_constant_base_has_a_reason_and_the_rest_goes_on(self, settings: Settings) -> None:
        returns = _returns(settings)
        returns["IBIT"] = 0.0
        rows = _rows(returns, settings)
        assert rows["state"].isna().tolist() == [
            "IBIT" in item for item in rows.index.get_level_values("item")
        ]
        assert rows.loc[rows["state"].isna(), "reason"].notna().all()


class TestHoliday:
    def test_no_return_at_the_session_has_its_reason(self, settings: Settings) -> None:
        returns = _returns(settings)
        returns.iloc[-1, 0] = np.nan
        row = _rows(returns, settings).loc[("markov_switching", "IBIT")]
        assert row["state"] is None or pd.isna(row["state"])
        assert np.isnan(row["probability"])
        assert row["reason"] == "no return of IBIT at the session"

    def test_a_block_of_missing_rows_is_survived(self, settings: Settings) -> None:
        returns = _returns(settings)
        returns.iloc[200:260] = np.nan
        rows = _rows(returns, settings)
        assert set(rows["state"]) == {"stressed"}


class TestLateListing:
    def test_an_asset_that_lists_within_the_window_does_not_thin_the_mean(
        self, settings: Settings
    ) -> None:
        returns = _returns(settings)
        without = _rows(returns.assign(ETHA=np.nan), settings)
        returns.iloc[:400, returns.columns.get_loc("ETHA")] = np.nan
        late = _rows(returns, settings)
        assert late["probability"].equals(without["probability"])


class TestCrash:
    def test_a_wrong_print_is_no_regime(self, settings: Settings) -> None:
        returns = _returns(settings)
        returns.iloc[500, 0] = 1e6
        rows = _rows(returns, settings)
        base = rows.xs("IBIT", level="item")
        assert ((base["state"] == "stressed") | base["reason"].notna()).all()


class TestPrefix:
    def test_later_sessions_do_not_matter(self, settings: Settings) -> None:
        returns = _returns(settings)
        early = _rows(returns.iloc[:590], settings)
        moment = Slot(as_of=DAYS[589].date(), cutoff=CUTOFF, source="files")
        known_at = pd.DataFrame(CUTOFF, index=returns.index, columns=returns.columns)
        panel = SimpleNamespace(returns=returns, close=returns, known_at=known_at)
        again = regime_model_rows(run_context(panel=panel, moment=moment, settings=settings))
        pd.testing.assert_frame_equal(again.set_index(["model", "item"]), early, check_exact=True)
