"""The flow `scan`, and chunks of any long flow: in this process, over processes and over Dask."""

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.scan import scan

DAY = date(2026, 2, 5)


def _bytes(lake: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in (lake / "scan").rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _run(lake: Path, **changed: object):
    asked = {"simulated": 6, "years": 3, "chunk": 3, "as_of": DAY, "lake": str(lake)}
    return scan(source={"kind": "simulated"}, **{**asked, **changed}, return_state=True)


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestScan:
    @pytest.mark.at_length
    def test_processes_and_dask_leave_the_bytes_of_one_process(self, tmp_path: Path) -> None:
        state = _run(tmp_path / "one")
        assert state.is_completed(), state.message
        assert state.result()["pairs"] == 15
        assert state.result()["chunks"] == 8
        expected = _bytes(tmp_path / "one")
        for name, changed in (("processes", {}), ("dask", {"dask": True})):
            spread = _run(tmp_path / name, workers=2, **changed)
            assert spread.is_completed(), spread.message
            assert _bytes(tmp_path / name) == expected

    def test_an_interrupted_scan_goes_on(self, tmp_path: Path) -> None:
        folder = Path(_run(tmp_path).result()["folder"])
        expected = _bytes(tmp_path)
        (folder / "_scan.json").unlink()
        (folder / "assets.parquet").unlink()
        shutil.rmtree(folder / "pairs" / "0063")
        state = _run(tmp_path)
        assert state.result()["kept"] == 6
        assert "6 of 8 chunks reused" in str(state.message)
        assert _bytes(tmp_path) == expected

    def test_all_that_a_drop_folder_prices(self, drop: Path, tmp_path: Path) -> None:
        state = scan(
            source={"kind": "files", "path": str(drop)}, as_of=DAY, lake=str(tmp_path),
            return_state=True,
        )  # fmt: skip
        assert state.is_completed(), state.message
        rows = pd.read_parquet(Path(state.result()["folder"]) / "pairs")
        assert "VIX" not in {*rows["asset"], *rows["counterpart"]}
        assert rows["value"].notna().all()

    def test_bad_input_ends_as_one_sentence(self, tmp_path: Path) -> None:
        state = scan(
            source={"kind": "files", "path": str(tmp_path / "none")}, as_of=DAY,
            lake=str(tmp_path), return_state=True,
        )  # fmt: skip
        assert state.is_failed()
        assert "does not exist; name an existing folder" in str(state.message)

    def test_a_saturday_is_refused(self, tmp_path: Path) -> None:
        state = _run(tmp_path, as_of=date(2026, 2, 7))
        assert state.is_failed()
        assert "2026-02-07" in str(state.message)
