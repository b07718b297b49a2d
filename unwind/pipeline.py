"""One session, stage by stage: panel → measures → estimates → verdict.

A stage unpacks the settings, calls features and models with plain arguments and lays their answers
out as desk-table rows (`unwind.rows`). It computes nothing of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from features.panel import Panel, align
from models.errors import NotEnoughData
from unwind.calendar import all_sessions, cut_instants, sessions_between
from unwind.contract.inputs import INPUT_TABLES
from unwind.indicators.attribution import account, attribution_rows, evidence_rows
from unwind.indicators.context import Moment
from unwind.indicators.data_quality import quality_rows
from unwind.indicators.evidence import session_evidence
from unwind.indicators.links.conditional import conditional_correlation_rows
from unwind.indicators.links.correlation_tests import correlation_test_rows
from unwind.indicators.links.correlations import Link, correlation_rows, links
from unwind.indicators.links.pair_evidence import pair_evidence_rows
from unwind.indicators.mechanisms.table import MECHANISM_INPUTS, mechanism_rows
from unwind.indicators.risk.changepoints import changepoint_rows
from unwind.indicators.risk.regime_models import regime_model_rows
from unwind.indicators.risk.shocks import shock_rows
from unwind.indicators.risk.systemic import systemic_rows
from unwind.indicators.risk.tail_risk import tail_risk_rows
from unwind.indicators.risk.volatility import fit_volatilities, volatility_rows
from unwind.indicators.verdict import Verdict, decide, is_raised, regime_rows
from unwind.market.store import known_by, read_rejected, read_vintages
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """Vintages of every input table, loaded once for many sessions.

    Attributes
    ----------
    vintages : dict of str to DataFrame
        Input table → its vintages; a table that no source printed is empty.
    rejected : DataFrame
        Quarantined rows.
    """

    vintages: Mapping[str, pd.DataFrame]
    rejected: pd.DataFrame

    def known(self, table: str, *, cutoff: pd.Timestamp) -> pd.DataFrame:
        """One row a key of an input table: the newest vintage known at the cut-off."""
        return known_by(self.vintages[table], table, cutoff=cutoff)


def load_market(store: Path) -> Market:
    """Read the vintages of a market store."""
    return Market(
        vintages={name: read_vintages(store, name) for name in INPUT_TABLES},
        rejected=read_rejected(store),
    )


def observe(
    market: Market, moment: Moment, *, settings: Settings, everything: bool = False
) -> Panel:
    """Align what was known at the cut-off to sessions: the desk's universe, or `everything`.

    Raises
    ------
    NotEnoughData
        No price of the base was known by the cut-off.
    """
    prices = market.known("prices", cutoff=moment.cutoff)
    hourly = market.known("crypto_hourly", cutoff=moment.cutoff)
    if not prices.empty:  # a store without a price has no type of dates either
        prices = prices[prices["session"] <= moment.stamp]
    base = settings.universe.base
    if prices.empty or not (everything or (prices["symbol"] == base).any()):
        raise NotEnoughData(need=1, got=0, what=f"prices of {base} by {moment.cutoff}")
    symbols = tuple(sorted(prices["symbol"].unique())) if everything else desk_symbols(settings)
    return to_sessions(prices, hourly, symbols=symbols, last=moment.as_of, settings=settings)


def desk_symbols(settings: Settings) -> tuple[str, ...]:
    """Every symbol that the desk measures or that its verdict rests on, each once."""
    universe = settings.universe
    return tuple(dict.fromkeys((*universe.symbols, *universe.context, *settings.verdict.symbols)))


def observe_next(market: Market, moment: Moment, *, settings: Settings) -> Panel | None:
    """Align to the session after, too, where its price of the base was known at the cut-off.

    None at a session's own publication: what follows is not known then.
    """
    sessions = all_sessions()
    place = int(sessions.searchsorted(moment.stamp, side="right"))
    if place == len(sessions) or sessions[place].tz_localize("UTC") >= moment.cutoff:
        return None
    following = replace(moment, as_of=sessions[place].date())
    try:
        panel = observe(market, following, settings=settings)
    except NotEnoughData:
        return None
    known = panel.close[settings.universe.base].notna().loc[following.stamp]
    return panel if known else None


def to_sessions(
    prices: pd.DataFrame,
    hourly: pd.DataFrame,
    *,
    symbols: tuple[str, ...],
    last: date,
    settings: Settings,
) -> Panel:
    """Align one row a key of prices and hourly bars to the sessions up to `last`."""
    sessions = sessions_between(prices["session"].min().date(), last)
    return align(
        prices,
        # One venue a symbol: the first by name, so that the choice never depends on row order.
        hourly.drop_duplicates(["bar_start_utc", "symbol"]),
        symbols=symbols,
        sessions=sessions,
        cuts=cut_instants(sessions),
        hourly_symbols=dict(settings.clock.hourly),
        utc_day_symbols=settings.clock.crypto_daily,
        proxied_symbols=settings.clock.weekday,
        level_symbols=settings.clock.index_levels,
    )


def analyse(market: Market, moment: Moment, *, settings: Settings) -> dict[str, pd.DataFrame]:
    """Every desk table of one session: the stages in their order."""
    panel = observe(market, moment, settings=settings)
    _, rows = measure(panel, moment, settings=settings)
    rows = united(rows, estimate(panel, moment, settings=settings))
    _, concluded = conclude(panel, market, moment, settings=settings)
    return rows | concluded


def analyse_sessions(
    market: Market, moments: list[Moment], *, settings: Settings, workers: int
) -> dict[str, pd.DataFrame]:
    """Every desk table of several sessions, over `workers` processes; order as in `moments`.

    Sessions know nothing of each other, so the rows do not depend on the number of workers.
    """
    jobs = (delayed(analyse)(market, moment, settings=settings) for moment in moments)
    return stacked(list(Parallel(n_jobs=workers)(jobs)))


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
    """Join the rows of several sessions, table by table; empty tables stay out."""
    names = dict.fromkeys(name for day in days for name in day)
    joined = {}
    for name in names:
        parts = [day[name] for day in days if not day[name].empty]
        if parts:
            joined[name] = pd.concat(parts, ignore_index=True)
    return joined


def measure(
    panel: Panel, moment: Moment, *, settings: Settings
) -> tuple[tuple[Link, ...], dict[str, pd.DataFrame]]:
    """Correlations and shocks of the session, and the correlation histories behind them."""
    measured = links(panel, settings=settings)
    rows = {
        "correlations": correlation_rows(panel, measured, moment, settings=settings),
        "correlation_tests": correlation_test_rows(panel, moment, settings=settings),
        "pair_evidence": pair_evidence_rows(panel, measured, moment, settings=settings),
        "shocks": shock_rows(panel, measured, moment, settings=settings),
    }
    return measured, rows


def estimate(panel: Panel, moment: Moment, *, settings: Settings) -> dict[str, pd.DataFrame]:
    """Volatility, tails, conditional correlations, change points and regimes of the session."""
    fits = fit_volatilities(panel, moment, settings=settings)
    return {
        "volatility": volatility_rows(panel, fits, moment, settings=settings),
        "tail_risk": tail_risk_rows(panel, fits, moment, settings=settings),
        "correlations": conditional_correlation_rows(panel, fits, moment, settings=settings),
        "changepoints": changepoint_rows(panel, moment, settings=settings),
        "regime_models": regime_model_rows(panel, moment, settings=settings),
    }


def conclude(
    panel: Panel,
    market: Market,
    moment: Moment,
    *,
    settings: Settings,
) -> tuple[Verdict, dict[str, pd.DataFrame]]:
    """Verdict, the cross-section beside it, what fits the move, and data quality."""
    factors = market.known("equity_factors_pct", cutoff=moment.cutoff)
    verdict = decide(panel, factors, settings=settings)
    published = market.known("published_zscores", cutoff=moment.cutoff)
    inputs = {name: market.known(name, cutoff=moment.cutoff) for name in MECHANISM_INPUTS}
    rows = {
        "mechanisms": mechanism_rows(inputs, panel, moment, settings=settings),
        "systemic": systemic_rows(panel, published, moment, settings=settings),
        "regimes": regime_rows(panel, verdict, moment, settings=settings),
        "quality": quality_rows(panel, market.rejected, moment, settings=settings),
    }
    held = session_evidence(
        rows["mechanisms"], published, panel, observe_next(market, moment, settings=settings),
        verdict, moment, settings=settings,
    )  # fmt: skip
    scored = account(held, alarmed=is_raised(verdict, moment), chosen=settings.attribution)
    rows["evidence"] = evidence_rows(scored, moment, settings=settings)
    rows["attribution"] = attribution_rows(scored, moment, settings=settings)
    return verdict, rows
