"""A scan of all pairs in chunks: the same rows however cut, whole or computed again."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.correlation import rolling_correlation
from models.errors import NotEnoughData
from unwind.files.durable import DRAFT
from unwind.files.location import sha256
from unwind.indicators.context import Slot
from unwind.settings import Settings
from unwind.studies.scan import Scanned, chunks_of, open_scan, publish_scan, scan_chunk
from unwind.studies.universe import simulated_returns

DAYS = pd.bdate_range("2023-01-02", periods=600)
MOMENT = Slot(
    as_of=date(2025, 4, 18), cutoff=pd.Timestamp("2025-04-18T20:15Z"), source="simulated:universe"
)


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    scan = settings.scan.model_copy(update={"history": 120, "rises": 5})
    correlation = settings.correlation.model_copy(update={"windows": (20, 63)})
    return settings.model_copy(update={"scan": scan, "correlation": correlation})


def _returns() -> pd.DataFrame:
    returns = simulated_returns(9, DAYS, seed=3)
    returns.iloc[:, 2] += 0.4 * returns.iloc[:, 1]
    returns["YOUNG"] = returns["S0000"].where(DAYS[595] < DAYS)
    returns["STUCK"] = 0.0
    return returns


def _run(lake: Path, quick: Settings, *, chunk: int = 4) -> tuple[Path, list[Scanned]]:
    with open_scan(lake, _returns(), MOMENT, chunk=chunk, settings=quick) as scan:
        parts = [scan_chunk(scan, part) for part in reversed(chunks_of(scan, chunk=chunk))]
        publish_scan(scan, parts)
    return scan.folder, parts


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


class TestChunks:
    def test_rows_do_not_depend_on_the_cut(self, quick: Settings, tmp_path: Path) -> None:
        frames = []
        for chunk in (1, 4, 100):
            folder, parts = _run(tmp_path, quick, chunk=chunk)
            assert len(parts) == 2 * -(-10 // chunk)
            frames.append(pd.read_parquet(folder / "pairs"))
        assert len(frames[0]) == 2 * 55
        for other in frames[1:]:
            pd.testing.assert_frame_equal(frames[0], other, check_exact=True)

    def test_values_are_those_of_the_engine(self, quick: Settings, tmp_path: Path) -> None:
        folder, _ = _run(tmp_path, quick)
        rows = pd.read_parquet(folder / "pairs")
        returns = _returns().sort_index(axis=1)
        expected = rolling_correlation(returns, window=63, min_observations=51)[:, -1]
        found = rows[rows["window"] == 63]
        np.testing.assert_allclose(found["value"], expected, atol=1e-14)
        assert list(found["asset"].iloc[:10].unique()) == ["S0000"]
        assert (found["asset"] < found["counterpart"]).all()

    def test_what_has_no_value_says_why(self, quick: Settings, tmp_path: Path) -> None:
        folder, _ = _run(tmp_path, quick)
        rows = pd.read_parquet(folder / "pairs").query("window == 20")
        young = rows[rows["counterpart"] == "YOUNG"]
        assert set(young["reason"]) == {"too few complete pairs in the window"}
        assert (young["n"] == 4).all()
        stuck = rows[(rows["counterpart"] == "STUCK") | (rows["asset"] == "STUCK")]
        told = stuck[stuck["counterpart"] != "YOUNG"]["reason"]
        assert set(told) == {"one side is constant in the window"}
        assert rows["reason"].isna().equals(rows["value"].notna())


class TestSummary:
    def test_is_that_of_the_rows(self, quick: Settings, tmp_path: Path) -> None:
        folder, _ = _run(tmp_path, quick)
        rows = pd.read_parquet(folder / "pairs")
        short = rows[rows["window"] == 20]
        mine = short[(short["asset"] == "S0002") | (short["counterpart"] == "S0002")]
        told = pd.read_parquet(folder / "assets.parquet").query("window == 20")
        row = told.set_index("asset").loc["S0002"]
        assert row["pairs"] == 8
        for name in ("value", "change", "percentile", "z"):
            assert row[f"mean_{name}"] == pytest.approx(mine[name].mean())
        rises = pd.read_parquet(folder / "rises.parquet").query("window == 20")
        largest = short.sort_values("change", ascending=False).head(5)
        assert list(rises["change"]) == list(largest["change"])
        assert list(rises["rank"]) == [1, 2, 3, 4, 5]

    def test_the_manifest_seals_every_file(self, quick: Settings, tmp_path: Path) -> None:
        folder, _ = _run(tmp_path, quick)
        told = json.loads((folder / "_scan.json").read_text("utf-8"))
        held = {name: body for name, body in _bytes(folder).items() if name.endswith(".parquet")}
        assert {name: entry["sha256"] for name, entry in told["files"].items()} == {
            name: sha256(body) for name, body in held.items()
        }


class TestCrash:
    def test_whole_chunks_are_kept_and_others_computed_again(
        self, quick: Settings, tmp_path: Path
    ) -> None:
        folder, parts = _run(tmp_path, quick)
        assert not any(part.reused for part in parts)
        before = _bytes(folder)
        chunks = sorted((folder / "pairs").rglob("*.parquet"))
        chunks[0].unlink()
        chunks[1].write_bytes(chunks[1].read_bytes()[:-40])
        body = bytearray(chunks[2].read_bytes())
        body[200] ^= 1
        chunks[2].write_bytes(bytes(body))
        (folder / "_scan.json").unlink()
        (chunks[3].parent / f"{DRAFT}killed.parquet").write_bytes(b"half")
        _, again = _run(tmp_path, quick)
        assert sum(part.reused for part in again) == len(parts) - 3
        assert _bytes(folder) == before

    def test_other_inputs_or_settings_are_another_scan(
        self, quick: Settings, tmp_path: Path
    ) -> None:
        folder, _ = _run(tmp_path, quick)
        revised = _returns()
        revised.iloc[-1, 0] += 1e-9
        other = quick.model_copy(
            update={"scan": quick.scan.model_copy(update={"change": 2})}
        )  # fmt: skip
        for returns, settings in ((revised, quick), (_returns(), other)):
            with open_scan(tmp_path, returns, MOMENT, chunk=4, settings=settings) as scan:
                assert scan.folder != folder
                assert not scan_chunk(scan, chunks_of(scan, chunk=4)[0]).reused

    def test_a_chunk_under_another_key_is_not_taken(self, quick: Settings, tmp_path: Path) -> None:
        with open_scan(tmp_path, _returns(), MOMENT, chunk=4, settings=quick) as scan:
            part = chunks_of(scan, chunk=4)[0]
            scan_chunk(scan, part)
            path = scan.folder / part.name
            table = pq.read_table(path)
            pq.write_table(table.replace_schema_metadata({"key": "other"}), path)
            assert not scan_chunk(scan, part).reused


class TestLookAhead:
    def test_rows_after_the_session_change_nothing(self, quick: Settings, tmp_path: Path) -> None:
        earlier = Slot(as_of=DAYS[-4].date(), cutoff=MOMENT.cutoff, source="s")
        keys = []
        for returns in (_returns(), _returns().iloc[:-3]):
            with open_scan(tmp_path, returns, earlier, chunk=4, settings=quick) as scan:
                keys.append(scan.key)
        assert keys[0] == keys[1]


def test_one_asset_is_no_universe(quick: Settings, tmp_path: Path) -> None:
    with (
        pytest.raises(NotEnoughData, match="priced assets of a scan"),
        open_scan(tmp_path, _returns().iloc[:, :1], MOMENT, chunk=4, settings=quick),
    ):
        pass
