"""`unwind sigma`: the printed figures, a JSON that keeps its keys, and faults in one sentence."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from scipy import stats

from models.tails import translate_sigma
from models.volatility import fit_garch
from tests.command_line import unwind
from tests.conftest import RECEIVED, small_prices, write_drop
from tests.unwind.lake_rows import FEBRUARY, publish_days
from unwind.calendar import publication_instant
from unwind.commands.sigma import Sample, text, translated
from unwind.contract.verdict import REGIMES
from unwind.indicators.context import Slot
from unwind.lake.publish import publish
from unwind.market.store import ingest
from unwind.pipeline import load_market, observe
from unwind.settings import Settings
from unwind.sources.files import FilesSource

DAY = date(2026, 2, 5)


def run(*arguments: object) -> Result:
    return unwind("sigma", *(str(argument) for argument in arguments))


def told(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def refused(*arguments: object) -> str:
    """One sentence on stderr, nothing on stdout, exit status 2."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    sentence: str = result.stderr
    assert sentence.startswith("unwind: ")
    assert sentence.count("\n") == 1
    assert "Traceback" not in sentence
    return sentence


def student_sample(n: int, *, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(5, n) * np.sqrt(3 / 5)


def written(path: Path, **columns: Any) -> Path:
    rows = pd.DataFrame(columns)
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False)
    return path


class TestPrimeBrokerFigure:
    """event.md, claim 3: "3.5σ, a 0.05 % event, ten times rarer than 3σ"."""

    def test_the_printed_lines(self) -> None:
        lines = {line[2:25].strip(): line[25:] for line in run("3.5").stdout.splitlines()}
        assert lines["normal"].split() == ["0.0465", "%", "2,149", "(8.5", "years)"]
        assert lines["Student-t, 6 degrees"].split() == ["0.52", "%", "193"]
        assert lines["Student-t, 4 degrees"].split() == ["0.78", "%", "129"]

    def test_the_same_for_a_machine(self) -> None:
        answer = told("3.5")
        assert answer["normal"]["probability"] == pytest.approx(4.652582e-4, rel=1e-6)
        assert answer["normal"]["return_period"] == pytest.approx(2149, abs=0.5)
        table = {row["nu"]: row["probability"] for row in answer["student_table"]}
        assert list(table) == [3, 4, 5, 6, 8]
        assert table[6] == pytest.approx(0.0052, abs=5e-5)
        assert table[4] == pytest.approx(0.0078, abs=5e-5)

    def test_five_point_eight_times_rarer_not_ten(self) -> None:
        ratio = told("3")["normal"]["probability"] / told("3.5")["normal"]["probability"]
        assert ratio == pytest.approx(5.8, abs=0.01)

    def test_one_side_is_half(self) -> None:
        both = told("3.5", "--two-sided")["normal"]["probability"]
        for side in ("--lower", "--upper"):
            assert told("3.5", side)["normal"]["probability"] == pytest.approx(both / 2)
        assert "P(Z < −3.5)" in run("3.5", "--lower").stdout

    def test_beyond_what_a_number_holds(self) -> None:
        assert told("60")["normal"] == {"probability": 0.0, "return_period": None}
        line = next(line for line in run("60").stdout.splitlines() if "normal" in line)
        assert line.split() == ["normal", "0", "%", "–"]


class TestSampleFile:
    @pytest.mark.parametrize("name", ["z.csv", "z.parquet", "Z.CSV"])
    def test_the_fits_are_those_of_the_model(
        self, name: str, tmp_path: Path, settings: Settings
    ) -> None:
        values = student_sample(600)
        path = written(tmp_path / name.lower(), other=np.arange(600), z=values)
        path = path.rename(tmp_path / name)
        answer = told("3.5", "--lower", "--sample", path, "--column", "z")
        terms = settings.sigma
        read = translate_sigma(
            3.5, values, side="lower", confidence=terms.confidence,
            threshold_share=terms.threshold_share, min_observations=terms.min_observations,
            min_exceedances=terms.min_exceedances,
        )  # fmt: skip
        assert answer["student"]["nu"] == pytest.approx(read.nu)
        assert answer["tail"]["xi"] == pytest.approx(read.xi)
        assert answer["tail"]["probability_upper"] == pytest.approx(read.gpd_probability_upper)
        assert answer["tail"]["return_period"] == pytest.approx(read.gpd_return_period)
        assert answer["sample"] == {
            "origin": f"z of {name}", "n": 600, "as_of": None, "cutoff": None,
            "sessions_since": read.sessions_since,
        }  # fmt: skip

    def test_the_page_shows_interval_and_sample(self, tmp_path: Path) -> None:
        path = written(tmp_path / "z.csv", z=student_sample(600))
        page = run("3.5", "--sample", path, "--column", "z").stdout
        assert "Sample: 600 values, z of z.csv." in page
        assert "Student-t, fitted ν" in page
        assert "by profile likelihood" in page
        assert "generalised Pareto tail" in page
        assert "sessions before the session after the sample" in page

    def test_missing_values_stay_in_the_count_of_sessions(self, tmp_path: Path) -> None:
        values = student_sample(600).clip(-3, 3)
        values[590] = -6.0
        holed = np.append(values, [np.nan, np.nan])
        path = written(tmp_path / "z.csv", z=holed)
        sample = told("5", "--lower", "--sample", path, "--column", "z")["sample"]
        assert (sample["n"], sample["sessions_since"]) == (600, 12)

    def test_too_short_a_sample_is_answered_with_a_reason(self, tmp_path: Path) -> None:
        path = written(tmp_path / "z.csv", z=student_sample(20))
        answer = told("3.5", "--sample", path, "--column", "z")
        assert answer["student"]["probability"] is None
        assert "at least 100 values, got 20" in answer["reason"]
        assert "Not determined: " in run("3.5", "--sample", path, "--column", "z").stdout

    def test_an_endless_return_period_is_called_unbounded(self, settings: Settings) -> None:
        # A fitted end point near the level: the probability may be zero.
        draw = stats.genpareto(-0.3).rvs(600, random_state=1)
        bounded = Sample(values=np.append(draw, -draw), origin="", as_of=None, cutoff=None)
        answer = translated(3.2, bounded, side="both", settings=settings)
        assert answer["tail"]["probability_lower"] == 0
        assert answer["tail"]["probability_upper"] > 0
        assert answer["tail"]["return_period_upper"] is None
        assert "unbounded)" in text(answer)


class TestHostileFile:
    @pytest.mark.parametrize(
        ("content", "column", "message"),
        [
            ("z,y\n1,2\n", "q", "z.csv has no column q; it has z, y"),
            ("z,y\n1,2\n", None, "name a column of z.csv with --column; it has z, y"),
            ("z\n1.5\nabc\n", "z", "must hold numbers; row 2 holds 'abc'"),
            ("z\n1.5\n1.234,5\n", "z", "z.csv"),
            ('z\n"1,5"\n', "z", "row 1 holds '1,5'"),
            ("z\nTrue\nFalse\n", "z", "must hold numbers"),
            ("", "z", "cannot be read as CSV"),
            ("z\n", "z", "has no rows"),
            ("z,y\n,1\n,2\n", "z", "column z of z.csv has no number"),
            ("z\n1\ninf\n", "z", "is infinite in row 2"),
            ('z\n"1\n2\n', "z", "cannot be read as CSV"),
        ],
    )
    def test_a_sentence_says_what_to_do(
        self, content: str, column: str | None, message: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "z.csv"
        path.write_text(content, encoding="utf-8")
        named = [] if column is None else ["--column", column]
        assert message in refused("3.5", "--sample", path, *named)

    @pytest.mark.parametrize("name", ["z.csv", "z.parquet"])
    def test_bytes_that_are_no_table(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(b"\xff\xfe\x00PAR1\x80\x81" * 40)
        assert "cannot be read" in refused("3.5", "--sample", path, "--column", "z")

    def test_a_folder_a_missing_file_and_another_kind(self, tmp_path: Path) -> None:
        (tmp_path / "folder.csv").mkdir()
        folder = refused("3.5", "--sample", tmp_path / "folder.csv", "--column", "z")
        assert "cannot be read" in folder
        missing = refused("3.5", "--sample", tmp_path / "none.csv", "--column", "z")
        assert "does not exist" in missing
        other = refused("3.5", "--sample", tmp_path / "z.xlsx", "--column", "z")
        assert "takes a .csv or .parquet file" in other

    def test_dates_are_no_numbers(self, tmp_path: Path) -> None:
        path = written(tmp_path / "z.parquet", z=pd.date_range("2026-01-01", periods=3))
        assert "must hold numbers" in refused("3.5", "--sample", path, "--column", "z")


class TestOptions:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["-3.5"], "it is a magnitude, name the side"),
            (["nan"], "sigma must be finite"),
            (["3.5", "--lower", "--upper"], "give one of --two-sided, --lower and --upper"),
            (["3.5", "--column", "z"], "give --sample with it"),
            (["3.5", "--as-of", "2026-02-05"], "give --asset with it"),
            (["3.5", "--sample", "z.csv", "--asset", "IBIT"], "give --sample or --asset"),
        ],
    )
    def test_a_contradiction_is_one_sentence(self, arguments: list[str], message: str) -> None:
        assert message in refused(*arguments)

    @pytest.mark.parametrize("arguments", [["many"], ["3.5", "--twosided"], []])
    def test_what_the_command_line_cannot_mean_ends_with_two(self, arguments: list[str]) -> None:
        assert run(*arguments).exit_code == 2


KEYS = {
    "": {
        "sigma", "side", "normal", "student_table", "sample", "student", "tail", "converged",
        "reason",
    },
    "normal": {"probability", "return_period"},
    "sample": {"origin", "n", "as_of", "cutoff", "sessions_since"},
    "student": {"nu", "sigma", "probability", "return_period"},
    "tail": {
        "threshold", "exceedances", "xi", "xi_lower", "xi_upper", "beta", "confidence",
        "probability", "probability_lower", "probability_upper",
        "return_period", "return_period_lower", "return_period_upper",
    },
}  # fmt: skip


class TestContract:
    """A machine finds the same keys whether there is a sample or not."""

    def test_with_and_without_a_sample(self, tmp_path: Path) -> None:
        path = written(tmp_path / "z.csv", z=student_sample(600))
        for answer in (told("3.5"), told("3.5", "--sample", path, "--column", "z")):
            for part, keys in KEYS.items():
                assert set(answer if part == "" else answer[part]) == keys


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A lake with one published session, and prices on either side of it."""
    folder = tmp_path_factory.mktemp("sigma")
    prices = small_prices(
        (*settings.universe.symbols, "VIX"), first=date(2024, 6, 3), last=date(2026, 2, 20)
    )
    source = FilesSource(write_drop(folder / "drop", prices))
    ingest(folder / "lake" / "market", source, settings=settings, received_at=RECEIVED)
    cutoff = publication_instant(DAY, settings.publication)
    blank = dict.fromkeys(column.name for column in REGIMES.columns)
    row = blank | {
        "base": "IBIT", "state": "CALM", "previous_state": "CALM", "sessions_in_state": 1,
        "headline": "calm", "drivers": [], "as_of": DAY, "known_at": cutoff, "cutoff": cutoff,
        "settings_digest": settings.digest, "source": "files",
    }  # fmt: skip
    rows = {"regimes": pd.DataFrame([row])}
    publish(folder / "lake", rows, settings=settings, source="files", run="test")
    return folder / "lake"


class TestLake:
    def test_residuals_end_the_session_before(self, lake: Path, settings: Settings) -> None:
        answer = told("3", "--lake", lake, "--asset", "IGV", "--as-of", "2025-11-21")
        cutoff = publication_instant(date(2025, 11, 21), settings.publication)
        moment = Slot(as_of=date(2025, 11, 21), cutoff=cutoff, source="files")
        panel = observe(load_market(lake / "market"), moment, settings=settings).panel
        earlier = panel.returns["IGV"].iloc[:-1]
        fit = fit_garch(earlier, min_observations=250)
        residuals = ((earlier.dropna() - fit.mu) / fit.sigma).to_numpy()
        assert answer["sample"]["n"] == len(residuals)
        assert answer["sample"]["cutoff"] == "2025-11-21T21:15:00+00:00"
        assert answer["sample"]["origin"].endswith("2025-11-20")
        read = translate_sigma(
            3, residuals, side="both", threshold_share=0.1, confidence=0.95,
            min_observations=100, min_exceedances=30,
        )  # fmt: skip
        assert answer["student"]["nu"] == pytest.approx(read.nu)
        assert answer["tail"]["probability"] == pytest.approx(read.gpd_probability)

    def test_the_newest_published_session_unless_told(self, lake: Path) -> None:
        assert told("3", "--lake", lake, "--asset", "IBIT")["sample"]["as_of"] == "2026-02-05"
        assert "sessions before 2026-02-05" in run("2", "--lake", lake, "--asset", "IBIT").stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--asset", "DOGE"], "no asset DOGE on this desk; it has IBIT, IGV"),
            (["--asset", "VIX"], "VIX is an index level"),
            (["--asset", "IBIT", "--as-of", "2026-02-07"], "is not an NYSE session"),
            (["--asset", "IBIT", "--as-of", "2024-08-01"], "needs at least 250"),
            (["--asset", "IBIT", "--as-of", "2020-01-02"], "prices of IBIT"),
            (["--asset", "IBIT", "--as-of", "1066-10-14"], "outside the exchange calendar"),
        ],
    )
    def test_what_it_cannot_answer_is_one_sentence(
        self, arguments: list[str], message: str, lake: Path
    ) -> None:
        assert message in refused("3.5", "--lake", lake, *arguments)

    def test_a_lake_that_came_without_its_market(self, settings: Settings, tmp_path: Path) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        assert "prices of IBIT" in refused("3.5", "--lake", tmp_path, "--asset", "IBIT")

    def test_settings_that_are_gone(self, lake: Path, settings: Settings, tmp_path: Path) -> None:
        path = lake / "settings" / f"{settings.digest}.json"
        kept = path.read_text(encoding="utf-8")
        path.write_text("{}", encoding="utf-8")
        try:
            sentence = refused("3.5", "--lake", lake, "--asset", "IBIT")
        finally:
            path.write_text(kept, encoding="utf-8")
        assert "of another release" in sentence
