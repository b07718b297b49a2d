"""Where the desk report of a session lies, and its writing: whole or not at all."""

from datetime import date
from pathlib import Path

import pandas as pd

from features.correlation import fisher_interval
from unwind.files.durable import folder_lock, make_folder, remove_drafts, write_atomically
from unwind.files.location import LakeError, require_inside
from unwind.indicators.context import RunContext, Slot
from unwind.lake.snapshots import Snapshot, read
from unwind.pipeline import Views
from unwind.report.charts.report_pictures import WATCHED, shown_probabilities
from unwind.report.page import Histories, render_report
from unwind.report.session import session_day


def write_report_file(
    lake: Path,
    snapshot: Snapshot,
    context: RunContext,
    views: Views,
) -> Path:
    """Render the report of a published session and put it at reports/<session>/<cutoff>.html.

    The tables are read back from the snapshot: what is drawn is what was published.
    """
    day = session_day(snapshot, as_of=context.as_of, cutoff=context.cutoff)
    previous = (
        context.panel.sessions[-2].date() if len(context.panel.sessions) > 1 else context.as_of
    )
    page = render_report(
        as_of=context.as_of,
        cutoff=context.cutoff,
        source=context.source,
        settings_digest=context.settings.digest,
        snapshot=snapshot.name,
        tables=day.tables,
        previous=previous,
        before=_tables_before(snapshot, previous, context.slot),
        histories=_histories(snapshot, context, views),
        views=views.mechanisms,
    )
    return put_page(lake, page, context.slot)


def put_page(lake: Path, page: str, slot: Slot) -> Path:
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
    name = f"reports/{slot.as_of.isoformat()}/{slot.cutoff:%Y%m%dT%H%MZ}.html"
    target = require_inside(lake, name)
    with folder_lock(lake):
        make_folder(target.parent)
        remove_drafts(target.parent)
        write_atomically(target, lambda draft: draft.write_text(page, encoding="utf-8"))
    return target


def _tables_before(
    snapshot: Snapshot, previous: date, slot: Slot
) -> dict[str, pd.DataFrame] | None:
    """Rows of the session before, as the run's cut-off saw them; None where it has none."""
    try:
        return session_day(snapshot, as_of=previous, cutoff=slot.cutoff).tables
    except LakeError:
        return None


def _histories(snapshot: Snapshot, context: RunContext, views: Views) -> Histories:
    shown = context.settings.report.history
    link = views.links[0]
    value, n = link.value.iloc[-shown:], link.n.iloc[-shown:]
    lower, upper = (
        pd.DataFrame(end, index=value.index, columns=value.columns)
        for end in fisher_interval(
            value.to_numpy(), n.to_numpy(), confidence=context.settings.correlation.confidence
        )
    )
    first = context.panel.sessions[-min(shown, len(context.panel.sessions))].date()
    states = read(snapshot, "regime_models", since=first, cutoff=context.cutoff)
    return Histories(
        correlation=value,
        lower=lower,
        upper=upper,
        score=pd.DataFrame(
            {"score": views.verdict.scores.score, "state": views.verdict.states["state"]}
        ).iloc[-shown:],
        prices=context.panel.close[list(context.settings.universe.symbols)].iloc[-shown:],
        volatility=_volatility_history(snapshot, first, context),
        probabilities=shown_probabilities(states[states["as_of"].between(first, context.as_of)]),
    )


def _volatility_history(snapshot: Snapshot, first: date, context: RunContext) -> pd.DataFrame:
    """What was published, by the run's cut-off, on the base and the first counterparts."""
    universe = context.settings.universe
    drawn = [universe.base, *universe.counterparts[:WATCHED]]
    rows = read(snapshot, "volatility", since=first, cutoff=context.cutoff)
    tails = read(snapshot, "tail_risk", since=first, cutoff=context.cutoff)
    tails = tails[
        (tails["asset"] == universe.base)
        & (tails["level"] == max(context.settings.tail_risk.levels))
    ]
    shown = rows["as_of"].between(first, context.as_of) & rows["asset"].isin(drawn)
    rows = rows.loc[shown, ["as_of", "asset", "sigma_annual", "converged"]]
    rows = rows.merge(tails[["as_of", "asset", "breach"]], on=["as_of", "asset"], how="left")
    order = rows["asset"].map({name: place for place, name in enumerate(drawn)})
    ordered = rows.assign(order=order).sort_values(["order", "as_of"], ignore_index=True)
    return ordered.drop(columns="order")
