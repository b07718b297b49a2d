"""What a regimes row says of its calibration, and when the stated rate does not hold."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.panel import Panel
from tests.unwind.contexts import run_context
from unwind.calendar import sessions_between
from unwind.indicators.context import RunContext, Slot
from unwind.indicators.verdict import calibration_sample, decide, regime_rows, verdict_quality
from unwind.settings import Settings
from unwind.simulation.null_market import null_returns, null_volumes

SESSIONS = sessions_between(date(2025, 1, 2), date(2026, 2, 5))


def _context(
    settings: Settings, *, rise: float = 0.0, fall: float = 0.0, source: str = "files",
    as_of: date = date(2026, 2, 5),
) -> RunContext:  # fmt: skip
    """An ordinary market; all assets rise three sessions before the last and fall on it, in σ."""
    rules = settings.verdict
    returns = null_returns(
        rules.classes, rules.spreads, sessions=len(SESSIONS), correlation=0.3, freedom=8.0,
        joint_shocks=False, seed=4,
    ).set_axis(SESSIONS)  # fmt: skip
    shares = null_volumes(returns, seed=4)
    sigma = returns.std()
    if rise:
        returns.iloc[-4] = rise * sigma
    if fall:
        returns.iloc[-1] = -fall * sigma
    known = pd.DataFrame(
        pd.Timestamp("2026-02-05T21:00Z"), index=SESSIONS,
        columns=list(dict.fromkeys((*settings.universe.symbols, *rules.symbols))),
    )  # fmt: skip
    panel = Panel(
        returns=returns, close=returns, shares=shares, dollars=shares, known_at=known,
        notes=pd.DataFrame(), hourly=pd.DataFrame(),
    )  # fmt: skip
    slot = Slot(as_of=as_of, cutoff=pd.Timestamp("2026-02-05T21:15Z"), source=source)
    return run_context(panel, slot, settings)


class TestLossOfSleeves:
    """Long-short spreads lose on the last session, the asset classes do not."""

    @staticmethod
    def _row(settings: Settings, n_losing: int) -> pd.Series:
        context = _context(settings)
        returns = context.panel.returns
        for fund, index in settings.verdict.spreads:
            returns.loc[SESSIONS[-1], fund] = returns.loc[SESSIONS[-1], index]
        for fund, index in settings.verdict.spreads[:n_losing]:
            returns.loc[SESSIONS[-1], fund] -= 8 * (returns[fund] - returns[index]).std()
        row: pd.Series = regime_rows(context, decide(context)).iloc[0]
        return row

    def test_of_one_is_not_a_joint_loss(self, settings: Settings) -> None:
        row = self._row(settings, 1)
        assert "drivers: loss of one long–short factor spread (1 in" in row["headline"]
        assert [driver["meaning"] for driver in row["drivers"]][-1] == (
            "loss of one long–short factor spread"
        )

    def test_of_two_is(self, settings: Settings) -> None:
        assert (
            "drivers: losses across long–short factor spreads" in self._row(settings, 2)["headline"]
        )


class TestInSample:
    @pytest.mark.parametrize(
        ("day", "source", "sample"),
        [
            (date(2026, 2, 5), "files", "in sample"),
            (date(2022, 6, 13), "files", "later data"),  # kept back, but 2026 set the thresholds
            (date(2026, 9, 1), "files", "out of sample"),
            (date(2026, 2, 5), "simulated:calm", "out of sample"),
        ],
    )
    def test_is_said_of_each_session(
        self, day: date, source: str, sample: str, settings: Settings
    ) -> None:
        context = _context(settings)
        moved = replace(context, slot=replace(context.slot, as_of=day, source=source))
        assert calibration_sample(moved) == sample

    def test_is_a_row_of_information(self, settings: Settings) -> None:
        context = _context(settings)
        (row,) = verdict_quality(context, decide(context))
        assert (row["rule"], row["severity"]) == ("calibrated_on_later_data", "info")
        assert str(row["example"]).startswith("in sample: calibration ")

    def test_row_carries_what_years_left_out_say(self, settings: Settings) -> None:
        context = _context(settings, fall=5.0)
        row = regime_rows(context, decide(context)).iloc[0]
        assert row["state"] == "DELEVERAGING"
        assert row["calibration_sample"] == "in sample"
        assert row["false_alarms_per_year_bound"] > row["false_alarms_per_year"]
        low, middle, high = (
            row[f"base_rate_in_band{end}"] for end in ("_lower", "", "_upper")
        )  # fmt: skip
        assert low < middle < high
        # Whole years resampled say less than sessions that count as independent.
        assert high - low > row["episode_share_upper"] - row["episode_share_lower"]
        assert row["observed_return_period_lower"] < row["observed_return_period"]
        assert row["cross_asset_score"] <= row["score"] + 1e-12


class TestVolatilityOnBothSides:
    def test_is_a_warning_that_the_stated_rate_does_not_hold(self, settings: Settings) -> None:
        context = _context(settings, rise=5.0, fall=5.0)
        rules = {row["rule"]: row for row in verdict_quality(context, decide(context))}
        assert rules["two_sided_volatility"]["severity"] == "warning"
        assert "does not hold" in str(rules["two_sided_volatility"]["remedy"])

    def test_a_fall_without_a_rise_before_carries_none(self, settings: Settings) -> None:
        context = _context(settings, fall=5.0)
        assert not decide(context).two_sided

    def test_nor_does_a_calm_session_after_a_rise(self, settings: Settings) -> None:
        context = _context(settings, rise=5.0)
        verdict = decide(context)
        assert verdict.two_sided
        assert verdict.states["state"].iloc[-1] == "CALM"
        assert len(verdict_quality(context, verdict)) == 1

    def test_the_window_it_looks_at_changes_nothing(self, settings: Settings) -> None:
        """The mirror reads the last sessions alone; a longer history gives the same answer."""
        context = _context(settings, rise=5.0, fall=5.0)
        shorter = replace(
            context,
            panel=replace(
                context.panel,
                returns=context.panel.returns.iloc[-130:],
                shares=context.panel.shares.iloc[-130:],
            ),
        )
        assert decide(context).two_sided == decide(shorter).two_sided
        assert np.isfinite(decide(shorter).scores.score.iloc[-1])
