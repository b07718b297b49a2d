"""A universe in chunks: the same rows however it is cut, honest about what it cannot estimate."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from models.dependence import fit_dcc
from models.errors import NotEnoughData
from models.volatility import walk_forward
from unwind.indicators.context import Slot
from unwind.settings import Settings
from unwind.studies.universe import (
    Walked,
    chunks,
    composite_link,
    gathered,
    publish_universe,
    simulated_returns,
    walk,
)

DAYS = pd.bdate_range("2023-01-02", periods=600)
MOMENT = Slot(
    as_of=date(2025, 4, 18), cutoff=pd.Timestamp("2025-04-18T20:15Z"), source="simulated:universe"
)


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    rule = settings.walk_forward.model_copy(update={"window": 400, "min_observations": 300})
    return settings.model_copy(update={"walk_forward": rule})


@pytest.fixture(scope="module")
def walked(quick: Settings) -> Walked:
    return gathered([walk(_returns(), rule=quick.walk_forward)])


def _returns() -> pd.DataFrame:
    returns = simulated_returns(4, DAYS, seed=3)
    returns.iloc[:, 2] += 0.4 * returns.iloc[:, 1]
    returns["YOUNG"] = returns["S0000"].where(DAYS[500] < DAYS)
    returns["STUCK"] = 0.0
    return returns


class TestSimulated:
    def test_an_asset_is_the_same_in_a_universe_of_any_size(self) -> None:
        small, large = (simulated_returns(n, DAYS, seed=3) for n in (2, 5))
        pd.testing.assert_frame_equal(small, large.iloc[:, :2], check_exact=True)

    def test_first_row_by_hand(self) -> None:
        draw = np.random.default_rng([3, 1]).standard_t(6, 600)
        expected = 0.01 * draw[0] * np.sqrt(4 / 6)
        assert simulated_returns(2, DAYS, seed=3).iloc[0, 1] == pytest.approx(expected)


class TestChunks:
    @pytest.mark.parametrize("size", [1, 4])
    def test_rows_do_not_depend_on_the_cut_or_the_order(
        self, size: int, walked: Walked, quick: Settings
    ) -> None:
        parts = [walk(block, rule=quick.walk_forward) for block in chunks(_returns(), size=size)]
        found = gathered(reversed(parts))
        pd.testing.assert_frame_equal(found.paths, walked.paths, check_exact=True)
        pd.testing.assert_frame_equal(found.assets, walked.assets, check_exact=True)

    def test_paths_are_those_of_the_model(self, walked: Walked, quick: Settings) -> None:
        path = walk_forward(_returns()["S0002"], **quick.walk_forward.model_dump())
        rows = walked.paths[walked.paths["asset"] == "S0002"]
        np.testing.assert_array_equal(rows["sigma"], path.sigma)
        row = walked.assets.set_index("asset").loc["S0002"]
        assert row["estimates"] == len(path.estimates)
        assert row["alpha"] == path.estimates[-1].alpha


class TestLateListing:
    def test_what_cannot_be_estimated_is_a_row_with_a_reason(self, walked: Walked) -> None:
        rows = walked.assets.set_index("asset")
        assert rows.loc["YOUNG", "model"] == "none"
        assert "at least 301 complete rows, got 99" in rows.loc["YOUNG", "reason"]
        assert "constant" in rows.loc["STUCK", "reason"]
        assert not walked.paths["asset"].isin(["YOUNG", "STUCK"]).any()


class TestPublication:
    def test_twice_leaves_the_same_bytes(
        self, walked: Walked, quick: Settings, tmp_path: Path
    ) -> None:
        link = composite_link(walked, settings=quick)
        folder = publish_universe(tmp_path, walked, link, MOMENT, settings=quick)
        assert folder.name == "2025-04-18-simulated-universe"
        before = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
        publish_universe(tmp_path, walked, link, MOMENT, settings=quick)
        assert {path.name: path.read_bytes() for path in folder.glob("*.parquet")} == before
        assert set(before) == {"paths.parquet", "assets.parquet", "links.parquet"}
        paths = pq.read_table(folder / "paths.parquet")
        assert paths.schema.field("sigma").metadata[b"unit"] == b"decimal, one session"
        assert (paths.to_pandas()["estimated_to"] < paths.to_pandas()["session"]).all()

    def test_nothing_to_publish_is_said(self, quick: Settings, tmp_path: Path) -> None:
        short = walk(_returns()[["YOUNG"]], rule=quick.walk_forward)
        with pytest.raises(NotEnoughData, match="longest asset"):
            publish_universe(tmp_path, gathered([short]), None, MOMENT, settings=quick)


class TestLink:
    def test_is_the_composite_fit_of_all_residuals(self, walked: Walked, quick: Settings) -> None:
        row = composite_link(walked, settings=quick)
        assert row["assets"] == 4
        assert row["n"] == 300
        residuals = walked.paths.pivot_table(index="session", columns="asset", values="residual")
        fit = fit_dcc(
            residuals, kind="dcc", method="composite", start="unconditional", min_observations=300
        )
        assert row["converged"] == fit.converged
        assert (row["a"] == fit.a) if fit.converged else (row["reason"] == fit.reason)

    def test_too_few_joint_rows_are_a_reason(self, walked: Walked, settings: Settings) -> None:
        row = composite_link(walked, settings=settings)
        assert "at least 500 complete rows, got 300" in str(row["reason"])
        assert np.isnan(row["a"])
