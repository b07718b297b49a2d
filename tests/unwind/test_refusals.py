"""Every reading command with a wrong argument: one sentence and exit status 2."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import RECEIVED, small_prices, write_drop
from unwind.calendar import publication_instant
from unwind.cli import FLOWS, STUDIES, application, main
from unwind.errors import did_you_mean
from unwind.indicators.context import Slot
from unwind.indicators.data_quality import quality_rows
from unwind.market.store import ingest
from unwind.pipeline import load_market, observe
from unwind.settings import Settings, SettingsError, load_settings
from unwind.sources.files import FilesSource

LAKE, FILE = ["--lake", "nowhere"], ["--lake", "file.txt"]
BETWEEN = ["--from", "2026-02-05T21:15Z", "--to", "2026-02-06T14:30Z"]
REFUSED = [
    *([name, *where] for name in ("show", "sessions", "report") for where in (LAKE, FILE)),
    *([name, *where] for name in ("quarantine", "alerts") for where in (LAKE, FILE)),
    *(["show", option, "noon"] for option in ("--as-of", "--cutoff")),
    *(["study", "claims", *where] for where in (LAKE, FILE)),
    *(["export", "--csv", "out", *where] for where in (LAKE, FILE)),
    ["export"],
    ["export", "--csv", "out", "--xlsx", "out.xlsx"],
    ["sessions", "--from", "noon"],
    ["show", "--known-by", "2026-02-05"],
    ["show", "--why", "--known-by", "noon"],
    ["report", "--as-of", "2026-02-30"],
    ["diff", "--as-of", "noon", *BETWEEN],
    ["diff", "--as-of", "2026-02-05", "--from", "noon", "--to", "midnight"],
    ["diff", "--as-of", "2026-02-05", *BETWEEN, *LAKE],
    ["diff", "--as-of", "2026-02-05"],
    ["tables", "correlation"],
    ["alerts", "--lake", "s3://bucket/lake"],
    ["quarantine", "--lake", "s3://bucket/lake"],
    ["confirm", "GLD", "2026-02-05", "--reason", "x", *LAKE],
    ["confirm", "GLD", "noon", "--reason", "x"],
    ["sigma"],
    ["sigma", "-1"],
    ["sigma", "much"],
    ["sigma", "3", "--asset", "IBIT", *LAKE],
    ["sigma", "3", "--sample", "none.csv", "--column", "z"],
    ["sigma", "3", "--lower", "--upper"],
    ["settings", "--settings", "none.toml"],
    ["sources", "--nonsense"],
    ["import", "prices", "none.csv", "--drop", "drop"],
    ["import", "prices", "file.txt", "--drop", "drop"],
    ["import", "prices", "file.txt", "--drop", "drop", "--dates", "days"],
    ["import", "flows", "none.html", "--drop", "nowhere"],
    ["import", "flows", "file.txt", "--drop", "."],
    ["import", "flows", "file.txt", "--drop", ".", "--units", "pence"],
    ["import", "flows", "file.txt", "--drop", ".", "--known-at", "noon"],
    *(["lake", name, *where] for name in ("verify", "compact", "views") for where in (LAKE, FILE)),
    ["lake", "prune", "--keep-days", "-1", "--keep-last", "1"],
    ["lake", "prune", "--keep-days", "1", "--keep-last", "1", *LAKE],
    ["lake", "retract", "2026-02-05", "--reason", "x", *LAKE],
    ["lake", "retract", "noon", "--reason", "x"],
    ["lake", "push", "nowhere", "memory://copy"],
    ["lake", "push", "nowhere", "file.txt"],
    ["lake", "pull", "memory://nothing", "lake"],
    ["lake", "pull", "file.txt", "lake"],
    ["nonsense"],
    ["lake", "nonsense"],
]


class TestRefusal:
    @pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
    def test_is_status_2_without_a_traceback(
        self,
        arguments: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("file.txt").write_text("neither a lake nor a table")
        monkeypatch.setattr(sys, "argv", ["unwind", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        printed = capsys.readouterr()
        assert printed.err
        assert "Traceback" not in printed.err
        assert printed.out == ""

    def test_every_command_is_among_them(self) -> None:
        app = application()
        # Commands of flows start Prefect: tests/flows/test_exit_status.py.
        flows = {*FLOWS, *STUDIES, "demo", "server"}
        names: set[tuple[str, ...]] = set()
        for name in set(app) - flows:
            if name.startswith("-"):
                continue
            inner = {one for one in app[name] if not one.startswith("-")} - flows
            names |= {(name, one) for one in inner} or {(name,)}
        tried = {tuple(arguments[:n]) for arguments in REFUSED for n in (1, 2)}
        assert names <= tried


class TestMisspeltName:
    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("IBTI", "; did you mean IBIT?"),
            ("ibit", "; did you mean IBIT?"),
            ("BTCUSD", "; did you mean BTC-USD?"),
            ("WEATHER", ""),
            ("A" * 100_000, ""),
        ],
    )
    def test_the_nearest_is_suggested(self, name: str, hint: str) -> None:
        assert did_you_mean(name, ["IBIT", "IGV", "GLD", "BTC-USD"]) == hint

    def test_of_a_table(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["unwind", "tables", "correlation"])
        with pytest.raises(SystemExit):
            main()
        words = " ".join(capsys.readouterr().err.replace("│", " ").split())
        assert "did you mean correlations?" in words

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("[universe]\nbas = 'IBIT'\n", "did you mean base?"),
            ("[correlation_tests]\ntested = ['IGV', 'GDL']\n", "did you mean GLD?"),
            ("[universe]\nchange_pairs = [['IBIT', 'GDL']]\n", "did you mean GLD?"),
        ],
    )
    def test_of_the_settings(self, text: str, hint: str, tmp_path: Path) -> None:
        path = tmp_path / "desk.toml"
        path.write_text(text)
        with pytest.raises(SettingsError, match=hint.replace("?", r"\?")):
            load_settings(path)


class TestSymbols:
    @pytest.fixture
    def quality(self, tmp_path: Path, settings: Settings) -> Callable[[list[str]], pd.DataFrame]:
        def rows(symbols: list[str]) -> pd.DataFrame:
            prices = small_prices(tuple(symbols), first=date(2025, 12, 1), last=date(2026, 2, 6))
            drop = write_drop(tmp_path / "drop", prices)
            ingest(tmp_path / "store", FilesSource(drop), settings=settings, received_at=RECEIVED)
            day = date(2026, 2, 5)
            market = load_market(tmp_path / "store")
            cutoff = publication_instant(day, settings.publication)
            context = observe(
                market, Slot(as_of=day, cutoff=cutoff, source="files"), settings=settings
            )
            return quality_rows(context, market.rejected).set_index("entity")

        return rows

    def test_one_that_no_row_has_is_named_with_the_nearest(
        self, quality: Callable[[list[str]], pd.DataFrame], settings: Settings
    ) -> None:
        symbols = [name for name in settings.symbols if name != "USDJPY"]
        row = quality([*symbols, "USD-JPY"]).loc["USDJPY"]
        assert row["rule"] == "missing_symbol"
        assert row["remedy"].endswith("; did you mean USD-JPY?")

    def test_those_that_no_setting_names_are_one_row(
        self, quality: Callable[[list[str]], pd.DataFrame], settings: Settings
    ) -> None:
        row = quality([*settings.symbols, "ZZZ", "AAA"]).loc["prices"]
        assert (row["severity"], row["count"], row["example"]) == ("info", 2, "AAA, ZZZ")

    def test_none_of_them_is_no_row(
        self, quality: Callable[[list[str]], pd.DataFrame], settings: Settings
    ) -> None:
        assert "prices" not in quality([*settings.symbols]).index
