"""Block "yen": the yen's move beside that of risk assets."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.cross_section import carry_unwind, risk_average, robust_z
from unwind.indicators.block import PROXY, Mechanism, missing, or_missing
from unwind.indicators.context import RunContext

BLOCK = "yen"
RISK = "risk assets"
SIGMA = "robust σ"


def yen_block(context: RunContext) -> list[Mechanism]:
    """The yen alone, risk assets alone, and how far both went together; one session and several."""
    symbol = context.settings.yen.symbol
    if (
        symbol not in context.panel.returns.columns
        or context.panel.close[symbol].loc[: context.stamp].isna().all()
    ):
        return [
            missing(
                BLOCK,
                f"{name}{span}",
                item,
                context,
                unit=unit,
                reason=f"no price for {symbol}",
            )
            for span in ("", "_slide")
            for name, item, unit in (
                ("yen_move", symbol, "log return"),
                ("risk_move", RISK, SIGMA),
                ("carry_unwind", symbol, SIGMA),
            )
        ]
    # Two baselines one after the other, and the slide.
    rows = 2 * context.settings.shocks.window + context.settings.yen.slide + 1
    returns = context.panel.returns.loc[: context.stamp].iloc[-rows:]
    slide = returns.rolling(
        context.settings.yen.slide, min_periods=context.settings.yen.slide
    ).sum()
    return [
        *_span(returns, "", "one session", context),
        *_span(slide, "_slide", f"{context.settings.yen.slide} sessions", context),
    ]


def _span(returns: pd.DataFrame, suffix: str, told: str, context: RunContext) -> list[Mechanism]:
    chosen, universe = context.settings.yen, context.settings.universe
    window, floor = context.settings.shocks.window, context.settings.shocks.min_observations
    left_out = {*universe.havens, chosen.symbol, *context.settings.clock.index_levels}
    risky = [name for name in universe.symbols if name not in left_out]
    z = robust_z(returns[[chosen.symbol, *risky]], window=window, min_observations=floor)
    average = risk_average(z[risky], min_assets=chosen.min_assets)
    risk = robust_z(average, window=window, min_observations=floor)
    joint = carry_unwind(z[chosen.symbol], risk, start=chosen.start)
    known = max(context.known_at(pd.Index([chosen.symbol, *risky])))
    category = joint["category"].iloc[-1]
    yen = Mechanism(
        block=BLOCK, indicator=f"yen_move{suffix}", item=chosen.symbol, unit="log return",
        value=float(returns[chosen.symbol].iloc[-1]), z=float(z[chosen.symbol].iloc[-1]),
        describes=context.stamp, known_at=known, quality=PROXY,
        detail=f"{told}; below zero the yen rises; its daily bar ends near the cut",
    )  # fmt: skip
    return [
        or_missing(yen, reason=f"{chosen.symbol} not printed for this session, or before it"),
        or_missing(
            replace(
                yen, indicator=f"risk_move{suffix}", item=RISK, unit=SIGMA,
                value=float(average.iloc[-1]), z=float(risk.iloc[-1]),
                n=int(z[risky].iloc[-1].notna().sum()),
                detail=f"{told}; mean z of the universe without havens and {chosen.symbol}",
            ),
            reason=f"fewer than {chosen.min_assets} risk assets have a z",
        ),
        or_missing(
            replace(
                yen, indicator=f"carry_unwind{suffix}", unit=SIGMA, z=np.nan,
                value=float(joint["joint"].iloc[-1]),
                category=None if pd.isna(category) else str(category),
                detail=f"{told}; the smaller of the yen's rise and the fall of risk assets",
            ),
            reason=f"no z of {chosen.symbol} or of risk assets: too few earlier returns",
        ),
    ]  # fmt: skip
