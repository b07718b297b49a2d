"""Chains of listed options: quotes checked, one volatility per strike, skew, and the put share.

A vendor's implied volatilities hold zeros and fourteens. None is used: each is solved again from
the middle of the quote, and an impossible quote is rejected and counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features._typing import Booleans, Floats
from features._validation import require_inside, require_positive
from features.constants import DAYS_PER_YEAR
from features.derivatives.options import (
    CALL,
    PUT,
    european_options,
    implied_volatilities,
    price_bounds,
)

REQUIRED = ("years", "strike", "right", "bid", "ask", "open_interest")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanChain:
    """A chain whose volatilities come from its own quotes.

    Attributes
    ----------
    contracts : DataFrame
        The rows that have a volatility, in the order given, with the columns given and
        `volatility` (annual, decimal).
    rejected : dict of str to int
        Rule → contracts that it rejected; a rule that rejected none is omitted.
    coverage : float
        Share of the open interest that has a volatility; NaN without open interest.
    """

    contracts: pd.DataFrame
    rejected: Mapping[str, int]
    coverage: float


def clean_chain(
    chain: pd.DataFrame,
    *,
    spot: float,
    rate: float = 0.04,
    dividend_yield: float = 0.0,
    min_volatility: float = 0.05,
    max_volatility: float = 4.0,
) -> CleanChain:
    """Solve every contract's volatility from the middle of its quote; reject impossible quotes.

    Parameters
    ----------
    chain : DataFrame of shape (n_contracts, …)
        Columns years (to expiry), strike, right ("call" or "put"), bid, ask, open_interest (NaN
        where not printed), and any others. One snapshot of one underlying.
    spot : float
        Price of the underlying at the snapshot, above zero.
    rate, dividend_yield : float
        Annual, decimal, continuously compounded.
    min_volatility, max_volatility : float
        An annual volatility outside is a fault of the quote.

    Returns
    -------
    CleanChain

    Raises
    ------
    ValueError
        A column is missing; as in `features.derivatives.options.european_options`.

    Notes
    -----
    Rules in their order, each counting what the ones before left: "expired", "no quote" (a side not
    printed), "one-sided" (a side of zero), "crossed" (bid above ask), "below intrinsic" and "above
    bound" (the middle, against the European bounds), "implausible" (no volatility solves it, or
    one outside `min_volatility` … `max_volatility`).

    Both rights of a strike and expiry take the volatility of the one out of the money: its quote
    is tight and its early exercise worth little. Where it is not listed or has no volatility, the
    other's own is used; where it was one-sided, the wing is worth less than a tick and neither
    is used ("wing without a bid").
    """
    if missing := [name for name in REQUIRED if name not in chain.columns]:
        raise ValueError(
            f"chain must have the columns {missing}, got {list(chain.columns)}; add or rename them"
        )
    fault = _faults(chain, spot=spot, rate=rate, dividend_yield=dividend_yield)
    own = np.full(len(chain), np.nan)
    sound = fault == ""
    own[sound] = implied_volatilities(
        chain.loc[sound, "right"], chain.loc[sound, "strike"], chain.loc[sound, "years"],
        (chain.loc[sound, "bid"] + chain.loc[sound, "ask"]) / 2,
        spot=spot, rate=rate, dividend_yield=dividend_yield,
    )  # fmt: skip
    odd = sound & ~((own >= min_volatility) & (own <= max_volatility))
    fault[odd], own[odd] = "implausible", np.nan
    volatility, wing = _by_strike(chain, own, fault, spot, rate - dividend_yield)
    fault[wing] = "wing without a bid"
    usable = np.isfinite(volatility)
    counts = pd.Series(fault[~usable]).value_counts(sort=False).sort_index()
    interest = chain["open_interest"].fillna(0.0).to_numpy(dtype=np.float64)
    total = interest.sum()
    return CleanChain(
        contracts=chain[usable].assign(volatility=volatility[usable]),
        rejected={str(rule): int(count) for rule, count in counts.items()},
        coverage=float(interest[usable].sum() / total) if total > 0 else np.nan,
    )


def _faults(
    chain: pd.DataFrame, *, spot: float, rate: float, dividend_yield: float
) -> NDArray[np.object_]:
    bid, ask = (chain[side].to_numpy(dtype=np.float64) for side in ("bid", "ask"))
    years = chain["years"].to_numpy(dtype=np.float64)
    middle = (bid + ask) / 2
    lower, upper = price_bounds(
        chain["right"], chain["strike"], years,
        spot=spot, rate=rate, dividend_yield=dividend_yield,
    )  # fmt: skip
    rules = {
        "expired": ~(years > 0),
        "no quote": np.isnan(middle),
        "one-sided": (bid <= 0) | (ask <= 0),
        "crossed": bid > ask,
        "below intrinsic": middle <= lower,
        "above bound": middle >= upper,
    }
    return np.select(list(rules.values()), list(rules), default="").astype(object)


def _by_strike(
    chain: pd.DataFrame, own: Floats, fault: NDArray[np.object_], spot: float, carry: float
) -> tuple[Floats, Booleans]:
    """One volatility per strike and expiry; also the contracts whose wing has no bid."""
    forward = spot * np.exp(carry * chain["years"].to_numpy(dtype=np.float64))
    strike = chain["strike"].to_numpy(dtype=np.float64)
    out = np.where(chain["right"] == CALL, strike >= forward, strike < forward)
    keys = pd.MultiIndex.from_arrays([chain["years"], strike])
    first = ~keys[out].duplicated()
    wing = pd.Series(np.flatnonzero(out)[first], index=keys[out][first])
    twin = wing.reindex(keys).to_numpy(dtype=np.float64)
    listed = ~out & np.isfinite(twin)
    answer, bare = own.copy(), np.zeros(len(chain), dtype=bool)
    rows, twins = np.flatnonzero(listed), twin[listed].astype(np.int64)
    solved = np.isfinite(own[twins])
    answer[rows[solved]] = own[twins[solved]]
    unbid = rows[(fault[twins] == "one-sided") & np.isfinite(own[rows])]
    answer[unbid], bare[unbid] = np.nan, True
    return answer, bare


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """Volatilities of both wings at one delta and one tenor, annual, decimal; NaN unknown.

    Attributes
    ----------
    put, call : float
        Of the put of delta −`delta` and the call of +`delta`.
    expiries : int
        Expiries that the tenor was read from: 2, or 1 where it falls on one; 0 where it is not
        bracketed.
    """

    put: float
    call: float
    expiries: int

    @property
    def difference(self) -> float:
        """Put less call volatility."""
        return self.put - self.call


def delta_skew(
    contracts: pd.DataFrame,
    *,
    spot: float,
    rate: float = 0.04,
    dividend_yield: float = 0.0,
    delta: float = 0.25,
    tenor_days: float = 30,
) -> Skew:
    """Volatility of puts and of calls of one delta at a constant tenor.

    Parameters
    ----------
    contracts : DataFrame
        Columns years, strike, right, volatility: from `clean_chain`.
    spot, rate, dividend_yield : float
        As in `clean_chain`.
    delta : float
        Size of the delta, between 0 and 0.5.
    tenor_days : float
        Calendar days.

    Returns
    -------
    Skew
        In each expiry volatility is linear in delta between the two contracts around it; between
        the two expiries around the tenor total variance σ²T is linear in time. Nothing is carried
        beyond the contracts or expiries that are there: NaN.

    Raises
    ------
    ValueError
        delta or tenor_days out of range.
    """
    require_inside(0, 0.5, delta=delta)
    require_positive(tenor_days=tenor_days)
    tenor = tenor_days / DAYS_PER_YEAR
    times = np.sort(contracts["years"].unique())
    before = _wings_nearest(
        contracts, times[times <= tenor][::-1], spot, rate, dividend_yield, delta
    )
    after = _wings_nearest(contracts, times[times >= tenor], spot, rate, dividend_yield, delta)
    if before is None or after is None:
        return Skew(put=np.nan, call=np.nan, expiries=0)
    (first, put_before, call_before), (last, put_after, call_after) = before, after
    if first == last:
        return Skew(put=put_before, call=call_before, expiries=1)
    return Skew(
        put=_at_tenor(first, put_before, last, put_after, tenor),
        call=_at_tenor(first, call_before, last, call_after, tenor),
        expiries=2,
    )


def _wings_nearest(
    contracts: pd.DataFrame, times: Floats, spot: float, rate: float, dividend_yield: float,
    delta: float,
) -> tuple[float, float, float] | None:  # fmt: skip
    """Both wings of the first expiry of `times` that has them: years, put and call volatility."""
    for years in times:
        rows = contracts[contracts["years"] == years]
        deltas = european_options(
            rows["right"], rows["strike"], rows["years"], rows["volatility"],
            spot=spot, rate=rate, dividend_yield=dividend_yield,
        )["delta"].to_numpy(dtype=np.float64)  # fmt: skip
        volatility = rows["volatility"].to_numpy(dtype=np.float64)
        put, call = (
            _at_delta(np.abs(deltas[side]), volatility[side], delta)
            for side in (rows["right"] == PUT, rows["right"] == CALL)
        )
        if np.isfinite(put) and np.isfinite(call):
            return float(years), put, call
    return None


def _at_delta(deltas: Floats, volatility: Floats, delta: float) -> float:
    order = np.argsort(deltas, kind="stable")
    if not len(order):
        return np.nan
    return float(np.interp(delta, deltas[order], volatility[order], left=np.nan, right=np.nan))


def _at_tenor(first: float, before: float, last: float, after: float, tenor: float) -> float:
    share = (tenor - first) / (last - first)
    variance = (1 - share) * before**2 * first + share * after**2 * last
    return float(np.sqrt(variance / tenor))


def put_share(right: pd.Series, amount: pd.Series) -> float:
    """Share of puts in an amount (contracts open or traded).

    Parameters
    ----------
    right : Series of {"call", "put"}
    amount : Series
        Contracts; NaN counts as none.

    Returns
    -------
    float
        Between 0 and 1; NaN where nothing is open or traded.
    """
    total = float(amount.sum())
    return float(amount[right == PUT].sum()) / total if total > 0 else np.nan
