"""The universe flow: in this process, over processes and over Dask, with one answer."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.spread import runner_of
from flows.universe import universe, walk_chunk
from unwind.settings import Settings

DAY = date(2026, 2, 5)


def _bytes(lake: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (lake / "universe").rglob("*.parquet")}


def _run(lake: Path, **changed: object):
    asked = {"simulated": 4, "years": 3, "chunk": 2, "as_of": DAY, "lake": str(lake)}
    return universe(source={"kind": "simulated"}, **{**asked, **changed}, return_state=True)


class TestTasks:
    def test_a_chunk_alone(self, settings: Settings) -> None:
        days = pd.bdate_range("2023-01-02", periods=540)
        draw = pd.DataFrame({"A": range(540)}, index=days).sample(frac=1, random_state=1)
        returns = (draw.set_axis(days) - 270) / 20_000
        walked = walk_chunk.fn(returns, rule=settings.walk_forward)
        assert list(walked.assets["asset"]) == ["A"]
        assert len(walked.paths) == 40

    def test_nobody_else_is_asked_where_one_works(self) -> None:
        assert runner_of(1, dask=False) is None


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestUniverse:
    @pytest.mark.at_length
    def test_processes_and_dask_leave_the_bytes_of_one_process(self, tmp_path: Path) -> None:
        state = _run(tmp_path / "one")
        assert state.is_completed(), state.message
        assert state.result()["estimates"] == 4 * 13
        expected = _bytes(tmp_path / "one")
        assert set(expected) == {"paths.parquet", "assets.parquet"}
        for name, changed in (("processes", {}), ("dask", {"dask": True})):
            spread = _run(tmp_path / name, workers=2, **changed)
            assert spread.is_completed(), spread.message
            assert _bytes(tmp_path / name) == expected

    def test_all_that_a_drop_folder_prices(self, drop: Path, tmp_path: Path) -> None:
        state = universe(
            source={"kind": "files", "path": str(drop)}, as_of=DAY, lake=str(tmp_path), links=True,
            return_state=True,
        )  # fmt: skip
        assert state.is_completed(), state.message
        folder = Path(state.result()["folder"])
        assets = pd.read_parquet(folder / "assets.parquet")
        assert "VIX" not in set(assets["asset"])  # a level has no return to stand on
        assert {"IBIT", "IGV"} <= set(assets["asset"])
        paths = pd.read_parquet(folder / "paths.parquet")
        assert paths["session"].max() == DAY
        assert pd.read_parquet(folder / "links.parquet")["assets"].item() == len(assets)

    def test_bad_input_ends_as_one_sentence(self, tmp_path: Path) -> None:
        state = universe(
            source={"kind": "files", "path": str(tmp_path / "none")}, as_of=DAY,
            lake=str(tmp_path), return_state=True,
        )  # fmt: skip
        assert state.is_failed()
        assert "does not exist; name an existing folder" in str(state.message)
