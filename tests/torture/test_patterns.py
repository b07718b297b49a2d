"""Every regular expression of the program takes a time linear in what it reads."""

import ast
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

FOLDERS = ("features", "models", "unwind", "flows")
SIZES = (1_000, 4_000, 16_000, 64_000, 250_000, 1_000_000)
# Processor seconds for a million characters, and for any shorter text: the slowest takes under one.
# A quadratic pattern reaches the second bound within the first three sizes.
SECONDS, SHORT_SECONDS = 10.0, 0.5

OF_RE = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
# Methods of `Series.str` that take a pattern; `replace` and `split` do where `regex` says so.
OF_PANDAS = {"contains", "fullmatch", "match", "extract", "extractall", "findall", "count"}
OF_RE_BY_PANDAS = {
    "contains": "search", "extract": "search", "count": "findall", "replace": "sub",
}  # fmt: skip
WITH_PATTERN = OF_RE | OF_PANDAS | {"replace", "split"}
BY_KEYWORD = {"pattern"}  # pydantic's fields
MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in MODULES)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, where it stands, its flags and the methods that are called with it."""

    place: str
    text: str
    flags: int
    methods: frozenset[str]


@cache
def patterns() -> list[Pattern]:
    return [pattern for path in MODULES for pattern in _of_module(path)]


def _of_module(path: Path) -> Iterator[Pattern]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (given := _pattern(node)) is not None:
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            text = ast.literal_eval(named.get(given.id, given) if _is_name(given) else given)
            flags = re.IGNORECASE if "IGNORECASE" in ast.unparse(node) else 0
            yield Pattern(place, text, flags, _methods(node, tree))


def _methods(call: ast.Call, tree: ast.Module) -> frozenset[str]:
    """Which methods of `re` run the pattern; of a compiled one, those that any module calls."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else "match"
    if function != "compile":
        return frozenset({OF_RE_BY_PANDAS.get(function, function)})
    (name,) = (
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return frozenset(re.findall(rf"\b{name}\.([a-z]+)\(", SOURCES))


def _pattern(call: ast.Call) -> Any:
    """The argument of a call that is a pattern."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    for name in BY_KEYWORD & set(keywords):
        return keywords[name]
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in WITH_PATTERN:
        return None
    owner = ast.unparse(function.value)
    regex = getattr(keywords.get("regex"), "value", None)
    if (owner == "re" and function.attr in OF_RE) or (
        owner.endswith(".str")
        and (function.attr in OF_PANDAS or regex is True)
        and regex is not False
    ):
        return call.args[0] if call.args else keywords.get("pat")
    return None


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def attacks(pattern: str) -> Iterator[Callable[[int], str]]:
    """Texts that make a matcher go back: long runs of what a pattern repeats, and a wrong end."""
    own = [sign for sign in sorted(set(re.sub(r"\\.", "", pattern))) if sign not in "()|?*\\^${}"]
    pieces = {"0", "a", "A", " ", "\t", ".", "-", "_", "://", "http://", "<", '"', "0.", "1e", "e1"}
    pieces |= set(own) | set(re.findall(r"[A-Za-z0-9:/<#&.-]{2,}", pattern))
    for piece in sorted(pieces):
        for start in ("", "0", "http://a", "://", "<", ".", "a"):
            for end in ("", "!", "\x00"):
                yield lambda size, p=piece, s=start, e=end: s + p * (size // len(p)) + e


def is_linear(
    pattern: str, flags: int, methods: Iterable[str], *, sizes: tuple[int, ...] = SIZES
) -> bool:
    compiled = re.compile(pattern, flags)
    runs = [
        partial(compiled.sub, "") if method == "sub" else getattr(compiled, method)
        for method in methods
    ]
    for attack in attacks(pattern):
        for size in sizes:
            text, start = attack(size), time.process_time()
            for run in runs:
                run(text)
            bound = SECONDS if size > 250_000 else SHORT_SECONDS
            if time.process_time() - start > bound:
                return False
    return True


class TestLongText:
    @pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: pattern.place)
    def test_takes_linear_time(self, pattern: Pattern, at_length: bool) -> None:
        sizes = SIZES if at_length else SIZES[:4]
        assert is_linear(pattern.text, pattern.flags, pattern.methods, sizes=sizes), pattern

    def test_each_is_run_in_some_way(self) -> None:
        assert all(pattern.methods for pattern in patterns())

    def test_every_way_to_write_a_pattern_is_found(self) -> None:
        places = {pattern.place.split(":")[0] for pattern in patterns()}
        assert {
            "unwind/market/screening.py",  # pandas, and a constant
            "unwind/sources/flow_tables.py",  # re.compile and re.search
            "unwind/settings/shared.py",  # pydantic
            "unwind/contract/text.py",
            "flows/console.py",
        } <= places
        assert len(patterns()) >= 20

    def test_a_number_that_can_be_split_in_two_ways_is_found(self) -> None:
        quadratic = r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*"
        assert not is_linear(quadratic, 0, ["fullmatch"], sizes=(4_000, 10_000, 20_000))
        assert not is_linear(r"(a+)+b", 0, ["search"], sizes=(20, 23, 28))
