"""What changed since the session before, sentence by sentence."""

from datetime import date

import pandas as pd

from tests.unwind.report.test_digest import AS_OF, desk_rows, empty, february, pair, regimes
from unwind.report.changes import changes

YESTERDAY = date(2026, 2, 4)


def told(today, before):
    return {change.subject: change.text for change in changes(today, before, previous=YESTERDAY)}


def attributed(verdict, named, posterior):
    row = {"hypothesis": "yen_carry", "prior": 0.1, "posterior": posterior, "verdict": verdict}
    row |= {"named": named, "blocks_observed": 9, "sentence": "", "reason": ""}
    return {"attribution": desk_rows("attribution", [row])}


class TestStateAndScore:
    def test_entry(self):
        before = february() | {"regimes": regimes(state="WATCH", score=1.5)}
        said = told(february(), before)
        assert said["State"] == "WATCH → DELEVERAGING"
        assert said["Score"] == "1.50 → 4.81 (+3.31)"

    def test_nothing_moved(self):
        still = february() | {"regimes": regimes(sessions_in_state=2)}
        said = told(still, still)
        assert said["State"] == "unchanged, DELEVERAGING"
        assert said["Score"] == "4.81 → 4.81 (0.00)"
        assert said["Drivers"] == "unchanged"

    def test_unknown_score(self):
        said = told(february() | {"regimes": regimes(score=None)}, february())
        assert said["Score"] == "4.81 → –"


class TestDrivers:
    def test_largest_moves_first_and_the_lost_are_named(self):
        before = regimes(
            drivers=[("record volume", 0.3, 1.0, ""), ("base shock", 1.0, 1.0, ""),
                     ("breadth", 1.5, 1.0, ""), ("link", 0.96, 1.0, ""),
                     ("haven bid", -0.16, 1.0, ""), ("flow surprise", 0.5, 1.0, "")]
        )  # fmt: skip
        said = told(february(), february() | {"regimes": before})
        assert said["Drivers"] == "flow surprise is missing, record volume +2.01, breadth −1.25"


class TestCorrelations:
    def test_largest_change_first_from_its_own_row(self):
        rows = desk_rows(
            "correlations",
            [
                pair("IGV", 0.49, change=0.24),
                pair("TLT", -0.10, change=-0.40),
                pair("GLD", 0.19, change=0.12),
                pair("SPY", 0.5, change=0.01),
                pair("XLF", 0.5, window=63, change=0.9),
            ],
        )
        said = told(february() | {"correlations": rows}, None)
        assert said["Correlations"] == (
            "TLT 0.30 → −0.10, IGV 0.25 → 0.49, GLD 0.07 → 0.19 (largest of 4, 20 sessions)"
        )


class TestBreaks:
    def test_only_those_first_seen_in_the_session(self):
        rows = desk_rows(
            "changepoints",
            [
                {"pair": name, "method": "bocpd", "break_at": date(2026, 1, 2), "n_before": 9}
                | {"n_after": 9, "first_seen": seen}
                for name, seen in (("IBIT~IGV", AS_OF), ("IBIT~GLD", YESTERDAY))
            ],
        )
        said = told(february() | {"changepoints": rows}, None)
        assert said["Change points"] == "IBIT~IGV at 2026-01-02 (bocpd)"
        assert told(february(), None)["Change points"] == "no new break"


class TestAttribution:
    def test_finding_changes(self):
        today = february() | attributed("NAMED", "yen_carry", 0.71)
        before = february() | attributed("ABSTAIN", None, 0.3)
        assert told(today, before)["Attribution"] == "ABSTAIN → yen-carry unwind (0.71)"
        assert told(before, before)["Attribution"] == "unchanged, ABSTAIN"


class TestNothingToCompareWith:
    def test_says_so_and_tells_what_it_can(self):
        said = told(february(), None)
        assert said["Score"] == "2026-02-04 was not published, so there is nothing to compare with"
        assert set(said) == {"State", "Score", "Correlations", "Change points"}

    def test_no_verdict(self):
        said = told(empty(), february())
        assert said["State"] == "no verdict"
        assert said["Score"] == "4.81 → –"
        assert said["Correlations"] == "no change available"
        assert isinstance(said["Drivers"], str)
        assert not pd.isna(said["Attribution"])
