"""Rows of the table `correlations`, and the histories behind them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.correlation import (
    correlation_with_base,
    ewma_correlation_with_base,
    fisher_interval,
    robust_interval,
)
from features.cross_section import last_percentile
from unwind.indicators.context import RunContext

# Earlier values that a percentile needs before it says anything.
PERCENTILE_FLOOR = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """Correlation of the base with every counterpart, by session, for one method and window."""

    method: str
    window: int
    value: pd.DataFrame
    n: pd.DataFrame


def links(context: RunContext) -> tuple[Link, ...]:
    """Correlate the base with every counterpart, all windows and half-lives."""
    chosen = context.settings.correlation
    returns = context.panel.returns[list(context.settings.universe.symbols)]
    answer = []
    for window in chosen.windows:
        rolled = correlation_with_base(
            returns,
            base=context.settings.universe.base,
            window=window,
            min_observations=pairs_needed(window, chosen.min_share),
        )
        answer.append(Link(method="pearson", window=window, value=rolled.value, n=rolled.n))
    for half_life in chosen.half_lives:
        faded = ewma_correlation_with_base(
            returns,
            base=context.settings.universe.base,
            half_life=half_life,
            min_observations=pairs_needed(2 * half_life, chosen.min_share),
        )
        answer.append(Link(method="ewma", window=half_life, value=faded.value, n=faded.n))
    return tuple(answer)


def pairs_needed(window: int, share: float) -> int:
    """Complete pairs that a window must hold for a value."""
    return max(3, int(np.ceil(window * share)))


def correlation_rows(context: RunContext, measured: tuple[Link, ...]) -> pd.DataFrame:
    """Rows of the table `correlations` for the session."""
    base = context.settings.universe.base
    parts = []
    for link in measured:
        value, n = link.value.loc[context.stamp], link.n.loc[context.stamp]
        lower, upper = fisher_interval(
            value.to_numpy(), n.to_numpy(), confidence=context.settings.correlation.confidence
        )
        history = link.value.loc[: context.stamp]
        change = value - history.iloc[-2] if len(history) > 1 else value * np.nan
        percentile = last_percentile(history, min_observations=PERCENTILE_FLOOR)
        parts.append(
            pd.DataFrame(
                {
                    "base": base,
                    "asset": value.index,
                    "method": link.method,
                    "window": link.window,
                    "value": value.to_numpy(),
                    "lower": lower,
                    "upper": upper,
                    **_robust_columns(context, link),
                    "n": np.floor(n.to_numpy()).astype("int64"),
                    "change": change.to_numpy(),
                    "percentile": percentile.to_numpy(),
                    "reason": [
                        _missing_link(context, base, asset, count) if np.isnan(held) else None
                        for asset, held, count in zip(value.index, value, n, strict=True)
                    ],
                    "known_at": context.known_at(value.index, base=base),
                }
            )
        )
    return context.stamped(pd.concat(parts, ignore_index=True))


def _robust_columns(context: RunContext, link: Link) -> dict[str, list[float]]:
    """Interval of each pair over the window that ends with the session."""
    names = ("robust_lower", "robust_upper")
    if link.method != "pearson":
        return {name: [np.nan] * link.value.shape[1] for name in names}
    recent = context.panel.returns.iloc[-link.window :]
    base = recent[context.settings.universe.base].to_numpy()
    ends = [
        robust_interval(
            base, recent[asset].to_numpy(), confidence=context.settings.correlation.confidence
        )
        if held
        else (np.nan, np.nan)
        for asset, held in link.value.iloc[-1].notna().items()
    ]
    return {name: [end[side] for end in ends] for side, name in enumerate(names)}


def _missing_link(context: RunContext, base: str, asset: str, count: float) -> str:
    absent = context.no_price(base) or context.no_price(asset)
    return absent or f"{int(count)} complete pairs in the window are too few"
