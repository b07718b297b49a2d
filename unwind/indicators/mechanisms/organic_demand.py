"""Block "flows", second part: the flow that neither open interest nor basis explains."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.fund_flows import arbitrage_design, inflow_without_expansion
from features.panel import Panel
from models.errors import NotEnoughData
from models.regression import expectation
from unwind.calendar import cut_instants
from unwind.indicators.block import PROXY, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext
from unwind.indicators.mechanisms.etf_flows import BLOCK
from unwind.indicators.mechanisms.fund_flows import FundFlow, fund_flow, printed_flows
from unwind.indicators.mechanisms.futures_history import FuturesView

PEERS = 60  # rows of other vendors that are compared
UNITS = {"organic_flow": "USD m", "inflow_without_expansion": "1 or 0"}


def organic_block(view: FuturesView) -> list[Mechanism]:
    """Organic flow of all funds: what is left after open interest and basis."""
    context, panel, settings = view.context, view.context.panel, view.context.settings
    total, venue = settings.flows.total, settings.organic_demand.venue
    printed = printed_flows(context.inputs["etf_flows"], panel, wanted=(total,), peers=PEERS)
    found = fund_flow(*printed, total, context)
    if isinstance(found, str) or view.held["futures"].empty:
        basis = coins = None
    else:
        tenor = f"{settings.futures.tenors[0]}d"
        basis = view.history.bases[tenor]["basis"]
        coins = view.history.open_interest.coins[venue]
    known = [view.held[name]["known_at"].max() for name in ("futures", "open_interest")]
    return organic_rows(
        found,
        None if coins is None or coins.isna().all() else coins,
        basis,
        known_shorts(context.inputs["cftc_positions"], panel, venue=venue),
        context,
        known_at=max([at for at in known if pd.notna(at)], default=context.cutoff),
    )


def organic_rows(
    found: FundFlow | str,
    open_interest: pd.Series | None,
    basis: pd.Series | None,
    shorts: pd.Series | None,
    context: RunContext,
    *,
    known_at: pd.Timestamp,
) -> list[Mechanism]:
    """Organic flow of a fund, and whether money came in without a wider basis.

    Parameters
    ----------
    found : FundFlow or str
        From `fund_flow`; a sentence where there is none.
    open_interest : Series of shape (n_sessions,), or None
        Of the venue in the settings, in coins; index: sessions.
    basis : Series of shape (n_sessions,), or None
        Annualised, constant maturity, decimal; index: sessions.
    shorts : Series of shape (n_sessions,), or None
        Leveraged shorts in coins as each session knew them (`known_shorts`).
    known_at : Timestamp
        When the last of these series was known.
    context
    """
    chosen, flows = context.settings.organic_demand, context.settings.flows

    def none(reason: str) -> list[Mechanism]:
        item = context.settings.flows.total if isinstance(found, str) else found.item
        return [
            missing(BLOCK, name, item, context, unit=unit, reason=reason)
            for name, unit in UNITS.items()
        ]

    if isinstance(found, str):
        return none(found)
    if basis is None:
        return none(f"no basis of {chosen.venue} is known")
    index = found.flow.index
    spread = basis.reindex(index)
    row = Mechanism(
        block=BLOCK, indicator="organic_flow", item=found.item, unit=UNITS["organic_flow"],
        describes=found.describes, known_at=max(known_at, found.known_at), quality=PROXY,
        detail=f"left of the flow after {chosen.venue} open interest and basis"
        + (", leveraged shorts not known" if shorts is None else " and leveraged shorts"),
    )  # fmt: skip
    flag = inflow_without_expansion(found.flow, spread, tolerance=chosen.basis_tolerance)[-1]
    plain = replace(
        row, indicator="inflow_without_expansion", unit=UNITS["inflow_without_expansion"],
        value=np.nan if pd.isna(flag) else float(flag),
        detail=f"the basis may widen by {chosen.basis_tolerance:.1%} a year, which clocks explain",
    )  # fmt: skip
    without = or_missing(plain, reason=f"no change of basis for {found.describes:%Y-%m-%d}")
    if open_interest is None:
        reason = f"no open interest for {chosen.venue}"
        return [or_missing(row, reason=reason), without]
    design = arbitrage_design(
        open_interest.reindex(index),
        context.panel.close[context.settings.hours.symbol].reindex(index),
        spread,
        None if shorts is None else shorts.reindex(index),
    ).iloc[-flows.window :]
    try:
        told = expectation(
            found.flow.iloc[-flows.window :], design, every=flows.every, history=flows.history,
            min_observations=chosen.min_observations,
        )  # fmt: skip
    except NotEnoughData as fault:
        return [or_missing(row, reason=str(fault)), without]
    if not told.fit.converged:
        return [or_missing(row, reason="the regression did not converge"), without]
    organic = replace(row, value=float(told.error.iloc[-1]), z=told.z, n=len(told.error) - 1)
    return [organic, without]


def known_shorts(positions: pd.DataFrame, panel: Panel, *, venue: str) -> pd.Series | None:
    """Leveraged shorts in coins by session: the newest report that was known at its cut."""
    own = positions[positions["venue"] == venue] if len(positions) else positions
    own = own[own["leveraged_short_btc"].notna()] if len(own) else own
    if own.empty:
        return None
    reports = own.sort_values("as_of", kind="stable")[["known_at", "leveraged_short_btc"]]
    cuts = pd.DataFrame({"known_at": cut_instants(panel.sessions)})
    held = pd.merge_asof(cuts, reports.sort_values("known_at", kind="stable"), on="known_at")
    return pd.Series(held["leveraged_short_btc"].to_numpy(dtype=np.float64), index=panel.sessions)
