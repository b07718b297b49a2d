"""A power cut: files are on the disk before the pointer that names them; torn copies are mended."""

import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RECEIVED, small_prices, write_drop
from tests.unwind.lake_rows import FEBRUARY, JANUARY, publish_days
from unwind.files.location import Damaged, open_location
from unwind.lake.pull import pull
from unwind.lake.push import push
from unwind.lake.retract import retract
from unwind.lake.snapshots import latest, read
from unwind.lake.verify import verify
from unwind.market.store import ingest
from unwind.settings import Settings
from unwind.sources.files import FilesSource


class _Recorded:
    """Calls that a disk sees, in order: (call, inode of the file or of the folder of the entry)."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, int, str]] = []
        fsync = os.fsync

        def flushed(handle: int) -> None:
            fsync(handle)
            self.calls.append(("fsync", os.fstat(handle).st_ino, ""))

        patch.setattr(os, "fsync", flushed)
        for name in ("rename", "replace", "link", "mkdir"):
            patch.setattr(os, name, self._entry(name, getattr(os, name)))

    def _entry(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def made(*paths: Any, **options: Any) -> object:
            outcome = call(*paths, **options)
            target = Path(paths[-1] if name != "mkdir" else paths[0])
            self.calls.append((name, target.parent.stat().st_ino, str(target)))
            return outcome

        return made

    def require_flushed_before_pointer(self, root: Path) -> None:
        """Every file, and every entry of a folder, is on the disk before LATEST names it."""
        (pointer,) = (
            index for index, (_, _, target) in enumerate(self.calls) if target == f"{root}/LATEST"
        )
        calls = self.calls[:pointer]
        for index, (name, folder, target) in enumerate(calls):
            if name != "fsync":
                later = [call[:2] for call in calls[index + 1 :]]
                assert ("fsync", folder) in later, f"{name} {target} is not flushed in its folder"
        flushed = {inode for name, inode, _ in calls if name == "fsync"}
        for path in root.rglob("*"):
            if path.is_file() and path.name not in ("LATEST", ".lock"):
                assert path.stat().st_ino in flushed, f"{path} is not flushed before the pointer"
        assert self.calls[pointer + 1][:2] == ("fsync", root.stat().st_ino)


@pytest.fixture(scope="module")
def first_lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Two snapshots, vintages, a report."""
    root = tmp_path_factory.mktemp("first")
    folder = root / "lake"
    prices = small_prices(("IBIT", "IGV"), first=date(2026, 1, 5), last=date(2026, 2, 6))
    source = FilesSource(write_drop(root / "drop", prices))
    ingest(folder / "market", source, settings=settings, received_at=RECEIVED)
    publish_days(folder, settings, JANUARY)
    publish_days(folder, settings, FEBRUARY)
    page = folder / "reports" / str(FEBRUARY) / "20260205T2115Z.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!DOCTYPE html>")
    return folder


@pytest.fixture
def lake(first_lake: Path, tmp_path: Path) -> Path:
    """A lake of one's own."""
    return Path(shutil.copytree(first_lake, tmp_path / "lake"))


class TestFlushedBeforeThePointer:
    def test_a_first_run(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lake = tmp_path / "desk" / "lake"
        prices = small_prices(("IBIT", "IGV"), first=date(2026, 1, 5), last=date(2026, 2, 6))
        source = FilesSource(write_drop(tmp_path / "drop", prices))
        recorded = _Recorded(monkeypatch)
        ingest(lake / "market", source, settings=settings, received_at=RECEIVED)
        publish_days(lake, settings, FEBRUARY)
        recorded.require_flushed_before_pointer(lake)

    def test_a_retraction(self, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.rmtree(lake / "market")
        shutil.rmtree(lake / "reports")
        recorded = _Recorded(monkeypatch)
        retract(lake, FEBRUARY, reason="wrong prices", all_terms=False)
        calls = recorded.calls
        pointer = [target for _, _, target in calls].index(f"{lake}/LATEST")
        snapshot = Path(latest(lake).path)
        flushed = {inode for name, inode, _ in calls[:pointer] if name == "fsync"}
        assert (snapshot / "_manifest.json").stat().st_ino in flushed
        assert (snapshot / "regimes" / "2026-02.parquet").stat().st_ino in flushed
        assert (snapshot / "regimes").stat().st_ino in flushed
        assert (lake / "snapshots").stat().st_ino in flushed

    def test_a_pull(self, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        fresh = tmp_path / "other" / "fresh"
        recorded = _Recorded(monkeypatch)
        pull(url, fresh)
        recorded.require_flushed_before_pointer(fresh)

    def test_a_push_to_a_disk(
        self, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded = _Recorded(monkeypatch)
        push(lake, f"file://{tmp_path}/store/lake")
        recorded.require_flushed_before_pointer(tmp_path / "store" / "lake")


TORN = [
    ("files/*.parquet", "zeros"), ("files/*.parquet", "cut"), ("files/*.parquet", "gone"),
    ("snapshots/*/_manifest.json", "zeros"), ("market/prices/*.parquet", "zeros"),
    ("settings/*.json", "zeros"), ("reports/*/*.html", "zeros"),
]  # fmt: skip


def _matching(url: str, pattern: str) -> list[str]:
    storage, root = open_location(url)
    storage.invalidate_cache()
    return sorted(str(path) for path in storage.glob(f"{root}/{pattern}"))


class TestTornCopy:
    @pytest.mark.parametrize(("pattern", "tear"), TORN)
    def test_is_sent_again(self, tear: str, pattern: str, lake: Path, url: str) -> None:
        push(lake, url)
        storage, _ = open_location(url)
        victim = _matching(url, pattern)[0]
        whole = storage.cat_file(victim)
        if tear == "gone":
            storage.rm(victim)
        else:
            # Of the right length: what a disk leaves that wrote the length and not yet the content.
            torn = b"\0" * len(whole) if tear == "zeros" else whole[: len(whole) // 2]
            storage.pipe_file(victim, torn)
        assert push(lake, url).files == 1
        assert storage.cat_file(victim) == whole
        assert verify(url, every=True).faults == []
        assert push(lake, url).files == 0

    @pytest.mark.parametrize("url", ["s3"], indirect=True)
    def test_a_store_whose_tags_are_not_md5_is_asked_once(
        self, lake: Path, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push(lake, url)
        storage, _ = open_location(url)
        find, read_file, n_reads = storage.find, storage.cat_file, []

        def tagged(*arguments: object, **options: object) -> object:
            entries = find(*arguments, **options)
            return {path: {**entry, "ETag": f'"{"0" * 32}"'} for path, entry in entries.items()}

        def counted(path: str, **options: object) -> bytes:
            n_reads.append(path)
            return bytes(read_file(path, **options))

        monkeypatch.setattr(storage, "find", tagged)
        monkeypatch.setattr(storage, "cat_file", counted)
        assert push(lake, url).files == 0
        # The pointer, the list of reports, and the one object that shows what the tags are.
        assert sum(path.endswith(".parquet") for path in n_reads) == 1

    def test_a_damaged_lake_does_not_replace_what_is_whole_there(
        self, lake: Path, url: str
    ) -> None:
        push(lake, url)
        for month in (lake / "snapshots").glob("*/regimes/2026-01.parquet"):
            month.write_bytes(b"torn")
        assert push(lake, url).files == 0
        pull(url, lake)
        assert verify(lake, every=True).faults == []
        assert read(latest(lake), "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY]

    def test_damage_on_both_sides_is_a_sentence(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        for month in (lake / "snapshots").glob("*/regimes/2026-01.parquet"):
            month.write_bytes(b"torn")
        for path in _matching(url, "files/*.parquet"):
            Path(path).write_bytes(b"\0" * Path(path).stat().st_size)
        with pytest.raises(Damaged, match="differs from its checksum"):
            push(lake, url)
