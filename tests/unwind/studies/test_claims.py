"""The claims of February 2026: verdicts follow from rules, and what is missing is said."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from unwind.contract.tables import TABLES
from unwind.lake.snapshots import Snapshot
from unwind.pipeline import Analysis
from unwind.report.session import SessionDay
from unwind.studies.claims import (
    CONFIRMED,
    CONTESTED,
    NOT_REPRODUCIBLE,
    UNTESTABLE,
    VERDICTS,
    Claim,
    Finding,
    claims_json,
    claims_markdown,
    judge,
    row,
)
from unwind.studies.february_2026 import CLAIMS, DAYS, EVENT


def day_of(day: date, tables: dict[str, pd.DataFrame]) -> SessionDay:
    empty = {name: table.schema.empty_table().to_pandas() for name, table in TABLES.items()}
    regimes = pd.DataFrame({"cutoff": [pd.Timestamp("2026-02-10T21:15Z")], "source": ["files"]})
    return SessionDay(
        snapshot=Snapshot(name="000001-x", lake=Path(), manifest={}),
        as_of=day,
        tables=empty | {"regimes": regimes} | tables,
        around=pd.DataFrame(),
    )


def volumes(dollars: float, record: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "asset": ["IBIT", "IBIT"],
            "measure": ["volume_shares", "volume_dollars"],
            "value": [284.4e6, dollars],
            "record_multiple": [record, record],
            "previous_record_on": [date(2025, 11, 21)] * 2,
        }
    )


def figures_of(finding: Finding) -> str:
    """The value, its narrow no-break spaces plain."""
    return finding.value.replace("\u202f", " ")


def claim(number: int) -> Claim:
    return CLAIMS[number - 1]


class TestRule:
    """The verdict changes with the figure, not with the claim."""

    @pytest.mark.parametrize(
        ("dollars", "record", "told"),
        [(1.03e10, 2.1, CONFIRMED), (1.03e10, 1.27, CONTESTED), (0.9e10, 2.1, CONTESTED)],
    )
    def test_twice_the_record_or_not(self, dollars: float, record: float, told: str) -> None:
        sessions = {EVENT: day_of(EVENT, {"shocks": volumes(dollars, record)})}
        assert claim(2).check(sessions).verdict == told

    def test_rarity_needs_no_data(self) -> None:
        # 2·Φ(−3.5) = 0.0465 %, Φ(−3)/Φ(−3.5) = 5.80; t₆ scaled to unit variance: 1 in 193.
        finding = claim(3).check({})
        assert finding.verdict == CONTESTED
        for figure in ("0.0465 %", "5.8 times", "once in 193"):
            assert figure in figures_of(finding)

    def test_a_published_figure_is_not_called_missing(self) -> None:
        rows = pd.DataFrame(
            {
                "indicator": ["published_zscore"], "item": ["GS Prime: multi_strategy"],
                "describes": [date(2026, 2, 4)], "quality": ["good"], "value": [-3.5],
            }
        )  # fmt: skip
        eve = date(2026, 2, 4)
        assert claim(3).check({eve: day_of(eve, {"mechanisms": rows})}).missing is None
        assert claim(3).check({}).missing is not None


class TestMissing:
    def test_a_session_that_is_not_published_cannot_be_tested(self) -> None:
        [(_, finding)] = judge([claim(1)], {})
        assert finding.verdict == UNTESTABLE
        assert finding.missing == f"session {EVENT} is not published"

    def test_a_null_row_hands_its_reason_on(self) -> None:
        rows = pd.DataFrame(
            {
                "indicator": ["barrier_proximity"], "item": ["IBIT"], "describes": [EVENT],
                "quality": ["missing"], "reason": ["no structured note was known"],
            }
        )  # fmt: skip
        [(_, finding)] = judge([claim(12)], {EVENT: day_of(EVENT, {"mechanisms": rows})})
        assert finding.verdict == UNTESTABLE
        assert finding.missing == f"no structured note was known ({EVENT})"

    def test_a_flow_of_another_day_says_nothing_of_this_one(self) -> None:
        rows = pd.DataFrame(
            {
                "indicator": ["flow"], "item": ["IBIT"], "describes": [date(2026, 2, 4)],
                "quality": ["good"], "value": [-373.4],
            }
        )  # fmt: skip
        with pytest.raises(LookupError, match="has no row flow, IBIT"):
            row(
                {EVENT: day_of(EVENT, {"mechanisms": rows})}, EVENT, "mechanisms",
                indicator="flow", item="IBIT", describes=EVENT,
            )  # fmt: skip


class TestPage:
    def test_hostile_text_stays_in_its_cell(self) -> None:
        hostile = Claim(
            number=1, text="a | b\n<script>",
            check=lambda _: Finding(verdict=CONFIRMED, value="x|y\n# z", rule="r"),
        )  # fmt: skip
        page = claims_markdown(judge([hostile], {}), {})
        line = next(line for line in page.splitlines() if line.startswith("| 1"))
        assert line.replace("\\|", "").count("|") == 7
        assert "\n# z" not in page

    def test_a_machine_reads_the_same(self) -> None:
        found = judge(CLAIMS, {})
        told = json.loads(json.dumps(claims_json(found)))
        assert [one["claim"] for one in told] == list(range(1, 19))
        assert {one["verdict"] for one in told} <= set(VERDICTS)


@pytest.mark.market
class TestFebruary2026:
    """shared/event.md, claim by claim, as known on 10 February."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, real_analysis: Callable[[date, date], Analysis]) -> dict[int, Finding]:
        known = date(2026, 2, 10)
        sessions = {
            day: day_of(day, real_analysis(day, known).tables) for day in DAYS if day < known
        }
        return {one.number: finding for one, finding in judge(CLAIMS, sessions)}

    @pytest.mark.parametrize(
        ("number", "verdict", "figures"),
        [
            (1, CONFIRMED, ["IBIT −13.16 %"]),
            (2, CONTESTED, ["1.27 times", "1.69 in shares", "2025-11-21", "$10.27 bn"]),
            (4, CONTESTED, ["0.25 → 0.49 → 0.63", "0.06 → 0.19 → 0.25"]),
            (5, CONTESTED, ["volatility alone explains 1.00"]),
            (6, CONTESTED, ["IBIT −175.3", "TOTAL −434.1", "+231.6", "sign contested"]),
            (7, CONFIRMED, ["−528.3", "−373.4", "−5.76 %"]),
            (8, NOT_REPRODUCIBLE, ["inside the band"]),
            (9, UNTESTABLE, []),
            (12, UNTESTABLE, []),
            (16, CONTESTED, ["IBIT +9.92 %"]),
            (18, UNTESTABLE, ["the yen fell"]),
        ],
    )
    def test_the_claim(
        self, found: dict[int, Finding], number: int, verdict: str, figures: list[str]
    ) -> None:
        assert found[number].verdict == verdict
        for figure in figures:
            assert figure in figures_of(found[number])

    def test_what_is_missing_is_named(self, found: dict[int, Finding]) -> None:
        for finding in found.values():
            if finding.verdict == UNTESTABLE:
                assert finding.missing
