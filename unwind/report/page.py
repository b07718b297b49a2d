"""The desk report: one HTML page that needs nothing from outside, for screen and paper.

It reads the published tables and the views of the session's blocks, and computes no figure.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from unwind.contract.text import (
    NULL,
    both_clocks,
    is_simulated,
    long_session,
    number,
    plain,
    session,
)
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.attribution import attribution_grid, vote_grid
from unwind.report.caveats import brief_caveats, caveats
from unwind.report.changes import changes
from unwind.report.charts.captions import Picture
from unwind.report.charts.mechanism_pictures import contributions_picture, mechanism_pictures
from unwind.report.charts.palette import PALETTE, PANEL, PAPER, SHADED, TINT
from unwind.report.charts.report_pictures import (
    correlations_picture,
    heat_picture,
    prices_picture,
    regimes_picture,
    scores_picture,
    volatilities_picture,
)
from unwind.report.digest import LARGEST, SIMULATED, Verdict, read_verdict, remainder
from unwind.report.format import Grid, correlation_grid, quality_grid, records, shock_grid
from unwind.report.grids import changepoint_grid, tail_grid, volatility_grid
from unwind.report.mechanisms import mechanism_gaps, mechanism_grid, single_notes

REQUIRED = (
    "correlations", "shocks", "volatility", "tail_risk", "changepoints", "regimes", "quality",
    "mechanisms",
)  # fmt: skip

_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """Data of the charts by session, none after the report's.

    Attributes
    ----------
    correlation, lower, upper : DataFrame of shape (n_sessions, n_counterparts)
        Correlation of the base with each counterpart, short window, and its interval; columns in
        the desk's order: the first two are highlighted.
    score : DataFrame of shape (n_sessions, 2)
        Columns score (evidence score) and state.
    prices : DataFrame of shape (n_sessions, n_symbols)
        Closes in the desk's order; the base and the first five others are drawn.
    volatility : DataFrame
        Published rows, one per asset and session: as_of, asset, sigma_annual (decimal), converged,
        breach (of the base's value at risk); base and counterparts that are to be drawn.
    probabilities : DataFrame of shape (n_published, n_items)
        Filtered probability of the stressed state, as published.
    """

    correlation: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    score: pd.DataFrame
    prices: pd.DataFrame
    volatility: pd.DataFrame
    probabilities: pd.DataFrame


def render_report(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    settings_digest: str,
    snapshot: str,
    tables: Mapping[str, pd.DataFrame],
    previous: date,
    before: Mapping[str, pd.DataFrame] | None,
    histories: Histories,
    views: MechanismViews,
) -> str:
    """Render the desk report of one session.

    Parameters
    ----------
    as_of : date
        The session.
    cutoff : Timestamp
        The run's cut-off, with its time zone.
    source, settings_digest : str
        As in every desk row; a source that begins with "simulated" raises a banner.
    snapshot : str
        Name of the published version that the rows were read from.
    tables : mapping of str to DataFrame
        Rows of this session, as `unwind.contract.tables` declares them: those of `REQUIRED`,
        each of which may be empty; evidence and attribution where there are any.
    previous : date
        The session before.
    before : mapping of str to DataFrame or None
        Its rows; None where it was not published.
    histories : Histories
    views : MechanismViews
        From `unwind.indicators.mechanisms.views.mechanism_views`.

    Returns
    -------
    str
        The page. The same input gives the same text. NaN: a gap in a chart, an en dash with the
        row's reason in a table.

    Raises
    ------
    ValueError
        A table is missing, rows describe another session, or a history reaches past `as_of`.
    """
    _require_session(as_of, tables)
    _require_past(histories, as_of)
    verdict = read_verdict(tables["regimes"])
    prices = histories.prices
    base = verdict.base if verdict else next(iter(prices.columns.astype(str)), "base")
    environment = _environment()
    style = environment.get_template("report.css.j2").render(
        palette=PALETTE,
        paper=PAPER,
        panel=PANEL,
        tint=TINT,
        shaded=SHADED,
        simulated=SIMULATED if is_simulated(source) else "",
        scale=_scale(verdict) if verdict else None,
    )
    return environment.get_template("report.html.j2").render(
        style=Markup(style),
        style_digest=_digest(f"\n{style}\n"),
        as_of=as_of,
        session=long_session(as_of),
        clocks=both_clocks(cutoff),
        source=plain(source),
        settings_digest=plain(settings_digest),
        snapshot=plain(snapshot),
        simulated=SIMULATED if is_simulated(source) else "",
        base=base,
        verdict=verdict,
        scale=_scale(verdict) if verdict else None,
        previous=session(previous),
        changes=changes(tables, before, previous=previous),
        largest=verdict.largest[:LARGEST] if verdict else (),
        remainder=remainder(verdict) if verdict else "",
        brief=brief_caveats(tables),
        caveats=caveats(tables),
        heat=heat_picture(tables["correlations"], base=base),
        correlations=correlations_picture(
            histories.correlation,
            histories.lower,
            histories.upper,
            base=base,
            rows=tables["correlations"],
            changepoints=tables["changepoints"],
        ),
        correlation_grid=correlation_grid(tables["correlations"]),
        changepoint_grid=changepoint_grid(tables["changepoints"]),
        shock_grid=shock_grid(tables["shocks"]),
        volatilities=volatilities_picture(
            histories.volatility, base=base, sessions=pd.DatetimeIndex(prices.index)
        ),
        volatility_grid=volatility_grid(tables["volatility"]),
        tail_grid=tail_grid(tables["tail_risk"]),
        regimes=regimes_picture(prices, histories.score, histories.probabilities, base=base),
        scores=scores_picture(histories.score, verdict),
        prices=prices_picture(prices, base=base),
        mechanisms=mechanism_pictures(views, base=base),
        mechanism_grid=mechanism_grid(tables["mechanisms"], base=base),
        mechanism_gaps=mechanism_gaps(tables["mechanisms"], base=base),
        single_notes=single_notes(tables["mechanisms"], base=base),
        attribution=_attribution(tables),
        quality_grid=quality_grid(tables["quality"]),
        null=NULL,
        shaded=SHADED,
    )


def _digest(style: str) -> str:
    """Return the hash that the page's policy allows as its only style."""
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["contribution"] = lambda value: number(value, decimals=2, signed=True)
    environment.filters["amount"] = lambda value: number(value, decimals=2)
    return environment


def _require_session(as_of: date, tables: Mapping[str, pd.DataFrame]) -> None:
    if missing := [name for name in REQUIRED if name not in tables]:
        raise ValueError(
            f"tables {missing} are missing; pass an empty frame where there are no rows"
        )
    for name in REQUIRED:
        other_sessions = {session(row["as_of"]) for row in records(tables[name])} - {session(as_of)}
        if other_sessions:
            raise ValueError(
                f"table {name} holds rows of {min(other_sessions)}; pass rows of {session(as_of)} "
                "only"
            )


def _require_past(histories: Histories, as_of: date) -> None:
    frames = {name: getattr(histories, name) for name in Histories.__slots__}
    for name, history in frames.items():
        index = history["as_of"] if name == "volatility" else history.index
        if len(history) and (last := pd.DatetimeIndex(index).max()) > pd.Timestamp(as_of):
            raise ValueError(
                f"{name} reaches {session(last)}, past the session {session(as_of)}; cut it there"
            )


@dataclass(frozen=True, slots=True)
class Attribution:
    """Attribution section: sentence, picture and two tables."""

    sentence: str
    picture: Picture
    posterior: Grid
    contributions: Grid


def _attribution(tables: Mapping[str, pd.DataFrame]) -> Attribution | None:
    """Attribution of the session; None if it has no attribution rows."""
    rows, evidence = (tables.get(name, pd.DataFrame()) for name in ("attribution", "evidence"))
    if rows.empty or evidence.empty:
        return None
    return Attribution(
        sentence=plain(rows["sentence"].iloc[0]),
        picture=contributions_picture(evidence),
        posterior=attribution_grid(rows),
        contributions=vote_grid(evidence),
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """The headline's score line; positions in percent of its length."""

    marks: tuple[tuple[str, str, float], ...]
    score: float
    lowest: float | None
    highest: float | None


def _scale(verdict: Verdict) -> Scale | None:
    """Place score, range and thresholds on one line; None without a score."""
    if verdict.score is None:
        return None
    levels = [level for _, level in verdict.thresholds] + [verdict.score]
    levels += [end for end in (verdict.lowest, verdict.highest) if end is not None]
    low, high = min(0.0, *levels), max(1.0, *levels)
    length = 1.08 * (high - low)

    def share(level: float) -> float:
        return round(100 * (level - low) / length, 2)

    return Scale(
        marks=tuple((name, number(at, decimals=1), share(at)) for name, at in verdict.thresholds),
        score=share(verdict.score),
        lowest=None if verdict.lowest is None else share(verdict.lowest),
        highest=None if verdict.highest is None else share(verdict.highest),
    )
