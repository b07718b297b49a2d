"""The families of features/: one import path for each name, and an import that costs little."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAMILIES = ("correlation", "cross_section", "derivatives", "fund_flows")


@cache
def _imports() -> list[tuple[Path, ast.ImportFrom]]:
    return [
        (path, node)
        for package in ("features", "models", "unwind", "flows")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]


@pytest.mark.parametrize("family", FAMILIES)
class TestExports:
    def test_every_name_is_there_public_and_listed_once(self, family: str) -> None:
        package = importlib.import_module(f"features.{family}")
        names = package.__all__
        assert len(set(names)) == len(names)
        assert all(hasattr(package, name) and not name.startswith("_") for name in names)

    def test_callers_import_from_the_family_not_from_its_modules(self, family: str) -> None:
        public = set(importlib.import_module(f"features.{family}").__all__)
        wrong = [
            f"{path.relative_to(ROOT)}: {alias.name} from {node.module}"
            for path, node in _imports()
            if (ROOT / "features" / family) not in path.parents
            and (node.module or "").startswith(f"features.{family}.")
            for alias in node.names
            if alias.name in public
        ]
        assert wrong == []


class TestImport:
    def test_loads_no_pricing_library(self) -> None:
        imports = ", ".join(f"features.{family}" for family in FAMILIES)
        probe = f"import sys, {imports}; print('QuantLib' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout.strip() == "False"
