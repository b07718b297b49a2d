"""Where the desk report of a session lies, and its writing: whole or not at all."""

from pathlib import Path

import pandas as pd

from features.panel import Panel
from unwind.durable import write_atomically
from unwind.lake import Snapshot
from unwind.reading import session_day
from unwind.report import render_report
from unwind.rows.correlations import Link
from unwind.rows.moment import Moment
from unwind.rows.regimes import Verdict
from unwind.settings import Settings


def write_report_file(
    lake: Path,
    snapshot: Snapshot,
    panel: Panel,
    measured: tuple[Link, ...],
    verdict: Verdict,
    moment: Moment,
    *,
    settings: Settings,
) -> Path:
    """Render the report of a published session and put it at reports/<session>/<cutoff>.html.

    The tables are read back from the snapshot: what is drawn is what was published.
    """
    day = session_day(snapshot, as_of=moment.as_of, cutoff=moment.cutoff)
    shown = settings.report.history
    page = render_report(
        as_of=moment.as_of,
        cutoff=moment.cutoff,
        source=moment.source,
        settings_digest=settings.digest,
        tables=day.tables,
        correlation_history=measured[0].value.iloc[-shown:],
        score_history=pd.DataFrame(
            {"score": verdict.scores.score, "state": verdict.states["state"]}
        ).iloc[-shown:],
        prices=panel.close[list(settings.universe.symbols)].iloc[-shown:],
    )
    target = lake / "reports" / moment.as_of.isoformat() / f"{moment.cutoff:%Y%m%dT%H%MZ}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda draft: draft.write_text(page, encoding="utf-8"))
    return target
