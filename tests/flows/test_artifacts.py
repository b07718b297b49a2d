"""What a run shows in the UI: which artifacts, in which order, and that no name becomes markup."""

import re

import pytest
from markdown_it import MarkdownIt

import flows.artifacts
from tests.unwind import mechanism_samples
from tests.unwind.report.test_digest import AS_OF, desk_rows, empty, february, pair, regimes
from unwind.lake.snapshots import Snapshot
from unwind.report.session import SessionDay

HOSTILE = '"><img src=x onerror=alert(1)> <script>alert(1)</script> [t](javascript:alert(1))'


@pytest.fixture
def published(monkeypatch):
    """Artifacts in the order in which they were made: key → text or rows."""
    made = {}

    def keep(*, key, description, markdown=None, table=None):
        assert HOSTILE not in description
        made[key] = markdown if table is None else table

    monkeypatch.setattr(flows.artifacts, "create_markdown_artifact", keep)
    monkeypatch.setattr(flows.artifacts, "create_table_artifact", keep)
    return made


def day(tables, tmp_path):
    snapshot = Snapshot(name="000001-0", lake=tmp_path, manifest={})
    return SessionDay(
        snapshot=snapshot, as_of=AS_OF, tables=empty() | tables, around=tables["correlations"]
    )


class TestReadingOrder:
    def test_verdict_first_tables_last(self, published, tmp_path) -> None:
        flows.artifacts.publish_artifacts(day(february(), tmp_path), mechanism_samples.views())
        assert list(published) == [
            "verdict", "why", "attribution", "mechanisms", "charts", "correlations", "shocks",
            "data-quality",
        ]  # fmt: skip
        assert published["charts"].count("](data:image/svg+xml,") == 6
        assert published["correlations"][0]["Pair"] == "IBIT\\~IGV"


class TestHostileNames:
    def test_no_cell_and_no_page_becomes_markup(self, published, tmp_path) -> None:
        tables = february() | {
            "regimes": regimes(
                base=HOSTILE, state=HOSTILE, headline=HOSTILE, calibration=HOSTILE,
                drivers=[(HOSTILE, 1.0, 1.0, HOSTILE)],
            ),
            "correlations": desk_rows(
                "correlations", [pair(HOSTILE, 0.5), pair("X", None, n=3, reason=HOSTILE)]
            ),
            "quality": desk_rows(
                "quality",
                [dict.fromkeys(("table", "entity", "rule", "example", "remedy"), HOSTILE)
                | {"severity": "warning", "count": 1}],
            ),
        }  # fmt: skip
        tables["regimes"]["drivers"] = [
            [driver | {"evidence": 1.0} for driver in row] for row in tables["regimes"]["drivers"]
        ]
        views = mechanism_samples.no_views(HOSTILE)
        flows.artifacts.publish_artifacts(day(tables, tmp_path), views)
        reader = MarkdownIt("commonmark", {"html": True}).enable("table")
        for held in published.values():
            cells = [held] if isinstance(held, str) else [c for row in held for c in row.values()]
            for text in cells:
                page = reader.render(text)
                assert not re.search(r"<(script|a|img src=.?x)\b", page), text
