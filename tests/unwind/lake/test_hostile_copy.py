"""A copy that somebody else wrote, and links laid into a lake: nothing is written outside."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import unwind
from tests.unwind.lake_rows import FEBRUARY, JANUARY, publish_days
from unwind.files.location import Damaged, LakeError, open_location
from unwind.lake.manifest import MAX_MANIFEST_BYTES, parsed, seal
from unwind.lake.pull import pull
from unwind.lake.push import REPORTS, push
from unwind.lake.retention import compact_market, prune
from unwind.lake.retract import retract
from unwind.lake.snapshots import latest, opened, read, served, snapshot_names
from unwind.lake.verify import verify
from unwind.settings import Settings

PAYLOAD = b"ssh-ed25519 AAAA attacker\n"
MONTH = "regimes/2026-02.parquet"


@pytest.fixture(scope="module")
def first_lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Two snapshots and a report."""
    folder = tmp_path_factory.mktemp("first") / "lake"
    publish_days(folder, settings, JANUARY)
    publish_days(folder, settings, FEBRUARY)
    page = folder / "reports" / str(FEBRUARY) / "20260205T2115Z.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!DOCTYPE html>")
    return folder


@pytest.fixture
def lake(first_lake: Path, tmp_path: Path) -> Path:
    """A lake of one's own."""
    return Path(shutil.copytree(first_lake, tmp_path / "work" / "lake"))


def _listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rewrite(url: str, change: Callable[[dict[str, Any]], object], *, sealed: bool = True) -> None:
    """Change the newest manifest of a copy as its owner could: with a checksum that fits."""
    storage, root = open_location(url)
    path = f"{root}/snapshots/{latest(url).name}/_manifest.json"
    manifest = json.loads(storage.cat_file(path))
    change(manifest)
    if sealed:
        manifest["sha256"] = seal(manifest)
    storage.pipe_file(path, json.dumps(manifest).encode())


def _in_one_line(call: Callable[[], object]) -> str:
    with pytest.raises(LakeError) as refusal:
        call()
    said = str(refusal.value)
    assert said.isprintable(), said
    assert len(said) < 500
    return said


HOSTILE_NAMES = [
    "../../../x/.ssh/authorized_keys", "../../outside/2026-02.parquet", "OUTSIDE/authorized_keys",
    "regimes/../../../../outside/x.parquet", "regimes/2026-02.parquet/../../../x", "/etc/cron.d/x",
    "regimes\\2026-02.parquet", "..\\..\\x.parquet", "regimes/2026-13.parquet",
    "regimes/2026-02.parquet\n", "regimes/\uff12026-02.parquet", "Regimes/2026-02.parquet",
    "regimes",
    "_manifest.json", "a/b/2026-02.parquet", "./regimes/2026-02.parquet", ".ssh/2026-02.parquet",
    "regimes//2026-02.parquet", "C:/2026-02.parquet", "regimes/2026-02.parquet\0", "", "\ud800",
    "x" * 300 + "/2026-02.parquet",
]  # fmt: skip


class TestNamesInAManifest:
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    @pytest.mark.parametrize("checksum", ["", hashlib.sha256(PAYLOAD).hexdigest()])
    def test_outside_the_contract_end_the_reading(
        self, name: str, checksum: str, first_lake: Path
    ) -> None:
        manifest = opened(first_lake, latest(first_lake).name).manifest
        entry = {"sha256": checksum, "rows": 1, "bytes": len(PAYLOAD)}
        forged = {**manifest, "files": {**manifest["files"], name: entry}}
        data = json.dumps({**forged, "sha256": seal(forged)}).encode()
        said = _in_one_line(lambda: parsed(data, name=manifest["snapshot"]))
        assert "outside its contract" in said

    @pytest.mark.parametrize(
        ("name", "checksum"),
        [
            ("../../../x/.ssh/authorized_keys", ""),
            ("../../../x/.ssh/authorized_keys", hashlib.sha256(PAYLOAD).hexdigest()),
            ("OUTSIDE/authorized_keys", ""),
            ("regimes/2026-03.parquet", ""),
        ],
    )
    def test_write_nothing(
        self, name: str, checksum: str, lake: Path, url: str, tmp_path: Path
    ) -> None:
        push(lake, url)
        name = name.replace("OUTSIDE", str(tmp_path / "outside"))
        storage, root = open_location(url)
        entry = {"sha256": checksum, "rows": 1, "bytes": len(PAYLOAD), "schema_version": 2}
        _rewrite(url, lambda manifest: manifest["files"].update({name: entry}))
        storage.pipe_file(f"{root}/files/{checksum}.parquet", PAYLOAD)
        before = _listing(tmp_path)
        fresh = tmp_path / "a" / "b" / "fresh"
        said = _in_one_line(lambda: pull(url, fresh))
        assert "outside its contract" in said
        after = {path: data for path, data in _listing(tmp_path).items() if "/.lock" not in path}
        assert after == {path: data for path, data in before.items() if "/.lock" not in path}
        # Every reader: the snapshot before answers, and why is said.
        rows, passed = served(url, lambda snapshot: read(snapshot, "regimes"))
        assert rows["as_of"].tolist() == [JANUARY]
        assert "outside its contract" in passed[0]
        assert verify(url, every=True).faults == passed

    def test_a_table_of_a_later_release_is_carried_and_not_read(
        self, lake: Path, tmp_path: Path, settings: Settings
    ) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        storage, root = open_location(url)
        checksum = hashlib.sha256(PAYLOAD).hexdigest()
        storage.pipe_file(f"{root}/files/{checksum}.parquet", PAYLOAD)
        entry = {"sha256": checksum, "rows": 1, "bytes": len(PAYLOAD), "schema_version": 3}
        _rewrite(url, lambda held: held["files"].update({"liquidity/2026-02.parquet": entry}))
        fresh = tmp_path / "fresh"
        pull(url, fresh)
        assert verify(fresh, every=True).faults == []
        after = publish_days(fresh, settings, date(2026, 3, 5))
        assert after.manifest["files"]["liquidity/2026-02.parquet"] == entry
        assert len(read(after, "regimes")) == 3
        with pytest.raises(LakeError, match="table liquidity .* is unknown to this release"):
            retract(fresh, FEBRUARY, reason="wrong", all_terms=False)


ODD_VALUES: list[tuple[tuple[str, ...], object]] = [
    *[(("files", MONTH, "sha256"), value) for value in ("", "ab", "A" * 64, 7, None, ["a"] * 64)],
    *[(("files", MONTH, "sha256"), value) for value in ("a" * 63, "a" * 64 + "\n")],
    (("files", MONTH, "sha256"), "../" + "a" * 61),
    *[(("files", MONTH, "rows"), value) for value in (-1, True, 1.5, "3", None, {})],
    *[(("files", MONTH, "bytes"), value) for value in (-1, "9", False, 2.0, None)],
    *[(("files", MONTH, "schema_version"), value) for value in (0, "2", -3)],
    *[(("files", MONTH), value) for value in (None, [], "x", 1)],
    *[(("files",), value) for value in ([], None, "x", [["regimes/2026-02.parquet"]])],
    *[(("terms",), value) for value in ([], None, {}, {"source": "files"}, "files")],
    *[(("terms", "source"), value) for value in (None, 3, "", "a\nb", "\x1b]0;x\x07", "\u202e")],
    *[(("terms", "settings_digest"), value) for value in ("", "../../../x", "z" * 12, 7)],
    (("terms", "colour"), "red"),
    *[(("knowledge",), value) for value in (None, "", "yesterday", "2026-02-05", 7, "NaT")],
    *[(("knowledge",), value) for value in ("2026-02-05T21:15:00", "2026-02-05\n21:15:00+00:00")],
    *[(("latest_cutoff",), value) for value in (None, "", "soon")],
    *[(("parent",), value) for value in (7, "", "../../x", "000001-0123456789ab\n", [])],
    *[(("schema_version",), value) for value in (None, "2", 0, True, 2.0, [])],
    *[(("snapshot",), value) for value in (None, 7, "../x", "000009-0123456789ab")],
    *[(("run",), value) for value in (None, 7)],
    *[(("passed_over",), value) for value in ("x", [7], {})],
    *[(("retracted",), value) for value in ("x", {}, {"session": "soon", "reason": "wrong"})],
    (("retracted",), {"session": "2026-02-05", "reason": "\x1b[2J"}),
]  # fmt: skip


class TestOddManifest:
    @pytest.mark.parametrize(("where", "value"), ODD_VALUES)
    def test_of_the_wrong_type_is_one_sentence(
        self, where: tuple[str, ...], value: object, lake: Path
    ) -> None:
        path = lake / "snapshots" / latest(lake).name / "_manifest.json"
        manifest = json.loads(path.read_text())
        part = manifest
        for key in where[:-1]:
            part = part[key]
        part[where[-1]] = value
        path.write_text(json.dumps({**manifest, "sha256": seal(manifest)}))
        name = snapshot_names(lake)[-1]
        said = _in_one_line(lambda: opened(lake, name))
        assert name in said
        assert verify(lake, every=False).faults == [said]
        rows, passed = served(lake, lambda snapshot: read(snapshot, "regimes"))
        assert (rows["as_of"].tolist(), passed) == ([JANUARY], [said])

    @pytest.mark.parametrize("command", [["show"], ["show", "--why"]], ids=" ".join)
    def test_is_a_warning_in_the_shell(self, command: str, lake: Path) -> None:
        path = lake / "snapshots" / latest(lake).name / "_manifest.json"
        path.write_text("[" * 100_000)
        done = unwind(*command, "--lake", str(lake), "--json")
        assert json.loads(done.stdout)["as_of"] == str(JANUARY)

    @pytest.mark.parametrize("field", ["snapshot", "parent", "terms", "knowledge", "run", "files"])
    def test_without_a_field(self, field: str, lake: Path) -> None:
        path = lake / "snapshots" / latest(lake).name / "_manifest.json"
        manifest = json.loads(path.read_text())
        del manifest[field]
        path.write_text(json.dumps({**manifest, "sha256": seal(manifest)}))
        assert "outside its contract" in _in_one_line(lambda: latest(lake))

    @pytest.mark.parametrize(
        "data",
        [b"", b"[]", b"null", b"7", b'"x"', b"\xff\xfe\x00", b"{", b"[" * 100_000,
         b'{"a":' * 100_000, b'{"rows": 1e999}', b'{"rows": NaN}', b"9" * 5000, b"\xef\xbb\xbf{}"],
    )  # fmt: skip
    def test_that_is_no_manifest(self, data: bytes, lake: Path) -> None:
        (lake / "snapshots" / latest(lake).name / "_manifest.json").write_bytes(data)
        _in_one_line(lambda: latest(lake))

    @pytest.mark.parametrize("data", [b"", b"[" * 100_000])
    def test_from_any_kind_of_store(self, data: bytes, lake: Path, url: str) -> None:
        push(lake, url)
        storage, root = open_location(url)
        storage.pipe_file(f"{root}/snapshots/{latest(url).name}/_manifest.json", data)
        _in_one_line(lambda: latest(url))
        _in_one_line(lambda: pull(url, lake))
        assert served(url, lambda snapshot: read(snapshot, "regimes"))[1]

    @pytest.mark.parametrize("relative", ["LATEST", "manifest"])
    def test_a_giant_one_is_not_read(self, relative: str, lake: Path, url: str) -> None:
        push(lake, url)
        storage, root = open_location(url)
        if relative == "manifest":
            relative = f"snapshots/{latest(url).name}/_manifest.json"
        storage.pipe_file(f"{root}/{relative}", b" " * (MAX_MANIFEST_BYTES + 5))
        assert "is larger than" in _in_one_line(lambda: latest(url))

    @pytest.mark.parametrize("relative", ["LATEST", "manifest", "table"])
    def test_a_pipe_is_not_waited_for(self, relative: str, lake: Path) -> None:
        folder = lake / "snapshots" / latest(lake).name
        path = {
            "LATEST": lake / "LATEST", "manifest": folder / "_manifest.json",
            "table": folder / MONTH,
        }[relative]  # fmt: skip
        path.unlink()
        os.mkfifo(path)
        said = _in_one_line(lambda: read(latest(lake), "regimes"))
        assert "is not a plain file" in said

    def test_sealed_garbage_for_a_table_is_one_sentence(self, lake: Path, url: str) -> None:
        push(lake, url)
        storage, root = open_location(url)
        checksum = hashlib.sha256(PAYLOAD).hexdigest()
        storage.pipe_file(f"{root}/files/{checksum}.parquet", PAYLOAD)
        _rewrite(url, lambda held: held["files"][MONTH].update(sha256=checksum, bytes=len(PAYLOAD)))
        assert "cannot be read as Parquet" in _in_one_line(lambda: read(latest(url), "regimes"))
        done = unwind("show", "--lake", url, "--json")
        assert json.loads(done.stdout)["as_of"] == str(JANUARY)

    def test_a_number_that_leaves_no_next(self, lake: Path, settings: Settings) -> None:
        (lake / "snapshots" / "999999999999-0123456789ab").mkdir()
        (lake / "LATEST").unlink()
        with pytest.raises(LakeError, match="leaves no higher number"):
            publish_days(lake, settings, FEBRUARY, score=2.0)


class TestListOfReports:
    @pytest.mark.parametrize(
        "known",
        [
            {"../../../x/.ssh/authorized_keys": ""},
            {"/etc/cron.d/x": hashlib.sha256(PAYLOAD).hexdigest()},
            {"reports/../../x.html": hashlib.sha256(PAYLOAD).hexdigest()},
            {"reports/2026-02-05/20260205T2115Z.html": ""},
            {"reports/2026-02-05/20260205T2115Z.html": ["a"]},
            {"reports/2026-02-05/20260205T2115Z.html\n": hashlib.sha256(PAYLOAD).hexdigest()},
            {"LATEST": hashlib.sha256(PAYLOAD).hexdigest()},
            [], None, "x",
        ],
    )  # fmt: skip
    def test_names_that_are_no_report_end_the_pull(
        self, known: object, lake: Path, tmp_path: Path
    ) -> None:
        self._attack(known, lake, f"file://{tmp_path}/store/lake", tmp_path)

    def test_from_any_kind_of_store(self, lake: Path, url: str, tmp_path: Path) -> None:
        self._attack({"../../../x": ""}, lake, url, tmp_path)

    def _attack(self, known: object, lake: Path, url: str, tmp_path: Path) -> None:
        push(lake, url)
        storage, root = open_location(url)
        storage.pipe_file(f"{root}/{REPORTS}", json.dumps(known).encode())
        for name in known if isinstance(known, dict) else ():
            if "authorized_keys" in name:
                storage.pipe_file(f"{root}/{name}", PAYLOAD)
        fresh = tmp_path / "a" / "b" / "fresh"
        assert REPORTS in _in_one_line(lambda: pull(url, fresh))
        assert PAYLOAD not in _listing(tmp_path / "a").values()
        # The lake that made it repairs it.
        push(lake, url)
        pull(url, fresh)
        assert (fresh / "reports" / str(FEBRUARY) / "20260205T2115Z.html").exists()

    def test_deep_nesting(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        (tmp_path / "store" / "lake" / REPORTS).write_text("[" * 100_000)
        assert "is not a list of reports" in _in_one_line(lambda: pull(url, tmp_path / "fresh"))


class TestListings:
    def test_foreign_names_are_passed_over(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        store = tmp_path / "store" / "lake"
        for name in (
            "settings/.bashrc", "settings/evil.json", "market/evil/000001-0123456789abcdef.parquet",
            "market/.ssh/000001-0123456789abcdef.parquet", "market/prices/authorized_keys",
            "snapshots/evil/_manifest.json",
        ):  # fmt: skip
            (store / name).parent.mkdir(parents=True, exist_ok=True)
            (store / name).write_bytes(PAYLOAD)
        fresh = tmp_path / "fresh"
        pull(url, fresh)
        assert PAYLOAD not in _listing(fresh).values()

    def test_settings_must_be_what_their_digest_says(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        storage, root = open_location(url)
        storage.pipe_file(f"{root}/settings/0123456789ab.json", b'{"verdict": {}}')
        assert "differs from the hash" in _in_one_line(lambda: pull(url, lake))

    def test_a_market_segment_without_a_checksum(self, lake: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        storage, root = open_location(url)
        storage.pipe_file(f"{root}/market/prices/000001.parquet", PAYLOAD)
        assert "carries no checksum" in _in_one_line(lambda: pull(url, lake))


FOLDERS = ["snapshots", "market", "reports", "settings"]


class TestLinkOutOfTheLake:
    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        folder = tmp_path / "outside"
        folder.mkdir()
        return folder

    def _replace(self, path: Path, outside: Path) -> None:
        """Move what is there outside, and lay a link in its place."""
        path.parent.mkdir(parents=True, exist_ok=True)
        target = outside / path.name
        if path.exists():
            path.rename(target)
        else:
            target.mkdir()
        path.symlink_to(target)

    @pytest.mark.parametrize("name", FOLDERS)
    def test_a_folder_is_not_written_through(
        self, name: str, lake: Path, outside: Path, tmp_path: Path, settings: Settings
    ) -> None:
        url = f"file://{tmp_path}/store/lake"
        push(lake, url)
        self._replace(lake / name, outside)
        before = _listing(outside)
        writers: list[Callable[[], object]] = [
            lambda: publish_days(lake, settings, date(2026, 3, 5)),
            lambda: retract(lake, FEBRUARY, reason="wrong", all_terms=False),
            lambda: prune(lake, keep_days=0, keep_last=1, dry_run=False),
            lambda: pull(url, lake),
        ]
        if name == "market":
            writers.append(lambda: compact_market(lake))
        for write in writers:
            assert "symbolic link" in _in_one_line(write)
        assert _listing(outside) == before

    def test_a_new_lake_neither(self, tmp_path: Path, outside: Path, settings: Settings) -> None:
        lake = tmp_path / "new"
        self._replace(lake / "snapshots", outside)
        with pytest.raises(LakeError, match="symbolic link"):
            publish_days(lake, settings, FEBRUARY)
        assert _listing(outside) == {}

    @pytest.mark.parametrize("part", ["", "regimes", MONTH, "_manifest.json"])
    def test_a_snapshot_behind_one_is_not_read(
        self, part: str, lake: Path, outside: Path, tmp_path: Path, settings: Settings
    ) -> None:
        url = f"file://{tmp_path}/store/lake"
        name = latest(lake).name
        self._replace(lake / "snapshots" / name / part, outside)
        before = _listing(outside)
        rows, passed = served(lake, lambda snapshot: read(snapshot, "regimes"))
        assert rows["as_of"].tolist() == [JANUARY]
        assert "symbolic link that leads out of the lake" in passed[0]
        assert "symbolic link" in verify(lake, every=False).faults[0]
        assert "symbolic link" in _in_one_line(lambda: push(lake, url))
        # The next run goes on from the snapshot before, and writes nothing outside.
        publish_days(lake, settings, FEBRUARY)
        assert read(latest(lake), "regimes")["as_of"].tolist() == [JANUARY, FEBRUARY]
        assert _listing(outside) == before

    @pytest.mark.parametrize("name", ["settings", "reports"])
    def test_a_file_is_not_pushed(
        self, name: str, lake: Path, outside: Path, tmp_path: Path
    ) -> None:
        secret = outside / "secret"
        secret.write_bytes(PAYLOAD)
        link = {
            "settings": lake / "settings" / "0123456789ab.json",
            "reports": lake / "reports" / str(FEBRUARY) / "20260205T2215Z.html",
        }[name]
        link.symlink_to(secret)
        url = f"file://{tmp_path}/store/lake"
        assert "symbolic link" in _in_one_line(lambda: push(lake, url))
        assert PAYLOAD not in _listing(tmp_path / "store").values()

    @pytest.mark.parametrize("name", ["files", "settings", "snapshots", "reports"])
    def test_a_copy_on_a_disk_is_not_written_through_one(
        self, name: str, lake: Path, outside: Path, tmp_path: Path
    ) -> None:
        store = tmp_path / "store" / "lake"
        self._replace(store / name, outside)
        assert "symbolic link" in _in_one_line(lambda: push(lake, f"file://{store}"))
        assert _listing(outside) == {}

    def test_a_file_of_a_copy_is_not_read_through_one(
        self, lake: Path, outside: Path, tmp_path: Path
    ) -> None:
        store = tmp_path / "store" / "lake"
        push(lake, f"file://{store}")
        page = next(store.glob("reports/*/*.html"))
        self._replace(page, outside)
        with pytest.raises(Damaged, match="symbolic link"):
            pull(f"file://{store}", tmp_path / "fresh")

    def test_a_lake_that_is_itself_a_link_works(self, lake: Path, settings: Settings) -> None:
        link = lake.parent / "link"
        link.symlink_to(lake)
        publish_days(link, settings, date(2026, 3, 5))
        assert len(read(latest(link), "regimes")) == 3
        assert verify(link, every=True).faults == []

    def test_drafts_behind_a_link_stay(self, lake: Path, outside: Path, settings: Settings) -> None:
        (outside / "kept").mkdir()
        (outside / "kept" / "x").write_bytes(PAYLOAD)
        (lake / "snapshots" / ".tmp-1").symlink_to(outside / "kept")
        publish_days(lake, settings, date(2026, 3, 5))
        assert (outside / "kept" / "x").read_bytes() == PAYLOAD
        assert not (lake / "snapshots" / ".tmp-1").is_symlink()
