"""Words that a reader of the pages, messages and docstrings should not meet."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("features", "models", "unwind", "flows", "benchmarks")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)

WORDS = [
    r"\b(summits?|hills?|climb(s|ed|ing)?|tolls?|voters?|loudest|at rest)\b",
    r"\b(says?|said) nothing\b|\b(speaks?|spoke|speaking)\b|\bsilent\b(?! (revision|failure))",
    r"\bin force\b|\bon file\b|\bwhole or not at all\b",
    r"\b(stands?|stood) (in|at|by|on|there|here|beside|still)\b|\bas (it|they) st(and|ands|ood)\b",
    r"(?<!there )\b(is|are|was) no\b(?! (longer|more|less|fewer|later|earlier|larger|smaller))",
    r"\b(sessions?|times|entries|alarms?|points|percent|rows?|files?|tables?|one|"
    r"[0-9]+(\.[0-9]+)? ?%?) an? "
    r"(year|session|day|row|fund|asset|file|table|worker|chunk|key|provider|run)\b",
    r"\bonce in (so many|[0-9{])|\bin decades\b|\bshow as much\b|\bso many\b",
    r"(?<!edit )\bby hand\b|\bhand-kept\b|\bgrav(e|er|est)\b|\bthe desk (was|is) told\b"
    r"|\btells? the desk\b|\bdrill\b",
]
FIRST_WORD = re.compile(r"(What|Where|How|Whether|Which|When|Why|Who)\b")
NAMES = re.compile(
    r"(held|told|found|chosen|given|asked|kept|shown|passed|wanted|standing|stood|place|speaking|"
    r"strangers|rest|alike|moved|awaited)$|(FEWEST|MOST|LEAST)(_|$)|.*_A_YEAR$|.*_a_year$"
)
# Modules whose words are checked, and whose names are still to be changed.
NAMES_PENDING = (
    "unwind/indicators/", "unwind/sources/", "unwind/settings/", "unwind/studies/claims.py",
    "unwind/studies/february_2026.py", "features/panel.py", "features/venues.py",
)  # fmt: skip
PATTERN = re.compile("|".join(WORDS), re.IGNORECASE)
EXCUSE = "plain: ok"


def _sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and texts with a space, each with its line."""
    source = path.read_text(encoding="utf-8")
    excused = {n for n, line in enumerate(source.splitlines(), 1) if EXCUSE in line}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.start[0] not in excused:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            lines = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            if not lines & excused:
                yield node.lineno, node.value


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Names that a module binds: variables, parameters, functions, classes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name


def faults(path: Path) -> list[str]:
    """Lines of a module with a word or a name of the list."""
    where = path.relative_to(ROOT)
    found = [
        f"{where}:{line}: {match.group(0)!r}"
        for line, text in texts(path)
        for match in PATTERN.finditer(re.sub(r"`[^`]*`", "", text))
    ]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if FIRST_WORD.match(first):
                found.append(f"{where}:{getattr(node, 'lineno', 1)}: first line {first!r}")
    if not str(where).startswith(NAMES_PENDING):
        found += [f"{where}:{line}: name {name}" for line, name in names(path) if NAMES.match(name)]
    return found


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(
        r"```.*?```", lambda block: "\n" * block.group(0).count("\n"), text, flags=re.DOTALL
    )
    found = [
        f"{page}:{text[: match.start()].count(chr(10)) + 1}: {match.group(0)!r}"
        for match in PATTERN.finditer(re.sub(r"`[^`\n]*`", "", text))
    ]
    assert found == []
