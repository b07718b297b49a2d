"""No text of a published table is a formula, turns the line, or breaks it."""

import unicodedata
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.conftest import small_prices, write_drop
from unwind.calendar import publication_instant
from unwind.contract.columns import TEXT, Column, Table
from unwind.contract.published_text import published
from unwind.contract.tables import TABLES
from unwind.indicators.context import Slot
from unwind.indicators.data_quality import quality_rows
from unwind.market.store import ingest
from unwind.pipeline import load_market, observe
from unwind.settings import Settings
from unwind.sources.files import FilesSource

HOSTILE = (
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "-9999", "@SUM(1)", "＝1+1", "\t=1", "\r\n=1", " \n-1",
    "a\u202eb", "a\u061cb", "\u2066a", "a\nb", "a\x85b", "a\u2028b", "a\x00b", "a\x1b[31mb",
    "\ufeff=1", "a\ud800b", "\U000e0041a",
)  # fmt: skip
ORDINARY = (
    "IBIT", "BTC-USD", "^VIX", "--", "--/-", "++", "−1.2 %", "a  b", " a ", "'quoted'", "É\u202f1",
    "", "100 %", "prices.csv 2026-02-05: -1.0",
)  # fmt: skip
CELLS = st.text(max_size=12) | st.text(alphabet="=+-@'/ 1a\t\n\u202e＝", max_size=6)


def is_harmless(text: str) -> bool:
    printed = all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in text)
    return printed and (
        text[:1] not in tuple("=+-@＝＋－＠") or set(text) <= set("+-/") or not text
    )


def rows_of(table: Table, texts: list[str]) -> pd.DataFrame:
    """One row a text, on a day of its own."""
    rows = pd.DataFrame(index=range(len(texts)))
    for column in table.columns:
        cells = texts if column.type == TEXT else [_cell(column)] * len(texts)
        rows[column.name] = pd.Series(cells, dtype="object")
    rows["as_of"] = [day.date() for day in pd.date_range("2026-01-01", periods=len(texts))]
    return rows


def _cell(column: Column) -> object:
    if pa.types.is_list(column.type):
        return []
    if pa.types.is_date(column.type):
        return pd.Timestamp("2026-02-05").date()
    if pa.types.is_timestamp(column.type):
        return pd.Timestamp("2026-02-05T21:15Z")
    return True if pa.types.is_boolean(column.type) else 1


class TestHostileText:
    @pytest.mark.parametrize("name", list(TABLES))
    @profile(max_examples=5, deadline=None, derandomize=True, database=None)
    @given(texts=st.lists(CELLS, max_size=40))
    def test_is_harmless_in_every_text_column(self, name: str, texts: list[str]) -> None:
        table = TABLES[name]
        rows = table.arrow(rows_of(table, [*HOSTILE, *ORDINARY, *texts]))
        columns = [column.name for column in table.columns if column.type == TEXT]
        assert columns
        for column in columns:
            assert all(is_harmless(text) for text in rows.column(column).to_pylist())

    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_changed(self, text: str) -> None:
        (cell,) = published(pd.Series([text], dtype="object"))
        assert not is_harmless(text)
        assert is_harmless(cell)

    @pytest.mark.parametrize("text", ORDINARY)
    def test_ordinary_text_stays(self, text: str) -> None:
        assert published(pd.Series([text, None], dtype="object")).tolist() == [text, None]

    def test_twice_is_once(self) -> None:
        once = published(pd.Series(HOSTILE, dtype="object"))
        assert published(once).equals(once)


class TestDropFolderOfHostileNames:
    """Names of files, columns and cells that reach the table `quality`."""

    def test_each_is_published_harmless(self, tmp_path: Path, settings: Settings) -> None:
        day = pd.Timestamp("2026-02-05").date()
        prices = small_prices(
            (*settings.universe.symbols, "VIX"), first=pd.Timestamp("2025-10-01").date(), last=day
        )
        prices = prices.astype({"symbol": "object", "close": "object"})
        last = prices.index[prices["session"] == pd.Timestamp(day)]
        for place, text in zip(last, HOSTILE[:8], strict=False):
            prices.loc[place, ["symbol", "close"]] = text, text
        prices = prices.astype({"close": "str"})
        for text in ("=1+1", "a\u202eb", "a\nb", "'=1+1"):
            prices[text] = 1
        folder = write_drop(tmp_path / "drop", prices)
        # Two that are published alike are one row, not two of one key.
        for name in ("=cmd.csv", "'=cmd.csv", "-2.csv", "a\u202eb.csv", "a\nb.csv"):
            (folder / name).write_text("x\n")
        ingest(
            tmp_path / "store", FilesSource(folder), settings=settings,
            received_at=pd.Timestamp("2026-02-05T21:20Z"),
        )  # fmt: skip
        market = load_market(tmp_path / "store")
        moment = Slot(
            as_of=day, cutoff=publication_instant(day, settings.publication), source="files"
        )
        context = observe(market, moment, settings=settings)
        rows = quality_rows(context, market.rejected)
        table = TABLES["quality"].arrow(rows).to_pandas()
        assert {"'=cmd|' /C calc'!A0", "'=cmd.csv"} <= set(table["entity"])
        assert "unknown_column" in set(table["rule"])
        for column in ("entity", "rule", "example", "remedy"):
            assert all(is_harmless(text) for text in table[column].dropna())
