"""Canaries in every place that holds a credential: none sings in anything that is put out."""

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pytest

import flows.__main__ as shell
from tests.command_line import unwind
from tests.conftest import ROOT
from tests.torture.killing import SETTINGS, publish_generation, push_generation, tell_session
from unwind.files.location import LakeError, content, names, redact
from unwind.lake import push as object_storage

CANARY = "kanarienvogel7d1f"
HELD_IN = (
    "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_DATABASE_PASSWORD", "UNWIND_DATABASE_PASSWORD", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "UNWIND_WEBHOOK",
)  # fmt: skip


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in HELD_IN:
        monkeypatch.setenv(name, f"{CANARY}-{name}")


def sings(folder: Path) -> list[str]:
    """Files of a folder, and names of files, that hold a canary; Parquet is unpacked."""
    found = []
    for path in folder.rglob("*"):
        held = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".parquet":
            rows = pd.read_parquet(path)
            held = rows.to_csv().encode() + str(rows.attrs).encode()
        if CANARY in path.name or CANARY.encode() in held:
            found.append(str(path))
    return found


@contextlib.contextmanager
def all_logs() -> Iterator[list[str]]:
    """Every record of every logger, whatever its level, laid out with its stack."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(logging.Formatter().format(record))

    root, keep = logging.getLogger(), Keep(level=0)
    before = root.level
    root.addHandler(keep)
    root.setLevel(0)
    try:
        yield told
    finally:
        root.removeHandler(keep)
        root.setLevel(before)


@pytest.mark.usefixtures("canaries")
class TestPutOut:
    def test_nothing_of_a_run_holds_one(self, tmp_path: Path) -> None:
        lake = tmp_path / "lake"
        with all_logs() as told:
            tell_session(lake, 0)
            publish_generation(lake, 1)
            push_generation(lake, f"file://{tmp_path}/copy")
        assert (lake / "alerts" / "ledger.jsonl").exists()
        assert sings(tmp_path) == []
        assert CANARY not in "".join(told)

    @pytest.mark.parametrize(
        "arguments",
        [["show"], ["diff", "--as-of", "2026-02-05", "--from", "2026-02-05T21:15Z",
                    "--to", "2026-02-06T21:15Z"],
         ["quarantine"], ["alerts"], ["report"], ["lake", "verify"], ["lake", "compact"],
         ["lake", "prune", "--keep-days=1", "--keep-last=1"], ["lake", "views"], ["sigma", "3"]],
        ids=" ".join,
    )  # fmt: skip
    @pytest.mark.parametrize("lake", [f"s3://me:{CANARY}@desk/lake", f"memory://{CANARY}@x/lake"])
    def test_no_command_says_what_stood_in_a_url(
        self, lake: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UNWIND_LAKE", lake)
        done = unwind(*arguments)
        if arguments[0] != "sigma":
            assert done.exit_code == 2
        assert CANARY not in done.output

    def test_nor_push_nor_pull(self, tmp_path: Path) -> None:
        publish_generation(tmp_path / "lake", 0)
        url = f"s3://me:{CANARY}@desk/lake"
        for arguments in (
            ["push", str(tmp_path / "lake"), url],
            ["pull", url, str(tmp_path / "f")],
        ):
            done = unwind("lake", *arguments)
            assert done.exit_code == 2
            assert "credentials do not belong in a URL" in done.stderr
            assert CANARY not in done.output

    def test_nor_a_failure_of_a_running_command(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        absent = str(tmp_path / "absent")
        assert shell.main(["daily", "--path", absent, "--lake", str(tmp_path / "l")]) == 2
        printed = capsys.readouterr()
        assert "does not exist; name an existing folder" in printed.err
        assert CANARY not in printed.out + printed.err


class TestClientsOfStores:
    """What their libraries print may hold an endpoint with its password."""

    def test_is_taken_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        storage = fsspec.filesystem("memory")

        def refuse(*_: object, **__: object) -> None:
            raise OSError(f"cannot connect to https://me:{CANARY}@store.example:9000/desk")

        for name in ("cat_file", "ls", "find", "pipe_file"):
            monkeypatch.setattr(storage, name, refuse)
        for ask in (
            lambda: content(storage, "/lake", "LATEST"),
            lambda: names(storage, "/lake/snapshots"),
            lambda: object_storage._Sent(storage, "/lake"),
        ):
            with pytest.raises(LakeError) as told:
                ask()
            assert "https://…@store.example:9000/desk" in str(told.value)
            assert CANARY not in str(told.value)

    def test_leaves_what_is_no_credential(self) -> None:
        for plain in ("s3://desk/lake", "file:///srv/a@b/lake", "a@b.example", "s3://desk/x@y"):
            assert redact(plain) == plain


class TestSettings:
    def test_hold_no_credential(self) -> None:
        held = json.dumps(SETTINGS.model_dump(mode="json")).lower()
        for word in ("password", "secret", "token", "api_key", "apikey", "credential"):
            assert word not in held

    def test_no_file_of_the_project_names_one(self) -> None:
        for folder in ("features", "models", "unwind", "flows", "deployments"):
            for path in (ROOT / folder).rglob("*"):
                if path.suffix in (".py", ".toml", ".yaml", ".sh", ".json"):
                    text = path.read_text(encoding="utf-8")
                    for sign in ("AKIA", "xoxb-", "ghp_", "pnu_", "BEGIN PRIVATE KEY"):
                        assert sign not in text, path
