"""Rows of the table `shocks`: returns, volumes and correlation changes against their history."""

import numpy as np
import pandas as pd

from features.cross_section import Records, baseline_count, records, robust_z, worst_since
from unwind.indicators.context import RunContext
from unwind.indicators.links.correlations import Link


def shock_rows(context: RunContext, measured: tuple[Link, ...]) -> pd.DataFrame:
    """Rows of the table `shocks` for the session: returns, volumes, correlation changes."""
    chosen = context.settings.shocks
    short = measured[0]
    base = context.settings.universe.base
    pairs = short.value.diff().rename(columns=lambda asset: f"{base}~{asset}")
    # Vendors print the volume of coins in dollars, over UTC days: no shares to count.
    traded = [
        name
        for name in context.panel.shares.columns
        if context.panel.shares[name].notna().any()
        and name not in context.settings.clock.crypto_daily
    ]
    parts = [
        _scored(context.panel.returns, "return", "log return", chosen.window, context),
        _scored(
            context.panel.shares[traded], "volume_shares", "shares", chosen.slow_window, context
        ),
        _scored(
            context.panel.dollars[traded], "volume_dollars", "USD", chosen.slow_window, context
        ),
        _scored(pairs, "correlation_change", "correlation", chosen.slow_window, context),
    ]
    rows = pd.concat(parts, ignore_index=True)
    symbols = [asset.removeprefix(f"{base}~") for asset in rows["asset"]]
    rows["known_at"] = context.known_at(pd.Index(symbols))
    links_known = rows["measure"] == "correlation_change"
    rows.loc[links_known, "known_at"] = pd.Series(
        context.known_at(pd.Index(symbols), base=base), dtype="datetime64[us, UTC]"
    )[links_known]
    return context.stamped(rows)


def _scored(
    series: pd.DataFrame, measure: str, unit: str, window: int, context: RunContext
) -> pd.DataFrame:
    volume = measure.startswith("volume")
    scored = series.apply(np.log) if volume else series
    floor = context.settings.shocks.min_observations
    recent = scored.iloc[-(window + 1) :]
    z = robust_z(recent, window=window, min_observations=floor).loc[context.stamp]
    n = baseline_count(recent, window=window).loc[context.stamp]
    value = series.loc[context.stamp]
    rows = pd.DataFrame(
        {
            "asset": series.columns,
            "measure": measure,
            "window": window,
            "value": value.to_numpy(),
            "unit": unit,
            "simple_return": np.expm1(value.to_numpy()) if measure == "return" else np.nan,
            "z": z.to_numpy(),
            "n": n.to_numpy(),
        }
    )
    floor_of_records = context.settings.shocks.record_min_observations
    rows = rows.join(
        _record_columns(records(series, min_observations=floor_of_records), context)
        if volume
        else _no_record(len(rows))
    )
    rows["worst_since"] = [
        worst_since(series[asset]).loc[context.stamp] if measure == "return" else pd.NaT
        for asset in series.columns
    ]
    rows["reason"] = [
        "set aside until it is confirmed: see data quality"
        if measure == "return" and context.is_unconfirmed(asset)
        else _shock_reason(held_value, held_z, count, floor)
        for asset, held_value, held_z, count in zip(series.columns, value, z, n, strict=True)
    ]
    return rows


def _record_columns(held: Records, context: RunContext) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "previous_record": held.previous.loc[context.stamp].to_numpy(),
            "previous_record_on": held.previous_on.loc[context.stamp].to_numpy(),
            "record_multiple": held.multiple.loc[context.stamp].to_numpy(),
            "is_record": held.is_record.loc[context.stamp].astype("boolean").to_numpy(),
        }
    )


def _no_record(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "previous_record": np.full(count, np.nan),
            "previous_record_on": np.full(count, np.datetime64("NaT", "us")),
            "record_multiple": np.full(count, np.nan),
            "is_record": pd.array([None] * count, dtype="boolean"),
        }
    )


def _shock_reason(value: float, z: float, count: int, floor: int) -> str | None:
    if np.isnan(value):
        return "not printed for this session, or for the one before"
    if np.isnan(z):
        return (
            f"baseline of {count} rows; {floor} are needed" if count < floor else "baseline is flat"
        )
    return None
