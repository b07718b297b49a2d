"""Commands printed in the pages: each is one that the program has."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from unwind.cli import application

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What a page writes in place of a value.
PLACEHOLDERS = {
    "DAY": "2026-02-05", "SESSION": "2026-02-05", "T1": "2026-02-05T21:15Z",
    "T2": "2026-02-06T14:30Z", "INSTANT": "2026-02-05T21:15Z", "NAME": "name", "N": "5",
    "YEAR": "2021",
}  # fmt: skip


def _commands(page: Path) -> list[str]:
    """Lines of fenced blocks that call `unwind`, continued lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    called = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?unwind (.*)$")
    matches = [match for line in lines if (match := called.match(line))]
    return [match.group(1) for match in matches if not match.group(1).startswith(" ")]


CASES = [(page.name, command) for page in PAGES for command in dict.fromkeys(_commands(page))]


class TestFencedCommand:
    @pytest.mark.parametrize(("page", "command"), CASES)
    def test_parses(self, page: str, command: str) -> None:
        words = shlex.split(re.split(r"\s[#>|]", command)[0])
        words = [PLACEHOLDERS.get(word.strip("[]"), word.strip("[]")) for word in words]
        words = [word for word in words if word != "…"]
        application().parse_args(words, exit_on_error=False, print_error=False)

    def test_there_are_some(self) -> None:
        assert len(CASES) > 15


class TestNamedCommand:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_exists(self, page: Path) -> None:
        app = application()
        named = re.findall(r"`unwind ([a-z-]+)((?: [a-z-]+)?)", page.read_text(encoding="utf-8"))
        groups = {"lake", "study", "server", "import"}
        for first, second in named:
            assert first in app, f"unwind {first}"
            if first in groups and second:
                assert second.strip() in app[first], f"unwind {first}{second}"
