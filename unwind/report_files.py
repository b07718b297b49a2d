"""Where the desk report of a session lies, and its writing: whole or not at all."""

from pathlib import Path

import pandas as pd

from features.panel import Panel
from unwind.durable import write_atomically
from unwind.lake import Snapshot, read
from unwind.reading import session_day
from unwind.report import WATCHED, render_report
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
        volatility_history=_volatility_history(snapshot, panel, moment, settings),
    )
    target = lake / "reports" / moment.as_of.isoformat() / f"{moment.cutoff:%Y%m%dT%H%MZ}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda draft: draft.write_text(page, encoding="utf-8"))
    return target


def _volatility_history(
    snapshot: Snapshot, panel: Panel, moment: Moment, settings: Settings
) -> pd.DataFrame:
    """What was published, by the run's cut-off, on the base and the first counterparts."""
    universe = settings.universe
    drawn = [universe.base, *universe.counterparts[:WATCHED]]
    first = panel.sessions[-min(settings.report.history, len(panel.sessions))].date()
    rows = read(snapshot, "volatility", cutoff=moment.cutoff)
    tails = read(snapshot, "tail_risk", cutoff=moment.cutoff)
    tails = tails[
        (tails["asset"] == universe.base) & (tails["level"] == max(settings.tail_risk.levels))
    ]
    shown = rows["as_of"].between(first, moment.as_of) & rows["asset"].isin(drawn)
    rows = rows.loc[shown, ["as_of", "asset", "sigma_annual", "converged"]]
    rows = rows.merge(tails[["as_of", "asset", "breach"]], on=["as_of", "asset"], how="left")
    order = rows["asset"].map({name: place for place, name in enumerate(drawn)})
    ordered = rows.assign(order=order).sort_values(["order", "as_of"], ignore_index=True)
    return ordered.drop(columns="order")
