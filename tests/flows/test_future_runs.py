"""A run of a session still to come, by every flow that names one: refused, nothing touched."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect import Flow

from flows.backfill import backfill
from flows.daily import daily
from flows.replay import replay
from flows.scan import scan
from flows.universe import universe
from unwind.calendar import sessions_between
from unwind.lake.snapshots import latest, read

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

PAST = date(2026, 2, 5)


def _ahead(weeks: int) -> date:
    """A session that many weeks after the clock's today."""
    first = datetime.now(UTC).date() + timedelta(weeks=weeks)
    return sessions_between(first, first + timedelta(days=10))[0].date()


SESSION = _ahead(1)
CUTOFF = datetime.now(UTC) + timedelta(weeks=1)


class TestCarelessOperator:
    @pytest.mark.parametrize(
        ("flow", "asked"),
        [
            (daily, {"as_of": SESSION}),
            (daily, {"as_of": SESSION, "cutoff": datetime(2026, 2, 5, 22, tzinfo=UTC)}),
            (backfill, {"first": PAST, "last": SESSION}),
            (replay, {"as_of": SESSION, "cutoffs": [datetime(2026, 2, 5, 22, tzinfo=UTC)]}),
            (universe, {"as_of": SESSION}),
            (scan, {"as_of": SESSION}),
        ],
    )
    def test_a_session_to_come_is_refused(
        self, flow: Flow[Any, Any], asked: dict[str, Any], drop: Path, tmp_path: Path
    ) -> None:
        lake, source = tmp_path / "lake", {"kind": "files", "path": str(drop)}
        state = flow(source=source, lake=str(lake), **asked, return_state=True)
        assert state.is_failed()
        assert state.message is not None
        assert "has a data cut-off of" in state.message
        assert state.message.endswith("run it after the cut-off or choose an earlier session")
        assert not lake.exists()

    @pytest.mark.parametrize(
        ("flow", "asked"), [(daily, {"cutoff": CUTOFF}), (replay, {"cutoffs": [CUTOFF]})]
    )
    def test_a_cutoff_to_come_is_refused(
        self, flow: Flow[Any, Any], asked: dict[str, Any], drop: Path, tmp_path: Path
    ) -> None:
        lake, source = tmp_path / "lake", {"kind": "files", "path": str(drop)}
        state = flow(source=source, lake=str(lake), as_of=PAST, **asked, return_state=True)
        assert state.is_failed()
        assert "lies after the scheduled start time of" in str(state.message)
        assert not lake.exists()


class TestRehearsal:
    def test_a_simulation_may_lie_in_the_future_and_says_so_everywhere(
        self, tmp_path: Path
    ) -> None:
        state = daily(
            source={"kind": "simulated", "scenario": "calm", "event": SESSION},
            lake=str(tmp_path), as_of=SESSION, return_state=True,
        )  # fmt: skip
        assert state.is_completed(), state.message
        outcome, snapshot = state.result(), latest(tmp_path)
        rows = read(snapshot, "regimes")
        assert rows["as_of"].tolist() == [SESSION]
        assert rows["cutoff"].item() > pd.Timestamp.now("UTC")
        assert outcome["headline"].startswith("SIMULATED DATA")
        for path in snapshot.path.rglob("*.parquet"):
            assert set(pd.read_parquet(path)["source"]) == {"simulated:calm"}
        assert "SIMULATED DATA" in Path(outcome["report"]).read_text(encoding="utf-8").upper()
