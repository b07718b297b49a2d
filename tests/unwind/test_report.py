"""The desk report: its facts, its safety, and how it stands in a browser and on paper."""

import re
from datetime import date
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tests.browser import chromium, visit
from tests.unwind.test_digest import (
    AS_OF,
    CUTOFF,
    HOSTILE,
    MOMENT,
    desk_rows,
    empty,
    february,
    nulls,
    pair,
    regimes,
)
from unwind.formatting import THIN
from unwind.report import render_report

__all__ = ["chromium"]

SESSIONS = pd.bdate_range(end=AS_OF, periods=252)
SYMBOLS = ["IBIT", "IGV", "GLD", "SPY", "QQQ", "SMH", "BTC-USD"]
VOID = {"meta", "link", "br"}


def histories(symbols=SYMBOLS):
    draws = np.random.default_rng(11)
    steps = draws.normal(0, 0.015, (len(SESSIONS), len(symbols)))
    links = np.tanh(draws.normal(0, 0.08, (len(SESSIONS), len(symbols) - 1)).cumsum(axis=0))
    score = np.abs(draws.normal(0, 1.2, len(SESSIONS)))
    state = np.where(score > 2, "WATCH", "CALM")
    return {
        "prices": pd.DataFrame(40 * np.exp(steps.cumsum(axis=0)), SESSIONS, list(symbols)),
        "correlation_history": pd.DataFrame(links, SESSIONS, list(symbols[1:])),
        "score_history": pd.DataFrame({"score": score, "state": state}, SESSIONS),
        "volatility_history": published(symbols[:3], np.exp(draws.normal(-1, 0.1, (60, 3)))),
    }


def published(symbols, sigma):
    """Rows of the last sessions, as the lake gives them: SLV failed, the base fell through once."""
    days = SESSIONS[-len(sigma) :]
    rows = pd.DataFrame(sigma, days, list(symbols)).rename_axis("as_of").reset_index()
    rows = rows.melt("as_of", var_name="asset", value_name="sigma_annual")
    rows["as_of"] = [stamp.date() for stamp in rows["as_of"]]
    rows["converged"] = np.arange(len(rows)) % 20 > 0
    rows["breach"] = [True if day == AS_OF else None for day in rows["as_of"]]
    rows.loc[rows["asset"] != symbols[0], "breach"] = None
    return rows


def no_histories():
    return {
        "prices": pd.DataFrame(index=SESSIONS[:0]),
        "correlation_history": pd.DataFrame(index=SESSIONS[:0]),
        "score_history": pd.DataFrame({"score": [], "state": []}, index=SESSIONS[:0]),
        "volatility_history": pd.DataFrame(
            columns=["as_of", "asset", "sigma_annual", "converged", "breach"]
        ),
    }


def report(tables=None, *, source="files", **changes):
    arguments = {
        "as_of": AS_OF,
        "cutoff": CUTOFF,
        "source": source,
        "settings_digest": "3fa1c09b77de",
        "tables": tables or february(),
    }
    return render_report(**(arguments | histories() | changes))


@cache
def february_page(source="files"):
    """The page that most tests read, drawn once."""
    return report(source=source)


class Reader(HTMLParser):
    """Words, tags and ids of a page; a tag closed out of order is an error."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.words, self.addresses = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [values[key] for key in ("href", "src", "action") if key in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


class TestPage:
    def test_facts_of_5_february(self):
        text = read(february_page()).text
        for fact in (
            "Thursday 5 February 2026: first session in this state, WATCH the session before",
            "IBIT DELEVERAGING",
            "Deleveraging is under way in IBIT: a record volume day.",
            "points, range 3.81 to 7.31",
            "WATCH from 2.00, DELEVERAGING from 4.00, released below 1.50",
            "2026-02-05 16:15 New York 2026-02-05 21:15 UTC",
            "+2.31 volume over its previous record, in shares (record volume, input 1.69)",
            "2 more drivers, together +0.09",
            "1 driver is missing: flow surprise.",
            f"IBIT return, simple −13.16{THIN}% −5.29",
            f"IBIT volume, shares 284.4{THIN}M 4.41 252 record, 1.69× that of 2025-11-21",
            f"IBIT volume, dollars $10.27{THIN}bn",
            "IBIT~IGV 0.49 0.06 to 0.77 20 +0.24",
            "SLV: optimiser stopped at the boundary",
            "IBIT~IGV 2026-01-02 2026-01-20 12 0.55 0.10",
            "prices: VIX high below low 1 row 9 ask again",
            "3fa1c09b77de",
        ):
            assert fact in text, fact

    def test_order_of_the_parts(self):
        page = february_page()
        ids = ["drivers", "uncertain", "prices", "correlation", "shocks", "correlations", "score"]
        ids += ["volatility", "tails", "changepoints", "quality"]
        places = [page.index(f'<h2 id="{name}"') for name in ids]
        assert places == sorted(places)
        assert page.index("<h1") < places[0]

    def test_ids_are_unique(self):
        ids = read(february_page()).ids
        assert len(ids) == len(set(ids))

    def test_same_input_same_bytes(self):
        assert report() == february_page()

    def test_order_of_rows_does_not_matter(self):
        shuffled = {name: rows.iloc[::-1] for name, rows in february().items()}
        assert report(shuffled) == february_page()

    def test_needs_nothing_from_outside_and_no_script(self):
        page = february_page()
        reader = read(page)
        assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", page)
        assert not {"script", "img", "iframe", "object", "form"} & set(reader.tags)
        assert all(address.startswith(("#", "data:,")) for address in reader.addresses)
        assert not re.search(r"\son[a-z]+=", page)

    def test_nulls_carry_their_reason(self):
        page = february_page()
        assert '<td class="number" title="11 of 20 sessions hold both returns">–</td>' in page
        assert "IBIT~ETHA: 11 of 20 sessions hold both returns" in read(page).text


class TestSimulatedData:
    def test_banner_title_and_paper(self):
        page = february_page("simulated, seed 7")
        assert read(page).text.count("SIMULATED DATA") == 2
        assert '<p class="simulated"' in page
        assert re.search(r'@top-center \{ content: "SIMULATED DATA"', page)

    def test_absent_for_real_data(self):
        assert "SIMULATED DATA" not in february_page("files")


class TestHostileInput:
    def test_texts_are_escaped_everywhere(self):
        tables = february() | {
            "regimes": regimes(
                drivers=[(HOSTILE, 1.0, 1.0, HOSTILE), (f"{HOSTILE}2", None, None, HOSTILE)],
                base=HOSTILE,
                state=HOSTILE,
                previous_state=HOSTILE,
                headline=f'" onload="x" {HOSTILE}',
            ),
            "correlations": desk_rows(
                "correlations",
                [pair(HOSTILE, 0.5), pair("X", None, n=3, reason=f'"><b>{HOSTILE}')],
            ),
            "shocks": desk_rows(
                "shocks",
                [{"asset": HOSTILE, "measure": HOSTILE, "unit": "", "window": 60, "n": 60}],
            ),
            "quality": desk_rows(
                "quality",
                [
                    dict.fromkeys(("table", "entity", "rule", "example", "remedy"), HOSTILE)
                    | {"severity": "warning", "count": 1}
                ],
            ),
            "changepoints": desk_rows(
                "changepoints",
                [{"pair": HOSTILE, "method": HOSTILE, "break_at": SESSIONS[200].date()}
                | {"n_before": 1, "n_after": 1}],
            ),
        }  # fmt: skip
        page = report(tables, source=f"simulated {HOSTILE}", settings_digest=HOSTILE) + report(
            tables, **histories([HOSTILE, "<b>", "IGV"])
        )
        reader = read(page)
        assert "<script" not in page
        assert not {"script", "b"} & set(reader.tags)
        assert reader.text.count("alert(1)") > 20
        assert not re.search(r"<[^>]* onload=", page)


class TestNothingKnown:
    @pytest.mark.parametrize("tables", [empty(), nulls()], ids=["empty", "nulls"])
    @pytest.mark.parametrize("past", [histories(), no_histories()], ids=["past", "no past"])
    def test_renders_without_inventing_a_number(self, tables, past):
        text = read(report(tables, **past)).text
        assert "nan" not in text.lower()
        assert "None" not in text
        assert "What is uncertain" in text

    def test_says_that_there_is_no_verdict(self):
        text = read(report(empty(), **no_histories())).text
        assert "No verdict" in text
        assert "There is no verdict: the regimes table holds no row for this session." in text
        assert "No closes in this window." in text

    def test_symbol_without_closes_is_named(self):
        past = histories()
        past["prices"]["GLD"] = np.nan
        assert "No closes: GLD." in read(report(**past)).text


class TestWrongSession:
    def test_rows_of_another_session_are_refused(self):
        other = february() | {"shocks": february()["shocks"].assign(as_of=date(2026, 2, 4))}
        with pytest.raises(ValueError, match="table shocks holds rows of 2026-02-04"):
            report(other)

    @pytest.mark.parametrize("name", ["prices", "correlation_history", "score_history"])
    def test_history_past_the_session_is_refused(self, name):
        late = histories()[name]
        late.index = late.index + pd.Timedelta(days=1)
        with pytest.raises(ValueError, match=f"{name} reaches 2026-02-06, past the session"):
            report(**{name: late})

    def test_missing_table_is_refused(self):
        tables = february()
        del tables["quality"]
        with pytest.raises(ValueError, match=r"misses \['quality'\]"):
            report(tables)

    def test_moment_of_the_sample_is_the_session(self):
        assert MOMENT["as_of"] == AS_OF


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The reports as files, opened as a desk opens them: from a disk."""
    folder = tmp_path_factory.mktemp("report")
    for name, page in (
        ("files", february_page()),
        ("simulated", february_page("simulated, seed 7")),
        ("nulls", report(nulls(), **no_histories())),
    ):
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return lambda name: (folder / f"{name}.html").as_uri()


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.browser
class TestBrowser:
    @pytest.mark.parametrize("name", ["files", "simulated", "nulls"])
    def test_opens_in_silence(self, chromium, address, name):
        with visit(chromium, address(name), width=1000, height=800, scheme="light") as opened:
            assert opened.requests == [address(name)]
            assert opened.outside == []
            assert opened.complaints == []

    @pytest.mark.parametrize("width", [400, 1000])
    @pytest.mark.parametrize("name", ["files", "simulated"])
    def test_headline_and_score_stand_in_the_first_view(self, chromium, address, name, width):
        with visit(chromium, address(name), width=width, height=800, scheme="light") as opened:
            for part in ("h1", ".headline", ".score"):
                box = opened.page.locator(part).bounding_box()
                assert box["y"] >= 0
                assert box["y"] + box["height"] <= 800

    @pytest.mark.parametrize("width", [320, 400, 1000])
    def test_page_never_scrolls_sideways(self, chromium, address, width):
        with visit(chromium, address("files"), width=width, height=800, scheme="light") as opened:
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width

    def test_chart_text_is_readable_on_a_telephone(self, chromium, address):
        with visit(chromium, address("files"), width=400, height=800, scheme="light") as opened:
            sizes = opened.page.evaluate(
                """[...document.querySelectorAll("svg text")]
                    .filter(text => text.getClientRects().length)
                    .map(text => parseFloat(getComputedStyle(text).fontSize)
                        * text.ownerSVGElement.getBoundingClientRect().width
                        / text.ownerSVGElement.viewBox.baseVal.width)"""
            )
            assert len(sizes) > 20
            assert min(sizes) >= 10

    @pytest.mark.parametrize("width", [400, 1000])
    def test_chart_text_is_not_clipped(self, chromium, address, width):
        with visit(chromium, address("files"), width=width, height=800, scheme="light") as opened:
            beyond = opened.page.evaluate(
                """[...document.querySelectorAll("svg text")]
                    .filter(text => text.getClientRects().length)
                    .map(text => text.getBoundingClientRect().right)
                    .filter(right => right > innerWidth).length"""
            )
            assert beyond == 0

    def test_dark_scheme_darkens_page_and_charts(self, chromium, address):
        seen = {}
        for scheme in ("light", "dark"):
            with visit(chromium, address("files"), width=800, height=800, scheme=scheme) as opened:
                line = "getComputedStyle(document.querySelector('.wide svg text')).fill"
                seen[scheme] = background(opened.page), opened.page.evaluate(line)
        assert seen["light"][0] == "rgb(255, 255, 255)"
        assert seen["dark"][0] == "rgb(20, 23, 26)"
        assert seen["light"][1] != seen["dark"][1]

    def test_banner_stays_in_view(self, chromium, address):
        page = address("simulated")
        with visit(chromium, page, width=1000, height=800, scheme="dark") as opened:
            opened.page.evaluate("scrollTo(0, 2000)")
            box = opened.page.locator(".simulated").bounding_box()
            assert box["y"] == 0
            assert box["width"] >= 980
            assert box["height"] >= 50

    def test_prints_on_a4_in_light_colours(self, chromium, address):
        with visit(chromium, address("files"), width=1000, height=800, scheme="dark") as opened:
            opened.page.emulate_media(media="print")
            assert background(opened.page) == "rgb(255, 255, 255)"
            paper = opened.page.pdf(prefer_css_page_size=True)
        assert paper.startswith(b"%PDF-")
        # A4 is 595.3 × 841.9 points.
        boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", paper)
        assert {(round(float(width)), round(float(height))) for width, height in boxes} == {
            (595, 842)
        }
