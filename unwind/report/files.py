"""Path of a session's desk report, and its atomic writing."""

from datetime import date
from pathlib import Path

import pandas as pd

from features.correlation import fisher_interval
from unwind.files.durable import folder_lock, make_folder, remove_drafts, write_atomically
from unwind.files.location import LakeError, require_inside
from unwind.indicators.context import RunContext, Slot
from unwind.lake.snapshots import Snapshot, read
from unwind.pipeline import Views
from unwind.report.charts.report_pictures import WATCHED, filtered_probabilities
from unwind.report.page import Histories, render_report
from unwind.report.session import session_day


def write_report_file(
    lake: Path,
    snapshot: Snapshot,
    context: RunContext,
    views: Views,
) -> Path:
    """Render the report of a published session to reports/<session>/<cutoff>.html.

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
    """Write a page to the path of its session and cut-off; remove drafts of killed runs.

    Raises
    ------
    Busy
        Another run holds the lake for too long.
    Unwritable
        The disk refuses the write; the previous page is unchanged.
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
    """Rows of the previous session as of the run's cut-off; None if it has none."""
    try:
        return session_day(snapshot, as_of=previous, cutoff=slot.cutoff).tables
    except LakeError:
        return None


def _histories(snapshot: Snapshot, context: RunContext, views: Views) -> Histories:
    n_sessions = context.settings.report.history
    short_window = views.links[0]
    value, n = short_window.value.iloc[-n_sessions:], short_window.n.iloc[-n_sessions:]
    lower, upper = (
        pd.DataFrame(end, index=value.index, columns=value.columns)
        for end in fisher_interval(
            value.to_numpy(), n.to_numpy(), confidence=context.settings.correlation.confidence
        )
    )
    first = context.panel.sessions[-min(n_sessions, len(context.panel.sessions))].date()
    states = read(snapshot, "regime_models", since=first, cutoff=context.cutoff)
    return Histories(
        correlation=value,
        lower=lower,
        upper=upper,
        score=pd.DataFrame(
            {"score": views.verdict.scores.score, "state": views.verdict.states["state"]}
        ).iloc[-n_sessions:],
        prices=context.panel.close[list(context.settings.universe.symbols)].iloc[-n_sessions:],
        volatility=_volatility_history(snapshot, first, context),
        probabilities=filtered_probabilities(states[states["as_of"].between(first, context.as_of)]),
    )


def _volatility_history(snapshot: Snapshot, first: date, context: RunContext) -> pd.DataFrame:
    """Published volatility of the base and the first counterparts, as of the cut-off."""
    universe = context.settings.universe
    drawn = [universe.base, *universe.counterparts[:WATCHED]]
    rows = read(snapshot, "volatility", since=first, cutoff=context.cutoff)
    tails = read(snapshot, "tail_risk", since=first, cutoff=context.cutoff)
    tails = tails[
        (tails["asset"] == universe.base)
        & (tails["level"] == max(context.settings.tail_risk.levels))
    ]
    selected = rows["as_of"].between(first, context.as_of) & rows["asset"].isin(drawn)
    rows = rows.loc[selected, ["as_of", "asset", "sigma_annual", "converged"]]
    rows = rows.merge(tails[["as_of", "asset", "breach"]], on=["as_of", "asset"], how="left")
    order = rows["asset"].map({name: rank for rank, name in enumerate(drawn)})
    ordered = rows.assign(order=order).sort_values(["order", "as_of"], ignore_index=True)
    return ordered.drop(columns="order")
