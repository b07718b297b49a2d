"""What was published stays as it was: under other settings, and under a schema that grew."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.unwind.lake_rows import FEBRUARY, JANUARY, cutoff_at, publish_days, regimes_row
from unwind.contract import columns
from unwind.contract.columns import REAL, SCHEMA_VERSION, Column, Table
from unwind.contract.tables import TABLES
from unwind.contract.verdict import REGIMES
from unwind.lake import publish as publication
from unwind.lake import snapshots as lake
from unwind.lake.publish import publish
from unwind.lake.schema_changes import SchemaError, conformed
from unwind.lake.snapshots import latest, read, schema_notes
from unwind.lake.verify import verify
from unwind.settings import Settings, parse_settings


def _grown(table: Table, *, nullable: bool = True) -> Table:
    """The table with a column that a later release measures."""
    colour = Column("liquidity", REAL, "1", "measured from now on", nullable=nullable)
    return replace(table, columns=(colour, *table.columns))


def _next_release(monkeypatch: pytest.MonkeyPatch) -> Table:
    grown = _grown(REGIMES)
    monkeypatch.setitem(TABLES, "regimes", grown)
    for module in (columns, lake, publication):
        monkeypatch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    return grown


class TestNewVariable:
    def test_rewrites_no_row_of_another_setting_or_release(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = settings.model_dump(mode="json")
        raw["verdict"]["dwell"] = 3
        other = parse_settings(raw, origin="other")
        first = publish_days(tmp_path, settings, FEBRUARY)
        bytes_of_first = {
            path: path.read_bytes() for path in Path(first.path).rglob("*") if path.is_file()
        }
        said = pq.read_table(Path(first.path) / "regimes" / "2026-02.parquet")
        publish_days(tmp_path, other, FEBRUARY, score=2.0)
        grown = _next_release(monkeypatch)
        rows = regimes_row(FEBRUARY, other, score=3.0, hour=23).assign(liquidity=0.5)
        third = publish(tmp_path, {"regimes": rows}, settings=other, source="files", run="c")

        assert {path: path.read_bytes() for path in bytes_of_first} == bytes_of_first
        held = third.table("regimes/2026-02.parquet")
        assert held.schema.equals(grown.schema)
        digests = held.column("settings_digest").to_pylist()
        own = held.filter(pa.array([digest == settings.digest for digest in digests]))
        for name in said.column_names:
            assert own.column(name).to_pylist() == said.column(name).to_pylist(), name
        assert own.column("liquidity").to_pylist() == [None]
        assert sorted(held.column("score").to_pylist()) == [1.0, 2.0, 3.0]

    def test_an_older_snapshot_reads_with_nulls_and_says_so(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_days(tmp_path, settings, FEBRUARY)
        assert schema_notes(latest(tmp_path)) == []
        _next_release(monkeypatch)
        old = latest(tmp_path)
        assert read(old, "regimes")["liquidity"].isna().all()
        (note,) = schema_notes(old)
        assert f"files of schema version {SCHEMA_VERSION}" in note
        assert "columns that they lack read as null" in note
        # A later month beside it: the linked file still says which schema wrote it.
        rows = regimes_row(pd.Timestamp("2026-03-05").date(), settings).assign(liquidity=0.5)
        new = publish(tmp_path, {"regimes": rows}, settings=settings, source="files", run="b")
        assert new.schema_version("regimes/2026-02.parquet") == SCHEMA_VERSION
        assert schema_notes(new)[0].startswith(f"snapshot {new.name} holds files of schema")
        assert verify(tmp_path, every=True).faults == []

    def test_an_older_release_leaves_out_what_it_does_not_know(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as later:
            _next_release(later)
            rows = regimes_row(FEBRUARY, settings).assign(liquidity=0.5)
            publish(tmp_path, {"regimes": rows}, settings=settings, source="files", run="a")
        snapshot = latest(tmp_path)
        assert "liquidity" not in read(snapshot, "regimes")
        assert "columns that it does not know are excluded" in schema_notes(snapshot)[0]

    def test_a_rerun_before_and_after_adds_one_slot(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_days(tmp_path, settings, JANUARY, FEBRUARY)
        _next_release(monkeypatch)
        rows = regimes_row(FEBRUARY, settings, hour=23).assign(liquidity=0.5)
        snapshot = publish(tmp_path, {"regimes": rows}, settings=settings, source="files", run="b")
        early = read(snapshot, "regimes", cutoff=cutoff_at(FEBRUARY))
        assert early["liquidity"].isna().all()
        assert read(snapshot, "regimes")["liquidity"].tolist()[1] == 0.5


class TestLossesOfAnEarlierSchema:
    def test_a_covar_of_version_two_keeps_its_code_and_its_sign(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def row(measure: str, value: float, *, day: date) -> pd.DataFrame:
            stamps = regimes_row(day, settings)[
                ["as_of", "cutoff", "known_at", "source", "settings_digest"]
            ]
            empty = dict.fromkeys(["window", "z", "percentile", "n"], float("nan"))
            return stamps.assign(
                measure=measure, item="IGV|IBIT", publisher="unwind", value=value,
                unit="log return", describes=day, detail=None, reason=None, **empty,
            )  # fmt: skip

        later = FEBRUARY + timedelta(days=1)
        with monkeypatch.context() as earlier:
            for module in (columns, lake, publication):
                earlier.setattr(module, "SCHEMA_VERSION", 2)
            old = {
                "regimes": regimes_row(FEBRUARY, settings),
                "systemic": row("covar", -0.04, day=FEBRUARY),
            }
            publish(tmp_path, old, settings=settings, source="files", run="a")
        new = {
            "regimes": regimes_row(later, settings),
            "systemic": row("covar_loss", 0.05, day=later),
        }
        snapshot = publish(tmp_path, new, settings=settings, source="files", run="b")
        rows = read(snapshot, "systemic").set_index("measure")["value"]
        assert rows.to_dict() == {"covar": -0.04, "covar_loss": 0.05}


class TestConformed:
    def test_drivers_of_schema_one_get_a_null_for_their_evidence(self, settings: Settings) -> None:
        rows = regimes_row(FEBRUARY, settings)
        drivers = [{"driver": "fall", "contribution": 1.0, "value": -3.0, "meaning": "m"}]
        rows["drivers"] = pd.Series([drivers])
        written = REGIMES.arrow(rows)
        kind = pa.list_(
            pa.struct(
                [
                    (name, pa.string() if name in ("driver", "meaning") else pa.float64())
                    for name in ("driver", "contribution", "value", "meaning")
                ]
            )
        )
        place = written.schema.get_field_index("drivers")
        first = written.set_column(place, "drivers", pa.array([drivers], kind))
        held = conformed(first, REGIMES)
        assert held.schema.equals(REGIMES.schema)
        assert held.column("drivers").to_pylist() == [[{**drivers[0], "evidence": None}]]

    def test_a_renamed_column_is_read_from_its_former_name(self, settings: Settings) -> None:
        written = REGIMES.arrow(regimes_row(FEBRUARY, settings))
        former = {"episode_share": "probability", "false_alarms_per_year": "false_entries_a_year"}
        second = written.rename_columns([former.get(name, name) for name in written.column_names])
        rows = conformed(second, REGIMES)
        for name in former:
            assert rows.column(name).to_pylist() == written.column(name).to_pylist() != [None]

    def test_nulls_inside_lists_and_slices_keep_their_place(self) -> None:
        old = pa.list_(pa.struct([("driver", pa.string())]))
        new = pa.list_(pa.struct([("driver", pa.string()), ("value", pa.float64())]))
        table = Table("t", "r", (), (Column("drivers", new, "", "m"),))
        values = [[{"driver": "a"}], None, [], [{"driver": "b"}, None]]
        held = conformed(pa.table({"drivers": pa.array(values, old)}).slice(1), table)
        assert held.column("drivers").to_pylist() == [
            None, [], [{"driver": "b", "value": None}, None],
        ]  # fmt: skip

    def test_a_column_that_may_not_be_null_is_refused(self, settings: Settings) -> None:
        written = REGIMES.arrow(regimes_row(FEBRUARY, settings))
        with pytest.raises(SchemaError, match="declare it nullable"):
            conformed(written, _grown(REGIMES, nullable=False))

    def test_a_retyped_column_is_refused(self, settings: Settings) -> None:
        written = REGIMES.arrow(regimes_row(FEBRUARY, settings))
        place = written.schema.get_field_index("score")
        wrong = written.set_column(place, "score", pa.array([["x"]]))
        with pytest.raises(SchemaError, match="regimes.score was written as list"):
            conformed(wrong, REGIMES)


class TestChangelog:
    def test_every_schema_version_has_its_entry(self) -> None:
        page = (ROOT / "docs" / "schema-changes.md").read_text(encoding="utf-8")
        versions = [int(found) for found in re.findall(r"^## Version (\d+)$", page, re.M)]
        assert versions == list(range(SCHEMA_VERSION, 0, -1))
