"""The desk report: its facts, its safety, and how it stands in a browser and on paper."""

import re
from dataclasses import replace
from datetime import date
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tests.browser import chromium, visit
from tests.unwind import mechanism_samples
from tests.unwind.report.test_digest import (
    AS_OF,
    CUTOFF,
    MOMENT,
    desk_rows,
    empty,
    february,
    indicator,
    nulls,
    pair,
    regimes,
)
from unwind.contract.text import THIN
from unwind.report.charts.links import DEEPEST, FALL, RISE
from unwind.report.charts.palette import PALETTE, PANEL, PAPER, TINT
from unwind.report.page import Histories, render_report

__all__ = ["chromium"]

SESSIONS = pd.bdate_range(end=AS_OF, periods=252)
SYMBOLS = ["IBIT", "IGV", "GLD", "SPY", "QQQ", "SMH", "BTC-USD"]
YESTERDAY = date(2026, 2, 4)
VOID = {"meta", "link", "br", "input"}


def histories(symbols=SYMBOLS, **changes):
    draws = np.random.default_rng(11)
    steps = draws.normal(0, 0.015, (len(SESSIONS), len(symbols)))
    links = np.tanh(draws.normal(0, 0.08, (len(SESSIONS), len(symbols) - 1)).cumsum(axis=0))
    score = np.abs(draws.normal(0, 1.2, len(SESSIONS)))
    state = np.where(score > 2, "WATCH", "CALM")
    history = pd.DataFrame(links, SESSIONS, list(symbols[1:]))
    held = {
        "prices": pd.DataFrame(40 * np.exp(steps.cumsum(axis=0)), SESSIONS, list(symbols)),
        "correlation": history,
        "lower": (history - 0.2).clip(-1, 1),
        "upper": (history + 0.2).clip(-1, 1),
        "score": pd.DataFrame({"score": score, "state": state}, SESSIONS),
        "volatility": published(symbols[:3], np.exp(draws.normal(-1, 0.1, (60, 3)))),
        "probabilities": pd.DataFrame(
            draws.uniform(size=(20, 2)), SESSIONS[-20:], [symbols[0], f"{symbols[0]}~risk_assets"]
        ),
    }
    return Histories(**(held | changes))


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
    nothing = pd.DataFrame(index=SESSIONS[:0])
    return Histories(
        prices=nothing,
        correlation=nothing,
        lower=nothing,
        upper=nothing,
        score=pd.DataFrame({"score": [], "state": []}, index=SESSIONS[:0]),
        volatility=pd.DataFrame(columns=["as_of", "asset", "sigma_annual", "converged", "breach"]),
        probabilities=nothing,
    )


def report(tables=None, *, source="files", **changes):
    arguments = {
        "as_of": AS_OF,
        "cutoff": CUTOFF,
        "source": source,
        "settings_digest": "3fa1c09b77de",
        "snapshot": "000003-cc04d162ada7",
        "tables": tables or february(),
        "previous": YESTERDAY,
        "before": yesterday(),
        "histories": histories(),
        "views": mechanism_samples.views(),
    }
    return render_report(**(arguments | changes))


def yesterday():
    """The session before: WATCH, a lower score, and nothing new."""
    drivers = [("record volume", 0.31, 0.9, "volume"), ("flow surprise", 1.0, -2.0, "flow")]
    row = regimes(drivers=drivers, state="WATCH", previous_state="CALM", score=1.31)
    return february() | {"regimes": row.assign(as_of=YESTERDAY)}


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
            "Thursday 5 February 2026: first session in DELEVERAGING (previous state WATCH)",
            "IBIT DELEVERAGING",
            "Deleveraging is under way in IBIT: a record volume day.",
            f"65{THIN}% of past sessions in this score band fell in a labelled episode",
            "Evidence score: −log₁₀ of the drivers’ harmonic-mean p-value",
            "range 3.81 to 7.31",
            "What changed since 2026-02-04",
            "State WATCH → DELEVERAGING",
            "Score 1.31 → 4.81 (+3.50)",
            "Correlations IGV 0.25 → 0.49, GLD 0.06 → 0.19 (largest of 2, 20 sessions)",
            "Snapshot 000003-cc04d162ada7",
            "Mechanism indicators (4): 1 conflicted, 1 proxy, 1 missing",
            "thresholds: WATCH 2.00, DELEVERAGING 4.00; back to CALM after consecutive sessions "
            "below 1.50",
            "2026-02-05 16:15 New York 2026-02-05 21:15 UTC",
            "+2.31 volume over its previous record, in shares (record volume, input 1.69)",
            "2 more drivers, together +0.09",
            "1 driver missing (flow surprise)",
            f"IBIT return, simple −13.16{THIN}% −5.29",
            f"IBIT volume, shares 284.4{THIN}M 4.41 252 record, 1.69× that of 2025-11-21",
            f"IBIT volume, dollars $10.27{THIN}bn",
            "IBIT~IGV 0.49 0.06 to 0.77 20 +0.24",
            "SLV: optimiser stopped at the boundary",
            "IBIT~IGV 2026-01-02 2026-01-20 12 0.55 0.10",
            "flows flow surprise IBIT −315.00 −315.00 to 118.40 −3.1 2026-02-05 conflicted",
            f"futures basis 30d 2.75{THIN}% −0.46{THIN}% to 5.97{THIN}%",
            "options: gamma exposure IBIT: no option chain was known by the cut-off.",
            "1 row of single notes: see the table mechanisms.",
            "prices: VIX high below low 1 row 9 ask again",
            "3fa1c09b77de",
        ):
            assert fact in text, fact

    def test_order_of_the_parts(self):
        page = february_page()
        ids = [
            "changed",
            "drivers",
            "uncertain",
            "origin",
            "correlations",
            "changepoints",
            "shocks",
        ]
        ids += ["volatility", "tails", "regimes", "score", "prices", "mechanisms", "gamma", "basis"]
        ids += ["basis-history", "flow", "barriers", "indicators", "gaps", "quality"]
        places = [re.search(rf'<h[23] id="{name}"', page).start() for name in ids]
        assert places == sorted(places)
        assert page.index("<h1") < places[0]

    def test_headings_skip_no_level(self):
        levels = [int(level) for level in re.findall(r"<h(\d)", february_page())]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))

    def test_no_word_of_points(self):
        assert "points," not in february_page().replace("Change points,", "")
        assert "in points" not in february_page()

    def test_every_table_has_a_caption_and_scoped_heads(self):
        page = february_page()
        assert page.count("<table>") == page.count("<caption")
        heads = re.findall(r"<th\b[^>]*>", page)
        assert heads
        assert all("scope=" in head for head in heads)

    def test_landmarks(self):
        page = february_page()
        for mark in ("<header", "<main>", "<nav aria-label=", "<footer>"):
            assert page.count(mark) == 1, mark
        assert page.count("<section") == page.count("<section aria-labelledby=")

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
        assert "unsafe" not in page
        assert " style=" not in page
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
        assert "SIMULATED DATA" not in february_page()


HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


@cache
def hostile_page(hostile=HOSTILE):
    """Every text that comes from outside is an attack."""
    tables = february() | {
        "regimes": regimes(
            drivers=[(hostile, 1.0, 1.0, hostile), (f"{hostile}2", None, None, hostile)],
            base=hostile,
            state=hostile,
            previous_state=hostile,
            headline=f'" onload="x" {hostile}',
        ),
        "correlations": desk_rows(
            "correlations",
            [pair(hostile, 0.5, change=0.1), pair("X", None, n=3, reason=f'"><b>{hostile}')],
        ),
        "shocks": desk_rows(
            "shocks", [{"asset": hostile, "measure": hostile, "unit": "", "window": 60, "n": 60}]
        ),
        "quality": desk_rows(
            "quality",
            [
                dict.fromkeys(("table", "entity", "rule", "example", "remedy"), hostile)
                | {"severity": "warning", "count": 1}
            ],
        ),
        "changepoints": desk_rows(
            "changepoints",
            [{"pair": hostile, "method": hostile, "break_at": SESSIONS[200].date()}
            | {"first_seen": AS_OF, "n_before": 1, "n_after": 1}],
        ),
        "mechanisms": desk_rows(
            "mechanisms",
            [
                indicator(hostile, hostile, hostile, 1.0, unit=hostile)
                | {"category": hostile, "quality": "conflicted"},
                indicator(hostile, "b", hostile, None, unit="")
                | {"quality": "missing", "reason": hostile},
            ],
        ),
    }  # fmt: skip
    return report(
        tables,
        source=f"simulated {hostile}",
        settings_digest=hostile,
        snapshot=hostile,
        histories=histories([hostile, "<b>", "IGV"]),
        views=replace(
            mechanism_samples.no_views(hostile),
            gamma=mechanism_samples.gamma(),
            flow=mechanism_samples.flow(item=hostile, vendor=hostile),
            barriers=replace(mechanism_samples.barriers(), volatility=hostile),
        ),
    )


@cache
def worst_page():
    """As much wrong as a first page must hold: everything missing, failed, contested, changed."""
    row = {"table": "structured_notes", "rule": "high below low", "severity": "warning", "count": 9}
    failed = {"model": "ewma", "n": 9, "converged": False}
    names = [f"LONGNAME{place}" for place in range(60)]
    tables = february() | {
        "quality": desk_rows("quality", [row | {"entity": name, "remedy": "x"} for name in names]),
        "volatility": desk_rows("volatility", [failed | {"asset": name} for name in names]),
        "mechanisms": desk_rows(
            "mechanisms",
            [
                indicator("flows", f"flow_surprise_cumulative_{name}", "TOTAL", 1.0, unit="USD m")
                | {"quality": "conflicted"}
                for name in names
            ],
        ),
        "changepoints": desk_rows(
            "changepoints",
            [{"pair": f"IBIT~{name}", "method": "glr-cusum-correlation", "break_at": AS_OF}
            | {"first_seen": AS_OF, "n_before": 1, "n_after": 1} for name in names],
        ),
    }  # fmt: skip
    return report(tables, source="simulated, seed 7")


class TestHostileInput:
    def test_texts_are_escaped_everywhere(self):
        page = hostile_page()
        reader = read(page)
        assert "<script" not in page
        assert not {"script", "b", "img"} & set(reader.tags)
        assert reader.text.count("alert(1)") > 40
        assert not re.search(r"<[^>]* (?:onload|onerror)=", re.sub(r"\"[^\"]*\"", "", page))


class TestContrast:
    """WCAG 2.1, success criterion 1.4.3: 4.5 to 1 for text, in both schemes."""

    @pytest.mark.parametrize("shade", [0, 1], ids=["light", "dark"])
    @pytest.mark.parametrize("role", ["ink", "muted"])
    def test_text_on_page_and_panel(self, shade, role):
        for ground in (PAPER, PANEL):
            assert contrast(PALETTE[role][shade], ground[shade]) >= 4.5

    @pytest.mark.parametrize("shade", [0, 1], ids=["light", "dark"])
    def test_state_on_its_tint(self, shade):
        for role in ("watch", "deleveraging", "release", "third", "unknown"):
            ground = mixed(PALETTE[role][shade], PAPER[shade], TINT[shade])
            assert contrast(PALETTE["ink"][shade], ground) >= 4.5

    @pytest.mark.parametrize("shade", [0, 1], ids=["light", "dark"])
    def test_figures_on_the_deepest_cell_of_the_heat_map(self, shade):
        for role in (RISE, FALL):
            ground = mixed(PALETTE[role][shade], PAPER[shade], DEEPEST)
            assert contrast(PALETTE["ink"][shade], ground) >= 4.5

    def test_black_on_white_is_21(self):
        assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def channels(colour):
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def mixed(colour, ground, share):
    parts = zip(channels(colour), channels(ground), strict=True)
    return "#" + "".join(f"{round(255 * (share * a + (1 - share) * b)):02x}" for a, b in parts)


def contrast(first, second):
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
                  for c in channels(colour)]  # fmt: skip
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@cache
def partial_page():
    """No session before, no mechanism charts, no close of one symbol."""
    past = histories()
    past.prices["GLD"] = np.nan
    return report(histories=past, before=None, views=mechanism_samples.no_views())


class TestNothingKnown:
    @pytest.mark.parametrize(
        ("tables", "past"),
        [(empty(), histories()), (nulls(), no_histories())],
        ids=["empty", "nulls"],
    )
    def test_renders_without_inventing_a_number(self, tables, past):
        text = read(report(tables, histories=past, views=mechanism_samples.no_views())).text
        assert not re.search(r"\bnan\b", text.lower())
        assert "None" not in text
        assert "Caveats" in text

    def test_says_that_there_is_no_verdict(self):
        text = read(report(empty(), histories=no_histories(), before=None)).text
        assert "No verdict" in text
        assert "No verdict: the regimes table has no row for this session." in text
        assert "No closes in this window." in text

    def test_each_missing_mechanism_gives_its_reason_in_its_place(self):
        page = partial_page()
        reason = f"no chart: {mechanism_samples.REASON}."
        for name in ("gamma", "basis", "flow", "barriers"):
            part = page[re.search(rf'<h3 id="{name}"', page).start() :]
            figure = part[: part.index("</figure>")]
            assert reason.capitalize()[:8] in figure
            assert mechanism_samples.REASON in figure
            assert "<svg" not in figure

    def test_session_before_that_was_not_published_is_said(self):
        text = read(partial_page()).text
        assert "2026-02-04 was not published, so there is nothing to compare with" in text
        assert "State WATCH → DELEVERAGING" in text

    def test_symbol_without_closes_is_named(self):
        assert "No closes: GLD." in read(partial_page()).text


class TestWrongSession:
    def test_rows_of_another_session_are_refused(self):
        other = february() | {"shocks": february()["shocks"].assign(as_of=date(2026, 2, 4))}
        with pytest.raises(ValueError, match="table shocks holds rows of 2026-02-04"):
            report(other)

    @pytest.mark.parametrize("name", ["prices", "correlation", "lower", "score", "probabilities"])
    def test_history_past_the_session_is_refused(self, name):
        late = getattr(histories(), name)
        late.index = late.index + pd.Timedelta(days=1)
        with pytest.raises(ValueError, match=f"{name} reaches 2026-02-06, past the session"):
            report(histories=histories(**{name: late}))

    def test_missing_table_is_refused(self):
        tables = february()
        del tables["quality"]
        with pytest.raises(ValueError, match=r"tables \['quality'\] are missing"):
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
        ("nulls", report(nulls(), histories=no_histories(), views=mechanism_samples.no_views())),
        ("hostile", hostile_page()),
        ("worst", worst_page()),
    ):
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return lambda name: (folder / f"{name}.html").as_uri()


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.browser
class TestBrowser:
    @pytest.mark.parametrize("name", ["files", "simulated", "nulls", "hostile", "worst"])
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

    @pytest.mark.parametrize("system", ["light", "dark"])
    def test_the_reader_may_choose_the_other_scheme(self, chromium, address, system):
        other = {"light": "dark", "dark": "light"}[system]
        paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}
        with visit(chromium, address("files"), width=800, height=800, scheme=system) as opened:
            page = opened.page
            assert background(page) == paper[system]
            page.get_by_label(other.capitalize(), exact=True).check()
            assert background(page) == paper[other]
            page.get_by_label("System", exact=True).check()
            assert background(page) == paper[system]
            page.get_by_label(other.capitalize(), exact=True).check()
            page.reload()
            assert background(page) == paper[system]
            kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
            assert kept == [0, 0, ""]
            assert opened.complaints == []

    @pytest.mark.parametrize("name", ["files", "simulated", "worst"])
    def test_first_page_fits_a_desktop_screen(self, chromium, address, name):
        with visit(chromium, address(name), width=1440, height=1000, scheme="light") as opened:
            box = opened.page.locator(".front").bounding_box()
            assert box["y"] + box["height"] <= 1000

    @pytest.mark.parametrize("name", ["files", "simulated", "nulls", "hostile", "worst"])
    def test_first_page_is_one_sheet_and_the_rest_begins_on_the_next(self, chromium, address, name):
        with visit(chromium, address(name), width=1000, height=800, scheme="light") as opened:
            whole = sheets(opened.page.pdf(prefer_css_page_size=True))
            opened.page.evaluate(
                "document.querySelectorAll('main > section, footer').forEach(part => part.remove())"
            )
            assert sheets(opened.page.pdf(prefer_css_page_size=True)) == 1
            assert whole > 1

    def test_style_is_that_of_the_policy_and_no_other(self, chromium, address):
        with visit(chromium, address("files"), width=800, height=800, scheme="light") as opened:
            opened.page.evaluate(
                """{const sheet = document.createElement("style");
                    sheet.textContent = "h1 { color: rgb(1, 2, 3) }";
                    document.body.append(sheet)}"""
            )
            assert (
                opened.page.evaluate("getComputedStyle(document.querySelector('h1')).color")
                != "rgb(1, 2, 3)"
            )

    def test_order_as_the_reader_meets_it(self, chromium, address):
        with visit(chromium, address("files"), width=1440, height=900, scheme="light") as opened:
            tops = opened.page.evaluate(
                "[...document.querySelectorAll('h1, h2')].map(e => e.getBoundingClientRect().top)"
            )
            names = opened.page.locator("h2").all_inner_texts()
        assert tops[0] < min(tops[1:])
        assert names[4:] == [
            "Correlations with IBIT", "Shocks of the session", "Volatility",
            "Regimes on the price history", "Mechanisms", "Data quality",
        ]  # fmt: skip

    def test_every_chart_has_a_name(self, chromium, address):
        with visit(chromium, address("files"), width=1000, height=800, scheme="light") as opened:
            charts = opened.page.locator("svg.chart:visible")
            names = [chart.get_attribute("aria-labelledby") for chart in charts.all()]
            assert len(names) == 11
            for name in names:
                title, description = name.split()
                assert opened.page.locator(f"#{title}").text_content()
                assert len(opened.page.locator(f"#{description}").text_content()) > 20

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


def sheets(paper):
    return len(re.findall(rb"/Type ?/Page\b", paper))
