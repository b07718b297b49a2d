"""An audit that did not happen is no pass."""

from tests.audit import told

SOUND = {"name": "numpy", "version": "2.4.0", "vulns": []}
WEAK = {
    "name": "jinja2", "version": "3.1.5",
    "vulns": [{"id": "PYSEC-2025-1", "fix_versions": ["3.1.6"]}],
}  # fmt: skip
SKIPPED = {"name": "arch", "skip_reason": "Dependency not found on PyPI"}


def test_all_known_and_sound() -> None:
    assert told({"dependencies": [SOUND]}) == (0, ["1 packages audited, 0 with an advisory"])


def test_an_advisory_is_named_with_its_remedy() -> None:
    status, lines = told({"dependencies": [SOUND, WEAK]})
    assert status == 1
    assert lines[0] == "jinja2 3.1.5: PYSEC-2025-1, fixed in 3.1.6"


def test_a_service_that_knows_nothing_audits_nothing() -> None:
    status, (line,) = told({"dependencies": [SKIPPED, SKIPPED]})
    assert status == 1
    assert line.startswith("the audit did not happen: the advisory service knows none of 2")


def test_one_that_is_left_out_is_named() -> None:
    assert told({"dependencies": [SOUND, SKIPPED]}) == (
        1, ["not audited: arch; look them up by hand"],
    )  # fmt: skip
