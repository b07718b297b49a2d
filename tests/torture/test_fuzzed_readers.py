"""Anything at all in a file, a cell or an option: a value, or one sentence; never a traceback."""

import contextlib
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as profiles
from hypothesis import strategies as st

import flows.__main__ as shell
from tests.command_line import unwind
from tests.conftest import RECEIVED
from tests.torture.killing import SETTINGS
from tests.unwind.lake_rows import FEBRUARY, publish_days
from unwind.alerts.ledger import read_ledger
from unwind.calendar import closed_days
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Extract, SourceError
from unwind.files import segments
from unwind.files.location import Damaged, LakeError
from unwind.lake.alert_log import LOG
from unwind.lake.snapshots import latest, served, snapshot_names
from unwind.market.screening import screen
from unwind.market.store import ingest, read_vintages
from unwind.settings import DEFAULT_PATH, SettingsError, load_settings
from unwind.sources.files import FilesSource
from unwind.sources.flow_tables import FlowTableError, read_flow_table
from unwind.studies.episodes import LabelError, read_labels

fuzz = profiles.get_profile("torture")
CLOSED = closed_days()
TEXT = DEFAULT_PATH.read_text(encoding="utf-8")


def in_a_sentence(call: Callable[[], Any], *faults: type[Exception], longest: int = 2000) -> Any:
    """What a call gives; None where it refuses in one line."""
    try:
        return call()
    except faults as error:
        said = str(error)
        assert said.strip()
        assert len(said) <= longest, said[:300]
        return None


# --- tables of observations ---------------------------------------------------------------------

HOSTILE_TEXTS = st.sampled_from(
    ["", " ", "IBIT", "2026-02-05", "2026-02-05T21:00Z", "2026-02-05T21:00", "0001-01-01",
     "9999-12-31", "262144-01-01", "36.1", "-1", "1e400", "nan", "inf", "-inf", "NaT", "None",
     "=1+1", "\x00", "\ud7ff", "𝟛", "IBIT\n", "2026-W05-1", "20260205", "2026-036", "now", "today"]
)  # fmt: skip
CELLS = [
    None, True, False, 0, -1, 36.1, 2**70, -(2**70), float("nan"), float("inf"), -float("inf"),
    1e-300, 1e300, date(2026, 2, 5), date.min, date.max, datetime(2026, 2, 5, 21, tzinfo=UTC),
    datetime(1, 1, 1), timedelta(1), Decimal("36.10"), Decimal("NaN"), b"\x00\xff",  # noqa: DTZ001
    pd.NaT, pd.NA, pd.Timestamp("2026-02-05T21:15Z"), (), [1.0], {"a": None}, 1j, np.float32(3),
    np.datetime64("2026-02-05"), "IBIT", "2026-02-05", "36.1", "", " ", "2026-02-05T21:00Z",
    "2026-02-05T21:00", "0001-01-01", "9999-12-31", "262144-01-01", "-1", "1e400", "nan", "inf",
    "NaT", "None", "=1+1", "\x00", "𝟛", "IBIT\n", "2026-W05-1", "20260205", "2026-036", "now",
    "today", "3" * 400,
]  # fmt: skip
GOOD = {"session": "2026-02-05", "symbol": "IBIT", "close": 36.1, "known_at": None}
DTYPES = [
    "float64", "float32", "int64", "uint8", "bool", "boolean", "Int64", "Float64", "string", "str",
    "category", "datetime64[ns]", "datetime64[s]", "datetime64[us, UTC]", "timedelta64[ns]",
    "complex128",
]  # fmt: skip


def frame(names: tuple[str, ...], seed: int) -> pd.DataFrame:
    """Columns of the contract, at times fewer or others, with any cells of any type."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(0, 6))
    chosen = [name for name in names if generator.random() < 0.97]
    if generator.random() < 0.1:
        chosen.append("=mood")
    wild = generator.random()
    held = {}
    for name in chosen:
        cells = [
            CELLS[int(generator.integers(len(CELLS)))]
            if generator.random() < wild
            else GOOD.get(name, "2026-02-05" if name.endswith(("as_of", "expiry")) else 2.5)
            for _ in range(n)
        ]
        values = pd.Series(cells, index=range(n), dtype="object")
        if generator.random() < 0.3:
            # Values that a type does not take stay as they are.
            with contextlib.suppress(Exception):
                values = values.astype(DTYPES[int(generator.integers(len(DTYPES)))])
        held[name] = values
    return pd.DataFrame(held, index=range(n))


SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize("name", list(INPUT_TABLES))
class TestScreen:
    @fuzz
    @given(seed=SEEDS)
    def test_rows_are_kept_whole_or_named(self, name: str, seed: int) -> None:
        table = INPUT_TABLES[name]
        rows = frame((*table.columns, "known_at"), seed)
        found = screen(
            Extract("file", rows), table,
            received_at=RECEIVED, closed_days=CLOSED, everyday_symbols=frozenset({"BTC"}),
        )  # fmt: skip
        kept = found.rows
        for column in table.numbers:
            if column in kept:
                values = kept[column].to_numpy(dtype="float64")
                assert not np.isinf(values).any()
                if table.numbers[column].positive:
                    assert (values[~np.isnan(values)] > 0).all()
        assert set(found.rejected["severity"]) <= {"error", "warning", "info"}
        assert (found.rejected["remedy"].astype("str") != "").all()
        for column in table.texts:
            if column in kept:
                assert (
                    not kept[column]
                    .astype("str")
                    .str.contains(r"[\x00-\x1f]|^[=+@-]", regex=True)
                    .any()
                )
        if len(kept):
            known = kept["known_at"].dropna()
            assert (known <= RECEIVED).all()
            assert not kept.duplicated([*table.key, "known_at"]).any()
        errors = found.rejected[found.rejected["row"] > 0]["row"]
        assert set(range(1, len(rows) + 1)) >= set(errors)
        if not found.rejected["rule"].astype("str").str.startswith("missing_column").any():
            # Each row is stored, or named.
            assert {place + 1 for place in range(len(rows))} <= {
                place + 1 for place in kept.index
            } | set(errors)


class TestDropFolder:
    @fuzz
    @given(
        held=st.one_of(
            st.binary(max_size=300),
            st.text(alphabet='session,symbol,close\n"2026-02-05IBIT1.;\t', max_size=300).map(
                lambda text: f"session,symbol,close\n{text}".encode()
            ),
        ),
        suffix=st.sampled_from([".csv", ".parquet"]),
    )
    def test_any_bytes(self, held: bytes, suffix: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / f"prices{suffix}").write_bytes(held)
            in_a_sentence(lambda: FilesSource(Path(folder)).extract("prices"), SourceError)

    @fuzz
    @given(seed=SEEDS)
    def test_any_frame_through_the_store(self, seed: int) -> None:
        rows = frame((*INPUT_TABLES["prices"].columns, "known_at"), seed)
        with tempfile.TemporaryDirectory() as folder:
            drop, store = Path(folder) / "drop", Path(folder) / "market"
            drop.mkdir()
            try:
                rows.to_parquet(drop / "prices.parquet", index=False)
            except Exception:  # what Arrow cannot write, nobody drops
                rows.to_csv(drop / "prices.csv", index=False)
            for _ in range(2):
                in_a_sentence(
                    lambda: ingest(
                        store, FilesSource(drop), settings=SETTINGS, received_at=RECEIVED
                    ),
                    SourceError,
                )
            kept = read_vintages(store, "prices")
            assert not kept.duplicated(["symbol", "session", "known_at"]).any()
            assert (kept["close"].dropna() > 0).all()


# --- settings, labels, flow tables --------------------------------------------------------------

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
DEEP = st.sampled_from(["[" * 5_000, '{"a":' * 5_000])
LINES = [place for place, line in enumerate(TEXT.split("\n")) if "=" in line and line[:1].isalpha()]


def toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, default=str).replace("null", '""')


class TestSettings:
    @fuzz
    @given(place=st.sampled_from(LINES), value=PLAIN)
    def test_any_value_of_any_key(self, place: int, value: object) -> None:
        lines = TEXT.split("\n")
        lines[place] = f"{lines[place].split('=')[0]}= {toml(value)}"
        self._loads("\n".join(lines).encode())

    @fuzz
    @given(held=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
    def test_any_bytes(self, held: bytes) -> None:
        self._loads(held)

    @fuzz
    @given(cut=st.integers(0, len(TEXT)))
    def test_any_beginning(self, cut: int) -> None:
        self._loads(TEXT[:cut].encode())

    @pytest.mark.parametrize("held", ["[" * 100_000, "a = " + "[" * 100_000, "a" + ".a" * 10_000])
    def test_depth(self, held: str) -> None:
        self._loads(held.encode())

    def _loads(self, held: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "desk.toml"
            path.write_bytes(held)
            # One sentence a fault: a file of nothing misses every key.
            in_a_sentence(lambda: load_settings(path), SettingsError, longest=20_000)


class TestCalibration:
    @fuzz
    @given(held=st.one_of(PLAIN.map(json.dumps), st.text(max_size=40), DEEP))
    def test_any_document(self, held: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "desk.toml").write_text(TEXT, encoding="utf-8")
            path = Path(folder) / "calibration.json"
            path.write_text(held, encoding="utf-8", errors="replace")
            said = in_a_sentence(
                lambda: load_settings(Path(folder) / "desk.toml"), SettingsError, longest=20_000
            )
            assert said is None


class TestLabels:
    HEADER = "id,name,acute_start,end\n"

    @fuzz
    @given(
        held=st.one_of(
            st.binary(max_size=100),
            st.text(max_size=80).map(lambda text: (TestLabels.HEADER + text).encode()),
            st.lists(st.tuples(*[HOSTILE_TEXTS] * 4), max_size=3).map(
                lambda rows: (
                    pd.DataFrame(rows, columns=["id", "name", "acute_start", "end"])
                    .to_csv(index=False)
                    .encode()
                )
            ),
        )
    )
    def test_any_file(self, held: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "deleveraging_episodes.csv").write_bytes(held)
            found = in_a_sentence(lambda: read_labels(Path(folder)), LabelError)
            for episode in () if found is None else found.episodes:
                assert episode.acute_start <= episode.end


class TestFlowTable:
    FIGURES = st.sampled_from(
        ["(175.3)", "-", "1,175.3", "12", "", "36_1", "1e5", "(−3)", "$3.4", "٣", "9" * 15, "()"]
    )

    @fuzz
    @given(
        held=st.one_of(
            st.binary(max_size=200),
            st.text(max_size=100).map(str.encode),
            st.lists(
                st.tuples(
                    st.sampled_from(["05 Feb 2026", "06 Feb 2026", "31 Feb 2026", "Total", "x"]),
                    FIGURES, FIGURES,
                ),
                max_size=4,
            ).map(
                lambda rows: "\n".join(
                    ["Date\tIBIT\tTotal", *("\t".join(row) for row in rows)]
                ).encode()
            ),
            st.text(alphabet="<>tabledhr /05 Feb2026&;!", max_size=120).map(
                lambda text: f"<html><table>{text}".encode()
            ),
        ),
        millions=st.sampled_from([1e-6, 1.0, 1e3]),
    )  # fmt: skip
    def test_any_page(self, held: bytes, millions: float) -> None:
        table = in_a_sentence(lambda: read_flow_table(held, millions=millions), FlowTableError)
        if table is not None:
            assert np.isfinite(table.rows["net_flow_usd_m"].dropna()).all()


# --- lake ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzed")
    publish_days(folder, SETTINGS, FEBRUARY)
    return folder


class TestLakeFiles:
    @fuzz
    @given(held=st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)))
    def test_any_pointer(self, held: bytes, lake: Path) -> None:
        whole = (lake / "LATEST").read_bytes()
        try:
            (lake / "LATEST").write_bytes(held)
            in_a_sentence(lambda: latest(lake), LakeError)
            name, _ = served(lake, lambda snapshot: snapshot.name)
            assert name.encode() == whole
        finally:
            (lake / "LATEST").write_bytes(whole)

    @fuzz
    @given(
        held=st.one_of(
            st.binary(max_size=60), PLAIN.map(json.dumps).map(str.encode), DEEP.map(str.encode)
        ),
        named=st.booleans(),
        files=PLAIN,
    )
    def test_any_manifest(self, held: bytes, named: bool, files: object, lake: Path) -> None:
        (name,) = snapshot_names(lake)
        path = lake / "snapshots" / name / "_manifest.json"
        whole = path.read_bytes()
        if named:
            held = json.dumps({"snapshot": name, "files": files, "terms": files}).encode()
        try:
            path.write_bytes(held)
            with pytest.raises(Damaged):
                latest(lake)
        finally:
            path.write_bytes(whole)

    @fuzz
    @given(
        held=st.one_of(
            st.binary(max_size=60), PLAIN.map(json.dumps).map(str.encode), DEEP.map(str.encode)
        )
    )
    def test_any_ledger(self, held: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / LOG
            path.parent.mkdir()
            path.write_bytes(held)
            assert not in_a_sentence(lambda: read_ledger(Path(folder)), LakeError)

    @fuzz
    @given(held=st.binary(max_size=80))
    def test_any_segment_under_a_true_checksum(self, held: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prices" / f"000001-{segments.sha256(held)[:16]}.parquet"
            path.parent.mkdir()
            path.write_bytes(held)
            in_a_sentence(lambda: read_vintages(Path(folder), "prices"), LakeError)
            assert segments.segment_faults(path.parent)


# --- command lines ------------------------------------------------------------------------------

WORDS = st.one_of(
    HOSTILE_TEXTS,
    st.text(max_size=10),
    st.sampled_from(["2026-02-05", "2026-02-05T21:15Z", "0", "3.5", "-3", "nan", "inf", "1e999"]),
).filter(lambda word: "\x00" not in word)


def _asks(*command: str, **options: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """One command with some of its options, each with any word."""
    flags = [f"--{name.replace('_', '-')}" for name in options]
    chosen = st.lists(st.sampled_from(flags), unique=True) if flags else st.just([])

    @st.composite
    def asked(draw: st.DrawFn) -> list[str]:
        words = list(command)
        for flag in draw(chosen):
            words += [f"{flag}={draw(WORDS)}"]
        return words

    return asked()


READING = st.one_of(
    _asks("show", as_of=WORDS, cutoff=WORDS, known_by=WORDS),
    _asks("show", "--why", as_of=WORDS, cutoff=WORDS, known_by=WORDS),
    _asks("sessions", **{"from": WORDS}),
    _asks("export", csv=WORDS, xlsx=WORDS, table=WORDS),
    _asks("report", as_of=WORDS),
    _asks("sigma", "3.5", as_of=WORDS, asset=WORDS, sample=WORDS, column=WORDS),
    st.tuples(st.just("sigma"), WORDS).map(list),
    _asks("diff", **{"as-of": WORDS, "from": WORDS, "to": WORDS}),
    st.tuples(st.just("tables"), WORDS).map(list),
    _asks("lake", "prune", keep_days=WORDS, keep_last=WORDS),
    _asks("import", "flows", "absent.csv", drop=WORDS, vendor=WORDS, units=WORDS, known_at=WORDS),
)  # fmt: skip
RUNNING = st.one_of(
    _asks("daily", source=WORDS, seed=WORDS, event=WORDS, as_of=WORDS, cutoff=WORDS, alerts=WORDS,
          scenario=WORDS, settings=WORDS, path=WORDS),
    _asks("daily", "--source=simulated", as_of=WORDS, cutoff=WORDS, seed=WORDS),
    _asks("backfill", "--source=simulated", **{"from": WORDS, "to": WORDS}, chunk=WORDS,
          workers=WORDS),
    _asks("replay", "--source=simulated", "--as-of=2026-02-05", cutoff=WORDS),
    _asks("evaluate", path=WORDS, episodes=WORDS, budget=WORDS, null_years=WORDS),
    _asks("calibrate", path=WORDS, episodes=WORDS, target=WORDS),
    _asks("universe", "--source=simulated", as_of=WORDS, simulated=WORDS, years=WORDS, chunk=WORDS),
)  # fmt: skip


class TestCommandLine:
    @fuzz
    @given(arguments=READING)
    def test_the_reading_commands(self, arguments: list[str], lake: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            patch.chdir(folder)
            patch.setenv("UNWIND_LAKE", str(lake))
            done = unwind(*arguments)
        assert done.exit_code in (0, 1, 2)
        assert "Traceback" not in done.output
        assert "\x1b]" not in done.output  # no window title, no link

    @fuzz
    @given(arguments=RUNNING)
    def test_the_running_commands(self, arguments: list[str]) -> None:
        from prefect import Flow
        from prefect.states import Failed

        with (
            pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(StringIO()) as printed, contextlib.redirect_stderr(printed),
        ):  # fmt: skip
            patch.chdir(folder)
            patch.setattr(Flow, "__call__", lambda *_, **__: Failed(message="not run here"))
            assert shell.main(arguments) in (0, 1, 2)
        assert "Traceback" not in printed.getvalue()
        assert "\x1b]" not in printed.getvalue()
