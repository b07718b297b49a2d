"""The stated rates, watched on the sessions after the calibration."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.verdict import DRIVERS, ScoreHistory
from tests.unwind.contexts import run_context
from unwind.indicators.context import RunContext, Slot
from unwind.indicators.monitoring import monitor, monitoring_rows
from unwind.indicators.verdict import Verdict
from unwind.settings import Settings

SESSIONS = pd.bdate_range("2020-01-02", periods=1_000)
CALIBRATED_TO = SESSIONS[99].date()


def _context(settings: Settings, *, last: int = -1, to: date = CALIBRATED_TO) -> RunContext:
    limits = settings.calibrated.model_copy(update={"calibrated_to": to})
    day = SESSIONS[last].date()
    return run_context(
        moment=Slot(as_of=day, cutoff=pd.Timestamp(day, tz="UTC"), source="files"),
        settings=settings.model_copy(update={"calibrated": limits}),
    )


def _verdict(score: np.ndarray, *, evidence: np.ndarray | None = None) -> Verdict:
    drawn = np.full((len(SESSIONS), len(DRIVERS)), np.nan) if evidence is None else evidence
    frame = pd.DataFrame(drawn, SESSIONS, list(DRIVERS))
    line = pd.Series(score, SESSIONS)
    history = ScoreHistory(
        values=frame,
        evidence=frame,
        contributions=frame,
        score=line,
        highest=line,
        cross_asset=line,
    )
    return Verdict(scores=history, states=pd.DataFrame(index=SESSIONS))


def _alarms_every(sessions: int, score: float = 9.0) -> np.ndarray:
    drawn = np.zeros(len(SESSIONS))
    drawn[::sessions] = score
    return drawn


class TestStatedRates:
    def test_a_session_within_the_sample_says_nothing(self, settings: Settings) -> None:
        context = _context(settings, to=SESSIONS[-1].date())
        assert monitoring_rows(context, _verdict(_alarms_every(30))) == []

    def test_no_alarm_agrees(self, settings: Settings) -> None:
        (row,) = monitoring_rows(_context(settings), _verdict(np.zeros(len(SESSIONS))))
        assert (row["rule"], row["severity"]) == ("rates_within_statement", "info")
        assert row["count"] == 900

    def test_an_alarm_every_month_is_under_review(self, settings: Settings) -> None:
        rows = monitoring_rows(_context(settings), _verdict(_alarms_every(21)))
        assert (rows[0]["rule"], rows[0]["severity"]) == ("rates_under_review", "warning")
        assert "43 into WATCH" in str(rows[0]["example"])

    def test_a_review_stands_until_the_next_calibration(self, settings: Settings) -> None:
        score = _alarms_every(21)
        score[400:] = 0.0
        found = monitor(_context(settings), _verdict(score))
        assert found is not None
        assert found.evidence < found.highest_evidence
        rows = monitoring_rows(_context(settings), _verdict(score))
        assert rows[0]["rule"] == "rates_under_review"

    def test_sessions_of_the_sample_do_not_count(self, settings: Settings) -> None:
        score = np.zeros(len(SESSIONS))
        score[:100] = 9.0
        found = monitor(_context(settings), _verdict(score))
        assert found is not None
        assert found.entries == {"WATCH": 0, "DELEVERAGING": 0}

    @pytest.mark.parametrize("last", [150, 500, 900])
    def test_later_sessions_change_nothing(self, last: int, settings: Settings) -> None:
        whole = _verdict(_alarms_every(40))
        earlier = _alarms_every(40)
        earlier[last + 1 :] = 9.0
        context = _context(settings, last=last)
        # As text: NaN differs from itself.
        assert repr(monitor(context, whole)) == repr(monitor(context, _verdict(earlier)))


class TestDrift:
    def test_a_driver_that_is_always_in_its_tail_is_named(self, settings: Settings) -> None:
        drawn = -np.log10(np.random.default_rng(1).random((len(SESSIONS), len(DRIVERS))))
        drawn[:, 1] += 1
        rows = monitoring_rows(
            _context(settings), _verdict(np.zeros(len(SESSIONS)), evidence=drawn)
        )
        assert [row["entity"] for row in rows] == ["stated rates", list(DRIVERS)[1]]
        assert "drift above 0.25" in str(rows[1]["example"])
