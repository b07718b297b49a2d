"""kill −9 at random points, readers at work all the while: nothing torn, nothing lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tests.torture.killing import (
    STATES,
    calibrate_number,
    calibration_number,
    emitted,
    kill_at_random,
    look_at_calibration,
    look_at_lake,
    look_at_ledger,
    look_at_report,
    look_at_store,
    publish_generation,
    push_generation,
    read_all_the_while,
    report_number,
    take_in,
    tell_session,
    usual_seconds,
)
from unwind.alerts.ledger import read_ledger
from unwind.lake import latest, read
from unwind.market import read_vintages
from unwind.record_report import calibration_markdown
from unwind.settings import read_calibrated
from unwind.storage.durable import DRAFT
from unwind.storage.verification import verify


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{DRAFT}*"))


class TestPublish:
    def test_no_torn_snapshot_and_a_re_run_heals(self, tmp_path: Path, rounds: int, tell) -> None:
        folder = tmp_path / "lake"
        generator = np.random.default_rng(20260205)
        longest = 1.1 * usual_seconds(publish_generation, folder, 0)
        with read_all_the_while(look_at_lake, folder, tmp_path, readers=2) as reads:
            killed = sum(
                kill_at_random(
                    publish_generation, folder, number, generator=generator, longest=longest
                )
                for number in range(1, rounds)
            )
        # What was killed is missing or whole; running it again leaves everything, once.
        for number in range(rounds):
            publish_generation(folder, number)
        counts = read(latest(folder), "regimes")["sessions_in_state"]
        assert sorted(counts) == list(range(rounds))
        assert verify(folder, every=True).faults == []
        assert drafts(folder) == []
        tell("publish", killed=killed, of=rounds - 1, reads=sum(reads))
        assert killed >= rounds // 4
        assert min(reads) > 0


class TestIngest:
    def test_no_lost_and_no_doubled_vintage(self, tmp_path: Path, rounds: int, tell) -> None:
        store, plain = tmp_path / "market", tmp_path / "plain"
        generator = np.random.default_rng(20260206)
        longest = 1.1 * usual_seconds(take_in, store, 0)
        killed = 0
        with read_all_the_while(look_at_store, store, tmp_path, readers=1) as reads:
            for number in range(1, rounds):
                killed += kill_at_random(
                    take_in, store, number, generator=generator, longest=longest
                )
                take_in(store, number)
        for number in range(rounds):
            take_in(plain, number)
        pd.testing.assert_frame_equal(
            *(
                read_vintages(place, "prices").sort_values(
                    ["symbol", "session", "known_at"], ignore_index=True
                )
                for place in (store, plain)
            )
        )
        assert drafts(store) == []
        tell("ingest", killed=killed, of=rounds - 1, reads=sum(reads))
        assert killed >= rounds // 4
        assert min(reads) > 0


class TestCalibrate:
    def test_the_artefact_is_the_old_or_the_new_one(
        self, tmp_path: Path, rounds: int, tell
    ) -> None:
        target = tmp_path / "own" / "calibration.json"
        target.parent.mkdir()
        generator = np.random.default_rng(20260207)
        longest = 1.1 * usual_seconds(calibrate_number, target, 0)
        killed, standing = 0, 0
        with read_all_the_while(look_at_calibration, target, tmp_path, readers=1) as reads:
            for number in range(1, rounds):
                killed += kill_at_random(
                    calibrate_number, target, number, generator=generator, longest=longest
                )
                held = read_calibrated(target)
                assert held in (calibration_number(standing), calibration_number(number))
                standing = int(held["version"])
        calibrate_number(target, rounds)
        assert read_calibrated(target) == calibration_number(rounds)
        told = calibration_markdown(calibration_number(rounds))
        assert target.with_suffix(".md").read_text(encoding="utf-8") == told
        assert drafts(target.parent) == []
        tell("calibrate", killed=killed, of=rounds - 1, reads=sum(reads))
        assert killed >= rounds // 4
        assert min(reads) > 0


class TestReport:
    def test_the_page_is_the_old_or_the_new_one(self, tmp_path: Path, rounds: int, tell) -> None:
        lake = tmp_path / "lake"
        generator = np.random.default_rng(20260210)
        longest = 1.1 * usual_seconds(report_number, lake, 0)
        killed = 0
        with read_all_the_while(look_at_report, lake, tmp_path, readers=1) as reads:
            for number in range(1, rounds):
                killed += kill_at_random(
                    report_number, lake, number, generator=generator, longest=longest
                )
        report_number(lake, rounds)
        assert drafts(lake) == []
        tell("report", killed=killed, of=rounds - 1, reads=sum(reads))
        assert killed >= rounds // 4
        assert min(reads) > 0


class TestAlert:
    def test_each_transition_is_told_once_and_none_is_lost(
        self, tmp_path: Path, rounds: int, tell
    ) -> None:
        lake, plain = tmp_path / "lake", tmp_path / "plain"
        generator = np.random.default_rng(20260208)
        longest = 1.1 * usual_seconds(tell_session, lake, 0)
        killed = 0
        with read_all_the_while(look_at_ledger, lake, tmp_path, readers=1) as reads:
            for number in range(1, rounds):
                killed += kill_at_random(
                    tell_session, lake, number, generator=generator, longest=longest
                )
                tell_session(lake, number)
        for number in range(rounds):
            tell_session(plain, number)
        ledger = read_ledger(lake)
        ids = [str(alert.notice.id) for alert in ledger]
        mine, other = (
            [replace(alert.notice, lake=None) for alert in alerts]
            for alerts in (ledger, read_ledger(plain))
        )
        assert mine == other
        assert sorted(emitted(lake / "events")) == sorted(ids)
        assert {alert.status for alert in ledger} == {"acknowledged"}
        steps = [alert.notice for alert in ledger if alert.notice.kind == "transition"]
        assert [(step.from_state, step.to_state) for step in steps[:4]] == [
            ("CALM", STATES[0]), (STATES[0], STATES[1]), (STATES[1], STATES[3]),
            (STATES[3], STATES[4]),
        ][: len(steps)]  # fmt: skip
        assert drafts(lake) == []
        tell("alert", killed=killed, of=rounds - 1, reads=sum(reads), transitions=len(steps))
        assert killed >= rounds // 4
        assert min(reads) > 0


class TestPush:
    def test_the_old_pointer_is_in_force_until_all_is_there(
        self, tmp_path: Path, rounds: int, tell
    ) -> None:
        lake, url = tmp_path / "lake", f"file://{tmp_path}/copy"
        generator = np.random.default_rng(20260209)
        publish_generation(lake, 0)
        longest = 1.1 * usual_seconds(push_generation, lake, url)
        killed = 0
        rounds = max(rounds // 2, 8)
        with read_all_the_while(look_at_lake, url, tmp_path, readers=1) as reads:
            for number in range(1, rounds):
                publish_generation(lake, number)
                killed += kill_at_random(
                    push_generation, lake, url, generator=generator, longest=longest
                )
        push_generation(lake, url)
        assert latest(url).name == latest(lake).name
        assert verify(url, every=True).faults == []
        tell("push", killed=killed, of=rounds - 1, reads=sum(reads))
        assert killed >= rounds // 4
        assert min(reads) > 0
