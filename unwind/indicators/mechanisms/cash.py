"""Block "cash": whether havens and credit are sold with risk assets, and the dollar bought.

In most sell-offs gold and Treasuries are bought. In a dash for cash everything is sold for dollars.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.cross_section import robust_z
from unwind.indicators.block import GOOD, Mechanism, or_missing
from unwind.indicators.context import RunContext

BLOCK = "cash"
SIGMA = "robust σ"


def cash_block(context: RunContext) -> list[Mechanism]:
    """Havens with risk assets, credit against Treasuries, and the dollar.

    Medians across assets: the crash of one, silver say, is not a sale of everything.
    """
    chosen, universe = context.settings.cash, context.settings.universe
    # Two baselines, one after the other: of each asset, and of their median.
    rows = 2 * context.settings.shocks.window + 1
    returns = context.panel.returns.loc[: context.stamp].iloc[-rows:]
    set_apart = {
        *chosen.havens, *universe.havens, context.settings.yen.symbol,
        *context.settings.clock.index_levels,
    }  # fmt: skip
    risky = [name for name in universe.symbols if name not in set_apart]
    havens = _median(returns, chosen.havens, len(chosen.havens), context)
    risk = _median(returns, risky, context.settings.yen.min_assets, context)
    # Both fell at least that far; how far one of them rose does not matter.
    joint = pd.concat([havens, risk], axis=1).max(axis=1, skipna=False).clip(upper=0)
    corporate, treasury = chosen.credit
    spread = _of(returns, corporate) - _of(returns, treasury)
    dollar = _of(returns, chosen.dollar)
    return [
        _row(
            context, "haven_move", " and ".join(chosen.havens), havens, chosen.havens,
            "median z of havens",
        ),
        _row(
            context, "joint_fall", "havens and risk assets", joint, (*chosen.havens, *risky),
            "the smaller of the two falls; zero where one of them rose",
        ),
        _row(
            context, "credit_move", f"{corporate} less {treasury}", _z(spread, context),
            chosen.credit, "below zero credit is sold faster than Treasuries of its duration",
            value=spread,
        ),
        _row(
            context, "dollar_move", chosen.dollar, _z(dollar, context), (chosen.dollar,),
            "above zero the dollar rises", value=dollar,
        ),
    ]  # fmt: skip


def _of(returns: pd.DataFrame, symbol: str) -> pd.Series:
    """Returns of a symbol; NaN throughout where the desk has no price of it."""
    return returns.get(symbol, pd.Series(np.nan, index=returns.index))


def _z(values: pd.Series, context: RunContext) -> pd.Series:
    shocks = context.settings.shocks
    return robust_z(values, window=shocks.window, min_observations=shocks.min_observations)


def _median(
    returns: pd.DataFrame, names: tuple[str, ...] | list[str], fewest: int, context: RunContext
) -> pd.Series:
    z = pd.concat({name: _z(_of(returns, name), context) for name in names}, axis=1)
    return _z(z.median(axis=1).where(z.notna().sum(axis=1) >= fewest), context)


def _row(
    context: RunContext,
    indicator: str,
    item: str,
    z: pd.Series,
    symbols: tuple[str, ...],
    detail: str,
    *,
    value: pd.Series | None = None,
) -> Mechanism:
    """Row of one reading; its value is the z where the reading has no other unit."""
    priced = [name for name in symbols if name in context.panel.close]
    known = max(context.known_at(pd.Index(priced)), default=context.cutoff)
    row = Mechanism(
        block=BLOCK, indicator=indicator, item=item, unit=SIGMA, value=float(z.iloc[-1]),
        z=float(z.iloc[-1]), describes=context.stamp, known_at=known, quality=GOOD, detail=detail,
    )  # fmt: skip
    if value is not None:
        row = replace(row, unit="log return", value=float(value.iloc[-1]))
    return or_missing(
        row, reason=f"{', '.join(symbols)}: no price of the session, or too few before it"
    )
