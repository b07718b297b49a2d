"""README's blocks, run as a reader would run them."""

import contextlib
import io
import re
import webbrowser
from datetime import date
from pathlib import Path

import pytest

from tests.command_line import unwind
from tests.conftest import ROOT, small_prices
from tests.unwind.lake_rows import FEBRUARY, JANUARY, publish_days
from unwind.settings import Settings

PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(heading: str, language: str = "") -> str:
    section = PAGE.partition(f"## {heading}\n")[2]
    match = re.search(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match.group(1)


class TestLength:
    def test_is_one_screen_to_the_first_result(self) -> None:
        assert len(PAGE.split()) <= 900


class TestPython:
    def test_reads_the_newest_sessions(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_days(tmp_path / "lake", settings, JANUARY, FEBRUARY)
        monkeypatch.chdir(tmp_path)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(_block("From Python", "python"), "README.md", "exec"), {})
        assert str(FEBRUARY) in printed.getvalue()


@pytest.mark.prefect
@pytest.mark.usefixtures("prefect_server")
class TestOwnPrices:
    def test_from_a_wide_csv_to_the_report(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        symbols = ("IBIT", "IGV", "GLD", "SPY", "QQQ", "TLT")
        prices = small_prices(symbols, first=date(2024, 6, 3), last=date(2026, 2, 6))
        wide = prices.pivot_table(index="session", columns="symbol", values="close")
        wide.to_csv(tmp_path / "prices.csv", index_label="Date")
        opened: list[str] = []
        monkeypatch.setattr(webbrowser, "open", opened.append)
        commands = [
            line.split()[1:]
            for line in _block("Your own prices").splitlines()
            if line.startswith("unwind ")
        ]
        assert len(commands) == 3
        for command in commands:
            done = unwind(*command)
            assert done.exit_code == 0, done.stderr
        (address,) = opened
        assert address.startswith("file://")
        assert "IBIT" in Path(address.removeprefix("file://")).read_text(encoding="utf-8")
