"""Pictures of correlations, prices, score, regimes and volatility, with captions."""

from datetime import date

import pandas as pd

from unwind.contract.text import is_null, plain
from unwind.report.charts.captions import Picture, picture
from unwind.report.charts.links import correlation_chart, heat_map
from unwind.report.charts.palette import SERIES
from unwind.report.charts.prices import price_chart, volatility_chart
from unwind.report.charts.regimes import regime_chart, score_chart
from unwind.report.digest import Verdict
from unwind.report.format import records, short_window

# The first two counterparts in the desk's order are drawn in colour.
WATCHED = 2


def prices_picture(prices: pd.DataFrame, *, base: str) -> Picture:
    """Draw the base and the first others, indexed; name those without closes."""
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
    return picture(
        f"{caption}. No closes: {absent}." if absent else f"{caption}.",
        lambda width, name: price_chart(drawn[known], base=base, width=width, name=name),
        name="prices",
    )


def heat_picture(rows: pd.DataFrame, *, base: str) -> Picture:
    """Draw the published correlations of the session, counterparts in the order of the table."""
    cells = records(rows)
    measures = {
        (row["method"], row["window"]): f"{plain(row['method'])} {row['window']}"
        for row in sorted(cells, key=lambda row: (row["method"] != "pearson", row["method"],
                                                 row["window"]))
    }  # fmt: skip
    known = {
        (row["asset"], row["method"], row["window"]): row
        for row in cells
        if row["value"] is not None
    }
    if not known:
        return Picture("No correlations for this session.")
    window = short_window(rows)
    ranked = sorted(
        {row["asset"] for row in cells},
        key=lambda asset: (
            -(known[key]["value"] if (key := (asset, "pearson", window)) in known else -2.0),
            asset,
        ),
    )
    values, undetermined = (
        pd.DataFrame(
            [[part_of(known.get((asset, *measure))) for measure in measures] for asset in ranked],
            index=ranked,
            columns=list(measures.values()),
        )
        for part_of in (lambda row: None if row is None else row["value"], _includes_zero)
    )
    return picture(
        f"Correlation of log returns with {plain(base)}: method and window in sessions (EWMA: half-"
        "life; DCC: forecast for the next session). Italics: the robust interval includes zero "
        "(Fisher interval where no robust one is available).",
        lambda width, name: heat_map(
            values.astype("float64"), undetermined.astype(bool), base=base, width=width, name=name
        ),
        name="heat",
    )  # fmt: skip


def _includes_zero(row: dict[str, float | None] | None) -> bool:
    """Return True if the robust interval, or Fisher's without one, includes zero."""
    if row is None:
        return False
    sides = ("robust_lower", "robust_upper") if row["robust_lower"] is not None else (
        "lower", "upper"
    )  # fmt: skip
    lower, upper = (row[side] for side in sides)
    return lower is not None and upper is not None and lower <= 0 <= upper


def correlations_picture(
    history: pd.DataFrame,
    lower: pd.DataFrame,
    upper: pd.DataFrame,
    *,
    base: str,
    rows: pd.DataFrame,
    changepoints: pd.DataFrame,
) -> Picture:
    """Draw the rolling correlations with their intervals and published breaks."""
    known = history.loc[:, history.notna().any()]
    if known.empty:
        return Picture("No correlations in this window.")
    watched = list(known.columns[:WATCHED])
    window = short_window(rows)
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
        f"{plain(base)}. Band, and bars at the right edge: Fisher interval. Grey: {others} other "
        "counterparts. Dotted: correlation breaks (see change points)."
    )
    return picture(
        caption,
        lambda width, name: correlation_chart(
            known,
            base=base,
            highlighted=watched,
            lower=lower[watched],
            upper=upper[watched],
            breaks=breaks,
            width=width,
            name=name,
        ),
        name="correlation",
    )


def scores_picture(history: pd.DataFrame, verdict: Verdict | None) -> Picture:
    """Draw the score over its thresholds."""
    if history.empty or not history["score"].notna().any():
        return Picture("No score in this window.")
    thresholds = dict(verdict.thresholds) if verdict else {}
    return picture(
        f"Evidence score over {len(history)} sessions. Shading: state; CALM unshaded.",
        lambda width, name: score_chart(history, thresholds=thresholds, width=width, name=name),
        name="score",
    )


def regimes_picture(
    prices: pd.DataFrame, scores: pd.DataFrame, probabilities: pd.DataFrame, *, base: str
) -> Picture:
    """Draw the base's price by state, above the published probabilities of stress."""
    if base not in prices.columns or not prices[base].notna().any():
        return Picture(f"No close of {plain(base)} in this window.")
    filtered = probabilities.reindex(prices.index)
    filtered = filtered.loc[:, filtered.notna().any()]
    published = int(filtered.notna().any(axis=1).sum())
    models = (
        f"Below: filtered probability of the stressed state, published for {published} of "
        f"{len(prices)} sessions."
        if published
        else "No regime model was published in this window."
    )
    return picture(
        f"Close of {plain(base)}, USD. Shading: state; CALM unshaded. {models}",
        lambda width, name: regime_chart(
            prices[base],
            scores["state"].reindex(prices.index),
            filtered,
            base=base,
            width=width,
            name=name,
        ),
        name="regimes",
    )


def volatilities_picture(
    history: pd.DataFrame, *, base: str, sessions: pd.DatetimeIndex
) -> Picture:
    """Draw the published σ of the base and the first counterparts."""
    known = history[history["sigma_annual"].notna()]
    if known.empty:
        return Picture("No volatility was published in this window.")
    days = pd.to_datetime(known["as_of"])
    # Sessions that were not published leave a gap.
    index = sessions[sessions >= days.min()].union(pd.DatetimeIndex(days.unique()))
    rows = {name: part.set_index(days[part.index]) for name, part in known.groupby("asset")}
    order = [name for name in history["asset"].unique() if name in rows]
    levels = pd.DataFrame({name: rows[name]["sigma_annual"] for name in order}, index=index)
    fallbacks = pd.DataFrame({name: rows[name]["converged"].eq(False) for name in order})
    fallbacks = fallbacks.reindex(index).eq(True)
    breaches = (history["asset"] == base) & history["breach"].eq(True)
    published = days.nunique()
    return picture(
        f"Annualised σ forecast for the next session, percent, published for {published} of "
        f"{len(index)} sessions. Rings: EWMA fallback. Triangles: {plain(base)} VaR breaches.",
        lambda width, name: volatility_chart(
            100 * levels,
            base=base,
            fallbacks=fallbacks,
            breaches=[pd.Timestamp(day).date() for day in history.loc[breaches, "as_of"]],
            width=width,
            name=name,
        ),
        name="volatility",
    )


def filtered_probabilities(rows: pd.DataFrame) -> pd.DataFrame:
    """Pivot published filtered probabilities: sessions by monitored item.

    Parameters
    ----------
    rows : DataFrame
        Rows of `regime_models`.
    """
    observed = [row for row in records(rows) if not is_null(row["probability"])]
    if not observed:
        return pd.DataFrame(index=pd.DatetimeIndex([]))
    frame = pd.DataFrame(observed)
    wide = frame.pivot_table(index="as_of", columns="item", values="probability", aggfunc="last")
    wide.index = pd.DatetimeIndex(wide.index)
    return wide[sorted(wide.columns, key=lambda item: (str(item).count("~"), str(item)))]
