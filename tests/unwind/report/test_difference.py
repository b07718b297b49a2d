"""`unwind diff`: two runs on one session, between which flows arrived and a price was revised."""

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import unwind
from tests.conftest import RECEIVED, small_prices, write_drop
from tests.unwind.lake_rows import FEBRUARY, cutoff_at, regimes_row
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.tables import TABLES
from unwind.files.location import LakeError
from unwind.lake.publish import publish
from unwind.lake.snapshots import latest
from unwind.market.store import ingest
from unwind.report.difference import FEEDS, Difference, difference
from unwind.report.difference_text import text
from unwind.settings import Settings
from unwind.sources.files import FilesSource

FIRST = pd.Timestamp("2026-02-05T21:15Z")
SECOND = pd.Timestamp("2026-02-06T21:15Z")


def _stamped(
    rows: list[dict[str, object]], name: str, settings: Settings, hour: int
) -> pd.DataFrame:
    """Fill a table's other columns with null."""
    frame = pd.DataFrame(rows)
    moment = {
        "as_of": FEBRUARY, "cutoff": cutoff_at(FEBRUARY, hour), "known_at": cutoff_at(FEBRUARY),
        "source": "files", "settings_digest": settings.digest,
    }  # fmt: skip
    for column in TABLES[name].columns:
        if column.name not in frame:
            frame[column.name] = moment.get(column.name)
    return frame


def _run(
    settings: Settings, *, hour: int, score: float, posterior: float, flow: float | None
) -> dict[str, pd.DataFrame]:
    drivers = [{"driver": "fall", "contribution": score, "value": -3.0, "evidence": 1.0,
                "meaning": "m"}]  # fmt: skip
    regimes = regimes_row(FEBRUARY, settings, score=score, hour=hour)
    regimes["drivers"] = pd.Series([drivers])
    attribution = [
        {
            "hypothesis": name, "prior": 0.5, "posterior": share, "verdict": "MIXED",
            "blocks_observed": 3, "sentence": "s", "reason": "r",
        }
        for name, share in (("multi_strategy", posterior), ("ordinary", 1 - posterior))
    ]  # fmt: skip
    evidence = [
        {
            "hypothesis": "multi_strategy", "indicator": indicator, "block": block,
            "expected": "--", "weight": 1.0, "value": value, "contribution": vote,
            "describes": FEBRUARY, "quality": "good" if vote else "missing",
        }
        for indicator, block, value, vote in (
            ("flow_base", "flows", flow, 0.0 if flow is None else 0.9),
            ("volume", "volume", 4.4, 1.7),
        )
    ]  # fmt: skip
    return {
        "regimes": regimes,
        "attribution": _stamped(attribution, "attribution", settings, hour),
        "evidence": _stamped(evidence, "evidence", settings, hour),
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    prices = small_prices(("IBIT", "IGV"), first=date(2026, 1, 5), last=date(2026, 2, 6))
    revised = prices.copy()
    revised["known_at"] = pd.NaT
    chosen = (revised["symbol"] == "IGV") & (revised["session"] == pd.Timestamp(FEBRUARY))
    again = revised[chosen].assign(close=50.0, known_at=pd.Timestamp("2026-02-06T15:00Z"))
    again[["open", "high", "low"]] = 50.0
    flows = pd.DataFrame(
        {"session": [pd.Timestamp(FEBRUARY)], "fund": ["IBIT"], "vendor": ["farside"],
         "net_flow_usd_m": [-175.3]}
    )  # fmt: skip
    drop = write_drop(
        folder / "drop", pd.concat([revised, again], ignore_index=True), etf_flows=flows
    )
    ingest(folder / "market", FilesSource(drop), settings=settings, received_at=RECEIVED)
    for hour, score, posterior, flow in ((21, 2.0, 0.41, None), (45, 2.5, 0.64, 0.6)):
        rows = _run(settings, hour=hour, score=score, posterior=posterior, flow=flow)
        publish(folder, rows, settings=settings, source="files", run="test")
    return folder


def _difference(lake: Path, first: pd.Timestamp, second: pd.Timestamp) -> Difference:
    return difference(lake, latest(lake), as_of=FEBRUARY, first=first, second=second)


class TestConclusion:
    def test_old_and_new_of_everything_that_differs(self, lake: Path) -> None:
        found = _difference(lake, FIRST, SECOND)
        assert (found.before, found.after) == ("2026-02-05T21:15Z", "2026-02-06T21:15Z")
        told = {(row.table, *row.key.values()): row.columns for row in found.rows}
        assert told[("regimes", "IBIT")]["score"] == (2.0, 2.5)
        assert told[("drivers", "fall")] == {"contribution": (2.0, 2.5)}
        assert told[("attribution", "multi_strategy")] == {"posterior": (0.41, 0.64)}
        assert told[("evidence", "multi_strategy", "flow_base")] == {
            "value": (None, 0.6), "contribution": (0.0, 0.9), "quality": ("missing", "good"),
        }  # fmt: skip
        assert ("evidence", "multi_strategy", "volume") not in told
        assert found.notes == ()

    def test_reads_the_other_way_round_as_removed_and_added(self, lake: Path) -> None:
        nothing = _difference(lake, FIRST - pd.Timedelta(hours=1), FIRST)
        assert nothing.before is None
        assert {row.change for row in nothing.rows} == {"added"}
        assert nothing.notes == (
            "no run has a cut-off by 2026-02-05T20:15Z; publish one with: unwind replay --path "
            "DROP --as-of 2026-02-05 --cutoff 2026-02-05T20:15Z",
        )


class TestArrivals:
    def test_late_flows_and_a_revision_with_old_and_new(self, lake: Path) -> None:
        found = _difference(lake, FIRST, SECOND)
        revised = [arrival for arrival in found.arrivals if arrival.revised]
        assert [(arrival.entity, arrival.event) for arrival in revised] == [("IGV", "2026-02-05")]
        old, new = revised[0].columns["close"]
        assert (round(old, 6), new) != (50.0, 50.0)
        assert new == 50.0
        (flow,) = [arrival for arrival in found.arrivals if arrival.table == "etf_flows"]
        assert flow.columns == {"net_flow_usd_m": (None, -175.3)}
        assert flow.known_at == "2026-02-06T14:00Z"

    def test_no_row_known_before_or_after_is_among_them(self, lake: Path) -> None:
        found = _difference(lake, FIRST, pd.Timestamp("2026-02-06T14:30Z"))
        assert all(arrival.known_at > "2026-02-05T21:15Z" for arrival in found.arrivals)
        assert [arrival.table for arrival in found.arrivals] == ["etf_flows"]
        assert found.rows == ()
        assert "both sides are that run" in found.notes[0]


class TestScreen:
    def test_says_what_moved_and_because_of_what(self, lake: Path) -> None:
        lines = text(_difference(lake, FIRST, SECOND)).splitlines()
        assert len(lines) < 50
        page = "\n".join(lines)
        assert "posterior multi_strategy        0.41 → 0.64" in page
        place = next(number for number, line in enumerate(lines) if "flow_base" in line)
        assert "multi_strategy +0.90 nat" in lines[place]
        assert lines[place + 1] == (
            "    because etf_flows 2026-02-05 IBIT farside net_flow_usd_m −175.3, "
            "known 2026-02-06T14:00Z"
        )
        assert "prices              2 new, 1 revised" in page
        assert "revised: prices 2026-02-05 IGV close" in page
        assert "→ 50, known 2026-02-06T15:00Z" in page

    def test_machine_and_person(self, lake: Path) -> None:
        asked = ["diff", "--lake", str(lake), "--as-of", "2026-02-05",
                 "--from", "2026-02-05T21:15Z", "--to", "2026-02-06T21:15Z"]  # fmt: skip
        told = json.loads(unwind(*asked, "--json").stdout)
        assert told["passed_over"] == []
        assert {row["table"] for row in told["rows"]} == {
            "regimes", "drivers", "attribution", "evidence",
        }  # fmt: skip
        assert unwind(*asked).stdout.startswith("2026-02-05 as of 2026-02-05T21:15Z and as of")


class TestBadInput:
    def test_instants_out_of_order(self, lake: Path) -> None:
        with pytest.raises(LakeError, match="must be earlier than --to"):
            _difference(lake, SECOND, FIRST)

    def test_a_session_that_was_never_published(self, lake: Path) -> None:
        with pytest.raises(LakeError, match="is not published; publish it with: unwind replay"):
            difference(lake, latest(lake), as_of=date(2026, 2, 4), first=FIRST, second=SECOND)


class TestFeeds:
    def test_every_block_and_input_is_known(self, settings: Settings) -> None:
        blocks = {reading.block for reading in settings.attribution.indicators.values()}
        # The rest is read from prices.
        assert set(FEEDS) <= blocks
        assert {table for tables in FEEDS.values() for table in tables} <= set(INPUT_TABLES)
