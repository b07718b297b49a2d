"""Bits that flip and files that are cut, anywhere in a lake: found, and never read as figures."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command_line import unwind
from tests.torture.killing import (
    SETTINGS,
    calibrate_number,
    publish_generation,
    take_in,
    tell_session,
)
from unwind.files.location import LakeError
from unwind.lake.snapshots import Snapshot, read, served, snapshot_names
from unwind.lake.verify import verify
from unwind.market.store import read_vintages
from unwind.settings import DEFAULT_PATH, SettingsError, load_settings

# Not under a checksum: reports are written anew by a run, the lock is empty, the events are ours.
LEFT_OUT = ("reports", ".lock", "events")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of three snapshots over two months, two market appends, a ledger."""
    lake = tmp_path_factory.mktemp("whole") / "lake"
    for number in range(2):
        take_in(lake / "market", number)
        tell_session(lake, number)
    publish_generation(lake, 30)
    return lake


def damaged(path: Path, generator: np.random.Generator) -> str:
    """Flip a bit or cut the end off, in place: whoever shares the file shares the damage."""
    held = bytearray(path.read_bytes())
    place = int(generator.integers(len(held)))
    if generator.random() < 0.25:
        held, what = held[:place], f"cut at {place} of {len(held)}"
    else:
        bit = int(generator.integers(8))
        held[place] ^= 1 << bit
        what = f"bit {bit} of byte {place} of {len(held)}"
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(handle, bytes(held))
    os.close(handle)
    return f"{path.name}: {what}"


def content(snapshot: Snapshot) -> tuple[str, str]:
    """Return what readers take from a snapshot, as text."""
    tables = [read(snapshot, name) for name in ("regimes", "quality")]
    return snapshot.name, json.dumps([rows.to_csv() for rows in tables])


class TestAnyFile:
    def test_each_damage_is_found_and_no_reader_takes_it_for_data(
        self, whole: Path, tmp_path: Path, at_length: bool, tell
    ) -> None:
        generator = np.random.default_rng(20260211)
        told = {
            name: text
            for name in snapshot_names(whole)
            for _, text in [content(_opened(whole, name))]
        }
        vintages = read_vintages(whole / "market", "prices")
        files = sorted(
            str(path.relative_to(whole))
            for path in whole.rglob("*")
            if path.is_file() and not any(part in LEFT_OUT for part in path.parts)
        )
        assert {Path(name).suffix for name in files} == {"", ".json", ".jsonl", ".parquet"}
        tried, older = 0, 0
        chosen = files * 12 if at_length else list(generator.permutation(files))[:12]
        for number, name in enumerate(chosen):
            lake = tmp_path / str(number)
            _copied(whole, lake)
            what = f"{name}, {damaged(lake / name, generator)}"
            if (lake / name).read_bytes() == (whole / name).read_bytes():
                continue
            tried += 1
            assert verify(lake, every=True).faults, what
            try:
                (snapshot, text), passed = served(lake, content)
            except LakeError as error:
                said = str(error)
                assert ";" in said
            else:
                assert text == told[snapshot], what
                assert passed or snapshot == snapshot_names(whole)[-1], what
                older += bool(passed)
            try:
                pd.testing.assert_frame_equal(read_vintages(lake / "market", "prices"), vintages)
            except LakeError as error:
                said = str(error)
                assert "restore it from a copy" in said
            shutil.rmtree(lake)
        tell("bit rot", files=len(files), damaged=tried, found=tried, served_from_older=older)
        assert tried >= len(chosen) - 2

    def test_the_shell_says_so_in_sentences(self, whole: Path, tmp_path: Path) -> None:
        lake = tmp_path / "lake"
        _copied(whole, lake)
        generator = np.random.default_rng(1)
        for path in [*sorted(lake.rglob("*.parquet")), lake / "LATEST"]:
            damaged(path, generator)
        for arguments in (["lake", "verify", "--all"], ["show"], ["show", "--why"], ["alerts"]):
            done = unwind(*arguments, "--lake", str(lake))
            assert done.exit_code != 0 or arguments == ["alerts"]
            assert "Traceback" not in done.output


def _opened(lake: Path, name: str) -> Snapshot:
    manifest = json.loads((lake / "snapshots" / name / "_manifest.json").read_text("utf-8"))
    return Snapshot(name=name, lake=lake, manifest=manifest)


def _copied(source: Path, target: Path) -> None:
    """Copy a lake; files that snapshots share stay one file."""
    seen: dict[int, Path] = {}
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        inode = path.stat().st_ino
        if inode in seen:
            os.link(seen[inode], copy)
        else:
            shutil.copyfile(path, copy)
            seen[inode] = copy


class TestCalibration:
    def test_a_flip_is_refused_or_stands_under_another_digest(
        self, tmp_path: Path, at_length: bool
    ) -> None:
        generator = np.random.default_rng(20260212)
        desk, artefact = tmp_path / "desk.toml", tmp_path / "calibration.json"
        shutil.copyfile(DEFAULT_PATH, desk)
        whole = DEFAULT_PATH.with_name("calibration.json")
        for _ in range(300 if at_length else 20):
            shutil.copyfile(whole, artefact)
            damaged(artefact, generator)
            try:
                held = load_settings(desk)
            except SettingsError as error:
                said = str(error)
                assert "\n" not in said
            else:
                same = json.loads(artefact.read_bytes()) == json.loads(whole.read_bytes())
                assert same == (held.digest == SETTINGS.digest)

    def test_a_report_that_lacks_its_artefact_is_written_again(self, tmp_path: Path) -> None:
        target = tmp_path / "calibration.json"
        calibrate_number(target, 1)
        target.unlink()
        calibrate_number(target, 1)
        assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == [
            "calibration.json", "calibration.md",
        ]  # fmt: skip
