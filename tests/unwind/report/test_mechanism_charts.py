"""Charts of the mechanisms: what they say is what their figures are, on a page and as a picture."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from tests.browser import chromium, visit
from tests.unwind import mechanism_samples
from tests.unwind.report.test_digest import february
from unwind.report.charts.basis import basis_chart, term_chart, term_text
from unwind.report.charts.drawing import NARROW, WIDE
from unwind.report.charts.flows import flow_chart, flow_text
from unwind.report.charts.one_page import charts_markdown
from unwind.report.charts.palette import PALETTE
from unwind.report.charts.spot import (
    barrier_chart,
    barrier_text,
    flip_text,
    gamma_chart,
    gamma_text,
)
from unwind.report.charts.svg import picture_address
from unwind.report.markdown import escape_markdown
from unwind.report.mechanisms import chart_texts, mechanisms_markdown

__all__ = ["chromium"]

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
CHARTS = {
    "gamma": lambda **at: gamma_chart(mechanism_samples.gamma(), base="IBIT", **at),
    "term": lambda **at: term_chart(mechanism_samples.basis(), **at),
    "basis": lambda **at: basis_chart(mechanism_samples.basis(), **at),
    "flow": lambda **at: flow_chart(mechanism_samples.flow(), **at),
    "barriers": lambda **at: barrier_chart(mechanism_samples.barriers(), base="IBIT", **at),
}


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("text")]


def described(svg):
    return ET.fromstring(svg).find("desc").text


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [WIDE, NARROW])
class TestEveryChart:
    def test_same_input_same_bytes_named_and_in_the_palette(self, name, width):
        svg = CHARTS[name](width=width, name="x")
        assert svg == CHARTS[name](width=width, name="x")
        root = ET.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert root.find("title").text
        assert len(root.find("desc").text) > 20
        assert set(re.findall(r"var\(--chart-([a-z]+)\)", svg)) <= set(PALETTE)
        assert " style=" not in svg
        assert not re.search(r"(?:fill|stroke)=\"#", svg)


class TestGamma:
    def test_band_zone_flip_and_clock_are_said(self):
        view = mechanism_samples.gamma()
        assert gamma_text(view) == "2.0 (−7.0 to 5.0) USD m per 1 % move, dealers unknown"
        assert flip_text(view) == "35.00, range 33.50 to beyond the grid"
        svg = CHARTS["gamma"](width=WIDE, name="g")
        assert {"spot 36.00", "flip 35.00", "short", "unknown", "long"} <= set(texts(svg))
        assert "option chain of 2026-02-05 21:00 UTC" in svg
        assert "short 25.00 to 33.50; unknown 33.50 to 39.50; long 39.50 to 47.00" in described(svg)

    def test_no_flip_is_not_drawn(self):
        view = mechanism_samples.gamma(flip=np.nan)
        assert flip_text(view) == "none on the grid"
        assert "flip nan" not in gamma_chart(view, base="IBIT", width=WIDE, name="g")

    def test_central_line_runs_through_zero_at_the_flip(self):
        svg = gamma_chart(mechanism_samples.gamma(), base="IBIT", width=WIDE, name="g")
        (central,) = [
            element.attrib["d"]
            for element in ET.fromstring(svg).iter("path")
            if element.attrib.get("stroke") == "var(--chart-first)"
        ]
        points = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", central), dtype=float)
        zero = next(
            float(element.attrib["d"].split()[2])
            for element in ET.fromstring(svg).iter("path")
            if element.attrib.get("stroke") == "var(--chart-muted)"
            and "clip-path" in element.attrib
        )
        # The panel is 46 to 690 pixels wide and shows spots 25 to 47.
        at = np.interp(zero, points[::-1, 1], points[::-1, 0])
        assert 25 + (at - 46) / (690 - 46) * 22 == pytest.approx(35.0, abs=0.05)


class TestBasis:
    def test_every_maturity_has_its_band_or_says_none(self):
        told = term_text(mechanism_samples.basis())
        assert told.startswith(
            "2026-02-04: 30 d 2.75 % (1.75 to 3.75), 60 d 3.75 % (2.55 to 4.95), 90 d none, "
            "120 d none; 2026-02-03: 30 d 3.40 %"
        )
        assert "2026-01-28: 30 d 3.50 %" in told
        svg = CHARTS["term"](width=WIDE, name="t")
        assert texts(svg).count("none") == 2
        assert {"2026-02-04", "2026-02-03", "2026-01-28"} <= set(texts(svg))

    def test_history_ends_with_the_newest_and_its_band(self):
        svg = CHARTS["basis"](width=WIDE, name="b")
        assert "Last, 2026-02-04: 2.75 % p.a. (−0.47 to 5.97)." in described(svg)

    def test_a_session_without_a_basis_is_a_gap(self):
        svg = CHARTS["basis"](width=WIDE, name="b")
        (line,) = [
            element.attrib["d"]
            for element in ET.fromstring(svg).iter("path")
            if element.attrib.get("stroke") == "var(--chart-first)"
            and "clip-path" in element.attrib
            and element.attrib.get("fill") == "none"
        ]
        assert line.count("M") == 2


class TestFlow:
    def test_surprise_and_conflict_are_said(self):
        assert flow_text(mechanism_samples.flow()) == (
            "2026-02-04: flow −373.4, expected −58.4, surprise −315.0 USD m, vendors disagree "
            "(signs differ). Vendors disagree on 1 of 60 sessions."
        )

    def test_only_contested_sessions_bear_a_ring(self):
        view = mechanism_samples.flow()
        rings = [
            flow_chart(replace(view, rows=rows), width=WIDE, name="f").count("<use")
            for rows in (view.rows, view.rows.assign(conflicted=False))
        ]
        assert rings[0] == rings[1] + 1


class TestBarriers:
    def test_mean_is_over_notional(self):
        # (40 · 0.1 + 60 · 0.6) / 100 below spot; the third note lies above it.
        assert barrier_text(mechanism_samples.barriers()).startswith(
            "3 notes not knocked in, notional $120.0 m; $5.0 m already knocked in; $100.0 m with "
            "barriers below spot, touched within 21 sessions with probability 40"
        )

    def test_nothing_below_spot(self):
        view = mechanism_samples.barriers()
        high = replace(view, notes=view.notes.assign(barrier=38.0))
        assert barrier_text(high) == (
            "3 notes not knocked in, notional $120.0 m; $5.0 m already knocked in; no barrier "
            "below spot"
        )


class TestHostileNames:
    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_stay_text_in_every_chart(self, hostile):
        flow = mechanism_samples.flow(item=hostile, vendor=hostile)
        flow.rows.loc[mechanism_samples.NEWEST, "category"] = hostile
        for svg in (
            flow_chart(flow, width=WIDE, name="f"),
            gamma_chart(mechanism_samples.gamma(), base=hostile, width=WIDE, name="g"),
            barrier_chart(mechanism_samples.barriers(), base=hostile, width=WIDE, name="n"),
        ):
            assert "<script" not in svg
            assert "<img" not in svg
            assert any(hostile in (text or "") for text in ET.fromstring(svg).itertext())
            address = picture_address(svg)
            assert not set("<>\"'() ") & set(address)
            assert hostile not in address
            ET.fromstring(unquote(address.removeprefix("data:image/svg+xml,")))

    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_stay_text_in_markdown(self, hostile):
        text = mechanisms_markdown(
            february()["mechanisms"].assign(indicator=hostile, reason=hostile, category=hostile),
            mechanism_samples.no_views(f"{hostile} [t](javascript:1)"),
            base="IBIT",
        )
        text += charts_markdown(
            february() | {"evidence": pd.DataFrame()},
            mechanism_samples.no_views(f"{hostile} [t](javascript:1)"),
            base=hostile,
        )
        page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
        assert not re.search(r"<(script|a|img src=x)\b", page)
        assert page.count("alert(1)") >= 6


class TestMissingInput:
    def test_reason_stands_in_the_place_of_each_chart(self):
        told = chart_texts(mechanism_samples.no_views())
        assert set(told.values()) == {f"no chart: {mechanism_samples.REASON}."}

    def test_artifact_gives_the_reason_in_its_place(self):
        tables = february() | {"evidence": pd.DataFrame()}
        whole, none = (
            charts_markdown(tables, views, base="IBIT")
            for views in (mechanism_samples.views(), mechanism_samples.no_views())
        )
        assert whole.count("](data:image/svg+xml,") == 6
        assert none.count("](data:image/svg+xml,") == 1
        assert none.count(escape_markdown(mechanism_samples.REASON)) == 4


@pytest.mark.browser
class TestPicture:
    def test_an_image_shows_it_in_its_own_colours(self, chromium, tmp_path):
        address = picture_address(CHARTS["term"](width=WIDE, name="t"))
        page = tmp_path / "page.html"
        page.write_text(f'<body><img src="{address}"></body>', encoding="utf-8")
        with visit(chromium, page.as_uri(), width=900, height=600, scheme="dark") as opened:
            size = opened.page.evaluate(
                "(async () => {const i = document.images[0]; await i.decode();"
                " return [i.naturalWidth, i.naturalHeight]})()"
            )
            assert opened.outside == []
        assert size == [WIDE + 24, 254]
        assert "var(" not in unquote(address)
        assert PALETTE["first"][0] in unquote(address)
