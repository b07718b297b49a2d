"""One session, stage by stage: observe → measure → estimate → conclude.

A stage calls blocks of `unwind.indicators` on the run context and gathers their rows and views.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from features.panel import Panel, align
from models.errors import NotEnoughData
from unwind.calendar import all_sessions, cut_instants, early_closes, sessions_between
from unwind.contract.inputs import INPUT_TABLES
from unwind.errors import did_you_mean
from unwind.indicators.attribution import account, attribution_rows, evidence_rows
from unwind.indicators.context import RunContext, Slot
from unwind.indicators.data_quality import quality_rows
from unwind.indicators.evidence import session_evidence
from unwind.indicators.links.conditional import conditional_correlation_rows
from unwind.indicators.links.correlation_tests import correlation_test_rows
from unwind.indicators.links.correlations import Link, correlation_rows, links
from unwind.indicators.links.pair_evidence import pair_evidence_rows
from unwind.indicators.mechanisms.table import mechanisms
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.indicators.monitoring import monitoring_rows
from unwind.indicators.risk.changepoints import changepoint_rows
from unwind.indicators.risk.regime_models import regime_model_rows
from unwind.indicators.risk.shocks import shock_rows
from unwind.indicators.risk.systemic import systemic_rows
from unwind.indicators.risk.tail_risk import tail_risk_rows
from unwind.indicators.risk.volatility import fit_volatilities, volatility_rows
from unwind.indicators.verdict import Verdict, decide, is_raised, regime_rows, verdict_quality
from unwind.market.confirmations import no_confirmations, read_confirmations
from unwind.market.contract_terms import barriers_on_one_basis, chains_on_one_basis
from unwind.market.hourly_jumps import plausible_hours
from unwind.market.plausibility import plausible_prices
from unwind.market.store import known_by, read_rejected, read_vintages
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """Data of a session's charts, as computed by its blocks."""

    links: tuple[Link, ...]
    verdict: Verdict
    mechanisms: MechanismViews


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysis:
    """Desk tables of one or several sessions, and the views of the last."""

    tables: dict[str, pd.DataFrame]
    views: Views


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """Vintages of every input table, loaded once for many sessions.

    Attributes
    ----------
    vintages : dict of str to DataFrame
        Input table → its vintages; a table without a source is empty.
    rejected : DataFrame
        Quarantined rows.
    confirmations : DataFrame
        Moves that a person confirmed.
    """

    vintages: Mapping[str, pd.DataFrame]
    rejected: pd.DataFrame
    confirmations: pd.DataFrame = field(default_factory=no_confirmations)

    def known(self, table: str, *, cutoff: pd.Timestamp) -> pd.DataFrame:
        """One row per key of an input table: the newest vintage known at the cut-off."""
        return known_by(self.vintages[table], table, cutoff=cutoff)


def load_market(store: Path) -> Market:
    """Read the vintages of a market store."""
    return Market(
        vintages={name: read_vintages(store, name) for name in INPUT_TABLES},
        rejected=read_rejected(store),
        confirmations=read_confirmations(store),
    )


def observe(
    market: Market, slot: Slot, *, settings: Settings, every_symbol: bool = False
) -> RunContext:
    """Context of a run: inputs known at the cut-off, aligned to sessions.

    Parameters
    ----------
    market : Market
    slot : Slot
    settings : Settings
    every_symbol : bool
        Align every priced symbol instead of the desk's universe.

    Raises
    ------
    NotEnoughData
        No price of the base was known by the cut-off.
    """
    inputs = {name: market.known(name, cutoff=slot.cutoff) for name in INPUT_TABLES}
    prices = inputs["prices"]
    if not prices.empty:  # without a row the dates have no type
        prices = prices[prices["session"] <= slot.stamp]
    base = settings.universe.base
    if prices.empty or not (every_symbol or (prices["symbol"] == base).any()):
        hint = did_you_mean(base, () if prices.empty else set(prices["symbol"])).lstrip("; ")
        what = f"prices of {base} by {slot.cutoff}" + (f" ({hint})" if hint else "")
        raise NotEnoughData(need=1, got=0, what=what)
    symbols = tuple(sorted(prices["symbol"].unique())) if every_symbol else settings.symbols
    vintages = market.vintages["prices"]
    vintages = vintages[vintages["known_at"] <= slot.cutoff]
    screened = plausible_prices(
        vintages, prices, symbols=symbols, confirmations=market.confirmations,
        cutoff=slot.cutoff, settings=settings,
    )  # fmt: skip
    hours, of_hours = plausible_hours(
        inputs["crypto_hourly"], impossible_jump=settings.plausibility.impossible_jump
    )
    panel = to_sessions(
        screened.rows, hours, symbols=symbols, last=slot.as_of,
        settings=settings, set_aside=screened.set_aside,
    )  # fmt: skip
    chains, of_chains = chains_on_one_basis(inputs["option_chains"], panel.close)
    notes, of_notes = barriers_on_one_basis(inputs["structured_notes"], vintages, panel.close)
    plausible = {
        "prices": (screened.rows, screened.faults),
        # Every block reads the venue that the panel reads.
        "crypto_hourly": (panel.hourly, of_hours),
        "option_chains": (chains, of_chains),
        "structured_notes": (notes, of_notes),
    }
    return RunContext(
        slot=slot,
        panel=panel,
        inputs=inputs | {name: rows for name, (rows, _) in plausible.items()},
        settings=settings,
        faults={name: faults for name, (_, faults) in plausible.items()},
    )


def observe_next(market: Market, context: RunContext) -> RunContext | None:
    """Context of the next session, if its price of the base was known at the cut-off.

    None at a session's own cut-off: the next session is not known then.
    """
    sessions = all_sessions()
    position = int(sessions.searchsorted(context.stamp, side="right"))
    if position == len(sessions) or sessions[position].tz_localize("UTC") >= context.cutoff:
        return None
    slot = replace(context.slot, as_of=sessions[position].date())
    try:
        following = observe(market, slot, settings=context.settings)
    except NotEnoughData:
        return None
    base = context.settings.universe.base
    return following if following.panel.close[base].notna().loc[slot.stamp] else None


def to_sessions(
    prices: pd.DataFrame,
    hourly: pd.DataFrame,
    *,
    symbols: tuple[str, ...],
    last: date,
    settings: Settings,
    set_aside: pd.DataFrame | None = None,
) -> Panel:
    """Align prices and hourly bars, one row per key, to the sessions up to `last`."""
    sessions = sessions_between(prices["session"].min().date(), last)
    return align(
        prices,
        hourly,
        symbols=symbols,
        sessions=sessions,
        cuts=cut_instants(sessions),
        hourly_symbols=dict(settings.clock.hourly),
        utc_day_symbols=settings.clock.crypto_daily,
        proxied_symbols=settings.clock.weekday,
        level_symbols=settings.clock.index_levels,
        early_closes=early_closes(sessions),
        set_aside=set_aside,
    )


def analyse(market: Market, slot: Slot, *, settings: Settings) -> Analysis:
    """Every desk table of one session: the stages in their order."""
    context = observe(market, slot, settings=settings)
    correlations, measured = measure(context)
    estimated = estimate(context)
    verdict, mechanism_views, concluded = conclude(context, market)
    return Analysis(
        tables=united(measured, estimated) | concluded,
        views=Views(links=correlations, verdict=verdict, mechanisms=mechanism_views),
    )


def analyse_sessions(
    market: Market, slots: list[Slot], *, settings: Settings, workers: int
) -> Analysis:
    """Every desk table of several sessions, over `workers` processes; order as in `slots`.

    Sessions are independent, so the rows do not depend on the number of workers.
    """
    jobs = (delayed(analyse)(market, slot, settings=settings) for slot in slots)
    days: list[Analysis] = list(Parallel(n_jobs=workers)(jobs))
    return Analysis(tables=stacked([day.tables for day in days]), views=days[-1].views)


def united(
    first: dict[str, pd.DataFrame], second: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Join the rows of two stages of one session, table by table."""
    shared = {
        name: pd.concat([first[name], second[name]], ignore_index=True)
        for name in first.keys() & second.keys()
    }
    return first | second | shared


def stacked(days: list[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Join the rows of several sessions, table by table; empty tables are excluded."""
    names = dict.fromkeys(name for day in days for name in day)
    joined = {}
    for name in names:
        parts = [day[name] for day in days if not day[name].empty]
        if parts:
            joined[name] = pd.concat(parts, ignore_index=True)
    return joined


def measure(context: RunContext) -> tuple[tuple[Link, ...], dict[str, pd.DataFrame]]:
    """Correlations and shocks of the session, and the correlation histories behind them."""
    measured = links(context)
    rows = {
        "correlations": correlation_rows(context, measured),
        "correlation_tests": correlation_test_rows(context),
        "pair_evidence": pair_evidence_rows(context, measured),
        "shocks": shock_rows(context, measured),
    }
    return measured, rows


def estimate(context: RunContext) -> dict[str, pd.DataFrame]:
    """Volatility, tails, conditional correlations, change points and regimes of the session."""
    fits = fit_volatilities(context)
    return {
        "volatility": volatility_rows(context, fits),
        "tail_risk": tail_risk_rows(context, fits),
        "correlations": conditional_correlation_rows(context, fits),
        "changepoints": changepoint_rows(context),
        "regime_models": regime_model_rows(context),
    }


def conclude(
    context: RunContext, market: Market
) -> tuple[Verdict, MechanismViews, dict[str, pd.DataFrame]]:
    """Verdict, systemic indicators, mechanisms, attribution and data quality."""
    verdict = decide(context)
    indicators, views = mechanisms(context)
    rows = {
        "mechanisms": indicators,
        "systemic": systemic_rows(context),
        "regimes": regime_rows(context, verdict),
        "quality": quality_rows(
            context,
            market.rejected,
            [*verdict_quality(context, verdict), *monitoring_rows(context, verdict)],
        ),
    }
    evidence = session_evidence(rows["mechanisms"], context, observe_next(market, context), verdict)
    scored = account(
        evidence, alarmed=is_raised(verdict, context), attribution=context.settings.attribution
    )
    rows["evidence"] = evidence_rows(scored, context)
    rows["attribution"] = attribution_rows(scored, context)
    return verdict, views, rows
