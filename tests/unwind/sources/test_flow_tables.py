"""Tables of fund flows as people save them: in every wrapping, and with every slip."""

import io
import random
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import unwind
from tests.conftest import RECEIVED, ROOT, small_prices, write_drop
from tests.unwind.cases import build
from unwind.cli import main
from unwind.market.store import ingest, known_by, read_rejected, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.sources.flow_import import import_flow_table
from unwind.sources.flow_tables import FlowTableError, read_flow_table

GRID = [
    ["", "Blackrock", "Fidelity", "Grayscale", "Total"],
    ["", "IBIT", "FBTC", "GBTC", ""],
    ["Fee", "0.25%", "0.25%", "1.50%", ""],
    ["03 Feb 2026", "60.0", "(148.7)", "(56.6)", "(145.3)"],
    ["04 Feb 2026", "(373.4)", "(86.4)", "-", "(459.8)"],
    ["05 Feb 2026", "(1,175.3)", "-", "0.0", "(1,175.3)"],
    ["Total", "61,900", "11,000", "(25,000)", "47,900"],
    ["Average", "100", "20", "(40)", "80"],
]
CLIPBOARD = "\n".join("\t".join(row) for row in GRID)
COMMAS = "\n".join(",".join(f'"{cell}"' for cell in row) for row in GRID)
PAGE = (
    "<!DOCTYPE html><html><head><title>Flows</title></head><body><script>alert(1)</script>"
    "<table><tr><td>Menu</td><td>About</td></tr></table><table class='etf'><thead>"
    + "".join(
        "<tr>" + "".join(f"<td><span>{cell}</span></td>" for cell in row) + "</tr>" for row in GRID
    )
    + "</thead></table></body></html>"
)


def _flows(text: str | bytes, *, millions: float = 1.0) -> dict[tuple[str, str], float]:
    content = text.encode() if isinstance(text, str) else text
    rows = read_flow_table(content, millions=millions).rows
    return {
        (f"{row.session:%d}", row.fund): row.net_flow_usd_m
        for row in rows.itertuples()
        if not pd.isna(row.net_flow_usd_m)
    }


TRUTH = {
    ("03", "IBIT"): 60.0, ("03", "FBTC"): -148.7, ("03", "GBTC"): -56.6, ("03", "TOTAL"): -145.3,
    ("04", "IBIT"): -373.4, ("04", "FBTC"): -86.4, ("04", "TOTAL"): -459.8,
    ("05", "IBIT"): -1175.3, ("05", "GBTC"): 0.0, ("05", "TOTAL"): -1175.3,
}  # fmt: skip


class TestWrapping:
    @pytest.mark.parametrize(
        "text",
        [
            CLIPBOARD, COMMAS, PAGE, "\ufeff" + COMMAS, CLIPBOARD.replace("\n", "\r\n"),
            COMMAS.replace(",", ";").replace("1;175", "1,175"), PAGE.replace("(", "&#40;"),
            PAGE.replace("<td>", "<TH>").replace("</td>", "</TH>"),
        ],
        ids=["clipboard", "csv", "page", "bom", "windows", "semicolons", "entities", "headers"],
    )  # fmt: skip
    def test_holds_the_same_flows(self, text: str) -> None:
        assert _flows(text) == TRUTH

    def test_a_plain_header_and_iso_dates_do(self) -> None:
        assert _flows("Date,IBIT,ETHX9\n2026-02-05,-1.5,2\n") == {
            ("05", "IBIT"): -1.5,
            ("05", "ETHX9"): 2.0,
        }

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("(175.3)", -175.3), ("-175.3", -175.3), ("−175.3", -175.3), ("$1,234.5", 1234.5),
            ("($2.0)", -2.0), (".5", 0.5), ("1,234,567", 1234567.0), ("3.1*", 3.1),
            ("+4", 4.0), ("0", 0.0),
        ],
    )  # fmt: skip
    def test_figures(self, cell: str, value: float) -> None:
        assert _flows(f'Date\tIBIT\n05 Feb 2026\t"{cell}"') == {("05", "IBIT"): value}

    def test_units(self) -> None:
        assert _flows("Date,IBIT\n2026-02-05,(175300000)\n", millions=1e-6) == {
            ("05", "IBIT"): pytest.approx(-175.3)
        }


class TestUnfilledDay:
    @pytest.mark.parametrize("dash", ["-", "–", "", "n/a", " "])
    def test_a_dash_is_no_figure_and_never_zero(self, dash: str) -> None:
        assert _flows(f"Date,IBIT,FBTC\n2026-02-05,{dash},1\n") == {("05", "FBTC"): 1.0}

    def test_a_total_of_nothing_is_none(self) -> None:
        table = read_flow_table(b"Date,IBIT,FBTC,Total\n2026-02-05,-,-,0.0\n", millions=1)
        assert table.rows["net_flow_usd_m"].isna().all()
        assert table.notes == ("2026-02-05: a total of 0 over funds without a figure is none",)


class TestTotals:
    def test_summary_rows_are_left_out_and_said(self) -> None:
        notes = read_flow_table(CLIPBOARD.encode(), millions=1).notes
        assert notes == (
            "row 7 left out (summary): 'Total'",
            "row 8 left out (summary): 'Average'",
        )

    def test_every_day_whose_total_is_not_the_sum_is_said(self) -> None:
        wrong = CLIPBOARD.replace("(145.3)", "(154.3)")
        notes = read_flow_table(wrong.encode(), millions=1).notes
        assert notes[0] == "2026-02-03: total -154.3 is not the sum of the funds, -145.3"

    def test_rounding_is_no_difference(self) -> None:
        text = "Date,A1,B1,C1,Total\n2026-02-05,1.0,1.0,1.0,3.2\n2026-02-06,1,1,1,3.3\n"
        assert len(read_flow_table(text.encode(), millions=1).notes) == 1

    def test_none_that_is_the_sum_is_refused(self) -> None:
        text = "Date,A1,B1,Total\n2026-02-05,1.0,2.0,100.0\n2026-02-06,3,4,200\n"
        with pytest.raises(FlowTableError, match=r"total 100.0 is not the sum of the funds, 3.0"):
            read_flow_table(text.encode(), millions=1)


def _spanned(*rows: str) -> str:
    return "<html><table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table></html>"


class TestSpans:
    """Cells over several columns or rows lie where a browser lays them out."""

    @pytest.mark.market
    @pytest.mark.parametrize("page", ["whole", "issuers"])
    def test_a_header_over_funds_shifts_none_of_them(self, page: str, tmp_path: Path) -> None:
        case = build("farside_colspan", tmp_path)
        right = pd.read_csv(case / "right.csv", parse_dates=["session"])
        table = read_flow_table((case / f"{page}.html").read_bytes(), millions=1)
        funds = table.rows[table.rows["fund"] != "TOTAL"].dropna()
        both = funds.merge(right, on=["session", "fund"])
        assert len(both) == len(funds) == len(right)
        assert both["net_flow_usd_m_x"].tolist() == both["net_flow_usd_m_y"].tolist()
        totals = table.rows.loc[table.rows["fund"] == "TOTAL", "net_flow_usd_m"]
        assert totals.tolist() == [101.0, -50.0]

    @pytest.mark.parametrize(
        "head",
        [
            ("<th></th><th>Blackrock</th><th colspan=2>Grayscale</th>",
             "<th></th><th>IBIT</th><th>GBTC</th><th>BTC</th>"),
            ("<th rowspan=2>Date</th><th>Blackrock</th><th colspan='2'>GRAYSCALE</th>",
             "<th>IBIT</th><th>GBTC</th><th>BTC</th>"),
            ("<th rowspan=0>Date</th><th rowspan=1>A B</th><th colspan=x>C D</th><th></th>",
             "<th>IBIT</th><th>GBTC</th><th>BTC</th>"),
            ("<th colspan=4>FLOWS</th>", "<th>Date</th><th>IBIT</th><th>GBTC</th><th>BTC</th>"),
        ],
        ids=["columns", "rows", "to the end", "all"],
    )  # fmt: skip
    def test_of_a_header(self, head: tuple[str, str]) -> None:
        page = _spanned(*head).replace("<table>", "<table><thead>").replace("</table>", "</thead>")
        row = "<tr><td>05 Feb 2026</td><td>1.0</td><td>2.0</td><td>(3.0)</td></tr>"
        page = page.replace("</html>", f"<tbody>{row}</tbody></table></html>")
        assert _flows(page) == {("05", "IBIT"): 1.0, ("05", "GBTC"): 2.0, ("05", "BTC"): -3.0}

    def test_of_a_cell_above_shifts_the_rows_below(self) -> None:
        page = _spanned(
            "<th>Date</th><th>IBIT</th><th>FBTC</th>",
            "<td>04 Feb 2026</td><td rowspan=2>0.0</td><td>1.0</td>",
            "<td>05 Feb 2026</td><td>2.0</td>",
        )
        assert _flows(page)["05", "FBTC"] == 2.0


class TestWrongFile:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "rows that begin with a date like 05 Feb 2026, got none in 1 tables"),
            (b"hello", "rows that begin with a date"),
            (b"PAR1\x00\x01", "got binary data"),
            (b"Date,IBIT\n2026-02-05,\xff\xfe\n", "must be UTF-8 text, got byte 0xff"),
            (b"2026-02-05,1.0\n", "must name its funds in a row above"),
            (b"Date,IBIT,IBIT\n2026-02-05,1,2\n", "a fund must have one column, got two of IBIT"),
            (b"Date,IBIT\n2026-02-05,1\n2026-02-05,2\n", "'2026-02-05' in rows 2 and 3"),
            (b"Date;IBIT\n2026-02-05;1,5\n", "got '1,5' for IBIT in row 2"),
            (b"Date,IBIT\n2026-02-05,=1+1\n", "got '=1+1' for IBIT"),
            (b"Date,IBIT\n2026-02-05,(-5)\n", "got '(-5)'"),
            (b"Date,IBIT\n2026-02-05,inf\n", "got 'inf'"),
            (b"Date,IBIT\n2026-02-05,1e5\n", "got '1e5'"),
            (b"Date,IBIT\n2026-02-05," + b"9" * 400, "got '9999"),
            ("Date,IBIT\n2026-02-05,１２\n".encode(), "got '１２'"),
            (b"Date,IBIT\n2026-02-05,.\n", "got '.'"),
            (b'Date,IBIT\n2026-02-05,"1\n', "must be CSV or tab-separated text"),
            (b"<html><body>no table</body></html>", "got none in 0 tables"),
            (b"<html>", "save"),
        ],
    )
    def test_is_one_sentence(self, content: bytes, said: str) -> None:
        with pytest.raises(FlowTableError) as caught:
            read_flow_table(content, millions=1)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_bomb_of_entities_stays_small(self) -> None:
        lines = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 12))
        bomb = (
            f'<!DOCTYPE html [<!ENTITY l0 "lol">{lines}'
            '<!ENTITY x SYSTEM "file:///etc/passwd">]><html><table><tr><td>Date</td><td>IBIT</td>'
            "</tr><tr><td>05 Feb 2026</td><td>&l11;&x;</td></tr></table></html>"
        )
        with pytest.raises(FlowTableError, match="must be a figure") as caught:
            read_flow_table(bomb.encode(), millions=1)
        assert "root:" not in str(caught.value)
        assert len(str(caught.value)) < 300

    def test_too_large_is_said_before_it_is_parsed(self) -> None:
        with pytest.raises(FlowTableError, match="must not exceed 16 MB, got 17 MB"):
            read_flow_table(b"x" * 17_000_000, millions=1)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            # The parser compares each attribute of an element with all before it.
            pytest.param(
                b"<html><a " + b" ".join(b"a%d" % number for number in range(200_000)) + b">",
                "within 5 seconds",
                marks=pytest.mark.at_length,
            ),
            (b"<html>" + b"<p>" * 600_000, "more than 500,000 elements"),
            (b"<html><table>" + b"<tr><td>" * 260_000, "elements"),
            (
                b"<html><table><tr>" + b"<td colspan=1000 rowspan=60000>x" * 20
                + b"<tr><td>y" * 1_000,
                "more than 500,000 cells where they are laid out",
            ),
            (
                b"<html><table><tr>" + b"<td colspan=999999999>x" * 600,
                "more than 500,000 cells",
            ),
            (b"Date,IBIT\n" + b"\n" * 600_000, "must not exceed 500000 cells"),
            (b"Date" + b"," * 600_000 + b"\n", "must not exceed 500000 cells"),
            (
                b"Date," + b",".join(b"F%d" % number for number in range(3_000))
                + b"\n2026-02-05" + b",1" * 3_000 + b"\n",
                "must not exceed 256 funds, got 3000",
            ),
        ],
        ids=["attributes", "elements", "rows", "spans", "span", "lines", "cells", "funds"],
    )  # fmt: skip
    def test_a_bomb_is_a_sentence(self, content: bytes, said: str) -> None:
        with pytest.raises(FlowTableError, match=said):
            read_flow_table(content, millions=1)

    def test_a_table_inside_a_table_is_read_once(self) -> None:
        inner = PAGE[PAGE.index("<table class") : PAGE.index("</body>")]
        page = "<html>" + "<table><tr><td>" * 20 + inner + "</td></tr></table>" * 20 + "</html>"
        assert _flows(page) == TRUTH

    def test_any_garbage_is_a_sentence_or_figures(self) -> None:
        draw = random.Random(11)
        originals = [CLIPBOARD.encode(), COMMAS.encode(), PAGE.encode()]
        for _ in range(100):
            content = bytearray(draw.choice(originals))
            for _ in range(draw.randint(1, 12)):
                place = draw.randrange(len(content))
                match draw.randrange(3):
                    case 0:
                        content[place] = draw.randrange(256)
                    case 1:
                        del content[place : place + draw.randint(1, 9)]
                    case _:
                        content[place:place] = draw.choice(
                            [b"\n", b"\t", b"(", b"<td>", b"9" * 400]
                        )
            try:
                rows = read_flow_table(bytes(content), millions=1).rows
            except FlowTableError:
                continue
            assert rows["net_flow_usd_m"].abs().max() < float("inf")


class TestMerge:
    def _import(self, drop: Path, text: str = CLIPBOARD, known: str | None = None) -> object:
        table = read_flow_table(text.encode(), millions=1)
        at = None if known is None else pd.Timestamp(known)
        merged = import_flow_table(table, drop=drop, vendor="farside", known_at=at)
        return (merged.added, merged.revised, merged.unchanged)

    def test_twice_is_once(self, tmp_path: Path) -> None:
        assert self._import(tmp_path) == (10, 0, 2)
        before = (tmp_path / "etf_flows.parquet").read_bytes()
        assert self._import(tmp_path) == (0, 0, 12)
        assert (tmp_path / "etf_flows.parquet").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir() if path.suffix] == ["etf_flows.parquet"]

    def test_a_dash_that_is_filled_is_new_and_one_that_comes_back_takes_nothing(
        self, tmp_path: Path
    ) -> None:
        self._import(tmp_path)
        filled = CLIPBOARD.replace("(1,175.3)\t-", "(1,175.3)\t12.0")
        assert self._import(tmp_path, filled) == (1, 0, 11)
        assert self._import(tmp_path) == (0, 0, 12)

    def test_a_changed_figure_must_say_when_and_adds_a_vintage(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        write_drop(
            tmp_path,
            small_prices(
                ("IBIT",), first=pd.Timestamp("2026-01-05").date(),
                last=pd.Timestamp("2026-02-06").date(),
            ),
        )  # fmt: skip
        self._import(tmp_path)
        revised = CLIPBOARD.replace("60.0", "61.0")
        with pytest.raises(FlowTableError, match="got IBIT of 2026-02-03 at 61 after 60; give"):
            self._import(tmp_path, revised)
        assert self._import(tmp_path, revised, "2026-02-07T14:00Z") == (0, 1, 11)
        ingest(tmp_path / "s", FilesSource(tmp_path), settings=settings, received_at=RECEIVED)
        assert read_rejected(tmp_path / "s").empty
        vintages = read_vintages(tmp_path / "s", "etf_flows")
        seen = [
            known_by(vintages, "etf_flows", cutoff=pd.Timestamp(at))
            .set_index(["session", "fund"])["net_flow_usd_m"]
            .get((pd.Timestamp("2026-02-03"), "IBIT"))
            for at in ("2026-02-04T13:59Z", "2026-02-04T14:00Z", "2026-02-07T14:00Z")
        ]
        assert seen == [None, 60.0, 61.0]

    def test_other_vendors_and_their_vintages_stay(self, tmp_path: Path) -> None:
        theirs = pd.DataFrame(
            {
                "session": [pd.Timestamp("2026-02-03").date()] * 2, "fund": ["IBIT"] * 2,
                "net_flow_usd_m": [1.0, 2.0], "vendor": ["issuer"] * 2,
                "known_at": pd.to_datetime(["2026-02-04T00:00Z", "2026-02-05T00:00Z"]),
            }
        )  # fmt: skip
        theirs.to_parquet(tmp_path / "etf_flows.parquet", index=False)
        self._import(tmp_path)
        held = pd.read_parquet(tmp_path / "etf_flows.parquet")
        assert held[held["vendor"] == "issuer"]["net_flow_usd_m"].tolist() == [1.0, 2.0]
        assert len(held) == 12

    @pytest.mark.parametrize(
        ("prepare", "known", "said"),
        [
            ("csv", None, "etf_flows.csv is in"),
            ("torn", None, "etf_flows.parquet cannot be read"),
            ("gone", None, "does not exist; name an existing folder"),
            ("", "2026-02-04T00:00Z", "known_at must not lie before the newest day"),
        ],
    )
    def test_a_folder_that_cannot_take_it_is_a_sentence(
        self, prepare: str, known: str | None, said: str, tmp_path: Path
    ) -> None:
        drop = tmp_path / "gone" if prepare == "gone" else tmp_path
        if prepare == "csv":
            (drop / "etf_flows.csv").write_text("x")
        if prepare == "torn":
            (drop / "etf_flows.parquet").write_bytes(b"PAR1 torn")
        with pytest.raises(FlowTableError, match=said):
            self._import(drop, known=known)


class TestCommand:
    def test_from_a_file_and_from_the_clipboard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saved = tmp_path / "flows.html"
        saved.write_text(PAGE)
        arguments = ["import", "flows", str(saved), "--drop", str(tmp_path)]
        done = unwind(*arguments)
        assert done.exit_code == 0, done.output
        assert "row 7 left out (summary): 'Total'" in done.output
        assert done.output.endswith("etf_flows.parquet: 10 added, 0 revised, 2 unchanged\n")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CLIPBOARD.encode())))
        again = unwind("import", "flows", "-", "--drop", tmp_path, "--json")
        assert '"added": 0' in again.output

    @pytest.mark.parametrize(
        ("extra", "said"),
        [
            (["nowhere.csv"], "nowhere.csv cannot be opened (No such file or directory)"),
            (["-", "--vendor", "../x"], "a vendor must be 1 to 32 letters"),
            (["-", "--known-at", "2026-02-05"], "needs a time zone"),
        ],
    )
    def test_a_fault_is_one_sentence(
        self, extra: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        command = ["unwind", "import", "flows", *extra, "--drop", str(tmp_path)]
        monkeypatch.setattr("sys.argv", command)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CLIPBOARD.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        fault = capsys.readouterr().err
        assert said in " ".join(fault.replace("│", " ").split())
        assert "Traceback" not in fault

    def test_the_page_holds_what_the_command_prints(self) -> None:
        page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
        assert unwind("sources", "--markdown").output in page

    def test_sources_are_listed_for_people_and_machines(self) -> None:
        text = unwind("sources").output
        for part in ("yahoo: prices", "crypto: perpetuals", "cftc: cftc_positions", "limits"):
            assert part in text
        assert '"source": "yahoo"' in unwind("sources", "--json").output
