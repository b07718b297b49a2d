"""kill −9 at random points, readers at work all the while: nothing torn, nothing lost."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.torture.killing import (
    CONTEXT,
    kill_at_random,
    publish_generation,
    read_until,
    take_in,
    usual_seconds,
)
from unwind.lake import latest, read
from unwind.market import read_vintages
from unwind.verification import verify


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(".tmp-*"))


class TestPublish:
    def test_no_torn_snapshot_and_a_re_run_heals(self, tmp_path: Path, rounds: int, tell) -> None:
        folder, stop = tmp_path / "lake", tmp_path / "stop"
        generator = np.random.default_rng(20260205)
        longest = 1.2 * usual_seconds(publish_generation, folder, 0)
        answers = [tmp_path / f"reader-{place}" for place in range(2)]
        readers = [
            CONTEXT.Process(target=read_until, args=(folder, stop, answer)) for answer in answers
        ]
        for reader in readers:
            reader.start()
        killed = sum(
            kill_at_random(publish_generation, folder, number, generator=generator, longest=longest)
            for number in range(1, rounds)
        )
        stop.touch()
        for reader in readers:
            reader.join()
        told = [answer.read_text(encoding="utf-8").split("\n") for answer in answers]
        assert [fault for _, fault in told] == ["", ""]
        # What was killed is missing or whole; running it again leaves everything, once.
        for number in range(rounds):
            publish_generation(folder, number)
        snapshot = latest(folder)
        counts = read(snapshot, "regimes")["sessions_in_state"]
        assert sorted(counts) == list(range(rounds))
        assert verify(folder, every=True).faults == []
        assert drafts(folder) == []
        reads = sum(int(count) for count, _ in told)
        tell("publish", killed=killed, of=rounds - 1, reads=reads)
        assert killed >= rounds // 4
        assert reads > 0


class TestIngest:
    def test_no_lost_and_no_doubled_vintage(self, tmp_path: Path, rounds: int, tell) -> None:
        store, plain = tmp_path / "market", tmp_path / "plain"
        generator = np.random.default_rng(20260206)
        longest = 1.2 * usual_seconds(take_in, store, 0)
        killed = 0
        for number in range(1, rounds):
            killed += kill_at_random(take_in, store, number, generator=generator, longest=longest)
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
        tell("ingest", killed=killed, of=rounds - 1, reads=0)
        assert killed >= rounds // 4
