"""Attribution for people: grids, markdown and the picture of the evidence by block."""

import xml.etree.ElementTree as ET
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.unwind.report.test_digest import february
from tests.unwind.report.test_report import report
from unwind.hypotheses import AMPLIFIER, MECHANISMS, WORDS
from unwind.report.attribution import (
    attribution_grid,
    attribution_markdown,
    block_contributions,
    vote_grid,
)
from unwind.report.charts.mechanisms import contribution_chart

BLOCKS = {"shock": ("base_fall", "base_trough"), "yen": ("yen",), "flows": ("flow_total",)}


def evidence() -> pd.DataFrame:
    rows = [
        {
            "hypothesis": hypothesis, "indicator": name, "block": block,
            "contribution": 0.0 if block == "flows" else 0.5 * (1 + place) * (-1) ** place,
            "quality": "missing" if block == "flows" else "good",
            "reason": "not | known <yet>" if block == "flows" else None,
        }
        for place, hypothesis in enumerate((*MECHANISMS, AMPLIFIER))
        for block, names in BLOCKS.items()
        for name in names
    ]  # fmt: skip
    return pd.DataFrame(rows)


def attribution() -> pd.DataFrame:
    shares = dict.fromkeys(WORDS, 0.06) | {"yen_carry": 0.7, AMPLIFIER: 0.4}
    return pd.DataFrame(
        [
            {
                "hypothesis": name, "prior": 0.2, "posterior": share,
                "log_odds": np.log(share / 0.1), "verdict": "NAMED", "named": "yen_carry",
                "rank": np.nan if name == AMPLIFIER else 1.0 + (share < 0.7),
                "sentence": "2024-08-05: yen-carry unwind fits best.", "reason": "posterior 0.70",
                "blocks_observed": 9, "blocks_missing": None,
                "as_of": date(2024, 8, 5),
            }
            for name, share in shares.items()
        ]
    )  # fmt: skip


class TestGrids:
    def test_blocks_sum_their_indicators(self) -> None:
        votes = block_contributions(evidence())
        assert votes.index.tolist() == list(BLOCKS)
        assert votes.loc["shock", "multi_strategy"] == 1.0
        assert votes.loc["yen", "crypto_native"] == -1.0
        assert votes.loc["flows"].isna().all()

    def test_the_likeliest_stands_first_and_the_amplifier_last(self) -> None:
        lines = [line.cells[0] for line in attribution_grid(attribution()).lines]
        assert lines[0] == "yen-carry unwind"
        assert lines[-1] == WORDS[AMPLIFIER]

    def test_a_silent_block_says_why(self) -> None:
        line = vote_grid(evidence()).lines[-1]
        assert line.cells[0] == "flows"
        assert "not | known" in line.reason

    def test_markdown_is_disarmed(self) -> None:
        text = attribution_markdown({"attribution": attribution(), "evidence": evidence()})
        assert text.startswith("## NAMED: yen-carry unwind")
        assert "not \\| known &lt;yet&gt;" in text

    def test_nothing_published_says_so(self) -> None:
        nothing = pd.DataFrame()
        text = attribution_markdown({"attribution": nothing, "evidence": nothing})
        assert "No attribution" in text
        assert vote_grid(nothing).lines == ()


class TestReport:
    def test_the_section_stands_where_there_is_a_finding(self) -> None:
        told = {"attribution": attribution(), "evidence": evidence()}
        page = report(february() | told)
        assert "2024-08-05: yen-carry unwind fits best." in page
        assert "Evidence by block" in page
        assert "not | known &lt;yet&gt;" in page

    def test_a_session_from_before_the_ledger_has_none(self) -> None:
        assert 'id="attribution"' not in report(february())


class TestPicture:
    @pytest.mark.parametrize("width", [704, 352])
    def test_it_is_well_formed_and_has_a_bar_a_vote(self, width: int) -> None:
        drawn = contribution_chart(block_contributions(evidence()), width=width, name="votes")
        root = ET.fromstring(drawn)
        space = "{http://www.w3.org/2000/svg}"
        bars = root.findall(f"{space}rect")
        panels = len(MECHANISMS) + 1
        assert len(bars) == 2 * panels
        assert len(root.findall(f"{space}circle")) == panels
        ends = [float(bar.get("x")) + float(bar.get("width")) for bar in bars]
        assert max(ends) <= width
        assert min(float(bar.get("x")) for bar in bars) >= 0

    def test_one_scale_for_all_and_the_sign_in_colour(self) -> None:
        drawn = contribution_chart(block_contributions(evidence()), width=704, name="votes")
        bars = ET.fromstring(drawn).findall("{http://www.w3.org/2000/svg}rect")
        held = {(bar.get("fill"), round(float(bar.get("width")), 1)) for bar in bars}
        colours = {fill for fill, _ in held}
        assert colours == {"var(--chart-first)", "var(--chart-second)"}
        longest, shortest = max(width for _, width in held), min(width for _, width in held)
        assert longest / shortest == pytest.approx(2 * (len(MECHANISMS) + 1), rel=0.02)

    def test_markup_in_a_name_stays_text(self) -> None:
        hostile = pd.DataFrame({"<b>": [1.0]}, index=["<script>"])
        assert "<script>" not in contribution_chart(hostile, width=704, name="votes")

    def test_nothing_to_draw_is_said(self) -> None:
        with pytest.raises(ValueError, match="omit the chart"):
            contribution_chart(pd.DataFrame(), width=704, name="votes")
