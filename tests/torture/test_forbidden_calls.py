"""Nothing from outside is run or unpickled, and no server listens beyond the machine."""

import ast
import re
from inspect import signature
from pathlib import Path

import pytest

from flows.serving import serve
from tests.conftest import ROOT

MODULES = sorted(
    path for folder in ("features", "models", "unwind", "flows")
    for path in (ROOT / folder).rglob("*.py")
)  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("pickle", "load"), ("pickle", "loads"), ("pd", "read_pickle"), ("joblib", "load"),
    ("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("yaml", "load_all"),
    ("os", "system"), ("os", "popen"), ("marshal", "loads"), ("marshal", "load"),
    ("shelve", "open"), ("np", "fromregex"), ("pd", "read_hdf"),
}  # fmt: skip
MODULES_NOT_USED = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "telnetlib", "ftplib"}


def faults(tree: ast.AST) -> list[str]:
    """Calls and imports that would run, or unpack, what came from outside."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"import {name.name}" for name in node.names if name.name in MODULES_NOT_USED]
        if isinstance(node, ast.ImportFrom) and node.module in MODULES_NOT_USED:
            found.append(f"from {node.module}")
        if not isinstance(node, ast.Call):
            continue
        call = node.func
        if isinstance(call, ast.Name) and call.id in CALLS:
            found.append(call.id)
        if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name):
            if (call.value.id, call.attr) in METHODS:
                found.append(f"{call.value.id}.{call.attr}")
            if call.attr == "eval":
                found.append(f"{call.value.id}.{call.attr}")
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            if keyword.arg in ("shell", "allow_pickle", "unsafe_allow_html") and value is True:
                found.append(f"{keyword.arg}=True")
            if keyword.arg == "verify" and value is False:
                found.append("verify=False")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_what_it_reads(path: Path) -> None:
    assert faults(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    ["eval(x)", "pickle.loads(x)", "import pickle", "yaml.load(x)", "run(x, shell=True)",
     "np.load(x, allow_pickle=True)", "rows.eval(x)", "get(url, verify=False)", "os.system(x)"],
)  # fmt: skip
def test_would_be_found(line: str) -> None:
    assert faults(ast.parse(line))


class TestListensOnLoopback:
    def test_the_server_that_make_serve_starts(self) -> None:
        script = (ROOT / "deployments" / "serve.sh").read_text(encoding="utf-8")
        (start,) = re.findall(r"-m flows\.serving .*", script)
        assert "--host" not in start
        assert signature(serve).parameters["host"].default == "127.0.0.1"

    def test_no_code_binds_to_every_address(self) -> None:
        for path in MODULES:
            assert "0.0.0.0" not in path.read_text(encoding="utf-8"), path

    def test_every_documented_start_of_a_server_says_where(self) -> None:
        pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("deployments/*.md")]
        for page in pages:
            for line in page.read_text(encoding="utf-8").split("\n"):
                if re.search(r"prefect server start", line) and "--host" in line:
                    assert "--host 127.0.0.1" in line, f"{page.name}: {line}"
                assert "--host 0.0.0.0" not in line, f"{page.name}: {line}"
