"""Exit status of `python -m flows`: 0 done, 1 the run failed, 2 the input was refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.__main__ import main
from tests.conftest import small_prices, write_drop
from unwind.calendar import sessions_between

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]

_WEEK = datetime.now(UTC).date() + timedelta(days=7)
AHEAD = sessions_between(_WEEK, _WEEK + timedelta(days=10))[0].date().isoformat()


def _prices() -> pd.DataFrame:
    days = [pd.Timestamp(day).date() for day in ("2025-12-01", "2026-02-06")]
    return small_prices(("IBIT", "GLD"), first=days[0], last=days[1])


class TestRefusedInput:
    @pytest.mark.parametrize(
        ("arguments", "changed", "said"),
        [
            (["daily", "--as-of", "2026-02-05"], {"close": -3.0}, "holds no usable row"),
            (["daily", "--as-of", "2026-02-07"], {}, "is not an NYSE session"),
            (["daily", "--as-of", AHEAD], {}, "run it after the cut-off or choose"),
            (["backfill", "--from", "2026-02-07", "--to", "2026-02-08"], {}, "no NYSE session"),
            (["daily", "--as-of", "2026-02-05"], {"symbol": "IBITT"}, "did you mean IBITT?"),
        ],
    )  # fmt: skip
    def test_is_a_sentence_and_status_2(
        self,
        arguments: list[str],
        changed: dict[str, object],
        said: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        prices = _prices()
        prices = prices[prices["symbol"] == "IBIT"] if "symbol" in changed else prices
        drop = write_drop(tmp_path / "drop", prices.assign(**changed))
        given = ["--source", "files", "--path", str(drop), "--lake", str(tmp_path / "lake")]
        assert main([*arguments, *given]) == 2
        printed = capsys.readouterr()
        assert said in printed.err.splitlines()[-1]


class TestFailedRun:
    def test_a_lake_that_cannot_be_written_is_status_1(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        drop = write_drop(tmp_path / "drop", _prices())
        (tmp_path / "lake").write_text("a file in its place")
        given = ["--source", "files", "--path", str(drop), "--lake", str(tmp_path / "lake")]
        assert main(["daily", "--as-of", "2026-02-05", *given]) == 1
        assert capsys.readouterr().err.splitlines()[-1].startswith("unwind: ")
