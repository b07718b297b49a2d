"""Numbers as a reader sees them, and the session in words: markdown and plain text."""

import math
import re
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from unwind.contract.tables import TABLES
from unwind.contract.text import (
    NULL,
    THIN,
    both_clocks,
    interval,
    is_printed,
    long_session,
    magnitude,
    multiple,
    number,
    percent,
    plain,
    session,
)
from unwind.report.caveats import brief_caveats, caveats
from unwind.report.digest import read_verdict, remainder
from unwind.report.format import correlation_grid, quality_grid, shock_grid
from unwind.report.markdown import escape_markdown
from unwind.report.verdict import headline_lines, verdict_markdown

AS_OF = date(2026, 2, 5)
CUTOFF = pd.Timestamp("2026-02-05 21:15", tz="UTC")
HOSTILE = "<script>alert(1)</script>"
MOMENT = {
    "as_of": AS_OF,
    "known_at": CUTOFF,
    "cutoff": CUTOFF,
    "settings_digest": "3fa1c09b77de",
    "source": "files",
}
DRIVERS = (
    ("record volume", 2.31, 1.69, "volume over its previous record, in shares"),
    ("base shock", 1.44, -4.83, "robust z of the return"),
    ("breadth", 0.25, 0.66, "share of risk assets that fell"),
    ("link", 0.97, 2.1, "jump of the correlation with IGV"),
    ("haven bid", -0.16, 0.3, "TLT and UUP against the rest"),
    ("flow surprise", None, None, "net flow against the expected one"),
)


def desk_rows(name, rows):
    """Rows as a reader of the lake gets them: typed by the declaration, missing columns null."""
    blank = dict.fromkeys(column.name for column in TABLES[name].columns)
    frame = pd.DataFrame([blank | MOMENT | row for row in rows], columns=list(blank), dtype=object)
    return TABLES[name].arrow(frame).to_pandas()


def regimes(drivers=DRIVERS, **changes):
    row = {
        "base": "IBIT",
        "state": "DELEVERAGING",
        "previous_state": "WATCH",
        "sessions_in_state": 1,
        "score": 4.81,
        "score_lowest": 3.81,
        "score_highest": 7.31,
        "watch_threshold": 2.0,
        "deleveraging_threshold": 4.0,
        "release_threshold": 1.5,
        "return_period": 10**4.81,
        "episode_share": 0.651,
        "episode_share_lower": 0.47,
        "episode_share_upper": 0.81,
        "headline": "Deleveraging is under way in IBIT: a record volume day.",
        "drivers": [
            dict(zip(("driver", "contribution", "value", "meaning"), driver, strict=True))
            for driver in drivers
        ],
    }
    return desk_rows("regimes", [row | changes])


def pair(asset, value, **changes):
    row = {"base": "IBIT", "asset": asset, "method": "pearson", "window": 20, "n": 20}
    ends = {} if value is None else {"lower": value - 0.3, "upper": value + 0.2}
    return row | {"value": value} | ends | changes


def february():
    """Rows like those of 5 February 2026; the facts are those of the press and the tape."""
    no_volume = {"unit": "log return", "window": 60, "n": 60, "measure": "return"}
    volume = {"asset": "IBIT", "window": 252, "n": 252, "is_record": True}
    volume |= {"previous_record_on": date(2025, 11, 21)}
    return {
        "regimes": regimes(),
        "correlations": desk_rows(
            "correlations",
            [
                pair("IGV", 0.492, lower=0.064, upper=0.767, change=0.244, percentile=0.614),
                pair("GLD", 0.188, lower=-0.28, upper=0.58, change=0.125, percentile=0.576),
                pair("IGV", 0.61, window=63, n=63),
                pair("IGV", 0.55, method="ewma", window=10, n=19),
                pair("ETHA", None, n=11, reason="11 of 20 sessions hold both returns"),
            ],
        ),
        "shocks": desk_rows(
            "shocks",
            [
                no_volume
                | {"asset": "GLD", "value": -0.0270, "simple_return": -0.0266, "z": -3.17}
                | {"worst_since": date(2026, 2, 2)},
                no_volume
                | {"asset": "IBIT", "value": -0.1411, "simple_return": -0.1316, "z": -5.29},
                no_volume | {"asset": "TLT", "value": 0.0108, "simple_return": 0.0109, "z": 2.2},
                no_volume | {"asset": "VIX", "n": 12, "reason": "12 earlier rows, 40 are required"},
                volume
                | {"measure": "volume_shares", "unit": "shares", "value": 284.4e6, "z": 4.41}
                | {"record_multiple": 1.692, "previous_record": 168.1e6},
                volume
                | {"measure": "volume_dollars", "unit": "USD", "value": 10.267e9, "z": 3.62}
                | {"record_multiple": 1.268, "previous_record": 8.1e9},
                {"asset": "IBIT~IGV", "measure": "correlation_change", "unit": "correlation"}
                | {"window": 252, "n": 252, "value": 0.244, "z": 4.81},
            ],
        ),
        "volatility": desk_rows(
            "volatility",
            [
                {"asset": "IBIT", "model": "garch-t", "sigma": 0.0293, "sigma_annual": 0.651}
                | {"residual": -4.82, "n": 500, "converged": True}
                | {"estimated_to": date(2026, 2, 4)},
                {"asset": "SLV", "model": "ewma", "sigma": 0.0569, "sigma_annual": 1.264}
                | {"residual": -3.02, "n": 500, "converged": False}
                | {"reason": "optimiser stopped at the boundary"},
            ],
        ),
        "tail_risk": desk_rows(
            "tail_risk",
            [
                {
                    "asset": "IBIT",
                    "level": 0.05,
                    "model": "garch-t",
                    "tail": "gpd",
                    "value_at_risk": 0.066,
                    "expected_shortfall": 0.095,
                    "breach": True,
                    "value_at_risk_today": 0.049,
                    "sessions": 253,
                    "breaches": 15,
                    "breaches_expected": 12.65,
                    "coverage_p": 0.51,
                    "conditional_p": 0.332,
                    "shortfall_p": 0.301,
                },
            ],
        ),
        "changepoints": desk_rows(
            "changepoints",
            [
                {"pair": "IBIT~IGV", "method": "kernel", "break_at": date(2026, 1, 2)}
                | {"first_seen": date(2026, 1, 20), "delay": 12, "before": 0.55, "after": 0.1}
                | {"n_before": 80, "n_after": 23},
            ],
        ),
        "quality": desk_rows(
            "quality",
            [
                {"table": "prices", "entity": "USDJPY", "rule": "a daily bar stands in"}
                | {"severity": "info", "count": 1, "remedy": "give a quote"},
                {"table": "etf_flows", "entity": "IBIT", "rule": "vendors conflict"}
                | {"severity": "warning", "count": 2, "example": "row 7", "remedy": "keep both"},
                {"table": "prices", "entity": "VIX", "rule": "high below low"}
                | {"severity": "error", "count": 1, "example": "row 9", "remedy": "ask again"},
            ],
        ),
        "mechanisms": desk_rows(
            "mechanisms",
            [
                indicator("flows", "flow_surprise", "IBIT", -315.0, unit="USD m")
                | {"lower": -315.0, "upper": 118.4, "z": -3.1, "quality": "conflicted"},
                indicator("futures", "basis", "30d", 0.0275, unit="decimal a year of 365 days")
                | {"lower": -0.0046, "upper": 0.0597},
                indicator("options", "gamma_exposure", "IBIT", None, unit="USD per 1 % of spot")
                | {"quality": "missing", "reason": "no option chain was known by the cut-off"},
                indicator("notes", "knock_in_delta", "note A", -0.4, unit="units a unit")
                | {"quality": "proxy"},
            ],
        ),
    }


def indicator(block, name, item, value, *, unit):
    row = {"block": block, "indicator": name, "item": item, "value": value, "unit": unit}
    return row | {"describes": AS_OF, "quality": "good"}


def empty():
    return {name: table.schema.empty_table().to_pandas() for name, table in TABLES.items()}


def nulls():
    """Every table with one row that holds nothing but its key."""
    return {
        "regimes": regimes(
            drivers=[("link", None, None, None)],
            state="UNKNOWN",
            **dict.fromkeys(("score", "score_lowest", "score_highest", "return_period")),
            **dict.fromkeys(("episode_share", "episode_share_lower", "episode_share_upper")),
            **dict.fromkeys(("watch_threshold", "deleveraging_threshold", "release_threshold")),
        ),
        "correlations": desk_rows("correlations", [pair("IGV", None, n=0)]),
        "shocks": desk_rows(
            "shocks",
            [{"asset": "IBIT", "measure": "return", "unit": "log return", "window": 60, "n": 0}],
        ),
        "volatility": desk_rows("volatility", [{"asset": "IBIT", "model": "ewma", "n": 0}]),
        "tail_risk": desk_rows(
            "tail_risk", [{"asset": "IBIT", "level": 0.05, "model": "none", "sessions": 0}]
        ),
        "changepoints": desk_rows(
            "changepoints",
            [
                {"pair": "IBIT~IGV", "method": "kernel", "break_at": date(2026, 1, 2)}
                | {"n_before": 0, "n_after": 0}
            ],
        ),
        "quality": desk_rows(
            "quality",
            [
                {"table": "prices", "entity": "VIX", "rule": "late", "severity": "warning"}
                | {"count": 0, "remedy": "wait"}
            ],
        ),
        "mechanisms": desk_rows(
            "mechanisms",
            [indicator("flows", "flow", "IBIT", None, unit="USD m") | {"quality": "missing"}],
        ),
    }


def lines_of(tables, source="files"):
    return headline_lines(as_of=AS_OF, cutoff=CUTOFF, source=source, tables=tables)


def verdict_of(tables, source="files"):
    return verdict_markdown(
        as_of=AS_OF, cutoff=CUTOFF, source=source, settings_digest="3fa1c09b77de", tables=tables
    )


def rendered(markdown):
    return MarkdownIt("commonmark").enable("table").render(markdown)


class TestNumbers:
    def test_crash_of_5_february(self):
        # IBIT 41.57 to 36.10, 284.4 M shares at 36.10, the old record 168.1 M (tape of the day).
        assert percent(36.10 / 41.57 - 1, decimals=2) == f"−13.16{THIN}%"
        assert magnitude(284.4e6) == f"284.4{THIN}M"
        assert magnitude(284.4e6 * 36.10, currency="$") == f"$10.27{THIN}bn"
        assert multiple(284.4 / 168.1) == "1.69×"

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (999, "999"),
            (999.6, f"1.0{THIN}k"),
            (999_960, f"1.0{THIN}M"),
            (996e6, f"996.0{THIN}M"),
            (999.96e6, f"1.00{THIN}bn"),
            (2.5e12, f"2,500.00{THIN}bn"),
            (-373.4e6, f"−373.4{THIN}M"),
        ],
    )
    def test_magnitude_keeps_its_digits_at_the_edges(self, value, text):
        assert magnitude(value) == text

    def test_sign(self):
        assert number(-0.004, decimals=2) == "0.00"
        assert number(0.004, decimals=2, signed=True) == "0.00"
        assert number(0.244, decimals=2, signed=True) == "+0.24"
        assert magnitude(-1e6, currency="$") == f"−$1.0{THIN}M"

    def test_interval(self):
        # A 30-day correlation of 0.73: about 0.50 to 0.86 by Fisher's z.
        ends = [math.tanh(math.atanh(0.73) + k * 1.959964 / math.sqrt(27)) for k in (-1, 1)]
        assert interval(*ends, decimals=2) == "0.50 to 0.86"
        assert interval(-0.28, 0.58, decimals=2) == "−0.28 to 0.58"

    @pytest.mark.parametrize("null", [None, math.nan, pd.NaT, pd.NA])
    def test_null_is_a_dash_and_never_zero(self, null):
        assert number(null, decimals=2) == NULL
        assert percent(null, decimals=2) == NULL
        assert magnitude(null) == NULL
        assert multiple(null) == NULL
        assert interval(null, 0.5, decimals=2) == NULL
        assert session(null) == NULL
        assert plain(null) == NULL

    @given(st.floats(-1e9, 1e9), st.integers(0, 6))
    def test_number_reads_back(self, value, decimals):
        text = number(value, decimals=decimals)
        back = float(text.replace("−", "-").replace(",", ""))
        assert abs(back - value) <= 0.5 * 10.0**-decimals + 1e-6
        assert "-" not in text

    def test_both_clocks(self):
        assert both_clocks(CUTOFF) == ("2026-02-05 16:15 New York", "2026-02-05 21:15 UTC")
        summer = pd.Timestamp("2026-07-01 20:15", tz="UTC")
        assert both_clocks(summer)[0] == "2026-07-01 16:15 New York"

    def test_clock_without_zone_is_refused(self):
        with pytest.raises(ValueError, match="must carry its time zone"):
            both_clocks(pd.Timestamp("2026-02-05 21:15"))

    def test_dates(self):
        assert long_session(AS_OF) == "Thursday 5 February 2026"
        assert session(pd.Timestamp(AS_OF)) == session(AS_OF) == "2026-02-05"

    def test_control_and_direction_characters_are_dropped(self):
        assert plain("a\x1b[31mb\u202ec\nd\u2028e") == "a [31mb c d e"
        assert plain(f"−13.16{THIN}%") == f"−13.16{THIN}%"


class TestTables:
    def test_shocks_by_size_records_strong_nulls_last(self):
        grid = shock_grid(february()["shocks"])
        assert [line.cells[3] for line in grid.lines] == [
            "−5.29", "4.81", "4.41", "3.62", "−3.17", "2.20", NULL,
        ]  # fmt: skip
        strong = [line.cells[2] for line in grid.lines if line.strong]
        assert strong == [f"284.4{THIN}M", f"$10.27{THIN}bn"]
        assert grid.lines[0].cells == (
            "IBIT", "return, simple", f"−13.16{THIN}%", "−5.29", "60", "lowest available",
        )  # fmt: skip
        assert grid.lines[2].cells[5] == "record, 1.69× that of 2025-11-21"
        assert grid.lines[4].cells[5] == "lowest since 2026-02-02"

    def test_null_row_keeps_its_reason(self):
        last = shock_grid(february()["shocks"]).lines[-1]
        assert last.cells == ("VIX", "return, simple", NULL, NULL, "12 of 60", NULL)
        assert last.reason == "12 earlier rows, 40 are required"

    def test_value_below_the_record_is_no_record(self):
        row = {"asset": "IGV", "measure": "volume_shares", "window": 252, "n": 252, "value": 45e6}
        row |= {"unit": "shares", "record_multiple": 0.991, "previous_record_on": date(2026, 2, 4)}
        line = shock_grid(desk_rows("shocks", [row | {"is_record": False}])).lines[0]
        assert line.cells[5] == "0.99× the record of 2026-02-04"
        assert not line.strong

    def test_correlations_of_the_short_window_only(self):
        grid = correlation_grid(february()["correlations"])
        assert grid.headings[1].text == "20 sessions"
        assert [line.cells[:3] for line in grid.lines] == [
            ("IBIT~IGV", "0.49", "0.06 to 0.77"),
            ("IBIT~GLD", "0.19", "−0.28 to 0.58"),
            ("IBIT~ETHA", NULL, NULL),
        ]
        assert grid.lines[0].cells[3:] == ("20", "+0.24", f"61.4{THIN}%", NULL)

    def test_quality_errors_first(self):
        lines = quality_grid(february()["quality"]).lines
        assert [line.cells[0] for line in lines] == ["error", "warning", "info"]


class TestVerdict:
    def test_drivers_by_size_and_the_rest_adds_up(self):
        verdict = read_verdict(regimes())
        assert [driver.name for driver in verdict.largest] == [
            "record volume", "base shock", "link", "breadth", "haven bid",
        ]  # fmt: skip
        assert [driver.name for driver in verdict.missing] == ["flow surprise"]
        assert remainder(verdict) == "2 more drivers, together +0.09"
        total = sum(driver.contribution for driver in verdict.largest)
        assert total == pytest.approx(verdict.score)

    def test_score_is_said_as_odds(self):
        assert read_verdict(regimes()).odds_text == (
            "About 1 in 65,000 ordinary sessions scores this high. Base rate: "
            f"65{THIN}% of past sessions in this score band fell in a labelled episode "
            f"(95 % interval 47{THIN}% to 81{THIN}%)."
        )
        unknown = read_verdict(regimes(episode_share=None))
        assert "the base rate of this score band is not known" in unknown.odds_text

    def test_no_row_is_no_verdict(self):
        assert read_verdict(empty()["regimes"]) is None

    def test_two_rows_are_refused(self):
        twice = pd.concat([regimes(), regimes(base="IGV")])
        with pytest.raises(ValueError, match="one row, got 2"):
            read_verdict(twice)

    def test_range_is_left_out_when_it_is_the_score(self):
        exact = read_verdict(regimes(score_lowest=4.81, score_highest=4.81))
        assert exact.score_text == "4.81"
        assert read_verdict(regimes()).score_text == "4.81, range 3.81 to 7.31"


class TestMissingData:
    def test_range_over_a_threshold_says_that_the_state_could_differ(self):
        first = caveats(february())[0]
        assert first.startswith("1 driver missing (flow surprise)")
        assert "between 3.81 and 7.31" in first
        assert "which spans DELEVERAGING 4.00. The state is uncertain." in first

    def test_range_between_thresholds(self):
        tables = february() | {"regimes": regimes(score_lowest=4.2)}
        assert "the state is the same throughout" in caveats(tables)[0]

    def test_errors_warnings_fallbacks_and_intervals_are_named(self):
        said = caveats(february())
        assert said[1] == "Data error: prices, VIX: high below low (1 row)."
        assert said[2] == "Data warning: etf_flows, IBIT: vendors conflict (2 rows)."
        assert said[3] == (
            "Mechanism indicators (4): 1 conflicted, 1 proxy, 1 missing (vendors disagree on flow "
            "surprise IBIT)."
        )
        assert (
            said[4] == "SLV volatility did not converge (ewma): optimiser stopped at the boundary."
        )
        assert "IBIT–IGV 0.49 (Fisher 95 % interval 0.06 to 0.77" in said[5]
        assert len(said) == 6

    def test_in_brief_there_is_one_sentence_a_kind(self):
        said = brief_caveats(february())
        assert said[0].startswith("1 driver missing (flow surprise)")
        assert said[1] == (
            "Data quality: 1 error, 1 warning, 1 info. First: prices, VIX: high below low."
        )
        assert said[2].startswith("Mechanism indicators (4): 1 conflicted")
        assert said[3] == "1 of 2 volatility fits did not converge: SLV."
        assert len(said) == 5

    def test_in_brief_it_stays_brief_however_much_is_wrong(self):
        row = {"table": "prices", "rule": "late", "severity": "warning", "count": 1, "remedy": "x"}
        many = desk_rows("quality", [row | {"entity": f"S{place}"} for place in range(90)])
        failed = desk_rows(
            "volatility",
            [{"asset": f"S{place}", "model": "ewma", "n": 9, "converged": False}
             for place in range(90)],
        )  # fmt: skip
        said = brief_caveats(february() | {"quality": many, "volatility": failed})
        assert len(said) == 5
        assert (
            "90 of 90 volatility fits did not converge: S0, S1, S10, S11, S12 and 85 more." in said
        )

    def test_many_warnings_are_counted_not_listed(self):
        row = {"table": "prices", "rule": "late", "severity": "warning", "count": 1, "remedy": "x"}
        many = desk_rows("quality", [row | {"entity": f"S{place}"} for place in range(9)])
        said = caveats(february() | {"quality": many})
        assert sum(sentence.startswith("Data warning") for sentence in said) == 5
        assert "4 more data warnings: see data quality." in said


class TestHeadlineLines:
    def test_facts(self):
        lines = lines_of(february())
        assert lines[0] == (
            "IBIT: DELEVERAGING, Thursday 5 February 2026; first session in DELEVERAGING "
            "(previous state WATCH)"
        )
        assert lines[1].startswith(
            "Evidence score 4.81, range 3.81 to 7.31; thresholds: WATCH 2.00"
        )
        assert lines[2].startswith("About 1 in 65,000 ordinary sessions")
        assert lines[3] == "Contribution +2.31  volume over its previous record, in shares"
        assert lines[-1] == (
            "Data cut-off 2026-02-05 16:15 New York = 2026-02-05 21:15 UTC; source files"
        )

    def test_simulated_data_come_first(self):
        assert lines_of(february(), source="simulated, seed 7")[0] == "*** SIMULATED DATA ***"
        assert not any("SIMULATED" in line for line in lines_of(february()))

    def test_terminal_sequences_do_not_pass(self):
        tables = february() | {"regimes": regimes(headline="calm\x1b[2J\nDELEVERAGING")}
        assert all(is_printed(line) for line in lines_of(tables))

    @pytest.mark.parametrize("tables", [empty(), nulls()], ids=["empty", "nulls"])
    def test_nothing_known_still_speaks(self, tables):
        text = "\n".join(lines_of(tables))
        assert "cut-off" in text
        assert "nan" not in text.lower()
        assert "None" not in text


class TestMarkdown:
    def test_verdict(self):
        text = verdict_of(february())
        assert text.startswith("## IBIT: DELEVERAGING\n")
        assert "**Evidence score** 4.81, range 3.81 to 7.31; thresholds: WATCH 2.00" in text
        meaning = "**volume over its previous record, in shares**"
        assert f"- +2.31 {meaning} (record volume, input 1.69)" in text
        assert "- 2 more drivers, together +0.09" in text
        assert "Session Thursday 5 February 2026" in text
        assert "SIMULATED" not in text

    def test_simulated_data_come_first(self):
        assert verdict_of(february(), source="simulated").startswith("**SIMULATED DATA.")

    @pytest.mark.parametrize(
        "text",
        [
            *(HOSTILE, "<b>", "&amp;", "a|b", "\\|", "*x*", "_y_", "`c`", "~~s~~", "$1$"),
            *("[t](javascript:1)", "![i](x)", "https://example.org", "www.example.org"),
            '"><img src=x onerror=alert(1)>',
        ],
    )
    def test_hostile_symbol_is_shown_as_it_is(self, text):
        tokens = MarkdownIt("commonmark").enable("table").parse(f"| h |\n| - |\n| {escape(text)} |")
        (content,) = [token for token in tokens if token.type == "inline"][1:]
        assert {child.type for child in content.children} <= {"text", "text_special"}
        assert "".join(child.content for child in content.children) == text

    def test_github_links_no_bare_address(self):
        # An extended autolink begins with www., a scheme and ://, or holds an @ (GFM 6.9).
        for text in ("www.example.org", "WWW.example.org", "https://example.org", "a@example.org"):
            assert not re.search(r"(?i)www\.\w|\w://|[^\\]@", escape(text)), text

    @pytest.mark.parametrize("tables", [empty(), nulls()], ids=["empty", "nulls"])
    def test_nothing_known_still_renders(self, tables):
        text = verdict_of(tables)
        assert rendered(text)
        assert "nan" not in text.lower()
        assert "None" not in text


def escape(text):
    return escape_markdown(plain(text))
