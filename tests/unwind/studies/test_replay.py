"""The page of a replay, from one step by hand."""

from unwind.studies.replay import HYPOTHESES, replay_markdown

STEP = {
    "cutoff": "2026-02-05T21:15:00+00:00", "state": "DELEVERAGING", "verdict": "NAMED",
    "named": "multi_strategy", "posteriors": dict.fromkeys(HYPOTHESES, 0.2), "amplifier": 0.5,
    "newly_known": ["flow_base"], "changed": [], "conflicted": [], "sentence": "all of it",
    "futures": ["near_basis CME|<b>x</b> of 2026-02-04: 2.2% (-1.9% … 6.2%)"],
}  # fmt: skip


class TestPage:
    def test_a_step_is_a_row_and_a_section(self) -> None:
        page = replay_markdown("2026-02-05", [STEP])
        assert "| 2026-02-05 21:15Z | DELEVERAGING | NAMED multi-strategy deleveraging |" in page
        assert "## 2026-02-05 21:15Z\n\nall of it\n\n- Newly known: flow_base\n" in page
        assert "Changed" not in page

    def test_a_hostile_contract_name_stays_text(self) -> None:
        page = replay_markdown("2026-02-05", [STEP])
        assert "<b>" not in page
        assert r"CME\|&lt;b&gt;x" in page
