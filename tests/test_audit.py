"""An audit that did not happen is no pass, and keeps no machine without a network from checking."""

import json
import subprocess
import time
from typing import Any

import pytest

from tests import audit
from tests.audit import main, out_of_reach, told
from tests.unwind.loopback import PAGE, Reply, loopback

SOUND = {"name": "numpy", "version": "2.4.0", "vulns": []}
WEAK = {
    "name": "jinja2", "version": "3.1.5",
    "vulns": [{"id": "PYSEC-2025-1", "fix_versions": ["3.1.6"]}],
}  # fmt: skip
SKIPPED = {"name": "arch", "skip_reason": "Dependency not found on PyPI"}
FOUND = "jinja2 3.1.5: PYSEC-2025-1, fixed in 3.1.6"
KNOWING = Reply({"vulnerabilities": [{"id": "PYSEC-2024-1"}]})


class TestReport:
    def test_all_known_and_sound(self) -> None:
        assert told({"dependencies": [SOUND]}) == ([], "")

    def test_an_advisory_is_named_with_its_remedy(self) -> None:
        assert told({"dependencies": [SOUND, WEAK]}) == ([FOUND], "")

    def test_a_service_that_knows_nothing_audits_nothing(self) -> None:
        assert told({"dependencies": [SKIPPED, SKIPPED]}) == (
            [], "the advisory service knows none of 2 packages",
        )  # fmt: skip

    def test_one_that_is_left_out_is_named_beside_what_was_found(self) -> None:
        assert told({"dependencies": [WEAK, SKIPPED]}) == ([FOUND], "it does not know arch")


class TestService:
    def test_that_names_an_advisory_is_one(self) -> None:
        with loopback(lambda _: KNOWING) as server:
            assert out_of_reach(server.url, seconds=5) == ""

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply({"vulnerabilities": []}), "answers without advisories"),
            (Reply({}, status=404), "answers without advisories"),
            (Reply([]), "cannot be reached (AttributeError)"),
            (Reply(PAGE), "cannot be reached (JSONDecodeError)"),
        ],
    )
    def test_that_names_none_is_none(self, reply: Reply, said: str) -> None:
        with loopback(lambda _: reply) as server:
            assert out_of_reach(server.url, seconds=5) == f"{server.url} {said}"

    def test_that_nobody_runs_is_none(self) -> None:
        assert out_of_reach("http://127.0.0.1:9", seconds=5).endswith(
            "cannot be reached (ConnectionError)"
        )

    @pytest.mark.parametrize("reply", [Reply("[]", delay=30), Reply(" " * 900, drip=0.05)])
    def test_that_hangs_or_drips_is_left_in_time(self, reply: Reply) -> None:
        start = time.monotonic()
        with loopback(lambda _: reply) as server:
            said = out_of_reach(server.url, seconds=0.3)
        assert said == f"{server.url} did not answer within 0.3 s" or "ReadTimeout" in said
        assert time.monotonic() - start < 3


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the audit against a service that answers so, with pip-audit printing this."""

    def run(printed: str, service: Reply, *, if_reachable: bool) -> tuple[int, str]:
        def tool(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            assert command[0].endswith("pip-audit")
            return subprocess.CompletedProcess(command, 1, printed, "torn off")

        monkeypatch.setattr(subprocess, "run", tool)
        with loopback(lambda _: service) as server:
            monkeypatch.setattr(audit, "SERVICE", server.url)
            status = main(if_reachable=if_reachable)
        return status, capsys.readouterr().out

    return run


class TestCheck:
    """`make check` asks with `if_reachable`, `make audit` without."""

    @pytest.mark.parametrize("if_reachable", [True, False])
    def test_an_advisory_fails_both(self, ended: Any, if_reachable: bool) -> None:
        report = json.dumps({"dependencies": [SOUND, WEAK, SKIPPED]})
        status, out = ended(report, KNOWING, if_reachable=if_reachable)
        assert status == 1
        assert out.splitlines()[0] == FOUND

    @pytest.mark.parametrize("if_reachable", [True, False])
    def test_nothing_found_passes_both(self, ended: Any, if_reachable: bool) -> None:
        report = json.dumps({"dependencies": [SOUND]})
        assert ended(report, KNOWING, if_reachable=if_reachable) == (
            0, "dependencies audited: no advisory\n",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("printed", "service"),
        [
            ("", Reply("", status=503)),
            ("", KNOWING),
            (json.dumps({"dependencies": [SOUND, SKIPPED]}), KNOWING),
        ],
        ids=["no service", "no report", "not every package"],
    )
    def test_what_did_not_happen_is_one_loud_line_and_fails_the_audit_alone(
        self, ended: Any, printed: str, service: Reply
    ) -> None:
        for if_reachable, expected in ((True, 0), (False, 1)):
            status, out = ended(printed, service, if_reachable=if_reachable)
            assert status == expected
            assert out.startswith("dependencies NOT audited: ")
            assert out.count("\n") == 1

    def test_both_targets_of_the_makefile_run_it(self) -> None:
        lines = (audit.ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        check, alone = (
            lines[next(n for n, line in enumerate(lines) if line.startswith(f"{name}:")) :]
            for name in ("check", "audit")
        )
        assert "\t$(BIN)/python -m tests.audit --if-reachable" in check[: check.index("")]
        assert "\t$(BIN)/python -m tests.audit" in alone[: alone.index("")]
