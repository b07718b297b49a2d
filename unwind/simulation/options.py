"""Chains of options on IBIT, the table `option_chains`."""

import numpy as np
import pandas as pd
from scipy.special import ndtr

from unwind.calendar import all_sessions, cut_instants
from unwind.simulation.expiries import fridays_of
from unwind.simulation.path import Path
from unwind.simulation.volatility import dvol_levels

RISK_FREE = 0.04
# Contracts at the money: about seven million are open, as in IBIT in February 2026.
USUAL_VOLUME = 2300.0
USUAL_OPEN_INTEREST = 31_000.0


def option_rows(path: Path) -> pd.DataFrame:
    """Return IBIT's chains at 16:00: weekly in sixty sessions before the event, then daily."""
    offsets = np.array([*range(-60, -2, 5), *range(-2, 3)])
    chain_sessions = all_sessions()[path.event + offsets]
    rows = np.flatnonzero(path.weekdays.isin(chain_sessions))
    sessions = path.weekdays[rows]
    spots = path.prices["IBIT"][rows]
    falls = 1 - spots / path.prices["IBIT"][np.maximum(rows - 1, 0)]
    levels = dvol_levels(path)[path.days.searchsorted(sessions)] / 100
    chains = [
        _chain(session, float(spot), level=level, fall=fall, noise=path.stream(f"chain {session}"))
        for session, spot, level, fall in zip(sessions, spots, levels, falls.clip(0), strict=True)
    ]
    joined = {name: np.concatenate([chain[name] for chain in chains]) for name in chains[0]}
    sizes = [len(chain["strike"]) for chain in chains]
    return pd.DataFrame(
        {
            "snapshot_at": cut_instants(sessions).repeat(sizes),
            "underlying": "IBIT",
            "contract": pd.Series(joined.pop("contract"), dtype="str"),
            "expiry": joined.pop("expiry"),
            "strike": joined.pop("strike"),
            "right": pd.Series(joined.pop("right"), dtype="str"),
            **joined,
            "underlying_price": np.repeat(spots, sizes),
        }
    )


def _chain(
    session: pd.Timestamp, spot: float, *, level: float, fall: float, noise: np.random.Generator
) -> dict[str, np.ndarray]:
    """One chain, priced by Black–Scholes (1973) from a smile over strike and expiry."""
    today = np.datetime64(session.date())
    this_friday = np.busday_offset(today, np.arange(2), roll="forward", weekmask="Fri")
    months = today.astype("datetime64[M]") + np.arange(6)
    fridays = np.union1d(this_friday, fridays_of(months, 2))
    expiries = fridays[fridays > today]
    tick = 0.5 if spot > 20 else 0.05
    ladder = np.unique((spot * np.exp(np.linspace(-0.45, 0.45, 21)) / tick).round() * tick)
    # One row per expiry, right and strike, in the order of the contracts' names.
    grid = np.meshgrid(range(len(expiries)), (1, -1), range(len(ladder)), indexing="ij")
    expiry_index, sign, column = (axis.ravel() for axis in grid)
    expiry, strike = expiries[expiry_index], ladder[column]
    years = (expiry - today).astype("float64") / 365

    # In standard deviations the smiles of all expiries have about one shape.
    distance = (np.log(strike / spot) / (level * np.sqrt(years))).clip(-4, 4)
    implied = level * (1 - 0.03 * np.log(12 * years)) * (1 - 0.035 * distance + 0.02 * distance**2)
    deviation = implied * np.sqrt(years)
    upper = (np.log(spot / strike) + RISK_FREE * years) / deviation + deviation / 2
    discounted = strike * np.exp(-RISK_FREE * years)
    value = sign * (spot * ndtr(sign * upper) - discounted * ndtr(sign * (upper - deviation)))

    half_spread = 0.01 + 0.01 * value
    size = np.exp(-(distance**2) / 4)
    panic = np.where(sign < 0, 1 + 10 * fall, 1 + 4 * fall)
    uneven = np.exp(0.6 * noise.standard_normal((len(expiry_index), 2)))
    days = [f"{day:%y%m%d}" for day in expiries.tolist()]
    names = [
        f"IBIT{days[i]}{'C' if call > 0 else 'P'}{price * 1000:08.0f}"
        for i, call, price in zip(expiry_index, sign, strike, strict=True)
    ]
    return {
        "contract": np.array(names),
        "expiry": expiry.astype("datetime64[us]"),
        "strike": strike,
        "right": np.where(sign > 0, "call", "put"),
        "bid": np.floor((value - half_spread).clip(0) * 100) / 100,
        "ask": np.ceil((value + half_spread) * 100) / 100,
        "last": np.round(value.clip(0.01), 2),
        "volume": np.round(USUAL_VOLUME * size * panic * uneven[:, 0]),
        "open_interest": np.round(USUAL_OPEN_INTEREST * size * uneven[:, 1]),
        "implied_vol": implied,
    }
