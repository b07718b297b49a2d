"""Prices in the forms in which people hold them, imported into a drop folder."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from tests.command_line import unwind
from tests.unwind.cases import analysed, build, dropped, state
from unwind.contract.source import SourceError
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.sources.price_cells import PriceFormError
from unwind.sources.price_import import import_prices, statements
from unwind.sources.price_names import desk_names, symbol_of, symbol_of_file

DAYS = pd.to_datetime(["2024-07-11", "2024-07-12", "2024-07-15", "2024-07-16"])
CLOSES = {"GLD": [222.5, 223.11, 223.83, 228.29], "IBIT": [32.1, 32.85, 36.15, 1037.17]}
VOLUMES = {"GLD": [5_179_300, 6_000, 5_719_300, 11_070_700], "IBIT": [16_921_000, 900, 3, 27]}
NAMES = {
    "session": "Date", "symbol": "Ticker", "open": "Open", "high": "High", "low": "Low",
    "close": "Close", "adj_close": "Adj Close", "volume": "Volume",
}  # fmt: skip


def _rows(*columns: str) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {
                "session": DAYS.astype("datetime64[us]"), "symbol": symbol, "open": close,
                "high": np.array(close) + 1, "low": np.array(close) - 1, "close": close,
                "adj_close": np.array(close) * 0.99,
                "volume": np.array(VOLUMES[symbol], dtype=float),
            }
        )
        for symbol, close in CLOSES.items()
    ]  # fmt: skip
    rows = pd.concat(frames, ignore_index=True)
    return rows[["session", "symbol", *columns]] if columns else rows


def _named() -> pd.DataFrame:
    return _rows().rename(columns=NAMES)


def _wide() -> pd.DataFrame:
    return pd.DataFrame(CLOSES, index=DAYS.rename("Date"))


def _levels() -> pd.DataFrame:
    """As yfinance downloads several symbols."""
    wide = _named().pivot_table(index="Date", columns="Ticker")
    return wide.rename_axis(columns=["Price", "Ticker"])


Imported = Callable[..., pd.DataFrame]


@pytest.fixture
def imported(tmp_path: Path, settings: Settings) -> Imported:
    """Import of one file, twice: the second leaves every byte as it was."""

    def run(content: str | bytes, name: str = "history.csv", **options: str) -> pd.DataFrame:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        file = source / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        stated = statements(settings, **options)
        drop = tmp_path / "drop"
        answer = import_prices([file], drop=drop, stated=stated, symbols=settings.symbols)
        before = (drop / "prices.parquet").read_bytes()
        again = import_prices([file], drop=drop, stated=stated, symbols=settings.symbols)
        assert (again["added"], again["changed"]) == (0, 0)
        assert (drop / "prices.parquet").read_bytes() == before
        rows = pd.read_parquet(drop / "prices.parquet")
        assert answer["added"] == len(rows)
        return rows

    return run


def _same(rows: pd.DataFrame, *columns: str) -> None:
    expected = _rows(*columns)
    pd.testing.assert_frame_equal(
        rows, expected[[*expected.columns]], check_dtype=False, rtol=1e-9, check_like=True
    )


def _bytes(write: Callable[[BytesIO], object]) -> bytes:
    buffer = BytesIO()
    write(buffer)
    return buffer.getvalue()


def _days_first(text: str) -> str:
    for day in DAYS:
        text = text.replace(f"{day:%Y-%m-%d}", f"{day:%d/%m/%Y}")
    return text


def _bloomberg(blank: str) -> str:
    rows = ["," + ",".join(f"{symbol} US Equity,{blank}" for symbol in CLOSES)]
    rows.append("Dates" + ",PX_LAST,PX_VOLUME" * 2)
    for place, day in enumerate(DAYS):
        cells = [f"{CLOSES[one][place]},{VOLUMES[one][place]}" for one in CLOSES]
        rows.append(f"{day:%d/%m/%Y}," + ",".join(cells))
    return "\n".join([*rows, "13/08/2024,#N/A N/A,#N/A N/A,#N/A N/A,#N/A N/A"])


class TestWideTable:
    @pytest.mark.parametrize(
        "text",
        [
            _wide().to_csv(),
            _wide().to_csv().replace("Date", ""),
            _wide().to_csv().replace("Date", "Unnamed: 0"),
            _wide().iloc[::-1].to_csv(),
            _wide().to_csv(sep="\t"),
            _wide().to_csv().replace("GLD,IBIT", "GLD US Equity,ibit.us"),
            "\n".join(line + ",," for line in _wide().to_csv().splitlines()),
            _wide().to_csv().replace("\n", "\r\n"),
            "Closing prices\n\n" + _wide().to_csv(),
            _wide().to_csv() + "null,null,null\n,,\nSource: Bloomberg,,\n",
            _wide().to_csv() + _wide().to_csv(header=False),
            _days_first(_wide().to_csv()),
            _wide().to_csv(date_format="%m/%d/%Y"),
            _wide().to_csv(date_format="%d-%b-%Y"),
            _wide().to_csv(date_format="%Y-%m-%d 00:00:00-04:00"),
            _wide().to_csv(date_format="%Y-%m-%dT04:00:00Z"),
            _wide().to_csv(date_format="%Y%m%d"),
            _wide().to_csv(sep=";", decimal=","),
            _wide().to_csv(sep=";", decimal=",").replace("1037,17", "1.037,17"),
            _wide().to_csv().replace("1037.17", '"1,037.17"'),
            _wide().to_csv().replace("1037.17", "$1037.17"),
        ],
    )
    def test_gives_closes(self, text: str, imported: Imported) -> None:
        _same(imported(text), "close")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_in_another_encoding(self, encoding: str, imported: Imported) -> None:
        _same(imported(_wide().to_csv().encode(encoding)), "close")

    def test_compressed(self, imported: Imported) -> None:
        _same(imported(gzip.compress(_wide().to_csv().encode()), "history.csv.gz"), "close")

    def test_keeps_the_weekend_of_bitcoin(self, imported: Imported) -> None:
        rows = imported("Date,BTCUSD,GLD\n2024-07-12,57000,223.1\n2024-07-13,58000,\n")
        assert rows["symbol"].tolist() == ["BTC-USD", "BTC-USD", "GLD"]
        assert rows["session"].dt.day.tolist() == [12, 13, 12]

    def test_takes_epoch_milliseconds_under_a_heading_of_dates(self, imported: Imported) -> None:
        index = DAYS.tz_localize("America/New_York").as_unit("ms").astype("int64")
        _same(imported(_wide().set_axis(index).rename_axis("timestamp").to_csv()), "close")


class TestHeaderOfTwoLevels:
    @pytest.mark.parametrize("swapped", [False, True])
    def test_of_yfinance(self, swapped: bool, imported: Imported) -> None:
        frame = _levels().swaplevel(axis=1) if swapped else _levels()
        _same(imported(frame.to_csv()), *list(NAMES)[2:])

    def test_of_yfinance_in_parquet(self, imported: Imported) -> None:
        content = _bytes(lambda file: _levels().to_parquet(file))
        _same(imported(content, "history.parquet"), *list(NAMES)[2:])

    def test_of_yfinance_in_excel(self, imported: Imported) -> None:
        content = _bytes(lambda file: _levels().to_excel(file))
        _same(imported(content, "history.xlsx"), *list(NAMES)[2:])

    def test_of_yfinance_with_one_symbol(self, imported: Imported) -> None:
        frame = _levels().loc[:, (slice(None), ["IBIT"])]
        rows = imported(frame.to_csv())
        assert rows["close"].tolist() == CLOSES["IBIT"]
        assert set(rows["symbol"]) == {"IBIT"}

    @pytest.mark.parametrize("blank", ["", "{}"])
    def test_of_bloomberg(self, blank: str, imported: Imported) -> None:
        text = _bloomberg("").replace("Equity,", "Equity," + blank.format(""))
        _same(imported(text), "close", "volume")

    def test_volume_for_one_symbol_only(self, imported: Imported) -> None:
        text = (
            "Price,Close,Close,Volume\nTicker,GLD,IBIT,IBIT\nDate,,,\n2024-07-12,223.1,32.85,900\n"
        )
        rows = imported(text).set_index("symbol")
        assert rows["volume"].isna().to_dict() == {"GLD": True, "IBIT": False}


class TestLongTable:
    @pytest.mark.parametrize(
        "text",
        [
            _named().to_csv(index=False),
            _rows().to_csv(index=False),
            _named().to_csv(),
            _named()[[*reversed(_named().columns)]].to_csv(index=False),
            _named().to_csv(index=False).replace("IBIT", "IBIT US Equity"),
            _days_first(_named().to_csv(index=False)),
            _named().sample(frac=1, random_state=1).to_csv(index=False),
            _named().assign(Currency="USD", Dividends=0.0).to_csv(index=False),
            _named().to_csv(index=False, sep=";", decimal=","),
        ],
    )
    def test_gives_every_column(self, text: str, imported: Imported) -> None:
        _same(imported(text), *list(NAMES)[2:])

    def test_in_excel(self, imported: Imported) -> None:
        content = _bytes(lambda file: _named().to_excel(file, index=False))
        _same(imported(content, "history.xlsx"), *list(NAMES)[2:])

    @pytest.mark.parametrize(
        "frame",
        [
            _named().assign(Date=_named()["Date"].dt.tz_localize("America/New_York")),
            _named().assign(
                Date=_named()["Date"].dt.tz_localize("America/New_York").dt.tz_convert("UTC")
            ),
            _named().astype({"Ticker": "category"}),
            _named().set_index(["Ticker", "Date"]),
            _named().assign(Date=_named()["Date"].dt.date),
            _named().assign(Close=_named()["Close"].astype(str)),
        ],
        ids=["zone", "utc", "category", "index", "date", "text"],
    )
    def test_in_parquet(self, frame: pd.DataFrame, imported: Imported) -> None:
        rows = imported(_bytes(lambda file: frame.to_parquet(file)), "history.parquet")
        _same(rows, *list(NAMES)[2:])

    @pytest.mark.parametrize("compression", ["zstd", "uncompressed"])
    def test_of_polars(self, compression: str, imported: Imported) -> None:
        frame = pl.from_pandas(_named())
        content = _bytes(lambda file: frame.write_ipc(file, compression=compression))
        _same(imported(content, "history.arrow"), *list(NAMES)[2:])

    def test_of_polars_in_parquet(self, imported: Imported) -> None:
        frame = pl.from_pandas(_named()).with_columns(pl.col("Date").cast(pl.Date))
        _same(imported(_bytes(frame.write_parquet), "history.parquet"), *list(NAMES)[2:])

    def test_of_duckdb(self, tmp_path: Path, imported: Imported) -> None:
        path = tmp_path / "made.duckdb"
        frame = _named()  # duckdb finds it by its name
        with duckdb.connect(str(path)) as connection:
            connection.register("frame", frame)
            connection.execute("create table prices as select * from frame")
        _same(imported(path.read_bytes(), "history.duckdb"), *list(NAMES)[2:])


class TestOneSymbolPerFile:
    @pytest.mark.parametrize("name", ["IBIT.csv", "ibit.us.txt", "ibit_us_d.csv", "IBIT (1).csv"])
    def test_takes_the_symbol_of_the_name(self, name: str, imported: Imported) -> None:
        text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-07-12,32,33,31,32.8,32.8,9\n"
        rows = imported(text + "2024-07-15,null,null,null,null,null,null\n", name)
        assert rows[["symbol", "close"]].values.tolist() == [["IBIT", 32.8]]

    def test_names_the_option_where_the_name_is_none(self, imported: Imported) -> None:
        text = "Date,Close\n2024-07-12,32.8\n"
        with pytest.raises(PriceFormError, match="give --symbol IBIT"):
            imported(text, "data.csv")
        assert imported(text, "data.csv", symbol="ibit.us")["symbol"].tolist() == ["IBIT"]

    def test_takes_the_symbol_of_each_sheet(self, imported: Imported) -> None:
        book = Workbook()
        book.active.title = "GLD"
        for symbol in ("GLD", "IBIT"):
            sheet = book[symbol] if symbol == "GLD" else book.create_sheet(symbol)
            sheet.append(["Date", "Close"])
            for day, close in zip(DAYS, CLOSES[symbol], strict=True):
                sheet.append([datetime(day.year, day.month, day.day), close])  # noqa: DTZ001
        _same(imported(_bytes(book.save), "book.xlsx"), "close")

    def test_of_nasdaq(self, imported: Imported) -> None:
        text = "Date,Close/Last,Volume,Open,High,Low\n07/16/2024,$37.1,900,$36.4,$37.2,$36.3\n"
        rows = imported(text + "07/12/2024,$32.8,800,$32.7,$33.4,$32.7\n", "IBIT.csv")
        assert rows["close"].tolist() == [32.8, 37.1]


class TestOpenQuestion:
    OPEN = "Date,GLD,IBIT\n12/07/2024,223.1,32.85\n11/07/2024,222.5,32.1\n"

    def test_order_of_day_and_month_is_asked_for(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="--dates day-first or --dates month-first"):
            imported(self.OPEN)

    @pytest.mark.parametrize(("order", "month"), [("day-first", 7), ("month-first", 12)])
    def test_order_as_stated(self, order: str, month: int, imported: Imported) -> None:
        assert imported(self.OPEN, dates=order)["session"].dt.month.max() == month

    def test_order_that_the_file_contradicts(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="not month-first, since it holds 15/07/2024"):
            imported(self.OPEN + "15/07/2024,1,1\n", dates="month-first")

    def test_no_order_fits(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="no order of day and month fits"):
            imported(self.OPEN + "15/07/2024,1,1\n07/16/2024,1,1\n")

    def test_dates_that_a_spreadsheet_read_in_part(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="two forms, 2024-12-07 and 13/07/2024"):
            imported("Date,GLD\n2024-12-07,1.5\n13/07/2024,1.5\n")

    def test_comma_is_asked_for(self, imported: Imported) -> None:
        text = 'Date,GLD\n2024-07-12,"223,110"\n'
        with pytest.raises(PriceFormError, match="--decimal comma or --decimal point"):
            imported(text)
        assert imported(text, decimal="comma")["close"].tolist() == [223.11]

    def test_currency_is_asked_for(self, imported: Imported) -> None:
        text = "Date,Ticker,Close,Currency\n2024-07-12,GLD,223.1,USD\n2024-07-12,GLD,17210,GBp\n"
        with pytest.raises(PriceFormError, match=r"GBp, USD; .*--currency"):
            imported(text)
        assert imported(text, currency="USD")["close"].tolist() == [223.1]


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "is empty"),
            ("Date,Volume\n2024-07-12,5\n", "has no close, its columns being Volume"),
            ("a,b\n1,2\n", "no column of dates among a, b"),
            ("2024-07-12,223.1\n", "has no header row"),
            ("Date,GLD\n2024-07-12,=1+1\n", "'=1[+]1' where a price should be"),
            ("Date,GLD\n2024-07-12,1.5\n2024-07-12,1.6\n", "two different rows for GLD"),
            ("Date,GLD,GLD.US\n2024-07-12,1.5,1.6\n", "two columns for GLD, GLD and GLD.US"),
            ("Date,Ticker,Close,Last\n2024-07-12,GLD,1,2\n", "two columns of close"),
            ("Date,Ticker,Adj Close\n2024-07-12,GLD,1\n", "adjusted closes and no closes"),
            ("Date,Ticker,Close\n2024-07-12,=cmd(),1\n", "'=cmd\\(\\)', which is not a symbol"),
            ("Date,GLD\n2024-02-30,1.5\n", "the impossible date 2024-02-30"),
            ("<!DOCTYPE html><table></table>", "is a page or JSON"),
            (b"\x00\x01\x02\x03", "is binary data"),
            (b"PK\x03\x04broken", "damaged Excel file"),
            (b"\x1f\x8bbroken", "damaged gzip file"),
            (b"\xd0\xcf\x11\xe0\xa1", "old form"),
            (b"PAR1broken", "cannot be read"),
            (b"ARROW1\x00\x00broken", "cannot be read as Arrow IPC"),
            (b"12345678DUCKbroken", "cannot be read as DuckDB"),
            ("Date,GLD\n2024-07-12,1.5,2\n", "'2' in column 3, which has no heading"),
            ("Date,GLD\n" * 60 + "2024-07-12,1.5,2\n", "cannot be read"),
        ],
    )
    def test_is_one_sentence(self, text: str | bytes, said: str, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match=said) as refusal:
            imported(text)
        assert "\n" not in str(refusal.value)

    def test_leaves_the_drop_folder_as_it_was(self, tmp_path: Path, imported: Imported) -> None:
        imported(_wide().to_csv())
        before = (tmp_path / "drop" / "prices.parquet").read_bytes()
        with pytest.raises(PriceFormError):
            imported("Date,GLD\n2024-07-12,broken\n")
        assert (tmp_path / "drop" / "prices.parquet").read_bytes() == before


class TestBomb:
    def test_gzip(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="bytes unpacked"):
            imported(gzip.compress(b"," * 200_000_000, compresslevel=1))

    def test_workbook(self, imported: Imported) -> None:
        buffer = BytesIO()
        with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", b" " * 200_000_000)
        with pytest.raises(PriceFormError, match="bytes unpacked"):
            imported(buffer.getvalue(), "history.xlsx")

    def test_arrow(self, imported: Imported) -> None:
        frame = pl.DataFrame({"Date": ["2024-07-12"], "GLD": ["x"]}).select(
            pl.all().repeat_by(11_000_000).explode()
        )
        content = _bytes(lambda file: frame.write_ipc(file, compression="zstd"))
        with pytest.raises(
            PriceFormError, match="cannot be read as Arrow IPC .*more than 10,000,000"
        ):
            imported(content, "history.arrow")

    def test_columns(self, imported: Imported) -> None:
        with pytest.raises(PriceFormError, match="columns"):
            imported("Date" + ",GLD" * 20_000)

    def test_view_of_a_database_reads_no_other_file(
        self, tmp_path: Path, imported: Imported
    ) -> None:
        secret = tmp_path / "secret.csv"
        secret.write_text(_named().to_csv(index=False))
        path = tmp_path / "made.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create view prices as select * from read_csv('{secret}')")
        with pytest.raises(PriceFormError, match="holds no table"):
            imported(path.read_bytes(), "history.duckdb")


class TestRestatement:
    def test_replaces_the_number_and_its_instant(self, tmp_path: Path, settings: Settings) -> None:
        drop = tmp_path / "drop"
        drop.mkdir()
        _rows().assign(known_at=pd.Timestamp("2024-08-01", tz="UTC")).to_parquet(
            drop / "prices.parquet", index=False
        )
        file = tmp_path / "history.csv"
        file.write_text("Date,GLD\n2024-07-12,230.5\n2024-07-15,223.83\n2024-07-17,231\n")
        answer = import_prices(
            [file], drop=drop, stated=statements(settings), symbols=settings.symbols
        )
        assert [answer[one] for one in ("added", "changed", "unchanged")] == [1, 1, 1]
        rows = pd.read_parquet(drop / "prices.parquet").set_index(["symbol", "session"])
        changed = rows.loc[("GLD", "2024-07-12")]
        assert changed["close"] == 230.5
        assert changed["volume"] == 6_000
        assert changed[["adj_close", "known_at"]].isna().all()
        assert rows.loc[("GLD", "2024-07-15"), "adj_close"] == pytest.approx(223.83 * 0.99)


class TestSymbol:
    @pytest.mark.parametrize(
        ("written", "symbol"),
        [
            ("IBIT", "IBIT"), ("ibit", "IBIT"), ("IBIT US Equity", "IBIT"), ("IBIT.US", "IBIT"),
            ("IBIT UQ Equity", "IBIT"), ("IBIT.OQ", "IBIT"), ("NASDAQ:IBIT", "IBIT"),
            ("IBIT-US", "IBIT"), ("^VIX", "VIX"), ("VIX Index", "VIX"), ("JPY=X", "USDJPY"),
            ("USDJPY Curncy", "USDJPY"), ("BTC-USD", "BTC-USD"), ("BTC/USD", "BTC-USD"),
            ("BRK.B", "BRK.B"), ("IBIT.L", "IBIT.L"), ("IBIT LN Equity", None), ("=cmd", None),
            ("", None), ("223.1", None), ("x" * 40, None),
        ],
    )  # fmt: skip
    def test_spelling(self, written: str, symbol: str | None, settings: Settings) -> None:
        desk = desk_names(settings.symbols, settings.sources.yahoo.symbols)
        assert symbol_of(written, desk) == symbol

    @pytest.mark.parametrize("stem", ["prices", "data", "Sheet1", "history of 2024"])
    def test_name_of_a_file_that_is_not_one(self, stem: str, settings: Settings) -> None:
        desk = desk_names(settings.symbols, settings.sources.yahoo.symbols)
        assert symbol_of_file(stem, desk) is None


class TestDropFolder:
    @pytest.mark.parametrize("text", [_wide().to_csv(), _levels().to_csv(), _bloomberg("")])
    def test_names_the_import(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "prices.csv").write_text(text)
        with pytest.raises(SourceError, match="`unwind import prices prices.csv --drop DROP`"):
            FilesSource(tmp_path).extract("prices")

    def test_reads_synonyms(self, tmp_path: Path) -> None:
        (tmp_path / "prices.csv").write_text(_named().to_csv(index=False))
        rows = FilesSource(tmp_path).extract("prices").rows
        pd.testing.assert_frame_equal(
            rows.astype(_rows().dtypes.to_dict()), _rows(), check_like=True
        )

    def test_reads_synonyms_in_parquet(self, tmp_path: Path) -> None:
        _named().to_parquet(tmp_path / "prices.parquet", index=False)
        rows = FilesSource(tmp_path).extract("prices").rows
        pd.testing.assert_frame_equal(rows, _rows(), check_dtype=False, check_like=True)

    def test_of_another_form_is_imported_in_place(self, tmp_path: Path) -> None:
        (tmp_path / "prices.csv").write_text(_wide().to_csv())
        done = unwind("import", "prices", tmp_path / "prices.csv", "--drop", tmp_path, "--json")
        assert done.exit_code == 0, done.output
        answer = json.loads(done.stdout)
        assert answer["added"] == 8
        assert "SPY" in answer["missing_symbols"]
        assert answer["unknown_symbols"] == []
        assert answer["files"][0]["form"].startswith("wide table")
        assert (tmp_path / "prices.csv.original").read_text() == _wide().to_csv()
        assert len(FilesSource(tmp_path).extract("prices").rows) == 8


@pytest.mark.market
class TestCase:
    @pytest.mark.parametrize(
        "case",
        [
            "wide_csv", "yfinance_multiindex_csv", "yahoo_folder", "stooq", "bloomberg_ddmmyyyy",
            "tz_aware_parquet", "xlsx",
        ],
    )  # fmt: skip
    def test_gives_the_right_rows(self, case: str, tmp_path: Path, settings: Settings) -> None:
        folder = build(case, tmp_path)
        _imports(folder / "drop", folder / "right", tmp_path / "out", settings)

    def test_desk_in_wide_form(self, tmp_path: Path, settings: Settings) -> None:
        folder = build("wide_csv", tmp_path)
        _imports(folder / "desk", folder / "desk_right", tmp_path / "out", settings)
        states = [
            state(analysed(dropped(tmp_path / f"{n}", [drop], settings), "2026-02-05", settings))
            for n, drop in enumerate((tmp_path / "out", folder / "desk_right"))
        ]
        assert states[0] == states[1]


def _imports(source: Path, right: Path, drop: Path, settings: Settings) -> None:
    stated = statements(settings)
    import_prices([source], drop=drop, stated=stated, symbols=settings.symbols)
    before = (drop / "prices.parquet").read_bytes()
    import_prices([source], drop=drop, stated=stated, symbols=settings.symbols)
    assert (drop / "prices.parquet").read_bytes() == before
    expected = pd.read_csv(StringIO((right / "prices.csv").read_text()), parse_dates=["session"])
    expected = expected.sort_values(["symbol", "session"], ignore_index=True)
    pd.testing.assert_frame_equal(
        pq.read_table(drop / "prices.parquet").to_pandas(), expected, check_dtype=False,
        rtol=1e-9, check_like=True,
    )  # fmt: skip
