"""The claims of February 2026: verdicts follow from rules, and what is missing is said."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from unwind.calendar import publication_instant
from unwind.contract.tables import TABLES
from unwind.indicators.context import RunContext, Slot
from unwind.indicators.links.correlations import links
from unwind.indicators.mechanisms.table import mechanisms as mechanism_rows
from unwind.indicators.risk.shocks import shock_rows
from unwind.lake.snapshots import Snapshot
from unwind.pipeline import Analysis, Market, observe
from unwind.report.session import SessionDay
from unwind.settings import Settings
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
from unwind.studies.february_2026 import CLAIMS
from unwind.studies.february_2026_rows import DAYS, EVENT


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


EVE, NEXT = date(2026, 2, 4), date(2026, 2, 10)


def mechanisms(*rows: dict[str, object]) -> dict[str, pd.DataFrame]:
    plain = {"item": "IBIT", "quality": "good", "detail": "d", "category": None, "reason": None}
    return {"mechanisms": pd.DataFrame([plain | row for row in rows])}


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
        for figure in ("0.0465 %", "5.8 times", "1 in 193"):
            assert figure in figures_of(finding)


class TestLatePublication:
    """A figure that describes one session and becomes known in the run of another."""

    @staticmethod
    def _zscore(item: str, value: float, as_of: date, **other: object) -> dict[str, object]:
        own = {"indicator": "published_zscore", "describes": EVE, "quality": "good"}
        return own | {"item": item, "value": value, "as_of": as_of} | other

    def test_of_a_zscore_is_found_in_whichever_run_knew_it(self) -> None:
        empty = self._zscore("universe", float("nan"), EVE, quality="missing", reason="none known")
        late = self._zscore("GS Prime: Multi-Strategy", -3.5, NEXT)
        sessions = {
            EVE: day_of(EVE, mechanisms(empty)),
            NEXT: day_of(NEXT, mechanisms(late)),
        }
        finding = claim(3).check(sessions)
        assert finding.missing is None
        assert "published: GS Prime: Multi-Strategy −3.50 (run of 2026-02-10)" in (
            figures_of(finding)
        )

    def test_of_another_group_or_session_is_not_the_figure_of_the_claim(self) -> None:
        systematic = self._zscore("GS Prime: systematic", -0.4, NEXT)
        newer = self._zscore("GS Prime: multi_strategy", -1.0, NEXT, describes=EVENT)
        finding = claim(3).check({NEXT: day_of(NEXT, mechanisms(systematic, newer))})
        assert finding.missing is not None
        assert "published" not in finding.value

    def test_of_a_flow_is_found_in_the_next_run(self) -> None:
        def flow(day: date, run: date, value: float) -> dict[str, object]:
            return {"indicator": "flow", "describes": day, "as_of": run, "value": value}

        crash, monday = date(2026, 1, 30), date(2026, 2, 2)
        moved = pd.DataFrame({"asset": ["IBIT"], "measure": ["return"], "simple_return": [-0.0576]})
        sessions = {
            DAYS[0]: day_of(DAYS[0], {"shocks": moved}),
            crash: day_of(crash, mechanisms(flow(DAYS[0], crash, 27.3))),
            monday: day_of(monday, mechanisms(flow(crash, monday, -528.3))),
            EVE: day_of(EVE, mechanisms(flow(date(2026, 2, 3), EVE, 60.0))),
            EVENT: day_of(EVENT, mechanisms(flow(EVE, EVENT, -373.4))),
        }
        finding = claim(7).check(sessions)
        assert finding.verdict == CONFIRMED
        assert "−528.3 (d) (run of 2026-02-02)" in figures_of(finding)

    def test_of_a_utc_close_is_found_in_the_next_run(self) -> None:
        def gap(day: date, run: date, value: float) -> dict[str, object]:
            own = {"indicator": "implied_gap", "item": "DVOL", "describes": day, "as_of": run}
            return own | {"value": value, "z": 4.9}

        sessions = {
            EVE: day_of(EVE, mechanisms(gap(date(2026, 2, 3), EVE, 0.01))),
            EVENT: day_of(EVENT, mechanisms(gap(EVE, EVENT, 0.026))),
            NEXT: day_of(NEXT, mechanisms(gap(EVENT, NEXT, 0.166))),
        }
        finding = claim(10).check(sessions)
        assert finding.verdict == CONFIRMED
        assert "gap +16.6 %" in figures_of(finding)
        assert "the day before +2.6 % (run of 2026-02-05)" in figures_of(finding)

    @pytest.mark.parametrize("number", [7, 10])
    def test_that_no_run_has_names_the_command(self, number: int) -> None:
        shocks = pd.DataFrame(
            {"asset": ["IBIT"], "measure": ["return"], "simple_return": [-0.0576]}
        )
        early = pd.DataFrame({"cutoff": [pd.Timestamp("2026-02-04T21:15Z")], "source": ["files"]})
        tables = mechanisms({"indicator": "yen_move", "describes": EVE}) | {"shocks": shocks}
        days = {day: day_of(day, tables | {"regimes": early}) for day in DAYS}
        [(_, finding)] = judge([claim(number)], days)
        assert finding.verdict == UNTESTABLE
        asked = date(2026, 1, 30) if number == 7 else EVE
        assert finding.missing is not None
        assert (
            f"`unwind replay --source files --path FOLDER --as-of {asked} "
            "--cutoff 2026-02-10T21:15Z`"
        ) in finding.missing


class TestVenueOfTheDesk:
    @staticmethod
    def _finding(item: str, value: float) -> Finding:
        after = date(2026, 2, 6)
        row = {"indicator": "venue_divergence", "item": item, "describes": after, "value": value}
        return claim(9).check({after: day_of(after, mechanisms(row))})

    def test_binance_is_the_venue_of_the_claim(self) -> None:
        assert self._finding("CME-Binance", 0.02).verdict == CONFIRMED
        assert self._finding("CME-Binance", -0.02).verdict == CONTESTED

    def test_another_is_named_and_proves_nothing_about_binance(self) -> None:
        finding = self._finding("CME-Hyperliquid", 0.021)
        assert finding.verdict == NOT_REPRODUCIBLE
        assert "CME less Hyperliquid +0.021" in figures_of(finding)
        assert "Binance" in str(finding.missing)


class TestNotes:
    """The claim is about barriers at 43.6 and 38–39 on IBIT, and about no other note."""

    @staticmethod
    def _finding(*notes: tuple[str, str, float, float, float]) -> Finding:
        """Check notes of a name, underlying, barrier and distances on the eve and the event."""
        days = {}
        for place, day in enumerate((EVE, EVENT)):
            rows: list[dict[str, object]] = [
                {"indicator": "barrier_proximity", "describes": day, "value": 0.9}
            ]
            for name, underlying, barrier, *distance in notes:
                own: dict[str, object] = {"item": name, "describes": day}
                level = {"indicator": "barrier", "value": barrier, "category": underlying}
                away = {"indicator": "barrier_distance", "value": distance[place]}
                rows += [own | level, own | away | {"category": "live"}]
            days[day] = day_of(day, mechanisms(*rows))
        [(_, finding)] = judge([claim(12)], days)
        return finding

    def test_a_november_note_crossed_before_the_fall_contests_it(self) -> None:
        finding = self._finding(
            ("November", "IBIT", 43.6, -0.2, -0.9), ("cluster", "IBIT", 38.5, 0.4, -0.3)
        )
        assert finding.verdict == CONTESTED
        assert "November, barrier 43.60: crossed before the fall" in figures_of(finding)
        assert "cluster, barrier 38.50: crossed in the fall" in figures_of(finding)

    def test_both_crossed_in_the_fall_confirm_it(self) -> None:
        finding = self._finding(
            ("November", "IBIT", 43.6, 0.1, -0.9), ("cluster", "IBIT", 38.5, 0.4, -0.3)
        )
        assert finding.verdict == CONFIRMED

    def test_another_note_does_not_answer_for_it(self) -> None:
        finding = self._finding(
            ("deep", "IBIT", 30.0, 1.0, 0.5), ("silver", "SLV", 38.5, 0.1, -0.1)
        )
        assert finding.verdict == UNTESTABLE
        assert finding.missing == (
            "no note with its barrier at 43.6 or 38–39 was known (2026-02-05); barriers of those "
            "known: 30.00"
        )

    def test_one_of_the_two_leaves_the_other_open(self) -> None:
        finding = self._finding(("cluster", "IBIT", 38.5, 0.4, -0.3))
        assert finding.verdict == UNTESTABLE
        assert "a note with its barrier at 43.6" in str(finding.missing)


class TestMissing:
    def test_a_session_that_is_not_published_cannot_be_tested(self) -> None:
        [(_, finding)] = judge([claim(1)], {})
        assert finding.verdict == UNTESTABLE
        assert finding.missing == f"session {EVENT} is not published"

    def test_a_null_row_hands_its_reason_on(self) -> None:
        null = {
            "indicator": "barrier_proximity", "describes": EVENT, "quality": "missing",
            "reason": "no structured note was known",
        }  # fmt: skip
        [(_, finding)] = judge([claim(12)], {EVENT: day_of(EVENT, mechanisms(null))})
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
    """shared/event.md, claim by claim, each session as its own run knew it."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(
        cls, real_analysis: Callable[[date, date], Analysis], real_market: Market,
        settings: Settings,
    ) -> dict[int, Finding]:  # fmt: skip
        def context(day: date) -> RunContext:
            cutoff = publication_instant(day, settings.publication)
            slot = Slot(as_of=day, cutoff=cutoff, source="files")
            return observe(real_market, slot, settings=settings)

        tables = {
            day: real_analysis(day, day).tables for day in DAYS if EVE <= day <= date(2026, 2, 6)
        }
        # Of the days before, the claims read moves; of those after, what they tell of the eve.
        for day in DAYS[:2]:
            tables[day] = {"shocks": shock_rows(observed := context(day), links(observed))}
        for day in (date(2026, 2, 2), date(2026, 2, 9)):
            tables[day] = {"mechanisms": mechanism_rows(context(day))[0]}
        sessions = {day: day_of(day, rows) for day, rows in sorted(tables.items())}
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
