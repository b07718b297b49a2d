"""What a disk, a crash or a hand may do to a lake: detected, said, and the last good one served."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.command_line import unwind
from tests.conftest import RECEIVED, ROOT, small_prices, write_drop
from tests.unwind.lake_rows import FEBRUARY, JANUARY, publish_days
from unwind import cli
from unwind.files import segments
from unwind.files.durable import Unwritable
from unwind.files.location import Damaged, LakeError
from unwind.lake import publish as publication
from unwind.lake.snapshots import latest, read, served, snapshot_names
from unwind.lake.verify import verify
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

MONTH = "regimes/2026-02.parquet"


def _flip(path: Path) -> None:
    """Change one bit, in the file alone: hard links of other snapshots are left as they are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture
def lake(tmp_path: Path, settings: Settings) -> Path:
    """Two snapshots: January, then February beside it."""
    publish_days(tmp_path, settings, JANUARY)
    publish_days(tmp_path, settings, FEBRUARY)
    return tmp_path


class TestPointer:
    @pytest.mark.parametrize("held", ["", "000002-", "\0\0\0\0", "../../etc/passwd", None])
    def test_torn_empty_or_gone_is_said_and_every_snapshot_stays(
        self, held: str | None, lake: Path, settings: Settings
    ) -> None:
        names = snapshot_names(lake)
        pointer = lake / "LATEST"
        pointer.unlink() if held is None else pointer.write_text(held)
        with pytest.raises(Damaged, match="the next run writes it anew"):
            latest(lake)
        name, passed = served(lake, lambda snapshot: snapshot.name)
        assert name == names[-1]
        assert len(passed) == 1
        assert verify(lake, every=False).faults == passed
        # The same run again: nothing new to say, and the pointer is whole.
        assert publish_days(lake, settings, FEBRUARY).name == names[-1]
        assert snapshot_names(lake) == names
        assert latest(lake).name == names[-1]

    def test_garbage_in_a_folder_without_snapshots_starts_a_lake(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        (tmp_path / "LATEST").write_text("")
        assert publish_days(tmp_path, settings, FEBRUARY).name.startswith("000001-")


class TestDamagedFile:
    @pytest.mark.parametrize("harm", [_flip, _cut, Path.unlink])
    def test_readers_get_the_snapshot_before_and_are_told(self, harm: object, lake: Path) -> None:
        before, newest = snapshot_names(lake)
        harm(lake / "snapshots" / newest / MONTH)  # type: ignore[operator]
        rows, passed = served(lake, lambda snapshot: read(snapshot, "regimes"))
        assert rows["as_of"].tolist() == [JANUARY]
        assert passed[0].startswith(f"{MONTH} of snapshot {newest}")
        (fault,) = verify(lake, every=True).faults
        assert f"or write {before} into LATEST" in fault

    @pytest.mark.parametrize("harm", [_cut, Path.unlink])
    def test_the_next_run_goes_on_from_the_one_before_and_says_so(
        self, harm: object, lake: Path, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        before, newest = snapshot_names(lake)
        harm(lake / "snapshots" / newest / MONTH)  # type: ignore[operator]
        healed = publish_days(lake, settings, FEBRUARY)
        assert healed.name.startswith("000003-")
        assert healed.manifest["parent"] == before
        assert newest in healed.manifest["passed_over"][0]
        assert "continues from an older snapshot" in caplog.text
        assert read(healed, "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY]
        assert verify(lake, every=False).faults == []
        assert newest in snapshot_names(lake)

    def test_a_stray_file_is_named(self, lake: Path) -> None:
        newest = latest(lake)
        (lake / "snapshots" / newest.name / "regimes" / "copy.parquet").write_bytes(b"x")
        (fault,) = verify(lake, every=False).faults
        assert "regimes/copy.parquet" in fault
        assert "move it out of the lake" in fault


class TestManifest:
    def test_an_altered_one_is_found_by_its_own_checksum(self, lake: Path) -> None:
        path = lake / "snapshots" / latest(lake).name / "_manifest.json"
        path.write_text(path.read_text().replace('"files"', '"other"', 1))
        with pytest.raises(Damaged):
            latest(lake)
        path.write_text(path.read_text().replace('"other"', '"files"').replace("21:15", "22:15"))
        with pytest.raises(Damaged, match="differs from its own checksum"):
            latest(lake)

    def test_one_of_an_earlier_release_is_held_against_its_name(self, lake: Path) -> None:
        path = lake / "snapshots" / latest(lake).name / "_manifest.json"
        manifest = json.loads(path.read_text())
        del manifest["sha256"], manifest["latest_cutoff"]
        for entry in manifest["files"].values():
            del entry["bytes"], entry["schema_version"]
        path.write_text(json.dumps(manifest, indent=1))
        assert verify(lake, every=True).faults == []
        manifest["files"][MONTH]["rows"] = 7
        path.write_text(json.dumps(manifest, indent=1))
        with pytest.raises(Damaged, match="differs from its own checksum"):
            latest(lake)

    def test_no_intact_snapshot_is_a_sentence(self, lake: Path) -> None:
        for name in snapshot_names(lake):
            _cut(lake / "snapshots" / name / "_manifest.json")
        with pytest.raises(LakeError, match="holds no intact snapshot that answers"):
            served(lake, lambda snapshot: snapshot.name)


class TestShell:
    def test_verify_exits_with_one_and_a_remedy(self, lake: Path) -> None:
        newest = latest(lake)
        _flip(lake / "snapshots" / newest.name / MONTH)
        done = unwind("lake", "verify", "--lake", str(lake), "--json")
        assert done.exit_code == 1
        told = json.loads(done.stdout)
        assert len(told["faults"]) == 1
        assert told["snapshot"] == newest.name

    def test_what_is_shown_instead_is_never_silent(self, lake: Path) -> None:
        newest = latest(lake)
        _flip(lake / "snapshots" / newest.name / MONTH)
        done = unwind("show", "--why", "--lake", str(lake), "--json")
        assert done.exit_code == 0, done.output
        assert newest.name in done.stderr
        assert "the newest intact snapshot before it" in done.stderr
        told = json.loads(done.stdout)
        assert newest.name in told["passed_over"][0]

    def test_no_right_to_read_is_one_sentence(
        self, lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object, **__: object) -> bytes:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(LocalFileSystem, "cat_file", refuse)
        monkeypatch.setattr("sys.argv", ["unwind", "show", "--lake", str(lake)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        assert (
            "LATEST may not be read: permission denied; give this user" in capsys.readouterr().err
        )


class TestDiskRefuses:
    @pytest.mark.parametrize(
        ("code", "said"),
        [
            (errno.ENOSPC, "the disk is full; free space"),
            (errno.EDQUOT, "the quota is used up; free space"),
            (errno.EROFS, "the file system is read-only; make it writable"),
            (errno.EACCES, "permission denied; make it writable"),
        ],
    )
    @pytest.mark.parametrize("step", ["pq.write_table", "flush", "os.link", "write_atomically"])
    def test_a_publication_leaves_the_old_snapshot_and_a_sentence(
        self, code: int, said: str, step: str, lake: Path, settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        current = latest(lake)

        def refuse(*_: object, **__: object) -> None:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patched:
            patched.setattr(f"unwind.lake.publish.{step}", refuse)
            with pytest.raises(Unwritable, match=said):
                publish_days(lake, settings, FEBRUARY, score=9.0)
        assert latest(lake).name == current.name
        assert verify(lake, every=True).faults == []
        assert not list((lake / "snapshots").glob(".tmp-*"))
        assert read(publish_days(lake, settings, FEBRUARY, score=9.0), "regimes")[
            "score"
        ].tolist() == [1.0, 9.0]

    def test_a_true_limit_of_the_kernel_is_one_sentence(self, lake: Path) -> None:
        current = latest(lake)
        script = (
            "import resource, sys; from datetime import date; from pathlib import Path\n"
            "from tests.unwind.lake_rows import publish_days\n"
            "from unwind.settings import load_settings\n"
            "from unwind.files.durable import Unwritable\n"
            "settings = load_settings()\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "try:\n"
            "    publish_days(Path(sys.argv[1]), settings, date(2026, 3, 5))\n"
            "except Unwritable as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(lake)], cwd=ROOT, check=True, text=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert "the limit of file sizes is reached; raise it" in done.stdout
        assert latest(lake).name == current.name
        assert verify(lake, every=True).faults == []

    def test_a_folder_in_the_way_of_the_lock(self, tmp_path: Path, settings: Settings) -> None:
        (tmp_path / "lake").write_text("a file")
        with pytest.raises(Unwritable, match="a file has the name of a required folder"):
            publish_days(tmp_path / "lake", settings, FEBRUARY)


def _store(folder: Path, settings: Settings, *, days: int = 3) -> Path:
    """A market store of so many appends."""
    for number in range(days):
        prices = small_prices(
            ("IBIT", "IGV"), first=pd.Timestamp("2026-01-05").date(),
            last=(pd.Timestamp("2026-02-06") + pd.Timedelta(days=7 * number)).date(),
        )  # fmt: skip
        source = FilesSource(write_drop(folder / f"drop{number}", prices))
        at = RECEIVED + pd.Timedelta(days=number)
        ingest(folder / "market", source, settings=settings, received_at=at)
    return folder / "market"


class TestMarketSegments:
    @pytest.mark.parametrize("harm", [_flip, _cut])
    def test_a_damaged_one_stops_the_reading(
        self, harm: object, tmp_path: Path, settings: Settings
    ) -> None:
        store = _store(tmp_path, settings)
        victim = sorted((store / "prices").glob("*.parquet"))[1]
        harm(victim)  # type: ignore[operator]
        with pytest.raises(Damaged, match="differs from the checksum in its name; restore it"):
            read_vintages(store, "prices")

    def test_a_missing_one_stops_the_reading(self, tmp_path: Path, settings: Settings) -> None:
        store = _store(tmp_path, settings)
        sorted((store / "prices").glob("*.parquet"))[1].unlink()
        with pytest.raises(Damaged, match="market segment 000002 of prices is missing"):
            read_vintages(store, "prices")

    def test_what_a_killed_run_left_is_no_segment_and_is_cleared(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        store = _store(tmp_path, settings, days=1)
        whole = read_vintages(store, "prices")
        draft = store / "prices" / ".tmp-0123.parquet"
        draft.write_bytes(next((store / "prices").glob("0*.parquet")).read_bytes())
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)
        _store(tmp_path, settings, days=1)
        assert not draft.exists()

    def test_names_of_an_earlier_release_are_read(self, tmp_path: Path, settings: Settings) -> None:
        store = _store(tmp_path, settings)
        whole = read_vintages(store, "prices")
        for path in (store / "prices").glob("*.parquet"):
            path.rename(path.with_name(f"{path.name[:6]}.parquet"))
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)
        assert segments.unsealed(store / "prices") == 3
        segments.compact(store / "prices")
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)
        assert segments.unsealed(store / "prices") == 0

    def test_two_of_one_place_are_refused(self, tmp_path: Path, settings: Settings) -> None:
        store = _store(tmp_path, settings, days=1)
        (held,) = (store / "prices").glob("*.parquet")
        held.with_name("000001-0123456789abcdef.parquet").write_bytes(held.read_bytes())
        with pytest.raises(Damaged, match="claim one number"):
            read_vintages(store, "prices")

    def test_a_full_disk_loses_no_vintage(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = _store(tmp_path, settings, days=1)
        whole = read_vintages(store, "prices")

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", refuse)
            with pytest.raises(Unwritable, match="the disk is full"):
                segments.append(store / "prices", segments.read_segments(store / "prices"))
        pd.testing.assert_frame_equal(read_vintages(store, "prices"), whole)


class TestOrphans:
    def test_verify_names_them_and_a_run_clears_them(self, lake: Path, settings: Settings) -> None:
        newest = latest(lake)
        orphan = lake / "snapshots" / "000009-0123456789ab"
        orphan.mkdir()
        (lake / "snapshots" / ".tmp-77").mkdir()
        found = verify(lake, every=False)
        assert found.faults == []
        assert [re.split(" is | never ", sentence)[0] for sentence in found.leftovers] == [
            "snapshots/.tmp-77",
            "snapshot 000009-0123456789ab",
        ]
        publish_days(lake, settings, FEBRUARY)
        assert verify(lake, every=True).leftovers == []
        assert publication.orphans(lake) == []
        assert latest(lake).name == newest.name
