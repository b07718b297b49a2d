"""`unwind show --known-by`, on lakes of daily runs and of backfills."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.command_line import unwind
from tests.unwind.lake_rows import publish_days
from unwind.calendar import all_sessions
from unwind.commands.options import session_known_by
from unwind.errors import UserError
from unwind.lake.publish import publish
from unwind.pipeline import Analysis, stacked
from unwind.settings import Settings

FIRST, SECOND = date(2026, 2, 4), date(2026, 2, 5)
START = pd.Timestamp("2026-01-20T00:00Z")


@pytest.fixture(scope="module")
def backfilled(
    analysis: Callable[[date], Analysis],
    tmp_path_factory: pytest.TempPathFactory,
    settings: Settings,
) -> Path:
    folder = tmp_path_factory.mktemp("backfilled")
    rows = stacked([analysis(day).tables for day in (FIRST, SECOND)])
    publish(folder, rows, settings=settings, source="files", run="backfill")
    return folder


def _show(lake: Path, instant: str) -> dict[str, object]:
    done = unwind("show", "--lake", str(lake), "--known-by", instant, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, object] = json.loads(done.stdout)
    return told


class TestBackfill:
    """One snapshot with every session: it stands on later knowledge than each but the last."""

    def test_answers_with_the_session_known_then(self, backfilled: Path) -> None:
        assert _show(backfilled, "2026-02-04T22:00Z")["as_of"] == "2026-02-04"
        assert _show(backfilled, "2026-02-05T21:14Z")["as_of"] == "2026-02-04"
        assert _show(backfilled, "2026-02-05T22:00Z")["as_of"] == "2026-02-05"

    def test_leaves_the_session_after_out_of_the_path(self, backfilled: Path) -> None:
        path = _show(backfilled, "2026-02-04T22:00Z")["correlation_path"]
        assert isinstance(path, list)
        assert path
        assert {row["as_of"] for row in path} == {"2026-02-04"}

    def test_every_row_was_known(self, backfilled: Path) -> None:
        instant = pd.Timestamp("2026-02-04T22:00Z")
        day, _ = session_known_by(
            str(backfilled), as_of=None, cutoff=None, known_by="2026-02-04T22:00Z"
        )
        for rows in (*day.tables.values(), day.around):
            assert (rows["cutoff"] <= instant).all()
            assert (rows["known_at"] <= instant).all()

    def test_before_the_first_is_a_sentence(self, backfilled: Path) -> None:
        with pytest.raises(UserError, match="no session before that cut-off"):
            session_known_by(str(backfilled), as_of=None, cutoff=None, known_by="2026-02-04T21:14Z")


class TestDailyRuns:
    def test_a_session_is_as_its_own_snapshot_said(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        first = publish_days(tmp_path, settings, FIRST)
        publish_days(tmp_path, settings, FIRST, score=9.0, hour=23)
        publish_days(tmp_path, settings, SECOND)
        day, _ = session_known_by(
            str(tmp_path), as_of=None, cutoff=None, known_by="2026-02-04T22:00Z"
        )
        assert day.snapshot.name == first.name

    def test_a_session_that_was_added_later_is_found(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        publish_days(tmp_path, settings, date(2026, 1, 30))
        publish_days(tmp_path, settings, SECOND)
        publish_days(tmp_path, settings, FIRST)
        day, _ = session_known_by(
            str(tmp_path), as_of=None, cutoff=None, known_by="2026-02-04T22:00Z"
        )
        assert day.as_of == FIRST


class TestAnyInstant:
    @limits(max_examples=30, deadline=None)
    @given(
        days=st.lists(st.integers(0, 15), min_size=1, max_size=5, unique=True),
        minutes=st.integers(0, 60 * 24 * 30),
        whole=st.booleans(),
    )
    def test_shows_the_newest_cutoff_up_to_it_and_nothing_later(
        self,
        days: list[int],
        minutes: int,
        whole: bool,
        settings: Settings,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        lake = tmp_path_factory.mktemp("lake")
        sessions = all_sessions()
        sessions = sessions[sessions >= START.tz_localize(None)]
        chosen = [sessions[place].date() for place in days]
        if whole:
            publish_days(lake, settings, *chosen)
        else:
            for day in chosen:
                publish_days(lake, settings, day)
        instant = START + pd.Timedelta(minutes=minutes)
        cutoffs = {day: pd.Timestamp(f"{day}T21:15Z") for day in chosen}
        known = [day for day, cutoff in cutoffs.items() if cutoff <= instant]
        asked = {"as_of": None, "cutoff": None, "known_by": instant.isoformat()}
        if not known:
            with pytest.raises(UserError):
                session_known_by(str(lake), **asked)  # type: ignore[arg-type]
            return
        day, _ = session_known_by(str(lake), **asked)  # type: ignore[arg-type]
        assert day.as_of == max(known)
        assert day.regime["cutoff"] <= instant
