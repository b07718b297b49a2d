"""Names of faults: one declared list, each named after the fault and not after the ideal."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from unwind.contract.faults import FAULTS
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Fault

# Words of a rule that is kept, where a reader needs the one that was broken.
IDEALS = re.compile(r"\b(unique|agree|whole|in time|within its|grants|answers|possible date)\b")


def _names(path: Path) -> set[str]:
    """Texts given as `rule` in one module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        values: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg == "rule":
            values = [node.value]
        elif isinstance(node, ast.Dict):
            values = [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "rule"
            ]
        names |= {
            value.value
            for value in values
            if isinstance(value, ast.Constant) and isinstance(value.value, str)
        }
    return names


class TestNames:
    def test_every_rule_of_the_code_is_declared(self) -> None:
        folders = ("market", "sources", "indicators")
        paths = [path for folder in folders for path in (ROOT / "unwind" / folder).rglob("*.py")]
        rules = set().union(*map(_names, paths))
        assert len(rules) > 20
        assert {rule.rpartition(": ")[2] for rule in rules} <= set(FAULTS)

    def test_every_rule_of_a_value_is_declared(self) -> None:
        for table in INPUT_TABLES.values():
            for column in table.checks().columns.values():
                for check in column.checks:
                    assert str(check.error).partition("|")[0] in FAULTS

    @pytest.mark.parametrize("name", FAULTS)
    def test_names_the_fault(self, name: str) -> None:
        assert name == name.lower().replace(" ", "_")
        assert not IDEALS.search(name.replace("_", " "))
        assert FAULTS[name][0].islower()
        assert not FAULTS[name].endswith(".")

    def test_an_undeclared_name_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not a declared fault"):
            Fault(entity="GLD", rule="answers in time", severity="info", value="", remedy="")
