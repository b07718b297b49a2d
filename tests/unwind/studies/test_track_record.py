"""The record of the verdict: what is told, and that no fold is judged by a rule that saw it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from models.verdict import Period, lowest_threshold
from tests.unwind.verdict_markets import LABELS, lighter, simulated_history, with_returns
from unwind.settings import Settings, parse_settings
from unwind.studies import nulls, track_record
from unwind.studies.calibrating import artefact, calibrate_on
from unwind.studies.episodes import Labels
from unwind.studies.history import History
from unwind.studies.nulls import null_run
from unwind.studies.robustness import robustness, variants
from unwind.studies.sample import block_folds, calibrate_sample, judge_left_out, pool
from unwind.studies.track_record import evaluate
from unwind.studies.track_record_text import calibration_markdown, record_markdown, record_sentence


@pytest.fixture(scope="module", autouse=True)
def two_targets() -> Iterator[None]:
    """Two of the seven target rates: each costs as much as the rest of a record."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track_record, "TARGETS", track_record.TARGETS[:2])
        yield


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    return lighter(settings)


@pytest.fixture(scope="module")
def history() -> History:
    return simulated_history()


@pytest.fixture(scope="module")
def record(history: History, quick: Settings) -> dict[str, Any]:
    return evaluate((history,), LABELS, settings=quick, budget=1.0)


@pytest.fixture(scope="module")
def markets(settings: Settings) -> list[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nulls, "N_SEEDS", 2)
        return null_run(years=20, settings=settings)


class TestEvaluate:
    def test_is_told_to_machines(self, record: dict[str, Any]) -> None:
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert set(record["verdict"]) == {
            "shipped", "leave_one_year_out", "leave_one_block_out", "walk_forward",
        }  # fmt: skip
        for told in record["rules"].values():
            assert set(told) == {"in_sample", "leave_one_year_out"}

    def test_finds_what_was_put_there(self, record: dict[str, Any]) -> None:
        for scheme in ("shipped", "leave_one_year_out"):
            told = record["verdict"][scheme]
            assert (told["episodes"], told["caught"], told["caught_within_2"]) == (2, 2, 2)
            assert told["by_folder"] == {"simulated": [2, 2]}
            assert told["median_delay"] == 0
            assert told["years"] == pytest.approx(5.7, abs=0.1)
        rules = record["rules"]
        assert rules["joint downside tail"]["leave_one_year_out"]["caught"] == 2
        assert rules["VIX level"]["leave_one_year_out"]["caught"] <= 1

    def test_figures_agree_with_each_other(self, record: dict[str, Any]) -> None:
        judged = [told for told in record["verdict"].values() if "reason" not in told]
        for told in (*judged, *record["rules"]["VIX level"].values()):
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

    def test_shows_other_target_rates(self, record: dict[str, Any]) -> None:
        assert [row["stated"] for row in record["stated_rates"]] == [0.5, 0.6]
        lower, higher = (row["threshold"] for row in record["stated_rates"])
        assert lower >= higher

    def test_is_laid_out_for_a_person(self, record: dict[str, Any]) -> None:
        text = record_markdown(record)
        for part in ("**unwind**", "joint downside tail", "quants", "lehman", "2 of 2"):
            assert part in text
        assert "nan" not in text.lower()
        widths = {line.count("|") for line in text.splitlines() if line.startswith("| **unwind**")}
        assert widths == {12}


class TestYearLeftOut:
    """What is judged has not set the rule that judges it."""

    def test_its_rows_do_not_move_its_calibration(self, history: History, quick: Settings) -> None:
        drivers = history.drivers.copy()
        drivers.loc["2007-04":"2007-06"] = 7.0
        changed = replace(history, drivers=drivers)
        one, other = (
            judge_left_out(pool((held,), LABELS, quick), _year(2007), quick)
            for held in (history, changed)
        )
        thresholds = [
            np.unique(np.round((found.score - found.margin)[found.judged], 9))
            for found in (one, other)
        ]
        assert len(thresholds[0]) == 1
        np.testing.assert_array_equal(*thresholds)
        fits = [
            calibrate_sample(pool((held,), LABELS, quick), quick) for held in (history, changed)
        ]
        assert fits[0].deleveraging != fits[1].deleveraging

    def test_its_rows_do_not_move_the_threshold_of_a_rule(
        self, history: History, quick: Settings
    ) -> None:
        """A year full of alarms is judged as one that holds a single alarm is."""
        values = history.rules["VIX level"].copy()
        inside = np.asarray(pd.DatetimeIndex(values.index).year == 2006)
        asked = {"episodes": LABELS.episodes, "budget": 1.0, "quiet": quick.calibration.quiet}
        unseen = lowest_threshold((values[~inside].loc[history.first_scored :],), **asked)
        days = values.index[inside]
        values.loc[inside] = 0.0
        values.loc[days[15]] = unseen  # exactly at the threshold of the other years
        crowded = values.copy()
        crowded.loc[days[27::12]] = 50.0
        # Who had seen these alarms would ask for more.
        assert lowest_threshold((crowded.loc[history.first_scored :],), **asked) > unseen
        for rows in (values, crowded):
            held = replace(history, rules={"VIX level": rows})
            told = evaluate((held,), LABELS, settings=quick, budget=1.0)["rules"]["VIX level"]
            alarms = told["leave_one_year_out"]["false_entry_days"]
            assert f"{days[15]:%Y-%m-%d}" in alarms
            assert (f"{days[27]:%Y-%m-%d}" in alarms) == (rows is crowded)

    def test_an_episode_is_judged_by_thresholds_that_never_saw_it(
        self, history: History, quick: Settings
    ) -> None:
        """An episode no larger than noise is missed, however often it is shown."""
        drivers = history.drivers.copy()
        lehman = LABELS.episodes[1]
        drivers.loc[lehman.acute_start : lehman.end] = 0.0
        told = evaluate((replace(history, drivers=drivers),), LABELS, settings=quick, budget=1.0)[
            "verdict"
        ]["leave_one_year_out"]
        caught = {row["episode"]: row["delay"] for row in told["by_episode"]}
        assert caught == {"quants": 0, "lehman": None}

    def test_walk_forward_uses_earlier_years_alone(self, history: History, quick: Settings) -> None:
        drivers = history.drivers.copy()
        drivers.loc["2010-06":] = 7.0
        later = replace(history, drivers=drivers)
        samples = [pool((held,), LABELS, quick) for held in (history, later)]
        one, other = (
            judge_left_out(sample, _year(2009), quick, walk_forward=True) for sample in samples
        )
        np.testing.assert_array_equal(one.margin, other.margin)
        assert one.judged.sum() == (samples[0].sessions.year == 2009).sum()


def _year(year: int) -> list[Period]:
    start, end = pd.Timestamp(year=year, month=1, day=1), pd.Timestamp(year=year, month=12, day=31)
    return [Period(name=f"{year}", start=start, end=end)]


class TestBlocks:
    def test_are_consecutive_years_of_one_history(self, history: History, quick: Settings) -> None:
        assert [fold.name for fold in block_folds(pool((history,), LABELS, quick))] == ["2005–2010"]
        longer = simulated_history(years=12)
        blocks = block_folds(pool((longer,), LABELS, quick))
        assert [fold.name for fold in blocks] == ["2005–2010", "2011–2016"]

    def test_state_a_rate_and_its_bound(self, quick: Settings) -> None:
        longer = simulated_history(years=12)
        told = evaluate((longer,), LABELS, settings=quick, budget=1.0)["statement"]
        assert told["lower"] <= told["rate"] <= told["upper"]
        assert sum(block["false_alarms"] for block in told["blocks"]) == round(
            told["rate"] * sum(block["years"] for block in told["blocks"])
        )
        low, high = told["next_year"]
        assert 0 <= low <= told["rate"] <= high
        sessions = len(longer.drivers.loc[longer.first_scored :])
        assert sum(band["sessions"] for band in told["bands"]) == sessions

    def test_one_block_states_nothing(self, record: dict[str, Any]) -> None:
        assert record["statement"] is None
        assert "needs at least 500" in record["verdict"]["leave_one_block_out"]["reason"]


class TestRobustness:
    def test_is_told_to_machines_and_people(
        self, history: History, quick: Settings, record: dict[str, Any]
    ) -> None:
        told = robustness((history,), LABELS, settings=quick)
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        # Without blocks of years no variant is judged, and that is said.
        *judged, without_volume = told["variants"]
        assert {row["reason"][:10] for row in judged} == {"ordinary s"}
        assert without_volume["caught_within_2"] <= 2
        assert len(told["resampled"]["draws"]) == 40
        _, shifted = told["placebos"]
        assert shifted["mean"] < 1.5
        text = record_markdown(record | told)
        for heading in ("Every driver and variant tried", "Rules without skill", "Years resampled"):
            assert f"### {heading}" in text

    @pytest.mark.at_length
    def test_counts_detections_of_variants(self, quick: Settings) -> None:
        longer = simulated_history(years=12)
        rows = variants((longer,), LABELS, settings=quick)
        named = {row["variant"]: row for row in rows}
        assert named["the rule"]["caught_within_2"] == 2
        assert named["the rule"]["missed"] == []
        assert named["crowding alone"]["caught_within_2"] <= 1  # Lehman is cross-asset
        assert all(row["blocks_false_a_year"] < 4 for row in rows[:-1])

    def test_random_rules_are_luck(self, quick: Settings) -> None:
        """Returns without any event: the best of 2,000 rules is no better elsewhere."""
        history = with_returns(simulated_history(years=12), quick)
        told = robustness((history,), LABELS, settings=quick, light=True)["random_rules"]
        assert told["rules"] == 2000
        assert told["best"] >= told["median"]
        assert told["best_on_other_half"] <= told["best_on_choosing_half"]


class TestArtefact:
    def test_is_the_same_for_the_same_data(self, history: History, quick: Settings) -> None:
        held = [
            artefact(*calibrate_on((history,), LABELS, settings=quick), (history,))
            for _ in range(2)
        ]
        assert held[0] == held[1]
        assert json.loads(json.dumps(held[0], allow_nan=False)) == held[0]

    def test_other_data_have_another_version(self, history: History, quick: Settings) -> None:
        versions = set()
        for histories in ((history,), (simulated_history(seed=2),)):
            fitted = calibrate_on(histories, LABELS, settings=quick)
            versions.add(artefact(*fitted, histories)["version"])
        assert len(versions) == 2

    def test_settings_take_it_as_it_is(self, history: History, quick: Settings) -> None:
        history = simulated_history(years=12)
        fitted, statement = calibrate_on((history,), LABELS, settings=quick)
        held = json.loads(json.dumps(artefact(fitted, statement, (history,))))
        raw = quick.model_dump(mode="json") | {"calibrated": held}
        desk = parse_settings(raw, origin="own")
        assert desk.calibrated.version == held["version"]
        assert desk.calibrated.deleveraging == pytest.approx(fitted.deleveraging, abs=1e-6)
        assert desk.calibrated.calibrated_to.isoformat() == "2016-12-30"
        assert desk.calibrated.statement is not None
        assert desk.calibrated.statement.rate.upper > desk.calibrated.statement.rate.rate
        assert [period.first.year for period in desk.calibrated.periods] == [2005]

    def test_until_a_year_uses_nothing_later(self, history: History, quick: Settings) -> None:
        drivers = history.drivers.copy()
        drivers.loc["2010"] = 7.0
        later = replace(history, drivers=drivers)
        held = [
            artefact(*calibrate_on((one,), LABELS, settings=quick, until=2009), (one,), until=2009)
            for one in (history, later)
        ]
        assert held[0] == held[1]
        assert held[0]["calibrated_to"] == "2009-12-31"
        assert held[0]["periods"][0]["last"] == "2009-12-31"

    def test_is_laid_out_for_a_person(self, history: History, quick: Settings) -> None:
        fitted, statement = calibrate_on((history,), LABELS, settings=quick)
        assert statement is None  # one block of years
        text = calibration_markdown(artefact(fitted, statement, (history,)))
        assert "too short to leave years out" in text
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
            calibrate_on((late,), LABELS, settings=quick)


class TestNothingHappens:
    """Markets without regimes: constant correlation, Student-t with four degrees of freedom."""

    def test_enters_no_more_often_than_stated(self, markets: list[dict[str, Any]]) -> None:
        market = markets[0]
        lower, _ = market["interval"]
        assert lower <= market["stated"]
        assert market["entries_a_year"] <= market["stated"] + 2 * np.sqrt(market["stated"] / 20)
        assert market["entries_a_year"] == pytest.approx(market["entries"] / 20, abs=1e-3)

    def test_says_where_the_rate_ends(self, markets: list[dict[str, Any]]) -> None:
        assert [market.get("joint_shocks") for market in markets] == [
            False, False, False, True, True, None,
        ]  # fmt: skip
        assert json.loads(json.dumps(markets)) == markets
        assert markets[4]["entries_a_year"] > 2 * markets[4]["stated"]

    def test_warns_where_volatility_rises_on_both_sides(
        self, markets: list[dict[str, Any]]
    ) -> None:
        quiet, clusters, volatility_only = markets[0], markets[4], markets[5]
        assert clusters["warned"] > quiet["warned"] + 0.2
        assert volatility_only["warned"] > 0

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
        assert "Not judged by the other years: ordinary sessions with the driver" in text
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert "2 of 2 episodes detected" in record_sentence(told)


class TestMissingInput:
    def test_a_rule_without_its_input_is_not_judged(
        self, history: History, quick: Settings
    ) -> None:
        blind = {name: values.mask(values > -1) for name, values in history.rules.items()}
        rules = {**history.rules, "VIX level": blind["VIX level"]}
        told = evaluate((replace(history, rules=rules),), LABELS, settings=quick, budget=1.0)
        for part in told["rules"]["VIX level"].values():
            assert part == {"reason": "no folder has its input"}
        assert told["rules"]["joint downside tail"]["in_sample"]["caught"] == 2
        assert "| VIX level | the same years, in sample | not judged |" in record_markdown(told)

    def test_one_folder_without_it_leaves_the_other(
        self, history: History, quick: Settings
    ) -> None:
        blind = {name: values.mask(values > -1) for name, values in history.rules.items()}
        told = evaluate(
            (history, replace(history, name="blind", rules=blind)),
            LABELS, settings=quick, budget=1.0,
        )  # fmt: skip
        assert told["rules"]["joint downside tail"]["in_sample"]["caught"] == 2
