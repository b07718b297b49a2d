"""Small files that decode to more than the machine holds: a sentence, and a gigabyte at most."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.torture.memory_bombs import BOMBS

GIGABYTE = 1024**3
# In a child that may not take the machine down: it reads every folder in turn.
CHILD = """
import json, resource, sys
from pathlib import Path
import pandas as pd
import pandera.pandas, pyarrow.compute, pyarrow.parquet
from unwind.market.store import ingest
from unwind.settings import load_settings
from unwind.sources.files import FilesSource
from unwind.contract.source import SourceError

def peak():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

settings, before = load_settings(), peak()
resource.setrlimit(resource.RLIMIT_AS, (8 * 1024**3, 8 * 1024**3))
for folder in sorted(Path(sys.argv[1]).iterdir()):
    try:
        ingest(
            Path(sys.argv[2]) / folder.name, FilesSource(folder), settings=settings,
            received_at=pd.Timestamp("2026-11-22T00:00Z"),
        )
        said = ""
    except SourceError as error:
        said = str(error)
    print(json.dumps({"name": folder.name, "said": said, "growth": peak() - before}), flush=True)
"""
SAID = {
    "nested": "not of plain values",
    "nested_beside": "",
    "repeated_text": "symbol: invalid_name",
    "dictionary_text": "symbol: invalid_name",
    "wide_numbers": "bytes decoded",
    "long_page": "bytes in one column (symbol)",
    "many_columns": "30,000 columns",
    "equal_rows": "bytes decoded",
    "all_faulty": "breaks rules more than 1,000,000 times",
    "short_lines": "rows of CSV",
    "one_line": "bytes in one line",
    "open_quote": "bytes in one line",
    "wide_header": "500,003 columns",
    "wide_row": "cannot be read",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        (folder / name).mkdir()
        make(folder / name)
    store = tmp_path_factory.mktemp("store")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(store)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: line for line in lines}


@pytest.mark.at_length
@pytest.mark.parametrize("name", list(BOMBS))
class TestMemoryBomb:
    def test_is_a_sentence(self, name: str, outcomes: dict[str, dict[str, object]]) -> None:
        said = str(outcomes[name]["said"])
        assert SAID[name] in said
        assert "\n" not in said
        assert len(said) < 400

    def test_takes_a_gigabyte_at_most(
        self, name: str, outcomes: dict[str, dict[str, object]]
    ) -> None:
        # The peak of all that were read so far: each is below it.
        assert int(str(outcomes[name]["growth"])) < GIGABYTE


def test_every_bomb_has_an_outcome() -> None:
    assert set(SAID) == set(BOMBS)
