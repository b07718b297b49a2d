"""Rows of the table `pair_evidence`: one link of the base in figures and in one sentence."""

import numpy as np
import pandas as pd

from features.correlation import (
    adjust_for_volatility,
    downside_correlation,
    normal_downside,
    partial_correlation,
    robust_interval,
)
from unwind.contract.text import number
from unwind.indicators.context import RunContext
from unwind.indicators.links.correlations import Link


def pair_evidence_rows(context: RunContext, measured: tuple[Link, ...]) -> pd.DataFrame:
    """Put interval, volatility, control and downside beside each short-window correlation."""
    universe, short = context.settings.universe, measured[0]
    rows = [_pair_row(context, short, asset) for asset in universe.counterparts]
    frame = pd.DataFrame(rows).assign(
        base=universe.base,
        known_at=context.known_at(pd.Index(universe.counterparts), base=universe.base),
    )
    return context.stamped(frame)


def _pair_row(context: RunContext, short: Link, asset: str) -> dict[str, object]:
    chosen, base = context.settings.pair_evidence, context.settings.universe.base
    recent = context.panel.returns.iloc[-(short.window + chosen.baseline) :]
    x, y = recent[base].to_numpy(), recent[asset].to_numpy()
    lower, upper = robust_interval(
        x[-short.window :], y[-short.window :], confidence=context.settings.correlation.confidence
    )
    by_base, by_asset = (
        adjust_for_volatility(*pair, window=short.window, min_observations=chosen.min_observations)
        for pair in ((x, y), (y, x))
    )
    partial = (
        partial_correlation(
            x[-short.window :],
            y[-short.window :],
            recent[chosen.control].to_numpy()[-short.window :],
            min_observations=chosen.min_observations,
        )[0]
        if asset != chosen.control
        else np.nan
    )
    downside = downside_correlation(x, y, min_exceedances=chosen.min_joint_falls)
    path = short.value[asset].iloc[-2:]
    row: dict[str, object] = {
        "asset": asset,
        "window": short.window,
        "value": path.iloc[-1],
        "lower": lower,
        "upper": upper,
        "change": path.diff().iloc[-1],
        "baseline": by_base.baseline,
        "baseline_window": chosen.baseline,
        "adjusted_base": by_base.adjusted,
        "adjusted_asset": by_asset.adjusted,
        "explained_base": by_base.explained,
        "explained_asset": by_asset.explained,
        "control": chosen.control,
        "partial": partial,
        "downside": downside.value,
        "downside_normal": float(normal_downside(downside.correlation)),
        "downside_n": downside.n,
    }
    return row | {"sentence": _sentence(row, base=base)}


def _sentence(row: dict[str, object], *, base: str) -> str:
    def shown(name: str) -> str:
        return number(float(str(row[name])), decimals=2)

    def told(name: str) -> bool:
        return not np.isnan(float(str(row[name])))

    pair = f"{base}–{row['asset']}"
    if not told("value"):
        return f"{pair}: no correlation over {row['window']} sessions."
    inside = f"{row['window']} sessions, 95 % {shown('lower')}…{shown('upper')}"
    parts = [f"{pair} {shown('value')} ({inside})"]
    if told("change"):
        moved = float(str(row["change"]))
        parts[0] += (
            f", {'up' if moved >= 0 else 'down'} {number(abs(moved), decimals=2)} "
            "from the previous session"
        )
    if told("explained_base") and told("explained_asset"):
        parts.append(
            f"share of the rise from the {shown('baseline')} baseline explained by higher "
            f"volatility (Forbes–Rigobon): {shown('explained_base')} ({base} as source), "
            f"{shown('explained_asset')} ({row['asset']})"
        )
    elif told("baseline"):
        parts.append(
            f"no rise from the {row['baseline_window']}-session baseline ({shown('baseline')})"
        )
    if told("partial"):
        parts.append(f"partial correlation given {row['control']} {shown('partial')}")
    if told("downside"):
        parts.append(
            f"downside exceedance correlation {shown('downside')} "
            f"({shown('downside_normal')} under normality)"
        )
    return "; ".join(parts) + "."
