"""The record of the verdict: what is told, and that no fold is judged by a rule that saw it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from models.verdict import lowest_threshold
from tests.unwind.verdict_markets import LABELS, lighter, simulated_history
from unwind.settings import Settings, parse_settings
from unwind.studies.episodes import Labels
from unwind.studies.history import History
from unwind.studies.track_record import artefact, calibrate_on, evaluate, null_run
from unwind.studies.track_record_text import calibration_markdown, record_markdown, record_sentence


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    return lighter(settings)


@pytest.fixture(scope="module")
def history() -> History:
    return simulated_history()


@pytest.fixture(scope="module")
def record(history: History, quick: Settings) -> dict[str, Any]:
    return evaluate((history,), LABELS, settings=quick, budget=1.0)


class TestEvaluate:
    def test_is_told_to_machines(self, record: dict[str, Any]) -> None:
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert set(record["verdict"]) == {"shipped", "leave_one_out", "leave_one_year_out"}
        for told in record["rules"].values():
            assert set(told) == {"in_sample", "leave_one_out", "leave_one_year_out"}

    def test_finds_what_was_put_there(self, record: dict[str, Any]) -> None:
        for told in record["verdict"].values():
            assert (told["episodes"], told["caught"], told["caught_within_2"]) == (2, 2, 2)
            assert told["median_delay"] == 0
            assert told["years"] == pytest.approx(5.7, abs=0.1)
        rules = record["rules"]
        assert rules["joint downside tail"]["leave_one_out"]["caught"] == 2
        assert rules["VIX level"]["leave_one_out"]["caught"] <= 1

    def test_figures_agree_with_each_other(self, record: dict[str, Any]) -> None:
        for told in (*record["verdict"].values(), *record["rules"]["VIX level"].values()):
            assert told["false_entries"] == len(told["false_entry_days"])
            lower, upper = told["false_entries_interval"]
            assert lower <= told["false_entries_a_year"] <= upper
            assert told["false_entries_a_year"] == pytest.approx(
                told["false_entries"] / told["years"], abs=0.01
            )
            assert set(told["calm_entries"]) <= set(told["false_entry_days"])
            assert sum(row["delay"] is not None for row in told["by_episode"]) == told["caught"]

    def test_a_rule_may_use_its_budget_in_sample(self, record: dict[str, Any]) -> None:
        for told in record["rules"].values():
            assert 0.4 < told["in_sample"]["false_entries_a_year"] <= 1.0

    def test_two_folders_are_added_up(self, history: History, quick: Settings) -> None:
        other = replace(simulated_history(seed=2), name="other")
        told = evaluate((history, other), LABELS, settings=quick, budget=1.0)
        assert told["folders"] == ["simulated", "other"]
        assert told["verdict"]["shipped"]["episodes"] == 4
        assert told["verdict"]["shipped"]["years"] == pytest.approx(11.4, abs=0.1)

    def test_is_laid_out_for_a_person(self, record: dict[str, Any]) -> None:
        text = record_markdown(record)
        for part in ("**unwind**", "joint downside tail", "quants", "lehman", "2 of 2"):
            assert part in text
        assert "nan" not in text.lower()
        widths = {line.count("|") for line in text.splitlines() if line.startswith("| **unwind**")}
        assert widths == {9}


class TestUnseenQuarter:
    """What is judged has not taught the rule that judges it."""

    def test_its_rows_do_not_move_its_calibration(self, history: History, quick: Settings) -> None:
        quarter = pd.Period("2007Q3")
        changed = self._with_other_rows(history, quarter)
        one, other = (
            calibrate_on((held,), LABELS, settings=quick, without=quarter)
            for held in (history, changed)
        )
        assert one == other
        seen = calibrate_on((history,), LABELS, settings=quick, without=None)
        assert seen != calibrate_on((changed,), LABELS, settings=quick, without=None)

    def test_its_rows_do_not_move_the_threshold_of_a_rule(
        self, history: History, quick: Settings
    ) -> None:
        """A quarter full of alarms is judged as one that holds a single alarm is."""
        values = history.rules["VIX level"].copy()
        inside = pd.DatetimeIndex(values.index).to_period("Q") == pd.Period("2006Q2")
        asked = {"episodes": LABELS.episodes, "budget": 1.0, "quiet": quick.calibration.quiet}
        unseen = lowest_threshold((values[~inside].loc[history.first_scored :],), **asked)
        days = values.index[inside]
        values.loc[inside] = 0.0
        values.loc[days[15]] = unseen  # exactly at the threshold of the other quarters
        crowded = values.copy()
        crowded.loc[days[27::11]] = 50.0
        # Who had seen these alarms would ask for more.
        assert lowest_threshold((crowded.loc[history.first_scored :],), **asked) > unseen
        for rows in (values, crowded):
            held = replace(history, rules={"VIX level": rows})
            told = evaluate((held,), LABELS, settings=quick, budget=1.0)["rules"]["VIX level"]
            assert f"{days[15]:%Y-%m-%d}" in told["leave_one_out"]["false_entry_days"]
            assert (f"{days[27]:%Y-%m-%d}" in told["leave_one_out"]["false_entry_days"]) == (
                rows is crowded
            )

    @staticmethod
    def _with_other_rows(history: History, quarter: pd.Period) -> History:
        drivers = history.drivers.copy()
        inside = pd.DatetimeIndex(drivers.index).to_period(quarter.freqstr) == quarter
        drivers.loc[inside] = 7.0
        return replace(history, drivers=drivers)

    def test_an_episode_is_judged_by_thresholds_that_never_saw_it(
        self, history: History, quick: Settings
    ) -> None:
        """An episode no louder than noise is missed, however often it is shown."""
        drivers = history.drivers.copy()
        lehman = LABELS.episodes[1]
        drivers.loc[lehman.acute_start : lehman.end] = 0.0
        told = evaluate((replace(history, drivers=drivers),), LABELS, settings=quick, budget=1.0)[
            "verdict"
        ]["leave_one_out"]
        caught = {row["episode"]: row["delay"] for row in told["by_episode"]}
        assert caught == {"quants": 0, "lehman": None}


class TestArtefact:
    def test_is_the_same_for_the_same_data(self, history: History, quick: Settings) -> None:
        held = [
            artefact(calibrate_on((history,), LABELS, settings=quick, without=None), (history,))
            for _ in range(2)
        ]
        assert held[0] == held[1]
        assert json.loads(json.dumps(held[0], allow_nan=False)) == held[0]

    def test_other_data_have_another_version(self, history: History, quick: Settings) -> None:
        versions = set()
        for histories in ((history,), (simulated_history(seed=2),)):
            fitted = calibrate_on(histories, LABELS, settings=quick, without=None)
            versions.add(artefact(fitted, histories)["version"])
        assert len(versions) == 2

    def test_settings_take_it_as_it_is(self, history: History, quick: Settings) -> None:
        fitted = calibrate_on((history,), LABELS, settings=quick, without=None)
        held = json.loads(json.dumps(artefact(fitted, (history,))))
        raw = quick.model_dump(mode="json") | {"calibrated": held}
        desk = parse_settings(raw, origin="own")
        assert desk.calibrated.version == held["version"]
        assert desk.calibrated.deleveraging == pytest.approx(fitted.deleveraging, abs=1e-6)
        assert desk.calibrated.calibrated_to.isoformat() == "2010-12-31"

    def test_is_laid_out_for_a_person(self, history: History, quick: Settings) -> None:
        fitted = calibrate_on((history,), LABELS, settings=quick, without=None)
        text = calibration_markdown(artefact(fitted, (history,)))
        assert f"{fitted.deleveraging:.2f}" in text
        assert "breadth" in text
        assert "nan" not in text.lower()

    def test_the_shipped_report_is_that_of_the_shipped_file(self) -> None:
        from unwind.settings import DEFAULT_PATH

        held = json.loads(DEFAULT_PATH.with_name("calibration.json").read_text(encoding="utf-8"))
        report = DEFAULT_PATH.with_name("calibration.md").read_text(encoding="utf-8")
        assert calibration_markdown(held) == report


class TestShortHistory:
    def test_is_not_calibrated_on(self, history: History, quick: Settings) -> None:
        late = replace(history, first_scored=pd.Timestamp("2010-01-04"))
        with pytest.raises(NotEnoughData, match="ordinary sessions"):
            calibrate_on((late,), LABELS, settings=quick, without=None)


class TestNothingHappens:
    """Markets without regimes: constant correlation, Student-t with four degrees of freedom."""

    def test_enters_no_more_often_than_stated(self, settings: Settings) -> None:
        market = null_run(years=60, settings=settings)[0]
        lower, _ = market["interval"]
        assert lower <= market["stated"]
        assert market["entries_a_year"] <= market["stated"] + 2 * np.sqrt(market["stated"] / 60)
        assert market["entries_a_year"] == pytest.approx(market["entries"] / 60, abs=1e-3)

    def test_says_where_the_rate_ends(self, settings: Settings) -> None:
        markets = null_run(years=10, settings=settings)
        assert [market["joint_shocks"] for market in markets] == [False, False, True]
        assert json.loads(json.dumps(markets)) == markets
        assert markets == null_run(years=10, settings=settings)

    def test_no_label_is_a_record_too(self, history: History, quick: Settings) -> None:
        nothing = Labels(episodes=(), calm=(), others=())
        told = evaluate((history,), nothing, settings=quick, budget=1.0)
        shipped = told["verdict"]["shipped"]
        assert (shipped["episodes"], shipped["caught"], shipped["median_delay"]) == (0, 0, None)
        assert "nan" not in record_markdown(told).lower()


class TestYoungDesk:
    """Two years of a fund: enough for the record of what is in force, too little to refit."""

    def test_says_what_it_cannot_judge_and_tells_the_rest(
        self, history: History, quick: Settings
    ) -> None:
        late = replace(history, first_scored=pd.Timestamp("2007-01-03"))
        young = replace(
            late,
            drivers=late.drivers.loc[:"2008-12-31"],
            rules={name: values.loc[:"2008-12-31"] for name, values in late.rules.items()},
        )
        told = evaluate((young,), LABELS, settings=quick, budget=1.0)
        assert told["verdict"]["shipped"]["caught"] == 2
        assert "needs at least 500" in told["verdict"]["leave_one_year_out"]["reason"]
        text = record_markdown(told)
        assert "| **unwind** | the other years | not judged |" in text
        assert "Not judged by the other years: ordinary sessions with every driver" in text
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert "2 of 2 episodes caught" in record_sentence(told)


class TestMissingInput:
    def test_a_rule_without_its_input_is_not_judged(
        self, history: History, quick: Settings
    ) -> None:
        blind = {name: values.mask(values > -1) for name, values in history.rules.items()}
        rules = {**history.rules, "VIX level": blind["VIX level"]}
        told = evaluate((replace(history, rules=rules),), LABELS, settings=quick, budget=1.0)
        for part in told["rules"]["VIX level"].values():
            assert part == {"reason": "no folder has the input of it"}
        assert told["rules"]["joint downside tail"]["in_sample"]["caught"] == 2
        assert "| VIX level | the same years | not judged |" in record_markdown(told)

    def test_one_folder_without_it_leaves_the_other(
        self, history: History, quick: Settings
    ) -> None:
        blind = {name: values.mask(values > -1) for name, values in history.rules.items()}
        told = evaluate(
            (history, replace(history, name="blind", rules=blind)),
            LABELS, settings=quick, budget=1.0,
        )  # fmt: skip
        assert told["rules"]["joint downside tail"]["in_sample"]["caught"] == 2
