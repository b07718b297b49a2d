"""What the layout promises and no linter holds."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("features", "models", "unwind", "flows")


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


class TestNames:
    def test_no_module_of_flows_hides_a_package_or_the_standard_library(self) -> None:
        # A file entrypoint puts flows/ first on sys.path; there such a name breaks every flow.
        hidden = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__", "__main__"}
        assert not hidden & (set(PACKAGES) | set(sys.stdlib_module_names))

    @pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc", "df"])
    def test_no_module_has_an_empty_name(self, word: str) -> None:
        assert word not in {path.stem for path in _modules()}

    def test_every_folder_of_tests_is_a_package(self) -> None:
        folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
        assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


class TestReadingCommands:
    def test_start_without_prefect_or_models(self) -> None:
        heavy = ("prefect", "arch", "statsmodels", "sklearn", "ruptures", "models", "matplotlib")
        probe = f"import sys, unwind.cli; print([n for n in {heavy} if n in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert done.stdout.strip() == "[]"


class TestDistribution:
    def test_constraints_pin_exactly_and_name_no_index(self) -> None:
        lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert len(pins) > 50
        assert all("==" in pin and "://" not in pin and "@" not in pin for pin in pins)

    def test_every_dependency_is_pinned(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        pinned = {
            line.split("==")[0].lower().replace("_", "-")
            for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
            if "==" in line
        }
        wanted = {
            requirement.split(">")[0].split("[")[0].strip().lower()
            for requirement in project["dependencies"]
        }
        assert wanted <= pinned

    def test_no_flow_file_postpones_annotations(self) -> None:
        # Prefect resolves parameter types at run time; postponed ones break `flow.serve`.
        for path in (ROOT / "flows").glob("*.py"):
            assert "from __future__ import annotations" not in path.read_text(encoding="utf-8")
