"""The open benchmark: any rule of one value per session, scored as the verdict is."""

import pandas as pd
import pytest

from benchmarks.deleveraging import RULES, features, named_rule, score, young_change
from tests.unwind.verdict_markets import LABELS, lighter, simulated_history
from unwind.settings import Settings
from unwind.studies.history import History
from unwind.studies.sample import pool


@pytest.fixture(scope="module")
def history() -> History:
    plain = simulated_history()
    return History(
        name=plain.name,
        drivers=plain.drivers,
        rules={**plain.rules, "common-factor selling": plain.drivers["breadth"] - 1.0},
        base=plain.base,
        first_scored=plain.first_scored,
    )


class TestOwnRule:
    def test_is_scored_within_its_budget(self, history: History, settings: Settings) -> None:
        quick = lighter(settings)
        sample = pool((history,), LABELS, quick)
        record = score(lambda h: h.drivers["breadth"], (history,), sample, quick, 1.0)
        assert record["in_sample"]["caught_within_2"] == 2
        assert record["in_sample"]["false_entries_a_year"] <= 1.0
        assert set(record) == {"in_sample", "leave_one_year_out"}

    def test_of_other_sessions_is_a_sentence(self, history: History, settings: Settings) -> None:
        quick = lighter(settings)
        sample = pool((history,), LABELS, quick)
        with pytest.raises(SystemExit, match="one value per session"):
            score(lambda h: h.drivers["breadth"].iloc[:-3], (history,), sample, quick, 1.0)

    @pytest.mark.parametrize("text", ["nowhere:rule", "benchmarks.deleveraging:none", "plain"])
    def test_that_is_not_there_is_a_sentence(self, text: str) -> None:
        with pytest.raises(SystemExit, match="write module:function"):
            named_rule(text)


class TestPeers:
    def test_are_named(self) -> None:
        assert len(RULES) == 6
        assert named_rule("benchmarks.deleveraging:young_change") is young_change

    def test_see_no_later_session(self, history: History) -> None:
        cut = History(
            name=history.name,
            drivers=history.drivers.iloc[:400],
            rules={name: values.iloc[:400] for name, values in history.rules.items()},
            base=history.base.iloc[:400],
            first_scored=history.first_scored,
        )
        pd.testing.assert_frame_equal(features(history).iloc[:400], features(cut))
        pd.testing.assert_series_equal(young_change(history).iloc[:400], young_change(cut))
