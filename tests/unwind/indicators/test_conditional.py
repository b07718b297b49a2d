from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from models.dependence import correlation_path, filter_dcc, fit_dcc
from models.errors import NotEnoughData
from models.volatility import fit_garch
from tests.unwind.contexts import run_context
from unwind.indicators.context import Slot
from unwind.indicators.links.conditional import conditional_correlation_rows
from unwind.settings import Settings

DAYS = pd.bdate_range("2022-01-03", periods=700)
MOMENT = Slot(as_of=DAYS[-1].date(), cutoff=pd.Timestamp("2024-09-06T20:15Z"), source="files")


def _returns(*, moving: bool) -> pd.DataFrame:
    """Two assets whose correlation swings between −0.1 and 0.9, or does not move at all."""
    draw = np.random.default_rng(4).normal(size=(700, 2))
    rho = 0.4 + 0.5 * np.sin(np.arange(700) / 60) if moving else np.zeros(700)
    second = rho * draw[:, 0] + np.sqrt(1 - rho**2) * draw[:, 1]
    scale = 0.01 * (1 + 0.3 * np.sin(np.arange(700) / 90))
    return pd.DataFrame({"IBIT": scale * draw[:, 0], "IGV": scale * second}, index=DAYS)


def _rows(returns: pd.DataFrame, settings: Settings) -> pd.Series:
    known_at = pd.DataFrame(MOMENT.cutoff, index=returns.index, columns=returns.columns)
    fits = {}
    for asset in returns:
        try:
            fits[asset] = fit_garch(returns[asset].iloc[:-1], min_observations=250)
        except NotEnoughData as error:
            fits[asset] = error
    moment = replace(MOMENT, as_of=returns.index[-1].date())
    panel = SimpleNamespace(
        returns=returns, close=returns, known_at=known_at
    )  # all that the rows read
    rows = conditional_correlation_rows(
        run_context(panel=panel, moment=moment, settings=settings), fits
    )
    assert len(rows) == 1
    return rows.iloc[0]


class TestMovingLink:
    def test_value_is_the_forecast_that_holds_the_session(self, settings: Settings) -> None:
        returns = _returns(moving=True)
        row = _rows(returns, settings)
        fits = {
            asset: fit_garch(returns[asset].iloc[:-1], min_observations=250) for asset in returns
        }
        seen = pd.DataFrame({asset: fit.residuals for asset, fit in fits.items()})
        fit = fit_dcc(seen, kind="dcc", method="full", start="unconditional", min_observations=250)
        today = pd.DataFrame(
            {a: [(returns[a].iloc[-1] - f.mu) / f.sigma_next] for a, f in fits.items()},
            index=DAYS[-1:],
        )
        before, _ = filter_dcc(fit, today)
        both = pd.concat([today, today])  # the row after the session shows what it left behind
        after, _ = filter_dcc(fit, both)
        assert row["value"] == pytest.approx(after.iloc[1, 0], abs=1e-12)
        assert row["change"] == pytest.approx(after.iloc[1, 0] - before.iloc[0, 0], abs=1e-12)
        path = correlation_path(seen, fit).iloc[:, 0]
        assert row["percentile"] == pytest.approx((path <= row["value"]).mean())
        assert row["n"] == 699

    def test_follows_the_truth(self, settings: Settings) -> None:
        returns = _returns(moving=True)
        found = [_rows(returns.iloc[: end + 1], settings)["value"] for end in (380, 480)]
        truth = 0.4 + 0.5 * np.sin(np.array([380, 480]) / 60)
        assert np.abs(np.array(found) - truth).max() < 0.35
        assert found[1] > found[0] + 0.3


class TestConstantLink:
    def test_a_boundary_is_a_labelled_fallback(self, settings: Settings) -> None:
        row = _rows(_returns(moving=False), settings)
        assert np.isfinite(row["value"])
        assert abs(row["value"]) < 0.35
        assert row["reason"] is None or "EWMA of the residuals" in row["reason"]


class TestHoliday:
    def test_no_return_at_the_session_is_null_with_its_reason(self, settings: Settings) -> None:
        returns = _returns(moving=True)
        returns.iloc[-1, 1] = np.nan
        row = _rows(returns, settings)
        assert np.isnan(row["value"])
        assert row["reason"] == "no return of IGV at the session"


class TestLateListing:
    def test_too_few_residuals_are_null_with_a_reason(self, settings: Settings) -> None:
        returns = _returns(moving=True)
        returns.iloc[:600, 1] = np.nan
        row = _rows(returns, settings)
        assert np.isnan(row["value"])
        assert "no residuals of IGV" in row["reason"]
