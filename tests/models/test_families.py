"""The house of models/: light families, one import path for each name."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAMILIES = sorted(path.parent.name for path in (ROOT / "models").glob("*/__init__.py"))


def _imports(path: Path) -> list[ast.ImportFrom]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


class TestFamilies:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_exports_what_it_names(self, family: str) -> None:
        module = importlib.import_module(f"models.{family}")
        assert sorted(module.__all__) == sorted(set(module.__all__))
        assert all(hasattr(module, name) for name in module.__all__)

    def test_are_imported_without_an_estimator(self) -> None:
        # arch and statsmodels cost a second: paid by who fits, not by who reads a threshold.
        heavy = ("arch", "statsmodels", "ruptures", "sklearn", "matplotlib", "QuantLib")
        names = ", ".join(f"models.{family}" for family in (*FAMILIES, "regression", "errors"))
        probe = f"import sys, {names}; print([n for n in {heavy} if n in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout.strip() == "[]"

    def test_others_import_from_the_family(self) -> None:
        paths = [path for package in ("unwind", "flows") for path in (ROOT / package).rglob("*.py")]
        deep = [
            f"{path.relative_to(ROOT)}: {node.module}"
            for path in paths
            for node in _imports(path)
            if str(node.module).startswith("models.") and str(node.module).count(".") > 1
        ]
        assert deep == []
