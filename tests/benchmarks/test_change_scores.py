"""The Turing benchmark's scores: hand-sized, against a slow twin, and against published cells."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.change_scores import covering, f_measure
from tests import naive_changepoint as naive
from tests.conftest import SHARED

FOLDER = SHARED / "references" / "changepoint"
SERIES = (
    "bank", "centralia", "co2_canada", "nile", "ozone", "seatbelts", "usd_isk", "well_log",
)  # fmt: skip
present = pytest.mark.skipif(
    not (FOLDER / "annotations.json").exists(), reason="the reference series are not beside"
)


def _read(path: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def series(name: str) -> np.ndarray:
    document = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    columns = [[np.nan if v is None else v for v in s["raw"]] for s in document["series"]]
    return np.array(columns, dtype=float).T


def marks(name: str) -> dict[str, list[int]]:
    return _read(FOLDER / "annotations.json")[name]  # type: ignore[return-value]


def published(metric: str, name: str, method: str) -> float:
    return _read(FOLDER / "published_default_scores.json")[metric][name][method]  # type: ignore


class TestFMeasure:
    def test_by_hand(self) -> None:
        # Union {0, 10, 50}, found {0, 12, 30}: two of three are right. Recalls 2/2 and 1/2.
        annotations = {"a": [10], "b": [50]}
        found = f_measure(annotations, [12, 30], margin=5)
        precision, recall = 2 / 3, (1 + 0.5) / 2
        assert found == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-15)

    def test_a_found_point_serves_one_mark_only(self) -> None:
        assert f_measure({"a": [10, 14]}, [12], margin=5) == pytest.approx(0.8)

    def test_margin_is_inclusive(self) -> None:
        assert f_measure({"a": [10]}, [15], margin=5) == 1
        assert f_measure({"a": [10]}, [16], margin=5) == pytest.approx(0.5)

    def test_nothing_marked_and_nothing_found_is_perfect(self) -> None:
        assert f_measure({"a": [], "b": []}, [], margin=5) == 1

    @pytest.mark.parametrize(("annotations", "margin"), [({}, 5), ({"a": [1]}, -1)])
    def test_refuses(self, annotations: dict[str, list[int]], margin: int) -> None:
        with pytest.raises(ValueError, match="must"):
            f_measure(annotations, [], margin=margin)


class TestCovering:
    def test_by_hand(self) -> None:
        # Segments 0…4 and 4…10 against 0…5 and 5…10: .4·4/5 + .6·5/6.
        assert covering({"a": [4]}, [5], n_rows=10) == pytest.approx(0.4 * 0.8 + 0.5)

    def test_matches_sets_of_rows(self) -> None:
        generator = np.random.default_rng(1)
        for _ in range(20):
            drawn = [sorted(generator.choice(39, 3, replace=False) + 1) for _ in range(3)]
            points = [[int(v) for v in one] for one in drawn]
            annotations = {"a": points[0], "b": points[1], "c": []}
            assert covering(annotations, points[2], n_rows=40) == pytest.approx(
                naive.covering(annotations, points[2], 40), abs=1e-12
            )

    def test_refuses_a_point_outside(self) -> None:
        with pytest.raises(ValueError, match=r"rows 0…9, got 10"):
            covering({"a": [1]}, [10], n_rows=10)


@present
class TestPublishedCells:
    """Cells of the benchmark's default runs that can be reproduced, to 1e-9."""

    @pytest.mark.parametrize("name", SERIES)
    def test_of_no_change(self, name: str) -> None:
        n = len(series(name))
        assert f_measure(marks(name), [], margin=5) == pytest.approx(
            published("f1", name, "zero"), abs=1e-9
        )
        assert covering(marks(name), [], n_rows=n) == pytest.approx(
            published("cover", name, "zero"), abs=1e-9
        )

    @pytest.mark.parametrize("name", SERIES)
    def test_of_pelt(self, name: str) -> None:
        # The published cells place R's indices, which count from one, a row too early.
        values = series(name)
        early = [place - 1 for place in naive.pelt_default(values[:, 0])]
        assert f_measure(marks(name), early, margin=5) == pytest.approx(
            published("f1", name, "pelt"), abs=1e-9
        )
        if name != "co2_canada":  # its second break is published a row later: 165, not 164
            assert covering(marks(name), early, n_rows=len(values)) == pytest.approx(
                published("cover", name, "pelt"), abs=1e-9
            )
