"""Rows of volatility and conditional correlation on what a market file may hold at its worst."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unwind.contexts import run_context
from unwind.contract.estimates import VOLATILITY
from unwind.contract.evidence import CORRELATIONS
from unwind.indicators.context import Slot
from unwind.indicators.links.conditional import conditional_correlation_rows
from unwind.indicators.risk.volatility import fit_volatilities, volatility_rows
from unwind.settings import Settings

N = 320
DAYS = pd.bdate_range("2024-11-18", periods=N)
MOMENT = Slot(as_of=DAYS[-1].date(), cutoff=pd.Timestamp("2026-03-01T21:15Z"), source="files")
NAMES = ("IBIT", "IGV", "GLD")


def _settings(settings: Settings) -> Settings:
    universe = settings.universe.model_copy(update={"counterparts": NAMES[1:]})
    return settings.model_copy(update={"universe": universe})


def _returns() -> pd.DataFrame:
    draw = 0.01 * np.random.default_rng(1).standard_t(5, (N, 3))
    draw[:, 1:] += 0.5 * draw[:, :1]
    return pd.DataFrame(draw, index=DAYS, columns=list(NAMES))


def _constant(returns: pd.DataFrame, asset: str) -> None:
    returns[asset] = 0.01


def _halted(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[20] :, asset] = 0.0


def _five(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[: DAYS[-6], asset] = np.nan


def _block(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[100] : DAYS[140], asset] = np.nan


def _outlier(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[200], asset] = 1e6


def _outlier_today(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[-1], asset] = -1e6


def _infinite(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[200], asset] = np.inf


def _infinite_today(returns: pd.DataFrame, asset: str) -> None:
    returns.loc[DAYS[-1], asset] = -np.inf


def _twin(returns: pd.DataFrame, asset: str) -> None:
    returns[asset] = returns["GLD" if asset != "GLD" else "IBIT"]


@pytest.mark.parametrize("asset", ["IBIT", "IGV"])
@pytest.mark.parametrize(
    "spoil",
    [_constant, _halted, _five, _block, _outlier, _outlier_today, _infinite, _infinite_today,
     _twin],
)  # fmt: skip
def test_each_row_holds_or_says_why_not(
    spoil: Callable[[pd.DataFrame, str], None], asset: str, settings: Settings
) -> None:
    returns, chosen = _returns(), _settings(settings)
    spoil(returns, asset)
    known_at = pd.DataFrame(MOMENT.cutoff, index=DAYS, columns=list(NAMES))
    panel: Any = SimpleNamespace(
        returns=returns, close=returns, known_at=known_at, sessions=DAYS
    )  # all that the rows read
    fits = fit_volatilities(run_context(panel=panel, moment=MOMENT, settings=chosen))
    rows = volatility_rows(run_context(panel=panel, moment=MOMENT, settings=chosen), fits)
    VOLATILITY.arrow(rows)
    assert set(rows["asset"]) == set(NAMES)
    for row in rows.to_dict("records"):
        figures = [row[name] for name in ("sigma", "sigma_next", "sigma_annual", "residual")]
        assert not np.isinf(figures).any()
        assert (row["sigma"] > 0) or np.isnan(row["sigma"])
        if np.isnan(figures).any() or row["converged"] is not True:
            assert row["reason"]
    links = conditional_correlation_rows(
        run_context(panel=panel, moment=MOMENT, settings=chosen), fits
    )
    CORRELATIONS.arrow(links)
    assert len(links) == 2
    for row in links.to_dict("records"):
        assert np.isnan(row["value"]) or abs(row["value"]) <= 1
        assert row["reason"] or np.isfinite(row["value"])
    untouched = rows.set_index("asset").loc["GLD"]
    assert np.isfinite(untouched["sigma_next"])
