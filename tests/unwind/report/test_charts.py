"""Charts as SVG: the same bytes each time, text as text, colours by variable, gaps as gaps."""

import itertools
import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwind.report.charts.drawing import NARROW, WIDE, spread
from unwind.report.charts.links import correlation_chart, heat_map
from unwind.report.charts.palette import PALETTE
from unwind.report.charts.prices import price_chart, volatility_chart
from unwind.report.charts.regimes import regime_chart, score_chart

HOSTILE = "<script>alert(1)</script>"
SESSIONS = pd.bdate_range("2025-02-06", periods=260)


def prices(symbols=("IBIT", "IGV", "GLD"), sessions=SESSIONS):
    steps = np.random.default_rng(5).normal(0, 0.01, (len(sessions), len(symbols)))
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=sessions, columns=list(symbols))


def correlations(symbols=("IGV", "GLD", "SPY"), sessions=SESSIONS):
    steps = np.random.default_rng(6).normal(0, 0.05, (len(sessions), len(symbols)))
    values = np.tanh(steps.cumsum(axis=0))
    return pd.DataFrame(values, index=sessions, columns=list(symbols))


def scores(sessions=SESSIONS):
    score = np.abs(np.random.default_rng(7).normal(0, 1.5, len(sessions)))
    state = np.where(score > 4, "DELEVERAGING", np.where(score > 2, "WATCH", "CALM"))
    return pd.DataFrame({"score": score, "state": state}, index=sessions)


def draw_prices(frame, *, base="IBIT", width=WIDE, name="prices"):
    return price_chart(frame, base=base, width=width, name=name)


def draw_correlations(frame, *, breaks=None, half=None, width=WIDE, name="correlation"):
    error = np.nan if half is None else half
    return correlation_chart(
        frame,
        base="IBIT",
        highlighted=list(frame.columns[:2]),
        lower=frame - error,
        upper=frame + error,
        breaks=breaks or {},
        width=width,
        name=name,
    )


def draw_scores(frame, *, width=WIDE, name="score"):
    thresholds = {"release": 1.5, "WATCH": 2.0, "DELEVERAGING": 4.0}
    return score_chart(frame, thresholds=thresholds, width=width, name=name)


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("text")]


def lines_in(svg, role):
    """The path data of the curves drawn in a role's colour."""
    return [
        element.attrib["d"]
        for element in ET.fromstring(svg).iter("path")
        if element.attrib.get("stroke") == f"var(--chart-{role})" and "clip-path" in element.attrib
    ]


EVERY = [
    pytest.param(draw_prices, prices(), id="prices"),
    pytest.param(draw_correlations, correlations(), id="correlation"),
    pytest.param(draw_scores, scores(), id="score"),
]


class TestEveryChart:
    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    @pytest.mark.parametrize("width", [WIDE, NARROW])
    def test_same_input_same_bytes(self, draw, frame, width):
        assert draw(frame, width=width) == draw(frame.copy(), width=width)

    def test_threads_do_not_disturb_each_other(self):
        alone = draw_prices(prices())
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda _: draw_prices(prices()), range(8)))
        assert set(together) == {alone}

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    def test_says_what_it_shows(self, draw, frame):
        root = ET.fromstring(draw(frame, name="x"))
        assert root.attrib["role"] == "img"
        named = root.attrib["aria-labelledby"].split()
        said = {element.attrib.get("id"): element.text for element in root}
        assert all(said[name] for name in named)
        assert "260 sessions, 2025-02-06 to 2026-02-04" in said["x-description"]

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    def test_colours_are_variables_of_the_palette(self, draw, frame):
        svg = draw(frame)
        assert set(re.findall(r"var\(--chart-([a-z]+)\)", svg)) <= set(PALETTE)
        painted = re.findall(r"(?:fill|stroke)=\"(?!none|var)[^\"]+", svg)
        assert painted == []
        assert " style=" not in svg

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    def test_ids_are_unique_on_a_page(self, draw, frame):
        page = draw(frame, name="a") + draw(frame, name="b", width=NARROW)
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        referred = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
        assert set(referred) <= set(ids)

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    def test_needs_nothing_from_outside(self, draw, frame):
        svg = draw(frame)
        assert "http" not in svg
        assert "font-family" not in svg
        assert "<style" not in svg

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    @pytest.mark.parametrize("count", [1, 2, 30])
    def test_young_desk(self, draw, frame, count):
        assert draw(frame.iloc[:count]).startswith("<svg")

    @pytest.mark.parametrize(("draw", "frame"), EVERY)
    def test_no_session_is_refused(self, draw, frame):
        with pytest.raises(ValueError, match="at least 1 session, got 0"):
            draw(frame.iloc[:0])

    def test_hostile_symbols_stay_text(self):
        svg = draw_prices(prices(["IBIT", HOSTILE, "$x$", "a-->b", 'id="q"']))
        root = ET.fromstring(svg)
        assert "<script" not in svg
        assert any(text.startswith("<script>ale…") for text in texts(svg))
        assert any(text.startswith("$x$ ") for text in texts(svg))
        assert root.attrib["role"] == "img"
        assert "<script" not in draw_correlations(correlations([HOSTILE, "GLD"]))


class TestPrices:
    def test_crash_of_5_february(self):
        # IBIT closed at 41.57 on the 4th and at 36.10 on the 5th: 86.84 of 100.
        frame = pd.DataFrame(
            {"IBIT": [41.57, 36.10]}, index=pd.DatetimeIndex(["2026-02-04", "2026-02-05"])
        )
        assert "IBIT 87" in texts(draw_prices(frame))

    def test_late_listing_starts_at_100(self):
        frame = prices()
        frame.iloc[:200, 1] = np.nan
        end = 100 * frame["IGV"].iloc[-1] / frame["IGV"].iloc[200]
        assert f"IGV {end:.0f}" in texts(draw_prices(frame))

    def test_holiday_leaves_a_gap(self):
        frame = prices()
        whole = lines_in(draw_prices(frame), "ink")[0]
        frame.loc[SESSIONS[100:110], "IBIT"] = np.nan
        broken = lines_in(draw_prices(frame), "ink")[0]
        assert (whole.count("M"), broken.count("M")) == (1, 2)

    def test_dead_series_says_when_it_ended(self):
        frame = prices()
        frame.loc["2026-01-20":, "IGV"] = np.nan
        assert any(text.endswith(", 19 Jan") for text in texts(draw_prices(frame)))

    def test_weekend_takes_no_room(self):
        two_weeks = prices(["IBIT"], pd.bdate_range("2026-01-05", periods=10))
        points = re.findall(r"[ML] ([\d.]+) ", lines_in(draw_prices(two_weeks), "ink")[0])
        steps = np.diff([float(point) for point in points])
        assert steps == pytest.approx(np.full(9, steps[0]), abs=0.03)

    def test_prefix_of_a_line_is_the_same_when_nothing_grows(self):
        flat = pd.DataFrame({"IBIT": 50.0}, index=SESSIONS[:5])
        assert "IBIT 100" in texts(draw_prices(flat))


class TestCorrelations:
    def test_two_in_colour_the_others_grey(self):
        svg = draw_correlations(correlations(("IGV", "GLD", "SPY", "TLT")))
        assert len(lines_in(svg, "others")) == 2
        assert len(lines_in(svg, "first")) == len(lines_in(svg, "second")) == 1
        assert not any("SPY" in text for text in texts(svg))

    def test_breaks_inside_the_window_are_marked(self):
        breaks = {date(2025, 10, 10): "IGV", date(2019, 1, 2): "GLD"}
        svg = draw_correlations(correlations(), breaks=breaks)
        assert "IGV" in texts(svg)
        assert "GLD" not in texts(svg)
        assert "2025-10-10 (IGV)" in svg

    def test_crowded_breaks_never_write_over_each_other(self):
        breaks = {SESSIONS[place].date(): f"S{place}" for place in range(100, 140)}
        svg = draw_correlations(correlations(), breaks=breaks)
        rows = {}
        for element in ET.fromstring(svg).iter("text"):
            if re.fullmatch(r"S\d+", element.text):
                x, y = re.findall(r"-?[\d.]+", element.attrib["transform"])[-2:]
                rows.setdefault(y, []).append(float(x))
        assert 1 <= len(rows) <= 2
        assert all(np.diff(sorted(places)).min() > 20 for places in rows.values())

    def test_interval_is_drawn_at_the_edge(self):
        plain, with_interval = (
            draw_correlations(correlations(), half=half) for half in (None, 0.2)
        )
        # A band and a bar for the first, a bar for the second.
        assert with_interval.count("var(--chart-first)") > plain.count("var(--chart-first)") + 1
        assert with_interval.count("var(--chart-second)") == plain.count("var(--chart-second)") + 1
        last = correlations()["GLD"].iloc[-1]
        assert f"GLD {last - 0.2:.2f} to {last + 0.2:.2f}".replace("-", "−") in with_interval


class TestScores:
    def test_states_are_shaded_and_thresholds_labelled(self):
        svg = draw_scores(scores())
        for role in ("watch", "deleveraging"):
            assert f'fill="var(--chart-{role})"' in svg
        assert {"WATCH 2.0", "DELEVERAGING 4.0", "release 1.5"} <= set(texts(svg))

    def test_unknown_score_leaves_a_gap_and_is_not_the_last(self):
        frame = scores()
        frame.loc[SESSIONS[-3:], ["score", "state"]] = [np.nan, "UNKNOWN"]
        svg = draw_scores(frame)
        assert any(re.fullmatch(r"score [\d.]+, 30 Jan", text) for text in texts(svg))
        assert 'fill="var(--chart-unknown)"' in svg

    def test_without_thresholds(self):
        assert score_chart(scores(), thresholds={}, width=WIDE, name="s").startswith("<svg")


class TestSpread:
    def test_by_hand(self):
        assert spread([1, 2, 40], gap=10, low=0, high=100) == [1, 11, 40]
        assert spread([90, 95], gap=10, low=0, high=96) == [86, 96]

    @given(st.lists(st.floats(0, 300), max_size=12).map(sorted))
    def test_labels_never_touch_nor_leave(self, wanted):
        placed = spread(wanted, gap=14, low=0, high=300)
        assert all(later - earlier >= 14 - 1e-9 for earlier, later in itertools.pairwise(placed))
        assert all(-1e-9 <= place <= 300 + 1e-9 for place in placed)

    @given(st.lists(st.integers(0, 20), max_size=12).map(sorted))
    def test_labels_with_room_stay(self, wanted):
        apart = [20 * place + 15 * index for index, place in enumerate(wanted)]
        assert spread(apart, gap=14, low=0, high=1000) == apart


def sigmas(symbols=("IBIT", "IGV", "GLD"), sessions=SESSIONS):
    draws = np.random.default_rng(8).normal(0, 0.05, (len(sessions), len(symbols)))
    return pd.DataFrame(40 * np.exp(draws.cumsum(axis=0)), sessions, list(symbols))


def draw_sigmas(frame, *, fallbacks=(), breaches=(), width=WIDE, name="volatility"):
    stood_in = pd.DataFrame(False, frame.index, frame.columns)
    for place, symbol in fallbacks:
        stood_in.loc[frame.index[place], symbol] = True
    return volatility_chart(
        frame, base="IBIT", fallbacks=stood_in, breaches=breaches, width=width, name=name
    )


class TestVolatilityChart:
    def test_says_what_it_shows(self):
        drawn = draw_sigmas(
            sigmas(), fallbacks=[(3, "IGV"), (4, "IGV")], breaches=[SESSIONS[-1].date()]
        )
        last = SESSIONS[-1].date().isoformat()
        assert f"EWMA fallbacks: 2. VaR breaches of IBIT: {last}." in drawn
        assert "VaR breaches of IBIT: none." in draw_sigmas(sigmas())

    def test_marks_are_drawn(self):
        plain_chart, marked = (
            draw_sigmas(sigmas(), **given)
            for given in ({}, {"fallbacks": [(9, "GLD")], "breaches": [SESSIONS[9].date()]})
        )
        assert len(marked) > len(plain_chart)
        assert "var(--chart-deleveraging)" in marked
        assert "var(--chart-deleveraging)" not in plain_chart

    def test_a_session_alone_is_a_dot_and_a_hole_a_gap(self):
        frame = sigmas().iloc[-5:].copy()
        frame.iloc[[1, 3], 0] = np.nan
        assert draw_sigmas(frame) == draw_sigmas(frame)
        assert len(draw_sigmas(frame.iloc[-1:])) > 1000

    def test_a_breach_outside_the_window_is_left_out(self):
        assert "VaR breaches of IBIT: none." in draw_sigmas(sigmas(), breaches=[date(2001, 1, 2)])

    def test_nothing_to_draw_is_refused(self):
        with pytest.raises(ValueError, match="at least 1 session"):
            draw_sigmas(sigmas().iloc[:0])


class TestHeatMap:
    values = pd.DataFrame(
        {"pearson 20": [0.92, -0.31, np.nan], "ewma 10": [0.5, 0.0, 0.12]},
        index=["MSTR", "UUP", HOSTILE],
    )

    def drawn(self, doubtful=False):
        flags = pd.DataFrame(doubtful, self.values.index, self.values.columns)
        return heat_map(self.values, flags, base="IBIT", width=WIDE, name="heat")

    def test_every_figure_is_written_once_and_a_missing_one_not_at_all(self):
        written = texts(self.drawn())
        assert [text for text in written if re.fullmatch(r"−?\d\.\d\d", text)] == [
            "0.92", "0.50", "−0.31", "0.00", "0.12",
        ]  # fmt: skip
        assert {"pearson 20", "ewma 10", "MSTR"} <= set(written)

    def test_sign_is_the_colour_and_size_its_depth(self):
        shades = [
            (element.attrib["fill"], float(element.attrib.get("opacity", 1)))
            for element in ET.fromstring(self.drawn()).iter("path")
            if element.attrib.get("fill") in ("var(--chart-first)", "var(--chart-second)")
        ]
        assert shades == [
            ("var(--chart-first)", pytest.approx(0.46)),
            ("var(--chart-first)", pytest.approx(0.25)),
            ("var(--chart-second)", pytest.approx(0.155)),
            ("var(--chart-first)", pytest.approx(0.06)),
        ]

    def test_doubtful_figures_are_slanted(self):
        assert self.drawn().count("italic") == 0
        assert self.drawn(doubtful=True).count("italic") == 5

    def test_nothing_to_draw_is_refused(self):
        none = self.values.iloc[:0]
        with pytest.raises(ValueError, match="at least 1 counterpart"):
            heat_map(none, none, base="IBIT", width=WIDE, name="heat")


class TestRegimes:
    def drawn(self, probabilities):
        return regime_chart(
            prices()["IBIT"], scores()["state"], probabilities, base="IBIT", width=WIDE, name="r"
        )

    def test_states_shade_the_price_and_probabilities_stand_below(self):
        held = pd.DataFrame({"IBIT": np.nan, "IBIT~risk_assets": np.nan}, index=SESSIONS)
        held.iloc[-5:] = 0.25
        svg = self.drawn(held)
        assert 'fill="var(--chart-deleveraging)"' in svg
        assert "Last probabilities: IBIT 25" in svg
        assert "Filtered probability of stress, percent" in texts(svg)
        counts = scores()["state"].value_counts()
        assert f"CALM {counts['CALM']}" in svg

    def test_without_a_published_model_there_is_no_lower_panel(self):
        svg = self.drawn(pd.DataFrame(index=SESSIONS))
        assert "Filtered probability of stress, percent" not in texts(svg)
        assert "Last probabilities: none" in svg
