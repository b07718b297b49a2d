"""Implied volatility: VIX, DVOL and their kin, the table `implied_vol`."""

import numpy as np
import pandas as pd

from unwind.simulation.bars import bar_columns, bars_around
from unwind.simulation.path import Path
from unwind.simulation.processes import Floats, autoregression, log_changes


def vix_levels(path: Path) -> Floats:
    """Return the VIX on weekdays: the market's conditional volatility, higher after falls."""
    noise = path.stream("VIX").standard_normal(len(path.weekdays))
    logs = (
        autoregression(0.03 * noise, persistence=0.9)
        + autoregression(-5.0 * log_changes(path.prices["SPY"]), persistence=0.85)
        + autoregression(path.impulses(path.weekdays, lambda day: day.vix), persistence=0.85)
    )
    # Halfway to the mean: thirty days average over a variance that reverts.
    expected = np.sqrt(0.5 + 0.5 * path.market_variance)
    index: Floats = 16.5 * path.volatility * expected * np.exp(logs)
    return index


def dvol_levels(path: Path) -> Floats:
    """Return bitcoin's implied volatility index at the end of each UTC day."""
    weekday = path.weekdays.searchsorted(path.days, side="right").clip(1) - 1
    variance = 0.2 * path.market_variance[weekday] + 0.8 * path.crypto_variance
    noise = path.stream("DVOL").standard_normal(len(path.days))
    logs = autoregression(0.025 * noise, persistence=0.93)
    logs += autoregression(path.impulses(path.days, lambda day: day.dvol), persistence=0.93)
    index: Floats = 50.0 * path.volatility[weekday] * np.sqrt(0.5 + 0.5 * variance) * np.exp(logs)
    return index


def implied_vol_rows(path: Path) -> pd.DataFrame:
    """Return the table `implied_vol`: bars of DVOL, closes of the others, which lean on the VIX."""
    dvol, vix = dvol_levels(path), vix_levels(path)
    noise = path.stream("volatility indices").standard_normal((len(path.weekdays), 7))
    drift = np.exp(autoregression(0.02 * noise, persistence=0.9))
    closes = {
        "VIX": vix,
        "VIX9D": 16.0 * (vix / 17) ** 1.25 * drift[:, 0],
        "VIX3M": 19.5 * (vix / 17) ** 0.6 * drift[:, 1],
        "VVIX": 95.0 * (vix / 17) ** 0.5 * drift[:, 2],
        "OVX": 38.0 * path.volatility * drift[:, 3],
        "GVZ": 17.5 * path.volatility * drift[:, 4],
        "VXN": 1.22 * vix * drift[:, 5],
        "SKEW": 140.0 * drift[:, 6],
    }
    bars = bars_around(dvol, dvol[0], path.stream("DVOL bars"))
    parts = [pd.DataFrame({"session": path.days, "index": "DVOL", **bar_columns(bars)})]
    absent = dict.fromkeys(("open", "high", "low"), np.nan)
    parts += [
        pd.DataFrame({"session": path.weekdays, "index": name, **absent, "close": close})
        for name, close in closes.items()
    ]
    return pd.concat(parts, ignore_index=True)
