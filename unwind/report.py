"""The desk report: one HTML page that needs nothing from outside, for screen and paper.

The words come from `unwind.digest`, the tables from `unwind.formatting`, the pictures from
`unwind.charts`; this module brings them together and the template sets them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from unwind.attribution_digest import attribution_grid, block_contributions, vote_grid
from unwind.charts import correlation_chart, price_chart, score_chart, volatility_chart
from unwind.digest import (
    LARGEST,
    SIMULATED,
    Verdict,
    read_verdict,
    remainder,
    uncertainties,
)
from unwind.drawing import NARROW, PALETTE, SERIES, SHADED, WIDE
from unwind.formatting import (
    NULL,
    Grid,
    both_clocks,
    correlation_grid,
    is_simulated,
    long_session,
    number,
    plain,
    quality_grid,
    records,
    session,
    shock_grid,
    short_window,
)
from unwind.mechanism_charts import vote_chart
from unwind.report_grids import changepoint_grid, tail_grid, volatility_grid

REQUIRED = (
    "correlations", "shocks", "volatility", "tail_risk", "changepoints", "regimes", "quality",
)  # fmt: skip
# A watched pair is named by the desk's order of counterparts: the first two stand in colour.
WATCHED = 2

_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart at both widths and its caption; with nothing to draw, the caption alone."""

    caption: str
    wide: str = ""
    narrow: str = ""


def render_report(
    *,
    as_of: date,
    cutoff: pd.Timestamp,
    source: str,
    settings_digest: str,
    tables: Mapping[str, pd.DataFrame],
    correlation_history: pd.DataFrame,
    score_history: pd.DataFrame,
    prices: pd.DataFrame,
    volatility_history: pd.DataFrame,
) -> str:
    """Render the desk report of one session.

    Parameters
    ----------
    as_of : date
        The session.
    cutoff : Timestamp
        Where the run stood, with its time zone.
    source, settings_digest : str
        As in every desk row; a source that begins with "simulated" raises a banner.
    tables : mapping of str to DataFrame
        Rows of this session, by the declarations of `unwind.tables`: correlations, shocks,
        volatility, tail_risk, changepoints, regimes, quality. Each may be empty.
    correlation_history : DataFrame of shape (n_sessions, n_counterparts)
        Correlation of the base with each counterpart, short window; columns in the desk's order:
        the first two are highlighted.
    score_history : DataFrame of shape (n_sessions, 2)
        Columns score (points) and state.
    prices : DataFrame of shape (n_sessions, n_symbols)
        Closes in the desk's order; the base and the first five others are drawn.
    volatility_history : DataFrame
        Published rows, one an asset and session: as_of, asset, sigma_annual (decimal), converged,
        breach (of the base's value at risk); base and counterparts that are to be drawn.

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
    for name, history in (
        ("correlation_history", correlation_history),
        ("score_history", score_history),
        ("prices", prices),
        ("volatility_history", volatility_history.set_index("as_of")),
    ):
        _require_past(name, history, as_of)
    verdict = read_verdict(tables["regimes"])
    base = verdict.base if verdict else next(iter(prices.columns.astype(str)), "base")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            as_of=as_of,
            session=long_session(as_of),
            clocks=both_clocks(cutoff),
            source=plain(source),
            settings_digest=plain(settings_digest),
            simulated=SIMULATED if is_simulated(source) else "",
            base=base,
            verdict=verdict,
            scale=_scale(verdict) if verdict else None,
            largest=verdict.largest[:LARGEST] if verdict else (),
            remainder=remainder(verdict) if verdict else "",
            uncertainties=uncertainties(tables),
            prices=_prices(prices, base=base),
            correlations=_correlations(
                correlation_history,
                base=base,
                rows=tables["correlations"],
                changepoints=tables["changepoints"],
            ),
            scores=_scores(score_history, verdict),
            attribution=_attribution(tables),
            shock_grid=shock_grid(tables["shocks"]),
            correlation_grid=correlation_grid(tables["correlations"]),
            volatilities=_volatilities(
                volatility_history, base=base, sessions=pd.DatetimeIndex(prices.index)
            ),
            tail_grid=tail_grid(tables["tail_risk"]),
            volatility_grid=volatility_grid(tables["volatility"]),
            changepoint_grid=changepoint_grid(tables["changepoints"]),
            quality_grid=quality_grid(tables["quality"]),
            null=NULL,
            palette=PALETTE,
            shaded=SHADED,
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = lambda value: number(value, decimals=2, signed=True)
    environment.filters["amount"] = lambda value: number(value, decimals=2)
    return environment


def _require_session(as_of: date, tables: Mapping[str, pd.DataFrame]) -> None:
    if missing := [name for name in REQUIRED if name not in tables]:
        raise ValueError(f"tables misses {missing}; pass an empty frame where there are no rows")
    for name in REQUIRED:
        strangers = {session(row["as_of"]) for row in records(tables[name])} - {session(as_of)}
        if strangers:
            raise ValueError(
                f"table {name} holds rows of {min(strangers)}; pass rows of {session(as_of)} only"
            )


def _require_past(name: str, history: pd.DataFrame, as_of: date) -> None:
    if len(history) and (last := pd.DatetimeIndex(history.index).max()) > pd.Timestamp(as_of):
        raise ValueError(
            f"{name} reaches {session(last)}, past the session {session(as_of)}; cut it there"
        )


@dataclass(frozen=True, slots=True)
class Story:
    """Which mechanism fits: the finding in words, its picture and its two tables."""

    sentence: str
    picture: Picture
    posterior: Grid
    votes: Grid


def _attribution(tables: Mapping[str, pd.DataFrame]) -> Story | None:
    """What the ledger says; None for a session that was published before there was one."""
    rows, evidence = (tables.get(name, pd.DataFrame()) for name in ("attribution", "evidence"))
    if rows.empty or evidence.empty:
        return None
    votes = block_contributions(evidence)
    return Story(
        sentence=str(rows["sentence"].iloc[0]),
        picture=_picture(
            "Log-odds against ordinary volatility that each block adds: right speaks for, left "
            "against; a circle says nothing. One scale for all.",
            lambda width, name: vote_chart(votes, width=width, name=name),
            name="votes",
        ),
        posterior=attribution_grid(rows),
        votes=vote_grid(evidence),
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """The headline's score line; places in percent of its length."""

    marks: tuple[tuple[str, str, float], ...]
    score: float
    lowest: float | None
    highest: float | None


def _scale(verdict: Verdict) -> Scale | None:
    """Place score, range and thresholds on one line; None without a score."""
    if verdict.score is None:
        return None
    shown = [level for _, level in verdict.thresholds] + [verdict.score]
    shown += [end for end in (verdict.lowest, verdict.highest) if end is not None]
    low, high = min(0.0, *shown), max(1.0, *shown)
    length = 1.08 * (high - low)

    def place(level: float) -> float:
        return round(100 * (level - low) / length, 2)

    return Scale(
        marks=tuple((name, number(at, decimals=1), place(at)) for name, at in verdict.thresholds),
        score=place(verdict.score),
        lowest=None if verdict.lowest is None else place(verdict.lowest),
        highest=None if verdict.highest is None else place(verdict.highest),
    )


def _picture(caption: str, draw: Callable[[int, str], str], *, name: str) -> Picture:
    # Every text inside was escaped by the SVG writer.
    wide, narrow = (
        Markup(draw(width, f"{name}-{size}"))
        for width, size in ((WIDE, "wide"), (NARROW, "narrow"))
    )
    return Picture(caption, wide, narrow)


def _prices(prices: pd.DataFrame, *, base: str) -> Picture:
    others = [symbol for symbol in prices.columns if symbol != base][: len(SERIES)]
    columns = [base, *others] if base in prices.columns else others
    drawn = prices[columns]
    known = [symbol for symbol in columns if drawn[symbol].notna().any()]
    absent = ", ".join(plain(symbol) for symbol in columns if symbol not in known)
    if not known:
        return Picture("No closes in this window.")
    caption = (
        f"Closes over {len(drawn)} sessions, 100 at the first close of each series in the window"
    )
    return _picture(
        f"{caption}. No closes: {absent}." if absent else f"{caption}.",
        lambda width, name: price_chart(drawn[known], base=base, width=width, name=name),
        name="prices",
    )


def _correlations(
    history: pd.DataFrame, *, base: str, rows: pd.DataFrame, changepoints: pd.DataFrame
) -> Picture:
    known = history.loc[:, history.notna().any()]
    if known.empty:
        return Picture("No correlations in this window.")
    watched = list(known.columns[:WATCHED])
    window = short_window(rows)
    intervals = {
        row["asset"]: (row["lower"], row["upper"])
        for row in records(rows)
        if row["asset"] in watched
        and (row["method"], row["window"]) == ("pearson", window)
        and None not in (row["lower"], row["upper"])
    }
    breaks: dict[date, str] = {}
    for row in sorted(records(changepoints), key=lambda row: row["pair"]):
        if row["quantity"] not in (None, "correlation"):
            continue
        day = pd.Timestamp(row["break_at"]).date()
        label = row["pair"].removeprefix(f"{base}~")
        if label not in breaks.get(day, "").split(", "):
            breaks[day] = f"{breaks[day]}, {label}" if day in breaks else label
    others = len(known.columns) - len(watched)
    caption = (
        f"{'Rolling' if window is None else f'{window}-session'} correlation of log returns with "
        f"{plain(base)}. Grey: {others} other counterparts. Bars at the right edge: Fisher "
        "interval of the last value. Dotted: breaks, see change points."
    )
    return _picture(
        caption,
        lambda width, name: correlation_chart(
            known,
            base=base,
            highlighted=watched,
            intervals=intervals,
            breaks=breaks,
            width=width,
            name=name,
        ),
        name="correlation",
    )


def _scores(history: pd.DataFrame, verdict: Verdict | None) -> Picture:
    if history.empty or not history["score"].notna().any():
        return Picture("No score in this window.")
    thresholds = dict(verdict.thresholds) if verdict else {}
    return _picture(
        f"Score over {len(history)} sessions, in points. Shaded by state, CALM unshaded.",
        lambda width, name: score_chart(history, thresholds=thresholds, width=width, name=name),
        name="score",
    )


def _volatilities(history: pd.DataFrame, *, base: str, sessions: pd.DatetimeIndex) -> Picture:
    known = history[history["sigma_annual"].notna()]
    if known.empty:
        return Picture("No volatility was published in this window.")
    days = pd.to_datetime(known["as_of"])
    # Sessions that were not published leave a gap.
    shown = sessions[sessions >= days.min()].union(pd.DatetimeIndex(days.unique()))
    rows = {name: part.set_index(days[part.index]) for name, part in known.groupby("asset")}
    order = [name for name in history["asset"].unique() if name in rows]
    levels = pd.DataFrame({name: rows[name]["sigma_annual"] for name in order}, index=shown)
    stood_in = pd.DataFrame({name: rows[name]["converged"].eq(False) for name in order})
    stood_in = stood_in.reindex(shown).eq(True)
    lost = (history["asset"] == base) & history["breach"].eq(True)
    published = days.nunique()
    return _picture(
        f"σ forecast for the session after, percent a year, as published for {published} of "
        f"{len(shown)} sessions. Rings: an EWMA stood in for the model. Triangles: {plain(base)} "
        "lost more than its value at risk.",
        lambda width, name: volatility_chart(
            100 * levels,
            base=base,
            fallbacks=stood_in,
            breaches=[pd.Timestamp(day).date() for day in history.loc[lost, "as_of"]],
            width=width,
            name=name,
        ),
        name="volatility",
    )
