"""Evidence of a session: one reading per indicator, before any hypothesis is scored.

A figure counts only if it describes the session itself. At 16:15 the latest flow describes the
session before and is excluded. Each reading has the `known_at` of its input.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from features.correlation import (
    downside_correlation,
    downside_excess,
    unexplained_rise,
)
from features.cross_section import robust_z
from models.attribution import CLASSES
from unwind.indicators.block import GOOD, MISSING, PROXY
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.rebound import rebound_block
from unwind.indicators.verdict import Verdict

GROUP = "multi_strategy"
SHORT, LONG = "short", "long"
GAMMA_LEVEL = 3.0
EVEN = float(np.log10(2))  # −log₁₀ of one half: no sleeve lost more than usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One indicator of the session.

    Attributes
    ----------
    value : float
        In its own unit; NaN for a class and where missing.
    category : str or None
        The class, for an indicator of classes.
    describes : Timestamp
    known_at : Timestamp, UTC
    quality : str
        As in `unwind.indicators.block`.
    reason : str or None
        Why it is missing.
    """

    value: float
    category: str | None = None
    describes: pd.Timestamp
    known_at: pd.Timestamp
    quality: str
    reason: str | None = None


def session_evidence(
    mechanisms: pd.DataFrame,
    context: RunContext,
    following: RunContext | None,
    verdict: Verdict,
) -> dict[str, Evidence]:
    """Read every indicator of the settings.

    Parameters
    ----------
    mechanisms : DataFrame
        Rows of the table `mechanisms` of the session.
    context : RunContext
    following : RunContext or None
        Of the session after it; None where that was not known by the cut-off.
    verdict : Verdict

    Returns
    -------
    dict of str to Evidence
        In the order of the settings.
    """
    evidence = {
        **_from_rows(mechanisms, context),
        **_from_panel(context),
        "sleeves": _sleeves(context, verdict),
        "published_zscore": _published(context),
        **_rebound(context, following),
        "forced_sellers": _absent(context, "positions and leveraged funds are not given yet"),
    }
    return {name: evidence[name] for name in context.settings.attribution.indicators}


def _absent(context: RunContext, reason: str) -> Evidence:
    return Evidence(
        value=np.nan,
        describes=context.stamp,
        known_at=context.cutoff,
        quality=MISSING,
        reason=reason,
    )


def _from_rows(rows: pd.DataFrame, context: RunContext) -> dict[str, Evidence]:
    base, total = context.settings.universe.base, context.settings.flows.total
    venue, offshore = context.settings.futures.venue, context.settings.futures.offshore
    tenor = f"{context.settings.futures.tenors[0]}d"
    bitcoin, equity = (index for index, _ in context.settings.options.gaps[:2])
    keyed = (
        {} if rows.empty else
        {(row["indicator"], row["item"]): row for row in rows.to_dict("records")}
    )  # fmt: skip

    def read(indicator: str, item: str, column: str) -> Evidence:
        return _reading(keyed.get((indicator, item)), f"{indicator} of {item}", column, context)

    def share(part: str) -> Evidence:
        # A net move too small to be shared out may hide a fall that was regained.
        net = read("move_share", part, "value")
        return read("variation_share", part, "value") if net.quality == MISSING else net

    yen = context.settings.yen.symbol
    return {
        "risk_assets": read("risk_move", "risk assets", "z"),
        # A carry unwind may take days: the stronger of the session and the slide.
        "yen": _lowest(read("yen_move", yen, "z"), read("yen_move_slide", yen, "z")),
        "joint_fall": read("joint_fall", "havens and risk assets", "z"),
        "credit": read("credit_move", " less ".join(context.settings.cash.credit), "z"),
        "dollar": read("dollar_move", context.settings.cash.dollar, "z"),
        "base_trough": read("trough", "whole", "z"),
        "us_cash": share("us_cash"),
        "asia": share("asia"),
        "closed": _sum(share("after_close"), share("weekend")),
        "volume": read("volume_surprise", base, "z"),
        "flow_base": read("flow_surprise", base, "z"),
        "flow_total": read("flow_surprise", total, "z"),
        "flow_run": read("flow_run", total, "z"),
        "cme_type": read("open_interest_type", venue, "category"),
        "basis_change": read("basis_change", tenor, "z"),
        "basis_level": read("basis", tenor, "z"),
        "offshore_type": read("open_interest_type", offshore, "category"),
        "offshore_open_interest": read("open_interest_type", offshore, "z"),
        "divergence": read("venue_divergence", f"{venue}-{offshore}", "z"),
        "funding": read("funding", offshore, "z"),
        "bitcoin_gap": read("implied_gap", bitcoin, "z"),
        "equity_gap": read("implied_gap", equity, "z"),
        "skew": read("skew", base, "z"),
        "dealer_gamma": _side(read("gamma_exposure", base, "category")),
        "barriers": read("barrier_proximity", base, "value"),
    }


def _reading(
    row: Mapping[Hashable, object] | None, what: str, column: str, context: RunContext
) -> Evidence:
    if row is None:
        return _absent(context, f"no row {what}")
    if row["quality"] == MISSING:
        return _absent(context, str(row["reason"]))
    described = pd.Timestamp(str(row["describes"]))
    if described != context.stamp:
        return _absent(
            context, f"the newest {what} describes {described:%Y-%m-%d}, not the session"
        )
    plain = Evidence(
        value=np.nan, describes=described, known_at=pd.Timestamp(str(row["known_at"])),
        quality=str(row["quality"]),
    )  # fmt: skip
    if column == "category":
        named = row["category"]
        return replace(plain, category=named if isinstance(named, str) else None)
    value = float(str(row[column]))
    if np.isnan(value):
        return _absent(context, f"{what} has no z: too few earlier values")
    return replace(plain, value=value)


def _lowest(*candidates: Evidence) -> Evidence:
    observed = [one for one in candidates if one.quality != MISSING]
    return min(observed, key=lambda one: one.value) if observed else candidates[0]


def _sum(first: Evidence, second: Evidence) -> Evidence:
    if MISSING in (first.quality, second.quality):
        return first if first.quality == MISSING else second
    return replace(first, value=first.value + second.value)


def _side(gamma: Evidence) -> Evidence:
    """Dealers' side as a number; zero where the conventions disagree."""
    if gamma.quality == MISSING:
        return gamma
    level = {SHORT: -GAMMA_LEVEL, LONG: GAMMA_LEVEL}.get(gamma.category or "", 0.0)
    return replace(gamma, value=level, category=None)


def _from_panel(context: RunContext) -> dict[str, Evidence]:
    base, shocks = context.settings.universe.base, context.settings.shocks
    z = robust_z(
        context.panel.returns[base].iloc[-(shocks.window + 1) :], window=shocks.window,
        min_observations=shocks.min_observations,
    )  # fmt: skip
    slide = context.panel.returns[base].rolling(context.settings.attribution.slide_sessions).sum()
    slid = robust_z(
        slide.iloc[-(shocks.slow_window + 1) :], window=shocks.slow_window,
        min_observations=shocks.min_observations,
    )  # fmt: skip
    software, gold = context.settings.correlation_tests.tested[:2]
    pairs, window = context.settings.pair_evidence, context.settings.correlation.windows[0]
    recent = context.panel.returns.iloc[-(window + pairs.baseline) :]
    rise = unexplained_rise(
        recent[base],
        recent[software],
        window=window,
        min_observations=pairs.min_observations,
    )
    downside = downside_correlation(
        recent[base], recent[gold], min_exceedances=pairs.min_joint_falls
    )
    return {
        "base_fall": _of_prices(
            float(z.iloc[-1]), [base], context, f"no z of {base}: no return, or too few"
        ),
        "base_slide": _of_prices(
            float(slid.iloc[-1]), [base], context, f"a return of {base} is missing"
        ),
        "software_link": _of_prices(
            rise,
            [base, software],
            context,
            f"too few returns of {base} and {software}",
        ),
        "gold_link": _of_prices(
            downside_excess(downside),
            [base, gold],
            context,
            f"too few joint falls of {base} and {gold}",
        ),
    }


def _of_prices(value: float, symbols: list[str], context: RunContext, reason: str) -> Evidence:
    if np.isnan(value):
        return _absent(context, reason)
    known = max(context.known_at(pd.Index(symbols)))
    return Evidence(value=value, describes=context.stamp, known_at=known, quality=GOOD)


def _sleeves(context: RunContext, verdict: Verdict) -> Evidence:
    """The rarer of the session's and the day before's joint loss, as a normal quantile."""
    decades = verdict.scores.evidence["crowding"].loc[: context.stamp].iloc[-2:]
    if np.isnan(decades.iloc[-1]):
        return _absent(context, "too few sleeves have a move")
    symbols = [*context.settings.universe.symbols, *context.settings.verdict.symbols]
    known = max(context.known_at(pd.Index(list(dict.fromkeys(symbols)))))
    rarest = max(float(decades.max()), EVEN)
    return Evidence(
        value=float(ndtri(10.0**-rarest)), describes=pd.Timestamp(str(decades.idxmax())),
        known_at=known, quality=PROXY,
    )  # fmt: skip


def _published(context: RunContext) -> Evidence:
    """The lowest that prime brokers published of the session or the one before."""
    published = context.inputs["published_zscores"]
    days = context.panel.sessions[-2:]
    rows = (
        published[published["session"].isin(days) & (published["group"] == GROUP)]
        if len(published) else published
    )  # fmt: skip
    rows = rows[rows["zscore"].notna()] if len(rows) else rows
    if rows.empty:
        return _absent(context, "no prime broker's figure of the session or the one before")
    lowest = rows.sort_values("zscore", kind="stable").to_dict("records")[0]
    return Evidence(
        value=float(lowest["zscore"]), describes=lowest["session"], known_at=lowest["known_at"],
        quality=GOOD,
    )  # fmt: skip


def _rebound(context: RunContext, following: RunContext | None) -> dict[str, Evidence]:
    names = {"rebound": ("rebound_correlation", "z"), "regained": ("regained", "value")}
    if following is None:
        reason = "the session after was not known by the cut-off"
        return {name: _absent(context, reason) for name in names}
    rows = rebound_block(following)
    by_indicator = {row.indicator: row for row in rows}
    answer = {}
    for name, (indicator, column) in names.items():
        row = by_indicator[indicator]
        value = float(getattr(row, column))
        answer[name] = (
            _absent(context, row.reason or "too few earlier sessions")
            if np.isnan(value)
            else Evidence(
                value=value, describes=following.stamp, known_at=row.known_at,
                quality=row.quality,
            )
        )  # fmt: skip
    return answer


def scaled(evidence: Evidence, *, centre: float, scale: float, classes: bool) -> float | str | None:
    """The reading as the ledger takes it: in ordinary σ, or a class; None where missing."""
    if evidence.quality == MISSING:
        return None
    if classes:
        # Open interest alone is not a class: its z is an indicator of its own.
        return evidence.category if evidence.category in CLASSES else None
    return (evidence.value - centre) / scale
