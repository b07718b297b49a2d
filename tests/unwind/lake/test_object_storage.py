"""The copy behind a URL: on a local S3 server, in memory, behind file://."""

import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import unwind
from tests.conftest import RECEIVED, small_prices, write_drop
from tests.unwind.lake_rows import FEBRUARY, JANUARY, known_by, publish_days
from unwind import cli
from unwind.files.location import Damaged, LakeError
from unwind.lake import push as object_storage
from unwind.lake.pull import pull
from unwind.lake.push import push
from unwind.lake.retention import compact_market, prune
from unwind.lake.snapshots import latest, read, snapshot_names
from unwind.lake.verify import verify
from unwind.market.store import ingest, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

MARCH = date(2026, 3, 5)


@pytest.fixture(scope="module")
def first_lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Two snapshots, vintages of two appends, a report."""
    root = tmp_path_factory.mktemp("first")
    folder = root / "lake"
    for number in range(2):
        last = date(2026, 2, 6 + 3 * number)
        prices = small_prices(("IBIT", "IGV"), first=date(2026, 1, 5), last=last)
        drop = write_drop(root / f"drop{number}", prices)
        at = RECEIVED + pd.Timedelta(days=number)
        ingest(folder / "market", FilesSource(drop), settings=settings, received_at=at)
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


class TestPushAndPull:
    def test_readers_take_the_url_as_their_lake(self, lake: Path, url: str) -> None:
        done = push(lake, url)
        assert done.snapshot == latest(lake).name
        assert snapshot_names(url) == snapshot_names(lake)
        pd.testing.assert_frame_equal(read(latest(url), "regimes"), read(latest(lake), "regimes"))
        then = known_by(url, pd.Timestamp("2026-02-01T00:00Z"))
        assert read(then, "regimes")["as_of"].tolist() == [JANUARY]
        assert verify(url, every=True).faults == []
        told = json.loads(unwind("show", "--why", "--lake", url, "--json").stdout)
        assert told["passed_over"] == []
        page = unwind("report", "--lake", url).stdout
        assert page.strip().endswith("lake/reports/2026-02-05/20260205T2115Z.html")

    def test_again_sends_nothing_and_later_only_what_is_new(
        self, lake: Path, url: str, settings: Settings
    ) -> None:
        push(lake, url)
        assert push(lake, url).files == 0
        publish_days(lake, settings, MARCH)
        # The new month, and the manifest.
        assert push(lake, url).files == 2
        assert read(latest(url), "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY, MARCH]

    def test_a_fresh_worker_goes_on_from_the_copy(
        self, lake: Path, url: str, tmp_path: Path, settings: Settings
    ) -> None:
        push(lake, url)
        fresh = tmp_path / "fresh"
        assert pull(url, fresh).snapshot == latest(lake).name
        assert verify(fresh, every=True).faults == []
        pd.testing.assert_frame_equal(
            read_vintages(fresh / "market", "prices"), read_vintages(lake / "market", "prices")
        )
        assert (fresh / "reports" / "2026-02-05" / "20260205T2115Z.html").exists()
        assert pull(url, fresh).files == 0
        publish_days(fresh, settings, MARCH)
        push(fresh, url)
        assert read(latest(url), "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY, MARCH]
        # The first worker follows.
        pull(url, lake)
        assert latest(lake).name == latest(url).name

    def test_repairs_a_damaged_lake(self, lake: Path, url: str) -> None:
        push(lake, url)
        vintages = read_vintages(lake / "market", "prices")
        for month in (lake / "snapshots").glob("*/regimes/2026-01.parquet"):
            content = bytearray(month.read_bytes())
            content[60] ^= 1
            month.write_bytes(content)
        victim = sorted((lake / "market" / "prices").glob("*.parquet"))[0]
        victim.write_bytes(b"torn")
        (lake / "LATEST").write_text("")
        assert len(verify(lake, every=True).faults) == 4
        pull(url, lake)
        assert verify(lake, every=True).faults == []
        pd.testing.assert_frame_equal(read_vintages(lake / "market", "prices"), vintages)

    def test_compaction_and_pruning_travel(self, lake: Path, url: str, tmp_path: Path) -> None:
        push(lake, url)
        whole = read_vintages(lake / "market", "prices")
        compact_market(lake)
        prune(lake, keep_days=0, keep_last=1, dry_run=False)
        push(lake, url)
        pull(url, tmp_path / "fresh")
        held = tmp_path / "fresh" / "market" / "prices"
        assert [path.name[:14] for path in held.glob("*.parquet")] == ["000001-000002-"]
        pd.testing.assert_frame_equal(read_vintages(held.parent, "prices"), whole)


class TestKilled:
    @pytest.mark.parametrize("after", [0, 3])
    def test_in_the_middle_of_a_push_the_old_pointer_is_in_force(
        self, after: int, lake: Path, url: str, settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        push(lake, url)
        before = latest(url).name
        publish_days(lake, settings, MARCH, date(2026, 4, 1))
        storage, _ = object_storage.open_location(url)
        send, sent = storage.pipe_file, []

        def failing(path: str, value: bytes, **options: object) -> None:
            if len(sent) == after or path.endswith("LATEST"):
                raise KeyboardInterrupt
            sent.append(path)
            send(path, value, **options)

        with monkeypatch.context() as patched:
            patched.setattr(storage, "pipe_file", failing)
            # On a plain disk the pointer is written by rename.
            patched.setattr(
                object_storage, "write_atomically", lambda path, _: failing(str(path), b"")
            )
            with pytest.raises(KeyboardInterrupt):
                push(lake, url)
        assert latest(url).name == before
        assert read(latest(url), "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY]
        push(lake, url)
        assert latest(url).name == latest(lake).name
        assert verify(url, every=True).faults == []

    def test_a_file_cut_short_is_sent_again(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        (tmp_path / "store" / "lake" / "LATEST").unlink()
        torn = next((tmp_path / "store" / "lake" / "market" / "prices").glob("*.parquet"))
        torn.write_bytes(torn.read_bytes()[:20])
        assert push(lake, url).files == 1
        pull(url, tmp_path / "fresh")


class TestTwoPushers:
    def test_the_second_is_refused_and_told_why(
        self, lake: Path, url: str, tmp_path: Path, settings: Settings
    ) -> None:
        push(lake, url)
        other = tmp_path / "other"
        pull(url, other)
        publish_days(lake, settings, MARCH)
        publish_days(other, settings, date(2026, 4, 1))
        push(other, url)
        with pytest.raises(LakeError, match="never had; pull it into an empty folder"):
            push(lake, url)
        with pytest.raises(LakeError, match="does not know; push it first"):
            pull(url, lake)
        assert latest(url).name == latest(other).name

    def test_overtaken_between_reading_and_writing_the_pointer(
        self, lake: Path, url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push(lake, url)
        publish_days(lake, settings, MARCH)
        storage, root = object_storage.open_location(url)
        reports = object_storage._push_reports

        def overtaken(*held: object) -> None:
            reports(*held)  # type: ignore[arg-type]
            storage.pipe_file(f"{root}/LATEST", b"000009-0123456789ab")

        monkeypatch.setattr(object_storage, "_push_reports", overtaken)
        with pytest.raises(LakeError, match="another push to .* came first"):
            push(lake, url)
        assert storage.cat_file(f"{root}/LATEST") == b"000009-0123456789ab"


class TestDamagedCopy:
    def test_a_flipped_bit_serves_the_snapshot_before(self, lake: Path, url: str) -> None:
        push(lake, url)
        storage, _ = object_storage.open_location(url)
        path = latest(url).address("regimes/2026-02.parquet")
        content = bytearray(storage.cat_file(path))
        content[60] ^= 1
        storage.pipe_file(path, bytes(content))
        done = unwind("show", "--why", "--lake", url, "--json")
        assert json.loads(done.stdout)["as_of"] == str(JANUARY)
        assert "differs from its checksum" in done.stderr
        assert len(verify(url, every=True).faults) == 1

    def test_damage_is_not_spread(self, lake: Path, tmp_path: Path) -> None:
        month = lake / "snapshots" / latest(lake).name / "regimes" / "2026-02.parquet"
        month.write_bytes(b"torn")
        with pytest.raises(Damaged, match="differs from its checksum"):
            push(lake, f"file://{tmp_path}/store/lake")
        assert not (tmp_path / "store" / "lake" / "LATEST").exists()


class TestBadUrl:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            (
                "ftpx://desk/lake",
                "is not a location that fsspec knows; write e.g. s3://bucket/lake",
            ),
            ("s3://key:secret@desk/lake", "credentials do not belong in a URL"),
            ("memory://nothing", "holds no published snapshot; run `unwind lake push LAKE memory"),
        ],
    )
    def test_is_one_sentence(self, url: str, said: str) -> None:
        with pytest.raises(LakeError, match=said):
            latest(url)

    def test_a_missing_library_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(*_: object, **__: object) -> None:
            raise ImportError("Install s3fs to access S3")

        monkeypatch.setattr("unwind.files.location.url_to_fs", missing)
        with pytest.raises(LakeError, match=r"install it: pip install 'unwind\[s3\]'"):
            latest("s3://desk/lake")

    def test_a_store_out_of_reach_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Unreachable:
            def cat_file(self, path: str) -> bytes:
                raise RuntimeError("Could not connect to the endpoint URL")

        monkeypatch.setattr(
            "unwind.lake.snapshots.open_location", lambda _: (Unreachable(), "desk/lake")
        )
        with pytest.raises(LakeError, match="check the disk, or the network and the credentials"):
            latest("s3://desk/lake")

    @pytest.mark.parametrize("command", [["lake", "compact"], ["quarantine"]])
    def test_work_needs_a_folder(
        self,
        command: list[str],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("sys.argv", ["unwind", *command, "--lake", "s3://desk/lake"])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "needs a working lake, got s3://desk/lake; fetch it first" in said
