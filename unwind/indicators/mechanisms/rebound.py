"""Block "crowding": what the losers regain, and the z-scores that prime brokers publish.

The long–short spreads are in the table `systemic`.
"""

from dataclasses import replace
from math import ceil

import pandas as pd

from features.cross_section import cross_sectional_rebound, regained, robust_z
from features.returns import standardised_returns
from unwind.indicators.block import GOOD, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext
from unwind.indicators.published_zscores import current_zscores, first_current_session

BLOCK = "crowding"
UNIVERSE = "universe"


def rebound_block(context: RunContext) -> list[Mechanism]:
    """Rebound across assets and of the base, and published z-scores."""
    return [
        *_across(context),
        _of_the_base(context),
        *_published(context),
    ]


def _across(context: RunContext) -> list[Mechanism]:
    chosen, scaling = context.settings.rebound, context.settings.systemic
    names = [
        name
        for name in context.settings.universe.symbols
        if name not in context.settings.clock.index_levels
    ]
    rows = context.settings.shocks.slow_window + 1
    # Weights of the EWMA σ fall below rounding within twenty half-lives.
    before = 20 * scaling.half_life
    returns = context.panel.returns.loc[: context.stamp, names].iloc[-(rows + before + 1) :]
    scaled = standardised_returns(
        returns, half_life=scaling.half_life, min_observations=ceil(scaling.half_life)
    )
    found = cross_sectional_rebound(scaled, min_assets=chosen.min_assets).iloc[-rows:]
    z = robust_z(
        found[["correlation", "slope"]], window=context.settings.shocks.slow_window,
        min_observations=context.settings.shocks.min_observations,
    ).iloc[-1]  # fmt: skip
    last = found.iloc[-1]
    row = Mechanism(
        block=BLOCK, indicator="rebound_correlation", item=UNIVERSE, unit="correlation",
        describes=context.stamp, known_at=max(context.known_at(pd.Index(names))),
        quality=GOOD, n=int(last["assets"]),
        detail="of returns over their EWMA σ with those of the session before, across assets; "
        "below zero the losers gain",
    )  # fmt: skip
    reason = f"{last['assets']:.0f} assets have both returns; {chosen.min_assets} are needed"
    return [
        or_missing(
            replace(row, value=float(last["correlation"]), z=float(z["correlation"])), reason=reason
        ),
        or_missing(
            replace(
                row, indicator="rebound_slope", unit="per unit of the loss",
                value=float(last["slope"]), z=float(z["slope"]),
            ),
            reason=reason,
        ),
    ]  # fmt: skip


def _of_the_base(context: RunContext) -> Mechanism:
    base, least = context.settings.universe.base, context.settings.rebound.min_fall
    returns = context.panel.returns.loc[: context.stamp, base].iloc[-2:]
    row = Mechanism(
        block=BLOCK, indicator="regained", item=base, unit="share of the fall",
        value=float(regained(returns, min_fall=least).iloc[-1]), describes=context.stamp,
        known_at=context.known_at(pd.Index([base]), base=base)[0], quality=GOOD,
        detail=f"of the session before's {returns.iloc[0]:+.2%} (log)",
    )  # fmt: skip
    if returns.isna().any() or len(returns) < 2:
        return or_missing(row, reason=f"a return of {base} is missing")
    return or_missing(row, reason=f"{base} did not fall by {least:.0%} in the session before")


def _published(context: RunContext) -> list[Mechanism]:
    """Current figure of each publisher and group, with its own clock."""
    newest = current_zscores(context)
    if newest.empty:
        reason = (
            "no published z-score was known"
            if context.inputs["published_zscores"].empty
            else "no published z-score describes a session since "
            f"{first_current_session(context):%Y-%m-%d}"
        )
        return [
            missing(
                BLOCK, "published_zscore", UNIVERSE, context, unit="σ, as published", reason=reason
            )
        ]
    return [
        Mechanism(
            block=BLOCK, indicator="published_zscore", item=f"{publisher}: {group}",
            unit="σ, as published", value=float(value), describes=session, known_at=known,
            quality=GOOD, detail=f"published by {known:%Y-%m-%d %H:%M}Z; not recomputed",
        )
        for publisher, group, value, session, known in zip(
            newest["publisher"], newest["group"], newest["zscore"], newest["session"],
            newest["known_at"], strict=True,
        )
    ]  # fmt: skip
