"""Gamma exposure of dealers over spot: a band over conventions, since nobody knows their side.

GEX(S) = Σ_k s_k Γ(S, K_k, T_k, σ_k) · OI_k · multiplier · S² · 0.01: dollars of the underlying that
dealers must trade, by hedging, after a move of 1 %. Negative is a short position: they sell a fall.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from features._typing import Floats
from features._validation import require_positive
from features.derivatives.options import CALL, closed_form_gamma

ONE_PERCENT = 0.01
SHORT, LONG, UNKNOWN = "short", "long", "unknown"
CONVENTIONS = ("calls_long_puts_short", "short_all", "last_trade")


def dealer_signs(contracts: pd.DataFrame) -> pd.DataFrame:
    """Side of the dealers in each contract, under each convention.

    Parameters
    ----------
    contracts : DataFrame of shape (n_contracts, …)
        Columns right, bid, ask, last, volume, open_interest. NaN where missing.

    Returns
    -------
    DataFrame of shape (n_contracts, 3)
        Columns `CONVENTIONS`, in −1 (short) … +1 (long).

    Notes
    -----
    calls_long_puts_short: customers overwrite calls and buy puts: the convention of the published
    gamma figures. short_all: customers bought everything, the lower bound. last_trade, a proxy for
    signed order flow, which no free source publishes: the part min(volume/OI, 1) of a contract that
    traded in the session takes the side of the last trade in its quote (at the ask a customer
    bought, at the bid sold, linear between; Lee and Ready 1991, quote rule), the rest stays as in
    calls_long_puts_short. A last trade may be older than the quote.
    """
    usual = np.where(contracts["right"] == CALL, 1.0, -1.0)
    bid, ask, last, volume, interest = (
        contracts[name].to_numpy(dtype=np.float64)
        for name in ("bid", "ask", "last", "volume", "open_interest")
    )
    middle, half = (bid + ask) / 2, (ask - bid) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        bought = np.where(half > 0, (last - middle) / half, np.sign(last - middle)).clip(-1, 1)
        traded = np.where(interest > 0, volume / interest, 0.0).clip(0, 1)
    traded = np.where(np.isfinite(bought) & np.isfinite(traded), traded, 0.0)
    inferred = traded * -np.nan_to_num(bought) + (1 - traded) * usual
    return pd.DataFrame(
        dict(zip(CONVENTIONS, (usual, np.full(len(usual), -1.0), inferred), strict=True)),
        index=contracts.index,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A stretch of spot with one sign: short, long, or unknown where conventions disagree."""

    lower: float
    upper: float
    side: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GammaProfile:
    """Gamma exposure over spot, and its reading at one spot.

    Attributes
    ----------
    profile : DataFrame of shape (n_spots, n_conventions + 3)
        Index: spot. One column per convention, then low, central and high: smallest, median and
        largest of them. USD per 1 % of spot. This is the chart.
    spot : float
    low, central, high : float
        The band at `spot`.
    side : str
        short or long where all conventions agree at `spot`, else unknown. With `short_all` among
        them it is never long.
    zones : tuple of Zone
        The grid in stretches of one side, from low to high spot, without gaps.
    flip : float
        Where the central exposure changes sign, nearest to `spot`; NaN where it does not.
    flip_lower, flip_upper : float
        Ends of the unknown zone that holds the flip, infinite where it reaches the end of the
        grid; the flip itself where all conventions change sign at once; NaN without a flip.
    """

    profile: pd.DataFrame
    spot: float
    low: float
    central: float
    high: float
    side: str
    zones: tuple[Zone, ...]
    flip: float
    flip_lower: float
    flip_upper: float


def gamma_profile(
    contracts: pd.DataFrame,
    signs: pd.DataFrame,
    *,
    spot: float,
    grid: Floats,
    rate: float = 0.04,
    dividend_yield: float = 0.0,
    multiplier: float = 100,
) -> GammaProfile:
    """Gamma exposure on a grid of spots, gamma recomputed at each.

    Parameters
    ----------
    contracts : DataFrame of shape (n_contracts, …)
        Columns strike, years, volatility (above zero) and open_interest (contracts; NaN counts as
        none). Each contract keeps its volatility at every spot (sticky strike).
    signs : DataFrame of shape (n_contracts, n_conventions)
        Side of the dealers, one column per convention: `dealer_signs`.
    spot : float
        Where the band and the zone are read.
    grid : array of shape (n_spots,)
        Increasing, above zero, at least two.
    rate, dividend_yield : float
        Annual, decimal, continuously compounded.
    multiplier : float
        Units of the underlying in a contract.

    Returns
    -------
    GammaProfile

    Raises
    ------
    ValueError
        The grid is too short or does not rise from above zero, or spot is not above zero.
    """
    if len(grid) < 2 or not (grid[0] > 0 and (np.diff(grid) > 0).all()):
        raise ValueError(
            f"grid must hold at least 2 increasing spots above zero, got {grid.tolist()[:5]}; "
            "use spot · linspace(0.7, 1.3, 61)"
        )
    require_positive(spot=spot)
    spots = np.append(grid, spot)
    gamma = closed_form_gamma(
        *(contracts[name].to_numpy(dtype=np.float64) for name in ("strike", "years", "volatility")),
        spots=spots, rate=rate, dividend_yield=dividend_yield,
    )  # fmt: skip
    units = contracts["open_interest"].fillna(0.0).to_numpy(dtype=np.float64) * multiplier
    dollars = (gamma * units) @ signs.to_numpy(dtype=np.float64) * spots[:, None] ** 2 * ONE_PERCENT
    frame = pd.DataFrame(dollars, index=pd.Index(spots, name="spot"), columns=signs.columns)
    frame = frame.assign(
        low=dollars.min(axis=1), central=np.median(dollars, axis=1), high=dollars.max(axis=1)
    )
    profile, here = frame.iloc[:-1], frame.iloc[-1]
    zones = _zones(profile)
    flip = _nearest_crossing(profile["central"], spot)
    flip_lower, flip_upper = _interval(zones, flip)
    return GammaProfile(
        profile=profile,
        spot=spot,
        low=float(here["low"]),
        central=float(here["central"]),
        high=float(here["high"]),
        side=_side(float(here["low"]), float(here["high"])),
        zones=zones,
        flip=flip,
        flip_lower=flip_lower,
        flip_upper=flip_upper,
    )


def _side(low: float, high: float) -> str:
    if high < 0:
        return SHORT
    return LONG if low > 0 else UNKNOWN


def _zones(profile: pd.DataFrame) -> tuple[Zone, ...]:
    """Cut the grid where the low or the high exposure changes sign, linear between spots."""
    spots = profile.index.to_numpy(dtype=np.float64)
    ends = [spots[0], *_crossings(profile["low"]), *_crossings(profile["high"]), spots[-1]]
    zones: list[Zone] = []
    for lower, upper in pairwise(np.unique(ends).tolist()):
        middle = (lower + upper) / 2
        low, high = (
            float(np.interp(middle, spots, profile[name].to_numpy(dtype=np.float64)))
            for name in ("low", "high")
        )
        side = _side(low, high)
        if zones and zones[-1].side == side:
            zones[-1] = Zone(lower=zones[-1].lower, upper=upper, side=side)
        else:
            zones.append(Zone(lower=lower, upper=upper, side=side))
    return tuple(zones)


def _crossings(exposure: pd.Series) -> list[float]:
    """Spots at which the exposure passes through zero."""
    spots, values = exposure.index.to_numpy(), exposure.to_numpy(dtype=np.float64)
    before = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
    share = values[before] / (values[before] - values[before + 1])
    inside = spots[before] + share * (spots[before + 1] - spots[before])
    return [float(crossing) for crossing in np.sort(np.concatenate([inside, spots[values == 0]]))]


def _nearest_crossing(exposure: pd.Series, spot: float) -> float:
    return min(_crossings(exposure), key=lambda crossing: abs(crossing - spot), default=np.nan)


def _interval(zones: tuple[Zone, ...], flip: float) -> tuple[float, float]:
    """Ends of the unknown zone that holds the flip; the flip itself where conventions agree."""
    for zone in zones:
        if zone.side == UNKNOWN and zone.lower <= flip <= zone.upper:
            return (
                -np.inf if zone is zones[0] else zone.lower,
                np.inf if zone is zones[-1] else zone.upper,
            )
    return flip, flip
