"""Another web page and another local user against the server that `make serve` starts."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flows.private_files import PrivateFileError, encryption_key, login, read_private
from tests.conftest import ROOT
from tests.standing import Standing

FOREIGN = "http://page.example"
COMMAND = {
    "name": "intruder", "work_pool_name": "desk", "entrypoint": "flows.daily.daily",
    "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": "id"}}],
}  # fmt: skip


@pytest.mark.prefect
class TestForeignPage:
    """A page of another origin, open in the browser of somebody who may use the server."""

    @pytest.mark.parametrize("path", ["/deployments/filter", "/block_documents/filter"])
    def test_reads_nothing_and_is_not_allowed_to_read(self, standing: Standing, path: str) -> None:
        answer = httpx.post(
            f"{standing.api}{path}", json={"include_secrets": True}, headers={"Origin": FOREIGN}
        )
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers

    def test_makes_no_deployment(self, standing: Standing) -> None:
        flow = standing.ask("/flows/filter")[0]
        # A form's content type needs no preflight.
        answer = httpx.post(
            f"{standing.api}/deployments/", content=json.dumps(COMMAND | {"flow_id": flow["id"]}),
            headers={"Origin": FOREIGN, "Content-Type": "text/plain"},
        )  # fmt: skip
        assert answer.status_code == 401
        names = {held["name"] for held in standing.ask("/deployments/filter")}
        assert "intruder" not in names

    def test_is_refused_before_it_asks(self, standing: Standing) -> None:
        asked = {
            "Origin": FOREIGN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = httpx.options(f"{standing.api}/deployments/filter", headers=asked)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers

    def test_learns_nothing_even_with_the_login(self, standing: Standing) -> None:
        answer = httpx.post(
            f"{standing.api}/deployments/filter", json={}, auth=standing.auth,
            headers={"Origin": FOREIGN},
        )  # fmt: skip
        assert "access-control-allow-origin" not in answer.headers

    def test_emits_no_event_through_a_web_socket(self, standing: Standing) -> None:
        address = standing.api.replace("http", "ws") + "/events/in"
        with pytest.raises(InvalidStatus, match="403"), connect(address, origin=FOREIGN):
            pass

    @pytest.mark.parametrize("path", ["/api/health", "/", "/ui-settings"])
    def test_gets_nothing_under_a_name_that_points_here(
        self, standing: Standing, path: str
    ) -> None:
        answer = httpx.get(f"{standing.url}{path}", headers={"Host": "rebound.example:4200"})
        assert answer.status_code == 400

    def test_holds_no_page_in_a_frame(self, standing: Standing) -> None:
        policy = httpx.get(standing.url).headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy

    def test_finds_one_user_interface(self, standing: Standing) -> None:
        settings = httpx.get(f"{standing.url}/ui-settings").json()
        assert settings["available_uis"] == ["v1"]
        answer = httpx.get(f"{standing.url}/v2/", headers={"Accept": "text/html"})
        assert answer.headers["location"] == "/"


@pytest.mark.prefect
class TestLocalUser:
    """Somebody else with an account on this machine."""

    def test_cannot_use_the_server(self, standing: Standing) -> None:
        for auth in (None, ("desk", "guess"), ("", "")):
            answer = httpx.post(f"{standing.api}/flow_runs/filter", json={}, auth=auth)
            assert answer.status_code == 401


def _serving(port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    return subprocess.run(
        [sys.executable, "-m", "flows.serving", "--port", str(port)], cwd=ROOT, check=False,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


class TestStart:
    @pytest.mark.parametrize("given", [None, "", "desk:", "desk:short", ":" + "x" * 40])
    def test_without_a_login_is_refused(self, given: str | None) -> None:
        login = {} if given is None else {"PREFECT_SERVER_API_AUTH_STRING": given}
        done = _serving(4200, **login)
        assert done.returncode == 2
        assert done.stderr.startswith("unwind: PREFECT_SERVER_API_AUTH_STRING is not a login")

    def test_at_a_port_where_somebody_answers_is_refused(self) -> None:
        """The login is sent to nobody else's server."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            done = _serving(port, PREFECT_SERVER_API_AUTH_STRING="desk:" + "x" * 40)
        assert done.returncode == 2
        assert done.stderr.startswith(f"unwind: port {port} of 127.0.0.1 cannot be taken")


# The first connection makes the file; what Prefect then writes into it has no part in its mode.
CREATE_DATABASE = """
import asyncio, flows
from prefect.server.database import provide_database_interface

async def write():
    engine = await provide_database_interface().engine()
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE block_document (data TEXT)")

asyncio.run(write())
"""


class TestDatabase:
    def test_and_its_key_are_for_the_owner_alone(self, tmp_path: Path) -> None:
        """Ciphertext and key lie side by side in it."""
        kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        subprocess.run(
            [sys.executable, "-c", CREATE_DATABASE], cwd=ROOT, check=True, umask=0o022,
            env=kept | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")},
            capture_output=True,
        )  # fmt: skip
        assert (tmp_path / "prefect" / "prefect.db").exists()
        for path in (tmp_path / "prefect").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path


class TestPrivateFiles:
    def test_a_login_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "login"
        before = os.umask(0)
        try:
            first = login(file)
        finally:
            os.umask(before)
        assert login(file) == first
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(first.partition(":")[2]) >= 40
        assert [entry.name for entry in tmp_path.iterdir()] == ["login"]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
    def test_one_that_others_may_open_is_refused(self, tmp_path: Path, mode: int) -> None:
        file = tmp_path / "login"
        login(file)
        file.chmod(mode)
        with pytest.raises(PrivateFileError, match="chmod 600"):
            login(file)

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        login(tmp_path / "login")
        (tmp_path / "link").symlink_to(tmp_path / "login")
        with pytest.raises(OSError, match="symbolic link"):
            read_private(tmp_path / "link")

    @pytest.mark.parametrize("content", ["", "desk:short", "\n", "a:b\nc:d\n", "nobody" * 9])
    def test_one_that_holds_no_login_is_refused(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "login"
        file.write_text(content, encoding="utf-8")
        file.chmod(0o600)
        with pytest.raises(PrivateFileError):
            login(file)

    def test_a_key_is_what_prefect_encrypts_with(self, tmp_path: Path) -> None:
        from cryptography.fernet import Fernet

        file = tmp_path / "key"
        file.write_bytes(Fernet.generate_key() + b"\n")
        file.chmod(0o600)
        assert Fernet(encryption_key(file))
        for wrong in ("short", "=" * 44, "ä" * 44, "A" * 40):
            file.write_text(wrong, encoding="utf-8")
            with pytest.raises(PrivateFileError, match="32 bytes"):
                encryption_key(file)

    def test_a_fault_is_one_sentence(self, tmp_path: Path) -> None:
        for name in ("missing", "."):
            done = subprocess.run(
                [sys.executable, "-m", "flows.private_files", "key", str(tmp_path / name)],
                cwd=ROOT, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 2
            assert done.stderr.count("\n") == 1
            assert done.stdout == ""
