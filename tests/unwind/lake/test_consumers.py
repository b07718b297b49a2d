"""docs/consumers.md, block by block: each is taken from the page and run against a lake."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.unwind.lake_rows import (
    FEBRUARY,
    JANUARY,
    breaks_row,
    publish_days,
    regimes_row,
)
from unwind.contract.tables import TABLES
from unwind.lake.duckdb_views import views
from unwind.lake.publish import publish
from unwind.lake.push import push
from unwind.lake.snapshots import latest, read
from unwind.settings import Settings, parse_settings

PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)


def _row(name: str, settings: Settings, day: date, **given: object) -> pd.DataFrame:
    """One row of a table; what is not given is null, or a blank where it may not be."""
    moment = regimes_row(day, settings).iloc[0]
    blank = {"string": "", "int32": 0, "date32[day]": day}
    values = {
        column.name: given.get(
            column.name,
            moment[column.name]
            if column.name in ("as_of", "cutoff", "known_at", "source", "settings_digest")
            else None
            if column.nullable
            else blank.get(str(column.type), 0.0),
        )
        for column in TABLES[name].columns
    }
    return pd.DataFrame([values])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A folder with `lake` in it: two sessions, two cut-offs of one, rows of other settings."""
    folder = tmp_path_factory.mktemp("desk")
    raw = settings.model_dump(mode="json")
    raw["verdict"]["dwell"] = 3
    publish_days(folder / "lake", parse_settings(raw, origin="other"), FEBRUARY, score=9.0)
    publish_days(folder / "lake", settings, JANUARY)
    early = {"regimes": regimes_row(FEBRUARY, settings, score=7.0, hour=20),
             "changepoints": breaks_row(FEBRUARY, settings, hour=20)}  # fmt: skip
    publish(folder / "lake", early, settings=settings, source="files", run="early")
    drivers = [
        {"driver": "fall", "contribution": 2.5, "value": -5.3, "evidence": 2.5, "meaning": "m"}
    ]
    regimes = regimes_row(FEBRUARY, settings, score=2.5).assign(headline="=1+1")
    regimes["drivers"] = pd.Series([drivers])
    rows = {
        "regimes": regimes,
        "correlations": _row("correlations", settings, FEBRUARY, base="IBIT", asset="IGV",
                             method="pearson", window=20, value=0.6, percentile=0.99),
        "shocks": _row("shocks", settings, FEBRUARY, asset="IBIT", measure="return",
                       simple_return=-0.1316),
        "mechanisms": _row("mechanisms", settings, FEBRUARY, block="flows", indicator="flow",
                           item="IBIT", value=-175.3, unit="USD m", quality="good"),
    }  # fmt: skip
    publish(folder / "lake", rows, settings=settings, source="files", run="late")
    return folder


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def _python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=_environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(desk: Path) -> list[str]:
    """What the Python blocks print, where all blocks run in the order of the page."""
    import duckdb

    answers = []
    for kind, code in BLOCKS:
        if kind == "python":
            answers.append(_python(code, desk))
        elif kind == "sh":
            command = re.sub(r"^unwind ", f"{sys.executable} -m unwind.cli ", code, flags=re.M)
            subprocess.run(command, shell=True, cwd=desk, env=_environment(), check=True)
        elif kind == "sql":
            connection = duckdb.connect()
            connection.execute((desk / "lake.duckdb.sql").read_text())
            assert connection.sql(code).fetchall()
    return answers


class TestPage:
    def test_every_block_is_of_a_kind_that_is_run(self) -> None:
        kinds = [kind for kind, _ in BLOCKS]
        assert set(kinds) == {"python", "sh", "sql", "powerquery"}
        assert kinds.count("python") == 5

    def test_blocks_print_what_the_page_says(self, printed: list[str]) -> None:
        ours, alone, duck, polars, _ = printed
        assert "2026-02-05  CALM    2.5" in ours
        assert "-0.1316" in alone
        assert "2.5" in duck
        assert "9.0" not in duck
        assert "-175.3" in polars

    @pytest.mark.usefixtures("printed")
    def test_the_sheet_holds_the_table_and_no_formula(self, desk: Path) -> None:
        from openpyxl import load_workbook

        sheet = load_workbook(desk / "regimes.xlsx")["regimes"]
        head, *rows = sheet.iter_rows(values_only=True)
        assert [row[head.index("score")] for row in rows] == [1.0, 2.5]
        assert rows[1][head.index("headline")] == "'=1+1"
        cell = sheet.cell(3, head.index("headline") + 1)
        assert cell.data_type == "s"


class TestViews:
    def test_hold_what_the_reader_reads(self, desk: Path) -> None:
        import duckdb

        snapshot = latest(desk / "lake")
        connection = duckdb.connect()
        connection.execute(views(snapshot))
        for name, table in TABLES.items():
            held = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            columns = [column[0] for column in connection.description]
            assert columns == [column.name for column in table.columns], name
            assert len(held) == len(read(snapshot, name)), name
        # The later run of the session found no break: the earlier run's is not left standing.
        assert connection.execute("SELECT count(*) FROM changepoints").fetchone() == (0,)

    def test_are_pinned(self, desk: Path, settings: Settings, tmp_path: Path) -> None:
        import duckdb

        publish_days(tmp_path, settings, JANUARY)
        connection = duckdb.connect()
        connection.execute(views(latest(tmp_path)))
        publish_days(tmp_path, settings, FEBRUARY)
        assert connection.execute("SELECT count(*) FROM regimes").fetchone() == (1,)

    def test_name_the_urls_of_a_copy(self, desk: Path, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/copy"
        push(desk / "lake", url)
        assert f"file://{tmp_path}/copy/files/".replace("file:///", "file://") in views(latest(url))
