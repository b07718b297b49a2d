"""What a desk is told: net transitions, once, whatever is run again or killed in between."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import unwind
from tests.conftest import ROOT
from tests.unwind.lake_rows import regimes_row
from unwind.alerts.ledger import Alert, mark, read_ledger, write_intent
from unwind.alerts.notices import Notice, notice_due
from unwind.files.location import LakeError
from unwind.lake.alert_log import LOG
from unwind.lake.identity import IDENTITY
from unwind.lake.publish import publish
from unwind.lake.snapshots import Snapshot, latest
from unwind.lake.verify import verify
from unwind.settings import Settings

STATES = ("CALM", "WATCH", "DEGROSSING", "DELEVERAGING", "RELEASE", "UNKNOWN")
LINKS = {"Report": "/lake/report.html"}
DAY, NEWEST = date(2026, 2, 5), date(2026, 2, 10)


def _stands(state: str, day: int = 5, *, source: str = "files") -> Notice:
    return Notice(
        kind="digest", base="IBIT", source=source, settings_digest="0a1b2c3d4e5f",
        as_of=date(2026, 2, day), from_state=state, to_state=state,
    )  # fmt: skip


def _told(*standing: Notice) -> list[str]:
    """Every run looks once; what each had to say."""
    told: list[Notice] = []
    said = []
    for stands in standing:
        due = notice_due(told, stands, newest_session=NEWEST)
        said.append(
            "-" if due is None
            else "digest" if due.kind == "digest"
            else f"{due.from_state}>{due.to_state}"
        )  # fmt: skip
        told += [] if due is None else [due]
    return said


class TestQuietDay:
    def test_a_digest_once_a_session(self) -> None:
        assert _told(_stands("CALM"), _stands("CALM"), _stands("CALM", 6)) == [
            "digest", "-", "digest",
        ]  # fmt: skip


class TestEpisode:
    def test_each_net_transition_once(self) -> None:
        path = [_stands("CALM", 3), _stands("WATCH", 4), _stands("DELEVERAGING", 5)]
        path += [_stands("DELEVERAGING", 6), _stands("RELEASE", 9), _stands("CALM", 10)]
        assert _told(*path) == [
            "digest", "CALM>WATCH", "WATCH>DELEVERAGING", "digest", "DELEVERAGING>RELEASE",
            "RELEASE>CALM",
        ]  # fmt: skip

    def test_degrossing_that_spreads_is_told_as_another_state(self) -> None:
        path = [_stands("WATCH", 3), _stands("DEGROSSING", 4), _stands("DELEVERAGING", 5)]
        assert _told(*path) == ["CALM>WATCH", "WATCH>DEGROSSING", "DEGROSSING>DELEVERAGING"]

    def test_a_desk_that_was_told_nothing_hears_of_a_state_that_stands(self) -> None:
        assert _told(_stands("DELEVERAGING")) == ["CALM>DELEVERAGING"]

    def test_sessions_that_a_backfill_published_are_told_net(self) -> None:
        assert _told(_stands("CALM", 2), _stands("RELEASE", 9)) == ["digest", "CALM>RELEASE"]

    def test_another_source_is_another_story(self) -> None:
        mixed = [_stands("WATCH"), _stands("CALM", source="simulated:calm"), _stands("WATCH", 6)]
        assert _told(*mixed) == ["CALM>WATCH", "digest", "digest"]

    def test_not_being_able_to_tell_is_told(self) -> None:
        assert _told(_stands("UNKNOWN")) == ["CALM>UNKNOWN"]


class TestChangeOfTheSourceLabel:
    """A provider is added: the desk goes on from the state that it was sent."""

    def test_the_all_clear_is_sent(self) -> None:
        steps = [_stands("WATCH", 4), _stands("CALM", 5, source="files+yahoo")]
        assert _told(*steps) == ["CALM>WATCH", "WATCH>CALM"]

    def test_the_same_state_is_not_sent_twice(self) -> None:
        steps = [_stands("WATCH", 4), _stands("WATCH", 5, source="files+yahoo")]
        assert _told(*steps) == ["CALM>WATCH", "digest"]

    def test_within_a_session_no_step_is_sent_twice(self) -> None:
        labels = ["files", "files+yahoo", "files", "files+yahoo"]
        swing = [
            _stands(state, source=label)
            for state, label in zip(("WATCH", "CALM", "WATCH", "CALM"), labels, strict=True)
        ]
        assert _told(*swing) == ["CALM>WATCH", "WATCH>CALM", "-", "-"]

    def test_a_rehearsal_and_the_desk_share_no_state(self) -> None:
        both = [_stands("WATCH", source="simulated:calm"), _stands("CALM", 6, source="yahoo")]
        both += [_stands("WATCH", 4, source="yahoo"), _stands("CALM", 6, source="simulated:other")]
        assert _told(*both) == ["CALM>WATCH", "digest", "-", "WATCH>CALM"]


class TestEntryFromTheFuture:
    """Someone ran 2099: its entry must not hold back an alert of any session before it."""

    @pytest.mark.parametrize("state", STATES)
    def test_silences_nothing(self, state: str) -> None:
        poison = replace(_stands(state), kind="transition", as_of=date(2099, 1, 2))
        due = notice_due([poison], _stands("WATCH"), newest_session=NEWEST)
        assert due is not None
        assert (due.kind, due.from_state, due.as_of) == ("transition", "CALM", DAY)

    def test_an_entry_of_the_current_session_still_counts(self) -> None:
        entry = replace(_stands("WATCH"), kind="transition", as_of=NEWEST)
        assert notice_due([entry], _stands("CALM"), newest_session=NEWEST) is None


class TestLateData:
    def test_there_and_back_is_an_alert_and_one_correction(self) -> None:
        swing = [_stands(state) for state in ("CALM", "WATCH", "CALM", "WATCH", "CALM", "WATCH")]
        assert _told(*swing) == ["digest", "CALM>WATCH", "WATCH>CALM", "-", "-", "-"]

    def test_what_stands_in_the_end_is_told_by_the_session_after(self) -> None:
        swing = [_stands(state) for state in ("WATCH", "CALM", "WATCH")]
        assert _told(*swing, _stands("WATCH", 6))[-1] == "CALM>WATCH"

    def test_an_old_session_that_is_run_again_says_nothing(self) -> None:
        assert _told(_stands("CALM", 5), _stands("WATCH", 4))[-1] == "-"

    @given(st.lists(st.tuples(st.integers(2, 6), st.sampled_from(STATES)), max_size=60))
    def test_no_id_is_ever_told_twice_and_a_session_never_storms(self, looks) -> None:
        told: list[Notice] = []
        for day, state in looks:
            due = notice_due(told, _stands(state, day), newest_session=NEWEST)
            if due is not None:
                assert due.id not in {notice.id for notice in told}
                told.append(due)
        steps = [notice for notice in told if notice.kind == "transition"]
        assert all(step.from_state != step.to_state for step in steps)
        assert [step.from_state for step in steps[1:]] == [step.to_state for step in steps[:-1]]
        for day in range(2, 7):
            mine = [step for step in steps if step.as_of.day == day]
            assert len(mine) <= len(STATES) * (len(STATES) - 1)


class TestIdentity:
    def test_is_that_of_the_notice_on_any_machine(self) -> None:
        notice = replace(_stands("WATCH"), kind="transition", from_state="CALM")
        assert str(notice.id) == "9844ae5a-38ac-5386-84af-4f5d21195200"

    @pytest.mark.parametrize(
        "changed",
        [
            {"base": "GLD"}, {"source": "yahoo"}, {"settings_digest": "ffffffffffff"},
            {"as_of": date(2026, 2, 6)}, {"from_state": "RELEASE"}, {"to_state": "CALM"},
            {"kind": "transition"}, {"lake": "0b5d2c1e"},
        ],
    )  # fmt: skip
    def test_differs_with_each_of_its_parts(self, changed: dict[str, object]) -> None:
        assert replace(_stands("WATCH"), **changed).id != _stands("WATCH").id


def _publish(lake: Path, settings: Settings, state: str, day: date, hour: int = 21) -> Snapshot:
    drivers = [
        {"driver": name, "contribution": points, "value": 1.0, "evidence": 1.0, "meaning": meaning}
        for name, points, meaning in (
            ("breadth", 0.96, "joint tail"), ("concentration", 1.82, "depth of the fall"),
            ("crowding", None, "losses of sleeves"),
        )
    ]  # fmt: skip
    rows = regimes_row(day, settings, hour=hour)
    rows = rows.assign(state=state, headline=f"{day}: {state}", drivers=[drivers])
    return publish(lake, {"regimes": rows}, settings=settings, source="files", run="run")


def _intent(
    lake: Path, snapshot: Snapshot, day: date = DAY, *, links: dict[str, str] = LINKS
) -> tuple[Alert, ...]:
    return write_intent(lake, snapshot, as_of=day, current_session=NEWEST, links=links)


class TestLedger:
    def test_an_intent_is_owed_until_it_is_acknowledged(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        snapshot = _publish(tmp_path, settings, "WATCH", DAY)
        (owed,) = _intent(tmp_path, snapshot)
        assert owed.status == "intent"
        (again,) = _intent(tmp_path, snapshot, links={"Report": "another"})
        assert (again.notice.id, again.message) == (owed.notice.id, owed.message)
        mark(tmp_path, owed.notice, "emitted")
        assert _intent(tmp_path, snapshot)[0].status == "emitted"
        mark(tmp_path, owed.notice, "acknowledged")
        assert _intent(tmp_path, snapshot) == ()

    def test_a_slower_run_takes_nothing_back(self, tmp_path: Path, settings: Settings) -> None:
        (owed,) = _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        mark(tmp_path, owed.notice, "acknowledged")
        mark(tmp_path, owed.notice, "emitted")
        assert read_ledger(tmp_path)[0].status == "acknowledged"

    def test_a_run_that_was_overtaken_tells_what_stands_now(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        slow = _publish(tmp_path, settings, "WATCH", DAY)
        _publish(tmp_path, settings, "DELEVERAGING", DAY, hour=22)
        (owed,) = _intent(tmp_path, slow)
        assert (owed.notice.from_state, owed.notice.to_state) == ("CALM", "DELEVERAGING")

    def test_what_a_killed_run_owed_comes_first(self, tmp_path: Path, settings: Settings) -> None:
        _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        after = _publish(tmp_path, settings, "CALM", DAY + timedelta(days=1))
        owed = _intent(tmp_path, after, DAY + timedelta(days=1))
        assert [alert.notice.to_state for alert in owed] == ["WATCH", "CALM"]

    def test_the_alert_is_about_the_session_of_the_run(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        """A backfill has published the session after; a run of 2099 has been here too."""
        for day in (DAY + timedelta(days=1), date(2099, 1, 2)):
            _publish(tmp_path, settings, "CALM", day)
        (owed,) = _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        assert owed.message["subject"] == "IBIT: CALM → WATCH, session 2026-02-05"
        assert "2026-02-05: WATCH" in owed.message["body"]

    def test_an_entry_from_the_future_is_neither_heeded_nor_sent(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        future = date(2099, 1, 2)
        _intent(tmp_path, _publish(tmp_path, settings, "DELEVERAGING", future), future)
        owed = _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        assert [alert.notice.as_of for alert in owed] == [DAY]
        assert owed[0].notice.from_state == "CALM"

    def test_a_late_run_comes_after_the_alert_of_a_later_session(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        after = DAY + timedelta(days=1)
        (sent,) = _intent(tmp_path, _publish(tmp_path, settings, "WATCH", after), after)
        mark(tmp_path, sent.notice, "acknowledged")
        assert _intent(tmp_path, _publish(tmp_path, settings, "DELEVERAGING", DAY)) == ()

    def test_a_damaged_line_is_a_sentence(self, tmp_path: Path, settings: Settings) -> None:
        _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        path = tmp_path / LOG
        path.write_text(path.read_text().replace("WATCH", "CALM!"))
        with pytest.raises(LakeError, match="line 1: checksum mismatch; restore the file"):
            read_ledger(tmp_path)

    def test_odd_signs_in_a_text_break_no_line(self, tmp_path: Path, settings: Settings) -> None:
        snapshot = _publish(tmp_path, settings, "WATCH", DAY)
        _intent(tmp_path, snapshot, links={"Report": "a\u2028b\nc"})
        assert read_ledger(tmp_path)[0].message["links"]["Report"] == "a\u2028b\nc"

    def test_kill_at_any_moment_leaves_a_ledger_that_reads(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        """A writer is killed while it renames: the old ledger stands, whole."""
        snapshot = _publish(tmp_path, settings, "WATCH", DAY)
        _intent(tmp_path, snapshot)
        killed = subprocess.run(
            [sys.executable, "-c",
             "import os, signal, sys; from pathlib import Path\n"
             "from unwind.alerts import ledger as alerts\n"
             "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
             "lake = Path(sys.argv[1])\n"
             "alerts.mark(lake, alerts.read_ledger(lake)[0].notice, 'acknowledged')",
             str(tmp_path)],
            cwd=ROOT, check=False, env={**os.environ},
        )  # fmt: skip
        assert killed.returncode == -9
        assert _intent(tmp_path, snapshot)[0].status == "intent"


EARLIER_LINE = {
    "notice": {
        "kind": "transition", "base": "IBIT", "source": "files",
        "settings_digest": "0a1b2c3d4e5f", "as_of": "2026-02-05", "from_state": "CALM",
        "to_state": "WATCH",
    },
    "message": {"subject": "IBIT: CALM → WATCH, session 2026-02-05"},
    "status": "emitted",
}  # fmt: skip


class TestEarlierRelease:
    """Its lines carry no lake: they are read, heeded, and keep their ids."""

    def test_its_alert_is_not_sent_under_another_id(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        text = json.dumps(EARLIER_LINE, sort_keys=True)
        sealed = {"alert": EARLIER_LINE, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        (tmp_path / LOG).parent.mkdir()
        (tmp_path / LOG).write_text(json.dumps(sealed) + "\n", encoding="utf-8")
        snapshot = _publish(tmp_path, settings, "WATCH", DAY)
        after = _publish(tmp_path, settings, "CALM", DAY + timedelta(days=1))
        for _ in range(2):
            (owed,) = _intent(tmp_path, snapshot)
            assert str(owed.notice.id) == "9844ae5a-38ac-5386-84af-4f5d21195200"
            mark(tmp_path, owed.notice, "emitted")
        old, new = _intent(tmp_path, after, DAY + timedelta(days=1))
        assert str(old.notice.id) == "9844ae5a-38ac-5386-84af-4f5d21195200"
        assert (new.notice.from_state, new.notice.to_state) == ("WATCH", "CALM")


class TestTwoLakes:
    """A rehearsal runs the session of the desk, against the same server."""

    def test_never_send_the_same_event(self, tmp_path: Path, settings: Settings) -> None:
        (desk,), (rehearsal,) = (
            _intent(tmp_path / name, _publish(tmp_path / name, settings, "WATCH", DAY))
            for name in ("desk", "rehearsal")
        )
        assert desk.notice.id != rehearsal.notice.id
        assert desk.message["subject"] == rehearsal.message["subject"]

    def test_nor_does_a_copy_of_the_folder(self, tmp_path: Path, settings: Settings) -> None:
        desk, copy, after = tmp_path / "desk", tmp_path / "copy", DAY + timedelta(days=1)
        (sent,) = _intent(desk, _publish(desk, settings, "WATCH", DAY))
        mark(desk, sent.notice, "acknowledged")
        shutil.copytree(desk, copy)
        there, here = (
            _intent(lake, _publish(lake, settings, "CALM", after), after) for lake in (desk, copy)
        )
        assert [alert.notice.from_state for alert in (*there, *here)] == ["WATCH", "WATCH"]
        assert there[0].notice.id != here[0].notice.id
        assert there[0].notice.lake == sent.notice.lake
        assert read_ledger(copy)[0].notice.id == sent.notice.id


class TestLostLog:
    """The alert log was deleted, or a lake was restored without it."""

    @pytest.fixture
    def lake(self, tmp_path: Path, settings: Settings) -> Path:
        lake = tmp_path / "lake"
        _intent(lake, _publish(lake, settings, "WATCH", DAY))
        shutil.rmtree(lake / "alerts")
        return lake

    def test_is_a_sentence_and_nothing_is_sent_again(self, lake: Path) -> None:
        for read in (lambda: read_ledger(lake), lambda: _intent(lake, latest(lake))):
            with pytest.raises(LakeError, match=r"ledger.jsonl is missing, but this lake has sent"):
                read()
        assert not (lake / LOG).exists()

    def test_verify_finds_it(self, lake: Path) -> None:
        (fault,) = verify(lake, every=False).faults
        assert "restore the file from a backup, or delete" in fault

    def test_the_remedy_starts_a_new_log(self, lake: Path) -> None:
        (lake / IDENTITY).unlink()
        assert len(_intent(lake, latest(lake))) == 1

    def test_a_kill_between_log_and_id_loses_nothing(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        snapshot = _publish(tmp_path, settings, "WATCH", DAY)
        killed = subprocess.run(
            [sys.executable, "-c",
             "import os, signal, sys; from datetime import date; from pathlib import Path\n"
             "from unwind.alerts import ledger\n"
             "from unwind.lake.snapshots import latest\n"
             "ledger.write_id = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
             "lake, day = Path(sys.argv[1]), date(2026, 2, 5)\n"
             "ledger.write_intent(lake, latest(lake), as_of=day, current_session=day, links={})",
             str(tmp_path)],
            cwd=ROOT, check=False, env={**os.environ},
        )  # fmt: skip
        assert killed.returncode == -9
        (owed,) = read_ledger(tmp_path)
        (again,) = _intent(tmp_path, snapshot)
        assert again.notice == owed.notice
        after = DAY + timedelta(days=1)
        _intent(tmp_path, _publish(tmp_path, settings, "WATCH", after), after)
        assert (tmp_path / IDENTITY).exists()

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "x", "inode": 1, "sha256": "y"}'])
    def test_a_damaged_id_is_a_sentence(self, lake: Path, text: str) -> None:
        (lake / LOG).parent.mkdir()
        (lake / LOG).write_text("", encoding="utf-8")
        (lake / IDENTITY).write_text(text, encoding="utf-8")
        with pytest.raises(LakeError, match="ID is damaged; delete it"):
            read_ledger(lake)


class TestMessage:
    def _alert(self, lake: Path, settings: Settings) -> Alert:
        (owed,) = _intent(lake, _publish(lake, settings, "WATCH", DAY))
        return owed

    def test_holds_verdict_drivers_doubts_attribution_and_links(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        message = self._alert(tmp_path, settings).message
        assert message["subject"] == "IBIT: CALM → WATCH, session 2026-02-05"
        assert message["body"].splitlines() == [
            "Session 2026-02-05: WATCH, previously CALM.",
            "Evidence score 1.00; thresholds: WATCH 1.60, DELEVERAGING 2.40; back to CALM after "
            "consecutive sessions below 0.70.",
            "About 1 in 10 ordinary sessions scores this high. Base rate: 2\u202f% of past "
            "sessions in this score band fell in a labelled episode (95 % interval 1\u202f% to "
            "3\u202f%).",
            "Driver: +1.82 depth of the fall",
            "Driver: +0.96 joint tail",
            "Mechanism: no attribution for this session.",
            "Caveat: 1 driver missing (crowding): the score lies between 1.00 and 1.00; the state "
            "is the same throughout.",
            "Data cut-off 2026-02-05 16:15 New York = 2026-02-05 21:15 UTC.",
            "Report: /lake/report.html",
        ]
        assert message["score"] == 1.0
        assert message["episode_share_interval"] == [0.01, 0.03]
        assert json.loads(json.dumps(message, allow_nan=False)) == message

    def test_a_second_state_of_the_same_session_says_that_it_corrects(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        self._alert(tmp_path, settings)
        later = _publish(tmp_path, settings, "CALM", DAY, hour=23)
        corrected = _intent(tmp_path, later)[-1].message
        assert corrected["subject"] == "Correction. IBIT: WATCH → CALM, session 2026-02-05"

    def test_simulated_data_say_so(self, tmp_path: Path, settings: Settings) -> None:
        rows = regimes_row(DAY, settings).assign(state="WATCH", source="simulated:calm")
        snapshot = publish(
            tmp_path, {"regimes": rows}, settings=settings, source="simulated:calm", run="run"
        )
        (owed,) = _intent(tmp_path, snapshot)
        assert owed.message["subject"].startswith("SIMULATED DATA. ")
        assert owed.message["body"].startswith("SIMULATED DATA. ")
        assert owed.message["simulated"] is True


class TestCommand:
    def test_lists_what_was_told(self, tmp_path: Path, settings: Settings) -> None:
        _intent(tmp_path, _publish(tmp_path, settings, "WATCH", DAY))
        for options in ([], ["--json"]):
            done = unwind("alerts", "--lake", str(tmp_path), *options)
            assert done.exit_code == 0, done.output
            printed = done.output
            assert "IBIT: CALM → WATCH, session 2026-02-05" in printed
            assert "intent" in printed
        assert pd.Timestamp(json.loads(printed)[0]["notice"]["as_of"]) == pd.Timestamp(DAY)
