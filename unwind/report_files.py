"""Where the desk report of a session lies, and its writing: whole or not at all."""

from datetime import date
from pathlib import Path

import pandas as pd

from features.correlation_tests import fisher_interval
from features.panel import Panel
from unwind.charts.mechanism_views import MechanismViews
from unwind.charts.report_pictures import WATCHED, shown_probabilities
from unwind.lake import Snapshot, read
from unwind.reading.commands import session_day
from unwind.report import Histories, render_report
from unwind.rows.correlations import Link
from unwind.rows.moment import Moment
from unwind.rows.regimes import Verdict
from unwind.settings import Settings
from unwind.storage.durable import folder_lock, make_folder, remove_drafts, write_atomically
from unwind.storage.location import LakeError, require_inside


def write_report_file(
    lake: Path,
    snapshot: Snapshot,
    panel: Panel,
    measured: tuple[Link, ...],
    verdict: Verdict,
    views: MechanismViews,
    moment: Moment,
    *,
    settings: Settings,
) -> Path:
    """Render the report of a published session and put it at reports/<session>/<cutoff>.html.

    The tables are read back from the snapshot: what is drawn is what was published.
    """
    day = session_day(snapshot, as_of=moment.as_of, cutoff=moment.cutoff)
    previous = panel.sessions[-2].date() if len(panel.sessions) > 1 else moment.as_of
    page = render_report(
        as_of=moment.as_of,
        cutoff=moment.cutoff,
        source=moment.source,
        settings_digest=settings.digest,
        snapshot=snapshot.name,
        tables=day.tables,
        previous=previous,
        before=_tables_before(snapshot, previous, moment),
        histories=_histories(snapshot, panel, measured, verdict, moment, settings),
        views=views,
    )
    return put_page(lake, page, moment)


def put_page(lake: Path, page: str, moment: Moment) -> Path:
    """Put a page in the place of its session and cut-off; clear what a killed run left there.

    Raises
    ------
    Busy
        Another run holds the lake for too long.
    Unwritable
        The disk refuses; the page that was there still is.
    Damaged
        A link leads out of the lake.
    """
    name = f"reports/{moment.as_of.isoformat()}/{moment.cutoff:%Y%m%dT%H%MZ}.html"
    target = require_inside(lake, name)
    with folder_lock(lake):
        make_folder(target.parent)
        remove_drafts(target.parent)
        write_atomically(target, lambda draft: draft.write_text(page, encoding="utf-8"))
    return target


def _tables_before(
    snapshot: Snapshot, previous: date, moment: Moment
) -> dict[str, pd.DataFrame] | None:
    """Rows of the session before, as the run's cut-off saw them; None where it has none."""
    try:
        return session_day(snapshot, as_of=previous, cutoff=moment.cutoff).tables
    except LakeError:
        return None


def _histories(
    snapshot: Snapshot, panel: Panel, measured: tuple[Link, ...], verdict: Verdict,
    moment: Moment, settings: Settings,
) -> Histories:  # fmt: skip
    shown = settings.report.history
    link = measured[0]
    value, n = link.value.iloc[-shown:], link.n.iloc[-shown:]
    lower, upper = (
        pd.DataFrame(end, index=value.index, columns=value.columns)
        for end in fisher_interval(
            value.to_numpy(), n.to_numpy(), confidence=settings.correlation.confidence
        )
    )
    first = panel.sessions[-min(shown, len(panel.sessions))].date()
    states = read(snapshot, "regime_models", since=first, cutoff=moment.cutoff)
    return Histories(
        correlation=value,
        lower=lower,
        upper=upper,
        score=pd.DataFrame({"score": verdict.scores.score, "state": verdict.states["state"]}).iloc[
            -shown:
        ],
        prices=panel.close[list(settings.universe.symbols)].iloc[-shown:],
        volatility=_volatility_history(snapshot, first, moment, settings),
        probabilities=shown_probabilities(states[states["as_of"].between(first, moment.as_of)]),
    )


def _volatility_history(
    snapshot: Snapshot, first: date, moment: Moment, settings: Settings
) -> pd.DataFrame:
    """What was published, by the run's cut-off, on the base and the first counterparts."""
    universe = settings.universe
    drawn = [universe.base, *universe.counterparts[:WATCHED]]
    rows = read(snapshot, "volatility", since=first, cutoff=moment.cutoff)
    tails = read(snapshot, "tail_risk", since=first, cutoff=moment.cutoff)
    tails = tails[
        (tails["asset"] == universe.base) & (tails["level"] == max(settings.tail_risk.levels))
    ]
    shown = rows["as_of"].between(first, moment.as_of) & rows["asset"].isin(drawn)
    rows = rows.loc[shown, ["as_of", "asset", "sigma_annual", "converged"]]
    rows = rows.merge(tails[["as_of", "asset", "breach"]], on=["as_of", "asset"], how="left")
    order = rows["asset"].map({name: place for place, name in enumerate(drawn)})
    ordered = rows.assign(order=order).sort_values(["order", "as_of"], ignore_index=True)
    return ordered.drop(columns="order")
